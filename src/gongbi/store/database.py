"""Connections and transactions: one writer at a time, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError, StatementError
from sqlalchemy.pool import StaticPool

from gongbi.errors import Bug, GongbiError, InvalidInput, WorkspaceBusy, WorkspaceProblem
from gongbi.ownership.files import private_file
from gongbi.store.values import dumps

WAIT_SECONDS = 10
# "gongbi" in ASCII. Writers to one PostgreSQL database take this lock in turn, as SQLite makes them do anyway;
# version numbers, the audit chain and pointers rest on it.
WRITER_LOCK = 0x676F6E676269


class Database:
    """A database and this thread's place in it.

    Within `transaction()` every read and write of the same thread joins it. Do not `await` inside.
    """

    def __init__(self, url: str | Path) -> None:
        self.url = _read_url(url)
        name = self.url.database or ""
        if self.url.get_backend_name() == "sqlite" and not _in_memory(self.url) and not name.startswith("file:"):
            with suppress(OSError):  # Connecting says what is wrong.
                private_file(Path(name))  # SQLite gives the files beside it the same mode.
        self.engine = _make_engine(self.url)
        self._local = threading.local()
        self._closed = False
        #: How many transactions have written here so far, in this process: what was read before may be old after.
        self.generation = 0
        # A database in memory is one connection, which threads must take in turn.
        self._turn: AbstractContextManager[Any] = threading.RLock() if _in_memory(self.url) else nullcontext()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Write: all or nothing. Inside another transaction it is a savepoint of it."""
        outer, writing = self._place()
        if outer is not None:
            if not writing:
                raise Bug("A transaction was begun inside a read.", hint="Begin the transaction first.")
            with _unwrapped(), outer.begin_nested():
                yield outer
            return
        try:
            with (
                self._turn,
                self._connect(write=True) as connection,
                _unwrapped(),
                self._begin(connection),
                self._placed(connection, writing=True),
            ):
                yield connection
        finally:
            self.generation += 1

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read one consistent state, or what the surrounding transaction has written so far."""
        outer, _ = self._place()
        if outer is not None:
            with _unwrapped():
                yield outer
            return
        with (
            self._turn,
            self._connect(write=False) as connection,
            _unwrapped(),
            connection.begin(),
            self._placed(connection, writing=False),
        ):
            yield connection

    def close(self) -> None:
        """Let go of every connection. Closing twice is harmless; using it afterwards is refused."""
        self._closed = True
        self.engine.dispose()

    def _place(self) -> tuple[Connection | None, bool]:
        return getattr(self._local, "connection", None), getattr(self._local, "writing", False)

    @contextmanager
    def _placed(self, connection: Connection, *, writing: bool) -> Iterator[None]:
        self._local.connection, self._local.writing = connection, writing
        try:
            yield
        finally:
            self._local.connection, self._local.writing = None, False

    def _connect(self, *, write: bool) -> Connection:
        if self._closed:
            raise WorkspaceProblem("The store is closed.", hint="Open it again.")
        try:
            connection = self.engine.connect()
        except DBAPIError as error:
            raise _cannot_open(self.url, error) from error
        options: dict[str, Any] = {"gongbi_write": write}
        if not write and self.engine.dialect.name == "postgresql":
            options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        return connection.execution_options(**options)

    def _begin(self, connection: Connection) -> AbstractContextManager[Any]:
        try:
            begun = connection.begin()
            if self.engine.dialect.name == "postgresql":
                connection.execute(text(f"set local lock_timeout = '{WAIT_SECONDS}s'"))
                connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": WRITER_LOCK})
        except OperationalError as error:
            raise WorkspaceBusy(
                f"Another process has been writing to the store for {WAIT_SECONDS} seconds.",
                hint="Try again once it has finished.",
            ) from error
        return begun


def _read_url(url: str | Path) -> URL:
    if isinstance(url, Path):
        return URL.create("sqlite", database=str(url))
    try:
        read = make_url(url)
    except ArgumentError as error:
        raise InvalidInput(
            "The store's address is not a URL.",  # It may hold a password, so it is not repeated.
            hint="Write sqlite:///path/to/file or postgresql://user@host/database.",
        ) from error
    if read.get_backend_name() == "postgres":  # As many hosting providers still write it.
        read = read.set(drivername="postgresql")
    if read.drivername == "postgresql":
        read = read.set(drivername="postgresql+psycopg")
    if read.get_backend_name() not in {"sqlite", "postgresql"}:
        raise InvalidInput(
            f"A store cannot live in {read.get_backend_name()!r}.",
            hint="Use sqlite:///path/to/file or postgresql://user@host/database.",
        )
    return read


def _make_engine(url: URL) -> Engine:
    options: dict[str, Any] = {"json_serializer": dumps}
    if url.get_backend_name() == "sqlite":
        options["connect_args"] = {"timeout": WAIT_SECONDS, "check_same_thread": False}
        if _in_memory(url):
            options["poolclass"] = StaticPool
    else:
        options["pool_pre_ping"] = True
    try:
        engine = create_engine(url, **options)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise WorkspaceProblem(
            f"The driver for {url.drivername!r} is not installed.", hint="Install gongbi[postgres]."
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _in_memory(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and url.database in {None, "", ":memory:"}


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver begins transactions late and commits before DDL; with None it leaves both to us.
    connection.isolation_level = None
    _write_ahead(connection)
    connection.execute("pragma foreign_keys = on")


def _write_ahead(connection: sqlite3.Connection) -> None:
    # Two that change the mode of a new file at once can only fail, whatever the timeout: SQLite does not wait there.
    until = monotonic() + WAIT_SECONDS
    while True:
        try:
            connection.execute("pragma journal_mode = wal")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or monotonic() > until:
                raise
            sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later cannot wait for another writer, it can only fail.
    write = connection.get_execution_options().get("gongbi_write", False)
    connection.exec_driver_sql("begin immediate" if write else "begin")


@contextmanager
def _unwrapped() -> Iterator[None]:
    """Raise our own errors as themselves where SQLAlchemy wraps what a column type refused."""
    try:
        yield
    except StatementError as error:
        if isinstance(error.orig, GongbiError):
            raise error.orig from None
        raise


def _cannot_open(url: URL, error: DBAPIError) -> GongbiError:
    reason = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
    if "locked" in reason:
        return WorkspaceBusy("Another process keeps the store locked.", hint="Try again once it has finished.")
    return WorkspaceProblem(
        f"The store at {url.render_as_string(hide_password=True)} cannot be opened: {reason}.",
        hint="Check the address, and that this user may write there.",
    )
