"""Identities of every resolved subject in an engine: the resolver that ingest works with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from gongbi.catalog.base import SourceDef, SubjectDef
from gongbi.catalog.tables import own_column, roles, superseded_table, target_table
from gongbi.core.plan import Plan
from gongbi.core.table import Table
from gongbi.core.types import INTEGER
from gongbi.engine.base import Engine
from gongbi.identity.base import Id, Link, Merge, components, is_surrogate, unite
from gongbi.identity.plan import (
    in_rank,
    is_rekeyed,
    is_unused,
    members_once,
    new_identifiers,
    new_links,
    primary_kind,
    rekeyed,
    resolved,
)
from gongbi.identity.tables import Kept, identifier_table, link_table, merge_table, rekey_table


class Identities:
    """Turns identifiers into members and keeps the tables that name members in step.

    A source that carries the primary identifier alone costs one join with the identifiers known so far. Links are
    looked at once per load, and only those of that load: members that they join become one, and every table in which
    the absorbed ids stand is re-keyed in the same transaction.

    Parameters
    ----------
    engine
        Where the tables are.
    sources, subjects
        All definitions of the workspace.
    others
        Tables besides those of sources that name members: of given values, of lists.
    """

    def __init__(
        self,
        engine: Engine,
        sources: Sequence[SourceDef],
        subjects: Sequence[SubjectDef],
        others: Sequence[Kept] = (),
    ) -> None:
        self._engine, self._others = engine, others
        self._sources = [source for source in sources if not source.is_derived]
        self._subjects = {subject.subject: subject for subject in subjects}

    def prepare(self) -> None:
        """Create the tables that it keeps, where they are missing, or empty where ids had another type.

        With ids of another type every load that names the subject is read again, and fills them anew.
        """
        tables = set(self._engine.tables())
        for subject in self._subjects.values():
            kept = (identifier_table(subject), link_table(subject), merge_table(subject)) if subject.identifiers else ()
            for table in kept:
                if table.name in tables and self._has_ids(subject, table):
                    continue
                self._engine.create(table, replace=True)

    def _has_ids(self, subject: SubjectDef, table: Table) -> bool:
        """Whether the ids in a table are of the subject's type."""
        of = dict(self._engine.columns(table.name))
        columns = [of[c.name] for c in table.columns if c.name in ("customer", "own", "a", "b", "from", "to")]
        return all(pa.types.is_integer(type_) == (subject.id_type == INTEGER) for type_ in columns)

    def resolve(self, source: SourceDef, role: str, identifiers: pa.Table, load: int) -> pa.Table:
        """Say whom rows name; see `sources.base.Resolver`."""
        engine, dialect = self._engine, self._engine.dialect
        subject = self._subjects[roles(source)[role][0]]
        kinds = identifiers.column_names
        inputs = {"combined": identifiers}
        table = identifier_table(subject)
        for kind in in_rank(subject, kinds):
            first = 0 if kind == primary_kind(subject) else self._next_surrogate(subject)
            engine.insert(table.name, new_identifiers(subject, kind, load, first, dialect), inputs=inputs)
        if len(kinds) > 1:
            engine.insert(link_table(subject).name, new_links(subject, kinds, load, dialect), inputs=inputs)
        return engine.query(resolved(subject, kinds, dialect), inputs=inputs)

    def settle(self, source: SourceDef, load: int, now: datetime) -> int:
        """Unite the members that a load's records have joined; return how many were absorbed."""
        merged = 0
        for subject in self._resolved(source):
            links = self._links(subject, f"{self._engine.dialect.ident('_load')} = {load}")
            if not links:
                continue
            members = self._members(subject, (id_ for link in links for id_ in (link.a, link.b)))
            changed, merges = unite({own: member for own, (member, _) in members.items()}, links)
            if not changed:
                continue
            self._rekey(subject, self._owns(subject, changed))
            known = {own: since for own, (_, since) in members.items()}
            told = [m for m in merges if not is_surrogate(m.from_) or known.get(m.from_, load) < load]
            self._note(subject, told, load, now)
            merged += len(told)
        return merged

    def forget(self, source: SourceDef, loads: Sequence[int], _now: datetime) -> None:
        """Take back links and merges that only these loads had brought; members that nothing joins part again."""
        engine, dialect = self._engine, self._engine.dialect
        among = f"{dialect.ident('_load')} in ({', '.join(map(str, loads))})"
        for subject in self._resolved(source):
            links = self._links(subject, among)
            if links:
                touched = self._members(subject, (id_ for link in links for id_ in (link.a, link.b)))
                engine.delete(link_table(subject).name, among)
                engine.delete(merge_table(subject).name, among)
                before = self._owns(subject, {member: member for member, _ in touched.values()})
                owns = set(before)
                rest = [x for x in self._links(subject, None) if x.a in owns or x.b in owns]
                after = components(owns, rest)
                self._rekey(subject, {own: after[own] for own in owns if after[own] != before[own]})
            self._sweep(subject)

    def _resolved(self, source: SourceDef) -> list[SubjectDef]:
        names = dict.fromkeys(name for name, named in roles(source).values() if named.identifiers)
        return [self._subjects[name] for name in names]

    def _next_surrogate(self, subject: SubjectDef) -> int:
        table = identifier_table(subject)
        if subject.id_type == INTEGER:
            number = "-min(own)"
        else:
            number = f"max(cast(substring(own, 2) as {self._engine.dialect.type(INTEGER)}))"
        where = f"kind <> {self._engine.dialect.literal(primary_kind(subject))}"
        largest = self._engine.value(f"select {number} as n from {table.name} where {where}")
        return int(largest or 0) + 1

    def _links(self, subject: SubjectDef, where: str | None) -> list[Link]:
        sql = f"select distinct a, b, kind, value from {link_table(subject).name}" + (
            f" where {where}" if where else ""
        )
        rows = self._engine.query(f"{sql} order by kind, value, a, b").to_pylist()
        return [Link(row["a"], row["b"], row["kind"], row["value"]) for row in rows]

    def _members(self, subject: SubjectDef, owns: Iterable[Id]) -> dict[Id, tuple[Id, int]]:
        """Own id → member and the load that brought it first."""
        wanted = pa.table({"__own": pa.array(sorted(set(owns), key=str), self._arrow(subject))})
        plan = Plan().then(
            "known",
            f"select own, customer, min({self._engine.dialect.ident('_load')}) as since"
            f" from {identifier_table(subject).name} where exists (select 1 from wanted where __own = own)"
            " group by own, customer",
        )
        rows = self._engine.query(plan, inputs={"wanted": wanted}).to_pylist()
        return {row["own"]: (row["customer"], row["since"]) for row in rows}

    def _owns(self, subject: SubjectDef, changed: Mapping[Id, Id]) -> dict[Id, Id]:
        """Every own id of these members → what the mapping says of its member."""
        wanted = pa.table({"__id": pa.array(list(changed), self._arrow(subject))})
        plan = Plan().then(
            "owns",
            f"select distinct own, customer from {identifier_table(subject).name}"
            " where exists (select 1 from wanted where __id = customer)",
        )
        rows = self._engine.query(plan, inputs={"wanted": wanted}).to_pylist()
        return {row["own"]: changed[row["customer"]] for row in rows}

    def _arrow(self, subject: SubjectDef) -> pa.DataType:
        return pa.int64() if subject.id_type == INTEGER else pa.string()

    def _tables(self, subject: SubjectDef) -> Iterator[tuple[Table, str]]:
        """Tables that exist and name members of a resolved subject, with the column that does."""
        present = set(self._engine.tables())
        seen = set()
        for source in self._sources:
            table = target_table(source, self._subjects)
            for role, (name, named) in roles(source).items():
                if name != subject.subject or not named.identifiers or (table.name, role) in seen:
                    continue
                seen.add((table.name, role))
                for found in (table, superseded_table(table)):
                    if found.name in present and own_column(role) in dict(self._engine.columns(found.name)):
                        yield found, role
        for other in self._others:
            known = other.subject == subject.subject and other.table.name in present
            if known and own_column("id") in dict(self._engine.columns(other.table.name)):
                yield other.table, "id"

    def _rekey(self, subject: SubjectDef, members: Mapping[Id, Id]) -> None:
        """Write the new members of own ids into every table."""
        if not members:
            return
        engine, dialect = self._engine, self._engine.dialect
        work = rekey_table(subject)
        type_ = self._arrow(subject)
        rows = {"__own": pa.array(list(members), type_), "__id": pa.array(list(members.values()), type_)}
        engine.create(work, replace=True)
        engine.append(work.name, pa.table(rows))
        named = identifier_table(subject)
        columns = ", ".join(
            "r.__id as customer" if c.name == "customer" else f"t.{dialect.ident(c.name)}" for c in named.columns
        )
        plan = Plan().then("moved", f"select {columns} from {named.name} t join {work.name} r on r.__own = t.own")
        self._swap(named, plan, is_rekeyed("own", dialect))
        once = {other.table.name: other.distinct for other in self._others if other.distinct is not None}
        for table, role in self._tables(subject):
            moved = self._swap(
                self._present(table),
                rekeyed(self._present(table), role, dialect),
                is_rekeyed(own_column(role), dialect),
            )
            if moved and table.name in once:
                engine.build(Plan().then("members", members_once(table.name, dialect)), once[table.name])
        engine.drop(work.name)

    def _present(self, table: Table) -> Table:
        """The table with the columns that it has now: its definition may be newer."""
        have = dict(self._engine.columns(table.name))
        return Table(table.name, tuple(c for c in table.columns if c.name in have))

    def _swap(self, table: Table, rows: Plan, where: str) -> int:
        """Put other rows in the place of those for which a condition holds; return how many."""
        beside = Table("working_swap", table.columns)
        self._engine.create(beside, replace=True)
        moved = self._engine.insert(beside.name, rows)
        if moved:
            self._engine.delete(table.name, where)
            self._engine.insert(table.name, Plan().then("swap", f"select * from {beside.name}"))
        self._engine.drop(beside.name)
        return moved

    def _note(self, subject: SubjectDef, merges: Sequence[Merge], load: int, now: datetime) -> None:
        at = now.astimezone(UTC).replace(tzinfo=None)
        rows: list[dict[str, Any]] = [
            {"from": m.from_, "to": m.to, "kind": m.kind, "value": m.value, "_load": load, "at": at} for m in merges
        ]
        if rows:
            id_, text = self._arrow(subject), pa.string()
            types = [("from", id_), ("to", id_), ("kind", text), ("value", text)]
            schema = pa.schema([*types, ("_load", pa.int64()), ("at", pa.timestamp("us"))])
            self._engine.append(merge_table(subject).name, pa.Table.from_pylist(rows, schema=schema))

    def _sweep(self, subject: SubjectDef) -> None:
        """Forget identifiers that no row and no link mentions any more."""
        used: dict[str, list[str]] = {link_table(subject).name: ["a", "b"]}
        for table, role in self._tables(subject):
            used.setdefault(table.name, []).append(own_column(role))
        self._engine.delete(identifier_table(subject).name, is_unused(used, self._engine.dialect))
