"""Ranks of a wide request are computed apart: a sort carries all columns of its rows, so it is given few of them.

A request with ranks becomes two. The first has the ranks and the tags that they rest on, one narrow row per member; the
second is the request itself with a stored value in the place of each rank, joined by the member's id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gongbi.core import expr as ir
from gongbi.core.expr import Call, Expr, TagValue

#: Up to so many columns, computing a value twice costs more than sorting it along.
NARROW = 20


@dataclass(frozen=True, slots=True)
class Apart:
    """A request in two parts.

    Attributes
    ----------
    ranks
        Names of the columns that hold ranks.
    first
        The columns that ranks rest on, then the ranks.
    columns, where
        The request, reading ranks as tags of those names.
    """

    ranks: tuple[str, ...]
    first: Mapping[str, Expr]
    columns: Mapping[str, Expr]
    where: Expr | None


def ranks_apart(columns: Mapping[str, Expr], where: Expr | None, *, always: bool = False) -> Apart | None:
    """Divide a request, where that pays; None where it has no ranks or few columns beside them.

    Parameters
    ----------
    columns
        Name → expression; a `TagValue` that names one of them refers to it, one that is itself a column's whole
        expression under its own name is stored.
    where
        A condition on the members, which may use ranks.
    always
        Divide also where few columns would be sorted along in vain.
    """
    names: dict[Expr, str] = {}

    def read(part: Expr) -> Expr | None:
        if isinstance(part, Call) and part.is_rank:
            # No tag has a blank in its name.
            return TagValue(names.setdefault(part, f"rank {len(names)}"), part.type)
        return None

    rest = {name: ir.replaced(e, read) for name, e in columns.items()}
    condition = ir.replaced(where, read) if where is not None else None
    below = _below(names, columns)
    if not names or (not always and len(columns) - len(below) <= NARROW):
        return None
    first = {name: e for name, e in columns.items() if name in below} | {name: e for e, name in names.items()}
    return Apart(tuple(names.values()), first, rest, condition)


def _below(ranks: Mapping[Expr, str], columns: Mapping[str, Expr]) -> set[str]:
    """The columns that ranks rest on, directly or through others."""
    found: set[str] = set()
    stack = [tag for rank in ranks for tag in ir.tags_used(rank)]
    while stack:
        name = stack.pop()
        if name not in found and name in columns:
            found.add(name)
            stack += ir.tags_used(columns[name])
    return found
