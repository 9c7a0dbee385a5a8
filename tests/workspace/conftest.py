"""A small workspace, a corner shop, and other processes that work in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import gongbi
from gongbi.workspace import Workspace, init

SHOP = Path(__file__).parent / "shop"


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop with its data loaded and its tags built; not to be opened."""
    root = init(tmp_path_factory.mktemp("built") / "shop", name="shop")
    shutil.copytree(SHOP, root, dirs_exist_ok=True)
    with gongbi.open(root) as ws:
        ws.apply()
        ws.ingest()
        ws.build()
    return root


@pytest.fixture
def root(built: Path, tmp_path: Path) -> Path:
    """A copy of the shop."""
    return Path(shutil.copytree(built, tmp_path / "shop"))


@pytest.fixture
def shop(root: Path) -> Iterator[Workspace]:
    """The shop, opened by its owner."""
    with gongbi.open(root) as ws:
        yield ws


@pytest.fixture
def start_python() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a script in a process of its own; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(script: str, *args: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", script, *map(str, args)]
        process = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def run_python(start_python: Callable[..., subprocess.Popen[str]]) -> Callable[..., str]:
    """Run a script in a process of its own to its end; gives what it printed."""

    def run(script: str, *args: object) -> str:
        process = start_python(script, *args)
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        return out

    return run
