"""The console in a real browser: every page, both languages, and the segment box while somebody types."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import gongbi

pytestmark = pytest.mark.browser

PAGES = """
    / /tags /tags/new /tags/rfm.recency /requests
    /segments /insight /customer /customer/customer/3 /models /campaigns /data /runs
""".split()
TITLES = {"zh": "总览", "en": "Overview"}
#: Width of a phone in pixels.
PHONE = 390
SHOWN = "return !document.querySelector('.g-waiting') && !!document.querySelector('main h1')"


def until(found: Callable[[], Any], what: str, seconds: float = 90) -> Any:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.05)
    raise AssertionError(f"Not within {seconds} s: {what}.")


class Visit:
    """A browser on a console."""

    def __init__(self, chromium: Any, served: Any) -> None:
        self.driver, self.served = chromium, served

    def open(self, path: str, language: str | None = None) -> None:
        at = f"/language/{language}?next={path}" if language else path
        self.driver.get(self.served.address + at)
        until(lambda: self.script(SHOWN), f"{path} is filled")

    def script(self, body: str, *args: Any) -> Any:
        return self.driver.execute_script(body, *args)

    def body(self) -> str:
        return str(self.script("return document.querySelector('main').innerText"))

    def says(self, words: str, seconds: float = 90) -> None:
        """Wait for words: a page that answers still draws the rest."""
        until(lambda: words in self.body(), f"{words!r} on {self.driver.current_url}", seconds)

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def type(self, text: str) -> None:
        self.driver.find_element("id", "expression").send_keys(text)

    def clear(self) -> None:
        self.script("gongbiWrite('expression', '')")

    @contextmanager
    def phone(self) -> Iterator[None]:
        """Meanwhile a phone of 390 px."""
        size = {"width": PHONE, "height": 844, "deviceScaleFactor": 1, "mobile": True}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        try:
            yield
        finally:
            self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    def fits(self) -> bool:
        """Whether nothing sticks out of the phone; a page that has just shrunk still lays itself out."""
        return bool(self.script("return document.documentElement.scrollWidth") <= PHONE)

    def count(self) -> str:
        return str(self.script("return document.querySelector('[data-count]')?.innerText ?? ''"))


@pytest.fixture
def visit(chromium: Any, served: Any) -> Visit:
    found = Visit(chromium, served)
    found.complaints()
    return found


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_loads_without_an_error_and_from_this_machine_only(visit: Visit, language: str) -> None:
    visit.driver.get_log("performance")
    for path in PAGES:
        visit.open(path, language)
        assert not visit.script("return document.querySelector('.g-problem')"), f"{path}: {visit.body()}"
        assert "Traceback" not in visit.body()
        assert visit.script("return document.documentElement.lang").startswith(language)
        assert len(visit.script("return [...document.querySelectorAll('h1')].map(h => h.innerText)")) == 1
    assert visit.complaints() == []
    asked = [json.loads(entry["message"])["message"] for entry in visit.driver.get_log("performance")]
    urls = [m["params"]["request"]["url"] for m in asked if m["method"] == "Network.requestWillBeSent"]
    # chrome:// is the browser's own empty first page.
    strangers = [u for u in urls if not u.startswith((visit.served.address, "data:", "blob:", "chrome://"))]
    assert urls
    assert strangers == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_empty_workspace_says_what_to_do_next(chromium: Any, empty: Any, language: str) -> None:
    visit = Visit(chromium, empty)
    for path in ["/", "/tags", "/tags/new", "/segments", "/customer", "/models", "/campaigns", "/data", "/runs"]:
        visit.open(path, language)
        assert visit.script("return document.querySelectorAll('.g-empty').length") >= 1, path
        visit.says("gongbi ")


def test_the_language_stays_with_the_browser(visit: Visit) -> None:
    visit.open("/", "zh")
    visit.says(TITLES["zh"])
    visit.script("document.querySelector('.g-languages a[hreflang=en]').click()")
    until(lambda: visit.script(SHOWN) and TITLES["en"] in visit.body(), "the page is English")
    visit.open("/runs")
    visit.says("History")


def test_pages_fit_a_phone(visit: Visit) -> None:
    with visit.phone():
        for path in PAGES:
            visit.open(path, "zh")
            until(visit.fits, f"{path} fits a phone", 10)


def test_an_expression_is_counted_while_it_is_typed_and_set_against_everybody(visit: Visit) -> None:
    visit.open("/segments", "en")
    visit.type("customer.city = 'coast'")
    until(lambda: visit.count() == "80", "the count of every third of 240 customers")
    visit.says("33.3% of 240")
    until(lambda: visit.script("return !!document.querySelector('main .nicegui-echart canvas')"), "the TGI bars")
    visit.says("20 of 80 by lot")


def fill(visit: Visit, place: str, text: str) -> None:
    """Type into a box of the form, in place of what is there."""
    from selenium.common.exceptions import StaleElementReferenceException

    for again in range(3):
        box = until(lambda: visit.driver.find_elements("css selector", place), f"the box {place}")[0]
        try:
            box.send_keys("\ue009a\ue000" + text)
            return
        except StaleElementReferenceException:
            # The rows were drawn anew between finding the box and typing; a reader would not notice.
            if again == 2:
                raise


def test_an_expression_is_drawn_as_rows_and_filled_in_rows_write_it(visit: Visit) -> None:
    text = "return document.getElementById('expression').value"
    rows = "return document.querySelectorAll('#conditions > .g-row').length"
    visit.open("/segments", "en")
    visit.type("customer.city = 'coast' and count(purchase) filter (where within(9000, 'day')) >= 4 and 1 < 2")
    until(lambda: visit.script(rows) == 3, "a row for each condition")
    with gongbi.open(visit.served.root) as ws:
        few, many = (
            ws.segment(f"customer.city = 'coast' and count(purchase) filter (where within(9000, 'day')) >= {n}").count()
            for n in (4, 7)
        )
    assert few != many
    until(lambda: visit.count() == str(few), "the count")
    fill(visit, "#conditions > .g-row:nth-of-type(2) > .g-value input", "7")
    until(lambda: visit.count() == str(many), "the count of what the form says")
    assert visit.script(text) == (
        "customer.city = 'coast' and count(purchase) filter (where within(9000, 'day')) >= 7 and 1 < 2"
    )
    visit.script("document.querySelector('#conditions > .g-row > .g-off').click()")
    until(lambda: visit.script(rows) == 2, "the row is gone")
    assert visit.script(text).startswith("count(purchase)")


def test_a_calculation_is_chosen_and_filled_in(visit: Visit) -> None:
    text = "return document.getElementById('expression').value"
    visit.open("/segments", "zh")
    visit.type("rank(tag.value.spend) <= 7 and tag.value.spend > tag.value.trips")
    until(lambda: visit.script("return document.querySelectorAll('#conditions > .g-row').length") == 2, "two rows")
    visit.says("名次（前 N 名）")
    assert not visit.driver.find_elements("css selector", "#conditions .g-mono"), "nothing is left as text"
    fill(visit, "#conditions > .g-row:nth-of-type(1) > .g-value input", "5")
    until(lambda: visit.script(text) == "rank(tag.value.spend) <= 5 and tag.value.spend > tag.value.trips", "written")
    with gongbi.open(visit.served.root) as ws:
        few = ws.segment("rank(tag.value.spend) <= 5 and tag.value.spend > tag.value.trips").count()
    until(lambda: visit.count() == str(few), "the count")
    visit.open("/segments", "zh")
    press(visit, "添加")
    until(lambda: visit.script("return !!document.querySelector('.q-menu .q-item')"), "the menu")
    visit.script("[...document.querySelectorAll('.q-menu .q-item')].find(i => i.innerText.startsWith('计算')).click()")
    typed = until(lambda: visit.driver.find_elements("css selector", ".g-picker input"), "the dialog")[0]
    typed.send_keys("suijichoudao")
    rows = "return [...document.querySelectorAll('.g-picker-row .g-mono')].map(c => c.innerText)"
    until(lambda: visit.script(rows) == ["in_random_share"], "the lot alone")
    visit.script("document.querySelector('.g-picker-row').click()")
    until(lambda: visit.script(text) == "in_random_share(0.1, 'a')", "written")


def test_a_tag_is_chosen_by_its_initials(visit: Visit) -> None:
    visit.open("/segments", "zh")
    press(visit, "添加")
    until(lambda: visit.script("return !!document.querySelector('.q-menu .q-item')"), "the menu")
    visit.script("document.querySelector('.q-menu .q-item').click()")
    typed = until(lambda: visit.driver.find_elements("css selector", ".g-picker input"), "the dialog")[0]
    typed.send_keys("gwcs")
    until(
        lambda: (
            visit.script("return [...document.querySelectorAll('.g-picker-row .g-mono')].map(c => c.innerText)")
            == ["tag.value.trips"]
        ),
        "购物次数 alone",
    )
    visit.script("document.querySelector('.g-picker-row').click()")
    fill(visit, "#conditions .g-value input", "3")
    until(visit.count, "the count")
    assert visit.script("return document.getElementById('expression').value") == "tag.value.trips >= 3"


def test_a_maker_is_filled_in_and_the_tag_is_tried(visit: Visit) -> None:
    visit.open("/tags/new?maker=periodicity", "en")
    visit.says("Not filled in yet")
    box = visit.driver.find_element("css selector", ".g-form input")
    box.send_keys("purchas")
    visit.says("No fact is called 'purchas'")
    box.send_keys("e")
    until(lambda: visit.script("return !!document.querySelector('#draft .nicegui-echart canvas')"), "the values")
    with gongbi.open(visit.served.root) as ws:
        draft = ws.draft_tag(tag="new.tag", maker={"periodicity": {"fact": "purchase"}})
    written = visit.script("return [...document.querySelectorAll('#draft .g-code')].map(code => code.innerText)")
    assert [text.strip() for text in written] == [draft["expr"].strip(), draft["yaml"].strip()]
    (drawn,) = until(lambda: chart(visit, "Distribution"), "the chart")
    assert sorted(drawn) == sorted(row["count"] for row in draft["top"])


def test_names_are_offered_while_a_maker_is_filled_in_and_a_code_that_is_taken_is_told(visit: Visit) -> None:
    visit.open("/tags/new?maker=periodicity", "zh")
    offered = """
        const box = document.querySelector('.g-form input');
        const list = box && document.getElementById(box.getAttribute('list'));
        return list ? [...list.options].map(o => [o.value, o.label]) : [];
    """
    assert ["purchase", "购买明细"] in until(lambda: visit.script(offered), "what the browser offers")
    visit.driver.find_element("css selector", ".g-form input").send_keys("purchase")
    until(lambda: "存为草稿" in visit.script("return document.getElementById('draft').innerText"), "the button")
    fill(visit, ".g-form-row input", "rfm.recency")
    until(lambda: "换一个" in visit.script("return document.getElementById('draft').innerText"), "that it is taken")
    assert "存为草稿" not in visit.script("return document.getElementById('draft').innerText")


def test_the_field_that_is_wrong_is_marked(visit: Visit) -> None:
    visit.open("/tags/new?maker=periodicity", "zh")
    marked = "return document.querySelectorAll('.g-form .q-field--error').length"
    box = until(lambda: visit.driver.find_elements("css selector", ".g-form input"), "the form")[0]
    box.send_keys("pur")
    until(lambda: visit.script(marked) == 1, "the field is marked")
    box.send_keys("chase")
    until(lambda: visit.script(marked) == 0, "the mark is gone")


def chart(visit: Visit, label: str) -> list[list[Any]]:
    """The series of a chart as the browser has them; empty until it is drawn."""
    body = """
        const found = document.querySelector(`[role=img][aria-label="${arguments[0]}"]`);
        const drawn = found && getElement(Number(found.id.slice(1)))?.chart;
        return drawn ? drawn.getOption().series.map(s => s.data.map(d => d.value ?? d)) : [];
    """
    return list(visit.script(body, label))


def test_a_group_is_taken_apart_into_its_conditions_and_set_beside_the_saved_ones(visit: Visit) -> None:
    first, second = "customer.city = 'coast'", "count(purchase) > 3"
    visit.open("/segments", "en")
    visit.type(f"{first} and {second}")
    with gongbi.open(visit.served.root) as ws:
        steps = ws.segment(f"{first} and {second}").waterfall()
        pairs = ws.overlap()
        sizes = {s["segment"]: s["count"] for s in ws.call("segments")}
    wanted = [[240, *(step["left"] for step in steps)], [0, *(step["removed"] for step in steps)]]
    until(lambda: chart(visit, "Condition by condition") == wanted, f"the waterfall {wanted}")
    shares = sorted(pair["both"] / sizes[name] for pair in pairs for name in (pair["a"], pair["b"]) if sizes[name])
    [cells] = until(lambda: chart(visit, "Overlap"), "the overlap of the saved segments")
    assert sorted(share for _, _, share in cells) == pytest.approx(shares)


def test_a_wrong_name_is_marked_and_the_suggestion_mends_it(visit: Visit) -> None:
    visit.open("/segments", "en")
    visit.type("tag.rfm.recancy >= 4")
    until(lambda: visit.script("return document.querySelector('.g-fault mark')?.innerText"), "the part at fault")
    assert "recancy" in visit.script("return document.querySelector('.g-fault mark').innerText")
    visit.script("document.querySelector('.g-fix').click()")
    until(visit.count, "the count after the name was mended")
    assert visit.script("return document.getElementById('expression').value") == "tag.rfm.recency >= 4"


def test_what_is_wrong_with_an_expression_is_said_in_the_language_of_the_page(visit: Visit) -> None:
    said = {"zh": "应是整数，而不是文本", "en": "must be a whole number, not text"}
    for language, words in said.items():
        visit.open("/segments", language)
        visit.script("gongbiWrite('expression', arguments[0])", "round(tag.value.spend, 'two') > 1")
        until(lambda words=words: words in visit.body(), f"the error in {language}")


def test_names_are_offered_and_taken_with_the_keyboard(visit: Visit) -> None:
    visit.open("/segments", "en")
    until(lambda: visit.script("return !!document.getElementById('expression-list')"), "the list of names")
    visit.type("rfm.fre")
    until(lambda: visit.script("return !document.getElementById('expression-list').hidden"), "the list opens")
    visit.type("\ue007")  # Enter.
    assert visit.script("return document.getElementById('expression').value") == "tag.rfm.frequency"


def test_names_are_offered_by_how_they_sound(visit: Visit) -> None:
    for typed in ("leiji", "ljxf"):  # 累计消费.
        visit.open("/segments", "zh")
        until(lambda: visit.script("return !!document.getElementById('expression-list')"), "the list of names")
        visit.type(typed)
        until(lambda: visit.script("return !document.getElementById('expression-list').hidden"), "the list opens")
        visit.type("\ue007")  # Enter.
        assert visit.script("return document.getElementById('expression').value") == "tag.value.spend"


def test_a_slow_count_is_stopped_by_further_typing(visit: Visit) -> None:
    ended: Path = visit.served.root / "slow.txt"
    ended.unlink(missing_ok=True)
    visit.open("/segments", "en")
    visit.script("gongbiWrite('expression', 'segment.slow')")
    time.sleep(1.5)
    assert visit.count() == ""
    visit.script("gongbiWrite('expression', 'segment.champions')")
    until(visit.count, "the count of the newer expression", 60)
    until(ended.exists, "the slow query ended", 60)
    assert ended.read_text() == "cancelled"


def test_an_export_lands_in_the_workspace_and_on_record(visit: Visit) -> None:
    visit.open("/segments?e=segment.coast", "en")
    until(lambda: visit.count() == "80", "the count")
    visit.script("[...document.querySelectorAll('button')].find(b => b.innerText.includes('Export CSV')).click()")
    folder = visit.served.root / "exports"
    file = until(lambda: folder.is_dir() and next(folder.glob("customer-*.csv"), None), "the file")
    until(lambda: len(file.read_text("utf-8-sig").splitlines()) == 81, "80 rows and the heading")
    with gongbi.open(visit.served.root) as ws:
        newest = until(lambda: ws.call("exports"), "the record")[0]
    assert (Path(newest["path"]).name, newest["rows"]) == (file.name, 80)


def test_a_tag_of_a_customer_opens_the_facts_behind_it(visit: Visit) -> None:
    visit.open("/customer/customer/3", "en")
    visit.script("document.querySelector('[data-tag=\"value.spend\"]').click()")
    until(lambda: visit.script("return !!document.querySelector('.g-dialog table')"), "the facts")
    words = visit.script("return document.querySelector('.g-dialog').innerText")
    assert "sum(purchase.amount)" in words
    assert "purchases.csv : " in words


def test_an_unknown_customer_is_a_clear_answer(visit: Visit) -> None:
    visit.open("/customer/customer/99999", "zh")
    visit.says("没有名为「99999」的客户")


def test_rejected_rows_show_reason_file_and_row(visit: Visit) -> None:
    visit.open("/data", "en")
    body = visit.body()
    assert "wrong type" in body
    assert "twelve" in body
    assert "purchases.csv" in body


def test_a_build_that_a_button_started_is_shown_and_ends(visit: Visit) -> None:
    with gongbi.open(visit.served.root) as ws:
        before = ws.runs()[0]["id"]
    visit.open("/runs", "en")
    rows = "return [...document.querySelectorAll('.g-table tbody tr')].map(row => row.innerText)"
    shown = len(visit.script(rows))
    press(visit, "Build tags")
    until(lambda: len(visit.script(rows)) > shown, "a new run")
    until(lambda: "done" in visit.script(rows)[0], "the page shows that it has ended")
    with gongbi.open(visit.served.root) as ws:
        newest = ws.runs()[0]
    assert newest["id"] > before
    assert (newest["kind"], newest["status"]) == ("build", "done")
    assert str(newest["id"]) in visit.script(rows)[0]


@pytest.mark.parametrize("part", ["list", "page"])
def test_a_mistake_in_a_page_is_said_in_its_place(visit: Visit, part: str) -> None:
    crash = visit.served.root / "crash"
    problem = "return document.querySelector('.g-problem')?.innerText ?? ''"
    try:
        crash.write_text(part)
        visit.open("/segments", "zh")
        until(lambda: "重新加载页面" in visit.script(problem), "what to do is said")
        visit.open("/segments", "en")
        until(lambda: "Load the page again" in visit.script(problem), "what to do is said")
        assert "score.nobody" in visit.script(problem)
        assert visit.script("return document.querySelector('main h1').innerText") == "Segments"
    finally:
        crash.unlink()


def test_why_a_run_failed_is_said_in_the_language_of_the_page(visit: Visit) -> None:
    file = visit.served.root / "definitions" / "absent.yaml"
    try:
        file.write_text("source: returns\nfrom: {file: returns.csv}\nreference: returns\nkey: [id]\n", "utf-8")
        with gongbi.open(visit.served.root) as ws:
            ws.apply()
            ws.ingest()
        visit.open("/runs", "zh")
        visit.says("没有文件「returns.csv」。路径相对于工作区")
        visit.open("/runs", "en")
        visit.says("There is no file 'returns.csv' in")
    finally:
        file.unlink()
        with gongbi.open(visit.served.root) as ws:
            ws.apply()


def press(visit: Visit, words: str) -> None:
    visit.script(
        "[...document.querySelectorAll('button')].find(b => b.innerText.includes(arguments[0])).click()", words
    )


def test_a_job_of_a_button_is_stopped_by_its_own_button_and_can_go_on(visit: Visit) -> None:
    def newest() -> dict[str, Any]:
        with gongbi.open(visit.served.root) as ws:
            return dict(ws.runs(kind="build")[0])

    (visit.served.root / "halt").touch()
    visit.open("/runs", "en")
    press(visit, "Build tags")
    until(lambda: newest()["stage"] == "halted", "the build is under way")
    press(visit, "Stop")
    until(lambda: newest()["status"] == "cancelled", "the build was cancelled")
    (visit.served.root / "halt").unlink()
    visit.says("Resume")
    press(visit, "Resume")
    until(lambda: newest()["status"] == "done", "the build went on")


def test_an_edited_tag_is_told_until_it_is_built_again(visit: Visit) -> None:
    file = visit.served.root / "definitions" / "shop.yaml"
    before = file.read_text("utf-8")
    try:
        file.write_text(before.replace("expr: sum(purchase.amount)", "expr: max(purchase.amount)"), "utf-8")
        with gongbi.open(visit.served.root) as ws:
            ws.apply()
        for path in ("/tags", "/tags/value.spend", "/customer/customer/3"):
            visit.open(path, "en")
            visit.says("value.spend. The values are those of the old definition")
        visit.open("/tags/rfm.recency", "zh")
        assert "旧定义" not in visit.body()
        visit.open("/tags/value.spend", "zh")
        visit.says("旧定义")
    finally:
        file.write_text(before, "utf-8")
        with gongbi.open(visit.served.root) as ws:
            ws.apply()
    visit.open("/tags", "en")
    assert "old definition" not in visit.body()


def test_a_segment_that_cannot_be_counted_yet_does_not_hide_the_others(visit: Visit) -> None:
    file = visit.served.root / "definitions" / "later.yaml"
    try:
        file.write_text("tag: value.later\nexpr: 1\n---\nsegment: afterwards\nexpr: tag.value.later > 0\n", "utf-8")
        with gongbi.open(visit.served.root) as ws:
            ws.apply()
        for path in ("/", "/segments"):
            visit.open(path, "en")
            visit.says("Not counted yet: afterwards. The tag 'value.later' was not built yet.")
            visit.says("Champions")
        visit.open("/segments", "zh")
        visit.says("暂时无法计数：afterwards")
        row = visit.script("return [...document.querySelectorAll('tr')].map(r => r.innerText)")
        assert any("afterwards" in line and "—" in line for line in row)
    finally:
        file.unlink()
        with gongbi.open(visit.served.root) as ws:
            ws.apply()
