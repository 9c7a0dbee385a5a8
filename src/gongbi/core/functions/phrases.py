"""Short ways to say what several aggregates say together: did before and not since, in so many of the last weeks.

A phrase has no SQL of its own. The checker reads the expression that it stands for; see `core.expand`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from gongbi.core import clock
from gongbi.core.functions.base import Example, Function, Param, Phrase, choose, require
from gongbi.core.types import BOOLEAN, Type
from gongbi.errors import InvalidExpression

NULLS = ("Never absent: without rows it is false.", "从不缺失：没有行时为假。")
KNOWN = ("Absent where no row had a value by then.", "到那时还没有值则缺失。")
FACT, COLUMN = Param("fact", "fact"), Param("x", "ordered")
N, UNIT = Param("n", "integer", constant=True), Param("unit", "text", constant=True)
FEWEST = Param("at_least", "integer", constant=True)


def _regularly(values: Sequence[Any]) -> str:
    _, k, n, period = values
    choose("period", period, clock.PERIODS)
    require(isinstance(k, int) and isinstance(n, int), f"`regularly` takes whole numbers of periods, not {k} and {n}.")
    require(
        1 <= k <= n <= 3650,
        f"`regularly` is in {k} of {n} periods.",
        "Write the smaller number first: regularly(order, 3, 4, 'month').",
    )
    periods = f"count(distinct start_of('{period}', _1.ts))"
    return f"{periods} filter (where within({n}, 'calendar_{period}', 1)) >= {k}"


def _resurrected(values: Sequence[Any]) -> str:
    _, quiet, n, unit = values
    choose("unit", unit, tuple(clock.ROLLING))
    require(
        all(isinstance(x, int) and 1 <= x <= 18_250 for x in (quiet, n)),
        f"The quiet time and the time since then are 1 to 18,250 units, not {quiet} and {n}.",
    )
    last_before = f"max(_1.ts) filter (where not within({n}, '{unit}'))"
    first_since = f"min(_1.ts) filter (where within({n}, '{unit}'))"
    hours = Decimal(quiet * clock.ROLLING[unit]) / 3600
    return f"coalesce(hours_between({last_before}, {first_since}) >= {hours:f}, false)"


def _value_at(values: Sequence[Any]) -> str:
    _, day = values
    if day is None:
        return "last(_1) filter (where up_to(ts, _2))"
    try:
        after = date.fromisoformat(day) + timedelta(days=1)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidExpression(f"{day!r} is not a date.", hint="Write it as 2017-09-01.") from error
    return f"last(_1) filter (where before('{after}'))"


def _phrase(
    name: str, params: tuple[Param, ...], zh: str, en: str, value: dict[int, Any], example: str,
    text: str | Callable[[Sequence[Any]], str], returns: Type | Callable[[Sequence[Type]], Type] = BOOLEAN,
    nulls: tuple[str, str] = NULLS, more: tuple[Example, ...] = (),
) -> Function:  # fmt: skip
    phrase = Phrase(text if callable(text) else lambda values: text)
    return Function(
        name, "phrase", "phrases", params, returns, zh, en, nulls, (Example(example, value), *more), phrase, phrase
    )


FUNCTIONS: tuple[Function, ...] = (
    _phrase(
        "exists_within", (FACT, N, UNIT),
        "最近 n 个单位内有过。", "Has a row within the last n units.",
        {1: True, 2: True, 3: False, 4: False}, "exists_within(sample, 30, 'day')",
        "count(_1) filter (where within(_2, _3)) > 0",
    ),
    _phrase(
        "first_time", (FACT, N, UNIT),
        "第一次发生在最近 n 个单位内，如新客。", "Has its very first row within the last n units, such as a new buyer.",
        {1: True, 2: False, 3: False, 4: False}, "first_time(sample, 60, 'day')",
        "coalesce(within(min(_1.ts), _2, _3), false)",
    ),
    _phrase(
        "stopped", (FACT, N, UNIT),
        "以前有过，最近 n 个单位内没有。", "Has rows, and none within the last n units.",
        {1: False, 2: False, 3: True, 4: False}, "stopped(sample, 30, 'day')",
        "count(_1) > 0 and count(_1) filter (where within(_2, _3)) = 0",
    ),
    _phrase(
        "regularly", (FACT, FEWEST, N, Param("period", "text", constant=True)),
        "最近 n 个完整周期（日、周、月、季、年）中至少有 k 个有过。", "Has rows in at least so many of the last n whole days, weeks, months, quarters or years.",
        {1: True, 2: False, 3: False, 4: False}, "regularly(sample, 2, 2, 'month')",
        _regularly,
    ),
    _phrase(
        "resurrected", (FACT, Param("quiet", "integer", constant=True), N, UNIT),
        "最近 n 个单位内回来了：这段时间的第一次，距再往前的最后一次至少隔了 quiet 个单位。", "Came back within the last n units: the first row in them comes at least `quiet` units after the one before it.",
        {1: False, 2: True, 3: False, 4: False}, "resurrected(sample, 90, 30, 'day')",
        _resurrected,
    ),
    _phrase(
        "value_at", (COLUMN, Param("moment", "moment")),
        "某日结束时、或某时刻之前的值，即到那时为止最近一行的值，如余额；日期可以写出，也可以算出。",
        "The value at the end of a day, or just before an instant: that of the latest row by then, such as a balance. It may be written out, or worked out.",
        {1: 2, 2: 1, 3: 1, 4: None}, "value_at(sample.quantity, '2017-08-31')",
        _value_at, lambda types: types[0], KNOWN,
        more=(Example("value_at(sample.quantity, start_of('month', as_of()))", {1: 2, 2: 1, 3: 1, 4: None}),
              Example("value_at(sample.quantity, as_of())", {1: 3, 2: 4, 3: 1, 4: None})),
    ),
    _phrase(
        "value_before", (COLUMN, N, UNIT),
        "n 个单位之前的值，即到那时为止最近一行的值。", "The value n units ago: that of the latest row before then.",
        {1: 2, 2: 1, 3: 1, 4: None}, "value_before(sample.quantity, 14, 'day')",
        "last(_1) filter (where not within(_2, _3))", lambda types: types[0], KNOWN,
    ),
)  # fmt: skip
