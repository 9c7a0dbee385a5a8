"""A small shop with one mailing: who gets it depends on what they spent, and it adds a planted amount."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from gongbi.catalog import tables
from gongbi.catalog.base import (
    CampaignDef,
    ColumnMap,
    Definition,
    Identifier,
    Origin,
    SourceDef,
    SubjectDef,
    SubjectMap,
    TagDef,
    TimeMap,
    Words,
    kind_of,
    name_of,
)
from gongbi.catalog.encode import to_json
from gongbi.core.clock import midnight
from gongbi.engine import Engine
from gongbi.measurement import comparison
from gongbi.services.context import Context
from gongbi.store import Store
from gongbi.store.definitions import NewDefinition

ZONE = "America/New_York"
# The clocks go back on 2017-11-05, within the period.
AS_OF = midnight(date(2017, 10, 30), ZONE)
END = midnight(date(2017, 12, 25), ZONE)

SUBJECTS = (
    SubjectDef("customer", identifiers={"card": Identifier("integer", primary=True)}),
    SubjectDef("campaign"),
)


def _fact(name: str, subjects: dict[str, SubjectMap], columns: dict[str, ColumnMap]) -> SourceDef:
    return SourceDef(
        name, Origin(file=f"{name}.csv"), fact=name, key=("n",), time=TimeMap("t"), subjects=subjects, columns=columns
    )


CARD = SubjectMap(identifiers={"card": "card"})
SOURCES = (
    _fact("purchase", {"customer": CARD}, {"amount": ColumnMap("money", currency="USD")}),
    _fact("sent", {"customer": CARD, "campaign": SubjectMap("c")}, {}),
    _fact("redeemed", {"customer": CARD, "campaign": SubjectMap("c")}, {}),
)
TAGS = (
    TagDef("spend", "coalesce(sum(purchase.amount) filter (where within(56, 'day')), 0)"),
    TagDef("level", "score(tag.spend, 4)"),
    TagDef("before", "count(redeemed)"),
)
CAMPAIGN = CampaignDef(
    campaign="autumn",
    as_of="2017-10-30",
    eligible="tag.spend > 0",
    score="tag.spend + 100 * tag.before",
    received="exists(sent) filter (where campaign = 18)",
    responded="exists(redeemed) filter (where campaign = 18)",
    outcome="coalesce(sum(purchase.amount) filter (where during()), 0)",
    limit=100,
    holdout=0.2,
    reasons={
        "tag.before > 0": Words("用过券", "Redeemed before"),
        "tag.spend > 150": Words("花得多", "Spends much"),
        "tag.spend > 0": Words("来过", "Came"),
    },
    funnel={"exists(purchase) filter (where during())": Words("购物", "Bought")},
    match_on=("level",),
    by=("level",),
)


@dataclass
class World:
    """Facts as data frames: `purchase` (customer, ts, amount), `sent` and `redeemed` (customer, ts, campaign)."""

    customers: list[int]
    purchase: pd.DataFrame
    sent: pd.DataFrame
    redeemed: pd.DataFrame
    campaign: CampaignDef = field(default_factory=lambda: CAMPAIGN)

    @property
    def definitions(self) -> list[Definition]:
        return [*SUBJECTS, *SOURCES, *TAGS, self.campaign]

    def fill(self, engine: Engine) -> None:
        """Put the facts where the definitions say they are."""
        subjects = {subject.subject: subject for subject in SUBJECTS}
        for source in SOURCES:
            rows: pd.DataFrame = getattr(self, source.source)
            table = tables.target_table(source, subjects)
            engine.create(table, replace=True)
            columns = {
                name: pa.array(list(rows[name]), type_) for name, type_ in engine.columns(table.name) if name in rows
            }
            engine.append(table.name, pa.table(columns))
        for subject, ids in (("customer", self.customers), ("campaign", [7, 18])):
            engine.create(tables.member_table(subjects[subject]), replace=True)
            engine.append(tables.member_table_name(subject), pa.table({"id": pa.array(ids, pa.int64())}))

    def changed(self, **given: Any) -> World:
        return replace(self, **given)


def make_world(seed: int = 0, *, effect: float = 30.0, customers: int = 600) -> World:
    """Good customers are likelier to receive it; receivers spend `effect` more in its 56 days.

    Spending is a lasting habit and chance, so those chosen for a good period fall back after it: both the plain
    difference and the difference of changes are wrong.
    """
    rng = np.random.default_rng(seed)
    habit = rng.gamma(4, 40, customers)
    spent = [np.maximum(habit + rng.normal(0, 40, customers), 0) for _ in range(3)]
    received = rng.random(customers) < 1 / (1 + np.exp(-(spent[1] - 160) / 110))
    spent[2] = spent[2] + effect * received
    ids = np.arange(1, customers + 1)
    frames = []
    for period, total in enumerate(spent):
        start = AS_OF + timedelta(days=56 * (period - 2))
        for share in (0.25, 0.75):
            hours = rng.integers(1, 56 * 24 - 2, customers)
            frames.append(
                pd.DataFrame(
                    {
                        "customer": ids,
                        "ts": [naive(start + timedelta(hours=int(h))) for h in hours],
                        "amount": [Decimal(f"{x * share:.2f}") for x in total],
                    }
                )
            )
    purchase = pd.concat(frames, ignore_index=True)
    purchase = purchase[purchase["amount"] > 0]
    last = naive(AS_OF + timedelta(days=1)) - timedelta(microseconds=1)
    sent = pd.DataFrame({"customer": ids[received], "ts": last, "campaign": 18})
    hits = received & (rng.random(customers) < 0.2)
    now = pd.DataFrame({"customer": ids[hits], "ts": naive(END) - timedelta(microseconds=1), "campaign": 18})
    earlier = ids[rng.random(customers) < 0.1]
    then = pd.DataFrame({"customer": earlier, "ts": naive(AS_OF - timedelta(days=90)), "campaign": 7})
    return World(ids.tolist(), purchase, sent, pd.concat([now, then], ignore_index=True))


def naive(instant: datetime) -> datetime:
    """Engines keep UTC without saying so."""
    return instant.astimezone(UTC).replace(tzinfo=None)


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if not request.node.get_closest_marker("slow"):
        monkeypatch.setattr(comparison, "RESAMPLES", 200)


@pytest.fixture
def world_of() -> Callable[..., World]:
    return make_world


@pytest.fixture
def open_context(tmp_path: Path) -> Any:
    """Open a workspace's context on an engine that holds a world."""
    stores: list[Store] = []

    def opened(world: World, engine: Engine, *, store: Store | None = None) -> Context:
        world.fill(engine)
        if store is None:
            store = Store.open(tmp_path / f"store{len(stores)}.sqlite")
            stores.append(store)
        new = [NewDefinition(kind_of(d), name_of(d), to_json(d)) for d in world.definitions]
        store.definitions.put_all(new, "test", AS_OF)
        return Context(tmp_path, ZONE, engine, store, clock=lambda: END + timedelta(days=1))

    yield opened
    for store in stores:
        store.close()
