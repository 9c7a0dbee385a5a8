"""One member: who it is, its tags with the facts behind them, what it did."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from nicegui import ui

from gongbi.catalog.finding import fit
from gongbi.console import parts, revealing
from gongbi.console.evidence import column_name, show_evidence
from gongbi.console.frame import Page, PageDef
from gongbi.console.timeline import show_timeline
from gongbi.errors import GongbiError
from gongbi.translation.categories import category

EVENTS = 4000
#: Elements of a list that are shown on its line.
LISTED = 3
#: A value said in more letters stands on a line of its own.
SENTENCE = 20


async def build(page: Page) -> None:
    """Fill the search page, with a few members to begin with."""
    with parts.title(page):
        _search(page)
    examples = await _examples(page)
    with parts.card(page.t("customer.begin")):
        if not examples:
            parts.empty(page, "customer.nobody", icon="person_search", command="gongbi demo")
            return
        ui.label(page.t("customer.begin_about")).classes("g-about")
        columns = [
            {"name": "id", "label": "ID", "kind": "link"},
            *({"name": c, "label": n} for c, n in examples["columns"]),
        ]
        parts.table(page, columns, examples["rows"], label=page.t("customer.begin"))


async def _examples(page: Page) -> dict[str, Any]:
    if not page.overview.get("members", {}).get("customer"):
        return {}
    tags = [t for t in await page.try_call("tags", subject="customer") or [] if t["coverage"]]
    by_name = {t["tag"]: t for t in tags}
    wanted = [n for n in ("rfm.group", "value.trips", "value.spend_365d", "value.spend", "rfm.total") if n in by_name]
    columns = (wanted or list(by_name))[:4]
    order = ["rfm.total"] if "rfm.total" in by_name else []
    found = await page.try_call("members", expression="true", columns=columns, limit=10, order=order)
    if found is None:
        return {}
    rows = []
    for record in found["table"].to_pylist():
        row = {"id": str(record["id"]), "id_to": f"/customer/customer/{quote(str(record['id']))}"}
        rows.append(row | {c: page.value(by_name[c], record[c]) for c in columns})
    return {"columns": [(c, page.words(by_name[c]["name"], c)) for c in columns], "rows": rows} if rows else {}


def _search(page: Page) -> None:
    def go() -> None:
        if (box.value or "").strip():
            ui.navigate.to(f"/customer/customer/{quote(box.value.strip(), safe=':')}")

    box = ui.input(placeholder=page.t("customer.search")).props("outlined dense clearable").style("width:270px")
    box.props["aria-label"] = page.t("customer.search")
    box.on("keydown.enter", go)
    with box.add_slot("prepend"):
        ui.icon("search").props("aria-hidden=true")
    ui.button(page.t("customer.find"), on_click=go).props("unelevated no-caps").classes("g-btn")


async def one(page: Page) -> None:
    """Fill the page of one member."""
    subject, given = page.params["subject"], page.params["id"]
    try:
        found = await page.call("customer", id=given, subject=subject, events=EVENTS)
    except GongbiError as error:
        with parts.title(page):
            _search(page)
        parts.problem(page, error)
        return
    library = {t["tag"]: t for t in await page.call("tags", subject=subject)}
    page.learn(library.values())
    heading = f"{page.one_of(subject)} {found['id']}"
    with parts.title(page, heading, page.t("customer.as_of", when=page.format.instant(found["as_of"]))):
        if subject == "customer":
            _search(page)
            if await page.call("yearbooks"):
                target = f"/yearbook/{quote(given, safe=':')}"
                year = ui.button(page.t("yearbook.title"), icon="auto_stories")
                year.on_click(lambda: ui.navigate.to(target))
                year.props("outline no-caps").classes("g-btn")
    whole = ui.element("div").classes("g-page")

    def draw(found: Mapping[str, Any]) -> None:
        whole.clear()
        with whole:
            _portrait(page, found, library, given, draw)

    draw(found)


def _portrait(
    page: Page,
    found: Mapping[str, Any],
    library: Mapping[str, Mapping[str, Any]],
    given: str,
    draw: Callable[[Mapping[str, Any]], None],
) -> None:
    """Everything about a member below the heading; drawn anew where masked values are shown to somebody."""
    parts.warnings(page, found["warnings"])

    async def again(why: str) -> Any:
        return await page.call("customer", id=given, subject=found["subject"], events=EVENTS, reveal=why)

    revealing.offer(page, found["warnings"], again, draw)
    with parts.card():
        _header(page, found)
    show_timeline(page, found)
    with ui.element("h2").style("margin-top:6px"):
        ui.label(
            page.t(
                "customer.tags",
                n=page.format.number(sum(t["value"] is not None for t in found["tags"])),
                of=len(found["tags"]),
            )
        )
    if not found["tags"]:
        with parts.card():
            parts.empty(page, "customer.no_tags", icon="sell", command="gongbi build")
        return
    Tags(page, found, library).show()


def _header(page: Page, found: Mapping[str, Any]) -> None:
    with ui.element("div").classes("g-who"):
        with ui.element("div").classes("g-avatar").props("aria-hidden=true"):
            ui.icon(
                {"customer": "person", "product": "inventory_2", "store": "storefront"}.get(
                    found["subject"], "category"
                )
            )
        with ui.element("div").style("min-width:0;flex:1"):
            with ui.element("div").classes("g-chips"):
                for identifier in found["identifiers"]:
                    parts.chip(f"{identifier['kind']}: {identifier['value']}", "blue")
                for fact, count in found["facts"].items():
                    if count:
                        parts.chip(f"{page.named(fact)} {page.format.number(count)}")
            known = {k: v for k, v in found["attributes"].items() if v is not None}
            with ui.element("div").style("display:flex;flex-wrap:wrap;gap:4px 26px;margin-top:9px"):
                for name, value in known.items():
                    with ui.element("div"):
                        ui.label(column_name(page, name, found["subject"])).classes("g-note")
                        shown = page.value({"tag": f"{found['subject']}.{name}"}, value)
                        ui.label(shown).style("font-weight:600")
                if not known:
                    ui.label(page.t("customer.no_attributes")).classes("g-about")


class Tags:
    """The tags of a member by dimension and group; what is typed above leaves those that are called like it."""

    def __init__(self, page: Page, found: Mapping[str, Any], library: Mapping[str, Any]) -> None:
        self.page, self.found, self.library = page, found, library
        #: Each element that may go, with the tags in it.
        self.shown: list[tuple[ui.element, set[str]]] = []

    def show(self) -> None:
        """Put them on the page."""
        page = self.page
        with ui.element("div").classes("g-actions"):
            box = ui.input(placeholder=page.t("tags.search")).props("outlined dense clearable debounce=150")
            box.props["aria-label"] = page.t("tags.search")
            box.style("width:270px").classes("g-find").on_value_change(lambda e: self.narrow(e.value or ""))
            ui.label(page.t("customer.tags_about")).classes("g-about")
        dimensions: dict[str, dict[str, list[Any]]] = {}
        for tag in self.found["tags"]:
            head, _, rest = self._path(tag).partition("/")
            dimensions.setdefault(head, {}).setdefault(rest, []).append(tag)
        for dimension, grouped in sorted(dimensions.items(), key=lambda d: -sum(map(len, d[1].values()))):
            count = sum(map(len, grouped.values()))
            with (
                ui.element("div") as whole,
                parts.card(dimension or page.t("tags.unfiled"), page.t("tags.count", n=count)),
                ui.element("div").classes("g-dims"),
            ):
                for group, tags in grouped.items():
                    with ui.element("div").classes("g-tags") as part:
                        if group:
                            ui.label(group.replace("/", " / ")).classes("g-sub")
                        for tag in tags:
                            self.shown.append((self._tag(tag), {tag["tag"]}))
                    self.shown.append((part, {tag["tag"] for tag in tags}))
            self.shown.append((whole, {tag["tag"] for tags in grouped.values() for tag in tags}))

    def _path(self, tag: Mapping[str, Any]) -> str:
        known = self.library.get(tag["tag"])
        language = self.page.language
        return str(known["category_name"][language]) if known is not None else category(tag["category"], language)

    def narrow(self, query: str) -> None:
        """Leave the tags that are called like what was typed: Chinese, pinyin, initials, English."""
        fitting = set()
        for tag in self.found["tags"]:
            if fit(query, (tag["name"]["zh"], tag["name"]["en"], tag["tag"], tag["category"])) is not None:
                fitting.add(tag["tag"])
        for element, tags in self.shown:
            element.set_visibility(bool(tags & fitting))

    def _tag(self, tag: Mapping[str, Any]) -> ui.element:
        page, found, known = self.page, self.found, self.library.get(tag["tag"])

        async def open_() -> None:
            # As it was asked for: a personal id is shown masked.
            await show_evidence(page, found["subject"], page.params["id"], tag, known)

        said = page.words(tag["label"]) if tag["label"] else ""
        look = " absent" if tag["value"] is None else " told" if len(said) > SENTENCE else ""
        row = ui.element("button").classes("g-tagrow" + look)
        row.props('type="button"')
        row.props["data-tag"] = tag["tag"]
        row.props["title"] = page.words(tag["about"])
        row.on("click", open_)
        with row:
            ui.label(page.words(tag["name"], tag["tag"]))
            with ui.element("b"):
                value = tag["value"]
                # Of a long list the first ones; the whole of it is in what opens.
                more = isinstance(value, list) and len(value) > LISTED
                ui.label((said or page.value(tag, value[:LISTED] if more else value)) + (" …" if more else ""))
            with ui.element("small"):
                ui.label(tag["tag"]).classes("g-mono").style("font-size:11px")
                if known is not None and known["coverage"] is not None:
                    ui.label(page.t("customer.coverage", share=page.format.percent(known["coverage"], 0)))
        return row


PAGE = PageDef("/customer", "customer", build)
ONE = PageDef("/customer/{subject}/{id}", "customer", one)
