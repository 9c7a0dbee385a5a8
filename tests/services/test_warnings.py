"""What a reader must know is said beside the answer: old values of an edited tag, a comparison of nobody."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

import gongbi as package
from gongbi.store.tables import models
from gongbi.testing.shop import open_for_half_a_year

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
def saying(gongbi: Run) -> Run:
    """The command line without the lines in which slow work tells how far it is."""

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        done = gongbi(*args)
        done.stderr = "".join(line for line in done.stderr.splitlines(keepends=True) if not line.startswith("["))
        return done

    return run


@pytest.fixture
def built(saying: Run, built_shop: Path) -> Run:
    return saying


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
    assert "Edited since build 4: spend.regular." in built("customer", "10").stderr


def test_another_zone_makes_tags_another_thing(built: Run, shop: Path) -> None:
    (shop / "definitions/hour.yaml").write_text("tag: spend.hour\nexpr: min(hour(order.ts))\n", "utf-8")
    built("apply")
    built("build")
    asked = ("segment", "members", "count(order) > 2", "-c", "spend.hour", "-c", "min(hour(order.ts))", "--json")
    settings = shop / "gongbi.toml"
    text = settings.read_text("utf-8")
    assert 'zone = "Asia/Shanghai"' in text
    settings.write_text(text.replace("Asia/Shanghai", "Europe/Paris"), "utf-8")
    done = built(*asked)
    assert "Edited since build" in done.stderr
    assert all(row["spend.hour"] != row["min(hour(order.ts))"] for row in answer(done)["table"])
    assert not any(b["reused"] for b in answer(built("build", "--json"))["builds"])
    done = built(*asked)
    assert done.stderr == ""
    rows = answer(done)["table"]
    assert rows
    assert all(row["spend.hour"] == row["min(hour(order.ts))"] for row in rows)


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


CHANGED = "gongbi: warning: Data have changed since build 2: tags are as they were then, facts as they are now; "


def test_everything_that_shows_built_values_says_that_data_have_changed_since(built: Run, shop: Path) -> None:
    orders = shop / "data/orders.csv"
    orders.write_text(orders.read_text("utf-8") + "6,13,bread,2024-03-20T10:00:00,1.00,1\n", "utf-8")
    built("ingest")
    for command in TELLING:
        assert CHANGED in built(*command).stderr, command
    for command in (["customer", "10", "--tag", "spend.total"], ["segment", "count", "tag.spend.total > 1"]):
        assert built(*command).stderr.count(CHANGED) == 1, command
    assert built("segment", "count", "count(order) > 1").stderr == "", "it rests on facts alone"
    with package.open(shop) as ws:
        with pytest.warns(UserWarning, match="Data have changed since build 2"):
            portrait = ws.customer(10)
        with pytest.warns(UserWarning, match="Data have changed since build 2"):
            portrait.evidence("spend.total")
        with pytest.warns(UserWarning, match=r"Data have changed since build \d"):
            assert ws.tags
    built("build")
    for command in TELLING:
        assert built(*command).stderr == "", command


def test_a_build_that_does_not_know_its_definitions_says_so_once_where_something_was_edited(
    built: Run, shop: Path
) -> None:
    with package.open(shop) as ws:
        assert ws.context is not None
        builds = ws.context.store.builds
        for build in builds.list():
            bare = [{name: value for name, value in tag.items() if name != "definition"} for tag in build.tags]
            builds._change(build.id, {"tags": bare, "definitions_fingerprint": "of an older version"})
    said = "gongbi: warning: Build 2 was made before builds kept the definitions of their tags, so it cannot tell "
    for command in TELLING:
        assert built(*command).stderr.count(said) == 1, command
    assert built("segment", "count", "count(order) > 1").stderr == ""
    built("build")
    for command in TELLING:
        assert built(*command).stderr == "", command


def test_editing_a_tag_of_one_subject_leaves_the_builds_of_others_as_they_are(built: Run, shop: Path) -> None:
    edit(shop, "expr: count(order)\n", "expr: count(order) + 1\n")
    built("apply")
    item, customer = answer(built("build", "--json"))["builds"]
    assert (item["subject"], item["reused"]) == ("item", True)
    assert (customer["subject"], customer["reused"]) == ("customer", False)
    edit(shop, "expr: count(order) + 1\n", "expr: count(order)\n")
    built("apply")
    assert [one["reused"] for one in answer(built("build", "--json"))["builds"]] == [True, True], (
        "that was built before"
    )
    cards = shop / "data/cards.csv"
    cards.write_text(cards.read_text("utf-8") + "14,Lyon\n", "utf-8")
    built("ingest")
    assert [one["reused"] for one in answer(built("build", "--json"))["builds"]] == [False, False]


LEARNED = "learned from definitions that were edited since"


def test_a_model_that_learned_from_another_definition_is_shown_with_a_warning_until_it_is_trained(
    saying: Run, shop: Path
) -> None:
    open_for_half_a_year(shop)
    with package.open(shop) as ws:
        ws.call("demo")
    asking = [["models"], ["models", "comes_again"], ["segment", "count", "likely"], ["customer", "10"], ["report"]]
    for command in asking:
        assert saying(*command).stderr == "", command
    (shop / "definitions/more.yaml").write_text("segment: rich\nexpr: tag.spend.total > 100\n", "utf-8")
    saying("apply")
    assert saying("models").stderr == "", "no model learns from it"
    learning = shop / "definitions/learning.yaml"
    learning.write_text(learning.read_text("utf-8").replace("ahead(7, 'day')", "ahead(9, 'day')"), "utf-8")
    edit(shop, "expr: count(order)\n", "expr: count(order) + 1\n")
    saying("apply")
    saying("build")
    for command in asking:
        said = saying(*command).stderr
        assert f"Version 1 of the model comes_again {LEARNED} (its own and that of spend.orders)" in said, command
        assert said.count("\n") == 1, command
    assert saying("segment", "count", "regulars").stderr == ""
    (found,) = answer(saying("models", "comes_again", "--json"))["warnings"]
    assert (found["code"], found["version"], found["tags"]) == ("edited_model", 1, ["spend.orders"])
    assert "旧版的得分" in found["zh"]
    saying("train")
    for command in asking:
        assert saying(*command).stderr == "", command


def test_a_model_that_kept_no_definitions_says_that_it_cannot_tell(saying: Run, shop: Path) -> None:
    open_for_half_a_year(shop)
    with package.open(shop) as ws:
        ws.call("demo")
        assert ws.context is not None
        with ws.context.store.models._database.transaction() as connection:
            window = {k: v for k, v in ws.call("model_card", name="buying")["window"].items() if k != "made_from"}
            connection.execute(update(models).where(models.c.name == "buying").values(window=window))
    assert saying("models").stderr == "", "nothing was edited"
    learning = shop / "definitions/learning.yaml"
    learning.write_text(learning.read_text("utf-8").replace("horizon_days: 30", "horizon_days: 31"), "utf-8")
    saying("apply")
    assert "it cannot be told whether that was edited since; `gongbi train buying`" in saying("models").stderr
    saying("train", "buying")
    assert saying("models").stderr == ""
