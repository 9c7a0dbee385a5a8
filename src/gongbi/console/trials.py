"""A tag on a stable thousand of members, and what the next build of all tags would cost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from nicegui import ui

from gongbi.console import parts
from gongbi.console.frame import Page
from gongbi.console.listing import dialog_of

Definition = Callable[[], Mapping[str, Any] | Awaitable[Mapping[str, Any]]]


def button(page: Page, definition: Definition) -> None:
    """A button that tries what a form says, or a tag as it is."""

    async def attempt() -> None:
        with page.problems(said):
            said.clear()
            given = definition()
            await tried(page, given if isinstance(given, Mapping) else await given)

    ui.button(page.t("list.try"), icon="science", on_click=attempt).props("outline no-caps").classes("g-btn")
    said = ui.element("div")


async def tried(page: Page, definition: Mapping[str, Any]) -> None:
    """Show the values of a thousand members, and what a build of all of them reads."""
    t, number = page.t, page.format.number
    found = await page.call("try_tag", definition=definition)
    dialog, card = dialog_of(t("list.try"), t("list.try_about", n=number(found["tried"])))
    with card:
        share = found["present"] / found["tried"] if found["tried"] else 0
        parts.pairs(
            [
                (t("tags.coverage"), f"{page.format.percent(share)} ({number(found['present'])})"),
                (t("tags.distinct"), number(found["distinct"])),
            ]
        )
        parts.warnings(page, found["warnings"])
        longest = max((one["count"] for one in found["top"]), default=1)
        if found["top"] and found["distinct"] <= 40:
            rows = [(v["value"], number(v["count"]), v["count"] / longest, "") for v in found["top"]]
            parts.bars([(page.value(definition, value), *more) for value, *more in rows])
        columns = [{"name": "id", "label": "ID"}, {"name": "value", "label": t("form.value")}]
        members = [{"id": str(row["id"]), "value": page.value(definition, row["value"])} for row in found["rows"]]
        parts.table(page, columns, members, label=t("list.try"), per_page=8)
        await cost(page, found["subject"])
        ui.button(t("frame.close"), on_click=dialog.close).props("flat no-caps").classes("g-btn")


async def cost(page: Page, subject: str = "") -> None:
    """What the next build would read, and how long it may take; nothing where none was yet."""
    found = await page.call("build_cost", subjects=[subject] if subject else [])
    if not found["subjects"] or found["seconds"] is None:
        return
    number = page.format.number
    memory = sum(one["memory_bytes"] for one in found["subjects"]) / 2**20
    ui.label(
        page.t(
            "cost.next",
            tags=number(sum(one["tags"] for one in found["subjects"])),
            members=number(sum(one["members"] for one in found["subjects"])),
            rows=number(found["rows"]),
            seconds=page.format.seconds(found["seconds"]),
            memory=f"{memory:,.0f} MB",
        )
    ).classes("g-about")
