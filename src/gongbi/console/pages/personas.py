"""Personas: cards to remember, and for each sentence the figure or the interview that it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from nicegui import ui

from gongbi.catalog.portraits import PERSONA_FIELDS
from gongbi.console import parts
from gongbi.console.exports import print_and_download
from gongbi.console.frame import Page, PageDef
from gongbi.portraits.printing import FIELDS, source_words

#: Sentences on a card.
SHOWN = 3


async def build(page: Page) -> None:
    """Fill the page, one part per cast."""
    parts.title(page)
    found = (await page.call("personas"))["casts"]
    if not found:
        with parts.card():
            parts.empty(page, "personas.empty", icon="face", command="gongbi apply\ngongbi train\ngongbi personas make")
        return
    for cast in found:
        _cast(page, cast)


def _cast(page: Page, cast: Mapping[str, Any]) -> None:
    async def make() -> None:
        button.disable()
        problems.clear()
        with problems:
            waiting = parts.waiting(page)
        with page.problems(problems):
            await page.call("make_personas", cast=cast["cast"])
            ui.navigate.reload()
        waiting.delete()
        button.enable()

    with ui.element("div").classes("g-title"):
        with ui.element("div"):
            with ui.element("h2").style("font-size:18px"):
                ui.label(page.words(cast["name"], cast["cast"]))
            ui.label(page.words(cast["about"])).classes("g-about")
        with ui.element("div").classes("g-actions"):
            words = page.t("personas.make" if cast["personas"] else "personas.first")
            button = ui.button(words, icon="brush", on_click=make)
            button.props("outline no-caps").classes("g-btn")
            if cast["personas"]:
                printing = ui.button(
                    page.t("personas.print"),
                    icon="print",
                    on_click=lambda: print_and_download(page, "print_personas", cast["cast"], cast=cast["cast"]),
                )
                printing.props("outline no-caps").classes("g-btn")
    problems = ui.element("div")
    if not cast["personas"]:
        with parts.card():
            parts.empty(page, "personas.unmade", icon="face", command=f"gongbi personas make {cast['cast']}")
        return
    with ui.element("div").classes("g-personas"):
        for one in cast["personas"]:
            target = f"/personas/{quote(cast['cast'])}/{quote(one['key'])}"
            with ui.link(target=target).classes("g-persona"):
                ui.html(one["picture"][page.language], sanitize=False).classes("g-picture")
                ui.label(page.words(one["name"])).classes("g-persona-name")
                ui.label(_size(page, one)).classes("g-note")
                said = [words for name in PERSONA_FIELDS for words in one["fields"][name][:1]]
                parts.sentences([page.words(words) for words in said[:SHOWN]])


def _size(page: Page, one: Mapping[str, Any]) -> str:
    share = page.format.percent(one["share"], 0)
    return page.t("personas.size", n=page.format.number(one["members"]), share=share)


async def one(page: Page) -> None:
    """Fill the page of one persona."""
    cast, key = page.params["cast"], page.params["key"]
    found = await page.call("persona", cast=cast, key=key)
    with parts.title(
        page, page.words(found["name"]), page.t("frame.as_of") + " " + page.format.instant(found["as_of"])
    ):
        group = ui.button(page.t("clusters.open"), icon="groups")
        group.on_click(lambda: ui.navigate.to(f"/segments?e={quote(found['condition'])}"))
        group.props("outline no-caps").classes("g-btn")
        back = ui.button(page.t("personas.back"), icon="arrow_back", on_click=lambda: ui.navigate.to("/personas"))
        back.props("outline no-caps").classes("g-btn")
    with ui.element("div").classes("g-grid"):
        with parts.card(classes="s4"):
            ui.html(found["picture"][page.language], sanitize=False).classes("g-picture large")
            ui.label(_size(page, found)).classes("g-note")
            ui.label(page.t("personas.picture_about")).classes("g-about")
            parts.bars([(page.words(p), f"TGI {p['tgi']:.0f}", min(p["tgi"] / 400, 1.0), "") for p in found["petals"]])
            _naming(page, found)
        with parts.card(page.t("personas.said"), page.t("personas.said_about"), classes="s8"):
            for field in PERSONA_FIELDS:
                _field(page, field, found["fields"][field])
            if found["unused"]:
                ui.label(page.t("personas.unused", n=found["unused"])).classes("g-about")
        with parts.card(page.t("personas.interview"), page.t("personas.interview_about"), classes="s12"):
            _interview(page, found)


def _field(page: Page, field: str, said: list[Mapping[str, Any]]) -> None:
    ui.label(_named(page, field)).classes("g-label")
    for words in said:
        source = words["source"]
        spoken = "interview" in source
        with ui.element("details").classes("g-said"):
            with ui.element("summary").props(f'title="{source_words(source, page.language)}"'):
                ui.label(f"“{page.words(words)}”" if spoken else page.words(words))
            ui.label(source_words(source, page.language)).classes("g-note")
            if not spoken:
                ui.link(page.t("personas.tag"), f"/tags/{quote(source['tag'])}").classes("g-link")
    if not said:
        ui.label(page.t("personas.no_evidence")).classes("g-about")


def _named(page: Page, field: str) -> str:
    return FIELDS[field][0 if page.language == "zh" else 1]


def _naming(page: Page, found: Mapping[str, Any]) -> None:
    async def rename() -> None:
        with page.problems(problems):
            name = {page.language: box.value or ""}
            await page.call("rename_persona", cast=found["cast"], key=found["key"], **name)
            ui.navigate.reload()

    with ui.element("div").classes("g-actions"):
        box = ui.input(page.t("personas.name")).props("outlined dense")
        ui.button(page.t("personas.rename"), on_click=rename).props("outline no-caps").classes("g-btn")
    problems = ui.element("div")


def _interview(page: Page, found: Mapping[str, Any]) -> None:
    async def keep() -> None:
        problems.clear()
        with page.problems(problems):
            await page.call(
                "add_interview",
                cast=found["cast"],
                persona=found["key"],
                quotes=[{"field": field.value, "words": words.value or ""}],
                by=by.value or "",
                on=on.value or "",
                member=(member.value or "").strip() or None,
                consent=bool(consent.value),
            )
            ui.navigate.reload()

    with ui.element("div").classes("g-form-row"):
        names = {name: _named(page, name) for name in PERSONA_FIELDS}
        field = ui.select(names, value="work", label=page.t("personas.field")).props("outlined dense options-dense")
        by = ui.input(page.t("personas.by")).props("outlined dense")
        on = ui.input(page.t("personas.on"), value=datetime.now(UTC).date().isoformat()).props("outlined dense")
        member = ui.input(page.t("personas.member")).props("outlined dense")
    words = ui.textarea(page.t("personas.words")).props("outlined dense autogrow").style("width:100%")
    consent = ui.checkbox(page.t("personas.consent"))
    ui.button(page.t("personas.keep"), on_click=keep).props("unelevated no-caps").classes("g-btn")
    problems = ui.element("div")


PAGE = PageDef("/personas", "personas", build)
ONE = PageDef("/personas/{cast}/{key}", "personas", one)
