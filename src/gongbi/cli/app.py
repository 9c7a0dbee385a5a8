"""The commands.

A user's mistake ends with exit code 2 and one clear line on the error stream; a stop by Ctrl-C with 130.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from gongbi.cli.behind import add_to
from gongbi.cli.bench import bench_app
from gongbi.cli.calls import call, emit, no_options_before
from gongbi.cli.evaluate import evaluate_app
from gongbi.cli.groups import segment_app
from gongbi.cli.messages import line_of, parsed
from gongbi.cli.models import models_app
from gongbi.cli.options import HERE, As, Json, Overwrite, Reveal, Subject, Where
from gongbi.cli.output import (
    show_applied,
    show_built,
    show_campaign,
    show_campaigns,
    show_cancelled,
    show_ingest,
    show_makers,
    show_report,
    show_resumed,
    show_run,
    show_runs,
    show_trained,
)
from gongbi.cli.portraits import grading, interviews_app, personas_app, report_app
from gongbi.cli.requests import requests_app
from gongbi.cli.sources import sources_app
from gongbi.cli.tags import tags_app
from gongbi.cli.worklists import worklist
from gongbi.errors import Cancelled, GongbiError
from gongbi.packs import demo as pack
from gongbi.packs import demos

#: The commands by what one is at, in the order in which one works; those that are not here come after.
_GROUPS = {
    "Begin 开始": ("init", "demo", "apply", "ingest", "build", "serve"),
    "Customers and tags 客户与标签": (
        *("customer", "tags", "search", "explain", "history", "makers", "quality", "lineage", "requests"),
    ),
    "Groups 客群": ("segment", "grading", "personas", "interviews", "worklist"),
    "Predictions and campaigns 预测与活动": ("train", "models", "evaluate", "campaign", "report"),
    "Housekeeping 运维": ("sources", "runs", "export", "bench"),
}
_ORDER = tuple(name for names in _GROUPS.values() for name in names)


class _InOrder(TyperGroup):
    """The commands of the house as `--help` lists them."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the commands, in their order."""
        names = super().list_commands(ctx)
        return sorted(names, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command, told to which group it belongs."""
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            others = "More 其他"
            of = next((group for group, names in _GROUPS.items() if cmd_name in names), others)
            command.rich_help_panel = of  # type: ignore[attr-defined]
        return command


app = typer.Typer(
    cls=_InOrder,
    name="gongbi",
    help="Customer profiles and precision marketing. 客户画像与精准营销平台。",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
runs_app = typer.Typer(help="What ran, when, with what result. 运行记录。")
app.add_typer(sources_app, name="sources")
app.add_typer(segment_app, name="segment")
app.add_typer(tags_app, name="tags")
app.add_typer(requests_app, name="requests")
app.add_typer(runs_app, name="runs")
app.add_typer(models_app, name="models")
app.add_typer(bench_app, name="bench")
app.add_typer(evaluate_app, name="evaluate")
add_to(app)
app.command()(grading)
app.add_typer(report_app, name="report")
app.add_typer(personas_app, name="personas")
app.add_typer(interviews_app, name="interviews")
app.command()(worklist)

RunNumber = Annotated[int, typer.Argument(help="The run's number.")]


def main() -> None:
    """Run the command line; the entry point of the package."""
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
    except typer.Exit as stop:
        sys.exit(stop.exit_code)
    except SystemExit as stop:
        # Typer ends with 1 where the reader of a pipe has gone, as `head` does when it has enough: no failure.
        sys.exit(0 if isinstance(stop.__context__, BrokenPipeError) else stop.code)
    except (KeyboardInterrupt, typer.Abort, Cancelled):
        _stopped()
    except GongbiError as error:
        print(f"gongbi: {line_of(error)}", file=sys.stderr)
        sys.exit(1 if error.kind == "bug" else 2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except typer.TyperException as error:
        print(f"gongbi: {parsed(error.format_message())}", file=sys.stderr)
        sys.exit(2)
    # Outside its own mode Typer hands the code of an early exit back; Ctrl-C among them.
    if isinstance(code, int) and code:
        if code == 130:
            _stopped()
        sys.exit(code)


def _stopped() -> NoReturn:
    print("Stopped. What was finished is kept; run the same command again to go on.", file=sys.stderr)
    sys.exit(130)


@app.command()
def init(
    path: Annotated[Path, typer.Argument(help="The folder.")] = HERE,
    zone: Annotated[
        str | None, typer.Option(help="IANA time zone of the workspace; by default the demo's, else UTC.")
    ] = None,
    engine: Annotated[str | None, typer.Option(help="duckdb or spark; duckdb by default.")] = None,
    demo: Annotated[
        str | None, typer.Option(help=f"Copy the definitions of a demo, in its time zone: {', '.join(demos())}.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a workspace. 新建工作区。"""
    from gongbi.workspace import SETTINGS, copy_pack, read_settings
    from gongbi.workspace import init as make

    there = os.path.exists(path.expanduser() / SETTINGS)  # noqa: PTH110 (a name that cannot be is not there)
    root = make(path, zone=zone or (pack(demo).zone if demo else "UTC"), engine=engine or "duckdb").resolve()
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
    emit(call(workspace, actor, "apply", folder=str(folder.resolve()) if folder else None), as_json, show_applied)


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
    """Load what is new in the sources. 接入数据。"""
    report = call(workspace, actor, "ingest", sources=source or None, again=again)
    emit(report, as_json, show_ingest)
    if any(load["outcome"] == "failed" for load in report["loads"]):
        raise typer.Exit(2)


@app.command()
def build(
    as_of: Annotated[str | None, typer.Option("--as-of", help="ISO date or instant.")] = None,
    subject: Annotated[list[str] | None, typer.Option("--subject", "-s", help="Only these subjects.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Also where the same build exists.")] = False,
    accept: Annotated[
        str, typer.Option("--accept", help="Why it is published although it breaks limits of quality; put on record.")
    ] = "",
    full: Annotated[
        bool | None,
        typer.Option("--full/--least", help="Everything for everybody, or only what can have changed; else what pays."),
    ] = None,
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """Compute all tags. 计算标签。"""
    given = {"as_of": as_of, "subjects": subject or None, "force": force, "accept": accept, "full": full}
    emit(call(workspace, actor, "build", **given), as_json, show_built)


@app.command()
def search(
    words: Annotated[str, typer.Argument(help="Chinese, pinyin, its initials, or English.")],
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="Only tag, segment, attribute, …; repeatable.")
    ] = None,
    subject: Annotated[str | None, typer.Option("--subject", "-s", help="Only about this subject.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="How many.")] = 20,
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """Find tags, groups, attributes and models by name. 查找。"""
    emit(call(workspace, None, "search", query=words, kinds=kind or [], subject=subject, limit=limit), as_json)


@app.command()
def makers(
    name: Annotated[str, typer.Argument(help="Only this maker, with its fields.")] = "",
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """Short forms in which a tag can be defined. 标签生成器。"""
    emit(call(workspace, None, "makers", name=name), as_json, show_makers)


@app.command()
def customer(
    id: Annotated[str, typer.Argument(help="An id, or kind:value of an identifier.")],  # noqa: A002
    tag: Annotated[str | None, typer.Option("--tag", help="Show the facts behind this tag.")] = None,
    reveal: Reveal = None,
    subject: Subject = "customer",
    workspace: Where = HERE,
    as_json: Json = False,
    actor: As = None,
) -> None:
    """One customer: identifiers, attributes, tags, time line. 客户画像。"""
    given = {"id": id, "subject": subject, "reveal": reveal}
    if tag is not None:
        emit(call(workspace, actor, "evidence", tag=tag, **given), as_json)
    else:
        emit(call(workspace, actor, "customer", **given), as_json)


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
    limit: Annotated[int, typer.Option(min=0, help="How many.")] = 20,
    workspace: Where = HERE,
    as_json: Json = False,
) -> None:
    """The newest runs. 运行记录。"""
    if ctx.invoked_subcommand is None:
        emit(call(workspace, None, "runs", limit=limit), as_json, show_runs)
    else:
        no_options_before(ctx)


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


@report_app.callback(invoke_without_command=True)
def report(ctx: typer.Context, workspace: Where = HERE, as_json: Json = False) -> None:
    """The figures of everything that has run. 报告。"""
    if ctx.invoked_subcommand is None:
        emit(call(workspace, None, "report"), as_json, show_report)
    else:
        no_options_before(ctx)


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
    told = pack("retail")
    root = make(where, name=told.name, zone=told.zone, engine=engine)
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
