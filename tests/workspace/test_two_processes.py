"""Two processes, one workspace: the second works through the first with the same results."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import gongbi
from gongbi import workspace
from gongbi.errors import Cancelled, GongbiError, InvalidInput, NotYet, UnknownName, WorkspaceBusy, WorkspaceProblem
from gongbi.services import verbs
from gongbi.workspace import Workspace

Start = Callable[..., "subprocess.Popen[str]"]
Run = Callable[..., str]

OWN = """
import sys, gongbi
with gongbi.open(sys.argv[1]) as ws:
    assert ws.is_owner
    print("open", flush=True)
    sys.stdin.readline()
"""


def say(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture
def served(root: Path, start_python: Start) -> Any:
    """The shop as its owner in another process has it; gives that process and the workspace here."""
    owner = start_python(OWN, root)
    assert say(owner) == "open"
    with gongbi.open(root) as ws:
        assert not ws.is_owner
        yield owner, ws


def everything(ws: Workspace) -> dict[str, Any]:
    segment = ws.segment("tag.orders.total > 1")
    answer = {
        "tags": list(ws.tags),
        "count": segment.count(),
        "members": segment.members(["tag.orders.total", "tag.orders.count"]),
        "insight": list(ws.segment("regulars").insight(min_support=1)),
        "customer": dict(ws.customer(1)),
        "evidence": ws.customer(1).evidence("orders.total"),
        "report": ws.report(),
        "runs": list(ws.runs()),
    }
    answer["report"].pop("seconds")
    return answer


def test_answers_through_the_owner_are_the_owner_s_answers(served: Any, root: Path) -> None:
    owner, ws = served
    through = everything(ws)
    owner.communicate("\n")
    with gongbi.open(root) as here:
        assert here.is_owner
        own = everything(here)
    assert through == own
    assert through["count"] == 3
    members: pa.Table = through["members"]
    assert members["tag.orders.total"].to_pylist() == [Decimal("3.75"), Decimal("5.00"), Decimal("3.10")]


def test_errors_through_the_owner_are_the_owner_s_errors(served: Any, root: Path) -> None:
    owner, ws = served
    wrong: list[tuple[type[GongbiError], Callable[[Workspace], object]]] = [
        (UnknownName, lambda ws: ws.segment("tag.orders.cuont > 1").count()),
        (UnknownName, lambda ws: ws.customer(99)),
        (UnknownName, lambda ws: ws.call("dance")),
        (UnknownName, lambda ws: ws.call("count", expresion="x")),
        (InvalidInput, lambda ws: ws.call("count")),
        (InvalidInput, lambda ws: ws.build(as_of="yesterday")),
    ]
    through = []
    for class_, ask in wrong:
        with pytest.raises(class_) as caught:
            ask(ws)
        through.append((caught.value.to_json(), str(caught.value)))
    owner.communicate("\n")
    with gongbi.open(root) as here:
        for (class_, ask), told in zip(wrong, through, strict=True):
            with pytest.raises(class_) as caught:
                ask(here)
            assert (caught.value.to_json(), str(caught.value)) == told
    assert through[3][1] == "No parameter of `count` is called 'expresion'. Did you mean 'expression'?"


def test_progress_comes_as_the_work_goes(served: Any, root: Path) -> None:
    _, _ = served
    told: list[tuple[str, int, int | None]] = []
    with gongbi.open(root, progress=lambda *line: told.append(line)) as ws:
        ws.build(force=True)
    assert told[0] == ("build customer (1 of 2)", 0, None)
    assert told[-1] == ("build", 2, 2)


def test_runs_name_the_caller_who_asked(served: Any, root: Path) -> None:
    with gongbi.open(root, actor="ann") as ws:
        ws.build(force=True)
        assert ws.runs()[0]["actor"] == "ann"


def test_a_killed_owner_frees_the_workspace_and_the_next_repairs_it(
    root: Path, start_python: Start, run_python: Run
) -> None:
    script = """
import sys, gongbi
from gongbi.services import build
def hang(*a): print("hanging", flush=True); sys.stdin.readline()
build.describe_tags = hang
gongbi.open(sys.argv[1]).build(force=True)
"""
    owner = start_python(script, root)
    assert say(owner) == "hanging"
    with gongbi.open(root) as ws:
        assert not ws.is_owner
        before = ws.segment("regulars").count()
        owner.kill()
        owner.wait()
        # The same workspace object goes on, now as the owner itself.
        assert ws.segment("regulars").count() == before == 1
        assert ws.is_owner
        assert ws.runs()[0]["status"] == "interrupted"
        assert ws.context is not None
        assert ws.context.store.builds.list(status="building") == ()


def test_when_many_open_at_once_one_owns_and_all_get_answers(root: Path, start_python: Start) -> None:
    script = """
import sys, gongbi
sys.stdin.readline()
with gongbi.open(sys.argv[1], wait=60) as ws:
    print(int(ws.is_owner), ws.segment("regulars").count(), flush=True)
    sys.stdin.readline()
"""
    all_of_them = [start_python(script, root) for _ in range(4)]
    for process in all_of_them:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = sorted(say(process) for process in all_of_them)
    assert answers == ["0 1", "0 1", "0 1", "1 1"]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> dict[str, threading.Event]:
    """Verbs that take their time: `slow` asks for progress, `stuck` runs one long query."""
    seen = {"begun": threading.Event(), "ended": threading.Event(), "cancelled": threading.Event()}

    def work(ctx: Any, once: Callable[[Any], None]) -> str:
        seen["begun"].set()
        try:
            once(ctx)
        except Cancelled:
            seen["cancelled"].set()
            raise
        finally:
            seen["ended"].set()
        return "done"

    def slow(ctx: Any, seconds: float) -> str:
        def once(ctx: Any) -> None:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                ctx.progress("slow", 1, 2)
                time.sleep(0.02)

        return work(ctx, once)

    def stuck(ctx: Any) -> str:
        return work(ctx, lambda ctx: ctx.engine.query("select count(*) as n from range(300000) a, range(300000) b"))

    monkeypatch.setattr(verbs, "VERBS", {**verbs.VERBS, "slow": slow, "stuck": stuck})
    return seen


# A shell's background jobs ignore Ctrl-C, and so would their children.
CALL = """
import signal, sys, gongbi
signal.signal(signal.SIGINT, signal.default_int_handler)
print(gongbi.open(sys.argv[1]).call(*sys.argv[2:3], **eval(sys.argv[3])), flush=True)
"""


@pytest.mark.parametrize(("verb", "params"), [("slow", {"seconds": 60}), ("stuck", {})])
def test_ctrl_c_at_the_caller_stops_the_work_at_the_owner(
    verb: str, params: dict[str, Any], shop: Workspace, slow: dict[str, threading.Event], start_python: Start
) -> None:
    caller = start_python(CALL, shop.root, verb, params)
    assert slow["begun"].wait(60)
    caller.send_signal(signal.SIGINT)
    assert slow["cancelled"].wait(20)
    caller.wait(20)


def test_leaving_a_call_in_a_notebook_stops_it_though_the_process_goes_on(
    shop: Workspace, slow: dict[str, threading.Event], start_python: Start
) -> None:
    script = """
import sys, gongbi
def leave(stage, *_):
    if stage == "slow":
        raise KeyboardInterrupt
ws = gongbi.open(sys.argv[1], progress=leave)
try:
    ws.call("slow", seconds=60)
except KeyboardInterrupt as kept:
    print(ws.segment("regulars").count(), flush=True)
    sys.stdin.readline()
"""
    caller = start_python(script, shop.root)
    assert say(caller) == "1"
    assert slow["cancelled"].wait(20)


def test_what_a_closing_owner_stops_the_caller_goes_on_with_itself(
    root: Path, slow: dict[str, threading.Event], start_python: Start
) -> None:
    script = """
import sys, gongbi
from gongbi.services import verbs
ws = gongbi.open(sys.argv[1])
verbs.VERBS = {**verbs.VERBS, "slow": lambda ctx, seconds: "here"}
print(ws.is_owner, ws.call("slow", seconds=60), ws.is_owner, flush=True)
"""
    with gongbi.open(root) as ws:
        caller = start_python(script, root)
        assert slow["begun"].wait(60)
        assert ws.is_owner
    assert slow["cancelled"].is_set()
    assert say(caller) == "False here True"


def test_a_command_that_waits_takes_its_turn_when_the_owner_has_closed(
    root: Path, monkeypatch: pytest.MonkeyPatch, start_python: Start
) -> None:
    from gongbi.services import build

    script = """
import sys, gongbi
ws = gongbi.open(sys.argv[1], actor="bob", progress=lambda stage, *_: print(stage, flush=True))
print(ws.is_owner, flush=True)
print("built", ws.build(force=True)["builds"][0]["build"] > 0, flush=True)
"""
    describe, begun, go_on = build.describe_tags, threading.Event(), threading.Event()

    def wait(*args: Any) -> Any:
        begun.set()
        assert go_on.wait(60)
        return describe(*args)

    monkeypatch.setattr(build, "describe_tags", wait)

    def first() -> None:
        with gongbi.open(root, actor="ann") as ws:
            ws.build(force=True)

    owner = threading.Thread(target=first)
    owner.start()
    assert begun.wait(60)
    caller = start_python(script, root)
    assert say(caller) == "False"
    assert say(caller) == "waiting for other work"
    go_on.set()
    owner.join()
    rest = caller.communicate()[0].splitlines()
    assert rest[-1] == "built True"
    with gongbi.open(root) as ws:
        runs = [(run["actor"], run["status"]) for run in ws.runs() if run["kind"] == "build"]
    assert runs[:2] == [("bob", "done"), ("ann", "done")]


def test_a_count_answers_while_a_build_runs(shop: Workspace, monkeypatch: pytest.MonkeyPatch, run_python: Run) -> None:
    from gongbi.services import build

    describe, begun, go_on = build.describe_tags, threading.Event(), threading.Event()

    def wait(*args: Any) -> Any:
        begun.set()
        assert go_on.wait(60)
        return describe(*args)

    monkeypatch.setattr(build, "describe_tags", wait)
    builder = threading.Thread(target=shop.build, kwargs={"force": True})
    builder.start()
    try:
        assert begun.wait(30)
        assert shop.segment("regulars").count() == 1
        assert run_python(CALL, shop.root, "count", {"expression": "regulars"}).startswith("{'count': 1")
        assert shop.runs()[0]["status"] == "running"
    finally:
        go_on.set()
        builder.join()
    assert shop.runs()[0]["status"] == "done"


def test_two_changes_take_turns(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from gongbi.services import build

    describe, inside, most = build.describe_tags, [0], [0]

    def watch(*args: Any) -> Any:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.1)
        inside[0] -= 1
        return describe(*args)

    monkeypatch.setattr(build, "describe_tags", watch)
    builders = [threading.Thread(target=shop.build, kwargs={"force": True}) for _ in range(3)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()
    assert most == [1]


def test_a_forked_child_is_told_to_open_again_and_leaves_the_lock_alone(root: Path, run_python: Run) -> None:
    script = """
import os, sys, warnings, gongbi
warnings.simplefilter("ignore")
ws = gongbi.open(sys.argv[1])
if os.fork() == 0:
    try:
        ws.segment("regulars").count()
    except Exception as error:
        print(type(error).__name__, error, flush=True)
    os._exit(0)
os.wait()
print(ws.segment("regulars").count(), flush=True)
"""
    out = run_python(script, root).splitlines()
    assert out == ["WorkspaceProblem This process was forked from the owner. Call gongbi.open in it.", "1"]


def test_the_lock_dies_with_the_owner_even_if_a_forked_child_lives_on(root: Path, start_python: Start) -> None:
    script = """
import os, sys, time, warnings, gongbi
warnings.simplefilter("ignore")
ws = gongbi.open(sys.argv[1])
child = os.fork()
if child == 0:
    time.sleep(60)
    os._exit(0)
print(child, flush=True)
sys.stdin.readline()
"""
    owner = start_python(script, root)
    child = int(say(owner))
    try:
        owner.kill()
        owner.wait()
        # The engine's file is the child's too: DuckDB's own lock is a process's, so it is free.
        with gongbi.open(root) as ws:
            assert ws.is_owner
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_closed_workspace_says_so(root: Path) -> None:
    ws = gongbi.open(root)
    with gongbi.open(root) as second:
        assert second.segment("regulars").count() == 1
    ws.close()
    ws.close()
    for closed in (ws, second):
        with pytest.raises(WorkspaceProblem, match="is closed"):
            closed.runs()


def test_opening_loads_no_dbos(root: Path, run_python: Run) -> None:
    script = "import sys, gongbi; gongbi.open(sys.argv[1]).runs(); print({'dbos', 'gongbi.jobs'} & set(sys.modules))"
    assert run_python(script, root) == "set()\n"


def test_an_owner_that_never_says_where_it_is_makes_the_others_give_up(
    root: Path, start_python: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gongbi.ownership.lock.OPENING", 0.5)
    script = """
import sys
from pathlib import Path
from gongbi.ownership.lock import Lock
lock = Lock(Path(sys.argv[1]) / "gongbi.lock")
lock.take_or_find()
print("held", flush=True)
sys.stdin.readline()
"""
    assert say(start_python(script, root)) == "held"
    with pytest.raises(WorkspaceBusy, match="is opening the workspace"):
        gongbi.open(root)


def test_an_empty_workspace_says_what_to_do_first(tmp_path: Path) -> None:
    with gongbi.open(workspace.init(tmp_path / "w")) as ws, pytest.raises(NotYet):
        ws.ingest()


def test_a_date_stays_a_date(served: Any) -> None:
    _, ws = served
    found = ws.segment("true").members(["date(max(purchase.ts))"], limit=1)
    assert found.column(found.num_columns - 1).to_pylist() == [date(2026, 1, 3)]
