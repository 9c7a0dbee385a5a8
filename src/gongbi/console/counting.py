"""Counting while somebody types: only the newest question matters, so the one before is stopped.

`Engine.cancellable()` stops what its own thread runs. A count runs in a worker thread; the block is opened there,
around the whole verb, and its `stop` is handed back to the event loop, which calls it when a newer question comes. In a
process that works through another one (not the owner) there is no engine to stop; the old answer is then thrown away.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

from nicegui import background_tasks, run

from gongbi.errors import Cancelled
from gongbi.workspace import Workspace

T = TypeVar("T")


class Counter:
    """The questions of one browser page; a new one stops the one before."""

    def __init__(self, ws: Workspace) -> None:
        self.ws = ws
        self._lock = threading.Lock()
        self._turn = 0
        self._stop: Callable[[], None] | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> int:
        """Announce a new question: what runs for an older one stops. Gives the turn to work under."""
        with self._lock:
            self._turn += 1
            stop, self._stop = self._stop, None
            turn = self._turn
        if stop is not None:
            stop()
        return turn

    def is_current(self, turn: int) -> bool:
        """Whether no newer question came."""
        return turn == self._turn

    def later(self, pause: float, work: Callable[[int], Awaitable[None]]) -> None:
        """Stop what runs, wait until nothing was typed for so many seconds, then work under a turn of its own."""
        turn = self.begin()
        if self._task is not None:
            self._task.cancel()

        async def go() -> None:
            await asyncio.sleep(pause)
            await work(turn)

        self._task = background_tasks.create(go(), name="count")

    async def ask(self, turn: int, verb: str, **params: Any) -> Any:
        """Call a verb in a worker thread; raises `Cancelled` when a newer question came."""
        return await run.io_bound(self._work, turn, lambda: self.ws.call(verb, **params))

    def _work(self, turn: int, work: Callable[[], T]) -> T:
        with self._stoppable(turn):
            answer = work()
        if not self.is_current(turn):
            raise Cancelled("A newer question came.")
        return answer

    @contextlib.contextmanager
    def _stoppable(self, turn: int) -> Iterator[None]:
        context = self.ws.context
        if context is None:
            yield
            return
        with context.engine.cancellable() as stop:
            with self._lock:
                if turn != self._turn:
                    raise Cancelled("A newer question came.")
                self._stop = stop
            try:
                yield
            finally:
                with self._lock:
                    if self._stop is stop:
                        self._stop = None
