"""Which parts of a fact's aggregates are worked out before the aggregates read them, each once.

A *trait* depends on one related subject only (``purchase.product.category in ('DOG FOODS', …)``): it is worked out per
product, not per line. A *common* part is a value of the row that several aggregates use, such as their window.
Only functions that never fail are moved: a guard around a part (``case``, a filter) may be what keeps it from failing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from gongbi.core import expr as ir
from gongbi.core.expr import Call, Constant, Expr, FactColumn, RelatedColumn

#: Chapters of the catalogue whose functions give a value, or absent, for all values of their arguments.
_NEVER_FAIL = frozenset(
    {"comparison", "logic", "choice", "text", "calendar", "windows", "conversion", "lists", "json", "place"}
)
#: Absent as soon as one argument is absent.
_STRICT = frozenset("= <> < <= > >= in like contains starts_with ends_with".split())


@dataclass(frozen=True, slots=True)
class Hoisted:
    """Parts in the order in which they are worked out.

    Attributes
    ----------
    traits
        (related subject, part).
    common
        Parts of the fact's own rows; they may contain traits.
    """

    traits: tuple[tuple[str, Expr], ...] = ()
    common: tuple[Expr, ...] = ()

    def names(self) -> dict[Expr, str]:
        """Part → the column that holds it."""
        return {part: f"_h{i}" for i, part in enumerate([*(part for _, part in self.traits), *self.common])}


NOTHING = Hoisted()


def hoisted(calls: Sequence[Expr], place: Callable[[RelatedColumn], str]) -> Hoisted:
    """Choose the parts of aggregates (and of a condition that they share) to work out beforehand.

    `place` says where a trait is read: what is worked out together is read at one place.
    """
    traits: dict[Expr, str] = {}
    for part in _below(calls, ()):
        if (subject := _subject(part, place)) is not None and not any(part in ir.walk(other) for other in traits):
            traits[part] = subject
    uses = Counter(part for part in _below(calls, traits) if part not in traits and _safe(part))
    common: dict[Expr, None] = {}
    stack = list(reversed(calls))
    while stack:
        part = stack.pop()
        if part in traits or part in common:
            continue
        if uses[part] > 1:
            common[part] = None
        else:
            stack += reversed(ir.children(part))
    return Hoisted(tuple((subject, part) for part, subject in traits.items()), tuple(common))


def leaves(calls: Iterable[Expr], done: Iterable[Expr]) -> list[Expr]:
    """The columns that are still read where some parts are done."""
    found = _below(calls, set(done))
    return list(dict.fromkeys(part for part in found if isinstance(part, FactColumn | RelatedColumn)))


def absent_without_row(part: Expr) -> bool:
    """True where a trait is certainly absent for a fact's row whose related subject is unknown."""
    if isinstance(part, RelatedColumn):
        return True
    if not isinstance(part, Call):
        return False
    if part.function.name in _STRICT:
        return absent_without_row(part.args[0])
    return part.function.name in ("and", "or", "not") and all(map(absent_without_row, part.args))


def _below(calls: Iterable[Expr], known: Iterable[Expr]) -> Iterator[Expr]:
    """Everything in the aggregates, outermost first, without what is inside known parts."""
    stops = known if isinstance(known, set | dict) else set(known)
    stack = list(calls)[::-1]
    while stack:
        part = stack.pop()
        yield part
        if part not in stops:
            stack += reversed(ir.children(part))


def _safe(part: Expr) -> bool:
    """A value of the row, made by functions that never fail."""
    calls = [p for p in ir.walk(part) if isinstance(p, Call)]
    return part.level == "row" and bool(calls) and all(c.function.group in _NEVER_FAIL for c in calls)


def _subject(part: Expr, place: Callable[[RelatedColumn], str]) -> str | None:
    """The one related subject that a part depends on; None where it depends on anything else, or may fail."""
    if not isinstance(part, Call) or not _safe(part):
        return None
    columns = [p for p in ir.walk(part) if not isinstance(p, Call | Constant)]
    subjects = {(p.subject, place(p)) if isinstance(p, RelatedColumn) else (None, "") for p in columns}
    return subjects.pop()[0] if len(subjects) == 1 else None
