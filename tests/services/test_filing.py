"""Tags are filed in a scheme and in libraries that refine and never override; what is private is masked."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import gongbi as package
from gongbi.catalog.catalog import assemble
from gongbi.catalog.libraries import general
from gongbi.catalog.yaml import InvalidDefinitions, read_definitions, read_text
from gongbi.errors import GongbiError, InvalidDefinition, InvalidInput, Refused, UnknownName

Run = Callable[..., subprocess.CompletedProcess[str]]
BASE = """subject: customer
identifiers: {card: {type: integer, primary: true}}
---
tag: rfm.recency
expr: "1"
name: {zh: 最近, en: Recency}
category: 消费特征/价值
unit: points
owner: marketing
---
library: coast
---
library: east
name: {zh: 华东, en: East}
extends: coast
---
"""


def test_the_general_five_ship_in_order() -> None:
    assert [(c.path, c.name.en) for c in general().categories] == [
        ("固定特征", "Fixed traits"),
        ("兴趣特征", "Interests"),
        ("社会特征", "Social traits"),
        ("消费特征", "Consumption"),
        ("动态特征", "The moment"),
    ]


def test_a_category_is_called_by_its_scheme_else_in_usual_words_and_a_path_as_a_whole_or_as_it_is_written(
    gongbi: Run, built_shop: Path
) -> None:
    (built_shop / "definitions/more.yaml").write_text(
        "tag: own.pace\nexpr: count(order)\ncategory: 消费特征/频率\n---\n"
        "tag: own.tea\nexpr: count(order)\ncategory: 消费特征/喝茶\n",
        "utf-8",
    )
    assert gongbi("apply").returncode == 0
    with package.open(built_shop) as ws:
        filed = {tag["tag"]: tag["category_name"] for tag in ws.call("tags")}
    assert filed["own.pace"] == {"zh": "消费特征/频率", "en": "Consumption/Frequency"}
    assert filed["own.tea"] == {"zh": "消费特征/喝茶", "en": "Consumption/喝茶"}, "part by part, for a tree"
    shown = gongbi("tags").stdout
    assert "Consumption/Frequency" in shown
    assert "消费特征/喝茶" in shown
    assert "Consumption/喝茶" not in shown


def test_an_unknown_category_is_a_warning_with_the_nearest_unless_the_scheme_is_strict() -> None:
    stray = "---\ntag: a.b\nexpr: '1'\ncategory: 消费特性/价值\n"
    (note,) = assemble(read_text(BASE.removesuffix("---\n") + stray)).notes
    assert (note["code"], note["tags"], note["nearest"]) == ("unknown_category", ["a.b"], "消费特征")
    tree = "---\nscheme: own\nstrict: true\ncategories: [{path: 消费特征}, {path: 消费特征/价值}]\n"
    assert assemble(read_text(BASE.removesuffix("---\n") + tree)).notes == []
    with pytest.raises(InvalidDefinition, match="no category '消费特性'") as told:
        assemble(read_text(BASE.removesuffix("---\n") + tree + stray))
    assert told.value.hint == "Did you mean '消费特征'?"
    deeper = "---\ntag: a.b\nexpr: '1'\ncategory: 消费特征/价格\n"
    with pytest.raises(InvalidDefinition, match="no category '消费特征/价格'"):
        assemble(read_text(BASE.removesuffix("---\n") + tree + deeper))


def test_a_refinement_takes_over_what_it_does_not_say(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(BASE, "utf-8")
    folder = tmp_path / "libraries/east/tags"
    folder.mkdir(parents=True)
    (folder / "rfm.yaml").write_text("tag: east.rfm.recency\nrefines: rfm.recency\nexpr: '2'\nunit: marks\n", "utf-8")
    tag = assemble(read_definitions(tmp_path)).tags["east.rfm.recency"]
    assert (tag.library, tag.name.en, tag.category, tag.unit, tag.owner, tag.expr) == (
        "east",
        "Recency",
        "消费特征/价值",
        "marks",
        "marketing",
        "2",
    )
    (folder / "rfm.yaml").write_text("tag: rfm.recency\nexpr: '2'\n", "utf-8")
    with pytest.raises(InvalidDefinitions, match="defined twice") as told:
        read_definitions(tmp_path)
    assert "`east.rfm.recency` with `refines: rfm.recency`" in str(told.value.hint)


@pytest.mark.parametrize(
    ("added", "error", "said"),
    [
        ("tag: east.x\nlibrary: west\nexpr: '1'", UnknownName, "No library is called 'west'"),
        ("tag: x\nlibrary: east\nexpr: '1'", InvalidDefinition, "does not bear its name"),
        ("tag: x\nrefines: rfm.recency\nexpr: '1'", InvalidDefinition, "is in no library"),
        ("tag: east.x\nlibrary: east\nrefines: rfm.regency\nexpr: '1'", UnknownName, "No tag is called 'rfm.regency'"),
        ("tag: east.x\nlibrary: east\nrefines: rfm.recency\nexpr: '''a'''", InvalidDefinition, "which it refines, is"),
        (
            "tag: east.x\nlibrary: east\nexpr: '1'\n---\ntag: coast.x\nlibrary: coast\nrefines: east.x\nexpr: '1'",
            InvalidDefinition,
            "in no library that 'coast' extends",
        ),
        ("library: north\nextends: south\n---\nlibrary: south\nextends: north", InvalidDefinition, "extend each other"),
        ("tag: x\nexpr: '1'\nexpires: soon", InvalidDefinition, "`expires` is a date"),
        ("tag: x\nexpr: '1'\nkeep: 0", InvalidDefinition, "`keep` is 1 to 100 builds"),
    ],
)
def test_what_a_library_may_not_do_is_told(added: str, error: type[GongbiError], said: str) -> None:
    with pytest.raises(error, match=said):
        assemble(read_text(BASE + added))


def test_privacy_is_that_of_what_a_tag_uses_unless_it_says_otherwise() -> None:
    text = BASE + (
        "tag: a.phone\nexpr: '1'\npii: direct\n---\ntag: a.near\nexpr: tag.a.phone + 1\n---\n"
        "tag: a.health\nexpr: tag.a.near\npii: sensitive\n---\ntag: a.both\nexpr: tag.a.near + tag.a.health\n---\n"
        "tag: a.counted\nexpr: tag.a.phone * 0\npii: none\n"
    )
    assert assemble(read_text(text)).privacy == {
        "rfm.recency": "none",
        "a.phone": "direct",
        "a.near": "direct",
        "a.health": "sensitive",
        "a.both": "sensitive",
        "a.counted": "none",
    }


def test_private_values_are_masked_until_a_named_person_says_why(built_shop: Path) -> None:
    path = built_shop / "definitions/tags.yaml"
    path.write_text(path.read_text("utf-8").replace("expr: count(order)\n", "expr: count(order)\npii: sensitive\n"))
    with package.open(built_shop, actor="ana") as ws:
        ws.apply()
        (tag,) = (t for t in ws.call("tags") if t["tag"] == "spend.orders")
        assert (tag["pii"], tag["masked"], tag["top"], tag["min"]) == ("sensitive", True, None, None)
        asked = {"expression": "true", "columns": ["spend.orders", "tag.spend.orders + 1", "spend.total"]}
        found = ws.call("members", **asked)
        assert [w["columns"] for w in found["warnings"] if w["code"] == "masked"] == [asked["columns"][:2]]
        assert {v for name in asked["columns"][:2] for v in found["table"][name].to_pylist()} == {"***"}
        assert all(v is not None and v != "***" for v in found["table"]["spend.total"].to_pylist())
        ws.call("export", to=str(built_shop / "list.csv"), **asked)
        assert "***" in (built_shop / "list.csv").read_text("utf-8-sig")
        with pytest.raises(InvalidInput, match="needs a reason"):
            ws.call("members", reveal=" ", **asked)
        with pytest.raises(Refused, match="named person"):
            ws.call_as("local", "members", reveal="audit", **asked)
        shown = ws.call("members", reveal="audit", **asked)["table"]
        assert set(shown["spend.orders"].to_pylist()) <= set(range(10))
        (entry,) = ws.context.store.audit.list(action="reveal")  # type: ignore[union-attr]
        assert (entry.actor, entry.details["why"], entry.details["columns"]) == ("ana", "audit", asked["columns"][:2])


def test_a_tag_that_asks_for_more_builds_gets_them(built_shop: Path) -> None:
    path = built_shop / "definitions/tags.yaml"
    path.write_text(path.read_text("utf-8").replace("expr: count(order)\n", "expr: count(order)\nkeep: 6\n"))
    with package.open(built_shop) as ws:
        ws.apply()
        for _ in range(8):
            ws.build(force=True)
        kept = [b.subject for b in ws.context.store.builds.list(status="published")]  # type: ignore[union-attr]
        assert (kept.count("customer"), kept.count("item")) == (7, 5)
