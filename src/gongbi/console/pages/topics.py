"""Hot topics of a model of texts: what is talked about over time, what rises, and from where on it warns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from nicegui import ui

from gongbi.console import charts, parts
from gongbi.console.frame import Page, PageDef
from gongbi.errors import GongbiError

DAYS = (1, 7, 14, 28)
DEFAULT = 7


async def build(page: Page) -> None:
    """Fill the page: the model and the length of a period are in its address."""
    parts.title(page, page.t("topics.title"), page.t("topics.about"))
    models = {
        one["model"]: page.words(one["name"], one["model"])
        for one in await page.call("models")
        if one["estimator"] == "texts"
    }
    if not models:
        with parts.card():
            parts.empty(page, "topics.none", icon="whatshot", command="gongbi apply\ngongbi train")
        return
    name = page.query.get("model") or next(iter(models))
    given = page.query.get("days", "")
    days = int(given) if given.isdecimal() else DEFAULT
    _choices(page, models, name, days)
    try:
        found = await page.call("hot_topics", name=name, days=days)
    except GongbiError as error:
        parts.problem(page, error)
        return
    _show(page, found)


def _choices(page: Page, models: Mapping[str, str], name: str, days: int) -> None:
    def go() -> None:
        ui.navigate.to(f"/models/topics?model={quote(model.value)}&days={length.value}")

    with ui.element("div").classes("g-actions"):
        known = dict(models) | ({} if name in models else {name: name})
        model = ui.select(known, value=name, label=page.t("topics.model"))
        lengths = {n: page.t("topics.n_days", n=n) for n in sorted({*DAYS, days})}
        length = ui.select(lengths, value=days, label=page.t("topics.days"))
        for box in (model, length):
            box.props("outlined dense options-dense").style("min-width:150px").on_value_change(go)


def _show(page: Page, found: Mapping[str, Any]) -> None:
    t, number, topics = page.t, page.format.number, found["topics"]
    with ui.element("div").classes("g-stats"):
        since = t("topics.from", day=page.format.date(found["periods"][-1]), n=found["days"])
        parts.stat(t("topics.texts"), number(found["texts"][-1]), since, icon="chat")
        parts.stat(t("topics.rise"), number(sum(one["rising"] for one in topics)), icon="trending_up")
        parts.stat(t("topics.warned"), number(sum(one["warned"] for one in topics)), icon="notification_important")
    with ui.element("div").classes("g-grid"):
        with parts.card(t("topics.over_time"), t("topics.over_time_about", past=found["past"]), classes="s12"):
            _chart(page, found)
        with parts.card(t("topics.list"), t("topics.list_about", past=found["past"]), classes="s12"):
            _topics(page, found)
        if found["bursts"]:
            with parts.card(t("topics.bursts"), t("topics.bursts_about"), classes="s12"):
                _bursts(page, found)


def _chart(page: Page, found: Mapping[str, Any]) -> None:
    places = {day: k for k, day in enumerate(found["periods"])}
    marked: dict[int, set[int]] = defaultdict(set)
    for burst in found["bursts"]:
        marked[burst["topic"]].add(places[burst["period"]])
    series = [(one["words"], one["counts"], marked[one["topic"]]) for one in found["topics"]]
    days = [page.format.date(day) for day in found["periods"]]
    parts.chart(charts.counts(days, series), page.t("topics.over_time"), height=340)


def _topics(page: Page, found: Mapping[str, Any]) -> None:
    number = page.format.number
    columns = [
        {"name": "words", "label": page.t("topics.words")},
        {"name": "state", "label": page.t("topics.state"), "kind": "chip"},
        *(
            {"name": key, "label": page.t(f"topics.{key}"), "align": "right"}
            for key in ("now", "usual", "level", "bad", "all")
        ),
    ]
    rows = []
    for one in found["topics"]:
        state = "reached" if one["warned"] else "rising" if one["rising"] else ""
        figures = {"now": one["now"], "usual": one["usual"], "level": one["level"], "all": one["texts"]}
        rows.append(
            {
                "id": one["topic"],
                "words": one["words"],
                "state": page.t(f"topics.{state}") if state else "",
                "state_colour": "red" if state == "reached" else "gold",
                **{key: number(value, 1 if key == "usual" else 0) for key, value in figures.items()},
                **{f"{key}_sort": value for key, value in figures.items()},
                "bad": "–" if one["bad"] is None else page.format.percent(one["bad"], 0),
                "bad_sort": one["bad"],
            }
        )
    parts.table(page, columns, rows, label=page.t("topics.list"))


def _bursts(page: Page, found: Mapping[str, Any]) -> None:
    number = page.format.number
    columns = [
        {"name": "period", "label": page.t("topics.period")},
        {"name": "words", "label": page.t("topics.words")},
        {"name": "seen", "label": page.t("topics.seen"), "align": "right"},
        {"name": "usual", "label": page.t("topics.usual"), "align": "right"},
    ]
    rows = [
        {
            "id": k,
            "period": page.format.date(one["period"]),
            "period_sort": one["period"],
            "words": one["words"],
            "seen": number(one["texts"]),
            "seen_sort": one["texts"],
            "usual": number(one["usual"], 1),
            "usual_sort": one["usual"],
        }
        for k, one in enumerate(found["bursts"])
    ]
    parts.table(page, columns, rows, label=page.t("topics.bursts"))


PAGE = PageDef("/models/topics", "models", build)
