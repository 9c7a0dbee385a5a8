"""Instants and windows. Everything is as of an instant; windows are half-open; instants are UTC.

Calendar windows are worked out here, in Python, in the workspace's IANA zone; engines only ever see UTC bounds, so
they cannot disagree about a calendar.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from gongbi.core import holidays
from gongbi.errors import InvalidInput

ROLLING = {"minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
CALENDAR = ("calendar_day", "calendar_week", "calendar_month", "calendar_quarter", "calendar_year")
WORKDAY = "workday"
PERIODS = ("day", "week", "month", "quarter", "year")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Window:
    """The instants from `start` to `end`, `end` excluded. None is unbounded."""

    start: datetime | None
    end: datetime | None


def zone_of(name: str) -> ZoneInfo:
    """Return an IANA zone, e.g. ``Asia/Shanghai``."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise InvalidInput(
            f"There is no time zone {name!r}.", hint="Use an IANA name such as Asia/Shanghai."
        ) from error


def midnight(day: date, zone: str) -> datetime:
    """The first instant of a local day, in UTC. Where midnight is skipped by a clock change, the first that exists."""
    return _in_utc(datetime.combine(day, time(), tzinfo=zone_of(zone)))


def _in_utc(local: datetime) -> datetime:
    try:
        return local.astimezone(UTC)
    except OverflowError as error:
        raise InvalidInput(f"{local:%Y-%m-%d} lies outside the years 1 to 9999.") from error


def local_date(instant: datetime, zone: str) -> date:
    """The calendar day of an instant in a zone."""
    return instant.astimezone(zone_of(zone)).date()


def local_time(instant: datetime, zone: str) -> str:
    """An instant as people in a zone say it, to the second; one without an offset is UTC.

    `parse_instant` reads it back, since it takes what has no offset as local.

    >>> local_time(datetime(2017, 8, 31, 16, tzinfo=UTC), "Asia/Shanghai")
    '2017-09-01 00:00:00'
    """
    known = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    try:
        return f"{known.astimezone(zone_of(zone)):%Y-%m-%d %H:%M:%S}"
    except OverflowError:
        # The first and the last day of the calendar have no local time everywhere.
        return known.isoformat(" ", "seconds")


def parse_instant(text: str, zone: str) -> datetime:
    """Read an ISO date or instant. A date is its first instant in the zone; an instant without offset is local.

    >>> parse_instant("2017-09-01", "Asia/Shanghai").isoformat()
    '2017-08-31T16:00:00+00:00'
    """
    try:
        if _DATE.fullmatch(text.strip()):
            return midnight(date.fromisoformat(text.strip()), zone)
        instant = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise InvalidInput(
            f"{text!r} is not a date or an instant.", hint="Write 2017-09-01 or 2017-09-01T08:00:00+08:00."
        ) from error
    return _in_utc(instant if instant.tzinfo else instant.replace(tzinfo=zone_of(zone)))


def most_days(n: int, unit: str) -> float:
    """The most days that n units can last."""
    if unit in ROLLING:
        return n * ROLLING[unit] / ROLLING["day"]
    longest = {"day": 1, "workday": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}
    return n * longest[unit.removeprefix("calendar_")]


def shift(instant: datetime, n: int, unit: str) -> datetime:
    """Move an instant by n × 24 h, n weeks, hours or minutes."""
    try:
        return instant + timedelta(seconds=n * ROLLING[unit])
    except OverflowError as error:
        raise InvalidInput(f"{n} {unit}s from {instant:%Y-%m-%d} is no date any more.") from error


def period_start(day: date, unit: str) -> date:
    """The first day of the day, week (Monday), month, quarter or year that contains `day`."""
    if unit == "day":
        return day
    if unit == "week":
        return day - timedelta(days=day.weekday())
    if unit == "month":
        return day.replace(day=1)
    if unit == "quarter":
        return day.replace(month=day.month - (day.month - 1) % 3, day=1)
    if unit == "year":
        return day.replace(month=1, day=1)
    raise InvalidInput(f"There is no period {unit!r}.", hint=f"Periods: {', '.join(PERIODS)}.")


def add_periods(start: date, n: int, unit: str) -> date:
    """Move the first day of a period by n periods."""
    try:
        if unit in ("day", "week"):
            return start + timedelta(days=n * (7 if unit == "week" else 1))
        months = start.year * 12 + start.month - 1 + n * {"month": 1, "quarter": 3, "year": 12}[unit]
        return date(months // 12, months % 12 + 1, 1)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"{n} {unit}s from {start} is no date any more.") from error


def rolling(as_of: datetime, n: int, unit: str, ago: int = 0) -> Window:
    """The n units before `as_of`, or before `ago` units before it: ``[as_of - (ago + n), as_of - ago)``."""
    return Window(shift(as_of, -(ago + n), unit), shift(as_of, -ago, unit))


def calendar(as_of: datetime, n: int, period: str, zone: str, ago: int = 0) -> Window:
    """The current period and the n - 1 whole ones before it, up to `as_of`; with `ago`, n whole periods before that.

    ``calendar(as_of, 1, "month", zone)`` is this month so far; with ``ago=1`` it is the whole month before.
    """
    first = period_start(local_date(as_of, zone), period)
    start = midnight(add_periods(first, -(ago + n - 1), period), zone)
    end = as_of if ago == 0 else midnight(add_periods(first, -(ago - 1), period), zone)
    return Window(start, end)


def year_before(as_of: datetime, period: str, zone: str, *, so_far: bool = False) -> Window:
    """The period of the year before that corresponds to the current one, whole or as far as the current one has got.

    Months, quarters and years correspond by name, weeks by their ISO number (the last one where the year before has no
    53rd), days by their date (29 February by the 28th). As far as it has got means to the same date, of weeks to the
    same weekday, and the same time of day.
    """
    local = as_of.astimezone(zone_of(zone))
    today = local.date()
    first = _year_earlier(period_start(today, period), period)
    end = midnight(add_periods(first, 1, period), zone)
    if so_far:
        day = first + timedelta(days=today.weekday()) if period == "week" else _year_earlier(today, "day")
        end = min(end, _in_utc(datetime.combine(day, local.time(), tzinfo=zone_of(zone))))
    return Window(midnight(first, zone), end)


def _year_earlier(day: date, period: str) -> date:
    try:
        if period == "week":
            year, week, _ = day.isocalendar()
            weeks = date(year - 1, 12, 28).isocalendar().week
            return date.fromisocalendar(year - 1, min(week, weeks), 1)
        return day.replace(year=day.year - 1, day=28 if (day.month, day.day) == (2, 29) else day.day)
    except ValueError as error:
        raise InvalidInput(f"There is no year before {day.year}.") from error


def workdays(as_of: datetime, n: int, zone: str, ago: int = 0) -> Window:
    """The last n Chinese workdays with what lies between them, today so far among them if it is one.

    With `ago`, the n whole workdays before the last `ago` ones. Where holidays are not known, Monday to Friday count.
    """
    today = local_date(as_of, zone)
    end = as_of if ago == 0 else midnight(_workday(today, -ago), zone)
    return Window(midnight(_workday(today, -(ago + n)), zone), end)


def workdays_ahead(as_of: datetime, n: int, zone: str) -> Window:
    """From the instant to the end of the n-th Chinese workday, counted from today if it is one."""
    last = _workday(local_date(as_of, zone), n)
    return Window(as_of, midnight(last + timedelta(days=1), zone))


def _workday(day: date, n: int) -> date:
    """The n-th workday from a day on, the day itself among them; back from it where n is negative."""
    table, step, left = holidays.workdays(), timedelta(days=1 if n > 0 else -1), abs(n)
    days = frozenset(table.days)
    try:
        while True:
            known = table.first <= day <= table.last
            left -= (day - table.monday).days in days if known else day.weekday() < 5
            if left <= 0:
                return day
            day += step
    except OverflowError as error:
        raise InvalidInput(f"{abs(n)} workdays from here is no date any more.") from error


def periods_ahead(as_of: datetime, n: int, period: str, zone: str) -> Window:
    """From the instant to the end of the current period, or of the one n - 1 after it."""
    first = period_start(local_date(as_of, zone), period)
    return Window(as_of, midnight(add_periods(first, n, period), zone))


def ahead(as_of: datetime, n: int, unit: str) -> Window:
    """The n units from `as_of` on: what a model is to predict."""
    return Window(as_of, shift(as_of, n, unit))
