"""What one member did: spend by week, and the newest days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from nicegui import ui

from gongbi.console import charts, parts
from gongbi.console.evidence import cell, column_name
from gongbi.console.frame import Page

DAYS = 12


def show_timeline(page: Page, found: Mapping[str, Any]) -> None:
    """Two parts: the chart and the days."""
    events: Sequence[Mapping[str, Any]] = found["timeline"]
    if not events:
        with parts.card(page.t("timeline.title")):
            parts.empty(page, "timeline.empty", icon="timeline")
        return
    with ui.element("div").classes("g-grid"):
        with parts.card(page.t("timeline.weekly"), page.t("timeline.weekly_about"), classes="s7"):
            _weekly(page, events)
        with parts.card(page.t("timeline.title"), page.t("timeline.about", n=DAYS), classes="s5"):
            _days(page, events)


def local_day(page: Page, moment: datetime) -> date:
    """The calendar day of a fact, in the workspace's zone; facts are in UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(page.format.zone).date()


def _weekly(page: Page, events: Sequence[Mapping[str, Any]]) -> None:
    """Money per week of the fact that tells most about money in fewest rows; else how many facts."""
    counts: dict[str, int] = {}
    for event in events:
        if isinstance(event.get("amount"), Decimal | float | int):
            counts[event["fact"]] = counts.get(event["fact"], 0) + 1
    fact = min(counts, key=lambda name: counts[name]) if counts else None
    weeks: dict[date, float] = {}
    for event in events:
        if fact is None or event["fact"] == fact:
            day = local_day(page, event["ts"])
            monday = day - timedelta(days=day.weekday())
            weeks[monday] = weeks.get(monday, 0.0) + (float(event["amount"] or 0) if fact else 1.0)
    first, last = min(weeks), max(weeks)
    axis = [first + timedelta(days=7 * i) for i in range((last - first).days // 7 + 1)]
    values = [round(weeks.get(week, 0.0), 2) for week in axis]
    name = page.t("timeline.amount") if fact else page.t("timeline.count")
    options = charts.columns([f"{week:%Y-%m-%d}" for week in axis], values, name)
    options["xAxis"]["axisLabel"]["interval"] = "auto"
    parts.chart(options, page.t("timeline.weekly"), height=330)


def _days(page: Page, events: Sequence[Mapping[str, Any]]) -> None:
    days: dict[date, dict[str, list[Mapping[str, Any]]]] = {}
    for event in events:
        day = local_day(page, event["ts"])
        if day not in days and len(days) == DAYS:
            break
        days.setdefault(day, {}).setdefault(event["fact"], []).append(event)
    with ui.element("div").classes("g-days").style("max-height:340px;overflow:auto").props('tabindex="0"'):
        for day, facts in days.items():
            _day(page, day, facts)


def _day(page: Page, day: date, facts: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    totals = {f: sum(float(e.get("amount") or 0) for e in events) for f, events in facts.items()}
    total = max(totals.values(), default=0.0)
    buys = any(isinstance(e.get("amount"), Decimal) for events in facts.values() for e in events)
    with ui.element("div").classes("g-day" + ("" if buys else " other")):
        with ui.element("div").classes("g-day-head"):
            with ui.element("b"):
                ui.label(page.format.date(day))
            if buys:
                ui.label(page.format.number(total, 2)).classes("g-day-sum")
        for fact, events in facts.items():
            baskets = {e["basket"] for e in events if e.get("basket") is not None}
            words = f"{page.named(fact)} × {page.format.number(len(events))}"
            if len(baskets) > 1 and len(baskets) < len(events):
                words += " · " + page.t("timeline.baskets", n=len(baskets))
            with ui.element("div").classes("g-chips"):
                ui.label(words).classes("g-day-lines")
                ui.button(
                    page.t("timeline.rows"), on_click=lambda fact=fact, events=events: _rows(page, day, fact, events)
                ).props("flat dense no-caps size=sm color=primary")


def _rows(page: Page, day: date, fact: str, events: Sequence[Mapping[str, Any]]) -> None:
    names = [
        n
        for n in dict.fromkeys(n for e in events for n in e)
        if n != "fact" and any(e.get(n) is not None for e in events)
    ]
    with ui.dialog() as dialog, ui.card().classes("g-dialog"):
        with ui.element("h2"):
            ui.label(f"{page.format.date(day)} · {page.named(fact)}")
        columns = [
            {"name": f"c{i}", "label": column_name(page, n, fact), "classes": "g-nowrap"} for i, n in enumerate(names)
        ]
        rows = [
            {"id": k, **{f"c{i}": cell(page, n, e.get(n), fact) for i, n in enumerate(names)}}
            for k, e in enumerate(events)
        ]
        parts.table(page, columns, rows, label=fact, per_page=12)
        ui.button(page.t("frame.close"), on_click=dialog.close).props("flat no-caps").classes("g-btn").style(
            "align-self:flex-end"
        )
    dialog.on("hide", dialog.delete)
    dialog.open()
