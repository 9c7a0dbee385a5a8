from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from gongbi.catalog.base import Words
from gongbi.core.clock import Window
from gongbi.estimators.stats import Balance, Interval, MatchedDifference
from gongbi.measurement.base import Comparison, Measurement, Part, Periods, Sums
from gongbi.measurement.comparison import TOO_FEW
from gongbi.measurement.funnel import funnel, overlap
from gongbi.measurement.words import sentences

DAY = datetime(2017, 10, 30, tzinfo=UTC)
FLAGS = [
    np.array(list(bits), dtype=int).astype(bool)
    for bits in ("11111111110000000000", "1" * 8 + "0" * 12, "1100000011" + "0" * 10)
]


def found(estimate: float, low: float, high: float, *, dropped: int = 0, left: float = 0.0) -> Comparison:
    interval = Interval(estimate, low, high, 0.95)
    return Comparison(MatchedDifference(interval, interval, 50, 60, dropped, 3, 5, (Balance("before", 0.9, left),)))


def measured(effect: Comparison, placebo: Comparison, parts: int = 0) -> Measurement:
    windows = [Window(DAY + timedelta(days=d), DAY + timedelta(days=d + 56)) for d in (-112, -56, 0)]
    names = {
        "received": Words("收到", "Received"),
        "bought": Words("购物", "Bought"),
        "redeemed": Words("用券", "Redeemed"),
    }
    steps = funnel(names, FLAGS)
    part = Part("t", Words("标签", "tag"), "a", 20, steps, effect)
    return Measurement(
        "autumn", Periods(*windows), "USD", 20, steps, Interval(0.4, 0.2, 0.7, 0.95), Sums(10, 1.0, 2.0),
        Sums(10, 1.0, 1.0), Interval(300, 280, 330, 0.95), effect, placebo, (part,) * parts,
    )  # fmt: skip


def told(effect: Comparison, placebo: Comparison, parts: int = 0) -> str:
    return "\n".join(words.en for words in sentences(measured(effect, placebo, parts), None))


def test_a_failed_placebo_is_said_loudly_in_both_languages() -> None:
    words = sentences(measured(found(20, 5, 35), found(-15, -25, -5)), None)
    assert any("WARNING: the placebo check failed" in w.en and "-15.00 USD" in w.en and "75%" in w.en for w in words)
    assert any("警告：安慰剂检验没有通过" in w.zh and "-15.00 USD" in w.zh for w in words)


def test_a_passed_placebo_says_how_little_it_could_see() -> None:
    text = told(found(20, 5, 35), found(1, -9, 11))
    assert "consistent with zero" in text
    assert "20.00 would not show" in text
    assert "WARNING" not in text


@pytest.mark.parametrize(
    ("interval", "says"),
    [((20, 5, 35), "above zero"), ((-20, -35, -5), "below zero"), ((2, -5, 9), "no change can be told from chance")],
)
def test_the_interval_decides_the_wording(interval: tuple[float, float, float], says: str) -> None:
    assert says in told(found(*interval), found(0, -1, 1))


def test_the_limits_are_always_told() -> None:
    for effect in (found(20, 5, 35), Comparison(None, TOO_FEW)):
        text = told(effect, Comparison(None, TOO_FEW))
        assert "This was no experiment" in text
        assert "spill-over" in text
        assert "nobody was really held out" in text
        assert "nothing was checked" in text


def test_what_is_dropped_unbalanced_or_split_is_pointed_out() -> None:
    text = told(found(20, 5, 35, dropped=40, left=0.3), found(0, -1, 1), parts=5)
    assert "40 receivers had nobody like them" in text
    assert "Still unbalanced after matching" in text
    assert "before +0.30" in text
    assert "5 intervals" in text
    plain = told(found(20, 5, 35), found(0, -1, 1))
    assert "nobody like them" not in plain
    assert "at most 0.90 before" in plain


def test_the_funnel_counts_those_who_took_every_step_before() -> None:
    first, second, last = measured(found(0, -1, 1), found(0, -1, 1)).funnel
    assert [step.count for step in (first, second, last)] == [10, 8, 2]
    assert [step.alone for step in (first, second, last)] == [10, 8, 4]
    assert first.of_previous.estimate == 0.5
    assert last.of_previous.estimate == 0.25
    assert last.of_received.estimate == 0.2
    # Wilson (1927) by hand: 2 of 10 at 95 %.
    assert (last.of_received.low, last.of_received.high) == (
        pytest.approx(0.0567, abs=1e-4),
        pytest.approx(0.5098, abs=1e-4),
    )


def test_the_overlap_splits_the_real_list_in_two() -> None:
    chosen = np.array([False] * 6 + [True] * 8 + [False] * 6)
    compared = overlap(chosen, FLAGS[0], FLAGS[2])
    assert compared.to_json() == {
        **compared.to_json(), "chosen": 8, "chosen_received": 4, "chosen_not_received": 4, "chosen_responded": 2,
        "rest_received": 6, "rest_responded": 2,
    }  # fmt: skip
    text = "\n".join(w.en for w in sentences(measured(found(0, -1, 1), found(0, -1, 1)), compared))
    assert "Of the 8 chosen by the decision 4 had been on the real list, and 2 of these responded" in text
    nobody = overlap(~FLAGS[0], FLAGS[0], FLAGS[2])
    assert nobody.to_json()["chosen_rate"]["value"] is None
    text = "\n".join(w.en for w in sentences(measured(found(0, -1, 1), found(0, -1, 1)), nobody))
    assert "None of the 10 chosen" in text


def test_the_figures_are_strict_json() -> None:
    endless = found(0, -1, 1, left=float("inf"))
    text = json.dumps(measured(endless, Comparison(None, TOO_FEW), 1).to_json(), allow_nan=False)
    assert json.loads(text)["balance"] == [{"column": "before", "before": 0.9, "after": None}]
    assert json.loads(text)["placebo"]["near_zero"] is None
