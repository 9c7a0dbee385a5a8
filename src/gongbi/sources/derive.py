"""What follows from loaded rows: derived facts, members, and the counts that a report shows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gongbi.catalog.base import SourceDef, SubjectDef
from gongbi.catalog.catalog import fact_shape
from gongbi.catalog.tables import fact_table_name, roles, target_table_name
from gongbi.core.dialect import Dialect
from gongbi.core.grouping import group_values
from gongbi.core.plan import Plan
from gongbi.core.table import Table
from gongbi.core.types import INTEGER, TIMESTAMP
from gongbi.errors import InvalidDefinition


def derived_fact(
    source: SourceDef, base: SourceDef, subjects: Mapping[str, SubjectDef], dialect: Dialect, *, zone: str
) -> Plan:
    """Rows of a fact that is grouped from another.

    Grain: one row per distinct value of `group_by`. Time and subjects are those of the group, the smallest where it has
    several. `_load` is 0; `_row` numbers the groups by time, then by the grouped columns.
    """
    for name, mapping in source.columns.items():
        if mapping.lookup is not None:
            raise InvalidDefinition(
                f"Column {name!r} of the derived fact {source.fact!r} cannot be looked up.",
                hint="Look it up in the fact that it is derived from.",
                place=source.place,
            )
    ident = dialect.ident
    below = fact_shape(base, subjects)
    values = group_values(fact_shape(source, subjects), below, dialect, zone=zone)
    group = source.from_.group_by
    keys = ", ".join(ident(name) for name in group)
    listed = ", ".join(f"{sql} as {ident(name)}" for name, sql in values.items())
    order = ", ".join([ident("ts"), *(f"__g{i}" for i in range(len(group)))])
    named = ", ".join(f"{ident(name)} as __g{i}" for i, name in enumerate(group))
    zero = f"cast(0 as {dialect.type(INTEGER)}) as {ident('_load')}"
    number = f"row_number() over (order by {order}) as {ident('_row')}"
    picked = ", ".join(ident(name) for name in values)
    return (
        Plan()
        .then("grouped", f"select {named}, {listed} from {ident(below.table)} group by {keys}")
        .then("derived", f"select {zero}, {number}, {picked} from grouped")
    )


def mixed_groups(source: SourceDef, base: SourceDef, dialect: Dialect) -> Plan:
    """Per column, groups of a derived fact with several times or members. Grain: one row."""
    ident = dialect.ident
    names = ["ts", *source.subjects]
    keys = ", ".join(ident(name) for name in source.from_.group_by)
    spans = ", ".join(f"min({ident(n)}) as __a{i}, max({ident(n)}) as __b{i}" for i, n in enumerate(names))
    counts = ", ".join(f"count(case when __a{i} <> __b{i} then 1 end) as {ident(n)}" for i, n in enumerate(names))
    table = ident(fact_table_name(base.fact or ""))
    return (
        Plan()
        .then("spans", f"select {spans} from {table} group by {keys}")
        .then("mixed", f"select {counts} from spans")
    )


def members(subject: SubjectDef, sources: Iterable[SourceDef], dialect: Dialect) -> Plan:
    """All known members of a subject and since when.

    Grain: one row per member. Who is described or related without a beginning was always known (null); else the first
    instant at which a description, a relation or a fact names the member.
    """
    ident = dialect.ident
    name = subject.subject
    parts = []
    for source in sources:
        if source.is_derived:
            continue
        since = "ts" if source.target == "fact" else "valid_from"
        for role, (of, _) in roles(source).items():
            if of == name:
                always = f"max(case when {ident(since)} is null then 1 else 0 end)"
                parts.append(
                    f"select {ident(role)} as id, {always} as __always, min({ident(since)}) as __first"
                    f" from {ident(target_table_name(source))} where {ident(role)} is not null group by {ident(role)}"
                )
    if not parts:
        id_type, ts = dialect.type(subject.id_type), dialect.type(TIMESTAMP)
        return Plan().then(
            "nobody", f"select cast(null as {id_type}) as id, cast(null as {ts}) as known_from where false"
        )
    known = "case when max(__always) = 0 then min(__first) end as known_from"
    return (
        Plan()
        .then("named", " union all ".join(dict.fromkeys(parts)))
        .then("members", f"select id, {known} from named group by id")
    )


def unmatched(
    source: SourceDef,
    subjects: Mapping[str, SubjectDef],
    describing: Mapping[str, Sequence[str]],
    dialect: Dialect,
    *,
    load: int | None = None,
) -> Plan | None:
    """Rows of a fact whose member nobody describes, per column. Grain: one row. None where there is nothing to count.

    `describing` lists the attribute tables of each subject. Members that identity resolves are left out: their records
    make them known.
    """
    ident = dialect.ident
    counts: list[str] = []
    joins: list[str] = []
    for role, (name, _) in roles(source).items():
        tables = describing.get(name, ())
        if not tables or subjects[name].identifiers:
            continue
        ids = " union ".join(f"select id from {ident(table)}" for table in tables)
        alias = f"d{len(joins)}"
        joins.append(f"left join ({ids}) {alias} on f.{ident(role)} = {alias}.id")
        counts.append(
            f"count(case when {alias}.id is null and f.{ident(role)} is not null then 1 end) as {ident(role)}"
        )
    if not counts:
        return None
    where = "" if load is None else f" where {ident('_load')} = {load}"
    rows = f"(select * from {ident(target_table_name(source))}{where}) f"
    return Plan().then("unmatched", f"select {', '.join(counts)} from {rows} {' '.join(joins)}")


def signs(source: SourceDef, table: Table, load: int, dialect: Dialect) -> Plan | None:
    """Negative and zero amounts of a load, per money column. Grain: one row. None where no column is money."""
    ident = dialect.ident
    counts = []
    for i, name in enumerate(money_columns(source)):
        counts.append(f"count(case when {ident(name)} < 0 then 1 end) as n{i}")
        counts.append(f"count(case when {ident(name)} = 0 then 1 end) as z{i}")
    if not counts:
        return None
    return Plan().then("signs", f"select {', '.join(counts)} from {ident(table.name)} where {ident('_load')} = {load}")


def money_columns(source: SourceDef) -> list[str]:
    """Columns of a fact that hold money, in order."""
    return [n for n, m in source.columns.items() if m.type_ == "money"] if source.target == "fact" else []
