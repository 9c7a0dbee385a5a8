"""Engines for tests, and the mark that runs one test body on each of them.

Fixtures: `duckdb_engine` (in memory), `spark_engine` (a fresh root, one session for the whole run), `engine` (each in
turn). Spark runs as ``local-cluster[2,1,1024]``, executors that are processes of their own, so that what cannot be
sent to another machine fails; ``GONGBI_SPARK_MASTER="local[2]"`` starts in half the time. Where Spark cannot run, its
tests are skipped and say why; with ``GONGBI_REQUIRE_SPARK=1`` they fail instead.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from gongbi.engine.base import Engine
from gongbi.engine.duckdb import DuckDBEngine

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SPARK_MASTER = os.environ.get("GONGBI_SPARK_MASTER", "local-cluster[2,1,1024]")
#: Tests ask many small questions once: compiling them to the best machine code costs more than it gives. A fifth less
#: time for the contract tests on 2 cores.
#: The plain collector of garbage starts no threads of its own, in three machines on two cores.
QUICK_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


def on_every_engine(*, cannot: Mapping[str, str] | None = None, not_yet: Mapping[str, str] | None = None) -> Any:
    """Run a test that takes `engine` once on every engine.

    Parameters
    ----------
    cannot
        Engines that will never do it, with the reason; the test is skipped there.
    not_yet
        Engines that do not do it yet, with the reason; the test must fail there, and breaks once the gap has closed.
    """
    params = []
    for name in ("duckdb", "spark"):
        marks = [pytest.mark.spark] if name == "spark" else []
        if reason := (cannot or {}).get(name):
            marks.append(pytest.mark.skip(reason=f"{name} cannot: {reason}"))
        if reason := (not_yet or {}).get(name):
            marks.append(pytest.mark.xfail(strict=True, reason=f"{name} not yet: {reason}"))
        params.append(pytest.param(name, marks=marks))
    return pytest.mark.parametrize("engine", params, indirect=True)


@pytest.fixture
def duckdb_engine() -> Iterator[Engine]:
    """An empty DuckDB in memory."""
    engine = DuckDBEngine(None, threads=2)
    yield engine
    engine.close()


def require_spark() -> None:
    """Skip the test loudly where Spark cannot run; fail it where ``GONGBI_REQUIRE_SPARK`` says that it must."""
    from gongbi.engine.spark_session import missing

    if reason := missing():
        if os.environ.get("GONGBI_REQUIRE_SPARK"):
            pytest.fail(reason)
        pytest.skip(f"SPARK IS NOT TESTED: {reason}")


@pytest.fixture(scope="session")
def spark_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """The one Spark session of the run; skips loudly where Spark cannot run."""
    from gongbi.engine.spark_session import shared_session, stop_shared_session

    require_spark()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("JAVA_TOOL_OPTIONS", QUICK_JAVA)
        session = shared_session(SPARK_MASTER, tmp_path_factory.mktemp("spark-session"), 2)
    yield session
    stop_shared_session()


@pytest.fixture
def spark_engine(spark_session: object, tmp_path: Path) -> Iterator[Engine]:
    """An empty Spark root on the shared session."""
    from gongbi.engine.spark import SparkEngine

    engine = SparkEngine(tmp_path / "spark-root", session=cast("SparkSession", spark_session), shuffle_partitions=2)
    yield engine
    engine.close()


@pytest.fixture(params=["duckdb", pytest.param("spark", marks=pytest.mark.spark)])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn, empty."""
    found: Engine = request.getfixturevalue(f"{request.param}_engine")
    return found
