"""Funnels and paths of a group: along steps that are given, and wherever members went."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

from gongbi.core.clock import ROLLING
from gongbi.core.rows import row_condition, row_value
from gongbi.errors import InvalidInput
from gongbi.estimators.stats import wilson_interval
from gongbi.segments.paths.plan import Event, funnel_plan, paths_plan
from gongbi.services.context import Context
from gongbi.services.past import moment
from gongbi.services.privacy import check_broken_down
from gongbi.services.segments import request
from gongbi.services.warnings import warn_of_request

MOST_STEPS, MOST_DEPTH, MOST_LABELS = 12, 8, 30


def funnel(
    ctx: Context,
    steps: Sequence[str],
    *,
    expression: str = "true",
    within: str | None = None,
    since: str | None = None,
    subject: str = "customer",
) -> dict[str, Any]:
    """How many members of a group take step after step, and how long they need.

    Parameters
    ----------
    steps
        In order; each a fact with, after a colon, a condition on its rows: ``view``, ``order: order.amount > 10``. A
        name before ``=>`` is what the step is called: ``big order => order: order.amount > 10``.
    expression
        The group; everybody by default.
    within
        All steps are less than this after the first: ``7 day``, ``2 hour``. A step is always later than the one before.
    since
        Rows before this date or instant are left out.

    Returns
    -------
    dict
        ``size`` of the group, ``rows``, one per step: ``step``, ``n``, ``of_first``, ``of_before`` with ``low`` and
        ``high`` (95 %, Wilson), ``lost`` since the step before, ``median_hours`` since it; ``as_of``, ``warnings``.
    """
    if not 2 <= len(steps) <= MOST_STEPS:
        raise InvalidInput(f"A funnel has 2 to {MOST_STEPS} steps, not {len(steps)}.")
    group = request(ctx, expression, subject)
    events = [_event(ctx, step, group.subject, labelled=False) for step in steps]
    start = moment(ctx, since, subject) if since is not None else None
    ctx.progress("funnel", 0)
    plan = funnel_plan(
        group, events, ctx.catalog().world, ctx.engine.dialect, since=start, within=_stretch(within, "within")
    )
    (found,) = ctx.engine.query(plan).to_pylist()
    rows: list[dict[str, Any]] = []
    for i, event in enumerate(events):
        n, before = found[f"n_{i}"], rows[-1]["n"] if rows else found["n"]
        sure = wilson_interval(n, before)
        seconds = found[f"mid_{i}"] if i else None
        rows.append(
            {
                "step": event.name,
                "n": n,
                "of_first": n / found["n_0"] if found["n_0"] else None,
                "of_before": n / before if before else None,
                "low": sure.low if before else None,
                "high": sure.high if before else None,
                "lost": before - n,
                "median_hours": None if seconds is None else float(seconds) / 3600,
            }
        )
    return {
        "subject": group.subject,
        "expression": expression,
        "as_of": group.as_of.isoformat(),
        "size": found["n"],
        "within": within,
        "rows": rows,
        "warnings": warn_of_request(ctx, group),
    }


def paths(
    ctx: Context,
    events: Sequence[str],
    *,
    expression: str = "true",
    start: str | None = None,
    end: str | None = None,
    depth: int = 4,
    labels: int = 12,
    gap: str | None = None,
    since: str | None = None,
    repeats: bool = False,
    limit: int | None = 30,
    subject: str = "customer",
) -> dict[str, Any]:
    """Where the members of a group go, step by step.

    Parameters
    ----------
    events
        Facts, or columns that tell their rows apart: ``view``, ``view.page``, ``order.product.category``; after a
        colon a condition on the rows, before ``=>`` a name.
    start, end
        The label from whose first event the paths begin, or up to whose last event they lead; one of them at most.
    depth
        Steps of a path, the first included.
    labels
        So many of the commonest labels are told apart; all others are ``…``.
    gap
        A path is over where nothing happens for so long: ``30 minute``, ``7 day``.
    repeats
        Whether the same again is a step.

    Returns
    -------
    dict
        ``members`` with a path, ``rows`` (``path``: labels in order of time, ``n``, ``share``), most first, ``links``
        (``step``, ``from``, ``to``, ``n``) between neighbouring steps, all paths together; ``as_of``, ``warnings``.
    """
    if not events or not 2 <= depth <= MOST_DEPTH or not 1 <= labels <= MOST_LABELS:
        raise InvalidInput(f"A path has 2 to {MOST_DEPTH} steps of 1 to {MOST_LABELS} labels.")
    if start is not None and end is not None:
        raise InvalidInput("Paths begin at an event or end at one.", hint="Give `start` or `end`; a funnel has both.")
    group = request(ctx, expression, subject)
    ctx.progress("paths", 0)
    plan = paths_plan(
        group,
        [_event(ctx, event, group.subject, labelled=True) for event in events],
        ctx.catalog().world,
        ctx.engine.dialect,
        depth=depth,
        start=start,
        end=end,
        labels=labels,
        gap=_stretch(gap, "gap"),
        since=moment(ctx, since, subject) if since is not None else None,
        repeats=repeats,
    )
    counted: Counter[tuple[str, ...]] = Counter()
    links: Counter[tuple[int, str, str]] = Counter()
    for row in ctx.engine.query(plan).to_pylist():
        path = tuple(row[f"s{k}"] for k in range(depth) if row[f"s{k}"] is not None)
        if end is not None:
            path = path[::-1]
        counted[path] += row["n"]
        # Paths to an end are counted back from it.
        first = 0 if end is None else depth - len(path)
        for k, (a, b) in enumerate(pairwise(path), start=first):
            links[k, a, b] += row["n"]
    members = counted.total()
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return {
        "subject": group.subject,
        "expression": expression,
        "as_of": group.as_of.isoformat(),
        "members": members,
        "paths": len(counted),
        "start": start,
        "end": end,
        "rows": [{"path": list(path), "n": n, "share": n / members} for path, n in ordered[:limit]],
        "links": [
            {"step": k, "from": a, "to": b, "n": n}
            for (k, a, b), n in sorted(links.items(), key=lambda item: (item[0][0], -item[1], item[0]))
        ],
        "warnings": warn_of_request(ctx, group),
    }


def _event(ctx: Context, text: str, subject: str, *, labelled: bool) -> Event:
    name, arrow, rest = text.partition("=>")
    what, _, condition = (rest if arrow else text).partition(":")
    fact, _, column = what.strip().partition(".")
    world = ctx.catalog().world
    columns = {"ts": row_value(fact, f"{fact}.ts", world, subject)}
    if column and not labelled:
        raise InvalidInput(f"A step is a fact, not {what.strip()!r}.", hint="Put conditions after a colon.")
    if column:
        columns["label"] = row_value(fact, what.strip(), world, subject)
        check_broken_down(ctx, subject, what, columns["label"])
    called = name.strip() if arrow else text.strip()
    return Event(called or fact, fact, columns, row_condition(fact, condition, world, subject))


_STRETCH = re.compile(r"\s*(\d{1,6})\s*([a-z]+?)s?\s*")


def _stretch(text: str | None, key: str) -> timedelta | None:
    if text is None:
        return None
    found = _STRETCH.fullmatch(text)
    if found is None or found[2] not in ROLLING or not int(found[1]):
        raise InvalidInput(f"`{key}` is a stretch of time, not {text!r}.", hint="Write 7 day, 2 hour or 30 minute.")
    return timedelta(seconds=int(found[1]) * ROLLING[found[2]])
