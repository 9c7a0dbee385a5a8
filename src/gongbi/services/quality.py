"""How good a build is: figures per tag, limits that keep a broken one from readers, figures across builds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gongbi.catalog.base import TagDef
from gongbi.catalog.quality import LIMITS, NO_LIMITS, Quality
from gongbi.core import expr as ir
from gongbi.errors import InvalidInput, NotYet, Refused
from gongbi.services.context import Context
from gongbi.services.limits import checked
from gongbi.store.builds import Build, TagStats
from gongbi.tags import bins as cutting
from gongbi.tags.base import TagColumn
from gongbi.tags.look import Look
from gongbi.tags.quality import Bins, Breach, TagQuality, broken, stability

#: So many broken limits are named in an error.
NAMED = 5
_DAY = 86_400


def facts_behind(ctx: Context, subject: str) -> dict[str, set[str]]:
    """Tag → the facts that it reads, itself or through the tags that it uses."""
    found: dict[str, set[str]] = {}
    for tag, expr in ctx.catalog().tags_of(subject).items():
        found[tag] = ir.facts_used(expr).union(*(found.get(used, set()) for used in ir.tags_used(expr)))
    return found


def ages(ctx: Context, as_of: datetime) -> dict[str, float]:
    """Fact → days from its newest row before the instant to the instant; facts without such a row are left out."""
    dialect, there = ctx.engine.dialect, set(ctx.engine.tables())
    found = {}
    for fact in ctx.catalog().world.facts.values():
        if fact.table in there and not fact.recorded:
            newest = f"select max(ts) as ts from {dialect.ident(fact.table)} where ts < {dialect.literal(as_of)}"
            ts = ctx.engine.query(newest)["ts"][0].as_py()
            if ts is not None:
                found[fact.name] = (as_of - ts.replace(tzinfo=UTC)).total_seconds() / _DAY
    return found


def inspect(
    ctx: Context,
    row: Build,
    columns: Sequence[TagColumn],
    stats: Sequence[TagStats],
    members: int,
    look: Look,
    base: Build | None,
    given: Mapping[str, Bins],
) -> list[TagQuality]:
    """Figures of a build that is whole and not published yet, with the limits that it breaks.

    Parameters
    ----------
    base
        The build that it is compared with; None where there is none.
    given
        Bins of tags that were counted already, in those of the base.
    """
    stored = ctx.store.builds.quality(base.id) if base is not None else ()
    before, base_bins = {r["tag"]: r for r in stored}, cutting.from_rows(stored)
    then = {t["name"]: t.get("definition") for t in base.tags} if base is not None else {}
    own = cutting.cut(columns, stats, members, look, given)
    now = {}
    if base_bins:
        now = cutting.counted(ctx.engine, row.table, columns, stats, members, look, base_bins, given)
    old, read = ages(ctx, row.as_of), facts_behind(ctx, row.subject)
    by_name, tags = {item.tag: item for item in stats}, ctx.catalog().tags
    found = []
    for column in columns:
        name, item = column.name, by_name[column.name]
        behind = [old[fact] for fact in read.get(name, ()) if fact in old]
        one = TagQuality(
            name, item.coverage, item.distinct, freshness_days=max(behind, default=None), bins=own.get(name)
        )
        if base is not None and name in before:
            psi = None
            if name in now and members and base.members:
                psi = stability(*cutting.comparable(base_bins[name], now[name]))
            rise = before[name]["coverage"] - item.coverage
            edited = then.get(name) != column.definition
            one = replace(one, base_build=base.id, psi=psi, absent_rise=rise, edited=edited)
        limits = limits_of(ctx, tags[name]) if name in tags else ctx.quality
        found.append(replace(one, breaches=broken(one, limits)))
    return found


def limits_of(ctx: Context, tag: TagDef) -> Quality:
    """What is demanded of a tag: its own limits, and the workspace's where it says none."""
    given = tag.maker is not None and tag.maker.is_given
    return (tag.quality or NO_LIMITS).over(ctx.quality, given=given)


def kept(figures: Sequence[TagQuality]) -> list[dict[str, Any]]:
    """As the store keeps them."""
    return [
        {
            "tag": one.tag,
            "coverage": one.coverage,
            "distinct": one.distinct,
            "base_build": one.base_build,
            "psi": one.psi,
            "absent_rise": one.absent_rise,
            "edited": one.edited,
            "freshness_days": one.freshness_days,
            "light": one.light,
            "breaches": [breach.to_json() for breach in one.breaches],
            "bins": None if one.bins is None else one.bins.to_json(),
        }
        for one in figures
    ]


def refusal(build: Build, breaches: Sequence[Mapping[str, Any]], current: Build | None) -> Refused:
    """The error of a build that is not published, or that stays in force for want of another."""
    said = ", ".join(str(Breach(**breach)) for breach in breaches[:NAMED]) + (", …" if len(breaches) > NAMED else "")
    hint = 'Mend the data or the limit, or publish it all the same: gongbi build --accept "reason".'
    if current is not None and current.id == build.id:
        return Refused(
            f"Build {build.id} of {build.subject} breaks limits of quality, and stays in force because no earlier one"
            f" keeps them: {said}.",
            hint='Mend the data or the limit and build again, or accept it as it is: gongbi build --accept "reason".',
        )
    if current is not None:
        hint = f"Build {current.id} stays in force. {hint}"
    return Refused(
        f"Build {build.id} of {build.subject} breaks limits of quality and is not published: {said}.", hint=hint
    )


def acceptance(ctx: Context, reason: str) -> dict[str, Any] | None:
    """Who publishes a build in spite of its limits, and why; None where nobody does."""
    if not reason:
        return None
    if not reason.strip():
        raise InvalidInput("To publish a build in spite of its limits, say why.", hint='Write --accept "reason".')
    return {"actor": ctx.actor, "reason": reason.strip(), "at": ctx.now().isoformat()}


def put_on_record(
    ctx: Context, build: Build, accepted: Mapping[str, Any], breaches: Sequence[Mapping[str, Any]]
) -> None:
    """Write into the audit trail who published a build in spite of its limits."""
    ctx.store.audit.append(
        actor=ctx.actor,
        action="accept build",
        object=f"build {build.id}",
        now=ctx.now(),
        details={"subject": build.subject, "reason": accepted["reason"], "breaches": list(breaches)},
    )


def quality(ctx: Context, tag: str | None = None, *, subject: str | None = None, limit: int = 30) -> dict[str, Any]:
    """How good the tags of the newest build are, or the figures of one tag across builds.

    Parameters
    ----------
    tag
        Only this one, with its history; by default all tags of the newest builds, the worst first.
    subject
        Only this subject's.
    limit
        So many builds of one tag, the newest.

    Returns
    -------
    dict
        ``builds``: per subject its newest build that was published or refused (``build``, ``as_of``, ``status``,
        ``members``, ``current``, ``breaches``, ``accepted``). ``tags``: ``tag``, ``subject``, ``name``, ``light``
        (green, amber, red, grey), ``coverage``, ``distinct``, ``psi``, ``absent_rise``, ``freshness_days``, ``edited``,
        ``base_build``, ``breaches``, ``limits``. Of one tag also ``history``, oldest first.
    """
    limit, catalog = checked(limit), ctx.catalog()
    if tag is not None:
        definition = catalog.tag(tag.strip().removeprefix("tag."))
        if subject not in (None, definition.subject):
            raise InvalidInput(f"The tag {definition.tag!r} describes a {definition.subject}, not a {subject}.")
        tag, subject = definition.tag, definition.subject
    elif subject is not None:
        ctx.check_subject(subject)
    builds, rows = [], []
    for name in [subject] if subject else dict.fromkeys(owner for owner, _ in catalog.expressions):
        newest = next((b for b in ctx.store.builds.list(subject=name) if b.status in ("published", "refused")), None)
        if newest is None:
            continue
        current, (breaches, accepted) = ctx.current_build(name), ctx.store.builds.verdict(newest.id)
        builds.append(
            {
                "subject": name,
                "build": newest.id,
                "as_of": newest.as_of.isoformat(),
                "status": newest.status,
                "members": newest.members,
                "current": current.id if current is not None else None,
                "breaches": breaches,
                "accepted": accepted,
            }
        )
        rows += [
            _told(ctx, name, row)
            for row in ctx.store.builds.quality(newest.id)
            if tag in (None, row["tag"]) and row["tag"] in catalog.tags
        ]
    if not builds:
        raise NotYet("No tags were built yet.", hint="Run `gongbi build` first.")
    order = {"red": 0, "amber": 1, "green": 2, "grey": 3}
    rows.sort(key=lambda row: (order[row["light"]], -(row["psi"] or 0), row["tag"]))
    found: dict[str, Any] = {"builds": builds, "tags": rows}
    if tag is not None and subject is not None:
        found["history"] = [_point(row) for row in ctx.store.builds.quality_over_time(subject, tag, limit=limit)]
    return found


def _told(ctx: Context, subject: str, row: Mapping[str, Any]) -> dict[str, Any]:
    definition = ctx.catalog().tags[row["tag"]]
    limits = limits_of(ctx, definition)
    return {
        **{key: value for key, value in row.items() if key not in ("bins", "build_id")},
        "subject": subject,
        "build": row["build_id"],
        "name": definition.name.to_json(),
        "limits": {key: value for key in LIMITS if (value := getattr(limits, key)) is not None},
    }


def _point(row: Mapping[str, Any]) -> dict[str, Any]:
    plain = {key: value for key, value in row.items() if key not in ("build_id", "as_of", "created_at")}
    times = {"as_of": row["as_of"].isoformat(), "created_at": row["created_at"].isoformat()}
    return {"build": row["build_id"], **times, **plain}
