"""Carrying out `versions`: after the rows of a load have changed, put each touched key's last row in the target."""

from __future__ import annotations

from collections.abc import Mapping

from gongbi.catalog.tables import superseded_table_name
from gongbi.core.plan import Plan
from gongbi.core.table import Table
from gongbi.engine.base import Engine
from gongbi.sources.versions import KEYS, VERSIONS, hidden, is_touched, keys_table, live, versions, versions_table


def touch(engine: Engine, table: Table, keys: Plan) -> int:
    """Remember keys that are to be settled; return how many."""
    engine.create(keys_table(table), replace=True)
    return engine.insert(KEYS, keys)


def settle(engine: Engine, table: Table, replaced: Mapping[int, int]) -> None:
    """Give each touched key its live row; `replaced` says which loads were replaced, and by which.

    Called inside a transaction, after `touch`; the working tables are gone afterwards.
    """
    dialect = engine.dialect
    other = superseded_table_name(table.name)
    engine.create(versions_table(table), replace=True)
    engine.insert(VERSIONS, versions(table, replaced, dialect))
    touched = is_touched(table, dialect)
    engine.delete(table.name, touched)
    engine.delete(other, touched)
    engine.insert(table.name, live(table, dialect))
    engine.insert(other, hidden(dialect))
    forget(engine)


def forget(engine: Engine) -> None:
    """Drop the working tables."""
    engine.drop(KEYS)
    engine.drop(VERSIONS)
