"""Expression → form. What is not recognised becomes a row of text."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

from gongbi.catalog.forms.base import (
    Argument,
    Compare,
    Field,
    Formula,
    Group,
    InSegment,
    Joined,
    Measure,
    Operand,
    Phrase,
    Row,
    Sequence,
    Step,
    Text,
    Value,
)
from gongbi.catalog.forms.write import name_text
from gongbi.core.functions import CATALOGUE
from gongbi.core.parser import parse
from gongbi.core.syntax import Apply, Literal, Name, Node
from gongbi.errors import InvalidExpression

SIGNS = ("=", "<>", "<", "<=", ">", ">=")
#: Conditions on a value and one constant, beside the signs.
BESIDE = ("like", "contains", "starts_with", "ends_with", "matches", "list_contains", "has")
STATES = ("is_absent", "is_true", "is_false")
#: Aggregates of one column that a form can name.
MEASURES = ("sum", "avg", "min", "max", "median", "stddev", "mode", "first", "last", "any", "all")
#: Phrases about a member's rows of a fact, and about the time of a row.
ABOUT_FACT = ("exists_within", "first_time", "stopped", "regularly", "resurrected")
ABOUT_TIME = (
    "within", "this", "previous", "last_year", "between_dates", "since", "before", "active", "ends_within",
)  # fmt: skip
#: What is written between two values.
ARITHMETIC = ("+", "-", "*", "/")
#: Functions by name; signs are known by themselves, and what a step says is said of a sequence only.
NAMED = frozenset(name for name, one in CATALOGUE.items() if not one.sign and one.kind not in ("step", "sequence"))
_INTERVAL = re.compile(r"\(*\s*interval\s+([0-9]{1,9})\s+'?([a-z_]+?)s?'?\s*\)*", re.IGNORECASE)


def read(text: str) -> Group:
    """Read an expression as rows that are joined by ``and`` or ``or``.

    Raises
    ------
    InvalidExpression
        It cannot be read at all. Names and types are not looked at.
    """
    return _group(parse(text), text)


def _row(node: Node, source: str) -> Row:
    """One condition; `source` is the whole text, from which parts are kept as they were written."""
    if isinstance(node, Apply) and not _decorated(node):
        if node.function in ("and", "or"):
            joined: Joined = "and" if node.function == "and" else "or"
            return Group(joined, tuple(_row(arg, source) for arg in node.args))
        if node.function == "not" and len(node.args) == 1:
            inner = _row(node.args[0], source)
            before = source[node.span.start : node.args[0].span.start]
            if isinstance(inner, Text) and not any(letter.isalpha() for letter in before):
                # The `not` stands within the part: x is not true.
                return _bare(node, source)
            return Group("and", (inner,), negated=True) if inner.negated else replace(inner, negated=True)
        if (found := _compare(node, source)) is not None:
            return found
    if isinstance(node, Apply) and (said := _phrase(node, source)) is not None:
        return said
    if isinstance(node, Apply) and (steps := _sequence(node, source)) is not None:
        return steps
    if isinstance(node, Name) and node.parts[0] == "segment" and len(node.parts) == 2:
        return InSegment(node.parts[1])
    operand = _operand(node, source)
    return Compare(operand, "holds") if operand is not None else _bare(node, source)


def _decorated(node: Apply) -> bool:
    return bool(node.distinct or node.star or node.filter or node.named)


def _written(node: Node, source: str) -> str:
    return source[node.span.start : node.span.end].strip()


def _bare(node: Node, source: str) -> Text:
    """A row of text, without the brackets around the whole of it."""
    return Text(unbracketed(_written(node, source)))


def unbracketed(text: str) -> str:
    """A part of an expression without the brackets around the whole of it."""
    text = text.strip()
    while text[:1] in ("(", "（") and _reads(text[1:-1]):
        text = text[1:-1].strip()
    return text


def _reads(text: str) -> bool:
    try:
        parse(text)
    except InvalidExpression:
        return False
    return True


def _values(nodes: tuple[Node, ...]) -> tuple[Value, ...] | None:
    """The constants, where all are."""
    found = [node.value for node in nodes if isinstance(node, Literal) and node.value is not None]
    return tuple(found) if len(found) == len(nodes) else None


def _compare(node: Apply, source: str) -> Compare | None:
    name, args = node.function, node.args
    count = {"between": 3, "in": max(len(args), 2), **dict.fromkeys(STATES, 1)}.get(name, 2)
    if name not in (*SIGNS, *BESIDE, *STATES, "between", "in") or len(args) != count:
        return None
    what, values = _operand(args[0], source), _values(args[1:])
    if what is None or values is not None:
        return Compare(what, name, values) if what is not None and values is not None else None
    other = _operand(args[1], source) if name in (*SIGNS, *BESIDE) else None
    return Compare(what, name, other=other) if other is not None else None


def _phrase(node: Apply, source: str) -> Phrase | None:
    args, fact = node.args, ""
    if node.distinct or node.star or node.named or (node.filter is not None and node.function not in ABOUT_FACT):
        return None
    if node.function in ABOUT_FACT:
        if not args or not isinstance(args[0], Name) or len(args[0].parts) != 1:
            return None
        fact, args = name_text(args[0].parts, fact=True), args[1:]
    elif node.function not in ABOUT_TIME:
        return None
    values = _values(args)
    return Phrase(node.function, fact, values, where=_where(node, source)) if values is not None else None


def _operand(node: Node, source: str) -> Operand | None:
    if isinstance(node, Name):
        return Field(name_text(node.parts)) if node.parts[0] != "segment" else None
    return _measure(node, source) or _formula(node, source)


def _formula(node: Node, source: str) -> Formula | None:
    """A function of things that a form can show; None for what is no function of the language."""
    if not isinstance(node, Apply) or node.distinct or node.star or node.named:
        return None
    if node.function not in NAMED and (node.function not in ARITHMETIC or len(node.args) != 2):
        return None
    found = [_argument(arg, source) for arg in node.args]
    arguments = tuple(one for one in found if one is not None)
    if len(arguments) < len(found):
        return None
    return Formula(node.function, arguments, _where(node, source))


def _argument(node: Node, source: str) -> Argument | None:
    if isinstance(node, Literal):
        return node.value
    if isinstance(node, Name) and len(node.parts) == 1:
        # It may be the name of a fact, which needs no quotes.
        return Field(name_text(node.parts, fact=True))
    if isinstance(node, Apply) and node.function in (*SIGNS, *STATES, "and", "or", "not", "between", "in", "like"):
        return _group(node, source)
    return _operand(node, source)


def _measure(node: Node, source: str) -> Measure | None:
    if not isinstance(node, Apply) or node.star or node.named:
        return None
    if node.function == "coalesce" and len(node.args) == 2 and not _decorated(node):
        inner = _measure(node.args[0], source)
        zero = isinstance(node.args[1], Literal) and type(node.args[1].value) is int and node.args[1].value == 0
        return replace(inner, zero=True) if zero and inner is not None and not inner.zero else None
    if len(node.args) != 1:
        return None
    (arg,) = node.args
    if node.function == "days_since" and not _decorated(node):
        last = arg if isinstance(arg, Apply) and arg.function == "max" and len(arg.args) == 1 else None
        times = last.args[0] if last is not None and not (last.distinct or last.star or last.named) else None
        if last is None or not isinstance(times, Name) or len(times.parts) != 2 or times.parts[1] != "ts":
            return None
        return Measure("days_since", name_text(times.parts[:1], fact=True), "", _where(last, source))
    if not isinstance(arg, Name) or arg.parts[0] in ("tag", "segment"):
        return None
    fact = name_text(arg.parts[:1], fact=True)
    if node.function in ("count", "exists") and len(arg.parts) == 1 and not node.distinct:
        return Measure(node.function, fact, "", _where(node, source))
    function = "count_distinct" if node.function == "count" and node.distinct else node.function
    if len(arg.parts) < 2 or (node.distinct and function != "count_distinct"):
        return None
    if function not in (*MEASURES, "count_distinct"):
        return None
    return Measure(function, fact, name_text(arg.parts), _where(node, source))


def _where(node: Apply, source: str) -> Group:
    return _group(node.filter, source) if node.filter is not None else Group()


def _group(node: Node, source: str) -> Group:
    row = _row(node, source)
    return row if isinstance(row, Group) and not row.negated else Group("and", (row,))


def _sequence(node: Apply, source: str) -> Sequence | None:
    named = dict(node.named)
    if node.function not in ("followed_by", "not_followed_by") or node.filter or node.star or node.distinct:
        return None
    if not set(named) <= {"same", "within"} or len(named) != len(node.named):
        return None
    steps = [step for step in map(partial(_step, source=source), node.args) if step is not None]
    same, span = named.get("same"), named.get("within")
    found = _INTERVAL.fullmatch(_written(span, source)) if span is not None else None
    if len(steps) != len(node.args) or (same is not None and not isinstance(same, Name)) or (span and not found):
        return None
    return Sequence(
        node.function,
        tuple(steps),
        name_text(same.parts) if isinstance(same, Name) else "",
        int(found[1]) if found else 0,
        found[2].lower() if found else "day",
    )


def _step(node: Node, source: str) -> Step | None:
    if not isinstance(node, Apply) or node.function != "step" or _decorated(node) or not 1 <= len(node.args) <= 2:
        return None
    fact, *conditions = node.args
    if not isinstance(fact, Name) or len(fact.parts) != 1:
        return None
    return Step(name_text(fact.parts, fact=True), _group(conditions[0], source) if conditions else Group())
