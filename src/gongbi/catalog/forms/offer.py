"""What a form offers: the operators that fit a type, and what a new row begins with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gongbi.catalog.forms.base import Compare, Field, Operand
from gongbi.catalog.forms.write import NEEDS
from gongbi.core.functions import CATALOGUE

Kind = Literal["number", "text", "category", "boolean", "date", "list"]
#: Operators that need no constant.
NO_VALUE = tuple(name for name, needs in NEEDS.items() if needs == 0)


@dataclass(frozen=True, slots=True)
class Operator:
    """One entry of the list between a value and its constants."""

    operator: str
    negated: bool = False

    @property
    def key(self) -> str:
        """For texts and lists: ``not_in``."""
        return f"not_{self.operator}" if self.negated else self.operator


def _of(words: str) -> tuple[Operator, ...]:
    found = [Operator(word.removeprefix("!"), word.startswith("!")) for word in words.split()]
    return tuple(o for o in found if not o.operator.isidentifier() or o.operator == "holds" or o.operator in CATALOGUE)


_OFFERED: dict[Kind, tuple[Operator, ...]] = {
    "number": _of(">= <= = <> > < between !between in !in is_absent !is_absent"),
    "text": _of("= <> in !in contains !contains starts_with ends_with is_absent !is_absent"),
    "category": _of("in !in = <> is_absent !is_absent"),
    "boolean": _of("holds !holds is_absent !is_absent"),
    "date": _of(">= < between = is_absent !is_absent"),
    "list": _of("has !has list_contains !list_contains is_absent !is_absent"),
}


def kind_of(type_: str, *, listed: bool = False) -> Kind:
    """What a form calls a type.

    Parameters
    ----------
    type_
        A type as it is printed: ``integer``, ``money USD``, ``list of text``.
    listed
        Whether its values are few and known.
    """
    word = type_.partition(" ")[0].partition("(")[0]
    if word in ("integer", "decimal", "double", "money"):
        return "number"
    if word in ("date", "timestamp"):
        return "date"
    if word in ("boolean", "list"):
        return "boolean" if word == "boolean" else "list"
    return "category" if listed else "text"


def operators(kind: Kind, chosen: Operator | None = None) -> tuple[Operator, ...]:
    """The operators that fit a kind of value, and the one that a row has already."""
    offered = _OFFERED[kind]
    return offered if chosen is None or chosen in offered else (*offered, chosen)


def usual(name: str | Operand, kind: Kind) -> Compare:
    """A new row about a value: the operator that is used most, its constants still to be filled in."""
    what = Field(name) if isinstance(name, str) else name
    first = operators(kind)[0]
    return Compare(what, first.operator, negated=first.negated)
