"""What a build would cost, before it is started: what it reads, how long it took last, how much memory it may want."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gongbi.core import expr as ir
from gongbi.errors import UnknownName
from gongbi.services.context import Context
from gongbi.services.warnings import edited_tags
from gongbi.tags.buckets import buckets, memory_wanted, room_wanted


def build_cost(ctx: Context, *, subjects: Sequence[str] = ()) -> dict[str, Any]:
    """What `gongbi build` would read and how long it may take, from the figures of the last builds.

    Parameters
    ----------
    subjects
        Only these; by default every subject that has tags.

    Returns
    -------
    dict
        ``subjects``: for each its ``tags``, how many were ``edited`` since the last build, ``aggregates`` (different
        ones, all computed in one pass), ``members``, ``facts`` (``fact``, ``rows``, ``tags`` that read it),
        ``seconds`` (those of the last build, times tags and members now over then; None where nothing was built),
        ``memory_bytes`` (of the aggregates under way and the table that is written, if nothing spilled to disk),
        ``disk_bytes`` of that table, ``buckets`` (in how many parts it is computed, so that it fits into memory);
        ``seconds`` and ``rows`` in all.
    """
    catalog, there = ctx.catalog(), ctx.tables()
    having = list(dict.fromkeys(subject for subject, _ in catalog.expressions))
    if unknown := sorted(set(subjects) - set(having)):
        raise UnknownName("subject", unknown[0], having)
    found, read = [], 0
    for subject in subjects or having:
        expressions = catalog.tags_of(subject)
        facts: dict[str, int] = {}
        for expr in expressions.values():
            for fact in ir.facts_used(expr):
                facts[fact] = facts.get(fact, 0) + 1
        aggregates = len({call for expr in expressions.values() for call in ir.aggregates(expr)})
        table = f"member_{subject}"
        members = ctx.rows(table) if table in there else 0
        last = ctx.current_build(subject)
        rows = []
        for fact, n in sorted(facts.items()):
            shape = catalog.world.facts[fact]
            there_are = ctx.rows(shape.table) if shape.table in there else 0
            read += there_are
            rows.append({"fact": fact, "rows": there_are, "tags": n})
        seconds = None
        if last is not None and last.seconds is not None and last.tags and last.members:
            seconds = last.seconds * (len(expressions) / len(last.tags)) * (max(members, 1) / last.members)
        found.append(
            {
                "subject": subject,
                "tags": len(expressions),
                "edited": len(edited_tags(ctx, subject)) if last is not None else len(expressions),
                "aggregates": aggregates,
                "members": members,
                "facts": rows,
                "seconds": seconds,
                "memory_bytes": memory_wanted(expressions, members),
                "disk_bytes": room_wanted(expressions, members),
                "buckets": buckets(expressions, members, ctx.engine.capabilities.memory),
            }
        )
    known = [one["seconds"] for one in found if one["seconds"] is not None]
    return {
        "subjects": found,
        "rows": read,
        "seconds": sum(known) if known and len(known) == len(found) else None,
    }
