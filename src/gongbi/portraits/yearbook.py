"""One customer's year in figures: what is read, and how it is told. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from gongbi.catalog.portraits import YearbookDef
from gongbi.core import clock
from gongbi.core.clock import Window
from gongbi.core.compiler import Request, compile_members
from gongbi.core.dialect import Dialect
from gongbi.core.expr import Expr
from gongbi.core.grouping import rows_as_of
from gongbi.core.language import check_expression, compile_row
from gongbi.core.plan import Plan
from gongbi.core.types import TIMESTAMP
from gongbi.core.world import World

#: With fewer others nobody is compared: a share of three people tells about the three.
FEWEST_OTHERS = 20
_DURING = re.compile(r"\bduring\s*\(\s*\)", re.IGNORECASE)


def year_of(year: int, zone: str) -> Window:
    """The instants of a calendar year of the workspace's zone."""
    return Window(clock.midnight(date(year, 1, 1), zone), clock.midnight(date(year + 1, 1, 1), zone))


def figures_plan(book: YearbookDef, member: Any, year: Window, world: World, dialect: Dialect) -> Plan:
    """The figures of one member, each with the share of the others of the year who have less.

    Returns
    -------
    Plan
        One row, none where the member has no row of the fact in the year. Columns: ``f{i}``, ``less{i}`` where the
        figure is compared, and ``members``, how many have such a year.
    """
    assert year.end is not None
    texts = [f"count({book.fact}) filter (where during())", *(one.expr for one in book.figures)]
    exprs = [check_expression(text, world, book.subject, ahead=True) for text in texts]
    columns: dict[str, Expr] = {"_rows": exprs[0], **{f"f{i}": expr for i, expr in enumerate(exprs[1:])}}
    plan = compile_members(Request(book.subject, columns, year.end, {}, during=year), world, dialect)
    shown = ["id", *(f"f{i}" for i in range(len(book.figures)))]
    double = dialect.types["double"]
    for i, figure in enumerate(book.figures):
        if figure.compare:
            over = f"over (partition by f{i} is null"
            less = f"cast(rank() {over} order by f{i}) - 1 as {double}) / nullif(count(*) {over}) - 1, 0)"
            shown.append(f"case when f{i} is not null then {less} end as less{i}")
    plan = plan.then("_year", f"select *, count(*) over () as members from _result where {dialect.ident('_rows')} > 0")
    plan = plan.then("_compared", f"select {', '.join(shown)}, members from _year")
    return plan.then("_mine", f"select * from _compared where id = {dialect.literal(member)}")


def months_plan(book: YearbookDef, member: Any, year: int, world: World, zone: str, dialect: Dialect) -> Plan:
    """The charts of one member: columns ``c{i}_{month}``; all months are read in one pass."""
    firsts = [date(year + (m > 12), (m - 1) % 12 + 1, 1) for m in range(1, 14)]
    columns: dict[str, Expr] = {}
    for i, chart in enumerate(book.charts):
        for month in range(1, 13):
            between = f"between_dates('{firsts[month - 1]}', '{firsts[month]}')"
            columns[f"c{i}_{month}"] = check_expression(_DURING.sub(between, chart.expr), world, book.subject)
    request = Request(book.subject, columns, clock.midnight(firsts[12], zone), {})
    plan = compile_members(request, world, dialect)
    return plan.then("_mine", f"select * from _result where id = {dialect.literal(member)}")


def days_plan(book: YearbookDef, member: Any, year: Window, world: World, zone: str, dialect: Dialect) -> Plan:
    """The local days on which one member has a row of the fact. Column ``day``."""
    assert year.start is not None
    assert year.end is not None
    fact = world.fact(book.fact)
    day = compile_row("date(ts)", {"ts": TIMESTAMP}, dialect, zone=zone).sql
    rows = rows_as_of(fact, world, dialect, year.end)
    return Plan().then(
        "_days",
        f"select distinct {day} as day from ({rows}) r where {dialect.ident(book.subject)} = {dialect.literal(member)}"
        f" and ts >= {dialect.literal(year.start)} and ts < {dialect.literal(year.end)} order by 1",
    )


def longest_run(days: Iterable[date], unit: str) -> tuple[int, date, date] | None:
    """The longest run of days, weeks (from Monday) or months in a row with a day in each: length, first and last day.

    Of runs that are equally long, the earliest.
    """
    steps: dict[int, tuple[date, date]] = {}
    for day in sorted(days):
        step = _step(day, unit)
        steps[step] = (steps[step][0] if step in steps else day, day)
    best: tuple[int, date, date] | None = None
    begin = previous = None
    for step, (first, last) in sorted(steps.items()):
        if previous is None or begin is None or step != previous[0] + 1:
            begin = (step, first)
        previous = (step, last)
        length = step - begin[0] + 1
        if best is None or length > best[0]:
            best = (length, begin[1], last)
    return best


def _step(day: date, unit: str) -> int:
    if unit == "day":
        return day.toordinal()
    return (day - timedelta(days=day.weekday())).toordinal() // 7 if unit == "week" else day.year * 12 + day.month


def told(value: Any, unit: str | None, language: str) -> str:
    """A figure as people read it."""
    if isinstance(value, datetime | date):
        day = value.date() if isinstance(value, datetime) else value
        return f"{day.year}年{day.month}月{day.day}日" if language == "zh" else f"{day.day} {day:%B %Y}"
    if isinstance(value, bool):
        return {"zh": ("否", "是"), "en": ("no", "yes")}[language][value]
    if isinstance(value, Decimal | float):
        text = f"{value:,.2f}"
    else:
        text = f"{value:,}" if isinstance(value, int) else str(value)
    return f"{text} {unit}" if unit else text


def compared(less: float, language: str) -> str:
    """The share of the others who have less, in words."""
    if less >= 1:
        return "没有人比你更多。" if language == "zh" else "Nobody had more."
    # Never rounded up to everybody.
    share = f"{int(100 * less)}%"
    return f"比 {share} 的人多。" if language == "zh" else f"More than {share} of the others."


def streak_words(run: tuple[int, date, date], unit: str) -> Mapping[str, str]:
    """The longest run in both languages."""
    length, first, last = run
    zh = {"day": "天", "week": "周", "month": "个月"}[unit]
    span = [told(day, None, language) for language in ("zh", "en") for day in (first, last)]
    return {
        "zh": f"最长连续 {length} {zh}都有你：{span[0]}到{span[1]}。",
        "en": f"Your longest run was {length} {unit}{'s' if length > 1 else ''} in a row, {span[2]} to {span[3]}.",
    }
