"""Long work that a button started: it goes on in a thread, and the record of runs says how far it is."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from typing import Any

from gongbi.errors import GongbiError, Refused
from gongbi.workspace import Workspace


@dataclass
class Job:
    """A verb at work. `error` is set when it failed, `ended` when it is over."""

    verb: str
    params: dict[str, Any]
    ended: threading.Event = field(default_factory=threading.Event)
    error: GongbiError | None = None


class Work:
    """At most one piece of long work at a time: ingest and build would wait for each other anyway."""

    def __init__(self, ws: Workspace) -> None:
        self.ws = ws
        self._lock = threading.Lock()
        self._job: Job | None = None
        self._thread: threading.Thread | None = None

    @property
    def job(self) -> Job | None:
        """The last job that was started here."""
        return self._job

    @property
    def busy(self) -> bool:
        """Whether it is still at work."""
        return self._job is not None and not self._job.ended.is_set()

    def start(self, verb: str, **params: Any) -> Job:
        """Begin; returns at once. Raises `Refused` while another is at work."""
        with self._lock:
            if self._job is not None and self.busy:
                raise Refused(f"`{self._job.verb}` is still running.", hint="Wait for it, or stop it.")
            job = self._job = Job(verb, params)
            self._thread = threading.Thread(target=self._do, args=(job,), name=f"gongbi-{verb}", daemon=True)
            self._thread.start()
        return job

    def _do(self, job: Job) -> None:
        try:
            self.ws.call(job.verb, **job.params)
        except GongbiError as error:
            job.error = error
        except Exception as error:  # noqa: BLE001 - Shown on the page; the thread has nobody else to tell.
            job.error = GongbiError(f"{type(error).__name__}: {error}")
        finally:
            job.ended.set()

    def stop(self, wait: float = 5.0) -> None:
        """Ask what is at work to stop and wait a little; called when the console closes."""
        if not self.busy or self._thread is None:
            return
        with contextlib.suppress(GongbiError):
            for run in self.ws.call("runs", status="running"):
                self.ws.call("cancel", id=run["id"])
        self._thread.join(wait)
