"""Questions about groups: where their likes are, what they are made of, what they buy together."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gongbi.cli.calls import call, emit
from gongbi.cli.options import HERE, Json, Subject, Where
from gongbi.cli.segment import segment_app as segment_app

Group = Annotated[str, typer.Argument(help="A condition, or the name of a saved segment.")]
Limit = Annotated[int, typer.Option(min=0, help="How many rows.")]
Base = Annotated[str | None, typer.Option("--base", help="Another group to compare with; everybody by default.")]
Fact = Annotated[str, typer.Argument(help="The fact whose rows are the lines of baskets, e.g. purchase.")]
Item = Annotated[str, typer.Argument(help="What lies in a basket: a column, or e.g. purchase.product.category.")]
Of = Annotated[str, typer.Option("--of", help="The group: a condition or a saved segment; everybody by default.")]
Rows = Annotated[str, typer.Option("--where", help="A condition on the rows of the fact.")]
Basket = Annotated[
    str | None, typer.Option("--basket", help="What tells a member's baskets apart; by default the local day.")
]
Support = Annotated[float, typer.Option(help="Share of all baskets that hold a rule's items, at least.")]
Confidence = Annotated[float, typer.Option(help="Confidence of a rule, at least.")]
Lift = Annotated[float, typer.Option(help="Lift of a rule, at least.")]


@segment_app.command("drill")
def segment_drill(
    expression: Group,
    by: Annotated[list[str] | None, typer.Option("--by", help="A tag, attribute or expression; once or twice.")] = None,
    base: Base = None,
    subject: Subject = "customer",
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """A group by the values of one or two tags, each figure with its members. 下钻。"""
    found = call(workspace, None, "drill", expression=expression, by=by or [], base=base, subject=subject)
    shown = ("labels", "support", "share", "base_share", "tgi", "low", "high", "members_are")
    emit(found if as_json else _with_rows(found, shown), as_json)


@segment_app.command("hidden")
def segment_hidden(
    expression: Group,
    channel: Annotated[
        str | None, typer.Option(help="The obvious place: a condition or a segment; the group itself by default.")
    ] = None,
    min_support: Annotated[int, typer.Option(min=0, help="Leave out traits of fewer members of the group.")] = 20,
    limit: Limit = 30,
    subject: Subject = "customer",
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """Where the likes of a group are outside its obvious channel. 隐藏人群。"""
    params = {"expression": expression, "channel": channel, "min_support": min_support, "limit": limit}
    found = call(workspace, None, "hidden", subject=subject, **params)
    shown = ("tag", "label", "outside", "there", "rate", "lift", "low", "high", "members_are")
    emit(found if as_json else _with_rows(found, shown, "excluded"), as_json)


@segment_app.command("rules")
def segment_rules(
    fact: Fact,
    item: Item,
    of: Of = "true",
    basket: Basket = None,
    where: Rows = "",
    min_support: Support = 0.01,
    min_confidence: Confidence = 0.1,
    min_lift: Lift = 1.0,
    largest: Annotated[int, typer.Option(min=2, max=3, help="Most items of a rule.")] = 2,
    limit: Limit = 30,
    subject: Subject = "customer",
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """What is bought together: support, confidence, lift. 关联规则。"""
    params: dict[str, Any] = {"min_support": min_support, "min_confidence": min_confidence, "min_lift": min_lift}
    params |= {"basket": basket, "where": where, "limit": limit, "subject": subject, "expression": of}
    emit(call(workspace, None, "rules", fact=fact, item=item, largest=largest, **params), as_json)


@segment_app.command("next")
def segment_next(
    fact: Fact,
    item: Item,
    of: Of = "true",
    basket: Basket = None,
    where: Rows = "",
    min_support: Support = 0.01,
    min_confidence: Confidence = 0.1,
    min_lift: Lift = 1.0,
    limit: Limit = 30,
    subject: Subject = "customer",
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """What is bought next: what the basket after this one holds. 下一次买什么。"""
    params: dict[str, Any] = {"min_support": min_support, "min_confidence": min_confidence, "min_lift": min_lift}
    params |= {"basket": basket, "where": where, "limit": limit, "subject": subject, "expression": of}
    emit(call(workspace, None, "next_items", fact=fact, item=item, **params), as_json)


def _with_rows(found: dict[str, Any], shown: tuple[str, ...], *less: str) -> dict[str, Any]:
    """An answer with those columns of its rows that a screen has room for."""
    rows = [{name: row[name] for name in shown} for row in found["rows"]]
    return {name: value for name, value in found.items() if name not in less} | {"rows": rows}
