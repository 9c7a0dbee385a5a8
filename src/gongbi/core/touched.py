"""Who can have changed between two instants, as a plan: the members whose values have to be computed again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gongbi.core.changes import Reach, Split
from gongbi.core.dialect import Dialect
from gongbi.core.expr import Expr, FactColumn
from gongbi.core.plan import Plan
from gongbi.core.render import Rendering, render
from gongbi.core.world import FactShape, World
from gongbi.errors import Bug


@dataclass(frozen=True, slots=True)
class Since:
    """What lies between a build and the next one.

    Parameters
    ----------
    before, now
        The instants of the two; `before` is not later.
    table
        Where the earlier one is kept: one row per member known then.
    loads
        Loads that have come since. Those that have gone since leave no trace: then nobody can tell.
    tables
        The tables that there are.
    united
        Subject → query for the ids (`id`) that were united with others since.
    fresh
        A table of `fresh_plan`, where there is one: who came since is looked for once then, not by each plan.
    """

    before: datetime
    now: datetime
    table: str
    loads: Sequence[int] = ()
    tables: frozenset[str] = frozenset()
    united: Mapping[str, str] = field(default_factory=dict)
    fresh: str | None = None


def touched_plan(split: Split, subject: str, since: Since, world: World, dialect: Dialect) -> Plan:
    """The members of whom a value that stays, or a state, can be another than before.

    Grain: one row per member, `id`, among those who are known now. New members are there; those of whom a value cannot
    have changed may be there too.
    """
    made = _Touched(split, subject, since, world, dialect)
    every = " union all ".join(dict.fromkeys(made.causes()))
    known = known_members(subject, since.now, dialect)
    return (
        Plan()
        .then("_causes", every)
        .then("_touched", f"select distinct c.id from _causes c semi join ({known}) m on m.id = c.id")
    )


def fresh_plan(subject: str, since: Since, dialect: Dialect) -> Plan:
    """Members who were not known then and are now. Grain: one row per member, `id`."""
    known = known_members(subject, since.now, dialect)
    anti = f"anti join {dialect.ident(since.table)} p on p.id = m.id"
    return Plan().then("_fresh", f"select m.id from ({known}) m {anti}")


def known_members(subject: str, at: datetime, dialect: Dialect) -> str:
    """The members of a subject known as of an instant."""
    member = dialect.ident(f"member_{subject}")
    return f"select id from {member} where known_from is null or known_from < {dialect.literal(at)}"


class _Touched:
    def __init__(self, split: Split, subject: str, since: Since, world: World, dialect: Dialect) -> None:
        self.split, self.since, self.world, self.dialect = split, since, world, dialect
        self.subject = world.subject(subject)
        self.quote = dialect.ident
        self.loads = ", ".join(str(int(load)) for load in since.loads)

    def causes(self) -> Iterable[str]:
        """One query per cause."""
        if self.since.fresh is not None:
            yield f"select id from {self.quote(self.since.fresh)}"
        else:
            yield fresh_plan(self.subject.name, self.since, self.dialect).result.sql
        if self.subject.name in self.since.united:
            yield f"select id from ({self.since.united[self.subject.name]}) u"
        for table in dict.fromkeys(self.subject.attribute(name).table for name in sorted(self.split.own)):
            yield from self.described(table)
        for name in dict.fromkeys(reach.fact for reach in self.split.reach):
            yield from self.of_fact(self.world.fact(name), [r for r in self.split.reach if r.fact == name])

    def described(self, table: str) -> Iterable[str]:
        """Whose attributes in a table can have changed."""
        ends = [self.between("valid_from"), self.between("valid_to")]
        yield f"select id from {self.quote(table)} where {' or '.join([*ends, *self.loaded()])}"
        yield from self.gone(table, "id")

    def of_fact(self, fact: FactShape, reaches: Sequence[Reach]) -> Iterable[str]:
        """Whose rows of a fact are new or gone, cross the end of a window, or are about something that has changed."""
        who, table = self.quote(self.subject.name), self.quote(fact.table)
        conditions = self.crossing(reaches)
        conditions += [self.turning(r.filter) for r in reaches if r.filter is not None]
        if fact.grouping is None:
            conditions += self.loaded()
            yield from self.gone(fact.table, self.subject.name)
        else:
            yield from self.of_groups(fact)
        seen = f"{who} is not null and ts < {self.dialect.literal(self.since.now)}"
        if conditions:
            yield f"select {who} as id from {table} where {seen} and ({' or '.join(conditions)})"
        about = {name: [a for r in reaches for s, a in r.related if s == name] for name in fact.subjects}
        for name, attributes in about.items():
            shape = self.world.subject(name)
            tables = dict.fromkeys(shape.attribute(a).table for a in attributes)
            changed = [query for t in tables for query in self.described(t)]
            if name in self.since.united:
                changed.append(f"select id from ({self.since.united[name]}) u")
            if changed:
                other = f"(select distinct id from ({' union all '.join(changed)}) a) c"
                rows = f"select f.{who} as id from {table} f semi join {other} on c.id = f.{self.quote(name)}"
                yield f"{rows} where f.{who} is not null"

    def of_groups(self, fact: FactShape) -> Iterable[str]:
        """Whose rows of a derived fact are made of other rows than before."""
        assert fact.grouping is not None
        base = self.world.fact(fact.grouping.fact)
        who = self.quote(self.subject.name)
        keys = [self.quote(name) for name in fact.grouping.by]
        listed = ", ".join(keys)
        late = " or ".join([self.between("ts"), *self.loaded()])
        new = [f"select {listed} from {self.quote(base.table)} where {late}"]
        new += self.gone(base.table, *fact.grouping.by)
        for name in base.subjects:
            if name in self.since.united:
                united = f"({self.since.united[name]}) u"
                columns = ", ".join(f"b.{key}" for key in keys)
                rows = f"{self.quote(base.table)} b semi join {united} on u.id = b.{self.quote(name)}"
                new.append(f"select {columns} from {rows}")
        groups = f"(select distinct * from ({' union all '.join(new)}) g) g"
        same = " and ".join(f"g.{key} is not distinct from b.{key}" for key in keys)
        rows = f"{self.quote(base.table)} b semi join {groups} on {same}"
        yield f"select b.{who} as id from {rows} where b.{who} is not null"
        yield from self.gone(base.table, self.subject.name)

    def gone(self, table: str, *columns: str) -> list[str]:
        """Rows whose place a new load has taken, or that came and were superseded at once."""
        name = f"superseded_{table}"
        if not self.loads or name not in self.since.tables:
            return []
        alias = " as id" if len(columns) == 1 and columns[0] == self.subject.name else ""
        listed = ", ".join(self.quote(column) for column in columns) + alias
        return [f"select {listed} from {self.quote(name)} where {' or '.join(self.loaded('_load', '_by'))}"]

    def loaded(self, *columns: str) -> list[str]:
        """That a row came with a new load."""
        return [f"{self.quote(c)} in ({self.loads})" for c in (columns or ("_load",))] if self.loads else []

    def between(self, column: str, start: datetime | None = None, end: datetime | None = None) -> str:
        """That an instant lies in a half-open span, by default from before until now."""
        name, literal = self.quote(column), self.dialect.literal
        return f"({name} >= {literal(start or self.since.before)} and {name} < {literal(end or self.since.now)})"

    def crossing(self, reaches: Sequence[Reach]) -> list[str]:
        """That a row enters or leaves a window, or is seen for the first time."""
        spans: dict[str, list[tuple[datetime, datetime]]] = {"ts": [(self.since.before, self.since.now)]}
        for column, window in dict.fromkeys(w for reach in reaches for w in reach.windows):
            then, now = window(self.since.before), window(self.since.now)
            for a, b in ((then.start, now.start), (then.end, now.end)):
                if (a is None) != (b is None):
                    raise Bug("A window is bounded at one instant and not at another.")
                if a is not None and b is not None and a != b:
                    spans.setdefault(column, []).append((min(a, b), max(a, b)))
        return [self.between(column, a, b) for column, found in spans.items() for a, b in united(found)]

    def turning(self, condition: Expr) -> str:
        """That a condition is another than before."""
        texts = []
        for instant in (self.since.before, self.since.now):
            rendering = Rendering(self.dialect, instant, self.world.zone, names=self.column)
            texts.append(f"({render(condition, rendering)})")
        return f"({' is distinct from '.join(texts)})"

    def column(self, leaf: Expr) -> str:
        if isinstance(leaf, FactColumn):
            return self.quote(leaf.column)
        raise Bug(f"A row has no {type(leaf).__name__}.")


def united(spans: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Half-open spans, in order, those that touch each other as one."""
    found: list[tuple[datetime, datetime]] = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found
