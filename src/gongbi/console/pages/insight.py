"""A look into one group: what it is made of, how it grows, where it goes, what it buys, who is like it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from gongbi.console import charts, parts
from gongbi.console.box import score_name, shorter
from gongbi.console.frame import Page, PageDef
from gongbi.errors import GongbiError

DAYS, MONTHS, TOP = 90, 6, 20
#: Topics of tags that change with what members do.
MOVING = ("rfm.", "life", "value.")

Rows = Sequence[Mapping[str, Any]]


async def build(page: Page) -> None:
    """Fill the page: a group to choose, then one part per question."""
    parts.title(page)
    saved = await page.call("segments", counted=False) if page.overview.get("members") else []
    chosen = page.query.get("e", "") or (saved[0]["segment"] if saved else "")
    if not chosen:
        with parts.card():
            parts.empty(page, "insight.none", icon="query_stats", command="gongbi demo")
        return
    subject = page.query.get("subject", "customer")
    found = await page.call("count", expression=chosen, subject=subject)
    _choose(page, saved, chosen, found)
    look = Look(page, chosen, found["subject"], await page.call("tags"), await page.call("models"))
    with ui.element("div").classes("g-grid"):
        look.part("drill", look.by_tag(look.drill), classes="s7")
        look.part("growth", look.growth, classes="s5")
    look.part("hidden", look.hidden)
    look.part("flows", look.by_tag(look.flows))
    look.part("paths", look.paths)
    look.part("rules", look.rules)
    look.part("alike", look.alike)


def _choose(page: Page, saved: Sequence[Mapping[str, Any]], chosen: str, found: Mapping[str, Any]) -> None:
    names = {s["segment"]: page.words(s["name"], s["segment"]) for s in saved}
    subjects = {s["segment"]: s["subject"] for s in saved}
    bare = chosen.removeprefix("segment.")
    options = names | ({} if bare in names else {chosen: chosen})

    def go(name: str) -> None:
        ui.navigate.to(f"/insight?{urlencode({'e': name, 'subject': subjects.get(name, found['subject'])})}")

    share = found["count"] / found["of"] if found["of"] else 0
    with parts.card():
        select = ui.select(options, value=bare if bare in names else chosen, label=page.t("insight.group"))
        select.props("outlined dense options-dense").style("min-width:260px;max-width:100%")
        select.on_value_change(lambda e: go(e.value))
        said = page.t("insight.size", n=page.format.number(found["count"]), share=page.format.percent(share))
        ui.label(said).classes("g-about")
        parts.warnings(page, found["warnings"])


class Look:
    """The parts of the page about one group."""

    def __init__(self, page: Page, expression: str, subject: str, tags: Rows, models: Rows) -> None:
        self.page, self.expression, self.subject = page, expression, subject
        self.tags = {t["tag"]: page.words(t["name"], t["tag"]) for t in tags if t["subject"] == subject}
        few = [t["tag"] for t in tags if t["subject"] == subject and 2 <= (t["distinct"] or 0) <= 12]
        # Those that change with what members do come first.
        few.sort(key=lambda tag: not tag.startswith(MOVING))
        self.few = {tag: self.tags[tag] for tag in few}
        self.tags |= {tag: score_name(page, model, tag) for model in models for tag in model["tags"]}

    def part(self, key: str, fill: Callable[[], Awaitable[None]], *, classes: str = "") -> None:
        """A card whose content comes when it is there."""
        with parts.card(self.page.t(f"insight.{key}"), self.page.t(f"insight.{key}_about"), classes=classes):
            parts.later(self.page, fill)

    def by_tag(self, draw: Callable[[str, ui.element], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        """A choice of tags with few values, drawn anew for each."""

        async def fill() -> None:
            if not self.few:
                parts.empty(self.page, "insight.none", icon="sell")
                return
            self.chosen(self.few, next(iter(self.few)), draw, self.page.t("insight.tag"))

        return fill

    def chosen(
        self, options: Mapping[str, str], first: str, draw: Callable[[str, ui.element], Awaitable[None]], label: str
    ) -> None:
        """A choice, and below it what is drawn for it."""
        select = ui.select(dict(options), value=first, label=label).props("outlined dense options-dense")
        select.style("min-width:220px;max-width:100%")
        place = ui.element("div")

        async def again() -> None:
            place.clear()
            with place:
                waiting = parts.waiting(self.page)
            with self.page.problems(place):
                await draw(str(select.value), place)
            if not parts.gone(place):
                waiting.delete()

        select.on_value_change(again)
        ui.timer(0.01, again, once=True)

    async def drill(self, tag: str, place: ui.element) -> None:
        """Shares of the group and of everybody, value by value."""
        given = {"expression": self.expression, "subject": self.subject, "by": [tag]}
        found = await self.page.call("drill", **given)
        rows, t = found["rows"], self.page.t
        names = [self.page.format.value(shorter(row["labels"][0])) for row in rows]
        series = [(t("insight.share"), "share"), (t("insight.base_share"), "base_share")]
        options = charts.beside(names, [(name, [row[key] for row in rows]) for name, key in series])
        with place:
            chart = parts.chart(options, t("insight.drill"), height=70 + 44 * len(rows))
        address = "/segments?{}"
        chart.on_point_click(
            lambda e: ui.navigate.to(
                address.format(urlencode({"e": rows[e.data_index]["members_are"], "subject": self.subject}))
            )
        )

    async def growth(self) -> None:
        """Size at the ends of months, and who came and left."""
        found = await self.page.call("growth", groups=[self.expression], periods=MONTHS, subject=self.subject)
        (group,), t = found["groups"], self.page.t
        rows = group["rows"]
        options = charts.coming_and_going(
            [row["start"][:7] for row in rows],
            [row["entered"] for row in rows],
            [None if row["left"] is None else -row["left"] for row in rows],
            [row["after"] for row in rows],
            (t("insight.entered"), t("insight.left"), t("insight.after")),
        )
        parts.chart(options, t("insight.growth"), height=300)

    async def hidden(self) -> None:
        """Traits of the group, and how many outside have them."""
        page, t = self.page, self.page.t
        found = await page.call("hidden", expression=self.expression, subject=self.subject, limit=TOP)
        if not found["rows"]:
            parts.empty(page, "insight.no_hidden", icon="visibility_off")
            return
        heads = [
            {"name": "trait", "label": t("insight.trait"), "kind": "link"},
            {"name": "outside", "label": t("insight.outside"), "align": "right"},
            {"name": "lift", "label": t("insight.lift"), "align": "right"},
            {"name": "interval", "label": t("insight.interval"), "align": "right"},
        ]
        rows = []
        for i, row in enumerate(found["rows"]):
            label = page.format.value(shorter(row["label"]))
            sign = "" if label.startswith(("<", "≥")) else "= "
            to = urlencode({"e": row["members_are"], "subject": self.subject})
            rows.append(
                {
                    "id": str(i),
                    "trait": f"{self.tags.get(row['tag'], row['tag'])} {sign}{label}",
                    "trait_to": f"/segments?{to}",
                    "outside": page.format.number(row["outside"]),
                    "outside_sort": row["outside"],
                    "lift": page.format.number(row["lift"], 2),
                    "lift_sort": row["lift"],
                    "interval": f"{row['low']:.2f} – {row['high']:.2f}",
                    "interval_sort": row["low"],
                }
            )
        parts.table(page, heads, rows, label=t("insight.hidden"), per_page=10)
        self.left_out(found["excluded"])

    async def flows(self, tag: str, place: ui.element) -> None:
        """Where everybody was, and is now."""
        end = datetime.fromisoformat(self.page.overview["as_of"])
        since = (end - timedelta(days=DAYS)).isoformat()
        found = await self.page.call("flows", by=tag, since=since, subject=self.subject)
        names = {state: self.page.words(words) for state, words in found["names"].items()}
        links = [
            (0, names.get(row["from"], row["from"]), names.get(row["to"], row["to"]), row["n"]) for row in found["rows"]
        ]
        with place:
            parts.chart(charts.sankey(links), self.page.t("insight.flows"), height=380)

    async def paths(self) -> None:
        """Where members go from their first event on."""
        facts, page = self._columns(), self.page
        if not facts:
            parts.empty(page, "insight.none", icon="route")
            return

        async def draw(event: str, place: ui.element) -> None:
            given = {"events": [event], "expression": self.expression, "subject": self.subject}
            found = await page.call("paths", labels=8, **given)
            links = [(row["step"], row["from"], row["to"], row["n"]) for row in found["links"]]
            with place:
                if links:
                    parts.chart(charts.sankey(links), page.t("insight.paths"), height=420)
                else:
                    parts.empty(page, "insight.no_rules", icon="route")

        self.chosen({c: c for c in facts}, facts[0], draw, page.t("insight.fact"))

    async def rules(self) -> None:
        """What lies in one basket, and in the next."""
        columns, page = self._columns(), self.page
        if not columns:
            parts.empty(page, "insight.none", icon="shopping_basket")
            return

        async def draw(column: str, place: ui.element) -> None:
            given = {"fact": column.partition(".")[0], "item": column, "expression": self.expression}
            for verb, heading in (("rules", "together"), ("next_items", "next")):
                found = await page.call(verb, subject=self.subject, limit=TOP, **given)
                with place:
                    ui.label(page.t(f"insight.{heading}")).classes("g-label")
                    self._rules(found["rows"])

        self.chosen({c: c for c in columns}, columns[0], draw, page.t("insight.item"))

    def _rules(self, found: Sequence[Mapping[str, Any]]) -> None:
        page, t = self.page, self.page.t
        if not found:
            parts.empty(page, "insight.no_rules", icon="shopping_basket")
            return
        heads = [{"name": "given", "label": t("insight.given")}, {"name": "then", "label": t("insight.then")}]
        figures = ("support", "confidence", "lift")
        labels = {"support": t("insight.support"), "confidence": t("insight.confidence"), "lift": t("insight.lift")}
        heads += [{"name": name, "label": labels[name], "align": "right"} for name in figures]
        rows = []
        for i, row in enumerate(found):
            shown = {
                "support": page.format.percent(row["support"]),
                "confidence": page.format.percent(row["confidence"]),
                "lift": page.format.number(row["lift"], 2),
            }
            sort = {f"{name}_sort": row[name] for name in figures}
            rows.append({"id": str(i), "given": " + ".join(row["given"]), "then": row["then"], **shown, **sort})
        parts.table(page, heads, rows, label=t("insight.rules"), per_page=8)

    async def alike(self) -> None:
        """A button, since it takes a while; then the lift curve and the first of the list."""
        place = ui.element("div")

        async def run() -> None:
            button.disable()
            place.clear()
            with place:
                waiting = parts.waiting(self.page)
            try:
                given = {"expression": self.expression, "subject": self.subject}
                found = await self.page.call("lookalike", top=TOP, repeats=3, **given)
                with place:
                    self._alike(found)
            except GongbiError as error:
                with place:
                    parts.problem(self.page, error)
            if not parts.gone(place):
                waiting.delete()
                button.enable()

        button = ui.button(self.page.t("insight.alike_run"), icon="group_add", on_click=run)
        button.props("unelevated no-caps").classes("g-btn")

    def _alike(self, found: Mapping[str, Any]) -> None:
        page, t = self.page, self.page.t
        series: list[dict[str, Any]] = [
            {"name": t(f"insight.ranker.{one['kind']}"), "data": [list(point) for point in one["curve"]]}
            for one in found["judged"]
        ]
        series.append({"name": t("insight.chance"), "data": [[0, 0], [1, 1]], "dashed": True, "colour": charts.GREY})
        (best,) = [one for one in found["judged"] if one["kind"] == found["kind"]]
        figures = {"auc": best["auc"], "low": best["auc_low"], "high": best["auc_high"]}
        shown = {name: f"{value:.2f}" for name, value in figures.items()}
        ui.label(t("insight.judged", lift=page.format.number(best["lift"][1], 2), **shown))
        options = charts.lines(series, x=t("insight.reached"), y=t("insight.found"))
        parts.chart(options, t("insight.alike"), height=300)
        heads = [
            {"name": "place", "label": t("insight.place"), "align": "right"},
            {"name": "who", "label": "ID", "kind": "link"},
            {"name": "why", "label": t("insight.why")},
        ]
        rows = []
        for row in found["rows"]:
            why = [f"{self.tags.get(r['tag'], r['tag'])} = {page.format.value(r['value'])}" for r in row["reasons"]]
            to = f"/customer/{self.subject}/{row['id']}"
            rows.append(
                {
                    "id": str(row["place"]),
                    "place": row["place"],
                    "who": str(row["id"]),
                    "who_to": to,
                    "why": "；".join(why),
                }
            )
        parts.table(page, heads, rows, label=t("insight.alike"), per_page=10)
        self.left_out(found["excluded"])
        if found["suspicious"]:
            ui.label(t("insight.suspicious", names=self._named(found["suspicious"]))).classes("g-about")

    def left_out(self, excluded: Sequence[Mapping[str, Any]]) -> None:
        """Which tags only repeat the definition."""
        if excluded:
            names = self._named([one["tag"] for one in excluded])
            ui.label(self.page.t("insight.excluded", names=names)).classes("g-about")

    def _named(self, tags: Sequence[str]) -> str:
        comma = "、" if self.page.language == "zh" else ", "
        return comma.join(self.tags.get(tag, tag) for tag in tags)

    def _columns(self) -> list[str]:
        """What tells the rows of the subject's facts apart: texts of theirs and of what they name."""
        ws = self.page.ws
        if ws.context is None:
            return []
        world = ws.context.catalog().world
        found = []
        for fact in world.facts.values():
            if self.subject not in fact.subjects:
                continue
            found += [f"{fact.name}.{c}" for c, type_ in fact.columns.items() if type_.name == "text"]
            for other in fact.subjects:
                texts = [a.name for a in world.subjects[other].attributes.values() if a.type.name == "text"]
                found += [f"{fact.name}.{other}.{name}" for name in texts if other != self.subject]
        return found


PAGE = PageDef("/insight", "insight", build)
