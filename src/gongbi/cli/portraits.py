"""Grades with their care, personas with interviews, and yearbooks for customers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from gongbi.cli.calls import call, emit
from gongbi.cli.messages import language
from gongbi.cli.options import HERE, As, Json, Overwrite, Where


def grading(
    name: Annotated[str | None, typer.Argument(help="One grading; all of them are listed otherwise.")] = None,
    due: Annotated[bool, typer.Option("--due", help="List who is due for care.")] = False,
    post: Annotated[str | None, typer.Option("--post", help="With --due: only those of this post.")] = None,
    days: Annotated[int | None, typer.Option("--days", min=1, help="Moves since so many days before.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="With --due: how many.")] = 50,
    to: Annotated[
        Path | None, typer.Option("--to", help="With --due: write .csv, .xlsx or .parquet; put on record.")
    ] = None,
    overwrite: Overwrite = False,
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Customers by way of buying and volume, and who is due for care. 客户分级与关怀。"""
    if name is None:
        if due or post or to or days:
            raise typer.BadParameter("--due, --post, --days and --to need the name of a grading.")
        emit(call(workspace, None, "gradings"), as_json)
    elif due or post or to:
        file = str(to.resolve()) if to is not None else None
        found = call(workspace, actor, "care", name=name, post=post, limit=limit, to=file, overwrite=overwrite)
        emit(found, as_json)
    else:
        emit(call(workspace, None, "grading", name=name, days=days), as_json, lambda found: _print(_matrix(found)))


def _print(lines: Iterator[str]) -> None:
    console = Console()
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


def _matrix(found: Mapping[str, Any]) -> Iterator[str]:
    """A grading as lines: a head, then a line per cell."""
    spoken = language()
    yield f"[bold]{found['grading']}[/]  {escape(found['name'][spoken])}"
    yield f"  as of {found['as_of']}, moves since {found['before'][:10]}"
    yield f"  {found['members']:,} members, {found['due']:,} due for care"
    unit = f" ({escape(found['unit'])})" if found["unit"] else ""
    counts = f"{'level':>5}{'members':>10}{'due':>8}{'in':>6}{'out':>6}{'new':>6}"
    yield f"  {'type':<14}{counts}  volume{unit}, post, every n days"
    for cell in found["cells"]:
        type_, post = (found[part][cell[key]][spoken] for part, key in (("types", "type"), ("posts", "post")))
        moves = f"{cell['entered']:>6,}{cell['left']:>6,}{cell['new']:>6,}"
        counts = f"{cell['level']:>5}{cell['members']:>10,}{cell['due']:>8,}{moves}"
        yield f"  {escape(type_):<14}{counts}  {cell['volume']:,.0f}, {escape(post)}, {cell['days']}"
