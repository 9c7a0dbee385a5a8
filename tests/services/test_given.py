"""Values that are given: by hand and from a file, read as of the instant, kept with who, when and why."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import gongbi as package
from gongbi.errors import InvalidInput, UnknownName, WrongType

Run = Callable[..., subprocess.CompletedProcess[str]]
TAGS = """tag: care.grade
name: {zh: 关怀等级, en: Grade}
maker: {manual: {type: text, names: [gold, silver]}}
---
tag: outside.score
maker: {imported: {type: number}}
---
tag: outside.twice
expr: tag.outside.score * 2
---
tag: shop.items
expr: list(order.item)
type: {list: [apple, bread, cheese]}
---
tag: shop.spread
expr: distribution(order.item, order.amount)
type: distribution
"""


@pytest.fixture
def given_shop(gongbi: Run, built_shop: Path) -> Path:
    (built_shop / "definitions/given.yaml").write_text(TAGS, "utf-8")
    gongbi("apply")
    gongbi("build")
    return built_shop


def values(ws: package.Workspace, tag: str) -> dict[int, object]:
    return {row["id"]: row[f"tag.{tag}"] for row in ws.segment("true").members(columns=[f"tag.{tag}"]).to_pylist()}


def test_a_value_set_by_hand_is_read_as_of_the_instant_with_who_and_why(gongbi: Run, given_shop: Path) -> None:
    gongbi("tags", "set", "care.grade", "10", "silver", "--as", "li", "--why", "met", "--since", "2024-03-02")
    said = gongbi("tags", "set", "care.grade", "10", "gold", "--as", "wang", "--since", "2024-03-10", "--json")
    assert json.loads(said.stdout)["before"] == "silver"
    gongbi("build")
    with package.open(given_shop) as ws:
        grades = values(ws, "care.grade")
        assert {member: grade for member, grade in grades.items() if grade} == {10: "gold"}
        ws.build(as_of="2024-03-05")
        history = ws.given_values("care.grade", 10)
        assert [(h["value"], h["by"], h["why"]) for h in history] == [
            ("gold", "wang", ""),
            ("silver", "li", "met"),
        ]
        assert history[0]["valid_to"] is None
        assert history[1]["valid_to"] == history[0]["valid_from"]
        told = ws.explain("care.grade", 10)
        assert [h["value"] for h in told["steps"][0]["given"]] == ["gold", "silver"]
        with pytest.raises(UnknownName, match="gold"):
            ws.set_tag("care.grade", 10, "golden")
        with pytest.raises(InvalidInput, match="later instant"):
            ws.set_tag("care.grade", 10, "silver", since="2024-03-01")
        with pytest.raises(InvalidInput, match="not given but computed"):
            ws.set_tag("spend.total", 10, "5")
        with pytest.raises(InvalidInput, match="no value to take away"):
            ws.set_tag("care.grade", 11, None)
        ws.set_tag("care.grade", 10, None, why="asked to be left alone")
        ws.build()
        assert set(values(ws, "care.grade").values()) == {None}
        assert [h["value"] for h in ws.given_values("care.grade", 10)] == ["gold", "silver"], "nothing is forgotten"


def test_a_file_gives_one_value_to_each_member_that_it_names(gongbi: Run, given_shop: Path) -> None:
    file = given_shop / "scores.csv"
    file.write_text("card,score,note\n10,0.5,a\n11,high,b\n99,0.7,c\n13,2,d\n13,3,e\n12,,f\n", "utf-8")
    asked = ("tags", "import", "outside.score", str(file), "--id", "card", "--column", "score", "--json")
    told = json.loads(gongbi(*asked, "--preview").stdout)
    done = json.loads(gongbi(*asked).stdout)
    assert {name: told[name] for name in ("read", "good", "rejected", "reasons")} == {
        name: done[name] for name in ("read", "good", "rejected", "reasons")
    }
    assert (told["columns"], told["rows"][0]) == (
        ["card", "score", "note"],
        {"card": "10", "score": "0.5", "note": "a"},
    )
    assert told["taken"] == [{"row": 1, "id": 10, "value": 0.5}, {"row": 4, "id": 13, "value": 2.0}]
    assert [(one["row"], one["reason"], one["value"]) for one in told["refused"]] == [
        (2, "wrong_type", "high"),
        (3, "unknown_member", "99"),
        (5, "duplicate_key", "13"),
    ]
    assert (done["read"], done["good"], done["rejected"]) == (6, 2, 3)
    assert done["reasons"] == {"wrong_type": 1, "unknown_member": 1, "duplicate_key": 1}
    gongbi("build")
    with package.open(given_shop) as ws:
        assert values(ws, "outside.score") == {10: 0.5, 11: None, 12: None, 13: 2.0}
        assert values(ws, "outside.twice")[13] == 4.0
        (row,) = ws.given_values("outside.score", 13)
        assert (row["path"], row["row"], row["load"]) == ("scores.csv", 4, done["load"])
        file.write_text("card,score\n10,0.6\n", "utf-8")
        again = ws.import_tag("outside.score", str(file), key="card", column="score", kind="card")
        assert (again["good"], again["ended"]) == (1, 2)
        ws.build()
        assert values(ws, "outside.score") == {10: 0.6, 11: None, 12: None, 13: None}
        with pytest.raises(UnknownName, match="scored"):
            ws.import_tag("outside.score", str(file), key="card", column="scored")


def test_tags_of_lists_and_distributions_are_described_by_their_elements(gongbi: Run, given_shop: Path) -> None:
    with package.open(given_shop) as ws:
        found = {tag["tag"]: tag for tag in ws.tags}
        assert found["shop.items"]["distinct"] == 3
        assert {v["value"]: v["count"] for v in found["shop.items"]["top"]} == {"apple": 2, "cheese": 2, "bread": 1}
        assert {v["value"]: v["count"] for v in found["shop.spread"]["top"]} == {"apple": 2, "cheese": 2, "bread": 1}
        assert values(ws, "shop.items")[10] == ["apple", "bread", "cheese"]
        assert ws.segment("has(tag.shop.items, 'apple') and share_in(tag.shop.spread, 'apple') > 0.5").count() == 1
        rows = ws.call("insight", expression="tag.spend.total > 5")
        assert {"shop.items", "shop.spread"} <= {out["tag"] for out in rows["left_out"]}
    (given_shop / "definitions/given.yaml").write_text(TAGS.replace("apple, bread, cheese", "apple, bread"), "utf-8")
    gongbi("apply")
    failed = gongbi("build")
    assert "cheese" in failed.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("expr: list(order.item)\ntype: {list: integer}", "list of integer"),
        ("expr: list(order.item)\ntype: text", "declared as text"),
    ],
)
def test_a_declared_list_must_be_one(gongbi: Run, given_shop: Path, text: str, said: str) -> None:
    (given_shop / "definitions/more.yaml").write_text(f"tag: a.b\n{text}\n", "utf-8")
    with package.open(given_shop) as ws, pytest.raises(WrongType, match=said):
        ws.apply()
