"""When somebody's life changed, told by what they buy since: the chance that it did, and from which day on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit, gammaln, log_softmax
from sklearn.base import BaseEstimator

from gongbi.errors import InvalidInput, NotFitted
from gongbi.estimators.checks import FloatArray, IntArray, as_binary

#: Of what `to_json` writes.
FORMAT = 1
#: So many customers tell the shares as well as all do.
MOST_LEARNED = 3_000
#: Fewer customers with a sign say nothing of an event.
FEWEST = 20
#: Where the search begins: logit of the usual share, log of its size, logit of the rise, log of the size after, and
#: how much likelier no event is than one in the data, and than one before them.
START = (-4.0, 3.0, -2.0, 1.5, 2.0, 3.0)
BOUNDS = ((-9, 3), (0, 8), (-5, 4), (0, 8), (-2, 8), (-2, 8))


@dataclass(frozen=True)
class LifeEvents:
    """What is told of each customer; arrays of shape (n_customers,).

    Attributes
    ----------
    customer
        Who, rising.
    chance, seen
        That the event has come, and that it came within the days that are known.
    day, low, high
        The likeliest first day after it, if it came within them, with bounds that hold it with a chance of 80 %.
    rate
        The share of coming days that is expected to bear a sign.
    """

    customer: IntArray
    chance: FloatArray
    seen: FloatArray
    day: FloatArray
    low: FloatArray
    high: FloatArray
    rate: FloatArray


class LifeEventModel(BaseEstimator):  # type: ignore[misc]
    r"""One lasting change per customer in how often a day with purchases bears a sign, such as diapers.

    A customer has had no event, had it before the first day, or has it between two days, any as likely as the other
    [1]_. Without it each day bears a sign with a chance of their own, drawn from a beta distribution; after it with
    another one, drawn from a second beta distribution of higher mean. The shares of the three kinds and both
    distributions are those under which all days are the likeliest (empirical Bayes).

    Parameters
    ----------
    seed : int, default=0
        Says which customers are learned from where there are more than 3,000.

    Attributes
    ----------
    usual_, after_ : tuple of two floats
        Parameters of the two beta distributions.
    shares_ : ndarray of shape (3,)
        Of customers with no event, with one in the data, with one before them.
    log_likelihood_ : float
        Of the days learned from.

    References
    ----------
    .. [1] Carlin, Gelfand and Smith (1992), Hierarchical Bayesian Analysis of Changepoint Problems, Applied Statistics
       41(2).
    """

    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, customer: ArrayLike, day: ArrayLike, sign: ArrayLike) -> Self:
        """Learn from arrays of shape (n,): one row per customer and day with a purchase, and whether it bore a sign.

        Raises
        ------
        InvalidInput
            Fewer than 20 customers had a sign, or the arrays do not fit.
        """
        days = _Days.of(customer, day, sign)
        with_sign = int((days.total > 0).sum())
        if with_sign < FEWEST:
            raise InvalidInput(
                f"{with_sign} customers had a sign; {FEWEST} are the fewest that can be learned from.",
                hint="Name more signs, or load more of the past.",
            )
        if (days.total == days.length).all():
            raise InvalidInput(
                "Every day with a purchase bears a sign, so that no change is to be seen.",
                hint="Name signs that not everybody always buys.",
            )
        if len(days.length) > MOST_LEARNED:
            some = np.random.default_rng(self.seed).choice(len(days.length), MOST_LEARNED, replace=False)
            days = days.only(np.sort(some))

        def loss(given: FloatArray) -> float:
            return -float(days.weigh(*_read(given)).total.sum())

        found = minimize(loss, np.array(START), method="L-BFGS-B", bounds=BOUNDS)
        self.usual_, self.after_, shares = _read(found.x)
        self.shares_ = np.exp(shares)
        self.log_likelihood_ = -float(found.fun)
        return self

    def predict(self, customer: ArrayLike, day: ArrayLike, sign: ArrayLike) -> LifeEvents:
        """Tell of each customer what their own days say; the arrays are as of `fit`."""
        if not hasattr(self, "shares_"):
            raise NotFitted(self)
        days = _Days.of(customer, day, sign)
        told = days.weigh(self.usual_, self.after_, np.log(self.shares_))
        by_day = np.exp(told.by_day - told.total[days.owner])
        none, seen, before = (np.exp(told.kinds - told.total[:, None])[:, i] for i in range(3))
        summed = np.cumsum(by_day)
        # Within each customer: the share of the chance up to each day.
        upto = summed - (summed - by_day)[days.first][days.owner]
        upto = summed - (summed - by_day)[days.first][days.owner]
        share = upto / np.maximum(upto[days.last], 1e-300)[days.owner]
        # Whoever has one day only has nothing between two; the day stands for all bounds.
        share[days.last] = 1.0
        (a, b), (c, d) = self.usual_, self.after_
        after = by_day * (days.signs_after + c) / (days.days_after + c + d)
        rate = none * (days.total + a) / (days.length + a + b) + before * (days.total + c) / (days.length + c + d)
        return LifeEvents(
            days.customer,
            np.clip(1 - none, 0.0, 1.0),
            seen,
            days.day[_first_where(by_day == np.maximum.reduceat(by_day, days.first)[days.owner], days.owner)],
            days.day[_first_where(share >= 0.1, days.owner)],
            days.day[_first_where(share >= 0.9, days.owner)],
            rate + np.add.reduceat(after, days.first),
        )

    def to_json(self) -> dict[str, Any]:
        """Return what it learned, as JSON data, and nothing of the rows."""
        if not hasattr(self, "shares_"):
            raise NotFitted(self)
        own = {"usual": list(self.usual_), "after": list(self.after_), "shares": self.shares_.tolist()}
        return {"format": FORMAT, **own, "log_likelihood": self.log_likelihood_}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the model that `to_json` wrote down; it tells what that one told."""
        if data.get("format") != FORMAT:
            raise InvalidInput(f"The model was written in format {data.get('format')}; this is {FORMAT}.")
        self = cls()
        (a, b), (c, d) = data["usual"], data["after"]
        self.usual_, self.after_ = (float(a), float(b)), (float(c), float(d))
        self.shares_, self.log_likelihood_ = np.asarray(data["shares"]), float(data["log_likelihood"])
        return self


Beta = tuple[float, float]


@dataclass(frozen=True)
class _Weighed:
    """Logarithms of likelihoods: of each day as the first after the event, of the three kinds, and of the customer."""

    by_day: FloatArray
    kinds: FloatArray
    total: FloatArray


@dataclass(frozen=True)
class _Days:
    """Days in the order of customers and time, with how many days, and signs, are before each and from it on."""

    customer: IntArray
    day: FloatArray
    sign: NDArray[np.bool_]
    owner: IntArray
    first: IntArray
    last: IntArray
    length: IntArray
    total: IntArray
    days_before: IntArray
    signs_before: IntArray

    @classmethod
    def of(cls, customer: ArrayLike, day: ArrayLike, sign: ArrayLike) -> Self:
        who, when, marked = np.asarray(customer), np.asarray(day, dtype=np.float64), as_binary("sign", sign)
        if not len(who) == len(when) == len(marked):
            raise InvalidInput(f"There are {len(who)} customers, {len(when)} days and {len(marked)} signs.")
        if not len(who):
            raise InvalidInput("There are no days with a purchase.")
        order = np.lexsort((when, who))
        names, owner, length = np.unique(who[order], return_inverse=True, return_counts=True)
        first = np.concatenate([[0], np.cumsum(length)[:-1]])
        marks = marked[order]
        before: IntArray = np.cumsum(marks) - marks
        return cls(
            names,
            when[order],
            marks,
            owner,
            first,
            first + length - 1,
            length,
            np.add.reduceat(marks.astype(np.int64), first),
            np.arange(len(who)) - first[owner],
            before - before[first][owner],
        )

    @property
    def days_after(self) -> IntArray:
        return self.length[self.owner] - self.days_before

    @property
    def signs_after(self) -> IntArray:
        return self.total[self.owner] - self.signs_before

    def only(self, customers: IntArray) -> _Days:
        """Those of some customers, by their places."""
        rows = np.isin(self.owner, customers)
        return _Days.of(self.owner[rows], self.day[rows], self.sign[rows])

    def weigh(self, usual: Beta, after: Beta, shares: FloatArray) -> _Weighed:
        """How likely all days are under each kind, and under each first day after the event."""
        most = int(self.length.max())
        was, came = _table(*usual, most), _table(*after, most)
        none = shares[0] + was(self.total, self.length)
        before = shares[2] + came(self.total, self.length)
        by_day = was(self.signs_before, self.days_before) + came(self.signs_after, self.days_after)
        # As likely between any two days; on the first one it would be before the data.
        by_day = by_day + shares[1] - np.log(np.maximum(self.length - 1, 1))[self.owner]
        by_day[self.first] = -np.inf
        top = np.maximum(np.maximum.reduceat(by_day, self.first), -1e300)
        within = np.exp(by_day - top[self.owner])
        with np.errstate(divide="ignore"):
            seen = top + np.log(np.add.reduceat(within, self.first))
        kinds = np.stack([none, seen, before], axis=1)
        return _Weighed(by_day, kinds, np.logaddexp.reduce(kinds, axis=1))


def _table(a: float, b: float, most: int) -> Any:
    """Log-likelihood of so many signs in so many days, in their order, by a chance drawn from a beta distribution.

    Counts are whole numbers, so that three tables of logarithms serve all days.
    """
    n = np.arange(most + 1)
    yes, no, both = (gammaln(x + n) - gammaln(x) for x in (a, b, a + b))
    return lambda signs, days: yes[signs] + no[days - signs] - both[days]


def _read(given: FloatArray) -> tuple[Beta, Beta, FloatArray]:
    """Both beta distributions, the second of higher mean, and the logarithms of the shares of the three kinds."""
    usual = expit(given[0])
    after = usual + (1 - usual) * expit(given[2])
    sizes = np.exp(given[1]), np.exp(given[3])
    shares: FloatArray = log_softmax([0.0, -given[4], -given[5]])
    return (
        (float(usual * sizes[0]), float((1 - usual) * sizes[0])),
        (float(after * sizes[1]), float((1 - after) * sizes[1])),
        shares,
    )


def _first_where(true: NDArray[np.bool_], owner: IntArray) -> IntArray:
    """The first place of each owner where it is true; each has one."""
    places = np.flatnonzero(true)
    found: IntArray = places[np.unique(owner[places], return_index=True)[1]]
    return found
