from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import duckdb
import pyarrow as pa
import pytest

from gongbi.core.compiler import compile_members
from gongbi.engine.base import Engine
from gongbi.engine.duckdb import DuckDBEngine

from . import oracles
from .journey import DATA, DESCRIBED, END, SEPTEMBER, catalog, journey, load, raw, request

INSTANTS = {"end": END, "september": SEPTEMBER}


def built(engine: Engine, instant: str) -> dict[str, pa.Table]:
    """Subject → all tags and segments of its members."""
    world = catalog().world
    plans = {s: compile_members(request(s, INSTANTS[instant]), world, engine.dialect) for s in DESCRIBED}
    return {subject: engine.query(plan) for subject, plan in plans.items()}


@pytest.fixture(scope="session")
def loaded() -> Iterator[Engine]:
    """DuckDB with the whole of Complete Journey."""
    engine = DuckDBEngine(None, threads=2)
    load(engine, journey())
    yield engine
    engine.close()


@cache
def _truth(instant: str) -> duckdb.DuckDBPyConnection:
    connection = raw()
    oracles.prepare(connection, DATA, INSTANTS[instant])
    return connection


@pytest.fixture(scope="session", params=list(INSTANTS))
def instant(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def portraits(loaded: Engine, instant: str) -> dict[str, pa.Table]:
    """Everything, built by DuckDB at each instant."""
    return built(loaded, instant)


@pytest.fixture(scope="session")
def truth(instant: str) -> duckdb.DuckDBPyConnection:
    """The tables of the oracles at each instant."""
    return _truth(instant)
