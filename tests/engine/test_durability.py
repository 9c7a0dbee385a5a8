"""What survives: a killed process, a full disk, a second process, a hostile statement."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from gongbi.core.plan import Plan
from gongbi.core.table import Column, Table
from gongbi.core.types import INTEGER, TEXT
from gongbi.engine import duckdb as duckdb_engine_module
from gongbi.engine import open_engine
from gongbi.engine.base import Engine
from gongbi.engine.duckdb import DuckDBEngine
from gongbi.engine.duckdb_session import translated
from gongbi.engine.spark import SparkEngine
from gongbi.engine.spark_tables import SparkTables
from gongbi.errors import EngineFailure, GongbiError, UnknownName, WorkspaceBusy, WorkspaceProblem

POINTS = Table("points", (Column("id", INTEGER), Column("label", TEXT)))

# Commits two rows, then is killed inside a transaction (after an append) or inside a long build.
CHILD = """
    import sys, time
    from pathlib import Path
    import pyarrow as pa
    from gongbi.core.plan import Plan
    from gongbi.core.table import Column, Table
    from gongbi.core.types import INTEGER
    from gongbi.engine import open_engine

    name, root = sys.argv[1], Path(sys.argv[2])
    engine = open_engine(name, root, **({"master": "local[1]"} if name == "spark" else {"threads": 1}))
    engine.create(Table("points", (Column("id", INTEGER),)))
    engine.append("points", pa.table({"id": [1, 2]}))
    with engine.transaction():
        engine.append("points", pa.table({"id": list(range(3, 50))}))
        print("inside", flush=True)
        numbers = "select id from points"
        for _ in range(3):
            numbers = f"select a.id * 31 + b.id as id from ({numbers}) a cross join ({numbers}) b"
        engine.build(Plan().then("r", f"select id from ({numbers}) t where id % 7 = 1"), "points")
"""


def killed_child(name: str, root: Path) -> None:
    """Run CHILD and kill it a moment after it has begun its build."""
    command = [sys.executable, "-c", textwrap.dedent(CHILD), name, str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "inside\n"
        time.sleep(1.0)
        assert child.poll() is None
        os.kill(child.pid, signal.SIGKILL)


def check_old_rows(engine: Engine) -> None:
    assert engine.tables() == ["points"]
    assert engine.query("select id from points order by id").column("id").to_pylist() == [1, 2]
    engine.append("points", pa.table({"id": [3]}))
    assert engine.query("select count(*) as n from points").to_pylist() == [{"n": 3}]


def test_a_killed_build_leaves_the_last_good_table_in_duckdb(tmp_path: Path) -> None:
    killed_child("duckdb", tmp_path)
    engine = open_engine("duckdb", tmp_path)
    check_old_rows(engine)
    engine.close()


@pytest.mark.slow_on_spark
@pytest.mark.spark
@pytest.mark.usefixtures("spark_session")
def test_a_killed_build_leaves_the_last_good_table_in_spark(tmp_path: Path) -> None:
    killed_child("spark", tmp_path)
    engine = open_engine("spark", tmp_path)
    check_old_rows(engine)
    assert len(list((tmp_path / "spark" / "parts").iterdir())) == 2
    engine.close()


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.usefixtures("spark_session")
def test_ctrl_c_stops_a_build_in_spark_and_is_called_a_stop(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from gongbi.core.plan import Plan\n"
        "from gongbi.engine.spark import SparkEngine\n"
        "from gongbi.errors import Cancelled\n"
        "engine = SparkEngine(Path(sys.argv[1]) / 'spark', master='local[1]')\n"
        "engine.query('select 1 as x')\n"
        "print('at work', flush=True)\n"
        "long = 'select sum(a.id % 7 * b.id % 7) as n from range(10000000) a, range(10000000) b'\n"
        "try: engine.query(Plan().then('r', long))\n"
        "except (Cancelled, KeyboardInterrupt): print('stopped')\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], text=True, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "at work\n"
        time.sleep(5)
        os.kill(child.pid, signal.SIGINT)
        assert child.stdout.read() == "stopped\n"
    assert child.returncode == 0


def test_a_second_process_is_refused_and_told_who_is_there(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from gongbi.engine.duckdb import DuckDBEngine\n"
        "from gongbi.engine.spark_tables import SparkTables\n"
        "for kind in (DuckDBEngine, SparkTables):\n"
        "    try: kind(Path(sys.argv[1]) / kind.__name__)\n"
        "    except Exception as error: print(type(error).__name__, error)\n"
    )
    first, tables = DuckDBEngine(tmp_path / "DuckDBEngine"), SparkTables(tmp_path / "SparkTables")
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout.count("WorkspaceBusy") == 2
    assert run.stdout.count(f"process {os.getpid()}") == 2
    with pytest.raises(WorkspaceBusy, match="this process"):
        DuckDBEngine(tmp_path / "DuckDBEngine")
    first.close()
    tables.close()
    DuckDBEngine(tmp_path / "DuckDBEngine").close()


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("hello" * 1000, encoding="ascii")
    with pytest.raises(GongbiError):
        DuckDBEngine(tmp_path / "x")
    (tmp_path / "manifest.json").write_text("{", encoding="ascii")
    with pytest.raises(WorkspaceProblem, match="manifest"):
        SparkTables(tmp_path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mount.returncode:
        pytest.skip(f"A FULL DISK IS NOT TESTED: a small file system cannot be mounted here ({mount.stderr.strip()})")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def noise(rows: int) -> pa.RecordBatchReader:
    """Rows that cannot be compressed."""
    schema = pa.schema([("id", pa.int64()), ("label", pa.string())])
    batches = (
        pa.record_batch([range(5_000), [os.urandom(50).hex() for _ in range(5_000)]], schema=schema)
        for _ in range(rows // 5_000)
    )
    return pa.RecordBatchReader.from_batches(schema, batches)


def fill(engine: Engine) -> None:
    engine.create(POINTS)
    engine.append("points", pa.table({"id": [1, 2]}))
    for change in (
        lambda: engine.append("points", noise(600_000)),
        lambda: engine.build(
            Plan().then("r", "select n.id, n.label from noise n"), "points", inputs={"noise": noise(600_000)}
        ),
    ):
        with pytest.raises(EngineFailure, match="disk"):
            change()


def test_a_full_disk_leaves_the_old_table_in_duckdb(small_disk: Path) -> None:
    engine = DuckDBEngine(small_disk / "x.db", memory_limit="64MB", threads=1)
    fill(engine)
    engine.close()
    again = DuckDBEngine(small_disk / "x.db")
    assert again.query("select id from points order by id").column("id").to_pylist() == [1, 2]
    again.close()


@pytest.mark.parametrize("class_", [duckdb.IOException, duckdb.TransactionException, duckdb.FatalException])
def test_a_full_disk_is_called_one_whenever_it_is_noticed(class_: type[duckdb.Error]) -> None:
    # As DuckDB says it where the log cannot be written at the end of a transaction.
    text = 'TransactionContext Error: Failed to commit: Could not write file "x.wal": No space left on device'
    told = translated(class_(text))
    assert isinstance(told, EngineFailure)
    assert told.message == f"Out of disk space: {text}"
    assert "Free some space" in str(told.hint)


@pytest.mark.spark
def test_a_full_disk_leaves_the_old_table_in_spark(small_disk: Path, spark_session: object) -> None:
    engine = SparkEngine(small_disk / "root", session=spark_session)
    fill(engine)
    assert engine.query("select id from points order by id").column("id").to_pylist() == [1, 2]
    engine.append("points", pa.table({"id": [3]}))
    engine.close()


def test_a_full_temp_folder_is_said_and_leaves_the_old_table(tmp_path: Path) -> None:
    engine = DuckDBEngine(tmp_path / "x.db", memory_limit="60MB", threads=1, max_temp_directory_size="5MB")
    engine.create(POINTS)
    engine.append("points", pa.table({"id": [1]}))
    sql = "select range as id, md5(range::varchar) as label from range(3000000) order by label"
    with pytest.raises(EngineFailure, match="temp folder"):
        engine.build(Plan().then("r", sql), "points")
    assert engine.query("select id from points").to_pylist() == [{"id": 1}]
    engine.close()


def test_too_little_memory_without_a_temp_folder_is_said(duckdb_engine: Engine) -> None:
    engine = DuckDBEngine(None, memory_limit="30MB", threads=1)
    assert not engine.capabilities.spills
    with pytest.raises(EngineFailure, match="memory"):
        engine.query("select range as id, md5(range::varchar) as label from range(3000000) order by label")
    engine.close()


def test_duckdb_reaches_nothing_outside_its_own_tables(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "a.csv").write_text("id\n1\n", encoding="ascii")
    (tmp_path / "secret.csv").write_text("id\n1\n", encoding="ascii")
    engine = DuckDBEngine(tmp_path / "x.db", allowed_directories=[inbox])
    engine.create(POINTS)
    assert engine.query(f"select * from read_csv('{inbox}/a.csv')").num_rows == 1
    hostile = [
        f"select * from read_csv('{tmp_path}/secret.csv')",
        f"select * from '{tmp_path}/secret.csv'",
        f"select * from read_text('{inbox}/../secret.csv')",
        "select * from glob('/etc/*')",
        "select * from points_in_python",
        "install httpfs",
        "load httpfs",
        f"attach '{tmp_path}/y.db'",
        f"copy (select 1) to '{tmp_path}/out.csv'",
        f"export database '{tmp_path}/out'",
        "set threads = 4",
        "set max_vacuum_tasks = 100",
        "set enable_external_access = true",
        "pragma enable_profiling",
        "select 1; attach ':memory:' as other",
    ]
    points_in_python = pa.table({"id": [1]})
    assert points_in_python.num_rows == 1
    for statement in hostile:
        with pytest.raises(GongbiError):
            engine.query(statement)
        with pytest.raises(GongbiError):
            engine.build(Plan().then("r", statement), "points")
        with pytest.raises(GongbiError):
            engine.insert("points", Plan().then("r", statement))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["inbox", "secret.csv", "x.db", "x.db.tmp", "x.db.wal"]
    engine.close()


def test_only_the_commit_of_a_table_that_grew_writes_row_groups_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, run, asked = DuckDBEngine(tmp_path / "x.db"), duckdb_engine_module._run, []

    def told(cursor: duckdb.DuckDBPyConnection, sql: str) -> int:
        if sql == "commit":
            asked.append(cursor.execute("select current_setting('max_vacuum_tasks')").fetchall()[0][0])
        return run(cursor, sql)

    monkeypatch.setattr(duckdb_engine_module, "_run", told)
    engine.create(POINTS)
    asked.clear()
    plan = Plan().then("rows", "select cast(1 as bigint) as id")
    for change in (engine.insert, engine.put, engine.insert, engine.put):
        with engine.transaction():
            change("points", plan)
        assert engine.value("select current_setting('max_vacuum_tasks')") == 0
    assert asked == [1, 0, 1, 0]
    engine.close()


@pytest.mark.spark
def test_spark_does_not_read_files_by_path(spark_engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("id\n1\n", encoding="ascii")
    for statement in (f"select * from csv.`{tmp_path}/secret.csv`", f"add jar '{tmp_path}/x.jar'", "set x = 1"):
        with pytest.raises(GongbiError):
            spark_engine.query(statement)


def test_an_unknown_engine_is_an_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="'duckdb'"):
        open_engine("ducdb", tmp_path)


def test_without_java_the_message_says_what_is_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from gongbi.engine.spark_session import missing

    pytest.importorskip("pyspark")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "Java 17" in str(missing())
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n", encoding="ascii")
    java.chmod(0o755)
    assert "11.0.2" in str(missing())
