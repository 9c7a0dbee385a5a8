"""Grades with their care, personas with interviews, and yearbooks for customers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from gongbi.cli.calls import call, emit, no_options_before
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
        given = {"name": name, "post": post, "limit": limit, "to": file, "overwrite": overwrite}
        found = call(workspace, actor, "care", **given, headings=language())
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


# -- personas -----------------------------------------------------------------------------------------

personas_app = typer.Typer(help="Personas, drawn from figures and interviews. 人物画像。")
interviews_app = typer.Typer(help="Interviews, kept as evidence for personas. 访谈。", no_args_is_help=True)

Cast = Annotated[str, typer.Argument(help="The cast.")]
Key = Annotated[str, typer.Argument(help="The persona: its cluster's number, or its segment.")]


@personas_app.callback(invoke_without_command=True)
def personas(
    ctx: typer.Context,
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """All casts with their personas. 人物列表。"""
    if ctx.invoked_subcommand is None:
        emit(call(workspace, None, "personas"), as_json, lambda found: _print(_casts(found)))
    else:
        no_options_before(ctx)


@personas_app.command("make")
def personas_make(cast: Cast, workspace: Where = HERE, as_json: Json = False, actor: As = None) -> None:
    """Draw the personas of a cast from the tags in force. 生成人物。"""
    emit(call(workspace, actor, "make_personas", cast=cast), as_json, lambda found: _print(_casts(found)))


@personas_app.command("show")
def personas_show(cast: Cast, key: Key, workspace: Where = HERE, as_json: Json = False) -> None:
    """One persona, each sentence with its source. 一个人物。"""
    emit(call(workspace, None, "persona", cast=cast, key=key), as_json, lambda found: _print(_persona(found)))


@personas_app.command("rename")
def personas_rename(
    cast: Cast,
    key: Key,
    zh: Annotated[str, typer.Option("--zh", help="Its name in Chinese.")] = "",
    en: Annotated[str, typer.Option("--en", help="Its name in English.")] = "",
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Name a persona. 命名。"""
    found = call(workspace, actor, "rename_persona", cast=cast, key=key, zh=zh, en=en)
    emit(found, as_json, lambda found: _print(_persona(found)))


@personas_app.command("print")
def personas_print(
    cast: Cast,
    to: Annotated[Path, typer.Option("--to", help="An .html or .pdf file.")],
    lang: Annotated[str, typer.Option("--lang", help="zh or en.")] = "zh",
    overwrite: Overwrite = False,
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Write a cast as a page to print. 打印人物。"""
    given = {"cast": cast, "to": str(to.resolve()), "language": lang, "overwrite": overwrite}
    emit(call(workspace, actor, "print_personas", **given), as_json)


@interviews_app.command("list")
def interviews_list(
    cast: Annotated[str | None, typer.Argument(help="Only of this cast.")] = None,
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """Interviews, the newest first. 访谈列表。"""
    emit(call(workspace, None, "interviews", cast=cast), as_json)


@interviews_app.command("add")
def interviews_add(
    cast: Cast,
    quote: Annotated[list[str], typer.Option("--quote", help="FIELD=WORDS, repeatable: work=…, pains=…")],
    by: Annotated[str, typer.Option("--by", help="Who held the interview.")],
    on: Annotated[str, typer.Option("--on", help="The day, such as 2024-05-31.")],
    persona: Annotated[str | None, typer.Option("--persona", help="For whom it speaks.")] = None,
    customer: Annotated[str | None, typer.Option("--customer", help="The customer; anonymous otherwise.")] = None,
    consent: Annotated[bool, typer.Option("--consent", help="The person agreed to be quoted.")] = False,
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Keep what somebody said as evidence for a persona. 录入访谈。"""
    quotes = [dict(zip(("field", "words"), one.partition("=")[::2], strict=True)) for one in quote]
    given = {"cast": cast, "quotes": quotes, "by": by, "on": on, "persona": persona, "member": customer}
    emit(call(workspace, actor, "add_interview", consent=consent, **given), as_json)


@interviews_app.command("remove")
def interviews_remove(
    id: Annotated[int, typer.Argument(help="The interview's number.")],  # noqa: A002
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Forget an interview, words and all. 删除访谈。"""
    emit(call(workspace, actor, "remove_interview", id=id), as_json)


def _casts(found: Mapping[str, Any]) -> Iterator[str]:
    spoken = language()
    if not found["casts"]:
        yield "No cast of personas is defined."
    for cast in found["casts"]:
        yield f"[bold]{cast['cast']}[/]  {escape(cast['name'][spoken])}"
        if not cast["personas"]:
            yield f"    not made yet: `gongbi personas make {cast['cast']}`"
        for one in cast["personas"]:
            said = sum(map(len, one["fields"].values()))
            counts = f"{one['members']:,} members ({one['share']:.0%}), {said} sentences"
            yield f"    {one['key']}  {escape(one['name'][spoken])}: {counts}"


def _persona(found: Mapping[str, Any]) -> Iterator[str]:
    from gongbi.portraits.printing import FIELDS, NO_EVIDENCE, source_words

    spoken = language()
    chosen = 0 if spoken == "zh" else 1
    yield f"[bold]{escape(found['name'][spoken])}[/]  {found['members']:,} ({found['share']:.0%})"
    for field, words in FIELDS.items():
        yield f"  [bold]{words[chosen]}[/]"
        for one in found["fields"][field]:
            yield f"    {escape(one[spoken])}"
            yield f"      [dim]{escape(source_words(one['source'], spoken))}[/]"
        if not found["fields"][field]:
            yield f"    [dim]{NO_EVIDENCE[chosen]}[/]"


# -- yearly reports -----------------------------------------------------------------------------------

report_app = typer.Typer(help="The figures of everything that has run, and yearly reports to customers. 报告。")


@report_app.command("customer")
def report_customer(
    id: Annotated[str, typer.Argument(help="The customer: an id, or kind:value of an identifier.")],  # noqa: A002
    year: Annotated[int, typer.Option("--year", help="The calendar year.")],
    name: Annotated[str | None, typer.Option("--name", help="The yearbook, where there are several.")] = None,
    pdf: Annotated[Path | None, typer.Option("--pdf", help="Write this .pdf or .html file; put on record.")] = None,
    lang: Annotated[str, typer.Option("--lang", help="zh or en; with --pdf.")] = "zh",
    overwrite: Overwrite = False,
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """The yearly report to a customer. 年度报告。"""
    given = {"id": id, "year": year, "name": name}
    if pdf is None:
        emit(call(workspace, None, "yearbook", **given), as_json, lambda found: _print(_year(found)))
    else:
        more = {"to": str(pdf.resolve()), "language": lang, "overwrite": overwrite}
        emit(call(workspace, actor, "print_yearbook", **given, **more), as_json)


def _year(found: Mapping[str, Any]) -> Iterator[str]:
    from gongbi.portraits.printing import EMPTY_YEAR

    spoken = language()
    yield f"[bold]{escape(found['title'][spoken])}[/]"
    if found["empty"]:
        yield EMPTY_YEAR[0 if spoken == "zh" else 1]
    for figure in found["figures"]:
        yield f"  {escape(figure['words'][spoken])} {escape(figure['compared'][spoken])}"
    if found["streak"]:
        yield f"  {escape(found['streak']['words'][spoken])}"
