"""Questions about groups: where their likes are, what they are made of, what they buy, where they go."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gongbi.cli.calls import call, emit
from gongbi.cli.messages import language
from gongbi.cli.options import HERE, As, Json, Overwrite, Reveal, Subject, Where
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
Outcome = Annotated[
    str | None, typer.Option(help="What a member brings: a number, e.g. sum(order.amount) filter (where during()).")
]
Since = Annotated[str | None, typer.Option(help="Leave out rows before this date.")]
Lift = Annotated[float, typer.Option(help="Lift of a rule, at least.")]
Why = Annotated[str, typer.Option("--why", help="What it is for; put on record.")]


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


@segment_app.command("flows")
def segment_flows(
    groups: Annotated[list[str] | None, typer.Argument(help="Saved segments or conditions.")] = None,
    since: Annotated[str, typer.Option(help="The earlier date or instant.")] = "",
    until: Annotated[str | None, typer.Option(help="The later one; by default that of the tags in force.")] = None,
    by: Annotated[str | None, typer.Option(help="Instead of groups: the values of a tag.")] = None,
    limit: Limit = 30,
    subject: Subject = "customer",
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """Who moved from which group to which between two dates. 客群流转。"""
    params: dict[str, Any] = {"groups": groups or [], "by": by, "since": since, "until": until, "subject": subject}
    found = call(workspace, None, "flows", **params)
    shown = {k: v for k, v in found.items() if k != "names"} | {"rows": found["rows"][:limit]}
    emit(found if as_json else shown, as_json)


@segment_app.command("growth")
def segment_growth(
    groups: Annotated[list[str], typer.Argument(help="Saved segments or conditions.")],
    outcome: Outcome = None,
    periods: Annotated[int, typer.Option(min=1, help="How many periods.")] = 12,
    unit: Annotated[str, typer.Option(help="day, week, month, quarter or year.")] = "month",
    until: Annotated[str | None, typer.Option(help="They end at or before this date.")] = None,
    subject: Subject = "customer",
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """How groups grew, and what their members brought, period by period. 客群成长。"""
    params = {"outcome": outcome, "periods": periods, "unit": unit, "until": until, "subject": subject}
    found = call(workspace, None, "growth", groups=groups, **params)
    rows = [{"group": group["group"], **row} for group in found["groups"] for row in group["rows"]]
    emit(found if as_json else {"rows": rows, "warnings": found["warnings"]}, as_json)


@segment_app.command("success")
def segment_success(
    groups: Annotated[list[str], typer.Argument(help="Saved segments or conditions; several are peers.")],
    start: Annotated[str, typer.Option(help="First day.")] = "",
    end: Annotated[str, typer.Option(help="The day after the last.")] = "",
    outcome: Outcome = None,
    subject: Subject = "customer",
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """What groups brought, beside the time before, a year and a lunar year ago. 纵比与横比。"""
    params = {"groups": groups, "start": start, "end": end, "outcome": outcome or "", "subject": subject}
    emit(call(workspace, None, "success", **params), as_json)


@segment_app.command("funnel")
def segment_funnel(
    steps: Annotated[list[str], typer.Argument(help="In order: a fact, or e.g. 'big => order: order.amount > 10'.")],
    of: Of = "true",
    within: Annotated[str | None, typer.Option(help="All steps so soon after the first, e.g. '7 day'.")] = None,
    since: Since = None,
    subject: Subject = "customer",
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """How many of a group take step after step. 漏斗。"""
    params = {"steps": steps, "expression": of, "within": within, "since": since, "subject": subject}
    emit(call(workspace, None, "funnel", **params), as_json)


@segment_app.command("paths")
def segment_paths(
    events: Annotated[list[str], typer.Argument(help="Facts, or columns that tell their rows apart: view.page.")],
    of: Of = "true",
    start: Annotated[str | None, typer.Option(help="Begin at the first event of this label.")] = None,
    end: Annotated[str | None, typer.Option(help="Lead up to the last event of this label.")] = None,
    depth: Annotated[int, typer.Option(min=2, max=8, help="Steps of a path.")] = 4,
    gap: Annotated[str | None, typer.Option(help="A path is over after such a pause, e.g. '7 day'.")] = None,
    since: Since = None,
    repeats: Annotated[bool, typer.Option("--repeats", help="The same again is a step too.")] = False,
    limit: Limit = 30,
    subject: Subject = "customer",
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """Where the members of a group go, step by step. 路径。"""
    params: dict[str, Any] = {"start": start, "end": end, "depth": depth, "gap": gap, "since": since}
    params |= {"expression": of, "repeats": repeats, "limit": limit, "subject": subject}
    found = call(workspace, None, "paths", events=events, **params)
    shown = {name: value for name, value in found.items() if name != "links"}
    shown["rows"] = [{**row, "path": " → ".join(row["path"])} for row in found["rows"]]
    emit(found if as_json else shown, as_json)


@segment_app.command("lookalike")
def segment_lookalike(
    expression: Group,
    among: Annotated[str, typer.Option(help="Who may be found: a condition or a segment.")] = "true",
    tag: Annotated[list[str] | None, typer.Option("--tag", help="Learn from this tag only; repeatable.")] = None,
    exclude: Annotated[list[str] | None, typer.Option("--exclude", help="Leave this tag out; repeatable.")] = None,
    kind: Annotated[str | None, typer.Option(help="logistic, trees or centroid; the better one by default.")] = None,
    top: Annotated[int, typer.Option(min=1, help="How many to name.")] = 20,
    repeats: Annotated[int, typer.Option(help="How often to hold seeds back.")] = 5,
    to: Annotated[Path | None, typer.Option("--to", help="Write .csv, .xlsx or .parquet; put on record.")] = None,
    overwrite: Overwrite = False,
    as_list: Annotated[str, typer.Option("--list", help="Keep the first of them as a list of this name.")] = "",
    as_tag: Annotated[str, typer.Option("--score-tag", help="Keep everybody's score as values of this tag.")] = "",
    why: Why = "",
    replace: Annotated[bool, typer.Option("--replace", help="A further version of the list.")] = False,
    reveal: Reveal = None,
    subject: Subject = "customer",
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Rank others by likeness to a seed group, with lift on seeds held back. 相似人群扩展。"""
    params: dict[str, Any] = {"among": among, "tags": tag or None, "exclude": exclude or [], "kind": kind, "top": top}
    if as_list or as_tag:
        kept = {"as_list": as_list, "as_tag": as_tag, "why": why, "replace": replace}
        emit(
            call(workspace, actor, "save_lookalike", expression=expression, subject=subject, **params, **kept), as_json
        )
        return
    params |= {"repeats": repeats, "to": None if to is None else str(to.resolve()), "overwrite": overwrite}
    params["reveal"] = reveal
    found = call(workspace, actor, "lookalike", expression=expression, subject=subject, **params)
    emit(found if as_json else _likeness(found), as_json)


def _likeness(found: dict[str, Any]) -> dict[str, Any]:
    tenth = found["reaches"].index(0.1)
    at = f"lift_at_{found['reaches'][tenth]:.0%}"
    judged = [
        {"ranker": j["kind"], "auc": j["auc"], "low": j["auc_low"], "high": j["auc_high"], at: j["lift"][tenth]}
        for j in found["judged"]
    ]
    judged.append({"ranker": "chance", "auc": 0.5, "low": 0.5, "high": 0.5, at: 1.0})
    rows = [
        {**row, "reasons": ", ".join(f"{r['tag']} {shown_value(r['value'])}" for r in row["reasons"])}
        for row in found["rows"]
    ]
    less = ("types", "reaches", "learned_from")
    excluded = [f"{one['tag']}: {one['reason'][language()]}" for one in found["excluded"]]
    kept = {name: value for name, value in found.items() if name not in less}
    return kept | {"judged": judged, "rows": rows, "excluded": excluded}


def shown_value(value: Any) -> str:
    """A value of a reason, with as many digits as say something."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _with_rows(found: dict[str, Any], shown: tuple[str, ...], *less: str) -> dict[str, Any]:
    """An answer with those columns of its rows that a screen has room for."""
    rows = [{name: row[name] for name in shown} for row in found["rows"]]
    return {name: value for name, value in found.items() if name not in less} | {"rows": rows}
