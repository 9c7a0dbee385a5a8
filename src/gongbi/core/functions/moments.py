"""Time: the as-of instant, and windows on the time of a fact's rows. All windows are half-open."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gongbi.core import clock
from gongbi.core.functions.base import Example, Function, Param, Render, choose, require
from gongbi.core.types import BOOLEAN
from gongbi.errors import Refused

if TYPE_CHECKING:
    from gongbi.core.expr import Call
    from gongbi.core.render import Rendering

TS = Param("moment", "timestamp", optional=True)
NULLS = ("Absent if the moment is absent.", "时间缺失则缺失。")
UNITS = (*clock.ROLLING, *clock.CALENDAR, clock.WORKDAY)


def _constants(call: Call) -> list[Any]:
    return [getattr(arg, "value", None) for arg in call.args[1:]]


#: So many days a window reaches at most.
LONGEST = 36_600


def window_within(n: int, unit: str, ago: int, as_of: Any, zone: str) -> clock.Window:
    """The window of ``within(n, unit, ago)``."""
    if unit == clock.WORKDAY:
        return clock.workdays(as_of, n, zone, ago)
    if unit in clock.ROLLING:
        return clock.rolling(as_of, n, unit, ago)
    return clock.calendar(as_of, n, unit.removeprefix("calendar_"), zone, ago)


def _between_days(days: Sequence[Any], zone: str) -> clock.Window:
    start, end = (clock.parse_instant(text, zone) for text in days)
    return clock.Window(start, end)


#: Functions that say in which window a row's time lies → the window, from their constants, the instant and the zone.
WINDOWS: Mapping[str, Callable[[Sequence[Any], Any, str], clock.Window]] = {
    "within": lambda v, as_of, zone: window_within(v[0], v[1], v[2] if len(v) > 2 else 0, as_of, zone),
    "this": lambda v, as_of, zone: clock.calendar(as_of, 1, v[0], zone),
    "previous": lambda v, as_of, zone: clock.calendar(as_of, 1, v[0], zone, 1),
    "last_year": lambda v, as_of, zone: clock.year_before(as_of, v[0], zone, so_far=list(v[1:]) == [True]),
    "between_dates": lambda v, as_of, zone: _between_days(v, zone),
    "since": lambda v, as_of, zone: clock.Window(clock.parse_instant(v[0], zone), None),
    "before": lambda v, as_of, zone: clock.Window(None, clock.parse_instant(v[0], zone)),
}


def _in_window(call: Call, args: Sequence[str], to: Rendering) -> str:
    return to.bounds(args[0], WINDOWS[call.function.name](_constants(call), to.as_of, to.zone))


def _ahead(call: Call, args: Sequence[str], to: Rendering) -> str:
    n, unit = _constants(call)
    return to.bounds(args[0], clock.ahead(to.as_of, n, unit))


def _during(call: Call, args: Sequence[str], to: Rendering) -> str:
    if to.during is None:
        raise Refused("`during()` has a meaning only in the outcome of a campaign.")
    return to.bounds(args[0], to.during)


def check_length(n: Any, unit: Any) -> None:
    """Refuse a window that is empty, or longer than any data: before the first year there is no date."""
    require(isinstance(n, int) and 1 <= n <= 36_500, f"A window has a length of 1 to 36,500, not {n}.")
    choose("unit", unit, UNITS)
    _check_reach(n, unit)


def _check_reach(n: int, unit: str) -> None:
    require(
        clock.most_days(n, unit) <= LONGEST,
        f"A window reaches 100 years at most, not {n} × {unit}.",
        "Leave the window out to take everything.",
    )


def _check_window(values: Sequence[Any]) -> None:
    n, unit = values[1], values[2]
    check_length(n, unit)
    if len(values) > 3:
        ago = values[3]
        require(isinstance(ago, int) and 0 <= ago <= 36_500, f"`ago` is 0 to 36,500, not {ago}.")
        _check_reach(n + ago, unit)


def _check_ahead(values: Sequence[Any]) -> None:
    require(isinstance(values[1], int) and 1 <= values[1] <= 3650, f"`ahead` is 1 to 3,650 long, not {values[1]}.")
    choose("unit", values[2], tuple(clock.ROLLING))


def _check_period(values: Sequence[Any]) -> None:
    choose("period", values[1], clock.PERIODS)


def _check_dates(values: Sequence[Any]) -> None:
    instants = [clock.parse_instant(text, "UTC") for text in values[1:]]
    require(instants == sorted(instants), f"{values[-1]!r} comes before {values[1]!r}.", "Write the earlier one first.")


N, UNIT = Param("n", "integer", constant=True), Param("unit", "text", constant=True)
DAY = Param("date", "text", constant=True)


def _time(
    name: str, params: tuple[Param, ...], zh: str, en: str, examples: tuple[Example, ...], sql: Render, check: Any,
    *, looks_ahead: bool = False,
) -> Function:  # fmt: skip
    return Function(
        name, "time", "windows", (TS, *params), BOOLEAN, zh, en, NULLS, examples, sql, sql,
        check=check, looks_ahead=looks_ahead, relative=name not in ("between_dates", "since", "before"),
    )  # fmt: skip


FUNCTIONS: tuple[Function, ...] = (
    _time(
        "within", (N, UNIT, Param("ago", "integer", constant=True, optional=True)),
        "在截止时刻之前的 n 个单位之内，[as_of - n, as_of)；给出 ago 则整体再往前移。day 等为滚动 24 小时，calendar_day 等按工作区时区的日历，workday 为中国的工作日，含当天与其间的休息日。",
        "In the n units before the as-of instant, or before `ago` units earlier. day, week, hour, minute roll by 24 h; "
        "calendar_day, calendar_month, … follow the calendar of the workspace's zone; workday counts Chinese workdays, today among them, with the days off between.",
        (Example("count(sample) filter (where within(30, 'day'))", {1: 2, 2: 1, 3: 0, 4: 0}),
         Example("count(sample) filter (where within(30, 'day', 30))", {1: 1, 2: 0, 3: 0, 4: 0}),
         Example("count(sample) filter (where within(6, 'workday'))", {1: 0, 2: 1, 3: 0, 4: 0})),
        _in_window, _check_window,
    ),
    _time("this", (UNIT,), "在本日、周、月、季、年之内（到截止时刻）。", "In the current day, week, month, quarter or year so far.",
          (Example("count(sample) filter (where this('month'))", {1: 1, 2: 1, 3: 0, 4: 0}),), _in_window, _check_period),
    _time("previous", (UNIT,), "在上一个整日、周、月、季、年之内。", "In the whole day, week, month, quarter or year before the current one.",
          (Example("count(sample) filter (where previous('month'))", {1: 1, 2: 0, 3: 0, 4: 0}),), _in_window, _check_period),
    _time("last_year", (UNIT, Param("so_far", "boolean", constant=True, optional=True)),
          "在去年的同一日、周（ISO 周数）、月、季、年之内；so_far 为真则只到去年的同一时点。",
          "In the same day, week (by ISO number), month, quarter or year of the year before, whole; with `so_far` true only as far as the current one has got.",
          (Example("count(sample) filter (where last_year('month'))", {1: 0, 2: 0, 3: 0, 4: 0}),
           Example("last_year(instant('2016-09-20'), 'month')", True), Example("last_year(instant('2016-09-20'), 'month', true)", False)),
          _in_window, _check_period),
    _time("between_dates", (DAY, Param("end", "text", constant=True)), "在两个日期之间，含首不含尾。", "From one date to another, the second excluded.",
          (Example("count(sample) filter (where between_dates('2017-08-01', '2017-09-01'))", {1: 1, 2: 0, 3: 0, 4: 0}),),
          _in_window, _check_dates),
    _time("since", (DAY,), "自某日起。", "From a date on.",
          (Example("count(sample) filter (where since('2017-09-01'))", {1: 1, 2: 1, 3: 0, 4: 0}),), _in_window, _check_dates),
    _time("before", (DAY,), "早于某日。", "Before a date.",
          (Example("count(sample) filter (where before('2017-09-01'))", {1: 2, 2: 1, 3: 1, 4: 0}),), _in_window, _check_dates),
    _time("ahead", (N, UNIT), "在截止时刻之后的 n 个单位之内；只能用于模型目标。", "In the n units after the as-of instant; only in the target of a model.",
          (Example("count(sample) filter (where ahead(30, 'day'))", {1: 1, 2: 0, 3: 0, 4: 0}),), _ahead, _check_ahead, looks_ahead=True),
    _time("during", (), "在所度量的时期之内；只能用于活动的结果指标。", "In the period being measured; only in the outcome of a campaign.",
          (), _during, None, looks_ahead=True),
)  # fmt: skip
