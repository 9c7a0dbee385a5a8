"""What the parts of the store share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gongbi.store.database import Database


class Repository:
    """One part of the store. Every method is a transaction, or joins the one that is open in its thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
