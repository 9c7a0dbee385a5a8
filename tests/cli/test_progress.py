"""Long work shows where it is: in a terminal also while it says nothing, elsewhere a line now and then."""

from __future__ import annotations

import io
import re
import time

import pytest
from rich.console import Console

from gongbi.cli import output
from gongbi.cli.output import Progressing


@pytest.fixture
def progressing(monkeypatch: pytest.MonkeyPatch) -> tuple[Progressing, io.StringIO]:
    """In a terminal whose patience ends at once."""
    monkeypatch.setattr(output, "PATIENCE", 0.05)
    progress, screen = Progressing("build"), io.StringIO()
    progress.console = Console(file=screen, force_terminal=True, width=100)
    return progress, screen


def drawn(screen: io.StringIO) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())


def test_a_stage_that_reports_once_and_works_on_is_drawn_and_its_time_runs(
    progressing: tuple[Progressing, io.StringIO],
) -> None:
    progress, screen = progressing
    with progress:
        progress("build customer", 1, 3)
        assert drawn(screen) == "", "quick work shows nothing"
        time.sleep(1.5)
        assert "build customer" in drawn(screen)
        assert "1 of 3" in drawn(screen)
        assert {"0:00:00", "0:00:01"} <= set(re.findall(r"\d:\d\d:\d\d", drawn(screen)))
        progress("build customer: statistics", 0, None)
        time.sleep(0.3)
        assert "build customer: statistics" in drawn(screen)


def test_work_that_says_nothing_at_all_is_shown_by_its_command(progressing: tuple[Progressing, io.StringIO]) -> None:
    progress, screen = progressing
    with progress:
        time.sleep(0.3)
    assert "build" in drawn(screen)


def test_quick_work_draws_nothing(progressing: tuple[Progressing, io.StringIO]) -> None:
    progress, screen = progressing
    with progress:
        progress("count", 0, None)
    time.sleep(0.1)
    assert drawn(screen) == ""


def test_a_log_gets_single_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(output, "PATIENCE", 0.05)
    with Progressing("build") as progress:
        progress("build customer", 0, 2)
        time.sleep(0.1)
        progress("build customer", 1, 2)
        progress("build product", 1, 2)
    assert capsys.readouterr().err == "[    0 s] build customer 1 of 2\n"


def test_a_log_hears_of_a_statement_that_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(output, "SILENCE", 0.2)
    with Progressing("build") as progress:
        progress("build customer", 1, 3)
        assert capsys.readouterr().err == "", "quick work says nothing"
        time.sleep(1.1)
    lines = capsys.readouterr().err.splitlines()
    assert 2 <= len(lines) <= 6
    assert set(lines) <= {f"[    {second} s] build customer 1 of 3" for second in (0, 1, 2)}
    time.sleep(0.4)
    assert capsys.readouterr().err == "", "the work is over"


def test_a_log_hears_of_work_without_any_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(output, "SILENCE", 0.1)
    with Progressing("explain tag"):
        time.sleep(0.5)
    assert "explain tag" in capsys.readouterr().err
