"""Pasted and uploaded lists become groups; what could not be matched is told and kept."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gongbi
from gongbi.catalog.lists import column_of, columns_of, likely_column, normal, pasted, spellings, table_of_text
from gongbi.errors import InvalidDefinition, InvalidInput, NotYet, Refused, UnknownName
from gongbi.services.lists import read_values
from gongbi.workspace import Workspace

sys.path.insert(0, str(Path(__file__).parent))
import phones


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return phones.build(tmp_path_factory.mktemp("phones") / "ws")


@pytest.fixture
def ws(once: Path, tmp_path: Path) -> Iterator[Workspace]:
    root = tmp_path / "ws"
    shutil.copytree(once, root)
    with gongbi.open(root, actor="tester") as opened:
        yield opened


def ids(ws: Workspace, expression: str) -> list[int]:
    return sorted(ws.segment(expression).members().table["id"].to_pylist())


def from_list(ws: Workspace, name: str, values: list[str], **more: Any) -> dict[str, Any]:
    return dict(ws.call("save_list", name=name, values=values, **more))


def core(card: int) -> str:
    return f"138{card:08d}"


def test_phones_are_matched_however_they_are_written(ws: Workspace) -> None:
    given_ = [
        core(1), f"+86{core(2)}", f"{core(3)[:3]}-{core(3)[3:7]}-{core(3)[7:]}", f" 0086 {core(4)} ",
        "１３８" + core(5)[3:], core(1), f"86 {core(1)}", "13999999999", "nobody", " ",
    ]  # fmt: skip
    found = from_list(ws, "vip", given_, identifier="phone", why="Spring party")
    figures = {key: found[key] for key in ("given", "different", "matched", "members")}
    assert figures == {"given": 9, "different": 7, "matched": 5, "members": 5}
    assert found["unmatched"] == {"count": 2, "values": ["13999999999", "nobody"]}
    assert found["doubled"] == {"count": 1, "values": [core(1)]}
    assert found["ambiguous"]["count"] == found["shared"]["count"] == 0
    assert ids(ws, "segment.vip") == ids(ws, "vip") == [1, 2, 3, 4, 5]
    assert ids(ws, "segment.vip and customer.town = '上海'") == [2, 4]
    assert ws.segment("not segment.vip").count() == phones.N - 5
    left = ws.call("list_left", name="vip", outcome="unmatched")["table"]["value"].to_pylist()
    assert left == ["13999999999", "nobody"]


def test_every_way_in_which_the_sources_write_a_phone_is_found(ws: Workspace) -> None:
    found = from_list(ws, "all_of_them", [core(card) for card in range(1, phones.N + 1)])
    assert (found["matched"], found["members"]) == (phones.N, phones.N)


def test_one_member_under_several_identifiers_is_counted_once(ws: Workspace) -> None:
    found = from_list(ws, "both", ["7", core(7), "8"])
    assert (found["different"], found["members"]) == (3, 2)
    assert found["shared"] == {"count": 2, "values": ["7", core(7)]}


def test_a_list_is_replaced_by_a_new_version_and_keeps_its_record(ws: Workspace) -> None:
    from_list(ws, "vip", [core(1), core(2)], why="first")
    with pytest.raises(Refused, match="already"):
        from_list(ws, "vip", [core(3)])
    assert from_list(ws, "vip", [core(3)], why="second", replace=True)["version"] == 2
    assert ids(ws, "segment.vip") == [3]
    (row,) = ws.call("lists")
    assert [(v["version"], v["members"], v["why"], v["actor"]) for v in row["versions"]] == [
        (2, 1, "second", "tester"),
        (1, 2, "first", "tester"),
    ]
    assert [s["count"] for s in ws.call("segments") if s["segment"] == "vip"] == [1]


def test_a_list_outlives_its_process_and_new_definitions(ws: Workspace) -> None:
    from_list(ws, "vip", [core(1), core(2)])
    file = ws.root / "definitions" / "more.yaml"
    file.write_text("segment: vip_buyers\nexpr: segment.vip and segment.buyers\n", "utf-8")
    ws.apply()
    assert ids(ws, "vip_buyers") == [2]
    with pytest.raises(Refused, match="vip_buyers"):
        ws.call("drop_list", name="vip")
    root = ws.root
    ws.close()
    with gongbi.open(root) as again:
        assert ids(again, "segment.vip") == [1, 2]
        file.unlink()
        again.apply()
        again.call("drop_list", name="vip")
        assert again.call("lists") == []
        with pytest.raises(UnknownName):
            again.segment("segment.vip").count()


def test_insight_says_nothing_of_lists_which_are_no_traits(ws: Workspace) -> None:
    before = ws.call("insight", expression="true")["left_out"]
    from_list(ws, "vip", [core(1)])
    found = ws.call("insight", expression="segment.vip")
    assert [row["tag"] for row in found["left_out"]] == [row["tag"] for row in before]
    assert not [row for row in found["rows"] if row["tag"].startswith("list.")]


def test_definitions_that_look_back_cannot_use_a_list(ws: Workspace) -> None:
    from_list(ws, "vip", [core(1)])
    file = ws.root / "definitions" / "more.yaml"
    file.write_text("tag: is.vip\nexpr: segment.vip\n", "utf-8")
    with pytest.raises(InvalidDefinition, match="list 'vip'"):
        ws.apply()
    file.write_text("segment: vip\nexpr: 1 = 1\n", "utf-8")
    with pytest.raises(InvalidDefinition, match="both a segment and a list"):
        ws.apply()


def test_what_cannot_be_a_list_is_refused(ws: Workspace) -> None:
    with pytest.raises(InvalidInput, match="empty"):
        from_list(ws, "vip", [" ", ""])
    with pytest.raises(Refused, match="definition"):
        from_list(ws, "buyers", [core(1)])
    with pytest.raises(UnknownName, match="identifier"):
        from_list(ws, "vip", [core(1)], identifier="phones")
    with pytest.raises(InvalidDefinition):
        from_list(ws, "a b", [core(1)])
    assert ws.call("lists") == []


def test_a_group_is_fixed_by_order_or_by_lot(ws: Workspace) -> None:
    spend = {card: sum(phones.amounts(card)) for card in range(1, phones.N + 1)}
    top = sorted(spend, key=lambda card: (-spend[card], card))[:5]
    ws.call("save_list_of", name="top", expression="tag.spend.total > 0", limit=5, order=["spend.total"])
    assert ids(ws, "segment.top") == sorted(top)
    drawn = [ws.segment("true").members(limit=10).table["id"].to_pylist()]
    for seed in ("a", "a", "b"):
        found = ws.call("members", expression="true", limit=10, draw=seed)["table"]["id"].to_pylist()
        drawn.append(found)
    assert drawn[1] == drawn[2]
    assert len({tuple(one) for one in drawn}) == 3
    # Who is drawn among all stands in the same order among some.
    some = ws.call("members", expression="customer.town = 'Lyon'", draw="a")["table"]["id"].to_pylist()
    among = ws.call("members", expression="true", draw="a")["table"]["id"].to_pylist()
    assert some == [card for card in among if card % 2]
    with pytest.raises(InvalidInput, match="by lot"):
        ws.call("members", expression="true", draw="a", order=["spend.total"])


def test_a_column_of_a_file_is_read(tmp_path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook()
    for row in (["name", "phone"], ["王小明", 13800000001], [None, None], ["李小芳", "138 0000 0002"]):
        book.active.append(row)
    book.save(tmp_path / "list.xlsx")
    wanted = ["13800000001", "138 0000 0002"]
    assert read_values(str(tmp_path / "list.xlsx"), identifier="phone") == wanted
    assert read_values(str(tmp_path / "list.xlsx"), column="2") == wanted
    (tmp_path / "list.csv").write_bytes("姓名;手机\n王小明;13800000001\n".encode("gb18030"))
    assert read_values(str(tmp_path / "list.csv"), column="手机") == ["13800000001"]
    with pytest.raises(UnknownName, match="column"):
        read_values(str(tmp_path / "list.csv"), column="phone")
    (tmp_path / "broken.xlsx").write_bytes(b"PK\x03\x04no")
    with pytest.raises(InvalidInput, match="workbook"):
        read_values(str(tmp_path / "broken.xlsx"))
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_values(str(tmp_path / "none.csv"))
    with pytest.raises(InvalidInput, match="neither text"):
        table_of_text(b"\x00\x01")
    assert read_values("-", column="2", body=b"1,2\n3,4") == ["2", "4"]
    assert read_values("-", body=b"1,2;3\n4") == ["1", "2", "3", "4"]
    assert pasted("1 3，4\n\n5") == ["1 3", "4", "5"]
    assert column_of([["1"], ["2"]], None, None) == ["1", "2"]


def test_the_column_that_is_likely_to_hold_the_phones_is_taken_and_every_one_can_be_named() -> None:
    rows = [
        ["序号", "姓名", "年龄", "手机", "到店日", "手机"],
        *([i, "王小明", 20 + i % 7, f"1380000{i:04}", f"2024-05-0{i % 9}", None] for i in range(1, 40)),
        [40, "李小芳", 31, "13800000001", "2024-05-01", None],
    ]
    phones = [str(row[3]) for row in rows[1:]]
    assert columns_of(rows) == ["序号", "姓名", "年龄", "手机", "到店日", "手机"]
    assert likely_column(rows, None) == likely_column(rows, "phone") == 4
    assert column_of(rows, None, None) == column_of(rows, "手机", None) == column_of(rows, "4", None) == phones
    assert likely_column(rows, "序号") == 1
    assert column_of(rows, "6", None) == []
    assert columns_of(rows[1:3]) == ["1", "2", "3", "4", "5", "6"]
    assert column_of(rows[1:], None, None) == phones
    assert likely_column([["姓名"], ["王小明"]], None) == 1
    assert (columns_of([]), column_of([[None]], None, None)) == ([], [])


@given(
    st.integers(0, 10**8 - 1),
    st.sampled_from(["", "+86", "86", "0086", "+86 ", "+86-"]),
    st.sampled_from(["", " ", "-"]),
)
def test_a_phone_has_one_normal_form_and_that_form_knows_how_sources_write_it(n: int, prefix: str, gap: str) -> None:
    plain = f"138{n:08d}"
    written = f"{prefix}{plain[:3]}{gap}{plain[3:7]}{gap}{plain[7:]}"
    assert normal(written) == normal(plain) == plain
    assert written in spellings(plain)


def test_a_list_before_any_data_is_told_what_to_do(tmp_path: Path) -> None:
    from gongbi import workspace

    root = workspace.init(tmp_path / "new")
    (root / "definitions" / "all.yaml").write_text("subject: customer\nkey: integer\n", "utf-8")
    with gongbi.open(root) as ws:
        ws.apply()
        with pytest.raises(NotYet, match="No customer"):
            from_list(ws, "vip", ["1"])
