"""What stands behind a tag, on its page: how good the newest build of it is, and the drawing of its lineage."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any
from urllib.parse import quote, urlencode

from nicegui import ui

from gongbi.console import charts, library, parts
from gongbi.console.frame import Page
from gongbi.services.governance import given_reason

COLOURS = {"green": "green", "amber": "gold", "red": "red", "grey": "grey"}
#: Stages from left to right, and what each kind of node is drawn in.
STAGES = {
    "file": 0,
    "raw": 1,
    "fact": 2,
    "relation": 2,
    "column": 2,
    "attribute": 2,
    "tag": 3,
    "model": 4,
    "grading": 4,
    "segment": 4,
    "campaign": 5,
    "worklist": 5,
    "cast": 5,
    "yearbook": 5,
}
INKS = {
    "file": charts.GREY,
    "raw": charts.GREY,
    "fact": charts.GREEN,
    "relation": charts.GREEN,
    "column": charts.GREEN,
    "attribute": charts.GREEN,
    "tag": charts.BLUE,
    "segment": charts.GOLD,
    "model": charts.RED,
    "grading": charts.RED,
    "campaign": charts.RED,
    "worklist": charts.RED,
    "cast": charts.RED,
    "yearbook": charts.RED,
}
#: More nodes than these are no drawing: then only the next neighbours are shown.
MOST = 60
#: Characters of a label; the whole name is told where one points.
LONGEST = 28


async def quality(page: Page, name: str) -> None:
    """A light, the figures beside it, and their course across builds."""
    found = await page.try_call("quality", tag=name)
    with parts.card(page.t("behind.quality"), page.t("behind.quality_about")):
        row = next(iter(found["tags"]), None) if found else None
        if found is None or row is None:
            parts.empty(page, "behind.none", icon="bar_chart", command="gongbi build")
            return
        with ui.element("div").classes("g-chips"):
            parts.chip(page.t(f"behind.{row['light']}"), COLOURS[row["light"]])
            if row["psi"] is not None:
                parts.chip(f"PSI {row['psi']:.3f}")
            if row["freshness_days"] is not None:
                parts.chip(page.t("behind.fresh", n=page.format.number(round(row["freshness_days"], 1))))
            for breach in row["breaches"]:
                parts.chip(f"{breach['limit']}: {breach['value']:.3g} / {breach['allowed']:.3g}", "red")
        history = found["history"]
        if len(history) < 2:
            ui.label(page.t("behind.first")).classes("g-about")
            return
        points = [(point["build"], point) for point in history]
        series = [
            {"name": page.t("tags.coverage"), "data": [[b, p["coverage"]] for b, p in points], "dots": True},
            {"name": "PSI", "data": [[b, p["psi"]] for b, p in points if p["psi"] is not None], "dots": True},
        ]
        options = charts.lines(series, x=page.t("behind.build"), y="", percent=False)
        options["xAxis"]["minInterval"] = 1
        options["xAxis"]["min"], options["xAxis"]["max"] = points[0][0], points[-1][0]
        parts.chart(options, page.t("behind.quality"), height=220)


async def refused(page: Page, subject: str = "") -> None:
    """A card for every build that a limit of quality stopped: what it broke, and a way to publish it all the same."""
    found = await page.try_call("quality", **({"subject": subject} if subject else {}))
    for build in found["builds"] if found else ():
        if not build["breaches"] or build["accepted"]:
            continue
        names = {row["tag"]: page.words(row["name"], row["tag"]) for row in found["tags"]}
        held = build["status"] == "refused"
        about = page.t("behind.refused_about", n=build["current"]) if held and build["current"] is not None else ""
        number, whom = page.format.number(build["build"]), page.named(build["subject"])
        heading = page.t("behind.refused" if held else "behind.stays", n=number, subject=whom)
        with parts.card(heading, about, classes="g-refused"):
            with ui.element("div").classes("g-chips"):
                for breach in build["breaches"]:
                    target = f"/tags/{quote(breach['tag'])}"
                    said = f"{breach['limit']}: {breach['value']:.3g} / {breach['allowed']:.3g}"
                    ui.link(f"{names.get(breach['tag'], breach['tag'])} · {said}", target).classes("g-chip red")

            async def accept(why: str, build: Mapping[str, Any] = build) -> None:
                given = {"subjects": [build["subject"]], "as_of": build["as_of"]}
                await page.call("build", accept=given_reason(why), **given)

            words = page.t("behind.accept" if held else "behind.accept_it")
            publish = ui.button(words, icon="publish").props("outline no-caps").classes("g-btn")
            publish.on_click(lambda act=accept, words=words: library.ask(page, words, act))


async def drawing(page: Page, name: str) -> None:
    """From the columns of files to the tag, and on to what uses it; a click opens a tag or a segment."""
    found = await page.call("lineage", name=f"tag:{name}")
    if len(found["nodes"]) > MOST:
        found = await page.call("lineage", name=f"tag:{name}", steps=1)
    targets = {node["id"]: _target(node) for node in found["nodes"]}
    options, height = _graph(page, found)
    chart = parts.chart(options, page.t("tags.lineage"), height=height)

    def open_(event: Any) -> None:
        if target := targets.get(getattr(event, "name", "") or ""):
            ui.navigate.to(target)

    chart.on_point_click(open_)


def _target(node: Mapping[str, Any]) -> str:
    if node["kind"] == "tag":
        return f"/tags/{quote(node['name'])}"
    return f"/segments?{urlencode({'e': 'segment.' + node['name']})}" if node["kind"] == "segment" else ""


def _untitled(page: Page, node: Mapping[str, Any]) -> str:
    """What to call a node without a title: a raw column stands beside its file and is called by its own name."""
    if node["kind"] == "raw":
        return str(node["name"]).split(".", 1)[-1].replace("_", " ")
    if node["kind"] == "column":
        return page.named(node["name"]).replace("_", " ")
    return page.named(node["name"])


def _graph(page: Page, found: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    stages: dict[int, list[Mapping[str, Any]]] = {}
    for node in found["nodes"]:
        stages.setdefault(STAGES[node["kind"]], []).append(node)
    tallest = max(len(nodes) for nodes in stages.values())
    order = {stage: i for i, stage in enumerate(sorted(stages))}
    nodes = []
    for stage, here in stages.items():
        for i, node in enumerate(here):
            title = page.words(node["title"], "") or _untitled(page, node)
            whole = f"{page.t('behind.kind.' + node['kind'])} {title}"
            nodes.append(
                {
                    "name": node["id"],
                    "x": 100 * order[stage],
                    "y": 100 * (i + 0.5) / len(here),
                    # The tooltip is HTML, and titles are written by people.
                    "value": escape(whole if title == node["name"] else f"{whole} · {node['name']}"),
                    "symbolSize": 15 if node["id"] == found["focus"] else 9,
                    "itemStyle": {"color": INKS[node["kind"]]},
                    "label": {"formatter": title if len(title) <= LONGEST else title[: LONGEST - 1] + "…"},
                }
            )
    options = charts.base(legend=False, tooltip="item")
    del options["tooltip"][":valueFormatter"]
    options["tooltip"][":formatter"] = "p => p.dataType === 'edge' ? '' : p.value"
    options["series"] = [
        {
            "type": "graph",
            "layout": "none",
            "left": 20,
            "right": 150,
            "top": 14,
            "bottom": 14,
            "data": nodes,
            "links": [{"source": edge["from"], "target": edge["to"]} for edge in found["edges"]],
            "edgeSymbol": ["none", "arrow"],
            "edgeSymbolSize": 8,
            # Names stand on white, so that no line strikes them through.
            "label": {
                "show": True,
                "position": "right",
                "fontSize": 11,
                "color": charts.INK,
                "backgroundColor": "rgba(255,255,255,0.85)",
                "padding": [1, 3],
            },
            # Rounds stay round where the picture is stretched to its place.
            "nodeScaleRatio": 0,
            "lineStyle": {"color": charts.INK, "width": 1.4, "opacity": 0.75, "curveness": 0.08 if tallest > 1 else 0},
            "emphasis": {"focus": "adjacency"},
        }
    ]
    return options, max(160, min(620, 40 + 30 * tallest))
