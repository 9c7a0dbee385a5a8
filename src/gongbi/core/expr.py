"""Typed expressions: what an expression means, after names and types were checked.

An expression has a *level*: a constant, a value of one row of one fact, or a value of one member of a subject.
Aggregates lift a row's values to its member; ranks compare a member's value with everybody's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from gongbi.core.types import Type

if TYPE_CHECKING:
    from gongbi.core.functions.base import Function

Level = Literal["constant", "row", "member"]


@dataclass(frozen=True, slots=True)
class Constant:
    """A value known when the plan is made."""

    value: Any
    type: Type

    level: Level = field(default="constant", init=False)


@dataclass(frozen=True, slots=True)
class FactColumn:
    """A column of the fact's own row; `ts` and the subjects' ids are columns too."""

    fact: str
    column: str
    type: Type

    level: Level = field(default="row", init=False)


@dataclass(frozen=True, slots=True)
class RelatedColumn:
    """What is known, as of the instant, of a member that the fact's row names: ``purchase.product.category``.

    `attribute` is the key of a trait: an attribute, a tag, or either of the one neighbour (`core.relations`).
    """

    fact: str
    subject: str
    attribute: str
    type: Type

    level: Level = field(default="row", init=False)


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of the member itself, or a trait of the one neighbour in a role; `id` is its id."""

    subject: str
    attribute: str
    type: Type

    level: Level = field(default="member", init=False)


@dataclass(frozen=True, slots=True)
class TagValue:
    """Another tag of the same member."""

    tag: str
    type: Type

    level: Level = field(default="member", init=False)


@dataclass(frozen=True, slots=True)
class RawColumn:
    """A column of a source's raw row, or of the group's rows."""

    name: str
    type: Type

    level: Level = field(default="row", init=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the catalogue applied to arguments.

    `fact` is set on aggregates and steps: the fact whose rows they read. `filter` is a boolean at row level.
    A step's arguments are the row's time and, where the rows of a sequence share a value, that value; a sequence's are
    its steps and then, where it is bounded, the microseconds of its window.

    `wrote` is the phrase that this call stands for, as a call of its own: only for people, who read what was written.
    """

    function: Function
    args: tuple[Expr, ...]
    type: Type
    level: Level
    fact: str | None = None
    filter: Expr | None = None
    distinct: bool = False
    wrote: Call | None = field(default=None, compare=False, repr=False)

    @property
    def is_aggregate(self) -> bool:
        return self.function.kind in ("aggregate", "step")

    @property
    def is_step(self) -> bool:
        return self.function.kind == "step"

    @property
    def is_sequence(self) -> bool:
        return self.function.kind == "sequence"

    @property
    def is_rank(self) -> bool:
        return self.function.kind == "rank"


Expr = Constant | FactColumn | RelatedColumn | Attribute | TagValue | RawColumn | Call


def children(expr: Expr) -> tuple[Expr, ...]:
    """Return what stands directly below an expression."""
    if not isinstance(expr, Call):
        return ()
    return (*expr.args, *((expr.filter,) if expr.filter is not None else ()))


def walk(expr: Expr, *, into_aggregates: bool = True) -> Iterator[Expr]:
    """Yield an expression and everything below it, outermost first."""
    stack = [expr]
    while stack:
        top = stack.pop()
        yield top
        if into_aggregates or not (isinstance(top, Call) and top.is_aggregate):
            stack += reversed(children(top))


def aggregates(expr: Expr) -> list[Call]:
    """The aggregates of an expression, and the steps of its sequences, each once, in order of appearance."""
    found = (e for e in walk(expr, into_aggregates=False) if isinstance(e, Call) and e.is_aggregate)
    return list(dict.fromkeys(found))


def tags_used(expr: Expr) -> set[str]:
    """Names of the tags an expression refers to."""
    return {e.tag for e in walk(expr) if isinstance(e, TagValue)}


def with_used(tags: Iterable[str], expressions: dict[str, Expr]) -> dict[str, Expr]:
    """Tags of a subject with all tags that they use, each after those; names without an expression are passed over.

    Parameters
    ----------
    expressions
        All tags of the subject that are computed, each after those it uses.
    """
    wanted = set(tags)
    for tag in reversed(expressions):
        if tag in wanted:
            wanted |= tags_used(expressions[tag])
    return {tag: expr for tag, expr in expressions.items() if tag in wanted}


def facts_used(expr: Expr) -> set[str]:
    """Names of the facts an expression reads; ways to neighbours, which have a dot in them, are none."""
    return {call.fact for call in aggregates(expr) if call.fact is not None and "." not in call.fact}


def looks_ahead(expr: Expr) -> bool:
    """True where some part asks for what comes after the instant (``ahead``, ``during``)."""
    return any(isinstance(e, Call) and e.function.looks_ahead for e in walk(expr))


def replaced(expr: Expr, new: Callable[[Expr], Expr | None]) -> Expr:
    """Rebuild an expression, asking `new` for a replacement of each part, outermost first; None keeps it."""
    other = new(expr)
    if other is not None:
        return other
    if not isinstance(expr, Call):
        return expr
    args = tuple(replaced(arg, new) for arg in expr.args)
    condition = replaced(expr.filter, new) if expr.filter is not None else None
    return Call(expr.function, args, expr.type, expr.level, expr.fact, condition, expr.distinct)


#: Functions that give one of their arguments → which of them.
_CHOOSE: dict[str, Callable[[tuple[Expr, ...]], tuple[Expr, ...]]] = {
    "case": lambda args: (*args[1:-1:2], args[-1]),
    "if": lambda args: args[1:],
    "coalesce": lambda args: args,
}


def outcomes(expr: Expr) -> list[Any]:
    """The constants that an expression can come to, as far as they are written out in it; absent aside."""
    if isinstance(expr, Constant):
        return [] if expr.value is None else [expr.value]
    if isinstance(expr, Call) and expr.function.name in _CHOOSE:
        return [value for part in _CHOOSE[expr.function.name](expr.args) for value in outcomes(part)]
    return []
