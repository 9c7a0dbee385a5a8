"""How groups change: who moved from which to which, how each grew, and how it did beside its past and its peers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import MAXYEAR, date, datetime
from typing import Any

import numpy as np

from gongbi.catalog.drawn import within_period
from gongbi.core import clock
from gongbi.core import expr as ir
from gongbi.core.clock import Window
from gongbi.core.expr import Expr, TagValue
from gongbi.core.language import check_expression
from gongbi.errors import InvalidInput, UnknownName
from gongbi.segments.base import Bin
from gongbi.segments.periods import HOWS, Span, changes, compared, spans, working_days
from gongbi.segments.plan import flows_plan, members_plan
from gongbi.services.bins import binned_tags
from gongbi.services.context import Context
from gongbi.services.past import first_known, moment, request_at
from gongbi.services.privacy import check_broken_down
from gongbi.services.segments import condition
from gongbi.services.warnings import warn_of_data

#: States of a flow that are no group.
ELSEWHERE, NEW, GONE = "—", "+", "-"
MOST_GROUPS, MOST_PERIODS = 20, 60
STATES = {
    ELSEWHERE: {"zh": "不在其中", "en": "in none of them"},
    NEW: {"zh": "新认识", "en": "not known before"},
    GONE: {"zh": "不再有", "en": "not known any more"},
}


def flows(
    ctx: Context,
    groups: Sequence[str] = (),
    *,
    by: str | None = None,
    since: str,
    until: str | None = None,
    subject: str = "customer",
) -> dict[str, Any]:
    """Who moved from which group to which between two instants.

    Parameters
    ----------
    groups
        Saved segments or expressions. Who is in several counts for the first of them.
    by
        Instead of groups, a tag: its values, cut as insight cuts them, are the groups.
    since, until
        ISO dates or instants; `until` is by default the instant of the tags in force.

    Returns
    -------
    dict
        ``since``, ``until``, ``states`` (``state``, ``before``, ``after``, ``stayed``, ``entered``, ``left``), in
        order, and ``rows`` (``from``, ``to``, ``n``, ``share`` of those who were in the former), most first. A state
        is a group, or ``—`` (in none), ``+`` (not known at `since`), ``-`` (not known any more): see ``names``.
    """
    if (by is None) == (not groups) or len(groups) > MOST_GROUPS or len(set(groups)) < len(groups):
        raise InvalidInput(
            f"Flows are between 1 to {MOST_GROUPS} different groups, or between the values of one tag.",
            hint="Name groups, or a tag with `--by`.",
        )
    start, end = moment(ctx, since, subject), moment(ctx, until, subject)
    if start >= end:
        raise InvalidInput(
            f"{since} is not before {clock.local_time(end, ctx.zone)}.", hint="Name the earlier instant first."
        )
    columns, names, bins = _states(ctx, groups, by, subject)
    ctx.progress("flows", 0)
    always, _ = condition(ctx, "true", subject)
    asked = [request_at(ctx, always, subject, at, columns) for at in (start, end)]
    plan = flows_plan(asked[0], asked[1], bins or len(columns), ctx.catalog().world, ctx.engine.dialect)
    counts = {(row["s0"], row["s1"]): row["n"] for row in ctx.engine.query(plan).to_pylist()}
    labels = [*names, ELSEWHERE]

    def state(i: int | None, unknown: str) -> str:
        return unknown if i is None else labels[i]

    moved = {(state(a, NEW), state(b, GONE)): n for (a, b), n in counts.items()}
    rows = [
        {"from": a, "to": b, "n": n, "share": n / sum(k for (x, _), k in moved.items() if x == a)}
        for (a, b), n in sorted(moved.items(), key=lambda item: (-item[1], item[0]))
    ]
    return {
        "subject": subject,
        "since": start.isoformat(),
        "until": end.isoformat(),
        "states": [_state(name, moved) for name in (*labels, NEW, GONE) if any(name in pair for pair in moved)],
        "names": STATES,
        "rows": rows,
        "warnings": warn_of_data(ctx, subject, []),
    }


def _state(name: str, moved: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    before = sum(n for (a, _), n in moved.items() if a == name)
    after = sum(n for (_, b), n in moved.items() if b == name)
    stayed = moved.get((name, name), 0)
    return {
        "state": name,
        "before": before,
        "after": after,
        "stayed": stayed,
        "entered": after - stayed,
        "left": before - stayed,
    }


def _states(
    ctx: Context, groups: Sequence[str], by: str | None, subject: str
) -> tuple[dict[str, Expr], list[str], Sequence[Bin] | None]:
    """The columns by which a member's state is told, the names of the states, and the bins where it is a tag."""
    if by is None:
        found = [condition(ctx, name, subject) for name in groups]
        if wrong := [about for _, about in found if about != subject]:
            raise InvalidInput(f"The groups are about {wrong[0]}s, not {subject}s.")
        return {f"_c{i}": checked for i, (checked, _) in enumerate(found)}, list(groups), None
    tag, types = by.removeprefix("tag."), ctx.catalog().world.tags_of(subject)
    if tag not in types:
        raise UnknownName(f"tag of {subject}", tag, types)
    if types[tag].is_many:
        raise InvalidInput(f"{by!r} has several values for a member, which have no bins.", hint="Go by another tag.")
    check_broken_down(ctx, subject, by, TagValue(tag, types[tag]))
    cut = next((b for b in binned_tags(ctx, subject, ctx.stored(subject)) if b.tag == tag), None)
    if cut is None:
        raise InvalidInput(f"Nobody has a value of {by!r}.", hint="Go by another tag.")
    bins = [bin_ for bin_ in cut.bins if bin_.kind != "absent"]
    return {"_s": TagValue(tag, types[tag])}, [bin_.label for bin_ in bins], bins


def growth(
    ctx: Context,
    groups: Sequence[str],
    *,
    outcome: str | None = None,
    periods: int = 12,
    unit: str = "month",
    until: str | None = None,
    subject: str = "customer",
) -> dict[str, Any]:
    """Size, coming and going, and success of groups, period by period, side by side.

    Parameters
    ----------
    outcome
        What a member brings in a period, a number: ``coalesce(sum(order.amount) filter (where during()), 0)``. Every
        aggregate is filtered by ``during()``. It is of those who were in the group when the period began, so that being
        in it is not a consequence of the outcome.
    periods, unit
        The last so many whole days, weeks, months, quarters or years.
    until
        They end at or before this date; by default the instant of the tags in force.

    Returns
    -------
    dict
        ``groups``: for each ``group`` and ``rows``, one per period: ``start``, ``end`` (excluded), ``before`` (members
        at the start), ``entered``, ``left``, ``after``, ``change`` of the size against the period before,
        ``working_days``; and, with an outcome, ``with_value`` (how many of them have one), ``total``, ``mean`` of these
        with ``low`` and ``high`` (95 %), ``per_working_day``, ``mean_change``. What lies before the first row of the
        facts in question is None, not 0.

    Raises
    ------
    InvalidInput, InvalidDefinition
        The outcome is no number, or not of the period alone.
    """
    if not groups or len(groups) > MOST_GROUPS or not 1 <= periods <= MOST_PERIODS:
        raise InvalidInput(f"Growth is of 1 to {MOST_GROUPS} groups over 1 to {MOST_PERIODS} periods.")
    last = clock.local_date(moment(ctx, until, subject), ctx.zone)
    stretches = spans(last, periods, unit)
    measured = _outcome(ctx, outcome, subject)
    found, unknown = [], set[date]()
    for i, name in enumerate(groups):
        where, about = condition(ctx, name, subject)
        known = _Known(ctx, where, about, measured)
        unknown |= known.cut(stretches[0])
        ids: list[Any] = []
        figures: list[dict[str, Any]] = []
        for k, span in enumerate(stretches):
            ctx.progress("growth", i * (periods + 1) + k, len(groups) * (periods + 1))
            who, values = _measured(ctx, where, about, span, measured)
            ids.append(who if known.members(span.start) else None)
            figures.append(_figures(values if known.figures(span) else None, span, ctx.zone) if measured else {})
        last_day = stretches[-1].end
        who, _ = _measured(ctx, where, about, Span(last_day, last_day), None)
        ids.append(who if known.members(last_day) else None)
        rows = []
        for k, span in enumerate(stretches):
            rows.append(
                {
                    "start": span.start.isoformat(),
                    "end": span.end.isoformat(),
                    **_moved(ids[k], ids[k + 1]),
                    "working_days": working_days(span, ctx.zone),
                    **figures[k],
                }
            )
        for key, into in (("after", "change"), ("mean", "mean_change")):
            if key in rows[0]:
                for row, change in zip(rows, changes([row[key] for row in rows]), strict=True):
                    row[into] = change
        found.append({"group": name, "subject": about, "rows": rows})
    warnings = [*_begins(unknown), *warn_of_data(ctx, subject, [])]
    return {"unit": unit, "outcome": outcome, "groups": found, "warnings": warnings}


def success(
    ctx: Context,
    groups: Sequence[str],
    *,
    outcome: str,
    start: str,
    end: str,
    subject: str = "customer",
) -> dict[str, Any]:
    """What groups brought in a stretch of time, beside the one before, a year ago and a lunar year ago.

    Parameters
    ----------
    outcome
        As of `growth`: of those who were in the group when the stretch began.
    start, end
        Local dates; `end` is excluded.

    Returns
    -------
    dict
        ``rows``, one per group and stretch of time (``period``, ``before``, ``year_ago``, ``lunar_year_ago``):
        ``start``, ``end``, ``members``, ``with_value`` (how many of them have an outcome; where it is absent it is not
        0), ``total``, ``mean`` of these with ``low`` and ``high``, ``days``, ``working_days``,
        ``per_working_day``; of the compared ones also ``mean_change`` and ``per_working_day_change``: what `period` is
        against them, less 1. What lies before the first row of the facts in question is None, not 0.

    Raises
    ------
    InvalidInput, InvalidDefinition
        The outcome is no number, or not of the period alone.
    """
    try:
        span = Span(date.fromisoformat(start), date.fromisoformat(end))
    except ValueError as error:
        raise InvalidInput(f"{start!r} or {end!r} is not a date.", hint="Write 2017-09-01.") from error
    if span.days < 1 or not 1 <= len(groups) <= MOST_GROUPS:
        raise InvalidInput(f"A comparison is of 1 to {MOST_GROUPS} groups over a day or more.")
    moment(ctx, end, subject)
    measured = _outcome(ctx, outcome, subject)
    rows: list[dict[str, Any]] = []
    unknown: set[date] = set()
    for name in groups:
        where, about = condition(ctx, name, subject)
        known = _Known(ctx, where, about, measured)
        now: dict[str, Any] = {}
        for how in (None, *HOWS):
            ctx.progress("comparison with past periods", len(rows), 4 * len(groups))
            stretch = span if how is None else compared(span, how)
            who, values = _measured(ctx, where, about, stretch, measured)
            unknown |= known.cut(stretch)
            row = {
                "group": name,
                "period": how or "period",
                "start": stretch.start.isoformat(),
                "end": stretch.end.isoformat(),
                "members": len(who) if known.members(stretch.start) else None,
                **_figures(values if known.figures(stretch) else None, stretch, ctx.zone),
                "days": stretch.days,
                "working_days": working_days(stretch, ctx.zone),
            }
            now = now or row
            for key in ("mean", "per_working_day"):
                row[f"{key}_change"] = None if row is now else changes([row[key], now[key]])[1]
            rows.append(row)
    warnings = [*_begins(unknown), *warn_of_data(ctx, subject, [])]
    return {"subject": subject, "outcome": outcome, "rows": rows, "warnings": warnings}


def _outcome(ctx: Context, text: str | None, subject: str) -> Expr | None:
    if text is None:
        return None
    expr = check_expression(text, ctx.catalog().world, subject, ahead=True)
    if not expr.type.is_number:
        raise InvalidInput(f"An outcome is a number; this is {expr.type}: `{text.strip()}`.")
    if not ir.aggregates(expr) and not ir.tags_used(expr):
        raise InvalidInput(
            f"An outcome is of a stretch of time; this is of none: `{text.strip()}`.",
            hint="Aggregate rows of a fact, filtered by during().",
        )
    return within_period("outcome", text, ctx.catalog().world, subject)


class _Known:
    """Since when the figures of a group can be told: 0 is said of what was seen, and not of what nobody recorded."""

    def __init__(self, ctx: Context, where: Expr, subject: str, outcome: Expr | None) -> None:
        self._zone = ctx.zone
        self._group = first_known(ctx, subject, where)
        self._outcome = first_known(ctx, subject, outcome) if outcome is not None else None

    def members(self, day: date) -> bool:
        """Whether it can be told who was in the group when a day began."""
        return self._group is None or self._group < clock.midnight(day, self._zone)

    def figures(self, span: Span) -> bool:
        """Whether it can be told what those who were in the group when a stretch of time began brought in it."""
        seen = self._outcome is None or self._outcome < clock.midnight(span.end, self._zone)
        return seen and self.members(span.start)

    def cut(self, span: Span) -> set[date]:
        """The days after a stretch's first on which data that it needs begin."""
        firsts = [first for first in (self._group, self._outcome) if first is not None]
        days = {clock.local_date(first, self._zone) for first in firsts if first.year < MAXYEAR}
        return {day for day in days if day > span.start}


def _begins(days: set[date]) -> list[dict[str, Any]]:
    """Say from which day on there are data, where a period begins earlier."""
    if not days:
        return []
    first = max(days).isoformat()
    zh = f"数据自 {first} 起：更早的时段不显示数字，跨这一天的只含其后的部分。"
    en = f"Data begin on {first}: no figures are shown of earlier periods, and one with that day in it holds the rest."
    return [{"code": "data_begin", "since": first, "zh": zh, "en": en}]


def _moved(before: Any, after: Any) -> dict[str, int | None]:
    """Who came and left between two instants; None where it cannot be told."""
    if before is None or after is None:
        sizes = [None if ids is None else len(ids) for ids in (before, after)]
        return {"before": sizes[0], "entered": None, "left": None, "after": sizes[1]}
    entered = len(np.setdiff1d(after, before, assume_unique=True))
    left = len(before) + entered - len(after)
    return {"before": len(before), "entered": entered, "left": left, "after": len(after)}


def _measured(ctx: Context, where: Expr, subject: str, span: Span, outcome: Expr | None) -> tuple[Any, Any]:
    """The members when a stretch of time begins, and what each brought in it; what is absent is left out of a mean."""
    start, end = (clock.midnight(day, ctx.zone) for day in (span.start, span.end))
    columns = {} if outcome is None else {"_outcome": outcome}
    asked = request_at(ctx, where, subject, _not_after(start, ctx), columns, during=Window(start, end))
    table = ctx.engine.query(members_plan(asked, ctx.catalog().world, ctx.engine.dialect, limit=None))
    ids = np.array(table["id"].to_pylist())
    values = [] if outcome is None else [float(v) for v in table["_outcome"].to_pylist() if v is not None]
    return ids, np.array(values, dtype=np.float64)


def _not_after(at: datetime, ctx: Context) -> datetime:
    return min(at, ctx.now())


def _figures(values: Any, span: Span, zone: str) -> dict[str, Any]:
    if values is None:
        return dict.fromkeys(("with_value", "total", "mean", "low", "high", "per_working_day"))
    n, worked = len(values), working_days(span, zone)
    total = math.fsum(values)
    spread = 1.96 * float(np.std(values, ddof=1)) / math.sqrt(n) if n > 1 else None
    mean = total / n if n else None
    return {
        "with_value": n,
        "total": total,
        "mean": mean,
        "low": None if spread is None or mean is None else mean - spread,
        "high": None if spread is None or mean is None else mean + spread,
        "per_working_day": total / worked if worked else None,
    }
