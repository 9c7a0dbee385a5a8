"""The segment box: type a condition, see how many it holds for and what sets them apart."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from gongbi.console import groups, listing, parts, revealing
from gongbi.console.completion import entries
from gongbi.console.conditions import Conditions, write_into
from gongbi.console.counting import Counter
from gongbi.console.exports import export_and_download
from gongbi.console.frame import Page
from gongbi.console.saying import said
from gongbi.core.parser import parse
from gongbi.core.syntax import Name, conjuncts
from gongbi.errors import Cancelled, GongbiError

#: Seconds without a key before a question is asked.
PAUSE = 0.25
SAMPLE = 20
AREA = "expression"


class Box:
    """One box on one page. Made with the tag library, whose words it uses."""

    def __init__(self, page: Page, tags: Sequence[Mapping[str, Any]], models: Sequence[Mapping[str, Any]] = ()) -> None:
        self.page, self.tags = page, tags
        self.subjects = list(dict.fromkeys(t["subject"] for t in tags)) or ["customer"]
        wanted = page.query.get("subject", "customer")
        self.subject = wanted if wanted in self.subjects else self.subjects[0]
        self.expression = page.query.get("e", "")
        self.counter = Counter(page.ws)
        self.form: Conditions | None = None
        self.fields: Sequence[Mapping[str, Any]] = ()
        self.identifiers: Sequence[str] = ()
        page.learn(tags)
        page.names |= {tag: page.words(title) for model in models for tag, title in model["titles"].items()}
        self.names = page.names

    def address(self, expression: str, subject: str = "customer") -> str:
        """Where the box opens with an expression."""
        return f"/segments?{urlencode({'e': expression, 'subject': subject})}"

    async def show(self) -> None:
        """Put the box on the page."""
        t = self.page.t
        fields = await self.page.call("fields", subject=self.subject)
        self.fields, self.identifiers = fields["fields"], fields["identifiers"]
        with ui.element("div").classes("g-grid"):
            with parts.card(t("box.title"), t("box.about"), classes="s7"):
                self._input(fields)
                self.problem = ui.element("div").props('aria-live="polite"')
                self.answer = ui.element("div").props('aria-live="polite" id="answer"')
                self.steps = ui.element("div")
            with parts.card(t("box.tgi"), t("box.tgi_about"), classes="s5"):
                self.insight = ui.element("div")
        self.sample = ui.element("div")
        self._nothing()
        ui.context.client.on_disconnect(self.counter.begin)
        if self.form is not None:
            self.form.read(self.expression)
        if self.expression:
            self._ask()

    def _input(self, fields: Mapping[str, Any]) -> None:
        t = self.page.t
        if len(self.subjects) > 1:
            options = {s: self.page.named(s) for s in self.subjects}
            chosen = (
                ui.select(options, value=self.subject, label=t("tags.subject"))
                .props("outlined dense options-dense")
                .style("width:170px")
            )
            chosen.on_value_change(lambda e: ui.navigate.to(self.address("", e.value)))
        ui.label(t("form.title")).classes("g-label")
        self.form = Conditions(self.page, fields, self.filled)
        if self.form.segments:
            self._combining(self.form)
        ui.html(f'<label class="g-label" for="{AREA}">{escape(t("box.label"))}</label>', sanitize=False)
        with ui.element("div").classes("g-complete-holder"):
            self.area = ui.element("textarea").classes("g-expr")
            self.area.props(f'id="{AREA}" rows="3" spellcheck="false" autocomplete="off" autocapitalize="off"')
            self.area.props["placeholder"] = t("box.placeholder")
            self.area.on("input", lambda e: self.changed(e.args), js_handler="(e) => emit(e.target.value)")
        with ui.element("div").classes("g-examples"):
            for example in self._examples():
                button = ui.element("button").classes("g-example").props('type="button"')
                button.on("click", lambda example=example: self.write(example))
                with button:
                    ui.label(example)
        words = {"label": t("box.names")} | {
            k: t(f"kind.{k}") for k in ("tag", "attribute", "segment", "fact", "column", "function", "keyword")
        }
        names = entries(self.page.ws, self.subject, self.tags, self.page.language)
        start = f"document.getElementById({AREA!r}).value = {json.dumps(self.expression)};" if self.expression else ""
        ui.run_javascript(f"{start} gongbiComplete({AREA!r}, {json.dumps(names)}, {json.dumps(words)})")

    def _combining(self, form: Conditions) -> None:
        """Both, either, one without the other: with a saved segment."""
        with ui.element("div").classes("g-chips"):
            chosen = ui.select(form.segments, label=self.page.t("form.combine")).props("outlined dense options-dense")
            chosen.style("min-width:170px")
            for how, icon in (("and", "join_inner"), ("or", "join_full"), ("minus", "join_left")):
                button = ui.button(self.page.t(f"form.combine.{how}"), icon=icon)
                button.props("flat dense no-caps size=sm").classes("g-btn")
                button.on_click(lambda how=how: form.combine(how, chosen.value) if chosen.value else None)

    def _examples(self) -> list[str]:
        """A few conditions that mean something here."""
        known = {t["tag"] for t in self.tags if t["subject"] == self.subject}
        usual = {
            "rfm.recency": "tag.rfm.recency >= 4 and tag.rfm.monetary >= 4",
            "rfm.group": "tag.rfm.group = 'at_risk'",
            "promotion.coupon_trip_share": "tag.promotion.coupon_trip_share >= 0.2",
            "value.trips": "tag.value.trips >= 50 and customer.age is absent",
        }
        found = [text for tag, text in usual.items() if tag in known]
        return found or [f"tag.{name} is not absent" for name in sorted(known)[:3]]

    def write(self, text: str) -> None:
        """Put an expression into the box, as if it had been typed."""
        ui.run_javascript(f"gongbiWrite({AREA!r}, {json.dumps(text)})")

    def changed(self, expression: str) -> None:
        """A key was pressed: stop what runs, wait for a pause, ask anew."""
        self.expression = expression
        if self.form is not None:
            self.form.read(expression)
        self._ask()

    def filled(self, expression: str) -> None:
        """The form wrote the expression."""
        self.expression = expression
        ui.run_javascript(write_into(AREA, expression))
        self._ask()

    def _ask(self) -> None:
        self.answer.classes("stale")
        self.counter.later(PAUSE, self._later)

    async def _later(self, turn: int) -> None:
        expression = self.expression
        if not expression.strip():
            self._nothing()
            return
        try:
            found = await self.counter.ask(turn, "count", expression=expression, subject=self.subject)
            self._count(found)
            self.problem.clear()
            self.area.classes(remove="bad")
            await self._conditions(turn, expression)
            await self._compare(turn, expression, found)
        except Cancelled:
            return
        except GongbiError as error:
            if not parts.gone(self.answer):
                self._wrong(expression, error)
        except RuntimeError:
            if not parts.gone(self.answer):
                raise

    async def _conditions(self, turn: int, expression: str) -> None:
        """Which condition removes whom, where there are several; a name may stand for a segment that has several."""
        whole = parse(expression)
        if not isinstance(whole, Name) and len(list(conjuncts(whole))) < 2:
            self.steps.clear()
            return
        try:
            found = await self.counter.ask(turn, "waterfall", expression=expression, subject=self.subject)
        except Cancelled:
            raise
        except GongbiError as error:
            self.steps.clear()
            with self.steps:
                parts.problem(self.page, error)
            return
        self.steps.clear()
        if len(found["steps"]) > 1:
            with self.steps:
                ui.label(f"{self.page.t('groups.waterfall')} · {self.page.t('groups.waterfall_about')}").classes(
                    "g-about"
                )
                groups.waterfall(self.page, found, self.write, self._said)

    async def _compare(self, turn: int, expression: str, found: Mapping[str, Any]) -> None:
        if not found["count"]:
            self.insight.clear()
            with self.insight:
                parts.empty(self.page, "box.nobody", icon="person_off")
            self.sample.clear()
            return
        self.insight.clear()
        with self.insight:
            parts.waiting(self.page)
        try:
            insight = await self.counter.ask(
                turn, "insight", expression=expression, subject=self.subject, limit=60, include_absent=False
            )
            self.insight.clear()
            with self.insight:
                self._bars(insight)
        except Cancelled:
            raise
        except GongbiError as error:
            self.insight.clear()
            with self.insight:
                parts.problem(self.page, error)
        await self._sample(turn, expression, found["count"])

    def _said(self, condition: str) -> str:
        return said(self.form, condition) if self.form is not None else condition

    async def _sample(self, turn: int, expression: str, count: int) -> None:
        attributes = [f["name"] for f in self.fields if f["group"] == "attribute"][:3]
        columns = [*attributes, *self._columns()]
        asked = {"expression": expression, "subject": self.subject, "columns": columns, "limit": SAMPLE}
        self.sample.clear()

        async def again(why: str) -> Any:
            return await self.page.call("sample", **asked, reveal=why)

        def draw(found: Mapping[str, Any]) -> None:
            self.sample.clear()
            with self.sample:
                self._members(found, columns, count, again, draw)

        try:
            draw(await self.counter.ask(turn, "sample", **asked))
        except Cancelled:
            raise
        except GongbiError as error:
            with self.sample:
                parts.problem(self.page, error)

    def _nothing(self) -> None:
        for place in (self.problem, self.answer, self.steps, self.insight, self.sample):
            place.clear()
        self.area.classes(remove="bad")
        self.answer.classes(remove="stale")
        with self.answer:
            ui.label(self.page.t("box.start")).classes("g-about")
        with self.insight:
            parts.empty(self.page, "box.no_tgi", icon="stacked_bar_chart")

    def _wrong(self, expression: str, error: GongbiError) -> None:
        self.answer.clear()
        self.steps.clear()
        self.answer.classes(remove="stale")
        self.area.classes("bad")
        self.problem.clear()
        with self.problem:
            parts.problem(
                self.page, error, source=expression, fix=lambda near: self.write(mended(expression, error, near))
            )

    def _count(self, found: Mapping[str, Any]) -> None:
        format_, t = self.page.format, self.page.t
        self.answer.clear()
        self.answer.classes(remove="stale")
        share = found["count"] / found["of"] if found["of"] else 0.0
        with self.answer:
            with ui.element("div").classes("g-answer"):
                ui.label(format_.number(found["count"])).classes("g-count").props('data-count="1"')
                ui.label(t("box.of", share=format_.percent(share), of=format_.number(found["of"]))).classes("g-about")
            with ui.element("div").classes("g-share").props("aria-hidden=true"):
                ui.element("i").style(f"width:{share * 100:.2f}%")
            ui.label(t("box.as_of", when=format_.instant(found["as_of"]))).classes("g-about").style("margin-top:4px")
            parts.warnings(self.page, found["warnings"])
            if found["count"]:
                self._buttons()

    def _buttons(self) -> None:
        t, expression, subject = self.page.t, self.expression, self.subject
        with ui.element("div").classes("g-chips").style("margin-top:8px"):
            for kind in ("csv", "xlsx"):

                async def export(kind: str = kind) -> None:
                    with self.page.problems(self.problem):
                        await export_and_download(self.page, expression, subject, self._columns(), kind)

                ui.button(t("box.export", kind=kind.upper()), icon="download", on_click=export).props(
                    "outline dense no-caps"
                ).classes("g-btn")
            numbers = [tag for tag in self.tags if tag["subject"] == subject and tag["mean"] is not None]
            called = {tag["tag"]: self.names[tag["tag"]] for tag in numbers}
            asked = {"expression": expression, "subject": subject}

            async def keep() -> None:
                listing.keep(self.page, expression, subject, called, self.write)

            async def save() -> None:
                listing.save(self.page, expression, subject, called)

            async def attempt() -> None:
                await listing.tried(self.page, expression, subject)

            async def statement() -> None:
                await listing.as_sql(self.page, "segment_sql", **asked)

            for key, icon, act in (
                ("box.save", "bookmark_add", save),
                ("list.keep", "playlist_add", keep),
                ("list.try", "science", attempt),
                ("list.sql", "code", statement),
            ):

                async def pressed(act: Callable[[], Awaitable[None]] = act) -> None:
                    with self.page.problems(self.problem):
                        await act()

                ui.button(t(key), icon=icon, on_click=pressed).props("flat dense no-caps").classes("g-btn")

    def _bars(self, insight: Mapping[str, Any]) -> None:
        """The most different bins, at most two of a tag."""
        if not groups.apart(self.page, insight["rows"], self.page.t("box.tgi")):
            parts.empty(self.page, "box.too_few", icon="stacked_bar_chart")
            return
        ui.label(self.page.t("box.tgi_note")).classes("g-about")
        more = f"/insight?{urlencode({'e': self.expression, 'subject': self.subject})}"
        ui.link(self.page.t("box.more"), more).classes("g-link")
        groups.left_out(self.page, insight["left_out"])

    def _columns(self) -> list[str]:
        """The tags that the expression names, then usual ones."""
        known = [t["tag"] for t in self.tags if t["subject"] == self.subject]
        named_ = [m for m in re.findall(r"tag\.([\w.]+)", self.expression) if m in known]
        usual = [t for t in ("rfm.group", "value.trips", "value.spend", "value.spend_365d", "rfm.total") if t in known]
        return list(dict.fromkeys([*named_, *usual, *known]))[:6]

    def _members(
        self,
        found: Mapping[str, Any],
        columns: Sequence[str],
        count: int,
        again: Callable[[str], Awaitable[Any]],
        draw: Callable[[Mapping[str, Any]], None],
    ) -> None:
        page = self.page
        units = {t["tag"]: t["unit"] for t in self.tags}
        linked = any(row["key"] is not None for row in found["rows"])
        label = page.one_of(self.subject) + " ID"
        heads = [{"name": "id", "label": label, "kind": "link" if linked else "text"}]
        called = self.form.called if self.form is not None else str
        heads += [{"name": f"c{i}", "label": self.names.get(c) or called(c)} for i, c in enumerate(columns)]
        rows = []
        for record in found["rows"]:
            row = {"id": str(record["id"]), "id_to": f"/customer/{self.subject}/{record['key']}"}
            for i, c in enumerate(columns):
                row[f"c{i}"] = page.value({"tag": c, "unit": units[c]} if c in units else {"tag": c}, record.get(c))
            rows.append(row)
        about = page.t("box.sample_about", n=page.format.number(len(rows)), of=page.format.number(count))
        with parts.card(page.t("box.sample"), about):
            revealing.offer(page, found["warnings"], again, draw)
            parts.table(page, heads, rows, label=page.t("box.sample"), per_page=10)


def mended(expression: str, error: GongbiError, near: str) -> str:
    """The expression with the name at fault replaced by the one that was meant."""
    name, place = str(getattr(error, "name", "")), error.place
    if not name:
        return expression
    lines = expression.splitlines()
    if place is not None and place.line is not None and place.column is not None and place.line <= len(lines):
        line, at = lines[place.line - 1], place.column - 1
        found = line.find(name, max(at, 0))
        if found >= 0:
            lines[place.line - 1] = line[:found] + near + line[found + len(name) :]
            return "\n".join(lines)
    return expression.replace(name, near, 1)
