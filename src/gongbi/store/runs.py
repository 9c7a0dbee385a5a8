"""Runs: every piece of work that somebody started, where it stands and how it ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import insert, select, update

from gongbi.errors import Refused, UnknownName
from gongbi.store.repository import Repository
from gongbi.store.tables import runs
from gongbi.store.values import utc

RunStatus = Literal["running", "done", "failed", "cancelled", "interrupted"]


@dataclass(frozen=True, slots=True)
class Run:
    """One piece of work. `kind` is the verb (ingest, apply, build, …), `subject` what it is about.

    `owner` is the token of the process that does it; `done` of `total` is its progress within `stage`.
    `seconds` runs from the start to the end, pauses by interruption included. `rows` counts what it loaded, built,
    learned from, wrote or decided. A run that is done can have an `error`: that of the parts which failed, see `note`.
    """

    id: int
    kind: str
    subject: str
    params: dict[str, Any]
    actor: str
    started_at: datetime
    finished_at: datetime | None
    status: RunStatus
    stage: str | None
    done: int
    total: int | None
    rows: int | None
    seconds: float | None
    error: dict[str, Any] | None
    parent_id: int | None
    owner: str
    cancel_requested: bool


class Runs(Repository):
    """The record of work. Only a running run moves: one that was ended elsewhere refuses, so that its worker stops."""

    def start(
        self,
        kind: str,
        subject: str,
        *,
        actor: str,
        owner: str,
        now: datetime,
        params: Mapping[str, Any] | None = None,
        parent_id: int | None = None,
    ) -> Run:
        """Put a run on record as running."""
        values = {
            "kind": kind,
            "subject": subject,
            "params": params or {},
            "actor": actor,
            "started_at": now,
            "status": "running",
            "done": 0,
            "parent_id": parent_id,
            "owner": owner,
            "cancel_requested": False,
        }
        with self._database.transaction() as connection:
            return Run(**connection.execute(insert(runs).values(values).returning(runs)).mappings().one())

    def advance(
        self, run_id: int, *, stage: str | None = None, done: int | None = None, total: int | None = None
    ) -> Run:
        """Record progress; what is not given stays. The answer's `cancel_requested` says whether to go on."""
        given = {"stage": stage, "done": done, "total": total}
        return self._change(run_id, {name: value for name, value in given.items() if value is not None})

    def note(self, run_id: int, *, rows: int | None = None, failed: Iterable[Mapping[str, Any]] = ()) -> Run:
        """Add what a part of a run gave: rows, and what failed while the rest of it went on.

        Parameters
        ----------
        rows
            Are added to those noted before.
        failed
            Each has ``what`` (a file, a model) and the ``code``, ``message`` and ``hint`` of its error. They become the
            run's `error`, as its ``failed``; the latest word on each ``what`` counts.
        """
        with self._database.transaction():
            run, values = self.get(run_id), dict[str, Any]()
            if rows is not None:
                values["rows"] = (run.rows or 0) + rows
            known = {part["what"]: part for part in (run.error or {}).get("failed", ())}
            if parts := known | {part["what"]: dict(part) for part in failed}:
                said = " ".join(f"{what}: {part['message']}" for what, part in parts.items())
                values["error"] = {"code": "partly_failed", "message": said, "failed": list(parts.values())}
            return self._change(run_id, values)

    def finish(self, run_id: int, now: datetime) -> Run:
        """Record that a run did what it set out to do."""
        return self._end(run_id, "done", now, {})

    def fail(self, run_id: int, error: Mapping[str, Any], now: datetime) -> Run:
        """Record that a run stopped by an error, as `GongbiError.to_json` gives it."""
        return self._end(run_id, "failed", now, {"error": error})

    def cancel(self, run_id: int, now: datetime) -> Run:
        """Record that a run stopped because somebody asked."""
        return self._end(run_id, "cancelled", now, {})

    def request_cancel(self, run_id: int) -> Run:
        """Ask a run to stop within its statement, or at its next step."""
        return self._change(run_id, {"cancel_requested": True})

    def mark_interrupted(self, except_owner: str) -> tuple[Run, ...]:
        """Turn what other owners left running into ``interrupted``; return it, oldest first.

        Called by a new owner of the workspace, when the former one is known to be gone.
        """
        left = (runs.c.status == "running") & (runs.c.owner != except_owner)
        change = update(runs).where(left).values(status="interrupted").returning(runs)
        with self._database.transaction() as connection:
            found = [Run(**row) for row in connection.execute(change).mappings()]
        return tuple(sorted(found, key=lambda run: run.id))

    def resume(self, run_id: int, owner: str) -> Run:
        """Let `owner` take up an interrupted run where it stopped."""
        values = {"status": "running", "owner": owner, "cancel_requested": False}
        return self._change(run_id, values, expected="interrupted")

    def get(self, run_id: int) -> Run:
        """Return one run."""
        with self._database.reading() as connection:
            row = connection.execute(select(runs).where(runs.c.id == run_id)).mappings().one_or_none()
        if row is None:
            raise UnknownName("run", str(run_id), [str(run.id) for run in self.list(limit=12)])
        return Run(**row)

    def list(
        self,
        *,
        kind: str | None = None,
        subject: str | None = None,
        status: RunStatus | None = None,
        parent_id: int | None = None,
        limit: int | None = None,
    ) -> tuple[Run, ...]:
        """Return runs that match everything given, newest first."""
        given = {"kind": kind, "subject": subject, "status": status, "parent_id": parent_id}
        query = select(runs).order_by(runs.c.id.desc()).limit(limit)
        query = query.where(*(runs.c[name] == value for name, value in given.items() if value is not None))
        with self._database.reading() as connection:
            return tuple(Run(**row) for row in connection.execute(query).mappings())

    def _end(self, run_id: int, status: RunStatus, now: datetime, values: Mapping[str, Any]) -> Run:
        with self._database.transaction():
            seconds = (utc(now) - self.get(run_id).started_at).total_seconds()
            return self._change(run_id, {"status": status, "finished_at": now, "seconds": seconds, **values})

    def _change(self, run_id: int, values: Mapping[str, Any], *, expected: RunStatus = "running") -> Run:
        with self._database.transaction() as connection:
            run = self.get(run_id)
            if run.status != expected:
                raise Refused(f"Run {run_id} is {run.status}, not {expected}.")
            if not values:
                return run
            change = update(runs).where(runs.c.id == run_id).values(**values).returning(runs)
            return Run(**connection.execute(change).mappings().one())
