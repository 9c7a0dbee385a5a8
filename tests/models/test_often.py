"""Which model says how often somebody buys is the definition's choice; weeks are counted from Monday on."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import shop

from gongbi.engine import Engine
from gongbi.errors import InvalidDefinition
from gongbi.models import plan as plans
from gongbi.services import models
from gongbi.store import Store
from gongbi.testing.engine import on_every_engine


def leavers(n: int = 400, seed: int = 2) -> shop.Rows:
    """Visits of customers who differ in how often they come, and in how soon they leave for good."""
    rng = np.random.default_rng(seed)
    found: shop.Rows = {"visits": [], "mailings": [], "answers": []}
    for customer in range(1, n + 1):
        rate, life = rng.gamma(1.5, 1 / 15), rng.exponential(1 / rng.gamma(0.6, 1 / 40))
        at = begin = shop.BEGIN + timedelta(days=float(rng.uniform(0, 60)))
        while at < min(shop.END, begin + timedelta(days=min(float(life), 400))):
            amount = Decimal(int(rng.gamma(3, 500 / rng.gamma(4, 1 / 3)) + 1)) / 100
            found["visits"].append({"ts": at, "customer": customer, "amount": amount, "shelf": "A"})
            at += timedelta(days=float(rng.exponential(1 / rate)))
    return found


ROWS = leavers()
VALUE = """
model: buying
estimator: purchases
often: OFTEN
fact: visit
amount: amount
horizon_days: 28
holdout_days: 28
"""


def chosen(often: str) -> str:
    return VALUE.replace("OFTEN", often)


@pytest.mark.parametrize(
    ("often", "algorithm"),
    [("pareto_nbd", "Pareto/NBD"), ("modified_beta_geo", "MBG/NBD"), ("beta_geo_beta_binom", "BG/BB")],
)
def test_the_model_that_was_chosen_is_learned_kept_and_scores_whom_it_is_asked_about(
    often: str, algorithm: str, tmp_path: Path, registry: Store, duckdb_engine: Engine
) -> None:
    catalog = shop.definitions(models=chosen(often) + "score: tag.visits.count > 3\n")
    shop.load(duckdb_engine, catalog, ROWS)
    ports = shop.Ports(tmp_path, duckdb_engine, registry, catalog)
    (done,) = models.train(ports)
    card = models.model_card(ports, "buying")
    assert card["algorithm"] == f"{algorithm}, Gamma-Gamma"
    assert set(card["metrics"][often]["standard_errors"]) == set(card["params"][often])
    assert 0.5 < card["metrics"]["headline"]["predicted_over_actual"] < 2
    counted: dict[int, int] = defaultdict(int)
    for row in ROWS["visits"]:
        counted[row["customer"]] += row["ts"] < shop.END
    found = duckdb_engine.query("select id, alive, purchases, value from model_buying order by id").to_pylist()
    assert [row["id"] for row in found] == sorted(one for one, n in counted.items() if n > 3)
    assert len(found) == done["scored"]
    assert all(0 <= row["alive"] <= 1 and row["value"] >= 0 for row in found)


@on_every_engine()
def test_weeks_with_a_purchase_are_counted_up_to_the_last_that_is_over(engine: Engine) -> None:
    catalog = shop.definitions(models=chosen("beta_geo_beta_binom"))
    shop.load(engine, catalog, ROWS)
    found = engine.query(plans.history_plan(catalog.model("buying"), catalog, engine.dialect, shop.END)).to_pylist()
    spend: dict[int, dict[date, float]] = defaultdict(lambda: defaultdict(float))
    for row in ROWS["visits"]:
        day = row["ts"].astimezone(ZoneInfo(shop.ZONE)).date()
        # The end is Thursday, 15 August 2024: the week from 5 August is the last whole one.
        if day < date(2024, 8, 12):
            spend[row["customer"]][day - timedelta(days=day.weekday())] += float(row["amount"])
    assert [row["id"] for row in found] == sorted(spend)
    for row in found:
        weeks = sorted(spend[row["id"]])
        assert row["frequency"] == len(weeks) - 1
        assert row["recency"] == (weeks[-1] - weeks[0]).days
        assert row["age"] == (date(2024, 8, 5) - weeks[0]).days
        assert row["spend"] == pytest.approx(sum(spend[row["id"]][week] for week in weeks[1:]))
        assert row["actual"] == sum(week > date(2024, 7, 8) for week in weeks)


def test_weeks_ask_for_horizons_in_weeks_and_other_kinds_know_no_such_choice() -> None:
    with pytest.raises(InvalidDefinition, match="multiples of 7"):
        shop.definitions(models=chosen("beta_geo_beta_binom").replace("horizon_days: 28", "horizon_days: 30"))
    with pytest.raises(InvalidDefinition, match="goes with `estimator: purchases`"):
        shop.definitions(models="\nmodel: x\nestimator: clusters\nfeatures: [visits.*]\noften: pareto_nbd\n")
