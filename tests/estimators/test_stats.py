"""Intervals, ranking, calibration and arms: laws, other implementations, refusals."""

from __future__ import annotations

import hashlib
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, chi2_contingency, chisquare, kstest, norm, ttest_ind
from sklearn.metrics import brier_score_loss, roc_auc_score

from gongbi.errors import InvalidInput
from gongbi.estimators.stats import (
    arm,
    arms,
    auc,
    auc_difference_interval,
    auc_interval,
    bootstrap_interval,
    brier,
    calibration_table,
    difference_interval,
    lift_table,
    position,
    quantile_bins,
    wilson_interval,
)

HALVES = {"control": 0.5, "treated": 0.5}


@st.composite
def outcomes_and_scores(draw: st.DrawFn) -> tuple[list[int], list[float]]:
    y = [0, 0, 1, 1, *draw(st.lists(st.integers(0, 1), max_size=60))]
    # Few distinct scores, so that ties are common.
    return y, draw(st.lists(st.integers(-3, 3).map(float), min_size=len(y), max_size=len(y)))


# --- intervals ---------------------------------------------------------------------------------------------


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.floats(0.5, 0.999))
def test_a_wilson_interval_holds_the_rate_and_stays_within_0_and_1(a: int, b: int, level: float) -> None:
    rate = wilson_interval(min(a, b), max(a, b), level)
    assert 0 <= rate.low <= rate.high <= 1
    if max(a, b):
        assert rate.low <= rate.estimate <= rate.high


@pytest.mark.parametrize(("s", "n"), [(0, 10), (3, 17), (10, 10), (480, 5000)])
def test_wilson_matches_scipy(s: int, n: int) -> None:
    theirs = binomtest(s, n).proportion_ci(0.9, method="wilson")
    ours = wilson_interval(s, n, 0.9)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_without_trials_nothing_is_known() -> None:
    rate = wilson_interval(0, 0)
    assert math.isnan(rate.estimate)
    assert (rate.low, rate.high) == (0, 1)


def test_welch_matches_scipy() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(1, 2, 40), rng.normal(0, 5, 23)
    theirs = ttest_ind(a, b, equal_var=False).confidence_interval(0.9)
    ours = difference_interval(a, b, 0.9)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))


def test_a_bootstrap_interval_of_a_mean_is_about_the_normal_one_and_repeats_with_its_seed() -> None:
    x = np.random.default_rng(1).normal(3, 2, 400)
    first, again = (bootstrap_interval(np.mean, x, seed=4) for _ in range(2))
    assert first == again
    assert first != bootstrap_interval(np.mean, x, seed=5)
    half = norm.ppf(0.975) * x.std() / 20
    assert (first.low, first.high) == pytest.approx((x.mean() - half, x.mean() + half), abs=0.02)


def test_a_bootstrap_draws_rows_together() -> None:
    x = np.arange(50.0)
    assert bootstrap_interval(lambda a, b: float(np.mean(a - b)), x, x + 1, seed=0).high == pytest.approx(-1)


def test_a_statistic_that_is_often_undefined_gets_no_interval() -> None:
    with pytest.raises(InvalidInput, match="undefined in"):
        bootstrap_interval(lambda y: 1.0 if y.any() else float("nan"), np.array([1, 0, 0]), seed=0)


# --- ranking -----------------------------------------------------------------------------------------------


@given(outcomes_and_scores())
def test_auc_matches_scikit_learn_ties_included(data: tuple) -> None:
    y, score = data
    assert auc(y, score) == pytest.approx(roc_auc_score(y, score))
    assert auc_interval(y, score).estimate == pytest.approx(auc(y, score))


@given(outcomes_and_scores())
def test_turning_the_score_round_turns_the_auc_round(data: tuple) -> None:
    y, score = np.array(data[0]), np.array(data[1])
    assert auc(y, -score) == pytest.approx(1 - auc(y, score))
    assert auc_difference_interval(y, score, score) == auc_difference_interval(y, 2 * score + 1, score)


def test_delong_agrees_with_its_definition_over_all_pairs() -> None:
    rng = np.random.default_rng(2)
    y = rng.random(60) < 0.4
    scores = np.round(rng.normal(size=(2, 60)) + y, 1)
    wins = [np.sign(s[y][:, None] - s[~y][None, :]) / 2 + 0.5 for s in scores]
    over_yes, over_no = np.array([w.mean(axis=1) for w in wins]), np.array([w.mean(axis=0) for w in wins])
    covariance = np.cov(over_yes) / y.sum() + np.cov(over_no) / (~y).sum()
    half = norm.ppf(0.975) * np.sqrt(covariance[0, 0])
    assert auc_interval(y, scores[0]).low == pytest.approx(wins[0].mean() - half)
    half = norm.ppf(0.975) * np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    assert auc_difference_interval(y, *scores).high == pytest.approx(wins[0].mean() - wins[1].mean() + half)


def test_nineteen_of_twenty_delong_intervals_hold_the_truth() -> None:
    rng, truth = np.random.default_rng(3), norm.cdf(1 / math.sqrt(2))
    y = np.arange(300) < 100
    held = [(i := auc_interval(y, rng.normal(size=300) + y)).low <= truth <= i.high for _ in range(1000)]
    assert 0.93 <= np.mean(held) <= 0.97


@given(outcomes_and_scores(), st.integers(1, 4), st.randoms(use_true_random=False))
def test_a_lift_table_adds_up_and_does_not_depend_on_the_order_of_rows(data: tuple, bins: int, random) -> None:
    y, score = data
    table = lift_table(y, score, bins)
    assert table.size.sum() == len(y)
    assert table.responders.sum() == pytest.approx(sum(y))
    assert (table.share_reached[-1], table.gain[-1], table.cumulative_lift[-1]) == pytest.approx((1, 1, 1))
    rows = list(zip(y, score, strict=True))
    random.shuffle(rows)
    assert lift_table(*zip(*rows, strict=True), bins).responders == pytest.approx(table.responders)


def test_a_perfect_score_reaches_all_responders_first() -> None:
    table = lift_table([1, 1, 0, 0, 0, 0, 0, 0, 0, 0], np.arange(10, 0, -1), bins=5)
    assert table.gain.tolist() == [1, 1, 1, 1, 1]
    assert table.lift.tolist() == [5, 0, 0, 0, 0]


def test_outcomes_of_one_kind_cannot_be_ranked() -> None:
    for call in (auc, auc_interval, lift_table):
        with pytest.raises(InvalidInput, match="0 of 2 outcomes are positive"):
            call([0, 0], [0.1, 0.2])
    with pytest.raises(InvalidInput, match="y must be 0 or 1; entry 1 is 2"):
        auc([0, 2], [0.1, 0.2])


# --- calibration -------------------------------------------------------------------------------------------


def test_honest_probabilities_have_a_small_error_and_boastful_ones_a_large_one() -> None:
    rng = np.random.default_rng(4)
    p = rng.beta(1, 4, 20_000)
    y = rng.random(20_000) < p
    honest, boastful = calibration_table(y, p), calibration_table(y, np.sqrt(p))
    assert honest.expected_calibration_error < 0.01 < 0.15 < boastful.expected_calibration_error
    assert ((honest.low <= honest.predicted) & (honest.predicted <= honest.high)).sum() >= 8
    assert brier(y, p) == pytest.approx(brier_score_loss(y, p))
    assert brier(y, p) < brier(y, np.sqrt(p))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=80), st.integers(1, 12))
def test_quantile_bins_keep_equal_values_together_and_in_order(values: list[int], bins: int) -> None:
    label = quantile_bins(values, bins)
    assert set(label) == set(range(label.max() + 1))
    assert label.max() < bins
    for a, x in zip(label, values, strict=True):
        for b, y in zip(label, values, strict=True):
            assert a == b if x == y else (a <= b) == (x < y) or a == b


def test_quantile_bins_of_different_values_are_equally_full() -> None:
    assert np.bincount(quantile_bins(np.random.default_rng(0).normal(size=1000), 10)).tolist() == [100] * 10


def test_what_is_no_probability_is_refused() -> None:
    with pytest.raises(InvalidInput, match="probabilities"):
        calibration_table([0, 1], [0.2, 1.2])


# --- arms --------------------------------------------------------------------------------------------------


def test_arms_never_change() -> None:
    # Written down once: were any of these to change, running experiments would be torn apart.
    assert [arm("春季唤醒", unit, HALVES) for unit in (1, 2, 3, 4, "客户甲")] == [
        "control",
        "treated",
        "treated",
        "control",
        "control",
    ]
    assert arm("spring", 7, HALVES) == arm("spring", "7", HALVES) == arm("spring", 7, dict(reversed(HALVES.items())))


def test_the_recipe_in_the_docs_gives_the_position() -> None:
    digest = hashlib.sha256()
    for text in ("pepper", "spring", "42"):
        digest.update(len(text.encode()).to_bytes(8, "big") + text.encode())
    assert position("spring", 42, "pepper") == int(digest.hexdigest()[:16], 16) / 2**64


def test_units_fall_into_arms_by_their_shares() -> None:
    shares = {"control": 0.1, "mail": 0.3, "sms": 0.6}
    seen = Counter(arms("spring", range(30_000), shares))
    assert chisquare([seen[a] for a in shares], [30_000 * s for s in shares.values()]).pvalue > 0.001


def test_positions_are_uniform() -> None:
    assert kstest([position("spring", unit) for unit in range(20_000)], "uniform").pvalue > 0.001


@pytest.mark.parametrize("other", [("autumn", ""), ("spring", "pepper")])
def test_arms_of_two_experiments_are_independent(other: tuple[str, str]) -> None:
    pairs = Counter(
        zip(arms("spring", range(20_000), HALVES), arms(other[0], range(20_000), HALVES, other[1]), strict=True)
    )
    table = [[pairs[a, b] for b in HALVES] for a in HALVES]
    assert chi2_contingency(table).pvalue > 0.001


@given(st.text(min_size=1), st.text(min_size=1), st.floats(0.0, 1.0))
def test_growing_an_arm_takes_nobody_out_of_it(experiment: str, unit: str, share: float) -> None:
    # "a" comes first by name, so that its stretch only grows.
    smaller, larger = ({"a": s, "b": 1 - s} for s in (share / 2, share))
    if arm(experiment, unit, smaller) == "a":
        assert arm(experiment, unit, larger) == "a"
    assert 0 <= position(experiment, unit) < 1


def test_salt_experiment_and_unit_do_not_run_into_each_other() -> None:
    assert len({position("ab", "c"), position("a", "bc"), position("b", "c", "a"), position("a", "c", "b")}) == 4


@pytest.mark.parametrize("shares", [{"a": 0.5}, {"a": 0.7, "b": 0.7}, {"a": -0.5, "b": 1.5}, {}])
def test_shares_that_do_not_sum_to_one_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match="sum to 1"):
        arm("spring", 1, shares)


@pytest.mark.parametrize("unit", [1.0, True, None, ""])
def test_a_unit_without_one_spelling_is_refused(unit: object) -> None:
    with pytest.raises(InvalidInput, match="named by a text or a whole number"):
        arm("spring", unit, HALVES)  # type: ignore[arg-type]
