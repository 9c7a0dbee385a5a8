"""Calendar: parts of dates and instants in the workspace's zone, distances, moves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from gongbi.core import clock
from gongbi.core.clock import local_date
from gongbi.core.functions.base import PROPAGATES, Example, Function, Param, Render, choose
from gongbi.core.functions.texts import fitting, trimmed
from gongbi.core.types import BOOLEAN, DATE, DOUBLE, INTEGER, Type
from gongbi.errors import WrongType

if TYPE_CHECKING:
    from gongbi.core.expr import Call
    from gongbi.core.render import Rendering

M = Param("moment", "moment")
UNITS = ("day", "week", "month", "quarter", "year")
_IN_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def local(text: str, to: Rendering) -> str:
    """An instant (UTC) as a local date and time."""
    if to.dialect.name == "duckdb":
        return _local_in_duckdb(text, to)
    return f"convert_timezone('UTC', {to.literal(to.zone)}, {text})"


def _local_in_duckdb(text: str, to: Rendering) -> str:
    """Add the zone's offset, which changes at few instants; the calendar library is ten times slower per row.

    Only around the instant of the computation, where nearly all rows are; the calendar library does the rest.
    """
    # A bare null has no type of its own, and the zone's functions exist for times too.
    text = f"cast({text} as timestamp)"
    library = f"timezone({to.literal(to.zone)}, timezone('UTC', {text}))"
    around = offsets(to.zone, to.as_of.year)
    if not around:
        return library
    (start, _), *_, (end, _) = around
    steps = [f"when {text} < {to.literal(start)} or {text} >= {to.literal(end)} then {library}"]
    # The newest first: most rows are new.
    for since, offset in around[-2::-1]:
        seconds = round(offset.total_seconds())
        steps.append(f"when {text} >= {to.literal(since)} then {text} + interval '{seconds} seconds'")
    return f"(case {' '.join(steps)} end)"


@cache
def offsets(zone: str, year: int) -> tuple[tuple[datetime, timedelta], ...]:
    """From when on which offset holds, from three years before a year to the end of it; the last entry is the end."""
    if not 1975 <= year <= 2030:
        return ()
    here = clock.zone_of(zone)
    now, end = datetime(year - 3, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)

    def offset(instant: datetime) -> timedelta:
        return instant.astimezone(here).utcoffset() or timedelta()

    found = [(now, offset(now))]
    while now < end:
        # No zone has gone back and forth within half a day.
        later = now + timedelta(hours=12)
        if offset(later) != offset(now):
            low, high = now, later
            while high - low > timedelta(seconds=1):
                middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
                low, high = (middle, high) if offset(middle) == offset(now) else (low, middle)
            found.append((high, offset(high)))
        now = later
    return (*(f for f in found if f[0] < end), (end, offset(end)))


def local_day(text: str, type_: Type, to: Rendering) -> str:
    """A date as it is; an instant as its local day."""
    return text if type_ == DATE else f"cast({local(text, to)} as date)"


def _part(duckdb: str, spark: str, *, of_time: bool = False) -> Render:
    def write(call: Call, args: Sequence[str], to: Rendering) -> str:
        x = local(args[0], to) if of_time else local_day(args[0], call.args[0].type, to)
        return f"cast({(duckdb if to.dialect.name == 'duckdb' else spark).format(x)} as {to.type(INTEGER)})"

    return write


def _date(call: Call, args: Sequence[str], to: Rendering) -> str:
    type_ = call.args[0].type
    if type_.name != "text":
        return local_day(args[0], type_, to)
    text = trimmed(args[0], to)
    fits = fitting(text, "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", to)
    return f"(case when {fits} then try_cast({text} as date) end)"


def days_between(start: str, end: str, to: Rendering) -> str:
    """Whole days from one date to another."""
    if to.dialect.name == "duckdb":
        return f"date_diff('day', {start}, {end})"
    return f"cast(datediff({end}, {start}) as bigint)"


def _days_between(call: Call, args: Sequence[str], to: Rendering) -> str:
    first, second = (local_day(a, arg.type, to) for a, arg in zip(args, call.args, strict=True))
    return days_between(first, second, to)


def _months_between(call: Call, args: Sequence[str], to: Rendering) -> str:
    a, b = (local_day(x, arg.type, to) for x, arg in zip(args, call.args, strict=True))
    gap = f"((year({b}) * 12 + month({b})) - (year({a}) * 12 + month({a})))"
    later = f"(case when day({b}) < day({a}) then 1 else 0 end)"
    earlier = f"(case when day({b}) > day({a}) then 1 else 0 end)"
    # Complete months, counted towards zero, so that swapping the arguments only swaps the sign.
    return f"cast(case when {b} >= {a} then {gap} - {later} else {gap} + {earlier} end as {to.type(INTEGER)})"


def _add(call: Call, args: Sequence[str], to: Rendering) -> str:
    day, n, unit = local_day(args[0], call.args[0].type, to), args[1], getattr(call.args[2], "value", "day")
    factor = _IN_MONTHS.get(unit, 7 if unit == "week" else 1)
    most = (12_000 if unit in _IN_MONTHS else 366_000) // factor
    steps = f"(cast((case when {n} between {-most} and {most} then {n} end) as integer) * {factor})"
    if to.dialect.name == "duckdb":
        step = "month" if unit in _IN_MONTHS else "day"
        moved = f"cast({day} + to_{step}s({steps}) as date)"
    else:
        moved = f"{'add_months' if unit in _IN_MONTHS else 'date_add'}({day}, {steps})"
    return f"(case when {moved} between {to.literal(date.min)} and {to.literal(date.max)} then {moved} end)"


def _start_of(call: Call, args: Sequence[str], to: Rendering) -> str:
    unit, day = getattr(call.args[0], "value", "day"), local_day(args[1], call.args[1].type, to)
    return day if unit == "day" else f"cast(date_trunc('{unit}', {day}) as date)"


def _moment_or_text(type_: Type) -> Type:
    if type_.name not in ("date", "timestamp", "text", "null"):
        raise WrongType(f"A {type_} cannot become a date.")
    return DATE


def _check_unit(at: int, units: tuple[str, ...]) -> Any:
    return lambda values: choose("unit", values[at], units)


def _days_since(call: Call, args: Sequence[str], to: Rendering) -> str:
    if call.args[0].type == DATE:
        return days_between(args[0], to.literal(local_date(to.as_of, to.zone)), to)
    seconds = micros(args[0], to)
    day = to.literal(86_400_000_000)
    gap = f"({micros(to.literal(to.as_of), to)} - {seconds})"
    if to.dialect.name == "duckdb":
        return f"({gap} // {day})"
    return f"({gap} div {day})"


def micros(text: str, to: Rendering) -> str:
    """Microseconds since 1970 as a whole number: exact, unlike seconds as a double."""
    if to.dialect.name == "duckdb":
        return f"epoch_us({text})"
    return f"unix_micros(cast({text} as timestamp))"


def _hours_between(call: Call, args: Sequence[str], to: Rendering) -> str:
    return f"(({micros(args[1], to)} - {micros(args[0], to)}) / {to.literal(3_600_000_000.0)})"


def _up_to(call: Call, args: Sequence[str], to: Rendering) -> str:
    if call.args[1].type == DATE:
        return f"(cast({local(args[0], to)} as date) <= {args[1]})"
    return f"({args[0]} < {args[1]})"


def _weekend(call: Call, args: Sequence[str], to: Rendering) -> str:
    return f"({_part('isodow({})', 'weekday({}) + 1')(call, args, to)} >= 6)"


def _calendar(
    name: str, params: tuple[Param, ...], returns: Type, zh: str, en: str, examples: tuple[Example, ...], sql: Any,
    *, check: Any = None, nulls: tuple[str, str] = PROPAGATES, relative: bool = False,
) -> Function:  # fmt: skip
    return Function(
        name, "scalar", "calendar", params, returns, zh, en, nulls, examples, sql, sql, check=check, relative=relative
    )


D = "date('2017-09-01')"
MOMENTS = (Param("from", "moment"), Param("to", "moment"))

FUNCTIONS: tuple[Function, ...] = (
    Function(
        "date", "scalar", "calendar", (Param("x", "any"),), lambda types: _moment_or_text(types[0]),
        "日期：时间取工作区时区的日历日，文本须为 2017-09-01 的写法，否则缺失。",
        "The calendar day of an instant in the workspace's zone; text must be written 2017-09-01 or is absent.",
        PROPAGATES, (Example("date('2017-09-01')", "2017-09-01"), Example("date('1 Sept')", None)), _date, _date,
    ),
    _calendar("year", (M,), INTEGER, "年。", "Year.", (Example(f"year({D})", 2017),), _part("year({})", "year({})")),
    _calendar("quarter", (M,), INTEGER, "季度，1 到 4。", "Quarter, 1 to 4.", (Example(f"quarter({D})", 3),),
              _part("quarter({})", "quarter({})")),
    _calendar("month", (M,), INTEGER, "月，1 到 12。", "Month, 1 to 12.", (Example(f"month({D})", 9),),
              _part("month({})", "month({})")),
    _calendar("week", (M,), INTEGER, "ISO 周，1 到 53。", "ISO week, 1 to 53.", (Example(f"week({D})", 35),),
              _part("week({})", "weekofyear({})")),
    _calendar("day", (M,), INTEGER, "日，1 到 31。", "Day of the month.", (Example(f"day({D})", 1),),
              _part("day({})", "day({})")),
    _calendar("day_of_year", (M,), INTEGER, "一年中的第几天。", "Day of the year.", (Example(f"day_of_year({D})", 244),),
              _part("dayofyear({})", "dayofyear({})")),
    _calendar("weekday", (M,), INTEGER, "星期：周一 1 到周日 7。", "Weekday, Monday 1 to Sunday 7.", (Example(f"weekday({D})", 5),),
              _part("isodow({})", "weekday({}) + 1")),
    _calendar("is_weekend", (M,), BOOLEAN, "周六或周日。", "Saturday or Sunday.", (Example("is_weekend(date('2017-09-02'))", True),), _weekend),
    _calendar("hour", (Param("moment", "timestamp"),), INTEGER, "工作区时区的小时，0 到 23。", "Hour in the workspace's zone, 0 to 23.",
              (Example("hour(instant('2017-09-01T08:30:00'))", 8),), _part("hour({})", "hour({})", of_time=True)),
    _calendar("minute", (Param("moment", "timestamp"),), INTEGER, "分钟，0 到 59。", "Minute, 0 to 59.",
              (Example("minute(instant('2017-09-01T08:30:00'))", 30),), _part("minute({})", "minute({})", of_time=True)),
    _calendar("start_of", (Param("unit", "text", constant=True), M), DATE, "所在周、月、季、年的第一天（周一为周首）。",
              "First day of the week (Monday), month, quarter or year.", (Example("start_of('month', date('2017-09-17'))", "2017-09-01"),),
              _start_of, check=_check_unit(0, UNITS)),
    _calendar("end_of_month", (M,), DATE, "所在月的最后一天。", "Last day of the month.", (Example("end_of_month(date('2016-02-03'))", "2016-02-29"),),
              lambda call, args, to: f"last_day({local_day(args[0], call.args[0].type, to)})"),
    _calendar("date_add", (M, Param("n", "integer"), Param("unit", "text", constant=True)), DATE,
              "向后移动 n 个单位；月末截到当月最后一天；移动超过一千年或结果超出公元 1 至 9999 年则缺失。", "Moved by n units; a day that the month lacks becomes its last. Absent where the move is longer than a thousand years or leaves the years 1 to 9999.",
              (Example("date_add(date('2017-01-31'), 1, 'month')", "2017-02-28"), Example(f"date_add({D}, -1, 'week')", "2017-08-25")),
              _add, check=_check_unit(2, UNITS)),
    _calendar("days_between", MOMENTS, INTEGER, "两个日期相差的天数（时间取本地日）。", "Days from one local date to another.",
              (Example(f"days_between({D}, date('2017-10-01'))", 30),), _days_between),
    _calendar("months_between", MOMENTS, INTEGER, "相差的整月数，向零取整。", "Complete months between, towards zero.",
              (Example("months_between(date('2017-01-31'), date('2017-02-28'))", 0),), _months_between),
    _calendar("hours_between", (Param("from", "timestamp"), Param("to", "timestamp")), DOUBLE, "相差的小时数。", "Hours between two instants.",
              (Example("hours_between(instant('2017-09-01'), instant('2017-09-01T06:30:00'))", 6.5),), _hours_between),
    _calendar("up_to", (Param("moment", "timestamp"), Param("limit", "moment")), BOOLEAN, "不晚于某日，或早于某时刻。", "Not after a day, or before an instant.",
              (Example("up_to(instant('2017-09-01T08:30:00'), date('2017-09-01'))", True), Example("up_to(instant('2017-09-01'), instant('2017-09-01'))", False)),
              _up_to),
    _calendar("days_since", (M,), INTEGER, "到截止时刻为止的整天数（24 小时）；日期按日历日计。",
              "Whole days of 24 h up to the as-of instant; a date counts calendar days.", (Example("days_since(as_of())", 0),), _days_since, relative=True),
)  # fmt: skip
