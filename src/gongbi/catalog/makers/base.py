"""What makers share: how a field is described to people, and how pieces of an expression are put together."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Any, Final, Literal, Protocol

from gongbi.catalog.naming import Words
from gongbi.core import clock
from gongbi.core.parser import parse
from gongbi.core.syntax import Apply, Name, walk
from gongbi.errors import GongbiError, InvalidDefinition

#: What a field takes, which says how a form draws it: an expression about a member or about a row of a fact, the name
#: of a fact, a condition on its rows, a stretch of time, numbers, names of values, one of a few words.
Takes = Literal[
    "member", "row", "fact", "condition", "window", "integer", "number", "numbers", "name", "names", "choice"
]

_WINDOW: Final = re.compile(r"([1-9][0-9]{0,4}) ([a-z_]+?)s?")
_UNITS: Final = (*clock.ROLLING, *clock.CALENDAR, clock.WORKDAY)


class ShortForm(Protocol):
    """A short form of an expression."""

    def expression(self) -> str:
        """Write the expression out."""
        ...


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a maker's form.

    Parameters
    ----------
    key
        As in YAML.
    takes
        What is filled in.
    name
        For people.
    required
        Whether it must be filled in.
    default
        What holds where it is left empty.
    choices
        Of a ``choice``.
    """

    key: str
    takes: Takes
    name: Words
    required: bool
    default: Any = None
    choices: tuple[str, ...] = ()


def asks(takes: Takes, zh: str, en: str, **more: Any) -> Any:
    """A dataclass field with what a form says of it."""
    return field(metadata={"takes": takes, "name": Words(zh, en)}, **more)


def check_pieces(maker: Any) -> None:
    """Refuse a field of a maker that is no whole expression, or no window.

    Raises
    ------
    InvalidDefinition
        With the key of the field.
    """
    for one in fields(maker):
        value, takes = getattr(maker, one.name), one.metadata.get("takes")
        if value is None:
            continue
        try:
            if takes in ("member", "row", "fact", "condition"):
                parse(value)
            elif takes == "window":
                window(value)
        except GongbiError as error:
            raise InvalidDefinition(f"`{one.name}`: {error.message}", hint=error.hint) from error


def window(text: str, ago: bool = False) -> str:
    """``90 day`` → ``within(90, 'day')``; with `ago`, the stretch of that length before it.

    Raises
    ------
    InvalidDefinition
        It is no whole number with a unit.
    """
    found = _WINDOW.fullmatch(text.strip())
    if found is None or found[2] not in _UNITS:
        raise InvalidDefinition(
            f"{text!r} is no stretch of time.",
            hint=f"Write 90 day, with a whole number from 1; units: {', '.join(_UNITS)}.",
        )
    n, unit = found.groups()
    return f"within({n}, '{unit}', {n})" if ago else f"within({n}, '{unit}')"


def piece(text: str) -> str:
    """A text that stands for one value wherever it is put: in parentheses where it is an operation."""
    node, text = parse(text), text.strip()
    if isinstance(node, Apply) and node.function != "case":
        # Operators bind looser than what stands around a piece; a call of a function is one already.
        called = node.function != "not" and re.match(rf"{re.escape(node.function)}\s*\(", text, re.IGNORECASE)
        return text if called else f"({text})"
    return text


def filtered(aggregate: str, within: str | None = None, where: str | None = None, *, ago: bool = False) -> str:
    """An aggregate over the rows of a stretch of time for which a condition holds."""
    conditions = [window(within, ago)] if within else []
    if where:
        node = parse(where)
        either = isinstance(node, Apply) and node.function == "or"
        conditions.append(f"({where.strip()})" if either else where.strip())
    return f"{aggregate} filter (where {' and '.join(conditions)})" if conditions else aggregate


def fact_of(row: str) -> str:
    """The fact that an expression over rows is about: the first part of its first dotted name."""
    dotted = [node for node in walk(parse(row)) if isinstance(node, Name) and len(node.parts) > 1]
    if dotted:
        return min(dotted, key=lambda name: name.span.start).parts[0]
    raise InvalidDefinition(f"{row!r} names no column of a fact.", hint="Write it as `purchase.amount`.")


def of_fact(row: str, fact: str) -> str:
    """An expression about rows in which columns may stand without their fact, written with it."""
    text = row.strip()
    bare = [node for node in walk(parse(text)) if isinstance(node, Name) and len(node.parts) == 1]
    for name in sorted(bare, key=lambda name: name.span.start, reverse=True):
        text = f"{text[: name.span.start]}{fact}.{text[name.span.start :]}"
    return text


def quoted(name: str) -> str:
    """A name of a value as a text constant."""
    return "'" + name.replace("'", "''") + "'"


def number(value: float) -> str:
    """A number as a constant."""
    return str(int(value)) if float(value).is_integer() else repr(value)


def check_steps(cuts: tuple[float, ...], names: tuple[str, ...] = ()) -> None:
    """Refuse cuts that do not ascend, and names that are not one more than they.

    Raises
    ------
    InvalidDefinition
        Which of the two it is.
    """
    if not cuts or any(low >= high for low, high in pairwise(cuts)):
        raise InvalidDefinition("`cuts` are numbers that ascend.", hint="Write them as [100, 500, 2000].")
    if names and (len(names) != len(cuts) + 1 or len(set(names)) < len(names)):
        raise InvalidDefinition(
            f"{len(cuts)} cuts make {len(cuts) + 1} steps, each with a name of its own, not {len(names)}.",
            hint="Write the name of the lowest step first.",
        )


def steps(value: str, cuts: tuple[float, ...], names: tuple[str, ...], *, absent: str | None = None) -> str:
    """`value` in steps: each begins with its cut, the lowest lies below all; absent where `value` is."""
    whens = [
        f"when {value} >= {number(cut)} then {quoted(name)}"
        for cut, name in zip(reversed(cuts), reversed(names[1:]), strict=True)
    ]
    whens.append(f"when {value} < {number(cuts[0])} then {quoted(names[0])}")
    return case(whens, quoted(absent) if absent is not None else None)


def case(whens: Iterable[str], otherwise: str | None = None) -> str:
    """A `case`, one condition to a line, for people to read."""
    lines = [*whens, *([f"else {otherwise}"] if otherwise is not None else [])]
    return "\n".join(["case", *(f"  {line}" for line in lines), "end"])
