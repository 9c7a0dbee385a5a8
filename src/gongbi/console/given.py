"""Values that people and files give: set for one member, or taken from a column of an uploaded file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nicegui import events, ui

from gongbi.console import parts
from gongbi.console.frame import Page
from gongbi.ownership.files import private_folder


def by_hand(page: Page, tag: str, member: Any, value: Any) -> None:
    """Boxes for a value and its reason, and what became of them."""
    t = page.t
    place = ui.element("div").classes("g-form")

    async def fill() -> None:
        form = (await page.call("tag_form", tag=tag))["fields"]
        names = form.get("names", [])
        with place:
            with ui.element("div").classes("g-form-row"):
                if names:
                    options = {name: page.value({"tag": tag}, name) for name in names}
                    shown = value if value in names else None
                    box: Any = ui.select(options, value=shown, label=t("given.value")).props("options-dense clearable")
                else:
                    box = ui.input(t("given.value"), value="" if value is None else str(value)).props("clearable")
                    box.props("type=date" if form.get("type") == "date" else "")
                box.props("outlined dense")
                why = ui.input(t("library.why")).props("outlined dense")
            said = ui.element("div").props('aria-live="polite"')

            async def save() -> None:
                said.clear()
                with page.problems(said):
                    chosen = box.value if box.value not in ("", None) else None
                    done = await page.call("set_tag", tag=tag, id=str(member), value=chosen, why=why.value or "")
                    with said:
                        shown = page.value({"tag": tag}, done["value"])
                        ui.label(t("given.saved", value=shown, when=page.format.instant(done["since"])))
                        ui.label(t("given.build")).classes("g-about")

            ui.button(t("given.set"), icon="back_hand", on_click=save).props("unelevated no-caps").classes("g-btn")

    parts.later(page, fill)


class Upload:
    """A card on which a column of a file is looked at first, and then taken as the values of a tag."""

    def __init__(self, page: Page, tag: str, identifiers: list[str]) -> None:
        self.page, self.tag, self.identifiers = page, tag, identifiers
        self.path: Path | None = None
        self.chosen = {"key": "", "column": "", "kind": ""}

    def show(self) -> None:
        """Put it on the page."""
        t = self.page.t
        with parts.card(t("given.upload"), t("given.upload_about")):
            upload = ui.upload(label=t("list.upload"), auto_upload=True, on_upload=self._uploaded, max_files=1)
            upload.props("flat bordered accept=.csv,.tsv,.xlsx,.xls,.parquet").classes("g-wide")
            self.place = ui.element("div").classes("g-form")
        ui.context.client.on_disconnect(self._forget)

    async def _uploaded(self, event: events.UploadEventArguments) -> None:
        self._forget()
        # Only the last part of what the browser calls the file; the folder is the workspace's own.
        name = Path(event.file.name.replace("\\", "/")).name or "upload.csv"
        self.path = private_folder(self.page.ws.root / "uploads") / name
        self.path.write_bytes(await event.file.read())
        self.chosen = {"key": "", "column": "", "kind": ""}
        self.place.clear()
        with self.page.problems(self.place):
            found = await self.page.call("preview_tag", tag=self.tag, file=str(self.path))
            with self.place:
                self._columns(found)

    def _columns(self, found: Mapping[str, Any]) -> None:
        t, names = self.page.t, found["columns"]
        heads = [{"name": f"c{i}", "label": name} for i, name in enumerate(names)]
        rows = [
            {"id": n, **{f"c{i}": row[name] for i, name in enumerate(names)}} for n, row in enumerate(found["rows"])
        ]
        parts.table(self.page, heads, rows, label=t("given.rows"), per_page=5)
        with ui.element("div").classes("g-form-row"):
            for key, label, options in (
                ("key", "given.key", {name: name for name in names}),
                ("kind", "list.identifier", {"": "ID", **{kind: kind for kind in self.identifiers}}),
                ("column", "given.column", {name: name for name in names}),
            ):
                box = ui.select(options, value="" if key == "kind" else None, label=t(label))
                box.props("outlined dense options-dense")
                box.on_value_change(lambda e, key=key: self._choose(key, e.value))
        self.answer = ui.element("div").classes("g-form").props('aria-live="polite"')

    async def _choose(self, key: str, value: str) -> None:
        self.chosen[key] = value or ""
        if not self.chosen["key"] or not self.chosen["column"]:
            return
        self.answer.clear()
        with self.page.problems(self.answer):
            found = await self.page.call("preview_tag", tag=self.tag, file=str(self.path), **self.chosen)
            with self.answer:
                self._report(found)
                if found["good"]:
                    why = ui.input(self.page.t("library.why")).props("outlined dense").classes("g-wide")
                    take = ui.button(self.page.t("given.take", n=self.page.format.number(found["good"])))
                    take.props("unelevated no-caps icon=upload_file").classes("g-btn")
                    take.on_click(lambda: self._take(why.value or ""))

    def _report(self, found: Mapping[str, Any]) -> None:
        page, t = self.page, self.page.t
        number = page.format.number
        with ui.element("div").classes("g-chips"):
            parts.chip(t("given.good", n=number(found["good"])), "green" if found["good"] else "grey")
            for reason, n in found["reasons"].items():
                parts.chip(f"{t(f'reason.{reason}')} {number(n)}", "red")
        if found.get("refused"):
            heads = [
                {"name": "row", "label": t("given.row"), "align": "right"},
                {"name": "reason", "label": t("given.reason")},
                {"name": "column", "label": t("given.column")},
                {"name": "value", "label": t("form.value"), "kind": "mono"},
            ]
            rows = [
                {
                    "id": i,
                    "row": one["row"],
                    "reason": t(f"reason.{one['reason']}"),
                    "column": one["column"] or "",
                    "value": one["value"] or "",
                }
                for i, one in enumerate(found["refused"])
            ]
            parts.table(page, heads, rows, label=t("given.refused"), per_page=10)

    async def _take(self, why: str) -> None:
        self.answer.clear()
        with self.page.problems(self.answer):
            done = await self.page.call("import_tag", tag=self.tag, file=str(self.path), why=why, **self.chosen)
            with self.answer:
                self._report(done)
                since = self.page.format.instant(done["since"])
                ui.label(self.page.t("given.taken", n=self.page.format.number(done["good"]), when=since))
                ui.label(self.page.t("given.build")).classes("g-about")
        self._forget()

    def _forget(self) -> None:
        """The file is not kept: what is in it about people stays only in the tag."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
