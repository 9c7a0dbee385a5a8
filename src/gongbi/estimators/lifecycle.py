"""Where customers stand in their life with us, where they go from there, and what those who sleep are worth."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from gongbi.errors import InvalidInput, NotFitted, UnknownName
from gongbi.estimators.checks import FloatArray, IntArray, as_vectors, checked_level, refuse_where
from gongbi.estimators.histories import PurchaseModel
from gongbi.estimators.purchase_log import WEEK, PurchaseLog

STAGES = ("new", "growing", "mature", "fading", "dormant", "lost")
NEW, GROWING, MATURE, FADING, DORMANT, LOST = range(len(STAGES))
#: Purchases of a period over those of the one before, from which on a customer grows, and at which at most one fades.
GROWS, FADES = 1.25, 0.75
#: Periods of silence after which a customer sleeps, and is lost.
SLEEPS, LEFT = 2, 6
_SEED = 20170101


class StageModel:
    r"""Stages of customers period by period, and the chances to go from one to another.

    At the end of each period a customer is, the first that applies,

    ``lost``
        silent for 6 periods;
    ``dormant``
        silent for 2 periods;
    ``new``
        first bought within this period;
    ``growing``
        bought at least 1.25 times as often in this period as in the one before;
    ``fading``
        at most 0.75 times as often;
    ``mature``
        all others.

    The chances to be in stage j a period after stage i are those counted over all periods and customers, under a
    Dirichlet prior that is worth one customer per row (1/6 for each stage) [1]_: a Markov chain, as in [2]_.

    Parameters
    ----------
    period : float, default=28
        Days. Take about twice the usual time between two purchases.

    Attributes
    ----------
    counts_ : ndarray of shape (6, 6)
        How often customers went from the stage of the row to that of the column.
    transitions_ : ndarray of shape (6, 6)
        Chances; rows sum to 1. The order is that of `STAGES`.

    References
    ----------
    .. [1] Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., section 3.4.
    .. [2] Pfeifer and Carraway (2000), Modeling Customer Relationships as Markov Chains, Journal of Interactive
       Marketing 14(2).
    """

    def __init__(self, period: float = 28.0) -> None:
        self.period = period

    def fit(self, log: PurchaseLog) -> Self:
        """Count transitions over all whole periods that the log spans, whose arrays have shape (n_purchases,).

        Raises
        ------
        InvalidInput
            The log spans fewer than three periods.
        """
        if not self.period >= 1:
            raise InvalidInput(f"A period is one day or more, not {self.period}.")
        first, last = float(log.day.min()), float(log.day.max())
        ends = last - self.period * np.arange(int((last - first) // self.period))[::-1]
        if len(ends) < 3:
            raise InvalidInput(
                f"The purchases span {last - first:.0f} days, fewer than three periods of {self.period:g}.",
                hint="Take a shorter period or a longer log.",
            )
        self.counts_ = np.zeros((len(STAGES), len(STAGES)))
        before = self._stages(log, ends[0])
        for end in ends[1:]:
            now = self._stages(log, end)
            known = before >= 0
            np.add.at(self.counts_, (before[known], now[known]), 1)
            before = now
        prior = 1 / len(STAGES)
        self.transitions_ = (self.counts_ + prior) / (self.counts_.sum(axis=1, keepdims=True) + 1)
        return self

    def predict(self, log: PurchaseLog, cut: float) -> tuple[IntArray, IntArray]:
        """Return the customers known at the end of the day `cut` and the position of the stage of each in `STAGES`."""
        stages = self._stages(log, cut)
        known = np.flatnonzero(stages >= 0)
        return known, stages[known]

    def path(self, stage: str, periods: int, *, level: float = 0.9, draws: int = 400) -> dict[str, FloatArray]:
        """Return how likely a customer now in a stage is in each of them after 0, 1, … periods.

        Returns
        -------
        dict of str to ndarray of shape (periods + 1, 6)
            ``share``, and ``low`` and ``high`` of an interval at `level` from draws of the chances' posterior.
        """
        if not hasattr(self, "counts_"):
            raise NotFitted(self)
        if stage not in STAGES:
            raise UnknownName("stage", stage, STAGES)
        tail = (1 - checked_level(level)) / 2
        start = np.eye(len(STAGES))[STAGES.index(stage)]
        rng = np.random.default_rng(_SEED)
        gammas = rng.standard_gamma(np.broadcast_to(self.counts_ + 1 / len(STAGES), (draws, *self.counts_.shape)))
        drawn = gammas / gammas.sum(axis=2, keepdims=True)
        share, shares = [start], [np.broadcast_to(start, (draws, len(STAGES)))]
        for _ in range(periods):
            share.append(share[-1] @ self.transitions_)
            shares.append(np.einsum("di,dij->dj", shares[-1], drawn))
        low, high = np.quantile(np.array(shares), [tail, 1 - tail], axis=1)
        return {"share": np.array(share), "low": low, "high": high}

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002
        """Return what the constructor was given."""
        return {"period": self.period}

    def set_params(self, **params: Any) -> Self:
        """Set what the constructor takes."""
        for name, value in params.items():
            if name != "period":
                raise UnknownName("parameter", name, ["period"])
            self.period = value
        return self

    def _stages(self, log: PurchaseLog, cut: float) -> IntArray:
        """One per customer of the log; -1 for who has not bought yet."""
        seen = log.day <= cut
        first, last = np.full(log.customers, np.inf), np.full(log.customers, -np.inf)
        np.minimum.at(first, log.customer[seen], log.day[seen])
        np.maximum.at(last, log.customer[seen], log.day[seen])
        everybody = np.arange(log.customers)
        now, _ = log.between(cut - self.period, cut, everybody)
        before, _ = log.between(cut - 2 * self.period, cut - self.period, everybody)
        silence = (cut - last) / self.period
        cases = [first > cut, silence >= LEFT, silence >= SLEEPS, cut - first < self.period]
        cases += [now >= GROWS * np.maximum(before, 0.5), now <= FADES * before]
        return np.select(cases, [-1, LOST, DORMANT, NEW, GROWING, FADING], MATURE).astype(np.int64)


def hidden_value(
    model: PurchaseModel,
    log: PurchaseLog,
    cut: float,
    value: ArrayLike,
    *,
    sleeps: float,
    horizon: float,
    groups: int = 5,
    prior: float = 20.0,
) -> dict[str, Any]:
    """What dormant customers are worth: what they would buy if they were woken, times the chance that they wake.

    The chance is not the model's: it is counted on the log itself, one horizon earlier, as the share of the dormant of
    that day who bought within the horizon, by fifths of the model's chance, and pulled toward the share over all.

    Parameters
    ----------
    model
        Learned on the log, in weeks.
    cut
        The day whose end it is now.
    value
        What a purchase of each customer is worth, in units of money; one per customer of the log.
    sleeps, horizon
        Days of silence after which a customer is dormant, and days to look ahead.
    groups, prior
        How many groups of chances, and how many customers the share over all counts as in each.

    Returns
    -------
    dict
        One entry per dormant customer: ``customer``, ``worth_if_woken`` (in the horizon, were they still customers),
        ``chance`` and ``hidden_value``, their product; and ``woken_before``, the share over all.
    """
    (worth,) = as_vectors(value=value)
    if len(worth) != log.customers:
        raise InvalidInput(f"value has {len(worth)} entries, the log has {log.customers} customers.")
    refuse_where(worth < 0, "value must not be negative")
    known = log.histories(cut)
    asleep = (known.age - known.recency) * WEEK >= sleeps
    then = log.histories(cut - horizon)
    slept = (then.age - then.recency) * WEEK >= sleeps
    if not slept.any():
        raise InvalidInput("Nobody was dormant one horizon earlier, so how many wake cannot be counted.")
    woke = log.between(cut - horizon, cut, then.customer[slept])[0] > 0
    weeks = horizon / WEEK
    before, now = (model.predict_chance(weeks, *one.past(rows)) for one, rows in ((then, slept), (known, asleep)))
    edges = np.unique(np.quantile(before, np.linspace(0, 1, groups + 1)[1:-1]))
    place = np.searchsorted(edges, before, side="right")
    share = float(woke.mean())
    many = np.bincount(place, minlength=len(edges) + 1)
    rates = (np.bincount(place, weights=woke, minlength=len(edges) + 1) + prior * share) / (many + prior)
    chance = rates[np.searchsorted(edges, now, side="right")]
    past = known.past(asleep)
    alive = np.maximum(model.predict_alive(*past), 1e-12)
    woken = model.predict_purchases(weeks, *past) / alive * worth[known.customer[asleep]]
    return {
        "customer": known.customer[asleep],
        "worth_if_woken": woken,
        "chance": chance,
        "hidden_value": woken * chance,
        "woken_before": share,
    }
