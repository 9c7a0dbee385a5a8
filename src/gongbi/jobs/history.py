"""What the record of runs says about schedules: what was done when, what failed, what is under way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from gongbi.jobs.base import ABOUT
from gongbi.store.runs import Run, Runs

#: How many of the newest runs of a kind are looked at.
DEPTH = 200


@dataclass
class History:
    """See `plan.due`."""

    done: dict[tuple[str, str], datetime] = field(default_factory=dict)
    tried: dict[tuple[str, str], datetime] = field(default_factory=dict)
    active: set[str] = field(default_factory=set)


def history(runs: Runs) -> History:
    """Read the newest runs of every kind that can be scheduled."""
    past = History()
    for kind in ABOUT:
        leading: dict[str, str] = {}
        for run in reversed(runs.list(kind=kind, limit=DEPTH)):
            if run.status in ("running", "interrupted"):
                past.active |= {kind} if run.status == "running" else set()
                continue
            for name in _names(run):
                if run.status != "done":
                    past.tried[kind, name] = run.finished_at or run.started_at
                    continue
                # A build of an earlier instant than the one before it refreshes nothing.
                as_of = str(run.params.get("as_of") or "")
                if not as_of or as_of >= leading.get(name, ""):
                    past.done[kind, name] = run.started_at
                    leading[name] = as_of or leading.get(name, "")
    return past


def _names(run: Run) -> Iterator[str]:
    yield from run.subject.split(", ") if run.subject else [""]
