"""Facts that are grouped from other facts: how a row is made, and what was known of it at an instant.

A group may span the instant: the first lines of a trip before it, the last after. Its stored row sums up all of them
and so knows the future. As of the instant the row is therefore made again from the lines before it; only the groups
with a line at or after the instant need that.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from gongbi.core.casts import cast, constant
from gongbi.core.dialect import Dialect
from gongbi.core.language import compile_group
from gongbi.core.types import INTEGER, STORED_PRECISION, TIMESTAMP, Type
from gongbi.core.world import FactShape, Grouping, World
from gongbi.errors import InvalidDefinition, UnknownName

#: Where a row came from; rows of a derived fact have `_load` 0.
_ORIGIN = ("_load", "_row")


def group_values(fact: FactShape, base: FactShape, dialect: Dialect, *, zone: str) -> dict[str, str]:
    """Column of a derived fact → SQL of an aggregate over the rows of the group.

    Time and subjects are those of the group, the smallest where it has several.
    """
    grouping = fact.grouping
    assert grouping is not None
    ident = dialect.ident
    end = {"until": TIMESTAMP} if base.lasts else {}
    columns: dict[str, Type] = {"ts": TIMESTAMP, **end, **base.subjects, **base.columns}
    for name in (*grouping.by, *fact.subjects):
        if name not in columns:
            raise UnknownName(f"column of {base.name}", name, columns, place=grouping.place)
    values = {"ts": f"min({ident('ts')})"} | {name: f"min({ident(name)})" for name in fact.subjects}
    for name, column in grouping.columns.items():
        compiled = compile_group(column.expr, columns, dialect, zone=zone, rows=base.name, place=grouping.place)
        type_ = column.type
        sql = cast(f"({compiled.sql})", compiled.type, type_, dialect)
        if sql is None or (compiled.type.currency and type_.currency != compiled.type.currency):
            raise InvalidDefinition(
                f"Column {name!r} of {fact.name!r} gives {compiled.type}; it is declared {type_}.", place=grouping.place
            )
        if type_.name == "decimal" and compiled.type.name in ("integer", "decimal"):
            # A sum that is too large must not pass for an absent one: the engine refuses it.
            sql = f"cast(({compiled.sql}) as {dialect.type(type_, STORED_PRECISION)})"
        default = column.default
        values[name] = sql if default is None else f"coalesce({sql}, {constant(default, type_, dialect)})"
    return values


def rows_as_of(fact: FactShape, world: World, dialect: Dialect, as_of: datetime) -> str:
    """The rows of a fact as they were known at an instant: a query with all its columns, `_load` and `_row`.

    A row that did not change until now is read where it is stored.
    """
    ident, now = dialect.ident, dialect.literal(as_of)
    names = [ident(name) for name in (*_ORIGIN, *fact.names)]
    listed = ", ".join(f"f.{name}" for name in names)
    grouping = fact.grouping
    if grouping is None:
        return f"select {listed} from {ident(fact.table)} f where f.ts < {now}"
    base = world.fact(grouping.fact)
    values = group_values(fact, base, dialect, zone=world.zone)
    absent = f"cast(null as {dialect.type(INTEGER)})"
    origin = {"_load": f"cast(0 as {dialect.type(INTEGER)})", "_row": absent}
    made = ", ".join(f"{sql} as {ident(name)}" for name, sql in (origin | _ordered(values, fact)).items())
    keys = ", ".join(f"b.{ident(name)}" for name in grouping.by)
    rows = f"({rows_as_of(base, world, dialect, as_of)}) b"
    kept = all(fact.column(grouping.keys.get(name, "")) == base.column(name) for name in grouping.by)
    if base.grouping is not None or not kept:
        # Which stored rows have changed since cannot be told, so all are made again.
        return f"select {made} from {rows} group by {keys}"
    late = f"(select distinct {keys} from {ident(base.table)} b where b.ts >= {now}) l"
    stored = f"select {listed} from {ident(fact.table)} f anti join {late} on {_same(grouping, 'f', dialect)}"
    again = f"select b.* from {rows} semi join {late} on {_same(grouping, 'b', dialect)}"
    return f"{stored} where f.ts < {now} union all select {made} from ({again}) b group by {keys}"


def _ordered(values: Mapping[str, str], fact: FactShape) -> dict[str, str]:
    return {name: values[name] for name in fact.names}


def _same(grouping: Grouping, alias: str, dialect: Dialect) -> str:
    """Whether a row, stored or of the fact below, belongs to a group that goes on after the instant."""
    own = grouping.keys if alias == "f" else {name: name for name in grouping.by}
    pairs = (f"{alias}.{dialect.ident(own[name])} is not distinct from l.{dialect.ident(name)}" for name in grouping.by)
    return " and ".join(pairs)
