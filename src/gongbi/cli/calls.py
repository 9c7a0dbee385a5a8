"""How a command does its work: one verb of the workspace is called, its answer printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import typer

import gongbi
from gongbi.cli.messages import language
from gongbi.cli.moments import CLOCK, in_zone
from gongbi.cli.output import Progressing, cautions, plain, show


def call(where: Path, actor: str | None, verb: str, /, **params: Any) -> Any:
    """Open the workspace, carry out one verb with progress on the error stream, close."""
    with Progressing(verb.replace("_", " ")) as progress, gongbi.open(where, actor=actor, progress=progress) as ws:
        CLOCK.zone = ws.settings.zone
        return ws.call(verb, **params)


def emit(value: Any, as_json: bool, render: Callable[[Any], None] = show) -> None:
    """Print an answer, for people or as JSON; what it warns of goes to the error stream.

    People see instants in the workspace's zone, which is said below; JSON has them in UTC with the offset.
    """
    if as_json:
        print(json.dumps(plain(value), ensure_ascii=False, indent=2))
    else:
        CLOCK.told = False
        render(in_zone(value))
        # A report says its zone itself, in its first line.
        if CLOCK.told and not (isinstance(value, Mapping) and "zone" in value):
            print(f"时间按 {CLOCK.zone} 时区。" if language() == "zh" else f"Times are those of {CLOCK.zone}.")
    for said in cautions(value):
        print(f"gongbi: warning: {said}", file=sys.stderr)


def no_options_before(ctx: typer.Context) -> None:
    """Refuse what would be ignored: an option that stands before the subcommand it was meant for."""
    given = [name for name in ctx.params if str(ctx.get_parameter_source(name)).endswith("COMMANDLINE")]
    if given:
        option = given[0].replace("as_json", "json")
        raise typer.BadParameter(f"--{option} belongs after `{ctx.info_name} {ctx.invoked_subcommand}`.")
