"""A campaign: whom it reached, what they did, and what can and cannot be proved of its effect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nicegui import ui

from gongbi.console import charts, parts
from gongbi.console.frame import Page, PageDef


async def build(page: Page) -> None:
    """Fill the page, one part per campaign."""
    parts.title(page)
    found = await page.call("campaigns")
    if not found:
        with parts.card():
            parts.empty(page, "campaigns.empty", icon="campaign", command="gongbi apply")
        return
    titles = {tag["tag"]: page.words(tag["name"], tag["tag"]) for tag in await page.call("tags")}
    for campaign in found:
        with ui.element("div").style("margin-top:4px"):
            with ui.element("h2").style("font-size:18px"):
                ui.label(page.words(campaign["name"], campaign["campaign"]))
            ui.label(page.words(campaign["about"])).classes("g-about").style("max-width:900px")
        measured = (campaign["figures"] or {}).get("measurement")
        if not measured:
            with parts.card():
                parts.empty(page, "campaigns.unmeasured", icon="query_stats", command="gongbi demo")
            continue
        parts.warnings(page, campaign["warnings"])
        _campaign(page, campaign["figures"], measured, titles)


def _campaign(page: Page, figures: Mapping[str, Any], measured: Mapping[str, Any], titles: Mapping[str, str]) -> None:
    _stats(page, measured)
    with ui.element("div").classes("g-grid"):
        with parts.card(page.t("campaigns.funnel"), page.t("campaigns.funnel_about"), classes="s6"):
            _funnel(page, measured)
        with parts.card(page.t("campaigns.effect"), page.t("campaigns.effect_about"), classes="s6"):
            _effects(page, measured)
        with parts.card(page.t("campaigns.words"), page.t("campaigns.words_about"), classes="s6"):
            parts.sentences(measured["words"][page.language])
        with parts.card(page.t("campaigns.balance"), page.t("campaigns.balance_about"), classes="s6"):
            _balance(page, measured, titles)
        with parts.card(page.t("campaigns.parts"), page.t("campaigns.parts_about"), classes="s7"):
            _parts(page, measured)
        with parts.card(page.t("campaigns.decision"), page.t("campaigns.decision_about"), classes="s5"):
            _decision(page, figures.get("decision") or {}, measured.get("overlap"))


def _stats(page: Page, measured: Mapping[str, Any]) -> None:
    number, unit = page.format.number, page.format.unit(measured.get("unit"))
    with ui.element("div").classes("g-stats"):
        note = page.t("campaigns.of_known", n=number(measured["members"]))
        parts.stat(page.t("campaigns.received"), number(measured["received"]), note, icon="mail")
        rate = measured["responded"] / measured["received"] if measured["received"] else 0
        parts.stat(
            page.t("campaigns.responded"), number(measured["responded"]), page.format.percent(rate), icon="redeem"
        )
        effect = measured.get("effect")
        if effect and effect.get("value") is not None:
            note = page.t("models.interval", low=number(effect["low"], 2), high=number(effect["high"], 2))
            parts.stat(
                page.t("campaigns.per_receiver", unit=unit), f"{effect['value']:+,.2f}", note, icon="trending_up"
            )
        if measured.get("matched"):
            note = page.t("campaigns.dropped", n=number(measured["dropped"]["received"]))
            parts.stat(page.t("campaigns.matched"), number(measured["matched"]["received"]), note, icon="join_inner")
        placebo = measured.get("placebo") or {}
        if placebo.get("effect"):
            note = page.t("campaigns.placebo_zero" if placebo.get("near_zero") else "campaigns.placebo_not")
            parts.stat(page.t("campaigns.placebo"), f"{placebo['effect']['value']:+,.2f}", note, icon="science")


def _funnel(page: Page, measured: Mapping[str, Any]) -> None:
    steps = [(page.words(step["name"]), step["count"]) for step in measured["funnel"]]
    parts.chart(charts.funnel(steps), page.t("campaigns.funnel"), height=250)
    columns = [
        {"name": "id", "label": page.t("campaigns.step")},
        {"name": "count", "label": page.t("overview.members"), "align": "right"},
        {"name": "previous", "label": page.t("campaigns.of_previous"), "align": "right"},
    ]
    rows = [
        {
            "id": page.words(step["name"]),
            "count": page.format.number(step["count"]),
            "previous": page.format.interval(step["of_previous"], percent=True) if i else "—",
        }
        for i, step in enumerate(measured["funnel"])
    ]
    parts.table(page, columns, rows, label=page.t("campaigns.funnel"))


def _effects(page: Page, measured: Mapping[str, Any]) -> None:
    """Estimates side by side: the one that counts first, those that mislead beside it."""
    placebo = (measured.get("placebo") or {}).get("effect")
    found = [
        ("campaigns.matched_effect", measured.get("effect"), charts.BLUE),
        ("campaigns.placebo", placebo, charts.GREY),
        ("campaigns.unmatched", measured.get("unmatched"), charts.GOLD),
        ("campaigns.naive", measured.get("naive"), charts.RED),
    ]
    shown = [(page.t(key), e, colour) for key, e, colour in found if e and e.get("value") is not None]
    if not measured.get("effect"):
        ui.label(page.words(measured.get("why_not")) or page.t("campaigns.no_effect")).classes("g-honest")
    if not shown:
        return
    values = [{"value": [e["value"], i], "itemStyle": {"color": colour}} for i, (_, e, colour) in enumerate(shown)]
    bars = [
        {
            "type": "line",
            "data": [[e["low"], i], [e["high"], i]],
            "symbol": "none",
            "silent": True,
            "lineStyle": {"color": colour, "width": 4, "opacity": 0.45},
        }
        for i, (_, e, colour) in enumerate(shown)
        if e.get("low") is not None
    ]
    options = charts.base(legend=False, tooltip="item") | {
        "grid": {"left": 8, "right": 24, "top": 10, "bottom": 30, "containLabel": True},
        "xAxis": charts.axis(
            name=page.t("campaigns.per_receiver", unit=page.format.unit(measured.get("unit"))),
            nameLocation="middle",
            nameGap=26,
        ),
        "yAxis": charts.axis("category", data=[name for name, _, _ in shown], inverse=True, axisLine={"show": False}),
        "series": [
            *bars,
            {
                "type": "scatter",
                "data": values,
                "symbolSize": 12,
                "markLine": {
                    "silent": True,
                    "symbol": "none",
                    "label": {"show": False},
                    "lineStyle": {"color": charts.GREY},
                    "data": [{"xAxis": 0}],
                },
            },
        ],
    }
    options["tooltip"][":formatter"] = "p => p.name + ' ' + Number(p.value[0]).toFixed(2)"
    parts.chart(options, page.t("campaigns.effect"), height=230)
    rows = [{"id": name, "value": page.format.interval(e)} for name, e, _ in shown]
    columns = [
        {"name": "id", "label": page.t("campaigns.comparison")},
        {"name": "value", "label": page.t("campaigns.value"), "align": "right"},
    ]
    parts.table(page, columns, rows, label=page.t("campaigns.effect"))


def _balance(page: Page, measured: Mapping[str, Any], titles: Mapping[str, str]) -> None:
    if not measured.get("balance"):
        parts.empty(page, "campaigns.no_balance", icon="balance")
        return
    columns = [
        {"name": "id", "label": page.t("campaigns.column")},
        {"name": "before", "label": page.t("campaigns.before"), "align": "right"},
        {"name": "after", "label": page.t("campaigns.after"), "align": "right"},
        {"name": "fine", "label": "", "kind": "chip"},
    ]
    rows = []
    for b in measured["balance"]:
        fine = b["after"] is not None and abs(b["after"]) <= 0.1
        word = page.t("campaigns.fine" if fine else "campaigns.off")
        tag, _, rest = b["column"].partition(" ")
        rest = page.t("campaigns.absent") if rest == "is absent" else rest
        name = page.t("campaigns.spend_before") if tag == "before" else f"{titles.get(tag, tag)} {rest}".strip()
        rows.append(
            {
                "id": name,
                "before": page.format.number(b["before"], 2),
                "after": page.format.number(b["after"], 2),
                "fine": word,
                "fine_colour": "green" if fine else "red",
            }
        )
    parts.table(page, columns, rows, label=page.t("campaigns.balance"))
    ui.label(page.t("campaigns.balance_note")).classes("g-about")


def _parts(page: Page, measured: Mapping[str, Any]) -> None:
    columns = [
        {"name": "tag", "label": page.t("campaigns.by")},
        {"name": "value", "label": page.t("campaigns.group")},
        {"name": "received", "label": page.t("campaigns.received"), "align": "right"},
        {"name": "rate", "label": page.t("campaigns.responded"), "align": "right"},
        {"name": "effect", "label": page.t("campaigns.effect"), "align": "right"},
    ]
    rows = []
    for i, part in enumerate(measured["by"]):
        last = part["funnel"][-1]
        rate = last["alone"] / part["received"] if part["received"] else None
        effect = part.get("effect")
        rows.append(
            {
                "id": i,
                "tag": page.words(part["name"], part["tag"]),
                "value": page.format.value(part["value"]) if part["value"] is not None else page.t("campaigns.unknown"),
                "received": page.format.number(part["received"]),
                "received_sort": part["received"],
                "rate": page.format.percent(rate),
                "rate_sort": rate or 0,
                "effect": page.format.interval(effect, digits=1) if effect else page.t("campaigns.too_few"),
            }
        )
    parts.table(page, columns, rows, label=page.t("campaigns.parts"), per_page=12)


def _decision(page: Page, decision: Mapping[str, Any], overlap: Mapping[str, Any] | None) -> None:
    number = page.format.number
    if not decision:
        parts.empty(page, "campaigns.no_decision", icon="rule")
        return
    held_out = decision["arms"].get("held_out") or 0
    share = page.format.percent(held_out / max(decision["chosen"], 1), 0)
    parts.pairs(
        [
            (page.t("campaigns.eligible"), number(decision["eligible"])),
            (page.t("campaigns.chosen"), number(decision["chosen"])),
            (page.t("campaigns.held_out"), f"{number(held_out)} ({share})"),
        ]
    )
    ui.label(page.t("campaigns.reasons")).classes("g-label")
    most = max([1, *(r["count"] for r in decision["reasons"])])
    parts.bars([(page.words(r), number(r["count"]), r["count"] / most, "") for r in decision["reasons"]])
    if overlap:
        ui.label(page.t("campaigns.overlap")).classes("g-label")
        rows = [
            (page.t("campaigns.chosen_rate"), overlap["chosen_rate"], overlap["chosen_received"]),
            (page.t("campaigns.rest_rate"), overlap["rest_rate"], overlap["rest_received"]),
        ]
        parts.bars(
            [(f"{name} ({number(n)})", page.format.percent(e["value"]), e["value"] or 0, "") for name, e, n in rows]
        )


PAGE = PageDef("/campaigns", "campaigns", build)
