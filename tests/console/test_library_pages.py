"""The library's pages in a real browser: an existing tag as a form and as text, tried, saved, reviewed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from test_browser import Visit, press, until

import gongbi
from gongbi.catalog.makers import MAKERS, form
from gongbi.console import texts

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


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_maker_is_drawn_with_all_its_fields(visit: Visit, language: str) -> None:
    # Every second maker in each language; the others are drawn by the same code.
    for maker in [*MAKERS][language == "en" :: 2]:
        visit.open(f"/tags/new?maker={maker}", language)
        labels = (
            "return [...document.querySelectorAll('.g-form *')].map(e => e.getAttribute('aria-label') || e.innerText)"
        )
        fields = [getattr(field.name, language) for field in form(maker)]
        until(lambda: not [f for f in fields if not any(f in (t or "") for t in visit.script(labels))], maker, 20)  # noqa: B023
        assert not visit.script("return document.querySelector('.g-problem')"), visit.body()
    assert visit.complaints() == []


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


def test_a_click_on_a_value_says_why_and_tags_are_found_by_their_initials(visit: Visit) -> None:
    visit.open("/customer/customer/3", "zh")
    shown = "return [...document.querySelectorAll('.g-tagrow')].filter(r => r.offsetParent).map(r => r.dataset.tag)"
    assert len(visit.script(shown)) > 3
    visit.driver.find_element("css selector", ".g-find input").send_keys("gwcs")
    until(lambda: visit.script(shown) == ["value.trips"], "购物次数 alone")
    visit.script("document.querySelector('[data-tag=\"value.trips\"]').click()")
    said = until(
        lambda: visit.script("return document.querySelector('.g-dialog .g-means')?.innerText ?? ''"), "the words"
    )
    with gongbi.open(visit.served.root) as ws:
        told = ws.explain("value.trips", 3)
    assert said == told["said"]["zh"]
    body = visit.script("return document.querySelector('.g-dialog').innerText")
    assert f"{told['value']} 次购物" in body
    assert "purchases.csv" in body


def test_tags_without_a_category_have_a_place_in_the_tree(visit: Visit) -> None:
    file = visit.served.root / "definitions" / "unfiled.yaml"
    try:
        file.write_text("tag: loose.end\nname: {zh: 无类, en: Loose end}\nexpr: count(purchase)\n", "utf-8")
        with gongbi.open(visit.served.root) as ws:
            ws.apply()
        for language in ("zh", "en"):
            visit.open("/tags", language)
            rows = "return [...document.querySelectorAll('.g-tree a')].map(a => a.innerText.split('\\n'))"
            last = until(lambda: visit.script(rows), "the tree")[-1]  # noqa: B023
            assert last == [texts.text(language, "tags.unfiled"), "1"]
        visit.script("[...document.querySelectorAll('.g-tree a')].at(-1).click()")
        found = "return [...document.querySelectorAll('.g-table tbody tr')].map(row => row.innerText.split('\\n')[0])"
        until(lambda: len(visit.script(found)) == 1 and "Loose end" in visit.script(found)[0], "that tag alone", 20)
    finally:
        file.unlink()
        with gongbi.open(visit.served.root) as ws:
            ws.apply()


def test_a_group_is_followed_between_two_days_and_through_a_funnel(visit: Visit) -> None:
    visit.open("/insight?e=champions", "en")
    until(lambda: visit.script("return !document.querySelector('.g-waiting')"), "all parts")
    with gongbi.open(visit.served.root) as ws:
        end = datetime.fromisoformat(ws.call("overview")["as_of"]).astimezone(ZoneInfo(ws.settings.zone)).date()
        found = ws.changes("champions", (end - timedelta(days=30)).isoformat(), end.isoformat())
    said = f"{found['before']} became {found['after']}; {found['stayed']} stayed"
    until(lambda: said in visit.body(), "who came and left")
    until(lambda: visit.script("return !!document.querySelector('[role=img][aria-label=Funnel]')"), "the funnel")


def test_the_first_shares_of_the_look_alikes_are_previewed_and_one_is_taken(visit: Visit) -> None:
    with gongbi.open(visit.served.root) as ws:
        found = ws.call("lookalike", expression="coast", top=20, repeats=3)
    for language, button in (("zh", "开始查找"), ("en", "Find them")):
        visit.open("/insight?e=coast", language)
        press(visit, button)
        until(lambda: "AUC" in visit.body(), "the ranking", 60)
        tiers = TIERS[language]
        until(lambda: len(visit.script(ROWS, tiers)) == 3, "three tiers", 20)  # noqa: B023
        for tier, row in zip(found["tiers"], visit.script(ROWS, tiers), strict=True):
            assert row[:2] == [f"{tier['share']:.0%}", str(tier["members"])]
            assert row[2].startswith(f"{tier['lift']:.2f} (")
        reasons = {one["reason"][language] for one in found["excluded"]}
        assert reasons
        assert all(reason in visit.body() for reason in reasons)
        again = "return [...document.querySelectorAll('button:enabled')].some(b => b.innerText.includes(arguments[0]))"
        until(lambda: visit.script(again, button), "it can be asked again", 20)  # noqa: B023
    visit.script("document.querySelectorAll(`[aria-label='${arguments[0]}'] tbody tr`)[2].click()", TIERS["en"])
    taken = (
        f"return [...document.querySelectorAll('input')].some(box => box.value === '{found['tiers'][2]['members']}')"
    )
    until(lambda: visit.script(taken), "as many as the tenth has", 20)


TIERS = {"zh": "按前百分之几选取", "en": "How far to go"}
ROWS = """return [...document.querySelectorAll(`[aria-label='${arguments[0]}'] tbody tr`)]
    .map(row => [...row.cells].map(cell => cell.innerText.trim()))"""


OPTION = """const one = [...document.querySelectorAll('.q-menu .q-item')]
    .find(item => item.innerText.trim() === arguments[0]); if (one) one.click(); return !!one"""


def choose(visit: Visit, label: str, option: str) -> None:
    """Take an option of a select, told by its label."""
    boxes = visit.driver.find_elements("css selector", ".q-select")
    box = next(one for one in boxes if one.is_displayed() and label in one.text)
    visit.script("arguments[0].scrollIntoView({block: 'center'})", box)
    box.click()
    until(lambda: visit.script(OPTION, option), f"{option} of {label}", 20)
    until(lambda: not visit.script("return !!document.querySelector('.q-menu')"), "the menu is shut")


def test_a_group_is_set_against_another_its_past_without_the_unknown_and_beyond_a_channel(visit: Visit) -> None:
    visit.open("/insight?e=champions", "en")
    until(lambda: visit.script("return !document.querySelector('.g-waiting')"), "all parts")
    with gongbi.open(visit.served.root) as ws:
        end = datetime.fromisoformat(ws.call("overview")["as_of"]).astimezone(ZoneInfo(ws.settings.zone)).date()
        past = (end - timedelta(days=90)).isoformat()
        other = ws.call("insight", expression="champions", base="segment.coast")
        apart = ws.call("insight", expression="champions", base="segment.coast", unknown="apart")
        before = ws.call("insight", expression="champions", against_as_of=past, unknown="apart")
        hidden = ws.call("hidden", expression="champions", channel="segment.coast", limit=20)

    def said(found: dict[str, Any]) -> str:
        beyond = sum(row["p_adjusted"] is not None and row["p_adjusted"] < 0.05 for row in found["rows"])
        figures = {"group": found["size"], "base": found["base_size"], "n": found["compared"], "sure": beyond}
        return texts.text("en", "contrast.said", **{name: f"{value:,}" for name, value in figures.items()})

    choose(visit, "Against", "Coast")
    until(lambda: said(other) in visit.body() and other["note"] in visit.body(), "against the coast", 30)
    choose(visit, "The unknown", "count nowhere")
    assert apart["note"] != other["note"]
    until(lambda: apart["note"] in visit.body() and said(apart) in visit.body(), "without the unknown", 30)
    choose(visit, "Against", "the group in the past")
    until(lambda: said(before) in visit.body(), "against the past", 30)
    choose(visit, "Obvious channel", "Coast")
    outside = {"n": hidden["known_outside"], "of": hidden["size"]}
    until(lambda: texts.text("en", "contrast.outside", **outside) in visit.body(), "outside the channel", 30)
    assert not visit.script("return document.querySelector('.g-problem')"), visit.body()
