"""The report of the main job as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield the report, part by part, each with the command that gives it again."""
    commands = report["commands"]

    def head(title: str, key: str) -> str:
        return f"\n[bold]{title}[/]  [dim]{commands.get(key, '')}[/]"

    yield f"[bold]Gongbi report[/] as of {report['as_of']} ({report['zone']}, {report['engine']})"
    yield head("Members", "customers")
    for subject, n in report["members"].items():
        yield f"  {subject:<28}{n:>12,}"
    yield head("Facts", "facts")
    for fact, n in report["facts"].items():
        yield f"  {fact:<28}{n:>12,}"
    for key, n in report["unmatched"].items():
        yield f"  {key + ' unmatched':<28}{n:>12,}"
    yield head("Rejected rows", "rejects")
    if not report["rejects"]:
        yield "  none"
    for reason, n in report["rejects"].items():
        yield f"  {reason:<28}{n:>12,}"
    yield head("Tags", "tags")
    for subject, n in report["tags"].items():
        yield f"  {subject:<28}{n:>12,}"
    yield head("Segments", "segments")
    for name, n in report["segments"].items():
        yield f"  {name:<28}{n:>12,}"
    yield head("Predictions", "models")
    if not report["models"]:
        yield "  none defined"
    for name, model in report["models"].items():
        yield from _model(name, model)
    yield head("Campaign", "campaign")
    yield from _campaign(report["campaign"])
    yield head("Seconds", "seconds")
    for stage, seconds in report["seconds"].items():
        yield f"  {stage:<28}{seconds:>12,.1f}"


def _model(name: str, model: Mapping[str, Any]) -> Iterator[str]:
    yield f"  {name}  {model['name']['en']}"
    if not model.get("headline"):
        yield "    not trained"
        return
    for key, value in model["headline"].items():
        yield f"    {key.replace('_', ' '):<26}{_figure(value)}"


def _campaign(campaign: Mapping[str, Any]) -> Iterator[str]:
    figures = (campaign or {}).get("figures") or {}
    measured, decision = figures.get("measurement"), figures.get("decision")
    if not measured:
        yield "  none defined or none measured yet"
        return
    yield f"  {campaign['campaign']}  {campaign['name']['en']}"
    if decision:
        arms = ", ".join(f"{n} {arm.replace('_', ' ')}" for arm, n in decision["arms"].items())
        yield f"    {'chosen by Gongbi':<26}{decision['chosen']:>10,}   {arms} of {decision['eligible']:,} eligible"
        for reason in decision["reasons"]:
            yield f"      {reason['count']:>5,}  {reason['en']}"
    for step in measured["funnel"]:
        yield f"    {step['name']['en']:<40}{step['count']:>8,}   {step['of_received']['value']:.1%}"
    for sentence in measured["words"]["en"]:
        yield f"    · {sentence}"


def _figure(value: Any) -> str:
    if isinstance(value, Mapping):
        middle = value.get("value", value.get("estimate"))
        if middle is not None and "low" in value and "high" in value:
            return f"{middle:,.3f}  [{value['low']:,.3f} … {value['high']:,.3f}]"
        return ", ".join(f"{k} {_figure(v)}" for k, v in value.items())
    if isinstance(value, float):
        return f"{value:,.4f}"
    return f"{value}"
