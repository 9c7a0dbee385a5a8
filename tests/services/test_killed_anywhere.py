"""A build that is killed at any of its calls leaves the last good one, and the next build makes all good."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import gongbi
from gongbi.services.build import KEPT
from gongbi.testing.engine import QUICK_JAVA

DYING = Path(__file__).with_name("dying.py")


def run(*args: object, code: int = 0) -> list[Any]:
    """Run the script; what it told, line by line."""
    command = [sys.executable, str(DYING), *map(str, args)]
    environment = os.environ | {"JAVA_TOOL_OPTIONS": QUICK_JAVA}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900, env=environment)
    assert done.returncode == code, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def prepare(root: Path) -> None:
    """Fill the shelf of old builds, so that the next one drops some, and edit a tag, so that it gives other values."""
    with gongbi.open(root) as ws:
        for _ in range(KEPT):
            ws.build(force=True)
        tags = root / "definitions" / "tags.yaml"
        text = tags.read_text("utf-8").replace("coalesce(sum(order.amount), 0)", "coalesce(sum(order.amount), 0) * 10")
        tags.write_text(text.replace("count(distinct order.customer)", "100 + count(distinct order.customer)"), "utf-8")
        ws.apply()


def check(call: str, before: dict[str, Any], unkilled: dict[str, Any], found: list[dict[str, Any]]) -> int:
    """What a death left, and what the next build made of it; return how many subjects were published already."""
    left, healed = found
    for subject, old in before["current"].items():
        good = before if left["current"][subject] == old else unkilled
        assert left["rows"][subject] == good["rows"][subject], f"{call}: the current build is whole"
    assert left["regulars"] == before["regulars"], call
    assert left["unfinished"] == 0, call
    assert set(left["tables"]) <= set(left["published"]), f"{call}: no table is left that no build owns"
    for key in ("rows", "regulars", "others", "parts", "files", "unfinished"):
        assert healed[key] == unkilled[key], f"{call}: {key}"
    assert healed["tables"] == healed["published"], call
    assert len(healed["tables"]) == len(unkilled["tables"]), call
    return sum(left["current"][s] != old for s, old in before["current"].items())


@pytest.mark.slow
@pytest.mark.timeout(1800)  # Dozens of processes one after the other, on a machine that may have other work.
def test_a_build_killed_at_any_call_leaves_the_last_good_one_and_nothing_else(built_shop: Path, tmp_path: Path) -> None:
    prepare(built_shop)
    calls, (_, (unkilled, _)), *deaths = run("every", built_shop, tmp_path / "copy")
    for call in ("DuckDBEngine.build", "Builds.publish", "DuckDBEngine.drop", "Builds.drop"):
        assert calls.count(call) == 2, f"one per subject, the retention rule included: {calls}"
    assert len(deaths) == len(calls) > 15
    (before, _) = deaths[0][1][1]
    assert before["rows"]["customer"] != unkilled["rows"]["customer"]
    assert before["rows"]["item"] != unkilled["rows"]["item"]
    published = []
    for call, (died, (status, found)) in zip(calls, deaths, strict=True):
        assert died == -signal.SIGKILL, call
        assert status == 0, call
        published.append(check(call, before, unkilled, found))
    assert published == sorted(published), "the later the death, the more is done"
    assert set(published) == {0, 1, 2}


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.timeout(2700)  # A dozen sessions of Spark one after the other, beside the one of the demo.
@pytest.mark.usefixtures("spark_session")
def test_a_build_on_spark_killed_at_its_main_calls_leaves_the_last_good_one(shop: Path, tmp_path: Path) -> None:
    settings = shop / "gongbi.toml"
    settings.write_text(settings.read_text("utf-8") + '\n[engine]\nname = "spark"\nmaster = "local[1]"\n', "utf-8")
    with gongbi.open(shop) as ws:
        ws.apply()
        ws.ingest()
        ws.build()
    prepare(shop)
    (before,) = run("held", shop)
    (calls,) = run("calls", shutil.copytree(shop, tmp_path / "whole"))
    ((unkilled, _),) = run("told", tmp_path / "whole")
    # Each death costs a minute, so there are four; DuckDB, above, dies at every call. They are: nothing written yet; a
    # table written and not published; the second subject's written, the first published; both published, with a table
    # that the retention rule gives up still there.
    first, last = calls.index, lambda name: len(calls) - 1 - calls[::-1].index(name)
    points = (first("SparkEngine.build"), first("Builds.publish"), last("SparkEngine.query"), last("SparkEngine.drop"))
    for k in points:
        copy = shutil.copytree(shop, tmp_path / f"copy{k}")
        run("at", copy, k, code=-signal.SIGKILL)
        (found,) = run("told", copy)
        check(calls[k], before, unkilled, found)
