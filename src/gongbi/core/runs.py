"""The run behind a sequence that is true of a member: which row made which step. Pure; see `core.sequences`."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that was taken: when, and with which shared value (None where the steps share none)."""

    at: datetime
    value: Any = None


def first_run(
    steps: Sequence[Iterable[tuple[datetime, Hashable]]], window: timedelta | None, as_of: datetime, *, completed: bool
) -> tuple[Taken, ...]:
    """The run that first made a sequence true of a member, oldest step first; none where it is false.

    Parameters
    ----------
    steps
        For each step the time and the shared value of every row that could make it.
    window
        Less than that passes from the first step to the last; None is without bounds.
    as_of
        For the opposite (`completed` is false): the run waits for the last step in vain, until the window is over.
        Such a run has no last step.

    Notes
    -----
    Of all runs to one row the one that began latest is followed: it has the most time left. For the opposite it is the
    first that is not over before its own steps are taken, as the query has it (see `core.sequences`).
    """
    follow = len(steps) if completed else len(steps) - 1
    found: list[tuple[Taken, ...]] = []
    by_value: dict[Hashable, list[tuple[datetime, int]]] = {}
    for number, rows in enumerate(steps, 1):
        for at, value in rows:
            by_value.setdefault(value, []).append((at, number))
    for value, rows in by_value.items():
        last = sorted(at for at, number in rows if number == len(steps))
        found += _ends(rows, value, follow, window, as_of, None if completed else last)
    return min(found, key=lambda run: (run[-1].at, str(run[-1].value)), default=())


def _ends(
    rows: Sequence[tuple[datetime, int]],
    value: Any,
    follow: int,
    window: timedelta | None,
    as_of: datetime,
    missed: Sequence[datetime] | None,
) -> list[tuple[Taken, ...]]:
    """The first run of one shared value that makes it true."""
    starts = sorted(at for at, number in rows if number == 1)
    begun: list[tuple[Taken, ...]] = [()] * (follow + 1)
    # Rows at one instant from the last step to the first: none of them follows another.
    for at, number in sorted(rows, key=lambda row: (row[0], -row[1])):
        if number > follow or (number > 1 and not begun[number - 1]):
            continue
        run = (*(begun[number - 1] if number > 1 else ()), Taken(at, value))
        if not begun[number] or run[0].at > begun[number][0].at:
            begun[number] = run
        if number < follow:
            continue
        if missed is not None and window is not None and follow > 1 and at < run[0].at + window:
            run = (Taken(starts[bisect_right(starts, at - window)], value), *run[1:])
        if _holds(run, window, as_of, missed):
            return [run]
    return []


def _holds(run: Sequence[Taken], window: timedelta | None, as_of: datetime, missed: Sequence[datetime] | None) -> bool:
    end = None if window is None else run[0].at + window
    if missed is None:
        return end is None or run[-1].at < end
    after = next((at for at in missed if at > run[-1].at), None)
    if end is None:
        return after is None
    return run[-1].at < end <= as_of and (after is None or after >= end)
