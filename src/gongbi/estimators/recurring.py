"""Recurring behaviour: the same payee, about the same amount, in a rhythm; and when it comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gongbi.errors import InvalidInput
from gongbi.estimators.checks import FloatArray, as_vector, refuse_where

Rhythm = Literal["weekly", "fortnightly", "monthly", "quarterly", "yearly"]
#: Rhythm → months of one period, or days.
MONTHS: dict[Rhythm, int] = {"monthly": 1, "quarterly": 3, "yearly": 12}
DAYS: dict[Rhythm, int] = {"weekly": 7, "fortnightly": 14}
#: How far from its day an occurrence may lie, in days.
SLACK: dict[Rhythm, int] = {"weekly": 1, "fortnightly": 2, "monthly": 4, "quarterly": 6, "yearly": 10}
#: So many periods without it, and it has ended.
ENDED_AFTER = 1.5


@dataclass(frozen=True, slots=True)
class Recurrence:
    """Something that a customer does again and again.

    Attributes
    ----------
    customer, payee
        Who, and to whom (or what).
    rhythm
        How often.
    times
        How many occurrences were seen.
    kept
        Share of the periods from the first to the last in which it occurred, 0 to 1.
    amount, spread
        Median, and median absolute deviation from it; None where no amounts were given.
    first, last
        Days of the first and the last occurrence.
    next, earliest, latest
        The day expected next, moved to a working day where the earlier ones were, and bounds that hold 90 % of the
        deviations seen (at least a day to either side); None where it has ended.
    day
        Day of the month, or of the week from Monday = 1, that it falls on.
    """

    customer: Any
    payee: Any
    rhythm: Rhythm
    times: int
    kept: float
    amount: float | None
    spread: float | None
    first: np.datetime64
    last: np.datetime64
    next: np.datetime64 | None
    earliest: np.datetime64 | None
    latest: np.datetime64 | None
    day: int


def recurring(
    customers: ArrayLike,
    payees: ArrayLike,
    instants: ArrayLike,
    amounts: ArrayLike | None = None,
    *,
    as_of: Any,
    tolerance: float = 0.15,
    least_times: int = 3,
    least_kept: float = 0.75,
    rhythms: Sequence[Rhythm] = ("weekly", "fortnightly", "monthly", "quarterly", "yearly"),
) -> list[Recurrence]:
    """Find what recurs among payments, purchases or visits.

    The rows of one customer and payee whose amounts lie within `tolerance` of each other are laid on the calendar of
    each rhythm: a rhythm of days counts from the last occurrence; one of months falls on a day of the month (the median
    one, where a month is too short its last), so that 31 January, 28 February and 31 March are one rhythm. An
    occurrence on the Monday after a week-end day that was due is on time. The rhythm that explains most occurrences
    with the fewest periods missed is taken; two occurrences in one period count once, and many rows between occurrences
    speak against a rhythm: a daily coffee is not a weekly one.

    Parameters
    ----------
    customers, payees, instants, amounts : array of shape (n,)
        Who, to whom, when (datetime64), how much. Rows after `as_of` are not looked at.
    as_of : instant
        When it is asked.
    tolerance : float, default=0.15
        Share of the median by which amounts of one recurrence may differ.
    least_times, least_kept
        Fewest occurrences (two suffice for what is yearly), and least share of periods in which it occurred.

    Returns
    -------
    list of Recurrence
        By customer and payee as they come first in the rows.
    """
    who, whom = np.asarray(customers), np.asarray(payees)
    days = np.asarray(instants).astype("datetime64[D]")
    n = len(who)
    money = None if amounts is None else as_vector("amounts", amounts)
    if len(whom) != n or len(days) != n or (money is not None and len(money) != n):
        raise InvalidInput("customers, payees, instants and amounts must be equally long.")
    refuse_where(np.isnat(days), "instants must be times")
    if not 0 < tolerance < 1 or not 0 < least_kept <= 1 or least_times < 2:
        raise InvalidInput("tolerance and least_kept lie between 0 and 1, and least_times is 2 or more.")
    now = np.datetime64(as_of).astype("datetime64[D]")
    rows = np.flatnonzero(days <= now)
    number: dict[tuple[Any, Any], int] = {}
    keyed = zip(who[rows].tolist(), whom[rows].tolist(), strict=True)
    pair = np.array([number.setdefault(key, len(number)) for key in keyed], dtype=np.int64)
    keys, order = list(number), np.lexsort((days[rows], pair))
    starts = np.searchsorted(pair[order], np.arange(len(keys) + 1))
    order = rows[order]
    found = []
    for which in np.flatnonzero(np.diff(starts) >= 2):
        place = order[starts[which] : starts[which + 1]]
        for part in _alike(None if money is None else money[place], len(place), tolerance):
            chosen = place[part]
            best = _rhythm(days[chosen], rhythms, least_times, least_kept)
            if best is not None:
                rhythm, on, missed = best
                own = None if money is None else money[chosen]
                found.append(_described(*keys[which], rhythm, days[chosen], on, missed, own, now))
    return found


def _alike(amounts: FloatArray | None, rows: int, tolerance: float) -> list[NDArray[np.int64]]:
    """Rows with about one amount together; all of them where there are no amounts."""
    if amounts is None:
        return [np.arange(rows)]
    order = np.argsort(amounts, kind="stable")
    parts, begin = [], 0
    for i in range(1, len(order) + 1):
        start = amounts[order[begin]]
        if i == len(order) or amounts[order[i]] - start > 2 * tolerance * max(abs(start), 1e-9):
            parts.append(np.sort(order[begin:i]))
            begin = i
    return parts


def _rhythm(
    days: NDArray[np.datetime64], rhythms: Sequence[Rhythm], least_times: int, least_kept: float
) -> tuple[Rhythm, NDArray[np.int64], int] | None:
    """The rhythm that fits best, the deviations in days of the occurrences, and how many periods were missed."""
    best: tuple[float, Rhythm, NDArray[np.int64], int] | None = None
    for rhythm in rhythms:
        least = 2 if rhythm == "yearly" else least_times
        if len(days) < least or _hopeless(days, rhythm, least_kept):
            continue
        off, period = _laid(days, rhythm)
        near = np.abs(off) <= SLACK[rhythm]
        times = len(np.unique(period[near]))
        if times < least:
            continue
        span = int(period[near].max() - period[near].min()) + 1
        kept, own = times / span, times / len(days)
        if kept < least_kept or own < least_kept:
            continue
        # Of rhythms that fit equally well the tighter one: every week also lies near a day of every month.
        score = kept * own - float(np.abs(off[near]).mean()) / (2 * SLACK[rhythm] + 1) * 0.5
        if best is None or score > best[0]:
            best = score, rhythm, off[near], span - times
    return None if best is None else best[1:]


def _hopeless(days: NDArray[np.datetime64], rhythm: Rhythm, least_kept: float) -> bool:
    """Whether there are too many or too few occurrences for a rhythm, wherever its days may fall: told at little cost.

    Nearly all that anybody buys keeps no rhythm at all.
    """
    length = DAYS[rhythm] if rhythm in DAYS else 30.44 * MONTHS[rhythm]
    many = int(np.ceil(least_kept * len(days)))
    # A day or two, since months differ in length and what is due may be off by its slack at both ends.
    room = 2 * SLACK[rhythm] + 3
    if many > (int((days[-1] - days[0]).astype(np.int64)) + room) / length + 1:
        return True
    # So many lie within the periods that they would fill, one of which may be missed now and then.
    closest = int((days[many - 1 :] - days[: len(days) - many + 1]).astype(np.int64).min())
    return closest > length * len(days) / least_kept + room


def _laid(days: NDArray[np.datetime64], rhythm: Rhythm) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Days off the day that was due, and number of the period, of each occurrence."""
    if rhythm in DAYS:
        apart = (days - days[-1]).astype(np.int64)
        length = DAYS[rhythm]
        phase = int(np.median(((apart + length // 2) % length) - length // 2))
        period = np.floor((apart - phase) / length + 0.5).astype(np.int64)
        return apart - phase - period * length, period
    period, month, day = _by_month(days, MONTHS[rhythm])
    due = _on_day(month, day)
    off = (days - due).astype(np.int64)
    # What was due on a Saturday or Sunday comes on the Monday, or the Friday before.
    weekday = (due.astype(np.int64) + 3) % 7
    late = (weekday >= 5) & (off == 7 - weekday)
    early = (weekday >= 5) & (off == 4 - weekday)
    return np.where(late | early, 0, off), period


def _by_month(days: NDArray[np.datetime64], step: int) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Number of the period and month that was due of each occurrence, and the day of the month, from 0.

    Days are measured round the month: what is due on the 1st may come on the last of the month before.
    """
    months = days.astype("datetime64[M]")
    of_month = (days - months.astype("datetime64[D]")).astype(np.int64)
    candidates = np.unique(of_month)
    apart = np.abs((of_month[:, None] - candidates + 15) % 30 - 15).sum(axis=0)
    middle = int(candidates[np.argmin(apart)])
    turn = np.where(of_month - middle < -15, -1, np.where(of_month - middle > 15, 1, 0))
    day = int(np.clip(np.median(of_month - 30 * turn), 0, 30))
    number = months.astype(np.int64) + turn
    values, counts = np.unique(number % step, return_counts=True)
    start = int(values[np.argmax(counts)])
    period = np.round((number - start) / step).astype(np.int64)
    return period, period * step + start, day


def _on_day(month: NDArray[np.int64], day: int) -> NDArray[np.datetime64]:
    """The day (from 0) of each month, its last where the month is shorter."""
    first = month.astype("datetime64[M]")
    length = ((first + 1).astype("datetime64[D]") - first.astype("datetime64[D]")).astype(np.int64)
    found: NDArray[np.datetime64] = first.astype("datetime64[D]") + np.minimum(day, length - 1)
    return found


def _described(
    customer: Any,
    payee: Any,
    rhythm: Rhythm,
    days: NDArray[np.datetime64],
    off: NDArray[np.int64],
    missed: int,
    amounts: FloatArray | None,
    now: np.datetime64,
) -> Recurrence:
    due = _next_due(days, rhythm, now)
    working = bool((((days.astype(np.int64) + 3) % 7) < 5).all()) and len(days) >= 3 and rhythm in MONTHS
    following: np.datetime64 | None = due
    if due is not None and working:
        weekday = int((due.astype(np.int64) + 3) % 7)
        following = due + np.timedelta64(max(0, 7 - weekday) if weekday >= 5 else 0, "D")
    low, high = (int(np.floor(np.quantile(off, 0.05))), int(np.ceil(np.quantile(off, 0.95)))) if len(off) else (0, 0)
    # Few deviations know little of the next: a day to either side at least.
    low, high = min(low, -1), max(high, 1)
    middle = None if amounts is None else float(np.median(amounts))
    return Recurrence(
        customer=customer,
        payee=payee,
        rhythm=rhythm,
        times=len(off),
        kept=len(off) / (len(off) + missed),
        amount=middle,
        spread=None if amounts is None or middle is None else float(np.median(np.abs(amounts - middle))),
        first=days[0],
        last=days[-1],
        next=following,
        earliest=None if following is None else following + np.timedelta64(low, "D"),
        latest=None if following is None else following + np.timedelta64(high, "D"),
        day=int((days[-1].astype(np.int64) + 3) % 7) + 1 if rhythm in DAYS else _by_month(days, MONTHS[rhythm])[2] + 1,
    )


def _next_due(days: NDArray[np.datetime64], rhythm: Rhythm, now: np.datetime64) -> np.datetime64 | None:
    """The first day due after the last occurrence that is not past; None where it has ended."""
    off, period = _laid(days, rhythm)
    if rhythm in DAYS:
        length = DAYS[rhythm]
        phase = days[-1] - np.timedelta64(int(off[-1]), "D")
        coming = phase + np.timedelta64(length, "D")
        gone = (now - days[-1]).astype(np.int64) / length
    else:
        step = MONTHS[rhythm]
        _, month, day = _by_month(days, step)
        coming = _on_day(month[-1:] + step, day)[0]
        gone = (now - days[-1]).astype(np.int64) / (30.4 * step)
    return None if gone > ENDED_AFTER or period[-1] < period.max() else coming
