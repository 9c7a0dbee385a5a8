"""Sources: their loads, the rows that were rejected, and how to put them right."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gongbi.cli.calls import call, emit, no_options_before
from gongbi.cli.options import HERE, As, Json, Overwrite, Where

sources_app = typer.Typer(help="Sources, their loads and rejected rows. 数据源、加载记录与拒收行。")


@sources_app.callback(invoke_without_command=True)
def sources(ctx: typer.Context, workspace: Where = HERE, as_json: Json = False) -> None:
    """Sources with their loads, rows and unmatched keys. 数据源一览。"""
    if ctx.invoked_subcommand is None:
        emit(call(workspace, None, "sources"), as_json)
    else:
        no_options_before(ctx)


@sources_app.command("loads")
def sources_loads(
    source: Annotated[str | None, typer.Argument(help="Only this source.")] = None,
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """All loads, newest first. 加载记录。"""
    emit(call(workspace, None, "loads", source=source), as_json)


@sources_app.command("undo")
def sources_undo(
    load: Annotated[int, typer.Argument(help="The load's number.")],
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Take a load back; rows that it replaced come back. 撤销一次加载。"""
    emit(call(workspace, actor, "undo", load=load), as_json)


@sources_app.command("rejects")
def sources_rejects(
    load: Annotated[int | None, typer.Argument(help="Only this load.")] = None,
    to: Annotated[
        Path | None, typer.Option("--to", help="Write the rows as CSV, to be repaired; put on record.")
    ] = None,
    overwrite: Overwrite = False,
    limit: Annotated[int, typer.Option(min=0, help="How many rows.")] = 50,
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Rejected rows with their reasons. 拒收行。"""
    if to is not None:
        if load is None:
            raise typer.BadParameter("--to needs the number of a load.")
        found = call(workspace, actor, "export_rejects", load=load, to=str(to.resolve()), overwrite=overwrite)
        emit(found, as_json)
    else:
        emit(call(workspace, None, "rejects", load=load, limit=limit), as_json)


@sources_app.command("repair")
def sources_repair(
    load: Annotated[int, typer.Argument(help="The load whose rejects were repaired.")],
    file: Annotated[Path, typer.Argument(help="The repaired CSV.")],
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Load repaired rejects. 重新加载已修复的行。"""
    emit(call(workspace, actor, "repair", load=load, file=str(file.resolve())), as_json)
