"""A look into one group: what it is made of, how it grows, where it goes, what it buys, who is like it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from nicegui import ui

from gongbi.console import charts, parts, revealing
from gongbi.console.contrast import Contrast
from gongbi.console.evidence import column_name
from gongbi.console.frame import Page, PageDef
from gongbi.core.world import World
from gongbi.errors import GongbiError

DAYS, MONTHS, TOP = 90, 6, 20
#: Members that are named of those who came and went.
SHOWN = 40
#: Topics of tags that change with what members do.
MOVING = ("rfm.group", "stage.", "rfm.", "life")
#: A tag of more values than these is cut into ranges.
MOST_VALUES = 12

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
    others = {s["segment"]: page.words(s["name"], s["segment"]) for s in saved if s["subject"] == found["subject"]}
    others.pop(chosen.removeprefix("segment."), None)
    contrast = Contrast(page, chosen, found["subject"], others)
    look.part("apart", contrast.apart)
    with ui.element("div").classes("g-grid"):
        look.part("drill", look.by_tag(look.drill, look.axes), classes="s7")
        look.part("growth", look.growth, classes="s5")
    with ui.element("div").classes("g-grid"):
        look.part("changes", look.changes, classes="s5")
        look.part("success", look.success, classes="s7")
    look.part("hidden", contrast.hidden)
    look.part("flows", look.by_tag(look.flows, look.few))
    with ui.element("div").classes("g-grid"):
        look.part("funnel", look.funnel, classes="s5")
        look.part("paths", look.paths, classes="s7")
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
        page.learn(own := [t for t in tags if t["subject"] == subject])
        page.names |= {tag: page.words(title) for model in models for tag, title in model["titles"].items()}
        self.tags = page.names
        # Those of few values that change with what members do come first, then others of few values, then all.
        cut = [t for t in own if (t["distinct"] or 0) >= 2 and not t["type"].startswith(("list", "distribution"))]
        cut.sort(key=lambda t: (t["distinct"] > MOST_VALUES, not t["tag"].startswith(MOVING)))
        self.few = {t["tag"]: self.tags[t["tag"]] for t in cut}
        # A group is also looked at by what its members are, not only by tags.
        called = page.overview.get("called", {})
        mine = [name for name in called if name.startswith(f"{subject}.") and not called[name]["personal"]]
        self.axes = {**self.few, **{name: column_name(page, name.partition(".")[2], subject) for name in mine}}

    def part(self, key: str, fill: Callable[[], Awaitable[None]], *, classes: str = "") -> None:
        """A card whose content comes when it is there."""
        with parts.card(self.page.t(f"insight.{key}"), self.page.t(f"insight.{key}_about"), classes=classes):
            parts.later(self.page, fill)

    def by_tag(
        self, draw: Callable[[str, ui.element], Awaitable[None]], among: Mapping[str, str]
    ) -> Callable[[], Awaitable[None]]:
        """A choice of tags and the like with few values, drawn anew for each."""

        async def fill() -> None:
            if not among:
                parts.empty(self.page, "insight.none", icon="sell")
                return
            self.chosen(among, next(iter(among)), draw, self.page.t("insight.tag"))

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
        names = [self.page.bin(tag, row["labels"][0]) for row in rows]
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

    async def changes(self) -> None:
        """Who entered and who left between two days."""
        page, t = self.page, self.page.t
        end = datetime.fromisoformat(page.overview["as_of"]).astimezone(page.format.zone).date()
        with ui.element("div").classes("g-form-row"):
            boxes = [
                ui.input(t(key), value=day.isoformat()).props("outlined dense type=date stack-label")
                for key, day in (("form.from", end - timedelta(days=30)), ("form.to", end))
            ]
        place = ui.element("div").classes("g-form").props('aria-live="polite"')

        async def again() -> None:
            start, last = (box.value or "" for box in boxes)
            place.clear()
            if not start or not last:
                return
            with page.problems(place):
                found = await page.call(
                    "changes", expression=self.expression, subject=self.subject, start=start, end=last, limit=SHOWN
                )
                place.clear()
                with place:
                    self._changes(found)

        for box in boxes:
            box.on_value_change(again)
        await again()

    def _changes(self, found: Mapping[str, Any]) -> None:
        t, number = self.page.t, self.page.format.number
        before, after = number(found["before"]), number(found["after"])
        ui.label(t("insight.changed", before=before, after=after, stayed=number(found["stayed"])))
        longest = max(found["entered"], found["left"], 1)
        rows = [(t(f"insight.{way}"), number(found[way]), found[way] / longest, "") for way in ("entered", "left")]
        parts.bars(rows)
        for way in ("entered", "left"):
            if ids := found[f"{way}_ids"]:
                some = t("insight.some", what=t(f"insight.{way}"), n=number(len(ids)), of=number(found[way]))
                with ui.expansion(some).props("dense").classes("g-wide"), ui.element("div").classes("g-chips"):
                    for one in map(str, ids):
                        # A personal id is masked, and leads nowhere.
                        masked = "*" in one
                        to = f"/customer/{self.subject}/{quote(one)}"
                        (ui.label(one) if masked else ui.link(one, to)).classes("g-chip" if masked else "g-chip blue")

    async def success(self) -> None:
        """What the group brought in the newest whole month, beside the one before, a year ago and a lunar year ago."""
        page = self.page
        money = self._numbers()
        if not money:
            parts.empty(page, "insight.none", icon="trending_up")
            return

        async def draw(column: str, place: ui.element) -> None:
            end = datetime.fromisoformat(page.overview["as_of"]).astimezone(page.format.zone).date().replace(day=1)
            start = (end - timedelta(days=1)).replace(day=1)
            outcome = f"coalesce(sum({column}) filter (where during()), 0)"
            given = {"start": start.isoformat(), "end": end.isoformat(), "outcome": outcome}
            found = await page.call("success", groups=[self.expression], subject=self.subject, **given)
            course = await page.call(
                "growth", groups=[self.expression], outcome=outcome, periods=MONTHS, subject=self.subject
            )
            with place:
                self._success(found["rows"], course["groups"][0]["rows"])

        self.chosen(money, next(iter(money)), draw, page.t("insight.outcome"))

    def _success(self, rows: Rows, course: Rows) -> None:
        page, t = self.page, self.page.t
        means = [round(row["mean"] or 0, 2) for row in course]
        options = charts.columns([row["start"][:7] for row in course], means, t("insight.mean"))
        parts.chart(options, t("insight.success"), height=200)
        heads = [
            {"name": "period", "label": t("insight.period")},
            {"name": "days", "label": t("insight.days")},
            {"name": "members", "label": t("insight.after"), "align": "right"},
            {"name": "mean", "label": t("insight.mean"), "align": "right"},
            {"name": "daily", "label": t("insight.daily"), "align": "right"},
            {"name": "change", "label": t("insight.change"), "align": "right"},
        ]
        shown = []
        for row in rows:
            change = row.get("mean_change")
            shown.append(
                {
                    "id": row["period"],
                    "period": t(f"insight.period.{row['period']}"),
                    "days": f"{page.format.date(row['start'])} – {page.format.date(row['end'])}",
                    "members": page.format.number(row["members"]),
                    "mean": page.format.number(row["mean"], 2),
                    "daily": page.format.number(row["per_working_day"], 2),
                    "change": "" if change is None else f"{change:+.1%}",
                }
            )
        parts.table(page, heads, shown, label=t("insight.success"))

    async def funnel(self) -> None:
        """Up to four facts one after another: how many of the group take each step."""
        page, t = self.page, self.page.t
        facts = {fact: page.named(fact) for fact in self._facts()}
        if not facts:
            parts.empty(page, "insight.none", icon="filter_alt")
            return
        first, *more = facts
        steps = ui.select(facts, value=[first, *(more[:1] or [first])], multiple=True, label=t("insight.steps"))
        steps.props("outlined dense options-dense use-chips").style("min-width:220px;max-width:100%")
        within = ui.select(
            {w: self._span(w) for w in ("1 day", "7 day", "30 day", "90 day")}, value="30 day", label=t("insight.span")
        )
        within.props("outlined dense options-dense").style("min-width:120px")
        place = ui.element("div")

        async def again() -> None:
            place.clear()
            if not steps.value:
                return
            with page.problems(place):
                given = {"steps": list(steps.value), "within": within.value, "expression": self.expression}
                found = await page.call("funnel", subject=self.subject, **given)
                bars = [(t("insight.group"), found["size"])]
                bars += [(facts[row["step"]], row["n"]) for row in found["rows"]]
                with place:
                    parts.chart(charts.funnel(bars), t("insight.funnel"), height=90 + 50 * len(bars))
                    said = [
                        f"{facts[row['step']]}: {page.format.percent(row['of_before'])}"
                        f" ({page.format.percent(row['low'])} – {page.format.percent(row['high'])})"
                        for row in found["rows"]
                        if row["of_before"] is not None
                    ]
                    parts.sentences(said)

        steps.on_value_change(again)
        within.on_value_change(again)
        await again()

    def _span(self, text: str) -> str:
        number, unit = text.split()
        return f"{number} {self.page.t(f'maker.unit.{unit}')}"

    async def flows(self, tag: str, place: ui.element) -> None:
        """Where everybody was, and is now."""
        end = datetime.fromisoformat(self.page.overview["as_of"])
        since = (end - timedelta(days=DAYS)).isoformat()
        found = await self.page.call("flows", by=tag, since=since, subject=self.subject)
        names = {state["state"]: self.page.bin(tag, state["state"]) for state in found["states"]}
        names |= {state: self.page.words(words) for state, words in found["names"].items()}
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

        self.chosen(facts, next(iter(facts)), draw, page.t("insight.fact"))

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

        self.chosen(columns, next(iter(columns)), draw, page.t("insight.item"))

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
        given = {"expression": self.expression, "subject": self.subject, "top": TOP, "repeats": 3}

        async def again(why: str) -> Any:
            return await self.page.call("lookalike", **given, reveal=why)

        def draw(found: Mapping[str, Any]) -> None:
            place.clear()
            with place:
                parts.warnings(self.page, found["warnings"])
                revealing.offer(self.page, found["warnings"], again, draw)
                self._alike(found)

        async def run() -> None:
            button.disable()
            place.clear()
            with place:
                parts.waiting(self.page)
            try:
                draw(await self.page.call("lookalike", **given))
            except GongbiError as error:
                place.clear()
                with place:
                    parts.problem(self.page, error)
            if not parts.gone(place):
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
        tenth = best["lift"][found["reaches"].index(0.1)]
        ui.label(t("insight.judged", lift=page.format.number(tenth, 2), **shown))
        learned = found["learned"]
        if (n := sum(learned.values())) < (of := found["seeds"] + found["candidates"]):
            drawn = {"n": n, "of": of, "seeds": learned["seeds"], "all": found["seeds"]}
            said = {name: page.format.number(value) for name, value in drawn.items()}
            ui.label(t("insight.learned", **said)).classes("g-about")
        options = charts.lines(series, x=t("insight.reached"), y=t("insight.found"))
        parts.chart(options, t("insight.alike"), height=300)
        most = ui.number(t("insight.most"), value=100, min=1, precision=0).props("outlined dense")
        self._tiers(found["tiers"], most)
        heads = [
            {"name": "place", "label": t("insight.place"), "align": "right"},
            {"name": "who", "label": "ID", "kind": "link"},
            {"name": "why", "label": t("insight.why")},
        ]
        rows = []
        for row in found["rows"]:
            why = [self._reason(one, found["types"][one["tag"]]) for one in row["reasons"]]
            to = f"/customer/{self.subject}/{row['id']}"
            rows.append(
                {
                    "id": str(row["place"]),
                    "place": row["place"],
                    "who": str(row["id"]),
                    "who_to": to,
                    "why": ("；" if page.language == "zh" else "; ").join(why),
                }
            )
        ui.label(t("insight.most_alike")).classes("g-label")
        parts.table(page, heads, rows, label=t("insight.most_alike"), per_page=10)
        self._keep(most)
        self._not_used(found["excluded"])
        if found["suspicious"]:
            ui.label(t("insight.suspicious", names=self._named(found["suspicious"]))).classes("g-about")

    def _reason(self, reason: Mapping[str, Any], type_: str) -> str:
        """What speaks for a member: a tag and its value, as they are called."""
        page, value = self.page, reason["value"]
        moment = page.format.instant if type_ == "timestamp" else page.format.date if type_ == "date" else None
        shown = moment(value) if moment else page.value(reason, value)
        return f"{self.tags.get(reason['tag'], reason['tag'])}{'：' if page.language == 'zh' else ': '}{shown}"

    def _tiers(self, tiers: Rows, most: ui.number) -> None:
        """What the first shares of the ranking hold; a row that is clicked says how many to keep."""
        page, t, number = self.page, self.page.t, self.page.format.number
        heads = [
            {"name": "tier", "label": t("insight.tier")},
            {"name": "members", "label": t("insight.tier_members"), "align": "right"},
            {"name": "lift", "label": t("insight.lift"), "align": "right"},
            {"name": "found", "label": t("insight.tier_found"), "align": "right"},
        ]
        rows = [
            {
                "id": str(i),
                "tier": f"{one['share']:.0%}",
                "tier_sort": one["share"],
                "members": number(one["members"]),
                "members_sort": one["members"],
                "lift": f"{number(one['lift'], 2)} ({one['lift_low']:.2f} – {one['lift_high']:.2f})",
                "lift_sort": one["lift"],
                "found": page.format.percent(one["found"]),
                "found_sort": one["found"],
            }
            for i, one in enumerate(tiers)
        ]

        def take(row: Mapping[str, Any]) -> None:
            most.set_value(tiers[int(row["id"])]["members"])

        ui.label(t("insight.tiers")).classes("g-label")
        ui.label(t("insight.tier_take")).classes("g-about")
        parts.table(page, heads, rows, label=t("insight.tiers"), on_row=take)

    def _not_used(self, excluded: Rows) -> None:
        """Tags that were not learned from, reason by reason."""
        by_reason: dict[str, list[str]] = {}
        for one in excluded:
            by_reason.setdefault(self.page.words(one["reason"]), []).append(one["tag"])
        if by_reason:
            ui.label(self.page.t("insight.not_used")).classes("g-label")
            colon = "：" if self.page.language == "zh" else ": "
            parts.sentences([f"{self._named(tags)}{colon}{reason}" for reason, tags in by_reason.items()])

    def _keep(self, most: ui.number) -> None:
        """Keep the first of the ranking as a list, or everybody's score as a tag."""
        page, t = self.page, self.page.t
        with ui.element("div").classes("g-form-row") as row:
            name = ui.input(t("list.name"), placeholder="like_them").props("outlined dense")
            most.move(row)
            tag = ui.input(t("insight.score_tag"), placeholder="alike.them").props("outlined dense")
        said = ui.element("div").props('aria-live="polite"')

        async def keep() -> None:
            said.clear()
            given = {"as_list": (name.value or "").strip(), "as_tag": (tag.value or "").strip()}
            with said:
                waiting = parts.waiting(page)
            with page.problems(said):
                more = {"top": int(most.value or 100), "subject": self.subject}
                done = await page.call("save_lookalike", expression=self.expression, **given, **more)
                with said:
                    self._kept(done)
            waiting.delete()

        ui.button(t("insight.keep"), icon="playlist_add", on_click=keep).props("unelevated no-caps").classes("g-btn")

    def _kept(self, done: Mapping[str, Any]) -> None:
        t, number = self.page.t, self.page.format.number
        if kept := done.get("list"):
            to = f"/segments?{urlencode({'e': 'segment.' + kept['list'], 'subject': self.subject})}"
            ui.link(t("insight.kept_list", name=kept["list"], n=number(kept["members"])), to).classes("g-link")
        if kept := done.get("tag"):
            draft = "state" in kept
            words = t("insight.kept_draft") if draft else t("insight.kept_tag", n=number(kept["good"]))
            ui.link(f"{kept['tag']}: {words}", f"/tags/{quote(kept['tag'])}").classes("g-link")

    def _named(self, tags: Sequence[str]) -> str:
        comma = "、" if self.page.language == "zh" else ", "
        return comma.join(self.tags.get(tag, tag) for tag in tags)

    def _world(self) -> World | None:
        ws = self.page.ws
        return ws.context.catalog().world if ws.context is not None else None

    def _facts(self) -> list[str]:
        """The facts about the subject, as they are defined."""
        world = self._world()
        return [f.name for f in world.facts.values() if self.subject in f.subjects] if world is not None else []

    def _numbers(self) -> dict[str, str]:
        """Numbers of the subject's facts that can be added up, and how people call them; money first."""
        world, found = self._world(), []
        for fact in self._facts() if world is not None else ():
            types = world.facts[fact].columns  # type: ignore[union-attr]
            found += [(type_.name != "decimal", f"{fact}.{name}") for name, type_ in types.items() if type_.is_number]
        return {column: self.called(column) for _, column in sorted(found, key=lambda one: one[0])}

    def called(self, column: str) -> str:
        """A column of a fact, or of what it names, in words."""
        fact, *path = column.split(".")
        words = [self.page.named(fact)]
        words += [self.page.one_of(part) for part in path[:-1]]
        return " · ".join([*words, column_name(self.page, path[-1], path[-2] if path[1:] else fact)])

    def _columns(self) -> dict[str, str]:
        """What tells the rows of the subject's facts apart: texts of theirs and of what they name; and their words."""
        world, found = self._world(), list[str]()
        sizes = self.page.overview.get("facts", {})
        # What happens most is what people ask about first.
        for name in sorted(self._facts(), key=lambda fact: -sizes.get(fact, {}).get("rows", 0)):
            assert world is not None
            fact = world.facts[name]
            found += [f"{fact.name}.{c}" for c, type_ in fact.columns.items() if type_.name == "text"]
            for other in fact.subjects:
                texts = [a.name for a in world.subjects[other].attributes.values() if a.type.name == "text"]
                found += [f"{fact.name}.{other}.{name}" for name in texts if other != self.subject]
        return {column: self.called(column) for column in found}


PAGE = PageDef("/insight", "insight", build)
