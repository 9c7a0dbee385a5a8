"""The figures of a build that was made of the one before: those of the earlier one, less what went, plus what came.

Members, coverage, sums, counts of values and of ranges add up, so that the rows that changed are enough. What does not
add up is asked of the whole table, tag by tag: an extreme whose member went, a value beside the twelve that are listed.
Two things are kept for a while: the cuts between ranges are those of the earlier build, and how many different numbers
there are is what was last counted. The caller looks at everything anew from time to time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gongbi.engine import Engine
from gongbi.store.builds import TagStats
from gongbi.tags import plan as plans
from gongbi.tags.base import TagColumn
from gongbi.tags.look import Look, has_order, look_at
from gongbi.tags.quality import Bins


@dataclass(frozen=True, slots=True)
class Earlier:
    """What is known of the build before: figures and bins by tag."""

    stats: Mapping[str, TagStats]
    bins: Mapping[str, Bins]


@dataclass(frozen=True, slots=True)
class Carried:
    """What is known of a build by what changed: figures by tag, and the bins of those that are cut in ranges."""

    stats: Mapping[str, TagStats]
    bins: Mapping[str, Bins]


@dataclass(frozen=True, slots=True)
class _Side:
    """The rows that went, or those that came. `row` and `at` give a figure, `values` the counts by value."""

    row: Mapping[str, Any]
    values: Mapping[str, Mapping[str, int]]
    look: Look


class _Anew(Exception):
    """A tag is to be looked at in the whole build."""


def carry(
    engine: Engine, table: str, gone: str, came: str, tags: Sequence[TagColumn], members: int, earlier: Earlier
) -> Carried:
    """Work out the figures of a build from those of the one before; tags that are to be looked at anew are left out.

    Parameters
    ----------
    table
        The build, for extremes whose members went.
    gone, came
        Tables with the rows that it has no more, and those that it has and the one before had not.
    tags
        Tags whose values in all other rows are as before.
    members
        Rows of the build.
    """
    known = [tag for tag in tags if tag.name in earlier.stats and _fits(tag, earlier)]
    if not known:
        return Carried({}, {})
    before, after = (_side(engine, side, known, members, earlier) for side in (gone, came))
    found: dict[str, TagStats] = {}
    for i, tag in enumerate(known):
        try:
            found[tag.name] = _figures(i, tag, earlier.stats[tag.name], before, after, members)
        except _Anew:
            continue
    lost = [
        tag for i, tag in enumerate(known) if tag.name in found and _lost(i, earlier.stats[tag.name], before, after)
    ]
    if lost:
        asked = plans.statistics_plan(table, lost, engine.dialect, exact=True, different=False)
        row = engine.query(asked).to_pylist()[0]
        for i, tag in enumerate(lost):
            found[tag.name] = replace(found[tag.name], minimum=row[f"lo{i}"], maximum=row[f"hi{i}"])
    bins: dict[str, Bins] = {}
    for i, tag in enumerate(known):
        item = found.get(tag.name)
        if item is None or item.top:
            continue
        try:
            bins[tag.name] = _ranges(i, earlier.bins[tag.name], item, before, after, members)
            found[tag.name] = replace(
                item, histogram=_histogram(i, item, earlier.stats[tag.name].histogram, before, after)
            )
        except _Anew:
            del found[tag.name]
            bins.pop(tag.name, None)
    return Carried(found, bins)


def _fits(tag: TagColumn, earlier: Earlier) -> bool:
    """Whether the figures of a tag add up: all its values are listed, or it is cut in ranges."""
    item = earlier.stats[tag.name]
    if item.top:
        return len(item.top) == item.distinct and not plans.is_many(tag)
    cut = earlier.bins.get(tag.name)
    return has_order(tag) and bool(item.present) and cut is not None and cut.edges is not None


def _side(engine: Engine, table: str, tags: Sequence[TagColumn], members: int, earlier: Earlier) -> _Side:
    dialect = engine.dialect
    row = engine.query(plans.statistics_plan(table, tags, dialect, exact=True, different=False)).to_pylist()[0]
    few = [tag for tag in tags if earlier.stats[tag.name].top]
    values: dict[str, dict[str, int]] = {tag.name: {} for tag in few}
    for value in engine.query(plans.values_plan(table, few, dialect)).to_pylist() if few else ():
        if value["d"] > plans.TOP:
            values.pop(value["tag"], None)
        elif value["tag"] in values:
            values[value["tag"]][value["value"]] = value["n"]
    return _Side(row, values, look_at(engine, table, [tag for tag in tags if tag not in few], members))


def _figures(i: int, tag: TagColumn, item: TagStats, gone: _Side, came: _Side, members: int) -> TagStats:
    """All but the histogram; extremes as if no member with one went."""
    present = item.present - gone.row[f"c{i}"] + came.row[f"c{i}"]
    if not present:
        raise _Anew
    item = replace(item, present=present, coverage=present / members, histogram=None)
    if f"lo{i}" in gone.row:
        low, high = came.row[f"lo{i}"], came.row[f"hi{i}"]
        item = replace(
            item,
            minimum=item.minimum if low is None else min(item.minimum, low),
            maximum=item.maximum if high is None else max(item.maximum, high),
        )
    if item.mean is not None:
        total = item.mean * (present + gone.row[f"c{i}"] - came.row[f"c{i}"]) - _sum(i, gone) + _sum(i, came)
        item = replace(item, mean=total / present)
    return item if item.top is None else _listed(tag, item, gone, came)


def _sum(i: int, side: _Side) -> float:
    return float(side.row[f"avg{i}"] or 0) * int(side.row[f"c{i}"])


def _listed(tag: TagColumn, item: TagStats, gone: _Side, came: _Side) -> TagStats:
    """The counts by value."""
    if tag.name not in gone.values or tag.name not in came.values:
        raise _Anew
    counts = {v["value"]: v["count"] for v in item.top or ()}
    for side, sign in ((gone, -1), (came, 1)):
        for value, n in side.values[tag.name].items():
            counts[value] = counts.get(value, 0) + sign * n
    counts = {value: n for value, n in counts.items() if n}
    if min(counts.values()) < 0 or sum(counts.values()) != item.present or len(counts) > plans.TOP:
        raise _Anew
    in_order = sorted(counts, key=float if tag.type.is_number else str)
    top = [{"value": v, "count": counts[v]} for v in sorted(in_order, key=lambda v: -counts[v])]
    return replace(item, top=top, distinct=len(counts))


def _lost(i: int, item: TagStats, gone: _Side, came: _Side) -> bool:
    """Whether a member with an extreme went, and none with it came."""
    if gone.row.get(f"lo{i}") is None:
        return False
    low, high = came.row[f"lo{i}"], came.row[f"hi{i}"]
    return bool(
        (gone.row[f"lo{i}"] <= item.minimum and (low is None or low > item.minimum))
        or (gone.row[f"hi{i}"] >= item.maximum and (high is None or high < item.maximum))
    )


def _ranges(i: int, cut: Bins, item: TagStats, gone: _Side, came: _Side, members: int) -> Bins:
    """Members by the ranges of the earlier build."""
    edges = cut.edges
    if edges is None:
        raise _Anew
    counts = _moved(i, item, edges, cut.counts, gone, came)
    return Bins(counts, members - item.present, edges=edges)


def _histogram(
    i: int, item: TagStats, steps: list[Any] | None, gone: _Side, came: _Side
) -> list[dict[str, Any]] | None:
    """The steps of the earlier build, the outer ones as wide as is needed."""
    if steps is None:
        return None
    edges = [step["low"] for step in steps[1:]]
    if item.minimum > edges[0] or item.maximum < edges[-1]:
        raise _Anew
    counts = _moved(i, item, edges, [step["count"] for step in steps], gone, came)
    lows, highs = [item.minimum, *edges], [*edges, item.maximum]
    return [{"low": low, "high": high, "count": n} for low, high, n in zip(lows, highs, counts, strict=True)]


def _moved(
    i: int, item: TagStats, edges: Sequence[float], counts: Sequence[int], gone: _Side, came: _Side
) -> tuple[int, ...]:
    less, more = (side.look.in_ranges(item.tag, edges, side.row[f"c{i}"]) for side in (gone, came))
    found = tuple(n - a + b for n, a, b in zip(counts, less, more, strict=True))
    # A draw can miss a range, and what lies at an edge may fall on either side of it by rounding.
    if min(found) < 0 or sum(found) != item.present:
        raise _Anew
    return found
