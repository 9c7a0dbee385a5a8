"""Hold builds that are there to the limits of quality as they are now, from the figures kept: nothing is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gongbi.services.context import Context
from gongbi.services.digests import definition_digests
from gongbi.services.history import keep
from gongbi.services.quality import kept, limits_of
from gongbi.store.builds import Build
from gongbi.tags.bins import from_rows
from gongbi.tags.quality import Breach, TagQuality, broken


def judge(ctx: Context, subjects: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Judge the newest build of each subject anew; called when limits may have changed.

    A build that was refused and keeps the limits now is published. One in force that breaks them is held back, and the
    newest earlier one that keeps them is in force again; where there is none it stays, since readers have no other.
    What somebody accepted stays accepted for as long as its limits stay as they are.

    Returns
    -------
    list of dict
        Of the builds whose case has changed: ``subject``, ``build``, ``outcome`` (``published``, ``held_back``,
        ``stays``), ``current`` (the build in force now), ``breaches``.
    """
    done = []
    for subject in subjects or list(dict.fromkeys(subject for subject, _ in ctx.catalog().expressions)):
        current, found = ctx.store.builds.current(subject), None
        for build in (_waiting(ctx, subject), current):
            if found is None and build is not None and _was_refused(ctx, build):
                found = _cleared(ctx, build)
        if found is None and current is not None:
            found = hold_back(ctx, current)
        done += [found] if found is not None else []
    return done


def _was_refused(ctx: Context, build: Build) -> bool:
    refusal, accepted = ctx.store.builds.verdict(build.id)
    return bool(refusal) and accepted is None


def judged(ctx: Context, build: Build) -> tuple[list[TagQuality], list[dict[str, Any]]]:
    """The figures of a build, and the limits of now that it breaks and nobody accepted.

    A tag that was defined otherwise when it was built is held to none: its limits are about other values.
    """
    tags, made_from = ctx.catalog().tags, definition_digests(ctx.catalog(), build.subject)
    built = {tag["name"]: tag.get("definition") for tag in build.tags}
    rows = ctx.store.builds.quality(build.id)
    bins, figures = from_rows(rows), []
    for row in rows:
        name = row["tag"]
        known = {key: row[key] for key in ("coverage", "distinct", "base_build", "psi", "absent_rise")}
        one = TagQuality(name, **known, edited=row["edited"], freshness_days=row["freshness_days"], bins=bins.get(name))
        same = name in tags and built.get(name) == made_from.get(name)
        before = tuple(Breach(**breach) for breach in row["breaches"])
        figures.append(replace(one, breaches=broken(one, limits_of(ctx, tags[name])) if same else before))
    refusal, accepted = ctx.store.builds.verdict(build.id)
    spared = [(b["tag"], b["limit"], b["allowed"]) for b in refusal] if accepted is not None else []
    found = [breach.to_json() for one in figures for breach in one.breaches]
    return figures, [b for b in found if (b["tag"], b["limit"], b["allowed"]) not in spared]


def hold_back(ctx: Context, build: Build) -> dict[str, Any] | None:
    """Put the last good build in the place of one that breaks limits; None where there is nothing new to record.

    One in force stays where no earlier build keeps them, with what it breaks on record.
    """
    figures, breaches = judged(ctx, build)
    if not breaches:
        return None
    known, _ = ctx.store.builds.verdict(build.id)
    current = ctx.store.builds.current(build.subject)
    seen = current is not None and current.id == build.id
    instead = _before(ctx, build) if seen else None
    if breaches == known and instead is None:
        return None
    with ctx.store.transaction():
        other = instead.id if instead is not None else None
        ctx.store.builds.hold_back(build.id, breaches, kept(figures), instead=other, now=ctx.now())
        found = _told(build, "stays" if seen and instead is None else "held_back", instead or current, breaches)
        _note(ctx, found)
    return found


def _cleared(ctx: Context, build: Build) -> dict[str, Any] | None:
    """Publish a build that broke limits and keeps those of now; None where it still breaks some."""
    figures, breaches = judged(ctx, build)
    if breaches:
        return None
    with ctx.store.transaction():
        done = ctx.store.builds.publish(build.id, make_current=True, now=ctx.now(), quality=kept(figures), refusal=[])
        found = _told(done, "published", done, [])
        _note(ctx, found)
    if build.status == "refused":
        keep(ctx, done)
    return found


def _waiting(ctx: Context, subject: str) -> Build | None:
    """The newest build, where it was refused: only a build of now ever is."""
    newest = next((b for b in ctx.store.builds.list(subject=subject) if b.status in ("published", "refused")), None)
    refused = newest is not None and newest.status == "refused" and newest.table in ctx.engine.tables()
    return newest if refused else None


def _before(ctx: Context, build: Build) -> Build | None:
    """The newest of the builds that were in force before it, each when the next was made, that keeps the limits."""
    there, known = set(ctx.engine.tables()), {one.id: one for one in ctx.store.builds.list(subject=build.subject)}
    base = _base(ctx, build.id)
    while base in known:
        one = known[base]
        if one.status == "published" and one.table in there and not judged(ctx, one)[1]:
            return one
        base = _base(ctx, one.id)
    return None


def _base(ctx: Context, build_id: int) -> int:
    """The build that was in force when one was made; 0 where there was none."""
    return max((row["base_build"] or 0 for row in ctx.store.builds.quality(build_id)), default=0)


def _told(build: Build, outcome: str, current: Build | None, breaches: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "subject": build.subject,
        "build": build.id,
        "outcome": outcome,
        "current": current.id if current is not None else None,
        "breaches": list(breaches),
    }


def _note(ctx: Context, found: Mapping[str, Any]) -> None:
    ctx.store.audit.append(
        actor=ctx.actor, action="judge build", object=f"build {found['build']}", now=ctx.now(), details=dict(found)
    )
