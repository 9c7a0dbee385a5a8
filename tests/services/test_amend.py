"""A build that takes over the table of the one before it: earlier builds stay readable, whatever becomes of it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import gongbi
from gongbi.errors import EngineFailure, Refused
from gongbi.services.build import KEPT
from gongbi.tags import amend

MORE = "tag: spend.since\ncategory: 消费特征/价值\nexpr: days_since(max(order.ts))\n"
DYING = Path(__file__).with_name("dying.py")


def rows(ws: gongbi.Workspace) -> dict[int, Any]:
    """Build → its values, for every published build of customers."""
    assert ws.context is not None
    builds = ws.context.store.builds.list(subject="customer", status="published")
    there = ws.context.engine.tables()
    assert {b.table for b in builds} == {name for name in there if name.startswith("build_") and "__" not in name}
    return {b.id: ws.context.engine.query(f"select * from {b.table} order by id").to_pylist() for b in builds}


def advance(ws: gongbi.Workspace, day: int, **more: Any) -> Any:
    return ws.build(as_of=f"2024-03-{day:02}", subjects=["customer"], full=False, **more)["builds"][0]


def current(ws: gongbi.Workspace) -> int:
    assert ws.context is not None
    build = ws.context.store.builds.current("customer")
    assert build is not None
    return build.id


@pytest.fixture
def started(shop: Path) -> Path:
    """A shop with one build of customers, as of 2 March, from which the next one starts."""
    (shop / "definitions" / "more.yaml").write_text(MORE, "utf-8")
    tags = shop / "definitions" / "tags.yaml"
    tags.write_text(tags.read_text("utf-8").split("---\ntag: item.buyers")[0], "utf-8")
    with gongbi.open(shop, actor="tester") as ws:
        ws.apply()
        ws.ingest()
        ws.build(as_of="2024-03-02", subjects=["customer"])
    return shop


def test_a_chain_of_builds_is_read_through_one_table_until_it_is_long(
    started: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gongbi.services.build.KEPT", 20)
    monkeypatch.setattr(amend, "DEEPEST", 3)
    with gongbi.open(started, actor="tester") as ws:
        assert ws.context is not None
        seen = rows(ws)
        for day in range(3, 12):
            made = advance(ws, day)
            assert made["made"]["start"] == max(seen)
            now = rows(ws)
            assert {build: now[build] for build in seen} == seen, "earlier builds are as they were"
            seen = now
        beside = [name for name in ws.context.engine.tables() if "__moved__" in name]
        assert len(beside) == 7, "of nine, two were written as tables of their own"
        for day in (4, 7, 11):  # Each as a whole build gives it, in an order of its own.
            assert seen[day - 1] == seen_whole(ws, day)


def seen_whole(ws: gongbi.Workspace, day: int) -> Any:
    how: dict[str, Any] = {"subjects": ["customer"], "full": True, "force": True, "accept": "to compare"}
    build = ws.build(as_of=f"2024-03-{day:02}", **how)["builds"][0]["build"]
    return rows(ws)[build]


def test_retention_drops_the_oldest_and_what_lies_beside_it(started: Path) -> None:
    with gongbi.open(started, actor="tester") as ws:
        assert ws.context is not None
        for day in range(3, 12):
            advance(ws, day)
        assert len(rows(ws)) == KEPT + 1
        beside = [name for name in ws.context.engine.tables() if "__" in name and name.startswith("build_")]
        assert len(beside) == 2 * KEPT


def test_a_build_that_goes_hands_its_rows_to_the_one_that_is_read_through_it(started: Path) -> None:
    with gongbi.open(started, actor="tester") as ws:
        assert ws.context is not None
        first, second, third = current(ws), advance(ws, 10)["build"], advance(ws, 12)["build"]
        seen = rows(ws)
        engine, builds = ws.context.engine, ws.context.store.builds
        amend.drop_build(engine, builds.get(second).table)
        builds.drop(second)
        assert rows(ws) == {first: seen[first], third: seen[third]}
        assert not [name for name in engine.tables() if "__" in name and name.startswith("build_")]


def test_accepting_publishes_the_build_that_was_held_back_also_where_now_is_later(started: Path) -> None:
    more = started / "definitions" / "more.yaml"
    more.write_text(MORE + "quality: {freshness_max_days: 3}\n", "utf-8")
    live = {"at": datetime(2024, 3, 25, 9, tzinfo=UTC)}
    with gongbi.open(started, actor="tester") as ws:
        assert ws.context is not None
        ws.apply()
        first = current(ws)
        ws.context.clock = lambda: live["at"]
        with pytest.raises(Refused, match="days old where 3 are allowed"):
            ws.build(subjects=["customer"])
        (held,) = ws.context.store.builds.list(subject="customer", status="refused")
        assert current(ws) == first
        live["at"] += timedelta(hours=2)
        done = ws.build(subjects=["customer"], accept="nobody buys in spring")
        (built,) = done["builds"]
        assert (built["build"], built["reused"]) == (held.id, True)
        assert done["as_of"] == built["as_of"] == held.as_of.isoformat(), "the instant of that build, not of now"
        assert current(ws) == held.id


def test_a_refused_build_leaves_the_one_before_as_it_was_and_may_be_accepted(started: Path) -> None:
    more = started / "definitions" / "more.yaml"
    more.write_text(MORE + "quality: {freshness_max_days: 3}\n", "utf-8")
    with gongbi.open(started, actor="tester") as ws:
        assert ws.context is not None
        ws.apply()
        first, seen = current(ws), rows(ws)
        with pytest.raises(Refused, match="days old where 3 are allowed"):
            advance(ws, 30)
        assert current(ws) == first
        assert [ws.context.engine.query(f"select * from build_{first} order by id").to_pylist()] == [*seen.values()]
        assert not [name for name in ws.context.engine.tables() if "__moved__" in name]
        accepted = advance(ws, 30, accept="nobody buys in spring")
        assert accepted["reused"], "it was not computed again"
        assert rows(ws)[accepted["build"]] == seen_whole(ws, 30)


@pytest.mark.parametrize("call", ["hold", "delete", "_insert", "put", "update", "rename", "view", "query"])
def test_what_fails_on_the_way_changes_nothing(started: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    with gongbi.open(started, actor="tester") as ws:
        assert ws.context is not None
        first, seen, tables = current(ws), rows(ws), ws.context.engine.tables()

        def fails(*_: Any, **__: Any) -> Any:
            raise EngineFailure("The disk is full.")

        with monkeypatch.context() as patch:
            patch.setattr(type(ws.context.engine), call, fails)
            with pytest.raises(EngineFailure):
                advance(ws, 10)
        assert (current(ws), rows(ws), ws.context.engine.tables()) == (first, seen, tables)
        advance(ws, 10)
        assert rows(ws)[first] == seen[first]


def test_killed_before_it_is_published_the_earlier_build_is_the_good_one(started: Path) -> None:
    """The table has changed hands already, and the register does not know."""
    script = (
        "import gongbi, os, signal, sys\n"
        "from gongbi.store.builds import Builds\n"
        "Builds.publish = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)\n"
        "with gongbi.open(sys.argv[1]) as ws:\n"
        "    ws.build(as_of='2024-03-10', subjects=['customer'], full=False)\n"
    )
    with gongbi.open(started, actor="tester") as ws:
        first, seen = current(ws), rows(ws)
    done = subprocess.run([sys.executable, "-c", script, str(started)], check=False)
    assert done.returncode == -signal.SIGKILL
    with gongbi.open(started, actor="tester") as ws:
        assert ws.context is not None
        assert (current(ws), rows(ws)) == (first, seen)
        assert not [name for name in ws.context.engine.tables() if "__" in name and name.startswith("build_")]
        advance(ws, 10)
        assert rows(ws)[first] == seen[first]


@pytest.mark.slow
@pytest.mark.timeout(1200)  # Threescore deaths, one after the other.
def test_killed_at_any_call_it_leaves_the_last_good_build(started: Path, tmp_path: Path) -> None:
    with gongbi.open(started, actor="tester") as ws:
        for day in range(3, 3 + KEPT):
            advance(ws, day)
        before = str(rows(ws)[current(ws)])
    command = [sys.executable, str(DYING), "every", str(started), str(tmp_path / "copy"), "2024-03-20"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    calls, (_, (unkilled, _)), *deaths = map(json.loads, done.stdout.splitlines())
    assert "DuckDBEngine.view" in calls
    assert len(deaths) == len(calls)
    assert unkilled["rows"]["customer"] != before
    for call, (died, (status, (left, healed))) in zip(calls, deaths, strict=True):
        assert (died, status) == (-signal.SIGKILL, 0), call
        assert left["rows"]["customer"] in (before, unkilled["rows"]["customer"]), call
        assert left["unfinished"] == 0, call
        assert set(left["tables"]) <= set(left["published"]), call
        assert healed["rows"] == unkilled["rows"], call
        assert healed["tables"] == healed["published"], call
