"""Values over time: kept by builds, back-filled in any order, told as facts; against plain Python."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import gongbi as package
from gongbi.catalog.base import SubjectDef
from gongbi.catalog.history import POINTS, change_table, history_table
from gongbi.core.table import Table
from gongbi.core.types import INTEGER, TEXT
from gongbi.core.world import FactShape
from gongbi.engine import Engine
from gongbi.errors import InvalidInput
from gongbi.identity.tables import identifier_table
from gongbi.tags.history import changes_plan, is_told, touching, united_sql
from gongbi.tags.run import put_point
from gongbi.testing.engine import on_every_engine

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


def test_a_back_fill_that_was_stopped_goes_on_with_what_is_missing(kept: Path) -> None:
    def stop(stage: str, done: int, total: int | None) -> None:
        if stage.startswith("history of") and done == 2:
            raise KeyboardInterrupt

    with package.open(kept, progress=stop) as ws, pytest.raises(KeyboardInterrupt):
        ws.backfill("segment.twice", "2024-03-01", "2024-03-07", every="day")
    with package.open(kept) as ws:
        stopped = ws.call("runs")[0]
        assert (stopped["kind"], stopped["status"]) == ("history", "cancelled")
        done = ws.call("resume", id=stopped["id"])["result"]
        assert (len(done["points"]), done["there"]) == (5, 2)
        assert ws.backfill("segment.twice", "2024-03-01", "2024-03-07", every="day")["there"] == 7
        found = ws.history("segment.twice", 10)
        assert (found["points"], [value["value"] for value in found["values"]]) == (7, ["true"])


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


def test_a_point_writes_what_has_changed_at_it_however_long_the_history_is(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with package.open(kept) as ws:
        engine = ws.context.engine  # type: ignore[union-attr]
        written: dict[str, int] = {}

        def counted(verb: str) -> None:
            real = getattr(engine, verb)

            def call(*args: Any, **options: Any) -> int:
                n = int(real(*args, **options))
                table = next(one for one in args if isinstance(one, str))
                written[table] = written.get(table, 0) + n
                return n

            monkeypatch.setattr(engine, verb, call)

        counted("insert")
        counted("build")
        done = ws.backfill("spend.orders_seen", "2024-02-01", "2024-03-31", every="day")
        assert len(done["points"]) == 60
        days = [f"2024-02-{d:02}" for d in range(1, 30)] + [f"2024-03-{d:02}" for d in range(1, 32)]
        runs = [stretches(counts(customer, days)) for customer in (10, 11, 12, 13)]
        # A change ends one stretch and begins another; and it is told once.
        assert written["history_customer"] <= 2 * sum(map(len, runs))
        assert written.get("fact_tag_change", 0) <= 2 * sum(len(run) - 1 for run in runs) + 2


def test_a_point_that_fails_half_way_leaves_everything_as_it_was(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(ws: package.Workspace) -> list[Any]:
        tables = ["history_customer", "fact_tag_change", "history_point"]
        engine = ws.context.engine  # type: ignore[union-attr]
        found = [sorted(map(str, engine.query(f"select * from {table}").to_pylist())) for table in tables]
        return [*found, [table for table in engine.tables() if table.startswith("draft_")]]

    with package.open(kept) as ws:
        ws.backfill("spend.orders_seen", "2024-02-01", "2024-03-25", every="month")
        before, engine = told(ws), ws.context.engine  # type: ignore[union-attr]
        real = engine.insert
        for broken in ("history_customer", "history_point", "fact_tag_change"):

            def fail(table: str, *rest: Any, at: str = broken, **options: Any) -> int:
                n = int(real(table, *rest, **options))
                if table == at:
                    raise InvalidInput("The disk is full.")
                return n

            with monkeypatch.context() as patch:
                patch.setattr(engine, "insert", fail)
                with pytest.raises(InvalidInput, match="disk is full"):
                    ws.backfill("spend.orders_seen", "2024-03-07", "2024-03-07", every="day")
            assert told(ws) == before
        assert len(ws.backfill("spend.orders_seen", "2024-03-07", "2024-03-07", every="day")["points"]) == 1


def expected(points: dict[datetime, dict[int, str]]) -> set[tuple[Any, ...]]:
    """(id, value, from, to), read off the values of all points."""
    order = sorted(points)
    found = set()
    for member in range(4):
        begun: tuple[str, datetime] | None = None
        for at in order:
            value = points[at].get(member)
            if begun is not None and value != begun[0]:
                found.add((member, *begun, at))
                begun = None
            if begun is None and value is not None:
                begun = (value, at)
        if begun is not None:
            found.add((member, *begun, None))
    return found


def told_of(points: dict[datetime, dict[int, str]]) -> set[tuple[Any, ...]]:
    """(instant, member, old, new) of every change between two points."""
    pairs = pairwise(sorted(points))
    return {
        (b, member, points[a].get(member), points[b].get(member))
        for a, b in pairs
        for member in range(4)
        if points[a].get(member) != points[b].get(member)
    }


def aware(row: dict[str, Any]) -> tuple[Any, ...]:
    """A row with its instants in UTC, as which the engine keeps them without saying so."""
    return tuple(v.replace(tzinfo=UTC) if isinstance(v, datetime) else v for v in row.values())


@on_every_engine()
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow_on_spark)])
def test_points_in_any_order_give_what_plain_python_reads_off_them(engine: Engine, seed: int) -> None:
    rng = random.Random(seed)
    history = history_table(SubjectDef("thing", "integer"))
    fact = FactShape("tag_change", "fact_tag_change", {"tag": TEXT, "old": TEXT, "new": TEXT}, {"thing": INTEGER})
    for table in (history, POINTS, change_table(fact)):
        engine.create(table, replace=True)
    days = [datetime(2024, 1, 1 + i, tzinfo=UTC) for i in range(8)]
    points: dict[datetime, dict[int, str]] = {}
    steps = 6 if engine.dialect.name == "spark" else 16
    for at in rng.choices(days, k=steps):
        values = {member: rng.choice("ab") for member in range(4) if rng.random() < 0.7}
        rows = [{"id": m, "tag": "t", "value": v, "number": None} for m, v in values.items()]
        engine.create(Table("fresh", history.columns[:4]), replace=True)
        if rows:
            engine.append("fresh", pa.Table.from_pylist(rows, schema=pa.schema(engine.columns("fresh"))))
        following = {"t": min((p for p in points if p > at), default=None)}
        with engine.transaction():
            put_point(engine, history.name, "fresh", ("work_changed", "work_near"), following, at)
            if at not in points:
                row = {"subject": "thing", "tag": "t", "at": at.replace(tzinfo=None), "definition": ""}
                engine.append(POINTS.name, pa.Table.from_pylist([row], schema=pa.schema(engine.columns(POINTS.name))))
            wanted = touching(following, at)
            told = is_told(fact, wanted, engine.dialect)
            assert told is not None
            engine.delete(fact.table, told)
            tables = {"thing": history.name}
            engine.insert(fact.table, changes_plan(fact, tables, POINTS.name, engine.dialect, only=wanted))
        points[at] = values
        kept = engine.query(f"select id, value, valid_from, valid_to from {history.name}").to_pylist()
        assert {aware(row) for row in kept} == expected(points)
        assert len(kept) == len(expected(points))
        seen = engine.query(f"select ts, thing, old, new from {fact.table}").to_pylist()
        assert {aware(row) for row in seen} == told_of(points)
        assert len(seen) == len(told_of(points))


@on_every_engine()
def test_of_united_members_one_value_holds_at_a_time(engine: Engine) -> None:
    rng = random.Random(3)
    thing = SubjectDef("thing", "integer")
    history, identifiers = history_table(thing), identifier_table(thing)
    # 4 and 5 became part of 1, 3 of 2; 6 is by itself.
    members = {1: 1, 4: 1, 5: 1, 2: 2, 3: 2, 6: 6}
    day = [datetime(2024, 1, 1 + i) for i in range(12)]  # noqa: DTZ001 (as the engine keeps it)
    rows: list[dict[str, Any]] = []
    for own in members:
        edges = sorted(rng.sample(range(11), 6))
        for low, high in pairwise(edges):
            if rng.random() < 0.7:
                ends = None if high == edges[-1] and rng.random() < 0.5 else day[high]
                row = {"id": own, "tag": rng.choice("tu"), "value": rng.choice("ab"), "number": None}
                rows.append(row | {"valid_from": day[low], "valid_to": ends})
    for table, content in (
        (history, rows),
        (
            identifiers,
            [{"kind": "k", "value": str(o), "customer": m, "own": o, "_load": 1} for o, m in members.items()],
        ),
    ):
        engine.create(table, replace=True)
        engine.append(table.name, pa.Table.from_pylist(content, schema=pa.schema(engine.columns(table.name))))
    found = engine.query(united_sql(history.name, identifiers.name, engine.dialect)).to_pylist()

    def holding(among: list[dict[str, Any]], tag: str, at: datetime) -> list[dict[str, Any]]:
        mine = [row for row in among if row["tag"] == tag and row["valid_from"] <= at]
        return [row for row in mine if row["valid_to"] is None or at < row["valid_to"]]

    assert {row["id"] for row in found} <= set(members.values())
    for member in set(members.values()):
        for tag in "tu":
            for at in day:
                held = [row for row in holding(rows, tag, at) if members[row["id"]] == member]
                first = min(held, key=lambda row: (row["id"] != member, row["id"]), default=None)
                seen = [row["value"] for row in holding(found, tag, at) if row["id"] == member]
                assert seen == ([] if first is None else [first["value"]]), (member, tag, at)
    begins = {(row["id"], row["tag"], row["valid_from"]): row["value"] for row in found}
    for row in found:
        following = begins.get((row["id"], row["tag"], row["valid_to"]))
        assert following != row["value"], "neighbours of one value are one stretch"
