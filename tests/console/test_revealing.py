"""Personal values in a browser: masked on worklists and look-alikes, in the clear for who gives a name and a reason."""

from __future__ import annotations

from typing import Any

import phones
import pytest
from openpyxl import load_workbook
from test_browser import Visit, until

pytestmark = pytest.mark.browser

REVEAL, WHY = "Show in the clear", "Why; put on record with your name"
PRESS = """const one = [...document.querySelectorAll(arguments[0] + ' button')]
    .find(b => b.innerText.trim().toLowerCase().includes(arguments[1].toLowerCase()));
    if (one) one.click(); return !!one"""


@pytest.fixture
def visit(chromium: Any, private: Any) -> Visit:
    """Ana, at the console of customers who have names and phones."""
    found = Visit(chromium, private)
    found.open("/worklists", "en")
    found.script("document.cookie = 'gongbi_actor=ana;path=/'")
    return found


def press(visit: Visit, inside: str, label: str) -> None:
    until(lambda: visit.script(PRESS, inside, label), f"the button {label!r}", 30)


def give(visit: Visit, why: str) -> None:
    """Ask for the clear with a reason."""
    press(visit, "main", REVEAL)
    box = until(lambda: visit.driver.find_elements("css selector", f".q-dialog input[aria-label='{WHY}']"), "a dialog")
    box[0].send_keys(why)
    press(visit, ".q-dialog", REVEAL)


def test_a_worklist_is_shown_in_the_clear_to_ana_with_her_reason(visit: Visit) -> None:
    visit.open("/worklists", "en")
    until(lambda: "王*" in visit.body(), "the list, masked", 30)
    names = [phones.called(card) for card in range(1, 7)]
    assert not [name for name in names if name in visit.body()]
    press(visit, "main", REVEAL)
    press(visit, ".q-dialog", REVEAL)
    until(lambda: "needs a reason" in visit.script("return document.querySelector('.q-dialog').innerText"), "why?")
    visit.driver.refresh()
    until(lambda: "王*" in visit.body(), "the list, masked again", 30)
    give(visit, "calls of May")
    until(lambda: all(name in visit.body() for name in names), "names in the clear", 30)
    assert "王*" not in visit.body()
    visit.says("On record: ana, because 'calls of May'")


def test_a_worklist_is_handed_out_as_a_workbook_with_values_masked(visit: Visit) -> None:
    visit.open("/worklists", "en")
    until(lambda: "王*" in visit.body(), "the list, masked", 30)
    press(visit, "main", "Export Excel")
    told = "return document.querySelector('.q-notification')?.innerText ?? ''"
    until(lambda: "exported" in visit.script(told), "it is written", 30)
    (file,) = (visit.served.root / "exports").glob("calls-*.xlsx")
    heading, *rows = next(iter(load_workbook(file))).iter_rows(values_only=True)
    assert heading[0] == "id"
    assert len(rows) == 6
    assert all("*" in str(row) for row in rows)


def test_a_file_that_cannot_be_written_is_told_and_not_passed_over(visit: Visit) -> None:
    exports, aside = visit.served.root / "exports", visit.served.root / "aside"
    if exports.exists():
        exports.rename(aside)
    exports.write_text("in the way", "utf-8")
    try:
        visit.open("/worklists", "en")
        until(lambda: "王*" in visit.body(), "the list, masked", 30)
        press(visit, "main", "Export Excel")
        told = "return document.querySelector('.q-notification.bg-negative')?.innerText ?? ''"
        until(lambda: "exports" in visit.script(told), "why there is no file", 30)
    finally:
        exports.unlink()
        if aside.exists():
            aside.rename(exports)


def test_look_alikes_are_named_to_ana_with_her_reason(visit: Visit) -> None:
    hidden = "return [...document.querySelectorAll('td')].some(cell => cell.innerText.trim() === '***')"
    visit.open("/insight?e=customer.town = '上海'", "en")
    until(lambda: not visit.script("return document.querySelector('.g-waiting')"), "all parts")
    press(visit, "main", "Find them")
    until(lambda: visit.script(hidden), "the likes, masked")
    give(visit, "a mailing")
    visit.says("On record: ana, because 'a mailing'")
    assert not visit.script(hidden)
