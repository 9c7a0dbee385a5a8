"""Scores where the rows are: a model that was learned once says the same on every engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import shop

from gongbi.engine import Engine
from gongbi.models import propensity
from gongbi.models.reading import Work
from gongbi.models.run import write_scores
from gongbi.services import models
from gongbi.store import Store

MODELS = """
model: returns
estimator: propensity
target: exists(visit) filter (where ahead(30, 'day'))
cohorts: 1
trend_days: 28
---
model: alike
estimator: clusters
features: ["visits.*"]
fewest: 3
most: 3
"""
ROWS = shop.shop(300)


def scores(engine: Engine, name: str) -> list[dict[str, Any]]:
    return engine.query(f"select * from model_{name} order by id").to_pylist()


@pytest.mark.spark
def test_spark_scores_in_its_own_processes_what_duckdb_scores_here(
    tmp_path: Path, registry: Store, duckdb_engine: Engine, spark_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(propensity, "SETTINGS", {"usual": {"trees": 40, "learning_rate": 0.1}})
    catalog = shop.definitions(models=MODELS)
    for engine in (duckdb_engine, spark_engine):
        shop.load(engine, catalog, ROWS)
    ports = shop.Ports(tmp_path, duckdb_engine, registry, catalog)
    assert [one.get("error") for one in models.train(ports)] == [None, None]
    drifts = {}
    for name in ("returns", "alike"):
        champion = registry.models.champion(name)
        assert champion is not None
        artifact, then = models.artifact_of(ports, champion), champion.metrics.get("reference")
        work = Work(spark_engine, catalog.model(name), catalog, ports.as_of())
        written, drifts[name], trend = write_scores(work, artifact, then)
        here = scores(duckdb_engine, name)
        there = scores(spark_engine, name)
        assert written == len(there) == len(here) > 200
        for one, other in zip(there, here, strict=True):
            assert one.keys() == other.keys()
            for column, value in other.items():
                assert one[column] == (pytest.approx(value, rel=1e-9) if isinstance(value, float) else value)
        _, again, going = write_scores(Work(duckdb_engine, catalog.model(name), catalog, ports.as_of()), artifact, then)
        assert (drifts[name], trend) == (again, going)
    assert drifts["returns"] is not None
    assert drifts["returns"]["members"] == len(scores(spark_engine, "returns"))
    assert not [table for table in spark_engine.tables() if table.endswith(("_rows", "_counts", "_now", "_before"))]
