"""Value of newcomers: learned from those of earlier cohorts, held to what came, and to the same mean for everybody."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import shop

from gongbi.engine import Engine
from gongbi.errors import WrongType
from gongbi.estimators.prospects import ProspectValueModel
from gongbi.models import plan as plans
from gongbi.models.reading import Work
from gongbi.models.run import with_cohorts
from gongbi.services import models
from gongbi.store import Store
from gongbi.testing.engine import on_every_engine

NEWCOMERS = """
model: promise
estimator: newcomers
target: sum(visit.amount) filter (where ahead(30, 'day'))
population: segment.fresh
features: [spend.*, visits.last]
cohorts: 3
---
segment: fresh
expr: tag.visits.first_days < 30
---
tag: visits.first_days
expr: days_since(min(visit.ts))
"""


def arrivals(n: int = 2400, seed: int = 5) -> shop.Rows:
    """Customers who arrive all the time; who began at shelf A comes back more often, and spends three times as much."""
    rng = np.random.default_rng(seed)
    found: shop.Rows = {"visits": [], "mailings": [], "answers": []}
    for customer in range(1, n + 1):
        at, good = shop.BEGIN + timedelta(days=float(rng.uniform(0, 200))), rng.random() < 0.3
        shelf = "A" if good else "BC"[int(rng.integers(2))]
        while at < shop.END:
            cents = int(rng.gamma(4, 1500 if good else 500)) + 1
            found["visits"].append({"ts": at, "customer": customer, "amount": Decimal(cents) / 100, "shelf": shelf})
            if rng.random() > (0.85 if good else 0.45):
                break
            at += timedelta(days=float(rng.exponential(12)))
    return found


ROWS = arrivals()


@on_every_engine()
def test_the_target_is_what_came_after_and_absent_is_nothing(engine: Engine) -> None:
    catalog = shop.definitions(models=NEWCOMERS)
    shop.load(engine, catalog, ROWS)
    (cohort,) = with_cohorts(Work(engine, catalog.model("promise"), catalog, shop.END)).test
    made = plans.cohort_plans(catalog.model("promise"), cohort, "test", catalog, engine.dialect)
    found = engine.query(made.target, inputs={plans.MEMBERS: engine.query(made.members)}).to_pylist()
    first: dict[int, object] = {}
    later: dict[int, Decimal] = defaultdict(Decimal)
    begin = shop.END - timedelta(days=30)
    for row in ROWS["visits"]:
        first[row["customer"]] = min(first.get(row["customer"], row["ts"]), row["ts"])
        if begin <= row["ts"] < shop.END:
            later[row["customer"]] += row["amount"]
    fresh = sorted(one for one, at in first.items() if at < begin and (begin - at).days < 30)
    assert [row["id"] for row in found] == fresh
    assert [row["value"] for row in found] == pytest.approx([float(later[one]) for one in fresh])
    assert [row["yes"] for row in found] == [later[one] > 0 for one in fresh]


def test_newcomers_are_valued_by_how_they_began(tmp_path: Path, registry: Store, duckdb_engine: Engine) -> None:
    catalog = shop.definitions(models=NEWCOMERS)
    shop.load(duckdb_engine, catalog, ROWS)
    ports = shop.Ports(tmp_path, duckdb_engine, registry, catalog)
    (done,) = models.train(ports)
    assert (done["status"], done["promoted"]) == ("trained", True), done
    metrics = models.model_card(ports, "promise")["metrics"]
    value = metrics["tests"][0]["value"]
    assert value["error_minus_mean"]["high"] < 0
    assert 0.75 < value["predicted_over_actual"] < 1.3
    # A third of them bring nearly all: chosen blindly, a fifth would hold a fifth.
    assert value["held"][1]["share_of_value"] > 0.4
    assert "20% of customers foretold most hold" in metrics["sentence"]["en"]
    assert {one["kind"] for one in metrics["sections"]} == {"stats", "table"}
    rows = duckdb_engine.query("select * from model_promise").to_pylist()
    assert len(rows) == done["scored"]
    assert all(row["value"] == pytest.approx(row["chance"] * row["amount"]) for row in rows)
    began = {row["customer"]: row["shelf"] for row in ROWS["visits"]}
    mean = {good: np.mean([r["value"] for r in rows if (began[r["id"]] == "A") == good]) for good in (True, False)}
    assert mean[True] > 4 * mean[False]
    assert set(models.model_card(ports, "promise")["tags"]) == {
        "model.promise.value",
        "model.promise.chance",
        "model.promise.amount",
    }


def test_a_target_that_is_no_number_is_refused() -> None:
    with pytest.raises(WrongType, match="a number; this is boolean"):
        shop.definitions(models=NEWCOMERS.replace("sum(visit.amount)", "exists(visit)"))


def test_few_buyers_are_each_worth_the_mean_and_a_kept_model_says_the_same() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 3))
    few = np.where(np.arange(200) < 12, 10.0 + np.arange(200), 0.0)
    model = ProspectValueModel(trees=20).fit(rows, few)
    assert model.predict_amount(rows) == pytest.approx(few[few > 0].mean())
    value = np.where(rng.random(200) < 0.5, np.exp(2 + rows[:, 0]), 0.0)
    model = ProspectValueModel(trees=60, min_leaf=5).fit(rows, value)
    assert model.share_ > 0
    assert (ProspectValueModel.from_json(model.to_json()).predict(rows) == model.predict(rows)).all()
    assert np.corrcoef(model.predict_amount(rows), np.exp(2 + rows[:, 0]))[0, 1] > 0.7
