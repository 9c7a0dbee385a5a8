"""A customer's yearly report, as they would read it, and as a file to hand out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from nicegui import ui

from gongbi.console import parts
from gongbi.console.exports import print_and_download
from gongbi.console.frame import Page, PageDef
from gongbi.portraits.printing import yearbook_parts

#: Years that can be chosen, up to that of the data.
YEARS = 5


async def build(page: Page) -> None:
    """Fill the page of one customer's year."""
    as_of = page.overview.get("as_of")
    # The last instant that is known: at the first of January that is the year before.
    newest = (datetime.fromisoformat(as_of) - timedelta(days=1)).year if as_of else datetime.now(UTC).year
    given = page.query.get("year", "")
    year = int(given) if given.isdigit() else newest
    found = await page.call("yearbook", id=page.params["id"], year=year)

    async def hand_out() -> None:
        await print_and_download(page, "print_yearbook", "year", id=str(found["id"]), year=year)

    here = f"/yearbook/{quote(page.params['id'], safe=':')}"
    with parts.title(page, found["title"][page.language], "" if found["whole"] else page.t("yearbook.so_far")):
        years = {one: str(one) for one in range(newest, newest - YEARS, -1)} | {year: str(year)}
        choice = ui.select(years, value=year, label=page.t("yearbook.year")).props("outlined dense")
        choice.on_value_change(lambda event: ui.navigate.to(f"{here}?year={event.value}"))
        ui.button(page.t("personas.print"), icon="print", on_click=hand_out).props("outline no-caps").classes("g-btn")
    with parts.card():
        ui.html("".join(yearbook_parts(found, page.language)), sanitize=False).classes("g-year")


PAGE = PageDef("/yearbook/{id}", "yearbook", build)
