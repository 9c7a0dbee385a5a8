"""The report of the main job: every figure can be had again by a command."""

from __future__ import annotations

from typing import Any

from gongbi.errors import NotYet
from gongbi.services import campaigns, models, segments, sources
from gongbi.services.context import Context

#: Which command gives which part of the report.
COMMANDS = {
    "as_of": "gongbi report --json",
    "customers": "gongbi segment count 'true'",
    "facts": "gongbi sources",
    "rejects": "gongbi sources rejects",
    "unmatched": "gongbi sources",
    "tags": "gongbi tags",
    "segments": "gongbi segment list",
    "models": "gongbi models",
    "campaign": "gongbi campaign",
    "seconds": "gongbi runs",
}


def report(ctx: Context) -> dict[str, Any]:
    """Figures of everything that has run so far.

    Returns
    -------
    dict
        ``as_of``, ``zone``, ``engine``, ``customers``, ``members`` (by subject), ``facts`` (by kind), ``rejects`` (by
        reason), ``unmatched`` (``fact.subject`` → rows), ``tags`` (by subject), ``segments`` (name → size), ``models``
        (name → figures), ``campaign`` (figures of the newest), ``seconds`` (by stage), ``commands`` (figure → command).
    """
    catalog, dialect = ctx.catalog(), ctx.engine.dialect
    there = set(ctx.engine.tables())
    build = ctx.store.builds.current("customer")
    as_of = build.as_of if build is not None else ctx.as_of(None)
    facts = {fact.name: ctx.rows(fact.table) for fact in catalog.world.facts.values() if fact.table in there}
    rejects: dict[str, int] = {}
    if "rejects" in there:
        waiting = f"select reason from {dialect.ident('rejects')} where repaired_by is null"
        sql = f"select reason, count(*) as n from ({waiting}) r group by reason order by reason"
        rejects = {row["reason"]: row["n"] for row in ctx.engine.query(sql).to_pylist()}
    members = {s: segments.population(ctx, s, as_of) for s in catalog.subjects if f"member_{s}" in there}
    sizes = {}
    for name in catalog.segments:
        try:
            sizes[name] = segments.count(ctx, name)["count"]
        except NotYet:
            continue  # It uses a tag or a score that was not built; the report says what there is.
    return {
        "as_of": as_of.isoformat(),
        "zone": ctx.zone,
        "engine": ctx.engine.capabilities.name,
        "customers": members.get("customer", 0),
        "members": members,
        "facts": facts,
        "rejects": rejects,
        "unmatched": sources.unmatched(ctx),
        "tags": {s: len(b.tags) for s in catalog.subjects if (b := ctx.store.builds.current(s)) is not None},
        "segments": sizes,
        "models": {row["model"]: row for row in models.models(ctx)},
        "campaign": _campaign(ctx),
        "seconds": _seconds(ctx),
        "commands": COMMANDS,
    }


def _campaign(ctx: Context) -> dict[str, Any]:
    known = [row for row in campaigns.campaigns(ctx) if row.get("figures")]
    return known[0] if known else {}


def _seconds(ctx: Context) -> dict[str, float]:
    """Seconds of the longest finished run of each stage: a later run that found nothing to do says little."""
    found: dict[str, float] = {}
    for run in ctx.store.runs.list(status="done", limit=200):
        if run.seconds is not None:
            found[run.kind] = max(found.get(run.kind, 0.0), round(run.seconds, 3))
    return found
