"""Typed expressions about the members of a subject → one plan that reads each fact once.

The plan has these steps: a *scan* per fact (the columns that anybody needs, the related attributes joined, nothing that
is not visible), the plain aggregates of the fact, its regroupings, the sequences over several facts, then a *base* with
one row per known member, then one level after another of ranks and of expressions that use what the level before has
computed.

Columns that steps pass on carry a prefix by kind, so that no name of a definition meets one of ours: ``_c.`` of the
fact's row, ``_r.`` of a related subject, ``_attr.`` of the member, ``_tag.`` stored, ``_v.`` requested; ``_a0`` is an
aggregate, ``_r0`` a rank, ``_h0`` a part of a row that was worked out beforehand (see `core.hoist`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gongbi.core import clock
from gongbi.core import expr as ir
from gongbi.core.apart import ranks_apart
from gongbi.core.clock import Window
from gongbi.core.dialect import Dialect
from gongbi.core.expr import Call, Constant, Expr, FactColumn, RelatedColumn, TagValue
from gongbi.core.functions import CATALOGUE, Regroup
from gongbi.core.functions.groups import DIFFERENT
from gongbi.core.grouping import rows_as_of
from gongbi.core.hoist import NOTHING, Hoisted, absent_without_row, hoisted, leaves
from gongbi.core.levels import by_place
from gongbi.core.plan import Plan
from gongbi.core.relations import SELF, related_tags, shape_of, with_used
from gongbi.core.render import Rendering, render
from gongbi.core.sequences import StepRows, members_of
from gongbi.core.traits import Traits
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
    single
        Attribute tables known to hold at most one row per member, whatever their definition would allow: no newest
        row needs to be looked for there.
    known
        A table with one row, keyed by `id`, for exactly the members known as of the instant, such as the tags built as
        of it from the same data. Without one they are looked up among all members.
    among
        A table or step with a row, keyed by `id`, for each member that is wanted; ranks are then among these alone.
    """

    subject: str
    columns: Mapping[str, Expr]
    as_of: datetime
    stored: Mapping[str, Stored]
    during: Window | None = None
    where: Expr | None = None
    single: frozenset[str] = frozenset()
    known: str | None = None
    among: str | None = None


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
    return _planned(request, world, dialect)


def _planned(request: Request, world: World, dialect: Dialect, prefix: str = "_") -> Plan:
    """The plan of a request whose ranks are computed apart where that pays."""
    apart = ranks_apart(request.columns, request.where)
    if apart is None:
        return _Compiler(request, world, dialect, prefix).plan()
    first = _Compiler(replace(request, columns=apart.first, where=None), world, dialect, f"{prefix}ranks_").plan()
    stored = {name: Stored(first.result.name, name) for name in apart.ranks}
    rest = replace(request, columns=apart.columns, where=apart.where, stored={**request.stored, **stored})
    return first.followed_by(_Compiler(rest, world, dialect, prefix).plan())


@dataclass(frozen=True, slots=True)
class _Grouped:
    """A call that groups once more: what it groups by, which rows it takes, its rendered arguments, its alias."""

    how: Regroup
    key: str
    condition: str
    args: tuple[str, ...]
    alias: str

    @property
    def shares(self) -> tuple[str, str | None]:
        """Calls that agree in this are read off one grouping; neighbours depend on which groups there are."""
        return self.key, self.condition if self.how.lag or self.how.lead else None


class _Compiler:
    """Makes the plan of one request. `prefix` keeps its steps apart from those of a plan that it becomes a part of."""

    def __init__(self, request: Request, world: World, dialect: Dialect, prefix: str = "_") -> None:
        self.request = request
        self.prefix = prefix
        self.world = world
        self.dialect = dialect
        self.subject: SubjectShape = world.subject(request.subject)
        self.quote = dialect.ident
        self.exprs = [*request.columns.values(), *([request.where] if request.where is not None else [])]
        self.aggregates = list(dict.fromkeys(call for e in self.exprs for call in ir.aggregates(e)))
        self.sequences = list(dict.fromkeys(e for e in self.everything() if isinstance(e, Call) and e.is_sequence))
        lifted = [*(call for call in self.aggregates if not call.is_step), *self.sequences]
        self.alias = {call: f"_a{i}" for i, call in enumerate(lifted)}
        self.related = with_used(set().union(*(related_tags(e, world) for e in self.exprs)), world)
        tags = {subject: f"{prefix}tags{i}_result" for i, subject in enumerate(self.related)}
        self.traits = Traits(world, dialect, request.as_of, self.rendering, request.single, tags)

    def rendering(self, names: object, known: Mapping[Expr, str] | None = None, *, member: str = "id") -> Rendering:
        return Rendering(
            self.dialect,
            self.request.as_of,
            self.world.zone,
            names=names,  # type: ignore[arg-type]
            known=known or {},
            member=member,
            during=self.request.during,
        )

    def plan(self) -> Plan:
        plan = self.of_others()
        sources: list[tuple[str, list[str]]] = []
        steps: dict[Call, StepRows] = {}
        for fact in dict.fromkeys(call.fact for call in self.aggregates):
            assert fact is not None
            plan = self.with_fact(plan, shape_of(self.world, fact), sources, steps)
        for i, call in enumerate(self.sequences):
            rows = [steps[arg] for arg in call.args if isinstance(arg, Call)]
            text = members_of(call, rows, self.request.as_of, self.dialect, self.alias[call])
            plan = plan.then(f"{self.prefix}sequence_{i}", text)
            sources.append((f"{self.prefix}sequence_{i}", [self.alias[call]]))
        return self.with_members(plan, sources)

    def of_others(self) -> Plan:
        """The tags of other members that are read, computed as of the same instant by plans of their own."""
        plan = Plan()
        for i, (subject, tags) in enumerate(self.related.items()):
            columns = {tag: self.world.expressions[subject, tag] for tag in tags}
            request = Request(subject, columns, self.request.as_of, {}, single=self.request.single)
            inner = _planned(request, self.world, self.dialect, f"{self.prefix}tags{i}_")
            plan = plan.followed_by(inner, materialize=True)
        return plan

    def label(self, fact: FactShape) -> str:
        """What the steps that read a fact, or neighbours, are called after."""
        return "_".join([fact.name] if not fact.hops else ["to", *(f"{h.relation}_{h.role}" for h in fact.hops)])

    # -- facts ------------------------------------------------------------------------------------

    def with_fact(
        self, plan: Plan, fact: FactShape, sources: list[tuple[str, list[str]]], steps: dict[Call, StepRows]
    ) -> Plan:
        calls = [call for call in self.aggregates if call.fact == fact.name]
        ahead = any(ir.looks_ahead(call) for call in calls)
        seen = [self.visible(call, fact) if ahead and not ir.looks_ahead(call) else call for call in calls]
        shared = self.shared_filter(seen)
        if shared is not None:
            seen = [replace(call, filter=None) for call in seen]
        parts = hoisted([*seen, *([shared] if shared is not None else [])], lambda leaf: self.place(fact, leaf))
        rendering = self.rendering(self.row_name, parts.names())
        pairs = [(new, old) for new, old in zip(seen, calls, strict=True) if not new.is_step]
        plain = [(new, old) for new, old in pairs if not self.regroup(new)]
        grouped = [self.grouped(new, self.alias[old], rendering) for new, old in pairs if self.regroup(new)]
        scan = f"{self.prefix}scan_{self.label(fact)}"
        own = {old: self.step(new, scan, rendering) for new, old in zip(seen, calls, strict=True) if new.is_step}
        steps |= own
        uses = Counter(arg for call in self.sequences for arg in call.args)
        consumers = bool(plain) + len({call.shares for call in grouped}) + sum(uses[call] for call in own)
        plan = plan.then(scan, self.scan(fact, seen, shared, everything=ahead, parts=parts), materialize=consumers > 1)
        if plain:
            name = f"{self.prefix}agg_{self.label(fact)}"
            columns = [f"{render(new, rendering)} as {self.alias[old]}" for new, old in plain]
            plan = plan.then(name, f"select _m, {', '.join(columns)} from {self.quote(scan)} group by _m")
            sources.append((name, [self.alias[old] for _, old in plain]))
        return self.with_regroups(plan, fact, scan, grouped, sources, rendering)

    def step(self, call: Call, scan: str, rendering: Rendering) -> StepRows:
        """The rows of a step, read off the scan of its fact."""
        time, *shared = (render(arg, rendering) for arg in call.args)
        condition = render(call.filter, rendering) if call.filter is not None else None
        return StepRows(self.quote(scan), time, shared[0] if shared else None, condition)

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

    def scan(
        self,
        fact: FactShape,
        calls: Sequence[Call],
        shared: Expr | None,
        *,
        everything: bool,
        parts: Hoisted = NOTHING,
    ) -> str:
        """The rows of a fact that anybody needs, with the parts that are worked out beforehand."""
        wanted = [*calls, *([shared] if shared is not None else [])]
        names = parts.names()
        traits = [part for _, part in parts.traits]
        inside = leaves([*wanted, *parts.common], traits)
        # What a row gives, as the joined tables have it.
        row: dict[Expr, str] = {c: f"f.{self.quote(c.column)}" for c in inside if isinstance(c, FactColumn)}
        related = [c for c in inside if isinstance(c, RelatedColumn)]
        joins: list[str] = []
        for subject in dict.fromkeys([*(c.subject for c in related), *(s for s, _ in parts.traits)]):
            shape = self.world.subject(fact.described(subject))
            own = [part for s, part in parts.traits if s == subject]
            attributes = [c for c in related if c.subject == subject]
            read = dict.fromkeys([*(c.attribute for c in attributes), *self.attributes_of(own)])
            tables = list(dict.fromkeys(self.traits.place(shape, a) for a in read))
            for table in tables:
                alias = f"r{len(joins)}"
                here = [a for a in read if self.traits.place(shape, a) == table]
                worked_out = [p for p in own if self.traits.place(shape, self.attributes_of([p])[0]) == table]
                source = self.traits.table(shape, table, here, {names[p]: p for p in worked_out})
                joins.append(f"left join {source} {alias} on {alias}.id = f.{self.quote(subject)}")
                row |= {c: f"{alias}.{self.quote(c.attribute)}" for c in attributes if c.attribute in here}
                row |= {p: self.trait(p, alias, names[p]) for p in worked_out}
        who = self.quote(SELF if fact.hops else self.subject.name)
        conditions = [f"f.{who} is not null"]
        if not everything and not fact.hops:
            conditions.append(f"f.ts < {self.dialect.literal(self.request.as_of)}")
        given = names | {c: self.row_name(c) for c in inside}
        pair = [c.column for c in inside if isinstance(c, FactColumn) and c.column in fact.columns]
        neighbours = f"({self.traits.neighbours(fact.hops, pair)})" if fact.hops else ""
        rows = f"{neighbours or self.rows(fact, wanted if everything else ())} f"
        joins[:0] = [rows, *self.wanted(f"f.{who}")]
        if parts.common:
            rows = self.selected(who, {given[part]: text for part, text in row.items()}, joins, conditions)
            before = self.rendering(self.row_name, {part: names[part] for part in traits})
            kept = ["_m", *(given[c] for c in leaves(wanted, names)), *(names[part] for part in traits)]
            kept += [f"{render(part, before)} as {names[part]}" for part in parts.common]
            text = f"select {', '.join(kept)} from ({rows}) s"
            return text if shared is None else f"{text} where {render(shared, before)}"
        if shared is not None:
            conditions.append(f"({render(shared, self.rendering(row.__getitem__, row))})")
        used = {part for call in calls for part in ir.walk(call)}
        columns = {given[part]: text for part, text in row.items() if part in used}
        return self.selected(who, columns, joins, conditions)

    @staticmethod
    def selected(who: str, columns: Mapping[str, str], joins: Sequence[str], conditions: Sequence[str]) -> str:
        """Rows of a fact, the member first."""
        given = "".join(f", {text} as {name}" for name, text in columns.items())
        return f"select f.{who} as _m{given} from {' '.join(joins)} where {' and '.join(conditions)}"

    def rows(self, fact: FactShape, exprs: Sequence[Expr]) -> str:
        """What a scan reads: the table, or what was known of the rows of a derived fact.

        For expressions that look ahead, rows from the instant on are as known when the last of their periods is over:
        that is when somebody may learn from the outcome.
        """
        if fact.grouping is None:
            return self.quote(fact.table)
        now = self.request.as_of
        known = rows_as_of(fact, self.world, self.dialect, now)
        parts = (part for e in exprs for part in ir.walk(e))
        end = max((self.period_end(part) for part in parts), default=now)
        if end > now:
            later = rows_as_of(fact, self.world, self.dialect, end)
            known = f"{known} union all select * from ({later}) a where a.ts >= {self.dialect.literal(now)}"
        return f"({known})"

    def period_end(self, part: Expr) -> datetime:
        """Where the period of ``ahead`` or ``during`` ends; the instant for anything else."""
        window: Window | None = None
        if isinstance(part, Call) and part.function.name == "ahead":
            n, unit = (arg.value for arg in part.args if isinstance(arg, Constant))
            window = clock.ahead(self.request.as_of, n, unit)
        elif isinstance(part, Call) and part.function.name == "during":
            window = self.request.during
        return window.end if window is not None and window.end is not None else self.request.as_of

    def place(self, fact: FactShape, leaf: RelatedColumn) -> str:
        """Where a trait of a member that the rows name is read."""
        return self.traits.place(self.world.subject(fact.described(leaf.subject)), leaf.attribute)

    @staticmethod
    def attributes_of(parts: Sequence[Expr]) -> list[str]:
        """The related attributes that some parts read."""
        found = (leaf for part in parts for leaf in ir.walk(part) if isinstance(leaf, RelatedColumn))
        return list(dict.fromkeys(leaf.attribute for leaf in found))

    def trait(self, part: Expr, alias: str, name: str) -> str:
        """A trait as the fact's row sees it: also of a subject that is not described."""
        if absent_without_row(part):
            return f"{alias}.{name}"
        nothing = self.rendering(lambda leaf: f"cast(null as {self.dialect.type(leaf.type)})")
        return f"case when {alias}.id is null then {render(part, nothing)} else {alias}.{name} end"

    def row_name(self, leaf: Expr) -> str:
        if isinstance(leaf, FactColumn):
            return self.quote(f"_c.{leaf.column}")
        if isinstance(leaf, RelatedColumn):
            return self.quote(f"_r.{leaf.subject}.{leaf.attribute}")
        raise Bug(f"A row has no {type(leaf).__name__}.")

    # -- regroupings ------------------------------------------------------------------------------

    def regroup(self, call: Call) -> Regroup | None:
        # Counting different values is a grouping that others may need too, and cheaper so than beside other sums.
        sql = DIFFERENT if call.function is CATALOGUE["count_distinct"] else call.function.sql(self.dialect.name)
        return sql if isinstance(sql, Regroup) else None

    def grouped(self, call: Call, alias: str, rendering: Rendering) -> _Grouped:
        """How a call groups once more."""
        how = self.regroup(call)
        assert how is not None
        args = tuple(by_place(call, [render(arg, rendering) for arg in call.args], rendering))
        conditions = [f"{args[0]} is not null"] if how.needs_first else []
        if call.filter is not None:
            conditions.append(render(call.filter, rendering))
        return _Grouped(how, how.key(args, rendering), " and ".join(conditions), args, alias)

    def with_regroups(
        self,
        plan: Plan,
        fact: FactShape,
        scan: str,
        calls: Sequence[_Grouped],
        sources: list[tuple[str, list[str]]],
        rendering: Rendering,
    ) -> Plan:
        shared: dict[tuple[str, str | None], list[_Grouped]] = {}
        for call in calls:
            shared.setdefault(call.shares, []).append(call)
        for i, members in enumerate(shared.values()):
            name = f"{self.prefix}groups_{self.label(fact)}_{i}"
            plan = plan.then(name, self.groups(members, self.quote(scan), rendering))
            sources.append((name, [call.alias for call in members]))
        return plan

    def groups(self, calls: Sequence[_Grouped], scan: str, rendering: Rendering) -> str:
        """One grouping by a key, read by several aggregates, each of which may take rows of its own."""
        key = calls[0].key
        conditions = list(dict.fromkeys(call.condition for call in calls))
        where = f"{key} is not null"
        if all(conditions):
            where += f" and ({' or '.join(f'({c})' for c in conditions)})"
        keys, filters, inner = {"": "k"}, {"": ""}, [f"{key} as k"]
        for i, condition in enumerate(filter(None, conditions)):
            if len(conditions) == 1:
                keys[condition], filters[condition] = "k", ""
            else:
                keys[condition], filters[condition] = f"k{i}", f" filter (where {condition})"
                inner.append(f"case when count(*){filters[condition]} > 0 then {key} end as k{i}")
        values: dict[str, str] = {}
        places: dict[str, str] = {}
        totals: dict[str, str] = {}
        outer = []
        for call in calls:
            of = {"k": keys[call.condition]}
            for name, make in call.how.inner.items():
                of[name] = values.setdefault(make(call.args, rendering) + filters[call.condition], f"v{len(values)}")
            if call.how.rank_by is not None:
                order = f"{of['k']} is null, {call.how.rank_by.format(**of)}"
                of["place"] = places.setdefault(order, f"p{len(places)}")
            for name, text in call.how.over.items():
                of[name] = totals.setdefault(text.format(**of), f"t{len(totals)}")
            outer.append(f"{call.how.outer(of, rendering)} as {call.alias}")
        inner += [f"{text} as {name}" for text, name in values.items()]
        text = f"select _m, {', '.join(inner)} from {scan} where {where} group by _m, {key}"
        over = [f"row_number() over (partition by _m order by {order}) as {name}" for order, name in places.items()]
        over += [f"{text} over (partition by _m) as {name}" for text, name in totals.items()]
        if calls[0].how.lag:
            over.append("lag(k) over (partition by _m order by k) as prev")
        if calls[0].how.lead:
            over.append("lead(k) over (partition by _m order by k) as next")
        if over:
            text = f"select *, {', '.join(over)} from ({text}) g"
        return f"select _m, {', '.join(outer)} from ({text}) t group by _m"

    # -- members ----------------------------------------------------------------------------------

    def with_members(self, plan: Plan, sources: Sequence[tuple[str, list[str]]]) -> Plan:
        """One row per known member with what was asked for.

        A condition that waits for nothing is decided where the members are read; a rank is among all who are known.
        """
        fields, joins, known = self.base(sources)
        where = self.request.where
        early = where is not None and not any(
            _rank(e) or (isinstance(e, TagValue) and self.is_computed(e)) for e in self.everything()
        )
        if where is not None and early:
            known.append(f"({render(where, self.rendering(fields.__getitem__, fields, member='m.id'))})")
        members = self.quote(self.request.known or f"member_{self.subject.name}")
        joins = [*self.wanted("m.id"), *joins]
        source = " ".join([f"{members} m", *joins, *([f"where {' and '.join(known)}"] if known else [])])
        if early and not self.request.columns:
            return plan.then(f"{self.prefix}result", f"select m.id from {source}")
        columns = "".join(f", {text} as {self.field_name(part)}" for part, text in fields.items() if text != "m.id")
        plan = plan.then(f"{self.prefix}base", f"select m.id{columns} from {source}")
        return self.with_levels(plan, None if early else where)

    def wanted(self, member: str) -> list[str]:
        """The join that leaves the rows of the wanted members."""
        return [f"semi join {self.quote(self.request.among)} w on w.id = {member}"] if self.request.among else []

    def everything(self) -> Iterator[Expr]:
        """The parts of all expressions about the members themselves."""
        return (part for e in self.exprs for part in ir.walk(e, into_aggregates=False))

    def base(self, sources: Sequence[tuple[str, list[str]]]) -> tuple[dict[Expr, str], list[str], list[str]]:
        """What is read of the members: aggregates, attributes, stored tags; the joins for it; who is known."""
        fields: dict[Expr, str] = {}
        joins: list[str] = []
        calls = {alias: call for call, alias in self.alias.items()}
        for name, aliases in sources:
            table = f"j{len(joins)}"
            joins.append(f"left join {self.quote(name)} {table} on {table}._m = m.id")
            for alias in aliases:
                value, default = f"{table}.{alias}", calls[alias].function.empty
                fields[calls[alias]] = (
                    value if default is None else f"coalesce({value}, {self.dialect.literal(default)})"
                )
        leaves = list(dict.fromkeys(self.everything()))
        wanted = [leaf for leaf in leaves if isinstance(leaf, ir.Attribute)]
        fields |= {leaf: "m.id" for leaf in wanted if leaf.attribute == "id"}
        wanted = [leaf for leaf in wanted if leaf.attribute != "id"]
        for source in dict.fromkeys(self.traits.place(self.subject, leaf.attribute) for leaf in wanted):
            table = f"j{len(joins)}"
            inside = [leaf for leaf in wanted if self.traits.place(self.subject, leaf.attribute) == source]
            read = list(dict.fromkeys(leaf.attribute for leaf in inside))
            joins.append(f"left join {self.traits.table(self.subject, source, read)} {table} on {table}.id = m.id")
            fields |= {leaf: f"{table}.{self.quote(leaf.attribute)}" for leaf in inside}
        stored = self.stored_tags(leaves)
        for source in dict.fromkeys(s.table for s in stored.values()):
            table = "m" if source == self.request.known else f"j{len(joins)}"
            if source != self.request.known:
                joins.append(f"left join {self.quote(source)} {table} on {table}.id = m.id")
            fields |= {leaf: f"{table}.{self.quote(s.column)}" for leaf, s in stored.items() if s.table == source}
        if self.request.known is not None:
            return fields, joins, []
        return fields, joins, [f"(m.known_from is null or m.known_from < {self.dialect.literal(self.request.as_of)})"]

    def field_name(self, part: Expr) -> str:
        """The column of the base that holds an aggregate, an attribute or a stored tag."""
        return self.alias[part] if isinstance(part, Call) else self.member_name(part)

    def is_computed(self, leaf: TagValue) -> bool:
        """True of a tag that this request computes; a column that only passes a stored tag on does not."""
        return self.request.columns.get(leaf.tag, leaf) != leaf

    def stored_tags(self, leaves: Sequence[Expr]) -> dict[Expr, Stored]:
        found: dict[Expr, Stored] = {}
        for leaf in leaves:
            if isinstance(leaf, TagValue) and not self.is_computed(leaf):
                if leaf.tag not in self.request.stored:
                    raise NotYet(f"The tag {leaf.tag!r} was not built yet.", hint="Run `gongbi build` first.")
                found[leaf] = self.request.stored[leaf.tag]
        return found

    def member_name(self, leaf: Expr) -> str:
        if isinstance(leaf, ir.Attribute):
            return "id" if leaf.attribute == "id" else self.quote(f"_attr.{leaf.attribute}")
        if isinstance(leaf, TagValue):
            own = self.is_computed(leaf)
            return self.quote(f"_v.{leaf.tag}" if own else f"_tag.{leaf.tag}")
        raise Bug(f"A member has no {type(leaf).__name__}.")

    # -- levels -----------------------------------------------------------------------------------

    def with_levels(self, plan: Plan, where: Expr | None) -> Plan:
        """Compute ranks and expressions, each as soon as everything it uses is there."""
        wanted = {self.quote(f"_v.{name}"): e for name, e in self.request.columns.items()}
        if where is not None:
            wanted["_where"] = where
        found = (e for x in wanted.values() for e in ir.walk(x, into_aggregates=False) if _rank(e))
        ranks = {e: f"_r{i}" for i, e in enumerate(dict.fromkeys(found))}
        known: dict[Expr, str] = dict(self.alias.items())
        pending = {alias: e for e, alias in ranks.items()} | wanted
        level, last = 0, f"{self.prefix}base"
        while pending:
            ready = {name: e for name, e in pending.items() if not self.needs(name, e, ranks) & pending.keys()}
            if not ready:
                raise Bug(f"The columns {', '.join(pending)} wait for each other.")
            rendering = self.rendering(self.member_name, known)
            texts = [f"{self.value(e, rendering)} as {name}" for name, e in ready.items()]
            level += 1
            plan = plan.then(f"{self.prefix}level_{level}", f"select *, {', '.join(texts)} from {last}")
            known |= {e: alias for e, alias in ranks.items() if alias in ready}
            last = f"{self.prefix}level_{level}"
            pending = {name: e for name, e in pending.items() if name not in ready}
        names = "".join(f", {self.quote(f'_v.{name}')} as {self.quote(name)}" for name in self.request.columns)
        condition = " where _where" if where is not None else ""
        return plan.then(f"{self.prefix}result", f"select id{names} from {last}{condition}")

    def needs(self, name: str, e: Expr, ranks: Mapping[Expr, str]) -> set[str]:
        """The columns of earlier levels that an expression reads."""
        found: set[str] = set()
        # The column that computes a rank does not wait for it.
        stack = list(ir.children(e)) if ranks.get(e) == name else [e]
        while stack:
            part = stack.pop()
            if part in ranks:
                found.add(ranks[part])
            elif isinstance(part, TagValue) and self.is_computed(part):
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
