"""Runs: what ran, when, rows, seconds, error; stop one, go on with one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gongbi.errors import Refused
from gongbi.services.context import Context
from gongbi.store.runs import Run


def as_json(run: Run) -> dict[str, Any]:
    """A run as the doors show it."""
    return {
        "id": run.id,
        "kind": run.kind,
        "subject": run.subject,
        "params": run.params,
        "actor": run.actor,
        "status": run.status,
        "stage": run.stage,
        "done": run.done,
        "total": run.total,
        "rows": run.rows,
        "seconds": run.seconds,
        "started_at": run.started_at.isoformat(),
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
        "error": run.error,
    }


def runs(ctx: Context, *, kind: str | None = None, status: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
    """The newest runs."""
    return [as_json(run) for run in ctx.store.runs.list(kind=kind, status=status, limit=limit)]  # type: ignore[arg-type]


def cancel(ctx: Context, id: int) -> dict[str, Any]:  # noqa: A002
    """Ask a running run to stop; it does at its next step, and publishes nothing half-done."""
    run = ctx.store.runs.get(id)
    if run.status != "running":
        raise Refused(f"Run {id} is {run.status}; only a running one can be stopped.")
    return as_json(ctx.store.runs.request_cancel(id))


def resume(ctx: Context, id: int) -> dict[str, Any]:  # noqa: A002
    """Do again what an interrupted, cancelled or failed run was to do; what it finished is not done twice."""
    from gongbi.services import build, models, sources

    again: dict[str, Callable[..., Any]] = {"ingest": sources.ingest, "build": build.build, "train": models.train}
    run = ctx.store.runs.get(id)
    if run.status in ("running", "done"):
        raise Refused(f"Run {id} is {run.status}; there is nothing to go on with.")
    if run.kind not in again:
        raise Refused(f"A run of kind {run.kind!r} cannot be resumed.", hint=f"These can: {', '.join(sorted(again))}.")
    given = {"as_of": run.params["as_of"]} if run.kind == "build" and "as_of" in run.params else {}
    return {"resumed": id, "kind": run.kind, "result": again[run.kind](ctx, **given)}
