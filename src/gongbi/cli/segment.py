"""Groups: count, list, export, and compare them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gongbi.cli.calls import call, emit
from gongbi.cli.options import HERE, As, Columns, Json, Overwrite, Subject, Where

segment_app = typer.Typer(help="Count, list and compare groups. 客群：计数、名单、洞察。", no_args_is_help=True)


@segment_app.command("list")
def segment_list(workspace: Where = HERE, as_json: Json = False) -> None:
    """Saved segments with their sizes. 已保存客群。"""
    emit(call(workspace, None, "segments"), as_json)


@segment_app.command("count")
def segment_count(
    expression: Annotated[str, typer.Argument(help="A condition, or the name of a saved segment.")],
    subject: Subject = "customer",
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """How many members a condition holds for. 计数。"""
    emit(call(workspace, None, "count", expression=expression, subject=subject), as_json)


@segment_app.command("members")
def segment_members(
    expression: Annotated[str, typer.Argument(help="A condition, or the name of a saved segment.")],
    column: Columns = None,
    to: Annotated[Path | None, typer.Option("--to", help="Write .csv, .xlsx or .parquet; put on record.")] = None,
    overwrite: Overwrite = False,
    limit: Annotated[int | None, typer.Option(min=0, help="At most so many.")] = None,
    order: Annotated[list[str] | None, typer.Option("--order", help="Sort by this, largest first; repeatable.")] = None,
    reveal: Annotated[str | None, typer.Option("--reveal", help="Why masked values are to be seen; recorded.")] = None,
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
        "reveal": reveal,
    }
    if to is not None:
        found = call(workspace, actor, "export", to=str(to.resolve()), overwrite=overwrite, limit=limit, **given)
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
