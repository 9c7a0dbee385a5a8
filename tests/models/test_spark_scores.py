"""What models of facts say on Spark is what they say on DuckDB: one artifact, learned once, scored on both."""

from __future__ import annotations

import json
from typing import Any

import pytest
import shop

from gongbi.engine import Engine
from gongbi.models.reading import Work
from gongbi.models.run import learn, write_scores

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
ROWS = shop.shop(200)


def test_spark_says_of_facts_what_duckdb_says(duckdb_engine: Engine, spark_engine: Engine) -> None:
    catalog = shop.definitions(models=MODELS)
    for engine in (duckdb_engine, spark_engine):
        shop.load(engine, catalog, ROWS)
    for name in ("life", "needs", "shelves"):
        model = catalog.model(name)
        artifact = json.loads(learn(Work(duckdb_engine, model, catalog, shop.END)).artifact_bytes())
        said: list[list[dict[str, Any]]] = []
        for engine in (duckdb_engine, spark_engine):
            assert write_scores(Work(engine, model, catalog, shop.END), artifact)[0] > 0
            said.append(engine.query(f"select * from model_{name} order by id").to_pylist())
        here, there = said
        assert len(here) == len(there)
        for one, other in zip(there, here, strict=True):
            for column, value in other.items():
                assert one[column] == (pytest.approx(value, rel=1e-9) if isinstance(value, float) else value), column
