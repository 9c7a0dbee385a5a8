"""A new model by choosing what, of whom and how far ahead: the size it would have, the YAML it writes, a draft."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from gongbi.console import parts
from gongbi.console.frame import Page, PageDef
from gongbi.errors import GongbiError

DAYS = (7, 14, 30, 60, 90, 180)
#: Least confidence at which a trait is inferred.
LIMITS = (0.7, 0.8, 0.9, 0.95)
#: Which choices each kind of model asks for, beside its name and the people.
KINDS = {
    "propensity": ("fact", "does", "where", "days", "trend"),
    "value": ("fact", "amount", "often", "days"),
    "newcomers": ("fact", "where", "amount", "days"),
    "wallet": ("fact", "where", "amount", "features", "product", "market", "elsewhere", "days"),
    "stages": ("fact", "amount", "days"),
    "contracts": ("fact", "columns", "left", "grace", "where", "days"),
    "recurring": ("fact", "payee", "where", "amount", "days"),
    "life_event": ("fact", "signs", "where", "limit", "days"),
    "send_time": ("fact", "answered", "channel", "channels", "where", "group", "explore", "days"),
    "uplift": ("fact", "does", "where", "days", "treated", "randomised"),
    "trait": ("trait", "features", "limit"),
    "price": ("fact", "price", "quantity", "product", "unit", "controls", "cost", "where", "group", "days"),
}
#: Days before, with which a chance is compared.
TRENDS = (0, 7, 14, 28, 90)
#: Shares of members who are given a drawn hour.
EXPLORE = (0.0, 0.05, 0.1, 0.2)
#: Days after the end of a contract within which another one carries on.
GRACE = (0, 7, 14, 30, 60)
#: What models of prices and wallets ask of a row or of a member, with what could stand there.
WRITTEN = {
    "price": "purchase.amount / purchase.quantity",
    "quantity": "purchase.quantity",
    "product": "purchase.product",
    "unit": "purchase.store",
    "controls": "purchase.on_display, purchase.in_mailer",
    "cost": "purchase.product.cost",
    "market": "customer.region",
    "elsewhere": "declared_elsewhere",
}
OFTEN = ("beta_geo", "modified_beta_geo", "pareto_nbd", "beta_geo_beta_binom")


async def build(page: Page) -> None:
    """Fill the page: the choices on the left, what would come of them on the right."""
    parts.title(page, page.t("modelling.title"), page.t("modelling.about"))
    known = await page.call("fields")
    facts = [fact for fact in known["facts"] if "." not in fact["name"]]
    if not facts:
        with parts.card():
            parts.empty(page, "modelling.no_facts", icon="storage", command="gongbi apply\ngongbi ingest")
        return
    _Form(page, known, facts).show()


class _Form:
    def __init__(self, page: Page, known: dict[str, Any], facts: list[dict[str, Any]]) -> None:
        self.page, self.facts = page, facts
        self.segments = {"": page.t("modelling.everybody")} | {
            f"segment.{one['name']}": page.words(one["title"], one["name"]) for one in known["segments"]
        }
        # What members declare is an attribute in words; a tag would be learned from what it is made of.
        self.declared = [
            one["name"] for one in known["fields"] if one["group"] == "attribute" and one["type"] == "text"
        ]
        # Scores are of one instant, and the group has to be known at an earlier one.
        tags = [one for one in known["fields"] if one["group"] == "tag" and one["values"]]
        self.tags = {"": page.t("modelling.no_group")} | {
            one["name"].removeprefix("tag."): page.words(one["title"], one["name"])
            for one in tags
            if not one["name"].startswith(("tag.model.", "tag.cluster."))
        }
        self.found: dict[str, Any] | None = None

    def show(self) -> None:
        """Draw the form."""
        page, t = self.page, self.page.t
        first = self.facts[0]["name"]
        names = {fact["name"]: page.words(fact.get("title") or {}, page.named(fact["name"])) for fact in self.facts}
        with ui.element("div").classes("g-grid"):
            with parts.card(classes="s5"), ui.element("div").classes("g-form"):
                self.kind = self._select("kind", {k: t(f"modelling.kind.{k}") for k in KINDS}, "propensity")
                self.name = ui.input(t("modelling.name"), placeholder="comes_again").props("outlined dense")
                self.fact = self._select("fact", names, first)
                self.does = self._select("does", {True: t("modelling.will"), False: t("modelling.will_not")}, True)
                self.where = ui.input(t("modelling.where"), placeholder="quantity > 1").props("outlined dense")
                self.amount = self._select("amount", self._columns(first), None)
                for key, example in WRITTEN.items():
                    setattr(self, key, ui.input(t(f"modelling.{key}"), placeholder=example).props("outlined dense"))
                self.payee = ui.input(t("modelling.payee"), placeholder="purchase.product.category")
                self.payee.props("outlined dense")
                self.columns = ui.input(t("modelling.columns"), placeholder="plan, fee").props("outlined dense")
                self.left = ui.input(t("modelling.left"), placeholder="reason <> 'moved'").props("outlined dense")
                self.grace = self._select("grace", {n: t("modelling.n_days", n=n) for n in GRACE}, 0)
                self.signs = ui.input(t("modelling.signs"), placeholder="purchase.product.category = 'DOG FOODS'")
                self.signs.props("outlined dense")
                self.answered = ui.input(t("modelling.answered"), placeholder="result = 'opened'")
                self.answered.props("outlined dense")
                self.channel = ui.input(t("modelling.channel"), placeholder="way").props("outlined dense")
                self.channels = ui.input(t("modelling.channels"), placeholder="sms, app").props("outlined dense")
                self.explore = self._select("explore", {one: page.format.percent(one) for one in EXPLORE}, 0.1)
                self.group = self._select("group", self.tags, "")
                self.often = self._select("often", {k: t(f"modelling.often.{k}") for k in OFTEN}, OFTEN[0])
                self.days = self._select("days", {n: t("modelling.n_days", n=n) for n in DAYS}, 30)
                before = {n: t("modelling.before", n=n) if n else t("modelling.no_trend") for n in TRENDS}
                self.trend = self._select("trend", before, 28)
                self.population = self._select("population", self.segments, "")
                self.treated = ui.input(
                    t("modelling.treated"), placeholder="exists(mailed) filter (where ahead(7, 'day'))"
                ).props("outlined dense")
                self.randomised = ui.checkbox(t("modelling.randomised"))
                self.trait = self._select("trait", self.declared, next(iter(self.declared), None))
                self.features = ui.input(t("modelling.learn_from"), placeholder="rfm.* value.spend")
                self.features.props("outlined dense")
                self.limit = self._select("limit", {one: page.format.percent(one) for one in LIMITS}, 0.8)
                for key in dict.fromkeys(key for keys in KINDS.values() for key in keys):
                    box = getattr(self, key)
                    box.bind_visibility_from(self.kind, "value", lambda kind, key=key: key in KINDS[kind])
                self.fact.on_value_change(lambda e: self.amount.set_options(self._columns(e.value)))
                with ui.element("div").classes("g-actions"):
                    look = ui.button(t("modelling.look"), icon="straighten", on_click=self.look)
                    look.props("unelevated no-caps").classes("g-btn")
            with parts.card(t("modelling.what"), classes="s7"):
                self.place = ui.element("div").props('aria-live="polite"')
                with self.place:
                    ui.label(t("modelling.not_yet")).classes("g-about")

    def _select(self, key: str, options: Any, value: Any) -> Any:
        box = ui.select(options, value=value, label=self.page.t(f"modelling.{key}"))
        return box.props("outlined dense options-dense").style("max-width:100%")

    def _columns(self, fact: str) -> list[str]:
        columns: list[dict[str, Any]] = next((one["columns"] for one in self.facts if one["name"] == fact), [])
        # Fields of rows are named with their fact in front.
        return [one["name"].removeprefix(f"{fact}.") for one in columns if one.get("kind") == "number"]

    def _given(self) -> dict[str, Any]:
        return {
            "model": (self.name.value or "").strip(),
            "kind": self.kind.value,
            "fact": self.fact.value,
            "does": self.does.value,
            "where": self.where.value or "",
            "days": self.days.value,
            "population": self.population.value,
            "amount": self.amount.value or "",
            "often": self.often.value,
            "payee": self.payee.value or "",
            "columns": self.columns.value or "",
            "left": self.left.value or "",
            "signs": self.signs.value or "",
            "grace": self.grace.value,
            "answered": self.answered.value or "",
            "channel": self.channel.value or "",
            "group": self.group.value or "",
            "channels": self.channels.value or "",
            "explore": self.explore.value,
            "treated": self.treated.value or "",
            "randomised": bool(self.randomised.value),
            "trait": self.trait.value or "",
            "features": self.features.value or "",
            "limit": self.limit.value,
            "trend": self.trend.value,
            **{key: getattr(self, key).value or "" for key in WRITTEN},
        }

    async def look(self) -> None:
        """Check the choices and show what would come of them."""
        page, t, number = self.page, self.page.t, self.page.format.number
        self.place.clear()
        with self.place:
            parts.waiting(page)
        try:
            found = await page.call("draft_model", **self._given())
        except GongbiError as error:
            self.place.clear()
            with self.place:
                parts.problem(page, error)
            return
        self.place.clear()
        with self.place:
            if preview := found.get("preview"):
                with ui.element("div").classes("g-stats"):
                    share = preview["positives"] / preview["members"] if preview["members"] else 0
                    parts.stat(
                        t("modelling.had"),
                        f"{number(preview['positives'])} / {number(preview['members'])}",
                        page.format.percent(share),
                        icon="how_to_reg",
                    )
                    parts.stat(t("modelling.cohorts"), number(preview["cohorts"]), icon="layers")
                    out = t("modelling.left_out", n=number(len(found["left_out"])))
                    parts.stat(t("modelling.features"), number(len(found["features"])), out, icon="sell")
                window = f"{page.format.date(preview['as_of'])} – {page.format.date(preview['matures'])}"
                ui.label(f"{t('modelling.window')}: {window}").classes("g-about")
            parts.code(found["yaml"], label=t("modelling.yaml"))
            with ui.element("div").classes("g-actions"):
                save = ui.button(t("modelling.save"), icon="save", on_click=lambda: self.save(found["definition"]))
                save.props("unelevated no-caps").classes("g-btn")
            ui.label(t("modelling.then")).classes("g-about")

    async def save(self, definition: dict[str, Any]) -> None:
        """Keep it as a draft, and ask for its review."""
        with self.page.problems(self.place):
            await self.page.call("save_tag", definition=definition, kind="model")
            ui.navigate.to("/models")


NEW = PageDef("/models/new", "models", build)
