"""The commands.

A user's mistake ends with exit code 2 and one clear line on the error stream; a stop by Ctrl-C with 130.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

import gongbi
from gongbi.cli.bench import bench_app
from gongbi.cli.messages import line_of
from gongbi.cli.output import (
    Progressing,
    cautions,
    show,
    show_campaign,
    show_campaigns,
    show_cancelled,
    show_ingest,
    show_models,
    show_report,
    show_resumed,
    show_run,
    show_runs,
    show_trained,
)
from gongbi.errors import Cancelled, GongbiError

app = typer.Typer(
    name="gongbi",
    help="Customer profiles and precision marketing. 客户画像与精准营销平台。",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
sources_app = typer.Typer(help="Sources, their loads and rejected rows. 数据源、加载记录与被拒行。")
segment_app = typer.Typer(help="Count, list and compare groups. 客群：计数、名单、洞察。", no_args_is_help=True)
runs_app = typer.Typer(help="What ran, when, with what result. 运行记录。")
app.add_typer(sources_app, name="sources")
app.add_typer(segment_app, name="segment")
app.add_typer(runs_app, name="runs")
app.add_typer(bench_app, name="bench")

Where = Annotated[Path, typer.Option("--workspace", "-w", envvar="GONGBI_WORKSPACE", help="The workspace's folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
As = Annotated[str | None, typer.Option("--as", envvar="GONGBI_ACTOR", help="Who is working; recorded.")]
Subject = Annotated[str, typer.Option("--subject", "-s", help="What is described: customer, product, …")]
Columns = Annotated[
    list[str] | None, typer.Option("--column", "-c", help="A tag, attribute or expression; repeatable.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="With --to: take the place of a file that is there.")]
RunNumber = Annotated[int, typer.Argument(help="The run's number.")]
HERE = Path()


def main() -> None:
    """Run the command line; the entry point of the package."""
    try:
        code = app(standalone_mode=False)
    except typer.Exit as stop:
        sys.exit(stop.exit_code)
    except (KeyboardInterrupt, typer.Abort, Cancelled):
        _stopped()
    except GongbiError as error:
        print(f"gongbi: {line_of(error)}", file=sys.stderr)
        sys.exit(1 if error.kind == "bug" else 2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except typer.TyperException as error:
        print(f"gongbi: {error}", file=sys.stderr)
        sys.exit(2)
    # Outside its own mode Typer hands the code of an early exit back; Ctrl-C among them.
    if isinstance(code, int) and code:
        if code == 130:
            _stopped()
        sys.exit(code)


def _stopped() -> NoReturn:
    print("Stopped. What was finished is kept; run the same command again to go on.", file=sys.stderr)
    sys.exit(130)


def call(where: Path, actor: str | None, verb: str, /, **params: Any) -> Any:
    """Open the workspace, carry out one verb with progress on the error stream, close."""
    with Progressing(verb.replace("_", " ")) as progress, gongbi.open(where, actor=actor, progress=progress) as ws:
        return ws.call(verb, **params)


def emit(value: Any, as_json: bool, render: Callable[[Any], None] = show) -> None:
    """Print an answer, for people or as JSON; what it warns of goes to the error stream."""
    if as_json:
        from gongbi.cli.output import plain

        print(json.dumps(plain(value), ensure_ascii=False, indent=2))
    else:
        render(value)
    for said in cautions(value):
        print(f"gongbi: warning: {said}", file=sys.stderr)


def _no_options_before(ctx: typer.Context) -> None:
    """Refuse what would be ignored: an option that stands before the subcommand it was meant for."""
    given = [name for name in ctx.params if str(ctx.get_parameter_source(name)).endswith("COMMANDLINE")]
    if given:
        option = given[0].replace("as_json", "json")
        raise typer.BadParameter(f"--{option} belongs after `{ctx.info_name} {ctx.invoked_subcommand}`.")


@app.command()
def init(
    path: Annotated[Path, typer.Argument(help="The folder.")] = HERE,
    zone: Annotated[str | None, typer.Option(help="IANA time zone of the workspace; UTC by default.")] = None,
    engine: Annotated[str | None, typer.Option(help="duckdb or spark; duckdb by default.")] = None,
    demo: Annotated[str | None, typer.Option(help="Copy the definitions of a demo pack: retail.")] = None,
    as_json: Json = False,
) -> None:
    """Make a workspace. 新建工作区。"""
    from gongbi.workspace import SETTINGS, copy_pack, read_settings
    from gongbi.workspace import init as make

    there = (path.expanduser() / SETTINGS).exists()
    root = make(path, zone=zone or ("America/New_York" if demo else "UTC"), engine=engine or "duckdb").resolve()
    files = copy_pack(root, demo) if demo else []

    def say(made: dict[str, Any]) -> None:
        print(f"Workspace at {made['folder']}" + (f", {len(files)} definition files." if demo else "."))
        if there:
            print(f"It was there already: its time zone stays {settings.zone}, its engine {settings.engine}.")
        print("Next: gongbi apply, gongbi ingest, gongbi build.")

    settings = read_settings(root)
    asked = {"zone": zone or settings.zone, "engine": engine or settings.engine}
    made = {
        "folder": str(root),
        # Options of the engine and the store's address are left out: they may hold a password.
        "settings": {"name": settings.name, "zone": settings.zone, "engine": settings.engine},
        "definitions": [str(file.relative_to(root)) for file in files],
        "warnings": _kept(asked, {"zone": settings.zone, "engine": settings.engine}),
    }
    emit(made, as_json, say)


def _kept(asked: dict[str, str], there: dict[str, str]) -> list[dict[str, str]]:
    """Say which settings of a workspace that was there already are not those that were asked for."""
    words = {"zone": ("时区", "time zone"), "engine": ("引擎", "engine")}
    return [
        {
            "code": "setting_kept",
            "zh": f"工作区已存在，{words[name][0]}仍为 {there[name]}，不会改成 {asked[name]}；要改请另建工作区。",
            "en": f"The workspace was there already: its {words[name][1]} stays {there[name]}, not {asked[name]};"
            " to have another, make a new workspace.",
        }
        for name in asked
        if asked[name] != there[name]
    ]


@app.command()
def apply(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder of YAML; the workspace's definitions by default.")
    ] = None,
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Check definitions and put them in force. 校验并启用定义。"""
    emit(call(workspace, actor, "apply", folder=str(folder.resolve()) if folder else None), as_json)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Where to write.")], workspace: Where = HERE, as_json: Json = False
) -> None:
    """Write the definitions in force as YAML. 导出定义。"""
    emit(call(workspace, None, "export_definitions", folder=str(folder.resolve())), as_json)


@app.command()
def ingest(
    source: Annotated[list[str] | None, typer.Argument(help="Only these sources.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Also content that was undone by hand.")] = False,
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Load what is new in the sources. 加载数据。"""
    report = call(workspace, actor, "ingest", sources=source or None, again=again)
    emit(report, as_json, show_ingest)
    if any(load["outcome"] == "failed" for load in report["loads"]):
        raise typer.Exit(2)


@sources_app.callback(invoke_without_command=True)
def sources(ctx: typer.Context, workspace: Where = HERE, as_json: Json = False) -> None:
    """Sources with their loads, rows and unmatched keys. 数据源一览。"""
    if ctx.invoked_subcommand is None:
        emit(call(workspace, None, "sources"), as_json)
    else:
        _no_options_before(ctx)


@sources_app.command("loads")
def sources_loads(
    source: Annotated[str | None, typer.Argument(help="Only this source.")] = None,
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """All loads, newest first. 加载记录。"""
    emit(call(workspace, None, "loads", source=source), as_json)


@sources_app.command("undo")
def sources_undo(
    load: Annotated[int, typer.Argument(help="The load's number.")],
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Take a load back; rows that it replaced come back. 撤销一次加载。"""
    emit(call(workspace, actor, "undo", load=load), as_json)


@sources_app.command("rejects")
def sources_rejects(
    load: Annotated[int | None, typer.Argument(help="Only this load.")] = None,
    to: Annotated[Path | None, typer.Option("--to", help="Write the rows as CSV, to be repaired.")] = None,
    overwrite: Overwrite = False,
    limit: Annotated[int, typer.Option(help="How many rows.")] = 50,
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """Rejected rows with their reasons. 被拒行。"""
    if to is not None:
        if load is None:
            raise typer.BadParameter("--to needs the number of a load.")
        found = call(workspace, None, "export_rejects", load=load, to=str(to.resolve()), overwrite=overwrite)
        emit(found, as_json)
    else:
        emit(call(workspace, None, "rejects", load=load, limit=limit), as_json)


@sources_app.command("repair")
def sources_repair(
    load: Annotated[int, typer.Argument(help="The load whose rejects were repaired.")],
    file: Annotated[Path, typer.Argument(help="The repaired CSV.")],
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Load repaired rejects. 重新加载已修复的行。"""
    emit(call(workspace, actor, "repair", load=load, file=str(file.resolve())), as_json)


@app.command()
def build(
    as_of: Annotated[str | None, typer.Option("--as-of", help="ISO date or instant.")] = None,
    subject: Annotated[list[str] | None, typer.Option("--subject", "-s", help="Only these subjects.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Also where the same build exists.")] = False,
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Compute all tags. 计算标签。"""
    emit(call(workspace, actor, "build", as_of=as_of, subjects=subject or None, force=force), as_json)


@app.command()
def tags(
    search: Annotated[str, typer.Argument(help="Part of a name, title or category.")] = "",
    subject: Annotated[str | None, typer.Option("--subject", "-s", help="Only of this subject.")] = None,
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """The tag library with coverage and figures. 标签库。"""
    emit(call(workspace, None, "tags", subject=subject, search=search), as_json)


@segment_app.command("list")
def segment_list(workspace: Where = HERE, as_json: Json = False) -> None:
    """Saved segments with their sizes. 已保存客群。"""
    emit(call(workspace, None, "segments"), as_json)


@segment_app.command("count")
def segment_count(
    expression: Annotated[str, typer.Argument(help="A condition, or the name of a saved segment.")],
    subject: Subject = "customer",
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """How many members a condition holds for. 计数。"""
    emit(call(workspace, None, "count", expression=expression, subject=subject), as_json)


@segment_app.command("members")
def segment_members(
    expression: Annotated[str, typer.Argument(help="A condition, or the name of a saved segment.")],
    column: Columns = None,
    to: Annotated[Path | None, typer.Option("--to", help="Write .csv, .xlsx or .parquet; put on record.")] = None,
    overwrite: Overwrite = False,
    limit: Annotated[int | None, typer.Option(help="At most so many.")] = None,
    order: Annotated[list[str] | None, typer.Option("--order", help="Sort by this, largest first; repeatable.")] = None,
    subject: Subject = "customer",
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """The members, with chosen columns. 名单。"""
    given: dict[str, Any] = {
        "expression": expression,
        "subject": subject,
        "columns": column or [],
        "order": order or [],
    }
    if to is not None:
        found = call(workspace, actor, "export", to=str(to.resolve()), overwrite=overwrite, limit=limit, **given)
        emit(found, as_json)
    else:
        emit(call(workspace, actor, "members", limit=50 if limit is None and not as_json else limit, **given), as_json)


@segment_app.command("insight")
def segment_insight(
    expression: Annotated[str, typer.Argument(help="A condition, or the name of a saved segment.")],
    base: Annotated[str | None, typer.Option(help="Another group to compare with; everybody by default.")] = None,
    min_support: Annotated[int, typer.Option(help="Leave out values with fewer members, seen and expected.")] = 20,
    limit: Annotated[int, typer.Option(help="How many rows.")] = 30,
    subject: Subject = "customer",
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """What sets a group apart: TGI of every tag. 客群洞察。"""
    params = {"expression": expression, "base": base, "min_support": min_support, "limit": limit, "subject": subject}
    emit(call(workspace, None, "insight", **params), as_json)


@segment_app.command("overlap")
def segment_overlap(
    segments: Annotated[
        list[str] | None, typer.Argument(help="Saved segments or expressions; all saved ones of the subject otherwise.")
    ] = None,
    subject: Subject = "customer",
    limit: Annotated[int, typer.Option(help="How many pairs.")] = 30,
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """How many members groups share. 客群重叠。"""
    found = call(workspace, None, "overlap", segments=segments or [], subject=subject)
    emit({**found, "pairs": found["pairs"][:limit]}, as_json)


@segment_app.command("waterfall")
def segment_waterfall(
    expression: Annotated[str, typer.Argument(help="Conditions joined by `and`, or the name of a saved segment.")],
    subject: Subject = "customer",
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """How many members each condition removes. 逐条筛选。"""
    emit(call(workspace, None, "waterfall", expression=expression, subject=subject), as_json)


@segment_app.command("exports")
def segment_exports(workspace: Where = HERE, as_json: Json = False) -> None:
    """Files that groups were written to, newest first. 导出记录。"""
    emit(call(workspace, None, "exports"), as_json)


@app.command()
def customer(
    id: Annotated[str, typer.Argument(help="An id, or kind:value of an identifier.")],  # noqa: A002
    tag: Annotated[str | None, typer.Option("--tag", help="Show the facts behind this tag.")] = None,
    subject: Subject = "customer",
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """One customer: identifiers, attributes, tags, time line. 客户画像。"""
    if tag is not None:
        emit(call(workspace, None, "evidence", id=id, tag=tag, subject=subject), as_json)
    else:
        emit(call(workspace, None, "customer", id=id, subject=subject), as_json)


@app.command()
def train(
    name: Annotated[str | None, typer.Argument(help="Only this model.")] = None,
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Train, check and score the models. 训练模型。"""
    done = call(workspace, actor, "train", name=name)
    emit(done, as_json, show_trained)
    if any(one["status"] == "failed" for one in done):
        raise typer.Exit(2)


@app.command()
def models(
    name: Annotated[str | None, typer.Argument(help="One model's card.")] = None,
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """Models with their figures. 模型。"""
    if name:
        emit(call(workspace, None, "model_card", name=name), as_json)
    else:
        emit(call(workspace, None, "models"), as_json, show_models)


@app.command()
def campaign(
    name: Annotated[str | None, typer.Argument(help="Decide and measure this campaign.")] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="Decide only, and write who is chosen as .csv, .xlsx or .parquet; put on record."),
    ] = None,
    overwrite: Overwrite = False,
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Decide who is chosen, and measure what a campaign changed. 活动决策与度量。"""
    if to is not None:
        if not name:
            raise typer.BadParameter("--to needs the name of a campaign.")
        found = call(workspace, actor, "decide", name=name, to=str(to.resolve()), overwrite=overwrite)
        emit({key: found[key] for key in ("campaign", "run", "as_of", "arms")} | found["file"], as_json)
    elif name:
        emit(call(workspace, actor, "campaign", name=name), as_json, show_campaign)
    else:
        emit(call(workspace, None, "campaigns"), as_json, show_campaigns)


@runs_app.callback(invoke_without_command=True)
def runs(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option(help="How many.")] = 20,
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """The newest runs. 运行记录。"""
    if ctx.invoked_subcommand is None:
        emit(call(workspace, None, "runs", limit=limit), as_json, show_runs)
    else:
        _no_options_before(ctx)


@runs_app.command("show")
def runs_show(id: RunNumber, workspace: Where = HERE, as_json: Json = False) -> None:  # noqa: A002
    """One run, however old. 一次运行。"""
    emit(call(workspace, None, "run", id=id), as_json, show_run)


@runs_app.command("cancel")
def runs_cancel(id: RunNumber, workspace: Where = HERE, as_json: Json = False, actor: As = None) -> None:  # noqa: A002
    """Stop a running run. 停止。"""
    emit(call(workspace, actor, "cancel", id=id), as_json, show_cancelled)


@runs_app.command("resume")
def runs_resume(id: RunNumber, workspace: Where = HERE, as_json: Json = False, actor: As = None) -> None:  # noqa: A002
    """Go on with an interrupted, cancelled or failed run. 继续。"""
    emit(call(workspace, actor, "resume", id=id), as_json, show_resumed)


@app.command()
def report(workspace: Where = HERE, as_json: Json = False) -> None:
    """The figures of everything that has run. 报告。"""
    emit(call(workspace, None, "report"), as_json, show_report)


@app.command()
def serve(
    workspace: Where = HERE,
    host: Annotated[str, typer.Option(help="127.0.0.1 until accounts exist.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the console.")] = 8080,
) -> None:
    """Open the console and carry out schedules. 打开控制台。"""
    from gongbi.cli.serving import serve as run

    run(workspace, host=host, port=port)


@app.command()
def demo(
    path: Annotated[Path, typer.Argument(help="Folder of the demo's workspace.")] = Path("gongbi-demo"),
    engine: Annotated[str, typer.Option(help="duckdb or spark.")] = "duckdb",
    serve: Annotated[bool, typer.Option(help="Open the console after the report.")] = True,
    port: Annotated[int, typer.Option(help="Port of the console.")] = 8080,
    as_json: Json = False,
) -> None:
    """Run the main job on real grocery data, print the report, open the console. 演示。"""
    from gongbi.workspace import copy_pack, read_settings
    from gongbi.workspace import init as make

    where = path if engine == "duckdb" or path != Path("gongbi-demo") else Path(f"gongbi-demo-{engine}")
    root = make(where, name="Complete Journey", zone="America/New_York", engine=engine)
    if read_settings(root).engine != engine:
        raise typer.BadParameter(f"{root} is a workspace on {read_settings(root).engine}; choose another folder.")
    copy_pack(root, "retail")
    report = call(root, "demo", "demo")
    emit(report, as_json, show_report)
    if report["failed"]:
        print("gongbi: A part of the demo failed; the report says which.", file=sys.stderr)
        raise typer.Exit(2)
    if serve and os.environ.get("DEMO_SERVE", "1") != "0":
        from gongbi.cli.serving import serve as run

        run(root, port=port)


if __name__ == "__main__":
    main()
