"""What a form offers: the operators that fit a type, and what a new row begins with."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from gongbi.catalog.forms.base import Argument, Compare, Field, Formula, Group, Measure, Operand
from gongbi.catalog.forms.write import NEEDS
from gongbi.core.functions import CATALOGUE

Kind = Literal["number", "text", "category", "levels", "boolean", "date", "list"]
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
    "levels": _of("in !in = <> >= <= > < is_absent !is_absent"),
    "boolean": _of("holds !holds is_absent !is_absent"),
    "date": _of(">= < between = is_absent !is_absent"),
    "list": _of("has !has list_contains !list_contains is_absent !is_absent"),
}


#: Functions that a form offers, by what they are about.
FORMULAS: dict[str, tuple[str, ...]] = {
    "among": ("rank", "percent_rank", "ntile", "score", "share_of_total", "in_random_share"),
    "state": ("value_at", "value_before", "average_daily"),
    "rows": ("share", "quantile", "top_share", "list", "top_k", "gap_avg", "min", "max", "sum", "avg", "coalesce"),
    "place": ("within_m", "distance_m", "in_area", "home_of", "work_of"),
    "time": ("is_workday", "is_holiday", "nth_weekday", "weekday", "hour", "days_since", "days_to_end"),
    "lists": ("has", "has_any", "list_length", "share_in", "top_of"),
    "json": ("json_text", "json_number", "json_boolean", "json_has"),
    "numbers": ("+", "-", "*", "/", "abs", "round"),
}
_ROW_TIME = "ts"


def usual_formula(name: str, fact: str = "", column: str = "", field: str = "") -> Formula:
    """A function with arguments to begin with.

    Parameters
    ----------
    fact, column
        Rows of a member, and a number of them as it is written: ``order``, ``order.amount``.
    field
        A tag or an attribute.
    """
    total, time = Measure("sum", fact, column), Field(f"{fact}.{_ROW_TIME}")
    this = Field(column or field)
    given: dict[str, tuple[Argument, ...]] = {
        **dict.fromkeys(("rank", "percent_rank", "share_of_total", "abs"), (total,)),
        **dict.fromkeys(("ntile", "score"), (total, 5)),
        **dict.fromkeys(("coalesce", "round"), (total, 0)),
        **dict.fromkeys("+-*/", (total, total)),
        **dict.fromkeys(("is_workday", "is_holiday", "weekday", "hour", "gap_avg"), (time,)),
        **dict.fromkeys(("has", "has_any"), (Formula("list", (this,)), "")),
        **dict.fromkeys(("home_of", "work_of"), (Field(fact), 300)),
        **dict.fromkeys(("json_text", "json_number", "json_boolean", "json_has"), (Field(field), "$.a")),
        "in_random_share": (Decimal("0.1"), "a"),
        "value_at": (this, "2024-01-01"),
        "value_before": (this, 30, "day"),
        "average_daily": (this, 90),
        "share": (Group("and", (Compare(this, ">", (0,)),)),),
        "quantile": (this, Decimal("0.9")),
        "top_k": (this, 3),
        "within_m": (0, 0, 500),
        "distance_m": (0, 0),
        "in_area": ("",),
        "nth_weekday": (time, 1, 1),
        "list_length": (Formula("list", (this,)),),
        "share_in": (Field(field), ""),
        "top_of": (Field(field),),
        "days_since": (Measure("min", fact, f"{fact}.{_ROW_TIME}"),),
        "days_to_end": (),
    }
    return Formula(name, given.get(name, (this,)))


def kind_of(type_: str, *, listed: bool = False, ordered: bool = False) -> Kind:
    """What a form calls a type.

    Parameters
    ----------
    type_
        A type as it is printed: ``integer``, ``money USD``, ``list of text``.
    listed
        Whether its values are few and known.
    ordered
        Whether these have an order of their own, by which they are compared.
    """
    word = type_.partition(" ")[0].partition("(")[0]
    if word in ("integer", "decimal", "double", "money"):
        return "number"
    if word in ("date", "timestamp"):
        return "date"
    if word in ("boolean", "list"):
        return "boolean" if word == "boolean" else "list"
    return "text" if not listed else "levels" if ordered else "category"


def operators(kind: Kind, chosen: Operator | None = None) -> tuple[Operator, ...]:
    """The operators that fit a kind of value, and the one that a row has already."""
    offered = _OFFERED[kind]
    return offered if chosen is None or chosen in offered else (*offered, chosen)


def usual(name: str | Operand, kind: Kind) -> Compare:
    """A new row about a value: the operator that is used most, its constants still to be filled in."""
    what = Field(name) if isinstance(name, str) else name
    first = operators(kind)[0]
    return Compare(what, first.operator, negated=first.negated)
