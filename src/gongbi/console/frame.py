"""What every page shares: language, header, navigation, data without blocking, problems said plainly."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from nicegui import Client, run, ui

from gongbi.console import parts
from gongbi.console.format import Format, shorter
from gongbi.console.texts import DEFAULT, LANGUAGES, text
from gongbi.console.who import actor_of, chooser
from gongbi.console.words import named, one_of
from gongbi.errors import GongbiError, NotYet
from gongbi.jobs import JobHost
from gongbi.translation import sentences
from gongbi.workspace import Workspace

LANGUAGE_COOKIE = "gongbi_language"
_COLOURS = {"primary": "#27617f", "secondary": "#2f7d6b", "accent": "#b8432f", "positive": "#2f7d6b"}
_HEAD = (
    '<link rel="stylesheet" href="/static/gongbi/console.css">'
    '<script src="/static/gongbi/complete.js" defer></script>'
    "<script>document.documentElement.lang={lang!r}</script>"
)


@dataclass(frozen=True)
class PageDef:
    """A page: its address, its place in the navigation, and what fills it.

    Parameters
    ----------
    path
        As FastAPI reads it; parameters in braces are found in ``page.params``.
    key
        The entry of the navigation it belongs to; title and subtitle are the texts ``KEY.title``, ``KEY.about``.
    build
        Fills the page once the browser is connected.
    """

    path: str
    key: str
    build: Callable[[Page], Awaitable[None]]


#: key → (address, icon), in the order of the loop.
NAVIGATION: dict[str, tuple[str, str]] = {
    "overview": ("/", "space_dashboard"),
    "tags": ("/tags", "sell"),
    "segments": ("/segments", "groups"),
    "insight": ("/insight", "query_stats"),
    "customer": ("/customer", "person_search"),
    "models": ("/models", "insights"),
    "grading": ("/grading", "grid_view"),
    "personas": ("/personas", "face"),
    "worklists": ("/worklists", "checklist"),
    "campaigns": ("/campaigns", "campaign"),
    "data": ("/data", "storage"),
    "runs": ("/runs", "history"),
}


@dataclass
class Page:
    """One visit of one browser to one page."""

    console: Console
    key: str
    language: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    actor: str = ""

    def __post_init__(self) -> None:
        self.ws: Workspace = self.console.ws
        self.format = Format(self.language, self.ws.settings.zone)
        self.overview: dict[str, Any] = {}
        #: Tag, or attribute as it is spelled → what people call it, its unit, and what they call its values, where
        #: a page has asked for them.
        self.names: dict[str, str] = {}
        self.units: dict[str, str | None] = {}
        self.labels: dict[str, Mapping[str, Any]] = {}
        #: What definitions call subjects and facts.
        self.things: Mapping[str, Mapping[str, str]] = {}
        self.header_facts: ui.element | None = None

    def t(self, key: str, **values: Any) -> str:
        """Return a text in the reader's language."""
        return text(self.language, key, **values)

    def said(self, *texts: str | None) -> str:
        """Return a message and what goes with it, a hint for instance, in the reader's language."""
        return sentences(*texts, language=self.language)

    def words(self, words: Any, fallback: str = "") -> str:
        """Choose from a pair of words; the other language where one is missing."""
        if not isinstance(words, dict):
            return str(words or fallback)
        other = "en" if self.language == "zh" else "zh"
        return str(words.get(self.language) or words.get(other) or fallback)

    def named(self, name: str) -> str:
        """The word for a subject, a fact or a kind."""
        return named(name, self.language, self.things)

    def one_of(self, name: str) -> str:
        """The word for one member of a subject."""
        return one_of(name, self.language, self.things)

    def learn(self, tags: Iterable[Mapping[str, Any]]) -> None:
        """Keep what tags of the library and their values are called."""
        for tag in tags:
            self.names[tag["tag"]] = self.words(tag["name"], tag["tag"])
            self.labels[tag["tag"]] = tag.get("labels") or {}
            self.units[tag["tag"]] = tag.get("unit")

    def know(self, found: Mapping[str, Any]) -> None:
        """Keep the overview, and what attributes and columns of facts are called: spelled ``customer.town``."""
        self.overview, self.things = dict(found), found.get("things", {})
        for name, called in self.overview.get("called", {}).items():
            if any(called["name"].values()):
                self.names[name] = self.words(called["name"])
            self.labels[name], self.units[name] = called["labels"], called["unit"]

    def value(self, tag: Mapping[str, Any], value: Any) -> str:
        """A value of a tag of the library: its label, where the definition has one, else as such values are shown."""
        labels = tag.get("labels") or self.labels.get(str(tag.get("tag"))) or {}
        if label := labels.get(str(value)):
            return self.words(label)
        if labels and isinstance(value, Sequence) and not isinstance(value, str | bytes):
            comma = "、" if self.language == "zh" else ", "
            return comma.join(self.value({"labels": labels}, one) for one in value)
        if labels and isinstance(value, Mapping) and set(value) == {"value", "share"}:
            return f"{self.value({'labels': labels}, value['value'])} {self.format.percent(value['share'], 0)}"
        return self.format.value(value, tag["unit"] if "unit" in tag else self.units.get(str(tag.get("tag"))))

    def bin(self, tag: str, label: str) -> str:
        """A bin of a tag, as groups are compared by: a value's label, or a range with few digits."""
        known = self.labels.get(tag, {}).get(label)
        return self.words(known) if known else self.format.value(shorter(label))

    def trait(self, tag: str, label: str) -> str:
        """A tag and one of its bins: ``Age = 25-34``, ``Trips ≥ 40``."""
        name, shown = self.names.get(tag, tag), self.bin(tag, label)
        return f"{name} {shown}" if shown.startswith(("<", "≥")) else f"{name} = {shown}"

    @property
    def who(self) -> str:
        """Who works here: the name that was chosen, else that of whoever started the console."""
        return self.actor or self.ws.actor

    async def call(self, verb: str, **params: Any) -> Any:
        """Ask the workspace in a worker thread: the event loop answers everybody else meanwhile."""
        return await run.io_bound(self.ws.call_as, self.who, verb, **params)

    async def try_call(self, verb: str, **params: Any) -> Any:
        """Like `call`; None where something must be run first."""
        try:
            return await self.call(verb, **params)
        except NotYet:
            return None

    @contextlib.contextmanager
    def problems(self, container: ui.element | None = None) -> Iterator[None]:
        """Around work of a page or a button: an error on purpose is shown where it belongs."""
        try:
            yield
        except GongbiError as error:
            with container if container is not None else contextlib.nullcontext():
                parts.problem(self, error)

    def tell(self, error: Exception) -> None:
        """Say what went wrong in the work of a button that had no place of its own for it; never nothing."""
        told = error if isinstance(error, GongbiError) else parts.unforeseen(error)
        ui.notify(self.said(told.message, told.hint), type="negative", multi_line=True, close_button="✕", timeout=0)


class Console:
    """The console of one workspace."""

    def __init__(self, ws: Workspace, jobs: JobHost) -> None:
        self.ws, self.jobs = ws, jobs

    def show(self, definition: PageDef) -> None:
        """Register a page."""

        async def visit(request: Request) -> None:
            page = Page(
                self,
                definition.key,
                language_of(request),
                request.url.path,
                dict(request.query_params),
                {name: str(value) for name, value in request.path_params.items()},
                actor_of(request),
            )
            body = _frame(page)
            with body:
                waiting = parts.waiting(page)
            client = ui.context.client
            client.on_exception(page.tell)
            # From here on the browser shows the frame; what takes time is filled in.
            try:
                await client.connected(timeout=30)
            except TimeoutError:
                return  # Nobody looks at it: a program fetched the page, or the browser went on.
            with body:
                await _fill(page, definition, waiting)

        ui.page(definition.path, title="Gongbi 工笔", response_timeout=30)(visit)

    def missing(self, request: Request) -> Response:
        """Answer where there is no page: the frame, so that people can go on from it."""
        page = Page(self, "missing", language_of(request), request.url.path)
        with Client(ui.page(""), request=request) as client, _frame(page), ui.element("div").classes("g-page"):
            parts.title(page)
            parts.empty(page, "missing.page", icon="explore_off")
        return client.build_response(request, 404)


async def _fill(page: Page, definition: PageDef, waiting: ui.element) -> None:
    column = ui.element("div").classes("g-page").style("display:none")
    try:
        with column:
            await _facts(page)
            await definition.build(page)
    except GongbiError as error:
        with column:
            parts.problem(page, error)
    except Exception as error:
        # The browser went on to another page meanwhile, and its elements with it.
        if parts.gone(column):
            return
        # What nobody foresaw is said where the rest of the page would be, and left to the log.
        with column:
            parts.problem(page, parts.unforeseen(error))
        raise
    finally:
        if not parts.gone(column):
            waiting.delete()
            column.style(remove="display:none")


def language_of(request: Request) -> str:
    """The language that the browser chose, else the first one it understands."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen is not None and chosen in LANGUAGES:
        return chosen
    for wanted in request.headers.get("accept-language", "").lower().split(","):
        code = wanted.split(";")[0].strip()[:2]
        if code in LANGUAGES:
            return code
    return DEFAULT


def _frame(page: Page) -> ui.element:
    """Header, navigation and an empty main part, which is returned."""
    ui.add_head_html(_HEAD.format(lang={"zh": "zh-CN", "en": "en"}[page.language]))
    ui.colors(**_COLOURS)
    title = page.t(f"{page.key}.title")
    ui.page_title(f"{title} · {page.ws.settings.name} · Gongbi 工笔")
    ui.link(page.t("frame.skip"), "#main").classes("g-skip")
    with (
        ui.left_drawer(value=False, fixed=True)
        .props("width=208 breakpoint=900 show-if-above")
        .classes("g-nav") as drawer
    ):
        _brand(page)
        with ui.element("nav").props(f'aria-label="{page.t("frame.navigation")}"'):
            for key, (path, icon) in NAVIGATION.items():
                link = ui.link(target=path).classes("g-nav-item" + (" active" if key == page.key else ""))
                if key == page.key:
                    link.props('aria-current="page"')
                with link:
                    ui.icon(icon).props("aria-hidden=true")
                    ui.label(page.t(f"{key}.title"))
        with ui.element("div").classes("g-nav-foot"):
            ui.label(page.t("frame.motto"))
    with ui.header(fixed=True).classes("g-header"):
        ui.button(icon="menu", on_click=drawer.toggle).props(f'flat dense aria-label="{page.t("frame.menu")}"').classes(
            "g-burger"
        )
        with ui.element("div").classes("g-where"):
            ui.label(page.ws.settings.name).classes("g-workspace")
            facts = ui.element("div").classes("g-facts")
        with ui.element("div").classes("g-right"):
            with ui.element("div").classes("g-local").props('role="note"'):
                ui.icon("lock").props("aria-hidden=true")
                ui.label(page.t("frame.local"))
                ui.tooltip(page.t("frame.local_about"))
            chooser(page)
            _languages(page)
    page.header_facts = facts
    return ui.element("main").classes("g-main").props('id="main" tabindex="-1"')


def _brand(page: Page) -> None:
    with ui.link(target="/").classes("g-brand").props('aria-label="Gongbi"'):
        ui.html('<img src="/static/gongbi/seal.svg" alt="" width="34" height="34">', sanitize=False)
        with ui.element("div"):
            ui.label("Gongbi 工笔").classes("g-brand-name")
            ui.label(page.t("frame.brand")).classes("g-brand-about")


def _languages(page: Page) -> None:
    query = "&".join(f"{quote(k)}={quote(v)}" for k, v in page.query.items())
    here = quote(page.path + (f"?{query}" if query else ""), safe="")
    with ui.element("div").classes("g-languages").props(f'role="group" aria-label="{page.t("frame.language")}"'):
        for code, name in LANGUAGES.items():
            chosen = code == page.language
            link = ui.link(name, f"/language/{code}?next={here}").classes("active" if chosen else "")
            link.props(f'hreflang="{code}" lang="{code}"' + (' aria-current="true"' if chosen else ""))


async def _facts(page: Page) -> None:
    """Instant and engine, for the header; nothing where nothing was loaded."""
    found = await page.try_call("overview")
    page.know(found or {})
    assert page.header_facts is not None
    with page.header_facts:
        if found and found.get("as_of"):
            ui.label(f"{page.t('frame.as_of')} {page.format.instant(found['as_of'])}").classes("g-as-of")
        ui.label(f"{page.t('frame.engine')} {(found or {}).get('engine') or page.ws.settings.engine}")
