"""Whether predicted probabilities come true as often as they say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gongbi.errors import InvalidInput
from gongbi.estimators.checks import FloatArray, IntArray, as_binary, as_vector, refuse_where
from gongbi.estimators.stats.intervals import wilson_bounds
from gongbi.estimators.stats.matching import quantile_bins


@dataclass(frozen=True, slots=True)
class CalibrationTable:
    """Predicted against observed, one entry per bin from the smallest prediction to the largest.

    Attributes
    ----------
    size : ndarray of int
        Members of the bin.
    predicted, observed : ndarray of float
        Mean predicted probability, and share of members with the outcome.
    low, high : ndarray of float
        Wilson interval of the observed share.
    level : float
        Confidence level of those.
    expected_calibration_error : float
        Mean distance between predicted and observed, weighted by size [1]_. It depends on the bins.

    References
    ----------
    .. [1] Naeini, Cooper and Hauskrecht (2015), AAAI.
    """

    size: IntArray
    predicted: FloatArray
    observed: FloatArray
    low: FloatArray
    high: FloatArray
    level: float
    expected_calibration_error: float


def calibration_table(y: ArrayLike, p: ArrayLike, bins: int = 10, level: float = 0.95) -> CalibrationTable:
    """Compare predicted probabilities with outcomes in bins of about equal size; equal predictions share a bin."""
    yes, chance = _checked(y, p)
    label = quantile_bins(chance, bins)
    size = np.bincount(label)
    hits = np.bincount(label, weights=yes)
    predicted, observed = np.bincount(label, weights=chance) / size, hits / size
    low, high = wilson_bounds(hits, size, level)
    error = float(size @ np.abs(predicted - observed) / size.sum())
    return CalibrationTable(size, predicted, observed, low, high, level, error)


def brier(y: ArrayLike, p: ArrayLike) -> float:
    """Return the mean squared distance between probability and outcome, 0 (best) to 1 (Brier 1950)."""
    yes, chance = _checked(y, p)
    return float(np.mean((chance - yes) ** 2))


def _checked(y: ArrayLike, p: ArrayLike) -> tuple[NDArray[np.bool_], FloatArray]:
    yes, chance = as_binary("y", y), as_vector("p", p)
    if len(yes) != len(chance) or not len(yes):
        raise InvalidInput(
            f"y and p must be equally long and not empty; they have {len(yes)} and {len(chance)} entries."
        )
    refuse_where((chance < 0) | (chance > 1), "p must be probabilities, between 0 and 1")
    return yes, chance
