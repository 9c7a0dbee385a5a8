"""Form → expression. Rows that are not filled in yet are left out."""

from __future__ import annotations

from collections.abc import Sequence as Many
from decimal import Decimal

from gongbi.catalog.forms.base import (
    Argument,
    Compare,
    Field,
    Formula,
    Group,
    InSegment,
    Measure,
    Operand,
    Phrase,
    Row,
    Sequence,
    Step,
    Text,
    Value,
)
from gongbi.core.lexer import tokens
from gongbi.core.parser import NOT_ALONE, RESERVED, parse
from gongbi.core.syntax import Apply
from gongbi.errors import InvalidExpression

_STATES = {"is_absent": "absent", "is_true": "true", "is_false": "false"}
_BEHIND = ("in", "between", "like", *_STATES)
_SIGNS = ("=", "<>", "<", "<=", ">", ">=")
#: How many constants an operator needs; one where it is not listed.
NEEDS = {"holds": 0, "between": 2, **dict.fromkeys(_STATES, 0)}


def write(form: Group) -> str:
    """Write a form as an expression; empty where no row is filled in."""
    body = _joined(form)
    return f"not ({body})" if form.negated and body else body


def write_operand(what: Operand) -> str:
    """Write a value as an expression."""
    if isinstance(what, Formula):
        return _formula(what)
    if not isinstance(what, Measure):
        return what.name
    if what.function == "count_distinct":
        body = f"count(distinct {what.column})"
    elif what.function == "days_since":
        body = f"max({what.fact}.ts)"
    else:
        body = f"{what.function}({what.column or what.fact})"
    body += _filter(what.where)
    if what.function == "days_since":
        body = f"days_since({body})"
    return f"coalesce({body}, 0)" if what.zero else body


def _formula(what: Formula) -> str:
    arguments = [_argument(one) for one in what.arguments]
    if "" in arguments:
        return ""
    if not what.function.isidentifier():
        return f"({arguments[0]} {what.function} {arguments[1]})"
    return f"{what.function}({', '.join(arguments)})" + _filter(what.where)


def _argument(one: Argument) -> str:
    if isinstance(one, Group):
        return write(one)
    return write_operand(one) if isinstance(one, Field | Measure | Formula) else literal(one)


def _filter(where: Group) -> str:
    said = write(where)
    return f" filter (where {said})" if said else ""


def is_complete(row: Row) -> bool:
    """Whether a row says something already."""
    match row:
        case Group():
            return any(is_complete(inner) for inner in row.rows)
        case Compare():
            if row.other is not None:
                return bool(write_operand(row.what) and write_operand(row.other))
            return bool(write_operand(row.what)) and len(row.values) >= NEEDS.get(row.operator, 1)
        case InSegment():
            return bool(row.segment)
        case Text():
            return bool(row.text.strip())
        case Sequence():
            return len(row.steps) > 1 and all(step.fact for step in row.steps)
        case Phrase():
            return all(value != "" for value in row.values)


def _joined(group: Group) -> str:
    rows = [row for row in group.rows if is_complete(row)]
    return f" {group.joined} ".join(_row(row, alone=len(rows) == 1 and not group.negated) for row in rows)


def _row(row: Row, *, alone: bool = False) -> str:
    """One condition; brackets around what binds more loosely than ``and``, unless it stands alone."""
    match row:
        case Group():
            body = _joined(row)
            return f"not ({body})" if row.negated else body if alone else f"({body})"
        case Text():
            body = row.text.strip()
            if row.negated:
                return f"not ({body})"
            return body if alone or not _loose(body) else f"({body})"
        case Compare():
            return _compare(row)
        case InSegment():
            body = f"segment.{name_text((row.segment,), first=False)}"
        case Phrase():
            body = f"{row.function}({', '.join([*([row.fact] if row.fact else []), *map(literal, row.values)])})"
            body += _filter(row.where)
        case Sequence():
            body = _sequence(row)
    return f"not {body}" if row.negated else body


def _compare(row: Compare) -> str:
    what, values, no = write_operand(row.what), [literal(value) for value in row.values], row.negated
    if row.other is not None:
        values = [write_operand(row.other)]
    if row.operator in _BEHIND:
        if row.operator in _STATES:
            return f"{what} is {'not ' if no else ''}{_STATES[row.operator]}"
        behind = {"in": f"({', '.join(values)})", "between": " and ".join(values[:2])}.get(row.operator, values[0])
        return f"{what} {'not ' if no else ''}{row.operator} {behind}"
    if row.operator in _SIGNS:
        body = f"{what} {row.operator} {values[0]}"
        return f"not ({body})" if no else body
    body = what if row.operator == "holds" else f"{row.operator}({what}, {values[0]})"
    return f"not {body}" if no else body


def _sequence(row: Sequence) -> str:
    parts = [_step(step) for step in row.steps]
    if row.same:
        parts.append(f"same => {row.same}")
    if row.n:
        parts.append(f"within => interval {row.n} {row.unit}")
    return f"{row.function}({', '.join(parts)})"


def _step(step: Step) -> str:
    where = write(step.where)
    return f"step({step.fact}, {where})" if where else f"step({step.fact})"


def _loose(text: str) -> bool:
    try:
        node = parse(text)
    except InvalidExpression:
        return False
    return isinstance(node, Apply) and node.function in ("and", "or")


def literal(value: Value) -> str:
    """Write a constant so that it is read as the same one."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, Decimal):
        return f"{value:f}" if "." in f"{value:f}" else f"{value:f}.0"
    if isinstance(value, float):
        return f"{value!r}" if "e" in repr(value) else f"{value!r}e0"
    return str(value)


def name_text(parts: Many[str], *, first: bool = True, fact: bool = False) -> str:
    """Write a dotted name; parts that are no plain words stand in double quotes.

    Parameters
    ----------
    first
        Whether the first part begins the name, where no word of the language may stand.
    fact
        The name stands where only that of a fact can.
    """
    barred = RESERVED if fact or len(parts) > 1 else RESERVED | NOT_ALONE
    return ".".join(
        part if _is_plain(part) and not (first and i == 0 and part.lower() in barred) else f'"{_doubled(part)}"'
        for i, part in enumerate(parts)
    )


def _is_plain(part: str) -> bool:
    try:
        found = tokens(part)
    except InvalidExpression:
        return False
    return len(found) == 2 and found[0].kind == "name" and found[0].text == part


def _doubled(part: str) -> str:
    return part.replace('"', '""')
