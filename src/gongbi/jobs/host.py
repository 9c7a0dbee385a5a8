"""The host of a workspace's jobs: queues them, carries them out one at a time, takes up what a crash left."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import Any, Protocol, Self

from sqlalchemy.engine import URL, make_url

from gongbi.catalog.base import Definition
from gongbi.errors import GongbiError, Refused, WorkspaceBusy, WorkspaceProblem
from gongbi.jobs.base import ABOUT, Job
from gongbi.jobs.history import history
from gongbi.jobs.plan import due, schedules
from gongbi.jobs.steps import carry_out, steps_of
from gongbi.ownership.files import private_file
from gongbi.services.context import Context
from gongbi.services.runs import QUEUED, taking_turns
from gongbi.store.runs import Run

TICK_SECONDS = 30.0
_log = logging.getLogger("gongbi.jobs")


class Hosted(Protocol):
    """What the host needs of a workspace."""

    @property
    def context(self) -> Context | None:
        """The ports; None where another process owns the workspace."""
        ...

    @property
    def settings(self) -> Any:
        """`gongbi.toml`."""
        ...


class JobHost:
    """Carries out the jobs of a workspace in its owner's process. Use it as a context manager, once per process.

    Parameters
    ----------
    workspace
        Opened by its owner.
    tick
        Seconds between two looks at what is due; None for a host that only does what it is told.
    clock
        The present instant, UTC; the context's where absent.
    pause
        Seconds before the second try of a step that met a transient error; it doubles with every further one.

    Examples
    --------
    >>> with gongbi.open("demo") as ws, JobHost(ws) as jobs:  # doctest: +SKIP
    ...     jobs.submit("build", subjects=["customer"])
    """

    def __init__(
        self,
        workspace: Hosted,
        *,
        tick: float | None = TICK_SECONDS,
        clock: Callable[[], datetime] | None = None,
        pause: float | None = None,
    ) -> None:
        if workspace.context is None:
            raise WorkspaceBusy("Only the owner of a workspace carries out its jobs.")
        from gongbi.jobs import durable

        self.pause = durable.PAUSE if pause is None else pause
        self._durable = durable
        self._url = _database(workspace.context, workspace.settings.store)
        self._stopping = threading.Event()
        # Runs of jobs belong to an owner of their own, so that closing the host interrupts these and no others.
        self._owner = f"{workspace.context.owner}-jobs"
        self._context = replace(
            workspace.context, actor="scheduler", owner=self._owner, cancelled=self._stopping.is_set
        )
        if clock is not None:
            self._context.clock = clock
        self._submitting = threading.Lock()
        self._at_work = threading.Lock()
        self._tick = tick
        self._ticker: threading.Thread | None = None
        self._open = False

    # -- life -----------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start working; what an earlier process left undone goes on under its own run."""
        self._durable.launch(self, self._url)
        self._open = True
        for workflow_id in self._durable.waiting():
            self._take_up(_run_of(workflow_id))
        if self._tick is not None:
            self._ticker = threading.Thread(target=self._ticking, name="gongbi-schedule", daemon=True)
            self._ticker.start()
        return self

    def close(self) -> None:
        """Stop working; what is under way goes on after the next start. Calling it twice is fine."""
        if not self._open:
            return
        self._open = False
        self._stopping.set()
        with self._at_work:  # The step under way has let go of the workspace.
            self._durable.shut_down()
        if self._ticker is not None:
            self._ticker.join()
        self._context.store.runs.mark_interrupted(self._owner.removesuffix("-jobs"))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- what doors ask -------------------------------------------------------------------------------

    def submit(self, kind: str, *, actor: str | None = None, **params: Any) -> int:
        """Queue a job and return the number of its run; one that is queued or running already is not queued twice.

        Parameters
        ----------
        kind
            ``ingest``, ``build`` or ``train``.
        actor
            Who asks.
        **params
            ``sources`` of an ingest; ``as_of``, ``subjects`` and ``force`` of a build; ``models`` of a training.
        """
        return self._submit(Job(kind, params), actor or self._context.actor)

    def resume(self, run_id: int) -> int:
        """Queue again what an interrupted, cancelled or failed run was to do; return the run that does it."""
        runs = self._context.store.runs
        run = runs.get(run_id)
        if run.status in ("running", "done"):
            raise Refused(f"Run {run_id} is {run.status}; there is nothing to go on with.")
        about = ABOUT.get(run.kind, "")
        params = {about: run.subject.split(", ")} if run.subject and about else {}
        job = Job(run.kind, params | {k: v for k, v in run.params.items() if k in {"as_of", "force"}})
        return self._submit(job, run.actor, again=run)

    def tick(self) -> list[int]:
        """Queue what is due; return the runs."""
        ctx = self._context
        catalog = ctx.catalog()
        sets: list[Mapping[str, Definition]] = [catalog.sources, catalog.tags, catalog.segments, catalog.models]
        wanted = schedules(definition for one in sets for definition in one.values())
        past = history(ctx.store.runs)
        jobs = due(wanted, done=past.done, tried=past.tried, now=ctx.now(), zone=ctx.zone, active=past.active)
        return [self._submit(job, "scheduler") for job in jobs]

    def _submit(self, job: Job, actor: str, again: Run | None = None) -> int:
        if not self._open:
            raise WorkspaceProblem("The host of the jobs is not running.", hint="Start it, or use `with JobHost(ws)`.")
        ctx, runs = self._context, self._context.store.runs
        with self._submitting:
            for run in runs.list(kind=job.kind, status="running"):
                if run.owner == self._owner and not run.cancel_requested and Job(run.kind, run.params).key == job.key:
                    return run.id
            if again is not None and again.status == "interrupted":
                run = runs.resume(again.id, self._owner)
            else:
                parent = again.id if again is not None else None
                run = runs.start(
                    job.kind,
                    job.about,
                    actor=actor,
                    owner=self._owner,
                    now=ctx.now(),
                    params=job.params,
                    parent_id=parent,
                )
            run = runs.advance(run.id, stage=QUEUED)
            self._durable.enqueue(_workflow_of(run.id), run.id, job.kind, dict(job.params))
        return run.id

    # -- what the workflow asks: see `durable.Worker` -------------------------------------------------

    def begin(self, run_id: int, kind: str, params: dict[str, Any]) -> dict[str, Any]:
        """Say which steps the job has."""

        def plan(ctx: Context) -> list[dict[str, Any]]:
            return [step.to_json() for step in steps_of(ctx, Job(kind, params))]

        return self._guarded(run_id, f"{kind}: plan", 0, None, plan)

    def step(self, run_id: int, kind: str, step: dict[str, Any], done: int, total: int) -> dict[str, Any]:
        """Carry one out."""

        def work(ctx: Context) -> dict[str, Any]:
            with taking_turns(ctx), ctx.stoppable():
                return carry_out(ctx, kind, step["params"])

        return self._guarded(run_id, step["stage"], done, total, work)

    def end(self, run_id: int, outcome: dict[str, Any], steps: int) -> None:
        """Put the job's end on record; an end that is there already stays."""
        runs, now = self._context.store.runs, self._context.now()
        run = self._take_up(run_id)
        if run is None or run.status != "running":
            return
        error: Mapping[str, Any] | None = outcome.get("error")
        if error is None:
            runs.advance(run_id, done=steps, total=steps)
            runs.finish(run_id, now)
        elif error.get("code") == "cancelled":
            runs.cancel(run_id, now)
        else:
            runs.fail(run_id, error, now)

    def _guarded(
        self, run_id: int, stage: str, done: int, total: int | None, work: Callable[[Context], Any]
    ) -> dict[str, Any]:
        """Do one step under the job's run. Errors become values; only the end of the process is raised."""
        with self._at_work:
            if self._stopping.is_set():
                raise self._durable.Stopping
            return self._tried(run_id, stage, done, total, work)

    def _tried(
        self, run_id: int, stage: str, done: int, total: int | None, work: Callable[[Context], Any]
    ) -> dict[str, Any]:
        try:
            run = self._take_up(run_id)
            if run is None or run.status != "running" or run.cancel_requested:
                return {"error": {"code": "cancelled", "kind": "caller"}}
            self._context.store.runs.advance(run_id, stage=stage, done=done, total=total)
            return {"ok": work(self._context.under(run_id))}
        except Exception as error:
            if self._stopping.is_set():
                raise self._durable.Stopping from error
            if isinstance(error, GongbiError):
                return {"error": error.to_json()}
            _log.exception("A step of run %s failed.", run_id)
            return {"error": {"code": "bug", "kind": "bug", "message": f"{type(error).__name__}: {error}"}}

    def _take_up(self, run_id: int) -> Run | None:
        """Let an interrupted run go on here; give the run, or None where the store does not know it."""
        runs = self._context.store.runs
        try:
            run = runs.get(run_id)
            return runs.resume(run_id, self._owner) if run.status == "interrupted" else run
        except LookupError:
            return None
        except Refused:
            return runs.get(run_id)  # Another thread took it up in between.

    def _ticking(self) -> None:
        assert self._tick is not None
        while not self._stopping.is_set():
            try:
                self.tick()
            except GongbiError as error:
                # The schedule goes on: definitions that contradict each other are mended by their author.
                _log.warning("The schedule could not be read: %s", error)
            except Exception:  # noqa: BLE001
                _log.exception("The schedule could not be read.")
            self._stopping.wait(self._tick)


def _database(ctx: Context, store: str) -> URL:
    if store.startswith(("postgres:", "postgresql:", "postgresql+psycopg:")):
        return make_url(store).set(drivername="postgresql+psycopg")
    return URL.create("sqlite", database=str(private_file(ctx.root / "jobs.sqlite")))


def _workflow_of(run_id: int) -> str:
    # Never used twice: a run may go on under a second workflow, and a new store counts from one again.
    return f"run-{run_id}-{uuid.uuid4().hex}"


def _run_of(workflow_id: str) -> int:
    return int(workflow_id.split("-")[1])
