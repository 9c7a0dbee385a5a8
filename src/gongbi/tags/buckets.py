"""A whole build in parts, where the members at once would want more memory than there is.

Ranks are among everybody, so they come first, of all members, as a narrow table; then one bucket of members after the
other is computed and appended. Each bucket reads the facts of its own members.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import ceil

from gongbi.core import expr as ir
from gongbi.core.apart import ranks_apart
from gongbi.core.compiler import Request, Stored, compile_members
from gongbi.core.dialect import Dialect
from gongbi.core.expr import Expr
from gongbi.core.plan import Plan
from gongbi.core.world import World
from gongbi.engine import Engine, OnProgress

#: Bytes that one running aggregate of one member takes, by and large, and a value on its way into the table: 100,000
#: members with 300 tags (260 aggregates) wanted 0.6 GB.
PER_AGGREGATE, PER_VALUE = 16, 8
#: Bytes of a value in a table, compressed, generously: 2 were measured in such a build.
PER_STORED = 4
#: Members are told apart by two hexadecimal digits.
MOST = 256


def memory_wanted(columns: Mapping[str, Expr], members: int) -> int:
    """Bytes that computing the columns takes if nothing spills to disk."""
    aggregates = {call for expr in columns.values() for call in ir.aggregates(expr)}
    return members * (len(aggregates) * PER_AGGREGATE + len(columns) * PER_VALUE)


def room_wanted(columns: Mapping[str, Expr], members: int) -> int:
    """Bytes on disk that the table takes."""
    return members * len(columns) * PER_STORED


def buckets(columns: Mapping[str, Expr], members: int, memory: int | None) -> int:
    """In how many parts a build is computed; one where it fits, or where the engine divides work itself."""
    if memory is None:
        return 1
    return min(MOST, max(1, ceil(memory_wanted(columns, members) / memory)))


def bucket_plan(subject: str, i: int, n: int, dialect: Dialect) -> Plan:
    """The members of the i-th of n buckets, from 0. Grain: one row per member, column ``id``."""
    low, high = MOST * i // n, MOST * (i + 1) // n
    place = f"substr(md5(cast(id as {dialect.types['text']})), 1, 2)"
    upper = f" and {place} < '{high:02x}'" if high < MOST else ""
    members = dialect.ident(f"member_{subject}")
    return Plan().then("bucket", f"select id from {members} where {place} >= '{low:02x}'{upper}")


def build_in_buckets(
    engine: Engine,
    world: World,
    request: Request,
    table: str,
    n: int,
    drafts: tuple[str, str],
    on_progress: OnProgress | None = None,
) -> int:
    """Write one row per member with its tags as the table, bucket by bucket; return how many members.

    Parameters
    ----------
    drafts
        Two tables to work in, for ranks and for a bucket's members; the caller drops them.
    """
    ranks, bucket = drafts
    apart = ranks_apart(request.columns, None, always=True)
    if apart is not None:
        engine.build(compile_members(replace(request, columns=apart.first), world, engine.dialect), ranks)
        stored = {**request.stored, **{name: Stored(ranks, name) for name in apart.ranks}}
        request = replace(request, columns=apart.columns, stored=stored)
    members = 0
    for i in range(n):
        engine.build(bucket_plan(request.subject, i, n, engine.dialect), bucket)
        plan = compile_members(replace(request, among=bucket), world, engine.dialect)
        if i == 0:
            members = engine.build(plan, table)
        else:
            members += engine.insert(table, plan)
        if on_progress is not None:
            on_progress(i + 1, n)
    return members
