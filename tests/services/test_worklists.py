"""Worklists: who is on them, in which order, whose work, and the book with a sheet for each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import openpyxl
import pytest

import gongbi as package
from gongbi.errors import InvalidInput, UnknownName
from gongbi.services import worklists

LISTS = """worklist: buyers
name: {zh: 有消费的客户, en: Buyers}
expr: count(order) > 0
columns:
  tag.spend.total: {zh: 消费, en: Spend}
  "max(order.ts)": {zh: 最近, en: Latest}
order: [tag.spend.total]
by: customer.town
---
worklist: first
expr: "true"
columns: {tag.spend.orders: Orders}
order: [tag.spend.orders]
by: customer.town
limit: 1
"""


@pytest.fixture
def ws(built_shop: Path):  # type: ignore[no-untyped-def]
    (built_shop / "definitions/lists.yaml").write_text(LISTS, "utf-8")
    with package.open(built_shop) as opened:
        opened.apply()
        yield opened


def test_a_list_has_its_members_in_order_and_its_parts(ws: package.Workspace) -> None:
    found = ws.worklist("buyers", language="en")
    assert found["parts"] == [{"part": p, "count": 1} for p in ("Lyon", "—", "上海")]
    assert found["table"].column_names == ["id", "part", "Spend", "Latest"]
    assert found["table"]["id"].to_pylist() == [10, 12, 11]
    assert [float(x) for x in found["table"]["Spend"].to_pylist()] == [17.5, 9.9, 6.0]
    assert found["table"]["part"].to_pylist() == ["上海", "—", "Lyon"]
    alone = ws.worklist("buyers", part="上海")
    assert (alone["count"], alone["table"].column_names) == (1, ["id", "part", "消费", "最近"])
    with pytest.raises(UnknownName, match="Lion"):
        ws.worklist("buyers", part="Lion")
    with pytest.raises(UnknownName, match="buyer"):
        ws.worklist("buyer")


def test_a_list_is_as_it_would_have_been_then(ws: package.Workspace) -> None:
    now = ws.worklist("buyers")
    same = ws.worklist("buyers", as_of=now["as_of"])
    assert same["table"].to_pylist() == now["table"].to_pylist()
    latest = sorted(now["table"]["最近"].to_pylist())
    before = ws.worklist("buyers", as_of=latest[-1].isoformat() + "+00:00")["table"].to_pylist()
    # The newest order is not seen at its own instant.
    assert {row["id"]: row["最近"] for row in before} != {row["id"]: row["最近"] for row in now["table"].to_pylist()}
    assert all(row["最近"] < latest[-1] for row in before)
    assert [row["消费"] for row in before] == sorted((row["消费"] for row in before), reverse=True)
    assert ws.worklist("buyers", as_of="2001-01-01")["count"] == 0
    with pytest.raises(InvalidInput, match="future"):
        ws.worklist("buyers", as_of="2999-01-01")


def test_each_part_is_cut_at_its_own_limit(ws: package.Workspace) -> None:
    found = ws.worklist("first")
    # Of 10 and 13, both of 上海, the one with more orders.
    assert sorted(found["table"]["id"].to_pylist()) == [10, 11, 12]
    assert {(row["worklist"], row["count"]) for row in ws.call("worklists")} == {("buyers", 3), ("first", 4)}


def test_a_book_has_a_sheet_for_each_part_and_is_on_record(
    ws: package.Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = ws.export_worklist("buyers", tmp_path / "buyers.xlsx")
    book = openpyxl.load_workbook(tmp_path / "buyers.xlsx")
    assert (done["rows"], done["sheets"], book.sheetnames) == (3, 3, ["Lyon", "—", "上海"])
    head, row = book["上海"].iter_rows(values_only=True)
    assert head == ("id", "消费", "最近")
    assert row[:2] == (10, 17.5)
    assert ws.call("exports")[0]["expression"] == "worklist buyers"
    flat = ws.export_worklist("buyers", tmp_path / "buyers.csv")
    assert len((tmp_path / "buyers.csv").read_text("utf-8-sig").splitlines()) == flat["rows"] + 1
    monkeypatch.setattr(worklists, "MOST_SHEETS", 2)
    with pytest.raises(InvalidInput, match="3 parts"):
        ws.export_worklist("buyers", tmp_path / "again.xlsx")
    assert not (tmp_path / "again.xlsx").exists()


def test_the_command_line_shows_and_writes_lists(
    ws: package.Workspace, gongbi: Callable[..., CompletedProcess[str]]
) -> None:
    ws.close()
    assert "buyers" in gongbi("worklist").stdout
    shown = gongbi("worklist", "buyers", "--part", "Lyon")
    assert (shown.returncode, "11" in shown.stdout, "12" in shown.stdout) == (0, True, False)
    assert gongbi("worklist", "buyers", "--to", "list.xlsx").returncode == 0
    assert gongbi("worklist", "--part", "Lyon").returncode == 2


@pytest.mark.parametrize(
    ("names", "sheets"),
    [
        (["a", "A"], ["a", "A (2)"]),
        (["1/2", "[x]"], ["1_2", "_x_"]),
        (["", "x" * 40, "x" * 41], ["_", "x" * 31, "x" * 27 + " (2)"]),
    ],
)
def test_any_name_becomes_that_of_a_sheet(names: list[str], sheets: list[str]) -> None:
    from gongbi.services.files import sheet_names

    assert sheet_names(names) == sheets


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("worklist: a\nexpr: ''", "empty `expr`"),
        ("worklist: a\nexpr: 'true'\nlimit: 0", "1 to 100,000, not 0"),
        ("worklist: a\nexpr: 'true'\nby: customer.twon", r"lists.yaml:3:5: Worklist 'a', `by`: .*twon"),
        (
            "worklist: a\nexpr: 'true'\norder: [order.amount]",
            r"lists.yaml:3:9: Worklist 'a', `order`: .* needs an aggregate",
        ),
        ("worklist: a\nexpr: count(order)", "true or false"),
        ("worklist: a\nexpr: 'true'\ncolumns: {spent: S}", "spent"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused(built_shop: Path, text: str, said: str) -> None:
    (built_shop / "definitions/lists.yaml").write_text(text, "utf-8")
    with package.open(built_shop) as ws, pytest.raises(package.errors.GongbiError, match=said):
        ws.apply()
