"""The demo from nothing, as a new user runs it, and once more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from common import workspace, write

GIGA = 2**30


def ran(folder: Path) -> dict[str, object]:
    """Run `gongbi demo FOLDER --no-serve`: seconds by the clock, and the most memory that it held."""
    command = [str(Path(sys.executable).with_name("gongbi")), "demo", str(folder), "--no-serve", "--json"]
    started, peak = time.perf_counter(), 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        text = b""
        while process.poll() is None:
            peak = max(peak, held(process.pid))
            text += process.stdout.read() or b""
            time.sleep(0.1)
        os.set_blocking(process.stdout.fileno(), True)
        text += process.stdout.read()
    if process.returncode:
        sys.exit(f"The demo ended with code {process.returncode}.")
    body = json.loads(text)
    return {
        "seconds": round(time.perf_counter() - started, 1),
        "peak_gb": round(peak / GIGA, 2),
        "by_stage": body.get("report", body).get("seconds"),
    }


def held(pid: int) -> int:
    """Bytes that a process holds (the most since it began), and those of its children now."""
    total = 0
    with suppress(OSError, StopIteration, ValueError):
        lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
        total = int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text("ascii").split():
                total += held(int(child))
    return total


def measure(folder: Path) -> dict[str, object]:
    """The first run in a fresh folder, then the second."""
    if folder.exists():
        sys.exit(f"{folder} exists already; the demo is measured in a fresh folder.")
    return {"first": ran(folder), "second": ran(folder), "target_seconds": 180, "target_gb": 4}


if __name__ == "__main__":
    write("demo", measure(workspace()))
