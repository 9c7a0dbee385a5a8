"""Processes that kill themselves at one of the calls that a build makes; run as a script by `test_killed_anywhere`.

    python dying.py every ROOT WORK   a copy of ROOT dies at each call in turn, in forks
    python dying.py every ROOT WORK DAY   the same where customers' tags as of a day are made of the build before
    python dying.py calls ROOT        names the calls of a build, which is carried out
    python dying.py at ROOT K         dies at call K (from 0)
    python dying.py held ROOT         tells what ROOT holds
    python dying.py told ROOT         tells what ROOT holds, then builds and tells again

What is told is JSON, one line each.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gongbi
from gongbi.engine import base
from gongbi.store.builds import Builds

#: Every change and every question; what a call makes of others counts too.
ENGINE = (
    "tables", "columns", "create", "drop", "rename", "append", "insert", "delete", "put", "update", "view", "build",
    "query", "value",
)  # fmt: skip
#: What is built: all there is, unless told otherwise.
WANTED: dict[str, Any] = {}
STORE = ("start", "publish", "fail", "drop")


def watched(ws: Any, at: int | None) -> list[str]:
    """Record the calls of the engine and of the builds' register; die at one of them, before it does anything."""
    calls: list[str] = []

    def watch(owner: type, name: str) -> None:
        real = getattr(owner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            if len(calls) == at:
                os.kill(os.getpid(), signal.SIGKILL)
            calls.append(f"{owner.__name__}.{name}")
            return real(*args, **kwargs)

        setattr(owner, name, call)

    for name in ENGINE:
        assert hasattr(base.Engine, name)
        watch(type(ws.context.engine), name)
    for name in STORE:
        watch(Builds, name)
    return calls


def build(root: Path, at: int | None = None) -> list[str]:
    with gongbi.open(root) as ws:
        calls = watched(ws, at)
        ws.build(**WANTED)
        return list(calls)


def told(root: Path) -> list[dict[str, Any]]:
    """What is there after the death, and after the next build."""
    with gongbi.open(root) as ws:
        found = [_held(ws, root)]
        ws.build(**WANTED)
        return [*found, _held(ws, root)]


def _held(ws: Any, root: Path) -> dict[str, Any]:
    engine, builds = ws.context.engine, ws.context.store.builds
    current = {subject: b for subject in ("customer", "item") if (b := builds.current(subject)) is not None}
    rows = {s: engine.query(f"select * from {b.table} order by id").to_pylist() for s, b in current.items()}
    return {
        "current": {subject: b.id for subject, b in current.items()},
        "rows": {subject: str(listed) for subject, listed in rows.items()},
        "regulars": ws.segment("regulars").count(),
        "tables": sorted(t for t in engine.tables() if t.startswith("build_") and "__" not in t),
        "published": sorted(b.table for b in builds.list() if b.status == "published"),
        "unfinished": len(builds.list(status="building")),
        "others": sorted(t for t in engine.tables() if not t.startswith("build_")),
        "parts": len(list((root / "engine" / "spark" / "parts").glob("*"))),
        "files": sorted(p.name for p in (root / "engine").iterdir() if p.suffix != ".wal"),
    }


def in_fork(work: Callable[[], Any]) -> tuple[int, Any]:
    """Do something in a process of its own; return how that ended, and what it gave."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            with os.fdopen(write, "w") as out:
                json.dump(work(), out)
            os._exit(0)
        except BaseException:  # noqa: BLE001 - a fork never returns.
            traceback.print_exc()
            os._exit(1)
    os.close(write)
    with os.fdopen(read) as given:
        text = given.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return status, json.loads(text) if status == 0 else None


def every(root: Path, work: Path) -> None:
    # Nothing is opened in this process, so that it can fork.
    def died(at: int | None) -> tuple[int, Any]:
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(root, work)
        return in_fork(lambda: build(work, at))

    _, calls = died(None)
    print(json.dumps(calls), flush=True)
    print(json.dumps(in_fork(lambda: told(work))), flush=True)
    for k in range(len(calls)):
        status, _ = died(k)
        print(json.dumps([status, in_fork(lambda: told(work))]), flush=True)


if __name__ == "__main__":
    given, where = sys.argv[1], Path(sys.argv[2])
    if given == "every":
        if len(sys.argv) > 4:
            WANTED |= {"as_of": sys.argv[4], "subjects": ["customer"], "full": False}
        every(where, Path(sys.argv[3]))
    elif given == "held":
        with gongbi.open(where) as opened:
            print(json.dumps(_held(opened, where)))
    elif given == "told":
        print(json.dumps(told(where)))
    else:
        print(json.dumps(build(where, int(sys.argv[3]) if given == "at" else None)))
