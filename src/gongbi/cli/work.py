"""What trainings, models and runs tell people, as lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.markup import escape

from gongbi.cli.figures import interval, number
from gongbi.cli.messages import language, told

#: How a training ended.
ENDS = {"trained": "trained", "skipped": "nothing new to learn", "failed": "failed"}


def train_lines(done: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What a training did, model by model: a line of how it ended, its figures, what they say in words."""
    if not done:
        yield "No model is defined."
    for one in done:
        yield f"[bold]{one['model']}[/]  {ENDS[one['status']]}"
        if one["status"] == "failed":
            yield f"    [red]{escape(told(one['error']['message'], one['error'].get('hint')))}[/]"
            continue
        state = "" if one["promoted"] else ", not taken into use"
        yield f"    {'version':<26}{one['version']}{state}: {escape(one['reason'][language()])}"
        yield f"    {'as of':<26}{one['as_of']}"
        if one["rows"]:
            yield f"    {'learned from':<26}{one['rows']:,} rows"
        scored = "nobody: no version is in use" if one["scored"] is None else f"{one['scored']:,} members"
        yield f"    {'scored':<26}{scored}"
        yield f"    {'seconds':<26}{one['seconds']:,.1f}"
        yield from headline_lines(one)


def models_lines(models: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Every model with the version in use and its figures."""
    if not models:
        yield "No model is defined."
    for model in models:
        yield from model_lines(model, "  ")


def topics_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """What the table of topics is about."""
    begins, days = found["periods"][-1], found["days"]
    texts, past = found["texts"][-1], found["past"]
    if language() == "zh":
        yield f"最近 {days} 天（自 {begins} 起）共 {texts:,} 条文本，与之前 {past} 期比较。"
    else:
        yield f"The last {days} days, from {begins} on: {texts:,} texts, beside the {past} periods before."


def model_lines(model: Mapping[str, Any], indent: str = "  ") -> Iterator[str]:
    """A model as the report and the list of models have it."""
    versions = ""
    if model["champion"] is not None:
        newer = f", newest {model['newest']}" if model["newest"] != model["champion"] else ""
        versions = f"   version {model['champion']} in use{newer}"
    yield f"{indent}[bold]{model['model']}[/]  {escape(model['name'][language()] or model['model'])}{versions}"
    if model["newest"] is None:
        yield f"    not trained: `gongbi train {model['model']}`"
    yield from headline_lines(model)


def headline_lines(model: Mapping[str, Any]) -> Iterator[str]:
    """The figures of a model, and what they say in words."""
    for key, value in (model.get("headline") or {}).items():
        yield f"    {key.replace('_', ' '):<25} {escape(figure_words(value))}"
    for words in (model.get("sentence"), model.get("calibration")):
        if words:
            yield f"    · {escape(words[language()])}"


def figure_words(value: Any) -> str:
    """A figure of a model: a number, an interval, or what was compared with."""
    if isinstance(value, Mapping):
        if "low" in value and "high" in value and ("value" in value or "estimate" in value):
            return interval(value)
        parts = {k: figure_words(v) for k, v in value.items() if k not in ("tag", "title", "direction")}
        inner = ", ".join(f"{k} {v}" for k, v in parts.items())
        if "tag" not in value:
            return inner
        name = value["title"][language()] if "title" in value else value["tag"]
        return f"{name}{' (less is more)' if value.get('direction') == -1 else ''}: {inner}"
    if isinstance(value, float) and abs(value) < 100 and value != int(value):
        return f"{value:.3f}"
    return "—" if value is None else number(value) if isinstance(value, int | float) else str(value)


def cancel_lines(run: Mapping[str, Any]) -> Iterator[str]:
    """What became of the wish to stop a run."""
    name = f"Run {run['id']} ({run['kind']})"
    if run["status"] == "running":
        yield f"{name}: cancellation asked for. It stops within its statement, or at its next step;"
        yield f"`gongbi runs show {run['id']}` says when it has."
    else:
        yield f"{name} is {run['status']}."


#: Why a build computed everything → in both languages.
WHOLE = {
    "asked": ("按要求全部计算", "everything, as asked"),
    "first": ("首次，全部计算", "everything: the first build"),
    "sources": ("数据源有变，全部计算", "everything: sources have changed"),
    "undone": ("有加载被撤销，全部计算", "everything: a load was undone"),
    "few": ("成员不多，全部计算更快", "everything: with so few members that is sooner"),
    "most": ("大多数成员有变，全部计算", "everything: most members had changed"),
}


def made_words(made: Mapping[str, Any], *, zh: bool) -> str:
    """How a build came about: all computed, and why; or from which build, for how many members again."""
    if not made:
        return ""
    if made["start"] is None:
        return WHOLE[made["why"]][0 if zh else 1]
    start, n, share = made["start"], made["touched"], made["share"]
    return f"接着版本 {start}，重算 {n:,} 位（{share:.1%}）" if zh else f"from build {start}, {n:,} again ({share:.1%})"


def status_words(run: Mapping[str, Any]) -> str:
    """A run's status, and whether it was asked to stop."""
    asked = run["status"] == "running" and run.get("cancel_requested")
    return "running, cancellation asked for" if asked else str(run["status"])
