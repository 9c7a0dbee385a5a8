"""What models say on Spark is what they say on DuckDB: one artifact, learned once, scored on both."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import shop
from test_newcomers import NEWCOMERS
from test_prices import ROWS as SOLD
from test_prices import definitions as priced
from test_wallets import HOMES, PURSE, world

from gongbi.catalog.catalog import Catalog
from gongbi.engine import Engine
from gongbi.models import sales
from gongbi.models.hot import said_plan
from gongbi.models.reading import Work
from gongbi.models.run import learn, with_cohorts, write_scores

pytestmark = [pytest.mark.slow, pytest.mark.spark]

MODELS = """
model: life
estimator: stages
fact: visit
amount: amount
period_days: 28
horizon_days: 28
---
model: needs
estimator: recurring
fact: visit
payee: shelf
amount: amount
holdout_days: 60
---
model: shelves
estimator: life_event
fact: visit
signs: shelf = 'A'
holdout_days: 60
"""
OTHERS = f"""
source: people
from: {{file: people.csv}}
attributes: customer
key: [customer]
id: customer
columns: {{home: text, street: text, worth: double, carrier: text}}
---
{shop.TICKETS.strip()}
---
source: calls
from: {{file: calls.csv}}
relation: calls
key: [a, b]
subjects: {{caller: {{subject: customer, column: a}}, callee: {{subject: customer, column: b}}}}
columns: {{minutes: double}}
---
{NEWCOMERS.strip()}
---
model: home
estimator: trait
trait: customer.home
limit: 0.6
features: [visits.*, spend.*]
---
model: voice
estimator: texts
fact: ticket
text: words
label: kind
horizon_days: 60
most: 3
---
model: plain
estimator: texts
fact: ticket
text: words
fewest: 2
most: 2
---
model: ring
estimator: circles
relation: calls
weight: minutes
rival: carrier = 'other'
worth: worth
keys: [street]
---
model: bare
estimator: circles
relation: calls
"""


def others(n: int = 400, seed: int = 11) -> shop.Rows:
    """The shop, with homes that half of its members declare, what they write, and who calls whom."""
    rng = np.random.default_rng(seed)
    rows = shop.shop(n, seed=seed)
    count = np.bincount([row["customer"] for row in rows["visits"]], minlength=n + 1)
    rows["people"] = [
        {
            "id": i,
            "home": None if rng.random() < 0.5 else "big" if count[i] > np.median(count) else "small",
            "street": f"路{i // 3}" if i % 5 else None,
            "worth": float(rng.integers(100)),
            "carrier": "other" if i % 7 == 0 else "us",
        }
        for i in range(1, n + 1)
    ]
    rows["tickets"] = shop.tickets()
    rows["calls"] = [
        {"from_id": a, "to_id": b, "minutes": float(rng.integers(1, 9))}
        for a in range(1, 61)
        for b in range(a + 1, 61)
        if rng.random() < (0.5 if (a - 1) // 20 == (b - 1) // 20 else 0.02)
    ]
    return rows


def same_on_both(catalog: Catalog, rows: shop.Rows, names: str, here: Engine, there: Engine) -> None:
    """Learn each model on one engine, score it on both, hold what was said against each other, row by row."""
    for engine in (here, there):
        shop.load(engine, catalog, rows)
    for name in names.split():
        learned = with_cohorts(Work(here, catalog.model(name), catalog, shop.END))
        artifact = json.loads(learn(Work(here, learned, catalog, shop.END)).artifact_bytes())
        for engine in (here, there):
            assert write_scores(Work(engine, catalog.model(name), catalog, shop.END), artifact)[0] > 0
        same(f"select * from model_{name} order by id", here, there)


def same(query: Any, here: Engine, there: Engine) -> None:
    told, other = (engine.query(query).to_pylist() for engine in (here, there))
    assert len(told) == len(other)
    for one, two in zip(other, told, strict=True):
        assert one.keys() == two.keys()
        for column, value in two.items():
            assert one[column] == (pytest.approx(value, rel=1e-9) if isinstance(value, float) else value), column


def test_spark_says_of_facts_what_duckdb_says(duckdb_engine: Engine, spark_engine: Engine) -> None:
    same_on_both(shop.definitions(models=MODELS), shop.shop(200), "life needs shelves", duckdb_engine, spark_engine)


def test_spark_says_of_newcomers_traits_texts_and_circles_what_duckdb_says(
    duckdb_engine: Engine, spark_engine: Engine
) -> None:
    catalog = shop.definitions(models=OTHERS)
    same_on_both(catalog, others(), "promise home voice plain ring bare", duckdb_engine, spark_engine)
    for name in ("voice", "plain"):
        same(f"select * from fact_{name}_said order by ts, _load, _row", duckdb_engine, spark_engine)
    counted = (
        engine.query(said_plan(catalog.model("voice"), catalog, engine.dialect, shop.END)).to_pylist()
        for engine in (duckdb_engine, spark_engine)
    )
    assert next(counted) == next(counted)


def test_spark_says_of_prices_what_duckdb_says(duckdb_engine: Engine, spark_engine: Engine) -> None:
    catalog = priced()
    same_on_both(catalog, SOLD, "prices", duckdb_engine, spark_engine)
    model = catalog.model("prices")
    here, there = (sales.plans(model, catalog, e.dialect, shop.END) for e in (duckdb_engine, spark_engine))
    for name in here:
        told, other = duckdb_engine.query(here[name]).to_pylist(), spark_engine.query(there[name]).to_pylist()
        assert other == [pytest.approx(row) for row in told]


def test_spark_says_of_wallets_what_duckdb_says(duckdb_engine: Engine, spark_engine: Engine) -> None:
    same_on_both(shop.definitions(models=HOMES + PURSE), world(200)[0], "purse", duckdb_engine, spark_engine)
    known = "select count(*) filter (where known) as known, count(growth) as told, count(share) as shared"
    told = duckdb_engine.query(f"{known} from model_purse").to_pylist()
    assert told == [{"known": 20, "told": 200, "shared": 200}]
