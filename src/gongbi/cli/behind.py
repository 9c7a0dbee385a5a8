"""What stands behind a tag: how good it is, why it has its value, where it comes from, how it came about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from gongbi.cli.calls import call, emit
from gongbi.cli.messages import language
from gongbi.cli.options import HERE, As, Json, Reveal, Subject, Where
from gongbi.cli.output import show, written
from gongbi.cli.segment import segment_app

#: Figures in the order in which they are printed.
FIGURES = ("light", "coverage", "absent_rise", "distinct", "psi", "freshness_days")

history_app = typer.Typer(help="Values over time. 标签历史。", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (quality, explain, lineage):
        app.command()(command)
    app.add_typer(history_app, name="history")
    segment_app.command("changes")(changes)


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


def explain(
    tag: Annotated[str, typer.Argument(help="A tag's name.")],
    id: Annotated[str, typer.Argument(help="An id, or kind:value of an identifier.")],  # noqa: A002
    limit: Annotated[int, typer.Option(min=0, help="So many rows of facts behind each part.")] = 20,
    reveal: Reveal = None,
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Why a member has its value of a tag: words, tags, rows. 标签解释。"""
    found = call(workspace, actor, "explain", tag=tag, id=id, limit=limit, reveal=reveal)
    emit(found, as_json, _show_explanation)


def _show_explanation(found: Mapping[str, Any]) -> None:
    print(f"{found['subject']} {found['id']}, as of {found['as_of']}")
    old = {tag: one["build"] for one in found["warnings"] if one["code"] == "edited_tags" for tag in one["tags"]}
    for step in found["steps"]:
        indent = "  " * step["depth"]
        before = f" (of build {old[step['tag']]}, before it was edited)" if step["tag"] in old else ""
        label = f" ({step['label'][language()]})" if step["label"] else ""
        print(f"{indent}{step['tag']} = {written(step['value'], unit=step['unit'])}{label}{before}")
        for text in filter(None, (*step["said"].values(), step["expr"])):
            print(f"{indent}  {' '.join(text.split())}")
        for name, value in step["attributes"].items():
            if not step["given"]:
                print(f"{indent}  {name}: {written(value)}")
        for one in step["neighbours"]:
            print(f"{indent}  {one['said'][language()]}: {written(one['value'], unit=one['unit'])}")
        for one in step["given"]:
            until = f" to {one['valid_to']}" if one["valid_to"] else ""
            why = f": {one['why']}" if one["why"] else ""
            print(f"{indent}  {one['value']} from {one['valid_from']}{until}, by {one['by']}, {one['path']}{why}")
    for reason in found["reasons"]:
        print(reason[language()])
    show({"parts": found["parts"]})


def lineage(
    name: Annotated[str, typer.Argument(help="A definition, fact, relation or column.")],
    steps: Annotated[int | None, typer.Option(min=1, help="At most so many steps away.")] = None,
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """From the column of a file to the campaign: what is made from what. 数据血缘。"""
    emit(call(workspace, None, "lineage", name=name, steps=steps), as_json, _show_lineage)


def _show_lineage(found: Mapping[str, Any]) -> None:
    print(found["focus"])
    show([{"from": edge["from"], "to": edge["to"]} for edge in found["edges"]])


@history_app.command("show")
def history_show(
    name: Annotated[str, typer.Argument(help="A tag, or segment.NAME.")],
    id: Annotated[str, typer.Argument(help="An id, or kind:value of an identifier.")],  # noqa: A002
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """What a tag was for a member over time. 取值历史。"""
    emit(call(workspace, None, "history", name=name, id=id), as_json)


@history_app.command("backfill")
def history_backfill(
    name: Annotated[str, typer.Argument(help="A tag, or segment.NAME.")],
    start: Annotated[str, typer.Option("--from", help="ISO date.")],
    end: Annotated[str | None, typer.Option("--to", help="ISO date; by default that of the tags in force.")] = None,
    every: Annotated[str, typer.Option(help="day, week, month, quarter or year.")] = "month",
    again: Annotated[bool, typer.Option("--again", help="Also instants that are there.")] = False,
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Compute a tag as of earlier instants and keep the values. 回填历史。"""
    given = {"name": name, "start": start, "end": end, "every": every, "again": again}
    emit(call(workspace, actor, "backfill", **given), as_json)


def changes(
    expression: Annotated[str, typer.Argument(help="A condition, or the name of a saved segment.")],
    start: Annotated[str, typer.Option("--from", help="ISO date or instant.")],
    end: Annotated[str | None, typer.Option("--to", help="By default the instant of the tags in force.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="So many members of each are listed.")] = 100,
    subject: Subject = "customer",
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """Who entered and who left between two instants. 进入与离开。"""
    given = {"expression": expression, "start": start, "end": end, "subject": subject, "limit": limit}
    emit(call(workspace, None, "changes", **given), as_json)
