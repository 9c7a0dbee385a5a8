"""The audit trail: append-only, each entry's hash covering the one before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, insert, select

from gongbi.store.repository import Repository
from gongbi.store.tables import audit
from gongbi.store.values import digest, plain, utc

# What the first entry follows.
BEGINNING = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
    """Who did what to which object. Details name customers by id, never by name or address."""

    id: int
    at: datetime
    actor: str
    action: str
    object: str
    details: dict[str, Any]
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What a check of the whole trail found: `broken_at` is the first entry that does not fit, if any."""

    entries: int
    broken_at: int | None = None
    reason: str | None = None

    @property
    def ok(self) -> bool:
        return self.broken_at is None


class Audit(Repository):
    """The audit trail. It has no way to change or remove an entry."""

    def append(
        self,
        *,
        actor: str,
        action: str,
        object: str,  # noqa: A002  (the field's name)
        now: datetime,
        details: Mapping[str, Any] | None = None,
    ) -> Entry:
        """Add an entry; inside a transaction it stands or falls with the act that it records."""
        with self._database.transaction() as connection:
            last = self.head()
            values: dict[str, Any] = {
                "id": last.id + 1 if last else 1,
                "at": utc(now),
                "actor": actor,
                "action": action,
                "object": object,
                "details": plain(details or {}),
                "previous_hash": last.hash if last else BEGINNING,
            }
            values["hash"] = _hash(values)
            return Entry(**connection.execute(insert(audit).values(values).returning(audit)).mappings().one())

    def head(self) -> Entry | None:
        """Return the newest entry. Its hash, noted elsewhere, lets `verify` see a trail cut at its end."""
        newest = self.list(limit=1)
        return newest[0] if newest else None

    def list(
        self,
        *,
        actor: str | None = None,
        action: str | None = None,
        object: str | None = None,  # noqa: A002
        limit: int | None = None,
    ) -> tuple[Entry, ...]:
        """Return entries that match everything given, newest first."""
        given = {"actor": actor, "action": action, "object": object}
        query = select(audit).order_by(audit.c.id.desc()).limit(limit)
        query = query.where(*(audit.c[name] == value for name, value in given.items() if value is not None))
        with self._database.reading() as connection:
            return tuple(Entry(**row) for row in connection.execute(query).mappings())

    def verify(self, *, head: str | None = None) -> Verified:
        """Recompute every hash; tell the first entry that was changed, or that something was removed before.

        Parameters
        ----------
        head
            The hash of an entry, noted earlier and elsewhere. Without it, entries cut off the end do not show.
        """
        expected, count, seen = BEGINNING, 0, head is None
        with self._database.reading() as connection:
            for row in connection.execute(select(audit).order_by(audit.c.id)).mappings():
                count += 1
                if row["id"] != count or row["previous_hash"] != expected:
                    return Verified(count, row["id"], "An entry before this one was removed or replaced.")
                if row["hash"] != _hash(row):
                    return Verified(count, row["id"], "This entry was changed.")
                expected = row["hash"]
                seen = seen or expected == head
        if not seen:
            return Verified(count, count + 1, "Entries at the end were removed.")
        return Verified(count)


def _hash(row: Mapping[str, Any] | RowMapping) -> str:
    names = ("id", "at", "actor", "action", "object", "details", "previous_hash")
    return digest([row[name] for name in names])
