"""The form of a maker: fill in its fields, read the expression, see the values that the tag would have.

An existing tag opens in the form that writes it. Beside every form stands its text: what is written there is read back
into the form, where one writes it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

import yaml
from nicegui import ui

from gongbi.console import parts, trials
from gongbi.console.counting import Counter
from gongbi.console.frame import Page
from gongbi.core.clock import CALENDAR, ROLLING, WORKDAY
from gongbi.errors import Cancelled, GongbiError

#: Seconds without a change before the draft is computed.
PAUSE = 0.4
#: Makers whose values a person or a file gives.
GIVEN = ("manual", "imported")
Show = Callable[[Mapping[str, Any]], None]


class MakerForm:
    """One form on one page.

    Parameters
    ----------
    makers
        What the verb of that name gives.
    subjects
        Whom a tag may describe.
    show
        Draws the figures of a draft.
    tag
        An existing tag as the verb `tag_form` gives it.
    """

    def __init__(
        self,
        page: Page,
        makers: Sequence[Mapping[str, Any]],
        subjects: Sequence[str],
        show: Show,
        taken: Mapping[str, str],
        known: Mapping[str, Any],
        tag: Mapping[str, Any] | None = None,
    ) -> None:
        self.page, self.subjects, self.draw = page, list(subjects), show
        self.makers = {maker["maker"]: maker for maker in makers}
        self.base: Mapping[str, Any] = tag["definition"] if tag is not None else {}
        wanted = page.query.get("maker", "") if tag is None else tag["maker"] or ""
        self.maker = wanted if wanted in self.makers else next(iter(self.makers))
        self.subject = self.subjects[0] if tag is None else self.base.get("subject", "customer")
        self.tag, self.name = self.base.get("tag", "new.tag"), page.words(self.base.get("name", ""))
        self.values: dict[str, Any] = dict(tag["fields"] or {}) if tag is not None else {}
        self.text = tag["expr"] if tag is not None else ""
        #: Whether the expression is edited as text.
        self.as_text = tag is not None and tag["maker"] is None
        self.counter = Counter(page.ws)
        #: Codes of the tags that there are, with what people call them.
        self.taken = {} if tag is not None else taken
        #: What a condition about the subject can be about.
        self.known = known
        self.boxes: dict[str, ui.input] = {}

    def show(self) -> None:
        """Put the form on the page."""
        t = self.page.t
        with ui.element("div").classes("g-grid"):
            with parts.card(t("maker.choose"), t("maker.choose_about"), classes="s5"):
                self._head()
                self.fields = ui.element("div").classes("g-form")
            with parts.card(t("maker.result"), t("maker.result_about"), classes="s7"):
                self.result = ui.element("div").props('aria-live="polite" id="draft"')
        ui.context.client.on_disconnect(self.counter.begin)
        self._fill(self.values)

    def _offer(self, box: ui.input, takes: str) -> None:
        """What the browser offers while a name is typed: by the name itself, or by what people call it."""
        columns = [one for fact in self.known["facts"] for one in fact["columns"]]
        rows = []
        for one in self.known["facts"] if takes == "fact" else [*columns, *self.known["fields"]]:
            title = self.page.words(one.get("title") or {}, self.page.named(one["name"]))
            rows.append(f'<option value="{escape(one["name"])}" label="{escape(title)}"></option>')
        # NiceGUI's input reads the list of this name; its own `autocomplete` has no titles.
        ui.html(f'<datalist id="{box.html_id}-datalist">{"".join(rows)}</datalist>', sanitize=False).style(
            "display:none"
        )

    def _head(self) -> None:
        t = self.page.t
        way = ui.toggle({False: t("maker.as_form"), True: t("maker.as_text")}, value=self.as_text)
        way.props("no-caps unelevated dense toggle-color=primary").classes("g-way")
        self.way = way.on_value_change(self._turned)
        options = {name: self.page.words(maker["name"], name) for name, maker in self.makers.items()}
        self.kind = self._select(options, self.maker, t("maker.kind"))
        self.kind.bind_visibility_from(way, "value", backward=lambda text: not text)
        self.kind.on_value_change(lambda e: self._chosen(e.value))
        with ui.element("div").classes("g-form-row"):
            tag = ui.input(t("maker.tag"), value=self.tag).props("outlined dense" + (" readonly" if self.base else ""))
            tag.on_value_change(lambda e: self._set(tag=e.value or ""))
            name = ui.input(t("maker.name"), value=self.name).props("outlined dense")
            name.on_value_change(lambda e: self._set(name=e.value or ""))
        if len(self.subjects) > 1 and not self.base:
            whom = {s: self.page.named(s) for s in self.subjects}
            self._select(whom, self.subject, t("tags.subject")).on_value_change(self._about)

    async def _turned(self) -> None:
        """From the form to its text, or back into the form that writes the text."""
        if self.way.value == self.as_text:
            return
        if self.way.value:
            self.as_text = True
            self._fill(self.values)
            return
        found: Mapping[str, Any] = {"maker": None}
        if self.text.strip():
            try:
                found = await self.page.call("tag_form", expr=self.text)
            except GongbiError:
                self.way.set_value(True)  # What is wrong with it is said beside it.
                return
            if found["maker"] is None:
                ui.notify(self.page.t("maker.no_form"))
                self.way.set_value(True)
                return
        self.as_text = False
        if found["maker"] is not None:
            self.maker = found["maker"]
            self.kind.set_value(self.maker)
            self._fill(found["fields"])
        else:
            self._fill({})

    def _select(self, options: Mapping[str, str], value: Any, label: str) -> ui.select:
        return (
            ui.select(dict(options), value=value, label=label).props("outlined dense options-dense").classes("g-wide")
        )

    async def _about(self, event: Any) -> None:
        self.subject, self.known = event.value, await self.page.call("fields", subject=event.value)
        self._fill(self.values)

    def _set(self, **given: str) -> None:
        for key, value in given.items():
            setattr(self, key, value)
        self.changed()

    def _chosen(self, maker: str) -> None:
        """Draw the fields of a maker."""
        if maker != self.maker:
            self.maker = maker
            self._fill({})

    def _fill(self, given: Mapping[str, Any]) -> None:
        maker = self.makers[self.maker]
        example = yaml.safe_load(maker["example"])["maker"][self.maker]
        self.values, self.boxes = dict(given), {}
        self.fields.clear()
        with self.fields:
            if self.as_text:
                self._area()
                return
            ui.label(self.page.t(f"maker.about.{self.maker}")).classes("g-about")
            for field in maker["fields"]:
                self._field(field, example.get(field["key"]))
            ui.button(self.page.t("maker.example"), icon="edit_note", on_click=lambda: self._fill(example)).props(
                "outline no-caps"
            ).classes("g-btn")
        self.changed()

    def _area(self) -> None:
        """The expression as text."""

        def typed(text: str) -> None:
            self.text = text
            self.changed()

        area = ui.textarea(self.page.t("tags.expression"), value=self.text).props("outlined autogrow spellcheck=false")
        area.classes("g-wide g-mono").on_value_change(lambda e: typed(e.value or ""))
        self.changed()

    def _field(self, field: Mapping[str, Any], example: Any) -> None:
        label = self.page.words(field["name"]) + (" *" if field["required"] else "")
        value, key = self.values.get(field["key"]), field["key"]
        if field["choices"]:
            options = {choice: self.page.t(f"maker.choice.{choice}") for choice in field["choices"]}
            shown = value if value is not None else field["default"]
            self._select(options, shown, label).on_value_change(lambda e: self._put(key, e.value))
        elif isinstance(field["default"], bool):
            ui.switch(label, value=bool(value)).on_value_change(lambda e: self._put(key, e.value or None))
        elif field["takes"] == "window":
            self._window(key, label, value, str(field["default"] or example or ""))
        else:
            hint = field["default"] if field["default"] not in (None, (), []) else example
            box = ui.input(label, value=_text(value), placeholder=_text(hint)).props("outlined dense stack-label")
            box.classes("g-wide" + (" g-mono" if field["takes"] in ("member", "row", "fact", "condition") else ""))
            box.props["spellcheck"] = "false"
            self.boxes[key] = box
            if field["takes"] in ("fact", "row", "member"):
                self._offer(box, field["takes"])
            box.on_value_change(lambda e: self._put(key, _read(field["takes"], e.value or "")))

    def _window(self, key: str, label: str, value: str | None, usual: str) -> None:
        number, _, unit = (value or "").partition(" ")
        state = {"n": number, "unit": unit or usual.partition(" ")[2] or "day"}

        def change(**given: str) -> None:
            state.update(given)
            self._put(key, f"{state['n']} {state['unit']}" if state["n"].strip() else None)

        with ui.element("div").classes("g-form-row"):
            box = ui.input(label, value=number, placeholder=usual.partition(" ")[0]).props("outlined dense stack-label")
            box.on_value_change(lambda e: change(n=e.value or ""))
            units = {unit: self.page.t(f"maker.unit.{unit}") for unit in (*ROLLING, *CALENDAR, WORKDAY)}
            self._select(units, state["unit"], self.page.t("maker.unit")).on_value_change(
                lambda e: change(unit=e.value)
            )

    def _put(self, key: str, value: Any) -> None:
        self.values[key] = value
        self.changed()

    def definition(self) -> dict[str, Any]:
        """The tag as it is filled in; what was left empty is left out, what the form does not show stays."""
        filled = {key: value for key, value in self.values.items() if value not in (None, "", [])}
        made = {"expr": self.text.strip()} if self.as_text else {"maker": {self.maker: filled}}
        whom = {} if self.subject == "customer" else {"subject": self.subject}
        return {**self.base, "tag": self.tag.strip(), **made, **self._called(), **whom}

    def _called(self) -> dict[str, Any]:
        """Its name; of an existing tag in the reader's language, where that was changed."""
        name, before = self.name.strip(), self.base.get("name")
        if not name or name == self.page.words(before):
            return {}
        return {"name": {**before, self.page.language: name} if isinstance(before, Mapping) else name}

    def changed(self) -> None:
        """Something was filled in: stop what runs, wait for a pause, try the draft."""
        self.counter.later(PAUSE, self._try)

    async def _try(self, turn: int) -> None:
        if self.as_text and not self.text.strip():
            self._say(lambda: parts.empty(self.page, "maker.empty", icon="edit_note"))
            return
        required = [] if self.as_text else [field["key"] for field in self._shown() if field["required"]]
        if any(self.values.get(key) in (None, "", []) for key in required):
            self._say(lambda: parts.empty(self.page, "maker.empty", icon="edit_note"))
            return
        if not self.as_text and self.maker in GIVEN:
            self._say(self._given)
            return
        try:
            found = await self.counter.ask(turn, "draft_tag", definition=self.definition())
            if not self.as_text:
                self.text = found["expr"]
            self._say(lambda: self._answer(found))
            self._mark(None)
        except Cancelled:
            return
        except GongbiError as error:
            problem = error
            self._say(lambda: parts.problem(self.page, problem))
            self._mark(getattr(error, "field", None))
        except RuntimeError:
            if not parts.gone(self.result):
                raise

    def _mark(self, wrong: str | None) -> None:
        """Show which field is at fault, and none where none is."""
        for key, box in self.boxes.items():
            box.props(add="error" if key == wrong else None, remove=None if key == wrong else "error")

    def _shown(self) -> Sequence[Mapping[str, Any]]:
        return self.makers[self.maker]["fields"]  # type: ignore[no-any-return]

    def _say(self, fill: Callable[[], None]) -> None:
        if parts.gone(self.result):
            return
        self.result.clear()
        with self.result:
            fill()

    def _answer(self, found: Mapping[str, Any]) -> None:
        t = self.page.t
        ui.label(t("tags.expression")).classes("g-label")
        parts.code(found["expr"], label=t("tags.expression"))
        parts.warnings(self.page, found["warnings"])
        self.draw({**found, "unit": None})
        ui.label(t("maker.yaml")).classes("g-label")
        parts.code(found["yaml"], label=t("maker.yaml"))
        ui.button(t("maker.copy"), icon="content_copy", on_click=lambda: ui.clipboard.write(found["yaml"])).props(
            "flat dense no-caps"
        ).classes("g-btn")
        with ui.element("div").classes("g-chips"):
            self._keep()
            trials.button(self.page, self.definition)
        self.saved = ui.element("div")
        ui.label(t("maker.apply")).classes("g-about")

    def _keep(self) -> None:
        """The button that keeps a draft; of a code that another tag has, the way to that tag."""
        code = self.tag.strip()
        if code in self.taken:
            ui.label(self.page.t("maker.taken", tag=self.taken[code])).classes("g-note")
            ui.link(self.page.t("maker.edit"), f"/tags/new?tag={quote(code)}").classes("g-chip blue")
            return
        ui.button(self.page.t("library.save"), icon="save", on_click=self._save).props("unelevated no-caps").classes(
            "g-btn"
        )

    def _given(self) -> None:
        """Of a tag whose values are given there is nothing to try."""
        parts.empty(self.page, "maker.given", icon="back_hand")
        self._keep()
        self.saved = ui.element("div")

    async def _save(self) -> None:
        """Keep the tag as a draft of the library."""
        self.saved.clear()
        with self.saved, self.page.problems():
            done = await self.page.call("save_tag", definition=self.definition())
            ui.notify(self.page.t("library.saved", n=done["version"]), type="positive")
            ui.navigate.to(f"/tags/{quote(done['name'])}")


def _text(value: Any) -> str:
    """A value as it is typed."""
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _read(takes: str, text: str) -> Any:
    """What was typed, as YAML would have it; what is no number stays text, so that the refusal names it."""
    if takes == "numbers":
        return [_number(part) for part in re.split(r"[,，\s]+", text.strip()) if part]
    if takes == "names":
        return [part.strip() for part in re.split(r"[,，]", text) if part.strip()]
    return _number(text.strip()) if takes in ("integer", "number") else text.strip()


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
