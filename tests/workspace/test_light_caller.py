"""Who only asks the owner of a workspace loads neither its stores nor its engines."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("sqlalchemy", "duckdb", "pyspark", "pypinyin", "gongbi.store", "gongbi.engine")


def test_opening_a_workspace_loads_what_a_caller_needs_alone() -> None:
    script = f"import sys, gongbi.workspace; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
