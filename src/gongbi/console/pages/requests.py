"""Requests for tags: ask, assign, answer, close."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from nicegui import ui

from gongbi.console import parts
from gongbi.console.frame import Page, PageDef
from gongbi.console.library import ask
from gongbi.errors import GongbiError

COLOURS: Mapping[str, str] = {"open": "gold", "assigned": "blue", "answered": "green", "closed": "grey"}


async def build(page: Page) -> None:
    """Fill the page: a line to ask in, and what was asked."""
    found = await page.call("requests")
    parts.title(page, page.t("requests.title"), page.t("requests.about"))
    with parts.card():
        said = ui.element("div")
        with ui.element("div").classes("g-ask"):
            question = ui.input(page.t("requests.question")).props("outlined dense").classes("g-wide")
            tag = ui.input(page.t("requests.tag")).props("outlined dense")

            async def add() -> None:
                said.clear()
                try:
                    await page.call("add_request", question=question.value or "", tag=(tag.value or "").strip())
                except GongbiError as error:
                    with said:
                        parts.problem(page, error)
                    return
                ui.navigate.reload()

            question.on("keydown.enter", add)
            ui.button(page.t("requests.add"), icon="add", on_click=add).props("unelevated no-caps").classes("g-btn")
    if not found:
        with parts.card():
            parts.empty(page, "requests.none", icon="contact_support", command="gongbi requests add")
        return
    for one in found:
        with parts.card():
            _one(page, one)


def _one(page: Page, one: Mapping[str, Any]) -> None:
    number = one["request"]
    with ui.element("div").classes("g-chips"):
        parts.chip(page.t(f"requests.{one['state']}"), COLOURS[one["state"]])
        ui.label(f"{number}. {one['question']}").classes("g-strong")
    facts = [(page.t("requests.asked_by"), f"{one['asked_by']} · {page.format.instant(one['asked_at'])}")]
    facts += [(page.t("requests.owner"), one["owner"])] if one["owner"] else []
    facts += [(page.t("requests.tag"), one["proposed"])] if one["proposed"] else []
    parts.pairs(facts)
    if one["tag"]:
        with ui.element("div").classes("g-chips"):
            ui.label(page.t("requests.answer")).classes("g-about")
            ui.link(one["tag"], f"/tags/{quote(one['tag'])}").classes("g-chip blue")
            n = len(one["use"]["users"])
            ui.label(page.t("requests.uses", n=n) if n else page.t("requests.not_used")).classes("g-about")
    if one["state"] == "closed":
        ended = page.format.instant(one["changed_at"])
        parts.pairs([(page.t("requests.closed"), " · ".join(filter(None, (ended, one["answer"]))))])
        return

    async def assign(owner: str) -> None:
        await page.call("assign_request", request=number, owner=owner)

    async def answer(tag: str) -> None:
        await page.call("answer_request", request=number, tag=tag)

    async def close(why: str) -> None:
        await page.call("close_request", request=number, why=why)

    with ui.element("div").classes("g-chips").style("margin-top:6px"):
        for key, act, label in (
            ("assign", assign, page.t("requests.owner")),
            ("reply", answer, page.t("requests.answer")),
            ("close", close, ""),
        ):
            heading = page.t(f"requests.{key}")

            def opened(act: Any = act, heading: str = heading, label: str = label) -> None:
                ask(page, heading, act, label=label)

            ui.button(heading, on_click=opened).props("outline no-caps").classes("g-btn")


PAGE = PageDef("/requests", "tags", build)
