"""Operators and conditions: arithmetic, comparison, three-valued logic, choice."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from gongbi.core.functions.base import PROPAGATES, Example, Function, Param, Render, require
from gongbi.core.types import BOOLEAN, DOUBLE, INTEGER, TEXT, Type
from gongbi.errors import WrongType

if TYPE_CHECKING:
    from gongbi.core.expr import Call
    from gongbi.core.render import Rendering

X, Y = Param("x", "number"), Param("y", "number")
SAME = Param("x", "same")
LOGIC_NULLS = (
    "Three-valued: unknown stays unknown unless the other side decides.",
    "三值逻辑：未知仍为未知，除非另一侧已能决定。",
)


def one_currency(types: Sequence[Type]) -> str | None:
    """The currency that all money among the types shares."""
    currencies = sorted({t.currency for t in types if t.currency})
    if len(currencies) > 1:
        raise WrongType(f"Amounts in {' and '.join(currencies)} do not mix.", hint="Convert one of them first.")
    return currencies[0] if currencies else None


def wider(types: Sequence[Type]) -> Type:
    """The narrowest number type that holds all of them: integer, decimal, double."""
    currency = one_currency(types)
    if any(t.name == "double" for t in types):
        return DOUBLE
    if any(t.name == "decimal" for t in types):
        return Type("decimal", max(t.scale for t in types), currency)
    return INTEGER


def product_type(types: Sequence[Type]) -> Type:
    """Whole × whole is whole, amount × whole an amount; everything else is a double."""
    one_currency(types)
    decimals = [t for t in types if t.name == "decimal"]
    if any(t.name == "double" for t in types) or len(decimals) > 1:
        return DOUBLE
    return decimals[0] if decimals else INTEGER


def _arithmetic(sign: str) -> Render:
    def write(call: Call, args: Sequence[str], to: Rendering) -> str:
        # A decimal meets a whole number as a decimal of scale 0; the cast around it fixes what engines would widen.
        operands = [f"cast({a} as {to.type(DOUBLE)})" if call.type == DOUBLE else a for a in args]
        if call.type.name == "decimal" and call.type.scale > 6 and to.dialect.name == "spark":
            operands = [_narrowed(a, arg.type, call.type.scale, sign) for a, arg in zip(args, call.args, strict=True)]
        text = f"({operands[0]} {sign} {operands[1]})"
        return f"cast({text} as {to.type(call.type)})" if call.type.name == "decimal" else text

    return write


def _narrowed(text: str, type_: Type, scale: int, sign: str) -> str:
    """Spark gives digits after the sixth up where a result could have more than 38; narrower operands cannot."""
    if type_.name == "integer":
        return f"cast({text} as decimal({18 if sign == '*' else 20},0))"
    return f"cast({text} as decimal({19 if sign == '*' else 37},{scale}))"


def _divide(call: Call, args: Sequence[str], to: Rendering) -> str:
    double = to.type(DOUBLE)
    return f"(cast({args[0]} as {double}) / nullif(cast({args[1]} as {double}), 0))"


def _case(call: Call, args: Sequence[str], to: Rendering) -> str:
    pairs = " ".join(f"when {args[i]} then {args[i + 1]}" for i in range(0, len(args) - 1, 2))
    return f"(case {pairs} else {args[-1]} end)"


def _chain(word: str) -> Render:
    return lambda call, args, to: "(" + f" {word} ".join(args) + ")"


def _in(call: Call, args: Sequence[str], to: Rendering) -> str:
    return f"({args[0]} in ({', '.join(args[1:])}))"


def _convert(call: Call, args: Sequence[str], to: Rendering) -> str:
    return f"cast({args[0]} as {to.type(call.type)})"


def _like(call: Call, args: Sequence[str], to: Rendering) -> str:
    escape = " escape '\\'" if to.dialect.name == "duckdb" else ""
    return f"({args[0]} like {args[1]}{escape})"


def _check_like(values: Sequence[Any]) -> None:
    pattern = values[1]
    trailing = len(pattern) - len(pattern.rstrip("\\")) if isinstance(pattern, str) else 0
    require(trailing % 2 == 0, "A pattern of `like` cannot end with a lone backslash.")
    bad = [i for i, c in enumerate(pattern or "") if c == "\\" and pattern[i + 1 : i + 2] not in ("%", "_", "\\")]
    odd = [i for i in bad if not (i and pattern[i - 1] == "\\")]
    require(not odd, "In a pattern of `like`, a backslash stands before %, _ or another backslash.")


def _comparison(sign: str, zh: str, en: str, example: Example) -> Function:
    return Function(
        sign,
        "scalar",
        "comparison",
        (Param("x", "same"), Param("y", "same")),
        BOOLEAN,
        zh,
        en,
        PROPAGATES,
        (example,),
        f"({{0}} {sign} {{1}})",
        f"({{0}} {sign} {{1}})",
        sign=True,
    )


def _operator(
    sign: str, params: tuple[Param, ...], returns: Any, zh: str, en: str, examples: tuple[Example, ...], sql: Any
) -> Function:
    nulls = LOGIC_NULLS if sign in ("and", "or", "not") else PROPAGATES
    group = "logic" if sign in ("and", "or", "not") else "arithmetic"
    return Function(sign, "scalar", group, params, returns, zh, en, nulls, examples, sql, sql, sign=True)


B = Param("condition", "boolean")

FUNCTIONS: tuple[Function, ...] = (
    _operator("+", (X, Y), wider, "相加。", "Sum of two numbers.", (Example("1 + 2.5", 3.5),), _arithmetic("+")),
    _operator("-", (X, Y), wider, "相减。", "Difference.", (Example("1 - 2.5", -1.5),), _arithmetic("-")),
    _operator(
        "*", (X, Y), product_type, "相乘。", "Product.", (Example("3 * 4", 12), Example("2.5 * 2", 5)), _arithmetic("*")
    ),
    Function(
        "/",
        "scalar",
        "arithmetic",
        (X, Y),
        lambda types: (one_currency(types), DOUBLE)[1],
        "相除，结果为双精度数；除以零为缺失。",
        "Quotient, always a double; absent where the divisor is zero.",
        ("Absent if an argument is absent or the divisor is zero.", "参数缺失或除数为零则缺失。"),
        (Example("7 / 2", 3.5), Example("1 / 0", None)),
        _divide,
        _divide,
        sign=True,
    ),
    Function(
        "%",
        "scalar",
        "arithmetic",
        (Param("x", "integer"), Param("y", "integer")),
        INTEGER,
        "整除的余数，符号与被除数相同；除以零为缺失。",
        "Remainder of whole numbers, with the sign of the dividend; absent where the divisor is zero.",
        ("Absent if an argument is absent or the divisor is zero.", "参数缺失或除数为零则缺失。"),
        (Example("7 % 3", 1), Example("-7 % 3", -1), Example("7 % 0", None)),
        "({0} % nullif({1}, 0))",
        "({0} % nullif({1}, 0))",
        sign=True,
    ),
    Function(
        "negative",
        "scalar",
        "arithmetic",
        (X,),
        lambda types: types[0],
        "取相反数，写作 -x。",
        "The number with the other sign; written -x.",
        PROPAGATES,
        (Example("-(1 + 2)", -3),),
        "(-{0})",
        "(-{0})",
        sign=True,
    ),
    _comparison("=", "等于。", "Equal.", Example("1 = 1.0", True)),
    _comparison("<>", "不等于，也可写 !=。", "Not equal; != is the same.", Example("'a' <> 'b'", True)),
    _comparison("<", "小于。文本按字符编码比较。", "Less. Text compares by code point.", Example("'a' < 'B'", False)),
    _comparison("<=", "小于或等于。", "Less or equal.", Example("2 <= 2", True)),
    _comparison(">", "大于。", "Greater.", Example("nullif(1, 1) > 1", None)),
    _comparison(">=", "大于或等于。", "Greater or equal.", Example("date('2017-09-01') >= '2017-08-31'", True)),
    Function(
        "between",
        "scalar",
        "comparison",
        (Param("x", "same"), Param("low", "same"), Param("high", "same")),
        BOOLEAN,
        "介于两者之间，含两端：x between a and b。",
        "Between two bounds, both included: x between a and b.",
        PROPAGATES,
        (Example("5 between 1 and 5", True),),
        "({0} between {1} and {2})",
        "({0} between {1} and {2})",
        sign=True,
    ),
    Function(
        "in",
        "scalar",
        "comparison",
        (Param("x", "same"), Param("value", "same", repeated=True)),
        BOOLEAN,
        "等于列表中的某个值：x in (1, 2)。",
        "Equal to one of a list: x in (1, 2).",
        (
            "Unknown if x is absent, or if the list holds an absent value and no match.",
            "x 缺失时未知；列表含缺失值且无匹配时未知。",
        ),
        (Example("2 in (1, 2)", True), Example("3 in (1, null)", None)),
        _in,
        _in,
        sign=True,
    ),
    Function(
        "like",
        "scalar",
        "comparison",
        (Param("text", "text"), Param("pattern", "text", constant=True)),
        BOOLEAN,
        "文本匹配模式：% 为任意多个字符，_ 为一个字符，反斜杠转义。区分大小写。",
        "Text fits a pattern: % is any characters, _ is one, a backslash escapes. Case matters.",
        PROPAGATES,
        (Example("'yoghurt' like 'yog%'", True), Example("'100%' like '100\\%'", True)),
        _like,
        _like,
        check=_check_like,
        sign=True,
    ),
    _operator(
        "and",
        (B, Param("condition", "boolean", repeated=True)),
        BOOLEAN,
        "两者都为真。",
        "Both are true.",
        (Example("true and null", None), Example("false and null", False)),
        _chain("and"),
    ),
    _operator(
        "or",
        (B, Param("condition", "boolean", repeated=True)),
        BOOLEAN,
        "至少一个为真。",
        "At least one is true.",
        (Example("true or null", True), Example("false or null", None)),
        _chain("or"),
    ),
    _operator(
        "not",
        (B,),
        BOOLEAN,
        "取反；未知的反面仍是未知。",
        "The opposite; the opposite of unknown is unknown.",
        (Example("not false", True), Example("not null", None)),
        "(not {0})",
    ),
    *(
        Function(
            name,
            "scalar",
            "logic",
            (Param("x", "any" if name == "is_absent" else "boolean"),),
            BOOLEAN,
            zh,
            en,
            ("Never absent itself.", "自身从不缺失。"),
            (example,),
            sql,
            sql,
            sign=True,
        )
        for name, zh, en, example, sql in (
            (
                "is_absent",
                "没有值：x is absent。否定为 is not absent。",
                "There is no value: x is absent; its opposite is x is not absent.",
                Example("null is absent", True),
                "({0} is null)",
            ),
            (
                "is_true",
                "为真；未知算作否。",
                "True; unknown counts as no: x is true.",
                Example("(nullif(1, 1) > 1) is true", False),
                "coalesce({0}, false)",
            ),
            (
                "is_false",
                "为假；未知算作否。",
                "False; unknown counts as no: x is false.",
                Example("(1 > 2) is false", True),
                "coalesce(not {0}, false)",
            ),
        )
    ),
    Function(
        "case",
        "scalar",
        "choice",
        (Param("when", "any", repeated=True), Param("else", "any")),
        lambda types: types[-1],
        "按条件取值：case when 条件 then 值 … else 值 end。",
        "The value of the first true condition: case when condition then value … else value end.",
        ("An unknown condition counts as false; without else, absent.", "未知条件视为假；没有 else 则缺失。"),
        (Example("case when 1 > 2 then 'a' else 'b' end", "b"), Example("case 3 when 3 then 'x' end", "x")),
        _case,
        _case,
        sign=True,
    ),
    Function(
        "if",
        "scalar",
        "choice",
        (Param("condition", "boolean"), Param("yes", "same"), Param("no", "same")),
        lambda types: types[1],
        "条件为真取第二个，否则取第三个。",
        "The second argument where the condition is true, else the third.",
        ("An unknown condition counts as false.", "未知条件视为假。"),
        (Example("if(2 > 1, 'yes', 'no')", "yes"),),
        "(case when {0} then {1} else {2} end)",
        "(case when {0} then {1} else {2} end)",
    ),
    Function(
        "coalesce",
        "scalar",
        "choice",
        (Param("x", "same", repeated=True),),
        lambda types: types[0],
        "第一个不缺失的值。",
        "The first value that is not absent.",
        ("Absent only if all are absent.", "全部缺失才缺失。"),
        (Example("coalesce(null, 2)", 2),),
        lambda call, args, to: f"coalesce({', '.join(args)})",
        lambda call, args, to: f"coalesce({', '.join(args)})",
    ),
    Function(
        "nullif",
        "scalar",
        "choice",
        (Param("x", "same"), Param("y", "same")),
        lambda types: types[0],
        "两者相等时缺失，否则取第一个。",
        "Absent where both are equal, else the first.",
        ("Absent if x is absent.", "x 缺失则缺失。"),
        (Example("nullif('', '')", None), Example("nullif(3, 0)", 3)),
        "nullif({0}, {1})",
        "nullif({0}, {1})",
    ),
    Function(
        "||",
        "scalar",
        "text",
        (Param("x", "text"), Param("y", "text")),
        TEXT,
        "连接两段文本。",
        "Two texts joined.",
        PROPAGATES,
        (Example("'gong' || 'bi'", "gongbi"),),
        "({0} || {1})",
        "({0} || {1})",
        sign=True,
    ),
)


@cache
def conversion(to: Type) -> Function:
    """The silent widening that the type checker inserts, e.g. whole number → decimal."""
    return Function(
        "convert",
        "scalar",
        "internal",
        (Param("x", "any"),),
        to,
        "",
        "",
        PROPAGATES,
        (),
        _convert,
        _convert,
        convert=to,
    )
