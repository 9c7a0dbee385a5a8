"""The bins in which two builds of a tag are compared: cut from the base, counted in both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gongbi.core.dialect import Dialect
from gongbi.core.plan import Plan
from gongbi.engine import Engine
from gongbi.store.builds import TagStats
from gongbi.tags.base import TagColumn
from gongbi.tags.look import Look, has_order
from gongbi.tags.quality import Bins

#: Numbers and days with many values are cut at their tenths.
TENTHS = 10
NONE: Mapping[str, Bins] = {}


def cut(
    tags: Sequence[TagColumn], stats: Sequence[TagStats], members: int, look: Look, given: Mapping[str, Bins] = NONE
) -> dict[str, Bins]:
    """The bins of each tag of a build, with its own counts. Lists and distributions have none, nor what nobody has.

    Parameters
    ----------
    given
        Bins of tags that were counted already.
    """
    known = {item.tag: item for item in stats}
    found: dict[str, Bins] = {}
    for tag in tags:
        item = known[tag.name]
        if tag.name in given:
            found[tag.name] = given[tag.name]
        elif not tag.type.is_many and item.top:
            counts = [v["count"] for v in item.top]
            others = item.present - sum(counts)
            values = tuple(str(v["value"]) for v in item.top)
            found[tag.name] = Bins((*counts, others), members - item.present, values=values)
        elif has_order(tag) and item.present and not item.top:
            found[tag.name] = _of_ranges(look.cuts(tag.name, TENTHS), item, members, look)
    return found


def counted(
    engine: Engine,
    table: str,
    tags: Sequence[TagColumn],
    stats: Sequence[TagStats],
    members: int,
    look: Look,
    base: Mapping[str, Bins],
    given: Mapping[str, Bins] = NONE,
) -> dict[str, Bins]:
    """A build in the bins of another; `given` are counted in them already."""
    known = {item.tag: item for item in stats}
    fits = [t for t in tags if t.name in base and t.type.name != "list"]
    valued = {t.name: base[t.name] for t in fits if base[t.name].values is not None}
    found: dict[str, Bins] = {}
    for tag in fits:
        edges = base[tag.name].edges
        if tag.name in given:
            found[tag.name] = given[tag.name]
        elif edges is not None and has_order(tag):
            found[tag.name] = _of_ranges(edges, known[tag.name], members, look)
    asked = {}
    for name, bins in valued.items():
        item, seen = known[name], {str(v["value"]): v["count"] for v in known[name].top or ()}
        if sum(seen.values()) == item.present:
            found[name] = _of_values(bins, seen, item, members)
        else:
            asked[name] = bins
    if asked:
        rows = engine.query(values_in_plan(table, asked, engine.dialect)).to_pylist()
        for name, bins in asked.items():
            here = {row["value"]: row["n"] for row in rows if row["tag"] == name}
            found[name] = _of_values(bins, here, known[name], members)
    return found


def _of_ranges(edges: Sequence[float], item: TagStats, members: int, look: Look) -> Bins:
    counts = look.in_ranges(item.tag, edges, item.present)
    return Bins(counts, members - item.present, edges=tuple(edges))


def _of_values(bins: Bins, seen: Mapping[str, int], item: TagStats, members: int) -> Bins:
    counts = [seen.get(value, 0) for value in bins.values or ()]
    return Bins((*counts, item.present - sum(counts)), members - item.present, values=bins.values)


def values_in_plan(table: str, bins: Mapping[str, Bins], dialect: Dialect) -> Plan:
    """Members per value that the base has a bin of. Grain: one row per (tag, value): ``tag``, ``value``, ``n``."""
    parts = []
    for tag, one in bins.items():
        text = f"cast({dialect.ident(tag)} as {dialect.types['text']})"
        listed = ", ".join(dialect.literal(value) for value in one.values or ())
        parts.append(
            f"select {dialect.literal(tag)} as tag, {text} as value, count(*) as n from {dialect.ident(table)}"
            f" where {text} in ({listed}) group by {text}"
        )
    return Plan().then("values_in", " union all ".join(parts))


def comparable(base: Bins, now: Bins) -> tuple[Sequence[int], Sequence[int]]:
    """The counts of two builds over the same bins, the absent among them."""
    return (*base.counts, base.absent), (*now.counts, now.absent)


def from_rows(rows: Sequence[Mapping[str, Any]]) -> dict[str, Bins]:
    """The bins that a store has kept of a build, by tag."""
    return {row["tag"]: Bins.from_json(row["bins"]) for row in rows if row["bins"] is not None}
