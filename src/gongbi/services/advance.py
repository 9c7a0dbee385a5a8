"""A build made from an earlier one, where that is sooner: only members who can have changed are computed again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from gongbi.core import expr as ir
from gongbi.core.advance import advanced_plan, again_plan, with_states
from gongbi.core.changes import Split, split
from gongbi.core.compiler import Request
from gongbi.core.expr import Call, Expr
from gongbi.core.touched import Since, touched_plan
from gongbi.errors import Refused
from gongbi.identity.plan import united_since
from gongbi.services.context import Context
from gongbi.services.drafts import draft
from gongbi.sources.ledger import loads_in
from gongbi.store.builds import Build
from gongbi.tags.amend import Change, amend, can_amend, changed
from gongbi.tags.buckets import buckets, build_in_buckets, room_wanted
from gongbi.tags.run import build_tags

#: Below so many members a whole build is as soon done.
LEAST = 20_000
#: The share of a whole build's work up to which it pays to start from an earlier one.
PAYS = 0.5
#: Once as many members changed as there are, all told since the table was written, it is written anew: what was deleted
#: from it is gone then, and all figures are looked at.
WORN = 1.0


@dataclass(frozen=True, slots=True)
class Made:
    """How a build's table was made.

    Attributes
    ----------
    members
        Its rows.
    start
        The build that it was made from; None where all was computed.
    touched
        Of how many members values were computed again, from a start.
    why
        Why all was computed: ``asked``, ``first``, ``sources``, ``undone``, ``few``, ``most``; empty otherwise.
    everyone
        Tag → why it was computed for everybody, from a start.
    change
        What made it of the start, where it took over its table.
    burden
        Of how many members values changed since its table was written, all told.
    """

    members: int
    start: int | None = None
    touched: int | None = None
    why: str = ""
    everyone: Mapping[str, str] | None = None
    change: Change | None = None
    burden: int = 0

    def to_json(self) -> dict[str, Any]:
        """As kept with the build, and for reports."""
        share = round(self.touched / max(self.members, 1), 4) if self.touched is not None else None
        more = {"touched": self.touched, "share": share, "everyone": dict(self.everyone or {})}
        return {"start": self.start, **(more if self.start is not None else {"why": self.why})}


@dataclass(frozen=True, slots=True)
class Making:
    """What a build is made of.

    Parameters
    ----------
    digests
        Tag → digest of its definition.
    sources
        Digest of the definitions of sources and subjects.
    loads
        The loads whose rows are there, replaced ones included.
    whole
        Compute all, whatever it costs; False computes the least, whatever that saves; None as it pays.
    """

    request: Request
    digests: Mapping[str, str]
    sources: str
    loads: frozenset[int]
    whole: bool | None = None

    def to_json(self) -> dict[str, Any]:
        """As kept with the build, for the next one to start from."""
        return {"sources": self.sources, "loads": sorted(self.loads)}


class Verdict(Protocol):
    """What is found of a build before anybody sees it."""

    @property
    def stands(self) -> bool:
        """Whether it may be published."""
        ...


Judged = TypeVar("Judged", bound=Verdict)


class _Fallen(Exception):
    """A build is to be undone."""


def making(ctx: Context, request: Request, digests: Mapping[str, str], *, whole: bool | None) -> Making:
    """Take down what a build of now is made of."""
    sources = ctx.store.definitions.fingerprint(("subject", "source"))
    return Making(request, digests, sources, loads_in(ctx.engine), whole)


def make(
    ctx: Context,
    made_of: Making,
    table: str,
    progress: Callable[[float, float | None], None],
    judge: Callable[[Made], Judged],
) -> tuple[Made, Judged]:
    """Write the table of a build: from an earlier build if that pays, else from the facts; let it be judged.

    Where the build takes over the table of the earlier one, that is undone if it does not `stand`: the earlier one
    stays as it is, and the build is written as a table of its own.
    """
    request = made_of.request
    parts = split(request.columns, ctx.catalog().world)
    _check_room(ctx, request)
    found = _start(ctx, made_of, parts)
    if isinstance(found, str):
        return _judged(judge, Made(_whole(ctx, request, parts, table, progress), why=found))
    before, known = found
    start = Made(before.members or 0, before.id, everyone=known.everyone)
    since = _since(ctx, made_of, before)
    if can_amend(ctx.engine, before.table, with_states(request.columns, parts)):
        with suppress(_Fallen):
            return _amended(ctx, made_of, known, since, start, table, progress, judge)
    engine, world = ctx.engine, ctx.catalog().world
    with draft(ctx) as touched, draft(ctx) as again:
        n = engine.build(touched_plan(known, request.subject, since, world, engine.dialect), touched)
        if not _pays(made_of, known, [(known, n)], start.members):
            return _judged(judge, Made(_whole(ctx, request, parts, table, progress), why="most"))
        engine.build(again_plan(request, known, touched, world, engine.dialect), again)
        plan = advanced_plan(request, known, before.table, touched, again, world, engine.dialect)
        return _judged(judge, replace(start, members=engine.build(plan, table, on_progress=progress), touched=n))


def _amended(
    ctx: Context,
    made_of: Making,
    known: Split,
    since: Since,
    start: Made,
    table: str,
    progress: Callable[[float, float | None], None],
    judge: Callable[[Made], Judged],
) -> tuple[Made, Judged]:
    """Let the build take over the table of the earlier one; raises `_Fallen`, and changes nothing, where it may not."""
    engine, world = ctx.engine, ctx.catalog().world
    with engine.transaction():
        change = changed(engine, world, made_of.request, known, since, table)
        work = [(one.part.split, one.members) for one in change.parts]
        burden = change.members + int((ctx.store.builds.made_from(start.start or 0) or {}).get("burden", 0))
        if burden > WORN * start.members or not _pays(made_of, known, work, start.members):
            raise _Fallen
        members = amend(engine, world, change, progress)
        made = replace(start, members=members, touched=change.members, change=change, burden=burden)
        made, judged = _judged(judge, made)
        if not judged.stands:
            raise _Fallen
    return made, judged


def _judged(judge: Callable[[Made], Judged], made: Made) -> tuple[Made, Judged]:
    return made, judge(made)


def _whole(
    ctx: Context, request: Request, parts: Split, table: str, progress: Callable[[float, float | None], None]
) -> int:
    request = replace(request, columns=with_states(request.columns, parts))
    engine, world = ctx.engine, ctx.catalog().world
    n = buckets(request.columns, _members(ctx, request.subject), engine.capabilities.memory)
    if n == 1:
        return build_tags(engine, world, request, table, on_progress=progress)
    with draft(ctx) as ranks, draft(ctx) as bucket:
        return build_in_buckets(engine, world, request, table, n, (ranks, bucket), progress)


def _check_room(ctx: Context, request: Request) -> None:
    """Refuse to begin what would fill the disk."""
    wanted, free = room_wanted(request.columns, _members(ctx, request.subject)), ctx.engine.room()
    if free is not None and free < wanted:
        said, left = wanted / 2**30, free / 2**30
        raise Refused(
            f"A build of {request.subject} may take {said:.1f} GB on disk, and {left:.1f} GB are free.",
            hint="Free some space. The tags of the last good build stay in force.",
        )


def _members(ctx: Context, subject: str) -> int:
    table = f"member_{subject}"
    return ctx.rows(table) if table in ctx.tables() else 0


def _start(ctx: Context, made_of: Making, parts: Split) -> tuple[Build, Split] | str:
    """The build to start from, and what stays of it; or why there is none."""
    if made_of.whole:
        return "asked"
    request = made_of.request
    facts = {name for expr in request.columns.values() for name in ir.facts_used(expr)}
    if any(ctx.catalog().world.fact(name).recorded for name in facts):
        return "sources"  # What was recorded of changes comes with no load, and earlier rows may have been filled in.
    there = set(ctx.engine.tables())
    published = ctx.store.builds.list(subject=request.subject, status="published")
    found = [build for build in published if build.as_of <= request.as_of and build.table in there]
    before = max(found, key=lambda build: (build.as_of, build.id), default=None)
    origin = ctx.store.builds.made_from(before.id) if before is not None else None
    if before is None or origin is None:
        return "first"
    if made_of.whole is None and (before.members or 0) < LEAST:
        return "few"
    if origin["sources"] != made_of.sources:
        return "sources"
    if not made_of.loads.issuperset(origin["loads"]):
        # Whose rows it took away, and brought back, cannot be seen any more.
        return "undone"
    columns = {name for name, _ in ctx.engine.columns(before.table)}
    same = {tag["name"] for tag in before.tags if tag.get("definition") == made_of.digests.get(tag["name"])}
    fresh = {name for name in parts.stay if name not in same} | {name for name in parts.states if name not in columns}
    return before, parts.without(fresh, "new")


def _since(ctx: Context, made_of: Making, before: Build) -> Since:
    origin = ctx.store.builds.made_from(before.id) or {}
    loads = sorted(made_of.loads.difference(origin["loads"]))
    tables = frozenset(ctx.engine.tables())
    resolved = [subject for subject in ctx.catalog().subjects.values() if subject.identifiers]
    united = {s.subject: united_since(s, loads, ctx.engine.dialect) for s in resolved} if loads else {}
    return Since(before.as_of, made_of.request.as_of, before.table, loads, tables, united)


def _aggregates(columns: Mapping[str, Expr]) -> set[Call]:
    return {call for e in columns.values() for call in ir.aggregates(e)}


def _pays(made_of: Making, known: Split, work: Sequence[tuple[Split, int]], members: int) -> bool:
    """Whether it is sooner to start from an earlier build; copying costs nothing here.

    Parameters
    ----------
    work
        What is computed again, and of how many of the members.
    """
    every = len(_aggregates(made_of.request.columns))
    if made_of.whole is not None or not every:
        return True
    again = sum(len(_aggregates(part.kept)) * n for part, n in work) / max(members, 1)
    return (again + len(_aggregates(known.moving))) / every <= PAYS
