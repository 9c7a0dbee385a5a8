"""The models: what each tells, which version is in use, and how good it is in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from nicegui import ui

from gongbi.console import library, parts
from gongbi.console.frame import Page, PageDef
from gongbi.console.pages.model import state


async def build(page: Page) -> None:
    """Fill the page: drafts that wait, then one part per model."""
    actions = parts.title(page)
    found = await page.call("models")
    waiting = [one for one in await page.call("drafts") if one["kind"] == "model"]
    with actions:
        new = ui.button(page.t("modelling.title"), icon="add", on_click=lambda: ui.navigate.to("/models/new"))
        new.props("unelevated no-caps").classes("g-btn")
    library.drafts(page, waiting)
    if not found:
        with parts.card():
            parts.empty(page, "models.empty", icon="insights", command="gongbi train")
        return
    with actions:
        ui.button(page.t("models.runs"), icon="history", on_click=lambda: ui.navigate.to("/runs")).props(
            "outline no-caps"
        ).classes("g-btn")
    with ui.element("div").classes("g-grid"):
        for model in found:
            _model(page, model)


def _model(page: Page, model: Mapping[str, Any]) -> None:
    with parts.card(classes="s6"):
        with ui.element("h2"):
            ui.link(page.words(model["name"], model["model"]), f"/model/{quote(model['model'])}").classes("g-link")
        ui.label(state(page, model)).classes("g-about")
        if page.words(model["about"]):
            ui.label(page.words(model["about"]))
        parts.warnings(page, model["warnings"])
        if model["sentence"]:
            ui.label(page.words(model["sentence"])).classes("g-honest")


PAGE = PageDef("/models", "models", build)
