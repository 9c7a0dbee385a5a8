"""Estimates with an interval around them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri
from scipy.stats import t as student

from gongbi.errors import InvalidInput
from gongbi.estimators.checks import FloatArray, as_vector, as_vectors, checked_level, refuse_where

# A resample may miss a class or a group; more of these than one in twenty and the interval would mislead.
TOLERATED_ABSENT = 0.05


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and the range that holds the truth in a share `level` of studies like this one.

    The estimate is NaN where there was nothing to estimate from.
    """

    estimate: float
    low: float
    high: float
    level: float

    def __str__(self) -> str:
        return f"{self.estimate:.4g} ({self.level:.0%}: {self.low:.4g} to {self.high:.4g})"


def wilson_interval(successes: float, trials: float, level: float = 0.95) -> Interval:
    """Return a rate with Wilson's score interval, which stays within [0, 1] [1]_.

    Without trials nothing is known: the estimate is NaN and the interval [0, 1].

    Raises
    ------
    InvalidInput
        When there are more successes than trials, or a negative number of either.

    References
    ----------
    .. [1] Wilson (1927), JASA 22; recommended by Brown, Cai and DasGupta (2001), Statistical Science 16(2).
    """
    low, high = wilson_bounds([successes], [trials], level)
    return Interval(successes / trials if trials else float("nan"), float(low[0]), float(high[0]), level)


def wilson_bounds(successes: ArrayLike, trials: ArrayLike, level: float = 0.95) -> tuple[FloatArray, FloatArray]:
    """Return the lower and upper Wilson bounds for arrays of counts; see `wilson_interval`."""
    s, n = as_vectors(successes=successes, trials=trials)
    refuse_where((s < 0) | (n < 0), "counts must not be negative")
    refuse_where(s > n, "there are more successes than trials")
    z = -float(ndtri((1 - checked_level(level)) / 2))
    some = np.maximum(n, 1e-300)
    rate = np.clip(s / some, 0, 1)
    centre = (s + z * z / 2) / (n + z * z)
    half = z * np.sqrt(n * rate * (1 - rate) + z * z / 4) / (n + z * z)
    # At the ends the bound is exactly 0 or 1; the subtraction would leave a rounding error.
    low = np.where(s == 0, 0.0, np.clip(centre - half, 0, 1))
    high = np.where(s == n, 1.0, np.clip(centre + half, 0, 1))
    return low, high


def difference_interval(a: ArrayLike, b: ArrayLike, level: float = 0.95) -> Interval:
    """Return mean(a) - mean(b) with Welch's interval, which lets the variances differ [1]_.

    Raises
    ------
    InvalidInput
        When either side has fewer than two values.

    References
    ----------
    .. [1] Welch (1947), Biometrika 34.
    """
    left, right = as_vector("a", a), as_vector("b", b)
    if min(len(left), len(right)) < 2:
        raise InvalidInput(f"Each side needs two values or more; a has {len(left)}, b has {len(right)}.")
    difference = float(left.mean() - right.mean())
    parts = np.array([left.var(ddof=1) / len(left), right.var(ddof=1) / len(right)])
    variance = float(parts.sum())
    if variance == 0:
        return Interval(difference, difference, difference, checked_level(level))
    # The shares keep tiny variances from underflowing when squared.
    shares = parts / variance
    freedom = 1 / float((shares**2 / np.array([len(left) - 1, len(right) - 1])).sum())
    half = float(student.ppf((1 + checked_level(level)) / 2, freedom)) * variance**0.5
    return Interval(difference, difference - half, difference + half, level)


def bootstrap_interval(
    statistic: Callable[..., float],
    *arrays: ArrayLike,
    seed: int,
    level: float = 0.95,
    resamples: int = 2000,
) -> Interval:
    """Return a statistic with a percentile bootstrap interval [1]_.

    Parameters
    ----------
    statistic : callable
        Takes the arrays and returns a number; NaN where it is undefined.
    *arrays : array-like
        Equally long; rows are drawn together, with replacement.
    seed : int
        The same seed gives the same interval.
    level, resamples
        Confidence level, and how often to draw.

    Raises
    ------
    InvalidInput
        When the arrays are empty or unequal, or the statistic is undefined in more than one draw of twenty.

    References
    ----------
    .. [1] Efron and Tibshirani (1993), An Introduction to the Bootstrap, section 13.3.
    """
    columns = [np.asarray(array) for array in arrays]
    lengths = {len(column) for column in columns}
    if len(lengths) != 1 or 0 in lengths:
        raise InvalidInput(f"bootstrap_interval needs equally long arrays with a row at least, not {sorted(lengths)}.")
    (rows,) = lengths
    rng = np.random.default_rng(seed)
    drawn = np.empty(resamples)
    for i in range(resamples):
        pick = rng.integers(0, rows, rows)
        drawn[i] = statistic(*(column[pick] for column in columns))
    return percentile_interval(float(statistic(*columns)), drawn, level)


def percentile_interval(estimate: float, drawn: NDArray[np.float64], level: float) -> Interval:
    """Return the estimate between the percentiles of its bootstrap draws, leaving out undefined draws."""
    defined = drawn[~np.isnan(drawn)]
    if len(defined) < (1 - TOLERATED_ABSENT) * len(drawn) or not len(defined):
        raise InvalidInput(
            f"The statistic is undefined in {len(drawn) - len(defined)} of {len(drawn)} resamples.",
            hint="There are too few rows, or too few of one kind, for a bootstrap interval.",
        )
    tail = (1 - checked_level(level)) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return Interval(estimate, float(low), float(high), level)
