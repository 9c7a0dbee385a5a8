"""A small shop whose rules are known: who visits often answers mailings; nothing else matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gongbi.catalog.catalog import Catalog, assemble
from gongbi.catalog.tables import member_table, target_table
from gongbi.catalog.yaml import read_text
from gongbi.core import clock
from gongbi.engine import Engine
from gongbi.sources.derive import members
from gongbi.store import Store

ZONE = "America/New_York"

SUBJECTS_AND_SOURCES = """
subject: customer
key: integer
---
source: visits
from: {file: visits.csv}
fact: visit
key: [n]
time: {column: at}
subjects: {customer: customer}
columns:
  amount: {type: money, currency: USD}
  shelf: text
---
source: mailings
from: {file: mailings.csv}
fact: mailed
key: [n]
time: {column: at, grain: date}
subjects: {customer: customer}
columns: {wave: integer}
---
source: answers
from: {file: answers.csv}
fact: answered
key: [n]
time: {column: at}
subjects: {customer: customer}
columns: {wave: integer}
---
tag: visits.count
expr: count(visit)
---
tag: visits.score
expr: score(tag.visits.count, 5)
---
tag: visits.last
expr: date(max(visit.ts))
---
tag: visits.recent
expr: count(visit) filter (where within(14, 'day')) > 0
---
tag: spend.mean
expr: avg(visit.amount)
---
tag: spend.shelf
expr: mode(visit.shelf)
---
tag: luck.digit
expr: customer.id % 7
---
segment: visitors
expr: tag.visits.count > 0
"""

MODELS = """
model: answers
estimator: propensity
features: [visits.*, spend.*]
train:
  - {name: first, as_of: 2024-03-01, known_by: 2024-03-02, population: POPULATION(1), target: TARGET(1)}
  - {name: second, as_of: 2024-05-01, known_by: 2024-05-02, population: POPULATION(2), target: TARGET(2)}
test:
  - {name: third, as_of: 2024-07-01, known_by: 2024-07-02, population: POPULATION(3), target: TARGET(3)}
baseline: BASELINE
---
model: buying
estimator: purchases
fact: visit
amount: amount
horizon_days: 30
holdout_days: 30
"""

WAVES = {1: "2024-03-01", 2: "2024-05-01", 3: "2024-07-01"}
BEGIN = datetime(2024, 1, 1, 5, tzinfo=UTC)
END = datetime(2024, 8, 15, 4, tzinfo=UTC)


def definitions(baseline: str = "visits.score", models: str = MODELS) -> Catalog:
    """The shop's definitions, put together."""
    text = models.replace("BASELINE", baseline)
    for wave in WAVES:
        text = text.replace(f"POPULATION({wave})", f'"exists(mailed) filter (where wave = {wave})"')
        target = f"\"exists(answered) filter (where wave = {wave} and ahead(30, 'day'))\""
        text = text.replace(f"TARGET({wave})", target)
    return assemble(read_text(SUBJECTS_AND_SOURCES + "---" + text), zone=ZONE)


Rows = dict[str, list[dict[str, Any]]]


def shop(n: int = 300, *, seed: int = 1, signal: float = 2.0) -> Rows:
    """Rows of the three facts; `signal` 0 makes answers pure chance."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(1.5, 1 / 20, n)  # Visits a day.
    found: Rows = {"visits": [], "mailings": [], "answers": []}
    for customer in range(1, n + 1):
        at, typical = BEGIN, 2000 / rng.gamma(4, 1 / 3)  # Cents of a visit.
        while (at := at + timedelta(days=float(rng.exponential(1 / rate[customer - 1])))) < END:
            amount = Decimal(int(rng.gamma(3, typical / 3)) + 1) / 100
            shelf = "ABC"[int(rng.integers(3))]
            found["visits"].append({"ts": at, "customer": customer, "amount": amount, "shelf": shelf})
            if rng.random() < 0.05:
                break  # Gone for good.
    centred = (np.log(rate) - np.log(rate).mean()) / np.log(rate).std()
    for wave, day in WAVES.items():
        start = clock.parse_instant(day, ZONE)
        chosen = rng.random(n) < 0.8
        answers = rng.random(n) < 1 / (1 + np.exp(1.2 - signal * centred))
        for customer in np.flatnonzero(chosen) + 1:
            listed = start + timedelta(days=1) - timedelta(microseconds=1)
            found["mailings"].append({"ts": listed, "customer": int(customer), "wave": wave})
            if answers[customer - 1]:
                at = start + timedelta(days=float(rng.uniform(1.5, 29)))
                found["answers"].append({"ts": at, "customer": int(customer), "wave": wave})
    return found


TICKETS = """
source: tickets
from: {file: tickets.csv}
fact: ticket
key: [n]
time: {column: at}
subjects: {customer: customer}
columns: {words: text, kind: text}
"""
WORDS = {"物流": "快递 物流 包裹 派送 驿站".split(), "话费": "话费 套餐 流量 账单 扣费".split()}
ENDS = "太慢了，很失望", "很好，满意"


def tickets(n: int = 300, seed: int = 11) -> list[dict[str, Any]]:
    """What forty customers write in the last 120 days, two at a time: of two kinds, a third of them without a label."""
    rng, found = np.random.default_rng(seed), []
    for k in range(n):
        kind = list(WORDS)[int(rng.integers(2))]
        # One blank, which is no text.
        words = "  " if k == 7 else "".join(rng.choice(WORDS[kind], 3, replace=False)) + ENDS[int(rng.integers(2))]
        at = END - timedelta(days=120 - 120 * (k // 2) / (n / 2))
        label = kind if k % 3 else None
        found.append({"ts": at, "customer": 1 + k % 40, "words": words if k == 7 else f"{words}{k}", "kind": label})
    return found


def load(engine: Engine, catalog: Catalog, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Put rows into the tables of the facts, and find the members."""
    for name, source in catalog.sources.items():
        table = target_table(source, catalog.subjects)
        engine.create(table, replace=True)
        types = dict(engine.columns(table.name))
        if rows[name]:
            columns = {
                column: pa.array([_naive(row[column]) for row in rows[name]], type_)
                for column, type_ in types.items()
                if column in rows[name][0]
            }
            count = len(rows[name])
            provenance = {"_load": pa.array([1] * count, pa.int64()), "_row": pa.array(range(1, count + 1), pa.int64())}
            engine.append(table.name, pa.table({**columns, **provenance}))
    for subject in catalog.subjects.values():
        table = member_table(subject)
        engine.create(table, replace=True)
        engine.insert(table.name, members(subject, list(catalog.sources.values()), engine.dialect))


def _naive(value: Any) -> Any:
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value


@dataclass
class Ports:
    """What the use cases are given, with definitions of the test's own."""

    root: Path
    engine: Engine
    store: Store
    definitions: Catalog
    zone: str = ZONE
    actor: str = "test"
    stages: list[str] = field(default_factory=list)

    def catalog(self) -> Catalog:
        return self.definitions

    def now(self) -> datetime:
        return datetime(2025, 1, 1, tzinfo=UTC)

    def as_of(self, given: str | datetime | None = None) -> datetime:
        if given is None:
            return END
        return given if isinstance(given, datetime) else clock.parse_instant(given, self.zone)

    def progress(self, stage: str, done: int, total: int | None = None) -> None:
        self.stages.append(stage)

    def check_cancelled(self) -> None:
        pass
