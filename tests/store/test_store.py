from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

import gongbi.store.database
from gongbi.errors import Bug, InvalidInput, WorkspaceBusy, WorkspaceProblem
from gongbi.store import NewDefinition, Store
from gongbi.store.database import Database
from gongbi.store.migrate import HEAD, VERSION_TABLE
from gongbi.store.tables import metadata

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def put(store: Store, name: str) -> None:
    store.definitions.put_all([NewDefinition("tag", name, {})], "ana", NOW)


def names(store: Store) -> list[str]:
    return [item.name for item in store.definitions.current()]


def test_a_failure_leaves_nothing_of_a_transaction(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.transaction():  # noqa: PT012
        put(store, "a")
        store.audit.append(actor="ana", action="apply", object="a", now=NOW)
        assert names(store) == ["a"]
        raise ZeroDivisionError
    assert names(store) == []
    assert store.audit.head() is None
    put(store, "b")
    assert names(store) == ["b"]


def test_a_transaction_inside_another_can_fail_by_itself(store: Store) -> None:
    with store.transaction():
        put(store, "a")
        with pytest.raises(ZeroDivisionError), store.transaction():  # noqa: PT012
            put(store, "b")
            raise ZeroDivisionError
        put(store, "c")
    assert names(store) == ["a", "c"]


def test_others_see_a_transaction_when_it_is_done(store: Store) -> None:
    with ThreadPoolExecutor(1) as other, store.transaction():
        put(store, "a")
        assert other.submit(names, store).result() == []
    assert names(store) == ["a"]


def test_reads_inside_reading_see_one_state_and_writing_there_is_refused(store: Store) -> None:
    with ThreadPoolExecutor(1) as other, store.reading():
        assert names(store) == []
        other.submit(put, store, "a").result()
        assert names(store) == []
        with pytest.raises(Bug, match="begun inside a read"):
            put(store, "b")
    assert names(store) == ["a"]


def test_many_threads_write_without_losing_a_version(store: Store) -> None:
    def change(number: int) -> None:
        store.definitions.put_all([NewDefinition("tag", "a", {"n": number})], "ana", NOW)
        store.audit.append(actor="ana", action="apply", object="a", now=NOW)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(change, range(40)))
    assert [item.version for item in store.definitions.history("tag", "a")] == list(range(1, 41))
    assert store.audit.verify().entries == 40
    assert store.audit.verify().ok


def test_a_writer_that_waits_too_long_is_told_so(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gongbi.store.database, "WAIT_SECONDS", 1)
    with Store.open(store_url) as one, Store.open(store_url) as two:
        with one.transaction():
            put(one, "a")
            with pytest.raises(WorkspaceBusy, match="has been writing"):
                put(two, "b")
        put(two, "b")
        assert names(one) == ["a", "b"]


def test_a_store_keeps_what_it_has_when_opened_again(store_url: str) -> None:
    with Store.open(store_url) as store:
        put(store, "a")
    with Store.open(store_url) as store:
        assert names(store) == ["a"]
    with pytest.raises(WorkspaceProblem, match="closed"):
        names(store)


def test_the_migrations_make_the_tables_that_the_code_describes(store: Store) -> None:
    with store._database.reading() as connection:
        options = {"version_table": VERSION_TABLE, "compare_server_default": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []
        if connection.dialect.name == "sqlite":
            # Word for word, for what the comparison does not look at: partial indexes, autoincrement.
            ddl = text("select name, sql from sqlite_master where sql is not null and name <> :version")
            with Database("sqlite://").transaction() as fresh:
                metadata.create_all(fresh)
                wanted = {row.name: row.sql for row in fresh.execute(ddl, {"version": VERSION_TABLE})}
            assert {row.name: row.sql for row in connection.execute(ddl, {"version": VERSION_TABLE})} == wanted
        assert set(inspect(connection).get_table_names()) == {*metadata.tables, VERSION_TABLE}


def test_the_newest_revision_is_the_one_that_the_code_names() -> None:
    config = Config()
    config.set_main_option(
        "script_location", str(Path(gongbi.store.database.__file__).parent / "migrations").replace("%", "%%")
    )
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_a_store_in_order_is_opened_without_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    Store.open(url).close()
    seen = (
        "import sys; from gongbi.store import Store; Store.open(sys.argv[1]).close(); print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", seen, url], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_store_of_a_newer_version_is_refused_and_not_touched(store_url: str) -> None:
    with Store.open(store_url) as store, store._database.transaction() as connection:
        connection.execute(text(f"update {VERSION_TABLE} set version_num = '9999'"))
    with pytest.raises(WorkspaceProblem, match=r"newer Gongbi .*'9999'.* Upgrade Gongbi"):
        Store.open(store_url)
    database = Database(store_url)
    with database.reading() as connection:
        assert connection.scalar(text(f"select version_num from {VERSION_TABLE}")) == "9999"
    database.close()


def test_a_migration_that_fails_leaves_the_store_as_it_was(store_url: str) -> None:
    database = Database(store_url)
    with database.transaction() as connection:
        connection.execute(text("create table settings (mine integer)"))
    with pytest.raises(WorkspaceProblem, match="could not be brought up to date"):
        Store.open(store_url)
    with database.reading() as connection:
        assert inspect(connection).get_table_names() == ["settings"]
    database.close()


def test_two_that_open_a_new_store_at_once_both_get_it(store_url: str) -> None:
    go = Event()

    def open_it() -> list[str]:
        go.wait()
        with Store.open(store_url) as store:
            return names(store)

    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(open_it) for _ in range(4)]
        go.set()
        assert [answer.result() for answer in answers] == [[]] * 4


def test_sqlite_is_set_up_for_one_writer_and_many_readers(tmp_path: Path) -> None:
    with Store.open(tmp_path / "a %20 ?b.sqlite") as store, store._database.reading() as connection:
        assert connection.scalar(text("pragma journal_mode")) == "wal"
        assert connection.scalar(text("pragma foreign_keys")) == 1
        assert connection.scalar(text("pragma busy_timeout")) == 10_000
    assert (tmp_path / "a %20 ?b.sqlite").exists()


def test_a_store_in_memory_is_shared_by_threads() -> None:
    with Store.open("sqlite://") as store, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: put(store, f"t{i}"), range(20)))
        assert len(names(store)) == 20


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Nothing to do with SQLite. " * 100)
    with pytest.raises(WorkspaceProblem, match="cannot be opened: file is not a database"):
        Store.open(tmp_path / "notes.txt")
    with pytest.raises(WorkspaceProblem, match="cannot be opened"):
        Store.open(tmp_path / "missing" / "a.sqlite")


def test_an_address_that_means_nothing_is_refused_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="not a URL") as refused:
        Store.open("ana:secret@somewhere")
    assert "secret" not in str(refused.value)
    with pytest.raises(InvalidInput, match="cannot live in 'mysql'"):
        Store.open("mysql://ana:secret@localhost/db")


@pytest.mark.postgres
def test_a_server_that_does_not_answer_is_named_without_its_password() -> None:
    with pytest.raises(WorkspaceProblem, match="cannot be opened") as refused:
        Store.open("postgres://ana:secret@127.0.0.1:1/db")
    assert "secret" not in str(refused.value)


def test_a_deleted_build_row_cannot_leave_a_pointer(tmp_path: Path) -> None:
    with Store.open(tmp_path / "a.sqlite") as store:
        key = {"definitions_fingerprint": "f", "data_version": "d"}
        build = store.builds.start("customer", as_of=NOW, now=NOW, **key)
        store.builds.publish(build.id, make_current=True, now=NOW)
        raw = sqlite3.connect(tmp_path / "a.sqlite")
        raw.execute("pragma foreign_keys = on")
        with pytest.raises(sqlite3.IntegrityError):
            raw.execute("delete from builds")
        raw.close()


@pytest.mark.parametrize(
    ("table", "statement"),
    [
        ("models", "update models set status = 'champion'"),
        ("loads", "update loads set status = 'loaded'"),
        ("current_builds", "insert into current_builds select subject, id, created_at from builds"),
    ],
)
def test_the_database_itself_refuses_a_second_champion_active_load_or_pointer(
    store: Store, table: str, statement: str
) -> None:
    for _ in range(2):
        store.builds.start("customer", as_of=NOW, definitions_fingerprint="f", data_version="d", now=NOW)
        store.loads.start("orders", "a.csv", sha256="0f", size=1, now=NOW)
        made = {"algorithm": "x", "artifact_path": "m", "artifact_sha256": "0f"}
        store.models.register("churn", trained_at=NOW, window={}, metrics={}, params={}, **made)
    with pytest.raises(IntegrityError, match="(?i)" + table), store._database.transaction() as connection:
        connection.execute(text(statement))
