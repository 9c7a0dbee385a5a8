"""Stopping, from another thread, what one thread is running."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gongbi.errors import Cancelled


class CancelScope:
    """One `cancellable()` block.

    An engine's own interrupt is lost when it arrives a moment before the query starts, and would hit a stranger when
    it arrives a moment after. So the wish is remembered, asked again until the running call has ended, and never
    passed on once it has.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = False
        self._closed = False
        self._interrupt: Callable[[], object] | None = None

    @contextmanager
    def running(self, interrupt: Callable[[], object]) -> Iterator[None]:
        """Around one engine call that `interrupt` stops. Raises `Cancelled` when stopping was asked for before."""
        with self._lock:
            self._refuse_when_asked()
            self._interrupt = interrupt
        try:
            yield
        finally:
            with self._lock:
                self._interrupt = None

    def check(self) -> None:
        """Raise `Cancelled` when stopping was asked for."""
        with self._lock:
            self._refuse_when_asked()

    def stop(self) -> None:
        """Ask for the block's work to stop; returns at once, and twice is fine."""
        with self._lock:
            if self._asked or self._closed:
                return
            self._asked = True
        threading.Thread(target=self._insist, name="gongbi-cancel", daemon=True).start()

    def close(self) -> None:
        """The block is over: from now on `stop` does nothing."""
        with self._lock:
            self._closed = True

    def _insist(self) -> None:
        pause = 0.002
        while True:
            with self._lock:
                if self._interrupt is None:
                    return
                self._interrupt()
            time.sleep(pause)
            pause = min(pause * 2, 0.5)

    def _refuse_when_asked(self) -> None:
        if self._asked:
            raise Cancelled("The work was stopped on request.")


class CancelScopes(threading.local):
    """The scope of the present thread, if it is inside a `cancellable()` block."""

    def __init__(self) -> None:
        self.current: CancelScope | None = None

    @contextmanager
    def open(self) -> Iterator[Callable[[], None]]:
        """Open a block; a nested one joins the outer one."""
        if self.current is not None:
            yield self.current.stop
            return
        self.current = scope = CancelScope()
        try:
            yield scope.stop
        finally:
            scope.close()
            self.current = None

    @contextmanager
    def running(self, interrupt: Callable[[], object]) -> Iterator[None]:
        """Around one engine call of this thread."""
        if self.current is None:
            yield
            return
        with self.current.running(interrupt):
            yield
