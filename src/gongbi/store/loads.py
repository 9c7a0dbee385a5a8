"""Loads: which file of which source is in the facts, and what became of its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import insert, select, update

from gongbi.errors import Refused, UnknownName
from gongbi.store.repository import Repository
from gongbi.store.tables import loads
from gongbi.store.values import digest

LoadStatus = Literal["loading", "loaded", "replaced", "undone", "failed"]


@dataclass(frozen=True, slots=True)
class Load:
    """One attempt to load one file or table. It is active while its status is ``loaded``.

    `rows_read` = good + rejected + repeated. `rows_unmatched` counts, by column, the good rows whose key found no
    partner; `rows_replaced` the rows of the load that this one took the place of. `schema` is what was seen
    (column → type), `schema_changes` how it differs from the load before.
    """

    id: int
    source: str
    path: str
    sha256: str
    bytes: int
    rows_read: int
    rows_good: int
    rows_rejected: int
    rows_repeated: int
    rows_unmatched: dict[str, int]
    rows_replaced: int
    schema: dict[str, Any]
    mapping_version: int | None
    schema_changes: list[Any]
    status: LoadStatus
    started_at: datetime
    finished_at: datetime | None
    error: dict[str, Any] | None


class Loads(Repository):
    """The loads of every source. Ids only grow and are never given twice."""

    def start(
        self,
        source: str,
        path: str,
        *,
        sha256: str,
        size: int,
        now: datetime,
        mapping_version: int | None = None,
        schema: Mapping[str, Any] | None = None,
        schema_changes: Sequence[Any] = (),
    ) -> Load:
        """Put a load on record before its first row is written. `size` is in bytes."""
        values = {
            "source": source,
            "path": path,
            "sha256": sha256,
            "bytes": size,
            "rows_read": 0,
            "rows_good": 0,
            "rows_rejected": 0,
            "rows_repeated": 0,
            "rows_unmatched": {},
            "rows_replaced": 0,
            "schema": schema or {},
            "mapping_version": mapping_version,
            "schema_changes": schema_changes,
            "status": "loading",
            "started_at": now,
        }
        with self._database.transaction() as connection:
            return Load(**connection.execute(insert(loads).values(values).returning(loads)).mappings().one())

    def finish(
        self,
        load_id: int,
        *,
        now: datetime,
        rows_read: int,
        rows_good: int,
        rows_rejected: int = 0,
        rows_repeated: int = 0,
        rows_unmatched: Mapping[str, int] | None = None,
        rows_replaced: int = 0,
        schema: Mapping[str, Any] | None = None,
        schema_changes: Sequence[Any] | None = None,
    ) -> Load:
        """Make a load the active one of its (source, path); the one before it becomes ``replaced``."""
        values: dict[str, Any] = {
            "rows_read": rows_read,
            "rows_good": rows_good,
            "rows_rejected": rows_rejected,
            "rows_repeated": rows_repeated,
            "rows_unmatched": rows_unmatched or {},
            "rows_replaced": rows_replaced,
            "finished_at": now,
        }
        if schema is not None:
            values["schema"] = schema
        if schema_changes is not None:
            values["schema_changes"] = schema_changes
        with self._database.transaction() as connection:
            load = self.get(load_id)
            if load.status == "loading":
                # First, because two active loads of one path are not allowed even for a moment.
                before = (loads.c.source == load.source) & (loads.c.path == load.path) & (loads.c.status == "loaded")
                connection.execute(update(loads).where(before).values(status="replaced"))
            return self._move(load_id, ("loading",), "loaded", values)

    def fail(self, load_id: int, error: Mapping[str, Any], now: datetime) -> Load:
        """Record that a load stopped; whatever was active before it still is."""
        return self._move(load_id, ("loading",), "failed", {"error": error, "finished_at": now})

    def undo(self, load_id: int) -> Load:
        """Record that a load's rows were taken out again; `restore` brings back what it had replaced."""
        return self._move(load_id, ("loaded",), "undone", {})

    def restore(self, load_id: int) -> Load:
        """Record that the rows of a replaced load are back, because the load that took their place was undone."""
        return self._move(load_id, ("replaced",), "loaded", {})

    def get(self, load_id: int) -> Load:
        """Return one load."""
        with self._database.reading() as connection:
            row = connection.execute(select(loads).where(loads.c.id == load_id)).mappings().one_or_none()
            if row is None:
                raise UnknownName("load", str(load_id), map(str, connection.scalars(select(loads.c.id))))
            return Load(**row)

    def active(self, source: str, path: str) -> Load | None:
        """Return the load of that file whose rows are in the facts."""
        found = [load for load in self.active_of(source) if load.path == path]
        return found[0] if found else None

    def active_of(self, source: str) -> tuple[Load, ...]:
        """Return a source's active loads, newest first."""
        return self.list(source=source, status="loaded")

    def list(
        self, *, source: str | None = None, status: LoadStatus | None = None, limit: int | None = None
    ) -> tuple[Load, ...]:
        """Return loads, newest first."""
        query = select(loads).order_by(loads.c.id.desc()).limit(limit)
        if source is not None:
            query = query.where(loads.c.source == source)
        if status is not None:
            query = query.where(loads.c.status == status)
        with self._database.reading() as connection:
            return tuple(Load(**row) for row in connection.execute(query).mappings())

    def data_version(self) -> str:
        """Return a hash of the ids of all active loads: it changes exactly when the rows in the facts can have."""
        query = select(loads.c.id).where(loads.c.status == "loaded").order_by(loads.c.id)
        with self._database.reading() as connection:
            return digest(list(connection.scalars(query)))

    def _move(
        self, load_id: int, expected: tuple[LoadStatus, ...], status: LoadStatus, values: Mapping[str, Any]
    ) -> Load:
        with self._database.transaction() as connection:
            load = self.get(load_id)
            if load.status not in expected:
                raise Refused(f"Load {load_id} is {load.status}; it cannot become {status}.")
            change = update(loads).where(loads.c.id == load_id).values(status=status, **values).returning(loads)
            return Load(**connection.execute(change).mappings().one())
