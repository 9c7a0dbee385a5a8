"""Nobody's name, phone or faith stands on a worklist, in a file of one, or on a persona's card."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pyarrow.parquet as pq
import pytest

import gongbi
from gongbi.errors import InvalidInput, Refused

sys.path.insert(0, str(Path(__file__).parent))
import phones

DEFINITIONS = """worklist: visits
name: {zh: 致电, en: Calls}
expr: customer.id <= 6
columns:
  customer.full_name: {zh: 姓名, en: Name}
  tag.contact.phone: {zh: 电话, en: Phone}
  customer.faith: {zh: 信仰, en: Faith}
  tag.spend.total: {zh: 消费, en: Spend}
  customer.town: {zh: 城市, en: Town}
order: [tag.spend.total]
by: customer.town
---
cast: people
name: {zh: 人物, en: People}
segments: [buyers]
fields: {background: [contact.phone, person.*], message: [spend.*]}
---
tag: person.faith
name: {zh: 信仰, en: Faith}
expr: customer.faith
---
tag: person.town
name: {zh: 城市, en: Town}
expr: customer.town
"""
pytestmark = pytest.mark.filterwarnings("ignore:Masked")
CARDS = range(1, 7)


def opened(root: Path, *, personal_id: bool) -> gongbi.Workspace:
    phones.build(root, personal_id=personal_id)
    (root / "definitions/more.yaml").write_text(DEFINITIONS, "utf-8")
    ws = gongbi.open(root, actor="tester")
    ws.apply()
    ws.build()
    return ws


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[gongbi.Workspace]:
    with opened(tmp_path_factory.mktemp("masked") / "ws", personal_id=False) as found:
        yield found


@pytest.fixture(scope="module")
def hidden(tmp_path_factory: pytest.TempPathFactory) -> Iterator[gongbi.Workspace]:
    """Here the id of a customer is personal too."""
    with opened(tmp_path_factory.mktemp("hidden") / "ws", personal_id=True) as found:
        yield found


def clear(card: int) -> set[str]:
    return {phones.called(card), phones.phone(card), f"138{card:08d}"}


def expected(card: int) -> tuple[str, str, str, int]:
    return f"{phones.called(card)[0]}**", f"138****{card:04d}", "***", sum(phones.amounts(card))


def read(path: Path) -> list[tuple[object, ...]]:
    """The rows of a file under their headings; of a book those of all sheets."""
    if path.suffix == ".parquet":
        return [tuple(row.values()) for row in pq.read_table(path).to_pylist()]
    if path.suffix == ".csv":
        lines = path.read_text("utf-8-sig").splitlines()
        return [tuple(line.split(",")) for line in lines[1:]]
    book = openpyxl.load_workbook(path)
    return [row for sheet in book.worksheets for row in sheet.iter_rows(min_row=2, values_only=True)]


def test_a_worklist_shows_masked_values_and_says_so(ws: gongbi.Workspace) -> None:
    found = ws.worklist("visits", language="en")
    rows = {
        row["id"]: (row["Name"], row["Phone"], row["Faith"], int(row["Spend"])) for row in found["table"].to_pylist()
    }
    assert rows == {card: expected(card) for card in CARDS}
    assert any("mask" in said["en"].lower() for said in found["warnings"])
    then = ws.worklist("visits", language="en", as_of=found["as_of"])
    assert then["table"].to_pylist() == found["table"].to_pylist()


def test_a_worklist_and_its_file_are_in_the_clear_for_a_named_person_with_a_reason_on_record(
    ws: gongbi.Workspace, tmp_path: Path
) -> None:
    names = {phones.called(card) for card in CARDS}
    for more in ({}, {"as_of": ws.worklist("visits")["as_of"]}):
        found = ws.worklist("visits", language="en", reveal="a recall", **more)
        assert set(found["table"]["Name"].to_pylist()) == names
        assert [said["code"] for said in found["warnings"]] == ["revealed"]
    ws.call("export_worklist", name="visits", to=str(tmp_path / "calls.csv"), reveal="calls of May")
    assert all(name in (tmp_path / "calls.csv").read_text("utf-8-sig") for name in names)
    assert ws.context is not None
    reasons = [one.details["why"] for one in ws.context.store.audit.list(action="reveal")]
    assert {"a recall", "calls of May"} <= set(reasons)
    with pytest.raises(InvalidInput, match="needs a reason"):
        ws.worklist("visits", reveal=" ")
    with pytest.raises(Refused, match="named person only"):
        ws.call_as("local", "worklist", name="visits", reveal="curious")
    with pytest.raises(Refused, match="named person only"):
        ws.call_as("local", "export_worklist", name="visits", to=str(tmp_path / "no.csv"), reveal="curious")
    assert not (tmp_path / "no.csv").exists()


def test_look_alikes_are_named_to_who_gives_a_reason(hidden: gongbi.Workspace) -> None:
    asked = {"expression": "customer.town = '上海'", "kind": "logistic", "repeats": 2, "top": 5}
    masked = hidden.call("lookalike", **asked)
    assert {row["id"] for row in masked["rows"]} == {"***"}
    assert [said["code"] for said in masked["warnings"]] == ["masked"]
    clear = hidden.call("lookalike", **asked, reveal="a mailing")
    assert {phones.town(row["id"]) for row in clear["rows"]} == {"Lyon"}
    assert [said["code"] for said in clear["warnings"]] == ["revealed"]
    with pytest.raises(Refused, match="named person only"):
        hidden.call_as("local", "lookalike", **asked, reveal="curious")


def test_an_attribute_is_as_personal_as_the_tag_says_that_shows_it(tmp_path: Path) -> None:
    root = phones.build(tmp_path / "ws")
    file = root / "definitions/all.yaml"
    text = file.read_text("utf-8").replace(
        "mobile: {from: phone, type: text, pii: direct}", "mobile: {from: phone, type: text}"
    )
    file.write_text(text.replace("expr: customer.mobile", "expr: customer.mobile\npii: direct"), "utf-8")
    with gongbi.open(root, actor="tester") as ws:
        ws.apply()
        ws.build()
        asked = {"expression": "customer.id <= 6", "columns": ["customer.mobile", "lower(customer.mobile)"]}
        shown = [
            ws.call("sample", **asked)["rows"],
            ws.call("members", **asked)["table"].to_pylist(),
            ws.call("customer", id=1)["attributes"],
        ]
        told = json.dumps(shown, default=str, ensure_ascii=False)
        assert "138****" in told
        assert not [card for card in CARDS if phones.phone(card) in told]
        with pytest.raises(Refused, match="personal"):
            ws.call("drill", expression="true", by=["customer.mobile"])


@pytest.mark.parametrize("ending", ["xlsx", "csv", "parquet"])
def test_a_file_of_a_worklist_holds_masked_values_only(ws: gongbi.Workspace, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"calls.{ending}"
    ws.call("export_worklist", name="visits", to=str(path), language="en")
    rows = read(path)
    assert len(rows) == len(CARDS)
    shown = "\n".join(map(str, rows))
    for card in CARDS:
        name, number, _, _ = expected(card)
        assert not [value for value in clear(card) if value in shown]
        assert name in shown
        assert number in shown
    assert "none" not in shown, "what is sensitive is not shown at all"


def test_an_export_of_a_group_is_masked_until_somebody_gives_a_reason(ws: gongbi.Workspace, tmp_path: Path) -> None:
    given = {"expression": "customer.id <= 6", "columns": ["customer.full_name", "tag.contact.phone"]}
    ws.call("export", to=str(tmp_path / "masked.csv"), **given)
    ws.call("export", to=str(tmp_path / "clear.csv"), reveal="a recall", **given)
    masked, revealed = ((tmp_path / f"{name}.csv").read_text("utf-8-sig") for name in ("masked", "clear"))
    for card in CARDS:
        assert phones.called(card) in revealed
        assert phones.phone(card) in revealed
        assert not [value for value in clear(card) if value in masked]


def test_no_card_and_no_printed_page_of_a_persona_says_what_is_personal(ws: gongbi.Workspace, tmp_path: Path) -> None:
    ws.personas("people", make=True)
    ws.call("print_personas", cast="people", to=str(tmp_path / "people.html"), language="zh")
    told = json.dumps(ws.call("personas"), ensure_ascii=False) + (tmp_path / "people.html").read_text("utf-8")
    assert "person.town" in told, "a trait that is not personal is told"
    assert "person.faith" not in told
    assert "contact.phone" not in told
    assert not [value for card in range(1, phones.N + 1) for value in clear(card) if value in told]


def test_a_personal_id_is_masked_on_lists_and_beside_what_somebody_said(
    hidden: gongbi.Workspace, tmp_path: Path
) -> None:
    ids = hidden.worklist("visits")["table"]["id"].to_pylist()
    assert ids == ["***"] * len(CARDS)
    hidden.call("export_worklist", name="visits", to=str(tmp_path / "calls.parquet"))
    assert pq.read_table(tmp_path / "calls.parquet")["id"].to_pylist() == ids
    hidden.personas("people", make=True)
    buyer = next(card for card in range(1, phones.N + 1) if phones.amounts(card) and phones.town(card) == "上海")
    hidden.add_interview("people", {"work": "夜班。"}, by="李", on="2024-04-01", member=buyer, consent=True)
    (said,) = hidden.call("persona", cast="people", key="buyers")["fields"]["work"]
    assert said["source"]["member"] == "***"
