"""Runs: what ran, when, rows, seconds, error; stop one, go on with one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

from gongbi.errors import Cancelled, GongbiError, Refused
from gongbi.services.context import Context
from gongbi.store.runs import Run

#: Stage of a run that waits for its turn.
QUEUED = "queued"

#: Verbs that change what others read; they take turns.
CHANGING = frozenset({"apply", "ingest", "undo", "repair", "build", "train", "demo", "resume"})

#: How often a worker looks whether it is to stop, in seconds.
LOOK = 0.25


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
    """Stop a run. One that works stops at its next step and publishes nothing half-done; one that waits never begins.

    An interrupted run is given up: nothing will go on with it by itself.
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
    with recorded(ctx, taken.id) as inner:
        result = again[run.kind](inner, run)
    return {"resumed": id, "run": taken.id, "kind": run.kind, "result": result}


def _again() -> Mapping[str, Callable[[Context, Run], Any]]:
    """Kind → how its work is done again. Each recognises by content hash or build key what is done already."""
    from gongbi.services import build, models, sources

    def train(ctx: Context, run: Run) -> list[Any]:
        return [one for name in run.params.get("models") or [run.params.get("name")] for one in models.train(ctx, name)]

    def build_again(ctx: Context, run: Run) -> Any:
        subjects = run.params.get("subjects") or (run.subject.split(", ") if run.subject else None)
        return build.build(ctx, as_of=run.params.get("as_of"), subjects=subjects)

    return {
        "ingest": lambda ctx, run: sources.ingest(ctx, sources=run.params.get("sources")),
        "build": build_again,
        "train": train,
    }


# -- working under a run that is on record already ------------------------------------------------


@dataclass
class UnderRun(Context):
    """A context whose work is put on record under one run, instead of one of its own for each use case."""

    run_id: int = 0

    @contextmanager
    def run(self, kind: str, subject: str = "", **params: Any) -> Iterator[tuple[Run, Context]]:  # noqa: ARG002
        """Give the run that is there."""
        yield self.store.runs.get(self.run_id), self


def under(ctx: Context, run_id: int) -> UnderRun:
    """A context that works under a run: progress goes on its record, and its `cancel_requested` stops the work."""
    runs, told, looked, stopped = ctx.store.runs, [0.0], [0.0], [False]

    def report(stage: str, done: int, total: int | None) -> None:
        ctx.report(stage, done, total)
        if time.monotonic() - told[0] > LOOK:
            told[0] = time.monotonic()
            runs.advance(run_id, stage=stage, done=done, total=total)

    def cancelled() -> bool:
        if not stopped[0] and time.monotonic() - looked[0] > LOOK:
            looked[0] = time.monotonic()
            run = runs.get(run_id)
            stopped[0] = run.cancel_requested or run.status != "running"
        return stopped[0] or ctx.cancelled()

    given = {f.name: getattr(ctx, f.name) for f in fields(Context)}
    return UnderRun(**{**given, "report": report, "cancelled": cancelled}, run_id=run_id)


@contextmanager
def recorded(ctx: Context, run_id: int) -> Iterator[UnderRun]:
    """Work under a run and put its end on record."""
    runs = ctx.store.runs
    try:
        yield under(ctx, run_id)
    except (Cancelled, KeyboardInterrupt):
        runs.cancel(run_id, ctx.now())
        raise
    except GongbiError as error:
        runs.fail(run_id, error.to_json(), ctx.now())
        raise
    except Exception as error:
        runs.fail(run_id, {"code": "bug", "message": f"{type(error).__name__}: {error}"}, ctx.now())
        raise
    runs.finish(run_id, ctx.now())


# -- working beside others ------------------------------------------------------------------------


@contextmanager
def taking_turns(ctx: Context) -> Iterator[None]:
    """Let one piece of changing work at a time into the workspace, so that no build reads half an ingest."""
    turn = ctx.memory.setdefault("turn", threading.RLock())
    while not turn.acquire(timeout=LOOK):
        ctx.progress("waiting for other work", 0, None)
    try:
        yield
    finally:
        turn.release()


@contextmanager
def stoppable(ctx: Context) -> Iterator[None]:
    """Interrupt the engine too when the work is cancelled, instead of waiting for the end of a long query."""
    with ctx.engine.cancellable() as stop:
        over = threading.Event()

        def watch() -> None:
            while not over.wait(LOOK):
                if ctx.cancelled():
                    stop()
                    return

        threading.Thread(target=watch, name="gongbi-watch", daemon=True).start()
        try:
            yield
        finally:
            over.set()
