"""A campaign as lines for people: who is chosen and why, the funnel, receivers against others, group by group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.markup import escape

from gongbi.cli.figures import interval


def decision_lines(decision: Mapping[str, Any]) -> Iterator[str]:
    """Who would be chosen, and for what reason."""
    arms = ", ".join(f"{n:,} {arm.replace('_', ' ')}" for arm, n in decision["arms"].items())
    yield f"    {'chosen by Gongbi':<26}{decision['chosen']:>10,}   {arms} of {decision['eligible']:,} eligible"
    for reason in decision["reasons"]:
        yield f"      {reason['count']:>5,}  {escape(reason['en'])}"


def measurement_lines(measured: Mapping[str, Any]) -> Iterator[str]:
    """The funnel, and in words what the comparison shows and cannot show."""
    for step in measured["funnel"]:
        yield f"    {escape(format(step['name']['en'], '<40'))}{step['count']:>8,}   {step['of_received']['value']:.1%}"
    for sentence in measured["words"]["en"]:
        yield f"    · {escape(sentence)}"


def campaign_lines(answer: Mapping[str, Any]) -> Iterator[str]:
    """Yield the answer of `gongbi campaign NAME`, all figures that a person compares."""
    decision, measured = answer["decision"], answer["measurement"]
    unit = measured["unit"]
    yield f"[bold]{decision['campaign']}[/] as of {decision['as_of']}, run {decision['run']}"
    yield "\n[bold]Decision[/]"
    yield from decision_lines(decision)
    yield "\n[bold]Measurement[/]"
    yield from measurement_lines(measured)
    yield "\n[bold]Receivers against others, per customer[/]"
    yield f"    {'plain difference':<26}{_effect(measured['naive'], unit)}"
    yield f"    {'matched before and after':<26}{_effect(measured['effect'], unit)}"
    yield f"    {'placebo, a period earlier':<26}{_effect((measured['placebo'] or {}).get('effect'), unit)}"
    if measured["by"]:
        yield "\n[bold]Group by group[/]"
        yield f"    {'':<34}{'members':>9}{'received':>10}{'responded':>11}   effect"
    tag = ""
    for group in measured["by"]:
        if group["tag"] != tag:
            tag = group["tag"]
            yield f"  {tag}"
        responded = group["funnel"][-1]["alone"]
        effect = _effect(group["effect"], unit) if group["effect"] else escape((group["why_not"] or {}).get("en", "—"))
        value = "—" if group["value"] is None else escape(str(group["value"]))
        yield f"    {value[:34]:<34}{group['members']:>9,}{group['received']:>10,}{responded:>11,}   {effect}"


def campaigns_lines(campaigns: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each campaign, and the command that shows the rest."""
    if not campaigns:
        yield "No campaign is defined."
        return
    yield f"[bold]{'campaign':<20}{'as of':<12}{'chosen':>8}{'received':>10}{'responded':>11}   effect per customer[/]"
    for campaign in campaigns:
        figures = campaign["figures"] or {}
        decision, measured = figures.get("decision") or {}, figures.get("measurement") or {}
        yield (
            f"{campaign['campaign']:<20}{str(campaign['as_of'])[:10]:<12}{_count(decision.get('chosen'))}"
            f"{_count(measured.get('received'), 10)}{_count(measured.get('responded'), 11)}"
            f"   {_effect(measured.get('effect'), measured.get('unit'))}"
        )
        yield f"  [dim]{escape(campaign['name']['en'])}: `gongbi campaign {campaign['campaign']}`[/]"


def _effect(figure: Mapping[str, Any] | None, unit: str | None = None) -> str:
    return interval(figure, unit, sign=True, digits=2)


def _count(value: int | None, width: int = 8) -> str:
    return f"{'—' if value is None else format(value, ','):>{width}}"
