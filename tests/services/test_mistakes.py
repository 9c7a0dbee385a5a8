"""A mistake is told with what to do about it, and is not remembered as work that failed."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gongbi.testing.shop import MODEL

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def built(gongbi: Run, built_shop: Path) -> Run:
    return gongbi


@pytest.mark.parametrize(
    "command",
    [
        ["segment", "count", "regulars", "-s", "itme"],
        ["segment", "count", "true", "-s", "itme"],
        ["segment", "members", "true", "-s", "itme"],
        ["segment", "insight", "true", "-s", "itme"],
        ["customer", "10", "-s", "itme"],
        ["tags", "-s", "itme"],
    ],
)
def test_an_unknown_subject_is_an_error_with_the_nearest_one(built: Run, command: list[str]) -> None:
    done = built(*command)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "gongbi: No subject is called 'itme'. Did you mean 'item'?\n"


def test_a_segment_of_another_subject_is_still_told_apart(built: Run) -> None:
    assert (
        "The segment 'regulars' holds customers, not items."
        in built("segment", "count", "regulars", "-s", "item").stderr
    )


@pytest.fixture
def renamed(gongbi: Run, shop: Path) -> Run:
    """A shop whose customers are called 顾客, and which has no other subject."""
    (shop / "definitions/tags.yaml").unlink()
    (shop / "definitions/segments.yaml").unlink()
    for name in ("subjects", "sources"):
        path = shop / f"definitions/{name}.yaml"
        text = re.sub(
            r"---\n(subject: item\nkey: text\n|source: items\n.*)", "", path.read_text("utf-8"), flags=re.DOTALL
        )
        text = text.replace(", item: item}", "}").replace("customer: {identifier", "顾客: {identifier")
        path.write_text(re.sub(r"(subject|attributes): customer", r"\1: 顾客", text), "utf-8")
    for command in ("apply", "ingest"):
        assert gongbi(command).returncode == 0
    return gongbi


@pytest.mark.parametrize("command", [["customer", "10"], ["segment", "count", "true"]])
def test_who_has_no_subject_called_customer_is_told_how_to_name_theirs(renamed: Run, command: list[str]) -> None:
    assert renamed(*command).stderr == "gongbi: No subject is called 'customer'. Add `-s 顾客`.\n"
    assert renamed(*command, "-s", "顾客").returncode == 0


@pytest.mark.parametrize(
    "expression", ['customer.town = "65+"', "customer.town = “65+”", 'count(order) filter (where item = "65+") > 0']
)
def test_a_text_in_double_quotes_is_told_that_texts_stand_in_single_ones(built: Run, expression: str) -> None:
    said = built("segment", "count", expression).stderr
    assert said.endswith("Double quotes hold names; texts stand in single quotes, e.g. '65+'.\n")


def test_a_slip_of_the_pen_leaves_no_failure_behind(built: Run, shop: Path) -> None:
    before = json.loads(built("runs", "--json").stdout)
    for command in (
        ["train", "crystal_ball"],
        ["ingest", "ordres"],
        ["segment", "count", "tag.spend.totl > 1"],
        ["segment", "members", "tag.spend.totl > 1", "--to", "out.csv"],
        ["segment", "members", "true", "-c", "spend.totl", "--to", "out.csv"],
        ["campaign", "spring"],
        ["build", "-s", "shop"],
    ):
        assert built(*command).returncode == 2, command
    assert json.loads(built("runs", "--json").stdout) == before
    assert json.loads(built("report", "--json").stdout)["failed"] == []


def test_a_mistake_in_a_maker_is_told_with_its_key_and_not_with_what_it_writes(built: Run, shop: Path) -> None:
    text = "tag: spend.group\nmaker: {rfm: {fact: order, amount: order.amuont, part: group}}\n"
    (shop / "definitions" / "wrong.yaml").write_text(text, "utf-8")
    done = built("apply")
    assert done.returncode == 2
    assert "Tag 'spend.group', `amount` of its maker `rfm`: " in done.stderr
    assert "Did you mean 'amount'?" in done.stderr
    assert len(done.stderr) < 300


def test_a_score_without_values_is_told_to_be_trained_not_built(built: Run, shop: Path) -> None:
    (shop / "definitions/models.yaml").write_text(MODEL, "utf-8")
    built("apply")
    said = built("segment", "count", "tag.model.comes_again > 0.5").stderr
    assert said == (
        "gongbi: The tag 'model.comes_again' has no values yet: its model was not trained."
        " Run `gongbi train comes_again` first.\n"
    )


def test_a_number_that_is_too_large_is_told_with_its_tag(built: Run, shop: Path) -> None:
    (shop / "definitions/more.yaml").write_text(
        "- {tag: aa.fine, expr: count(order)}\n- {tag: bb.large, expr: tag.aa.fine * 9223372036854775807}\n"
        "- {tag: cc.rests, expr: tag.bb.large + 1}\n- {tag: dd.large, expr: count(order) * 9223372036854775806 + 9}\n",
        "utf-8",
    )
    built("apply")
    done = built("build")
    assert done.returncode == 2
    assert "The tag 'bb.large' cannot be computed: A value becomes too large for its type" in done.stderr
    assert json.loads(built("customer", "10", "--json").stdout)["tags"], "the last good build is served"


def test_tags_are_listed_by_subject_category_and_name(built: Run) -> None:
    rows = json.loads(built("tags", "--json").stdout)
    keys = [(row["subject"], row["category"], row["tag"]) for row in rows]
    assert keys == sorted(keys)
    assert len({subject for subject, _, _ in keys}) == 2


def test_what_nobody_in_a_group_does_is_shown_where_it_would_be_expected(built: Run) -> None:
    rows = json.loads(built("segment", "insight", "customer.town = '上海'", "--min-support", "1", "--json").stdout)[
        "rows"
    ]
    expected = {(row["tag"], row["label"]): row["base_count"] * 2 / 4 for row in rows}
    assert all(max(row["support"], expected[row["tag"], row["label"]]) >= 1 for row in rows)
    assert any(row["support"] < 1 for row in rows), "nobody, where one of two would be expected"


def test_what_a_group_is_defined_by_comes_after_what_sets_it_apart(built: Run) -> None:
    found = json.loads(built("segment", "insight", "tag.spend.orders >= 2", "--min-support", "0", "--json").stdout)
    marks = [row["defining"] for row in found["rows"]]
    named = [row["tag"] for row in found["rows"] if (row["defining"] or {}).get("en") == "The definition names it."]
    assert set(named) == {"spend.orders"}
    assert marks == sorted(marks, key=lambda mark: mark is not None)
    assert marks[0] is None
    shown = built("segment", "insight", "tag.spend.orders >= 2", "--min-support", "0").stdout
    assert "The definition names it." in " ".join(shown.split())
