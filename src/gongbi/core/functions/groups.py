"""Aggregates that look at a member's rows group by group: the most frequent, the first, the gaps between days."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from gongbi.core import clock
from gongbi.core.functions.base import SKIPS, Example, Function, Param, Regroup, require
from gongbi.core.functions.dates import days_between, local
from gongbi.core.functions.moments import WINDOWS
from gongbi.core.functions.numbers import finite
from gongbi.core.types import DOUBLE, INTEGER, Type

if TYPE_CHECKING:
    from gongbi.core.render import Rendering

Piece = Callable[[Sequence[str], "Rendering"], str]
Outer = Callable[[Mapping[str, str], "Rendering"], str]
X, W = Param("x", "ordered"), Param("weight", "number", optional=True)
#: The row's own time, unless another instant is given.
BY_TIME = Param("moment", "timestamp", optional=True)
SMALLEST = ("Of equals, the smallest value.", "并列时取最小的值。")


def _first(types: Sequence[Type]) -> Type:
    return types[0]


def _fixed(text: str) -> Piece:
    return lambda args, to: text


def _over_groups(text: str) -> Outer:
    return lambda of, to: text.format(**of)


def _weight(args: Sequence[str], to: Rendering) -> str:
    return f"sum({args[1]})" if len(args) > 1 else "count(*)"


def _top_share(of: Mapping[str, str], to: Rendering) -> str:
    double = to.type(DOUBLE)
    return f"(cast(max({of['n']}) as {double}) / nullif(cast(sum({of['n']}) as {double}), 0))"


def _repeated(of: Mapping[str, str], to: Rendering) -> str:
    top = f"cast(count(case when {of['n']} > 1 then 1 end) as {to.type(DOUBLE)})"
    return f"({top} / nullif(count({of['k']}), 0))"


def _entropy(of: Mapping[str, str], to: Rendering) -> str:
    # Weights that are not positive take no part; engines may work out a logarithm before they filter, so no filter.
    n = f"cast((case when {of['n']} > 0 then {of['n']} end) as {to.type(DOUBLE)})"
    text = f"ln(sum({n})) - sum({n} * ln({n})) / sum({n})"
    return f"(case when sum({n}) > 0 then greatest({to.literal(0.0)}, {text}) end)"


def _gap(name: str) -> Outer:
    def write(of: Mapping[str, str], to: Rendering) -> str:
        days = days_between("prev", "k", to)
        if name in ("min", "max"):
            return f"{name}({days})"
        text = f"{name}(cast({days} as {to.type(DOUBLE)}))"
        return finite(text, to) if name == "stddev_samp" else text

    return write


def _day(args: Sequence[str], to: Rendering) -> str:
    return f"cast({local(args[0], to)} as date)"


def _group(
    name: str, params: tuple[Param, ...], returns: Any, zh: str, en: str, examples: tuple[Example, ...], plan: Regroup,
    ties: tuple[str, str] | None = None,
) -> Function:  # fmt: skip
    return Function(
        name, "aggregate", "preferences and rhythm", params, returns, zh, en, SKIPS, examples, plan, plan, ties=ties
    )


def _extreme(which: str) -> Regroup:
    """The value at the largest or smallest `by`: rows are grouped by it and its smallest value kept."""
    spark = {"arg_min": "min_by", "arg_max": "max_by"}[which]

    def write(of: Mapping[str, str], to: Rendering) -> str:
        return f"{which if to.dialect.name == 'duckdb' else spark}({of['v']}, {of['k']})"

    return Regroup(
        key=lambda args, to: args[-1], inner={"v": lambda args, to: f"min({args[0]})"}, outer=write, needs_first=True
    )


def _gaps(name: str, zh: str, en: str, value: dict[int, Any], returns: Type) -> Function:
    return _group(
        name, (Param("moment", "timestamp"),), returns, zh, en, (Example(f"{name}(sample.ts)", value),),
        Regroup(key=_day, outer=_gap({"gap_avg": "avg", "gap_max": "max", "gap_min": "min", "gap_stddev": "stddev_samp"}[name]), lag=True),
    )  # fmt: skip


def _daily(of: Mapping[str, str], to: Rendering) -> str:
    """The mean of the values at the ends of the last n days; one holds from the end of its day to that of the next."""
    today = to.literal(clock.local_date(to.as_of, to.zone))
    return _mean(of, f"greatest({_local_day(of['k'], to)}, {today} - {_days(of['n'], to)})", today, to)


def _mean(of: Mapping[str, str], first: str, end: str, to: Rendering) -> str:
    """The mean of values by the days that each held between a first day and an end."""
    last = f"least(coalesce({_local_day('next', to)}, {end}), {end})"
    held = f"greatest({days_between(first, last, to)}, 0)"
    return f"(sum(cast({of['v']} as {to.type(DOUBLE)}) * {held}) / nullif(sum({held}), 0))"


def _days(n: str, to: Rendering) -> str:
    return f"cast({n} as {'integer' if to.dialect.name == 'duckdb' else 'int'})"


def _local_day(moment: str, to: Rendering) -> str:
    return f"cast({local(moment, to)} as date)"


BY = Param("by", "ordered")
_DAILY = Regroup(
    key=lambda args, to: args[-1],
    inner={"v": lambda args, to: f"min({args[0]})", "n": lambda args, to: f"max({args[1]})"},
    outer=_daily,
    lead=True,
    needs_first=True,
)


@cache
def averaged_over(window: str, constants: tuple[Any, ...]) -> Function:
    """``average_daily`` over the days of a window such as ``within(90, 'day')``, from its name and constants.

    They are the whole local days from that in which the window begins to that before its last instant, or yesterday.
    """

    def held(of: Mapping[str, str], to: Rendering) -> str:
        span, today = WINDOWS[window](constants, to.as_of, to.zone), clock.local_date(to.as_of, to.zone)
        end = today if span.end is None else min(clock.local_date(span.end, to.zone), today)
        first = _local_day(of["k"], to)
        if span.start is not None:
            first = f"greatest({first}, {to.literal(clock.local_date(span.start, to.zone))})"
        return _mean(of, first, to.literal(end), to)

    plan = replace(_DAILY, inner={"v": _DAILY.inner["v"]}, outer=held)
    entry = next(one for one in FUNCTIONS if one.name == "average_daily")
    params = (entry.params[0], Param("window", "boolean"), BY_TIME)
    return replace(entry, name="average_daily/in", params=params, duckdb=plan, spark=plan, check=None)


def _check_daily(values: Sequence[Any]) -> None:
    require(
        isinstance(values[1], int) and 1 <= values[1] <= 36_500,
        f"`average_daily` is over 1 to 36,500 days, not {values[1]}.",
    )


_FIRST = _over_groups("min({k}) filter (where {place} = 1)")
#: ``count(distinct x)`` as a regrouping.
DIFFERENT = Regroup(key=lambda args, to: args[0], outer=_over_groups("count({k})"))

FUNCTIONS: tuple[Function, ...] = (
    _group("mode", (X,), _first, "出现最多的值。", "The most frequent value.",
           (Example("mode(sample.category)", {1: "A", 2: "A", 3: "C", 4: None}),),
           Regroup(key=lambda a, to: a[0], inner={"n": _fixed("count(*)")}, outer=_FIRST, rank_by="{n} desc, {k}"), SMALLEST),
    _group("top_by", (X, Param("weight", "number")), _first, "权重合计最大的值，如花费最多的品类。", "The value with the largest total weight, e.g. the category most is spent on.",
           (Example("top_by(sample.category, sample.quantity)", {1: "A", 2: "A", 3: "C", 4: None}),),
           Regroup(key=lambda a, to: a[0], inner={"n": _weight}, outer=_FIRST, rank_by="{n} desc nulls last, {k}"), SMALLEST),
    _group("top_share", (X, W), DOUBLE, "占比最大的值的份额（集中度）。", "Share of the largest value: how concentrated the rows, or their weight, are.",
           (Example("top_share(sample.category)", {1: 2 / 3, 2: 0.5, 3: 1.0, 4: None}),),
           Regroup(key=lambda a, to: a[0], inner={"n": _weight}, outer=_top_share)),
    _group("entropy", (X, W), DOUBLE, "分布的香农熵（自然对数）：0 为只有一种，越大越分散。", "Shannon entropy in nats: 0 where all rows share one value, larger the more they spread.",
           (Example("entropy(sample.category)", {1: 0.6365141682948128, 2: 0.6931471805599453, 3: 0.0, 4: None}),),
           Regroup(key=lambda a, to: a[0], inner={"n": _weight}, outer=_entropy)),
    _group("repeat_share", (X, Param("y", "ordered")), DOUBLE, "x 的不同值中，对应至少两个不同 y 的比例，如复购率：商品的 repeat_share(purchase.customer, purchase.basket)。",
           "Share of the different x that come with at least two different y, e.g. the repeat buyers of a product: repeat_share(purchase.customer, purchase.basket).",
           (Example("repeat_share(sample.category, sample.quantity)", {1: 0.5, 2: 0.0, 3: 0.0, 4: None}),),
           Regroup(key=lambda a, to: a[0], inner={"n": lambda args, to: f"count(distinct {args[1]})"}, outer=_repeated)),
    _group("arg_max", (X, BY), _first, "by 最大的那一行的 x。", "x of the row with the largest `by`.",
           (Example("arg_max(sample.category, sample.amount)", {1: "A", 2: "A", 3: None, 4: None}),), _extreme("arg_max"), SMALLEST),
    _group("arg_min", (X, BY), _first, "by 最小的那一行的 x。", "x of the row with the smallest `by`.",
           (Example("arg_min(sample.quantity, sample.amount)", {1: 1, 2: 1, 3: None, 4: None}),), _extreme("arg_min"), SMALLEST),
    _group("first", (X, BY_TIME), _first, "最早一行的值。", "Value of the earliest row that has one.",
           (Example("first(sample.category)", {1: "A", 2: "B", 3: "C", 4: None}),), _extreme("arg_min"), SMALLEST),
    _group("last", (X, BY_TIME), _first, "最近一行的值。", "Value of the latest row that has one.",
           (Example("last(sample.quantity)", {1: 3, 2: 4, 3: 1, 4: None}),), _extreme("arg_max"), SMALLEST),
    Function(
        "average_daily", "aggregate", "preferences and rhythm", (Param("x", "number"), Param("days", "integer", constant=True), BY_TIME), DOUBLE,
        "最近若干个整日的日终值的平均，如日均余额；也可写时间窗口，如 previous('month')，即其中的各个整日。每个值一直有效到下一个值；第一个值之前的日子不计。",
        "Mean of the values at the ends of so many last whole days, or of the whole days of a window such as `previous('month')`: the average daily balance. A value holds until the next one; days before the first are left out.",
        SKIPS, (Example("average_daily(sample.quantity, 30)", {1: 2.2, 2: 1.5, 3: 1.0, 4: None}),
                Example("average_daily(sample.quantity, within(30, 'day'))", {1: 2.2, 2: 1.5, 3: 1.0, 4: None}),
                Example("average_daily(sample.quantity, previous('month'))", {1: 43 / 31, 2: 1.0, 3: 1.0, 4: None})),
        _DAILY, _DAILY, ties=SMALLEST, check=_check_daily,
    ),
    _gaps("gap_avg", "相邻活动日之间的平均天数。", "Mean days between neighbouring active days.", {1: 23.5, 2: 193.0, 3: None, 4: None}, DOUBLE),
    _gaps("gap_max", "相邻活动日之间的最大天数。", "Longest gap between neighbouring active days.", {1: 31, 2: 193, 3: None, 4: None}, INTEGER),
    _gaps("gap_min", "相邻活动日之间的最小天数。", "Shortest gap between neighbouring active days.", {1: 16, 2: 193, 3: None, 4: None}, INTEGER),
    _gaps("gap_stddev", "相邻活动日间隔的标准差，越小越规律。", "Spread of the gaps: the smaller, the more regular.",
          {1: 10.606601717798213, 2: None, 3: None, 4: None}, DOUBLE),
)  # fmt: skip
