"""The stability index against its formula, page by page, and what the card says of it."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongbi.catalog.score_labels import ABSENT, OTHERS
from gongbi.core.types import DOUBLE, INTEGER, TEXT, category
from gongbi.models import drift
from gongbi.models.groups import by_level, fairness, labels, order_of, split_figures


def test_the_index_is_the_sum_of_differences_of_shares_times_their_log_ratios() -> None:
    p, q = [0.5, 0.3, 0.2], [0.2, 0.3, 0.5]
    exact = sum((b - a) * math.log(b / a) for a, b in zip(p, q, strict=True))
    found = drift.stability_index([a * 1e7 for a in p], [b * 1e7 for b in q])
    assert found == pytest.approx(exact, rel=1e-5)


@given(st.lists(st.integers(0, 500), min_size=2, max_size=12))
def test_equal_counts_have_index_zero_and_no_counts_give_less(counts: list[int]) -> None:
    assert drift.stability_index(counts, counts) == 0
    assert drift.stability_index(counts, counts[::-1]) >= 0


def test_pages_add_up_and_a_shift_is_seen_where_it_is() -> None:
    shelf = pd.Series([*"ab", None, "c"] * 1000, dtype=object)
    rng = np.random.default_rng(2)
    old = pd.DataFrame({"spend": rng.normal(0, 1, 4000), "shelf": shelf})
    new = pd.DataFrame({"spend": rng.normal(1, 1, 4000), "shelf": shelf})
    score = rng.random(4000)
    then = drift.reference(old, score)
    whole, paged = drift.Seen(then), drift.Seen(then)
    whole.add(new, score)
    for i in range(0, 4000, 900):
        paged.add(new.iloc[i : i + 900], score[i : i + 900])
    assert whole.drift() == paged.drift()
    found = whole.drift()
    assert [(one["tag"], one["verdict"]) for one in found["features"]] == [("spend", "changed"), ("shelf", "stable")]
    assert found["score"]["verdict"] == "stable"
    assert found["members"] == 4000


def test_absent_values_are_a_bin_of_their_own() -> None:
    old = pd.DataFrame({"spend": np.arange(1000.0)})
    gone = pd.DataFrame({"spend": np.full(1000, np.nan)})
    seen = drift.Seen(drift.reference(old, np.zeros(1000)))
    seen.add(gone, np.zeros(1000))
    assert seen.drift()["features"][0]["verdict"] == "changed"


def test_labels_keep_common_values_and_cut_numbers_into_ranges() -> None:
    said = labels([*"aabbccddeeffgg", None, "z"], TEXT)
    assert set(said) == {*"abcdef", OTHERS, ABSENT}
    ranges = labels([*range(100), None], INTEGER)
    assert len(set(ranges)) == 5
    assert ranges[-1] == ABSENT


def test_fairness_counts_who_is_among_the_best_fifth() -> None:
    n = 1000
    label = np.array(["x"] * 500 + ["y"] * 500, dtype=object)
    chance = np.concatenate([np.linspace(0.5, 0.9, 500), np.linspace(0.1, 0.45, 500)])
    yes = np.random.default_rng(1).random(n) < chance
    x, y = (next(one for one in fairness(label, yes, chance) if one["level"] == level) for level in "xy")
    assert x["chosen"]["estimate"] == 200 / 500
    assert y["chosen"]["estimate"] == 0
    assert x["difference"]["estimate"] == pytest.approx(0.4)
    assert x["difference"]["low"] > 0 > y["difference"]["high"]
    assert x["found"]["estimate"] == pytest.approx((yes[300:500].sum()) / yes[:500].sum())
    for one in by_level(label, yes, chance):
        inside = label == one["level"]
        assert one["observed"]["estimate"] == pytest.approx(yes[inside].mean())
        assert one["predicted"] == pytest.approx(chance[inside].mean())


def test_ordered_levels_stand_in_their_declared_order_and_others_by_size() -> None:
    label = np.array(["high"] * 90 + ["low"] * 60 + [ABSENT] * 70 + ["middle"] * 40, dtype=object)
    yes, chance = np.arange(260) % 2 == 0, np.linspace(0, 1, 260)
    order = order_of(category(TEXT, ["low", "middle", "high"], ordered=True), label)
    assert order_of(category(TEXT, ["low", "middle"]), label) == ()
    found = split_figures({"a": label, "b": label, "c": label}, {"a": order, "c": order}, ["c"], yes, chance)
    shown = {tag: [one["level"] for one in levels] for tag, levels in (found["by_group"] | found["fairness"]).items()}
    declared = ["low", "middle", "high", ABSENT]
    assert shown == {"a": declared, "b": ["high", ABSENT, "low", "middle"], "c": declared}
    for one in found["fairness"]["c"]:
        inside = label == one["level"]
        assert one["members"] == inside.sum()
        assert one["observed"]["estimate"] == pytest.approx(yes[inside].mean())


def test_numbers_and_their_ranges_stand_from_the_least_to_the_most() -> None:
    rng = np.random.default_rng(5)
    spent = [None if value < -1 else float(value) for value in rng.normal(size=800) ** 3]
    label = labels(spent, DOUBLE)
    order = order_of(DOUBLE, label)
    levels = [one["level"] for one in by_level(label, np.arange(800) % 3 == 0, np.full(800, 0.3), order)]
    held = [[v for v, of in zip(spent, label, strict=True) if of == level and v is not None] for level in levels[:-1]]
    assert levels[-1] == ABSENT
    assert len(held) == 4
    assert all(max(one) < min(other) for one, other in pairwise(held))
    few = labels([10, 2, None, 9] * 50, INTEGER)
    assert order_of(INTEGER, few) == ("2", "9", "10")


def test_a_level_of_one_outcome_has_no_auc_and_a_small_one_is_not_shown() -> None:
    label = np.array(["all"] * 40 + ["few"] * 10, dtype=object)
    (one,) = by_level(label, np.ones(50, dtype=bool), np.full(50, 0.9))
    assert (one["level"], one["auc"]) == ("all", None)
