"""Files that only their owner may read, whatever the umask; and text that no spreadsheet runs as a formula."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gongbi.errors import EngineFailure

#: A cell that begins so would be run as a formula by a spreadsheet.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def private_folder(path: Path) -> Path:
    """Make a folder that nobody else may look into, or close one that is there."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(PermissionError):  # It is somebody else's, who lets us work in it.
        path.chmod(0o700)
    return path


def private_file(path: Path) -> Path:
    """Make an empty file that nobody else may read, or close one that is there; what it holds is kept.

    A file that is there is not opened: closing it would free the locks that a database of this process has on it.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        with suppress(PermissionError):
            path.chmod(0o600)
        return path
    try:
        os.fchmod(handle, 0o600)
    finally:
        os.close(handle)
    return path


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Give a file beside to write into, which takes the place of `path` when it is whole; else nothing is left of it.

    Raises
    ------
    EngineFailure
        The file cannot be written there.
    """
    partial = path.with_name(f".{path.name}.partial{path.suffix}")
    try:
        partial.unlink(missing_ok=True)
        private_file(partial)
        yield partial
        partial.replace(path)
    except BaseException as error:
        with suppress(OSError):
            partial.unlink()
        if isinstance(error, OSError):
            raise EngineFailure(f"{path} cannot be written: {error.strerror or error}.") from error
        raise


def defused(text: str) -> str:
    """A text that a spreadsheet would run as a formula gets an apostrophe before it; `as_it_was` takes that off."""
    return f"'{text}" if text.lstrip("'").startswith(FORMULA) else text


def as_it_was(text: str) -> str:
    """The text that was defused."""
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(FORMULA) else text
