"""The calendar as it is lived, counted day by day in Python; the moons that make the Spring Festival; random shares."""

from __future__ import annotations

import calendar
import math
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import bench
import chinese_calendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongbi.core import clock, holidays
from gongbi.core.functions import sample
from gongbi.core.language import check_expression
from gongbi.core.types import DATE, INTEGER, TEXT
from gongbi.core.world import AttributeShape, SubjectShape, World
from gongbi.engine.base import Engine
from gongbi.errors import GongbiError
from gongbi.estimators.stats.arms import position
from gongbi.testing.engine import on_every_engine

DAY = timedelta(days=1)
WORLD = World(
    {"case": SubjectShape("case", INTEGER, {n: AttributeShape(n, t, "attr_case") for n, t in {"a": DATE, "b": DATE, "n": INTEGER}.items()})},
    {},
)  # fmt: skip
FIRST, LAST = date(2004, 1, 1), date(2026, 12, 31)


@cache  # Asked of a day a hundred times, and the package looks up the ends of what it knows each time.
def worked(day: date) -> bool:
    return bool(chinese_calendar.is_workday(day))


def moved(day: date, n: int) -> date | None:
    """The n-th workday after a day, or before it, found by walking."""
    while n:
        day += DAY if n > 0 else -DAY
        if not FIRST <= day <= LAST:
            return None
        if worked(day):
            n -= 1 if n > 0 else -1
    return day


def between(a: date, b: date) -> int:
    if b < a:
        return -between(b, a)
    return sum(worked(a + i * DAY) for i in range((b - a).days))


def nth(day: date, n: int, weekday: int) -> date | None:
    days = [d for week in calendar.monthcalendar(day.year, day.month) if (d := week[weekday - 1])]
    return day.replace(day=days[n - (n > 0)]) if -len(days) <= n <= len(days) else None


def nearest_festival(day: date) -> int:
    return min(((f - day).days for f in holidays.spring_festivals()), key=abs)


@pytest.mark.slow_on_spark
@on_every_engine()
def test_days_are_counted_as_by_walking_through_them(engine: Engine) -> None:
    spring = [date(2024, 1, 20) + i * DAY for i in range(60)]
    edges = [FIRST, FIRST + DAY, LAST, LAST - DAY, FIRST - DAY, LAST + DAY, date(2008, 2, 29), date(2025, 10, 8)]
    days = [*spring, *edges, *(date(2004 + i % 23, 1 + i % 12, 1 + i * 7 % 28) for i in range(90))]
    rows = [(i, day, days[(i * 31 + 7) % len(days)], (i * 17) % 91 - 45) for i, day in enumerate(days)]
    bench.make(
        engine,
        "attr_case",
        {"id": INTEGER, "a": DATE, "b": DATE, "n": INTEGER, **bench.LATE},
        [(*r, *[None] * 4) for r in rows],
    )
    bench.make_members(engine, "case", range(len(rows)))
    wanted: dict[str, Any] = {
        "is_workday(a)": lambda a, b, n: worked(a),
        "is_holiday(a)": lambda a, b, n: a in chinese_calendar.holidays,
        "workdays_between(a, b)": lambda a, b, n: between(a, b) if FIRST <= b <= LAST else None,
        "add_workdays(a, n)": lambda a, b, n: moved(a, n),
    }
    always: dict[str, Any] = {
        "days_to_spring_festival(a)": lambda a: nearest_festival(a),
        **{
            f"nth_weekday(a, {n}, {w})": (lambda a, n=n, w=w: nth(a, n, w))
            for n in (1, 3, 5, -1, -5)
            for w in (1, 4, 7)
        },
    }
    found = bench.answers(engine, {t: t for t in [*wanted, *always]}, WORLD, subject="case")
    for i, a, b, n in rows:
        for text, value in wanted.items():
            assert found[text][i] == (value(a, b, n) if FIRST <= a <= LAST else None), (text, a, b, n)
        for text, value in always.items():
            assert found[text][i] == value(a), (text, a)


# -- the Spring Festival, from the moon and the sun (Meeus, Astronomical Algorithms, chapters 25 and 49) ----------


def new_moon(k: int) -> float:
    """The k-th new moon after that of January 2000, as a Julian day, to within a quarter of an hour."""
    t = k / 1236.85
    m, moon = math.radians(2.5534 + 29.10535670 * k), math.radians(201.5643 + 385.81693528 * k + 0.0107582 * t * t)
    f = math.radians(160.7108 + 390.67050284 * k - 0.0016118 * t * t)
    node = math.radians(124.7746 - 1.56375588 * k)
    e = 1 - 0.002516 * t
    return (
        2451550.09766 + 29.530588861 * k + 0.00015437 * t * t
        - 0.40720 * math.sin(moon) + 0.17241 * e * math.sin(m) + 0.01608 * math.sin(2 * moon) + 0.01039 * math.sin(2 * f)
        + 0.00739 * e * math.sin(moon - m) - 0.00514 * e * math.sin(moon + m) + 0.00208 * e * e * math.sin(2 * m)
        - 0.00111 * math.sin(moon - 2 * f) - 0.00057 * math.sin(moon + 2 * f) + 0.00056 * e * math.sin(2 * moon + m)
        - 0.00042 * math.sin(3 * moon) + 0.00042 * e * math.sin(m + 2 * f) + 0.00038 * e * math.sin(m - 2 * f)
        - 0.00024 * e * math.sin(2 * moon - m) - 0.00017 * math.sin(node)
    )  # fmt: skip


def sun(julian: float) -> float:
    """The sun's apparent longitude in degrees, to a hundredth."""
    t = (julian - 2451545) / 36525
    m = math.radians(357.52911 + 35999.05029 * t)
    centre = (1.914602 - 0.004817 * t) * math.sin(m) + 0.019993 * math.sin(2 * m) + 0.000289 * math.sin(3 * m)
    node = math.radians(125.04 - 1934.136 * t)
    return (280.46646 + 36000.76983 * t + centre - 0.00569 - 0.00478 * math.sin(node)) % 360


def day_in_china(julian: float) -> int:
    """The number of the day in UTC+8; a minute is taken off for the earth's slowing rotation."""
    return math.floor(julian - 65 / 86400 + 0.5 + 8 / 24)


def solar_term(around: float, longitude: float) -> float:
    while abs(off := (longitude - sun(around) + 180) % 360 - 180) > 1e-6:
        around += off * 365.25 / 360
    return around


def festival(year: int) -> int:
    """The day of the first month's new moon: eleventh months hold the winter solstice; a leap month holds no such term."""
    midwinter = [solar_term(2451545 + 365.2422 * (y - 2000) + 355, 270) for y in (year - 1, year)]
    eleventh = []
    for solstice in midwinter:
        k = math.floor((solstice - 2451550) / 29.530588861) + 2
        while day_in_china(new_moon(k)) > day_in_china(solstice):
            k -= 1
        eleventh.append(k)
    months = range(eleventh[0], eleventh[1] + 1)
    moons = [day_in_china(new_moon(k)) for k in months]
    terms = {day_in_china(solar_term(midwinter[0] + 30.4 * i, 270 + 30 * i)) for i in range(14)}
    leap = next((i for i in range(len(moons) - 1) if not any(moons[i] <= t < moons[i + 1] for t in terms)), 99)
    return moons[3 if len(moons) == 14 and leap <= 2 else 2]


def test_the_spring_festivals_are_where_the_moon_puts_them() -> None:
    found = {day.year: day.toordinal() + 1721425 for day in holidays.spring_festivals()}
    assert {year: festival(year) for year in found} == found


# -- the same time of the year before --------------------------------------------------------------------------


@given(st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1)), st.sampled_from(clock.PERIODS))
def test_the_year_before_holds_the_same_period(moment: datetime, period: str) -> None:
    as_of, zone = moment.replace(tzinfo=UTC), "Asia/Shanghai"
    today = clock.local_date(as_of, zone)
    whole = clock.year_before(as_of, period, zone)
    far = clock.year_before(as_of, period, zone, so_far=True)
    assert whole.start is not None
    assert whole.end is not None
    assert far.end is not None
    first, last = clock.local_date(whole.start, zone), clock.local_date(whole.end, zone) - DAY
    assert clock.period_start(first, period) == first == clock.period_start(last, period)
    assert far.start == whole.start <= far.end <= whole.end
    names = {
        "day": lambda d: (d.month, min(d.day, 28) if d.month == 2 else d.day),
        "week": lambda d: min(d.isocalendar().week, 52),
        "month": lambda d: d.month,
        "quarter": lambda d: (d.month - 1) // 3,
        "year": lambda d: 0,
    }
    mid = first + (last - first) // 2
    assert names[period](mid) in (
        names[period](today),
        53 if period == "week" else None,
        52 if period == "week" else None,
    )
    assert mid.isocalendar().year == today.isocalendar().year - 1 if period == "week" else mid.year == today.year - 1


def test_as_far_as_the_year_has_got_means_the_same_date_and_hour() -> None:
    at = datetime(2024, 3, 1, 10, tzinfo=UTC)
    assert clock.year_before(at, "year", "UTC", so_far=True) == clock.Window(
        datetime(2023, 1, 1, tzinfo=UTC), datetime(2023, 3, 1, 10, tzinfo=UTC)
    )
    leap = datetime(2024, 2, 29, 10, tzinfo=UTC)
    assert clock.year_before(leap, "month", "UTC", so_far=True).end == datetime(2023, 2, 28, 10, tzinfo=UTC)


@given(
    st.datetimes(datetime(2016, 1, 1), datetime(2020, 12, 1)),
    st.integers(1, 12),
    st.integers(0, 5),
    st.sampled_from(["UTC", "Asia/Shanghai"]),
)
def test_windows_of_workdays_hold_so_many(moment: datetime, n: int, ago: int, zone: str) -> None:
    at = moment.replace(tzinfo=UTC)
    today = clock.local_date(at, zone)
    back = [day for i in range(60) if worked(day := today - timedelta(days=i))]
    on = [day for i in range(60) if worked(day := today + timedelta(days=i))]
    seen = clock.workdays(at, n, zone, ago)
    assert seen.start == clock.midnight(back[n + ago - 1], zone)
    assert seen.end == (clock.midnight(back[ago - 1], zone) if ago else at)
    coming = clock.workdays_ahead(at, n, zone)
    assert coming == clock.Window(at, clock.midnight(on[n - 1] + timedelta(days=1), zone))


def test_beyond_the_known_holidays_workdays_are_monday_to_friday() -> None:
    at = datetime(2099, 6, 3, 12, tzinfo=UTC)  # A Wednesday.
    assert clock.workdays(at, 4, "UTC").start == datetime(2099, 5, 29, tzinfo=UTC)
    assert clock.workdays_ahead(at, 4, "UTC").end == datetime(2099, 6, 9, tzinfo=UTC)


def test_the_end_of_a_calendar_month_is_reached() -> None:
    at = datetime(2017, 1, 31, 12, tzinfo=UTC)
    assert clock.periods_ahead(at, 1, "month", "UTC").end == datetime(2017, 2, 1, tzinfo=UTC)
    assert clock.periods_ahead(at, 2, "month", "Asia/Shanghai").end == datetime(2017, 2, 28, 16, tzinfo=UTC)


# -- random shares ---------------------------------------------------------------------------------------------


@on_every_engine()
def test_a_random_share_is_drawn_as_the_arms_of_experiments_are(engine: Engine) -> None:
    ids = ["1", "07", "画像", "a'b\\", "😀" * 90, "x" * 300, *(f"H-{i}" for i in range(60))]
    bench.make_members(engine, "person", ids, TEXT)
    bench.make_sample(engine)
    world = World({"person": SubjectShape("person", TEXT)}, {})
    texts = {
        (share, seed): f"in_random_share({share}, '{seed}')" for share in (0, 0.1, 0.5, 1) for seed in ("春", "b''c")
    }
    found = bench.answers(engine, {t: t for t in texts.values()}, world, subject="person")
    for (share, seed), text in texts.items():
        wanted = {i: share == 1 or position(seed.replace("''", "'"), i) < share for i in ids}
        assert found[text] == wanted, text
    numbers = bench.answers(
        engine, {"x": "in_random_share(0.5, 'lot')", "rows": "count(sample) filter (where in_random_share(0.5, 'lot'))"}
    )
    assert numbers["x"] == {i: position("lot", i) < 0.5 for i in sample.MEMBERS}
    assert [numbers["rows"][i] > 0 for i in (1, 2, 3)] == [numbers["x"][i] for i in (1, 2, 3)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("is_workday(date('2031-01-01'))", "known from 2004 to 2026; 2031-01-01 lies outside"),
        ("add_workdays(date('1999-01-01'), 3)", "known from 2004 to 2026"),
        ("workdays_between(date('2017-01-01'), date('2027-01-01'))", "known from 2004 to 2026"),
        ("is_workday('2017-01-01')", "must be a date or an instant"),
        ("spring_festival(1900)", "known for 1990 to 2050, not for 1900"),
        ("days_to_spring_festival(date('2200-01-01'))", "not for 2200"),
        ("nth_weekday(as_of(), 0, 1)", "a first to fifth weekday"),
        ("nth_weekday(as_of(), 6, 1)", "a first to fifth weekday"),
        ("nth_weekday(as_of(), 1, 0)", "1 (Monday) to 7 (Sunday), not 0"),
        ("nth_weekday(as_of(), count(sample), 1)", "must be written out"),
        ("count(sample) filter (where last_year('fortnight'))", "No period"),
        ("count(sample) filter (where last_year('month', 1))", "must be a condition"),
        ("in_random_share(1.5, 'x')", "A share is 0 to 1, not 1.5"),
        ("in_random_share(-0.1, 'x')", "A share is 0 to 1"),
        ("in_random_share(0.1, '')", "needs a seed"),
        ("in_random_share(0.1)", "takes 2 to 3 arguments"),
        ("in_random_share(count(sample) * 0.1, 'x')", "must be written out"),
        ("in_random_share(max(sample.amount), 0.1, 'x')", "drawn by an id"),
    ],
)
def test_a_slip_is_told(text: str, said: str) -> None:
    with pytest.raises(GongbiError) as error:
        check_expression(text, sample.WORLD, "member")
    assert said in str(error.value)
