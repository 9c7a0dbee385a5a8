"""Identifiers of records → ids and links, as plans. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gongbi.catalog.base import SubjectDef
from gongbi.catalog.tables import own_column
from gongbi.core.dialect import Dialect
from gongbi.core.plan import Plan
from gongbi.core.table import Table
from gongbi.core.types import INTEGER, TEXT
from gongbi.identity.tables import identifier_table, link_table, merge_table


def primary_kind(subject: SubjectDef) -> str:
    """The kind of identifier whose values are ids."""
    return next(kind for kind, identifier in subject.identifiers.items() if identifier.primary)


def in_rank(subject: SubjectDef, kinds: Sequence[str]) -> list[str]:
    """Kinds in the order in which they name a record: the primary one, then as the subject lists them."""
    first = primary_kind(subject)
    return sorted(kinds, key=lambda kind: (kind != first, list(subject.identifiers).index(kind)))


def _text(sql: str, dialect: Dialect) -> str:
    return f"cast({sql} as {dialect.type(TEXT)})"


def new_identifiers(subject: SubjectDef, kind: str, load: int, next_surrogate: int, dialect: Dialect) -> Plan:
    """Identifiers of one kind in the input `combined` that are not known yet.

    Grain: one row per identifier. Surrogates are numbered from `next_surrogate` in the order of values.
    """
    ident, literal = dialect.ident, dialect.literal
    table = identifier_table(subject)
    type_ = dialect.type(subject.id_type)
    value = _text(ident(kind), dialect)
    seen = f"select value as __seen from {ident(table.name)} where kind = {literal(kind)}"
    if kind == primary_kind(subject):
        own = f"cast(__value as {type_})"
    else:
        number = f"({next_surrogate - 1} + row_number() over (order by __value))"
        own = f"cast(-{number} as {type_})" if subject.id_type == INTEGER else f"concat('~', {_text(number, dialect)})"
    return (
        Plan()
        .then("given", f"select distinct {value} as __value from combined where {ident(kind)} is not null")
        .then("seen", seen)
        .then("unseen", "select __value from given where not exists (select 1 from seen where __seen = __value)")
        .then("numbered", f"select __value, {own} as __own from unseen")
        .then(
            "identifiers",
            f"select {literal(kind)} as kind, __value as value, __own as customer, __own as own,"
            f" {literal(load)} as {ident('_load')} from numbered",
        )
    )


def _joined(subject: SubjectDef, kinds: Sequence[str], dialect: Dialect) -> tuple[str, str]:
    """`combined` with what is known of each identifier: `o0`, `o1`, … own ids and `c0`, … members."""
    ident = dialect.ident
    table = ident(identifier_table(subject).name)
    picked = ["c.*"]
    joins = []
    for i, kind in enumerate(kinds):
        known = f"select value, own, customer from {table} where kind = {dialect.literal(kind)}"
        joins.append(f"left join ({known}) i{i} on i{i}.value = {_text(f'c.{ident(kind)}', dialect)}")
        picked += [f"i{i}.own as __o{i}", f"i{i}.customer as __c{i}"]
    return ", ".join(picked), f"combined c {' '.join(joins)}"


def resolved(subject: SubjectDef, kinds: Sequence[str], dialect: Dialect) -> Plan:
    """The rows of `combined` with `own` and `id`. Grain: as `combined`."""
    ranked = in_rank(subject, kinds)
    picked, joined = _joined(subject, ranked, dialect)
    own = ", ".join(f"__o{i}" for i in range(len(ranked)))
    member = ", ".join(f"__c{i}" for i in range(len(ranked)))
    names = ", ".join(dialect.ident(kind) for kind in kinds)
    return (
        Plan()
        .then("joined", f"select {picked} from {joined}")
        .then("resolved", f"select {names}, coalesce({own}, null) as own, coalesce({member}, null) as id from joined")
    )


def new_links(subject: SubjectDef, kinds: Sequence[str], load: int, dialect: Dialect) -> Plan:
    """Pairs of identifiers that came in one record and were not noted for this load yet.

    Grain: one row per pair: the record's first identifier with each of its others.
    """
    ident = dialect.ident
    ranked = in_rank(subject, kinds)
    picked, joined = _joined(subject, ranked, dialect)
    pairs = []
    for i in range(1, len(ranked)):
        first = f"coalesce({', '.join(f'__o{j}' for j in range(i))}, null)"
        value = _text(ident(ranked[i]), dialect)
        pairs.append(
            f"select {first} as a, __o{i} as b, {dialect.literal(ranked[i])} as kind, {value} as value from joined"
            f" where {first} is not null and __o{i} is not null"
        )
    known = f"select a as __a, b as __b from {ident(link_table(subject).name)} where {ident('_load')} = {load}"
    return (
        Plan()
        .then("joined", f"select {picked} from {joined}")
        .then("pairs", " union all ".join(pairs))
        .then("known", known)
        .then(
            "links",
            f"select distinct a, b, kind, value, {dialect.literal(load)} as {ident('_load')} from pairs"
            " where not exists (select 1 from known where __a = a and __b = b)",
        )
    )


def rekeyed(table: Table, role: str, dialect: Dialect) -> Plan:
    """The rows of a table whose member changes, with the new member. Grain: as the table."""
    ident = dialect.ident
    columns = ", ".join(f"r.__id as {ident(c.name)}" if c.name == role else f"t.{ident(c.name)}" for c in table.columns)
    return Plan().then(
        "rekeyed",
        f"select {columns} from {ident(table.name)} t join working_rekey r on r.__own = t.{ident(own_column(role))}",
    )


def is_rekeyed(column: str, dialect: Dialect) -> str:
    """The condition that the member of a row changes; `column` holds own ids."""
    return f"exists (select 1 from working_rekey where __own = {dialect.ident(column)})"


def members_once(table: str, dialect: Dialect) -> str:
    """Query for the members that a table names. Grain: one row per member, `id` and `member`, which is true."""
    return f"select distinct id, true as member from {dialect.ident(table)}"


def is_unused(used: Mapping[str, Sequence[str]], dialect: Dialect) -> str:
    """The condition that nothing refers to an identifier any more; `used` maps tables to columns with own ids."""
    ident = dialect.ident
    parts = [
        f"not exists (select 1 from (select {ident(column)} as __own from {ident(table)}) u where __own = own)"
        for table, columns in used.items()
        for column in columns
    ]
    return " and ".join(parts)


def united_since(subject: SubjectDef, loads: Sequence[int], dialect: Dialect) -> str:
    """Query for the ids that some loads have made part of others, and for whom they are part of now.

    Grain: one row or more per id, `id`.
    """
    ident = dialect.ident
    new = f"from {ident(merge_table(subject).name)} where {ident('_load')} in ({', '.join(map(str, loads))})"
    noted = f"select {ident('from')} as id {new} union all select {ident('to')} as id {new}"
    known = ident(identifier_table(subject).name)
    return f"{noted} union all select i.customer as id from {known} i semi join ({noted}) n on n.id = i.own"
