"""What the command line shows: progress on the error stream, answers as tables, JSON without surprises."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from gongbi.cli.figures import number
from gongbi.cli.headings import heading
from gongbi.cli.messages import language, told
from gongbi.cli.moments import CLOCK, with_offset
from gongbi.engine.watch import watching
from gongbi.translation.categories import category

#: Quick work shows nothing; what takes longer than this shows where it is.
PATIENCE = 2.0
#: The longest that a log hears nothing of work that goes on.
SILENCE = 10.0


class Progressing:
    """Progress of long work: a live line in a terminal, plain lines elsewhere.

    In a terminal a clock draws the line, so that it appears and its time runs on also while the work says nothing.
    Elsewhere there is a line every two seconds while the work tells something new, and else every ten.

    Parameters
    ----------
    stage
        What is shown until the work names a stage of its own.
    """

    def __init__(self, stage: str = "") -> None:
        self.console = Console(stderr=True)
        self.started = self.spoken = time.monotonic()
        self._state: tuple[str, int, int | None] = (stage, 0, None)
        self._turn = threading.RLock()
        self._clock = threading.Timer(PATIENCE, self._begin)
        self._clock.daemon = True
        self._live: Progress | None = None
        self._task: tuple[TaskID, str, int | None] | None = None
        self._over = False
        self._reminder = ExitStack()

    def __enter__(self) -> Progressing:
        if self.console.is_terminal:
            self._clock.start()
        else:
            self._reminder.enter_context(watching(self._remind, SILENCE / 20, "gongbi-reminder"))
        return self

    def __exit__(self, *_: object) -> None:
        self._clock.cancel()
        self._reminder.close()
        with self._turn:
            self._over = True
            if self._live is not None:
                self._live.stop()

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        with self._turn:
            self._state = (stage, done, total)
            if self.console.is_terminal:
                self._draw()
            else:
                self._print(after=PATIENCE)

    def _remind(self) -> None:
        """Say where the work is, also while a long statement says nothing."""
        with self._turn:
            self._print(after=SILENCE)

    def _print(self, after: float) -> None:
        now, (stage, done, total) = time.monotonic(), self._state
        if now - self.spoken >= after:
            self.spoken = now
            print(f"[{now - self.started:5.0f} s] {stage} {_count(done, total)}".rstrip(), file=sys.stderr, flush=True)

    def _begin(self) -> None:
        with self._turn:
            if self._over:
                return
            columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[count]}"))
            self._live = Progress(SpinnerColumn(), *columns, _Since(self.started), console=self.console, transient=True)
            self._live.start()
            self._draw()

    def _draw(self) -> None:
        if self._live is None or self._over:
            return
        stage, done, total = self._state
        if self._task is None or self._task[1:] != (stage, total):
            if self._task is not None:
                self._live.remove_task(self._task[0])
            self._task = (self._live.add_task(stage, total=total, count=""), stage, total)
        self._live.update(self._task[0], completed=done, count=_count(done, total))


class _Since(ProgressColumn):
    """Time since the work began, whatever its stages are."""

    def __init__(self, started: float) -> None:
        super().__init__()
        self.started = started

    def render(self, task: Task) -> Text:  # noqa: ARG002
        """Hours, minutes and seconds."""
        return Text(str(timedelta(seconds=int(time.monotonic() - self.started))))


def _count(done: int, total: int | None) -> str:
    if total is not None:
        return f"{done:,} of {total:,}"
    return f"{done:,}" if done else ""


def cautions(value: Any) -> list[str]:
    """What an answer, or a row of it, warns of; each once."""
    rows = [value] if isinstance(value, Mapping) else value if isinstance(value, list) else []
    found = (said[language()] for row in rows if isinstance(row, Mapping) for said in row.get("warnings") or ())
    return list(dict.fromkeys(found))


def _is_table(value: Any) -> bool:
    """Whether an answer is an Arrow table; where nobody has loaded Arrow, which takes half of a start, it is none."""
    arrow = sys.modules.get("pyarrow")
    return arrow is not None and isinstance(value, arrow.Table)


def plain(value: Any) -> Any:
    """Turn an answer into JSON: tables become records, instants ISO text, exact numbers numbers; NaN becomes null."""
    if _is_table(value):
        return [plain(row) for row in value.to_pylist()]
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, datetime):
        return with_offset(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


#: Columns of record lists that matter to people, in order; others are left to --json.
_SHOWN = {
    "value": ("tag", "value", "unit", "name", "category"),
    "tag": ("tag", "name", "subject", "category", "type", "unit", "coverage", "distinct", "mean"),
    "segment": ("segment", "name", "subject", "count", "of", "at_most", "problem"),
    "made": ("subject", "build", "as_of", "members", "tags", "seconds", "reused", "current", "made"),
    "p_adjusted": (
        "tag",
        "label",
        "tgi",
        "low",
        "high",
        "share",
        "base_share",
        "support",
        "p_adjusted",
        "q_value",
        "defining",
    ),
    "bytes": (
        "id",
        "source",
        "path",
        "status",
        "rows_read",
        "rows_good",
        "rows_rejected",
        "repaired",
        "remaining",
        "rows_repeated",
        "rounded",
        "finished_at",
        "error",
    ),
    "repaired_by": ("_load", "_row", "source", "path", "reason", "column", "value"),
    "sha256": ("export", "at", "actor", "segment", "expression", "rows", "path"),
    "kind": ("id", "kind", "subject", "status", "rows", "seconds", "started_at", "error"),
    "headline": ("model", "name", "estimator", "champion", "newest", "as_of", "headline"),
}


#: Columns that count something; other whole numbers may be ids and are left as they are.
_COUNTS = (
    "rows",
    "count",
    "of",
    "support",
    "rows_read",
    "rows_good",
    "read",
    "good",
    "members",
    "n",
    "size",
    "rejected",
    "repaired",
    "remaining",
    "repeated",
    "present",
)


#: Columns whose numbers have the unit of their row.
_MEASURED = ("value", "mean")

#: Columns of probabilities that something is there by chance: digits below a thousandth tell people nothing.
_CHANCES = ("p_value", "p_adjusted", "q_value")

#: Columns that are left out where no row has anything there.
_RARE = ("made", "at_most", "problem", "error", "failed", "repaired", "defining")

#: Headings that say nothing when what is below them is the answer itself.
_BARE = ("table", "rows")


def _console() -> Console:
    """Standard output; a pipe has no width of its own, so it gets one that holds most tables."""
    console = Console()
    return console if console.is_terminal else Console(width=160)


def show(value: Any) -> None:
    """Print an answer for people."""
    console = _console()
    if _is_table(value):
        _table(console, value.to_pylist())
    elif isinstance(value, Mapping):
        _mapping(console, value)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        if value:
            _table(console, list(value))
        else:
            console.print("没有内容。" if language() == "zh" else "Nothing there.", style="dim")
    else:
        console.print(value, markup=False)


def _mapping(console: Console, value: Mapping[str, Any]) -> None:
    for key, item in value.items():
        if key == "parts" and item and "fact" in item[0]:
            for part in item:
                _rows_of(console, part)
        elif key == "timeline":
            console.print(f"[bold]{heading(key)}[/]")
            _table(console, [_event(event) for event in item])
        elif item is None or item in ([], {}, ()) or key == "warnings":
            continue
        elif _is_table(item) or (isinstance(item, list) and item and isinstance(item[0], Mapping)):
            console.print("" if key in _BARE else f"[bold]{heading(key)}[/]")
            _table(console, item.to_pylist() if _is_table(item) else item)
        elif isinstance(item, Mapping) and set(item) != {"zh", "en"}:
            console.print(f"[bold]{heading(key)}[/]")
            for name, inner in item.items():
                console.print(f"  {escape(f'{name:<28}')} {_cell(inner)}", highlight=False)
        else:
            console.print(f"[bold]{heading(key):<14}[/] {_cell(item)}", highlight=False)


def _rows_of(console: Console, part: Mapping[str, Any]) -> None:
    """The rows of a fact behind a value, or the one of a step of a sequence."""
    zh, number = language() == "zh", part.get("step")
    what = f"rests on these rows of {part['fact']}:" if not zh else f"依据 {part['fact']} 的这些行："
    if number is not None:
        what = f"step {number}, {part['fact']}:" if not zh else f"第 {number} 步，{part['fact']}："
    if part.get("note") is not None:
        console.print(f"[bold]{part['tag']}[/] {what if number is not None else ''}", highlight=False, end="")
        console.print(f"{' ' if number is not None and not zh else ''}{part['note'][language()]}", style="dim")
        return
    console.print(f"[bold]{part['tag']}[/] {what}", highlight=False)
    _table(console, part["table"].to_pylist())


def _event(event: Mapping[str, Any]) -> dict[str, Any]:
    """One line of a time line: facts differ in their columns, so these go together."""
    details = {k: v for k, v in event.items() if k not in ("ts", "fact") and v is not None}
    return {"ts": event["ts"], "fact": event["fact"], "details": details}


def _table(console: Console, rows: list[Any]) -> None:
    if not rows:
        console.print("没有内容。" if language() == "zh" else "Nothing there.", style="dim")
        return
    if not isinstance(rows[0], Mapping):
        for row in rows:
            console.print(f"  {_cell(row)}", highlight=False)
        return
    names = next(
        (list(names) for mark, names in _SHOWN.items() if mark in rows[0] and set(names[:2]) <= set(rows[0])), None
    )
    columns = [n for n in names or rows[0] if n in rows[0] and n != "warnings"]
    empty = [name for name in _RARE if all(not row.get(name) for row in rows)]
    # Where nothing was repaired, all that was rejected remains.
    columns = [name for name in columns if name not in empty and (name != "remaining" or "repaired" not in empty)]
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in columns:
        numeric = all(isinstance(r[name], int | float | Decimal | None) for r in rows)
        table.add_column(escape(heading(name)), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        units = {name: row.get("unit") for name in _MEASURED}
        # Categories are paths in Chinese; what they are called is said beside them.
        filed = row.get("category_name")
        named = {which: category(row["category"], which, said) for which, said in (filed or {}).items()}
        known = {**row, "category": named} if named else row
        table.add_row(
            *(
                _chance(known.get(n)) if n in _CHANCES else _cell(known.get(n), grouped=n in _COUNTS, unit=units.get(n))
                for n in columns
            )
        )
    console.print(table)


def _chance(value: float | None) -> str:
    """A probability for people."""
    return "—" if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"


def _cell(value: Any, *, grouped: bool = False, unit: str | None = None) -> str:
    """A value as it is: brackets in it are no markup."""
    return escape(written(value, grouped=grouped, unit=unit))


def written(value: Any, *, grouped: bool = False, unit: str | None = None) -> str:
    """A value as people read it; a dash where there is none."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        yes, no = ("是", "否") if language() == "zh" else ("yes", "no")
        return yes if value else no
    if isinstance(value, int):
        return f"{value:,}" if grouped else str(value)
    if isinstance(value, float | Decimal):
        return number(value, unit) if math.isfinite(value) else "—"
    if isinstance(value, datetime):
        return CLOCK.say(value)
    if isinstance(value, Mapping):
        if set(value) == {"zh", "en"}:
            return str(value[language()] or value["en"] or value["zh"])
        if {"code", "message"} <= set(value):
            return told(value["message"], value.get("hint"))
        if set(value) == {"value", "share"}:
            return f"{written(value['value'])} {value['share']:.1%}"
        return ", ".join(f"{k} {written(v)}" for k, v in value.items())
    if isinstance(value, list):
        return ", ".join(written(v) for v in value[:6]) + (", …" if len(value) > 6 else "")
    return str(value)


def show_applied(report: Mapping[str, Any]) -> None:
    """Print what came into force, each by its name, and how many there are of every kind."""
    names = {key: ", ".join(report[key]) for key in ("added", "changed", "drafted", "retired") if report[key]}
    counts = {kind: n for kind, n in report["counts"].items() if n}
    names |= {f"build {one['build']} of {one['subject']}": _outcome(one) for one in report["judged"]}
    rest = {"unchanged": report["unchanged"], "counts": counts, "tags": report["tags"]}
    unverified = "须审核（姓名未经验证）" if language() == "zh" else "reviewed (names are not verified yet)"
    reviewed = {kind: unverified for kind, mode in report["governance"].items() if mode == "reviewed"}
    show(names | {key: value for key, value in rest.items() if value} | ({"governance": reviewed} if reviewed else {}))


def _outcome(judged: Mapping[str, Any]) -> str:
    """What other limits of quality did to a build, and how one publishes it all the same."""
    zh, current = language() == "zh", judged["current"]
    hint = 'gongbi quality, gongbi build --accept "reason"'
    said = {
        "published": ("符合现在的质量限度，已发布", "keeps the limits of quality now and is published"),
        "held_back": (
            f"不符合现在的质量限度，已撤下；第 {current} 次构建有效（{hint}）",
            f"breaks the limits of quality now and is held back; build {current} holds ({hint})",
        ),
        "stays": (
            f"不符合现在的质量限度，但没有更早的合格构建，仍然有效（{hint}）",
            f"breaks the limits of quality now, and holds because no earlier one keeps them ({hint})",
        ),
    }
    return said[judged["outcome"]][0 if zh else 1]


def show_built(report: Mapping[str, Any]) -> None:
    """Print what a build did, each subject with how its tags came about."""
    from gongbi.cli.work import made_words

    zh = language() == "zh"
    # A build that was accepted as it is was made earlier, and says nothing of how.
    builds = [{**one, "made": made_words(one["made"], zh=zh)} if "made" in one else one for one in report["builds"]]
    show({**report, "builds": builds})


def show_ingest(report: Mapping[str, Any]) -> None:
    """Print what an ingest did: a line for each file that changed something, then what is there now."""
    console = _console()
    loads = [load for load in report["loads"] if load["outcome"] != "unchanged"]
    if not loads:
        console.print("Nothing new: everything in the sources is loaded already.")
    lines = [
        {
            **{name: load[name] for name in ("source", "path", "outcome", "read", "good")},
            "rejected": ", ".join(f"{reason} {n}" for reason, n in load["rejected"].items()) or "0",
            **{name: load[name] for name in ("repeated", "replaced", "seconds")},
        }
        for load in loads
    ]
    if lines:
        _table(console, lines)
    # What holds for every file of a source is said once.
    for line in dict.fromkeys(_changed(load["source"], change) for load in loads for change in load["schema_changes"]):
        console.print(escape(line), highlight=False)
    for load in loads:
        if load["problem"]:
            said = told(load["problem"]["message"], load["problem"].get("hint"))
            console.print(f"[red]{load['source']}[/]: {escape(said)}")
        for column, n in load["rounded"].items():
            console.print(f"{load['source']}: values of {column} rounded to its `scale`: {n:,}")
        if load["outcome"] == "undone":
            console.print(f"{load['source']}: this content was undone by hand; `gongbi ingest --again` loads it again.")
    for fact, n in report["facts"].items():
        console.print(f"{fact:<28}{n:>12,}", highlight=False)
    for fact, columns in report["unmatched"].items():
        for column, n in columns.items():
            console.print(f"{fact + '.' + column + ' unmatched':<28}{n:>12,}", highlight=False)
    if report["rejects"]:
        console.print("Rejected rows: `gongbi sources rejects` shows them, `--to FILE` writes them for repair.")


def _changed(source: str, change: Mapping[str, Any]) -> str:
    """Why a source was read again, or how its columns differ from those before."""
    if change.get("change") == "mapping":
        return f"{source} was read again: {change['now']}"
    return f"{source}: {', '.join(f'{k} {v}' for k, v in change.items())}"


def show_report(report: Mapping[str, Any]) -> None:
    """Print the report of the main job."""
    from gongbi.cli.report import lines

    _lines(lines(report))


def show_campaign(answer: Mapping[str, Any]) -> None:
    """Print a campaign's decision and measurement."""
    from gongbi.cli.campaign import campaign_lines

    _lines(campaign_lines(answer))


def show_campaigns(answer: Sequence[Mapping[str, Any]]) -> None:
    """Print a line for each campaign."""
    from gongbi.cli.campaign import campaigns_lines

    _lines(campaigns_lines(answer))


def show_trained(done: Sequence[Mapping[str, Any]]) -> None:
    """Print what a training did."""
    from gongbi.cli.work import train_lines

    _lines(train_lines(done))


def show_models(models: Sequence[Mapping[str, Any]]) -> None:
    """Print the models with their figures."""
    from gongbi.cli.work import models_lines

    _lines(models_lines(models))


def show_card(card: Mapping[str, Any]) -> None:
    """Print a model's card."""
    from gongbi.cli.card import card_parts

    console = _console()
    for part in card_parts(card):
        console.print(part, highlight=False, soft_wrap=isinstance(part, str) and not console.is_terminal)


def show_topics(found: Mapping[str, Any]) -> None:
    """Print a line for each topic, those that rise first."""
    from gongbi.cli.work import topics_lines

    _lines(topics_lines(found))
    keys = ("topic", "words", "now", "usual", "level", "bad", "rising", "warned")
    show([{key: one[key] for key in keys} for one in found["topics"]])


def show_makers(makers: Sequence[Mapping[str, Any]]) -> None:
    """Print a line for each maker; of a single one its fields too."""
    if len(makers) > 1:
        show([{"maker": m["maker"], "name": " ".join(m["name"].values()), "about": m["about"]} for m in makers])
        return
    for maker in makers:
        _lines([escape(maker["about"]), "", f"  {escape(maker['example'])}", ""])
        names = ("key", "takes", "required", "default", "about")
        show([{name: field[name] for name in names} for field in maker["fields"]])


def show_runs(runs: Sequence[Mapping[str, Any]]) -> None:
    """Print a line for each run."""
    from gongbi.cli.work import status_words

    show([{**run, "status": status_words(run)} for run in runs])


def show_run(run: Mapping[str, Any]) -> None:
    """Print one run, part by part."""
    from gongbi.cli.work import status_words

    show({name: value for name, value in run.items() if name != "cancel_requested"} | {"status": status_words(run)})


def show_cancelled(run: Mapping[str, Any]) -> None:
    """Print what became of the wish to stop a run."""
    from gongbi.cli.work import cancel_lines

    _lines(cancel_lines(run))


def show_resumed(answer: Mapping[str, Any]) -> None:
    """Print which run went on as which, and what it did as its own command does."""
    as_which = "" if answer["run"] == answer["resumed"] else f" as run {answer['run']}"
    _lines([f"Run {answer['resumed']} ({answer['kind']}) went on{as_which}."])
    shows: Mapping[str, Callable[[Any], None]] = {"ingest": show_ingest, "train": show_trained}
    shows.get(answer["kind"], show)(answer["result"])


def _lines(lines: Iterable[str]) -> None:
    console = _console()
    for line in lines:
        console.print(line, highlight=False, soft_wrap=not console.is_terminal)
