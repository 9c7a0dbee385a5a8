"""Drilling down, hidden audiences and comparisons with the past, beside plain sets of the members."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from gongbi.core.expr import TagValue
from gongbi.core.types import DOUBLE
from gongbi.errors import InvalidInput, NotYet, UnknownName
from gongbi.segments.run import benjamini_hochberg, holm
from gongbi.services.past import needed

TAGS = ["town.name", "spend.orders", "spend.total", "visit.first", "visit.last", "visit.recent", "spend.fruit_share"]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_false_discoveries_are_those_of_scipy_and_never_more_than_holms(p_values: list[float]) -> None:
    adjusted = benjamini_hochberg(p_values)
    assert adjusted == pytest.approx(np.minimum(false_discovery_control(p_values), 1).tolist())
    assert all(q <= p + 1e-12 for q, p in zip(adjusted, holm(p_values), strict=True))


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("base", [None, "town"])
def test_every_cell_of_a_drill_down_leads_to_its_members(half_year, tag: str, base: str | None) -> None:  # type: ignore[no-untyped-def]
    found = half_year.ws.call("drill", expression="often", by=[tag], base=base)
    group, below = half_year.ids("often"), half_year.ids(base or "true")
    assert (found["size"], found["base_size"]) == (len(group), len(below))
    seen: list[int] = []
    for row in found["rows"]:
        who = half_year.ids(row["members_are"])
        assert len(who) == row["support"], row
        assert who <= group
        everybody = half_year.ids(row["members_are"].replace("(segment.often)", "(true)", 1))
        assert row["base_count"] == len(everybody & below), row
        assert row["share"] == len(who) / len(group)
        if row["base_count"]:
            assert row["tgi"] == pytest.approx(100 * row["share"] / row["base_share"])
            assert row["low"] <= row["tgi"] <= row["high"]
        seen += who
    assert sorted(seen) == sorted(group)


def test_two_tags_and_expressions_cut_a_group_into_cells(half_year) -> None:  # type: ignore[no-untyped-def]
    by = ["customer.town", "count(order) filter (where order.item = 'apple') > 1"]
    found = half_year.ws.call("drill", expression="often", by=by)
    apples = Counter(order.customer for order in half_year.orders if order.item == "apple")
    counts = Counter((half_year.towns[i], str(apples[i] > 1).lower()) for i in half_year.ids("often"))
    assert {tuple(row["labels"]): row["support"] for row in found["rows"] if row["support"]} == dict(counts)
    for row in found["rows"]:
        assert half_year.ws.segment(row["members_are"]).count() == row["support"]


def test_what_cannot_be_drilled_is_told(half_year) -> None:  # type: ignore[no-untyped-def]
    for by in ([], ["town.name", "town.name"], ["town.name", "spend.orders", "spend.total"]):
        with pytest.raises(InvalidInput, match="goes by one tag or by two"):
            half_year.ws.call("drill", expression="often", by=by)
    with pytest.raises(InvalidInput, match="Nobody has a value"):
        half_year.ws.call("drill", expression="often", by=["count(order) / 0"])
    with pytest.raises(UnknownName, match=r"town\.nam"):
        half_year.ws.call("drill", expression="often", by=["tag.town.nam"])
    assert half_year.ws.call("drill", expression="false", by=["town.name"])["warnings"][0]["code"] == "empty_group"


def test_the_unknown_count_among_the_others_or_apart(half_year) -> None:  # type: ignore[no-untyped-def]
    given_ = {"expression": "town", "tags": ["spend.fruit_share"], "min_support": 0}
    among, apart = (half_year.ws.call("insight", unknown=how, **given_)["rows"] for how in ("among", "apart"))
    assert sum(row["share"] for row in among) == pytest.approx(1)
    assert sum(row["share"] for row in apart) == pytest.approx(1)
    (absent,) = [row for row in among if row["kind"] == "absent"]
    assert absent["base_count"]
    assert "absent" not in {row["kind"] for row in apart}
    known = {row["label"]: row for row in among if row["kind"] != "absent"}
    for row in apart:
        assert row["share"] == pytest.approx(known[row["label"]]["share"] / (1 - absent["share"]))
        assert row["base_share"] == pytest.approx(known[row["label"]]["base_share"] / (1 - absent["base_share"]))
    with pytest.raises(UnknownName, match="way to count the unknown"):
        half_year.ws.call("insight", unknown="nowhere", **given_)


def test_a_group_is_compared_with_itself_as_of_a_past_date(half_year) -> None:  # type: ignore[no-untyped-def]
    then = datetime(2024, 4, 1, tzinfo=ZoneInfo("Asia/Shanghai"))
    orders = Counter(order.customer for order in half_year.orders if order.ts < then)
    often = {i for i, n in orders.items() if n >= 4}
    asked = {"expression": "often", "against_as_of": "2024-04-01", "min_support": 0}
    found = half_year.ws.call("insight", tags=["town.name"], **asked)
    assert found["base_size"] == len(often)
    assert found["size"] == len(half_year.ids("often")) > len(often)
    towns = Counter(half_year.towns[i] for i in often)
    assert {row["label"]: row["base_count"] for row in found["rows"]} == dict(towns) | {"—": 0}
    assert half_year.ws.call("insight", **asked)["compared"] > len(found["rows"])
    assert half_year.ws.context.engine.tables() == sorted(
        table for table in half_year.ws.context.engine.tables() if not table.startswith("draft_")
    )
    # A build as of that date holds the same tags.
    half_year.ws.build(as_of="2024-04-01")
    again = half_year.ws.call("insight", tags=["town.name"], **asked)
    assert again["rows"] == found["rows"]
    with pytest.raises(InvalidInput, match="lies in the future"):
        half_year.ws.call("insight", expression="often", against_as_of="2999-01-01")


def test_a_hidden_audience_is_outside_the_channel_and_shares_a_trait(half_year) -> None:  # type: ignore[no-untyped-def]
    expression, channel = "customer.id % 3 = 0 or tag.spend.orders >= 6", "customer.town = '上海'"
    found = half_year.ws.call("hidden", expression=expression, channel=channel, min_support=3)
    group, outside = half_year.ids(expression), half_year.ids(f"not ({channel})")
    assert found["known_outside"] == len(group & outside)
    assert found["in_channel"] == len(half_year.ids(channel))
    assert found["rows"]
    tags = {row["tag"] for row in found["excluded"]}
    assert {"spend.orders", "town.name"} <= tags
    for row in found["rows"]:
        who = half_year.ids(row["members_are"])
        assert who <= outside
        assert row["outside"] == len(who)
        assert row["there"] == len(who & group)
        assert row["lift"] == pytest.approx(row["rate"] / (len(group & outside) / len(outside)))
        assert 1 < row["low"] <= row["lift"] <= row["high"]
        assert row["tag"] not in tags
    itself = half_year.ws.call("hidden", expression="tag.visit.apples >= 3", min_support=3)
    for row in itself["rows"]:
        who = half_year.ids(row["members_are"])
        assert row["outside"] == len(who)
        assert not who & half_year.ids("tag.visit.apples >= 3")


def test_a_score_has_no_past(half_year) -> None:  # type: ignore[no-untyped-def]
    score = TagValue("model.x", DOUBLE)
    with pytest.raises(NotYet, match="score of a model"):
        needed(half_year.ws.context, "customer", [score])


def test_what_has_several_values_is_no_way_to_cut(half_year) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidInput, match=r"'visit\.items' has several values for a member"):
        half_year.ws.call("drill", expression="often", by=["visit.items"])
    with pytest.raises(InvalidInput, match=r"'visit\.items' has several values for a member"):
        half_year.ws.call("flows", by="visit.items", since="2024-03-01")


def test_a_past_before_all_data_is_said(half_year) -> None:  # type: ignore[no-untyped-def]
    asked = {"expression": "often", "min_support": 0}
    codes = [one["code"] for one in half_year.ws.call("insight", against_as_of="1999-01-01", **asked)["warnings"]]
    assert "before_data" in codes
    midway = min(order.ts for order in half_year.orders).date().replace(month=4)
    codes = [one["code"] for one in half_year.ws.call("insight", against_as_of=f"{midway}", **asked)["warnings"]]
    assert "before_data" not in codes
