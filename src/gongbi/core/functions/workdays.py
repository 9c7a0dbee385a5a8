"""Calendar as it is lived: weekdays of a month, Chinese workdays and holidays, the Spring Festival."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from gongbi.core import holidays
from gongbi.core.functions.base import Example, Function, Param, Render, require
from gongbi.core.functions.dates import days_between, local_day
from gongbi.core.types import BOOLEAN, DATE, INTEGER, Type

if TYPE_CHECKING:
    from gongbi.core.expr import Call
    from gongbi.core.render import Rendering

M = Param("moment", "moment")
N = Param("n", "integer")
KNOWN = (
    "Absent if an argument is absent, or a day lies outside the years whose holidays are known, 2004 to 2026.",
    "参数缺失，或日期不在已知放假安排的年份（2004 至 2026 年）之内则缺失。",
)
FESTIVALS = (
    "Absent if the argument is absent or outside 1990 to 2049.",
    "参数缺失，或不在 1990 至 2049 年之内则缺失。",
)
SOME = ("Absent if an argument is absent, or the month has no such day.", "参数缺失，或该月没有这样的一天则缺失。")


def _looked_up(table: Sequence[int], place: str, to: Rendering) -> str:
    """The number at a place of a table, counted from 0; absent beyond its end. The place is not negative."""
    # One literal, read once when the query is planned: engines take long over thousands of them.
    numbers = ",".join(map(str, table))
    if to.dialect.name == "duckdb":
        return f"cast((cast('[{numbers}]' as integer[]))[{place} + 1] as bigint)"
    return f"cast(get(split('{numbers}', ','), cast({place} as int)) as bigint)"


def _whole(a: str, n: int, to: Rendering) -> str:
    return f"({a} // {n})" if to.dialect.name == "duckdb" else f"({a} div {n})"


def _moved(day: str, days: str, to: Rendering) -> str:
    """A date so many days later."""
    if to.dialect.name == "duckdb":
        return f"({day} + cast({days} as integer))"
    return f"date_add({day}, cast({days} as int))"


def _day(call: Call, args: Sequence[str], i: int, to: Rendering) -> str:
    return local_day(args[i], call.args[i].type, to)


def _place(day: str, to: Rendering) -> str:
    """Days from the first Monday of the table on; absent outside the known years."""
    table = holidays.workdays()
    known = f"{day} between {to.literal(table.first)} and {to.literal(table.last)}"
    return f"(case when {known} then {days_between(to.literal(table.monday), day, to)} end)"


def _week(place: str, to: Rendering) -> str:
    return _looked_up(holidays.workdays().weeks, _whole(place, 7, to), to)


def _bit(place: str, to: Rendering) -> str:
    """Two to the power of the weekday: a shift of 1, written alike on both engines."""
    return f"cast(power(2, {place} % 7) as {to.type(INTEGER)})"


def _is_work(place: str, to: Rendering) -> str:
    return f"(({_week(place, to)} & {_bit(place, to)}) > 0)"


def _before(place: str, to: Rendering) -> str:
    """How many workdays there were before a day."""
    week = _week(place, to)
    return f"({_whole(week, 128, to)} + bit_count({week} & ({_bit(place, to)} - 1)))"


def _is_workday(call: Call, args: Sequence[str], to: Rendering) -> str:
    return _is_work(_place(_day(call, args, 0, to), to), to)


def _is_holiday(call: Call, args: Sequence[str], to: Rendering) -> str:
    place = _place(_day(call, args, 0, to), to)
    days = [day for first, last in holidays.workdays().holidays for day in range(first, last + 1)]
    return f"({place} in ({', '.join(map(str, days))}))"


def _workdays_between(call: Call, args: Sequence[str], to: Rendering) -> str:
    first, last = (_before(_place(_day(call, args, i, to), to), to) for i in (0, 1))
    return f"cast({last} - {first} as {to.type(INTEGER)})"


def _add_workdays(call: Call, args: Sequence[str], to: Rendering) -> str:
    day, n, table = _day(call, args, 0, to), args[1], holidays.workdays()
    place = _place(day, to)
    own = f"(case when {_is_work(place, to)} then 1 else 0 end)"
    # The n-th after the day: counted from the next workday on; before it: from the last one back.
    goal = f"({_before(place, to)} + {n} + (case when {n} > 0 then {own} - 1 else 0 end))"
    inside = f"(case when {n} between {-len(table.days)} and {len(table.days)} and {goal} >= 0 then {goal} end)"
    there = _moved(to.literal(table.monday), _looked_up(table.days, inside, to), to)
    return f"(case when {n} = 0 then (case when {place} is not null then {day} end) else {there} end)"


def _festival(year: str, to: Rendering) -> str:
    days = [(day - date(1970, 1, 1)).days for day in holidays.spring_festivals()]
    last = holidays.FIRST_FESTIVAL + len(days) - 1
    place = (
        f"(case when {year} between {holidays.FIRST_FESTIVAL} and {last} then {year} - {holidays.FIRST_FESTIVAL} end)"
    )
    return _looked_up(days, place, to)


def _spring_festival(call: Call, args: Sequence[str], to: Rendering) -> str:
    return _moved(to.literal(date(1970, 1, 1)), _festival(args[0], to), to)


def _days_to_festival(call: Call, args: Sequence[str], to: Rendering) -> str:
    day = _day(call, args, 0, to)
    since = days_between(to.literal(date(1970, 1, 1)), day, to)
    year = f"cast(year({day}) as {to.type(INTEGER)})"
    this, following = f"({_festival(year, to)} - {since})", f"({_festival(f'({year} + 1)', to)} - {since})"
    return f"(case when {following} < -{this} then {following} when {following} is not null then {this} end)"


def _nth_weekday(call: Call, args: Sequence[str], to: Rendering) -> str:
    n, weekday = (getattr(arg, "value", 1) for arg in call.args[1:])
    day = _day(call, args, 0, to)
    of_week = "isodow({})" if to.dialect.name == "duckdb" else "(weekday({}) + 1)"
    if n > 0:
        edge = f"cast(date_trunc('month', {day}) as date)"
        steps = f"(({weekday} - {of_week.format(edge)} + 7) % 7 + {7 * (n - 1)})"
    else:
        edge = f"last_day({day})"
        steps = f"-(({of_week.format(edge)} - {weekday} + 7) % 7 + {7 * (-n - 1)})"
    found = _moved(edge, steps, to)
    return f"(case when month({found}) = month({day}) then {found} end)" if abs(n) == 5 else found


def _check_nth(values: Sequence[Any]) -> None:
    n, weekday = values[1], values[2]
    require(
        n in (-5, -4, -3, -2, -1, 1, 2, 3, 4, 5), f"A month has a first to fifth weekday, or -1 for its last, not {n}."
    )
    require(1 <= weekday <= 7, f"A weekday is 1 (Monday) to 7 (Sunday), not {weekday}.")


def _check_known(values: Sequence[Any]) -> None:
    table = holidays.workdays()
    for value in values:
        if isinstance(value, date):
            require(
                table.first <= value <= table.last,
                f"Chinese holidays are known from {table.first.year} to {table.last.year}; {value} lies outside.",
                "A newer release of the package chinesecalendar knows later years.",
            )


def _check_festival(values: Sequence[Any]) -> None:
    year = values[0].year if isinstance(values[0], date) else values[0]
    last = holidays.FIRST_FESTIVAL + len(holidays.spring_festivals()) - 1
    require(
        not isinstance(year, int) or holidays.FIRST_FESTIVAL <= year <= last,
        f"The Spring Festival is known for {holidays.FIRST_FESTIVAL} to {last}, not for {year}.",
    )


def _lived(
    name: str, params: tuple[Param, ...], returns: Type, zh: str, en: str, nulls: tuple[str, str],
    examples: tuple[Example, ...], sql: Render, check: Any,
) -> Function:  # fmt: skip
    return Function(name, "scalar", "calendar", params, returns, zh, en, nulls, examples, sql, sql, check=check)


FUNCTIONS: tuple[Function, ...] = (
    _lived("nth_weekday", (M, Param("n", "integer", constant=True), Param("weekday", "integer", constant=True)), DATE,
           "所在月的第 n 个星期几（周一 1 到周日 7）；n 为负则从月末数起。", "The n-th such weekday (Monday 1 to Sunday 7) of the month; -1 is the last.", SOME,
           (Example("nth_weekday(date('2017-09-15'), 2, 2)", "2017-09-12"), Example("nth_weekday(date('2017-09-15'), -1, 5)", "2017-09-29"),
            Example("nth_weekday(date('2017-09-15'), 5, 1)", None),
            Example("count(sample) filter (where date(ts) = nth_weekday(ts, 1, 2))", {1: 1, 2: 0, 3: 0, 4: 0})),
           _nth_weekday, _check_nth),
    _lived("is_workday", (M,), BOOLEAN, "中国的工作日：含调休上班的周末，不含法定放假的日子。",
           "A Chinese workday: weekends worked in stead of a holiday are, days off of public holidays are not.", KNOWN,
           (Example("is_workday(date('2017-09-30'))", True), Example("is_workday(date('2017-10-02'))", False), Example("is_workday(date_add(date('2004-01-01'), -1, 'day'))", None)),
           _is_workday, _check_known),
    _lived("is_holiday", (M,), BOOLEAN, "中国的法定放假日，含其中的周末。", "A day off of a Chinese public holiday, weekends among them included.", KNOWN,
           (Example("is_holiday(date('2017-10-01'))", True), Example("is_holiday(date('2017-09-16'))", False)),
           _is_holiday, _check_known),
    _lived("workdays_between", (Param("from", "moment"), Param("to", "moment")), INTEGER, "从第一天到第二天之前的中国工作日天数；反向为负。",
           "Chinese workdays from the first day on, the second excluded; negative where it comes first.", KNOWN,
           (Example("workdays_between(date('2017-09-29'), date('2017-10-10'))", 3), Example("workdays_between(date('2017-10-09'), date('2017-09-29'))", -2)),
           _workdays_between, _check_known),
    _lived("add_workdays", (M, N), DATE, "之后第 n 个中国工作日；n 为负则为之前的；0 为当天。",
           "The n-th Chinese workday after the day, before it where n is negative; the day itself for 0.", KNOWN,
           (Example("add_workdays(date('2017-09-29'), 2)", "2017-10-09"), Example("add_workdays(date('2017-10-05'), -1)", "2017-09-30")),
           _add_workdays, _check_known),
    _lived("spring_festival", (Param("year", "integer"),), DATE, "某年的春节（农历正月初一）。", "The day of the Spring Festival, the first of the lunar year.", FESTIVALS,
           (Example("spring_festival(2017)", "2017-01-28"), Example("spring_festival(year(date('2026-05-01')))", "2026-02-17")),
           _spring_festival, _check_festival),
    _lived("days_to_spring_festival", (M,), INTEGER, "到最近一个春节的天数，之后为负：节前第 n 天可跨年对齐比较。",
           "Days to the nearest Spring Festival, negative after it: what lines up days before and after it over the years.", FESTIVALS,
           (Example("days_to_spring_festival(date('2016-12-29'))", 30), Example("days_to_spring_festival(date('2017-02-11'))", -14)),
           _days_to_festival, _check_festival),
)  # fmt: skip
