"""Plain Python readings of functions: of values, of a member's rows, of everybody. Used by the oracle; no SQL."""

from __future__ import annotations

import calendar
import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import chinese_calendar

from gongbi.core import holidays

DAY = timedelta(days=1)
HOURS = {"hour": 1, "day": 24, "week": 168}
BLANKS = " \t\n\r\f\v\u00a0\u3000"

# -- days ----------------------------------------------------------------------------------------------


def day_of(moment: Any) -> date:
    """Of a date, or of one that was written out."""
    return date.fromisoformat(moment) if isinstance(moment, str) else moment


def moved(day: date, n: int, unit: str) -> date:
    """A day the month lacks becomes its last."""
    if unit in ("day", "week"):
        return day + n * DAY * (7 if unit == "week" else 1)
    months = day.year * 12 + day.month - 1 + n * {"month": 1, "quarter": 3, "year": 12}[unit]
    year, month = months // 12, months % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def months_between(a: date, b: date) -> int:
    if b < a:
        return -months_between(b, a)
    return (b.year - a.year) * 12 + b.month - a.month - (b.day < a.day)


@cache  # The package looks up the ends of what it knows each time.
def known_years() -> range:
    days = chinese_calendar.constants.holidays
    return range(min(days).year, max(days).year + 1)


@cache  # Asked of a day a hundred times.
def worked(day: date) -> bool | None:
    return bool(chinese_calendar.is_workday(day)) if day.year in known_years() else None


@cache
def off(day: date) -> bool | None:
    if day.year not in known_years():
        return None
    free, name = chinese_calendar.get_holiday_detail(day)
    return bool(free) and name is not None


def add_workdays(day: date, n: int) -> date | None:
    if worked(day) is None:
        return None
    while n:
        day += DAY if n > 0 else -DAY
        if worked(day) is None:
            return None
        n -= bool(worked(day)) * (1 if n > 0 else -1)
    return day


def workdays_between(a: date, b: date) -> int | None:
    if worked(a) is None or worked(b) is None:
        return None
    if b < a:
        backwards = workdays_between(b, a)
        return None if backwards is None else -backwards
    return sum(bool(worked(a + i * DAY)) for i in range((b - a).days))


def nth_weekday(day: date, n: int, weekday: int) -> date | None:
    days = [d for week in calendar.monthcalendar(day.year, day.month) if (d := week[weekday - 1])]
    return day.replace(day=days[n - (n > 0)]) if -len(days) <= n <= len(days) else None


def start_of(unit: str, day: date) -> date:
    return {
        "day": day,
        "week": day - day.weekday() * DAY,
        "month": day.replace(day=1),
        "quarter": day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1),
        "year": day.replace(month=1, day=1),
    }[unit]


# -- texts, documents, lists, places ---------------------------------------------------------------------


def like(text: str, pattern: str) -> bool:
    parts = {"%": ".*", "_": "."}
    return re.fullmatch("".join(parts.get(c, re.escape(c)) for c in pattern), text, re.DOTALL) is not None


def piece(text: str, delimiter: str, n: int) -> str:
    return text.split(delimiter)[n - 1] if n <= len(text.split(delimiter)) else ""


def at_path(text: str, path: str) -> tuple[bool, Any]:
    """Whether the text is a whole document, and what stands at a path in it."""
    try:
        body = json.loads(text)
    except ValueError:
        return False, None
    for name, place in re.findall(r"\.(\w+)|\[(\d+)\]", path):
        if name:
            body = body.get(name) if isinstance(body, dict) else None
        else:
            body = body[int(place)] if isinstance(body, list) and int(place) < len(body) else None
    return True, body


def from_json(kind: Any, change: Callable[[Any], Any] = lambda x: x) -> Callable[[str, str], Any]:
    def read(text: str, path: str) -> Any:
        found = at_path(text, path)[1]
        fits = isinstance(found, kind) and (kind is bool or not isinstance(found, bool))
        return change(found) if fits else None

    return read


def whole(number: float) -> int | None:
    return int(number) if float(number).is_integer() else None


def json_has(text: str, path: str) -> bool | None:
    there, found = at_path(text, path)
    return found is not None if there else None


def metres(lon1: Any, lat1: Any, lon2: Any, lat2: Any) -> float | None:
    """By the law of cosines of vectors from the middle of the earth."""
    if any(abs(lon) > 180 or abs(lat) > 90 for lon, lat in ((lon1, lat1), (lon2, lat2))):
        return None
    points = []
    for lon, lat in ((lon1, lat1), (lon2, lat2)):
        east, north = math.radians(lon), math.radians(lat)
        points.append((math.cos(north) * math.cos(east), math.cos(north) * math.sin(east), math.sin(north)))
    return 6_371_008.8 * 2 * math.asin(min(1.0, math.dist(*points) / 2))


def near(lon1: Any, lat1: Any, lon2: Any, lat2: Any, limit: float) -> bool | None:
    far = metres(lon1, lat1, lon2, lat2)
    return None if far is None else far <= limit


def in_area(*args: Any) -> bool | None:
    """In the rectangle of the random expressions, or a code that begins as the area's does."""
    if len(args) == 2:
        return bool(args[0].startswith(args[1]))
    lon, lat, area = args
    corners = [tuple(map(float, point.split())) for point in re.findall(r"-?[0-9.]+ -?[0-9.]+", area)]
    (west, south), (east, north) = min(corners), max(corners)
    if abs(lon) > 180 or abs(lat) > 90:
        return None
    return west < lon < east and south < lat < north


def lot(unit: Any, seed: str) -> str:
    texts = (b"", seed.encode(), str(unit).encode())
    said = b"".join(len(text).to_bytes(8, "big") + text for text in texts)
    return hashlib.sha256(said).hexdigest()[:16]


def raised(x: Any, y: Any) -> float | None:
    x, y = float(x), float(y)
    if (x == 0 and y < 0) or (x < 0 and not y.is_integer()):
        return None
    return finite(x**y)


def finite(x: float) -> float | None:
    return x if math.isfinite(x) else None


PLAIN: dict[str, Callable[..., Any]] = {
    "sign": lambda x: (x > 0) - (x < 0),
    "sqrt": lambda x: math.sqrt(x) if x >= 0 else None,
    "ln": lambda x: math.log(x) if x > 0 else None,
    "log10": lambda x: math.log10(x) if x > 0 else None,
    "exp": lambda x: math.exp(x) if x < 709 else None,
    "power": raised,
    "to_double": float,
    "to_text": lambda x: str(x).lower() if isinstance(x, bool) else str(x),
    "upper": str.upper,
    "lower": str.lower,
    "trim": lambda text: text.strip(BLANKS),
    "ltrim": lambda text: text.lstrip(BLANKS),
    "rtrim": lambda text: text.rstrip(BLANKS),
    "substr": lambda text, start, n: text[start - 1 : start - 1 + n],
    "right": lambda text, n: text[len(text) - min(n, len(text)) :],
    "replace": lambda text, old, new: text.replace(old, new) if old else text,
    "split_part": piece,
    "lpad": lambda text, n, fill: text[:n].rjust(n, fill),
    "ends_with": str.endswith,
    "like": like,
    "matches": lambda text, pattern: re.search(pattern, text, re.ASCII) is not None,
    "day": lambda d: d.day,
    "quarter": lambda d: (d.month + 2) // 3,
    "day_of_year": lambda d: d.timetuple().tm_yday,
    "is_weekend": lambda d: d.weekday() >= 5,
    "end_of_month": lambda d: d.replace(day=calendar.monthrange(d.year, d.month)[1]),
    "date_add": moved,
    "days_between": lambda a, b: (b - a).days,
    "months_between": months_between,
    "hours_between": lambda a, b: (b - a) / timedelta(hours=1),
    "minute": lambda ts: ts.minute,
    "nth_weekday": nth_weekday,
    "is_workday": worked,
    "is_holiday": off,
    "add_workdays": add_workdays,
    "workdays_between": workdays_between,
    "spring_festival": lambda year: next(day for day in holidays.spring_festivals() if day.year == year),
    "days_to_spring_festival": lambda d: min(((f - d).days for f in holidays.spring_festivals()), key=abs),
    "split": lambda text, delimiter: [kept for x in text.split(delimiter) if (kept := x.strip(BLANKS))],
    "list_intersect": lambda a, b: sorted(set(a) & set(b)),
    "list_union": lambda a, b: sorted(set(a) | set(b)),
    "list_except": lambda a, b: sorted(set(a) - set(b)),
    "overlaps": lambda a, b: bool(set(a) & set(b)),
    "list_join": lambda items, delimiter: delimiter.join(items),
    "share_of_top": lambda spread, n=1: spread[n - 1]["share"] if n <= len(spread) else None,
    "values_of": lambda spread: [one["value"] for one in spread],
    "json_text": from_json(str),
    "json_boolean": from_json(bool),
    "json_number": from_json((int, float), float),
    "json_integer": from_json((int, float), whole),
    "json_length": from_json((list, dict), len),
    "json_list": from_json(list, lambda found: [x for x in found if isinstance(x, str)]),
    "json_has": json_has,
    "distance_m": metres,
    "within_m": near,
    "in_area": in_area,
    "lot": lot,
    "in_random_share": lambda unit, share, seed: int(lot(unit, seed), 16) < share * 2**64,
}


def list_of(args: Sequence[Any]) -> list[Any]:
    return sorted({x for x in args if x is not None})


def has_any(args: Sequence[Any]) -> bool | None:
    if args[0] is None:
        return None
    return True if set(args[0]) & set(args[1:]) else None if None in args else False


def has_all(args: Sequence[Any]) -> bool | None:
    if args[0] is None:
        return None
    return False if set(args[1:]) - {None} - set(args[0]) else None if None in args else True


#: Functions that say themselves what an absent argument means.
OF_ABSENT: dict[str, Callable[[Sequence[Any]], Any]] = {"list_of": list_of, "has_any": has_any, "has_all": has_all}

# -- instants: (oracle, the row's, what was written) -> whether ----------------------------------------------


def last_year(o: Any, ts: datetime, unit: str, so_far: bool = False) -> bool:
    zone = ZoneInfo(o.zone)
    now, then = (x.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None) for x in (o.as_of, ts))
    if unit == "week":
        week, year = now.isocalendar().week, now.isocalendar().year - 1
        alike = (then.isocalendar().week, then.isocalendar().year) == (week, year)
        return alike and (not so_far or (then.weekday(), then.time()) < (now.weekday(), now.time()))
    day = moved(now.date(), -1, "year")
    alike = start_of(unit, then.date()) == start_of(unit, day)
    return alike and (not so_far or then < datetime.combine(day, now.time()))


def up_to(o: Any, ts: datetime, limit: Any) -> bool:
    return ts < limit if isinstance(limit, datetime) else o.local(ts) <= limit


WINDOWS: dict[str, Callable[..., bool]] = {
    "last_year": last_year,
    "between_dates": lambda o, ts, first, end: o.midnight(day_of(first)) <= ts < o.midnight(day_of(end)),
    "up_to": up_to,
}

# -- phrases: (oracle, a member's rows as their time and first value, what was written) -> value ---------------

Rows = Sequence[tuple[datetime, Any]]


def regularly(o: Any, rows: Rows, k: int, n: int, unit: str) -> bool:
    now = o.number(o.local(o.as_of), unit)
    return len({now - o.number(o.local(ts), unit) for ts, _ in rows} & set(range(1, n + 1))) >= k


def resurrected(o: Any, rows: Rows, quiet: int, n: int, unit: str) -> bool:
    since = [ts for ts, _ in rows if o.within(ts, n, unit)]
    before = [ts for ts, _ in rows if not o.within(ts, n, unit)]
    return bool(since and before) and min(since) - max(before) >= timedelta(hours=quiet * HOURS[unit])


def latest(rows: Rows) -> Any:
    """The value of the last row that has one; of several at one instant the smallest."""
    there = [(ts, x) for ts, x in rows if x is not None]
    return min(x for ts, x in there if ts == max(there)[0]) if there else None


PHRASES: dict[str, Callable[..., Any]] = {
    "exists_within": lambda o, rows, n, unit: any(o.within(ts, n, unit) for ts, _ in rows),
    "first_time": lambda o, rows, n, unit: bool(rows) and o.within(min(ts for ts, _ in rows), n, unit),
    "stopped": lambda o, rows, n, unit: bool(rows) and not any(o.within(ts, n, unit) for ts, _ in rows),
    "regularly": regularly,
    "resurrected": resurrected,
    "value_at": lambda o, rows, at: latest(
        [(ts, x) for ts, x in rows if up_to(o, ts, day_of(at) if isinstance(at, str) else at)]
    ),
    "value_before": lambda o, rows, n, unit: latest([(ts, x) for ts, x in rows if not o.within(ts, n, unit)]),
}

# -- rows: lists of argument tuples -> value ---------------------------------------------------------------


def repeat_share(values: Sequence[tuple[Any, ...]]) -> float | None:
    kinds = {x: {b for a, b in values if a == x and b is not None} for x, _ in values if x is not None}
    return sum(len(ys) > 1 for ys in kinds.values()) / len(kinds) if kinds else None


def average_daily(o: Any, rows: Sequence[tuple[Any, ...]]) -> float | None:
    """Ask at the end of each of the days what the value was."""
    today, held = o.local(o.as_of), []
    for back in range(1, (rows[0][1] if rows else 0) + 1):
        value = latest([(ts, x) for x, _, ts in rows if o.local(ts) <= today - back * DAY])
        held += [] if value is None else [value]
    return sum(held) / len(held) if held else None


# -- everybody: (member, member -> value, n), and (member, member -> value, member -> whether) -> value -----


def place(m: int, values: Mapping[int, Any], n: Any) -> int:
    return 1 + sum(x > values[m] or (x == values[m] and i < m) for i, x in values.items())


def group_avg(m: int, values: Mapping[int, Any], chosen: Mapping[int, Any]) -> float | None:
    found = [float(x) for i, x in values.items() if x is not None and chosen[i] is True]
    return sum(found) / len(found) if found else None


def group_share(m: int, values: Mapping[int, Any], chosen: Mapping[int, Any]) -> float | None:
    found = [x for i, x in values.items() if x is not None and chosen[i] is True]
    return found.count(values[m]) / len(found) if found and values[m] is not None else None


GROUPS: dict[str, Callable[..., Any]] = {"group_avg": group_avg, "group_share": group_share}
