"""Values over time: kept by builds, back-filled as of earlier instants, and what changed between two."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

from gongbi.catalog.history import CHANGES, POINTS, SEGMENT, change_table, history_table, kept_of
from gongbi.core import clock
from gongbi.core import expr as ir
from gongbi.core.compiler import Request
from gongbi.core.expr import Expr, TagValue
from gongbi.core.plan import Plan
from gongbi.core.types import BOOLEAN, Type
from gongbi.errors import InvalidInput
from gongbi.identity.tables import identifier_table
from gongbi.segments.run import list_members
from gongbi.services.context import Context
from gongbi.services.customers import resolve
from gongbi.services.digests import definition_digests
from gongbi.services.drafts import draft
from gongbi.services.limits import checked
from gongbi.services.privacy import Veil, masked_ids
from gongbi.services.segments import condition
from gongbi.store.builds import Build
from gongbi.store.values import digest
from gongbi.tags import history as plans
from gongbi.tags.run import build_tags, put_point

EVERY = ("day", "week", "month", "quarter", "year")
_PERIOD = {"daily": "day", "weekly": "week", "monthly": "month"}
#: So many instants at once are surely a slip.
MOST_POINTS = 4000


def kept(ctx: Context, subject: str) -> dict[str, str]:
    """What of a subject is kept over time, and how often; tags as such, segments as ``segment.NAME``."""
    catalog = ctx.catalog()
    return kept_of(subject, catalog.tags.values(), catalog.segments.values())


def prepare(ctx: Context) -> None:
    """Make the tables of histories and of their changes where definitions ask for them and they are not there."""
    catalog, there = ctx.catalog(), set(ctx.engine.tables())
    recorded = [fact for fact in catalog.world.facts.values() if fact.recorded]
    wanted = [history_table(s) for name, s in catalog.subjects.items() if kept(ctx, name)]
    for table in [*wanted, *([POINTS] if wanted else [])]:
        if table.name not in there:
            ctx.engine.create(table)
    for fact in recorded:
        table = change_table(fact)
        names = [name for name, _ in ctx.engine.columns(table.name)] if table.name in there else []
        if names != [column.name for column in table.columns]:
            ctx.engine.create(table, replace=True)
            if fact.name in CHANGES:
                _tell_changes(ctx)


def keep(ctx: Context, build: Build) -> list[str]:
    """Put the values of a published build into the history of those tags and segments whose turn it is."""
    wanted = kept(ctx, build.subject)
    known = _points(ctx, build.subject)
    due = [name for name, how in wanted.items() if _is_due(how, build.as_of, known.get(name, ()), ctx.zone)]
    built = {tag["name"] for tag in build.tags}
    tags = [name for name in due if name in built]
    segments = [name for name in due if name.startswith(SEGMENT)]
    if not (tags or segments):
        return []
    ctx.progress(f"history of {build.subject}", 0)
    columns: dict[str, Expr] = {name: ctx.catalog().conditions[name.removeprefix(SEGMENT)] for name in segments}
    types = ctx.catalog().world.tags_of(build.subject)
    columns |= {name: TagValue(name, types[name]) for name in tags}
    _write(
        ctx,
        build.subject,
        build.as_of,
        columns,
        Request(
            build.subject,
            columns,
            build.as_of,
            ctx.stored(build.subject),
            known=build.table,
            single=ctx.single(build.subject),
        ),
    )
    return [*tags, *segments]


def _is_due(how: str, at: datetime, points: Sequence[datetime], zone: str) -> bool:
    if at in points:
        return True  # Computed again: its values take the place of those of then.
    if how == "keep":
        return True
    unit = _PERIOD[how]

    def period(instant: datetime) -> Any:
        return clock.period_start(clock.local_date(instant, zone), unit)

    return period(at) not in {period(point) for point in points}


def _points(ctx: Context, subject: str) -> dict[str, list[datetime]]:
    if POINTS.name not in ctx.engine.tables():
        return {}
    dialect = ctx.engine.dialect
    at = dialect.ident("at")
    sql = f"select tag, {at} from {POINTS.name} where subject = {dialect.literal(subject)} order by {at}"
    found: dict[str, list[datetime]] = {}
    for row in ctx.engine.query(sql).to_pylist():
        found.setdefault(row["tag"], []).append(row["at"].replace(tzinfo=UTC))
    return found


def _write(ctx: Context, subject: str, at: datetime, columns: Mapping[str, Expr], request: Request) -> None:
    """Compute values as of an instant and put them into the history, the points and the changes: all or nothing."""
    prepare(ctx)
    engine, table = ctx.engine, f"history_{subject}"
    types: dict[str, Type] = {
        name: BOOLEAN if name.startswith(SEGMENT) else expr.type for name, expr in columns.items()
    }
    points = _points(ctx, subject)
    following = {name: next((p for p in points.get(name, ()) if p > at), None) for name in columns}
    new = [name for name in columns if at not in points.get(name, ())]
    digests = _digests(ctx, subject)
    with ExitStack() as drafts:
        wide, fresh, changed, near = (drafts.enter_context(draft(ctx)) for _ in range(4))
        build_tags(engine, ctx.catalog().world, request, wide)
        engine.build(plans.values_plan(wide, types, engine.dialect), fresh)
        with engine.transaction():
            put_point(engine, table, fresh, (changed, near), following, at)
            if new:
                given = [
                    f"select {engine.dialect.literal(subject)} as subject, {engine.dialect.literal(name)} as tag,"
                    f" {engine.dialect.literal(at)} as {engine.dialect.ident('at')},"
                    f" {engine.dialect.literal(digests.get(name, ''))} as definition"
                    for name in new
                ]
                engine.insert(POINTS.name, Plan().then("_points", " union all ".join(given)))
            _tell_changes_at(ctx, subject, plans.touching(following, at))
    ctx.store.settings.set("history", f"{at.isoformat()} {secrets.token_hex(4)}", ctx.now())


def _tell_changes_at(ctx: Context, subject: str, wanted: plans.Touching) -> None:
    """Write those rows of the facts of changes anew that a point can have made others."""
    engine, dialect = ctx.engine, ctx.engine.dialect
    for fact in ctx.catalog().world.facts.values():
        told = plans.is_told(fact, wanted, dialect) if fact.name in CHANGES and subject in fact.subjects else None
        if told is not None:
            engine.delete(fact.table, told)
            tables = {subject: f"history_{subject}"}
            plan = plans.changes_plan(
                fact, tables, POINTS.name, dialect, only=wanted, identifiers=_identifiers(ctx, (subject,))
            )
            engine.insert(fact.table, plan)


def _tell_changes(ctx: Context) -> None:
    """Write the facts of changes anew from the histories."""
    there = set(ctx.engine.tables())
    for fact in ctx.catalog().world.facts.values():
        tables = {s: f"history_{s}" for s in fact.subjects if f"history_{s}" in there}
        if fact.name in CHANGES and tables:
            united = _identifiers(ctx, tables)
            plan = plans.changes_plan(fact, tables, POINTS.name, ctx.engine.dialect, identifiers=united)
            ctx.engine.build(plan, fact.table)


def _identifiers(ctx: Context, subjects: Iterable[str]) -> dict[str, str]:
    """Subject → the table that says who was united, of those subjects of whom somebody was."""
    found = {}
    for name in subjects:
        table = identifier_table(ctx.catalog().subjects[name]).name
        if ctx.catalog().subjects[name].identifiers and table in ctx.engine.tables() and _united(ctx, table):
            found[name] = table
    return found


def _united(ctx: Context, table: str) -> int:
    """How many ids belong to a member that is known by another."""
    own = ctx.engine.dialect.ident
    return int(ctx.engine.value(f"select count(*) as n from {own(table)} where own <> customer"))


def follow_members(ctx: Context, *, united: bool) -> None:
    """Tell changes by the members of now, where loads have united some (`united` says so) or parted them again."""
    if not any(fact.name in CHANGES for fact in ctx.catalog().world.facts.values()):
        return
    owners = {
        subject for fact in ctx.catalog().world.facts.values() if fact.name in CHANGES for subject in fact.subjects
    }
    counted = {name: _united(ctx, table) for name, table in sorted(_identifiers(ctx, owners).items())}
    if not united and str(counted) == ctx.store.settings.get("history members", "{}"):
        return
    prepare(ctx)
    _tell_changes(ctx)
    ctx.store.settings.set("history members", str(counted), ctx.now())
    ctx.store.settings.set("history", f"members {secrets.token_hex(4)}", ctx.now())


def _digests(ctx: Context, subject: str) -> dict[str, str]:
    found = dict(definition_digests(ctx.catalog(), subject))
    conditions = ctx.catalog().conditions
    return found | {SEGMENT + name: digest(repr(expr)) for name, expr in conditions.items()}


def _named(ctx: Context, name: str) -> tuple[str, str]:
    """The name in histories, and the subject, of a tag or of a segment."""
    catalog, name = ctx.catalog(), name.strip()
    bare = name.removeprefix(SEGMENT)
    if bare in catalog.segments and (name.startswith(SEGMENT) or bare not in catalog.tags):
        return SEGMENT + bare, catalog.segments[bare].subject
    definition = catalog.tag(name.removeprefix("tag."))
    return definition.tag, definition.subject


def backfill(
    ctx: Context, name: str, start: str, end: str | None = None, *, every: str = "month", again: bool = False
) -> dict[str, Any]:
    """Compute a tag, or a segment, as of earlier instants and put its values into its history.

    What is there already is left alone, so that the same call goes on after a stop. Each instant is written as a whole.

    Parameters
    ----------
    start, end
        ISO dates; from the first day of its period on, by default to the instant of the tags in force.
    every
        ``day``, ``week``, ``month``, ``quarter``, ``year``: at the beginning of each, in the workspace's zone.
    again
        Compute also those instants that are there.

    Returns
    -------
    dict
        ``name``, ``subject``, ``points`` (instants written), ``there`` (how many were there already).
    """
    name, subject = _named(ctx, name)
    if name not in kept(ctx, subject):
        raise InvalidInput(
            f"{name!r} keeps no history.", hint="Add `history: monthly` to its definition and run `gongbi apply`."
        )
    if every not in EVERY:
        raise InvalidInput(f"There is no period {every!r}.", hint=f"Periods: {', '.join(EVERY)}.")
    first = clock.parse_instant(start, ctx.zone)
    last = clock.parse_instant(end, ctx.zone) if end is not None else ctx.as_of(None)
    if last > ctx.now() + timedelta(minutes=1):
        raise InvalidInput(f"{end} lies in the future.", hint="A history ends now or earlier.")
    instants, day = [], clock.period_start(clock.local_date(first, ctx.zone), every)
    while (at := clock.midnight(day, ctx.zone)) <= last:
        if at >= first:
            instants.append(at)
        if len(instants) > MOST_POINTS:
            raise InvalidInput(f"That is more than {MOST_POINTS:,} instants.", hint="Choose longer periods.")
        day = clock.add_periods(day, 1, every)
    known = set(_points(ctx, subject).get(name, ()))
    wanted = [at for at in instants if again or at not in known]
    with ctx.run("history", name, start=start, end=end, every=every, again=again) as inner:
        for i, at in enumerate(wanted):
            inner.progress(f"history of {name}", i, len(wanted))
            columns = _with_used(inner, subject, name)
            request = Request(subject, columns, at, {}, single=inner.single(subject))
            _write(inner, subject, at, {name: columns[name]}, request)
        inner.note(rows=len(wanted))
    return {
        "name": name,
        "subject": subject,
        "points": [at.isoformat() for at in wanted],
        "there": len(instants) - len(wanted),
    }


def _with_used(ctx: Context, subject: str, name: str) -> dict[str, Expr]:
    """A tag or a segment with all the tags that it uses, each after those it uses."""
    catalog = ctx.catalog()
    tags = catalog.tags_of(subject)
    own = catalog.conditions[name.removeprefix(SEGMENT)] if name.startswith(SEGMENT) else tags[name]
    return _used(ctx, subject, own) | {name: own}


def history(ctx: Context, name: str, id: Any, *, limit: int = 1000) -> dict[str, Any]:  # noqa: A002
    """What a tag was for a member, or when it was in a segment, over time.

    Of members that were united the histories are one: where several had a value at a time, that of the member's own id
    counts. If they part again, each has its own again.

    Returns
    -------
    dict
        ``name``, ``subject``, ``id``, ``kept`` (how often; None where it is not), ``points`` (at how many instants it
        was computed), ``since`` and ``until`` (the first and the last of them), ``values``: ``value``, ``number``,
        ``from``, ``to`` (None while nothing else was seen), oldest first. Stretches without a value have no row.
    """
    limit = checked(limit)
    name, subject = _named(ctx, name)
    member, dialect = resolve(ctx, id, subject), ctx.engine.dialect
    points = _points(ctx, subject).get(name, [])
    rows: list[dict[str, Any]] = []
    if points:
        united = plans.united_sql(f"history_{subject}", _identifiers(ctx, (subject,)).get(subject), dialect)
        rows = ctx.engine.query(
            f"select value, number, valid_from, valid_to from ({united}) h"
            f" where id = {dialect.literal(member)} and tag = {dialect.literal(name)} order by valid_from limit {limit}"
        ).to_pylist()
    veil = Veil(ctx, subject, member, None)
    return {
        "name": name,
        "subject": subject,
        "id": veil.id,
        "kept": kept(ctx, subject).get(name),
        "points": len(points),
        "since": points[0].isoformat() if points else None,
        "until": points[-1].isoformat() if points else None,
        "values": [
            {
                "value": veil.tag(name, r["value"]),
                "number": veil.tag(name, r["number"]),
                "from": _iso(r["valid_from"]),
                "to": _iso(r["valid_to"]),
            }
            for r in rows
        ],
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.replace(tzinfo=UTC).isoformat()


def changes(
    ctx: Context, expression: str, start: str, end: str | None = None, *, subject: str = "customer", limit: int = 100
) -> dict[str, Any]:
    """Who entered and who left a group between two instants; both are computed, so that no history is needed.

    Parameters
    ----------
    expression
        A saved segment or any condition, such as ``tag.rfm.group = 'champions'``.
    start, end
        ISO dates or instants; `end` is by default the instant of the tags in force.
    limit
        So many members of each are listed.

    Returns
    -------
    dict
        ``entered``, ``left``, ``stayed``, ``before``, ``after``: how many; ``entered_ids``, ``left_ids`` (masked where
        ids are personal); ``from``, ``to``.
    """
    limit = checked(limit)
    where, subject = condition(ctx, expression, subject)
    first = clock.parse_instant(start, ctx.zone)
    last = clock.parse_instant(end, ctx.zone) if end is not None else ctx.as_of(None)
    if first >= last:
        raise InvalidInput(
            f"{start} does not come before {clock.local_time(last, ctx.zone)}.", hint="Write the earlier one first."
        )
    world, sets = ctx.catalog().world, []
    for i, at in enumerate((first, last)):
        ctx.progress("changes", i, 2)
        used = _used(ctx, subject, where)
        asked = Request(subject, used, at, {}, where=where, single=ctx.single(subject))
        sets.append(set(list_members(ctx.engine, world, asked)["id"].to_pylist()))
    before, after = sets
    return {
        "expression": expression,
        "subject": subject,
        "from": first.isoformat(),
        "to": last.isoformat(),
        "before": len(before),
        "after": len(after),
        "entered": len(after - before),
        "left": len(before - after),
        "stayed": len(before & after),
        "entered_ids": masked_ids(ctx, subject, sorted(after - before)[:limit]),
        "left_ids": masked_ids(ctx, subject, sorted(before - after)[:limit]),
    }


def _used(ctx: Context, subject: str, expr: Expr) -> dict[str, Expr]:
    """The tags behind an expression, each after those it uses."""
    return ir.with_used(ir.tags_used(expr), ctx.catalog().tags_of(subject))
