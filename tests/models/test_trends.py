"""Whose chance rises and whose falls, held against scores by hand at both instants."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shop
from scipy.special import expit, logit

from gongbi.engine import Engine
from gongbi.errors import InvalidDefinition, NotYet
from gongbi.estimators.propensity import PropensityModel
from gongbi.estimators.trend import score_trend, shift_and_band
from gongbi.models import propensity
from gongbi.models.card import body
from gongbi.services import models
from gongbi.store import Store

MODEL = """
model: comes
estimator: propensity
name: {zh: 会再来, en: Comes again}
target: exists(visit) filter (where ahead(30, 'day'))
population: exists(visit) filter (where within(60, 'day'))
features: [visits.count, visits.recent]
trend_days: 28
cohorts: 1
"""
ROWS = shop.shop(300)


@pytest.fixture(scope="module")
def few_trees() -> dict[str, dict[str, float]]:
    return {"usual": {"trees": 20, "learning_rate": 0.1}}


@pytest.fixture
def ports(
    tmp_path: Path, registry: Store, duckdb_engine: Engine, monkeypatch: pytest.MonkeyPatch, few_trees: object
) -> shop.Ports:
    monkeypatch.setattr(propensity, "SETTINGS", few_trees)
    catalog = shop.definitions(models=MODEL)
    shop.load(duckdb_engine, catalog, ROWS)
    return shop.Ports(tmp_path, duckdb_engine, registry, catalog)


def by_hand(kept: PropensityModel, at: datetime) -> dict[int, float]:
    """Chances of those who came within 60 days before an instant, from plain rows."""
    known = [row for row in ROWS["visits"] if row["ts"] < at]
    asked = sorted({row["customer"] for row in known if row["ts"] >= at - timedelta(days=60)})
    came = [[row["ts"] for row in known if row["customer"] == one] for one in asked]
    recent = [any(ts >= at - timedelta(days=14) for ts in times) for times in came]
    frame = pd.DataFrame({"visits.count": [float(len(times)) for times in came], "visits.recent": np.float64(recent)})
    return dict(zip(asked, kept.predict_proba(frame[list(kept.feature_names_in_)])[:, 1].tolist(), strict=True))


def test_a_trend_from_before_the_data_is_refused(ports: shop.Ports) -> None:
    first = min(row["ts"] for row in ROWS["visits"])
    days = (shop.END - first).days + 1
    ports.definitions = shop.definitions(models=MODEL.replace("trend_days: 28", f"trend_days: {days}"))
    with pytest.raises(NotYet, match=f"compares with {days} days before, and the facts begin on {first:%Y-%m-%d}"):
        models.train(ports, "comes")


def test_a_trend_is_what_the_kept_version_says_at_two_instants(ports: shop.Ports) -> None:
    models.train(ports, "comes")
    champion = ports.store.models.champion("comes")
    assert champion is not None
    kept = PropensityModel.from_json(models.artifact_of(ports, champion))
    now, before = by_hand(kept, shop.END), by_hand(kept, shop.END - timedelta(days=28))
    written = {row["id"]: row for row in ports.engine.query("select * from model_comes").to_pylist()}
    assert written.keys() == now.keys()
    assert {one: row["score"] for one, row in written.items()} == pytest.approx(now)

    both = sorted(now.keys() & before.keys())
    assert 20 < len(both) < len(now)
    assert {one for one, row in written.items() if row["trend"] is None and row["change"] is None} == now.keys() - both
    a, b = np.array([before[one] for one in both]), np.array([now[one] for one in both])
    exact = score_trend(a, b)
    found = models.model_card(ports, "comes")["trend"]
    assert (found["shift"], found["band"]) == pytest.approx((exact.shift, exact.band), abs=0.003)
    moved = logit(b) - logit(a) - found["shift"]
    words = np.select([moved > found["band"], moved < -found["band"]], ["rising", "falling"], "steady")
    assert [written[one]["trend"] for one in both] == words.tolist()
    assert [written[one]["change"] for one in both] == pytest.approx((b - expit(logit(a) + found["shift"])).tolist())
    counted = {name: int((words == name).sum()) for name in ("rising", "steady", "falling")}
    assert {name: found[name] for name in counted} == counted
    assert counted["rising"] > 0 < counted["falling"]
    assert found["new"] == len(now) - len(both)
    assert found["since"] == (shop.END - timedelta(days=28)).isoformat()
    assert not [name for name in ports.engine.tables() if name.endswith(("_now", "_before", "_rows"))]


def test_the_card_says_how_many_rise_and_fall_in_both_languages(ports: shop.Ports) -> None:
    models.train(ports, "comes")
    card = models.model_card(ports, "comes")
    found = card["trend"]
    assert f"{found['rising']} 人的可能性上升" in "".join(body(card, "zh", shop.ZONE))
    assert f"the chance of {found['rising']} members rises" in "".join(body(card, "en", shop.ZONE))
    assert card["tags"] == {
        "model.comes": "score",
        "model.comes.trend": "trend",
        "model.comes.change": "change",
    } | {tag: column for tag, column in card["tags"].items() if "reason" in tag}


def test_medians_of_counted_steps_are_those_of_their_members() -> None:
    moved = np.array([0.0, 0.2, -0.1, 0.5, 0.05])
    counts = np.array([3, 2, 1, 4, 2])
    assert shift_and_band(moved, counts) == shift_and_band(np.repeat(moved, counts))
    whole = np.repeat(moved, counts)
    assert shift_and_band(whole)[0] == np.median(whole)
    assert shift_and_band([]) == (0.0, 0.1)


def test_only_a_propensity_has_a_trend() -> None:
    with pytest.raises(InvalidDefinition, match="`trend_days` goes with `estimator: propensity`"):
        shop.definitions(models="\nmodel: x\nestimator: purchases\nfact: visit\namount: amount\ntrend_days: 28\n")
    with pytest.raises(InvalidDefinition, match="`trend_days` is 0 to"):
        shop.definitions(models=MODEL.replace("trend_days: 28", "trend_days: -1"))
