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
    moved: FloatArray = logit(np.clip(b, 1e-6, 1 - 1e-6)) - logit(np.clip(a, 1e-6, 1 - 1e-6))
    shift = 0.0 if keep_shift or not len(moved) else float(np.median(moved))
    change = moved - shift
    if band is None:
        wobble = _NORMAL * float(np.median(np.abs(change - np.median(change)))) if len(change) else 0.0
        band = max(width * wobble, LEAST_BAND)
    direction = np.where(change > band, RISING, np.where(change < -band, FALLING, STEADY))
    return ScoreTrend(direction.astype(np.int64), change, shift, band)
