"""Why a member has its value of a tag: the definition in words, and the facts behind it with file and row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from nicegui import ui

from gongbi.console import charts, given, parts, revealing
from gongbi.console.frame import Page
from gongbi.errors import GongbiError

#: Columns of provenance, shown as file and row.
LOAD, ROW = "_load", "_row"
#: Whole numbers that count; others are identifiers and stay as they are written.
COUNTS = ("quantity", "lines", "units", "products", "items")


async def show_evidence(
    page: Page, subject: str, member: Any, tag: Mapping[str, Any], known: Mapping[str, Any] | None = None
) -> None:
    """Open a dialog that says why a member has its value: in words, by the tags it uses, by rows of facts.

    Parameters
    ----------
    tag
        As on the page of the member: ``tag``, ``name``, ``about``, ``value``, ``unit``.
    known
        The tag's row of the library, which says whether it keeps its history and who gives its values.
    """
    known = known or {}
    shown = page.words(tag["label"]) if tag["label"] else page.value(tag, tag["value"])
    with ui.dialog() as dialog, ui.card().classes("g-dialog").props('role="dialog" aria-modal="true"') as body:
        dialog.props["aria-label"] = page.words(tag["name"], tag["tag"])
        with ui.element("div").style("display:flex;justify-content:space-between;gap:12px;width:100%"):
            with ui.element("div"):
                with ui.element("h2"):
                    ui.label(f"{page.words(tag['name'], tag['tag'])}: {shown}")
                ui.label(page.words(tag["about"])).classes("g-about")
            ui.button(icon="close", on_click=dialog.close).props(
                f'flat round dense aria-label="{page.t("frame.close")}"'
            )
        waiting = parts.waiting(page)
    dialog.open()
    dialog.on("hide", dialog.delete)
    try:
        asked = {"tag": tag["tag"], "id": str(member), "subject": subject, "limit": 100}
        found = await page.call("explain", **asked)
        files = {load["id"]: load["path"] for load in await page.try_call("loads", limit=1000) or []}
        past = await page.call("history", name=tag["tag"], id=str(member)) if known.get("history") else None
    except GongbiError as error:
        waiting.delete()
        with body:
            parts.problem(page, error)
        return
    waiting.delete()
    with body:
        whole = ui.element("div").classes("g-form").style("width:100%;min-width:0")

    async def again(why: str) -> Any:
        return await page.call("explain", **asked, reveal=why)

    def draw(found: Mapping[str, Any]) -> None:
        whole.clear()
        with whole:
            parts.warnings(page, found["warnings"])
            revealing.offer(page, found["warnings"], again, draw)
            if any(said.get("code") == "revealed" for said in found["warnings"]):
                # The heading keeps the value as it was shown.
                parts.pairs(
                    [(page.t("form.value"), page.value({**tag, "labels": known.get("labels")}, found["value"]))]
                )
            ui.label(page.words(found["said"])).classes("g-means")
            parts.sentences([page.words(reason) for reason in found["reasons"]])
            if not known.get("given") and found["steps"][0]["expr"]:
                parts.code(found["steps"][0]["expr"], label=page.t("tags.expression"))
            if past is not None:
                _history(page, past, tag["unit"], lambda value: page.value({**tag, "unit": None}, value))
            if known.get("maker") == "manual":
                given.by_hand(page, tag["tag"], member, found["steps"][0]["value"])
            _given(page, found["steps"][0]["given"])
            _steps(page, subject, found["steps"])
            if not found["parts"] and not found["steps"][0]["given"] and found["steps"][0]["expr"]:
                ui.label(page.t("evidence.none")).classes("g-about")
            for part in found["parts"]:
                _part(page, subject, tag["tag"], part, files)

    draw(found)


def _steps(page: Page, subject: str, steps: Sequence[Mapping[str, Any]]) -> None:
    """The attributes that are read and the tags that are used, each with its value and its words."""
    # Given values are told by themselves, with who gave them.
    read = {
        name: value for step in steps for name, value in step["attributes"].items() if not name.startswith("given.")
    }
    shown = [
        (column_name(page, name, subject), page.value({"tag": f"{subject}.{name}"}, v)) for name, v in read.items()
    ]
    of_others = {page.words(one["said"]): one for step in steps for one in step["neighbours"]}
    for said, one in of_others.items():
        shown.append(
            (said, page.words(one["label"]) if one["label"] else page.value({"unit": one["unit"]}, one["value"]))
        )
    if shown:
        parts.pairs(shown)
    if len(steps) > 1:
        ui.label(page.t("evidence.uses")).classes("g-label")
        columns = [
            {"name": "name", "label": page.t("tags.name"), "kind": "link"},
            {"name": "value", "label": page.t("form.value")},
            {"name": "said", "label": page.t("evidence.said")},
        ]
        rows = [
            {
                "id": step["tag"],
                "name": page.words(step["name"], step["tag"]),
                "name_to": f"/tags/{quote(step['tag'])}",
                "value": page.value(step, step["value"]),
                "said": page.words(step["said"]),
            }
            for step in steps[1:]
        ]
        parts.table(page, columns, rows, label=page.t("evidence.uses"), per_page=8)


def _given(page: Page, values: Sequence[Mapping[str, Any]]) -> None:
    """What was given, the newest first: by whom, when and why."""
    if not values:
        return
    ui.label(page.t("given.history")).classes("g-label")
    columns = [
        {"name": "value", "label": page.t("form.value")},
        {"name": "since", "label": page.t("given.since")},
        {"name": "by", "label": page.t("given.by")},
        {"name": "why", "label": page.t("library.why")},
    ]
    rows = [
        {
            "id": i,
            "value": page.format.value(one["value"]),
            "since": page.format.instant(one["valid_from"]),
            "since_sort": str(one["valid_from"]),
            "by": one["by"] or one.get("path") or "",
            "why": one["why"] or "",
        }
        for i, one in enumerate(values)
    ]
    parts.table(page, columns, rows, label=page.t("given.history"), per_page=6)


def _history(page: Page, past: Mapping[str, Any], unit: str | None, said: Callable[[Any], str]) -> None:
    """The values over time: a line of steps where they are numbers or few names."""
    values = past["values"]
    ui.label(page.t("evidence.history", n=page.format.number(past["points"]))).classes("g-label")
    if not values:
        ui.label(page.t("evidence.no_history")).classes("g-about")
        return
    numbers = all(one["number"] is not None for one in values)
    names = list(dict.fromkeys(said(one["value"]) for one in values))
    if len(values) == 1:
        # One value has no course: since when it is known says all.
        since = page.format.instant(values[0]["from"])
        ui.label(page.t("evidence.since", value=said(values[0]["value"]), when=since)).classes("g-about")
        return
    heights = [float(one["number"]) if numbers else names.index(said(one["value"])) for one in values]
    points = course(values, heights, past["until"])
    series = f"{page.format.unit(unit)}" if unit else page.t("form.value")
    on_axis = [(page.format.on_axis(at), value) for at, value in points]
    options = charts.over_time(on_axis, series, page.format.zone.key, [] if numbers else names)
    parts.chart(options, page.t("evidence.history", n=past["points"]), height=200)


def course(values: Sequence[Mapping[str, Any]], heights: Sequence[float], until: str) -> list[tuple[str, float | None]]:
    """The line of values that hold from an instant to the next; None where nothing follows for a while."""
    points: list[tuple[str, float | None]] = []
    for i, (one, height) in enumerate(zip(values, heights, strict=True)):
        ends = one["to"] or until
        points += [(one["from"], height), (ends, height)]
        following = values[i + 1]["from"] if i + 1 < len(values) else until
        if following != ends:
            points.append((ends, None))
    return points


def _part(page: Page, subject: str, tag: str, part: Mapping[str, Any], files: Mapping[int, str]) -> None:
    table = part["table"]
    fact = page.named(part["fact"]) if part["fact"] else ""
    about = page.t("evidence.rows", n=page.format.number(table.num_rows))
    if part.get("step") is not None:
        about = page.t("evidence.step", n=part["step"])
    elif part.get("note") is not None:
        about = page.t("evidence.sequence")
    if part["tag"] != tag:
        about += " · " + page.t("evidence.through", tag=page.names.get(part["tag"], part["tag"]))
    with ui.element("div").style("width:100%;min-width:0"):
        with ui.element("h3"):
            ui.label(fact)
        ui.label(about).classes("g-about")
        hidden = {LOAD, ROW, subject}
        names = [n for n in table.column_names if n not in hidden and not n.startswith("_")]
        columns = [
            {"name": f"c{i}", "label": column_name(page, n, part["fact"]), "classes": "g-nowrap"}
            for i, n in enumerate(names)
        ]
        provenance = LOAD in table.column_names and any(files.get(v) for v in table.column(LOAD).to_pylist())
        if provenance:
            columns.append({"name": "from", "label": page.t("evidence.from"), "kind": "mono"})
        rows = []
        for i, record in enumerate(table.to_pylist()):
            row: dict[str, Any] = {"id": i} | {
                f"c{j}": cell(page, n, record[n], part["fact"]) for j, n in enumerate(names)
            }
            if provenance:
                path = files.get(record[LOAD], "")
                row["from"] = f"{path} : {page.format.number(record.get(ROW))}" if path else page.t("evidence.derived")
            rows.append(row)
        if rows:
            parts.table(page, columns, rows, label=fact, per_page=8)
        else:
            none = page.words(part["note"]) if part.get("note") is not None else page.t("evidence.no_rows")
            ui.label(none).classes("g-about")


def cell(page: Page, name: str, value: Any, fact: str = "") -> str:
    """A cell of a fact; identifiers stay as they are written."""
    if label := page.labels.get(f"{fact}.{name}", {}).get(str(value)):
        return page.words(label)
    if isinstance(value, int) and not isinstance(value, bool) and name not in COUNTS:
        return str(value)
    # Money keeps its cents, so that a column of it lines up.
    return f"{value:,f}" if isinstance(value, Decimal) else page.format.value(value)


def column_name(page: Page, name: str, owner: str = "") -> str:
    """What people call a column of a fact, or an attribute of a subject: its source says, else usual words do."""
    from gongbi.console.texts import TEXTS

    if (called := page.names.get(f"{owner}.{name}")) is not None:
        return called[:1].upper() + called[1:]
    if f"attribute.{name}" in TEXTS:
        return page.t(f"attribute.{name}")
    words = page.named(name)
    return words if words != name else name.replace("_", " ")
