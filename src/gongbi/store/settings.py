"""Settings of the workspace: its zone, its format version, and the like."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select

from gongbi.store.repository import Repository
from gongbi.store.tables import settings


class Settings(Repository):
    """Named JSON values."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return a setting, or `default` where it was never set."""
        return self.all().get(key, default)

    def set(self, key: str, value: Any, now: datetime) -> None:
        """Keep a value under a name, in place of what was there."""
        with self._database.transaction() as connection:
            connection.execute(delete(settings).where(settings.c.key == key))
            connection.execute(insert(settings).values(key=key, value=value, changed_at=now))

    def all(self) -> dict[str, Any]:
        """Return every setting, by name."""
        with self._database.reading() as connection:
            rows = connection.execute(select(settings.c.key, settings.c.value)).mappings()
            return {row["key"]: row["value"] for row in sorted(rows, key=lambda row: str(row["key"]))}
