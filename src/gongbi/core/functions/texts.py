"""Text: pieces, search, patterns, conversion."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gongbi.core.functions.base import PROPAGATES, Example, Function, Param, Render, require
from gongbi.core.functions.patterns import check_cost
from gongbi.core.types import BOOLEAN, INTEGER, TEXT, Type
from gongbi.errors import InvalidExpression, WrongType

if TYPE_CHECKING:
    from gongbi.core.expr import Call
    from gongbi.core.render import Rendering

S = Param("text", "text")
COUNT = Param("n", "integer", constant=True)
#: What `trim` takes off, and what may stand around a number or a date in text.
SPACES = " \t\n\r\u00a0\u3000"
_OUTSIDE_BOTH = re.compile(
    r"\(\?(?!:|i\))"  # groups with a meaning of their own
    r"|\\[^dDwWsSnrtf!-/:-@\[-^`{-~]"  # escapes other than classes and signs
    r"|[*+?}]\+"  # possessive counts
    r"|\[\^?\]|&&"  # classes that begin with their own bracket, intersections
    r"|(?<!\\)\{(?![0-9]{1,3}(,[0-9]{0,3})?\})|^\{"  # a brace that is no count, or a large one
)
_CLASSES = {"s": r"\t\n\f\r ", "S": r"[^\t\n\f\r ]"}


def _text(
    name: str, params: tuple[Param, ...], returns: Any, zh: str, en: str, examples: tuple[Example, ...],
    duckdb: Any, spark: Any = None, *, check: Any = None,
) -> Function:  # fmt: skip
    return Function(
        name, "scalar", "text", params, returns, zh, en, PROPAGATES, examples, duckdb, spark or duckdb, check=check
    )


def _substr(call: Call, args: Sequence[str], to: Rendering) -> str:
    # A start below 1 means different things to the engines; here it means 1.
    tail = f", {args[2]}" if len(args) > 2 else ""
    return f"substr({args[0]}, {args[1]}{tail})"


def _check_substr(values: Sequence[Any]) -> None:
    require(values[1] is None or values[1] >= 1, "`substr` counts characters from 1.")
    if len(values) > 2:
        require(values[2] is None or values[2] >= 0, "`substr` takes 0 characters or more.")


def _at_least_zero(values: Sequence[Any]) -> None:
    require(values[1] is None or 0 <= values[1] <= 10_000, f"The count must be 0 to 10,000, not {values[1]}.")


def _check_lpad(values: Sequence[Any]) -> None:
    _at_least_zero(values)
    require(bool(values[2]), "`lpad` needs something to fill with.")


def _check_part(values: Sequence[Any]) -> None:
    require(bool(values[1]), "`split_part` needs a delimiter of at least one character.")
    require(values[2] is None or values[2] >= 1, "`split_part` counts parts from 1.")


def trimmed(text: str, to: Rendering, where: str = "both") -> str:
    """Text without the spaces around it."""
    spaces = to.literal(SPACES)
    if to.dialect.name == "duckdb":
        return f"{ {'both': 'trim', 'leading': 'ltrim', 'trailing': 'rtrim'}[where] }({text}, {spaces})"
    return f"trim({where} {spaces} from {text})"


def _trim(where: str) -> Render:
    return lambda call, args, to: trimmed(args[0], to, where)


def fitting(text: str, pattern: str, to: Rendering) -> str:
    """A condition: some part of the text fits a pattern that `check_pattern` has let through."""
    if to.dialect.name == "duckdb":
        return f"regexp_matches({text}, {to.literal(pattern)})"
    return f"({text} rlike {to.literal(_java(pattern))})"


def _java(pattern: str) -> str:
    """The pattern as Java reads it: `$` is the very end, `.` stops at a newline only, `(?i)` knows all letters."""
    flags, rest = ("(?diu)", pattern[4:]) if pattern.startswith("(?i)") else ("(?d)", pattern)
    parts, in_class = [flags], False
    for piece in re.findall(r"\\.|.", rest, re.DOTALL):
        if piece == r"\s":
            piece = _CLASSES["s"] if in_class else f"[{_CLASSES['s']}]"
        elif piece == r"\S" and not in_class:
            piece = _CLASSES["S"]
        elif piece == "$" and not in_class:
            piece = r"\z"
        elif piece in ("[", "]"):
            in_class = piece == "["
        parts.append(piece)
    return "".join(parts)


def _matches(call: Call, args: Sequence[str], to: Rendering) -> str:
    return fitting(args[0], getattr(call.args[1], "value", ""), to)


def check_pattern(values: Sequence[Any]) -> None:
    """Refuse a regular expression that the two engines would read differently, or that cannot be read."""
    pattern = values[1]
    if pattern is None:
        return
    require(len(pattern) <= 500, "A regular expression has at most 500 characters.")
    nested = re.search(r"(?<!\\)\[[^\]\\]*(\\.[^\]\\]*)*(\[|\\S)", pattern)
    require(nested is None, "A class of a regular expression holds neither another class nor `\\S`.")
    odd = _OUTSIDE_BOTH.search(pattern)
    require(
        odd is None,
        f"The regular expression uses {odd.group()!r}, which engines read differently." if odd else "",
        "Use classes, groups, alternatives, anchors, counts and the prefix (?i).",
    )
    check_cost(pattern)
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise InvalidExpression(f"{pattern!r} is not a regular expression: {error}.") from None


def _to_text(call: Call, args: Sequence[str], to: Rendering) -> str:
    return f"cast({args[0]} as {to.type(TEXT)})"


def _to_text_type(types: Sequence[Type]) -> Type:
    if types[0].is_many or types[0].name in ("double", "timestamp"):
        hint = "Round it first." if types[0].name == "double" else "Take parts of it, e.g. date(ts)."
        raise WrongType(f"A {types[0]} has no single way to be written.", hint=hint)
    return TEXT


FUNCTIONS: tuple[Function, ...] = (
    _text("length", (S,), INTEGER, "字符数。", "Number of characters.", (Example("length('工笔画')", 3),), "length({0})",
          "cast(length({0}) as bigint)"),
    _text("lower", (S,), TEXT, "转小写；大小写不一一对应的字母（如 İ、词尾 ς）依引擎而定。", "In lower case. Letters whose cases are not one to one (İ, the final ς) follow the engine.", (Example("lower('GongBi')", "gongbi"),), "lower({0})"),
    _text("upper", (S,), TEXT, "转大写；大小写不一一对应的字母（如 ß、ŉ）依引擎而定。", "In upper case. Letters whose cases are not one to one (ß, ŉ, ﬁ) follow the engine.", (Example("upper('dairy')", "DAIRY"),), "upper({0})"),
    _text("trim", (S,), TEXT, "去掉两端空白：空格、制表、换行、不换行空格与全角空格。", "Without blanks at both ends: space, tab, line breaks, no-break and ideographic space.",
          (Example("trim('  a ')", "a"), Example("trim('　画像\n')", "画像")), _trim("both")),
    _text("ltrim", (S,), TEXT, "去掉左端空白（同 trim）。", "Without blanks on the left, as in trim.", (Example("ltrim('  a ')", "a "),), _trim("leading")),
    _text("rtrim", (S,), TEXT, "去掉右端空白（同 trim）。", "Without blanks on the right, as in trim.", (Example("rtrim(' a  ')", " a"),), _trim("trailing")),
    _text(
        "substr", (S, Param("start", "integer", constant=True), Param("n", "integer", constant=True, optional=True)), TEXT,
        "从第 start 个字符起（从 1 数）取 n 个字符。", "n characters from the start-th, counted from 1.",
        (Example("substr('portrait', 1, 4)", "port"), Example("substr('画像', 2)", "像")), _substr, check=_check_substr,
    ),
    _text("left", (S, COUNT), TEXT, "左边 n 个字符。", "The first n characters.", (Example("left('画像标签', 2)", "画像"),),
          "left({0}, {1})", "left({0}, cast({1} as int))", check=_at_least_zero),
    _text("right", (S, COUNT), TEXT, "右边 n 个字符。", "The last n characters.", (Example("right('35-49K', 3)", "49K"),),
          "right({0}, {1})", "right({0}, cast({1} as int))", check=_at_least_zero),
    _text("replace", (S, Param("old", "text"), Param("new", "text")), TEXT, "替换所有出现。", "Every occurrence replaced.",
          (Example("replace('a-b-c', '-', '')", "abc"),), "replace({0}, {1}, {2})"),
    _text("contains", (S, Param("part", "text")), BOOLEAN, "包含。", "Holds the part.", (Example("contains('FROZEN PIZZA', 'PIZZA')", True),),
          "contains({0}, {1})"),
    _text("starts_with", (S, Param("part", "text")), BOOLEAN, "以其开头。", "Begins with the part.",
          (Example("starts_with('Type A', 'Type')", True),), "starts_with({0}, {1})", "startswith({0}, {1})"),
    _text("ends_with", (S, Param("part", "text")), BOOLEAN, "以其结尾。", "Ends with the part.", (Example("ends_with('22 LB', 'LB')", True),),
          "ends_with({0}, {1})", "endswith({0}, {1})"),
    _text("position", (S, Param("part", "text")), INTEGER, "首次出现的位置，从 1 数；没有为 0。", "Where the part first stands, from 1; 0 if nowhere.",
          (Example("position('grocery', 'c')", 4), Example("position('grocery', 'z')", 0)), "instr({0}, {1})",
          "cast(instr({0}, {1}) as bigint)"),
    _text(
        "split_part", (S, Param("delimiter", "text", constant=True), COUNT), TEXT,
        "按分隔符切开后的第 n 段，超出为空文本。", "The n-th piece between delimiters; empty text beyond the last.",
        (Example("split_part('BREAD:ITALIAN/FRENCH', ':', 2)", "ITALIAN/FRENCH"), Example("split_part('a', ',', 3)", "")),
        "split_part({0}, {1}, {2})", "split_part({0}, {1}, cast({2} as int))", check=_check_part,
    ),
    _text("lpad", (S, COUNT, Param("fill", "text", constant=True)), TEXT, "左侧补足到 n 个字符；过长则截断。",
          "Filled on the left to n characters; cut if longer.", (Example("lpad('7', 3, '0')", "007"),),
          "lpad({0}, cast({1} as integer), {2})", "lpad({0}, cast({1} as int), {2})",
          check=_check_lpad),
    _text(
        "matches", (S, Param("pattern", "text", constant=True)), BOOLEAN,
        "某处符合正则表达式（只许两种引擎读法一致的写法）。",
        "Somewhere the text fits a regular expression, written in the part that both engines read alike.",
        (Example("matches('35-49K', '^[0-9]+-')", True), Example("matches('Cat', '(?i)^cat$')", True)),
        _matches, check=check_pattern,
    ),
    Function("to_text", "scalar", "conversion", (Param("x", "any"),), _to_text_type, "转为文本。", "As text.", PROPAGATES,
             (Example("to_text(42)", "42"), Example("to_text(date('2017-09-01'))", "2017-09-01"), Example("to_text(true)", "true")),
             _to_text, _to_text),
)  # fmt: skip
