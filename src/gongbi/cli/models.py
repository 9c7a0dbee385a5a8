"""Models: figures, cards, and which version is in use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from gongbi.cli.calls import call, emit
from gongbi.cli.options import HERE, As, Json, Overwrite, Where
from gongbi.cli.output import show_card, show_models, show_topics

Name = Annotated[str, typer.Argument(help="The model.")]
Version = Annotated[int, typer.Argument(help="The version.")]
Why = Annotated[str, typer.Option("--why", help="The reason; put on record.")]
#: What `gongbi models` does where no other of its commands is named.
DEFAULT = "show"


class _OrOne(TyperGroup):
    """`gongbi models` and `gongbi models NAME` show; a model that is called like a command is shown by `show NAME`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command in where the first word is not one."""
        if not args or (args[0] not in self.commands and args[0] != "--help"):
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)


models_app = typer.Typer(cls=_OrOne, help="Models with their figures; which version is in use. 模型。")


@models_app.command(DEFAULT)
def models(
    name: Annotated[str | None, typer.Argument(help="One model's card.")] = None,
    assign: Annotated[bool, typer.Option("--assign", help="File members by the clusters of this model.")] = False,
    as_of: Annotated[str | None, typer.Option("--as-of", help="With --assign: ISO date or instant.")] = None,
    pdf: Annotated[Path | None, typer.Option("--pdf", help="Write the card to this .pdf or .html file.")] = None,
    lang: Annotated[str, typer.Option("--lang", help="zh or en; with --pdf.")] = "zh",
    overwrite: Overwrite = False,
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Models with their figures; with a name its card. 模型。"""
    if pdf is not None:
        if name is None:
            raise typer.BadParameter("--pdf needs the name of a model.")
        given = {"name": name, "to": str(pdf.resolve()), "language": lang, "overwrite": overwrite}
        emit(call(workspace, actor, "print_model_card", **given), as_json)
    elif assign and name:
        emit(call(workspace, None, "assign_clusters", name=name, as_of=as_of), as_json)
    elif assign or as_of:
        raise typer.BadParameter("--assign needs the name of a model, and --as-of needs --assign.")
    elif name:
        emit(call(workspace, None, "model_card", name=name), as_json, show_card)
    else:
        emit(call(workspace, None, "models"), as_json, show_models)


@models_app.command("compare")
def compare(name: Name, workspace: Where = HERE, as_json: Json = False) -> None:
    """The version in use and its challenger side by side on the newest outcome. 比较版本。"""
    emit(call(workspace, None, "compare_models", name=name), as_json)


@models_app.command("topics")
def topics(
    name: Name,
    days: Annotated[int, typer.Option("--days", help="Length of a period.")] = 7,
    past: Annotated[int, typer.Option("--past", help="With how many periods before it one is compared.")] = 8,
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """What texts talk about more than before, and from how many on is a warning. 热点话题。"""
    emit(call(workspace, None, "hot_topics", name=name, days=days, past=past), as_json, show_topics)


@models_app.command("promote")
def promote(
    name: Name, version: Version, why: Why = "", workspace: Where = HERE, as_json: Json = False, actor: As = None
) -> None:
    """Put a version in use by your word, with a reason. 启用。"""
    emit(call(workspace, actor, "promote_model", name=name, version=version, why=why), as_json)


@models_app.command("rollback")
def rollback(
    name: Name,
    version: Annotated[int | None, typer.Argument(help="The version; the one in use before otherwise.")] = None,
    why: Why = "",
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Put an earlier version in use again, with a reason. 回退。"""
    emit(call(workspace, actor, "rollback_model", name=name, version=version, why=why), as_json)


@models_app.command("retire")
def retire(
    name: Name, version: Version, why: Why = "", workspace: Where = HERE, as_json: Json = False, actor: As = None
) -> None:
    """Take a version out of use, with a reason. 退役。"""
    emit(call(workspace, actor, "retire_model", name=name, version=version, why=why), as_json)
