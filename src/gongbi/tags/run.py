"""Carry out builds and describe their tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gongbi.core.compiler import Request, compile_members
from gongbi.core.world import World
from gongbi.engine import Engine, OnProgress
from gongbi.errors import InvalidInput
from gongbi.store.builds import TagStats
from gongbi.tags import plan as plans
from gongbi.tags.base import TagColumn

#: Above this many members, different values are estimated.
EXACT_UP_TO = 200_000
#: So many values are named in an error.
NAMED = 5


def build_tags(
    engine: Engine, world: World, request: Request, table: str, *, on_progress: OnProgress | None = None
) -> int:
    """Write one row per member with its tags as the table; return how many members."""
    return engine.build(compile_members(request, world, engine.dialect), table, on_progress=on_progress)


def tag_at_fault(engine: Engine, world: World, request: Request, table: str) -> str | None:
    """The first tag that the engine refuses to compute; None where it computes all of them.

    Tags follow those they use, so the first ones stand on their own. The table is used for trying, and is gone after.
    """
    names = list(request.columns)

    def refused(n: int) -> bool:
        columns = {name: request.columns[name] for name in names[:n]}
        try:
            build_tags(engine, world, replace(request, columns=columns), table)
        except InvalidInput:
            return True
        finally:
            engine.drop(table)
        return False

    fine, bad = 0, len(names)
    if not refused(bad):
        return None
    while bad - fine > 1:
        middle = (fine + bad) // 2
        if refused(middle):
            bad = middle
        else:
            fine = middle
    return names[bad - 1]


def check_values(
    engine: Engine, table: str, closed: Mapping[str, Sequence[Any]], columns: Sequence[TagColumn] = ()
) -> None:
    """Refuse a build in which a tag has a value that its type does not list.

    Raises
    ------
    InvalidInput
        With the tag and the commonest of those values.
    """
    if not closed:
        return
    found = engine.query(
        plans.strays_plan(table, closed, engine.dialect, [c for c in columns if plans.is_many(c)])
    ).to_pylist()
    if not found:
        return
    first = next(tag for tag in closed if any(row["tag"] == tag for row in found))
    rows = [row for row in found if row["tag"] == first]
    values = ", ".join(repr(row["value"]) for row in rows[:NAMED])
    n = sum(row["n"] for row in rows)
    raise InvalidInput(
        f"The tag {first!r} has values that its type does not list, for {n:,} members or more: {values}.",
        hint="Add them to the `category` of its type, or mend the expression.",
    )


def describe_tags(engine: Engine, table: str, tags: Sequence[TagColumn], members: int) -> list[TagStats]:
    """Coverage, distinct values, extremes and distribution of each tag of a build."""
    if not tags:
        return []
    dialect = engine.dialect
    row = engine.query(plans.statistics_plan(table, tags, dialect, exact=members <= EXACT_UP_TO)).to_pylist()[0]
    few = [t for i, t in enumerate(tags) if row[f"c{i}"] and (row[f"d{i}"] <= plans.FEW_VALUES or not t.type.is_number)]
    few = [t for t in few if t.type.name not in ("date", "timestamp")]
    ranges = {
        t.name: (row[f"lo{i}"], row[f"hi{i}"])
        for i, t in enumerate(tags)
        if t.type.is_number and t not in few and row[f"c{i}"] and row[f"hi{i}"] > row[f"lo{i}"]
    }
    top = _grouped(engine, plans.values_plan(table, few, dialect)) if few else {}
    bins = _grouped(engine, plans.histogram_plan(table, ranges, dialect)) if ranges else {}
    return [_statistics(i, tag, row, top, bins, ranges) for i, tag in enumerate(tags)]


def _grouped(engine: Engine, plan: Any) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in engine.query(plan).to_pylist():
        found.setdefault(row.pop("tag"), []).append(row)
    return found


def _statistics(
    i: int,
    tag: TagColumn,
    row: Mapping[str, Any],
    top: Mapping[str, list[dict[str, Any]]],
    bins: Mapping[str, list[dict[str, Any]]],
    ranges: Mapping[str, tuple[float, float]],
) -> TagStats:
    present, distinct = row[f"c{i}"], row[f"d{i}"]
    if plans.is_many(tag) and tag.name in top:
        distinct = top[tag.name][0]["d"]
    histogram = None
    if tag.name in ranges:
        low, high = ranges[tag.name]
        width = (high - low) / plans.BINS
        counts = {r["bin"]: r["n"] for r in bins.get(tag.name, [])}
        histogram = [
            {"low": low + b * width, "high": low + (b + 1) * width, "count": counts.get(b, 0)}
            for b in range(plans.BINS)
        ]
    values = [{"value": r["value"], "count": r["n"]} for r in top[tag.name]] if tag.name in top else None
    return TagStats(
        tag.name,
        present=present,
        coverage=present / row["n"] if row["n"] else 0.0,
        distinct=distinct,
        minimum=row.get(f"lo{i}"),
        maximum=row.get(f"hi{i}"),
        mean=row.get(f"avg{i}"),
        histogram=histogram,
        top=sorted(values, key=lambda v: -v["count"]) if values else None,
    )
