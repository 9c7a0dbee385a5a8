"""A campaign's definition → the plan that finds its audience as of the instant of decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from gongbi.catalog.base import CampaignDef
from gongbi.catalog.catalog import Catalog
from gongbi.core import expr as ir
from gongbi.core.clock import Window
from gongbi.core.compiler import Request, compile_members
from gongbi.core.dialect import Dialect
from gongbi.core.expr import Expr
from gongbi.core.language import check_condition, check_expression
from gongbi.core.plan import Plan
from gongbi.errors import Refused

SUBJECT = "customer"
SCORE = "_score"


def reason_column(number: int) -> str:
    """The column that says whether a reason is true."""
    return f"_because_{number}"


def audience(campaign: CampaignDef, catalog: Catalog, as_of: datetime, dialect: Dialect) -> Plan:
    """Find the eligible members with their scores and reasons.

    Grain: one row per eligible member; columns ``id``, `SCORE` and one boolean for each reason. Tags are computed at
    `as_of` and not read from a build, so nothing later can be seen.
    """
    world = catalog.world
    columns = {SCORE: check_expression(campaign.score, world, SUBJECT)}
    for number, text in enumerate(campaign.reasons):
        columns[reason_column(number)] = check_condition(text, world, SUBJECT)
    eligible = check_condition(campaign.eligible, world, SUBJECT)
    return members_at(columns, catalog, as_of, dialect, where=eligible)


def members_at(
    columns: Mapping[str, Expr],
    catalog: Catalog,
    as_of: datetime,
    dialect: Dialect,
    *,
    during: Window | None = None,
    where: Expr | None = None,
) -> Plan:
    """Compute expressions about customers at an instant, with every tag that they use computed at that instant too.

    Grain: one row per member for whom `where` is true; columns ``id`` and those asked for.
    """
    tags = tags_at([*columns.values(), *([where] if where is not None else [])], catalog)
    request = Request(SUBJECT, {**tags, **columns}, as_of, stored={}, during=during, where=where)
    names = ", ".join(["id", *(dialect.ident(name) for name in columns)])
    plan = compile_members(request, catalog.world, dialect)
    return plan.then("_asked", f"select {names} from {dialect.ident(plan.result.name)}")


def tags_at(exprs: Iterable[Expr], catalog: Catalog) -> dict[str, Expr]:
    """Return the tags that expressions use, and those that these use, each after what it needs.

    Raises
    ------
    Refused
        One of them is the score of a model, which is made now and cannot be had as of an earlier instant.
    """
    known = catalog.tags_of(SUBJECT)
    wanted = {tag for expr in exprs for tag in ir.tags_used(expr)}
    predicted = sorted(wanted - set(known))
    if predicted:
        raise Refused(
            f"{predicted[0]!r} is a model's score of today; a campaign decides as of its own instant.",
            hint="Use tags that are computed from facts: they can be had as of any instant.",
        )
    return ir.with_used(wanted, known)
