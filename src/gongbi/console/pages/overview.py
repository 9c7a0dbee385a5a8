"""What is here, how fresh it is, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from nicegui import ui

from gongbi.console import charts, parts
from gongbi.console.frame import Page, PageDef
from gongbi.console.pages.runs import run_row
from gongbi.errors import GongbiError

ICONS = {"customer": "groups", "product": "inventory_2", "store": "storefront", "campaign": "campaign"}


async def build(page: Page) -> None:
    """Fill the page."""
    parts.title(page)
    found: dict[str, Any] = page.overview
    if not found.get("definitions", {}).get("source") and not found.get("members"):
        with parts.card():
            parts.empty(page, "overview.empty", icon="rocket_launch", command="gongbi demo")
        return
    _stats(page, found, await page.try_call("rejects", limit=0))
    await _pending(page)
    with ui.element("div").classes("g-grid"):
        with parts.card(page.t("overview.weekly"), page.t("overview.weekly_about"), classes="s8"):
            _weekly(page, found)
        with parts.card(page.t("overview.segments"), page.t("overview.segments_about"), classes="s4"):
            parts.later(page, lambda: _segments(page))
        with parts.card(page.t("overview.rfm"), page.t("overview.rfm_about"), classes="s6"):
            parts.later(page, lambda: _rfm(page))
        with parts.card(page.t("overview.results"), page.t("overview.results_about"), classes="s6"):
            parts.later(page, lambda: _results(page))
        with parts.card(page.t("overview.runs")):
            parts.later(page, lambda: _runs(page))


def _stats(page: Page, found: Mapping[str, Any], rejects: Mapping[str, Any] | None) -> None:
    number, definitions = page.format.number, found["definitions"]
    with ui.element("div").classes("g-stats"):
        shown = [s for s in ("customer", "product", "store") if s in found["members"]] or list(found["members"])[:3]
        for subject in shown:
            built = found["builds"].get(subject)
            note = page.t("overview.tags_each", n=built["tags"]) if built else page.t("overview.not_built")
            target = "/customer" if subject == "customer" else ""
            icon = ICONS.get(subject, "category")
            parts.stat(page.named(subject), number(found["members"][subject]), note, icon=icon, target=target)
        facts = found["facts"]
        total = sum(f["rows"] for f in facts.values())
        newest = max((f["newest"] for f in facts.values() if f["newest"]), default=None)
        note = page.t("overview.until", date=page.format.date(newest)) if newest else ""
        parts.stat(page.t("overview.facts"), page.format.short(total), note, icon="receipt_long", target="/data")
        parts.stat(
            page.t("overview.tags"),
            number(definitions["tag"]),
            page.t("overview.tags_note"),
            icon="sell",
            target="/tags",
        )
        note = page.t("overview.segments_note")
        parts.stat(
            page.t("overview.segments"), number(definitions["segment"]), note, icon="donut_small", target="/segments"
        )
        waiting = rejects["total"] if rejects else found["rejects"]
        note = page.t("overview.rejects_none" if not waiting else "overview.rejects_some")
        parts.stat(page.t("overview.rejects"), number(waiting), note, icon="report", target="/data")


async def _pending(page: Page) -> None:
    try:
        waiting = await page.call("pending")
    except GongbiError as error:
        parts.problem(page, error)
        return
    if waiting:
        with parts.card(page.t("overview.pending"), page.t("overview.pending_about", n=len(waiting))):
            with ui.element("div").classes("g-chips"):
                for name in waiting[:12]:
                    parts.chip(name, "gold")
                if len(waiting) > 12:
                    ui.label(f"+{len(waiting) - 12}").classes("g-about")
            parts.code("gongbi apply")


def _weekly(page: Page, found: Mapping[str, Any]) -> None:
    """The fact with most rows; the weeks at both ends are whole or left out by the reader's eye."""
    weekly: Mapping[str, Sequence[Mapping[str, Any]]] = found["weekly"]
    if not weekly:
        parts.empty(page, "overview.no_facts", icon="bar_chart", command="gongbi ingest")
        return
    fact = max(weekly, key=lambda name: sum(w["n"] for w in weekly[name]))
    weeks = weekly[fact]
    title = page.named(fact)
    names = (page.t("overview.rows_of", fact=title), page.t("overview.active"))
    options = charts.weekly(
        [f"{w['week']:%Y-%m-%d}" for w in weeks],
        (names[0], [w["n"] for w in weeks]),
        (names[1], [w["members"] for w in weeks]),
    )
    parts.chart(options, page.t("overview.weekly"), height=400)


async def _segments(page: Page) -> None:
    found = await page.call("segments")
    segments = sorted((s for s in found if s["subject"] == "customer"), key=lambda s: -(s["count"] or 0))
    if all(s["problem"] for s in segments):
        parts.empty(page, "overview.no_segments", icon="groups", command="gongbi build")
        return
    rows = [
        (
            page.words(s["name"], s["segment"]),
            _size(page, s),
            s["count"] / s["of"] if s["of"] else 0.0,
            f"/segments?e={quote('segment.' + s['segment'])}",
        )
        for s in segments[:11]
    ]
    parts.bars(rows)
    parts.uncounted(page, segments)
    if len(segments) > 11:
        ui.link(page.t("overview.all_segments", n=len(segments)), "/segments").classes("g-link")


def _size(page: Page, segment: Mapping[str, Any]) -> str:
    if segment["problem"]:
        return page.format.number(None)
    share = segment["count"] / segment["of"] if segment["of"] else 0
    return f"{page.format.number(segment['count'])} · {page.format.percent(share, 0)}"


async def _rfm(page: Page) -> None:
    found = [t for t in await page.try_call("tags", search="rfm.group") or [] if t["top"]]
    if not found:
        parts.empty(page, "overview.no_rfm", icon="donut_large", command="gongbi build")
        return
    top = found[0]["top"]
    names = [page.value(found[0], v["value"]) for v in top]
    parts.chart(
        charts.rows(names, [v["count"] for v in top], page.t("overview.members")), page.t("overview.rfm"), height=290
    )


async def _results(page: Page) -> None:
    models = [m for m in await page.try_call("models") or [] if m["headline"]]
    campaigns = [c for c in await page.try_call("campaigns") or [] if (c["figures"] or {}).get("measurement")]
    if not models and not campaigns:
        parts.empty(page, "overview.no_results", icon="science", command="gongbi demo")
        return
    with ui.element("div").classes("g-stats"):
        for model in models:
            _model(page, model)
        if campaigns:
            _campaign(page, max(campaigns, key=lambda c: c["run"]))


def _model(page: Page, model: Mapping[str, Any]) -> None:
    head, name = model["headline"], page.words(model["name"], model["model"])
    target = f"/model/{quote(model['model'])}"
    auc = head.get("auc")
    if auc:
        note = f"{page.format.number(auc['low'], 3)} – {page.format.number(auc['high'], 3)}"
        parts.stat(f"{name} · AUC", page.format.number(auc["estimate"], 3), note, icon="insights", target=target)
        if head.get("baseline_auc"):
            own = head["baseline_auc"]
            parts.stat(
                page.t("overview.baseline"),
                page.format.number(own["estimate"], 3),
                page.t("overview.baseline_note"),
                icon="balance",
                target=target,
            )
        return
    ratio = head.get("predicted_over_actual")
    value = page.format.percent(ratio) if ratio else f"v{model['champion'] or model['newest']}"
    note = page.t("overview.ratio", days=head["days"]) if ratio else ""
    parts.stat(name, value, note, icon="insights", target=target)


def _campaign(page: Page, campaign: Mapping[str, Any]) -> None:
    measured = campaign["figures"]["measurement"]
    effect = measured.get("effect")
    if effect:
        unit = page.format.unit(measured.get("unit"))
        note = f"{page.format.number(effect['low'], 2)} – {page.format.number(effect['high'], 2)} {unit}"
        parts.stat(
            page.t("overview.effect"),
            page.format.number(effect["value"], 2),
            note,
            icon="trending_up",
            target="/campaigns",
        )
    if measured.get("received"):
        rate = measured["responded"] / measured["received"]
        note = page.t(
            "overview.responded_of",
            a=page.format.number(measured["responded"]),
            b=page.format.number(measured["received"]),
        )
        parts.stat(
            page.t("overview.responded"), page.format.percent(rate), note, icon="how_to_reg", target="/campaigns"
        )


async def _runs(page: Page) -> None:
    found = await page.try_call("runs", limit=6) or []
    if not found:
        parts.empty(page, "runs.empty", icon="history", command="gongbi ingest")
        return
    columns = [
        {"name": "kind", "label": page.t("runs.kind")},
        {"name": "status", "label": page.t("runs.status"), "kind": "chip"},
        {"name": "started", "label": page.t("runs.started"), "classes": "g-nowrap"},
        {"name": "seconds", "label": page.t("runs.seconds"), "align": "right", "classes": "g-nowrap"},
        {"name": "actor", "label": page.t("runs.actor")},
    ]
    parts.table(page, columns, [run_row(page, run) for run in found], label=page.t("overview.runs"))


PAGE = PageDef("/", "overview", build)
