"""What is being said more often than its own past would have it: hot topics and early warnings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import nbinom

from gongbi.errors import InvalidInput
from gongbi.estimators.checks import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Bursts:
    """Topics that rose beyond chance, the surest first; arrays of equal length.

    Attributes
    ----------
    period, topic
        Places in the table of counts.
    seen, expected
        Texts of the topic, and how many its past and the texts of this period lead one to expect.
    chance
        Chance to see so many or more, were nothing new.
    tested
        How many topics and periods were looked at in all.
    """

    period: IntArray
    topic: IntArray
    seen: IntArray
    expected: FloatArray
    chance: FloatArray
    tested: int


def bursts(
    counts: ArrayLike, totals: ArrayLike | None = None, *, past: int = 8, false_share: float = 0.05, fewest: int = 5
) -> Bursts:
    """Find the topics and periods with more texts than the topic's own past explains.

    The share of a topic among all texts of the `past` periods before is a rate with its uncertainty (a gamma
    posterior), and the count of the next period then is negative binomial. Where a topic has varied more than by
    chance, its past counts for less, by the ratio of the two variances. Of all that is shown, about `false_share` is
    expected to be nothing new (Benjamini and Hochberg [1]_); a single topic watched alone may be held to its `chance`
    instead.

    Parameters
    ----------
    counts : array of shape (n_periods, n_topics)
        Texts of each topic in each day or week, in order of time.
    totals : array of shape (n_periods,), optional
        All texts of each period; without it periods are taken as equally full.
    past : int, default=8
        Periods that a topic is compared with; the first so many are not tested.
    false_share : float, default=0.05
        Expected share of false alarms among the alarms.
    fewest : int, default=5
        A topic of fewer texts in a period is no alarm.

    References
    ----------
    .. [1] Benjamini and Hochberg (1995), Controlling the False Discovery Rate, Journal of the Royal Statistical
       Society B 57.
    """
    table = np.asarray(counts, dtype=np.float64)
    if table.ndim != 2 or not np.isfinite(table).all() or (table < 0).any():
        raise InvalidInput("counts is a table of periods and topics, each number 0 or more.")
    full = np.ones(len(table)) if totals is None else np.asarray(totals, dtype=np.float64)
    if full.shape != (len(table),) or not (full >= 0).all():
        raise InvalidInput(f"There are {len(table)} periods and totals of shape {full.shape}.")
    if past < 2 or not 0 < false_share < 1:
        raise InvalidInput(f"past is 2 or more and false_share between 0 and 1, not {past} and {false_share}.")
    if len(table) <= past:
        raise InvalidInput(f"{len(table)} periods are too few to compare one with {past} before it.")
    expected, chance = np.zeros_like(table), np.ones_like(table)
    for now in range(past, len(table)):
        before = table[now - past : now]
        if full[now - past : now].sum() <= 0 or full[now] <= 0:
            continue
        usual = _Usual.of(before, full[now - past : now], full[now])
        expected[now] = usual.expected
        chance[now] = np.where(table[now] > 0, usual.chance(table[now]), 1)
    tested = chance[past:].ravel()
    order = np.argsort(tested, kind="stable")
    passed = np.flatnonzero(tested[order] <= false_share * np.arange(1, len(order) + 1) / len(order))
    limit = tested[order[passed[-1]]] if len(passed) else -1.0
    period, topic = np.nonzero((chance <= limit) & (table >= fewest) & (table > expected))
    best = np.argsort(chance[period, topic], kind="stable")
    period, topic = period[best], topic[best]
    at = (period, topic)
    return Bursts(period, topic, table[at].astype(np.int64), expected[at], chance[at], len(tested))


def warning_levels(
    counts: ArrayLike, totals: ArrayLike, *, full: float | None = None, chance: float = 0.001, fewest: int = 5
) -> IntArray:
    """Return from how many texts on each topic is an early warning in the period to come, shape (n_topics,).

    Parameters
    ----------
    counts, totals
        The periods that count as the past, as for `bursts`.
    full : float, optional
        Texts expected in that period; the mean of the past where it is not given.
    chance : float, default=0.001
        Chance that a topic alone reaches its level were nothing new.
    fewest : int, default=5
        No level is below.
    """
    table, size = np.asarray(counts, dtype=np.float64), np.asarray(totals, dtype=np.float64)
    if table.ndim != 2 or len(table) < 2 or size.shape != (len(table),) or not 0 < chance < 1:
        raise InvalidInput("Levels need counts of two periods or more, their totals, and a chance between 0 and 1.")
    if size.sum() <= 0:
        return np.full(table.shape[1], fewest, dtype=np.int64)
    usual = _Usual.of(table, size, float(size.mean()) if full is None else full)
    return np.maximum(usual.level(chance), fewest)


@dataclass(frozen=True, slots=True)
class _Usual:
    """How many texts the past of each topic leads one to expect in a period, and how surely."""

    expected: FloatArray
    spread: FloatArray
    shape: FloatArray
    share: float

    @classmethod
    def of(cls, before: FloatArray, size: FloatArray, full: float) -> _Usual:
        rate = before.sum(axis=0) / size.sum()
        usual = size[:, None] * rate
        varied = ((before - usual) ** 2 / np.maximum(usual, 1e-12)).sum(axis=0) / (len(before) - 1)
        # Counts are read on the scale on which they would vary by chance.
        spread = np.maximum(np.where(rate > 0, varied, 1), 1)
        exposure = float(size.sum())
        return cls(full * rate, spread, (before.sum(axis=0) + 0.5) / spread, exposure / (exposure + full))

    def chance(self, seen: FloatArray) -> FloatArray:
        """Chance of so many texts or more."""
        found: FloatArray = nbinom.sf(np.ceil(seen / self.spread) - 1, self.shape, self.share)
        return found

    def level(self, chance: float) -> IntArray:
        """The least number of texts whose chance is at most so much."""
        most = nbinom.isf(chance, self.shape, self.share)
        # Just above `most` steps of the scale: the first count that is read as one step more.
        level: IntArray = (np.floor(most * self.spread) + 1).astype(np.int64)
        return level
