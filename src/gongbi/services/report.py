"""The report of the main job: every figure can be had again by a command."""

from __future__ import annotations

from typing import Any

from gongbi.services import campaigns, models, segments, sources
from gongbi.services.context import Context
from gongbi.services.runs import runs
from gongbi.services.warnings import edited_tags, warn_of_edits

#: Kinds of run whose failures are reported.
KINDS = ("ingest", "build", "train", "campaign")

#: Which command gives which part of the report.
COMMANDS = {
    "as_of": "gongbi report --json",
    "customers": "gongbi segment count 'true'",
    "facts": "gongbi sources",
    "rejects": "gongbi sources rejects",
    "unmatched": "gongbi sources",
    "tags": "gongbi tags",
    "segments": "gongbi segment list",
    "uncounted": "gongbi segment list",
    "models": "gongbi models",
    "campaign": "gongbi campaign",
    "seconds": "gongbi runs",
    "failed": "gongbi runs",
}


def report(ctx: Context) -> dict[str, Any]:
    """Figures of everything that has run so far.

    Returns
    -------
    dict
        ``as_of``, ``zone``, ``engine``, ``customers``, ``members`` (by subject), ``facts`` (by kind), ``rejects`` (by
        reason), ``unmatched`` (``fact.subject`` → rows), ``tags`` (by subject), ``segments`` (name → size),
        ``uncounted`` (segments that cannot be counted yet: ``what``, ``code``, ``message``, ``hint``), ``models``
        (name → figures), ``campaign`` (figures of the newest), ``failed`` (loads, models and whole runs that failed
        when last tried), ``seconds`` and ``runs`` (kind of run → how long it took, which one it was), ``commands``
        (figure → command), ``warnings``.
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
    warnings = [w for s in catalog.subjects for w in warn_of_edits(ctx, s, edited_tags(ctx, s))]
    saved = segments.segments(ctx)
    timed = _timed(ctx)
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
        "segments": {row["segment"]: row["count"] for row in saved if row["problem"] is None},
        "uncounted": [{"what": row["segment"], **row["problem"]} for row in saved if row["problem"] is not None],
        "models": {row["model"]: row for row in models.models(ctx)},
        "campaign": _campaign(ctx),
        "failed": _failed(ctx),
        "seconds": {kind: run["seconds"] for kind, run in timed.items()},
        "runs": {kind: run["id"] for kind, run in timed.items()},
        "commands": COMMANDS,
        "warnings": warnings,
    }


def _campaign(ctx: Context) -> dict[str, Any]:
    known = [row for row in campaigns.campaigns(ctx) if row["figures"]]
    return max(known, key=lambda row: row["run"], default={})


def _failed(ctx: Context) -> list[dict[str, Any]]:
    """What failed when it was last tried: parts of the newest run of each kind, or all of it."""
    found: list[dict[str, Any]] = []
    for kind in KINDS:
        run = next((r for r in runs(ctx, kind=kind) if r["status"] in ("done", "failed")), None)
        if run is not None and run["error"] is not None:
            whole = {"what": run["subject"] or kind, **run["error"]}
            for part in run["error"].get("failed", [whole]):
                told = {name: part.get(name) for name in ("what", "code", "message", "hint")}
                found.append({"run": run["id"], "kind": kind, **told})
    return found


def _timed(ctx: Context) -> dict[str, dict[str, Any]]:
    """The newest finished run of each kind; one that found nothing to do says little, so one with rows goes before."""
    found: dict[str, dict[str, Any]] = {}
    for run in runs(ctx, status="done", limit=200):
        if run["kind"] not in found or (run["rows"] and not found[run["kind"]]["rows"]):
            found[run["kind"]] = run
    return found
