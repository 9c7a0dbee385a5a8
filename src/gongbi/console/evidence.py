"""The facts behind a tag of one member, each with the file and the row it came from."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from nicegui import ui

from gongbi.console import parts
from gongbi.console.frame import Page
from gongbi.console.words import named
from gongbi.errors import GongbiError

#: Columns of provenance, shown as file and row.
LOAD, ROW = "_load", "_row"
#: Whole numbers that count; others are identifiers and stay as they are written.
COUNTS = ("quantity", "lines", "units", "products", "items")


async def show_evidence(page: Page, subject: str, member: Any, tag: Mapping[str, Any]) -> None:
    """Open a dialog with the rows."""
    with ui.dialog() as dialog, ui.card().classes("g-dialog").props('role="dialog" aria-modal="true"') as body:
        dialog.props["aria-label"] = page.words(tag["name"], tag["tag"])
        with ui.element("div").style("display:flex;justify-content:space-between;gap:12px;width:100%"):
            with ui.element("div"):
                with ui.element("h2"):
                    ui.label(f"{page.words(tag['name'], tag['tag'])}: {page.format.value(tag['value'], tag['unit'])}")
                ui.label(page.words(tag["about"])).classes("g-about")
            ui.button(icon="close", on_click=dialog.close).props(
                f'flat round dense aria-label="{page.t("frame.close")}"'
            )
        waiting = parts.waiting(page)
    dialog.open()
    dialog.on("hide", dialog.delete)
    try:
        found = await page.call("evidence", id=str(member), tag=tag["tag"], subject=subject, limit=100)
        files = {load["id"]: load["path"] for load in await page.try_call("loads", limit=1000) or []}
    except GongbiError as error:
        waiting.delete()
        with body:
            parts.problem(page, error)
        return
    waiting.delete()
    with body:
        parts.warnings(page, found["warnings"])
        parts.code(found["expr"], label=page.t("tags.expression"))
        if not found["parts"]:
            ui.label(page.t("evidence.none")).classes("g-about")
        for part in found["parts"]:
            _part(page, subject, tag["tag"], part, files)


def _part(page: Page, subject: str, tag: str, part: Mapping[str, Any], files: Mapping[int, str]) -> None:
    table = part["table"]
    fact = named(part["fact"], page.language) if part["fact"] else ""
    about = page.t("evidence.rows", n=page.format.number(table.num_rows))
    if part["tag"] != tag:
        about += " · " + page.t("evidence.through", tag=part["tag"])
    with ui.element("div").style("width:100%;min-width:0"):
        with ui.element("h3"):
            ui.label(fact)
        ui.label(about).classes("g-about")
        hidden = {LOAD, ROW, subject}
        names = [n for n in table.column_names if n not in hidden and not n.startswith("_")]
        columns = [{"name": f"c{i}", "label": column_name(page, n), "classes": "g-nowrap"} for i, n in enumerate(names)]
        provenance = LOAD in table.column_names and any(files.get(v) for v in table.column(LOAD).to_pylist())
        if provenance:
            columns.append({"name": "from", "label": page.t("evidence.from"), "kind": "mono"})
        rows = []
        for i, record in enumerate(table.to_pylist()):
            row: dict[str, Any] = {"id": i} | {f"c{j}": cell(page, n, record[n]) for j, n in enumerate(names)}
            if provenance:
                path = files.get(record[LOAD], "")
                row["from"] = f"{path} : {page.format.number(record.get(ROW))}" if path else page.t("evidence.derived")
            rows.append(row)
        if rows:
            parts.table(page, columns, rows, label=fact, per_page=8)
        else:
            ui.label(page.t("evidence.no_rows")).classes("g-about")


def cell(page: Page, name: str, value: Any) -> str:
    """A cell of a fact; identifiers stay as they are written."""
    if isinstance(value, int) and not isinstance(value, bool) and name not in COUNTS:
        return str(value)
    # Money keeps its cents, so that a column of it lines up.
    return f"{value:,f}" if isinstance(value, Decimal) else page.format.value(value)


def column_name(page: Page, name: str) -> str:
    """A column's name in words."""
    from gongbi.console.texts import TEXTS

    if f"attribute.{name}" in TEXTS:
        return page.t(f"attribute.{name}")
    words = named(name, page.language)
    return words if words != name else name.replace("_", " ")
