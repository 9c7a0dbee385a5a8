"""Who owns a workspace: a lock file that the operating system frees when its holder dies."""

from __future__ import annotations

import fcntl
import json
import os
import time
import weakref
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gongbi.errors import WorkspaceBusy, WorkspaceProblem

#: Seconds to wait for another process that is still opening the workspace: its engine starts, tables are repaired.
OPENING = 30.0


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that has a workspace open, its local door, and its console where it has one."""

    pid: int
    address: str
    token: str
    console: str = ""


class Lock:
    """The lock file of one workspace. It is held through an open file, so a killed holder leaves no stale lock.

    A forked child would hold the open file too, and with it the lock of a dead parent; so it lets go of it at birth.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None
        _locks.add(self)

    def take_or_find(self, *, wait: float = 0.0) -> Owner | None:
        """Take the lock and return None, or return the owner that has it.

        Raises
        ------
        WorkspaceBusy
            Somebody holds the lock and has not said where it can be reached, `wait` seconds long (at least `OPENING`).
        """
        deadline = time.monotonic() + max(wait, OPENING)
        while True:
            try:
                handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise WorkspaceProblem(
                    f"{self.path} cannot be opened: {error.strerror}.",
                    hint="Gongbi writes in the folder of a workspace: ask for the right to, or copy the folder.",
                ) from error
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = self._read(handle)
                os.close(handle)
                if owner is not None:
                    return owner
            else:
                os.ftruncate(handle, 0)
                with suppress(PermissionError):  # A workspace of somebody else, who lets us work in it.
                    os.fchmod(handle, 0o600)
                self._file = handle
                return None
            if time.monotonic() > deadline:
                raise WorkspaceBusy(
                    f"Another process is opening the workspace at {str(self.path.parent)!r}.", hint="Try again shortly."
                )
            time.sleep(0.05)

    @staticmethod
    def _read(handle: int) -> Owner | None:
        try:
            body = json.loads(os.pread(handle, 4096, 0))
            return Owner(int(body["pid"]), str(body["address"]), str(body["token"]), str(body.get("console", "")))
        except (ValueError, KeyError, TypeError):
            return None  # The owner has the lock and is still writing its address.

    def announce(self, address: str, token: str, console: str = "") -> None:
        """Say where the owner can be reached, and where its console is; only the same user can read it."""
        assert self._file is not None
        body = json.dumps({"pid": os.getpid(), "address": address, "token": token, "console": console}).encode()
        os.pwrite(self._file, body, 0)
        os.ftruncate(self._file, len(body))

    def withdraw(self) -> None:
        """Say that the owner takes no more calls; who comes now waits for the lock."""
        if self._file is not None:
            os.ftruncate(self._file, 0)

    @property
    def is_held(self) -> bool:
        """True in the process that took the lock, until it frees it."""
        return self._file is not None

    def forget(self) -> None:
        """Close the file in a forked child, without freeing the lock of the parent."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def release(self) -> None:
        """Free the lock."""
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None


_locks: weakref.WeakSet[Lock] = weakref.WeakSet()


def _forget_all() -> None:
    for lock in _locks:
        lock.forget()


os.register_at_fork(after_in_child=_forget_all)
