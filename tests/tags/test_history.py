"""Values over time: kept by builds, back-filled in any order, told as facts; against plain Python."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import gongbi as package
from gongbi.errors import InvalidInput

KEPT = """tag: spend.orders_seen
name: {zh: 订单数, en: Orders}
category: 消费特征/价值
history: keep
expr: count(order)
---
tag: spend.last_item
category: 消费特征/价值
history: monthly
expr: last(order.item)
---
segment: twice
history: keep
expr: tag.spend.orders_seen >= 2
---
segment: newly_twice
expr: count(segment_change) filter (where segment = 'twice' and change = 'entered' and within(30, 'day')) > 0
"""
DAYS = ["2024-02-01", "2024-03-01", "2024-03-04", "2024-03-07", "2024-03-25"]
#: (customer, day of the order in UTC terms of the shop's zone), read off the shop's file.
ORDERS = {
    10: ["2024-03-01T09:00", "2024-03-05T10:30", "2024-03-20T09:15"],
    11: ["2024-03-06T18:00"],
    12: ["2024-02-01T12:00"],
}


@pytest.fixture
def kept(built_shop: Path) -> Path:
    (built_shop / "definitions/kept.yaml").write_text(KEPT, "utf-8")
    with package.open(built_shop) as ws:
        ws.apply()
    return built_shop


def counts(customer: int, days: list[str]) -> list[int]:
    return [sum(at < day for at in ORDERS.get(customer, ())) for day in sorted(days)]


def stretches(values: list[int]) -> list[int]:
    return [v for i, v in enumerate(values) if i == 0 or v != values[i - 1]]


@pytest.mark.parametrize("order", [DAYS, DAYS[::-1], [DAYS[2], DAYS[0], DAYS[4], DAYS[1], DAYS[3]]])
def test_points_may_come_in_any_order_and_again(kept: Path, order: list[str]) -> None:
    with package.open(kept) as ws:
        for day in order:
            done = ws.backfill("spend.orders_seen", day, day, every="day")
            assert len(done["points"]) == 1
        assert ws.backfill("spend.orders_seen", DAYS[2], DAYS[2], every="day")["there"] == 1
        before = ws.history("spend.orders_seen", 10)["values"]
        ws.backfill("spend.orders_seen", DAYS[2], DAYS[2], every="day", again=True)
        assert ws.history("spend.orders_seen", 10)["values"] == before
        for customer in (10, 11, 12):
            found = ws.history("spend.orders_seen", customer)
            assert found["points"] == len(DAYS)
            # Customer 12 has no card in the list of cards, and is not known before the first order.
            seen = [n for n in counts(customer, DAYS) if n or customer != 12]
            assert [int(v["value"]) for v in found["values"]] == stretches(seen)
            assert [v["to"] for v in found["values"]][:-1] == [v["from"] for v in found["values"]][1:]
            assert found["values"][-1]["to"] is None


def test_changes_are_facts_that_are_seen_after_their_instant_only(kept: Path) -> None:
    with package.open(kept) as ws:
        for day in DAYS:
            ws.backfill("segment.twice", day, day, every="day")
        rows: list[dict[str, Any]] = ws.context.engine.query(  # type: ignore[union-attr]
            "select ts, customer, segment, change from fact_segment_change order by ts"
        ).to_pylist()
        # Customer 10 has the second order on 5 March, seen as of the 7th, whose midnight is 16:00 UTC the day before.
        seen = datetime(2024, 3, 6, 16)  # noqa: DTZ001 (as the engine keeps it)
        assert rows == [{"ts": seen, "customer": 10, "segment": "twice", "change": "entered"}]
        ws.build()
        assert ws.segment("newly_twice").count() == 1
        ws.build(as_of="2024-03-07T00:00:00")
        engine, world = ws.context.engine, ws.context.catalog().world  # type: ignore[union-attr]
        from gongbi.core.compiler import Request
        from gongbi.segments.run import count_members

        where = ws.context.catalog().conditions["newly_twice"]  # type: ignore[union-attr]
        at = seen.replace(tzinfo=UTC)
        assert count_members(engine, world, Request("customer", {}, at, {}, where=where)) == 0
        later = at.replace(minute=1)
        assert count_members(engine, world, Request("customer", {}, later, {}, where=where)) == 1


def test_builds_keep_values_at_their_turn_and_data_do_not_look_newer_for_it(kept: Path) -> None:
    with package.open(kept) as ws:
        first = ws.build()["as_of"]
        assert ws.history("spend.orders_seen", 10)["points"] == 1
        assert ws.history("spend.last_item", 10)["values"][0]["value"] == "cheese"
        ws.build(force=True)
        assert ws.history("spend.orders_seen", 10)["points"] == 1, "the same instant takes its own place"
        assert ws.build(force=True)["as_of"] == first
        ws.backfill("spend.last_item", "2024-03-02", "2024-03-06", every="day")
        items = [v["value"] for v in ws.history("spend.last_item", 10)["values"]]
        assert items == ["apple", "bread", "cheese"]
        changed = ws.context.engine.query(  # type: ignore[union-attr]
            "select old, new from fact_tag_change where tag = 'spend.last_item' and customer = 10 order by ts"
        ).to_pylist()
        assert changed == [{"old": "apple", "new": "bread"}, {"old": "bread", "new": "cheese"}]


def test_who_entered_and_left_is_counted_at_both_instants(kept: Path) -> None:
    with package.open(kept) as ws:
        recent = "count(order) filter (where within(10, 'day')) > 0"
        found = ws.changes(recent, "2024-03-08", "2024-03-25")
        # Before the 8th: 10 and 11 within ten days; before the 25th: 10 again (the 20th).
        assert (found["before"], found["after"], found["left_ids"], found["entered_ids"]) == (2, 1, [11], [])
        back = ws.changes("twice", "2024-03-04", "2024-03-25")
        assert (back["entered_ids"], back["left"]) == ([10], 0)
        with pytest.raises(InvalidInput, match="does not come before"):
            ws.changes("twice", "2024-03-25", "2024-03-04")


def test_what_keeps_no_history_says_how_to_keep_it(kept: Path) -> None:
    with package.open(kept) as ws:
        with pytest.raises(InvalidInput, match="keeps no history"):
            ws.backfill("spend.total", "2024-03-01")
        with pytest.raises(InvalidInput, match="no period"):
            ws.backfill("spend.orders_seen", "2024-03-01", every="fortnight")
