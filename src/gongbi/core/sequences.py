"""Sequences of steps → one query over the rows of their facts.

Every step's rows are read off the scan of its fact: member, shared value, time, number of the step. Their union is
sorted once by member, value and time, and runs are followed along it. No row is paired with another, so that the work
grows with the rows and not with their square.

Of all runs that have come to a step, the one that began latest has the most time left. So for each row of step k + 1
it is enough to know the latest start among the rows of step k before it. Rows at one instant are ordered from the last
step to the first: what stands before a row is then strictly earlier.

A run that waits in vain wants the opposite: the earlier it began, the sooner its time is over, while its last step is
still to come. But it must not be over before its own steps are taken. Of the starts of runs to a row the best is hence
the first that is less than the window before it. It needs no search: where a run began at some row, one with the same
further steps began at any earlier row of the first step. So the starts of the runs to a row are all rows of the first
step up to the latest start, and the best is the first row of that step in the window before the row, if the latest
start is in the window too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gongbi.core.dialect import Dialect
from gongbi.core.expr import Call, Constant
from gongbi.core.functions import Run
from gongbi.errors import Bug


@dataclass(frozen=True, slots=True)
class StepRows:
    """The rows of one step as SQL: where they are read, the value that they share, which of them count."""

    scan: str
    time: str
    shared: str | None = None
    condition: str | None = None

    def select(self, number: int) -> str:
        """Grain: one row per row of the fact that makes the step."""
        kept = [f"{self.shared} is not null"] if self.shared is not None else []
        kept += [self.condition] if self.condition is not None else []
        value = f", {self.shared} as k" if self.shared is not None else ""
        where = f" where {' and '.join(f'({c})' for c in kept)}" if kept else ""
        # With a name of its own, since Spark takes a table's `where (x)` for a name with a column.
        return f"select _m{value}, {self.time} as t, {number} as s from {self.scan} r{where}"


def members_of(call: Call, steps: Sequence[StepRows], as_of: datetime, dialect: Dialect, alias: str) -> str:
    """The members for whom a sequence is true. Grain: one row per such member: `_m`, and true under the alias."""
    run = call.function.sql(dialect.name)
    if not isinstance(run, Run) or run.completed is None:
        raise Bug(f"`{call.function.name}` is no sequence.")
    last = call.args[-1]
    window = last.value if isinstance(last, Constant) else None
    shared = steps[0].shared is not None
    follow = len(steps) if run.completed else len(steps) - 1
    text = " union all ".join(step.select(i) for i, step in enumerate(steps, 1))
    owner = "_m, k" if shared else "_m"
    kept = f"{owner}, t, s"
    over = f"partition by {owner} order by t, s desc rows between"
    before, after = f"({over} unbounded preceding and 1 preceding)", f"({over} 1 following and unbounded following)"
    text = f"select {kept}, case when s = 1 then t end as b from ({text}) e"
    for number in range(2, follow + 1):
        begun = f"max(case when s = {number - 1} then b end) over {before}"
        text = f"select {kept}, case when s = {number} then {begun} end as b from ({text}) e"
    end = "" if window is None else f"(b + {_interval(window, dialect)})"
    true = "b is not null" if window is None else f"t < {end}"
    if not run.completed:
        if window is not None and follow > 1:
            near = f"order by t range between {_interval(window - 1, dialect)} preceding and current row"
            first = f"min(case when s = 1 then t end) over (partition by {owner} {near})"
            text = f"select {kept}, case when t < {end} then {first} end as b from ({text}) e"
        text = f"select {kept}, b, min(case when s = {len(steps)} then t end) over {after} as next from ({text}) e"
        if window is None:
            true += " and next is null"
        else:
            true += f" and {end} <= {dialect.literal(as_of)} and (next is null or next >= {end})"
    return f"select _m, true as {alias} from ({text}) e where s = {follow} and {true} group by _m"


def _interval(microseconds: int, dialect: Dialect) -> str:
    """A length of time."""
    seconds = f"{microseconds // 1_000_000}.{microseconds % 1_000_000:06d}"
    return f"interval '{seconds}' second" if dialect.name == "spark" else f"interval '{seconds} seconds'"
