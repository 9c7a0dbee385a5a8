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
        before, size = table[now - past : now], full[now - past : now]
        if size.sum() <= 0 or full[now] <= 0:
            continue
        rate = before.sum(axis=0) / size.sum()
        usual = size[:, None] * rate
        varied = ((before - usual) ** 2 / np.maximum(usual, 1e-12)).sum(axis=0) / (past - 1)
        spread = np.maximum(np.where(rate > 0, varied, 1), 1)
        # Counts are read on the scale on which they would vary by chance.
        shape, exposure = (before.sum(axis=0) + 0.5) / spread, size.sum()
        expected[now] = full[now] * rate
        seen = np.ceil(table[now] / spread)
        chance[now] = np.where(table[now] > 0, nbinom.sf(seen - 1, shape, exposure / (exposure + full[now])), 1)
    tested = chance[past:].ravel()
    order = np.argsort(tested, kind="stable")
    passed = np.flatnonzero(tested[order] <= false_share * np.arange(1, len(order) + 1) / len(order))
    limit = tested[order[passed[-1]]] if len(passed) else -1.0
    period, topic = np.nonzero((chance <= limit) & (table >= fewest) & (table > expected))
    best = np.argsort(chance[period, topic], kind="stable")
    period, topic = period[best], topic[best]
    at = (period, topic)
    return Bursts(period, topic, table[at].astype(np.int64), expected[at], chance[at], len(tested))
