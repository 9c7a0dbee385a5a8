"""Fixtures of the operational store. `store` runs a test twice: on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gongbi.store import Store
from gongbi.testing.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url", "sqlite_store", "store", "store_url"]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a store that does not exist yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.sqlite'}"
    # Asked for by name, so that tests on SQLite start no server.
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty store, on each database in turn."""
    with Store.open(store_url) as opened:
        yield opened


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Store]:
    """An empty store on SQLite, for tests that are about something else."""
    with Store.open(tmp_path / "store.sqlite") as opened:
        yield opened
