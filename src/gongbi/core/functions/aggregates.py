"""Aggregates: the rows of one fact → one value per member. Over no rows: counts are 0, `exists` is false, the rest absent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gongbi.core.functions.base import SKIPS, Example, Function, Param, require
from gongbi.core.functions.numbers import finite
from gongbi.core.types import BOOLEAN, DOUBLE, INTEGER, Type

if TYPE_CHECKING:
    from gongbi.core.expr import Call
    from gongbi.core.render import Rendering

X = Param("x", "number")
ANY = Param("x", "ordered")
COUNTS = ("Counts what is there; 0 where there are no rows.", "只数存在的；没有行时为 0。")


def _same(types: Sequence[Type]) -> Type:
    return types[0]


def _check_share(values: Sequence[Any]) -> None:
    require(values[1] is None or 0 <= values[1] <= 1, f"A quantile's share is 0 to 1, not {values[1]}.")


def _count(call: Call, args: Sequence[str], to: Rendering) -> str:
    *rest, condition = args
    return f"count({rest[0] if rest else '*'}){condition}"


def _exists(call: Call, args: Sequence[str], to: Rendering) -> str:
    return f"({_count(call, args, to)} > 0)"


def _sum(call: Call, args: Sequence[str], to: Rendering) -> str:
    # Engines widen sums differently; the cast gives both the type the checker promised.
    return f"cast(sum({args[0]}){args[-1]} as {to.type(call.type)})"


def _sum_type(types: Sequence[Type]) -> Type:
    return types[0]


def _avg(call: Call, args: Sequence[str], to: Rendering) -> str:
    # The exact sum divided once, so that both engines round in the same place.
    x, condition = args[0], args[-1]
    return f"(cast(sum({x}){condition} as {to.type(DOUBLE)}) / nullif(count({x}){condition}, 0))"


def _ratio(call: Call, args: Sequence[str], to: Rendering) -> str:
    double, condition = to.type(DOUBLE), args[-1]
    yes = args[0]
    weight = args[1] if len(args) > 2 else to.literal(1)
    top = f"coalesce(sum(case when {yes} then {weight} end){condition}, 0)"
    bottom = f"sum(case when {yes} is not null then {weight} end){condition}"
    return f"(cast({top} as {double}) / nullif(cast({bottom} as {double}), 0))"


def _spread(name: str) -> Any:
    return lambda call, args, to: finite(f"{name}(cast({args[0]} as {to.type(DOUBLE)})){args[-1]}", to)


def _pair(name: str) -> Any:
    def write(call: Call, args: Sequence[str], to: Rendering) -> str:
        x, y, condition = args
        double = to.type(DOUBLE)
        return finite(f"{name}(cast({x} as {double}), cast({y} as {double})){condition}", to)

    return write


def _aggregate(
    name: str, params: tuple[Param, ...], returns: Any, zh: str, en: str, examples: tuple[Example, ...] | dict[int, Any],
    duckdb: Any, spark: Any = None, *, nulls: tuple[str, str] = SKIPS, empty: Any = None, check: Any = None,
) -> Function:  # fmt: skip
    if isinstance(examples, dict):
        examples = (Example(f"{name}(sample.amount)", examples),)
    return Function(
        name, "aggregate", "aggregates", params, returns, zh, en, nulls, examples, duckdb, spark or duckdb,
        check=check, empty=empty,
    )  # fmt: skip


C = Param("condition", "boolean")

FUNCTIONS: tuple[Function, ...] = (
    _aggregate("count", (Param("fact or x", "fact"),), INTEGER, "行数；给出列则为不缺失的个数。", "Number of rows; of a column, of values that are there.",
               (Example("count(sample)", {1: 3, 2: 2, 3: 1, 4: 0}), Example("count(sample.amount)", {1: 3, 2: 2, 3: 0, 4: 0})),
               _count, nulls=COUNTS, empty=0),
    _aggregate("count_distinct", (Param("x", "ordered"),), INTEGER, "不同值的个数，写作 count(distinct x)。", "Number of different values; written count(distinct x).",
               (Example("count(distinct sample.category)", {1: 2, 2: 2, 3: 1, 4: 0}),), "count(distinct {0}){f}", nulls=COUNTS, empty=0),
    _aggregate("exists", (Param("fact or x", "fact"),), BOOLEAN, "有没有符合的行。", "Whether there is a row at all.",
               (Example("exists(sample) filter (where promoted)", {1: True, 2: True, 3: False, 4: False}),), _exists, nulls=COUNTS, empty=False),
    _aggregate("sum", (X,), _sum_type, "合计。", "Sum.", {1: 60, 2: 10, 3: None, 4: None}, _sum),
    _aggregate("avg", (X,), DOUBLE, "平均。", "Mean.", {1: 20.0, 2: 5.0, 3: None, 4: None}, _avg),
    _aggregate("min", (Param("x", "ordered"),), _same, "最小值。", "Smallest value.", {1: 10, 2: 5, 3: None, 4: None}, "min({0}){f}"),
    _aggregate("max", (Param("x", "ordered"),), _same, "最大值。", "Largest value.", {1: 30, 2: 5, 3: None, 4: None}, "max({0}){f}"),
    _aggregate("stddev", (X,), DOUBLE, "样本标准差；少于两个值则缺失。", "Sample standard deviation; absent for fewer than two values.",
               {1: 10.0, 2: 0.0, 3: None, 4: None}, _spread("stddev_samp")),
    _aggregate("variance", (X,), DOUBLE, "样本方差；少于两个值则缺失。", "Sample variance; absent for fewer than two values.",
               {1: 100.0, 2: 0.0, 3: None, 4: None}, _spread("var_samp")),
    _aggregate("median", (X,), DOUBLE, "中位数；偶数个取中间两个的平均。", "Median; the mean of the middle two where they are two.",
               {1: 20.0, 2: 5.0, 3: None, 4: None}, "quantile_cont(cast({0} as {double}), 0.5){f}", "percentile(cast({0} as {double}), 0.5){f}"),
    _aggregate("quantile", (X, Param("share", "number", constant=True)), DOUBLE, "分位数，在相邻值之间线性内插。", "Quantile, interpolated between neighbours.",
               (Example("quantile(sample.amount, 0.75)", {1: 25.0, 2: 5.0, 3: None, 4: None}),),
               "quantile_cont(cast({0} as {double}), {1}){f}", "percentile(cast({0} as {double}), {1}){f}", check=_check_share),
    _aggregate("any", (C,), BOOLEAN, "至少一行为真。", "True of at least one row.",
               (Example("any(sample.quantity > 2)", {1: True, 2: True, 3: False, 4: None}),), "bool_or({0}){f}"),
    _aggregate("all", (C,), BOOLEAN, "每一行都为真。", "True of every row.",
               (Example("all(sample.promoted)", {1: False, 2: True, 3: None, 4: None}),), "bool_and({0}){f}"),
    _aggregate("share", (C, Param("weight", "number", optional=True)), DOUBLE, "为真的行（或其权重）所占份额。", "Share of rows, or of their weight, for which it is true.",
               (Example("share(sample.promoted)", {1: 1 / 3, 2: 1.0, 3: None, 4: None}),
                Example("share(sample.promoted, sample.amount)", {1: 1 / 6, 2: 1.0, 3: None, 4: None})), _ratio),
    _aggregate("slope", (Param("y", "number"), X), DOUBLE, "y 对 x 的最小二乘斜率。", "Least-squares slope of y over x.",
               (Example("slope(sample.amount, sample.quantity)", {1: 10.0, 2: 0.0, 3: None, 4: None}),), _pair("regr_slope")),
    _aggregate("correlation", (Param("y", "number"), X), DOUBLE, "两列的相关系数；任一列无变化则缺失。", "Pearson correlation; absent where one column does not vary.",
               (Example("correlation(sample.amount, sample.quantity)", {1: 1.0, 2: None, 3: None, 4: None}),), _pair("corr")),
)  # fmt: skip
