"""Requests for tags: ask, see, assign, answer, close."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from gongbi.cli.calls import call, emit, no_options_before
from gongbi.cli.options import HERE, As, Json, Subject, Where
from gongbi.cli.output import show

requests_app = typer.Typer(help="Questions that somebody wants a tag for. 标签需求。")
Number = Annotated[int, typer.Argument(help="The request's number.")]


def _show_all(found: Sequence[Mapping[str, Any]]) -> None:
    names = ("request", "state", "question", "asked_by", "owner", "tag")
    ended = any(one["state"] == "closed" for one in found)
    show(
        [
            {name: one[name] or "—" for name in names}
            | {"used": _used(one["use"])}
            | ({"closed": _closed(one)} if ended else {})
            for one in found
        ]
    )


def _closed(one: Mapping[str, Any]) -> str:
    """When it was closed, and why."""
    if one["state"] != "closed":
        return "—"
    return str(one["changed_at"])[:10] + (f": {one['answer']}" if one["answer"] else "")


def _used(use: Mapping[str, Any] | None) -> str:
    if use is None:
        return "—"
    if not use["in_force"]:
        return "not in force yet"
    counts = (("definition", len(use["users"])), ("export", use["exports"]))
    return ", ".join(f"{n} {word}{'' if n == 1 else 's'}" for word, n in counts if n) or "not yet"


@requests_app.callback(invoke_without_command=True)
def requests(ctx: typer.Context, workspace: Where = HERE, as_json: Json = False) -> None:
    """All requests, the newest first. 标签需求一览。"""
    if ctx.invoked_subcommand is None:
        emit(call(workspace, None, "requests"), as_json, _show_all)
    else:
        no_options_before(ctx)


@requests_app.command("list")
def requests_list(
    state: Annotated[str | None, typer.Option(help="open, assigned, answered or closed.")] = None,
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """Requests, also only those of a state. 按状态列出。"""
    emit(call(workspace, None, "requests", state=state), as_json, _show_all)


@requests_app.command("add")
def requests_add(
    question: Annotated[str, typer.Argument(help="What you want to know, in words.")],
    tag: Annotated[str, typer.Option("--tag", help="A name for the tag.")] = "",
    expression: Annotated[str, typer.Option("--expr", help="How it could be computed.")] = "",
    subject: Subject = "customer",
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Ask for a tag. 提出需求。"""
    given = {"question": question, "tag": tag, "expression": expression, "subject": subject}
    emit(call(workspace, actor, "add_request", **given), as_json)


@requests_app.command("show")
def requests_show(request: Number, workspace: Where = HERE, as_json: Json = False) -> None:
    """One request with everything that was done. 一项需求。"""
    emit(call(workspace, None, "request_card", request=request), as_json)


@requests_app.command("assign")
def requests_assign(
    request: Number,
    owner: Annotated[str, typer.Argument(help="Who answers it.")],
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Say who answers a request. 指派。"""
    emit(call(workspace, actor, "assign_request", request=request, owner=owner), as_json)


@requests_app.command("answer")
def requests_answer(
    request: Number,
    tag: Annotated[str, typer.Argument(help="The tag that answers it.")],
    why: Annotated[str, typer.Option("--why", help="A word on the answer.")] = "",
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Name the tag that answers a request. 以标签答复。"""
    emit(call(workspace, actor, "answer_request", request=request, tag=tag, why=why), as_json)


@requests_app.command("close")
def requests_close(
    request: Number,
    why: Annotated[str, typer.Option("--why", help="The reason.")] = "",
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Close a request. 关闭。"""
    emit(call(workspace, actor, "close_request", request=request, why=why), as_json)
