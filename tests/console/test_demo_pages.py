"""What the demo's makers write, in the pages where people meet it: library, segments, insight, personas."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from openpyxl import load_workbook
from test_browser import Visit, press, until
from test_library_pages import choose

import gongbi
from conftest import HERE, Served, start, stop
from gongbi.catalog.makers import NAMES
from gongbi.console import texts

# A demo is built for them.
pytestmark = [pytest.mark.browser, pytest.mark.slow]

#: Maker → a tag of the demo that it writes.
WRITTEN = {
    "metric": "value.spend_365d",
    "first_last": "relation.first_department",
    "preference": "taste.department_now",
    "tiers": "stage.spend_tier",
    "rank": "stage.place",
    "rfm": "stage.rfm",
    "life_cycle": "stage.life_cycle",
    "trend": "stage.basket_direction",
    "periodicity": "stage.regularity",
    "distribution": "taste.departments",
    "similarity": "taste.like_champions",
    "sql": "value.trips_per_week",
    "manual": "care.grade",
    "imported": "outside.satisfaction",
}
ACTIVE = "tag.stage.life_cycle = 'active' and tag.stage.spend_tier in ('silver', 'gold')"


@pytest.fixture(scope="module")
def grocery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The console of a small demo."""
    spec = importlib.util.spec_from_file_location("console_demo", HERE / "demo.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    running = start(Path(module.build_demo(tmp_path_factory.mktemp("grocery") / "grocery")))
    yield running
    stop(running)


@pytest.fixture
def visit(chromium: Any, grocery: Served) -> Visit:
    found = Visit(chromium, grocery)
    found.complaints()
    return found


@pytest.fixture(scope="module")
def library(grocery: Served) -> dict[str, dict[str, Any]]:
    """Tag → what the library says of it."""
    with gongbi.open(grocery.root) as ws:
        return {tag["tag"]: tag for tag in ws.call("tags")}


def seen(visit: Visit, words: str) -> None:
    visit.says(words, 45)


def test_every_maker_is_used_by_one_of_150_tags_with_values(library: dict[str, dict[str, Any]]) -> None:
    assert len(library) >= 150
    assert WRITTEN.keys() == NAMES.keys()
    for maker, tag in WRITTEN.items():
        assert library[tag]["maker"] == maker
        assert library[tag]["present"] > 0, tag


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_library_shows_what_makers_wrote(visit: Visit, library: dict[str, dict[str, Any]], language: str) -> None:
    visit.open("/tags", language)
    customers = [tag for tag in library.values() if tag["subject"] == "customer"]
    seen(visit, texts.text(language, "tags.count", n=len(customers)))
    # Every second maker in each language; the other half is drawn by the same code.
    for maker in [*NAMES][language == "en" :: 2]:
        tag = library[WRITTEN[maker]]
        visit.open(f"/tags/{tag['tag']}")
        seen(visit, tag["name"][language])
        seen(visit, tag["category_name"][language].rsplit("/", 1)[-1].strip())
    assert visit.complaints() == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_group_of_what_makers_wrote_is_counted_compared_and_looked_into(
    visit: Visit, library: dict[str, dict[str, Any]], language: str
) -> None:
    with gongbi.open(visit.served.root) as ws:
        count = ws.segment(ACTIVE).count()
        rows = ws.call("insight", expression=ACTIVE)["rows"]
    assert count > 10
    assert {"stage.life_cycle", "stage.rfm"} <= {row["tag"] for row in rows}
    visit.open(f"/segments?e={quote(ACTIVE)}", language)
    until(lambda: str(count) in visit.count(), "the size of the group")
    visit.open(f"/insight?e={quote(ACTIVE)}")
    seen(visit, str(count))
    with gongbi.open(visit.served.root) as ws:
        found = ws.call("insight", expression=ACTIVE)
    beyond = sum(row["p_adjusted"] is not None and row["p_adjusted"] < 0.05 for row in found["rows"])
    said = {
        "group": f"{count:,}",
        "base": f"{found['base_size']:,}",
        "n": f"{found['compared']:,}",
        "sure": f"{beyond}",
    }
    seen(visit, texts.text(language, "contrast.said", **said))
    assert not visit.script("return document.querySelector('.g-problem')"), visit.body()
    assert visit.complaints() == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_personas_speak_of_what_makers_wrote(visit: Visit, library: dict[str, dict[str, Any]], language: str) -> None:
    with gongbi.open(visit.served.root) as ws:
        (cast,) = ws.call("personas")["casts"]
        told = [ws.call("persona", cast=cast["cast"], key=one["key"]) for one in cast["personas"]]
    made = {tag["name"][language] for name, tag in library.items() if name.startswith(("stage.", "taste."))}
    speaking = [one for one in told if any(name in json.dumps(one, ensure_ascii=False) for name in made)]
    assert speaking, "some persona stands out by what a maker wrote"
    visit.open("/model/shoppers", language)
    seen(visit, texts.text(language, "clusters.candidates"))
    visit.says("TGI")
    assert not visit.script("return document.querySelector('.g-problem')"), visit.body()
    visit.open("/personas", language)
    seen(visit, speaking[0]["name"][language])
    visit.open(f"/personas/{cast['cast']}/{speaking[0]['key']}")
    until(lambda: any(name in visit.body() for name in made), "the sentence")
    assert visit.complaints() == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_grades_worklists_and_a_year_are_shown_wide_and_on_a_phone(visit: Visit, language: str) -> None:
    with gongbi.open(visit.served.root) as ws:
        (grading,) = ws.call("gradings")
        graded = ws.call("grading", name=grading["grading"])
        lists = ws.call("worklists")
        busiest = max(ws.segment("true").members(["value.trips"]).to_pylist(), key=lambda row: row["value.trips"] or 0)
        year = (datetime.fromisoformat(ws.call("overview")["as_of"]) - timedelta(days=1)).year
        book = ws.yearbook(busiest["id"], year)
    wanted = {
        "/grading": [f"{cell['members']:,}" for cell in graded["cells"]],
        "/worklists": [one["name"][language] for one in lists],
        f"/yearbook/{busiest['id']}?year={year}": [one["words"][language] for one in book["figures"]],
    }
    for path, words in wanted.items():
        assert words
        visit.open(path, language)
        for word in words:
            seen(visit, word)
        assert not visit.script("return document.querySelector('.g-problem')"), visit.body()
        with visit.phone():
            until(visit.fits, f"{path} fits a phone", 10)
    assert visit.complaints() == []


def test_a_post_takes_its_list_of_care_away_as_a_workbook(visit: Visit) -> None:
    with gongbi.open(visit.served.root) as ws:
        (grading,) = ws.call("gradings")
        posts = ws.call("grading", name=grading["grading"])["posts"]
        due = {post: ws.care(grading["grading"], post=post)["due"] for post in posts}
    post = next(post for post, count in due.items() if count)
    visit.open("/grading", "zh")
    seen(visit, texts.text("zh", "worklists.excel"))
    choose(visit, texts.text("zh", "grading.post"), posts[post]["zh"])
    press(visit, texts.text("zh", "worklists.excel"))
    files = visit.served.root / "exports"
    file = until(lambda: next(files.glob(f"{grading['grading']}-*.xlsx"), None), "the file", 30)
    heads, *rows = load_workbook(file).active.iter_rows(values_only=True)
    assert len(rows) == due[post]
    assert {posts[post]["zh"]} == {row[next(i for i, head in enumerate(heads) if "责任岗位" in head)] for row in rows}
    assert visit.complaints() == []


def test_one_store_sees_and_takes_away_its_own_worklist(visit: Visit) -> None:
    with gongbi.open(visit.served.root) as ws:
        one = next(one for one in ws.call("worklists") if one["by"] and one["count"])
        name = one["worklist"]
        store = ws.call("worklist", name=name)["parts"][-1]
        ids = ws.call("worklist", name=name, part=store["part"])["table"]["id"].to_pylist()
    visit.open("/worklists", "en")
    seen(visit, one["name"]["en"])
    whose = texts.text("en", "worklists.whose")
    until(lambda: visit.script(f"return !!document.querySelector('input[aria-label=\"{whose}\"]')"), "whose", 30)
    choose(visit, whose, texts.text("en", "worklists.part").format(part=store["part"], n=store["count"]))
    shown = "return [...document.querySelectorAll('main table tbody tr')].map(row => row.cells[0].innerText.trim())"
    until(lambda: visit.script(shown) == [str(card) for card in ids], "its own members", 30)
    press(visit, texts.text("en", "worklists.excel"))
    file = until(lambda: next((visit.served.root / "exports").glob(f"{name}-*.xlsx"), None), "the file", 30)
    book = load_workbook(file)
    assert book.sheetnames == [store["part"]]
    assert [row[0] for row in book.active.iter_rows(min_row=2, values_only=True)] == ids  # type: ignore[union-attr]
    assert visit.complaints() == []


def test_an_interview_entered_by_hand_is_evidence_on_the_page(visit: Visit) -> None:
    with gongbi.open(visit.served.root) as ws:
        (cast,) = ws.call("personas")["casts"]
    visit.open(f"/personas/{cast['cast']}/{cast['personas'][0]['key']}", "en")
    before = visit.body()
    assert "I drive a night bus." not in before
    for element, label, said in [
        ("input", "personas.by", "Li"),
        ("textarea", "personas.words", "I drive a night bus."),
    ]:
        box = visit.driver.find_element("css selector", f'{element}[aria-label="{texts.text("en", label)}"]')
        box.send_keys(said)
    visit.script("document.querySelector('main .q-checkbox').click()")
    keep = texts.text("en", "personas.keep")
    visit.script(f"[...document.querySelectorAll('main button')].find(b => b.innerText.trim() === '{keep}').click()")
    visit.says("“I drive a night bus.”")
    work = visit.body().split("Work\n", 1)[1].split("Pains\n", 1)[0]
    assert "“I drive a night bus.”" in work
    with gongbi.open(visit.served.root) as ws:
        (kept,) = ws.call("interviews", cast=cast["cast"])
        assert (kept["by"], kept["consent"], kept["member"]) == ("Li", True, None)
        ws.call("remove_interview", id=kept["interview"])
    assert visit.complaints() == []
