"""The pieces that pages are put together from."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from nicegui import ui

from gongbi.console.texts import TEXTS
from gongbi.errors import Bug, GongbiError

if TYPE_CHECKING:
    from gongbi.console.frame import Page


def title(page: Page, heading: str | None = None, about: str | None = None) -> ui.element:
    """The heading of a page; returns a place at its right for buttons."""
    with ui.element("div").classes("g-title"):
        with ui.element("div"):
            h1(heading or page.t(f"{page.key}.title"))
            ui.label(about if about is not None else page.t(f"{page.key}.about")).classes("g-about")
        return ui.element("div").classes("g-actions")


def h1(words: str) -> None:
    """The page's own heading."""
    with ui.element("h1"):
        ui.label(words)


@contextlib.contextmanager
def card(heading: str = "", about: str = "", *, classes: str = "") -> Iterator[ui.element]:
    """A white part with a heading; gives the element inside."""
    with ui.element("section").classes(f"g-card {classes}"):
        if heading:
            with ui.element("div").classes("g-card-head"):
                with ui.element("h2"):
                    ui.label(heading)
                if about:
                    ui.label(about).classes("g-about")
        with ui.element("div").classes("g-card-body") as body:
            yield body


def stat(label: str, value: str, note: str = "", *, icon: str = "", target: str = "") -> None:
    """A figure with its name; a link where there is more to see."""
    holder = ui.link(target=target) if target else ui.element("div")
    with holder.classes("g-stat"):
        with ui.element("div").classes("g-stat-top"):
            ui.label(label)
            if icon:
                ui.icon(icon).props("aria-hidden=true")
        ui.label(value).classes("g-figure")
        ui.label(note).classes("g-note")


def empty(page: Page, key: str, *, icon: str = "inbox", command: str = "") -> None:
    """Say that there is nothing yet, why, and what to do next: the texts ``KEY`` and ``KEY.next``."""
    with ui.element("div").classes("g-empty"):
        ui.icon(icon).props("aria-hidden=true")
        ui.label(page.t(key)).classes("g-empty-title")
        ui.label(page.t(f"{key}.next"))
        if command:
            code(command)


def code(body: str, *, label: str = "") -> None:
    """Text as it is typed."""
    element = ui.html(f"<pre class='g-code' tabindex='0'>{escape(body)}</pre>", sanitize=False)
    if label:
        element.props(f'role="group" aria-label="{escape(label)}"')


def chip(words: str, colour: str = "grey") -> None:
    """A small word on a coloured ground: blue, green, red, gold, grey."""
    ui.label(words).classes(f"g-chip {colour}")


def waiting(page: Page) -> ui.element:
    """Shown until the data are there."""
    with ui.element("div").classes("g-waiting").props('role="status"') as found:
        ui.spinner(size="28px")
        ui.label(page.t("frame.waiting"))
    return found


def problem(page: Page, error: GongbiError, *, source: str = "", fix: Callable[[str], object] | None = None) -> None:
    """An error: what is wrong, the part at fault, what to do; a button where a word can be replaced."""
    with ui.element("div").classes("g-problem").props('role="alert"'):
        ui.icon("error_outline").props("aria-hidden=true")
        with ui.element("div").classes("g-problem-body"):
            heading = page.t(f"error.{error.code}") if f"error.{error.code}" in TEXTS else page.t("error.error")
            ui.label(heading).classes("g-problem-title")
            ui.label(page.said(error.message))
            if source:
                at_fault(source, error)
            near = _near(error)
            if near and fix is not None:
                with ui.element("div").classes("g-suggestion"):
                    ui.label(page.t("error.near"))
                    ui.button(near, on_click=lambda: fix(near)).props("flat dense no-caps").classes("g-fix")
            elif error.hint:
                ui.label(page.said(error.hint)).classes("g-hint")


def warnings(page: Page, found: Iterable[Mapping[str, Any]]) -> None:
    """What must be known beside an answer; a sentence that several rows carry is said once."""
    for words in dict.fromkeys(_warning(page, said) for said in found):
        with ui.element("div").classes("g-honest").props('role="note"'):
            ui.label(words)


def _warning(page: Page, said: Mapping[str, Any]) -> str:
    """A warning in words of a page: what is masked is not shown by an option of a command here."""
    if said.get("code") != "masked":
        return page.words(said)
    return page.t("privacy.masked", names=("、" if page.language == "zh" else ", ").join(said["columns"]))


def uncounted(page: Page, segments: Iterable[Mapping[str, Any]]) -> None:
    """Which saved segments have no size yet, and why; a reason that several share is said once."""
    names: dict[str, list[str]] = {}
    for segment in segments:
        if found := segment.get("problem"):
            said = page.said(found["message"], found["hint"])
            names.setdefault(said, []).append(page.words(segment["name"], segment["segment"]))
    between = "、" if page.language == "zh" else ", "
    for said, those in names.items():
        with ui.element("div").classes("g-honest").props('role="note"'):
            ui.label(page.t("segments.uncounted", names=between.join(those), said=said))


def at_fault(source: str, error: GongbiError) -> None:
    """The line of an expression that an error is about, with the part at fault marked."""
    found = fault(source, error)
    if found is None:
        return
    line, start, end = found
    body = f"{escape(line[:start])}<mark>{escape(line[start:end] or ' ')}</mark>{escape(line[end:])}"
    ui.html(f"<pre class='g-fault'>{body}</pre>", sanitize=False)


def fault(source: str, error: GongbiError) -> tuple[str, int, int] | None:
    """The line at fault, and from where to where: by the error's place, else by the name that it is about."""
    place, name, lines = error.place, getattr(error, "name", None), source.splitlines()
    if place is not None and place.line is not None and place.column is not None and 1 <= place.line <= len(lines):
        line, at = lines[place.line - 1], max(place.column - 1, 0)
        word = re.match(r"[\w.]+|\s*\S", line[at:])
        if isinstance(name, str) and name and line.find(name, at) >= 0:
            at = line.find(name, at)
            return line, at, at + len(name)
        return line, at, at + (len(word.group()) if word else 0)
    if isinstance(name, str) and name:
        for line in lines:
            if hit := re.search(rf"(?<![\w]){re.escape(name)}(?!\w)", line):
                return line, hit.start(), hit.end()
    return None


def _near(error: GongbiError) -> str | None:
    found = re.search(r"Did you mean '([^']+)'\?", error.hint or "")
    return found.group(1) if found else None


def table(
    page: Page,
    columns: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    *,
    key: str = "id",
    label: str = "",
    per_page: int = 15,
    on_row: Callable[[Mapping[str, Any]], object] | None = None,
) -> ui.table:
    """A table whose cells are ready to be shown.

    A column has ``name``, ``label`` and optionally ``align``, ``kind``: ``text`` (default), ``code``, ``mono`` (may
    break), ``bar`` (a share in [0, 1] kept as ``NAME_share``), ``link`` (its address kept as ``NAME_to``), ``chip``
    (colour kept as ``NAME_colour``). Rows are sorted by ``NAME_sort`` where it is there.
    """
    prepared = []
    for column in columns:
        name = column["name"]
        made = {"field": name, "align": "left", "sortable": True, **{k: v for k, v in column.items() if k != "kind"}}
        if any(f"{name}_sort" in row for row in rows[:1]):
            made[":sort"] = f"(a, b, x, y) => ((x.{name}_sort ?? -Infinity) < (y.{name}_sort ?? -Infinity) ? -1 : 1)"
        prepared.append(made)
    pagination = per_page if len(rows) > per_page else 0
    found = ui.table(columns=prepared, rows=[dict(r) for r in rows], row_key=key, pagination=pagination)
    found.props("flat dense wrap-cells").classes("g-table" + (" clickable" if on_row else ""))
    found.props(""":pagination-label="(a, b, n) => a + '–' + b + ' / ' + n" """)
    if not pagination:
        found.props("hide-bottom")
    found.props["rows-per-page-label"] = page.t("table.rows")
    found.props["no-data-label"] = page.t("table.none")
    if label:
        found.props["aria-label"] = label
    for column in columns:
        if column.get("kind", "text") != "text":
            found.add_slot(f"body-cell-{column['name']}", _CELLS[column["kind"]].replace("NAME", column["name"]))
    if on_row is not None:
        found.on("rowClick", lambda event: on_row(event.args[1]), [[], None, []])
    return found


_CELLS = {
    "code": '<q-td :props="props"><code class="g-mono g-nowrap">{{ props.row.NAME }}</code></q-td>',
    # A name breaks after its dots and underscores, never within a word.
    "mono": (
        '<q-td :props="props"><code class="g-mono g-parts">'
        '<template v-for="part in String(props.row.NAME).match(/[^._\\/]*[._\\/]?/g)">{{ part }}<wbr></template>'
        "</code></q-td>"
    ),
    "link": '<q-td :props="props"><a class="g-link" :href="props.row.NAME_to">{{ props.row.NAME }}</a></q-td>',
    "chip": (
        '<q-td :props="props"><span v-if="props.row.NAME" :class="`g-chip ${props.row.NAME_colour}`">'
        "{{ props.row.NAME }}</span></q-td>"
    ),
    "bar": (
        '<q-td :props="props"><div class="g-bar" :title="props.row.NAME">'
        '<div><i :style="{width: (100 * (props.row.NAME_share ?? 0)) + `%`}"></i></div>'
        "<span>{{ props.row.NAME }}</span></div></q-td>"
    ),
}


def bars(rows: Sequence[tuple[str, str, float, str]]) -> None:
    """Names with bars: (name, value as text, share of the longest, address)."""
    with ui.element("div").classes("g-bars"):
        for name, value, share, target in rows:
            holder = ui.link(target=target) if target else ui.element("div")
            with holder.classes("g-bars-row"):
                ui.label(name).classes("g-bars-name")
                with ui.element("div").classes("g-bars-track"):
                    ui.element("i").style(f"width:{max(share, 0) * 100:.2f}%")
                ui.label(value).classes("g-bars-value")


def pairs(rows: Sequence[tuple[str, str]]) -> None:
    """Names and values, one under the other."""
    with ui.element("dl").classes("g-pairs"):
        for name, value in rows:
            with ui.element("dt"):
                ui.label(name)
            with ui.element("dd"):
                ui.label(value)


def sentences(found: Sequence[str]) -> None:
    """A list of sentences."""
    with ui.element("ul").classes("g-words"):
        for sentence in found:
            with ui.element("li"):
                ui.label(sentence)


def later(page: Page, fill: Callable[[], Awaitable[None]]) -> ui.element:
    """A place that is filled when its answer is there; the rest of the page does not wait for it."""
    place = ui.element("div").classes("g-later")

    async def go() -> None:
        try:
            await fill()
        except GongbiError as error:
            if not gone(place):
                problem(page, error)
        except Exception as error:
            # The browser went on to another page meanwhile, and its elements with it.
            if gone(place):
                return
            problem(page, unforeseen(error))
            raise
        finally:
            if not gone(place):
                turning.delete()

    with place:
        turning = waiting(page)
        ui.timer(0.01, go, once=True)
    return place


def unforeseen(error: Exception) -> Bug:
    """What a page says of an error that nobody foresaw, where the rest of it would be; the log has the whole of it."""
    return Bug(
        f"{type(error).__name__}: {error}",
        hint="Load the page again. If it is still there, report it with what the terminal of the console says.",
    )


def gone(element: ui.element) -> bool:
    """Whether the browser has left the page of an element."""
    return element.is_deleted or element.client.is_deleted


def chart(options: dict[str, Any], label: str, *, height: int = 280) -> ui.echart:
    """A chart with a description for those who cannot see it."""
    return (
        ui.echart(options)
        .style(f"height:{height}px")
        .classes("g-chart")
        .props(f'role="img" aria-label="{escape(label)}"')
    )
