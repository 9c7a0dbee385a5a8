"""What is remembered between answers is forgotten as soon as definitions, data or builds change."""

from __future__ import annotations

from pathlib import Path

import pytest

import gongbi
from gongbi.errors import InvalidInput, UnknownName

FILES_OF_CARDS = ("definitions/subjects.yaml", "definitions/sources.yaml", "data/cards.csv")


@pytest.fixture
def ws(built_shop: Path):  # type: ignore[no-untyped-def]
    with gongbi.open(built_shop) as opened:
        yield opened


def test_a_count_sees_new_data_and_the_next_build(ws: gongbi.Workspace, shop: Path) -> None:
    assert ws.segment("count(order) > 0").count() == 3
    assert ws.segment("tag.spend.orders > 0").count() == 3
    orders = shop / "data/orders.csv"
    orders.write_text(orders.read_text("utf-8") + "6,13,bread,2024-03-20T10:00:00,1.00,1\n", "utf-8")
    ws.ingest()
    assert ws.segment("count(order) > 0").count() == 4, "raw facts are read as they are"
    assert ws.segment("tag.spend.orders > 0").count() == 3, "tags are those of the current build"
    ws.build()
    assert ws.segment("tag.spend.orders > 0").count() == 4


def test_a_count_sees_an_edited_segment(ws: gongbi.Workspace, shop: Path) -> None:
    assert ws.segment("regulars").count() == 1
    segments = shop / "definitions/segments.yaml"
    segments.write_text(segments.read_text("utf-8").replace(">= 2", ">= 1"), "utf-8")
    ws.apply()
    assert ws.segment("regulars").count() == 3


def test_insight_follows_the_build(ws: gongbi.Workspace) -> None:
    def rows() -> set[str]:
        return {r["tag"] for r in ws.segment("regulars").insight(min_support=0)}

    assert "spend.orders" in rows()
    ws.build(as_of="2024-04-01")
    assert ws.call("insight", expression="regulars", min_support=0)["as_of"].startswith("2024-03-31T16:00")
    assert "spend.orders" in rows()


def test_a_second_record_of_a_customer_is_seen_although_there_was_one_before(shop: Path) -> None:
    subjects, sources, cards = (shop / f"{name}" for name in FILES_OF_CARDS)
    subjects.write_text(
        subjects.read_text("utf-8").replace("primary: true}}", "primary: true}, phone: {type: text}}"), "utf-8"
    )
    sources.write_text(
        sources.read_text("utf-8").replace("id: {identifier: card}", "id: {identifiers: {card: card, phone: phone}}"),
        "utf-8",
    )
    cards.write_text("card,phone,town\n10,a,上海\n11,b,Lyon\n13,c,上海\n", "utf-8")
    with gongbi.open(shop) as ws:
        ws.apply()
        ws.ingest()
        assert ws.segment("customer.town = 'Lyon'").count() == 1
        assert ws.context is not None
        assert ws.context.single("customer") == {"attributes_cards"}
        cards.write_text("card,phone,town\n10,a,上海\n11,b,Lyon\n13,b,上海\n", "utf-8")
        ws.ingest()
        assert ws.context.single("customer") == frozenset()
        assert ws.segment("customer.town is not null").count() == 2, "cards 11 and 13 are one customer now"
        assert ws.segment("customer.town = 'Lyon'").count() == 0, "the later row is the newest statement"


def test_old_tags_beside_new_rows_are_told(ws: gongbi.Workspace, shop: Path) -> None:
    asked = "tag.spend.orders > 0"
    assert ws.call("count", expression=asked)["warnings"] == []
    orders = shop / "data/orders.csv"
    orders.write_text(orders.read_text("utf-8") + "6,13,bread,2024-03-20T10:00:00,1.00,1\n", "utf-8")
    ws.ingest()
    assert [w["code"] for w in ws.call("count", expression=asked)["warnings"]] == ["data_changed"]
    assert ws.call("count", expression="count(order) > 0")["warnings"] == [], "no tag is asked for"
    ws.build()
    assert ws.call("count", expression=asked)["warnings"] == []


def test_a_name_that_nobody_has_is_answered_with_the_nearest(ws: gongbi.Workspace) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'regulars'"):
        ws.segment("regular").count()
    with pytest.raises(UnknownName, match="No subject is called 'nosuch'"):
        ws.call("count", expression="true", subject="nosuch")
    with pytest.raises(InvalidInput, match="takes for `limit` a value of type int"):
        ws.call("members", expression="true", limit="3")


def test_an_attribute_called_nearly_like_a_segment_is_itself(shop: Path) -> None:
    _, sources, cards = (shop / f"{name}" for name in FILES_OF_CARDS)
    sources.write_text(sources.read_text("utf-8").replace("{town: text}", "{town: text, regular: boolean}"), "utf-8")
    cards.write_text("card,town,regular\n10,上海,true\n11,Lyon,false\n13,上海,true\n", "utf-8")
    with gongbi.open(shop) as ws:
        ws.apply()
        ws.ingest()
        assert ws.segment("regular").count() == 2
