"""How well a score puts the responders first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri
from scipy.stats import rankdata

from gongbi.errors import InvalidInput
from gongbi.estimators.checks import FloatArray, IntArray, as_binary, as_vector, checked_level
from gongbi.estimators.stats.intervals import Interval


def auc(y: ArrayLike, score: ArrayLike) -> float:
    """Return how often a responder scores above a non-responder, ties counting half: the area under the ROC curve.

    The Mann-Whitney statistic over the number of pairs, from mid-ranks [1]_.

    Raises
    ------
    InvalidInput
        When all outcomes are the same: then there is no pair to compare.

    References
    ----------
    .. [1] Hanley and McNeil (1982), Radiology 143.
    """
    yes, scores = _checked(y, score)
    positives = int(yes.sum())
    rank_sum = float(rankdata(scores)[yes].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * (len(yes) - positives))


def auc_interval(y: ArrayLike, score: ArrayLike, level: float = 0.95) -> Interval:
    """Return the AUC with DeLong's interval, cut at 0 and 1 [1]_.

    It is too narrow where the score separates the classes (almost) completely: at an AUC of exactly 1 its width is 0.

    Raises
    ------
    InvalidInput
        When there are fewer than two responders or two non-responders.

    References
    ----------
    .. [1] DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44. Computed by mid-ranks as in Sun and Xu (2014),
       IEEE Signal Processing Letters 21(11).
    """
    yes, scores = _checked(y, score, at_least=2)
    areas, covariance = _delong(yes, scores[None, :])
    half = -float(ndtri((1 - checked_level(level)) / 2)) * float(np.sqrt(covariance[0, 0]))
    area = float(areas[0])
    return Interval(area, max(0.0, area - half), min(1.0, area + half), level)


def auc_difference_interval(y: ArrayLike, score_a: ArrayLike, score_b: ArrayLike, level: float = 0.95) -> Interval:
    """Return AUC(a) - AUC(b) of two scores for the same rows, with DeLong's paired interval; see `auc_interval`."""
    yes, a = _checked(y, score_a, at_least=2)
    _, b = _checked(y, score_b, at_least=2)
    areas, covariance = _delong(yes, np.stack([a, b]))
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    half = -float(ndtri((1 - checked_level(level)) / 2)) * float(np.sqrt(max(0.0, variance)))
    difference = float(areas[0] - areas[1])
    return Interval(difference, difference - half, difference + half, level)


def _delong(yes: NDArray[np.bool_], scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the AUC of each row of scores, shape (k,), and their covariance, shape (k, k)."""
    m, n = int(yes.sum()), int((~yes).sum())
    over_all = rankdata(scores, axis=1)
    # For every responder, the share of non-responders below it; for every non-responder, of responders above it.
    placed_yes = (over_all[:, yes] - rankdata(scores[:, yes], axis=1)) / n
    placed_no = 1 - (over_all[:, ~yes] - rankdata(scores[:, ~yes], axis=1)) / m
    covariance = np.atleast_2d(np.cov(placed_yes)) / m + np.atleast_2d(np.cov(placed_no)) / n
    return placed_yes.mean(axis=1), covariance


@dataclass(frozen=True, slots=True)
class LiftTable:
    """The population from best score to worst, in groups of about equal size; one entry per group.

    Attributes
    ----------
    size : ndarray of int
        Members of the group.
    responders : ndarray of float
        How many responded. Not a whole number where members with equal scores fall into two groups: they share.
    rate, lift : ndarray of float
        Response rate of the group, and over the rate of everybody.
    share_reached, gain : ndarray of float
        Share of the population, and of the responders, in this group and those before it.
    cumulative_lift : ndarray of float
        ``gain / share_reached``.
    """

    size: IntArray
    responders: FloatArray
    rate: FloatArray
    lift: FloatArray
    share_reached: FloatArray
    gain: FloatArray
    cumulative_lift: FloatArray


def lift_table(y: ArrayLike, score: ArrayLike, bins: int = 10) -> LiftTable:
    """Return response by group of score, best first, and what a campaign that stops after each group would reach.

    Members with equal scores are interchangeable, so each counts as their mean outcome: the table does not depend
    on the order of the rows.

    Raises
    ------
    InvalidInput
        When nobody or everybody responded, or there are fewer members than groups.
    """
    yes, scores = _checked(y, score)
    if not 1 <= bins <= len(yes):
        raise InvalidInput(f"{len(yes)} members cannot be put into {bins} groups.")
    _, tied = np.unique(-scores, return_inverse=True)
    shared = (np.bincount(tied, weights=yes) / np.bincount(tied))[tied]
    best_first = np.argsort(-scores, kind="stable")
    ends = np.round(np.arange(1, bins + 1) * len(yes) / bins).astype(np.int64)
    size = np.diff(ends, prepend=0)
    reached = np.cumsum(shared[best_first])[ends - 1]
    responders = np.diff(reached, prepend=0.0)
    overall = float(yes.mean())
    share, gain = ends / len(yes), reached / yes.sum()
    return LiftTable(size, responders, responders / size, responders / size / overall, share, gain, gain / share)


def _checked(y: ArrayLike, score: ArrayLike, at_least: int = 1) -> tuple[NDArray[np.bool_], FloatArray]:
    yes, scores = as_binary("y", y), as_vector("score", score)
    if len(yes) != len(scores):
        raise InvalidInput(f"y has {len(yes)} entries, score has {len(scores)}.")
    rarer = min(int(yes.sum()), int((~yes).sum()))
    if rarer < at_least:
        raise InvalidInput(
            f"{int(yes.sum())} of {len(yes)} outcomes are positive; at least {at_least} of each kind are needed."
        )
    return yes, scores
