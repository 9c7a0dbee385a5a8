"""From a list of purchases to histories as of an instant, and what a model of them is held to afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from gongbi.errors import InvalidInput
from gongbi.estimators.checks import FloatArray, IntArray, as_groups, as_vector, refuse_where
from gongbi.estimators.histories import PurchaseModel

#: Histories are in weeks, days in days.
WEEK = 7.0


@dataclass(frozen=True)
class PurchaseHistories:
    """What is known of customers at an instant, one entry per customer who had bought by then.

    ``customer`` is the number of each in the log; ``recency`` and ``age`` (T of the models) are weeks since the first
    purchase; ``mean_spend`` is that of repeat purchases, 0 where there is none; ``spend`` is of all purchases.
    """

    customer: IntArray
    frequency: FloatArray
    recency: FloatArray
    age: FloatArray
    mean_spend: FloatArray
    spend: FloatArray

    def past(self, rows: Any = slice(None)) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Frequency, recency and T, as models take them."""
        return self.frequency[rows], self.recency[rows], self.age[rows]


@dataclass(frozen=True)
class PurchaseLog:
    """Purchases: one row per customer and day, in order. Days are whole numbers; spend is 0 where it is not known."""

    customer: IntArray
    day: FloatArray
    spend: FloatArray
    customers: int

    @classmethod
    def of(cls, customer: ArrayLike, day: ArrayLike, amount: ArrayLike | None = None) -> Self:
        """Unite what a customer buys on one day into one purchase; rows may come in any order.

        Parameters
        ----------
        customer
            Who; numbers or texts.
        day
            When, in days since any instant; the hour of the day is dropped.
        amount
            What it cost, in units of money, more than 0.
        """
        who = as_groups("customer", customer)
        days = np.floor(as_vector("day", day))
        money = np.zeros(len(days)) if amount is None else as_vector("amount", amount)
        if not len(days):
            raise InvalidInput("There are no purchases.")
        if not len(who) == len(days) == len(money):
            raise InvalidInput("Customers, days and amounts must be equally many.")
        refuse_where(money < 0, "A purchase must not cost less than nothing", hint="Leave out returns.")
        order = np.lexsort((days, who))
        who, days, money = who[order], days[order], money[order]
        first = np.ones(len(who), dtype=bool)
        first[1:] = (who[1:] != who[:-1]) | (days[1:] != days[:-1])
        return cls(who[first], days[first], np.add.reduceat(money, np.flatnonzero(first)), int(who.max()) + 1)

    def histories(self, cut: float) -> PurchaseHistories:
        """What is known at the end of the day `cut`."""
        seen = self.day <= cut
        who, day, spend = self.customer[seen], self.day[seen], self.spend[seen]
        if not len(who):
            raise InvalidInput("Nobody had bought by then.")
        starts = np.flatnonzero(np.r_[True, who[1:] != who[:-1]])
        ends = np.r_[starts[1:], len(who)] - 1
        frequency = (ends - starts).astype(np.float64)
        total = np.add.reduceat(spend, starts)
        again = np.divide(total - spend[starts], frequency, out=np.zeros(len(starts)), where=frequency > 0)
        return PurchaseHistories(
            who[starts],
            frequency,
            (day[ends] - day[starts]) / WEEK,
            (cut - day[starts]) / WEEK,
            again,
            total,
        )

    def between(self, start: float, end: float, customer: IntArray) -> tuple[FloatArray, FloatArray]:
        """Purchases of these customers and what they spent in the days after `start` up to `end`."""
        inside = (self.day > start) & (self.day <= end)
        who = self.customer[inside]
        count = np.bincount(who, minlength=self.customers).astype(np.float64)
        spend = np.bincount(who, weights=self.spend[inside], minlength=self.customers).astype(np.float64)
        return count[customer], spend[customer]

    def tracking(self, model: PurchaseModel, cut: float, *, step: float = WEEK) -> dict[str, FloatArray]:
        """Repeat purchases per step of time, as they were and as a model expects them of this cohort.

        Only customers whose first purchase lies at or before `cut` count, also afterwards: what is expected knows
        no more of them than that day.

        Returns
        -------
        dict of str to ndarray
            ``day``, the end of each step; ``actual`` and ``expected`` within it; ``actual_cumulative`` and
            ``expected_cumulative`` up to it. The model's unit of time is the week.
        """
        begin = np.full(self.customers, np.inf)
        np.minimum.at(begin, self.customer, self.day)
        born = begin[begin <= cut]
        mine = (begin[self.customer] <= cut) & (self.day > begin[self.customer])
        ends = np.arange(born.min() + step, self.day.max() + step, step)
        actual = np.searchsorted(np.sort(self.day[mine]), ends, side="right").astype(np.float64)
        days, many = np.unique(born, return_counts=True)
        ages = np.maximum(ends[:, None] - days[None, :], 0) / WEEK
        expected = model.expected_purchases(ages) @ many
        return {
            "day": ends,
            "actual": np.diff(actual, prepend=0),
            "expected": np.diff(expected, prepend=0),
            "actual_cumulative": actual,
            "expected_cumulative": expected,
        }


def by_frequency(
    frequency: ArrayLike, expected: ArrayLike, actual: ArrayLike, *, most: int = 7
) -> dict[str, FloatArray]:
    """Mean purchases in a hold-out by how often customers bought before: expected, and as they were.

    Returns
    -------
    dict of str to ndarray
        ``frequency``, the last one standing for itself and all above; ``customers``; ``expected``, ``actual`` and
        ``standard_error`` of the latter. Groups without customers are left out.
    """
    group = np.minimum(np.asarray(frequency, dtype=np.int64), most)
    many = np.bincount(group, minlength=most + 1).astype(np.float64)
    kept = np.flatnonzero(many)
    seen, foretold = np.asarray(actual, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    mean = np.bincount(group, weights=seen, minlength=most + 1)[kept] / many[kept]
    spread = np.bincount(group, weights=(seen - mean[np.searchsorted(kept, group)]) ** 2, minlength=most + 1)[kept]
    return {
        "frequency": kept.astype(np.float64),
        "customers": many[kept],
        "expected": np.bincount(group, weights=foretold, minlength=most + 1)[kept] / many[kept],
        "actual": mean,
        "standard_error": np.sqrt(spread) / many[kept],
    }
