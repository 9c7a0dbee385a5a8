"""Stretches of time beside those they are compared with: the one before, a year ago, a lunar year ago.

Working days are China's, with the days that are worked in exchange, where the workspace is there and the year is on
record; elsewhere Mondays to Fridays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Literal

from gongbi.core.clock import add_periods, period_start
from gongbi.core.holidays import FIRST_FESTIVAL, spring_festivals, workdays
from gongbi.errors import InvalidInput

How = Literal["before", "year_ago", "lunar_year_ago"]
HOWS: tuple[How, ...] = ("before", "year_ago", "lunar_year_ago")
#: Zones whose working days are those of the State Council's notices.
CHINA = ("Asia/Shanghai", "Asia/Chongqing", "Asia/Harbin", "Asia/Urumqi", "PRC")


@dataclass(frozen=True, slots=True)
class Span:
    """The days from `start` to `end`, `end` excluded."""

    start: date
    end: date

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.end - self.start).days


def spans(until: date, n: int, unit: str) -> list[Span]:
    """The last n whole periods that end at or before a day, oldest first."""
    last = period_start(until, unit)
    starts = [add_periods(last, -i, unit) for i in range(n, -1, -1)]
    return [Span(a, b) for a, b in pairwise(starts)]


def new_year(year: int) -> date:
    """The day of the Chinese New Year.

    Raises
    ------
    InvalidInput
        The year is before 2000 or after 2035.
    """
    if not 2000 <= year <= 2035:
        raise InvalidInput(f"The Chinese New Year of {year} is not on record, only those from 2000 to 2035.")
    return spring_festivals()[year - FIRST_FESTIVAL]


def compared(span: Span, how: How) -> Span:
    """The stretch of time that another is compared with.

    ``before``: as many days, right before it. ``year_ago``: the same dates of the year before. ``lunar_year_ago``: as
    many days, as far from the Chinese New Year of the year before as these are from the nearest one.
    """
    if how == "before":
        return Span(span.start - timedelta(days=span.days), span.start)
    if how == "year_ago":
        return Span(_year_before(span.start), _year_before(span.end))
    middle = span.start + timedelta(days=span.days // 2)
    near = min((new_year(y) for y in (middle.year, middle.year + 1)), key=lambda day: abs(day - middle))
    shift = near - new_year(near.year - 1)
    return Span(span.start - shift, span.end - shift)


def _year_before(day: date) -> date:
    # The 29th of February was the 28th.
    return day.replace(year=day.year - 1, day=min(day.day, 28) if day.month == 2 else day.day)


def working_days(span: Span, zone: str) -> int:
    """How many days of it are worked."""
    days = [span.start + timedelta(days=i) for i in range(span.days)]
    return sum(is_worked(day) if zone in CHINA else day.weekday() < 5 for day in days)


def is_worked(day: date) -> bool:
    """Whether a day is worked in China; Monday to Friday where the year's notice is not on record."""
    known = workdays()
    if not known.first <= day <= known.last:
        return day.weekday() < 5
    week, weekday = divmod((day - known.monday).days, 7)
    return bool(known.weeks[week] >> weekday & 1)


def changes(values: Sequence[float | None]) -> list[float | None]:
    """Each value over the one before it, less 1; None where there is none or it is 0."""
    found: list[float | None] = [None]
    for before, now in pairwise(values):
        found.append(None if not before or now is None else now / before - 1)
    return found[: len(values)]
