"""Facts that last, from their `ts` to their `until`: which are under way at the instant, which end soon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gongbi.core import clock
from gongbi.core.functions.base import Example, Function, Param, Render
from gongbi.core.functions.dates import micros
from gongbi.core.functions.moments import check_length
from gongbi.core.types import BOOLEAN, INTEGER, Type

if TYPE_CHECKING:
    from gongbi.core.expr import Call
    from gongbi.core.render import Rendering

START = Param("start", "timestamp", optional=True)
END = Param("end", "timestamp", optional=True)
N, UNIT = Param("n", "integer", constant=True), Param("unit", "text", constant=True)
OPEN = ("Absent if the end is open.", "没有结束时间则缺失。")


def _active(call: Call, args: Sequence[str], to: Rendering) -> str:
    start, end = args
    now = to.literal(to.as_of)
    # As the validity of attributes: what holds just before the instant.
    return f"({start} < {now} and ({end} is null or {end} >= {now}))"


def _ends_within(call: Call, args: Sequence[str], to: Rendering) -> str:
    n, unit = (getattr(arg, "value", None) for arg in call.args[1:])
    assert isinstance(n, int)
    return to.bounds(args[0], _ends_in(n, str(unit), to))


def _ends_in(n: int, unit: str, to: Rendering) -> clock.Window:
    if unit in clock.ROLLING:
        return clock.ahead(to.as_of, n, unit)
    if unit == clock.WORKDAY:
        return clock.workdays_ahead(to.as_of, n, to.zone)
    return clock.periods_ahead(to.as_of, n, unit.removeprefix("calendar_"), to.zone)


def _days_to_end(call: Call, args: Sequence[str], to: Rendering) -> str:
    gap = f"({micros(args[0], to)} - {micros(to.literal(to.as_of), to)})"
    return f"({gap} {'//' if to.dialect.name == 'duckdb' else 'div'} {to.literal(86_400_000_000)})"


def _check_ends(values: Sequence[Any]) -> None:
    check_length(values[1], values[2])


def _lasting(
    name: str, params: tuple[Param, ...], returns: Type, zh: str, en: str, nulls: tuple[str, str],
    examples: tuple[Example, ...], sql: Render, reads: tuple[str, ...], check: Any = None,
) -> Function:  # fmt: skip
    return Function(
        name, "time", "windows", params, returns, zh, en, nulls, examples, sql, sql,
        check=check, relative=True, reads=reads,
    )  # fmt: skip


FUNCTIONS: tuple[Function, ...] = (
    _lasting(
        "active", (START, END), BOOLEAN,
        "截止时刻正在进行：已经开始，还没有结束，或没有结束时间。用于有结束时间的事实，如合同、持有。",
        "Under way at the instant: begun, and not ended or without an end. Of a fact that lasts, such as a contract or a holding.",
        ("Absent if the start is absent; an absent end is open.", "开始时间缺失则缺失；没有结束时间即未结束。"),
        (Example("active(instant('2017-09-01'), instant('2017-09-20'))", True), Example("active(instant('2017-09-01'), instant('2017-09-02'))", False),
         Example("active(instant('2017-09-01'), null)", True)),
        _active, ("ts", "until"),
    ),
    _lasting(
        "ends_within", (END, N, UNIT), BOOLEAN,
        "在截止时刻之后的 n 个单位之内结束，[as_of, as_of + n)；结束时间一开始就知道。calendar_month 等到本月（或其后第 n - 1 个月）月底，workday 到第 n 个中国工作日（含当天）结束。",
        "Ends in the n units from the instant on, `[as_of, as_of + n)`: the end is known from the start. calendar_month and the like reach to the end of this month, or of the one n - 1 after it; workday to the end of the n-th Chinese workday, today among them.", OPEN,
        (Example("ends_within(instant('2017-09-20'), 7, 'day')", True), Example("ends_within(instant('2017-09-22'), 7, 'day')", False),
         Example("ends_within(instant('2017-09-30T23:00:00'), 1, 'calendar_month')", True), Example("ends_within(instant('2017-09-19'), 2, 'workday')", False)),
        _ends_within, ("until",), _check_ends,
    ),
    _lasting(
        "days_to_end", (END,), INTEGER,
        "到结束还有几个整天（24 小时），已结束则为负；向零取整。", "Whole days of 24 h to the end, negative once it is over, towards zero.", OPEN,
        (Example("days_to_end(instant('2017-09-20T12:00:00'))", 5), Example("days_to_end(instant('2017-09-13'))", -2)),
        _days_to_end, ("until",),
    ),
)  # fmt: skip
