"""A life event becomes tags, and what is bought afterwards bears it out; a sign without an event does not."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import shop

from gongbi.engine import Engine
from gongbi.errors import InvalidInput, Refused
from gongbi.models import lifeevents
from gongbi.services import models
from gongbi.store import Store
from gongbi.testing.engine import on_every_engine

EVENT = """
model: dog
estimator: life_event
fact: visit
signs: shelf = 'dog'
where: amount > 1
holdout_days: 60
"""


def visits(n: int = 200, seed: int = 5) -> tuple[shop.Rows, dict[int, date]]:
    """A third gets a dog between March and June; the others buy its food once in a while."""
    rng = np.random.default_rng(seed)
    found: shop.Rows = {"visits": [], "mailings": [], "answers": []}
    came: dict[int, date] = {}
    for customer in range(1, n + 1):
        if customer % 3 == 0:
            came[customer] = date(2024, 3, 1) + timedelta(days=int(rng.integers(0, 100)))
        for day in np.sort(rng.choice(226, 60, replace=False)):
            at = date(2024, 1, 1) + timedelta(days=int(day))
            share = rng.beta(30, 30) if customer in came and at >= came[customer] else 0.02
            stamp = datetime(at.year, at.month, at.day, 12, tzinfo=ZoneInfo(shop.ZONE))
            shelf = "dog" if rng.random() < share else "food"
            for cents in (int(rng.integers(150, 900)), 50):
                row = {"ts": stamp, "customer": customer, "amount": Decimal(cents) / 100, "shelf": shelf}
                found["visits"].append(row | ({"shelf": "dog"} if cents == 50 else {}))
    return found, came


ROWS, CAME = visits()


@on_every_engine()
def test_a_day_bears_a_sign_if_one_of_its_rows_does(engine: Engine) -> None:
    catalog = shop.definitions(models=EVENT)
    shop.load(engine, catalog, ROWS)
    at = shop.END - timedelta(days=30)
    plan = lifeevents.plans(catalog.model("dog"), catalog, engine.dialect, at, False)["days"]
    found = engine.query(plan).to_pylist()
    wanted: dict[tuple[int, date], int] = {}
    for row in ROWS["visits"]:
        # Small change is not counted: all of it is spent on dogs.
        if row["ts"] < at and row["amount"] > 1:
            key = row["customer"], row["ts"].astimezone(ZoneInfo(shop.ZONE)).date()
            wanted[key] = max(wanted.get(key, 0), int(row["shelf"] == "dog"))
    assert [(row["id"], row["day"], row["sign"]) for row in found] == [(*key, wanted[key]) for key in sorted(wanted)]


def test_the_event_is_a_tag_and_what_came_bears_it_out(tmp_path: Path, registry: Store, duckdb_engine: Engine) -> None:
    catalog = shop.definitions(models=EVENT)
    shop.load(duckdb_engine, catalog, ROWS)
    ports = shop.Ports(tmp_path, duckdb_engine, registry, catalog)
    (done,) = models.train(ports)
    assert (done["status"], done["promoted"]) == ("trained", True), done
    metrics = models.model_card(ports, "dog")["metrics"]
    check = metrics["check"]
    cut = shop.END.astimezone(ZoneInfo(shop.ZONE)).date() - timedelta(days=61)
    later = [
        row for row in ROWS["visits"] if row["ts"].astimezone(ZoneInfo(shop.ZONE)).date() > cut and row["amount"] > 1
    ]
    assert (check["days"], check["signs"]) == (len(later), sum(row["shelf"] == "dog" for row in later))
    assert check["difference"]["high"] < 0
    assert check["predicted"] == pytest.approx(check["signs"], rel=0.15)
    rows = {row["id"]: row for row in duckdb_engine.query("select * from model_dog").to_pylist()}
    assert len(rows) == 200
    told = {who for who, row in rows.items() if row["since"] is not None}
    assert len(told & CAME.keys()) > 55
    assert len(told - CAME.keys()) <= 3
    gaps = [abs((rows[who]["since"] - CAME[who]).days) for who in told & CAME.keys()]
    assert np.median(gaps) <= 10
    assert np.mean([rows[who]["share"] for who in told]) == pytest.approx(0.5, abs=0.08)


def test_refusals_say_what_to_do(tmp_path: Path, registry: Store, duckdb_engine: Engine) -> None:
    for old, new in (("model: dog", "model: pregnancy"), ("'dog'", "'健康'")):
        with pytest.raises(Refused, match="sensitive"):
            shop.definitions(models=EVENT.replace(old, new))
    catalog = shop.definitions(models=EVENT.replace("'dog'", "'cat'"))
    shop.load(duckdb_engine, catalog, ROWS)
    with pytest.raises(InvalidInput, match="0 customers had a sign"):
        models.train(shop.Ports(tmp_path, duckdb_engine, registry, catalog), "dog")
    long = shop.definitions(models=EVENT.replace("holdout_days: 60", "holdout_days: 500"))
    with pytest.raises(InvalidInput, match="keeps back the last 500 days, but the data are"):
        models.train(shop.Ports(tmp_path, duckdb_engine, registry, long), "dog")
