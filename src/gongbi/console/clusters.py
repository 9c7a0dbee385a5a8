"""The part of a model's page that shows clusters: why so many, how large, what sets each apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from nicegui import ui

from gongbi.console import charts, parts
from gongbi.console.frame import Page

#: Traits shown per cluster.
TRAITS = 6
#: From this index on a trait is commoner among them.
OVER = 120


def show(page: Page, card: Mapping[str, Any], metrics: Mapping[str, Any]) -> None:
    """Figures, candidates and sizes at once; the profile of each cluster when it is there."""
    number, head = page.format.number, metrics["headline"]
    with ui.element("div").classes("g-stats"):
        parts.stat(
            page.t("clusters.number"), str(head["clusters"]), page.t("clusters.members", n=number(metrics["members"]))
        )
        parts.stat(
            page.t("clusters.silhouette"),
            number(head["silhouette"], 2),
            page.t("clusters.shuffled", n=number(head["shuffled_silhouette"], 2)),
        )
        parts.stat(page.t("clusters.stability"), number(head["stability"], 2), page.t("clusters.stability_about"))
    with ui.element("div").classes("g-honest").props('role="note"'):
        ui.label(page.words(metrics["sentence"]))
    (tag,) = card["tags"]
    with ui.element("div").classes("g-grid"):
        with parts.card(page.t("clusters.candidates"), page.t("clusters.candidates_about"), classes="s6"):
            _candidates(page, metrics["candidates"])
        with parts.card(page.t("clusters.sizes"), page.t("clusters.sizes_about"), classes="s6"):
            sizes = metrics["clusters"]
            names = [page.t("clusters.one", n=one["cluster"]) for one in sizes]
            options = charts.rows(names, [one["share"] for one in sizes], page.t("models.share"), value=charts.PERCENT)
            parts.chart(options, page.t("clusters.sizes"), height=60 + 34 * len(sizes))
        for one in metrics["clusters"]:
            condition = f"tag.{tag} = {one['cluster']}"
            with parts.card(page.t("clusters.one", n=one["cluster"]), page.t("clusters.traits"), classes="s6"):
                parts.later(page, lambda condition=condition: _profile(page, condition, card))  # type: ignore[misc]
                ui.link(page.t("clusters.open"), f"/segments?e={quote(condition)}").classes("g-link")


def _candidates(page: Page, candidates: list[Mapping[str, Any]]) -> None:
    columns = [
        {"name": "id", "label": page.t("clusters.number"), "align": "right"},
        {"name": "silhouette", "label": page.t("clusters.silhouette"), "align": "right"},
        {"name": "chance", "label": page.t("clusters.chance"), "align": "right"},
        {"name": "stability", "label": page.t("clusters.stability"), "align": "right"},
        {"name": "smallest", "label": page.t("clusters.smallest"), "align": "right"},
        {"name": "chosen", "label": "", "kind": "chip"},
    ]
    rows = [
        {
            "id": one["clusters"],
            **{key: page.format.number(one[key], 3) for key in ("silhouette", "chance", "stability")},
            "smallest": page.format.percent(one["smallest"]),
            "chosen": page.t("clusters.chosen") if one["chosen"] else "",
            "chosen_colour": "green",
        }
        for one in candidates
    ]
    parts.table(page, columns, rows, label=page.t("clusters.candidates"))


async def _profile(page: Page, condition: str, card: Mapping[str, Any]) -> None:
    found = await page.call("insight", expression=condition, limit=200)
    own = set(card["tags"])
    page.learn(await page.call("tags", subject=card["definition"].get("subject", "customer")))
    rows, seen = [], set()
    # What many of them have is remembered better than what they lack.
    for row in sorted(found["rows"], key=lambda row: (row["tgi"] or 0) < OVER):
        # One line per tag: the fifths of a number say the same thing five times.
        if row["tag"] in own or row["tag"] in seen or not row["tgi"] or row["kind"] == "absent":
            continue
        seen.add(row["tag"])
        name = page.trait(row["tag"], row["label"])
        value = f"{page.format.percent(row['share'], 0)} · TGI {page.format.number(row['tgi'], 0)}"
        rows.append((name, value, row["share"], ""))
        if len(rows) == TRAITS:
            break
    if rows:
        parts.bars(rows)
    else:
        ui.label(page.t("clusters.no_traits")).classes("g-about")
