"""Paths at which nothing can be written or read end with one clear line, not with a traceback."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]

#: Below a file; in a folder of the kernel; a name longer than any file system takes.
IMPOSSIBLE = ("/etc/passwd/x", "/proc/x", "x" * 300)
#: Command → what must follow the path's name for a file of the right kind.
COMMANDS = {
    ("init", "PATH"): "",
    ("demo", "PATH", "--no-serve"): "",
    ("bench", "data", "PATH", "--customers", "5", "--events", "5"): "",
    ("export", "PATH"): "",
    ("apply", "PATH"): "",
    ("sources", "-w", "PATH"): "",
    ("sources", "rejects", "1", "--to", "PATH"): ".csv",
    ("sources", "repair", "1", "PATH"): ".csv",
    ("segment", "members", "regulars", "--to", "PATH"): ".csv",
    ("segment", "members", "regulars", "--to", "PATH", "--overwrite"): ".xlsx",
    ("segment", "members", "regulars", "-c", "spend.total", "--to", "PATH"): ".parquet",
}


@pytest.fixture(scope="module")
def one_bad_row(shop_once_built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built shop of which a row waits for repair."""
    import shutil

    import gongbi as package

    root = tmp_path_factory.mktemp("paths") / "shop"
    shutil.copytree(shop_once_built, root)
    orders = root / "data/orders.csv"
    orders.write_text(orders.read_text("utf-8").replace("9.90", "nine"), "utf-8")
    with package.open(root) as ws:
        ws.ingest()
        ws.build()
    return root


@pytest.fixture(scope="module")
def load(one_bad_row: Path) -> str:
    """The load of that row."""
    import gongbi as package

    with package.open(one_bad_row) as ws:
        return str(ws.loads("orders")[0]["id"])


@pytest.mark.parametrize("path", [*IMPOSSIBLE, "/etc/passwd"], ids=["below a file", "kernel", "too long", "a file"])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command)[:40])
def test_an_impossible_path_is_told_in_one_line(
    gongbi: Run,
    one_bad_row: Path,
    load: str,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    path: str,
) -> None:
    if path == "/etc/passwd" and "repair" in command:
        pytest.skip("A file that can be read; what it holds is another matter.")
    monkeypatch.chdir(one_bad_row)
    before = {file for file in one_bad_row.rglob("*") if file.is_file()}
    ending = "" if path == "/etc/passwd" else COMMANDS[command]
    done = gongbi(*((load if part == "1" else path + ending if part == "PATH" else part) for part in command))
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert done.stderr.startswith("gongbi: ")
    assert done.stderr.count("\n") == 1
    assert {file for file in one_bad_row.rglob("*") if file.is_file()} == before


def test_nothing_is_left_of_a_file_that_could_not_be_written(
    gongbi: Run, one_bad_row: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.chdir(one_bad_row)
    monkeypatch.setattr(Path, "replace", full)
    to = tmp_path / "out"
    to.mkdir()
    listed = gongbi("segment", "members", "regulars", "--to", str(to / "list.csv"))
    assert listed.stderr == f"gongbi: {to / 'list.csv'} cannot be written: No space left on device.\n"
    exported = gongbi("export", str(to / "definitions"))
    assert exported.stderr == f"gongbi: {to / 'definitions'} cannot be written: No space left on device.\n"
    assert [file for file in to.rglob("*") if file.is_file()] == []
