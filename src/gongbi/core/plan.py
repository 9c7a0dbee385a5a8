"""Work described as named steps; carrying it out happens in an engine."""

from __future__ import annotations

from dataclasses import dataclass, field

from gongbi.errors import Bug


@dataclass(frozen=True, slots=True)
class Step:
    """One named query. ``materialize`` asks the engine to compute it once, because several steps read it."""

    name: str
    sql: str
    materialize: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """An ordered list of queries, each of which may read the steps before it by name.

    A plan is text in the dialect of one engine and nothing else: it has no connection, no clock and no side effect.
    The last step is the result.
    """

    steps: tuple[Step, ...] = field(default=())

    def then(self, name: str, sql: str, *, materialize: bool = False) -> Plan:
        """Return a plan with one more step."""
        if any(step.name == name for step in self.steps):
            raise Bug(f"A plan has two steps called {name!r}.")
        return Plan((*self.steps, Step(name, sql, materialize)))

    def followed_by(self, other: Plan, *, materialize: bool = False) -> Plan:
        """Return a plan with the steps of both; `materialize` says that several steps will read the other's result."""
        plan = self
        for step in other.steps:
            plan = plan.then(
                step.name, step.sql, materialize=step.materialize or (materialize and step is other.result)
            )
        return plan

    @property
    def result(self) -> Step:
        """The last step."""
        if not self.steps:
            raise Bug("An empty plan has no result.")
        return self.steps[-1]

    def as_query(self) -> str:
        """Return the whole plan as a query that can stand in a step of another plan; nothing is computed beforehand."""
        return Plan(tuple(Step(step.name, step.sql) for step in self.steps)).to_sql()

    def to_sql(self) -> str:
        """Return the whole plan as one statement: a chain of common table expressions.

        For reading, copying and `EXPLAIN`; engines may carry out materialised steps as temporary tables instead.
        """
        *heads, last = self.steps
        if not heads:
            return last.sql
        chain = ",\n".join(
            f"{step.name} as {'materialized ' if step.materialize else ''}(\n{step.sql}\n)" for step in heads
        )
        return f"with {chain}\n{last.sql}"
