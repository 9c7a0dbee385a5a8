"""What sets a group apart from another, and who is like it elsewhere: with what to choose, and every figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from nicegui import ui

from gongbi.console import groups, parts
from gongbi.console.frame import Page

#: Days back at first where a group is compared with itself, and rows of the table.
DAYS, ROWS = 90, 400
#: What may be there by chance, after correction for all that were compared.
SURE = 0.05
TOP = 20
PAST = "@past"


class Contrast:
    """Two parts of the page about one group; `names` are the saved segments of its subject with their titles."""

    def __init__(self, page: Page, expression: str, subject: str, names: Mapping[str, str]) -> None:
        self.page, self.expression, self.subject, self.names = page, expression, subject, names

    async def apart(self) -> None:
        """The index of every value of every tag, against whom and how is chosen."""
        page, t = self.page, self.page.t
        end = datetime.fromisoformat(page.overview["as_of"]).astimezone(page.format.zone).date()
        with ui.element("div").classes("g-form-row"):
            options = {"": t("contrast.everybody"), PAST: t("contrast.past"), **self.names}
            against = ui.select(options, value="", label=t("contrast.against"))
            day = ui.input(t("contrast.day"), value=(end - timedelta(days=DAYS)).isoformat())
            day.props("type=date stack-label").bind_visibility_from(against, "value", value=PAST)
            least = ui.number(t("contrast.least"), value=20, min=0, precision=0).props("debounce=400")
            ways = {way: t(f"contrast.{way}") for way in ("among", "apart")}
            unknown = ui.select(ways, value="among", label=t("contrast.unknown"))
            for box in (against, day, least, unknown):
                box.props("outlined dense options-dense")
        sure = ui.checkbox(t("contrast.sure"), value=True).props("dense")
        place = ui.element("div").classes("g-form").props('aria-live="polite"')

        async def again() -> None:
            place.clear()
            with place:
                waiting = parts.waiting(page)
            given: dict[str, Any] = {"min_support": int(least.value or 0), "unknown": unknown.value}
            if against.value == PAST:
                given["against_as_of"] = day.value or end.isoformat()
            elif against.value:
                given["base"] = f"segment.{against.value}"
            with page.problems(place):
                found = await page.call("insight", expression=self.expression, subject=self.subject, **given)
                with place:
                    self._found(found, only_sure=bool(sure.value))
            if not parts.gone(place):
                waiting.delete()

        sure.on_value_change(again)
        for box in (against, day, least, unknown):
            box.on_value_change(again)
        await again()

    def _found(self, found: Mapping[str, Any], *, only_sure: bool) -> None:
        page, number = self.page, self.page.format.number
        beyond = [row for row in found["rows"] if row["p_adjusted"] is not None and row["p_adjusted"] < SURE]
        said = {"group": number(found["size"]), "base": number(found["base_size"]), "n": number(found["compared"])}
        ui.label(page.t("contrast.said", sure=number(len(beyond)), **said))
        ui.label(page.said(found["note"])).classes("g-about")
        parts.warnings(page, found["warnings"])
        rows = beyond if only_sure else found["rows"]
        if not rows:
            parts.empty(page, "contrast.none", icon="balance")
            return
        with ui.element("div").classes("g-grid"):
            with ui.element("div").classes("s5"):
                groups.apart(page, [row for row in rows if row["kind"] != "absent"], page.t("insight.apart"))
            with ui.element("div").classes("s7"):
                self._table(rows[:ROWS])
        groups.left_out(page, found["left_out"])

    def _table(self, rows: Sequence[Mapping[str, Any]]) -> None:
        page, t = self.page, self.page.t
        heads: list[dict[str, Any]] = [{"name": "trait", "label": t("insight.trait"), "kind": "link"}]
        heads += [
            {"name": name, "label": t(f"contrast.{name}"), "align": "right", "classes": "g-nowrap"}
            for name in ("share", "base_share", "tgi", "interval", "p")
        ]
        shown = []
        for i, row in enumerate(rows):
            p = row["p_adjusted"]
            shown.append(
                {
                    "id": str(i),
                    "trait": page.trait(row["tag"], row["label"])
                    + (f" ({t('contrast.own')})" if row["defining"] else ""),
                    "trait_to": f"/tags/{quote(row['tag'])}",
                    "share": f"{page.format.percent(row['share'])} ({page.format.number(row['support'])})",
                    "share_sort": row["share"],
                    "base_share": page.format.percent(row["base_share"]),
                    "base_share_sort": row["base_share"],
                    "tgi": page.format.number(row["tgi"], 0),
                    "tgi_sort": row["tgi"],
                    "interval": groups.interval(row),
                    "interval_sort": row["low"],
                    "p": "—" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}",
                    "p_sort": p,
                }
            )
        parts.table(page, heads, shown, label=t("insight.apart"), per_page=14)

    async def hidden(self) -> None:
        """Traits of the group, and how many outside it, or outside the channel that is chosen, have them."""
        page, t = self.page, self.page.t
        own = {"": t("contrast.itself")}
        channel = ui.select({**own, **self.names}, value="", label=t("contrast.channel"))
        channel.props("outlined dense options-dense").style("min-width:220px;max-width:100%")
        place = ui.element("div").classes("g-form").props('aria-live="polite"')

        async def again() -> None:
            place.clear()
            with place:
                waiting = parts.waiting(page)
            with page.problems(place):
                given = {"channel": f"segment.{channel.value}"} if channel.value else {}
                found = await page.call("hidden", expression=self.expression, subject=self.subject, limit=TOP, **given)
                with place:
                    self._hidden(found)
            if not parts.gone(place):
                waiting.delete()

        channel.on_value_change(again)
        await again()

    def _hidden(self, found: Mapping[str, Any]) -> None:
        page, t, number = self.page, self.page.t, self.page.format.number
        parts.warnings(page, found["warnings"])
        if found["channel"]:
            both = {"n": number(found["known_outside"]), "of": number(found["size"])}
            ui.label(t("contrast.outside", **both))
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
            to = urlencode({"e": row["members_are"], "subject": self.subject})
            rows.append(
                {
                    "id": str(i),
                    "trait": page.trait(row["tag"], row["label"]),
                    "trait_to": f"/segments?{to}",
                    "outside": number(row["outside"]),
                    "outside_sort": row["outside"],
                    "lift": number(row["lift"], 2),
                    "lift_sort": row["lift"],
                    "interval": f"{row['low']:.2f} – {row['high']:.2f}",
                    "interval_sort": row["low"],
                }
            )
        parts.table(page, heads, rows, label=t("insight.hidden"), per_page=10)
        repeated(page, found["excluded"])


def repeated(page: Page, excluded: Sequence[Mapping[str, Any]]) -> None:
    """Which tags are left out because they only repeat the definition."""
    if excluded:
        comma = "、" if page.language == "zh" else ", "
        names = comma.join(page.names.get(one["tag"], one["tag"]) for one in excluded)
        ui.label(page.t("insight.excluded", names=names)).classes("g-about")
