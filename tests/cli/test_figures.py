"""Figures are written alike everywhere: thousands apart, money with all its digits, work laid out line by line."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from contextlib import nullcontext
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import gongbi as package
from gongbi.cli import serving
from gongbi.cli.figures import interval, number
from gongbi.cli.report import lines
from gongbi.console.address import listen
from gongbi.testing.shop import open_for_half_a_year

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (Decimal("1234567.80"), None, "1,234,567.80"),
        (Decimal("0.05"), "USD", "0.05"),
        (Decimal("3.3333333333"), None, "3.333"),
        (31.8571, "USD", "31.86"),
        (1234.5, "EUR", "1,234.50"),
        (1234.5678, None, "1,234.57"),
        (121.875, "days", "121.88"),
        (0.0612345, None, "0.06123"),
        (31390.0, None, "31,390"),
        (1133, None, "1,133"),
    ],
)
def test_numbers_keep_their_digits_and_money_its_cents(value: Any, unit: str | None, text: str) -> None:
    assert number(value, unit) == text


def test_an_interval_has_its_unit_and_sign() -> None:
    figure = {"value": 22.006, "low": -20.66, "high": 1064.65}
    assert interval(figure, "USD", sign=True, digits=2) == "+22.01 USD  [-20.66 … +1,064.65]"
    assert interval(None) == "—"


def test_money_in_a_list_and_of_a_customer_has_all_its_digits(gongbi: Run, built_shop: Path) -> None:
    orders = built_shop / "data/orders.csv"
    orders.write_text(orders.read_text("utf-8") + "6,13,bread,2024-03-20T10:00:00,1234567.89,1\n", "utf-8")
    gongbi("ingest")
    gongbi("build")
    assert "1,234,567.89" in gongbi("segment", "members", "true", "-c", "spend.total").stdout
    (line,) = [line for line in gongbi("customer", "13").stdout.splitlines() if line.startswith("spend.total")]
    assert "1,234,567.89" in line


@pytest.fixture
def trained(gongbi: Run, shop: Path) -> Run:
    open_for_half_a_year(shop)
    for command in ("apply", "ingest", "build"):
        assert gongbi(command).returncode == 0
    return gongbi


def test_training_and_going_on_with_it_are_laid_out_line_by_line(trained: Run, shop: Path) -> None:
    told: list[str] = []
    with package.open(shop, progress=lambda stage, done, total: told.append(stage)) as ws:
        ws.train("comes_again")
    assert "comes_again: fit, fold 1 of 5" in told
    done = trained("train")
    assert done.returncode == 0, done.stderr
    words = done.stdout.splitlines()
    assert "comes_again  nothing new to learn" in words
    assert "buying  trained" in words
    assert any(line.split() == ["scored", "100", "members"] for line in words)
    assert max(len(line) for line in words if not line.startswith("    ·")) < 120
    assert "comes_again" in trained("models").stdout
    card = trained("models", "comes_again")
    assert card.returncode == 0, card.stderr
    assert {"limits", "figures", "tags that count most", "versions"} <= set(card.stdout.splitlines())
    with package.open(shop) as ws:
        assert ws.context is not None
        runs = ws.context.store.runs
        run = runs.start("train", "buying", actor="me", owner="gone", now=ws.context.now(), params={"name": "buying"})
        runs.mark_interrupted("another")
    resumed = trained("runs", "resume", str(run.id))
    assert resumed.stdout.splitlines()[:2] == [f"Run {run.id} (train) went on.", "buying  nothing new to learn"]


def test_stopping_a_run_says_that_it_was_asked_to(gongbi: Run, built_shop: Path) -> None:
    with package.open(built_shop) as ws:
        assert ws.context is not None
        store = ws.context.store
        run = store.runs.start("build", "customer", actor="me", owner=ws.context.owner, now=ws.context.now())
        asked = gongbi("runs", "cancel", str(run.id))
        assert f"Run {run.id} (build): cancellation asked for." in asked.stdout
        assert "running, cancellation asked for" in gongbi("runs").stdout
        assert "running, cancellation asked for" in gongbi("runs", "show", str(run.id)).stdout
        (row,) = [row for row in json.loads(gongbi("runs", "--json").stdout) if row["id"] == run.id]
        assert (row["status"], row["cancel_requested"]) == ("running", True)


def test_the_report_writes_its_figures_alike() -> None:
    model = {
        "model": "buying",
        "name": {"zh": "", "en": "Buying"},
        "champion": 1,
        "newest": 1,
        "headline": {
            "actual": 31390.0,
            "predicted": 31662.8336,
            "correlation": 0.83604,
            "members": 1133,
            "auc": {"estimate": 0.8477, "low": 0.81861, "high": 0.8769, "level": 0.95},
        },
    }
    empty: dict[str, Any] = {part: {} for part in ("members", "facts", "unmatched", "rejects", "tags", "segments")}
    report = {
        **empty,
        "as_of": "",
        "zone": "",
        "engine": "",
        "models": {"buying": model},
        "uncounted": [],
        "campaign": {},
        "failed": [],
        "seconds": {},
        "commands": dict.fromkeys([*empty, "models", "campaign", "seconds"], ""),
    }
    text = [" ".join(line.split()) for line in lines(report)]
    assert {"actual 31,390", "predicted 31,662.83", "correlation 0.836", "members 1,133"} <= set(text)
    assert "auc 0.848 [0.819 … 0.877]" in text


def test_a_second_console_is_told_where_the_first_one_is(
    gongbi: Run, built_shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gongbi import jobs
    from gongbi.console import app

    seen: list[subprocess.CompletedProcess[str]] = []

    def console(ws: package.workspace.Workspace, *, on_ready: Callable[[str], object], **_: object) -> None:
        with listen("127.0.0.1", port):
            seen.append(gongbi("serve", "--port", str(port)))
            on_ready("http://127.0.0.1:8123")
            seen.append(gongbi("serve", "--port", str(port)))

    monkeypatch.setattr(app, "serve", console)
    # A host of jobs would keep writing its log to what this test captures.
    monkeypatch.setattr(jobs, "JobHost", nullcontext)
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    serving.serve(built_shop, port=port)
    before, after = seen
    assert (before.returncode, after.returncode) == (2, 2)
    assert "Close it first" in before.stderr
    assert "is open in another process. Use its console at http://127.0.0.1:8123, or close it first." in after.stderr
