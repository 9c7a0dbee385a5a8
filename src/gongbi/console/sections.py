"""Parts of a model's card that every kind can have, drawn as they are described."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nicegui import ui

from gongbi.console import charts, parts
from gongbi.console.frame import Page
from gongbi.models.sections import DIGITS

#: A table of so many columns takes the whole width.
WIDE = 6


def figures(page: Page, sections: Sequence[Mapping[str, Any]]) -> None:
    """The figures in rows."""
    for one in sections:
        if one["kind"] != "stats":
            continue
        with ui.element("div").classes("g-stats"):
            for item in one["items"]:
                span, note = item["interval"], ""
                if span:
                    low, high = (written(page, span[end], item["format"]) for end in ("low", "high"))
                    note = page.t("models.interval", low=low, high=high)
                parts.stat(
                    page.words(item["label"]), written(page, item["value"], item["format"]), note, icon="insights"
                )


def tables(page: Page, sections: Sequence[Mapping[str, Any]]) -> None:
    """The tables, networks and intervals, each in a card; to be called within a grid."""
    for one in sections:
        if one["kind"] == "stats":
            continue
        title = page.words(one["title"])
        if one["kind"] == "network":
            with parts.card(title, page.words(one["about"]), classes="s6"):
                parts.chart(charts.network(one["nodes"], one["links"]), title, height=360)
            continue
        if one["kind"] == "dots":
            options = charts.intervals(one["names"], one["values"], one["low"], one["high"])
            with parts.card(title, page.words(one["about"]), classes="s12"):
                parts.chart(options, title, height=44 + 24 * len(one["names"]))
            continue
        columns = [
            {"name": f"c{i}", "label": page.words(c["label"]), "align": "left" if c["format"] == "text" else "right"}
            for i, c in enumerate(one["columns"])
        ]
        kinds = [c["format"] for c in one["columns"]]
        rows = []
        for n, row in enumerate(one["rows"]):
            cells = {f"c{i}": written(page, cell, kinds[i]) for i, cell in enumerate(row)}
            order = {f"c{i}_sort": cell for i, cell in enumerate(row) if kinds[i] != "text"}
            rows.append({"id": n, **cells, **order})
        with parts.card(title, page.words(one["about"]), classes="s6" if len(columns) < WIDE else "s12"):
            parts.table(page, columns, rows, label=title)


def written(page: Page, value: Any, kind: str) -> str:
    """A cell as people read it; a dash where there is nothing."""
    if value is None:
        return "–"
    if isinstance(value, Mapping):
        return page.words(value)
    if isinstance(value, str):
        return value
    if kind == "percent":
        return page.format.percent(value)
    return page.format.number(value, DIGITS[kind])
