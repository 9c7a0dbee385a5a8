"""Lists to be worked off: how many are on each, whose work they are, the first of them, and the file to hand out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import quote

from nicegui import events, ui

from gongbi.console import parts, revealing
from gongbi.console.exports import download
from gongbi.console.frame import Page, PageDef

SHOWN = 20


async def build(page: Page) -> None:
    """Fill the page, one card per list."""
    parts.title(page)
    known = await page.call("worklists")
    if not known:
        with parts.card():
            parts.empty(page, "worklists.empty", icon="checklist", command="gongbi apply\ngongbi build")
        return
    for one in known:
        with parts.card(page.words(one["name"], one["worklist"]), page.words(one["about"])):
            if one["problem"] is not None:
                parts.empty(page, "worklists.not_yet", icon="hourglass_empty", command="gongbi build")
            else:
                parts.later(page, partial(_list, page, one))


async def _list(page: Page, one: Mapping[str, Any]) -> None:
    """One list: of everybody who works on it, or of one."""
    asked: dict[str, Any] = {"name": one["worklist"], "language": page.language, "part": None}
    place = ui.element("div").classes("g-form")

    async def again(why: str) -> Any:
        return await page.call("worklist", **asked, limit=SHOWN, reveal=why)

    def draw(found: Mapping[str, Any]) -> None:
        place.clear()
        with place:
            parts.warnings(page, found["warnings"])
            revealing.offer(page, found["warnings"], again, draw)
            _found(page, one, found, asked, show)

    async def show() -> None:
        with page.problems(place):
            draw(await page.call("worklist", **asked, limit=SHOWN))

    await show()


def _found(
    page: Page,
    one: Mapping[str, Any],
    found: Mapping[str, Any],
    asked: dict[str, Any],
    show: Callable[[], Awaitable[None]],
) -> None:
    number = page.format.number
    with ui.element("div").classes("g-stats"):
        parts.stat(page.t("worklists.members"), number(found["count"]), icon="groups")
        if found["parts"]:
            parts.stat(page.t("worklists.parts"), number(len(found["parts"])), icon="badge")
    if not found["count"]:
        parts.empty(page, "worklists.nobody", icon="task_alt")
        return

    async def choose(event: events.ValueChangeEventArguments[str]) -> None:
        asked["part"] = event.value or None
        await show()

    async def save() -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
        await download(page, "export_worklist", f"{one['worklist']}-{stamp}.xlsx", **asked)

    with ui.row().classes("items-center"):
        if found["parts"]:
            said = [(each["part"], number(each["count"])) for each in found["parts"]]
            names = {part: page.t("worklists.part", part=part, n=n) for part, n in said}
            whose = ui.select(
                {"": page.t("worklists.everybody")} | names,
                value=asked["part"] or "",
                label=page.t("worklists.whose"),
                with_input=True,
                on_change=choose,
            )
            whose.props("outlined dense options-dense").style("min-width:200px")
        ui.button(page.t("worklists.excel"), icon="download", on_click=save).props("outline no-caps").classes("g-btn")
    _table(page, found)


def _table(page: Page, found: Mapping[str, Any]) -> None:
    table = found["table"]
    names = [name for name in table.column_names if name != "id"]
    columns = [{"name": "id", "label": "ID", "kind": "link"}]
    labels = {"part": page.t("worklists.whose")}
    columns += [{"name": f"c{i}", "label": labels.get(name, name)} for i, name in enumerate(names)]
    rows = []
    for record in table.to_pylist():
        row = {
            "id": str(record["id"]),
            "id_to": f"/customer/{quote(found['subject'])}/{quote(str(record['id']))}",
        }
        rows.append(row | {f"c{i}": _shown(page, record[name]) for i, name in enumerate(names)})
    parts.table(page, columns, rows, label=page.words(found["name"], found["worklist"]))


def _shown(page: Page, value: Any) -> str:
    if isinstance(value, Decimal | float):
        return page.format.number(value, 0 if abs(float(value)) >= 1000 else 2)
    if isinstance(value, date):
        return page.format.date(value)
    return page.format.value(value)


PAGE = PageDef("/worklists", "worklists", build)
