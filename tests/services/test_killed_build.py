"""A build that dies at any point leaves the last good one in place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import gongbi
from gongbi.engine.duckdb import DuckDBEngine
from gongbi.store import Store
from gongbi.store.builds import Builds


@pytest.fixture
def built(built_shop: Path) -> Path:
    return built_shop


def state(root: Path) -> dict[str, Any]:
    with gongbi.open(root) as ws:
        assert ws.context is not None
        builds = {s: ws.context.store.builds.current(s) for s in ("customer", "item")}
        tables = [t for t in ws.context.engine.tables() if t.startswith("build_")]
        known = [b.table for b in ws.context.store.builds.list() if b.status == "published"]
        assert sorted(tables) == sorted(known), "no table is left that no build owns"
        return {
            "builds": {s: b.id for s, b in builds.items() if b},
            "members": ws.segment("true").members(["spend.total", "spend.orders"]).to_pylist(),
            "regulars": ws.segment("regulars").count(),
        }


#: A build of the second subject that comes to a halt at a place and says so.
BUILD = """
import sys, gongbi
from gongbi.services import advance, build
from gongbi.store.builds import Builds
places = {"pass": (advance, "build_tags"), "described": (build, "describe_tags"), "publish": (Builds, "publish")}
owner, name = places[sys.argv[2]]
real, calls = getattr(owner, name), []
def halt(*args, **kwargs):
    calls.append(name)
    if sys.argv[3] == "after":
        found = real(*args, **kwargs)
    if len(calls) == 2:
        print("halted", flush=True)
        sys.stdin.readline()
    return real(*args, **kwargs) if sys.argv[3] == "before" else found
setattr(owner, name, halt)
with gongbi.open(sys.argv[1]) as ws:
    ws.build(force=True)
"""


@pytest.mark.parametrize(
    ("place", "when"), [("pass", "before"), ("pass", "after"), ("described", "after"), ("publish", "before")]
)
def test_a_build_killed_by_the_system_leaves_the_last_good_one(built: Path, place: str, when: str) -> None:
    before = state(built)
    command = [sys.executable, "-c", BUILD, str(built), place, when]
    with subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "halted\n"
        with Store.open(built / "store.sqlite") as store:
            (unfinished,) = store.builds.list(status="building")
        process.kill()
    after = state(built)
    assert after["members"] == before["members"]
    assert after["regulars"] == before["regulars"]
    assert after["builds"][unfinished.subject] == before["builds"][unfinished.subject]
    assert all(after["builds"][s] >= before["builds"][s] for s in before["builds"])


class Fault(RuntimeError):
    """Stands for anything that can break."""


@pytest.mark.parametrize(
    ("owner", "method"), [(DuckDBEngine, "build"), (DuckDBEngine, "query"), (Builds, "publish"), (Builds, "start")]
)
def test_a_build_that_fails_at_any_step_leaves_the_last_good_one(
    built: Path, monkeypatch: pytest.MonkeyPatch, owner: type, method: str
) -> None:
    before = state(built)
    with gongbi.open(built) as ws:
        ws.call("build")
        with monkeypatch.context() as broken:

            def fail(*_: object, **__: object) -> None:
                raise Fault(method)

            broken.setattr(owner, method, fail)
            with pytest.raises(Fault):
                ws.build(force=True)
        assert ws.runs(kind="build")[0]["status"] == "failed"
    assert state(built) == before
    with gongbi.open(built) as ws:
        assert not ws.build(force=True)["builds"][0]["reused"], "and the next build works"


def test_an_earlier_instant_never_becomes_the_current_build(built: Path) -> None:
    before = state(built)
    with gongbi.open(built) as ws:
        earlier = ws.build(as_of="2024-03-06")
        assert [b["current"] for b in earlier["builds"]] == [False, False]
    after = state(built)
    assert after["builds"] == before["builds"]
    assert after["members"] == before["members"]
