"""The report of the main job as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.markup import escape

from gongbi.cli.campaign import decision_lines, measurement_lines
from gongbi.cli.messages import told
from gongbi.cli.work import model_lines


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield the report, part by part, each with the command that gives it again."""
    commands = report["commands"]

    def head(title: str, key: str) -> str:
        command = commands[key]
        return f"\n[bold]{title}[/]" + (f"  [dim]{escape(command)}[/]" if isinstance(command, str) else "")

    yield f"[bold]Gongbi report[/] as of {report['as_of']} ({report['zone']}, {report['engine']})"
    yield head("Members", "members")
    for subject, n in report["members"].items():
        yield f"  {subject:<28}{n:>12,}   [dim]{escape(commands['members'][subject])}[/]"
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
    for model in report["models"].values():
        yield from model_lines(model)
    yield head("Campaign", "campaign")
    yield from _campaign(report["campaign"])
    if report["failed"]:
        yield head("Failed when last tried", "failed")
        for part, command in zip(report["failed"], commands["failed"], strict=True):
            yield f"{_failure(part)}  [dim]{escape(command)}[/]"
    yield head("Seconds", "seconds")
    for kind, seconds in report["seconds"].items():
        yield f"  {kind:<28}{seconds:>12,.1f}   [dim]{commands['seconds'][kind]}[/]"


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
    return escape(told(problem["message"], problem.get("hint")))


def _campaign(campaign: Mapping[str, Any]) -> Iterator[str]:
    figures = (campaign or {}).get("figures") or {}
    measured, decision = figures.get("measurement"), figures.get("decision")
    if not figures:
        yield "  none defined or none decided yet"
        return
    yield f"  {campaign['campaign']}  {escape(campaign['name']['en'])}"
    for warning in campaign.get("warnings", ()):
        yield f"    [yellow]{escape(warning['en'])}[/]"
    if decision:
        yield from decision_lines(decision)
    if measured:
        yield from measurement_lines(measured)
    else:
        yield "    not measured yet"
