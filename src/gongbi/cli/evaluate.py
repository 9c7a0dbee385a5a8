"""`gongbi evaluate KIND --data FILE …`: one command per kind, made from what the kind says of itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from gongbi.cli.calls import emit
from gongbi.cli.messages import language
from gongbi.cli.options import Json
from gongbi.cli.output import Progressing


class _Kinds(TyperGroup):
    """The kinds that are offered; a kind's module is imported when its command is."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 (the reader's)
        """Names of the kinds."""
        from gongbi.models.evaluation.kinds import offered

        return list(offered())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """One kind's command, or None where it is not offered."""
        return _command(cmd_name) if cmd_name in self.list_commands(ctx) else None


evaluate_app = typer.Typer(
    cls=_Kinds, help="Judge the models on a file of your own, beside baselines. 用自己的文件评估模型。"
)

Data = Annotated[Path, typer.Option("--data", help="CSV, TSV, JSON lines, Parquet or Excel. 数据文件。")]


@evaluate_app.callback(no_args_is_help=True)
def evaluate() -> None:
    """Judge the models on a file of your own, beside baselines. 用自己的文件评估模型。"""


def _command(name: str) -> Any:
    from gongbi.models.evaluation.kinds import kind as kind_of

    kind = kind_of(name)

    def run(**given: Any) -> None:
        own = {option.name: given[_parameter(option.name)] for option in kind.options}
        _evaluate(name, own, given)

    splits = ", ".join(kind.splits)
    parameters = [
        _given("data", Data),
        *(
            _given(_parameter(option.name), _annotation(option.name, option.about, option.required), option.default)
            for option in kind.options
        ),
        _given("repeats", Annotated[int, typer.Option(help="How often. 重复次数。")], kind.repeats),
        _given("seed", Annotated[int, typer.Option(help="First of the seeds. 第一个种子。")], 0),
        _given("split", Annotated[str | None, typer.Option(help=f"{splits}. 如何划分。")], None),
        _given("folds", Annotated[int, typer.Option(help="Of --split folds. 折数。")], 5),
        _given("test_share", Annotated[float, typer.Option(help="Judged on, of --split random. 留出比例。")], 0.2),
        _given("time", Annotated[str | None, typer.Option(help="Column: when a row was. 时间列。")], None),
        _given("group", Annotated[str | None, typer.Option(help="Column: rows kept together. 同组列。")], None),
        _given("sheet", Annotated[str | None, typer.Option(help="Of a workbook. 工作表。")], None),
        _given("page", Annotated[Path | None, typer.Option(help="Write .html or .pdf too. 写成网页或 PDF。")], None),
        _given("pdf", Annotated[bool, typer.Option("--pdf", help="Also a PDF beside the page. 另写 PDF。")], False),
        _given(
            "overwrite",
            Annotated[bool, typer.Option("--overwrite", help="A page that is there. 覆盖已有网页。")],
            False,
        ),
        _given("as_json", Json, False),
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    run.__doc__ = f"{kind.about.en} {kind.about.zh}"
    alone = typer.Typer(add_completion=False)
    alone.command(name)(run)
    return get_command(alone)


def _parameter(option: str) -> str:
    # A column called `from` or `to` is a word of Python.
    return "option_" + option.replace("-", "_")


def _annotation(name: str, about: Any, required: bool) -> Any:
    said = typer.Option(f"--{name}", help=f"{about.en} {about.zh}")
    return Annotated[str, said] if required else Annotated[str | None, said]


def _given(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    required = default is None and annotation.__origin__ is str
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        annotation=annotation,
        default=inspect.Parameter.empty if required else default,
    )


def _evaluate(name: str, own: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    from gongbi.services.evaluate import evaluate as judge
    from gongbi.services.evaluate import write

    page = given["page"]
    if given["pdf"] and page is None:
        raise typer.BadParameter("--pdf goes with --page.")
    judging = {key: given[key] for key in ("repeats", "seed", "split", "folds", "test_share", "group", "sheet")}
    with Progressing("evaluate") as progress:
        found = judge(
            name,
            given["data"],
            own,
            **judging,
            time_column=given["time"],
            to=page,
            overwrite=given["overwrite"],
            progress=progress,
        )
        if given["pdf"]:
            write(found, page.with_suffix(".pdf"), overwrite=given["overwrite"])
    emit(found, given["as_json"] or not _at_a_terminal(), show_evaluation)


def _at_a_terminal() -> bool:
    import sys

    return sys.stdout.isatty()


def show_evaluation(found: Mapping[str, Any]) -> None:
    """Print an evaluation in words, in the language of messages."""
    from gongbi.cli.output import show

    at = language()
    say: Callable[[str], None] = print
    say(f"{found['title'][at]} · {found['file']} · {found['rows']:,}")
    say(found["split"][at])
    for words in found["sentences"]:
        say(f"- {words[at]}")
    show(
        [
            {"measure": measure["measure"], "who": who, "mean": one["mean"], "low": one["low"], "high": one["high"]}
            for measure in found["measures"]
            for who, one in {"model": measure, **measure["baselines"]}.items()
        ]
    )
    for words in found["notes"]:
        say(f"  {words[at]}")
    if "page" in found:
        say(found["page"]["path"])
