"""Groups: count, list, export, and compare them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from gongbi.cli.calls import call, emit
from gongbi.cli.library import show_done
from gongbi.cli.messages import language
from gongbi.cli.options import HERE, As, Columns, Json, Overwrite, Reveal, Subject, Where
from gongbi.cli.output import show

Order = Annotated[list[str] | None, typer.Option("--order", help="Sort by this, largest first; repeatable.")]
By = Annotated[str | None, typer.Option("--order", help="With --limit: choose the largest by this.")]
Most = Annotated[int | None, typer.Option("--limit", min=1, help="At most so many, by --order or --draw.")]
Draw = Annotated[str | None, typer.Option("--draw", help="Choose by lot, by this seed, instead of by order.")]
Why = Annotated[str, typer.Option("--why", help="What the list is for; kept with it.")]
Replace = Annotated[bool, typer.Option("--replace", help="Make a further version of a list that is there.")]

segment_app = typer.Typer(help="Count, list and compare groups. 客群：计数、名单、洞察。", no_args_is_help=True)


@segment_app.command("list")
def segment_list(workspace: Where = HERE, as_json: Json = False) -> None:
    """Saved segments with their sizes. 已保存客群。"""
    emit(call(workspace, None, "segments"), as_json, _show_segments)


def _show_segments(found: list[dict[str, Any]]) -> None:
    """Each with its condition and, where it holds at most so many, how these are chosen."""
    show([{**one, "at_most": _at_most(one)} for one in found])


def _at_most(one: dict[str, Any]) -> str:
    if one["limit"] is None:
        return ""
    if language() == "zh":
        return f"{one['limit']:,}，按 {one['order']}" if one["order"] else f"{one['limit']:,}，随机（{one['draw']}）"
    return f"{one['limit']:,} by {one['order']}" if one["order"] else f"{one['limit']:,} by lot ({one['draw']})"


@segment_app.command("count")
def segment_count(
    expression: Annotated[str, typer.Argument(help="A condition, or the name of a saved segment.")],
    limit: Most = None,
    order: By = None,
    draw: Draw = None,
    subject: Subject = "customer",
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """How many members a condition holds for. 计数。"""
    given = {"subject": subject, "limit": limit, "order": order, "draw": draw}
    emit(call(workspace, None, "count", expression=expression, **given), as_json)


@segment_app.command("new")
def segment_new(
    name: Annotated[str, typer.Argument(help="Its name; afterwards it is segment.NAME.")],
    expression: Annotated[str, typer.Argument(help="A condition, or the name of a saved segment.")],
    limit: Most = None,
    order: By = None,
    draw: Draw = None,
    zh: Annotated[str, typer.Option("--zh", help="What people call it in Chinese.")] = "",
    en: Annotated[str, typer.Option("--en", help="What people call it in English.")] = "",
    owner: Annotated[str, typer.Option("--owner", help="Who answers for it.")] = "",
    why: Annotated[str, typer.Option("--why", help="What it is for; put on record.")] = "",
    subject: Subject = "customer",
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Keep a condition as a draft of a segment. 另存为客群草稿。"""
    given: dict[str, Any] = {"limit": limit, "order": order, "draw": draw, "title": {"zh": zh, "en": en}}
    given |= {"owner": owner, "why": why, "subject": subject}
    emit([call(workspace, actor, "save_segment", name=name, expression=expression, **given)], as_json, show_done)


@segment_app.command("members")
def segment_members(
    expression: Annotated[str, typer.Argument(help="A condition, or the name of a saved segment.")],
    column: Columns = None,
    to: Annotated[Path | None, typer.Option("--to", help="Write .csv, .xlsx or .parquet; put on record.")] = None,
    overwrite: Overwrite = False,
    limit: Annotated[int | None, typer.Option(min=0, help="At most so many.")] = None,
    order: Order = None,
    draw: Draw = None,
    reveal: Reveal = None,
    headings: Annotated[
        str | None, typer.Option("--headings", help="With --to: names over the columns, in zh or en.")
    ] = None,
    subject: Subject = "customer",
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """The members, with chosen columns. 名单。"""
    given: dict[str, Any] = {
        "expression": expression,
        "subject": subject,
        "columns": column or [],
        "order": order or [],
        "draw": draw,
        "reveal": reveal,
    }
    if headings is not None and to is None:
        raise typer.BadParameter("--headings needs --to.")
    if to is not None:
        written = {"to": str(to.resolve()), "overwrite": overwrite, "limit": limit, "headings": headings}
        found = call(workspace, actor, "export", **written, **given)
        emit(found, as_json)
    else:
        emit(call(workspace, actor, "members", limit=50 if limit is None and not as_json else limit, **given), as_json)


@segment_app.command("insight")
def segment_insight(
    expression: Annotated[str, typer.Argument(help="A condition, or the name of a saved segment.")],
    base: Annotated[
        str | None, typer.Option("--base", "--against", help="Another group to compare with; everybody by default.")
    ] = None,
    against_as_of: Annotated[
        str | None, typer.Option(help="Compare with the past: the group, or the base, as of this date or instant.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="Only this tag; repeatable.")] = None,
    unknown: Annotated[
        str, typer.Option(help="among: the unknown count in shares; apart: shares of those with a value.")
    ] = "among",
    min_support: Annotated[
        int, typer.Option(min=0, help="Leave out values with fewer members, seen and expected.")
    ] = 20,
    limit: Annotated[int, typer.Option(min=0, help="How many rows.")] = 30,
    subject: Subject = "customer",
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """What sets a group apart: TGI of every tag. 客群洞察。"""
    params: dict[str, Any] = {"base": base, "against_as_of": against_as_of, "unknown": unknown, "tags": tag or None}
    params |= {"expression": expression, "min_support": min_support, "limit": limit, "subject": subject}
    emit(call(workspace, None, "insight", **params), as_json)


@segment_app.command("overlap")
def segment_overlap(
    segments: Annotated[
        list[str] | None, typer.Argument(help="Saved segments or expressions; all saved ones of the subject otherwise.")
    ] = None,
    subject: Subject = "customer",
    limit: Annotated[int, typer.Option(min=0, help="How many pairs.")] = 30,
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """How many members groups share. 客群重叠。"""
    found = call(workspace, None, "overlap", segments=segments or [], subject=subject)
    emit({**found, "pairs": found["pairs"][:limit]}, as_json)


@segment_app.command("waterfall")
def segment_waterfall(
    expression: Annotated[str, typer.Argument(help="Conditions joined by `and`, or the name of a saved segment.")],
    subject: Subject = "customer",
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """How many members each condition removes. 逐条筛选。"""
    emit(call(workspace, None, "waterfall", expression=expression, subject=subject), as_json)


@segment_app.command("exports")
def segment_exports(workspace: Where = HERE, as_json: Json = False) -> None:
    """Files that groups and rejected rows were written to, newest first. 导出记录。"""
    emit(call(workspace, None, "exports"), as_json)


@segment_app.command("sample")
def segment_sample(
    expression: Annotated[str, typer.Argument(help="A condition, or the name of a saved segment.")],
    column: Columns = None,
    limit: Annotated[int, typer.Option(min=0, help="How many.")] = 20,
    subject: Subject = "customer",
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """A few members by lot, personal values masked. 脱敏示例。"""
    given = {"expression": expression, "subject": subject, "columns": column or [], "limit": limit}
    emit(call(workspace, None, "sample", **given), as_json)


@segment_app.command("try")
def segment_try(
    expression: Annotated[str, typer.Argument(help="A condition, or the name of a saved segment.")],
    n: Annotated[int, typer.Option("--n", min=1, help="On so many members.")] = 1000,
    subject: Subject = "customer",
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """Try a condition on a stable sample of members. 小样本试算。"""
    emit(call(workspace, None, "try_segment", expression=expression, subject=subject, n=n), as_json)


@segment_app.command("sql")
def segment_sql(
    expression: Annotated[str, typer.Argument(help="A condition, or the name of a saved segment.")],
    subject: Subject = "customer",
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """The group as one statement of the engine's SQL. 客群的 SQL。"""
    found = call(workspace, None, "segment_sql", expression=expression, subject=subject)
    emit(found, as_json, lambda answer: print(answer["sql"]))


@segment_app.command("from-list")
def segment_from_list(
    name: Annotated[str, typer.Argument(help="The group's name; afterwards it is segment.NAME.")],
    file: Annotated[Path, typer.Argument(help="A .csv, .txt or .xlsx file; - for what is piped in.")],
    identifier: Annotated[str | None, typer.Option(help="Kind of identifier; any of the subject's by default.")] = None,
    column: Annotated[str | None, typer.Option("--column", "-c", help="Its name, or number from 1.")] = None,
    why: Why = "",
    replace: Replace = False,
    subject: Subject = "customer",
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Make a group of the people in a list. 名单建群。"""
    from gongbi.services.lists import read_values

    body = sys.stdin.buffer.read() if str(file) == "-" else None
    values = read_values(str(file), column=column, identifier=identifier, body=body)
    given = {"identifier": identifier, "subject": subject, "why": why, "replace": replace}
    emit(call(workspace, actor, "save_list", name=name, values=values, **given), as_json)


@segment_app.command("fix")
def segment_fix(
    name: Annotated[str, typer.Argument(help="The list's name; afterwards it is segment.NAME.")],
    expression: Annotated[str, typer.Argument(help="A condition, or the name of a saved segment.")],
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
    order: Order = None,
    draw: Draw = None,
    why: Why = "",
    replace: Replace = False,
    subject: Subject = "customer",
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Keep who is in a group now as a list. 固定名单。"""
    given = {"limit": limit, "order": order or [], "draw": draw, "why": why, "replace": replace, "subject": subject}
    emit(call(workspace, actor, "save_list_of", name=name, expression=expression, **given), as_json)


@segment_app.command("lists")
def segment_lists(workspace: Where = HERE, as_json: Json = False) -> None:
    """Lists with their versions. 名单。"""
    emit(call(workspace, None, "lists"), as_json)


@segment_app.command("list-left")
def segment_list_left(
    name: Annotated[str, typer.Argument(help="The list.")],
    outcome: Annotated[str | None, typer.Option(help="Only unmatched, ambiguous, doubled or shared.")] = None,
    to: Annotated[Path | None, typer.Option("--to", help="Write .csv, .xlsx or .parquet; put on record.")] = None,
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Values of a list that need a look. 名单中待核对的值。"""
    target = str(to.resolve()) if to is not None else None
    emit(call(workspace, actor, "list_left", name=name, outcome=outcome, to=target), as_json)


@segment_app.command("drop-list")
def segment_drop_list(
    name: Annotated[str, typer.Argument(help="The list.")],
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Take a list away, if nothing uses it. 删除名单。"""
    emit(call(workspace, actor, "drop_list", name=name), as_json)
