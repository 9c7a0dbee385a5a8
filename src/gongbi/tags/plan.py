"""Plans over a build: what can be said of each tag. Pure text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gongbi.core.dialect import Dialect
from gongbi.core.plan import Plan
from gongbi.core.types import TEXT
from gongbi.tags.base import TagColumn

#: A tag with at most this many different values is shown value by value, one with more as a histogram.
FEW_VALUES = 12
BINS = 12
TOP = 12
#: Up to so many members everybody is looked at; of more, about so many, drawn by id, always the same.
LOOKED_AT = 100_000
#: The draw is made by the first so many digits of a hexadecimal hash.
_DIGITS = 8


def statistics_plan(
    table: str, tags: Sequence[TagColumn], dialect: Dialect, *, exact: bool, different: bool = True
) -> Plan:
    """Per tag: how many members have a value, the extremes and the mean, and how many different values there are.

    Different numbers are counted here only where an estimate will do, values without an order in `values_plan`,
    none at all where they are not asked for.

    Grain: one row in all; columns ``n`` and, for the i-th tag, ``c{i}``, ``d{i}``, ``lo{i}``, ``hi{i}``, ``avg{i}``.
    """
    columns = ["count(*) as n"]
    for i, tag in enumerate(tags):
        name = dialect.ident(tag.name)
        columns.append(f"count({name}) as c{i}")
        if tag.type.is_number:
            double = f"cast({name} as {dialect.types['double']})"
            columns += [f"min({double}) as lo{i}", f"max({double}) as hi{i}", f"avg({double}) as avg{i}"]
            columns += [] if exact or not different else [f"approx_count_distinct({name}) as d{i}"]
        elif tag.type.name in ("date", "timestamp"):
            text = dialect.types["text"]
            columns += [f"cast(min({name}) as {text}) as lo{i}", f"cast(max({name}) as {text}) as hi{i}"]
            if different:
                columns.append(f"{f'count(distinct {name})' if exact else f'approx_count_distinct({name})'} as d{i}")
    return Plan().then("statistics", f"select {', '.join(columns)} from {dialect.ident(table)}")


def strays_plan(
    table: str, closed: Mapping[str, Sequence[Any]], dialect: Dialect, many: Sequence[TagColumn] = ()
) -> Plan:
    """Values that are not among those that a tag may have. Grain: one row per (tag, value); ``tag``, ``value``, ``n``.

    Parameters
    ----------
    closed
        Tag → its allowed values.
    many
        The tags among them whose values are lists: their elements are looked at.
    """
    parts = []
    for tag, allowed in closed.items():
        values = ", ".join(dialect.literal(value) for value in allowed)
        column = next((one for one in many if one.name == tag), TagColumn(tag, TEXT))
        parts.append(
            f"(select {dialect.literal(tag)} as tag, cast(v as {dialect.types['text']}) as value, count(*) as n"
            f" from ({_each_value(column, table, dialect)}) s where v not in ({values}) group by v"
            f" order by count(*) desc, v limit {TOP})"
        )
    return Plan().then("strays", " union all ".join(parts))


def values_plan(table: str, tags: Sequence[TagColumn], dialect: Dialect) -> Plan:
    """The most frequent values of each tag, or elements of its lists, by the members who have them.

    Grain: one row per (tag, value), columns ``tag``, ``value``, ``n`` and ``d``, how many different values there are.
    """
    parts = [
        # In two steps: Spark does not sort by an aggregate beside a window.
        f"(select {dialect.literal(tag.name)} as tag, cast(v as {dialect.types['text']}) as value, n,"
        f" count(*) over () as d from (select v, count(*) as n from ({_each_value(tag, table, dialect)}) s"
        f" where v is not null group by v) g order by n desc, v limit {TOP})"
        for tag in tags
    ]
    return Plan().then("top_values", " union all ".join(parts))


def _each_value(tag: TagColumn, table: str, dialect: Dialect) -> str:
    """One row per member and value; of a list or a distribution, per member and different element."""
    name, source = dialect.ident(tag.name), dialect.ident(table)
    if not is_many(tag):
        return f"select {name} as v from {source}"
    duck = dialect.name == "duckdb"
    if tag.type.name == "distribution":
        value = dialect.ident("value")
        name = f"list_transform({name}, lambda e: e.{value})" if duck else f"transform({name}, e -> e.{value})"
    return (
        f"select {f'unnest(list_distinct({name}))' if duck else f'explode(array_distinct({name}))'} as v from {source}"
    )


def is_many(tag: TagColumn) -> bool:
    """Whether a member has several values of a tag at once."""
    return tag.type.name in ("list", "distribution")


def share_looked_at(members: int) -> float | None:
    """The share of so many members that is drawn; None where everybody is looked at."""
    return LOOKED_AT / members if members > LOOKED_AT else None


def drawn(share: float | None, dialect: Dialect) -> str:
    """The where clause of a fixed draw by the column ``id``; empty for everybody."""
    return "" if share is None else f" where {by_lot(0, share, dialect)}"


def by_lot(start: float, end: float, dialect: Dialect) -> str:
    """The condition that a member's place in a fixed order by lot, in [0, 1), is in [start, end).

    The place depends on the column ``id`` alone, and is the same on every engine.
    """
    place = f"substr(md5(cast(id as {dialect.types['text']})), 1, {_DIGITS})"
    bounds = [(">=", start)] if start > 0 else []
    bounds += [("<", end)] if end < 1 else []
    said = [f"{place} {sign} '{int(bound * 16**_DIGITS):0{_DIGITS}x}'" for sign, bound in bounds]
    return " and ".join(said) or "true"
