"""Association rules over the baskets of a group: bought together, bought next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gongbi.core.rows import row_condition, row_value
from gongbi.errors import InvalidInput
from gongbi.segments.baskets.base import Rule
from gongbi.segments.baskets.run import Totals, following, lay_out, least_count, together
from gongbi.services.context import Context
from gongbi.services.drafts import draft
from gongbi.services.privacy import check_broken_down
from gongbi.services.segments import request
from gongbi.services.warnings import warn_of_request

#: Sets of more items than this are hard to act on and slow to find.
LARGEST = 3


def rules(
    ctx: Context,
    fact: str,
    item: str,
    *,
    basket: str | None = None,
    expression: str = "true",
    where: str = "",
    subject: str = "customer",
    min_support: float = 0.01,
    min_confidence: float = 0.1,
    min_lift: float = 1.0,
    largest: int = 2,
    limit: int | None = 50,
) -> dict[str, Any]:
    """What goes together in the baskets of a group.

    Parameters
    ----------
    fact
        Its rows are the lines of baskets, for example ``purchase``.
    item
        What lies in a basket: a column of the fact, or an attribute of what it names (``purchase.product.category``).
    basket
        What tells a member's baskets apart: a column, or an expression about a row; by default the local day.
    expression
        The group; everybody by default. Rows that name no member are in nobody's basket.
    where
        A condition on the rows of the fact: ``amount > 0 and within(90, 'day')``.
    min_support
        Share of all baskets that must hold all items of a rule; at least two baskets.
    largest
        Most items of a rule, 2 or 3.

    Returns
    -------
    dict
        ``baskets``, ``members``, ``items``, ``least`` (baskets that `min_support` comes to), ``found`` (how many
        rules there are), ``rows`` (see `segments.baskets.base.Rule`), largest lift first; ``as_of``, ``warnings``.
    """
    if largest not in range(2, LARGEST + 1):
        raise InvalidInput(f"A rule has 2 or {LARGEST} items, not {largest}.")
    _check(min_support, min_confidence, min_lift, limit)
    with _laid_out(ctx, fact, item, basket, expression, where, subject) as (table, totals, about):
        least = least_count(min_support, totals.baskets)
        ctx.progress("rules: what goes together", 1, 2)
        found = together(ctx.engine, table, totals, least, largest)
    return about | _answer(found, totals.baskets, least, min_confidence, min_lift, limit)


def next_items(
    ctx: Context,
    fact: str,
    item: str,
    *,
    basket: str | None = None,
    expression: str = "true",
    where: str = "",
    subject: str = "customer",
    min_support: float = 0.01,
    min_confidence: float = 0.1,
    min_lift: float = 1.0,
    limit: int | None = 50,
) -> dict[str, Any]:
    """What the next basket of a member holds, given what is in this one; parameters as those of `rules`.

    Returns
    -------
    dict
        As of `rules`; a rule's figures are of all times that a basket of a member followed another (``followed``).
        An item that is bought again is a rule from itself to itself.
    """
    _check(min_support, min_confidence, min_lift, limit)
    with _laid_out(ctx, fact, item, basket, expression, where, subject) as (table, totals, about):
        least = least_count(min_support, totals.followed)
        ctx.progress("rules: what comes next", 1, 2)
        found = following(ctx.engine, table, totals, least)
    return about | _answer(found, totals.followed, least, min_confidence, min_lift, limit)


def _check(min_support: float, min_confidence: float, min_lift: float, limit: int | None) -> None:
    if not 0 < min_support <= 1 or not 0 <= min_confidence <= 1:
        raise InvalidInput("`min_support` is a share above 0 and `min_confidence` one from 0 to 1.")
    if not min_lift >= 0 or (limit is not None and limit < 0):
        raise InvalidInput("`min_lift` and `limit` are 0 or more.")


@contextmanager
def _laid_out(
    ctx: Context, fact: str, item: str, basket: str | None, expression: str, where: str, subject: str
) -> Iterator[tuple[str, Totals, dict[str, Any]]]:
    """The table of the baskets, its totals, and what the answer says of them."""
    group, world = request(ctx, expression, subject), ctx.catalog().world
    condition = row_condition(fact, where, world, group.subject)
    texts = {"basket": basket if basket is not None else f"date({fact}.ts)", "item": item, "ts": f"{fact}.ts"}
    columns = {name: row_value(fact, text, world, group.subject) for name, text in texts.items()}
    check_broken_down(ctx, group.subject, item, columns["item"])
    ctx.progress("rules: baskets", 0, 2)
    with draft(ctx) as table:
        totals = lay_out(ctx.engine, world, group, fact, columns, condition, table)
        yield (
            table,
            totals,
            {
                "subject": group.subject,
                "expression": expression,
                "fact": fact,
                "item": item,
                "as_of": group.as_of.isoformat(),
                **totals._asdict(),
                "warnings": warn_of_request(ctx, group),
            },
        )


def _answer(
    found: list[Rule], total: int, least: int, min_confidence: float, min_lift: float, limit: int | None
) -> dict[str, Any]:
    kept = [rule for rule in found if rule.confidence >= min_confidence and rule.lift >= min_lift]
    kept.sort(key=lambda r: (-r.lift, -r.n, r.given, r.then))
    return {"total": total, "least": least, "found": len(kept), "rows": [rule.to_json() for rule in kept[:limit]]}
