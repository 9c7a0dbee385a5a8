"""Lists to be worked off."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gongbi.cli.calls import call, emit
from gongbi.cli.messages import language
from gongbi.cli.options import HERE, As, Json, Overwrite, Reveal, Where


def worklist(
    name: Annotated[str | None, typer.Argument(help="One list; all of them are shown otherwise.")] = None,
    part: Annotated[str | None, typer.Option("--part", help="Only whose work it is, e.g. a manager's id.")] = None,
    limit: Annotated[int | None, typer.Option(min=0, help="At most so many rows.")] = None,
    to: Annotated[
        Path | None, typer.Option("--to", help="Write .xlsx (a sheet for each part), .csv or .parquet; put on record.")
    ] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="As it would have been then: an ISO date.")] = None,
    overwrite: Overwrite = False,
    reveal: Reveal = None,
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Lists for account managers and shops, with what is due. 工作名单。"""
    if name is None:
        if part or to or as_of or reveal or limit is not None:
            raise typer.BadParameter("--part, --limit, --as-of, --to and --reveal need the name of a list.")
        emit(call(workspace, None, "worklists"), as_json)
        return
    given: dict[str, Any] = {"name": name, "part": part, "language": language(), "as_of": as_of, "reveal": reveal}
    if to is not None:
        if limit is not None:
            raise typer.BadParameter("--limit is for looking; --to writes the whole list.")
        emit(call(workspace, actor, "export_worklist", to=str(to.resolve()), overwrite=overwrite, **given), as_json)
    else:
        emit(call(workspace, actor, "worklist", limit=50 if limit is None and not as_json else limit, **given), as_json)
