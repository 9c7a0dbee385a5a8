"""Exports: who took which customers' data out, and where to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select

from gongbi.store.repository import Repository
from gongbi.store.tables import exports


@dataclass(frozen=True, slots=True)
class Export:
    """One file handed out: whose members (`segment`, `expression`), which columns, from which builds."""

    id: int
    actor: str
    segment: str | None
    expression: str | None
    columns: list[str]
    rows: int
    format: str
    path: str
    sha256: str
    build_ids: list[int]
    as_of: datetime
    at: datetime


class Exports(Repository):
    """The record of exports."""

    def record(
        self,
        *,
        actor: str,
        columns: Sequence[str],
        rows: int,
        format: str,  # noqa: A002  (the field's name)
        path: str,
        sha256: str,
        build_ids: Sequence[int],
        as_of: datetime,
        now: datetime,
        segment: str | None = None,
        expression: str | None = None,
    ) -> Export:
        """Put an export on record."""
        values = {
            "actor": actor,
            "segment": segment,
            "expression": expression,
            "columns": list(columns),
            "rows": rows,
            "format": format,
            "path": path,
            "sha256": sha256,
            "build_ids": list(build_ids),
            "as_of": as_of,
            "at": now,
        }
        with self._database.transaction() as connection:
            return Export(**connection.execute(insert(exports).values(values).returning(exports)).mappings().one())

    def list(
        self, *, actor: str | None = None, segment: str | None = None, limit: int | None = None
    ) -> tuple[Export, ...]:
        """Return exports, newest first."""
        query = select(exports).order_by(exports.c.id.desc()).limit(limit)
        if actor is not None:
            query = query.where(exports.c.actor == actor)
        if segment is not None:
            query = query.where(exports.c.segment == segment)
        with self._database.reading() as connection:
            return tuple(Export(**row) for row in connection.execute(query).mappings())
