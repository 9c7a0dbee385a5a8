"""Typed expressions about the members of a subject → one plan that reads each fact once.

The plan has these steps: a *scan* per fact (the columns that anybody needs, the related attributes joined, nothing that
is not visible), the plain aggregates of the fact, its regroupings, then a *base* with one row per known member, then
one level after another of ranks and of expressions that use what the level before has computed.

Columns that steps pass on carry a prefix by kind, so that no name of a definition meets one of ours: ``_c.`` of the
fact's row, ``_r.`` of a related subject, ``_attr.`` of the member, ``_tag.`` stored, ``_v.`` requested; ``_a0`` is an
aggregate, ``_r0`` a rank.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gongbi.core import expr as ir
from gongbi.core.clock import Window
from gongbi.core.dialect import Dialect
from gongbi.core.expr import Call, Constant, Expr, FactColumn, RelatedColumn, TagValue
from gongbi.core.functions import CATALOGUE, Regroup
from gongbi.core.plan import Plan
from gongbi.core.render import Rendering, render
from gongbi.core.types import BOOLEAN, TIMESTAMP
from gongbi.core.world import FactShape, SubjectShape, World
from gongbi.errors import Bug, InvalidInput, NotYet


@dataclass(frozen=True, slots=True)
class Stored:
    """Where the value of a tag is kept: a table with one row per member, keyed by `id`."""

    table: str
    column: str


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be computed about the members of a subject.

    Parameters
    ----------
    subject
        Whose members.
    columns
        Name → expression, in the order of the result. A `TagValue` that names one of them refers to it.
    as_of
        The instant; nothing later is visible.
    stored
        Tags that were built before → where.
    during
        The period that ``during()`` stands for.
    where
        Only the members for whom this is true; a boolean expression, which may use the columns.
    """

    subject: str
    columns: Mapping[str, Expr]
    as_of: datetime
    stored: Mapping[str, Stored]
    during: Window | None = None
    where: Expr | None = None


def compile_members(request: Request, world: World, dialect: Dialect) -> Plan:
    """Make the plan of a request.

    Returns
    -------
    Plan
        Its result has the member's ``id``, then one column per requested name. Grain: one row per member known as of
        the instant (`where` aside).

    Raises
    ------
    NotYet
        An expression uses a tag that was not built.
    """
    seen = {"id": "id"}
    for name in request.columns:
        # DuckDB takes names that differ in case only for one.
        other = seen.setdefault(name.casefold(), name)
        if other != name or name == "id":
            raise InvalidInput(f"Two columns of one result cannot be called {other!r} and {name!r}.")
    return _Compiler(request, world, dialect).plan()


@dataclass(frozen=True, slots=True)
class _Groups:
    """How a regrouping reads its scan; aggregates with equal groups share one step."""

    key: str
    where: str
    inner: tuple[tuple[str, str], ...]
    rank_by: str | None
    lag: bool

    def sql(self, scan: str) -> str:
        extra = "".join(f", {sql} as {name}" for name, sql in self.inner)
        text = f"select _m, {self.key} as k{extra} from {scan} where {self.where} group by _m, {self.key}"
        if self.rank_by:
            order = f"row_number() over (partition by _m order by {self.rank_by}) as _n"
            text = f"select * from (select *, {order} from ({text}) g) h where _n = 1"
        if self.lag:
            text = f"select *, lag(k) over (partition by _m order by k) as prev from ({text}) g"
        return text


class _Compiler:
    def __init__(self, request: Request, world: World, dialect: Dialect) -> None:
        self.request = request
        self.world = world
        self.dialect = dialect
        self.subject: SubjectShape = world.subject(request.subject)
        self.quote = dialect.ident
        self.exprs = [*request.columns.values(), *([request.where] if request.where is not None else [])]
        self.aggregates = list(dict.fromkeys(call for e in self.exprs for call in ir.aggregates(e)))
        self.alias = {call: f"_a{i}" for i, call in enumerate(self.aggregates)}

    def rendering(self, names: object, known: Mapping[Expr, str] | None = None) -> Rendering:
        return Rendering(
            self.dialect,
            self.request.as_of,
            self.world.zone,
            names=names,  # type: ignore[arg-type]
            known=known or {},
            during=self.request.during,
        )

    def plan(self) -> Plan:
        plan = Plan()
        sources: list[tuple[str, list[str]]] = []
        for fact in dict.fromkeys(call.fact for call in self.aggregates):
            assert fact is not None
            plan = self.with_fact(plan, self.world.fact(fact), sources)
        plan = plan.then("_base", self.base(sources))
        return self.with_levels(plan)

    # -- facts ------------------------------------------------------------------------------------

    def with_fact(self, plan: Plan, fact: FactShape, sources: list[tuple[str, list[str]]]) -> Plan:
        calls = [call for call in self.aggregates if call.fact == fact.name]
        ahead = any(ir.looks_ahead(call) for call in calls)
        seen = [self.visible(call, fact) if ahead and not ir.looks_ahead(call) else call for call in calls]
        shared = self.shared_filter(seen)
        if shared is not None:
            seen = [replace(call, filter=None) for call in seen]
        plain = [(new, old) for new, old in zip(seen, calls, strict=True) if not self.regroup(new)]
        grouped = [(new, old) for new, old in zip(seen, calls, strict=True) if self.regroup(new)]
        scan = f"_scan_{fact.name}"
        consumers = bool(plain) + len({self.groups(new) for new, _ in grouped})
        sql = self.scan(fact, seen, shared, everything=ahead)
        plan = plan.then(scan, sql, materialize=consumers > 1)
        rendering = self.rendering(self.row_name)
        if plain:
            name = f"_agg_{fact.name}"
            columns = [f"{render(new, rendering)} as {self.alias[old]}" for new, old in plain]
            plan = plan.then(name, f"select _m, {', '.join(columns)} from {self.quote(scan)} group by _m")
            sources.append((name, [self.alias[old] for _, old in plain]))
        return self.with_regroups(plan, fact, scan, grouped, sources)

    def visible(self, call: Call, fact: FactShape) -> Call:
        """Bound an aggregate that must not look ahead, in a scan that does."""
        ts = FactColumn(fact.name, "ts", TIMESTAMP)
        now = Call(CATALOGUE["as_of"], (), TIMESTAMP, "constant")
        before = Call(CATALOGUE["<"], (ts, now), BOOLEAN, "row")
        both = before if call.filter is None else Call(CATALOGUE["and"], (before, call.filter), BOOLEAN, "row")
        return replace(call, filter=both)

    @staticmethod
    def shared_filter(calls: Sequence[Call]) -> Expr | None:
        """The filter that all aggregates of a fact have in common, so that the scan can apply it once."""
        filters = {call.filter for call in calls}
        return next(iter(filters)) if len(filters) == 1 else None

    def scan(self, fact: FactShape, calls: Sequence[Call], shared: Expr | None, *, everything: bool) -> str:
        parts = [part for call in [*calls, *([shared] if shared is not None else [])] for part in ir.walk(call)]
        own = dict.fromkeys(part.column for part in parts if isinstance(part, FactColumn))
        related = list(dict.fromkeys(part for part in parts if isinstance(part, RelatedColumn)))
        columns = [f"f.{self.quote(self.subject.name)} as _m"]
        columns += [f"f.{self.quote(c)} as {self.quote(f'_c.{c}')}" for c in own]
        joins: list[str] = []
        for subject in dict.fromkeys(part.subject for part in related):
            shape = self.world.subject(subject)
            wanted = [part.attribute for part in related if part.subject == subject]
            for table in dict.fromkeys(shape.attribute(a).table for a in wanted):
                alias = f"r{len(joins)}"
                inside = [a for a in wanted if shape.attribute(a).table == table]
                joins.append(
                    f"left join {self.attributes(shape, table, inside)} {alias} on {alias}.id = f.{self.quote(subject)}"
                )
                columns += [f"{alias}.{self.quote(a)} as {self.quote(f'_r.{subject}.{a}')}" for a in inside]
        conditions = [f"f.{self.quote(self.subject.name)} is not null"]
        if not everything:
            conditions.append(f"f.ts < {self.dialect.literal(self.request.as_of)}")
        text = f"select {', '.join(columns)} from {self.quote(fact.table)} f {' '.join(joins)}"
        text += f" where {' and '.join(conditions)}"
        if shared is None:
            return text
        return f"select * from ({text}) s where {render(shared, self.rendering(self.row_name))}"

    def attributes(self, subject: SubjectShape, table: str, wanted: Sequence[str]) -> str:
        """One source's attributes as of the instant, one row per member."""
        columns = ", ".join(self.quote(a) for a in wanted)
        now = self.dialect.literal(self.request.as_of)
        # Half-open like every window: what begins at the instant itself is not known yet.
        valid = f"(valid_from is null or valid_from < {now}) and (valid_to is null or valid_to >= {now})"
        if all(subject.attribute(a).unique for a in wanted):
            return f"(select id, {columns} from {self.quote(table)} where {valid})"
        # Several records may describe one member (merged customers, overlapping spans): the newest statement wins.
        newest = "row_number() over (partition by id order by valid_from desc nulls last, _load desc, _row desc)"
        ranked = f"select id, {columns}, {newest} as _n from {self.quote(table)} where {valid}"
        return f"(select id, {columns} from ({ranked}) q where _n = 1)"

    def row_name(self, leaf: Expr) -> str:
        if isinstance(leaf, FactColumn):
            return self.quote(f"_c.{leaf.column}")
        if isinstance(leaf, RelatedColumn):
            return self.quote(f"_r.{leaf.subject}.{leaf.attribute}")
        raise Bug(f"A row has no {type(leaf).__name__}.")

    # -- regroupings ------------------------------------------------------------------------------

    def regroup(self, call: Call) -> Regroup | None:
        sql = call.function.sql(self.dialect.name)
        return sql if isinstance(sql, Regroup) else None

    def groups(self, call: Call) -> _Groups:
        """The groups that a call reads."""
        how = self.regroup(call)
        assert how is not None
        rendering = self.rendering(self.row_name)
        args = [render(arg, rendering) for arg in call.args]
        key = how.key(args, rendering)
        conditions = [f"{key} is not null"]
        if how.needs_first:
            conditions.append(f"{args[0]} is not null")
        if call.filter is not None:
            conditions.append(render(call.filter, rendering))
        inner = tuple((name, make(args, rendering)) for name, make in how.inner.items())
        return _Groups(key, " and ".join(conditions), inner, how.rank_by, how.lag)

    def with_regroups(
        self,
        plan: Plan,
        fact: FactShape,
        scan: str,
        calls: Sequence[tuple[Call, Call]],
        sources: list[tuple[str, list[str]]],
    ) -> Plan:
        rendering = self.rendering(self.row_name)
        shared: dict[_Groups, list[tuple[Call, Call]]] = {}
        for new, old in calls:
            shared.setdefault(self.groups(new), []).append((new, old))
        for i, (groups, members) in enumerate(shared.items()):
            name, columns = f"_groups_{fact.name}_{i}", []
            for new, old in members:
                how = self.regroup(new)
                assert how is not None
                args = [render(arg, rendering) for arg in new.args]
                columns.append(f"{how.outer(args, rendering)} as {self.alias[old]}")
            text = groups.sql(self.quote(scan))
            plan = plan.then(name, f"select _m, {', '.join(columns)} from ({text}) t group by _m")
            sources.append((name, [self.alias[old] for _, old in members]))
        return plan

    # -- members ----------------------------------------------------------------------------------

    def base(self, sources: Sequence[tuple[str, list[str]]]) -> str:
        """One row per known member: its attributes, its aggregates, the tags that are stored."""
        empty = {self.alias[call]: call.function.empty for call in self.aggregates}
        columns = ["m.id"]
        joins: list[str] = []
        for name, aliases in sources:
            table = f"j{len(joins)}"
            joins.append(f"left join {self.quote(name)} {table} on {table}._m = m.id")
            for alias in aliases:
                value = f"{table}.{alias}"
                default = empty[alias]
                column = value if default is None else f"coalesce({value}, {self.dialect.literal(default)})"
                columns.append(f"{column} as {alias}")
        leaves = list(dict.fromkeys(part for e in self.exprs for part in ir.walk(e, into_aggregates=False)))
        wanted = [leaf.attribute for leaf in leaves if isinstance(leaf, ir.Attribute) and leaf.attribute != "id"]
        for source in dict.fromkeys(self.subject.attribute(a).table for a in wanted):
            table = f"j{len(joins)}"
            inside = [a for a in wanted if self.subject.attribute(a).table == source]
            joins.append(f"left join {self.attributes(self.subject, source, inside)} {table} on {table}.id = m.id")
            columns += [f"{table}.{self.quote(a)} as {self.quote(f'_attr.{a}')}" for a in inside]
        stored = self.stored_tags(leaves)
        for source in dict.fromkeys(s.table for s in stored.values()):
            table = f"j{len(joins)}"
            joins.append(f"left join {self.quote(source)} {table} on {table}.id = m.id")
            columns += [
                f"{table}.{self.quote(s.column)} as {self.quote(f'_tag.{tag}')}"
                for tag, s in stored.items()
                if s.table == source
            ]
        known = f"(m.known_from is null or m.known_from < {self.dialect.literal(self.request.as_of)})"
        member = self.quote(f"member_{self.subject.name}")
        return f"select {', '.join(columns)} from {member} m {' '.join(joins)} where {known}"

    def stored_tags(self, leaves: Sequence[Expr]) -> dict[str, Stored]:
        found: dict[str, Stored] = {}
        for leaf in leaves:
            if isinstance(leaf, TagValue) and leaf.tag not in self.request.columns:
                if leaf.tag not in self.request.stored:
                    raise NotYet(f"The tag {leaf.tag!r} was not built yet.", hint="Run `gongbi build` first.")
                found[leaf.tag] = self.request.stored[leaf.tag]
        return found

    def member_name(self, leaf: Expr) -> str:
        if isinstance(leaf, ir.Attribute):
            return "id" if leaf.attribute == "id" else self.quote(f"_attr.{leaf.attribute}")
        if isinstance(leaf, TagValue):
            own = leaf.tag in self.request.columns
            return self.quote(f"_v.{leaf.tag}" if own else f"_tag.{leaf.tag}")
        raise Bug(f"A member has no {type(leaf).__name__}.")

    # -- levels -----------------------------------------------------------------------------------

    def with_levels(self, plan: Plan) -> Plan:
        """Compute ranks and expressions, each as soon as everything it uses is there."""
        wanted = {self.quote(f"_v.{name}"): e for name, e in self.request.columns.items()}
        if self.request.where is not None:
            wanted["_where"] = self.request.where
        found = (e for x in wanted.values() for e in ir.walk(x, into_aggregates=False) if _rank(e))
        ranks = {e: f"_r{i}" for i, e in enumerate(dict.fromkeys(found))}
        known: dict[Expr, str] = {call: self.alias[call] for call in self.aggregates}
        pending = {alias: e for e, alias in ranks.items()} | wanted
        level, last = 0, "_base"
        while pending:
            ready = {name: e for name, e in pending.items() if not self.needs(name, e, ranks) & pending.keys()}
            if not ready:
                raise Bug(f"The columns {', '.join(pending)} wait for each other.")
            rendering = self.rendering(self.member_name, known)
            texts = [f"{self.value(e, rendering)} as {name}" for name, e in ready.items()]
            level += 1
            plan = plan.then(f"_level_{level}", f"select *, {', '.join(texts)} from {last}")
            known |= {e: alias for e, alias in ranks.items() if alias in ready}
            last = f"_level_{level}"
            pending = {name: e for name, e in pending.items() if name not in ready}
        names = "".join(f", {self.quote(f'_v.{name}')} as {self.quote(name)}" for name in self.request.columns)
        condition = " where _where" if self.request.where is not None else ""
        return plan.then("_result", f"select id{names} from {last}{condition}")

    def needs(self, name: str, e: Expr, ranks: Mapping[Expr, str]) -> set[str]:
        """The columns of earlier levels that an expression reads."""
        found: set[str] = set()
        # The column that computes a rank does not wait for it.
        stack = list(ir.children(e)) if ranks.get(e) == name else [e]
        while stack:
            part = stack.pop()
            if part in ranks:
                found.add(ranks[part])
            elif isinstance(part, TagValue) and part.tag in self.request.columns:
                found.add(self.quote(f"_v.{part.tag}"))
            elif not (isinstance(part, Call) and part.is_aggregate):
                stack += ir.children(part)
        return found

    def value(self, e: Expr, rendering: Rendering) -> str:
        if isinstance(e, Constant):
            return f"cast({render(e, rendering)} as {self.dialect.type(e.type)})"
        return render(e, rendering)


def _rank(e: Expr) -> bool:
    return isinstance(e, Call) and e.is_rank
