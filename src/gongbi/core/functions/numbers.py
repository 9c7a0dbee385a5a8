"""Numbers: rounding, roots, logarithms, bounds, bands, conversion."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from gongbi.core.functions.base import PROPAGATES, Example, Function, Param, Render, require
from gongbi.core.functions.texts import fitting, trimmed
from gongbi.core.types import DOUBLE, INTEGER, Type
from gongbi.errors import WrongType

if TYPE_CHECKING:
    from gongbi.core.expr import Call
    from gongbi.core.render import Rendering

X = Param("x", "number")
OR_UNDEFINED = (
    "Absent if the argument is absent or the result is no finite number.",
    "参数缺失或结果不是有限数则缺失。",
)


def _same(types: Sequence[Type]) -> Type:
    return types[0]


def finite(text: str, to: Rendering) -> str:
    """Absent where a double is infinite or not a number."""
    if to.dialect.name == "duckdb":
        return f"(case when isfinite({text}) then {text} end)"
    return f"(case when not isnan({text}) and abs({text}) < double('infinity') then {text} end)"


def _guarded(template: str, guard: str | None = None) -> Render:
    def write(call: Call, args: Sequence[str], to: Rendering) -> str:
        doubles = [f"cast({a} as {to.type(DOUBLE)})" for a in args]
        text = template.format(*doubles)
        if guard is not None:
            return f"(case when {guard.format(*doubles)} then {text} end)"
        return finite(text, to)

    return write


def _round_type(types: Sequence[Type]) -> Type:
    if types[0].name == "double" and len(types) == 1:
        return INTEGER
    return types[0]


def _digits(values: Sequence[Any]) -> None:
    if len(values) > 1 and values[1] is not None:
        require(0 <= values[1] <= 9, f"`round` keeps 0 to 9 digits, not {values[1]}.")


def _round(call: Call, args: Sequence[str], to: Rendering) -> str:
    """Half away from zero, in the same arithmetic on both engines."""
    digits = getattr(call.args[1], "value", 0) if len(call.args) > 1 else 0
    x, type_ = args[0], call.args[0].type
    if type_.name == "integer":
        return x
    if type_.name == "decimal":
        return f"cast(round({x}, {min(digits, type_.scale)}) as {to.type(call.type)})"
    factor = to.literal(float(10**digits))
    half = to.literal(0.5)
    # From 2^52 on a double has no digits after the point, and one engine's floor goes no further than 64 bits.
    text = f"(sign({x}) * floor(abs({x}) * {factor} + {half}) / {factor})"
    text = f"(case when abs({x}) * {factor} < {to.literal(2.0**52)} then {text} else {x} end)"
    return f"try_cast({text} as {to.type(INTEGER)})" if call.type == INTEGER else text


def _whole(name: str) -> Render:
    def write(call: Call, args: Sequence[str], to: Rendering) -> str:
        if call.args[0].type == INTEGER:
            return args[0]
        text = f"try_cast({name}({args[0]}) as {to.type(INTEGER)})"
        return _fitting_64_bits(args[0], text, to) if call.args[0].type == DOUBLE else text

    return write


def _fitting_64_bits(x: str, text: str, to: Rendering) -> str:
    return f"(case when abs({x}) < {to.literal(2.0**63)} then {text} end)"


def _truncate(call: Call, args: Sequence[str], to: Rendering) -> str:
    type_ = call.args[0].type
    if type_ == INTEGER:
        return args[0]
    if type_.name == "text":
        text = trimmed(args[0], to)
        fits = fitting(text, "^[+-]?[0-9]{1,18}$", to)
        return f"(case when {fits} then try_cast({text} as {to.type(INTEGER)}) end)"
    if type_.name == "boolean":
        return f"(case when {args[0]} then {to.literal(1)} when not {args[0]} then {to.literal(0)} end)"
    x = args[0]
    # Towards zero, spelled out: one engine rounds and the other cuts when a double becomes a whole number.
    cut = f"(case when {x} < 0 then ceil({x}) else floor({x}) end)"
    text = f"try_cast({cut} as {to.type(INTEGER)})"
    return _fitting_64_bits(x, text, to) if type_ == DOUBLE else text


def _to_double(call: Call, args: Sequence[str], to: Rendering) -> str:
    type_ = call.args[0].type
    if type_.name != "text":
        return f"cast({args[0]} as {to.type(DOUBLE)})"
    text = trimmed(args[0], to)
    fits = fitting(text, "^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,2})?$", to)
    return f"(case when {fits} then try_cast({text} as {to.type(DOUBLE)}) end)"


def _to_double_type(types: Sequence[Type]) -> Type:
    if types[0].is_number or types[0].name in ("text", "null"):
        return DOUBLE
    raise WrongType(f"A {types[0]} cannot become a number.")


def _to_integer_type(types: Sequence[Type]) -> Type:
    if types[0].is_number or types[0].name in ("text", "boolean", "null"):
        return INTEGER
    raise WrongType(f"A {types[0]} cannot become a whole number.")


def _least(word: str) -> Render:
    """Both engines skip absent values; one of them asks for two arguments at least."""
    return lambda call, args, to: f"{word}({', '.join([*args, args[0]] if len(args) == 1 else args)})"


def _band(call: Call, args: Sequence[str], to: Rendering) -> str:
    x, cuts = args[0], args[1:]
    whens = " ".join(f"when {x} < {cut} then {to.literal(i)}" for i, cut in enumerate(cuts))
    return f"(case when {x} is null then null {whens} else {to.literal(len(cuts))} end)"


def _check_band(values: Sequence[Any]) -> None:
    cuts = [v for v in values[1:] if v is not None]
    require(all(a < b for a, b in pairwise(cuts)), "The cuts of `band` must rise.")


def _clamp(call: Call, args: Sequence[str], to: Rendering) -> str:
    x, low, high = args
    inside = f"when {x} < {low} then {low} when {x} > {high} then {high} else {x}"
    return f"(case when {low} is null or {high} is null then null {inside} end)"


def _check_clamp(values: Sequence[Any]) -> None:
    low, high = values[1:]
    require(low is None or high is None or low <= high, "The bounds of `clamp` must rise.")


def _number(
    name: str, zh: str, en: str, examples: tuple[Example, ...], sql: Any, *, returns: Any = DOUBLE, params: Any = (X,)
) -> Function:
    nulls = OR_UNDEFINED if returns == DOUBLE else PROPAGATES
    return Function(name, "scalar", "numbers", params, returns, zh, en, nulls, examples, sql, sql)


FUNCTIONS: tuple[Function, ...] = (
    _number("abs", "绝对值。", "Distance from zero.", (Example("abs(-2.5)", 2.5),), "abs({0})", returns=_same),
    _number(
        "sign",
        "符号：-1、0 或 1。",
        "-1, 0 or 1 by the sign.",
        (Example("sign(-3)", -1),),
        "cast(sign({0}) as {bigint})",
        returns=INTEGER,
    ),
    Function(
        "round",
        "scalar",
        "numbers",
        (X, Param("digits", "integer", constant=True, optional=True)),
        _round_type,
        "四舍五入到给定小数位；恰好一半时远离零。双精度数不给位数时得整数。",
        "Rounded to digits after the point, half away from zero. A double without digits becomes a whole number.",
        PROPAGATES,
        (Example("round(2.5)", 3), Example("round(-1.25, 1)", -1.3), Example("round(7 / 2)", 4)),
        _round,
        _round,
        check=_digits,
    ),
    _number(
        "floor",
        "不大于它的最大整数。",
        "Largest whole number below.",
        (Example("floor(-1.5)", -2),),
        _whole("floor"),
        returns=INTEGER,
    ),
    _number(
        "ceil",
        "不小于它的最小整数。",
        "Smallest whole number above.",
        (Example("ceil(1.2)", 2),),
        _whole("ceil"),
        returns=INTEGER,
    ),
    _number(
        "sqrt",
        "平方根；负数为缺失。",
        "Square root; absent for negative numbers.",
        (Example("sqrt(9)", 3.0), Example("sqrt(-1)", None)),
        _guarded("sqrt({0})", "{0} >= 0"),
    ),
    _number(
        "ln",
        "自然对数；不为正则缺失。",
        "Natural logarithm; absent unless positive.",
        (Example("ln(1)", 0.0), Example("ln(0)", None)),
        _guarded("ln({0})", "{0} > 0"),
    ),
    _number(
        "log10",
        "以 10 为底的对数；不为正则缺失。",
        "Logarithm to base 10; absent unless positive.",
        (Example("log10(1000)", 3.0),),
        _guarded("log10({0})", "{0} > 0"),
    ),
    Function(
        "exp",
        "scalar",
        "numbers",
        (X,),
        DOUBLE,
        "e 的 x 次方；过大则缺失。",
        "e to the power of x; absent where too large.",
        OR_UNDEFINED,
        (Example("exp(0)", 1.0),),
        _guarded("exp({0})", "{0} < 709.0"),
        _guarded("exp({0})", "{0} < 709.0"),
    ),
    _number(
        "power",
        "x 的 y 次方；无意义或过大则缺失。",
        "x to the power of y; absent where undefined or too large.",
        (Example("power(2, 10)", 1024.0), Example("power(-8, 0.5)", None)),
        _guarded("power({0}, {1})"),
        params=(X, Param("y", "number")),
    ),
    Function(
        "greatest",
        "scalar",
        "numbers",
        (Param("x", "same", repeated=True),),
        _same,
        "最大的一个，忽略缺失值。",
        "The largest; absent values are skipped.",
        ("Absent only if all are absent.", "全部缺失才缺失。"),
        (Example("greatest(1, null, 3)", 3),),
        _least("greatest"),
        _least("greatest"),
    ),
    Function(
        "least",
        "scalar",
        "numbers",
        (Param("x", "same", repeated=True),),
        _same,
        "最小的一个，忽略缺失值。",
        "The smallest; absent values are skipped.",
        ("Absent only if all are absent.", "全部缺失才缺失。"),
        (Example("least(1, null, 3)", 1),),
        _least("least"),
        _least("least"),
    ),
    Function(
        "clamp",
        "scalar",
        "numbers",
        (Param("x", "same"), Param("low", "same"), Param("high", "same")),
        _same,
        "限制在两端之间。",
        "Brought inside two bounds.",
        PROPAGATES,
        (Example("clamp(12, 0, 10)", 10),),
        _clamp,
        _clamp,
        check=_check_clamp,
    ),
    Function(
        "band",
        "scalar",
        "numbers",
        (Param("x", "same"), Param("cut", "same", constant=True, repeated=True)),
        INTEGER,
        "按切点分档：小于第一个切点为 0，依次加 1。",
        "Number of cuts that x reaches: 0 below the first, then 1, 2, …",
        PROPAGATES,
        (Example("band(35, 18, 30, 50)", 2), Example("band(18, 18, 30)", 1)),
        _band,
        _band,
        check=_check_band,
    ),
    Function(
        "to_integer",
        "scalar",
        "conversion",
        (Param("x", "any"),),
        _to_integer_type,
        "转为整数：数字向零取整，真为 1、假为 0，文本须为整数写法；否则或超出 64 位则缺失。",
        "A whole number: numbers are cut towards zero, true is 1, text must be a whole number of "
        "up to 18 digits; anything else, and what 64 bits do not hold, is absent.",
        PROPAGATES,
        (Example("to_integer(-2.7)", -2), Example("to_integer('12')", 12), Example("to_integer('1x')", None)),
        _truncate,
        _truncate,
    ),
    Function(
        "to_double",
        "scalar",
        "conversion",
        (Param("x", "any"),),
        _to_double_type,
        "转为双精度数；文本不是数字则缺失。",
        "A double; text that is no number is absent.",
        PROPAGATES,
        (Example("to_double('1.5')", 1.5), Example("to_double('n/a')", None)),
        _to_double,
        _to_double,
    ),
)
