"""Ctrl-C in the middle of a command: one line, nothing half done, and the same command again goes on to the end."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import gongbi as package

Run = Callable[..., subprocess.CompletedProcess[str]]
pytestmark = pytest.mark.slow

SAID = "Stopped. What was finished is kept; run the same command again to go on."
SHOWN = ("as_of", "customers", "facts", "members", "unmatched", "rejects", "tags")

#: The command line, which halts in the middle of the work: while a statement runs, or between two of them.
#: A shell's background jobs ignore Ctrl-C, and so would their children.
SCRIPT = """
import signal, sys, time
from gongbi.cli import main
from gongbi.core.plan import Plan
from gongbi.engine.duckdb import DuckDBEngine

signal.signal(signal.SIGINT, signal.default_int_handler)
LONG = "select sum(a.range * b.range) as n from range(3000000) a, range(1000000) b"
where, command = sys.argv[1:]
insert, build, built = DuckDBEngine.insert, DuckDBEngine.build, []

def insert_and_halt(self, table, *args, **more):
    count = insert(self, table, *args, **more)
    if table == "fact_order":
        print("halted", flush=True)
        self.query(LONG) if where == "statement" else time.sleep(100)
    return count

def build_and_halt(self, plan, into, **more):
    built.append(into)
    if len(built) == 2:  # the first subject is published by then
        print("halted", flush=True)
        build(self, Plan().then("long", LONG), into, **more) if where == "statement" else time.sleep(100)
    return build(self, plan, into, **more)

DuckDBEngine.insert, DuckDBEngine.build = insert_and_halt, build_and_halt
sys.argv = ["gongbi", command]
main()
"""


def stopped(root: Path, where: str, command: str) -> tuple[int, list[str]]:
    """Run a command, press Ctrl-C in its middle; gives the exit code and what is said, but for slow work's progress."""
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, where, command],
        cwd=root,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "halted\n"
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
        finally:
            process.kill()
    assert out == ""
    return process.returncode, [line for line in err.splitlines() if not line.startswith("[")]


def state(root: Path) -> dict[str, Any]:
    """What a person sees of the workspace: rows, rejects, tags of all members, and loads that are in."""
    with package.open(root) as ws:
        assert ws.context is not None
        engine = ws.context.engine
        report = ws.report()
        return {
            "rows": {t: engine.query(f'select count(*) as n from "{t}"')["n"][0].as_py() for t in tables(engine)},
            "loads": sorted(row["path"] for row in ws.call("loads") if row["status"] == "loaded"),
            "report": {
                k: report[k] for k in ("as_of", "customers", "facts", "members", "unmatched", "rejects", "tags")
            },
            "customers": ws.segment("true").members(["spend.total", "spend.orders", "spend.fruit_share"]).to_pylist(),
            "items": ws.segment("true", subject="item").members(["item.buyers"]).to_pylist(),
            "unfinished": [b.table for b in ws.context.store.builds.list(status="building")],
        }


def tables(engine: Any) -> list[str]:
    return sorted(t for t in engine.tables() if t.startswith(("fact_", "superseded_", "member_", "attributes_")))


def newest_run(root: Path) -> tuple[str, str]:
    with package.open(root) as ws:
        run = ws.runs()[0]
        return run["kind"], run["status"]


@pytest.mark.parametrize("where", ["statement", "python"])
def test_an_ingest_stopped_by_ctrl_c_leaves_nothing_half_loaded_and_goes_on(
    gongbi: Run, shop: Path, shop_once_built: Path, tmp_path: Path, where: str
) -> None:
    assert gongbi("apply").returncode == 0
    assert stopped(shop, where, "ingest") == (130, [SAID])
    assert newest_run(shop) == ("ingest", "cancelled")
    with package.open(shop) as ws:
        assert ws.context is not None
        assert ws.context.engine.query("select count(*) as n from fact_order")["n"][0].as_py() == 0
        assert {row["source"]: row["status"] for row in ws.call("loads")} == {
            "cards": "loaded",
            "items": "loaded",
            "orders": "failed",
        }
    assert gongbi("ingest").returncode == 0
    assert gongbi("build").returncode == 0
    assert state(shop) == state(Path(shutil.copytree(shop_once_built, tmp_path / "undisturbed")))


@pytest.mark.parametrize("where", ["statement", "python"])
def test_a_build_stopped_by_ctrl_c_leaves_the_last_good_one_and_goes_on(
    gongbi: Run, built_shop: Path, shop_once_built: Path, tmp_path: Path, where: str
) -> None:
    orders = built_shop / "data/orders.csv"
    orders.write_text(orders.read_text("utf-8") + "6,13,apple,2024-03-20T09:15:00,1.00,1\n", "utf-8")
    assert gongbi("ingest").returncode == 0
    undisturbed = Path(shutil.copytree(built_shop, tmp_path / "undisturbed"))
    with package.open(undisturbed) as ws:
        ws.build()
    before = state(built_shop)
    assert stopped(built_shop, where, "build") == (130, [SAID])
    assert newest_run(built_shop) == ("build", "cancelled")
    after = state(built_shop)
    assert after["unfinished"] == []
    assert after["customers"] == before["customers"], "the second subject keeps its last good build"
    assert gongbi("build").returncode == 0
    done = state(built_shop)
    assert done == state(undisturbed)
    assert done["customers"] != before["customers"]
