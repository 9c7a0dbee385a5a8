"""Runs: what ran, when, rows, seconds, error; stop one, go on with one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from gongbi.errors import Refused
from gongbi.services.context import LOOK, Context
from gongbi.services.limits import checked
from gongbi.store.runs import Run

#: Stage of a run that waits for its turn.
QUEUED = "queued"

#: Verbs that change what others read; they take turns.
CHANGING = frozenset(
    {"apply", "ingest", "undo", "repair", "build", "backfill", "train", "demo", "resume", "approve_tag", "retire_tag"}
)


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
        "cancel_requested": run.cancel_requested,
    }


def runs(ctx: Context, *, kind: str | None = None, status: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
    """The newest runs."""
    limit = checked(limit)
    return [as_json(run) for run in ctx.store.runs.list(kind=kind, status=status, limit=limit)]  # type: ignore[arg-type]


def run(ctx: Context, id: int) -> dict[str, Any]:  # noqa: A002
    """One run, however old."""
    return as_json(ctx.store.runs.get(id))


def cancel(ctx: Context, id: int) -> dict[str, Any]:  # noqa: A002
    """Stop a run. One that works stops within its statement, or at its next step; one that waits never begins.

    Nothing half-done is published. An interrupted run is given up: nothing will go on with it by itself.
    """
    with ctx.store.transaction():
        run = ctx.store.runs.get(id)
        if run.status == "interrupted":
            run = ctx.store.runs.resume(id, ctx.owner)
            return as_json(ctx.store.runs.cancel(run.id, ctx.now()))
        if run.status != "running":
            raise Refused(f"Run {id} is {run.status}; only a running one can be stopped.")
        run = ctx.store.runs.request_cancel(id)
        return as_json(ctx.store.runs.cancel(id, ctx.now()) if run.stage == QUEUED else run)


def resume(ctx: Context, id: int) -> dict[str, Any]:  # noqa: A002
    """Do again what an interrupted, cancelled or failed run was to do; what it finished is not done twice.

    An interrupted run goes on under its own number; a cancelled or failed one stays on record as it ended, and a new
    run that names it as its parent takes over.
    """
    run = ctx.store.runs.get(id)
    if run.status in ("running", "done"):
        raise Refused(f"Run {id} is {run.status}; there is nothing to go on with.")
    again = _again()
    if run.kind not in again:
        raise Refused(f"A run of kind {run.kind!r} cannot be resumed.", hint=f"These can: {', '.join(sorted(again))}.")
    if run.status == "interrupted":
        taken = ctx.store.runs.resume(id, ctx.owner)
    else:
        taken = ctx.store.runs.start(
            run.kind, run.subject, actor=ctx.actor, owner=ctx.owner, now=ctx.now(), params=run.params, parent_id=id
        )
    with ctx.recorded(taken.id) as inner:
        result = again[run.kind](inner, run)
    return {"resumed": id, "run": taken.id, "kind": run.kind, "result": result}


def _again() -> Mapping[str, Callable[[Context, Run], Any]]:
    """Kind → how its work is done again. Each recognises by content hash or build key what is done already."""
    from gongbi.services import build, history, models, sources

    def train(ctx: Context, run: Run) -> list[Any]:
        names = run.params.get("models") or [run.params.get("name")]
        return [one for name in names for one in models.train_on_record(ctx, name)]

    def build_again(ctx: Context, run: Run) -> Any:
        subjects = run.params.get("subjects") or (run.subject.split(", ") if run.subject else None)
        given: dict[str, Any] = {name: run.params.get(name) for name in ("as_of", "full")}
        return build.build(ctx, subjects=subjects, force=bool(run.params.get("force")), **given)

    def history_again(ctx: Context, run: Run) -> Any:
        return history.backfill(ctx, run.subject, **run.params)

    return {
        "ingest": lambda ctx, run: sources.ingest(ctx, sources=run.params.get("sources")),
        "build": build_again,
        "history": history_again,
        "train": train,
    }


@contextmanager
def taking_turns(ctx: Context) -> Iterator[None]:
    """Let one piece of changing work at a time into the workspace, so that no build reads half an ingest."""
    turn, waited = ctx.memory.setdefault("turn", threading.RLock()), False
    while not turn.acquire(timeout=LOOK):
        waited = True
        ctx.progress("waiting for other work", 0, None)
    try:
        if waited:
            # The owner's own command may have been the one before, and the owner closes after it: what would be
            # stopped at once is better not begun.
            time.sleep(LOOK)
            ctx.check_cancelled()
        yield
    finally:
        turn.release()
