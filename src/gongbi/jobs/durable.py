"""The one place that knows DBOS: a workflow per job, whose steps are remembered across a crash.

DBOS keeps its record in a database of its own beside the store. It is told to stay on this machine: no conductor, no
telemetry, no server. One host at a time uses it in a process, since DBOS itself is a single one.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from typing import Any, Protocol

from dbos import DBOS, DBOSConfig, Serializer, SetWorkflowID
from sqlalchemy.engine import URL

from gongbi.errors import WorkspaceProblem

QUEUE = "gongbi"
#: Raised when the steps of a job change their order or meaning; what is under way then begins anew.
VERSION = "1"
POLL_SECONDS = 0.1

#: How often a step is tried whose error is transient, and the first pause between two tries, in seconds.
TRIES = 3
PAUSE = 2.0

#: A step's result: ``{"ok": …}``, or ``{"error": …}`` as `GongbiError.to_json` gives it.
Outcome = dict[str, Any]


class Stopping(BaseException):
    """The process is about to end: the step must leave no trace, so that it is done again after the next start."""


class Worker(Protocol):
    """What carries out the steps; each is called at least once."""

    pause: float

    def begin(self, run_id: int, kind: str, params: dict[str, Any]) -> Outcome:
        """Say which steps the job has: ``{"ok": [step, …]}``."""
        ...

    def step(self, run_id: int, kind: str, step: dict[str, Any], done: int, total: int) -> Outcome:
        """Carry one out; raises nothing but `Stopping`."""
        ...

    def end(self, run_id: int, outcome: Outcome, steps: int) -> None:
        """Put the job's end on record."""
        ...


class Json(Serializer):
    """Everything is kept as JSON: nothing that is read back can run code, and any version can read it."""

    def serialize(self, data: Any) -> str:
        """As text."""
        if isinstance(data, BaseException):
            data = {"$error": f"{type(data).__name__}: {data}"}
        return json.dumps(data, ensure_ascii=False)

    def deserialize(self, serialized_data: str) -> Any:
        """From text."""
        data = json.loads(serialized_data)
        if isinstance(data, dict) and set(data) == {"$error"}:
            return RuntimeError(data["$error"])
        return data

    def name(self) -> str:
        """As DBOS notes it beside what it keeps."""
        return "gongbi_json"


_worker: list[Worker] = []


@DBOS.workflow(name="gongbi.job")
def _job(run_id: int, kind: str, params: dict[str, Any]) -> Outcome:
    worker = _worker[0]
    outcome = DBOS.run_step({"name": "begin"}, worker.begin, run_id, kind, params)
    steps: Sequence[dict[str, Any]] = outcome.get("ok") or ()
    for i, step in enumerate(steps):
        for attempt in range(1, TRIES + 1):
            outcome = DBOS.run_step({"name": step["stage"]}, worker.step, run_id, kind, step, i, len(steps))
            if outcome.get("error", {}).get("kind") != "transient" or attempt == TRIES:
                break
            DBOS.sleep(worker.pause * 2 ** (attempt - 1))
        if "error" in outcome:
            break
    DBOS.run_step({"name": "end"}, worker.end, run_id, outcome, len(steps))
    return outcome


def launch(worker: Worker, url: URL) -> None:
    """Start DBOS; it takes up at once what an earlier process left undone."""
    if _worker:
        raise WorkspaceProblem("This process already carries out the jobs of a workspace.")
    if os.environ.get("DBOS__CLOUD"):
        raise WorkspaceProblem("DBOS__CLOUD is set; jobs stay on this machine.", hint="Unset it.")
    logging.getLogger("dbos").setLevel(logging.ERROR)
    config: DBOSConfig = {
        "name": "gongbi",
        "system_database_url": url.render_as_string(hide_password=False),
        "application_version": VERSION,
        "executor_id": "owner",
        "serializer": Json(),
        "log_level": "ERROR",
        "enable_otlp": False,
        "dbos_system_schema": "jobs",
        # Answers are not awaited through the database, so it need not be asked for them often.
        "notification_listener_polling_interval_sec": 1.0,
        "use_listen_notify": False,
    }
    _worker.append(worker)
    try:
        DBOS(config=config)
        DBOS.launch()
        DBOS.register_queue(
            QUEUE,
            global_concurrency=1,
            worker_concurrency=1,
            polling_interval_sec=POLL_SECONDS,
            on_conflict="always_update",
        )
    except BaseException:
        shut_down()
        raise


def shut_down() -> None:
    """Stop DBOS; what is under way stays on its record as pending."""
    DBOS.destroy()
    _worker.clear()


def enqueue(workflow_id: str, run_id: int, kind: str, params: dict[str, Any]) -> None:
    """Put a job at the end of the queue. The same id twice is one job."""
    with SetWorkflowID(workflow_id):
        DBOS.enqueue_workflow(QUEUE, _job, run_id, kind, params)


def waiting() -> list[str]:
    """Ids of the jobs that are queued or under way."""
    found = DBOS.list_workflows(
        status=["ENQUEUED", "PENDING", "DELAYED"],
        queue_name=QUEUE,
        app_version=VERSION,
        load_input=False,
        load_output=False,
    )
    return [workflow.workflow_id for workflow in found]
