"""The host of the jobs: queue, cancel, resume, retry, and what is left after a kill."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import gongbi
from gongbi.errors import EngineFailure, Refused, UnknownName, WorkspaceBusy, WorkspaceProblem
from gongbi.jobs import JobHost
from gongbi.services import build, sources
from gongbi.workspace import Workspace


def wait_for(found: Callable[[], object], seconds: float = 200) -> None:
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def run_of(ws: Workspace, run_id: int) -> dict[str, Any]:
    return next(run for run in ws.runs() if run["id"] == run_id)


def ended(ws: Workspace, run_id: int) -> dict[str, Any]:
    wait_for(lambda: run_of(ws, run_id)["status"] not in ("running", "interrupted"))
    return run_of(ws, run_id)


class Gate:
    """Holds up a service until it is opened; counts how often it was reached."""

    def __init__(self) -> None:
        self.reached, self.open, self.calls = threading.Event(), threading.Event(), 0

    def around(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def held(ctx: Any, *args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            self.reached.set()
            while not self.open.wait(0.02):
                ctx.progress("held", 0, 1)
            return work(ctx, *args, **kwargs)

        return held


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """In front of every build of a subject."""
    gate = Gate()
    monkeypatch.setattr(build, "_build_subject", gate.around(build._build_subject))
    return gate


def test_jobs_are_done_in_turn_each_under_one_run(shop: Workspace) -> None:
    with JobHost(shop, tick=None) as jobs:
        loaded = jobs.submit("ingest", actor="ann")
        made = jobs.submit("build", subjects=["customer", "product"])
        assert ended(shop, made)["status"] == "done"
    runs = {run["id"]: run for run in shop.runs() if run["kind"] != "apply"}
    assert set(runs) == {loaded, made}
    assert runs[loaded]["actor"] == "ann"
    assert (runs[made]["subject"], runs[made]["done"], runs[made]["total"]) == ("customer, product", 2, 2)
    assert runs[loaded]["finished_at"] <= runs[made]["finished_at"]
    assert runs[loaded]["rows"] > 0
    assert runs[made]["rows"] == sum(shop.segment("true", subject=s).count() for s in ("customer", "product"))
    assert shop.segment("regulars").count() == 1


def test_the_same_job_queued_twice_is_one(shop: Workspace, gate: Gate) -> None:
    shop.ingest()
    with JobHost(shop, tick=None) as jobs:
        first = jobs.submit("build")
        assert gate.reached.wait(30)
        other = jobs.submit("build", subjects=["customer"])
        assert jobs.submit("build") == first
        assert jobs.submit("build", subjects=["customer"], force=None) == other != first
        gate.open.set()
        assert ended(shop, other)["status"] == "done"
        assert jobs.submit("build") not in (first, other)


def test_nonsense_is_refused_before_it_is_queued(shop: Workspace) -> None:
    jobs = JobHost(shop, tick=None)
    with pytest.raises(UnknownName):
        jobs.submit("build", subject="customer")
    with pytest.raises(WorkspaceProblem, match="not running"):
        jobs.submit("build")
    shop.close()
    with pytest.raises(WorkspaceBusy, match="Only the owner"):
        JobHost(shop)


def test_a_running_job_and_a_waiting_one_can_be_cancelled(shop: Workspace, gate: Gate) -> None:
    shop.ingest()
    with JobHost(shop, tick=None) as jobs:
        running = jobs.submit("build")
        waiting = jobs.submit("ingest")
        assert gate.reached.wait(30)
        assert shop.call("cancel", id=waiting)["status"] == "cancelled"
        shop.call("cancel", id=running)
        assert ended(shop, running)["status"] == "cancelled"
        with pytest.raises(Refused, match="cancelled"):
            shop.call("cancel", id=running)
        gate.open.set()
        again = jobs.resume(running)
        assert ended(shop, again)["status"] == "done"
    assert run_of(shop, waiting)["done"] == 0
    assert run_of(shop, running)["status"] == "cancelled"


def test_closing_the_host_interrupts_and_the_next_goes_on_under_the_same_run(shop: Workspace, gate: Gate) -> None:
    shop.ingest()
    with JobHost(shop, tick=None) as jobs:
        run = jobs.submit("build")
        assert gate.reached.wait(30)
    assert run_of(shop, run)["status"] == "interrupted"
    gate.open.set()
    with JobHost(shop, tick=None):
        assert ended(shop, run)["status"] == "done"
    assert [r["kind"] for r in shop.runs()].count("build") == 1


def test_an_interrupted_job_can_be_resumed_or_given_up_without_a_host(shop: Workspace, gate: Gate) -> None:
    shop.ingest()
    with JobHost(shop, tick=None) as jobs:
        resumed, given_up = jobs.submit("build"), jobs.submit("build", subjects=["product"])
        assert gate.reached.wait(30)
    gate.open.set()
    assert shop.call("resume", id=resumed)["run"] == resumed
    assert shop.call("cancel", id=given_up)["status"] == "cancelled"
    calls = gate.calls
    with JobHost(shop, tick=None) as jobs:
        assert ended(shop, jobs.submit("ingest"))["status"] == "done"
    assert gate.calls == calls
    assert run_of(shop, resumed)["status"] == "done"
    assert run_of(shop, given_up)["status"] == "cancelled"


def failing(errors: list[Exception], work: Callable[..., Any]) -> Callable[..., Any]:
    def step(*args: Any, **kwargs: Any) -> Any:
        if errors:
            raise errors.pop(0)
        return work(*args, **kwargs)

    return step


@pytest.mark.parametrize(
    ("errors", "status", "left"),
    [
        ([EngineFailure("disk full"), EngineFailure("disk full")], "done", 0),
        ([EngineFailure("disk full")] * 5, "failed", 2),
        ([Refused("no")] * 3, "failed", 2),
        ([ZeroDivisionError("x")] * 3, "failed", 2),
    ],
)
def test_only_what_is_transient_is_tried_again_and_not_for_ever(
    errors: list[Exception], status: str, left: int, shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = list(errors)
    monkeypatch.setattr(sources, "ingest", failing(errors, sources.ingest))
    with JobHost(shop, tick=None, pause=0.01) as jobs:
        run = ended(shop, jobs.submit("ingest"))
    assert (run["status"], len(errors)) == (status, left)
    assert (run["error"] is None) == (status == "done")


def test_the_schedule_does_what_is_due_once_however_long_it_slept(shop: Workspace) -> None:
    now = [datetime(2026, 1, 10, 9, tzinfo=UTC)]
    with JobHost(shop, tick=None, clock=lambda: now[0]) as jobs:
        for days in (0, 1, 40):
            now[0] += timedelta(days=days)
            queued = jobs.tick()
            assert [run_of(shop, run)["kind"] for run in queued] == ["ingest", "build"]
            assert jobs.tick() == []
            for run in queued:
                assert ended(shop, run)["status"] == "done"
            assert jobs.tick() == []


def test_the_ticker_ticks_by_itself(shop: Workspace) -> None:
    with JobHost(shop, tick=0.1):
        wait_for(lambda: any(run["kind"] == "build" and run["status"] == "done" for run in shop.runs()))
    ran = [(run["kind"], run["status"]) for run in reversed(shop.runs())]
    assert ran == [("apply", "done"), ("ingest", "done"), ("build", "done")]
    assert shop.segment("regulars").count() == 1


SERVE = """
import sys, gongbi
from gongbi.jobs import JobHost
from gongbi.services import build
describe, calls = build.describe_tags, []
def hang(engine, table, columns, members, look):
    if table_is_second(table):
        print("hanging", flush=True)
        sys.stdin.readline()
    return describe(engine, table, columns, members, look)
def table_is_second(table):
    calls.append(table)
    return len(calls) == int(sys.argv[2])
build.describe_tags = hang
with gongbi.open(sys.argv[1]) as ws, JobHost(ws, tick=None) as jobs:
    if sys.argv[3] == "submit":
        print(jobs.submit("build", force=True), flush=True)
    print("up", flush=True)
    while sys.stdin.readline():
        pass
"""

Start = Callable[..., "subprocess.Popen[str]"]


def say(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def kill_in_the_middle(root: Path, start_python: Start) -> None:
    with gongbi.open(root) as ws:
        ws.ingest()
        ws.build()
        before = ws.runs()[0]["id"]
        assert ws.context is not None
        good = {s: ws.context.store.builds.current(s) for s in ("customer", "product")}
    server = start_python(SERVE, root, 2, "submit")
    heard = {say(server), say(server), say(server)}
    assert {"up", "hanging"} < heard
    run = int((heard - {"up", "hanging"}).pop())
    server.kill()
    server.wait()

    with gongbi.open(root) as ws:  # Without a host nothing goes on, and nothing is lost.
        assert run_of(ws, run)["status"] == "interrupted"
        assert ws.segment("regulars").count() == 1
        assert ws.context is not None
        current = ws.context.store.builds.current("product")
        assert current == good["product"]
        first = ws.context.store.builds.current("customer")
        assert first is not None
        assert first != good["customer"]

    server = start_python(SERVE, root, 0, "wait")
    assert say(server) == "up"
    with gongbi.open(root) as ws:
        assert not ws.is_owner
        assert ended(ws, run)["status"] == "done"
        assert [r["id"] for r in ws.runs() if r["id"] > before] == [run]
    server.communicate("")
    with gongbi.open(root) as ws:
        assert ws.context is not None
        builds = ws.context.store.builds
        product = builds.current("product")
        assert product is not None
        # The subject that was finished was not built again; the other one was, as of the same instant.
        assert builds.current("customer") == first
        assert product != good["product"]
        assert product.as_of == first.as_of
        assert builds.list(status="building") == ()


def test_a_build_killed_in_the_middle_goes_on_after_a_restart(
    make_shop: Callable[..., Path], start_python: Start
) -> None:
    kill_in_the_middle(make_shop(), start_python)


@pytest.mark.postgres
def test_a_build_killed_in_the_middle_goes_on_after_a_restart_on_postgresql(
    make_shop: Callable[..., Path], start_python: Start, postgres_url: str
) -> None:
    root = make_shop(postgres_url)
    kill_in_the_middle(root, start_python)
    assert not (root / "jobs.sqlite").exists()


def open_files(pid: int) -> set[str]:
    """What a process holds open; a file that it closes while it is read here is not among them."""
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(str(link.readlink()))
    return found


def test_it_opens_no_port_and_calls_nobody(make_shop: Callable[..., Path], start_python: Start) -> None:
    root = make_shop()
    server = start_python(SERVE, root, 0, "submit")
    assert {say(server), say(server)} > {"up"}
    with gongbi.open(root) as ws:
        ended(ws, ws.runs()[0]["id"])
    mine = open_files(server.pid)
    tables = [Path(f"/proc/{server.pid}/net/{name}").read_text() for name in ("tcp", "tcp6")]
    lines = [line.split() for table in tables for line in table.splitlines()]
    sockets = [line for line in lines if f"socket:[{line[9]}]" in mine]
    # The local door of the workspace, and nothing else: one socket listens, and who talks on others is on this machine.
    listening = [line for line in sockets if line[3] == "0A"]
    assert len(listening) == 1
    assert listening[0][1].startswith("0100007F:")
    assert {line[2].partition(":")[0] for line in sockets if line not in listening} <= {"0100007F"}
    assert {line[1] for line in sockets} == {listening[0][1]}, "calls that came in, none that went out"


def test_two_hosts_in_one_process_are_refused(shop: Workspace) -> None:
    with JobHost(shop, tick=None), pytest.raises(WorkspaceProblem, match="already"):
        JobHost(shop, tick=None).start()
