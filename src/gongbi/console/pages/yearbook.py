"""A customer's yearly report, as they would read it, and as a file to hand out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from nicegui import ui

from gongbi.console import parts
from gongbi.console.frame import Page, PageDef
from gongbi.errors import GongbiError
from gongbi.ownership.files import private_folder
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
        path = private_folder(page.ws.root / "exports") / f"year-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.pdf"
        try:
            await page.call("print_yearbook", id=str(found["id"]), year=year, to=str(path), language=page.language)
        except GongbiError as error:
            ui.notify(page.said(error.message, error.hint), type="negative")
            return
        ui.download.file(path)

    here = f"/yearbook/{quote(page.params['id'], safe=':')}"
    with parts.title(page, found["title"][page.language], "" if found["whole"] else page.t("yearbook.so_far")):
        years = {one: str(one) for one in range(newest, newest - YEARS, -1)} | {year: str(year)}
        choice = ui.select(years, value=year, label=page.t("yearbook.year")).props("outlined dense")
        choice.on_value_change(lambda event: ui.navigate.to(f"{here}?year={event.value}"))
        ui.button(page.t("personas.print"), icon="print", on_click=hand_out).props("outline no-caps").classes("g-btn")
    with parts.card():
        ui.html("".join(yearbook_parts(found, page.language)), sanitize=False).classes("g-year")


PAGE = PageDef("/yearbook/{id}", "yearbook", build)
