"""Whether a chance rises or falls between two instants, beyond what it wobbles anyway."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit

from gongbi.errors import InvalidInput
from gongbi.estimators.checks import FloatArray, as_vectors, refuse_where

RISING, STEADY, FALLING = 1, 0, -1
#: The standard deviation of a normal variable over its median absolute deviation.
_NORMAL = 1.4826
#: A change of the odds by less than a tenth is steady however little the scores wobble.
LEAST_BAND = 0.1
#: Chances are taken to be at least so far from 0 and from 1.
LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class ScoreTrend:
    """Direction of every member's chance.

    Attributes
    ----------
    direction : ndarray of int, shape (n,)
        1 rising, -1 falling, 0 within the band.
    change : ndarray of float, shape (n,)
        Of the log-odds, later less earlier, less the shift.
    shift : float
        By how much everybody's log-odds moved (the median): season or the campaign, not the member. 0 where it is kept.
    band : float
        Half the width of what counts as noise, in log-odds.
    """

    direction: NDArray[np.int64]
    change: FloatArray
    shift: float
    band: float


def score_trend(
    before: ArrayLike,
    after: ArrayLike,
    *,
    width: float = 2.0,
    band: float | None = None,
    keep_shift: bool = False,
) -> ScoreTrend:
    """Compare two chances of the same members, by one model at two instants.

    The noise is learned from the changes themselves: most members change little, and the median absolute deviation of
    their log-odds is what a score wobbles by, whatever the few who really changed did [1]_. A change is one of
    direction where it is beyond `width` such standard deviations from the common shift.

    Parameters
    ----------
    before, after : array of shape (n,)
        Chances, strictly between 0 and 1 but for rounding.
    width : float, default=2
        Standard deviations of the wobble.
    band : float, optional
        Half the band in log-odds where it is known, for instance from scores a day apart; then nothing is learned.
    keep_shift : bool, default=False
        Also what everybody's score did counts as a change.

    References
    ----------
    .. [1] Rousseeuw and Croux (1993), Alternatives to the Median Absolute Deviation, JASA 88.
    """
    a, b = as_vectors(before=before, after=after)
    refuse_where((a < 0) | (a > 1) | (b < 0) | (b > 1), "chances lie between 0 and 1")
    if width <= 0 or (band is not None and band < 0):
        raise InvalidInput(f"The band of a trend is wider than nothing, not {width if band is None else band}.")
    moved: FloatArray = logit(np.clip(b, LEAST, 1 - LEAST)) - logit(np.clip(a, LEAST, 1 - LEAST))
    shift, learned = shift_and_band(moved, width=width)
    shift, band = 0.0 if keep_shift else shift, learned if band is None else band
    change = moved - shift
    direction = np.where(change > band, RISING, np.where(change < -band, FALLING, STEADY))
    return ScoreTrend(direction.astype(np.int64), change, shift, band)


def shift_and_band(moved: ArrayLike, counts: ArrayLike | None = None, *, width: float = 2.0) -> tuple[float, float]:
    """By how much everybody's log-odds moved, and half the band around it that is noise; see `score_trend`.

    Parameters
    ----------
    moved : array of shape (n,)
        Changes of log-odds.
    counts : array of int, shape (n,), optional
        How many members moved by each; one where it is not given.
    width : float, default=2
        As of `score_trend`.
    """
    values = np.asarray(moved, dtype=np.float64)
    weights = np.ones(len(values), dtype=np.int64) if counts is None else np.asarray(counts, dtype=np.int64)
    if not weights.sum():
        return 0.0, LEAST_BAND
    shift = _median(values, weights)
    return shift, max(width * _NORMAL * _median(np.abs(values - shift), weights), LEAST_BAND)


def _median(values: FloatArray, counts: NDArray[np.int64]) -> float:
    """The median of values that each stand so many times; the mean of the middle two where they are two."""
    order = np.argsort(values, kind="stable")
    upto = np.cumsum(counts[order])
    middle = np.searchsorted(upto, [(upto[-1] - 1) // 2, upto[-1] // 2], side="right")
    return float(values[order][middle].mean())
