"""Stages as tags: each customer's own by the rules in plain Python, transitions that were counted, sleepers' value."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import shop
from test_often import leavers

from gongbi.core.language import check_condition
from gongbi.engine import Engine
from gongbi.errors import InvalidDefinition, UnknownName
from gongbi.estimators.lifecycle import STAGES
from gongbi.services import models
from gongbi.store import Store

LIFE = """
model: life
estimator: stages
fact: visit
amount: amount
period_days: 28
horizon_days: 56
"""
ROWS = leavers(500, seed=7)


def days_of(rows: shop.Rows) -> dict[int, list[int]]:
    """Per customer the local days of visits, counted back from the last known day, which is 0."""
    last = (shop.END - timedelta(microseconds=1)).astimezone(ZoneInfo(shop.ZONE)).date()
    found: dict[int, set[int]] = defaultdict(set)
    for row in rows["visits"]:
        found[row["customer"]].add((row["ts"].astimezone(ZoneInfo(shop.ZONE)).date() - last).days)
    return {one: sorted(days) for one, days in found.items()}


def stage(days: list[int], end: int = 0, period: int = 28) -> str | None:
    seen = [day for day in days if day <= end]
    if not seen:
        return None
    silent = (end - seen[-1]) / period
    now = sum(end - period < day <= end for day in seen)
    before = sum(end - 2 * period < day <= end - period for day in seen)
    if silent >= 6:
        return "lost"
    if silent >= 2:
        return "dormant"
    if end - seen[0] < period:
        return "new"
    if now >= 1.25 * max(before, 0.5):
        return "growing"
    return "fading" if now <= 0.75 * before else "mature"


@pytest.fixture
def ports(tmp_path: Path, registry: Store, duckdb_engine: Engine) -> shop.Ports:
    catalog = shop.definitions(models=LIFE)
    shop.load(duckdb_engine, catalog, ROWS)
    return shop.Ports(tmp_path, duckdb_engine, registry, catalog)


def test_everybody_has_the_stage_that_the_rules_say_and_sleepers_a_hidden_value(ports: shop.Ports) -> None:
    (done,) = models.train(ports)
    assert (done["status"], done["promoted"]) == ("trained", True), done
    rows = ports.engine.query("select * from model_life order by id").to_pylist()
    days = days_of(ROWS)
    assert {row["id"]: row["stage"] for row in rows} == {one: stage(some) for one, some in sorted(days.items())}
    asleep = [row for row in rows if row["stage"] in ("dormant", "lost")]
    assert len(asleep) > 30
    for row in rows:
        assert (row["hidden_value"] is None) == (row not in asleep)
    assert all(row["hidden_value"] == pytest.approx(row["chance"] * row["worth_if_woken"]) for row in asleep)
    assert all(0 < row["chance"] < 1 for row in asleep)

    metrics = models.model_card(ports, "life")["metrics"]
    assert metrics["check"]["difference"]["high"] < 0
    # The expected and actual stages of the last period are of the same people: those known a period ago.
    before = {one: stage(some, -28) for one, some in days.items()}
    known = [one for one, was in before.items() if was is not None]
    assert sum(metrics["check"]["expected"]) == pytest.approx(len(known))
    assert metrics["check"]["actual"] == [sum(stage(days[one]) == name for one in known) for name in STAGES]
    # Of the sleepers one horizon ago, so many bought since.
    slept = [one for one, some in days.items() if any(d <= -56 for d in some)]
    slept = [one for one in slept if -56 - max(d for d in days[one] if d <= -56) >= 56]
    assert metrics["asleep"]["sleepers"] == len(slept)
    assert metrics["asleep"]["woke"] == sum(any(d > -56 for d in days[one]) for one in slept)
    assert np.array(metrics["transitions"]).sum(axis=1) == pytest.approx(1)
    matrix = next(one for one in metrics["sections"] if one.get("title", {}).get("en") == "Transition matrix")
    assert [row[0]["en"] for row in matrix["rows"]] == list(STAGES)


def test_stages_have_an_order_in_segments(ports: shop.Ports) -> None:
    world = ports.definitions.world
    check_condition("tag.model.life.stage >= 'fading' and tag.model.life.hidden_value > 10", world, "customer")
    with pytest.raises(UnknownName, match="asleep"):
        check_condition("tag.model.life.stage = 'asleep'", world, "customer")


def test_a_log_too_short_for_stages_and_a_missing_amount_are_said(ports: shop.Ports) -> None:
    (done,) = models.train(ports, as_of=shop.BEGIN + timedelta(days=60))
    assert "fewer than three periods" in done["error"]["message"]
    with pytest.raises(InvalidDefinition, match="needs `amount`"):
        shop.definitions(models=LIFE.replace("amount: amount\n", ""))
