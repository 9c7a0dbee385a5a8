"""Definitions of lists to be worked off: who is on it, what is shown of them, whose work they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gongbi.catalog.naming import NO_WORDS, Words, check_name
from gongbi.errors import InvalidDefinition, Place

#: The most members of a part that a definition may ask for.
MOST = 100_000


@dataclass(frozen=True, slots=True)
class WorklistDef:
    """A list of members to be worked off, split by who does the work.

    Parameters
    ----------
    worklist
        Its name.
    expr
        Who is on it: a boolean expression.
    columns
        Expression → its heading: what is shown beside the id.
    order
        Expressions, the most important first; the largest value comes first, absent last.
    by
        An expression whose value says whose work a member is, such as ``manager``. One part in all where absent.
    limit
        At most so many members of a part, the first of the order.
    """

    worklist: str
    expr: str
    columns: Mapping[str, Words] = field(default_factory=dict)
    name: Words = NO_WORDS
    subject: str = "customer"
    order: tuple[str, ...] = ()
    by: str | None = None
    limit: int | None = None
    owner: str = ""
    about: Words = NO_WORDS
    place: Place | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        check_name(self.worklist, "worklist")
        if not self.expr.strip():
            raise InvalidDefinition(f"Worklist {self.worklist!r} has an empty `expr`.")
        if self.limit is not None and not 1 <= self.limit <= MOST:
            raise InvalidDefinition(f"Worklist {self.worklist!r}: `limit` is 1 to {MOST:,}, not {self.limit}.")
