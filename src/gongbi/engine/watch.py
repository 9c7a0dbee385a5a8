"""Looking after a call from a thread of its own, while the caller's thread is inside an engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def watching(look: Callable[[], bool | None], every: float, name: str) -> Iterator[None]:
    """Call `look` every so many seconds while the block runs; it says true when it has seen enough.

    When the block is left, `look` is not running any more: what it reads may be closed.
    """
    over = threading.Event()

    def watch() -> None:
        while not over.wait(every):
            if look():
                return

    watcher = threading.Thread(target=watch, name=name, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
