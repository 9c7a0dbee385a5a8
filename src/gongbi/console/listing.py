"""Dialogs about lists: paste or upload people, keep a group as a list, copy it as SQL, try it on a thousand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nicegui import events, run, ui

from gongbi.catalog.lists import column_of, columns_of, likely_column, pasted
from gongbi.console import parts
from gongbi.console.frame import Page
from gongbi.services.lists import OUTCOMES, read_rows


def dialog_of(heading: str, about: str) -> tuple[ui.dialog, ui.element]:
    """An open dialog with a heading, and the place for what it holds."""
    with ui.dialog() as dialog, ui.card().classes("g-dialog") as card:
        with ui.element("h2"):
            ui.label(heading)
        ui.label(about).classes("g-about")
    dialog.open()
    return dialog, card


def _field(label: str, value: str = "") -> ui.input:
    return ui.input(label, value=value).props("outlined dense").classes("g-wide")


def hand_in(page: Page, subject: str, identifiers: list[str], done: Callable[[str], object]) -> None:
    """Make a group of pasted or uploaded identifiers; `done` is called with its expression."""
    t = page.t
    dialog, card = dialog_of(t("list.title"), t("list.about"))
    state: dict[str, Any] = {"rows": []}
    with card:
        with ui.element("div").classes("g-form-row"):
            name = _field(t("list.name"))
            kinds = {"": t("list.any")} | {kind: kind for kind in identifiers}
            kind = ui.select(kinds, value="", label=t("list.identifier")).props("outlined dense options-dense")
        why = _field(t("list.why"))
        box = ui.textarea(t("list.paste"), placeholder="13800138000\n+86 138 0013 8001").props("outlined dense rows=6")
        box.classes("g-wide g-mono")

        async def uploaded(event: events.UploadEventArguments) -> None:
            body = await event.file.read()
            with page.problems(answer):
                rows = state["rows"] = await run.io_bound(read_rows, event.file.name, body) or []
                names = {str(number): name for number, name in enumerate(columns_of(rows), start=1)}
                column.set_options(names, value=str(likely_column(rows, kind.value or None)))
                column.set_visibility(len(names) > 1)

        upload = ui.upload(label=t("list.upload"), auto_upload=True, on_upload=uploaded, max_files=1)
        upload.props("flat bordered accept=.csv,.txt,.xlsx,.xls").classes("g-wide")
        column = ui.select([], label=t("list.column")).props("outlined dense options-dense")
        column.set_visibility(False)
        column.on_value_change(
            lambda: ui.notify(t("list.read", n=page.format.number(len(uploads()))), position="top-right")
        )
        replace = ui.checkbox(t("list.replace")).props("dense")

        def uploads() -> list[str]:
            return column_of(state["rows"], column.value, kind.value or None)

        async def save() -> None:
            answer.clear()
            with page.problems(answer):
                values = [*uploads(), *pasted(box.value or "")]
                found = await page.call(
                    "save_list",
                    name=name.value.strip(),
                    values=values,
                    identifier=kind.value or None,
                    subject=subject,
                    why=why.value,
                    replace=bool(replace.value),
                )
                with answer:
                    report(page, found)
                    use = ui.button(t("list.use"), icon="groups").props("unelevated no-caps").classes("g-btn")
                    use.on_click(dialog.close)
                    use.on_click(lambda: done(f"segment.{found['list']}"))

        with ui.element("div").classes("g-chips"):
            ui.button(t("list.save"), icon="group_add", on_click=save).props("unelevated no-caps").classes("g-btn")
            ui.button(t("frame.close"), on_click=dialog.close).props("flat no-caps").classes("g-btn")
        answer = ui.element("div").classes("g-form").props('aria-live="polite"')


def report(page: Page, found: Mapping[str, Any]) -> None:
    """What became of a list: how many were matched, and the values that need a look, to be downloaded."""
    t, number = page.t, page.format.number
    rows = [(t(f"list.{key}"), number(found[key])) for key in ("given", "different", "matched", "members")]
    rows += [(t(f"list.{outcome}"), number(found[outcome]["count"])) for outcome in OUTCOMES]
    parts.pairs(rows)
    for outcome in OUTCOMES:
        values = found[outcome]["values"]
        if values:
            parts.code("\n".join(values[:10]), label=t(f"list.{outcome}"))
    if any(found[outcome]["count"] for outcome in OUTCOMES):

        async def download() -> None:
            left = await page.call("list_left", name=found["list"])
            lines = [f"{row['outcome']},{row['value']}" for row in left["table"].to_pylist()]
            ui.download.content("\ufeff" + "\n".join(["outcome,value", *lines]), f"{found['list']}-left.csv")

        ui.button(t("list.download"), icon="download", on_click=download).props("outline dense no-caps").classes(
            "g-btn"
        )
    parts.warnings(page, found["warnings"])


def keep(page: Page, expression: str, subject: str, tags: Mapping[str, str], done: Callable[[str], object]) -> None:
    """Keep who is in a group now, or some of them, as a list."""
    t = page.t
    dialog, card = dialog_of(t("list.keep"), t("list.keep_about"))
    with card:
        name = _field(t("list.name"))
        with ui.element("div").classes("g-form-row"):
            limit = ui.number(t("list.limit"), min=1, precision=0).props("outlined dense")
            ways = {"": t("list.by_id"), "lot": t("list.by_lot")} | {
                tag: t("list.top", tag=w) for tag, w in tags.items()
            }
            way = ui.select(ways, value="", label=t("list.way"), with_input=True).props("outlined dense options-dense")
        seed = _field(t("list.seed"), "1")
        seed.bind_visibility_from(way, "value", backward=lambda v: v == "lot")
        why = _field(t("list.why"))
        replace = ui.checkbox(t("list.replace")).props("dense")

        async def save() -> None:
            lot, most = way.value == "lot", limit.value
            answer.clear()
            with page.problems(answer):
                found = await page.call(
                    "save_list_of",
                    name=name.value.strip(),
                    expression=expression,
                    subject=subject,
                    limit=int(most) if most else None,
                    order=[way.value] if way.value and not lot else [],
                    draw=(seed.value or "1") if lot else None,
                    why=why.value,
                    replace=bool(replace.value),
                )
                dialog.close()
                done(f"segment.{found['list']}")

        with ui.element("div").classes("g-chips"):
            ui.button(t("list.save"), icon="playlist_add", on_click=save).props("unelevated no-caps").classes("g-btn")
            ui.button(t("frame.close"), on_click=dialog.close).props("flat no-caps").classes("g-btn")
        answer = ui.element("div").props('aria-live="polite"')


def save(page: Page, expression: str, subject: str, tags: Mapping[str, str]) -> None:
    """Save a condition as a draft of a segment; with a limit it holds the first by a tag, or some by lot."""
    t = page.t
    dialog, card = dialog_of(t("box.save"), t("box.save_about"))
    with card:
        with ui.element("div").classes("g-form-row"):
            zh, en = _field(t("box.name_zh")), _field(t("box.name_en"))
        name = _field(t("box.code"))
        with ui.element("div").classes("g-form-row"):
            limit = ui.number(t("box.limit"), min=1, precision=0).props("outlined dense clearable")
            ways = {"lot": t("list.by_lot")} | {tag: t("list.top", tag=w) for tag, w in tags.items()}
            way = ui.select(ways, value="lot", label=t("list.way"), with_input=True).props("outlined dense")
            way.bind_visibility_from(limit, "value", backward=bool)
            seed = _field(t("list.seed"), "1")
            seed.bind_visibility_from(way, "value", backward=lambda v: v == "lot")
            chosen = ui.element("div")
            seed.move(chosen)
            chosen.bind_visibility_from(limit, "value", backward=bool)
        why = _field(t("list.why"))

        async def go() -> None:
            most = int(limit.value) if limit.value else None
            lot = way.value == "lot"
            answer.clear()
            with page.problems(answer):
                await page.call(
                    "save_segment",
                    name=name.value.strip(),
                    expression=expression,
                    subject=subject,
                    limit=most,
                    order=way.value if most and not lot else None,
                    draw=(seed.value or "1") if most and lot else None,
                    title={"zh": zh.value.strip(), "en": en.value.strip()},
                    why=why.value,
                )
                dialog.close()
                ui.notify(t("box.saved"), type="positive")
                ui.navigate.to("/segments")

        with ui.element("div").classes("g-chips"):
            ui.button(t("box.save"), icon="bookmark_add", on_click=go).props("unelevated no-caps").classes("g-btn")
            ui.button(t("frame.close"), on_click=dialog.close).props("flat no-caps").classes("g-btn")
        answer = ui.element("div").props('aria-live="polite"')


async def as_sql(page: Page, verb: str, **given: Any) -> None:
    """Show a group or a tag as one statement, to be copied."""
    t = page.t
    found = await page.call(verb, **given)
    dialog, card = dialog_of(t("list.sql"), t("list.sql_about", dialect=found["dialect"]))
    with card:
        with ui.element("div").classes("g-chips"):
            copy = ui.button(t("box.copy"), icon="content_copy").props("unelevated no-caps").classes("g-btn")
            copy.on_click(lambda: ui.clipboard.write(found["sql"]))
            copy.on_click(lambda: ui.notify(t("box.copied")))
            ui.button(t("frame.close"), on_click=dialog.close).props("flat no-caps").classes("g-btn")
        parts.code(found["sql"], label="SQL")


async def tried(page: Page, expression: str, subject: str) -> None:
    """Show what a condition holds for among a stable thousand of members."""
    t, number = page.t, page.format.number
    found = await page.call("try_segment", expression=expression, subject=subject)
    dialog, card = dialog_of(t("list.try"), t("list.try_about", n=number(found["tried"])))
    with card:
        parts.pairs(
            [
                (t("list.holds"), number(found["holds"])),
                (t("list.unknown"), number(found["unknown"])),
                (t("list.estimate"), f"{number(found['estimate'])} ({number(found['low'])} – {number(found['high'])})"),
            ]
        )
        columns = [{"name": "id", "label": "ID"}, {"name": "value", "label": t("form.value")}]
        rows = [{"id": str(r["id"]), "value": page.format.value(r["value"])} for r in found["rows"]]
        parts.table(page, columns, rows, label=t("list.try"), per_page=10)
        parts.warnings(page, found["warnings"])
        ui.button(t("frame.close"), on_click=dialog.close).props("flat no-caps").classes("g-btn")
