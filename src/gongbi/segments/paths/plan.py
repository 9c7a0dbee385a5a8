"""Plans about sequences of facts: how far members come along given steps, and where they go. Pure text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gongbi.core.compiler import Request, compile_members
from gongbi.core.dialect import Dialect
from gongbi.core.expr import Expr
from gongbi.core.plan import Plan
from gongbi.core.rows import rows_query
from gongbi.core.world import World
from gongbi.segments.base import OTHER


@dataclass(frozen=True, slots=True)
class Event:
    """Rows of a fact that count as one sort of event.

    Parameters
    ----------
    name
        What the event is called.
    columns
        ``ts``, and ``label`` where the rows are told apart by a value.
    """

    name: str
    fact: str
    columns: Mapping[str, Expr]
    where: Expr | None = None


def _rows(event: Event, group: Request, world: World, dialect: Dialect, since: datetime | None) -> str:
    rows = rows_query(
        event.fact, event.columns, event.where, group.subject, group.as_of, world, dialect, single=group.single
    )
    late = "" if since is None else f" where r.ts >= {dialect.literal(since)}"
    return f"select r.* from ({rows}) r semi join _members m on m.id = r._m{late}"


def funnel_plan(
    group: Request,
    steps: Sequence[Event],
    world: World,
    dialect: Dialect,
    *,
    since: datetime | None = None,
    within: timedelta | None = None,
) -> Plan:
    """How far the members of a group came along steps that follow each other in time.

    A step counts when its row is later than that of the step before; with `within`, all of them less than that after
    the first. Every row of the first step is tried as a beginning; a member counts with the one that led furthest, the
    earliest of several.

    Returns
    -------
    Plan
        One row: ``n`` (members of the group), for each step ``n_i`` (who reached it) and from the second on ``mid_i``
        (median of the seconds since the step before).
    """
    plan = Plan().then("_members", compile_members(group, world, dialect).as_query())
    ts = dialect.types["timestamp"]
    for i, step in enumerate(steps):
        plan = plan.then(f"_step_{i}", _rows(step, group, world, dialect, since))
    first = "select distinct _m, ts as t0 from _step_0"
    if within is None:
        first = "select _m, min(ts) as t0 from _step_0 group by _m"
    plan = plan.then("_reached_0", first)
    for i in range(1, len(steps)):
        kept = ", ".join(f"r.t{k}" for k in range(i))
        near = f"s._m = r._m and s.ts > r.t{i - 1}"
        if within is not None:
            # Rows are kept to those that can matter by the engine's own arithmetic of instants.
            near += f" and s.ts < r.t0 + interval '{int(within.total_seconds())}' second"
        sql = f"select r._m, {kept}, min(s.ts) as t{i} from _reached_{i - 1} r left join _step_{i} s on {near} "
        plan = plan.then(f"_reached_{i}", sql + f"group by r._m, {kept}")
    last = len(steps) - 1
    times = [f"t{k}" for k in range(len(steps))]
    depth = " + ".join(f"(case when {t} is not null then 1 else 0 end)" for t in times)
    best = f"row_number() over (partition by _m order by {depth} desc, t0) as place"
    plan = plan.then("_tried", f"select *, {best} from _reached_{last}")
    plan = plan.then("_best", "select * from _tried where place = 1")
    counts = [f"count({t}) as n_{k}" for k, t in enumerate(times)]
    for k in range(1, len(steps)):
        seconds = _seconds(f"t{k - 1}", f"t{k}", dialect, ts)
        counts.append(f"median({seconds}) as mid_{k}")
    whole = "(select count(*) from _members) as n"
    return plan.then("_funnel", f"select {whole}, {', '.join(counts)} from _best")


def _seconds(a: str, b: str, dialect: Dialect, ts: str) -> str:
    if dialect.name == "duckdb":
        return f"date_diff('microsecond', cast({a} as {ts}), cast({b} as {ts})) / 1e6"
    return f"timestampdiff(microsecond, {a}, {b}) / 1e6"


def paths_plan(
    group: Request,
    events: Sequence[Event],
    world: World,
    dialect: Dialect,
    *,
    depth: int,
    start: str | None,
    end: str | None,
    labels: int,
    gap: timedelta | None = None,
    since: datetime | None = None,
    repeats: bool = False,
) -> Plan:
    """What members did first, second, … from their first event on, from the first `start`, or up to the last `end`.

    Rarer labels than the `labels` commonest are one. Events of one instant are in the order of their labels. Without
    `repeats`, an event like the one before it is no step. A path ends where nothing happens for `gap`.

    Returns
    -------
    Plan
        Columns ``s0``, ``s1``, … (labels; backwards from the end where `end` is given; null where the path is over) and
        ``n``. Grain: one row per path that members went.
    """
    plan = Plan().then("_members", compile_members(group, world, dialect).as_query())
    parts = []
    for i, event in enumerate(events):
        plan = plan.then(f"_rows_{i}", _rows(event, group, world, dialect, since))
        label = dialect.literal(event.name)
        if "label" in event.columns:
            label = f"coalesce(cast(label as {dialect.types['text']}), '—')"
        parts.append(f"select _m, ts, {label} as label from _rows_{i}")
    plan = plan.then("_events", " union all ".join(parts), materialize=True)
    anchor = start if start is not None else end
    own = f"label = {dialect.literal(anchor)} desc, " if anchor is not None else ""
    ranked = f"select label, row_number() over (order by {own}count(*) desc, label) as k from _events group by label"
    plan = plan.then("_labels", ranked)
    named = f"case when l.k <= {int(labels)} then e.label else {dialect.literal(OTHER)} end as label"
    plan = plan.then("_named", f"select e._m, e.ts, {named} from _events e join _labels l on l.label = e.label")
    order = "partition by _m order by ts, label"
    before = "lag(label) over w as was, lag(ts) over w as was_ts"
    plan = plan.then("_beside", f"select *, {before} from _named window w as ({order})")
    kept = "select _m, ts, label from _beside"
    if not repeats:
        # The same again starts nothing new, unless the path had ended.
        alike = "was is null or was <> label"
        if gap is not None:
            alike += f" or ts >= was_ts + interval '{int(gap.total_seconds())}' second"
        kept += f" where {alike}"
    plan = plan.then("_kept", kept)
    way = "partition by _m order by ts, label" if end is None else "partition by _m order by ts desc, label desc"
    plan = plan.then("_numbered", f"select *, row_number() over ({way}) as r, lag(ts) over ({way}) as near from _kept")
    where = "" if anchor is None else f" where label = {dialect.literal(anchor)}"
    plan = plan.then("_anchors", f"select _m, min(r) as r from _numbered{where} group by _m")
    reach = f"n.r >= a.r and n.r < a.r + {int(depth)}"
    broken = "0"
    if gap is not None:
        step = f"interval '{int(gap.total_seconds())}' second"
        far = f"n.ts >= n.near + {step}" if end is None else f"n.near >= n.ts + {step}"
        broken = f"case when n.r > a.r and {far} then 1 else 0 end"
    plan = plan.then(
        "_reach",
        f"select n._m, n.r - a.r as k, n.label, {broken} as broken from _numbered n "
        f"join _anchors a on a._m = n._m and {reach}",
    )
    plan = plan.then("_whole", "select *, sum(broken) over (partition by _m order by k) as over from _reach")
    # Kept before the pivot: a step after the end of a path is none.
    steps = ", ".join(f"max(case when k = {k} then label end) as s{k}" for k in range(depth))
    plan = plan.then("_paths", f"select _m, {steps} from _whole where over = 0 group by _m")
    names = ", ".join(f"s{k}" for k in range(depth))
    return plan.then("_counted", f"select {names}, count(*) as n from _paths group by {names}")
