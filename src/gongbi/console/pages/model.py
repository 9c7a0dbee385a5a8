"""What the predictions of one model are worth: calibration, gains, against a plain score, in honest words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from nicegui import run as background
from nicegui import ui

from gongbi.console import charts, clusters, parts, proofs, sections
from gongbi.console.exports import print_and_download
from gongbi.console.frame import Page, PageDef
from gongbi.errors import UnknownName

#: What stands beside a point of two shares.
_PERCENT = {
    "trigger": "item",
    "confine": True,
    ":formatter": "p => p.seriesName + '<br>' + p.value.map(v => (100 * v).toFixed(1) + '%').join(' → ')",
}


async def build(page: Page) -> None:
    """Fill the page of one model; that of one that was never trained says how it is."""
    name = page.params["name"]
    found = {model["model"]: model for model in await page.call("models")}
    if name not in found:
        with parts.title(page):
            _back(page)
        parts.problem(page, UnknownName("model", name, found))
        return
    model = found[name]
    with parts.title(page, page.words(model["name"], name), state(page, model)):
        _back(page)
        if model["newest"] is not None:
            _hand_out(page, name)
            _topics(page, model)
        _train(page, name)
    if model["newest"] is None:
        parts.warnings(page, model["warnings"])
        with parts.card():
            parts.empty(page, "models.untrained", icon="model_training", command=f"gongbi train {name}")
        return
    page.learn(await page.call("tags"))
    page.names |= {tag: page.words(title) for one in found.values() for tag, title in one["titles"].items()}
    _card(page, await page.call("model_card", name=name))


def state(page: Page, model: Mapping[str, Any]) -> str:
    """By which method, which version, since when; or that it was not trained."""
    if model["newest"] is None:
        return page.t("models.untrained")
    version = page.t(f"model.{model['status']}", version=model["version"])
    trained = page.t("models.trained", when=page.format.instant(model["trained_at"]))
    return f"{page.words(model['method'])} · {version} · {trained}"


def _back(page: Page) -> None:
    back = ui.button(page.t("models.back"), icon="arrow_back", on_click=lambda: ui.navigate.to("/models"))
    back.props("outline no-caps").classes("g-btn")


def _topics(page: Page, model: Mapping[str, Any]) -> None:
    if model["estimator"] == "texts":
        to = f"/models/topics?model={quote(model['model'])}"
        hot = ui.button(page.t("topics.title"), icon="whatshot", on_click=lambda: ui.navigate.to(to))
        hot.props("outline no-caps").classes("g-btn")


def _train(page: Page, name: str) -> None:
    """A button that trains the model as a run; its progress is on the page of runs."""

    async def start() -> None:
        with page.problems():
            await background.io_bound(page.console.jobs.submit, "train", actor=page.who, models=[name])
            ui.navigate.to("/runs")

    button = ui.button(page.t("runs.do_train"), icon="model_training", on_click=start)
    button.props("outline no-caps").classes("g-btn")


def _card(page: Page, card: Mapping[str, Any]) -> None:
    metrics = card["metrics"]
    parts.warnings(page, card["warnings"])
    if page.words(card["about"]):
        ui.label(page.words(card["about"])).style("max-width:900px")
    if metrics.get("tests"):
        _propensity(page, card, metrics)
    elif metrics.get("uplift"):
        _uplift(page, card, metrics)
    elif metrics.get("clusters"):
        clusters.show(page, card, metrics)
    elif metrics.get("sections"):
        _plain(page, card, metrics)
    else:
        _purchases(page, card, metrics)


def _hand_out(page: Page, name: str) -> None:
    """A button that gives the card as a file."""

    async def print_card() -> None:
        await print_and_download(page, "print_model_card", name, name=name)

    button = ui.button(page.t("models.print"), icon="print", on_click=print_card)
    button.props("outline no-caps").classes("g-btn")


def _honest(page: Page, card: Mapping[str, Any], metrics: Mapping[str, Any]) -> None:
    with ui.element("div").classes("g-honest").props('role="note"'):
        trend = card["trend"] and card["trend"]["words"]
        for words in filter(None, [metrics.get("sentence"), card["calibration"], trend]):
            ui.label(page.words(words))
        judgement = metrics.get("judgement") or {}
        if judgement.get("reason"):
            ui.label(page.words(judgement["reason"])).classes("g-about")


def _propensity(page: Page, card: Mapping[str, Any], metrics: Mapping[str, Any]) -> None:
    test, number = metrics["tests"][0], page.format.number
    with ui.element("div").classes("g-stats"):
        _interval_stat(page, "AUC", test["auc"], icon="insights")
        for key in ("baseline", "strongest_tag"):
            if test.get(key):
                _interval_stat(
                    page,
                    page.t(f"models.{key}", tag=page.names.get(test[key]["tag"], test[key]["tag"])),
                    test[key]["auc"],
                    icon="balance",
                )
        if test.get("difference"):
            _interval_stat(page, page.t("models.difference"), test["difference"], icon="trending_up", sign=True)
        note = page.t("models.predicted", n=number(test["predicted_positives"], 1))
        parts.stat(
            page.t("models.responders"),
            f"{number(test['positives'])} / {number(test['members'])}",
            note,
            icon="how_to_reg",
        )
    sections.figures(page, metrics.get("sections", []))
    _honest(page, card, metrics)
    with ui.element("div").classes("g-grid"):
        sections.tables(page, metrics.get("sections", []))
        with parts.card(page.t("models.calibration"), page.t("models.calibration_about"), classes="s6"):
            _calibration(page, test)
        with parts.card(page.t("models.gains"), page.t("models.gains_about"), classes="s6"):
            _gains(page, test)
        with parts.card(page.t("models.importance"), page.t("models.importance_about"), classes="s6"):
            top = metrics.get("importance", [])[:10]
            options = charts.rows(
                [page.names.get(t["tag"], t["tag"]) for t in top],
                # Of versions of old, what the trees gained by it.
                [t.get("share", t.get("share_of_gain")) for t in top],
                page.t("models.share"),
                value=charts.PERCENT,
            )
            parts.chart(options, page.t("models.importance"), height=300)
        with parts.card(page.t("models.cohorts"), page.t("models.cohorts_about"), classes="s6"):
            _cohorts(page, metrics)
            _tags(page, card)
        proofs.lift(page, test)
        proofs.groups(page, test)
        proofs.drift(page, card)
        proofs.limits(page, card)
        proofs.versions(page, card)


def _plain(page: Page, card: Mapping[str, Any], metrics: Mapping[str, Any]) -> None:
    sections.figures(page, metrics["sections"])
    _honest(page, card, metrics)
    # Narrow cards fill the places beside those that take a whole line.
    with ui.element("div").classes("g-grid").style("grid-auto-flow:dense"):
        sections.tables(page, metrics["sections"])
        with parts.card(classes="s6"):
            _tags(page, card)
        if metrics.get("cohorts"):
            with parts.card(page.t("models.cohorts"), page.t("models.cohorts_about"), classes="s6"):
                _cohorts(page, metrics)
        proofs.drift(page, card)
        proofs.limits(page, card)
        proofs.versions(page, card)


def _uplift(page: Page, card: Mapping[str, Any], metrics: Mapping[str, Any]) -> None:
    figures, number = metrics["uplift"], page.format.number
    with ui.element("div").classes("g-stats"):
        _interval_stat(page, page.t("models.effect"), figures["effect"], icon="compare_arrows", sign=True)
        _interval_stat(page, "Qini", figures["qini"], icon="insights", sign=True)
        _interval_stat(page, page.t("models.half"), figures["half"], icon="trending_up", sign=True)
        treated = f"{number(figures['treated'])} / {number(figures['members'])}"
        parts.stat(page.t("models.treated"), treated, icon="how_to_reg")
    _honest(page, card, metrics)
    with ui.element("div").classes("g-grid"):
        proofs.uplift(page, figures)
        with parts.card(page.t("models.cohorts"), page.t("models.cohorts_about"), classes="s6"):
            _cohorts(page, metrics)
            _tags(page, card)
        proofs.drift(page, card)
        proofs.limits(page, card)
        proofs.versions(page, card)


def _interval_stat(page: Page, label: str, found: Mapping[str, Any], *, icon: str, sign: bool = False) -> None:
    value = page.format.number(found["estimate"], 3)
    value = f"+{value}" if sign and found["estimate"] > 0 else value
    note = page.t("models.interval", low=page.format.number(found["low"], 3), high=page.format.number(found["high"], 3))
    parts.stat(label, value, note, icon=icon)


def _calibration(page: Page, test: Mapping[str, Any]) -> None:
    bins = test["calibration"]
    most = max([0.1, *(b["high"] for b in bins), *(b["predicted"] for b in bins)])
    options = charts.lines(
        [
            {"name": page.t("models.perfect"), "data": [[0, 0], [most, most]], "dashed": True, "colour": charts.GREY},
            {
                "name": page.t("models.observed"),
                "data": [[b["predicted"], b["observed"]] for b in bins],
                "dots": True,
                "colour": charts.BLUE,
            },
        ],
        x=page.t("models.x_predicted"),
        y="",
    )
    # The interval of each group: a vertical line through its point.
    options["series"] += [
        {
            "type": "line",
            "data": [[b["predicted"], b["low"]], [b["predicted"], b["high"]]],
            "symbol": "none",
            "silent": True,
            "tooltip": {"show": False},
            "lineStyle": {"color": "#9dbccb", "width": 2},
            "itemStyle": {"color": "#9dbccb"},
        }
        for b in bins
    ]
    options["legend"]["data"] = [page.t("models.perfect"), page.t("models.observed")]
    options["tooltip"] = _PERCENT
    parts.chart(options, page.t("models.calibration"), height=300)


def _gains(page: Page, test: Mapping[str, Any]) -> None:
    def points(gains: Any) -> list[list[float]]:
        return [[0, 0], *([g["share"], g["share_of_positives"]] for g in gains), [1, 1]]

    series = [
        {"name": page.t("models.chance"), "data": [[0, 0], [1, 1]], "dashed": True, "colour": charts.GREY},
        {"name": page.t("models.model"), "data": points(test["gains"]), "dots": True, "colour": charts.BLUE},
    ]
    if test.get("baseline"):
        tag = test["baseline"]["tag"]
        name = page.t("models.baseline", tag=page.names.get(tag, tag))
        series.append({"name": name, "data": points(test["baseline"]["gains"]), "dots": True, "colour": charts.RED})
    options = charts.lines(series, x=page.t("models.x_gains"), y="")
    options["tooltip"] = _PERCENT
    parts.chart(options, page.t("models.gains"), height=300)


def _cohorts(page: Page, metrics: Mapping[str, Any]) -> None:
    columns = [
        {"name": "id", "label": page.t("models.cohort")},
        {"name": "role", "label": page.t("models.role"), "kind": "chip"},
        {"name": "as_of", "label": page.t("frame.as_of")},
        {"name": "members", "label": page.t("overview.members"), "align": "right"},
        {"name": "rate", "label": page.t("models.rate"), "align": "right"},
    ]
    rows = [
        {
            "id": c["name"],
            "role": page.t(f"role.{c['role']}"),
            "role_colour": "gold" if c["role"] == "test" else "blue",
            "as_of": page.format.date(c["as_of"]),
            "members": page.format.number(c["members"]),
            "rate": f"{page.format.percent(c['rate'])} ({page.format.number(c['positives'])})",
        }
        for c in metrics.get("cohorts", [])
    ]
    parts.table(page, columns, rows, label=page.t("models.cohorts"))


def _tags(page: Page, card: Mapping[str, Any]) -> None:
    ui.label(page.t("models.tags")).classes("g-label")
    if card["unfair"]:
        ui.label(page.t("models.unfair")).classes("g-about")
    with ui.element("div").classes("g-chips"):
        for tag in card["tags"]:
            ui.link(tag, f"/segments?e={quote(f'tag.{tag} is not absent')}").classes("g-chip blue g-mono")


def _purchases(page: Page, card: Mapping[str, Any], metrics: Mapping[str, Any]) -> None:
    number, head = page.format.number, metrics.get("headline") or {}
    with ui.element("div").classes("g-stats"):
        days = metrics["horizon_days"]
        parts.stat(
            page.t("models.expected_purchases"),
            number(metrics["expected_purchases"], 0),
            page.t("models.next_days", n=days),
            icon="shopping_cart",
        )
        parts.stat(
            page.t("models.expected_value"),
            number(metrics["expected_value"], 0),
            page.t("models.next_days", n=days),
            icon="payments",
        )
        parts.stat(
            page.t("models.alive"), page.format.percent(metrics["mean_alive"]), page.t("models.mean"), icon="favorite"
        )
        if head:
            note = page.t("models.of_actual", n=number(head["actual"], 0))
            parts.stat(page.t("models.holdout", n=head["days"]), number(head["predicted"], 0), note, icon="fact_check")
            note = page.t("models.naive_error", n=number(head["naive_mean_absolute_error"], 2))
            parts.stat(page.t("models.error"), number(head["mean_absolute_error"], 2), note, icon="straighten")
    _honest(page, card, metrics)
    with ui.element("div").classes("g-grid"):
        holdout = metrics.get("holdout") or {}
        if holdout.get("by_frequency"):
            with parts.card(page.t("models.by_frequency"), page.t("models.by_frequency_about"), classes="s7"):
                _by_frequency(page, holdout["by_frequency"])
        with parts.card(page.t("models.caveats"), classes="s5"):
            parts.sentences([page.words(words) for words in metrics.get("caveats", [])])
            _tags(page, card)
        proofs.versions(page, card)


def _by_frequency(page: Page, groups: list[Mapping[str, Any]]) -> None:
    names = [
        f"{g['frequency_from']}–{g['frequency_to']}"
        if g["frequency_from"] != g["frequency_to"]
        else str(g["frequency_from"])
        for g in groups
    ]
    options = charts.base() | {
        "xAxis": charts.axis(
            "category", data=names, name=page.t("models.x_frequency"), nameLocation="middle", nameGap=28
        ),
        "yAxis": charts.axis(),
        "series": [
            {
                "type": "bar",
                "name": page.t("models.model"),
                "data": [round(g["predicted"], 2) for g in groups],
                "itemStyle": {"color": charts.BLUE, "borderRadius": [2, 2, 0, 0]},
            },
            {
                "type": "bar",
                "name": page.t("models.seen"),
                "data": [round(g["actual"]["estimate"], 2) for g in groups],
                "itemStyle": {"color": "#d98b6a", "borderRadius": [2, 2, 0, 0]},
            },
        ],
    }
    options["grid"]["bottom"] = 30
    parts.chart(options, page.t("models.by_frequency"), height=300)


PAGE = PageDef("/model/{name}", "models", build)
