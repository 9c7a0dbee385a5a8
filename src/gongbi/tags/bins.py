"""The bins in which two builds of a tag are compared: cut from the base, counted in both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from gongbi.core.dialect import Dialect
from gongbi.core.plan import Plan
from gongbi.engine import Engine
from gongbi.store.builds import TagStats
from gongbi.tags.base import TagColumn
from gongbi.tags.quality import Bins

#: Numbers and days with many values are cut at their tenths, found among so many rows; the counts are exact.
TENTHS, LOOKED_AT = 10, 200_000
_FIRST_DAY = date(1970, 1, 1)


def cut(
    engine: Engine, table: str, tags: Sequence[TagColumn], stats: Sequence[TagStats], members: int
) -> dict[str, Bins]:
    """The bins of each tag of a build, with its own counts. Lists and distributions have none, nor what nobody has."""
    known = {item.tag: item for item in stats}
    ranged = [t for t in tags if _has_order(t) and known[t.name].present and not known[t.name].top]
    edges: dict[str, tuple[float, ...]] = {}
    if ranged:
        row = engine.query(edges_plan(table, ranged, engine.dialect)).to_pylist()[0]
        edges = {t.name: tuple(sorted({float(v) for v in row[f"q{i}"] or ()})) for i, t in enumerate(ranged)}
    found: dict[str, Bins] = {}
    for tag in tags:
        item = known[tag.name]
        if tag.type.name not in ("list", "distribution") and item.top:
            counts = [v["count"] for v in item.top]
            others = item.present - sum(counts)
            values = tuple(str(v["value"]) for v in item.top)
            found[tag.name] = Bins((*counts, others), members - item.present, values=values)
        elif tag.name in edges:
            found[tag.name] = Bins((), members - item.present, edges=edges[tag.name])
    ranges = _in_ranges(engine, table, ranged, {name: bins for name, bins in found.items() if bins.edges is not None})
    return found | {name: Bins(counts, found[name].absent, edges=found[name].edges) for name, counts in ranges.items()}


def counted(
    engine: Engine,
    table: str,
    tags: Sequence[TagColumn],
    stats: Sequence[TagStats],
    members: int,
    base: Mapping[str, Bins],
) -> dict[str, Bins]:
    """A build in the bins of another."""
    known = {item.tag: item for item in stats}
    fits = [t for t in tags if t.name in base and t.type.name != "list"]
    cuts = {t.name: base[t.name] for t in fits if base[t.name].edges is not None and _has_order(t)}
    valued = {t.name: base[t.name] for t in fits if base[t.name].values is not None}
    found = {
        name: Bins(counts, members - known[name].present, edges=base[name].edges)
        for name, counts in _in_ranges(engine, table, [t for t in fits if t.name in cuts], cuts).items()
    }
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


def _of_values(bins: Bins, seen: Mapping[str, int], item: TagStats, members: int) -> Bins:
    counts = [seen.get(value, 0) for value in bins.values or ()]
    return Bins((*counts, item.present - sum(counts)), members - item.present, values=bins.values)


def _in_ranges(
    engine: Engine, table: str, tags: Sequence[TagColumn], bins: Mapping[str, Bins]
) -> dict[str, tuple[int, ...]]:
    wanted = [(tag, bins[tag.name].edges or ()) for tag in tags if tag.name in bins]
    if not wanted:
        return {}
    seen: dict[str, dict[int, int]] = {}
    for row in engine.query(ranges_plan(table, wanted, engine.dialect)).to_pylist():
        seen.setdefault(row["tag"], {})[row["bin"]] = row["n"]
    return {t.name: tuple(seen.get(t.name, {}).get(i, 0) for i in range(len(edges) + 1)) for t, edges in wanted}


def _has_order(tag: TagColumn) -> bool:
    return tag.type.is_number or tag.type.name in ("date", "timestamp")


def _number(tag: TagColumn, dialect: Dialect) -> str:
    """The value as a double; of a date or an instant, days since 1970."""
    name, double = dialect.ident(tag.name), dialect.types["double"]
    if tag.type.is_number:
        return f"cast({name} as {double})"
    day, first = f"cast({name} as date)", dialect.literal(_FIRST_DAY)
    days = f"date_diff('day', {first}, {day})" if dialect.name == "duckdb" else f"datediff({day}, {first})"
    return f"cast({days} as {double})"


def edges_plan(table: str, tags: Sequence[TagColumn], dialect: Dialect) -> Plan:
    """The tenths of each tag among some rows. One row; column ``q{i}`` is the list of cuts of the i-th tag."""
    shares = ", ".join(f"{k / TENTHS}" for k in range(1, TENTHS))
    write = (
        "approx_quantile({x}, [{shares}])" if dialect.name == "duckdb" else "percentile_approx({x}, array({shares}))"
    )
    parts = (f"{write.format(x=_number(tag, dialect), shares=shares)} as q{i}" for i, tag in enumerate(tags))
    names = ", ".join(dialect.ident(tag.name) for tag in tags)
    some = f"(select {names} from {dialect.ident(table)} limit {LOOKED_AT}) s"
    return Plan().then("edges", f"select {', '.join(parts)} from {some}")


def ranges_plan(table: str, tags: Sequence[tuple[TagColumn, Sequence[float]]], dialect: Dialect) -> Plan:
    """Members per range. Grain: one row per (tag, range), columns ``tag``, ``bin`` from 0, ``n``."""
    parts = []
    for tag, edges in tags:
        x = _number(tag, dialect)
        steps = " ".join(f"when {x} < {dialect.literal(edge)} then {i}" for i, edge in enumerate(edges))
        place = f"case {steps} else {len(edges)} end" if edges else "0"
        parts.append(
            f"select {dialect.literal(tag.name)} as tag, {place} as bin, count(*) as n from {dialect.ident(table)}"
            f" where {dialect.ident(tag.name)} is not null group by 2"
        )
    return Plan().then("ranges", " union all ".join(parts))


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
