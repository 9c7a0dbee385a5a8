"""The tag library: what there is, and what becomes of a definition."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from gongbi.cli.calls import call, emit
from gongbi.cli.library import show_diff, show_done, show_drafts, show_impact, show_scheme, show_unused, show_versions
from gongbi.cli.options import HERE, As, Json, Where
from gongbi.errors import InvalidInput


class Library(TyperGroup):
    """`gongbi tags WORDS` searches: what is no command of the group is a word of `list`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `list` before what is neither a command nor a question for help."""
        if not args or (args[0] not in self.commands and args[0] != "--help"):
            args = ["list", *args]
        return super().parse_args(ctx, args)


tags_app = typer.Typer(help="The tag library. 标签库。", cls=Library)

Name = Annotated[str, typer.Argument(help="A tag; segment.NAME for a segment.")]
Names = Annotated[list[str], typer.Argument(help="Tags, or patterns such as rfm.*; segment.NAME for a segment.")]
Why = Annotated[str, typer.Option("--why", help="The reason; put on record.")]


@tags_app.command("list")
def tags_list(
    search: Annotated[str, typer.Argument(help="Part of a name, title or category.")] = "",
    subject: Annotated[str | None, typer.Option("--subject", "-s", help="Only of this subject.")] = None,
    library: Annotated[
        str | None, typer.Option("--library", help="Only of this library; `enterprise` for those of none.")
    ] = None,
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """The tag library with coverage and figures; `gongbi tags SEARCH` does the same. 标签库。"""
    emit(call(workspace, None, "tags", subject=subject, search=search, library=library), as_json)


@tags_app.command("save")
def tags_save(
    file: Annotated[Path, typer.Argument(help="YAML with one or more tags or segments.")],
    why: Why = "",
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Keep tags as drafts beside what is in force. 存为草稿。"""
    from gongbi.catalog.base import kind_of
    from gongbi.catalog.yaml import read_file, to_json

    read = read_file(file)
    if not read:
        raise InvalidInput(f"{str(file)!r} holds no definitions (*.yaml).")
    done = [
        call(workspace, actor, "save_tag", definition=to_json(one), kind=kind_of(one), why=why or "") for one in read
    ]
    emit(done, as_json, show_done)


@tags_app.command("set")
def tags_set(
    name: Name,
    id: Annotated[str, typer.Argument(help="An id, or kind:value of an identifier.")],  # noqa: A002
    value: Annotated[str, typer.Argument(help="The value; left out with --remove.")] = "",
    remove: Annotated[bool, typer.Option("--remove", help="Take the value away.")] = False,
    since: Annotated[str | None, typer.Option("--since", help="ISO date or instant from which it holds.")] = None,
    why: Why = "",
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Set a tag of one member by hand; its maker is `manual`. 人工打标签。"""
    if remove == bool(value):
        raise InvalidInput("Give either a value or --remove.")
    given = None if remove else value
    emit(call(workspace, actor, "set_tag", tag=name, id=id, value=given, why=why, since=since), as_json)


@tags_app.command("import")
def tags_import(
    name: Name,
    file: Annotated[Path, typer.Argument(help="CSV, TSV, JSON lines, Parquet or Excel.")],
    key: Annotated[str, typer.Option("--id", help="The column that names the member.")],
    column: Annotated[str, typer.Option("--column", "-c", help="The column with the value.")],
    kind: Annotated[str, typer.Option("--identifier", help="The kind of identifier in --id; ids by default.")] = "",
    since: Annotated[str | None, typer.Option("--since", help="ISO date or instant from which it holds.")] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Only tell what would be taken and refused.")] = False,
    why: Why = "",
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Take a tag's values from a column of a file; its maker is `imported`. 从文件的一列取得标签的值。"""
    path, given = str(file.resolve()), {"key": key, "column": column, "kind": kind}
    if preview:
        emit(call(workspace, None, "preview_tag", tag=name, file=path, **given), as_json)
        return
    emit(call(workspace, actor, "import_tag", tag=name, file=path, why=why, since=since, **given), as_json)


@tags_app.command("given")
def tags_given(
    name: Name,
    id: Annotated[str, typer.Argument(help="An id, or kind:value of an identifier.")],  # noqa: A002
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """What a given tag of one member was and is: who, when, why. 人工标签与文件标签的历史。"""
    emit(call(workspace, None, "given_values", tag=name, id=id), as_json)


@tags_app.command("drafts")
def tags_drafts(workspace: Where = HERE, as_json: Json = False) -> None:
    """Drafts and what is in review, with what they change. 草稿与待审。"""
    emit(call(workspace, None, "drafts"), as_json, show_drafts)


@tags_app.command("submit")
def tags_submit(names: Names, why: Why = "", workspace: Where = HERE, as_json: Json = False, actor: As = None) -> None:
    """Ask for a review of drafts. 提交审核。"""
    emit(call(workspace, actor, "submit_tag", names=names, why=why), as_json, show_done)


@tags_app.command("approve")
def tags_approve(names: Names, why: Why = "", workspace: Where = HERE, as_json: Json = False, actor: As = None) -> None:
    """Publish what is in review and somebody else wrote. 审核通过并发布。"""
    emit(call(workspace, actor, "approve_tag", names=names, why=why), as_json, show_done)


@tags_app.command("reject")
def tags_reject(names: Names, why: Why = "", workspace: Where = HERE, as_json: Json = False, actor: As = None) -> None:
    """Turn drafts down, with a reason. 驳回。"""
    emit(call(workspace, actor, "reject_tag", names=names, why=why), as_json, show_done)


@tags_app.command("retire")
def tags_retire(names: Names, why: Why = "", workspace: Where = HERE, as_json: Json = False, actor: As = None) -> None:
    """Take tags that nothing uses out of use, with a reason. 退役。"""
    emit(call(workspace, actor, "retire_tag", names=names, why=why), as_json, show_done)


@tags_app.command("restore")
def tags_restore(
    name: Name,
    version: Annotated[int, typer.Argument(help="The version.")],
    why: Why = "",
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Make a new draft of an old version. 恢复旧版为草稿。"""
    emit([call(workspace, actor, "restore_tag", name=name, version=version, why=why)], as_json, show_done)


@tags_app.command("history")
def tags_history(name: Name, workspace: Where = HERE, as_json: Json = False) -> None:
    """Versions of a definition: who, when, why, and what changed. 版本历史。"""
    emit(call(workspace, None, "tag_versions", name=name), as_json, show_versions)


@tags_app.command("diff")
def tags_diff(
    name: Name,
    old: Annotated[int | None, typer.Argument(help="A version; the one in force otherwise.")] = None,
    new: Annotated[int | None, typer.Argument(help="A later version; the newest otherwise.")] = None,
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """What changed between two versions, in words. 版本对比。"""
    emit(call(workspace, None, "tag_diff", name=name, old=old, new=new), as_json, show_diff)


@tags_app.command("impact")
def tags_impact(
    name: Annotated[str, typer.Argument(help="A tag; segment.NAME or model.NAME for others.")],
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """Everything that rests on a definition. 影响范围。"""
    emit(call(workspace, None, "tag_impact", name=name), as_json, show_impact)


@tags_app.command("unused")
def tags_unused(
    days: Annotated[int, typer.Option(min=0, help="For so many days.")] = 90,
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """Tags that nothing uses and nobody handed out. 闲置标签。"""
    emit(call(workspace, None, "unused_tags", days=days), as_json, show_unused)


@tags_app.command("scheme")
def tags_scheme(workspace: Where = HERE, as_json: Json = False) -> None:
    """Portrait dimensions and categories, with how many tags each has. 分类体系。"""
    emit(call(workspace, None, "scheme"), as_json, show_scheme)


@tags_app.command("libraries")
def tags_libraries(workspace: Where = HERE, as_json: Json = False) -> None:
    """The enterprise's library and those that extend it. 标签库与分库。"""
    emit(call(workspace, None, "libraries"), as_json)


@tags_app.command("sql")
def tags_sql(
    name: Annotated[str, typer.Argument(help="The tag.")], workspace: Where = HERE, as_json: Json = False
) -> None:
    """The tag as one statement of the engine's SQL. 标签的 SQL。"""
    emit(call(workspace, None, "tag_sql", name=name), as_json, lambda answer: print(answer["sql"]))


@tags_app.command("form")
def tags_form(
    name: Annotated[str, typer.Argument(help="The tag.")] = "",
    expr: Annotated[str, typer.Option("--expr", help="An expression in place of a tag.")] = "",
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """A tag as the form of the maker that writes it. 标签的生成器表单。"""
    emit(call(workspace, None, "tag_form", tag=name, expr=expr), as_json)


@tags_app.command("cost")
def tags_cost(
    subject: Annotated[list[str] | None, typer.Option("--subject", "-s", help="Only these subjects.")] = None,
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """What a build would read and how long it may take. 构建预估。"""
    emit(call(workspace, None, "build_cost", subjects=subject or []), as_json)
