"""What is remembered between answers is forgotten as soon as definitions, data or builds change."""

from __future__ import annotations

from pathlib import Path

import pytest

import gongbi


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
