"""Choosing a tag, an attribute or a column by typing: Chinese, pinyin, initials, English."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nicegui import ui

from gongbi.catalog.finding import fit
from gongbi.console.evidence import column_name
from gongbi.console.frame import Page
from gongbi.console.texts import TEXTS
from gongbi.translation.categories import category

#: Results that are shown.
MOST = 40
Field = Mapping[str, Any]


class Picker:
    """A dialog in which one of many fields is chosen."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.among: Sequence[Field] = ()
        self.done: Callable[[Field], object] = lambda _: None
        with ui.dialog() as self.dialog, ui.card().classes("g-dialog g-picker"):
            self.typed = ui.input(placeholder=page.t("form.search")).props("outlined dense autofocus debounce=120")
            self.typed.props["aria-label"] = page.t("form.search")
            self.typed.classes("g-wide").on_value_change(lambda e: self._list(e.value or ""))
            self.typed.on("keydown.enter", self._first)
            self.results = ui.element("div").classes("g-picked").props('role="listbox"')
        self.shown: list[Field] = []

    def open(self, among: Sequence[Field], done: Callable[[Field], object]) -> None:
        """Ask which of these is meant."""
        self.among, self.done = among, done
        self.typed.set_value("")
        self._list("")
        self.dialog.open()

    def _list(self, query: str) -> None:
        self.shown = find(query, self.among)[:MOST]
        self.results.clear()
        with self.results:
            if not self.shown:
                ui.label(self.page.t("form.no_match")).classes("g-about")
            for field in self.shown:
                row = ui.element("button").classes("g-picker-row").props('type="button" role="option"')
                row.on("click", lambda field=field: self._take(field))
                with row:
                    ui.label(title(self.page, field))
                    ui.label(field["name"]).classes("g-mono")
                    ui.label(category(field["category"], self.page.language).replace("/", " / ")).classes("g-about")

    def _first(self) -> None:
        if self.shown:
            self._take(self.shown[0])

    def _take(self, field: Field) -> None:
        self.dialog.close()
        self.done(field)


def find(query: str, among: Sequence[Field]) -> list[Field]:
    """The fields that fit what was typed, best first; all in their order where nothing was."""
    found = []
    for i, field in enumerate(among):
        last = field["name"].rpartition(".")[2]
        texts = [field["title"]["zh"], field["title"]["en"], field["name"], last, field["category"]]
        texts += TEXTS.get(f"attribute.{last}", ())
        place = fit(query, [*texts, category(field["category"], "en")])
        if place is not None:
            found.append((place, i, field))
    return [field for *_, field in sorted(found, key=lambda one: one[:2])]


def title(page: Page, field: Field) -> str:
    """What people call a field; of a row's other subject, whose it is too."""
    parts = field["name"].split(".")
    if field["group"] == "tag":
        return page.words(field["title"], field["name"].removeprefix("tag."))
    said = field["title"]["zh"] and page.words(field["title"])
    own = said[:1].upper() + said[1:] if said else column_name(page, parts[-1])
    if field["group"] == "neighbour":
        last = field["of"].rpartition(".")[2]
        return f"{page.named(last)} · {own}"
    return f"{page.named(parts[1])} · {own}" if len(parts) == 3 else own
