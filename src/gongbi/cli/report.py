"""The report of the main job as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.markup import escape

from gongbi.cli.campaign import decision_lines, measurement_lines


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield the report, part by part, each with the command that gives it again."""
    commands = report["commands"]

    def head(title: str, key: str) -> str:
        return f"\n[bold]{title}[/]  [dim]{commands.get(key, '')}[/]"

    yield f"[bold]Gongbi report[/] as of {report['as_of']} ({report['zone']}, {report['engine']})"
    yield head("Members", "customers")
    yield from _counts(report["members"])
    yield head("Facts", "facts")
    yield from _counts(report["facts"])
    yield from _counts({f"{key} unmatched": n for key, n in report["unmatched"].items()})
    yield head("Rejected rows", "rejects")
    yield from _counts(report["rejects"], "none")
    yield head("Tags", "tags")
    yield from _counts(report["tags"])
    yield head("Segments", "segments")
    yield from _counts(report["segments"])
    yield from map(_uncounted, report["uncounted"])
    yield head("Predictions", "models")
    if not report["models"]:
        yield "  none defined"
    for name, model in report["models"].items():
        yield from _model(name, model)
    yield head("Campaign", "campaign")
    yield from _campaign(report["campaign"])
    if report["failed"]:
        yield head("Failed when last tried", "failed")
        yield from map(_failure, report["failed"])
    yield head("Seconds", "seconds")
    for kind, seconds in report["seconds"].items():
        yield f"  {kind:<28}{seconds:>12,.1f}   run {report['runs'][kind]}"


def _counts(counts: Mapping[str, int], nothing: str = "") -> Iterator[str]:
    if nothing and not counts:
        yield f"  {nothing}"
    for name, n in counts.items():
        yield f"  {name:<28}{n:>12,}"


def _failure(part: Mapping[str, Any]) -> str:
    return f"  [red]{part['kind']}[/] {escape(part['what'])}: {_said(part)}"


def _uncounted(part: Mapping[str, Any]) -> str:
    return f"  {escape(part['what']):<28}{'—':>12}   {_said(part)}"


def _said(problem: Mapping[str, Any]) -> str:
    return escape(" ".join(filter(None, [problem["message"], problem.get("hint")])))


def _model(name: str, model: Mapping[str, Any]) -> Iterator[str]:
    yield f"  {name}  {model['name']['en']}"
    if not model.get("headline"):
        yield "    not trained"
        return
    for key, value in model["headline"].items():
        yield f"    {key.replace('_', ' '):<26}{_figure(value)}"
    for words in (model.get("sentence"), model.get("calibration")):
        if words:
            yield f"    · {escape(words['en'])}"


def _campaign(campaign: Mapping[str, Any]) -> Iterator[str]:
    figures = (campaign or {}).get("figures") or {}
    measured, decision = figures.get("measurement"), figures.get("decision")
    if not figures:
        yield "  none defined or none decided yet"
        return
    yield f"  {campaign['campaign']}  {campaign['name']['en']}"
    for warning in campaign.get("warnings", ()):
        yield f"    [yellow]{escape(warning['en'])}[/]"
    if decision:
        yield from decision_lines(decision)
    if measured:
        yield from measurement_lines(measured)
    else:
        yield "    not measured yet"


def _figure(value: Any) -> str:
    if isinstance(value, Mapping):
        middle = value.get("value", value.get("estimate"))
        if middle is not None and "low" in value and "high" in value:
            return f"{middle:,.3f}  [{value['low']:,.3f} … {value['high']:,.3f}]"
        return ", ".join(f"{k} {_figure(v)}" for k, v in value.items())
    if isinstance(value, float):
        return f"{value:,.4f}"
    return f"{value}"
