"""What stands behind a tag: how good it is, why it has its value, where it comes from, how it came about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from gongbi.cli.calls import call, emit
from gongbi.cli.options import HERE, Json, Where
from gongbi.cli.output import show

#: Figures in the order in which they are printed.
FIGURES = ("light", "coverage", "absent_rise", "distinct", "psi", "freshness_days")


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(quality)


def quality(
    tag: Annotated[str | None, typer.Argument(help="Only this tag, with its figures across builds.")] = None,
    subject: Annotated[str | None, typer.Option("--subject", "-s", help="Only of this subject.")] = None,
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """How good the newest builds are, tag by tag. 构建质量。"""
    emit(call(workspace, None, "quality", tag=tag, subject=subject), as_json, _show_quality)


def _show_quality(found: Mapping[str, Any]) -> None:
    for build in found["builds"]:
        accepted = build["accepted"]
        said = [f"build {build['build']} of {build['subject']}, as of {build['as_of']}: {build['status']}"]
        said += [f"{b['tag']}: {b['limit']} is {b['allowed']:g}, not {b['value']:.4g}" for b in build["breaches"]]
        if accepted:
            said.append(f"accepted by {accepted['actor']}: {accepted['reason']}")
        for line in said:
            print(line)
    rows = found.get("history") or found["tags"]
    first = ("build", "as_of", "status") if "history" in found else ("tag",)
    show([{key: _short(row[key]) for key in (*first, *FIGURES)} for row in rows])


def _short(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value
