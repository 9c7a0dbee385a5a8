"""What a reader must know is said beside the answer: old values of an edited tag, a comparison of nobody."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import gongbi as package

Run = Callable[..., subprocess.CompletedProcess[str]]
TELLING = [
    ["tags"],
    ["segment", "count", "tag.spend.orders > 1"],
    ["segment", "members", "true", "-c", "spend.orders"],
    ["segment", "members", "true", "-c", "spend.orders", "--to", "out.csv", "--overwrite"],
    ["segment", "list"],
    ["segment", "insight", "true", "--min-support", "0"],
    ["customer", "10"],
    ["customer", "10", "--tag", "spend.orders"],
    ["report"],
]
SILENT = [
    ["segment", "count", "tag.spend.total > 1"],
    ["segment", "count", "count(order) > 1"],
    ["customer", "10", "--tag", "spend.total"],
]


@pytest.fixture
def built(gongbi: Run, built_shop: Path) -> Run:
    return gongbi


def edit(shop: Path, old: str, new: str) -> None:
    tags = shop / "definitions/tags.yaml"
    text = tags.read_text("utf-8")
    assert text.count(old) == 1
    tags.write_text(text.replace(old, new), "utf-8")


def answer(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_values_of_an_edited_tag_are_served_with_a_warning_until_it_is_built(built: Run, shop: Path) -> None:
    edit(shop, "expr: count(order)\n", "expr: count(order) + 1\n")
    built("apply")
    said = "gongbi: warning: Edited since build 2: spend.orders. The values are those of the old definition; "
    for command in TELLING:
        done = built(*command)
        assert done.returncode == 0
        assert done.stderr == said + "`gongbi build` renews them.\n", command
    for command in SILENT:
        assert built(*command).stderr == "", command
    (found,) = answer(built("segment", "count", "tag.spend.orders > 1", "--json"))["warnings"]
    assert (found["code"], found["tags"], found["build"]) == ("edited_tags", ["spend.orders"], 2)
    assert "旧定义" in found["zh"]
    rows = answer(built("tags", "--json"))
    assert [row["tag"] for row in rows if row["warnings"]] == ["spend.orders"]
    built("build")
    for command in TELLING:
        assert built(*command).stderr == "", command
    assert answer(built("segment", "count", "tag.spend.orders > 1", "--json"))["count"] == 3


def test_an_edit_that_was_taken_back_or_changes_no_value_is_no_news(built: Run, shop: Path) -> None:
    edit(shop, "expr: count(order)\n", "expr: count(order) + 1\n")
    built("apply")
    edit(shop, "expr: count(order) + 1\n", "expr:   count( order )\n")
    edit(shop, "name: {zh: 订单数, en: Orders}", "name: {zh: 订单, en: Number of orders}")
    built("apply")
    assert built("tags").stderr == ""


def test_a_tag_that_uses_an_edited_tag_or_segment_is_edited_too(built: Run, shop: Path) -> None:
    (shop / "definitions/more.yaml").write_text(
        "- {tag: spend.level, expr: tag.spend.orders * 10}\n- {tag: spend.regular, expr: segment.fond}\n"
        "- {segment: fond, expr: count(order) > 2}\n",
        "utf-8",
    )
    built("apply")
    built("build")
    edit(shop, "expr: count(order)\n", "expr: count(order) + 1\n")
    built("apply")
    assert answer(built("tags", "spend.level", "--json"))[0]["warnings"][0]["tags"] == ["spend.level", "spend.orders"]
    built("build")
    more = shop / "definitions/more.yaml"
    more.write_text(more.read_text("utf-8").replace("> 2", "> 1"), "utf-8")
    built("apply")
    assert "Edited since build 6: spend.regular." in built("customer", "10").stderr


def test_a_comparison_of_nobody_says_so_in_both_languages(built: Run) -> None:
    done = built("segment", "insight", "false", "--min-support", "0")
    assert done.stderr == "gongbi: warning: Nobody is in the group: there is nothing to compare.\n"
    (found,) = answer(built("segment", "insight", "false", "--json"))["warnings"]
    assert "没有人" in found["zh"]
    assert "Nobody is in the base" in built("segment", "insight", "true", "--base", "false").stderr
    assert "No value of a tag has 20 members" in built("segment", "insight", "true").stderr


def test_python_warns_too(built_shop: Path) -> None:
    with package.open(built_shop) as ws:
        with pytest.warns(UserWarning, match="Nobody is in the group"):
            assert ws.segment("false").insight() == []
        edit(built_shop, "expr: count(order)\n", "expr: count(order) + 1\n")
        ws.apply()
        with pytest.warns(UserWarning, match="Edited since build 2: spend.orders"):
            assert ws.segment("tag.spend.orders > 1").count() == 1


def test_a_tag_is_named_as_it_stands_in_expressions_too(built: Run) -> None:
    bare = answer(built("customer", "10", "--tag", "spend.total", "--json"))
    assert answer(built("customer", "10", "--tag", "tag.spend.total", "--json")) == bare
    assert bare["parts"][0]["table"]
