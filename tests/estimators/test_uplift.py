"""Uplift: learners on made-up trials with known effects, Qini areas by a plain loop, policies, groups, the tree."""

from __future__ import annotations

import pickle
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, LogisticRegression

from gongbi.errors import InvalidInput, NotFitted
from gongbi.estimators.arms import fit_arms
from gongbi.estimators.design import Design
from gongbi.estimators.responders import GROUPS, Limits, four_groups, groups_judged
from gongbi.estimators.stats.uplift import (
    doubly_robust_scores,
    heterogeneity,
    policy_value,
    qini_curve,
    uplift_quality,
)
from gongbi.estimators.uplift import DRLearner, TLearner, UpliftModel, XLearner
from gongbi.estimators.uplift_tree import UpliftTree

LEARNERS = [UpliftModel(), TLearner(), XLearner(), DRLearner(), UpliftTree()]


def trial(
    n: int, seed: int, share: float = 0.5, binary: bool = True
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    """Rows, treatment, outcome and the true effect: the treatment works for those of kind b, and more with `x`."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.normal(size=n), "spend": rng.exponential(50, n), "kind": rng.choice(["a", "b"], n)})
    lift = np.where(frame["kind"] == "b", 1.0 + 0.6 * frame["x"], 0.0)
    base = -0.8 + 0.5 * frame["x"].to_numpy()
    treated = (rng.random(n) < share).astype(int)
    if binary:
        effect = expit(base + lift) - expit(base)
        y = (rng.random(n) < expit(base + treated * lift)).astype(float)
    else:
        effect = np.asarray(lift, dtype=float)
        y = base + treated * lift + rng.normal(size=n)
    frame.loc[rng.random(n) < 0.05, "spend"] = np.nan
    return frame, treated, y, np.asarray(effect)


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("model", LEARNERS, ids=lambda m: type(m).__name__)
def test_a_learner_finds_effects_that_are_there(model: Any, binary: bool) -> None:
    traits, t, y, _ = trial(6000, seed=1, binary=binary)
    fresh, _, _, effect = trial(3000, seed=2, binary=binary)
    found = clone(model).fit(traits, t, y).predict(fresh)
    assert found.shape == (3000,)
    assert np.corrcoef(found, effect)[0, 1] > 0.75
    assert found.mean() == pytest.approx(effect.mean(), abs=0.08)


@pytest.mark.parametrize("model", LEARNERS, ids=lambda m: type(m).__name__)
def test_a_learner_is_cloned_pickled_and_refuses_before_it_learned(model: Any) -> None:
    traits, t, y, _ = trial(600, seed=3)
    with pytest.raises(NotFitted, match="Call fit first"):
        clone(model).predict(traits)
    fitted = clone(model).fit(traits, t, y)
    again = pickle.loads(pickle.dumps(fitted))
    assert (again.predict(traits) == fitted.predict(traits)).all()
    name = next(iter(model.get_params()))
    assert clone(model).set_params(**{name: 2}).get_params()[name] == 2


def test_without_a_base_the_t_learner_is_two_ridge_logistic_regressions() -> None:
    traits, t, y, _ = trial(900, seed=4)
    ours = TLearner().fit(traits, t, y)
    theirs = TLearner(LogisticRegression(tol=1e-10, max_iter=2000)).fit(traits, t, y)
    assert ours.predict(traits) == pytest.approx(theirs.predict(traits), abs=1e-5)
    assert ours.predict_outcomes(traits) == pytest.approx(theirs.predict_outcomes(traits), abs=1e-5)


@pytest.mark.parametrize("kind", [TLearner, UpliftModel])
def test_an_outcome_of_a_thousand_times_has_a_thousand_times_the_effects(kind: Any) -> None:
    rng = np.random.default_rng(4)
    traits, t = rng.normal(size=(800, 2)), np.arange(800) % 2
    y = 3 + traits[:, 1] + t * traits[:, 0] + rng.normal(size=800)
    one, many = (kind().fit(traits, t, y * unit).predict(traits) for unit in (1, 1000))
    assert many == pytest.approx(1000 * one, rel=1e-6, abs=1e-3)
    assert np.corrcoef(one, traits[:, 0])[0, 1] > 0.9
    assert np.std(many) > 800


def test_strong_shrinkage_leaves_everybody_the_same_effect_on_the_log_odds() -> None:
    traits, t, y, _ = trial(2000, seed=5)
    outcomes = UpliftModel(shrinkage=1e9).fit(traits, t, y).predict_outcomes(traits)
    odds = np.log(outcomes / (1 - outcomes))
    assert np.ptp(odds[:, 1] - odds[:, 0]) < 1e-4


def drawn(kind: str, n: int, seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    """Seven columns, arm, outcome, true effect: straight on the log-odds, bent, or the same for everybody."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6))
    x[:, 0] = np.exp(0.8 * x[:, 0])
    frame = pd.DataFrame(x, columns=[f"x{i}" for i in range(6)]).assign(kind=rng.choice(list("abc"), n))
    base = -1.5 + 0.5 * x[:, 1] + 0.3 * x[:, 2] + 0.3 * (frame["kind"] == "a").to_numpy()
    lift = {
        "straight": 0.2 + 0.25 * x[:, 1] - 0.2 * x[:, 3] + 0.2 * (frame["kind"] == "b").to_numpy(),
        "bent": 0.4 * np.sign(x[:, 1] - 0.3) + 0.3 * np.abs(x[:, 3]),
        "alike": np.full(n, 0.3),
    }[kind]
    treated = rng.integers(0, 2, n)
    y = (rng.random(n) < expit(base + treated * lift)).astype(float)
    return frame, treated, y, expit(base + lift) - expit(base)


def area_of_truth(score: np.ndarray, effect: np.ndarray) -> float:
    """The Qini area that a score would have if every true effect were seen, times 1000."""
    ordered = effect[np.argsort(-score, kind="stable")] - effect.mean()
    return float(1000 * np.cumsum(ordered).mean() / len(effect))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("kind", "n"), [("straight", 3000), ("bent", 3000), ("alike", 3000), ("straight", 800)])
def test_what_is_borrowed_is_never_worse_than_two_regressions_by_more_than_a_standard_error(kind: str, n: int) -> None:
    gaps = []
    for seed in range(24):
        traits, t, y, _ = drawn(kind, n, seed)
        fresh, _, _, effect = drawn(kind, 20_000, 1000 + seed)
        ours, theirs = (model.fit(traits, t, y).predict(fresh) for model in (UpliftModel(), TLearner()))
        gaps.append(area_of_truth(ours, effect) - area_of_truth(theirs, effect))
    error = np.std(gaps, ddof=1) / len(gaps) ** 0.5
    assert np.mean(gaps) >= -error
    if kind != "straight":
        assert np.mean(gaps) > 2 * error


def test_effects_that_are_alike_are_found_nearly_alike() -> None:
    traits, t, y, effect = drawn("alike", 4000, seed=21)
    ours, theirs = (model.fit(traits, t, y).predict(traits) for model in (UpliftModel(), TLearner()))
    assert np.mean((ours - effect) ** 2) < np.mean((theirs - effect) ** 2) / 2


def test_numbers_at_another_penalty_are_those_of_a_fit_with_it() -> None:
    traits, t, y, _ = trial(500, seed=22, binary=False)
    design, values = Design.learn(traits, bends=True)
    arm = t.astype(float)
    once = fit_arms(design, values, arm, y, common=1.0, difference=1.0, binary=False)
    penalty = np.where(design.bent, 40.0, 4.0)
    again = fit_arms(design, values, arm, y, common=2.0, difference=penalty, binary=False)
    assert once.at(common=2.0, difference=penalty) == pytest.approx(again.arms.coefficients, abs=1e-9)
    # Penalties beside each other have names: the bends of x and of spend, neither the numbers nor the categories.
    assert 0 < design.bent.sum() < design.width - 3


def test_with_one_response_in_an_arm_nothing_speaks_for_a_difference() -> None:
    traits, t, _, _ = trial(300, seed=23)
    y = np.zeros(300)
    y[np.flatnonzero(t == 1)[0]] = 1
    y[np.flatnonzero(t == 0)[:40]] = 1
    fitted = UpliftModel().fit(traits, t, y)
    assert fitted.shrinkage_[0] == fitted.shrinkage_[1] > 1e6


def test_a_known_chance_of_treatment_makes_doubly_robust_scores_right_with_any_outcome_model() -> None:
    traits, t, y, effect = trial(40000, seed=6, share=0.2)
    nonsense = np.full((len(y), 2), 0.3)
    scores = doubly_robust_scores(y, t.astype(float), np.full(len(y), 0.2), nonsense)
    for kind in ("a", "b"):
        rows = (traits["kind"] == kind).to_numpy()
        assert scores[rows].mean() == pytest.approx(effect[rows].mean(), abs=0.03)


def test_a_chance_that_depends_on_the_columns_is_learned() -> None:
    traits, _, _, _ = trial(20000, seed=7)
    rng = np.random.default_rng(8)
    x = traits["x"].to_numpy()
    t = (rng.random(len(x)) < expit(1.5 * x)).astype(int)
    y = np.exp(x) + 0.5 * t + rng.normal(size=len(x))
    # Those treated have the larger x, and a straight line cannot tell all that x does.
    learned = DRLearner(propensity="learned", folds=3).fit(traits, t, y).predict(traits).mean()
    naive = y[t == 1].mean() - y[t == 0].mean()
    assert abs(naive - 0.5) > 0.5
    assert abs(learned - 0.5) < 0.15


def plain_area(y: np.ndarray, t: np.ndarray, score: np.ndarray) -> float:
    """The Qini area of a strict order, by walking through it."""
    n, nt, nc, yt, yc = len(y), 0, 0, 0.0, 0.0
    gains = []
    for i in sorted(range(n), key=lambda i: -score[i]):
        nt, nc = nt + int(t[i]), nc + 1 - int(t[i])
        yt, yc = yt + y[i] * t[i], yc + y[i] * (1 - t[i])
        gains.append(yt - yc * nt / nc if nt and nc else 0.0)
    return float(np.mean([g - gains[-1] * (k + 1) / n for k, g in enumerate(gains)])) / n


def plain_auuc(y: np.ndarray, t: np.ndarray, score: np.ndarray) -> float:
    """Area under share times difference of means of a strict order, by walking; straight lines between its points."""
    n, order, heights = len(y), sorted(range(len(y)), key=lambda i: -score[i]), [0.0]
    for k in range(1, n + 1):
        treated, control = ([y[i] for i in order[:k] if t[i] == arm] for arm in (1, 0))
        seen = bool(treated) and bool(control)
        heights.append(k / n * (sum(treated) / len(treated) - sum(control) / len(control)) if seen else 0.0)
    return float(sum((a + b) / 2 / n for a, b in pairwise(heights)))


@given(st.integers(0, 10_000), st.integers(4, 60))
def test_the_qini_area_is_that_of_a_plain_walk(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    t = rng.permutation(np.arange(n) % 2)
    y, score = rng.integers(0, 3, n).astype(float), rng.permutation(n).astype(float)
    assert qini_curve(y, t, score).area == pytest.approx(plain_area(y, t, score), abs=1e-12)
    assert qini_curve(y, t, score).auuc == pytest.approx(plain_auuc(y, t, score), abs=1e-12)


@given(st.integers(0, 10_000))
def test_the_order_of_rows_changes_nothing_and_one_score_for_all_has_no_area(seed: int) -> None:
    rng = np.random.default_rng(seed)
    t, y, score = np.arange(40) % 2, rng.integers(0, 2, 40), rng.integers(0, 5, 40)
    mixed = rng.permutation(40)
    assert qini_curve(y, t, score).area == pytest.approx(qini_curve(y[mixed], t[mixed], score[mixed]).area, abs=1e-12)
    assert qini_curve(y, t, np.ones(40)).area == pytest.approx(0, abs=1e-15)


def test_intervals_are_paired_and_the_uplift_at_a_share_is_the_difference_of_means() -> None:
    _, t, y, effect = trial(4000, seed=9)
    noise = np.random.default_rng(10).random(4000)
    quality, pairs = uplift_quality(y, t, {"truth": effect, "noise": noise, "again": effect * 2}, resamples=100)
    assert quality["truth"].area.low > 0 > quality["noise"].area.low
    assert quality["truth"].p_value < 0.001 < quality["noise"].p_value
    assert pairs["truth", "noise"].low > 0
    assert pairs["truth", "again"].high == pytest.approx(0, abs=1e-12)
    top = np.argsort(-effect)[:800]
    by_hand = y[top][t[top] == 1].mean() - y[top][t[top] == 0].mean()
    assert quality["truth"].uplift[0.2].estimate == pytest.approx(by_hand, abs=0.02)


def test_heterogeneity_is_seen_where_it_is_and_not_where_it_is_not() -> None:
    _, t, y, effect = trial(60000, seed=11)
    flat = np.random.default_rng(12).random(60000)
    scores = doubly_robust_scores(y, t.astype(float), np.full(60000, 0.5), np.zeros((60000, 2)))
    found = heterogeneity(effect, scores)
    assert found.slope.low < 1 < found.slope.high
    assert found.slope_p_value < 0.001
    assert heterogeneity(flat, scores).slope_p_value > 0.01
    assert heterogeneity(np.ones(60000), scores).slope_p_value == 1.0


def test_a_policy_is_worth_what_the_treated_gain() -> None:
    _, t, y, effect = trial(30000, seed=13)
    scores = doubly_robust_scores(y, t.astype(float), np.full(len(y), 0.5), np.zeros((len(y), 2)))
    best = effect >= np.median(effect)
    gain = policy_value(scores, best.astype(float), 0.5)
    truth = ((best - 0.5) * effect).mean()
    assert gain.low < truth < gain.high
    assert gain.low > 0
    with pytest.raises(InvalidInput, match="chances between 0 and 1"):
        policy_value(scores, best * 2.0)


def test_the_four_groups_part_at_stated_limits() -> None:
    limits = Limits(effect=0.1, harm=-0.05, likely=0.5)
    effect, without = np.array([0.2, 0.0, 0.0, -0.2, 0.1, -0.05]), np.array([0.9, 0.5, 0.4, 0.9, 0.1, 0.1])
    found = four_groups(effect, without, limits)
    assert [GROUPS[i] for i in found] == [
        "persuadable", "sure_thing", "lost_cause", "sleeping_dog", "persuadable", "sleeping_dog",
    ]  # fmt: skip
    judged = groups_judged(found, effect, effect)
    assert [group.members for group in judged] == [2, 1, 1, 2]
    assert judged[1].observed is None
    assert judged[0].observed is not None
    assert judged[0].observed.estimate == pytest.approx(0.15)
    with pytest.raises(InvalidInput, match="overlap"):
        Limits(effect=-0.1, harm=-0.05, likely=0.5)


@pytest.mark.parametrize("divergence", ["kl", "euclidean"])
def test_the_tree_splits_where_the_effects_part_and_judges_its_leaves_on_other_rows(divergence: Any) -> None:
    rng = np.random.default_rng(14)
    n = 8000
    traits = pd.DataFrame(
        {"age": rng.integers(18, 80, n), "city": rng.choice(["x", "y", "z"], n), "noise": rng.random(n)}
    )
    t = rng.integers(0, 2, n)
    lift = np.where(traits["age"] <= 40, 0.3, 0.0)
    y = (rng.random(n) < 0.2 + lift * t).astype(int)
    tree = UpliftTree(depth=1, divergence=divergence).fit(traits, t, y)
    old, young = sorted(tree.leaves(), key=lambda leaf: leaf["effect"])
    assert young["when"][0].startswith("age ≤ 4") or young["when"][0].startswith("age ≤ 3")
    assert abs(young["effect"] - 0.3) < 4 * young["standard_error"]
    assert abs(old["effect"]) < 4 * old["standard_error"]
    assert young["members"] + old["members"] == n // 2
    with pytest.raises(InvalidInput, match="0 and 1"):
        UpliftTree(divergence="kl").fit(traits, t, y * 2.5)


def test_a_tree_without_effects_stays_small_and_gaps_go_right() -> None:
    traits = pd.DataFrame({"v": [1.0, np.nan] * 200, "same": [1] * 400})
    t = np.repeat([0, 1], 200)
    y = np.tile([1.0, 0.0], 200) * t
    tree = UpliftTree(depth=2, honest=False).fit(traits, t, y)
    assert tree.predict(pd.DataFrame({"v": [0.5, np.nan], "same": [1, 1]})) == pytest.approx([1.0, 0.0])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda traits, t, y: (traits, np.ones(len(t)), y), "Only 0 rows are control"),
        (lambda traits, t, y: (traits, t, np.zeros(len(t))), "one class only"),
        (lambda traits, t, y: (traits[["kind"]].assign(kind="a"), t, y), "constant"),
        (lambda traits, t, y: (traits, t * 2, y), "treatment must be 0 or 1"),
        (lambda traits, t, y: (traits, t, np.where(np.arange(len(t)) == 3, np.nan, y)), "y must be finite; entry 3"),
        (lambda traits, t, y: (traits, t[:-1], y), "treatment has 199"),
    ],
)
def test_a_trial_that_teaches_nothing_is_refused(change: Any, words: str) -> None:
    traits, t, y, _ = trial(200, seed=15)
    with pytest.raises(InvalidInput, match=words):
        UpliftModel().fit(*change(traits, t, y))


def test_settings_that_make_no_sense_are_refused() -> None:
    traits, t, y, _ = trial(200, seed=16, binary=False)
    with pytest.raises(InvalidInput, match="classifier"):
        TLearner(LogisticRegression()).fit(traits, t, y)
    with pytest.raises(InvalidInput, match="propensity is"):
        XLearner(propensity=1.5).fit(traits, t, y)
    with pytest.raises(InvalidInput, match="folds is 2"):
        DRLearner(folds=1).fit(traits, t, y)
    with pytest.raises(InvalidInput, match="shrinkage"):
        UpliftModel(shrinkage=-1).fit(traits, t, y)
    assert XLearner(LinearRegression(), LinearRegression()).fit(traits, t, y).predict(traits).shape == (200,)
