"""The report of the main job: every figure can be had again by a command."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from gongbi.services import campaigns, definitions, models, segments, sources
from gongbi.services.context import Context
from gongbi.services.runs import runs

#: Kinds of run whose failures are reported.
KINDS = ("ingest", "build", "train", "campaign")

#: Which command gives a part of the report, where it is one for the whole part.
COMMANDS = {
    "zone": "gongbi init",
    "engine": "gongbi init",
    "facts": "gongbi sources",
    "rejects": "gongbi sources rejects",
    "unmatched": "gongbi sources",
    "tags": "gongbi tags",
    "segments": "gongbi segment list",
    "uncounted": "gongbi segment list",
    "models": "gongbi models",
    "campaign": "gongbi campaign",
}


def report(ctx: Context) -> dict[str, Any]:
    """Figures of everything that has run so far.

    Returns
    -------
    dict
        ``as_of`` (of the customers' tags), ``zone``, ``engine``, ``customers`` (None where no subject is called so),
        ``members`` (by subject), ``facts`` (by kind), ``rejects`` (by reason), ``unmatched`` (``fact.subject`` →
        rows), ``tags`` (by subject: those in force that were built), ``segments`` (name → size), ``uncounted``
        (segments that cannot be counted yet: ``what``, ``code``, ``message``, ``hint``), ``models`` (name → figures),
        ``campaign`` (figures of the newest), ``failed`` (loads, models and whole runs that failed when last tried),
        ``seconds`` and ``runs`` (kind of run → how long it took, which one it was), ``warnings``, and ``commands``.
        That has the parts of the report, down to where one command gives all that is below; with ``--json``
        it prints the same figures.
    """
    catalog, dialect = ctx.catalog(), ctx.engine.dialect
    there = set(ctx.engine.tables())
    known = [s for s in catalog.subjects if f"member_{s}" in there]
    first = "customer" if "customer" in catalog.subjects or not known else known[0]
    as_of = segments.instant(ctx, first)
    read = [fact for fact in catalog.world.facts.values() if fact.table in there and not fact.recorded]
    facts = {fact.name: ctx.rows(fact.table) for fact in read}
    rejects: dict[str, int] = {}
    if "rejects" in there:
        waiting = f"select reason from {dialect.ident('rejects')} where repaired_by is null"
        sql = f"select reason, count(*) as n from ({waiting}) r group by reason order by reason"
        rejects = {row["reason"]: row["n"] for row in ctx.engine.query(sql).to_pylist()}
    members = {s: segments.population(ctx, s, segments.instant(ctx, s)) for s in known}
    library, saved, trained = definitions.tags(ctx), segments.segments(ctx), models.models(ctx)
    timed, failed = _timed(ctx), _failed(ctx)
    warned = _warned({"gongbi tags": library, "gongbi segment list": saved, "gongbi models": trained})
    return {
        "as_of": as_of.isoformat(),
        "zone": ctx.zone,
        "engine": ctx.engine.capabilities.name,
        "customers": members.get("customer", 0) if "customer" in catalog.subjects else None,
        "members": members,
        "facts": facts,
        "rejects": rejects,
        "unmatched": sources.unmatched(ctx),
        "tags": dict(Counter(row["subject"] for row in library if row["build"] is not None)),
        "segments": {row["segment"]: row["count"] for row in saved if row["problem"] is None},
        "uncounted": [{"what": row["segment"], **row["problem"]} for row in saved if row["problem"] is not None],
        "models": {row["model"]: row for row in trained},
        "campaign": _campaign(ctx),
        "failed": failed,
        "seconds": {kind: run["seconds"] for kind, run in timed.items()},
        "runs": {kind: run["id"] for kind, run in timed.items()},
        "commands": {
            **COMMANDS,
            "as_of": _counting(first),
            "customers": _counting("customer" if "customer" in catalog.subjects else first),
            "members": {subject: _counting(subject) for subject in members},
            "failed": [_showing(part["run"]) for part in failed],
            "seconds": {kind: _showing(run["id"]) for kind, run in timed.items()},
            "runs": {kind: _showing(run["id"]) for kind, run in timed.items()},
            "warnings": [command for _, command in warned],
        },
        "warnings": [said for said, _ in warned],
    }


def _counting(subject: str) -> str:
    """The command that counts all members of a subject, and says as of when."""
    return "gongbi segment count true" + ("" if subject == "customer" else f" -s {shlex.quote(subject)}")


def _showing(run: int) -> str:
    return f"gongbi runs show {run}"


def _warned(answers: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[tuple[dict[str, Any], str]]:
    """What the rows of the answers of commands warn of, each once, with the command that says so first."""
    found: list[tuple[dict[str, Any], str]] = []
    for command, rows in answers.items():
        for said in (said for row in rows for said in row.get("warnings", ())):
            if all(said != known for known, _ in found):
                found.append((said, command))
    return found


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
