"""What time and new rows can change: which values stay, which move for everybody, and who has to be asked again.

A value of a member *stays* when it follows from the member's own rows and attributes: it changes only when one of them
does, or when a row enters or leaves a window. It *moves* when the instant itself is in it, as in
``days_since(max(order.ts))``, or everybody else is (a rank). What a moving value is made of stays again: here
``max(order.ts)`` is kept beside the tags as a *state*, so that the value of a later instant needs no fact.

What an entry of the catalogue does with the instant is not asked of it but seen: it is written for several instants,
and stays when all texts are equal. Whatever is not known here is computed for everybody, which is never wrong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any

from gongbi.core import clock
from gongbi.core import expr as ir
from gongbi.core.clock import Window
from gongbi.core.dialect import DUCKDB, SPARK
from gongbi.core.expr import Attribute, Call, Constant, Expr, FactColumn, RelatedColumn, TagValue
from gongbi.core.functions import CATALOGUE, MEANING, Cannot, Regroup
from gongbi.core.functions.groups import DIFFERENT
from gongbi.core.functions.moments import window_within
from gongbi.core.render import Rendering, constant, template
from gongbi.core.types import TIMESTAMP
from gongbi.core.world import World
from gongbi.errors import GongbiError

#: States are columns of a build that no tag can be called.
STATE = "_state."
#: Instants that agree in no unit of the calendar, one of them a holiday.
_PROBES = (
    datetime(2019, 2, 5, 1, 2, 3, 4, tzinfo=UTC),
    datetime(2021, 6, 30, 13, 14, 15, 16, tzinfo=UTC),
    datetime(2022, 11, 9, 22, 59, 1, 7, tzinfo=UTC),
    datetime(2024, 10, 1, tzinfo=UTC),
)
#: The parts of an expression whose meaning is known here. One with a further field counts as known while that is empty.
_FIELDS: Mapping[type, frozenset[str]] = {
    Constant: frozenset({"value", "type", "level"}),
    FactColumn: frozenset({"fact", "column", "type", "level"}),
    RelatedColumn: frozenset({"fact", "subject", "attribute", "type", "level"}),
    Attribute: frozenset({"subject", "attribute", "type", "level"}),
    TagValue: frozenset({"tag", "type", "level"}),
    Call: frozenset({"function", "args", "type", "level", "fact", "filter", "distinct"}),
}
_PLACES = ("k", "prev", "next", "place")


@dataclass(frozen=True, slots=True)
class Reach:
    """What of a fact's rows an aggregate that stays depends on.

    Attributes
    ----------
    windows
        (column, window of an instant): rows whose column comes in or falls out.
    filter
        A condition that holds the instant in another way; rows for which it turns.
    related
        (subject, attribute) that is read of related subjects.
    """

    fact: str
    windows: tuple[tuple[str, Callable[[datetime], Window]], ...] = ()
    filter: Expr | None = None
    related: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Split:
    """The columns of a build by how time changes them.

    Attributes
    ----------
    stay
        Tag → its expression; a member's value changes only with the member's own rows and attributes.
    states
        Hidden column → what moving tags are made of, which stays too.
    moving
        Tag → its expression over tags and states; anything else in it is computed for everybody.
    everyone
        Tag → why it reads the facts of everybody: ``instant`` or ``condition``, an aggregate or its condition has the
        instant in it; ``nested``, its fact is derived from a derived one; ``unknown``, nothing is known of a part;
        ``new``, no earlier values are there.
    reaches
        What each aggregate that stays depends on.
    own
        The member's own attributes that are read.
    """

    stay: Mapping[str, Expr]
    states: Mapping[str, Expr]
    moving: Mapping[str, Expr]
    everyone: Mapping[str, str]
    reaches: Mapping[Call, Reach]
    own: frozenset[str]

    @property
    def kept(self) -> dict[str, Expr]:
        """All columns that stay."""
        return {**self.stay, **self.states}

    @property
    def reach(self) -> tuple[Reach, ...]:
        """What the columns that stay depend on."""
        calls = dict.fromkeys(call for e in self.kept.values() for call in ir.aggregates(e))
        return tuple(self.reaches[call] for call in calls)

    def without(self, names: Collection[str], why: str) -> Split:
        """The same where nobody knows the earlier values of some columns: they are computed for everybody."""
        fresh = {name: e for name, e in self.kept.items() if name in names}
        states = {name for name in fresh if name in self.states}
        told = [name for name, e in fresh.items() if name not in states and ir.aggregates(e)]
        told += [name for name, e in self.moving.items() if ir.tags_used(e) & states]
        return replace(
            self,
            stay={name: e for name, e in self.stay.items() if name not in fresh},
            states={name: e for name, e in self.states.items() if name not in fresh},
            moving={**self.moving, **fresh},
            everyone={**self.everyone, **dict.fromkeys(told, why)},
        )


def split(columns: Mapping[str, Expr], world: World) -> Split:
    """Tell columns that stay from those that move; tags follow those they use."""
    return _Splitter(columns, world).split()


class _Moves(Exception):
    """An aggregate may change for everybody, and why."""


class _Splitter:
    def __init__(self, columns: Mapping[str, Expr], world: World) -> None:
        self.columns = columns
        self.world = world
        self.zone = world.zone
        self.staying: dict[str, Expr] = {}
        self.reaches: dict[Call, Reach | str] = {}
        self.known: dict[Expr, bool] = {}

    def split(self) -> Split:
        states: dict[str, Expr] = {}
        moving: dict[str, Expr] = {}
        everyone: dict[str, str] = {}
        for name, e in self.columns.items():
            if self.stays(e):
                self.staying[name] = e
        of = {e: name for name, e in reversed(self.staying.items())}

        def stored(part: Expr) -> Expr | None:
            if self.strange(part) or (isinstance(part, Call) and part.is_aggregate and not self.stays(part)):
                return part
            if not isinstance(part, Call) or not ir.aggregates(part) or not self.stays(part):
                return None
            column = of.get(part) or self.state(part)
            if column not in self.staying:
                states[column] = part
            return TagValue(column, part.type)

        for name, e in self.columns.items():
            if name not in self.staying:
                moving[name] = ir.replaced(e, stored)
                parts = list(ir.walk(moving[name], into_aggregates=False))
                blocks = [self.strange(part) or self.for_everybody(part) for part in parts]
                if why := next(filter(None, blocks), None):
                    everyone[name] = why
        every = (p for e in self.columns.values() for p in ir.walk(e))
        own = {p.attribute for p in every if isinstance(p, Attribute) and not self.strange(p)} - {"id"}
        reaches = {call: found for call, found in self.reaches.items() if isinstance(found, Reach)}
        return Split(self.staying, states, moving, everyone, reaches, frozenset(own))

    def strange(self, part: Expr) -> str | None:
        """Why nothing is known of a part, where that is so."""
        if not _plain(part):
            return "unknown"
        # What is known of neighbours changes with them, and rows of relations have no time.
        if isinstance(part, Attribute) and part.attribute not in {"id", *self.world.subject(part.subject).attributes}:
            return "unknown"
        # A given value may be ended, or said to hold since long ago, and leave no new row.
        if isinstance(part, Attribute) and part.attribute.startswith("given."):
            return "unknown"
        if isinstance(part, FactColumn | RelatedColumn) and part.fact not in self.world.facts:
            return "unknown"
        if isinstance(part, RelatedColumn) and part.attribute not in self.world.subject(part.subject).attributes:
            return "unknown"
        if isinstance(part, Call):
            sql = part.function.duckdb
            known = isinstance(sql, str | Regroup) or (callable(sql) and not isinstance(sql, type))
            if part.function.kind not in ("scalar", "time", "place", "aggregate", "rank") or not known:
                return "unknown"
        return None

    def for_everybody(self, part: Expr) -> str | None:
        """Why an aggregate is computed for everybody."""
        if not isinstance(part, Call) or not part.is_aggregate:
            return None
        self.stays(part)
        found = self.reaches.get(part)
        return found if isinstance(found, str) else None

    def state(self, part: Expr) -> str:
        text = repr([self.shape(part), self.zone, MEANING])
        return STATE + hashlib.sha256(text.encode()).hexdigest()[:16]

    def shape(self, e: Expr) -> Any:
        """An expression as plain values, equal in every process, the tags that it uses in full."""
        if isinstance(e, TagValue):
            return [e.tag, self.shape(self.columns[e.tag])]
        if not isinstance(e, Call):
            return repr(e)
        condition = self.shape(e.filter) if e.filter is not None else None
        return [e.function.name, [self.shape(arg) for arg in e.args], e.fact, condition, e.distinct]

    def stays(self, e: Expr) -> bool:
        if e not in self.known:
            self.known[e] = self._stays(e)
        return self.known[e]

    def _stays(self, e: Expr) -> bool:
        if isinstance(e, Constant) or self.strange(e):
            return isinstance(e, Constant)
        if isinstance(e, Attribute):
            return True
        if isinstance(e, TagValue):
            return e.tag in self.staying
        if not isinstance(e, Call):
            return False
        if e.is_aggregate:
            if e not in self.reaches:
                try:
                    self.reaches[e] = self.reach(e)
                except _Moves as moves:
                    self.reaches[e] = str(moves)
            return isinstance(self.reaches[e], Reach)
        return not e.is_rank and all(self.stays(arg) for arg in e.args) and not self.moves(e)

    def moves(self, call: Call) -> bool:
        """Whether a function's own text has the instant in it, or cannot be written for any."""
        try:
            return len({self.text(call, probe) for probe in _PROBES}) > 1
        except GongbiError:
            return True

    def text(self, call: Call, instant: datetime) -> str:
        """A call for an instant, with something in the place of its arguments."""
        # DuckDB's local times look up the zone's offsets around the instant: another text, the same value.
        dialect = DUCKDB if isinstance(call.function.spark, Cannot) else SPARK
        to = Rendering(dialect, instant, self.zone, names=str)
        args = [constant(a, to) if isinstance(a, Constant) else f"x{i}" for i, a in enumerate(call.args)]
        sql = DIFFERENT if call.function is CATALOGUE["count_distinct"] else call.function.sql(dialect.name)
        if isinstance(sql, Regroup):
            of = {name: name for name in (*_PLACES, *sql.inner, *sql.over)}
            return "|".join([sql.key(args, to), *(make(args, to) for make in sql.inner.values()), sql.outer(of, to)])
        return template(call, [*args, ""] if call.is_aggregate else args, to)

    def reach(self, call: Call) -> Reach:
        """What an aggregate depends on; raises where it changes for everybody, or nobody knows."""
        if call.fact is None or call.fact not in self.world.facts or any(self.strange(part) for part in ir.walk(call)):
            raise _Moves("unknown")
        fact = self.world.fact(call.fact)
        below = self.world.fact(fact.grouping.fact) if fact.grouping is not None else None
        if below is not None and below.grouping is not None:
            raise _Moves("nested")
        if self.moves(call):
            raise _Moves("instant")
        if any(isinstance(p, Call) and self.moves(p) for arg in call.args for p in ir.walk(arg)):
            raise _Moves("instant")
        windows: list[tuple[str, Callable[[datetime], Window]]] = []
        turning = False
        for part in ir.walk(call.filter) if call.filter is not None else ():
            if isinstance(part, Call) and self.moves(part):
                window = _window(part, self.zone)
                # The stored row of a derived fact may know more than was known at the instant, except when it began.
                if window is not None and (below is None or window[0] == "ts"):
                    windows.append(window)
                else:
                    turning = True
        related = frozenset((p.subject, p.attribute) for p in ir.walk(call) if isinstance(p, RelatedColumn))
        if turning and (below is not None or related):
            raise _Moves("condition")
        return Reach(call.fact, tuple(windows), call.filter if turning else None, related)


def _plain(e: Expr) -> bool:
    """Whether a part is of a kind that is known, and has nothing in it that is not."""
    known = _FIELDS.get(type(e))
    return known is not None and all(not getattr(e, f.name) for f in fields(e) if f.name not in known)


def _window(call: Call, zone: str) -> tuple[str, Callable[[datetime], Window]] | None:
    """The window of a time function over a column of the row; None where it is none that moves."""
    if not call.args or not isinstance(call.args[0], FactColumn) or call.args[0].type != TIMESTAMP:
        return None
    moment, *rest = call.args
    assert isinstance(moment, FactColumn)
    values = [part.value for part in rest if isinstance(part, Constant)]
    if call.function is CATALOGUE["within"]:
        n, unit, *ago = values
        return moment.column, lambda at: window_within(n, unit, ago[0] if ago else 0, at, zone)
    if call.function in (CATALOGUE["this"], CATALOGUE["previous"]):
        back = int(call.function is CATALOGUE["previous"])
        return moment.column, lambda at: clock.calendar(at, 1, values[0], zone, back)
    return None
