"""A build made from an earlier one, where that is sooner: only members who can have changed are computed again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from gongbi.core import expr as ir
from gongbi.core.advance import Part, advanced_plan, again_plan, departed_plan, parts_by_fact, renewed_plan, with_states
from gongbi.core.changes import Split, split
from gongbi.core.compiler import Request
from gongbi.core.expr import Call, Expr
from gongbi.core.plan import Plan
from gongbi.core.touched import Since, touched_plan
from gongbi.errors import Refused
from gongbi.identity.plan import united_since
from gongbi.services.context import Context
from gongbi.services.drafts import draft
from gongbi.sources.ledger import loads_in
from gongbi.store.builds import Build
from gongbi.tags.amend import Change, Changed, amend, can_amend
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
    engine, world = ctx.engine, ctx.catalog().world
    # On an engine that writes tables anew, a further statement costs more than it saves.
    parts_of = parts_by_fact(known) if engine.capabilities.amends else (Part(tuple(known.kept), known),)
    with ExitStack() as drafts:
        since, work = _since(ctx, made_of, before), 0.0
        touched, *places = (drafts.enter_context(draft(ctx)) for _ in range(len(parts_of) + 1))
        pieces = list(zip(parts_of, places, strict=True))
        for part, who in pieces:
            n = engine.build(touched_plan(part.split, request.subject, since, world, engine.dialect), who)
            work += len(_aggregates(part.split.kept)) * n / max(before.members or 0, 1)
        every = " union ".join(f"select id from {engine.dialect.ident(who)}" for who in places)
        n = engine.build(Plan().then("_touched", every), touched)
        if made_of.whole is None and _cost(request.columns, known, work) > PAYS:
            return _judged(judge, Made(_whole(ctx, request, parts, table, progress), why="most"))
        changed = [Changed(part, who, drafts.enter_context(draft(ctx))) for part, who in pieces]
        for one in changed:
            engine.build(again_plan(request, one.part.split, one.who, world, engine.dialect), one.values)
        made = Made(before.members or 0, before.id, n, everyone=known.everyone)
        burden = n + int((ctx.store.builds.made_from(before.id) or {}).get("burden", 0))
        columns = with_states(request.columns, parts)
        if burden <= WORN * made.members and can_amend(engine, before.table, columns):
            departed = drafts.enter_context(draft(ctx))
            engine.build(departed_plan(request, before.table, engine.dialect), departed)
            change = Change(request, known, before.table, table, departed, touched, changed)
            with suppress(_Fallen):
                return _amended(ctx, replace(made, change=change, burden=burden), change, progress, judge)
        renewed = drafts.enter_context(draft(ctx))
        values = [(one.part, one.values) for one in changed]
        engine.build(renewed_plan(values, before.table, touched, engine.dialect), renewed)
        plan = advanced_plan(request, known, before.table, touched, renewed, world, engine.dialect)
        return _judged(judge, replace(made, members=engine.build(plan, table, on_progress=progress)))


def _amended(
    ctx: Context,
    made: Made,
    change: Change,
    progress: Callable[[float, float | None], None],
    judge: Callable[[Made], Judged],
) -> tuple[Made, Judged]:
    with ctx.engine.transaction():
        members = amend(ctx.engine, ctx.catalog().world, change, progress)
        made, judged = _judged(judge, replace(made, members=members))
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


def _cost(columns: Mapping[str, Expr], parts: Split, work: float) -> float:
    """The work of what is computed again, as a share of a whole build's; copying costs nothing here.

    Parameters
    ----------
    work
        Aggregates of the members whose rows changed, each by their share of all.
    """
    every = len(_aggregates(columns))
    return (work + len(_aggregates(parts.moving))) / every if every else 0.0
