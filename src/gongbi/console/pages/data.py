"""Where the data come from: sources, loads, and the rows that were set aside with their reasons."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nicegui import run, ui

from gongbi.console import parts
from gongbi.console.frame import Page, PageDef
from gongbi.console.texts import TEXTS
from gongbi.console.words import STATUS_COLOURS


async def build(page: Page) -> None:
    """Fill the page."""
    parts.title(page)
    sources = await page.call("sources")
    if not sources:
        with parts.card():
            parts.empty(page, "data.empty", icon="storage", command="gongbi apply\ngongbi ingest")
        return
    loads, rejects = await page.call("loads", limit=200), await page.call("rejects", limit=500)
    with ui.element("div").classes("g-stats"):
        number = page.format.number
        parts.stat(page.t("data.sources"), number(len(sources)), "", icon="storage")
        parts.stat(
            page.t("data.rows"),
            page.format.short(sum(s["rows"] for s in sources)),
            page.t("data.rows_note"),
            icon="table_rows",
        )
        parts.stat(
            page.t("data.loads"),
            number(sum(s["loads"] for s in sources)),
            page.t("data.loads_note"),
            icon="download_done",
        )
        parts.stat(page.t("data.rejected"), number(rejects["total"]), page.t("data.rejected_note"), icon="report")
        unmatched = sum(n for s in sources for n in s["unmatched"].values())
        parts.stat(page.t("data.unmatched"), number(unmatched), page.t("data.unmatched_note"), icon="link_off")
    with parts.card(page.t("data.sources"), page.t("data.sources_about")):
        _sources(page, sources)
    with parts.card(page.t("data.rejects"), page.t("data.rejects_about")):
        _rejects(page, rejects)
    with parts.card(page.t("data.loads"), page.t("data.loads_about")):
        _loads(page, loads)


def _sources(page: Page, sources: Sequence[Mapping[str, Any]]) -> None:
    columns = [
        {"name": "name", "label": page.t("data.source")},
        {"name": "target", "label": page.t("data.fills")},
        {"name": "rows", "label": page.t("data.rows"), "align": "right"},
        {"name": "rejected", "label": page.t("data.rejected"), "align": "right"},
        {"name": "repeated", "label": page.t("data.repeated"), "align": "right"},
        {"name": "unmatched", "label": page.t("data.unmatched")},
        {"name": "newest", "label": page.t("data.newest")},
    ]
    rows = []
    for s in sources:
        unmatched = ", ".join(f"{page.named(k)} {page.format.number(v)}" for k, v in s["unmatched"].items())
        rows.append(
            {
                "id": s["source"],
                "name": page.words(s["name"], s["source"]),
                "target": f"{page.t('target.' + s['target'])} · {page.named(s['of'])}",
                "rows": page.format.number(s["rows"]),
                "rows_sort": s["rows"],
                "rejected": page.format.number(s["rejected"]),
                "rejected_sort": s["rejected"],
                "repeated": page.format.number(s["repeated"]),
                "repeated_sort": s["repeated"],
                "unmatched": unmatched or "0",
                "newest": _newest(page, s),
            }
        )
    parts.table(page, columns, rows, label=page.t("data.sources"), per_page=20)


def _newest(page: Page, source: Mapping[str, Any]) -> str:
    if source["newest"]:
        return page.format.instant(source["newest"])
    return page.t("evidence.derived" if source["rows"] else "data.never")


def _loads(page: Page, loads: Sequence[Mapping[str, Any]]) -> None:
    if not loads:
        parts.empty(page, "data.no_loads", icon="download", command="gongbi ingest")
        return
    figures = ("read", "good", "rejected", "repeated", "replaced")
    # A column more where there is something to tell: the table is wide.
    told = ("rounded",) if any(load["rounded"] for load in loads) else ()
    columns = [
        {"name": "id", "label": "#", "align": "right"},
        {"name": "source", "label": page.t("data.source")},
        {"name": "path", "label": page.t("data.path"), "kind": "mono"},
        {"name": "status", "label": page.t("runs.status"), "kind": "chip"},
        *({"name": name, "label": page.t(f"data.{name}"), "align": "right"} for name in (*figures, *told)),
        {"name": "at", "label": page.t("runs.started"), "classes": "g-nowrap"},
    ]
    rows = []
    for load in loads:
        row = {
            "id": load["id"],
            "source": load["source"],
            "path": load["path"],
            "status": page.t(f"status.{load['status']}"),
            "status_colour": STATUS_COLOURS.get(load["status"], "grey"),
            "at": page.format.instant(load["started_at"]),
            "at_sort": str(load["started_at"]),
        }
        for name in figures:
            row[name], row[f"{name}_sort"] = page.format.number(load[f"rows_{name}"]), load[f"rows_{name}"]
        row["rounded_sort"] = sum(load["rounded"].values())
        row["rounded"] = ", ".join(f"{column} {page.format.number(n)}" for column, n in load["rounded"].items()) or "0"
        rows.append(row)
    parts.table(page, columns, rows, label=page.t("data.loads"))


def _rejects(page: Page, rejects: Mapping[str, Any]) -> None:
    if not rejects["total"]:
        parts.empty(page, "data.no_rejects", icon="task_alt")
        return
    with ui.element("div").classes("g-chips"):
        for row in rejects["counts"][:12]:
            where = f"{row['source']}.{row['column']}" if row["column"] else row["source"]
            parts.chip(f"{reason(page, row['reason'])} · {where} · {page.format.number(row['n'])}", "red")
    with ui.element("div").classes("g-chips"):
        for load in sorted({row["load"] for row in rejects["counts"]}):
            label = page.t("data.export", load=load)
            ui.button(label, icon="download", on_click=lambda load=load: _export(page, load)).props(
                "outline dense no-caps size=sm"
            ).classes("g-btn")
    columns = [
        {"name": "reason", "label": page.t("data.reason"), "kind": "chip"},
        {"name": "column", "label": page.t("data.column"), "kind": "mono"},
        {"name": "value", "label": page.t("data.value"), "kind": "mono"},
        {"name": "path", "label": page.t("data.path"), "kind": "mono"},
        {"name": "row", "label": page.t("data.row"), "align": "right"},
        {"name": "raw", "label": page.t("data.raw")},
    ]
    rows = [
        {
            "id": i,
            "reason": reason(page, r["reason"]),
            "reason_colour": "red",
            "column": r["column"] or "",
            "value": r["value"] if r["value"] is not None else "",
            "path": r["path"],
            "row": page.format.number(r["_row"]),
            "row_sort": r["_row"],
            "raw": raw_words(r["raw"]),
        }
        for i, r in enumerate(rejects["table"].to_pylist() if rejects["table"] is not None else [])
    ]
    parts.table(page, columns, rows, label=page.t("data.rejects"), per_page=10)


def reason(page: Page, code: str) -> str:
    """A reason in words."""
    return page.t(f"reason.{code}") if f"reason.{code}" in TEXTS else code.replace("_", " ")


def raw_words(raw: str | None) -> str:
    """The raw row as ``column=value`` pairs instead of JSON."""
    try:
        body = json.loads(raw or "")
    except ValueError:
        return raw or ""
    if isinstance(body, dict):
        return " · ".join(f"{k}={'' if v is None else v}" for k, v in body.items())
    return str(body)


async def _export(page: Page, load: int) -> None:
    def write() -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rejects.csv"
            page.ws.call("export_rejects", load=load, to=str(path))
            return path.read_bytes()

    with page.problems():
        ui.download.content(await run.io_bound(write) or b"", f"rejects-{load}.csv", "text/csv")


PAGE = PageDef("/data", "data", build)
