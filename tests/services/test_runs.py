"""Runs say what was done by whom, and stop when they are asked to."""

from __future__ import annotations

import getpass
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import gongbi
from gongbi.errors import Cancelled
from gongbi.services import build, models
from gongbi.sources import run as sources
from gongbi.testing.shop import MODEL
from gongbi.workspace import Workspace

#: A statement that takes minutes.
LONG = "select count(*) as n from range(300000) a, range(300000) b"


@pytest.fixture
def ws(built_shop: Path) -> Iterator[Workspace]:
    (built_shop / "definitions/models.yaml").write_text(MODEL, "utf-8")
    with gongbi.open(built_shop) as opened:
        opened.apply()
        yield opened


def newest(ws: Workspace, kind: str) -> dict[str, Any]:
    return ws.runs(kind=kind)[0]


def until(found: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not found():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


def test_a_run_counts_what_it_did_and_nothing_where_there_was_nothing_to_do(ws: Workspace, tmp_path: Path) -> None:
    assert (newest(ws, "ingest")["rows"], newest(ws, "build")["rows"]) == (5 + 3 + 2, 4 + 3)
    ws.ingest()
    ws.build()
    assert (newest(ws, "ingest")["rows"], newest(ws, "build")["rows"]) == (0, 0)
    ws.segment("true").export(tmp_path / "all.csv")
    run = newest(ws, "export")
    assert (run["rows"], run["subject"], run["status"]) == (4, "true", "done")


def test_the_actor_is_the_user_of_the_operating_system(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert newest(ws, "apply")["actor"] == getpass.getuser()
    ws.segment("true").export(tmp_path / "all.csv")
    assert ws.call("exports")[0]["actor"] == getpass.getuser()
    ws.close()

    def nameless() -> str:
        raise KeyError(4711)

    monkeypatch.setattr(getpass, "getuser", nameless)
    with gongbi.open(ws.root) as again:
        assert again.actor == "local"


def start(verb: Callable[[], object]) -> tuple[threading.Thread, list[BaseException]]:
    ends: list[BaseException] = []

    def work() -> None:
        try:
            verb()
        except Cancelled as error:
            ends.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    return thread, ends


def cancel_in_the_middle(ws: Workspace, verb: str, begun: threading.Event) -> None:
    thread, ends = start(lambda: ws.call(verb, **({"force": True} if verb == "build" else {})))
    assert begun.wait(30)
    run = newest(ws, verb)
    assert run["status"] == "running"
    ws.call("cancel", id=run["id"])
    thread.join(60)
    assert not thread.is_alive(), "the statement itself was stopped"
    assert newest(ws, verb)["status"] == "cancelled"
    assert newest(ws, verb)["id"] == run["id"]
    assert len(ends) == 1


@pytest.mark.parametrize("place", ["make", "describe_tags"])
def test_cancelling_a_build_stops_its_statement_and_the_last_good_one_is_served(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    assert ws.context is not None
    builds, engine, begun = ws.context.store.builds, ws.context.engine, threading.Event()
    good = builds.current("customer")
    members = ws.segment("true").members(["spend.total"], order=["spend.total"]).to_pylist()

    def hang(*_: object, **__: object) -> None:
        begun.set()
        engine.query(LONG)

    with monkeypatch.context() as patched:
        patched.setattr(build, place, hang)
        cancel_in_the_middle(ws, "build", begun)
    assert builds.current("customer") == good
    assert builds.list(status="building") == ()
    assert [t for t in engine.tables() if t.startswith("build_")] == [
        f"build_{b.id}" for b in reversed(builds.list(status="published"))
    ]
    assert ws.segment("true").members(["spend.total"], order=["spend.total"]).to_pylist() == members
    assert not ws.build(force=True)["builds"][0]["reused"], "and the next build works"


def test_cancelling_an_ingest_loads_nothing_of_the_file_under_way(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = ws.root / "data/orders.csv"
    orders.write_text(orders.read_text("utf-8") + "6,13,bread,2024-03-20T10:00:00,1.00,1\n", "utf-8")
    begun, settle = threading.Event(), sources.load_piece.__globals__["settle_load"]

    def hang(work: Any, *args: Any) -> Any:
        found = settle(work, *args)
        begun.set()
        work.engine.query(LONG)
        return found

    with monkeypatch.context() as patched:
        patched.setitem(sources.load_piece.__globals__, "settle_load", hang)
        cancel_in_the_middle(ws, "ingest", begun)
    assert ws.report()["facts"] == {"order": 5}
    ws.ingest()
    assert ws.report()["facts"] == {"order": 6}


def test_cancelling_a_training_stops_it(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()

    def hang(work: Any, *_: object) -> None:
        begun.set()
        work.engine.query(LONG)

    monkeypatch.setattr(models, "learn", hang)
    cancel_in_the_middle(ws, "train", begun)
    assert ws.call("models")[0]["newest"] is None


def test_a_build_says_how_far_its_pass_is(built_shop: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    with gongbi.open(built_shop, progress=lambda *state: told.append(state)) as ws:
        ws.build(force=True)
    stages = [stage for stage, _, _ in told]
    assert stages[0] == "build item (1 of 2)"
    assert {"build item (1 of 2): statistics", "build customer (2 of 2)"} <= set(stages)
    assert ("build customer (2 of 2)", 100, 100) in told
    assert told[-1] == ("build", 2, 2)
