"""Plans about groups: how many, who, and how they differ. Pure text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gongbi.core.compiler import Request, compile_members
from gongbi.core.dialect import Dialect
from gongbi.core.plan import Plan
from gongbi.core.world import World
from gongbi.segments.base import Bin, BinnedTag

#: Columns per statement: engines read wide aggregates faster in a few pieces.
WIDTH = 200


def count_plan(request: Request, world: World, dialect: Dialect) -> Plan:
    """How many members the condition holds for. One row, column ``n``."""
    plan = compile_members(replace(request, columns={}), world, dialect)
    return plan.then("_count", "select count(*) as n from _result")


def members_plan(
    request: Request, world: World, dialect: Dialect, *, limit: int | None, order: Sequence[str] = ()
) -> Plan:
    """The members and the requested columns, in order of `order` (descending) and id."""
    plan = compile_members(request, world, dialect)
    keys = [f"{dialect.ident(name)} desc nulls last" for name in order]
    sql = f"select * from _result order by {', '.join([*keys, 'id'])}"
    return plan.then("_members", sql + (f" limit {int(limit)}" if limit is not None else ""))


#: A pattern is a whole number of 64 bits; one is its sign.
MOST_PATTERN_BITS = 62


def patterns_plan(request: Request, world: World, dialect: Dialect) -> Plan:
    """How many members answer the requested conditions alike.

    Parameters
    ----------
    request
        Its columns are conditions; the first answers to bit 0 of the pattern.

    Returns
    -------
    Plan
        Columns ``pattern`` (the sum of 2^i over the conditions i that are true) and ``n``. Grain: one row per pattern
        that occurs.
    """
    bits = [
        f"(case when {dialect.ident(name)} then {dialect.literal(2**i)} else {dialect.literal(0)} end)"
        for i, name in enumerate(request.columns)
    ]
    plan = compile_members(request, world, dialect)
    plan = plan.then("_patterns", f"select {' + '.join(bits)} as pattern from _result")
    return plan.then("_counted", "select pattern, count(*) as n from _patterns group by pattern")


def quintiles_plan(table: str, tags: Sequence[str], dialect: Dialect) -> Plan:
    """Four cuts per numeric tag. One row; columns ``q{i}_{k}`` for the i-th tag and the k-th fifth."""
    name = "quantile_cont" if dialect.name == "duckdb" else "percentile"
    columns = [
        f"{name}(cast({dialect.ident(tag)} as {dialect.types['double']}), {k / 5}) as q{i}_{k}"
        for i, tag in enumerate(tags)
        for k in range(1, 5)
    ]
    return Plan().then("quintiles", f"select {', '.join(columns)} from {dialect.ident(table)}")


def condition(bin_: Bin, dialect: Dialect, column: str) -> str:
    """True of the members in a bin."""
    if bin_.is_absent:
        return f"{column} is null"
    if bin_.value is not None:
        return f"cast({column} as {dialect.types['text']}) = {dialect.literal(bin_.value)}"
    double = f"cast({column} as {dialect.types['double']})"
    parts = [f"{column} is not null"]
    if bin_.low is not None:
        parts.append(f"{double} >= {dialect.literal(bin_.low)}")
    if bin_.high is not None:
        parts.append(f"{double} {'<=' if bin_.last else '<'} {dialect.literal(bin_.high)}")
    return " and ".join(parts)


def profile_plans(
    request: Request, world: World, dialect: Dialect, tags: Sequence[BinnedTag], columns: Mapping[str, str]
) -> list[Plan]:
    """Count every bin among the group's members and among all known members.

    Parameters
    ----------
    request
        The group: its condition and instant.
    columns
        tag → table that keeps it.

    Returns
    -------
    list of Plan
        Each gives one row: ``n_group``, ``n_all`` and, for bin i of its piece of `WIDTH` bins, ``g{i}`` and ``a{i}``.
    """
    bins = [(tag.tag, bin_) for tag in tags for bin_ in tag.bins]
    plans = []
    for start in range(0, len(bins), WIDTH):
        piece = bins[start : start + WIDTH]
        alias: dict[str, str] = {}
        for tag, _ in piece:
            alias.setdefault(columns[tag], f"t{len(alias)}")
        joins = [f"left join {dialect.ident(table)} {name} on {name}.id = m.id" for table, name in alias.items()]
        counts = []
        for i, (tag, bin_) in enumerate(piece):
            true = condition(bin_, dialect, f"{alias[columns[tag]]}.{dialect.ident(tag)}")
            counts += [f"count(*) filter (where {true}) as a{i}", f"count(g.id) filter (where {true}) as g{i}"]
        known = f"(m.known_from is null or m.known_from < {dialect.literal(request.as_of)})"
        sql = (
            f"select count(g.id) as n_group, count(*) as n_all, {', '.join(counts)}"
            f" from {dialect.ident('member_' + request.subject)} m"
            f" left join _result g on g.id = m.id {' '.join(joins)} where {known}"
        )
        group = compile_members(replace(request, columns={}), world, dialect)
        plans.append(group.then("_profile", sql))
    return plans
