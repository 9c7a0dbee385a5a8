"""Grades of customers: two types, five levels, who cares for them and who moved."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from nicegui import ui

from gongbi.console import parts
from gongbi.console.exports import download
from gongbi.console.frame import Page, PageDef
from gongbi.errors import GongbiError

LIST = 20


async def build(page: Page) -> None:
    """Fill the page, one part per grading."""
    parts.title(page)
    known = await page.call("gradings")
    if not known:
        with parts.card():
            parts.empty(page, "grading.empty", icon="grid_view", command="gongbi apply\ngongbi build")
        return
    for one in known:
        try:
            found = await page.call("grading", name=one["grading"])
        except GongbiError as error:
            with parts.card(page.words(one["name"], one["grading"])):
                parts.problem(page, error)
            continue
        _grading(page, found)


def _grading(page: Page, found: Mapping[str, Any]) -> None:
    number = page.format.number
    with ui.element("h2").style("font-size:18px"):
        ui.label(page.words(found["name"], found["grading"]))
    if page.words(found["about"]):
        ui.label(page.words(found["about"])).style("max-width:900px")
    parts.warnings(page, found["warnings"])
    with ui.element("div").classes("g-stats"):
        parts.stat(page.t("grading.members"), number(found["members"]), icon="groups")
        share = page.format.percent(found["due"] / found["members"]) if found["members"] else ""
        parts.stat(page.t("grading.due"), number(found["due"]), share, icon="notifications_active")
        since = page.t("grading.since", when=page.format.date(found["before"]))
        moved = sum(cell["entered"] for cell in found["cells"])
        parts.stat(page.t("grading.moved"), number(moved), since, icon="swap_vert")
    with parts.card(page.t("grading.matrix"), page.t("grading.matrix_about")):
        _matrix(page, found)
    with parts.card(page.t("grading.list"), page.t("grading.list_about")):
        parts.later(page, lambda: _due(page, found))


def _matrix(page: Page, found: Mapping[str, Any]) -> None:
    cells = {(cell["type"], cell["level"]): cell for cell in found["cells"]}
    most = max([1, *(cell["members"] for cell in found["cells"])])
    with (
        ui.element("div").classes("g-scroll"),
        ui.element("table").classes("g-matrix").props(f'aria-label="{page.t("grading.matrix")}"'),
    ):
        with ui.element("tr"):
            for heading in (
                page.t("grading.level"),
                *(page.words(words, key) for key, words in found["types"].items()),
            ):
                with ui.element("th").props('scope="col"'):
                    ui.label(heading)
        for level in range(5, 0, -1):
            with ui.element("tr"):
                with ui.element("th").props('scope="row"'):
                    ui.label(page.t("grading.level_n", n=level))
                for type_ in found["types"]:
                    _cell(page, found, cells[type_, level], most)


def _cell(page: Page, found: Mapping[str, Any], cell: Mapping[str, Any], most: int) -> None:
    number, prefix = page.format.number, f"tag.grade.{found['grading']}"
    condition = f"{prefix}.type = '{cell['type']}' and {prefix}.level = {cell['level']}"
    depth = 0.05 + 0.2 * (cell["members"] / most) ** 0.5
    with ui.element("td").style(f"background:rgba(39,97,127,{depth:.3f})"):
        with ui.element("div").classes("g-cell-head"):
            target = f"/segments?e={quote(condition)}&subject={quote(found['subject'])}"
            ui.link(number(cell["members"]), target).classes("g-cell-count")
            if cell["due"]:
                parts.chip(page.t("grading.due_n", n=number(cell["due"])), "gold")
        value = f"{number(cell['volume'], 0)} {page.format.unit(found['unit'])}".strip()
        ui.label(value).classes("g-note")
        moves = page.t("grading.moves", up=number(cell["up"]), down=number(cell["down"]), left=number(cell["left"]))
        ui.label(moves).classes("g-note")
        post = page.words(found["posts"][cell["post"]], cell["post"])
        ui.label(page.t("grading.care", post=post, n=number(cell["days"]))).classes("g-note")


async def _due(page: Page, found: Mapping[str, Any]) -> None:
    """Who is due, of all posts or of one, and the file to hand out."""
    posts = {"": page.t("grading.all_posts")} | {key: page.words(words, key) for key, words in found["posts"].items()}
    with ui.row().classes("items-center"):
        post = ui.select(posts, value="", label=page.t("grading.post")).props("outlined dense options-dense")
        post.style("min-width:200px")

        async def save() -> None:
            stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
            given = {"name": found["grading"], "post": post.value or None, "headings": page.language}
            await download(page, "care", f"{found['grading']}-{stamp}.xlsx", **given)

        ui.button(page.t("worklists.excel"), icon="download", on_click=save).props("outline no-caps").classes("g-btn")
    place = ui.element("div").classes("g-form")

    async def draw() -> None:
        listed = await page.call("care", name=found["grading"], post=post.value or None, limit=LIST)
        place.clear()
        with place:
            _listed(page, found, listed)

    post.on_value_change(draw)
    with page.problems(place):
        await draw()


def _listed(page: Page, found: Mapping[str, Any], listed: Mapping[str, Any]) -> None:
    rows = []
    prefix = f"tag.grade.{found['grading']}"
    for record in listed["table"].to_pylist():
        one = {part: record[f"{prefix}.{part}"] for part in ("type", "level", "post", "volume", "days", "quiet")}
        quiet = page.t("grading.never") if one["quiet"] is None else number_of_days(page, one["quiet"])
        rows.append(
            {
                "id": str(record["id"]),
                "id_to": f"/customer/{quote(found['subject'])}/{quote(str(record['id']))}",
                "type": page.words(found["types"][one["type"]], one["type"]),
                "level": one["level"],
                "post": page.words(found["posts"][one["post"]], one["post"]),
                "volume": page.format.value(one["volume"], found["unit"]),
                "quiet": quiet,
                "days": number_of_days(page, one["days"]),
            }
        )
    if not rows:
        parts.empty(page, "grading.nobody", icon="task_alt")
        return
    columns = [
        {"name": "id", "label": "ID", "kind": "link"},
        {"name": "type", "label": page.t("grading.type")},
        {"name": "level", "label": page.t("grading.level"), "align": "right"},
        {"name": "volume", "label": page.t("grading.volume"), "align": "right"},
        {"name": "post", "label": page.t("grading.post")},
        {"name": "days", "label": page.t("grading.rhythm"), "align": "right"},
        {"name": "quiet", "label": page.t("grading.quiet"), "align": "right"},
    ]
    parts.table(page, columns, rows, label=page.t("grading.list"))
    if listed["due"] > len(rows):
        number = page.format.number
        ui.label(page.t("grading.first", n=number(len(rows)), of=number(listed["due"]))).classes("g-note")


def number_of_days(page: Page, days: int) -> str:
    """Days as people read them."""
    return page.t("grading.days", n=page.format.number(days))


PAGE = PageDef("/grading", "grading", build)
