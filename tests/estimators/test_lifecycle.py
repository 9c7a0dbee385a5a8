"""Stages by hand, transitions by counting, paths that stay chances, and what sleeping customers are worth."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest

from gongbi.errors import InvalidInput, NotFitted, UnknownName
from gongbi.estimators.lifecycle import STAGES, StageModel, hidden_value
from gongbi.estimators.purchase_log import PurchaseLog
from gongbi.models import ModifiedBetaGeoModel


@cache
def log() -> PurchaseLog:
    rng, who, day = np.random.default_rng(3), [], []
    for i in range(500):
        now, rate, gone = rng.uniform(0, 200), rng.gamma(1.5, 1 / 25), rng.exponential(200)
        first = now
        while now < min(500, first + gone + 1):
            who.append(i)
            day.append(now)
            now += rng.exponential(1 / rate)
    return PurchaseLog.of(who, day)


@pytest.mark.parametrize(
    ("days", "stage"),
    [
        ([295], "new"),
        ([205, 245, 250, 280, 285, 290], "growing"),
        ([200, 250, 255, 290, 295], "mature"),
        ([200, 245, 250, 255, 260, 295], "fading"),
        ([200, 250], "fading"),
        ([200, 230], "dormant"),
        ([100], "lost"),
        ([301], None),
    ],
)
def test_stages_are_what_the_rules_say(days: list[float], stage: str | None) -> None:
    own = PurchaseLog.of([0] * len(days), days)
    known, found = StageModel(period=30).predict(own, 300)
    assert [STAGES[i] for i in found] == ([] if stage is None else [stage])
    assert len(known) == len(found)


def test_transitions_are_those_counted_one_by_one() -> None:
    model = StageModel(period=60).fit(log())
    counts = np.zeros((6, 6))
    last = log().day.max()
    ends = [last - 60 * k for k in range(int((last - log().day.min()) // 60))][::-1]
    for early, late in itertools.pairwise(ends):
        (who, before), (who_later, after) = model.predict(log(), early), model.predict(log(), late)
        stage = dict(zip(who_later.tolist(), after.tolist(), strict=True))
        for one, old in zip(who.tolist(), before.tolist(), strict=True):
            counts[old, stage[one]] += 1
    assert (model.counts_ == counts).all()
    assert model.transitions_.sum(axis=1) == pytest.approx(np.ones(6))
    # Who was new is not new again.
    assert counts[:, 0].sum() == 0


def test_a_path_is_the_power_of_the_transitions_within_its_interval() -> None:
    model = StageModel(period=60).fit(log())
    found = model.path("mature", 5)
    assert found["share"][3] == pytest.approx(np.linalg.matrix_power(model.transitions_, 3)[2])
    assert found["share"].sum(axis=1) == pytest.approx(np.ones(6))
    inside = (found["low"] <= found["share"] + 1e-9) & (found["share"] <= found["high"] + 1e-9)
    assert inside.mean() > 0.95
    assert (found["high"] - found["low"])[1:].max() > 0.005


def test_hidden_value_is_worth_times_a_chance_that_was_seen_before() -> None:
    model = ModifiedBetaGeoModel().fit(*log().histories(400).past())
    value = np.linspace(1, 10, log().customers)
    found = hidden_value(model, log(), 400, value, sleeps=60, horizon=90)
    assert found["hidden_value"] == pytest.approx(found["worth_if_woken"] * found["chance"])
    days = {i: [d for d in log().day[log().customer == i] if d <= 400] for i in range(log().customers)}
    silent = {i for i, own in days.items() if own and 400 - max(own) >= 60}
    assert set(found["customer"].tolist()) == silent
    # What came after tells whether the chances were right.
    woke = log().between(400, 490, found["customer"])[0] > 0
    assert found["chance"].sum() == pytest.approx(woke.sum(), abs=4 * np.sqrt(woke.sum()) + 5)
    twice = hidden_value(model, log(), 400, 2 * value, sleeps=60, horizon=90)
    assert twice["hidden_value"] == pytest.approx(2 * found["hidden_value"])


def test_refusals() -> None:
    with pytest.raises(NotFitted):
        StageModel().path("new", 2)
    with pytest.raises(UnknownName, match="asleep"):
        StageModel(60).fit(log()).path("asleep", 2)
    with pytest.raises(InvalidInput, match="fewer than three periods"):
        StageModel(300).fit(log())
    model = ModifiedBetaGeoModel().fit(*log().histories(400).past())
    with pytest.raises(InvalidInput, match="value has 1 entries"):
        hidden_value(model, log(), 400, [1.0], sleeps=60, horizon=90)
    with pytest.raises(InvalidInput, match="Nobody was dormant"):
        hidden_value(model, log(), 400, np.ones(log().customers), sleeps=399, horizon=90)
