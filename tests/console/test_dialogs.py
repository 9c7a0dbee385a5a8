"""What people do with a group who write no SQL: hand in phones, try it, copy it, follow a bar, fill in a sequence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import phones
import pytest
from openpyxl import Workbook
from test_browser import Visit, chart, fill, press, until

import gongbi
from gongbi.console import texts

pytestmark = pytest.mark.browser

GROUP = "count(order) > 0 and customer.town = '上海'"
DIALOG = "return document.querySelector('.g-dialog')?.innerText ?? ''"
WRITTEN = "return document.getElementById('expression').value"


@pytest.fixture
def visit(chromium: Any, private: Any) -> Visit:
    """Somebody at the console of forty customers who have names and phones."""
    found = Visit(chromium, private)
    found.complaints()
    return found


def label(visit: Visit, key: str, text: str) -> None:
    """Type into the box of a dialog that is called so."""
    boxes = ".g-dialog input, .g-dialog textarea"
    name = texts.text("zh", key)
    one = next(
        box for box in visit.driver.find_elements("css selector", boxes) if box.get_attribute("aria-label") == name
    )
    one.send_keys(text)


def hand_in(visit: Visit) -> None:
    visit.open("/segments", "zh")
    press(visit, texts.text("zh", "list.title"))
    until(lambda: texts.text("zh", "list.paste") in visit.script(DIALOG), "the dialog")


def use(visit: Visit, members: int, unmatched: int) -> None:
    """Keep the list, read what became of it, and take it as the group."""
    press(visit, texts.text("zh", "list.save"))
    until(lambda: texts.text("zh", "list.use") in visit.script(DIALOG), "what became of it", 30)
    lines = visit.script(DIALOG).splitlines()
    assert lines[lines.index(texts.text("zh", "list.members")) + 1] == str(members)
    assert lines[lines.index(texts.text("zh", "list.unmatched")) + 1] == str(unmatched)
    press(visit, texts.text("zh", "list.use"))
    until(lambda: visit.count() == str(members), "the count of the group")


def test_pasted_phones_become_a_group_and_what_was_not_found_is_told(visit: Visit) -> None:
    hand_in(visit)
    label(visit, "list.name", "pasted")
    label(visit, "list.paste", "\n".join([*(phones.phone(card) for card in range(1, 13)), "13999999999"]))
    use(visit, 12, 1)
    assert visit.script(WRITTEN) == "segment.pasted"
    assert "13999999999" not in visit.script(WRITTEN)


def test_a_column_of_an_excel_file_becomes_a_group(visit: Visit, tmp_path: Path) -> None:
    book = Workbook()
    for row in (["序号", "姓名", "手机"], *([card, "王小明", phones.phone(card)] for card in range(3, 10))):
        book.active.append(row)
    book.save(tmp_path / "people.xlsx")
    hand_in(visit)
    label(visit, "list.name", "uploaded")
    visit.driver.find_element("css selector", ".g-dialog input[type=file]").send_keys(str(tmp_path / "people.xlsx"))
    told = "return document.querySelector('.q-notification')?.innerText ?? ''"
    until(lambda: "7" in visit.script(told), "it is read", 20)
    assert texts.text("zh", "list.column") in visit.script(DIALOG)
    assert "手机" in visit.script(DIALOG)
    use(visit, 7, 0)


def counted(visit: Visit, language: str) -> int:
    with gongbi.open(visit.served.root) as ws:
        wanted = ws.segment(GROUP).count()
    visit.open("/segments", language)
    visit.type(GROUP)
    until(lambda: visit.count() == str(wanted), "the count")
    return wanted


def test_a_group_is_copied_as_sql_and_tried_with_what_a_build_costs(visit: Visit) -> None:
    wanted = counted(visit, "en")
    with gongbi.open(visit.served.root) as ws:
        sql = ws.call("segment_sql", expression=GROUP)["sql"]
        cost = ws.call("build_cost")
    press(visit, texts.text("en", "list.sql"))
    shown = "return document.querySelector('.g-dialog .g-code')?.textContent ?? ''"
    until(lambda: visit.script(shown).strip() == sql.strip(), "the statement")
    press(visit, texts.text("en", "frame.close"))
    until(lambda: not visit.script(DIALOG), "it is shut")
    press(visit, texts.text("en", "list.try"))
    until(lambda: texts.text("en", "list.try") in visit.script(DIALOG), "the trial", 30)
    until(lambda: str(wanted) in visit.script(DIALOG), "how many it holds")
    visit.open("/tags/spend.total", "en")
    press(visit, texts.text("en", "list.try"))
    until(lambda: f"{cost['rows']:,}" in visit.script(DIALOG), "what a build reads", 30)
    (subject,) = cost["subjects"]
    assert f"{subject['tags']} tags" in visit.script(DIALOG)


def test_a_bar_of_the_waterfall_leads_to_those_whom_it_removed(visit: Visit) -> None:
    counted(visit, "en")
    with gongbi.open(visit.served.root) as ws:
        step = ws.segment(GROUP).waterfall()[1]
    until(lambda: chart(visit, "Condition by condition"), "the waterfall")
    # A click as the drawing tells of it; where on the screen a bar ends is the drawing's own business.
    visit.script("""
        const found = document.querySelector('[role=img][aria-label="Condition by condition"]');
        const series = {componentType: 'series', seriesType: 'bar', seriesIndex: 1, seriesName: ''};
        const bar = {...series, dataIndex: 2, name: '', dataType: null, data: 1, value: 1};
        getElement(Number(found.id.slice(1))).chart.trigger('click', bar);
    """)
    until(lambda: visit.script(WRITTEN) == step["removed_are"], "the expression of those whom it removed", 20)
    until(lambda: visit.count() == str(step["removed"]), "how many they are")


def test_a_sequence_and_a_phrase_are_drawn_filled_in_and_counted(visit: Visit) -> None:
    text = "followed_by(step(order), step(order), within => interval {} day) and not stopped(order, {}, 'day')"
    with gongbi.open(visit.served.root) as ws:
        counts = {given: ws.segment(text.format(*given)).count() for given in ((1, 9000), (900, 9000), (900, 1))}
    visit.open("/segments", "en")
    visit.type(text.format(1, 9000))
    until(lambda: visit.script("return document.querySelectorAll('#conditions > .g-row').length") == 2, "two rows")
    assert not visit.driver.find_elements("css selector", "#conditions .g-mono"), "nothing is left as text"
    until(lambda: visit.count() == str(counts[1, 9000]), "the count")
    fill(visit, "#conditions > .g-row:nth-of-type(1) > .g-small input", "900")
    until(lambda: visit.script(WRITTEN) == text.format(900, 9000), "written", 20)
    until(lambda: visit.count() == str(counts[900, 9000]), "the count of more time")
    fill(visit, "#conditions > .g-row:nth-of-type(2) > .g-small input", "1")
    until(lambda: visit.script(WRITTEN) == text.format(900, 1), "written")
    until(lambda: visit.count() == str(counts[900, 1]), "the count of who did not stop")
    press(visit, texts.text("en", "form.step"))
    until(lambda: visit.script(WRITTEN).count("step(order)") == 3, "a third step")
    assert visit.complaints() == []


def test_the_lineage_of_a_tag_is_drawn_from_the_file_on(visit: Visit) -> None:
    with gongbi.open(visit.served.root) as ws:
        found = ws.call("lineage", name="tag:spend.total")
    for language in ("zh", "en"):
        visit.open("/tags/spend.total", language)
        shown = """
            const found = document.querySelector(`[role=img][aria-label="${arguments[0]}"]`);
            const drawn = found && getElement(Number(found.id.slice(1)))?.chart;
            const one = drawn?.getOption().series[0];
            return one ? [one.data.map(d => d.name).sort(), one.links.map(l => `${l.source} ${l.target}`).sort()] : [];
        """
        nodes, edges = until(lambda: visit.script(shown, texts.text(language, "tags.lineage")), "the drawing", 30)  # noqa: B023
        assert nodes == sorted(node["id"] for node in found["nodes"])
        assert edges == sorted(f"{edge['from']} {edge['to']}" for edge in found["edges"])
    assert {"raw:orders.amount", "file:orders", "segment:buyers"} <= set(nodes)
