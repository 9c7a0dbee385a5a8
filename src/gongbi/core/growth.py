"""How much longer than what it reads a text may become: replacing what was replaced, or joining twice, multiplies."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gongbi.core.expr import Attribute, Call, Constant, Expr, RelatedColumn, TagValue
from gongbi.errors import InvalidExpression

#: So many times as long a text may become; a few characters written as longer ones stay far below.
MOST_TIMES = 10_000
#: What is put in from a column is taken to be so long.
OF_A_COLUMN = 100
#: Functions that put their arguments one after another.
_JOINING = ("||", "list_of", "list_union")
_NO_TAGS: Mapping[str, int] = MappingProxyType({})


def bounded(call: Call) -> Call:
    """Return a call unless it replaces so that texts could become longer than any memory has room for.

    Raises
    ------
    InvalidExpression
        With how many times as long a text could become.
    """
    if call.function.name == "replace" and (times := growth(call)) > MOST_TIMES:
        raise InvalidExpression(
            f"`replace` within `replace` could make a text {times:,} times as long; {MOST_TIMES:,} is the most.",
            hint="Put in shorter texts, or replace fewer times within each other.",
        )
    return call


def growth(expr: Expr, tags: Mapping[str, int] = _NO_TAGS) -> int:
    """At most so many times as long as the texts that it reads is what an expression gives.

    Parameters
    ----------
    tags
        Tag → the same of the tags that it uses, those of neighbours too; 1 where nothing is said.
    """
    if not isinstance(expr, Call):
        return tags.get(_tag_of(expr), 1)
    if expr.function.name == "replace":
        text, old, new = expr.args
        shortest = len(str(old.value)) if isinstance(old, Constant) and old.value else 1
        longest = len(str(new.value or "")) if isinstance(new, Constant) else OF_A_COLUMN * growth(new, tags)
        return growth(text, tags) * max(1, -(-longest // shortest))
    each = [growth(arg, tags) for arg in expr.args]
    return sum(each) if expr.function.name in _JOINING else max(each, default=1)


def _tag_of(expr: Expr) -> str:
    """The tag whose value a leaf is, of the member or of a neighbour; empty where it is none's."""
    if isinstance(expr, TagValue):
        return expr.tag
    last = expr.attribute.rpartition("/")[2] if isinstance(expr, Attribute | RelatedColumn) else ""
    return last.removeprefix("tag.") if last.startswith("tag.") else ""
