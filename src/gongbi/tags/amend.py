"""A build made of the one before it in place: its table becomes the new build's, and a view gives the earlier one.

Beside the table stays what it had and has no more: the columns of a fact for the members whose rows of it changed, and
what moved, of all. A view over these gives the earlier build, which costs what changed. The table of a later build may
carry a chain of earlier ones, each read through the next. All of it happens in a transaction of the caller: until it
ends, readers see the earlier build. What is worked with on the way is held by the transaction, and gone with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from gongbi.core import advance as plans
from gongbi.core.advance import Part
from gongbi.core.changes import Split
from gongbi.core.compiler import Request
from gongbi.core.plan import Plan
from gongbi.core.touched import Since, fresh_plan, touched_plan
from gongbi.core.world import World
from gongbi.engine import Engine, OnProgress

#: So many earlier builds are read through a table, each through the next; then a build is a table of its own again.
DEEPEST = 6
_BESIDE, _MOVED = "__", "__moved__"
#: Held by the transaction: who is touched, who came, and who is not known any more.
_TOUCHED, _FRESH, _DEPARTED = "touched", "fresh", "departed"


def read_off(build: str, what: str) -> str:
    """The name of a table that is worked out from a build, and goes with it; its values are those of that build."""
    return f"of_{build}_{what}"


@dataclass(frozen=True, slots=True)
class Changed:
    """A part of what stays.

    Parameters
    ----------
    who
        A table with the ids of the members for whom it can have changed.
    members
        How many they are.
    values
        The table of their values now.
    """

    part: Part
    who: str
    members: int
    values: str


@dataclass(frozen=True, slots=True)
class Change:
    """What makes a build of the one before.

    Parameters
    ----------
    before, now
        The tables of the two builds.
    members
        Of how many something that stays can be other than before, among the known.
    parts
        What stays, in parts, each for the members for whom it can have changed.
    """

    request: Request
    split: Split
    before: str
    now: str
    members: int
    parts: Sequence[Changed]

    @property
    def moved(self) -> str:
        """The table of what moved, as it was, of everybody."""
        return f"{self.before}{_MOVED}{self.now}"

    def was(self, i: int) -> str:
        """The table of the i-th part as it was, of those for whom it can be another or who departed."""
        return f"{self.before}{_BESIDE}was{i}{_BESIDE}{self.now}"


def can_amend(engine: Engine, before: str, columns: Collection[str]) -> bool:
    """Whether a build of these columns can take over the table of an earlier one."""
    if not engine.capabilities.amends or {name for name, _ in engine.columns(before)} != {"id", *columns}:
        return False
    there = engine.tables()
    return not _beside(there, before) and sum(1 for _ in _chain(there, before)) < DEEPEST


def changed(engine: Engine, world: World, request: Request, split: Split, since: Since, now: str) -> Change:
    """Find out for whom what stays can have changed since the earlier build. Belongs in a transaction."""
    dialect, subject = engine.dialect, request.subject
    engine.hold(fresh_plan(subject, since, dialect), _FRESH)
    since = replace(since, fresh=_FRESH)
    parts: list[Changed] = []
    for i, part in enumerate(plans.parts_by_cause(split)):
        who = f"{_TOUCHED}.{i}"
        n = engine.hold(touched_plan(part.split, subject, since, world, dialect), who)
        parts.append(Changed(part, who, n, f"again.{i}"))
    every = " union ".join(f"select id from {dialect.ident(one.who)}" for one in parts)
    n = engine.hold(Plan().then("_touched", every or f"select id from {dialect.ident(_FRESH)}"), _TOUCHED)
    return Change(request, split, since.table, now, n, parts)


def amend(engine: Engine, world: World, change: Change, on_progress: OnProgress | None = None) -> int:
    """Make the later build of the earlier one; return its members. Belongs in the transaction of `changed`."""
    dialect, before = engine.dialect, change.before
    quote = dialect.ident
    columns = [name for name, _ in engine.columns(before) if name != "id"]
    moving = [name for name in columns if name in change.split.moving]
    steps = 4

    def done(step: int) -> None:
        if on_progress is not None:
            on_progress(step, steps)

    engine.hold(plans.departed_plan(change.request, before, dialect), _DEPARTED)
    for one in change.parts:
        engine.hold(plans.again_plan(change.request, one.part.split, one.who, world, dialect), one.values)
    listed = "".join(f", {quote(name)}" for name in moving)
    engine.build(Plan().then("_moved", f"select id{listed} from {quote(before)}"), change.moved)
    for i, one in enumerate(change.parts):
        engine.build(plans.was_plan(one.part, before, one.who, _DEPARTED, dialect), change.was(i))
    done(1)
    engine.delete(before, f"id in (select id from {quote(_DEPARTED)})")
    values = [(one.part, one.values) for one in change.parts]
    engine.put(before, plans.renewed_plan(values, before, _TOUCHED, dialect))
    done(2)
    for plan in plans.moved_plans(change.request, change.split, before, world, dialect):
        engine.update(before, plan)
    done(3)
    engine.rename(before, change.now)
    was = [(one.part, change.was(i)) for i, one in enumerate(change.parts)]
    engine.view(before, plans.earlier_plan(columns, was, change.now, change.moved, dialect))
    done(4)
    return int(engine.value(f"select count(*) from {quote(change.now)}"))


def drop_build(engine: Engine, table: str) -> None:
    """Drop a build. An earlier one that is read through it becomes a table of its own first."""
    there = engine.tables()
    with engine.transaction():
        for earlier in _through(there, table):
            whole = f"whole{_BESIDE}{earlier}"
            engine.build(Plan().then("_whole", f"select * from {engine.dialect.ident(earlier)}"), whole)
            for one in (earlier, *_beside(there, earlier)):
                engine.drop(one)
            engine.rename(whole, earlier)
        for one in (table, *_beside(there, table), *(n for n in there if n.startswith(read_off(table, "")))):
            engine.drop(one)


def _beside(there: Sequence[str], table: str) -> list[str]:
    """What lies beside a build that is read through another."""
    return [name for name in there if name.startswith(f"{table}{_BESIDE}")]


def _through(there: Sequence[str], table: str) -> list[str]:
    """The build that is read through another, if there is one."""
    return [name.removesuffix(f"{_MOVED}{table}") for name in there if name.endswith(f"{_MOVED}{table}")]


def _chain(there: Sequence[str], table: str) -> Iterator[str]:
    """The builds that are read through a table, the latest first."""
    for earlier in _through(there, table):
        yield earlier
        yield from _chain(there, earlier)
