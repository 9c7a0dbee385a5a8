"""Which of several rows with one key is the live one: within a file the first, across files the last. Pure.

All rows of all loads that were not undone are kept: the live ones in the target, the others in `superseded_TARGET`.
Which is which follows from the loads alone: a row lives when its load was not replaced (by a later load of the same
path) and no later load that was not replaced has its key. So loading, replacing and undoing are one operation: change
the rows of a load, then settle the keys that it touched. Any order of loads and undos gives the same tables as loading
what is left from the start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gongbi.catalog.tables import superseded_table_name
from gongbi.core.dialect import Dialect
from gongbi.core.plan import Plan
from gongbi.core.table import Column, Table
from gongbi.core.types import BOOLEAN, INTEGER

#: Working tables, made and dropped inside the transaction of a load.
KEYS = "working_keys"
VERSIONS = "working_versions"
TWICE = "working_twice"


def keys_table(table: Table) -> Table:
    """The keys to be settled, as `__k0`, `__k1` and so on."""
    columns = (Column(f"__k{i}", table.column(name).type) for i, name in enumerate(table.key))
    return Table(KEYS, tuple(columns), grain=f"one row per key of {table.name}")


def versions_table(table: Table) -> Table:
    """Every row with one of those keys, and the load that hides it (null for the live one)."""
    return Table(VERSIONS, (*table.columns, Column("_by", INTEGER)), grain="one row per version of a key")


def twice_table() -> Table:
    """Rows of a load whose key came before in the same file."""
    return Table(TWICE, (Column("__row", INTEGER), Column("__repeated", BOOLEAN)), grain="one row per row number")


def has_twice(table: Table, load: int, dialect: Dialect) -> Plan:
    """Whether any key occurs twice in a load. Grain: at most one row."""
    key = _list(table.key, dialect)
    where = f"where {dialect.ident('_load')} = {load}"
    return Plan().then(
        "twice",
        f"select 1 as found from {dialect.ident(table.name)} {where} group by {key} having count(*) > 1 limit 1",
    )


def twice(table: Table, load: int, dialect: Dialect) -> Plan:
    """Rows of a load that are not the first with their key; `__repeated` where they say the same as the first.

    Grain: one row per (load, row number). The same means equal in every mapped column.
    """
    ident = dialect.ident
    key = [ident(name) for name in table.key]
    content = [ident(c.name) for c in table.columns if c.name not in ("_load", "_row", *table.key)]
    mine = f"select * from {ident(table.name)} where {ident('_load')} = {load}"
    counted = f"count(*) over (partition by {', '.join(key)}) as __n"
    first = f"min({ident('_row')}) over (partition by {', '.join(key)}) as __first"
    same = " and ".join([f"a.{c} is not distinct from b.{c}" for c in content] or ["true"])
    joined = " and ".join(f"a.{k} = b.{k}" for k in key)
    return (
        Plan()
        .then("counted", f"select t.*, {counted}, {first} from ({mine}) t")
        .then("several", "select * from counted where __n > 1", materialize=True)
        .then(
            "twice",
            f"select a.{ident('_row')} as __row, ({same}) as __repeated from several a join several b on {joined}"
            f" and b.{ident('_row')} = a.__first where a.{ident('_row')} > a.__first",
        )
    )


def is_twice(load: int, dialect: Dialect) -> str:
    """The condition that a row of the target is one of those."""
    ident = dialect.ident
    return f"{ident('_load')} = {load} and exists (select 1 from {TWICE} where __row = {ident('_row')})"


def shared_keys(table: Table, load: int, dialect: Dialect) -> Plan:
    """Keys of a load that other rows have too. Grain: one row per key."""
    ident = dialect.ident
    key = [ident(name) for name in table.key]
    named = ", ".join(f"{k} as __k{i}" for i, k in enumerate(key))
    same = " and ".join(f"a.__k{i} = b.__k{i}" for i in range(len(key)))
    both = " union all ".join(
        f"select {named} from {ident(name)} where {ident('_load')} <> {load}"
        for name in (table.name, superseded_table_name(table.name))
    )
    mine = f"select distinct {named} from {ident(table.name)} where {ident('_load')} = {load}"
    return (
        Plan()
        .then("mine", mine)
        .then("others", both)
        .then("shared", f"select a.* from mine a where exists (select 1 from others b where {same})")
    )


def keys_of(table: Table, loads: Sequence[int], dialect: Dialect) -> Plan:
    """All keys that rows of these loads have, live or not. Grain: one row per key."""
    ident = dialect.ident
    named = ", ".join(f"{ident(name)} as __k{i}" for i, name in enumerate(table.key))
    among = ", ".join(map(str, loads))
    both = " union all ".join(
        f"select {named} from {ident(name)} where {ident('_load')} in ({among})"
        for name in (table.name, superseded_table_name(table.name))
    )
    return Plan().then("those", both).then("keys", "select distinct * from those")


def is_touched(table: Table, dialect: Dialect) -> str:
    """The condition that a row's key is among those to be settled."""
    same = " and ".join(f"__k{i} = {dialect.ident(name)}" for i, name in enumerate(table.key))
    return f"exists (select 1 from {KEYS} where {same})"


def versions(table: Table, replaced: Mapping[int, int], dialect: Dialect) -> Plan:
    """Every version of the touched keys with the load that hides it.

    Grain: one row per (key, load). `replaced` says which loads were replaced, and by which.
    """
    ident = dialect.ident
    columns = _list([c.name for c in table.columns], dialect)
    where = is_touched(table, dialect)
    both = " union all ".join(
        f"select {columns} from {ident(name)} where {where}" for name in (table.name, superseded_table_name(table.name))
    )
    load = ident("_load")
    by = f"case {' '.join(f'when {load} = {a} then {b}' for a, b in replaced.items())} end" if replaced else "null"
    key = _list(table.key, dialect)
    newest = f"max(case when __replaced is null then {load} end) over (partition by {key})"
    hidden = f"coalesce(__replaced, case when {load} < __newest then __newest end)"
    return (
        Plan()
        .then("every", both)
        .then("marked", f"select {columns}, cast({by} as {dialect.types['integer']}) as __replaced from every")
        .then("ranked", f"select {columns}, __replaced, {newest} as __newest from marked")
        .then("versions", f"select {columns}, {hidden} as {ident('_by')} from ranked")
    )


def live(table: Table, dialect: Dialect) -> Plan:
    """Versions that nothing hides."""
    columns = _list([c.name for c in table.columns], dialect)
    return Plan().then("live", f"select {columns} from {VERSIONS} where {dialect.ident('_by')} is null")


def hidden(dialect: Dialect) -> Plan:
    """Versions that wait for an undo."""
    return Plan().then("hidden", f"select * from {VERSIONS} where {dialect.ident('_by')} is not null")


def _list(names: Sequence[str], dialect: Dialect) -> str:
    return ", ".join(dialect.ident(name) for name in names)
