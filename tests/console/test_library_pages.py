"""The library's pages in a real browser: an existing tag as a form and as text, tried, saved, reviewed."""

from __future__ import annotations

from typing import Any

import pytest
from test_browser import Visit, press, until

import gongbi

pytestmark = pytest.mark.browser


@pytest.fixture
def visit(chromium: Any, served: Any) -> Visit:
    found = Visit(chromium, served)
    found.complaints()
    return found


CODE = "return [...document.querySelectorAll('#draft .g-code')].map(code => code.innerText.trim())"


def test_an_existing_tag_opens_in_the_form_that_writes_it_and_as_text(visit: Visit) -> None:
    visit.open("/tags/new?tag=rfm.frequency", "en")
    until(lambda: (visit.script(CODE) or [""])[0] == "score(count(purchase), 5)", "the expression of the form")
    press(visit, "Text")
    area = until(lambda: visit.driver.find_elements("css selector", ".g-form textarea"), "the text")[0]
    assert area.get_attribute("value") == "score(count(purchase), 5)"
    area.send_keys("\ue009a\ue000" + "sum(purchase.amount) filter (where within(9000, 'day'))")
    until(lambda: "within(9000" in (visit.script(CODE) or [""])[0], "the draft of the text")
    press(visit, "Form")
    until(lambda: visit.script("return !document.querySelector('.g-form textarea')"), "the form again")
    until(lambda: "metric:" in (visit.script(CODE) or [""])[-1], "the maker that writes it")
    assert "within: 9000 day" in visit.script(CODE)[-1]
    assert "name:\n  zh: 消费频率得分" in visit.script(CODE)[-1]


def test_what_no_form_writes_opens_as_text_and_is_tried_on_a_thousand(visit: Visit) -> None:
    visit.open("/tags/new?tag=rfm.group", "zh")
    area = until(lambda: visit.driver.find_elements("css selector", ".g-form textarea"), "the text")[0]
    assert area.get_attribute("value").startswith("case when tag.rfm.recency >= 4")
    until(lambda: visit.script(CODE), "the draft")
    press(visit, "小样本试算")
    until(lambda: "冠军客户" in visit.script("return document.querySelector('.g-dialog')?.innerText ?? ''"), "values")
    with gongbi.open(visit.served.root) as ws:
        found = ws.call("try_tag", definition={"tag": "a.b", "expr": ws.call("tag_form", tag="rfm.group")["expr"]})
    shown = visit.script("return document.querySelector('.g-dialog').innerText")
    assert all(str(one["count"]) in shown for one in found["top"])
