"""`gongbi serve` says where its console is once it is there."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest

from gongbi import jobs
from gongbi.console import app

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def no_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "JobHost", nullcontext)


def test_a_port_that_cannot_be_is_all_that_is_told(gongbi: Run) -> None:
    done = gongbi("serve", "--port", "99999")
    assert done.returncode == 2
    assert "onsole …" not in done.stderr
    assert "cannot listen on port 99999" in done.stderr
    assert ".." not in done.stderr


def test_the_address_is_told_when_the_console_answers(gongbi: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def serve(_ws: Any, *, on_ready: Callable[[str], object], **_more: Any) -> None:
        on_ready("http://127.0.0.1:4711")

    monkeypatch.setattr(app, "serve", serve)
    opening, ready = gongbi("serve", "--port", "0").stderr.splitlines()
    assert opening == "Opening the console …"
    assert ready.startswith("Console: http://127.0.0.1:4711 (this machine only).")
