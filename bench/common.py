"""What every benchmark says about itself, and where its figures go."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results"


def surroundings() -> dict[str, Any]:
    """Date, commit, versions, cores and how busy the machine is; nothing that names it."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit.stdout.strip(),
        "python": platform.python_version(),
        "duckdb": version("duckdb"),
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 1),
    }


def write(name: str, figures: dict[str, Any]) -> None:
    """Keep the figures as `bench/results/NAME.json`."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"bench": name, **surroundings(), **figures}, indent=2, ensure_ascii=False)
    (RESULTS / f"{name}.json").write_text(text + "\n", "utf-8")
    sys.stderr.write(f"{name}: {json.dumps(figures, ensure_ascii=False)}\n")


def middle(seconds: Sequence[float]) -> float:
    """The median, to the millisecond."""
    return round(median(seconds), 3)


def workspace() -> Path:
    """The loaded demo that is named on the command line."""
    if len(sys.argv) != 2:
        sys.exit(f"usage: {Path(sys.argv[0]).name} WORKSPACE (a folder made by `gongbi demo WORKSPACE --no-serve`)")
    return Path(sys.argv[1])
