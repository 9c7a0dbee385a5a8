"""Build tags: one new version per subject, published when it is whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from gongbi.core.compiler import Request
from gongbi.errors import InvalidInput, NotYet, UnknownName
from gongbi.services.advance import Made, Making, make, making
from gongbi.services.bins import prepare_bins
from gongbi.services.context import Context
from gongbi.services.digests import build_key, definition_digests
from gongbi.services.drafts import DRAFT, drop_aside
from gongbi.services.given import ensure_tables
from gongbi.services.governance import retire_expired
from gongbi.services.history import keep, prepare
from gongbi.services.judging import hold_back, judged
from gongbi.services.overlap import prepare_overlap
from gongbi.services.quality import acceptance, inspect, kept, put_on_record, refusal
from gongbi.store.builds import Build, TagStats
from gongbi.tags.amend import drop_build
from gongbi.tags.base import Built, TagColumn
from gongbi.tags.bins import from_rows
from gongbi.tags.carry import Carried, Earlier, carry
from gongbi.tags.look import look_at
from gongbi.tags.quality import Bins, TagQuality
from gongbi.tags.run import check_values, describe_tags, tag_at_fault

#: How many old builds of a subject stay beside the current one.
KEPT = 4


def build(
    ctx: Context,
    *,
    as_of: str | datetime | None = None,
    subjects: list[str] | None = None,
    force: bool = False,
    accept: str = "",
    full: bool | None = None,
) -> dict[str, Any]:
    """Compute all tags of the subjects as of an instant.

    Where that is sooner, values of members who cannot have changed are taken from an earlier build; the result is the
    same, cell for cell.

    Parameters
    ----------
    as_of
        ISO date or instant; by default now, or the end of old data. A build of an earlier instant than the current
        one never becomes the current one.
    subjects
        Only these; by default every subject that has tags.
    force
        Build again where a build of the same definitions, data and instant exists.
    accept
        Why it is published although it breaks limits of quality; recorded with the actor. A build that was refused for
        them and is otherwise the same is not computed again.
    full
        Compute everything for everybody; False takes from an earlier build all that can be taken, None what pays.

    Returns
    -------
    dict
        ``as_of`` (of the builds), ``retired`` (tags that have expired and that nothing uses: they are retired first,
        where no `as_of` is given), ``builds`` (one per subject), ``seconds``.

    Raises
    ------
    Refused
        The build breaks limits of quality: it is recorded as refused, and the last good one stays.
    """
    retired = retire_expired(ctx) if as_of is None else []
    catalog = ctx.catalog()
    having = list(dict.fromkeys(subject for subject, _ in catalog.expressions))
    for name in subjects or ():
        if name not in having:
            raise UnknownName("subject with tags", name, having)
    if not having:
        raise NotYet("There are no tags to build.", hint="Write some under definitions/tags and run `gongbi apply`.")
    instant = ctx.as_of(as_of)
    if instant > ctx.now() + timedelta(minutes=1):
        raise InvalidInput(
            f"{as_of} lies in the future.", hint="Tags are computed as of now or an earlier instant: nobody knows more."
        )
    started = time.monotonic()
    prepare(ctx)
    with ctx.run("build", ", ".join(subjects or having), as_of=instant.isoformat(), force=force, full=full) as inner:
        wanted = subjects or having
        built = []
        for i, subject in enumerate(wanted, start=1):
            stage = f"build {subject}" + (f" ({i} of {len(wanted)})" if len(wanted) > 1 else "")
            inner.progress(stage, 0)
            built.append(
                _build_subject(
                    inner, subject, instant, stage=stage, force=force, full=full, leads=as_of is None, accept=accept
                )
            )
            inner.note(rows=0 if built[-1].reused else built[-1].members)
        inner.progress("build", len(wanted), len(wanted))
    return {
        # Who accepts what was held back gets that build, of an earlier instant than now.
        "as_of": max(one.as_of for one in built).isoformat(),
        "retired": retired,
        "builds": [b.to_json() for b in built],
        "seconds": round(time.monotonic() - started, 3),
    }


def _build_subject(
    ctx: Context,
    subject: str,
    as_of: datetime,
    *,
    stage: str,
    force: bool,
    full: bool | None,
    leads: bool,
    accept: str = "",
) -> Built:
    builds, catalog = ctx.store.builds, ctx.catalog()
    fingerprint = build_key(catalog, ctx.store, subject)
    version = ctx.store.loads.data_version()
    current = builds.current(subject)
    # Tags of now are those in force, also where an undone load has moved the end of the data back.
    newest = leads
    leads = leads or current is None or as_of >= current.as_of
    drop_old(ctx, subject)  # What a build left undone that was killed once it was published.
    known = None if force else builds.find(subject, as_of, fingerprint, version)
    if known is not None and known.table in ctx.engine.tables():
        return _again(ctx, known, acceptance(ctx, accept)) if leads else _built(known, reused=True, current=False)
    accepted = acceptance(ctx, accept)
    # Who accepts what was held back means that build: where data arrive all day, now is another instant already.
    any_ = newest and accepted is not None and not full
    at = None if any_ else as_of
    waiting = None if force or not leads else builds.find(subject, at, fingerprint, version, status="refused")
    if any_ and waiting is not None and current is not None and waiting.id < current.id:
        waiting = None
    if waiting is not None and waiting.table in ctx.engine.tables():
        return _again(ctx, waiting, accepted)
    ensure_tables(ctx, subject)
    started = time.monotonic()
    expressions, made_from = catalog.tags_of(subject), definition_digests(catalog, subject)
    columns = [TagColumn(name, expr.type, made_from[name]) for name, expr in expressions.items()]
    row = builds.start(subject, as_of=as_of, definitions_fingerprint=fingerprint, data_version=version, now=ctx.now())
    try:
        request = Request(subject, expressions, as_of, {}, single=ctx.single(subject))
        made_of = making(ctx, request, made_from, whole=full)
        judge = partial(_found, ctx, row, columns, current if leads else None, stage, leads, accepted is not None)
        made, found = _made(ctx, made_of, row.table, stage, judge)
        builds.note_origin(row.id, {**made_of.to_json(), "made": made.to_json(), "burden": made.burden})
    except BaseException:
        # Nothing was published: the last good build is still the current one.
        builds.fail(row.id)
        drop_aside(ctx, row.table)
        raise
    given = partial(
        builds.publish if found.stands else builds.refuse,
        row.id,
        members=made.members,
        tags=[c.to_json() for c in columns],
        seconds=time.monotonic() - started,
        stats=found.stats,
        quality=kept(found.quality),
    )
    if not found.stands:
        raise refusal(given(refusal=found.breaches), found.breaches, current)
    with ctx.store.transaction():
        spite: dict[str, Any] = {"refusal": found.breaches, "accepted": accepted} if found.breaches else {}
        done = given(make_current=leads, now=ctx.now(), **spite)
        if found.breaches and accepted is not None:
            put_on_record(ctx, done, accepted, found.breaches)
    if leads:
        keep(ctx, done)
        _prepare(ctx, subject)
    drop_old(ctx, subject)
    return _built(done, reused=False, current=leads, made=made.to_json())


def _again(ctx: Context, build: Build, accepted: dict[str, Any] | None) -> Built:
    """Let readers see a build that is there already, judged by the limits as they are now.

    Raises
    ------
    Refused
        It breaks them, and nobody accepts that.
    """
    figures, breaches = judged(ctx, build)
    current = ctx.store.builds.current(build.subject)
    if breaches and accepted is None:
        hold_back(ctx, build)
        raise refusal(build, breaches, ctx.store.builds.current(build.subject))
    if breaches or current is None or current.id != build.id:
        spite: dict[str, Any] = {"refusal": []} if build.status == "refused" else {}
        if breaches:
            # All of them, those too that somebody accepted before.
            spite = {"refusal": [breach.to_json() for one in figures for breach in one.breaches], "accepted": accepted}
        with ctx.store.transaction():
            done = ctx.store.builds.publish(build.id, make_current=True, now=ctx.now(), quality=kept(figures), **spite)
            if breaches and accepted is not None:
                put_on_record(ctx, done, accepted, breaches)
        if build.status == "refused":
            keep(ctx, done)
    _prepare(ctx, build.subject)
    return _built(build, reused=True, current=True)


def _prepare(ctx: Context, subject: str) -> None:
    """Work out now what those who ask first of a large build would else wait for."""
    prepare_bins(ctx, subject)
    prepare_overlap(ctx, subject)


def _made(
    ctx: Context, made_of: Making, table: str, stage: str, judge: Callable[[Made], _Found]
) -> tuple[Made, _Found]:
    """Write the table of a build and judge it.

    Raises
    ------
    InvalidInput
        With the tag that cannot be computed, or that has a value that its type does not list.
    """

    # The engine tells from a thread of its own, where nothing may be raised: `report`, not `progress`.
    def tell(done: float, total: float | None) -> None:
        ctx.report(stage, int(done), int(total) if total else None)

    try:
        made, found = make(ctx, made_of, table, tell, judge)
    except InvalidInput as error:
        # The engine computes all tags in one pass, and does not know which of them it was.
        ctx.progress(f"{stage}: the tag at fault", 0)
        found_fault = tag_at_fault(ctx.engine, ctx.catalog().world, made_of.request, table)
        if found_fault is None:
            raise
        tag, why = found_fault
        raise InvalidInput(f"The tag {tag!r} cannot be computed: {why.message}", hint=why.hint) from error
    if found.stray is not None:
        raise found.stray
    return made, found


@dataclass(frozen=True, slots=True)
class _Found:
    """What is found of a build that is whole; `stands` says whether it may be published, `stray` why it never may."""

    stands: bool
    stats: Sequence[TagStats] = ()
    quality: Sequence[TagQuality] = ()
    breaches: Sequence[dict[str, Any]] = ()
    stray: InvalidInput | None = None


def _found(
    ctx: Context,
    row: Build,
    columns: Sequence[TagColumn],
    base: Build | None,
    stage: str,
    leads: bool,
    accepted: bool,
    made: Made,
) -> _Found:
    """Look at a build and judge it, compared with `base`."""
    try:
        check_values(ctx.engine, row.table, ctx.catalog().closed_values(row.subject), columns)
    except InvalidInput as error:
        return _Found(stands=False, stray=error)
    ctx.progress(f"{stage}: statistics", 0)
    known = _carried(ctx, row, columns, base, made)
    rest = [column for column in columns if column.name not in known.stats]
    look = look_at(ctx.engine, row.table, rest, made.members)
    asked = {item.tag: item for item in describe_tags(ctx.engine, row.table, rest, made.members, look)}
    stats = [known.stats.get(column.name) or asked[column.name] for column in columns]
    quality = inspect(ctx, row, columns, stats, made.members, look, base, known.bins)
    # A build of an earlier instant is nobody's tags of now: it is judged, and not refused.
    breaches = [breach.to_json() for one in quality for breach in one.breaches] if leads else []
    return _Found(accepted or not breaches, stats, quality, breaches)


def _carried(ctx: Context, row: Build, columns: Sequence[TagColumn], base: Build | None, made: Made) -> Carried:
    """What the figures of the build that it was made of, the `base` if there is one, tell of a build."""
    change, builds = made.change, ctx.store.builds
    if change is None or made.start is None or (base is not None and base.id != made.start):
        return Carried({}, {})
    stats = {item.tag: item for item in builds.stats(made.start)}
    earlier = Earlier(stats, from_rows(builds.quality(made.start)))
    figures: dict[str, TagStats] = {}
    bins: dict[str, Bins] = {}
    for i, one in enumerate(change.parts):
        mine = [column for column in columns if column.name in one.part.columns]
        found = carry(ctx.engine, row.table, change.was(i), one.values, mine, made.members, earlier)
        figures |= found.stats
        bins |= found.bins
    return Carried(figures, bins)


def _built(row: Build, *, reused: bool, current: bool, made: dict[str, Any] | None = None) -> Built:
    return Built(
        row.subject,
        row.id,
        row.as_of,
        row.members or 0,
        len(row.tags),
        row.seconds or 0.0,
        reused=reused,
        current=current,
        made=made or {},
    )


def drop_old(ctx: Context, subject: str | None = None) -> list[int]:
    """Drop builds that the retention rule gives up, and no tag asks to `keep`; the current ones always stay."""
    dropped = []
    tags = ctx.catalog().tags.values()
    asked = [tag.keep for tag in tags if tag.keep is not None and subject in (None, tag.subject)]
    for old in ctx.store.builds.droppable(keep=max([KEPT, *asked]), subject=subject):
        drop_build(ctx.engine, old.table)
        ctx.store.builds.drop(old.id)
        dropped.append(old.id)
    return dropped


def repair_builds(ctx: Context) -> list[int]:
    """Give up builds that a dead process left unfinished; called when a workspace is opened by its owner."""
    for table in ctx.engine.tables():
        if table.startswith(DRAFT):
            ctx.engine.drop(table)
    left = list(ctx.store.builds.list(status="building"))
    for unfinished in left:
        drop_build(ctx.engine, unfinished.table)
        ctx.store.builds.fail(unfinished.id)
    return [b.id for b in left]
