"""Look before anything is kept: a few members with personal values masked, a trial on a thousand of them, the SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Any

import pyarrow as pa

from gongbi.catalog.catalog import Catalog
from gongbi.catalog.masking import MASKED, masked
from gongbi.core import expr as ir
from gongbi.core.expr import Call, Expr
from gongbi.core.plan import Plan
from gongbi.core.types import in_order
from gongbi.errors import InvalidInput
from gongbi.segments.plan import members_plan
from gongbi.segments.run import list_members
from gongbi.services.context import Context
from gongbi.services.drafts import draft
from gongbi.services.limits import checked
from gongbi.services.makers import drafted
from gongbi.services.privacy import check_reveal, grade_of_tag, hide, id_grade, personal
from gongbi.services.segments import column, condition, population, request
from gongbi.services.warnings import warn_of_request

#: Members of a stable sample, and the seed of the lot by which they are drawn.
TRIED, SEED = 1000, "sample"
#: Rows that an answer shows.
SHOWN = 20


def sample(
    ctx: Context,
    expression: str,
    *,
    subject: str = "customer",
    columns: Sequence[str] = (),
    limit: int = SHOWN,
    reveal: str | None = None,
) -> dict[str, Any]:
    """A few members of a group, drawn by lot, with personal values masked.

    Parameters
    ----------
    columns
        Tags, attributes or expressions; by default the subject's attributes and the tags that the expression names.
    reveal
        As of `services.segments.members`.

    Returns
    -------
    dict
        ``columns`` (``name``, ``personal``), ``rows`` (``id`` and a value per column), ``as_of``, ``subject``,
        ``warnings``. An id that is itself personal is masked, and then ``key`` is absent; else ``key`` is the id.
    """
    limit = checked(limit)
    check_reveal(ctx, reveal)
    where, about = condition(ctx, expression, subject)
    catalog = ctx.catalog()
    names = list(columns) or _usual(catalog, where, about)
    chosen = {name: column(ctx, name, about) for name in dict.fromkeys(names)}
    wanted = request(ctx, expression, subject, chosen)
    ctx.progress("sample", 0)
    table = list_members(ctx.engine, catalog.world, wanted, limit=limit, draw=SEED)
    own = id_grade(catalog, about)
    keys, grades = table["id"].to_pylist(), personal(ctx, about, chosen)
    table, said = hide(ctx, table, grades, reveal, what=expression.strip())
    shown = own not in MASKED or reveal is not None
    rows = [{"key": key if shown else None, **row} for key, row in zip(keys, table.to_pylist(), strict=True)]
    return {
        "subject": about,
        "as_of": wanted.as_of.isoformat(),
        "columns": [{"name": name, "personal": name in grades} for name in chosen],
        "rows": rows,
        "warnings": [*warn_of_request(ctx, wanted), *said],
    }


def _usual(catalog: Catalog, where: Expr, subject: str) -> list[str]:
    tags = sorted(tag for tag in ir.tags_used(where) if not tag.startswith("list."))
    attributes = catalog.world.subject(subject).attributes
    return [*(f"{subject}.{name}" for name in attributes if not name.startswith("given.")), *tags][:8]


def segment_sql(ctx: Context, expression: str, *, subject: str = "customer") -> dict[str, Any]:
    """A group as one statement of the engine's SQL: it reads the workspace's tables by itself and gives the same ids.

    Returns
    -------
    dict
        ``sql``, ``dialect``, ``as_of``, ``subject``.
    """
    wanted = request(ctx, expression, subject)
    plan = members_plan(wanted, ctx.catalog().world, ctx.engine.dialect, limit=None)
    return _statement(ctx, plan, wanted.subject, wanted.as_of.isoformat())


def tag_sql(ctx: Context, name: str) -> dict[str, Any]:
    """A tag as one statement of the engine's SQL: ``id`` and the value, as of the instant of the current build."""
    catalog = ctx.catalog()
    tag = catalog.tag(name.strip().removeprefix("tag."))
    expr = catalog.expressions[tag.subject, tag.tag]
    wanted = replace(request(ctx, "true", tag.subject, {tag.tag: expr}), where=None)
    plan = members_plan(wanted, catalog.world, ctx.engine.dialect, limit=None)
    return _statement(ctx, plan, tag.subject, wanted.as_of.isoformat())


def _statement(ctx: Context, plan: Plan, subject: str, as_of: str) -> dict[str, Any]:
    dialect = ctx.engine.dialect.name
    if dialect != "duckdb":
        # Only DuckDB's SQL has a word for a step that is worked out once.
        plan = Plan(tuple(replace(step, materialize=False) for step in plan.steps))
    return {"sql": plan.to_sql(), "dialect": dialect, "as_of": as_of, "subject": subject}


def try_segment(ctx: Context, expression: str, *, subject: str = "customer", n: int = TRIED) -> dict[str, Any]:
    """Try a condition on a stable sample: exact for its members, an estimate for all.

    Returns
    -------
    dict
        ``tried``, ``holds``, ``unknown`` (neither yes nor no), ``of`` (all known members), ``estimate`` with ``low``
        and ``high`` (95 %, Wilson's interval), ``rows`` (the first members: ``id``, ``value``), ``as_of`` and
        ``warnings``.
    """
    where, about = condition(ctx, expression, subject)
    own = id_grade(ctx.catalog(), about)
    table, as_of, warnings = _tried(ctx, about, {"value": where}, n)
    values = table["value"].to_pylist()
    holds, tried, of = sum(v is True for v in values), len(values), population(ctx, about, as_of)
    if tried < of:
        from gongbi.estimators.stats import wilson_interval

        sure = wilson_interval(holds, tried)
        low, high = sure.low, sure.high
    else:
        low = high = holds / tried if tried else 0.0
    return {
        "subject": about,
        "as_of": as_of.isoformat(),
        "tried": tried,
        "holds": holds,
        "unknown": sum(v is None for v in values),
        "of": of,
        "estimate": round(of * holds / tried) if tried else 0,
        "low": round(of * low),
        "high": round(of * high),
        "rows": [{**row, "id": masked(row["id"], own)} for row in table.slice(0, SHOWN).to_pylist()],
        "warnings": warnings,
    }


def try_tag(ctx: Context, definition: Mapping[str, Any], *, n: int = TRIED) -> dict[str, Any]:
    """Try a tag that is not in force on a stable sample of members: their exact values, personal ones masked.

    Parameters
    ----------
    definition
        The tag as in YAML, with its `expr` or `maker`.

    Returns
    -------
    dict
        ``expr``, ``type``, ``tried``, ``present``, ``distinct``, ``top`` (the commonest values, of an
        ordered category in its order: ``value``, ``count``),
        ``rows`` (the first members: ``id``, ``value``), ``as_of``, ``warnings``.
    """
    catalog = ctx.catalog()
    tag, expr = drafted(ctx, definition)
    table, as_of, warnings = _tried(ctx, tag.subject, {"value": expr}, n)
    grade, own = grade_of_tag(catalog, tag, expr), id_grade(catalog, tag.subject)
    values = [masked(value, grade) for value in table["value"].to_pylist()]
    known = [str(value) for value in values if value is not None]
    counts = sorted(((known.count(value), value) for value in set(known)), key=lambda one: (-one[0], one[1]))
    shown = zip(table["id"].to_pylist()[:SHOWN], values, strict=False)
    return {
        "tag": tag.tag,
        "subject": tag.subject,
        "expr": tag.expression,
        "type": str(expr.type),
        "as_of": as_of.isoformat(),
        "tried": len(values),
        "present": len(known),
        "distinct": len(counts),
        "top": [
            {"value": value, "count": count}
            for count, value in in_order(tag.with_levels(expr.type), counts[:12], itemgetter(1))
        ],
        "rows": [{"id": masked(id_, own), "value": value} for id_, value in shown],
        "warnings": warnings,
    }


def _tried(ctx: Context, subject: str, columns: Mapping[str, Expr], n: int) -> tuple[pa.Table, Any, list[Any]]:
    """The values of a stable sample of members. Ranks are among all who are known, so these are worked out for all."""
    n = checked(n)
    if n < 1:
        raise InvalidInput("A definition is tried on at least one member.")
    world = ctx.catalog().world
    wanted = replace(request(ctx, "true", subject, columns), where=None)
    ctx.progress("try", 0)
    ranked = any(isinstance(e, Call) and e.is_rank for expr in columns.values() for e in ir.walk(expr))
    if ranked:
        table = list_members(ctx.engine, world, wanted, limit=n, draw=SEED)
        return table, wanted.as_of, warn_of_request(ctx, wanted)
    plan = members_plan(replace(wanted, columns={}), world, ctx.engine.dialect, limit=n, draw=SEED)
    with draft(ctx) as members:
        ctx.engine.build(plan, members)
        found = list_members(ctx.engine, world, replace(wanted, known=members), draw=SEED)
    return found, wanted.as_of, warn_of_request(ctx, wanted)
