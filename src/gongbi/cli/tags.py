"""The tag library: what there is, and what becomes of a definition."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from gongbi.cli.calls import call, emit
from gongbi.cli.options import HERE, Json, Where


class Library(TyperGroup):
    """`gongbi tags WORDS` searches: what is no command of the group is a word of `list`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `list` before what is neither a command nor a question for help."""
        if not args or (args[0] not in self.commands and args[0] != "--help"):
            args = ["list", *args]
        return super().parse_args(ctx, args)


tags_app = typer.Typer(help="The tag library. 标签库。", cls=Library)


@tags_app.command("list")
def tags_list(
    search: Annotated[str, typer.Argument(help="Part of a name, title or category.")] = "",
    subject: Annotated[str | None, typer.Option("--subject", "-s", help="Only of this subject.")] = None,
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """The tag library with coverage and figures; `gongbi tags SEARCH` does the same. 标签库。"""
    emit(call(workspace, None, "tags", subject=subject, search=search), as_json)
