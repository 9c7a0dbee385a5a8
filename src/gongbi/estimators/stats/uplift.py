"""How well a score puts those first whom a treatment changes most, from a trial; and what a policy is worth.

Treatment, outcome and score have shape (n,); the arms must have been drawn by lot, and the score learned from others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri
from scipy.stats import norm

from gongbi.errors import InvalidInput
from gongbi.estimators.checks import FloatArray, IntArray, as_binary, as_vector, checked_level
from gongbi.estimators.stats.intervals import Interval, percentile_interval

#: Shares of the ranking at which uplift is told.
REACHES = (0.1, 0.2, 0.3, 0.5)


@dataclass(frozen=True, slots=True)
class QiniCurve:
    """Extra outcomes won by treating the best-scored, per member of the whole population.

    Attributes
    ----------
    share : ndarray
        Of the population treated, from 0 to 1; one entry per group of equal scores.
    gain : ndarray
        :math:`(Y_t - Y_c N_t / N_c) / n` among them [1]_: what the treated yielded beyond as many controls.
    area : float
        Between the curve and the diagonal to its end; 0 for a random order. Times 1000 it is the Qini area reported.
    auuc : float
        Area under the curve of `share` times the difference of means among the best-scored.

    References
    ----------
    .. [1] Radcliffe (2007), Using control groups to target on predicted lift, Direct Marketing Analytics Journal.
    """

    share: FloatArray
    gain: FloatArray
    area: float
    auuc: float


def qini_curve(y: ArrayLike, treatment: ArrayLike, score: ArrayLike) -> QiniCurve:
    """Return the Qini curve of a score and its areas; members with equal scores come together.

    Raises
    ------
    InvalidInput
        When the arrays differ in length, or an arm has nobody.
    """
    trial = Ranked.of(y, treatment, score)
    sums = trial.sums(np.ones(len(trial.order)))
    share, gain = _gain(sums)
    return QiniCurve(np.r_[0.0, share], np.r_[0.0, gain], _area(share, gain), _auuc(sums))


@dataclass(frozen=True, slots=True)
class UpliftQuality:
    """Figures of one score with bootstrap intervals; areas are per member, times 1000.

    Attributes
    ----------
    area, auuc : Interval
        As in `QiniCurve`, times 1000.
    uplift : mapping of share to Interval
        Difference of the arms' means among the best-scored of that share.
    p_value : float
        Chance of an area as large where the order means nothing, one-sided, from the bootstrap's spread.
    """

    area: Interval
    auuc: Interval
    uplift: Mapping[float, Interval]
    p_value: float


def uplift_quality(
    y: ArrayLike,
    treatment: ArrayLike,
    scores: Mapping[str, ArrayLike],
    *,
    reaches: Sequence[float] = REACHES,
    level: float = 0.95,
    resamples: int = 200,
    seed: int = 0,
) -> tuple[dict[str, UpliftQuality], dict[tuple[str, str], Interval]]:
    """Return the figures of each score, and of each pair the difference of Qini areas (times 1000).

    Members are drawn with replacement, the same draws for every score, so that differences are paired.
    """
    ranked = {name: Ranked.of(y, treatment, score) for name, score in scores.items()}
    if not all(0 < reach <= 1 for reach in reaches):
        raise InvalidInput(f"A share of the ranking lies between 0 and 1, not at {list(reaches)}.")
    n = len(np.asarray(treatment))
    rng = np.random.default_rng(seed)
    drawn = {name: np.empty((resamples, 2 + len(reaches))) for name in scores}
    for i in range(resamples):
        weight = np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64)
        for name, trial in ranked.items():
            drawn[name][i] = _figures(trial.sums(weight), reaches)
    whole = {name: _figures(trial.sums(np.ones(n)), reaches) for name, trial in ranked.items()}
    found = {}
    for name, figures in whole.items():
        spread = float(np.std(drawn[name][:, 0], ddof=1))
        intervals = [percentile_interval(float(v), drawn[name][:, i], level) for i, v in enumerate(figures)]
        chance = float(norm.sf(figures[0] / spread)) if spread > 0 else 1.0
        found[name] = UpliftQuality(intervals[0], intervals[1], dict(zip(reaches, intervals[2:], strict=True)), chance)
    names = list(scores)
    pairs = {
        (a, b): percentile_interval(float(whole[a][0] - whole[b][0]), drawn[a][:, 0] - drawn[b][:, 0], level)
        for i, a in enumerate(names)
        for b in names[i + 1 :]
    }
    return found, pairs


@dataclass(frozen=True, slots=True)
class Ranked:
    """A trial in the order of a score: which rows, where each group of equal scores ends, arm and outcome."""

    order: IntArray
    ends: IntArray
    treated: FloatArray
    y: FloatArray

    @classmethod
    def of(cls, y: ArrayLike, treatment: ArrayLike, score: ArrayLike) -> Ranked:
        outcome, treated, scores = checked_trial(y, treatment, score)
        order = np.argsort(-scores, kind="stable")
        ends = np.flatnonzero(np.diff(scores[order], append=np.inf) != 0)
        return cls(order, ends, treated[order], outcome[order])

    def sums(self, weight: FloatArray) -> FloatArray:
        """Cumulated members and outcomes at each end: treated, control, outcome of both; shape (4, groups)."""
        w = weight[self.order]
        wt = w * self.treated
        parts = np.stack([wt, w - wt, wt * self.y, (w - wt) * self.y])
        found: FloatArray = np.cumsum(parts, axis=1)[:, self.ends]
        return found

    def area(self, weight: FloatArray) -> float:
        """The Qini area where each row, as first given, counts so many times."""
        return _area(*_gain(self.sums(weight)))


def _gain(sums: FloatArray) -> tuple[FloatArray, FloatArray]:
    treated, control, won, lost = sums
    n = treated[-1] + control[-1]
    # Without a control among the first there is nothing to compare with, and no gain is claimed.
    gain = np.where((control > 0) & (treated > 0), won - lost * treated / np.maximum(control, 1.0), 0.0)
    return (treated + control) / n, gain / n


def _area(share: FloatArray, gain: FloatArray) -> float:
    return _under(share, gain - gain[-1] * share)


def _auuc(sums: FloatArray) -> float:
    share = (sums[0] + sums[1]) / (sums[0][-1] + sums[1][-1])
    return _under(share, share * _differences(sums, 0.0))


def _under(share: FloatArray, height: FloatArray) -> float:
    """Area under straight lines from the origin through the points."""
    return float(((height + np.r_[0.0, height[:-1]]) / 2) @ np.diff(share, prepend=0.0))


def _differences(sums: FloatArray, undefined: float) -> FloatArray:
    treated, control, won, lost = sums
    both = (treated > 0) & (control > 0)
    found: FloatArray = np.where(both, won / np.maximum(treated, 1.0) - lost / np.maximum(control, 1.0), undefined)
    return found


def _figures(sums: FloatArray, reaches: Sequence[float]) -> FloatArray:
    """Area and AUUC times 1000, and the uplift at each reach; a group of equal scores is cut in proportion."""
    share, gain = _gain(sums)
    at = [np.interp(reaches, np.r_[0.0, share], np.r_[0.0, row]) for row in sums]
    uplift = _differences(np.stack(at), float("nan"))
    found: FloatArray = np.r_[1000 * _area(share, gain), 1000 * _auuc(sums), uplift]
    return found


def figures_of(y: ArrayLike, treatment: ArrayLike, score: ArrayLike, reaches: Sequence[float] = REACHES) -> FloatArray:
    """Return area and AUUC, both times 1000, and the uplift at each reach; `uplift_quality` adds intervals."""
    trial = Ranked.of(y, treatment, score)
    return _figures(trial.sums(np.ones(len(trial.order))), reaches)


def doubly_robust_scores(y: FloatArray, treated: FloatArray, chance: FloatArray, expected: FloatArray) -> FloatArray:
    """Return one score per row whose mean over any group estimates the group's effect.

    Parameters
    ----------
    chance : ndarray of shape (n,)
        Of being treated.
    expected : ndarray of shape (n, 2)
        Outcome without and with treatment; zeros give inverse-propensity scores.
    """
    with_treatment = expected[:, 1] + treated * (y - expected[:, 1]) / chance
    without = expected[:, 0] + (1 - treated) * (y - expected[:, 0]) / (1 - chance)
    scores: FloatArray = with_treatment - without
    return scores


@dataclass(frozen=True, slots=True)
class Heterogeneity:
    """Whether effects differ from member to member in the way a score says.

    Attributes
    ----------
    slope : Interval
        Regression of the effect on the score [1]_: 1 where the score is right, 0 where it says nothing.
    slope_p_value : float
        One-sided.

    References
    ----------
    .. [1] Chernozhukov, Demirer, Duflo and Fernández-Val (2025), Econometrica 93, on the best linear predictor.
    """

    slope: Interval
    slope_p_value: float


def heterogeneity(scores: ArrayLike, effect_scores: ArrayLike, level: float = 0.95) -> Heterogeneity:
    """Regress doubly robust effect scores, shape (n,), on a score learned from other rows; robust standard errors."""
    x, g = as_vector("scores", scores), as_vector("effect_scores", effect_scores)
    if len(x) != len(g) or len(x) < 3:
        raise InvalidInput(f"scores has {len(x)} entries, effect_scores has {len(g)}; both need three or more.")
    away = x - x.mean()
    size = float(away @ away)
    if size <= 1e-18 * len(x):
        return Heterogeneity(Interval(0.0, float("-inf"), float("inf"), checked_level(level)), 1.0)
    slope = float(away @ g) / size
    left = g - g.mean() - slope * away
    error = float(np.sqrt(((away * left) ** 2).sum())) / size
    half = -float(ndtri((1 - checked_level(level)) / 2)) * error
    return Heterogeneity(Interval(slope, slope - half, slope + half, level), float(norm.sf(slope / error)))


def policy_value(
    effect_scores: ArrayLike, treat: ArrayLike, against: ArrayLike | float = 0.0, level: float = 0.95
) -> Interval:
    """Return what a policy yields per member beyond another one, judged on a trial it has not seen.

    Parameters
    ----------
    effect_scores : array of shape (n,)
        Doubly robust or inverse-propensity scores, less the cost of treating one member.
    treat, against : arrays of shape (n,), or a number for all
        Chance with which each policy treats each member, in [0, 1]: 0.5 for all is a random half; 0 treats nobody.
    """
    g, chosen = as_vector("effect_scores", effect_scores), as_vector("treat", treat)
    other = np.broadcast_to(np.asarray(against, dtype=np.float64), chosen.shape)
    if len(g) != len(chosen) or len(g) < 2:
        raise InvalidInput(f"effect_scores has {len(g)} entries, treat has {len(chosen)}; both need two or more.")
    if min(chosen.min(), other.min()) < 0 or max(chosen.max(), other.max()) > 1:
        raise InvalidInput("A policy treats with chances between 0 and 1.")
    each = (chosen - other) * g
    half = -float(ndtri((1 - checked_level(level)) / 2)) * float(each.std(ddof=1)) / len(each) ** 0.5
    mean = float(each.mean())
    return Interval(mean, mean - half, mean + half, level)


def checked_trial(y: ArrayLike, treatment: ArrayLike, score: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return outcome, arm and score as floats, equally long, both arms present."""
    outcome, treated = as_vector("y", y), as_binary("treatment", treatment).astype(np.float64)
    scores = as_vector("score", score)
    if not len(outcome) == len(treated) == len(scores):
        raise InvalidInput(f"y has {len(outcome)} entries, treatment has {len(treated)}, score has {len(scores)}.")
    if not len(treated) or treated.min() == treated.max():
        raise InvalidInput("A trial needs members who were treated and members who were not.")
    return outcome, treated, scores
