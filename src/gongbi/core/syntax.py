"""The syntax tree of an expression: what was written, before anyone asks what it means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Span:
    """The characters `start` to `end` (excluded) of the expression's text."""

    start: int
    end: int

    def to(self, other: Span) -> Span:
        """The span from here to the end of another."""
        return Span(self.start, max(self.end, other.end))


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant: text, whole number, decimal number, true, false or null."""

    value: str | int | Decimal | float | bool | None
    span: Span


@dataclass(frozen=True, slots=True)
class Name:
    """A dotted name: ``purchase.product.category``."""

    parts: tuple[str, ...]
    span: Span

    def __str__(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class Apply:
    """A function or an operator with its arguments.

    Operators are functions whose name is their sign; ``case`` takes condition, value, condition, value, …, else.
    """

    function: str
    args: tuple[Node, ...]
    span: Span
    distinct: bool = False
    star: bool = False
    filter: Node | None = None
    named: tuple[tuple[str, Node], ...] = ()


Node = Literal | Name | Apply


def children(node: Node) -> tuple[Node, ...]:
    """Return what stands directly below a node."""
    if not isinstance(node, Apply):
        return ()
    return (*node.args, *((node.filter,) if node.filter else ()), *(value for _, value in node.named))


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and everything below it."""
    stack = [node]
    while stack:
        top = stack.pop()
        yield top
        stack += children(top)


def conjuncts(node: Node) -> Iterator[Node]:
    """The conditions that an expression joins by `and`."""
    if isinstance(node, Apply) and node.function == "and":
        for arg in node.args:
            yield from conjuncts(arg)
    else:
        yield node
