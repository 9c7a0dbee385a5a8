"""Which jobs are due: from the definitions' `refresh` and from what was done last. Pure.

A period begins on the workspace's wall clock: at a full hour, at midnight, on Monday, on the first of the month.
Something is due when it has not been done since its period began. So a machine that slept for a month has each kind to
do once, not thirty times.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from gongbi.catalog.base import Definition, ModelDef, Refresh, SegmentDef, SourceDef, TagDef
from gongbi.core.clock import local_date, midnight, period_start, zone_of
from gongbi.jobs.base import ABOUT, Job, JobKind, Schedule

#: From the most frequent to the least.
REFRESHES: Sequence[Refresh] = ("hourly", "daily", "weekly", "monthly", "manual")

#: How long a job that did not succeed rests before the scheduler tries it again.
REST = timedelta(minutes=15)

#: (kind, name) → instant. The name is empty for the kind as a whole.
Instants = Mapping[tuple[str, str], datetime]

_UNITS = {"daily": "day", "weekly": "week", "monthly": "month"}
_QUARTER = timedelta(minutes=15)


def period_began(refresh: Refresh, now: datetime, zone: str) -> datetime | None:
    """The instant at which the present period began; None where nothing is refreshed by itself.

    >>> period_began("daily", datetime(2026, 3, 8, 12, tzinfo=UTC), "America/New_York").isoformat()
    '2026-03-08T05:00:00+00:00'
    """
    if refresh == "manual":
        return None
    if refresh != "hourly":
        return midnight(period_start(local_date(now, zone), _UNITS[refresh]), zone)
    # Clocks differ from UTC by whole quarters of an hour, so the full hour is found among the quarters that have
    # passed, whatever the clocks did in between.
    quarter = now.astimezone(UTC)
    quarter = quarter.replace(minute=quarter.minute - quarter.minute % 15, second=0, microsecond=0)
    local = zone_of(zone)
    for back in range(12):
        if (quarter - back * _QUARTER).astimezone(local).minute == 0:
            return quarter - back * _QUARTER
    return quarter.replace(minute=0)  # A clock from before standard time.


def schedules(definitions: Iterable[Definition]) -> tuple[Schedule, ...]:
    """What is refreshed how often: all subjects with tags, all models, and the ingest before the first of them.

    A subject is built as a whole, as often as the most frequent of its tags and segments asks.
    """
    wanted: dict[tuple[JobKind, str], Refresh] = {}
    tagged: set[str] = set()
    feeds = False

    def want(kind: JobKind, name: str, refresh: Refresh) -> None:
        wanted[kind, name] = min(wanted.get((kind, name), "manual"), refresh, key=REFRESHES.index)

    for definition in definitions:
        if isinstance(definition, TagDef | SegmentDef):
            want("build", definition.subject, definition.refresh)
            if isinstance(definition, TagDef):
                tagged.add(definition.subject)
        elif isinstance(definition, ModelDef):
            want("train", definition.model, definition.refresh)
        elif isinstance(definition, SourceDef):
            feeds = feeds or not definition.is_derived
    found = [Schedule(k, n, r) for (k, n), r in wanted.items() if k == "train" or n in tagged]
    if feeds and found:
        first = min((schedule.refresh for schedule in found), key=REFRESHES.index)
        found.append(Schedule("ingest", "", first))
    return tuple(sorted(found, key=lambda s: (list(ABOUT).index(s.kind), s.name)))


def due(
    wanted: Iterable[Schedule],
    *,
    done: Instants,
    tried: Instants,
    now: datetime,
    zone: str,
    active: Collection[str] = (),
) -> tuple[Job, ...]:
    """Return the jobs that are due, at most one of each kind, in the order ingest, build, train.

    Parameters
    ----------
    wanted
        The schedules.
    done
        When the last successful run of each began; one under the empty name counts for all names of its kind.
    tried
        When the last run of each ended that did not succeed.
    now, zone
        The present instant and the workspace's zone.
    active
        Kinds that are queued or running; nothing of theirs is due.
    """
    names: dict[str, list[str]] = {}
    for schedule in wanted:
        began = period_began(schedule.refresh, now, zone)
        if began is None:
            continue
        if schedule.kind in active:
            continue
        last, failed = _last(done, schedule), _last(tried, schedule)
        resting = failed is not None and failed > now - REST and (last is None or failed > last)
        if (last is None or last < began) and not resting:
            names.setdefault(schedule.kind, []).append(schedule.name)
    jobs = []
    for kind, about in ABOUT.items():
        if kind in names:
            chosen = sorted(name for name in names[kind] if name)
            jobs.append(Job(kind, {about: chosen} if chosen else {}))
    return tuple(jobs)


def _last(instants: Instants, schedule: Schedule) -> datetime | None:
    found = [instants[key] for key in ((schedule.kind, schedule.name), (schedule.kind, "")) if key in instants]
    return max(found, default=None)
