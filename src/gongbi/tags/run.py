"""Carry out builds and describe their tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from gongbi.core.compiler import Request, compile_members
from gongbi.core.world import World
from gongbi.engine import Engine, OnProgress
from gongbi.errors import InvalidInput
from gongbi.store.builds import TagStats
from gongbi.tags import history as past
from gongbi.tags import plan as plans
from gongbi.tags.base import TagColumn
from gongbi.tags.look import Look, look_at

#: So many values are named in an error.
NAMED = 5


def build_tags(
    engine: Engine, world: World, request: Request, table: str, *, on_progress: OnProgress | None = None
) -> int:
    """Write one row per member with its tags as the table; return how many members."""
    return engine.build(compile_members(request, world, engine.dialect), table, on_progress=on_progress)


def put_point(
    engine: Engine, history: str, fresh: str, work: tuple[str, str], tags: past.Following, at: datetime
) -> int:
    """Put the values of an instant into a history; return how many rows were written: those of changes alone.

    Parameters
    ----------
    history, fresh
        The table of the history, and that of the values; see `tags.history`.
    work
        Names of two tables to work with.
    tags
        The tags whose values these are → the next point of each.
    """
    (changed, near), dialect = work, engine.dialect
    with engine.transaction():
        engine.build(past.changed_plan(history, fresh, tags, at, dialect), changed)
        engine.build(past.near_plan(history, changed, tags, at, dialect), near)
        engine.delete(history, past.is_near(near, dialect))
        return engine.insert(history, past.merged_plan(near, fresh, changed, tags, at, dialect))


def tag_at_fault(engine: Engine, world: World, request: Request, table: str) -> tuple[str, InvalidInput] | None:
    """The first tag that cannot be computed, and why; None where all of them can.

    Tags follow those they use, so the first ones stand on their own. The table is used for trying, and is gone after.
    """
    names = list(request.columns)

    def refused(n: int) -> InvalidInput | None:
        columns = {name: request.columns[name] for name in names[:n]}
        try:
            build_tags(engine, world, replace(request, columns=columns), table)
        except InvalidInput as error:
            return error
        finally:
            engine.drop(table)
        return None

    fine, bad = 0, len(names)
    why = refused(bad)
    while why is not None and bad - fine > 1:
        middle = (fine + bad) // 2
        if (error := refused(middle)) is not None:
            bad, why = middle, error
        else:
            fine = middle
    return None if why is None else (names[bad - 1], why)


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


def describe_tags(
    engine: Engine, table: str, tags: Sequence[TagColumn], members: int, look: Look | None = None
) -> list[TagStats]:
    """Coverage, distinct values, extremes and distribution of each tag of a build.

    Above `LOOKED_AT` members, histograms and the number of different numbers are estimates; all else is counted.
    """
    if not tags:
        return []
    dialect = engine.dialect
    look = look or look_at(engine, table, tags, members)
    row = engine.query(plans.statistics_plan(table, tags, dialect, exact=look.everybody)).to_pylist()[0]
    for i, tag in enumerate(tags):
        if tag.type.is_number and look.everybody:
            row[f"d{i}"] = look.distinct(tag.name)
    few = [t for i, t in enumerate(tags) if row[f"c{i}"] and _is_few(t, row.get(f"d{i}"))]
    top: dict[str, list[dict[str, Any]]] = {}
    for value in engine.query(plans.values_plan(table, few, dialect)).to_pylist() if few else ():
        top.setdefault(value.pop("tag"), []).append(value)
    return [_statistics(i, tag, row, top, look) for i, tag in enumerate(tags)]


def _is_few(tag: TagColumn, distinct: int | None) -> bool:
    """Whether a tag is shown value by value."""
    if tag.type.is_number:
        return (distinct or 0) <= plans.FEW_VALUES
    return tag.type.name not in ("date", "timestamp")


def _statistics(
    i: int, tag: TagColumn, row: Mapping[str, Any], top: Mapping[str, list[dict[str, Any]]], look: Look
) -> TagStats:
    present, distinct = row[f"c{i}"], row.get(f"d{i}", 0)
    low: Any = row.get(f"lo{i}")
    high: Any = row.get(f"hi{i}")
    values, histogram = None, None
    if tag.name in top:
        distinct = top[tag.name][0]["d"]
        values = sorted(({"value": r["value"], "count": r["n"]} for r in top[tag.name]), key=lambda v: -v["count"])
    elif tag.type.is_number and present and high > low:
        width = (high - low) / plans.BINS
        counts = look.in_steps(tag.name, low, high, plans.BINS, present)
        histogram = [
            {"low": low + b * width, "high": low + (b + 1) * width, "count": count} for b, count in enumerate(counts)
        ]
    return TagStats(
        tag.name,
        present=present,
        coverage=present / row["n"] if row["n"] else 0.0,
        distinct=distinct,
        minimum=low,
        maximum=high,
        mean=row.get(f"avg{i}"),
        histogram=histogram,
        top=values,
    )
