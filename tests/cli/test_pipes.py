"""A reader that has enough, as `head` has, is no failure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("command", [("segment", "members", "true", "--json"), ("tags",), ("--help",)])
def test_a_pipe_that_is_closed_early_ends_the_command_without_a_word(
    built_shop: Path, command: tuple[str, ...]
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "gongbi.cli.app", *command],
        cwd=built_shop,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    told = process.stderr.read().decode()
    assert process.wait(60) == 0, told
    assert "Traceback" not in told
    assert "Broken" not in told
