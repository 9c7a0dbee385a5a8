"""Ranks: a member's value against everybody's. Computed over all members for whom the value is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gongbi.core.functions.base import Example, Function, Param, require
from gongbi.core.functions.numbers import finite
from gongbi.core.types import DOUBLE, INTEGER

if TYPE_CHECKING:
    from gongbi.core.expr import Call
    from gongbi.core.render import Rendering

X = Param("x", "ordered")
N = Param("n", "integer", constant=True)
NULLS = ("Absent values take no part and stay absent.", "缺失值不参与排名，结果仍缺失。")


def _over(x: str, order: str = "") -> str:
    return f"over (partition by ({x} is null){f' order by {order}' if order else ''})"


def _present(x: str, value: str) -> str:
    return f"(case when {x} is not null then {value} end)"


def _whole_division(a: str, b: str, to: Rendering) -> str:
    return f"({a} // {b})" if to.dialect.name == "duckdb" else f"({a} div {b})"


def _score(call: Call, args: Sequence[str], to: Rendering) -> str:
    x, n = args
    below = f"(rank() {_over(x, x)} - 1)"
    return _present(x, f"1 + {_whole_division(f'({below} * {n})', f'count({x}) {_over(x)}', to)}")


def _ntile(call: Call, args: Sequence[str], to: Rendering) -> str:
    x = args[0]
    count = getattr(call.args[1], "value", 1)
    return _present(x, f"cast(ntile({count}) {_over(x, f'{x}, {to.member}')} as {to.type(INTEGER)})")


def _ranked(name: str, order: str) -> Any:
    def write(call: Call, args: Sequence[str], to: Rendering) -> str:
        return _present(args[0], f"cast({name}() {_over(args[0], args[0] + order)} as {to.type(INTEGER)})")

    return write


def _in_turn(call: Call, args: Sequence[str], to: Rendering) -> str:
    order = f"{args[0]} desc, {to.member}"
    return _present(args[0], f"cast(row_number() {_over(args[0], order)} as {to.type(INTEGER)})")


def _share_rank(name: str) -> Any:
    return lambda call, args, to: _present(args[0], f"{name}() {_over(args[0], args[0])}")


def _z(call: Call, args: Sequence[str], to: Rendering) -> str:
    x = f"cast({args[0]} as {to.type(DOUBLE)})"
    spread = f"nullif(stddev_samp({x}) over (), 0)"
    return _present(args[0], finite(f"(({x} - avg({x}) over ()) / {spread})", to))


def _group_avg(call: Call, args: Sequence[str], to: Rendering) -> str:
    x = f"cast({args[0]} as {to.type(DOUBLE)})"
    return finite(f"(avg(case when {args[1]} then {x} end) over ())", to)


def _group_share(call: Call, args: Sequence[str], to: Rendering) -> str:
    x, condition = args
    alike = f"cast(count(case when {condition} then 1 end) over (partition by {x}) as {to.type(DOUBLE)})"
    return _present(x, f"{alike} / nullif(count(case when {condition} then {x} end) over (), 0)")


def _of_total(call: Call, args: Sequence[str], to: Rendering) -> str:
    double = to.type(DOUBLE)
    return f"(cast({args[0]} as {double}) / nullif(cast(sum({args[0]}) over () as {double}), 0))"


def _check_n(values: Sequence[Any]) -> None:
    require(
        isinstance(values[1], int) and 2 <= values[1] <= 1000, f"The number of classes is 2 to 1,000, not {values[1]}."
    )


def _rank(
    name: str, params: tuple[Param, ...], returns: Any, zh: str, en: str, example: Example, sql: Any,
    ties: tuple[str, str], check: Any = None,
) -> Function:  # fmt: skip
    return Function(name, "rank", "ranks", params, returns, zh, en, NULLS, (example,), sql, sql, ties=ties, check=check)


EQUAL = ("Equal values get equal results.", "相等的值得到相同结果。")
TOTAL = "sum(sample.quantity)"  # 6, 5, 1, absent

FUNCTIONS: tuple[Function, ...] = (
    _rank("score", (X, N), INTEGER, "按值分成 n 档的得分，1 最低，n 最高：得分由小于它的成员比例决定。",
          "Score from 1 (low) to n (high) by the share of members with a smaller value.",
          Example(f"score({TOTAL}, 3)", {1: 3, 2: 2, 3: 1, 4: None}), _score, EQUAL, _check_n),
    _rank("ntile", (X, N), INTEGER, "按值排序后等分成 n 组，1 最低。", "Group 1 (low) to n (high) of equal size.",
          Example(f"ntile({TOTAL}, 2)", {1: 2, 2: 1, 3: 1, 4: None}), _ntile,
          ("Equal values may fall into neighbouring groups; the member's id decides.", "相等的值可能落入相邻组，由成员编号决定。"), _check_n),
    _rank("rank", (X,), INTEGER, "名次，最大为 1。", "Place, the largest value first.", Example(f"rank({TOTAL})", {1: 1, 2: 2, 3: 3, 4: None}),
          _ranked("rank", " desc"), EQUAL),
    _rank("dense_rank", (X,), INTEGER, "名次，最大为 1，并列后不跳号。", "Place, the largest first, without gaps after equals.",
          Example(f"dense_rank({TOTAL} > 1)", {1: 1, 2: 1, 3: 2, 4: None}), _ranked("dense_rank", " desc"), EQUAL),
    _rank("place", (X,), INTEGER, "名次，最大为 1，各不相同：前 n 名恰好 n 个。", "Place, the largest first, each another: the first n are exactly n members.",
          Example(f"place({TOTAL} > 1)", {1: 1, 2: 2, 3: 3, 4: None}), _in_turn,
          ("Of equals, the member with the smaller id comes first.", "并列时编号小的成员在前。")),
    _rank("percent_rank", (X,), DOUBLE, "小于它的成员占其余成员的比例，0 到 1。", "Share of the other members with a smaller value, 0 to 1.",
          Example(f"percent_rank({TOTAL})", {1: 1.0, 2: 0.5, 3: 0.0, 4: None}), _share_rank("percent_rank"), EQUAL),
    _rank("cume_dist", (X,), DOUBLE, "不大于它的成员比例。", "Share of members with this value or a smaller one.",
          Example(f"cume_dist({TOTAL})", {1: 1.0, 2: 2 / 3, 3: 1 / 3, 4: None}), _share_rank("cume_dist"), EQUAL),
    _rank("z_score", (Param("x", "number"),), DOUBLE, "与平均值相差几个标准差。", "Distance from the mean in standard deviations.",
          Example(f"z_score({TOTAL})", {1: 0.7559289460184544, 2: 0.3779644730092272, 3: -1.1338934190276817, 4: None}), _z, EQUAL),
    Function("group_avg", "rank", "ranks", (Param("x", "number"), Param("condition", "boolean")), DOUBLE,
             "满足条件的成员的平均值，对每个成员都相同。", "The mean over the members for whom a condition is true; the same for every member.",
             ("Absent values are skipped; absent where nobody is left.", "忽略缺失值；没有成员时缺失。"),
             (Example(f"group_avg({TOTAL}, count(sample) > 1)", dict.fromkeys((1, 2, 3, 4), 5.5)),), _group_avg, _group_avg),
    Function("group_share", "rank", "ranks", (X, Param("condition", "boolean")), DOUBLE,
             "满足条件的成员中，与本成员取值相同者所占比例。", "The share, among the members for whom a condition is true, of those with the member's own value.",
             ("Members without a value count nowhere and have no share; absent where nobody is left.", "没有取值的成员不计在内，也没有比例；没有成员时缺失。"),
             (Example(f"group_share({TOTAL} > 1, count(sample) > 0)", {1: 2 / 3, 2: 2 / 3, 3: 1 / 3, 4: None}),), _group_share, _group_share),
    _rank("share_of_total", (Param("x", "number"),), DOUBLE, "占全体合计的份额。", "Share of the sum over all members.",
          Example(f"share_of_total({TOTAL})", {1: 0.5, 2: 5 / 12, 3: 1 / 12, 4: None}), _of_total, EQUAL),
)  # fmt: skip
