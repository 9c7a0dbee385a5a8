"""Levels of an ordered category stand in their order wherever they are shown, and lists are ordered by it."""

from __future__ import annotations

from collections import Counter

import pytest

from gongbi.catalog import forms
from gongbi.core.types import INTEGER, TEXT, category, in_order, list_of

#: Neither by alphabet nor by how many there are.
LEVELS = ["seldom", "often", "always"]
TAG = "visit.habit"


@pytest.fixture
def counts(half_year) -> dict[str, int]:  # type: ignore[no-untyped-def]
    visits = Counter(order.customer for order in half_year.orders)
    found = Counter("always" if n > 9 else "often" if n > 3 else "seldom" for n in visits.values())
    assert sorted(LEVELS) != LEVELS
    assert [level for level, _ in found.most_common()] != LEVELS
    return dict(found)


def test_what_has_no_place_comes_last_and_other_types_are_left_alone() -> None:
    grades = category(TEXT, ("C", "B", "A"), ordered=True)
    assert in_order(grades, ["A", "x", "C", "B"], str) == ["C", "B", "A", "x"]
    assert in_order(category(INTEGER, (3, 2, 1), ordered=True), ["1", "3", "2"], str) == ["3", "2", "1"]
    assert in_order(category(list_of(TEXT), ("C", "A"), ordered=True), ["A", "C"], str) == ["C", "A"]
    assert in_order(category(TEXT, ("C", "A")), ["A", "C"], str) == ["A", "C"]


def test_a_tag_is_shown_by_its_levels(half_year, counts) -> None:  # type: ignore[no-untyped-def]
    (tag,) = half_year.ws.call("tags", search=TAG)
    assert [(one["value"], one["count"]) for one in tag["top"]] == [(level, counts[level]) for level in LEVELS]
    draft = {key: tag[key] for key in ("tag", "expr")} | {"type": {"category": LEVELS, "ordered": True}}
    for verb in ("try_tag", "draft_tag"):
        assert [one["value"] for one in half_year.ws.call(verb, definition=draft)["top"]] == LEVELS


def test_groups_are_taken_apart_and_followed_level_by_level(half_year, counts) -> None:  # type: ignore[no-untyped-def]
    found = half_year.ws.call("drill", expression="true", by=[TAG])
    assert found["by"][0]["labels"][:3] == LEVELS
    assert [row["support"] for row in found["rows"] if row["kinds"] == ["value"]] == [counts[x] for x in LEVELS]
    written = half_year.ws.call("drill", expression="true", by=[f"if(count(order) > 0, tag.{TAG}, null)"])
    assert written["by"][0]["labels"][:3] == LEVELS
    states = half_year.ws.call("flows", by=TAG, since="2024-04-01")["states"]
    assert [one["state"] for one in states if one["state"] in LEVELS] == LEVELS


def test_a_form_offers_the_levels_in_order_and_to_compare_by_it(half_year) -> None:  # type: ignore[no-untyped-def]
    fields = {field["name"]: field for field in half_year.ws.call("fields")["fields"]}
    field = fields[f"tag.{TAG}"]
    assert (field["kind"], field["values"]) == ("levels", LEVELS)
    assert ">=" in {one.operator for one in forms.operators(field["kind"])}
    assert half_year.ids(f"tag.{TAG} >= 'often'") == half_year.ids("count(order) > 3")


def test_a_list_is_ordered_by_the_levels_and_so_is_a_limit(half_year, counts) -> None:  # type: ignore[no-untyped-def]
    table = half_year.ws.segment("true").members([TAG], order=[TAG])
    falling = [level for level in reversed(LEVELS) for _ in range(counts[level])]
    rest = table.num_rows - len(falling)
    assert table[TAG].to_pylist() == [*falling, *[None] * rest]
    most = counts["always"] + 3
    kept = half_year.ws.call("count", expression=f"tag.{TAG} = 'often'", limit=3, order=TAG)
    assert kept["count"] == 3
    limited = half_year.ids(f"place(if(true, tag.{TAG}, null)) <= {most}")
    assert limited == set(table["id"].to_pylist()[:most])
