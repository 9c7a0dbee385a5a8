"""The first page: what is here, how fresh it is, how the facts run over time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gongbi.catalog.called import columns_called, things_called
from gongbi.errors import NotYet
from gongbi.services.context import Context


def overview(ctx: Context) -> dict[str, Any]:
    """Figures for the overview; every part is empty, not missing, where nothing is there yet.

    Returns
    -------
    dict
        ``as_of``, ``zone``, ``engine``, ``members`` (subject → how many), ``facts`` (fact → rows, first, newest),
        ``weekly`` (fact → list of {week, rows, members}), ``builds``, ``definitions`` (kind → how many), ``rejects``,
        ``called`` (attributes and columns of facts, as they are spelled → ``name``, ``unit``, ``labels``,
        ``personal``), ``things`` (subjects and facts that have names → ``zh``, ``en``).
    """
    catalog, there = ctx.catalog(), set(ctx.engine.tables())
    dialect = ctx.engine.dialect
    try:
        as_of: datetime | None = ctx.as_of(None)
    except NotYet:
        as_of = None
    facts: dict[str, Any] = {}
    weekly: dict[str, Any] = {}
    for fact in catalog.world.facts.values():
        if fact.table not in there:
            continue
        sql = f"select count(*) as n, min(ts) as first, max(ts) as newest from {dialect.ident(fact.table)}"
        row = ctx.engine.query(sql).to_pylist()[0]
        facts[fact.name] = {"rows": row["n"], "first": row["first"], "newest": row["newest"]}
        if row["n"]:
            weekly[fact.name] = _weekly(ctx, fact.table, "customer" if "customer" in fact.subjects else None)
    builds = {s: b for s in catalog.subjects if (b := ctx.store.builds.current(s)) is not None}
    return {
        "as_of": as_of.isoformat() if as_of else None,
        "zone": ctx.zone,
        "engine": ctx.engine.capabilities.name,
        "members": {s: ctx.rows(f"member_{s}") for s in catalog.subjects if f"member_{s}" in there},
        "facts": facts,
        "weekly": weekly,
        "builds": {
            s: {
                "build": b.id,
                "as_of": b.as_of.isoformat(),
                "tags": len(b.tags),
                "members": b.members,
                "seconds": b.seconds,
            }
            for s, b in builds.items()
        },
        "definitions": {
            "subject": len(catalog.subjects),
            "source": len(catalog.sources),
            "tag": len(catalog.tags),
            "segment": len(catalog.segments),
            "model": len(catalog.models),
            "campaign": len(catalog.campaigns),
        },
        "rejects": ctx.rows("rejects") if "rejects" in there else 0,
        "called": dict(columns_called(catalog)),
        "things": things_called(catalog),
    }


def _weekly(ctx: Context, table: str, subject: str | None) -> list[dict[str, Any]]:
    """Rows and members per calendar week (Monday, in UTC: a week more or less does not show in the chart)."""
    dialect = ctx.engine.dialect
    who = f"count(distinct {dialect.ident(subject)})" if subject else "cast(null as int)"
    week = "cast(date_trunc('week', ts) as date)"
    sql = f"select {week} as week, count(*) as n, {who} as members from {dialect.ident(table)} group by 1 order by 1"
    return ctx.engine.query(sql).to_pylist()  # type: ignore[no-any-return]
