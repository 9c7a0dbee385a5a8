"""Campaign runs: the audience chosen, its arms, and the figures read back later."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from gongbi.errors import InvalidInput, UnknownName
from gongbi.store.repository import Repository
from gongbi.store.tables import campaign_assignments, campaign_runs

HELD_OUT = "held_out"
BATCH_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class CampaignRun:
    """One time a campaign chose its audience. `salt` makes the split into arms repeatable.

    `treated` and `held_out` count the assignments as they were made; erasing a customer does not change them.
    """

    id: int
    campaign: str
    as_of: datetime
    segment: str
    salt: str
    treated: int
    held_out: int
    figures: dict[str, Any]
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Assignment:
    """The arm of one customer, known by id only. The arm ``held_out`` is not contacted; any other is.

    `reason` has the words by language, ``zh`` and ``en``.
    """

    customer_id: str
    arm: str
    reason: Mapping[str, str] | None = None
    score: float | None = None


class Campaigns(Repository):
    """What campaigns decided, and about whom."""

    def record(
        self,
        campaign: str,
        assignments: Iterable[Assignment],
        *,
        segment: str,
        as_of: datetime,
        salt: str,
        actor: str,
        now: datetime,
        figures: Mapping[str, Any] | None = None,
    ) -> CampaignRun:
        """Put a choice of audience and its arms on record, all or nothing."""
        values = {
            "campaign": campaign,
            "as_of": as_of,
            "segment": segment,
            "salt": salt,
            "treated": 0,
            "held_out": 0,
            "figures": figures or {},
            "actor": actor,
            "at": now,
        }
        treated = held_out = 0
        with self._database.transaction() as connection:
            run_id = connection.execute(insert(campaign_runs).values(values).returning(campaign_runs.c.id)).scalar_one()
            for batch in _batches(assignments):
                rows = [{"campaign_run_id": run_id, **_row(item)} for item in batch]
                try:
                    connection.execute(insert(campaign_assignments), rows)
                except IntegrityError as error:
                    raise InvalidInput(f"The audience of {campaign!r} names one customer twice.") from error
                held = sum(item.arm == HELD_OUT for item in batch)
                held_out, treated = held_out + held, treated + len(batch) - held
            return self._change(run_id, {"treated": treated, "held_out": held_out})

    def set_figures(self, run_id: int, figures: Mapping[str, Any]) -> CampaignRun:
        """Replace what is known of a run's results."""
        return self._change(run_id, {"figures": figures})

    def get(self, run_id: int) -> CampaignRun:
        """Return one campaign run."""
        with self._database.reading() as connection:
            query = select(campaign_runs).where(campaign_runs.c.id == run_id)
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            raise UnknownName("campaign run", str(run_id), [str(run.id) for run in self.list(limit=12)])
        return CampaignRun(**row)

    def list(self, *, campaign: str | None = None, limit: int | None = None) -> tuple[CampaignRun, ...]:
        """Return campaign runs, newest first."""
        query = select(campaign_runs).order_by(campaign_runs.c.id.desc()).limit(limit)
        if campaign is not None:
            query = query.where(campaign_runs.c.campaign == campaign)
        with self._database.reading() as connection:
            return tuple(CampaignRun(**row) for row in connection.execute(query).mappings())

    def assignments(
        self, run_id: int, *, arm: str | None = None, after: str | None = None, limit: int | None = None
    ) -> tuple[Assignment, ...]:
        """Return a run's assignments by customer id; `after` and `limit` turn pages."""
        table = campaign_assignments.c
        query = (
            select(table.customer_id, table.arm, table.reason, table.score)
            .where(table.campaign_run_id == run_id)
            .order_by(table.customer_id)
            .limit(limit)
        )
        if arm is not None:
            query = query.where(table.arm == arm)
        if after is not None:
            query = query.where(table.customer_id > after)
        with self._database.reading() as connection:
            return tuple(_assignment(row) for row in connection.execute(query).mappings())

    def of_customer(self, customer_id: str) -> tuple[tuple[CampaignRun, Assignment], ...]:
        """Return every campaign run that considered a customer, newest first."""
        query = (
            select(campaign_assignments)
            .where(campaign_assignments.c.customer_id == customer_id)
            .order_by(campaign_assignments.c.campaign_run_id.desc())
        )
        with self._database.reading() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
            return tuple((self.get(row.pop("campaign_run_id")), _assignment(row)) for row in rows)

    def erase_customer(self, customer_id: str) -> int:
        """Remove a customer's assignments; return how many there were."""
        change = delete(campaign_assignments).where(campaign_assignments.c.customer_id == customer_id)
        with self._database.transaction() as connection:
            return connection.execute(change).rowcount

    def _change(self, run_id: int, values: Mapping[str, Any]) -> CampaignRun:
        with self._database.transaction() as connection:
            self.get(run_id)
            change = update(campaign_runs).where(campaign_runs.c.id == run_id).values(**values)
            return CampaignRun(**connection.execute(change.returning(campaign_runs)).mappings().one())


def _row(item: Assignment) -> dict[str, Any]:
    words = json.dumps(dict(item.reason), ensure_ascii=False) if item.reason else None
    return {**asdict(item), "reason": words}


def _assignment(row: Mapping[Any, Any]) -> Assignment:
    words = row["reason"]
    if words is None:
        return Assignment(**row)
    try:
        reason = json.loads(words)
    except ValueError:
        reason = None
    if not isinstance(reason, dict):
        reason = {"zh": words, "en": words}  # Earlier versions kept one text.
    return Assignment(**{**row, "reason": reason})


def _batches(items: Iterable[Assignment]) -> Iterator[list[Assignment]]:
    rest = iter(items)
    while batch := list(islice(rest, BATCH_ROWS)):
        yield batch
