"""Parts of a model's card: lift, groups, fairness, drift, limits, uplift, versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nicegui import ui

from gongbi.console import charts, library, parts
from gongbi.console.frame import Page

COLOURS = {"stable": "green", "moved": "gold", "changed": "red"}
SHOWN = 8


def limits(page: Page, card: Mapping[str, Any]) -> None:
    """What the model cannot be asked to tell."""
    if card["limits"]:
        with parts.card(page.t("models.limits"), classes="s6"):
            parts.sentences([page.words(words) for words in card["limits"]])


def lift(page: Page, test: Mapping[str, Any]) -> None:
    """Response by tenths of the score, best first."""
    if not test.get("lift"):
        return
    with parts.card(page.t("models.lift"), page.t("models.lift_about"), classes="s6"):
        rows = [
            {
                "id": str(i),
                "members": page.format.number(one["members"]),
                "positives": page.format.number(one["positives"], 0),
                "rate": page.format.percent(one["rate"]),
                "lift": page.format.number(one["lift"], 2),
                "reached": page.format.percent(one["share_of_positives"]),
            }
            for i, one in enumerate(test["lift"], start=1)
        ]
        names = (
            ("id", "models.tenth"),
            ("members", "overview.members"),
            ("positives", "models.responders_n"),
            ("rate", "models.rate"),
            ("lift", "models.lift"),
            ("reached", "models.reached"),
        )
        parts.table(page, [{"name": n, "label": page.t(k)} for n, k in names], rows, label=page.t("models.lift"))


def groups(page: Page, test: Mapping[str, Any]) -> None:
    """Whether the figures hold in every group, and fairness by protected tags."""
    if test.get("by_group"):
        with parts.card(page.t("models.by_group"), page.t("models.by_group_about"), classes="s6"):
            rows = [_level(page, tag, one) for tag, levels in test["by_group"].items() for one in levels]
            _levels(page, rows, ("auc", "predicted", "observed"))
    if test.get("fairness"):
        with parts.card(page.t("models.fairness"), page.t("models.fairness_about"), classes="s6"):
            rows = [_level(page, tag, one) for tag, levels in test["fairness"].items() for one in levels]
            _levels(page, rows, ("chosen", "difference", "predicted", "observed"))


def _level(page: Page, tag: str, one: Mapping[str, Any]) -> dict[str, Any]:
    def span(found: Mapping[str, Any] | None, *, share: bool = True) -> str:
        if found is None:
            return "—"
        values = (found["estimate"], found["low"], found["high"])
        middle, low, high = (page.format.percent(v) if share else page.format.number(v, 3) for v in values)
        return f"{middle} ({low} – {high})"

    return {
        "id": f"{tag} {one['level']}",
        "level": page.trait(tag, one["level"]),
        "members": page.format.number(one["members"]),
        "auc": span(one["auc"], share=False),
        "predicted": page.format.percent(one["predicted"]),
        "observed": span(one["observed"]),
        "chosen": span(one.get("chosen")),
        "difference": span(one.get("difference")),
    }


def _levels(page: Page, rows: list[dict[str, Any]], shown: tuple[str, ...]) -> None:
    columns = [{"name": name, "label": page.t(f"models.level.{name}")} for name in ("level", "members", *shown)]
    parts.table(page, columns, rows, label=page.t("models.by_group"))


def drift(page: Page, card: Mapping[str, Any]) -> None:
    """How far members have moved since the training."""
    found = card["drift"]
    if not found:
        return
    about = page.t("models.drift_about", when=page.format.date(found["as_of"]))
    with parts.card(page.t("models.drift"), about, classes="s6"):
        rows = [
            {
                "id": one["tag"],
                "name": one["name"],
                "psi": page.format.number(one["psi"], 3),
                "verdict": page.t(f"drift.{one['verdict']}"),
                "verdict_colour": COLOURS[one["verdict"]],
            }
            for one in [
                {"tag": "_score", "name": page.t("models.score"), **found["score"]},
                *({**one, "name": page.names.get(one["tag"], one["tag"])} for one in found["features"][:SHOWN]),
            ]
        ]
        columns = [
            {"name": "name", "label": page.t("models.tag")},
            {"name": "psi", "label": "PSI", "align": "right"},
            {"name": "verdict", "label": "", "kind": "chip"},
        ]
        parts.table(page, columns, rows, label=page.t("models.drift"))


def uplift(page: Page, figures: Mapping[str, Any]) -> None:
    """The Qini curve and the four groups of an uplift model."""
    number = page.format.number

    def span(one: Mapping[str, Any] | None) -> str:
        if one is None:
            return "—"
        return f"{100 * one['estimate']:+.1f} ({100 * one['low']:+.1f} – {100 * one['high']:+.1f})"

    with parts.card(page.t("models.qini"), page.t("models.qini_about"), classes="s6"):
        last = figures["curve"][-1]
        series = [
            {"name": page.t("models.chance"), "data": [[0, 0], last], "dashed": True, "colour": charts.GREY},
            {"name": page.t("models.model"), "data": figures["curve"], "colour": charts.BLUE},
        ]
        parts.chart(charts.lines(series, x=page.t("models.x_treated"), y=""), page.t("models.qini"), height=300)
    with parts.card(page.t("models.four"), page.t("models.four_about"), classes="s6"):
        columns = [
            {"name": "group", "label": ""},
            {"name": "members", "label": page.t("overview.members"), "align": "right"},
            {"name": "predicted", "label": page.t("models.level.predicted"), "align": "right"},
            {"name": "observed", "label": page.t("models.level.observed"), "align": "right"},
        ]
        rows = [
            {
                "id": one["group"],
                "group": page.t(f"uplift.{one['group']}"),
                "members": number(one["members"]),
                "predicted": "—" if one["predicted"] is None else f"{100 * one['predicted']:+.1f}",
                "observed": span(one["observed"]),
            }
            for one in figures["groups"]
        ]
        parts.table(page, columns, rows, label=page.t("models.four"))


def versions(page: Page, card: Mapping[str, Any]) -> None:
    """Every version; a person's word puts one in use, with a reason."""
    with parts.card(page.t("models.versions"), page.t("models.versions_about"), classes="s6"):
        for one in card["versions"][:SHOWN]:
            with ui.element("div").classes("g-chips").style("margin:4px 0"):
                parts.chip(str(one["version"]), "blue" if one["status"] == "champion" else "grey")
                ui.label(page.t(f"version.{one['status']}"))
                ui.label(page.format.instant(one["trained_at"])).classes("g-about")
                if one["status"] != "champion":
                    _promote(page, card["model"], one)
            reason = (one["judgement"] or {}).get("reason")
            if reason:
                ui.label(page.words(reason)).classes("g-about")


def _promote(page: Page, model: str, one: Mapping[str, Any]) -> None:
    async def act(why: str) -> Any:
        return await page.call("promote_model", name=model, version=one["version"], why=why)

    heading = page.t("models.promote", version=one["version"])
    ui.button(heading, on_click=lambda: library.ask(page, heading, act)).props("outline dense no-caps").classes("g-btn")
