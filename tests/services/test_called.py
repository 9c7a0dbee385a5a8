"""What a source calls its columns is said wherever they are shown; expressions keep what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

import gongbi
from gongbi.console.frame import Page
from gongbi.errors import UnknownName
from gongbi.testing.shop import lay_out
from gongbi.workspace import Workspace

TOWN = "town: {name: {zh: 居住地, en: place of living}, type: text, labels: {上海: {zh: 上海市, en: Shanghai}}}"
SIZE = "amount: {name: {zh: 实付, en: amount paid}, type: money, currency: CNY}"
MORE = """
tag: person.town
name: {zh: 城市, en: Town}
expr: customer.town
---
tag: person.away
expr: if(customer.town = 'Lyon', '上海', 'x')
---
worklist: all
expr: "true"
columns: {tag.spend.total: "", customer.town: "", "count(order)": ""}
"""


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    root = lay_out(tmp_path_factory.mktemp("called") / "shop")
    sources = root / "definitions/sources.yaml"
    text = sources.read_text("utf-8").replace("columns: {town: text}", f"columns:\n  {TOWN}")
    sources.write_text(text.replace("amount: {type: money, currency: CNY}", SIZE), "utf-8")
    (root / "definitions/more.yaml").write_text(MORE, "utf-8")
    with gongbi.open(root, actor="tester") as opened:
        opened.apply()
        opened.ingest()
        opened.build()
        yield opened


def test_forms_offer_an_attribute_by_its_name_with_its_unit_and_values(ws: Workspace) -> None:
    found = ws.call("fields")
    town = next(one for one in found["fields"] if one["name"] == "customer.town")
    assert (town["title"], town["values"]) == ({"zh": "居住地", "en": "place of living"}, ["上海"])
    (order,) = [one for one in found["facts"] if one["name"] == "order"]
    amount = next(one for one in order["columns"] if one["name"] == "order.amount")
    assert (amount["title"]["zh"], amount["unit"]) == ("实付", "CNY")
    (found_by_name,) = ws.call("search", query="juzhudi", kinds=["attribute"])
    assert found_by_name["name"] == "customer.town"


def test_a_tag_that_is_the_attribute_has_its_labels_and_one_that_computes_has_none(ws: Workspace) -> None:
    labels = {tag["tag"]: tag["labels"] for tag in ws.call("tags")}
    assert labels["person.town"] == {"上海": {"zh": "上海市", "en": "Shanghai"}}
    assert labels["person.away"] is None


@pytest.mark.parametrize(("language", "said"), [("zh", ("居住地", "上海市")), ("en", ("place of living", "Shanghai"))])
def test_pages_show_names_and_labels_in_a_language(ws: Workspace, language: str, said: tuple[str, str]) -> None:
    class Console:
        pass

    console = Console()
    console.ws = ws  # type: ignore[attr-defined]
    page = Page(console, "insight", language, "/insight")  # type: ignore[arg-type]
    page.know(ws.call("overview"))
    assert page.names["customer.town"] == said[0]
    assert page.value({"tag": "customer.town"}, "上海") == page.bin("customer.town", "上海") == said[1]
    assert page.value({"tag": "customer.town"}, "Lyon") == "Lyon"


def test_lists_stand_under_names_with_units(ws: Workspace, tmp_path: Path) -> None:
    assert ws.call("worklist", name="all", language="zh")["table"].column_names[1:] == [
        "消费总额 (元)",
        "居住地",
        "count(order)",
    ]
    columns = ["spend.total", "customer.town", "customer.town = 'Lyon'"]
    for language, heads in (("en", ["Spend (CNY)", "place of living"]), (None, columns[:2])):
        path = tmp_path / f"{language}.xlsx"
        given = {"headings": language} if language else {}
        ws.call("export", expression="true", to=str(path), columns=columns, **given)
        first = next(openpyxl.load_workbook(path).active.iter_rows(values_only=True))  # type: ignore[union-attr]
        assert list(first) == ["id", *heads, columns[2]]
    with pytest.raises(UnknownName, match="'fr'"):
        ws.call("export", expression="true", to=str(tmp_path / "x.csv"), headings="fr")


def test_values_with_labels_are_said_by_them_under_headings_alone(ws: Workspace, tmp_path: Path) -> None:
    towns = {}
    for language in ("zh", "en", None):
        path = tmp_path / f"{language}.csv"
        given = {"headings": language} if language else {}
        columns = ["customer.town", "tag.person.away"]
        ws.call("export", expression="true", to=str(path), columns=columns, **given)
        rows = [line.split(",") for line in path.read_text("utf-8-sig").replace('"', "").splitlines()[1:]]
        towns[language] = {row[1] for row in rows}
        assert {row[2] for row in rows} <= {"上海", "x"}, "an expression has no labels"
    renamed = {"上海": ("上海市", "Shanghai")}
    for place, language in enumerate(("zh", "en")):
        assert towns[language] == {renamed.get(town, (town, town))[place] for town in towns[None]}
    assert "上海" in towns[None]


def test_two_columns_that_are_called_alike_stand_under_what_they_are(ws: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    ws.call("export", expression="true", to=str(path), columns=["customer.town", "town"], headings="en")
    assert path.read_text("utf-8-sig").splitlines()[0] == '"id","customer.town","town"'


def test_new_words_do_not_load_the_data_anew(ws: Workspace) -> None:
    sources = ws.root / "definitions/sources.yaml"
    sources.write_text(sources.read_text("utf-8").replace("en: Shanghai", "en: The City"), "utf-8")
    ws.apply()
    assert {load["outcome"] for load in ws.ingest()["loads"]} == {"unchanged"}
    assert ws.call("overview")["called"]["customer.town"]["labels"]["上海"]["en"] == "The City"


def test_the_overview_tells_what_definitions_call_subjects_and_facts(shop: Path) -> None:
    path = shop / "definitions" / "sources.yaml"
    path.write_text(
        path.read_text("utf-8").replace("source: orders\n", "source: orders\nname: {zh: 订单, en: Orders}\n")
    )
    with gongbi.open(shop) as ws:
        ws.apply()
        assert ws.call("overview")["things"] == {
            "customer": {"zh": "顾客", "en": "Customer"},
            "order": {"zh": "订单", "en": "Orders"},
        }
