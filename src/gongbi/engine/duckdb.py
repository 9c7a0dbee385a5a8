"""DuckDB: the embedded default. Tables live in one file that one process owns."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from gongbi.core.dialect import DUCKDB
from gongbi.core.plan import Plan
from gongbi.core.table import Table
from gongbi.core.types import STORED_PRECISION
from gongbi.engine.arrow import canonical, canonical_schema, conform
from gongbi.engine.base import Capabilities, Inputs, OnProgress, RowsToRows, only_value
from gongbi.engine.cancel import CancelScopes
from gongbi.engine.duckdb_session import DuckDBSession, only_select, translated
from gongbi.engine.watch import watching
from gongbi.errors import Bug, Cancelled, EngineFailure, GongbiError, InvalidInput, UnknownName

Cursor = duckdb.DuckDBPyConnection

#: What a column becomes when a plan's result is kept: the types of the language, and no narrower or wider ones.
_KEPT_AS = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER"), "bigint"),
    **dict.fromkeys(("UBIGINT", "UHUGEINT", "NULL", '"NULL"'), "bigint"),
    "FLOAT": "double",
    **dict.fromkeys(("TIMESTAMP WITH TIME ZONE", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S"), "timestamp"),
    "UUID": "varchar",
}
_PROGRESS_EVERY = 0.2


class DuckDBEngine:
    """Tables in one DuckDB file, or in memory.

    Safe to use from several threads: every call borrows a cursor of its own, and a transaction binds one to its
    thread. The database is shut to the outside: no files but its own, no extensions, no settings.

    Parameters
    ----------
    path
        The database file, or None for memory.
    threads, memory_limit
        By default every core this process may use, and 4 GB or 60 % of memory, whichever is less.
    temp_directory, max_temp_directory_size
        Where to go when memory is short, and how far: by default nowhere in memory, else a folder beside the file and
        80 % of the free disk.
    allowed_directories
        Folders that statements may read and write besides.
    """

    dialect = DUCKDB

    def __init__(
        self,
        path: Path | None,
        *,
        threads: int | None = None,
        memory_limit: int | str | None = None,
        temp_directory: Path | None = None,
        max_temp_directory_size: int | str | None = None,
        allowed_directories: Sequence[Path] = (),
    ) -> None:
        if path is not None and temp_directory is None:
            temp_directory = path.with_name(path.name + ".tmp")
        self._session = DuckDBSession(
            path,
            threads=threads,
            memory_limit=memory_limit,
            temp_directory=temp_directory,
            max_temp_directory_size=max_temp_directory_size,
            allowed_directories=allowed_directories,
        )
        spills = temp_directory is not None
        self.capabilities = Capabilities(
            name="duckdb", cancels=True, interactive=True, spills=spills, memory=self._session.memory, amends=True
        )
        self._scopes = CancelScopes()
        self._bound = _Bound()

    # -- transactions and cursors

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if self._bound.cursor is not None:
            with self._dooming():
                yield
            return
        with self._session.cursor() as cursor:
            _run(cursor, "begin")
            self._bound.cursor, self._bound.doomed, self._bound.grows, self._bound.held = cursor, False, False, {}
            try:
                yield
                self._commit(cursor)
            except BaseException:
                with suppress(duckdb.Error):  # a failed commit has rolled back already
                    cursor.execute("rollback")
                raise
            finally:
                self._bound.cursor = None

    def _commit(self, cursor: Cursor) -> None:
        # DuckDB answers "commit" of a broken transaction with a silent rollback.
        if self._bound.doomed:
            raise EngineFailure(
                "A call inside the transaction failed, so nothing was changed.",
                hint="Let its error leave the block.",
            )
        # Temporary tables are the cursor's, which goes back to the others and would read them in the place of tables.
        for name in self._bound.held:
            _run(cursor, f"drop table if exists temp.{self.dialect.ident(name)}")
        if not self._bound.grows:
            _run(cursor, "commit")
            return
        _run(cursor, "set max_vacuum_tasks = 1")
        try:
            _run(cursor, "commit")
        finally:
            _run(cursor, "set max_vacuum_tasks = 0")

    def cancellable(self) -> AbstractContextManager[Callable[[], None]]:
        return self._scopes.open()

    @contextmanager
    def _dooming(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._bound.doomed = True
            raise

    @contextmanager
    def _cursor(self, inputs: Inputs = None) -> Iterator[Cursor]:
        """The thread's own cursor, with inputs registered for the block and errors in our words."""
        with ExitStack() as stack:
            if self._bound.cursor is not None:
                cursor = self._bound.cursor
                stack.enter_context(self._dooming())
            else:
                cursor = stack.enter_context(self._session.cursor())
            stack.enter_context(self._scopes.running(cursor.interrupt))
            stack.enter_context(_our_words())
            for name, rows in (inputs or {}).items():
                # A reader can be read once, a plan may read it twice.
                cursor.register(name, rows.read_all() if isinstance(rows, pa.RecordBatchReader) else rows)
                stack.callback(_forget, cursor, name)
            yield cursor

    # -- tables

    def tables(self) -> Sequence[str]:
        sql = (
            "select table_name from duckdb_tables() where database_name = current_database()"
            " and schema_name = 'main' and not temporary and not internal"
        )
        with self._cursor() as cursor:
            return sorted(name for (name,) in cursor.execute(f"{sql} union all {_VIEWS}").fetchall())

    def columns(self, table: str) -> Sequence[tuple[str, pa.DataType]]:
        return [(field.name, field.type) for field in self._schema(table)]

    def _schema(self, table: str) -> pa.Schema:
        self._require(table)
        with self._cursor() as cursor:
            rows = cursor.sql(f"select * from {self._main(table)} limit 0").to_arrow_table()
        return canonical_schema(rows.schema)

    def _require(self, table: str) -> None:
        names = self.tables()
        if table not in names:
            raise UnknownName("table", table, names)

    def create(self, table: Table, *, replace: bool = False) -> None:
        if not table.columns:
            raise InvalidInput(f"Table {table.name!r} has no columns.")
        ident, type_ = self.dialect.ident, self.dialect.type
        columns = ", ".join(f"{ident(c.name)} {type_(c.type, _STORED)}" for c in table.columns)
        self._change(f"create {'or replace ' if replace else ''}table {self._main(table.name)} ({columns})")

    def drop(self, table: str) -> None:
        with self._cursor() as cursor:
            views = {name.lower() for (name,) in cursor.execute(_VIEWS).fetchall()}
            kind = "view" if table.lower() in views else "table"
            _run(cursor, f"drop {kind} if exists {self._main(table)}")

    def rename(self, table: str, to: str) -> None:
        self._require(table)
        if table == to:
            return
        with self.transaction():
            if table.lower() != to.lower():  # DuckDB takes them for one name
                self.drop(to)
            self._change(f"alter table {self._main(table)} rename to {self.dialect.ident(to)}")

    # -- rows

    def append(self, table: str, rows: pa.Table | pa.RecordBatchReader) -> int:
        self._bound.grows = True
        failed: list[GongbiError] = []
        reader = conform(rows, self._schema(table), table)

        def batches() -> Iterator[pa.RecordBatch]:
            try:
                yield from reader
            except GongbiError as error:
                failed.append(error)  # DuckDB would keep its text only
                raise

        source = pa.RecordBatchReader.from_batches(reader.schema, batches())
        try:
            with self._cursor() as cursor:
                cursor.register(_ROWS, source)
                try:
                    return _run(cursor, f"insert into {self._main(table)} by name select * from {_ROWS}")
                finally:
                    _forget(cursor, _ROWS)
        except GongbiError as error:
            raise failed[0] if failed else error from error

    def insert(self, table: str, plan: Plan, *, inputs: Inputs = None) -> int:
        self._bound.grows = True
        return self._insert(table, plan, inputs)

    def _insert(self, table: str, plan: Plan, inputs: Inputs = None) -> int:
        self._require(table)
        sql = self.to_sql(plan)
        with self._cursor(inputs) as cursor:
            only_select(cursor, sql)
            return _run(cursor, f"insert into {self._main(table)} by name\n{sql}")

    def delete(self, table: str, where: str) -> int:
        self._require(table)
        return self._change(f"delete from {self._main(table)} where (\n{where}\n)")

    def put(self, table: str, plan: Plan) -> int:
        main = self._main(table)
        with self.transaction():
            # Row ids of what comes are higher than of what is there, also before it is committed.
            first = int(self.value(f"select coalesce(max(rowid) + 1, 0) from {main}"))
            n = self._insert(table, plan)
            came = f"select id from {main} where rowid >= {first}"
            self._change(f"delete from {main} where rowid < {first} and id in ({came})")
        return n

    def hold(self, plan: Plan, name: str) -> int:
        if self._bound.cursor is None:
            raise Bug(f"Rows are held as {name!r} outside a transaction.")
        sql = self.to_sql(plan)
        with self._cursor() as cursor:
            only_select(cursor, sql)
            source = _kept(cursor.sql(sql), sql)
            self._bound.held[name] = None
            return _run(cursor, f"create or replace temp table {self.dialect.ident(name)} as\n{source}")

    def insert_mapped(self, table: str, plan: Plan, each: RowsToRows) -> int:
        raise Bug(f"Rows of {plan.result.name!r} for {table!r} are to be mapped by {each!r}; here they come to us.")

    def update(self, table: str, plan: Plan) -> int:
        self._require(table)
        sql, ident = self.to_sql(plan), self.dialect.ident
        with self._cursor() as cursor:
            only_select(cursor, sql)
            names = [ident(name) for name in cursor.sql(sql).columns if name != "id"]
            sets = ", ".join(f"{name} = s.{name}" for name in names)
            other = " or ".join(f"t.{name} is distinct from s.{name}" for name in names)
            source = f"from (\n{sql}\n) s where s.id = t.id and ({other})"
            return _run(cursor, f"update {self._main(table)} as t set {sets} {source}")

    def view(self, name: str, plan: Plan) -> None:
        sql = self.to_sql(plan)
        with self._cursor() as cursor:
            only_select(cursor, sql)
            _run(cursor, f"create view {self._main(name)} as\n{sql}")

    def build(self, plan: Plan, into: str, *, on_progress: OnProgress | None = None, inputs: Inputs = None) -> int:
        sql = self.to_sql(plan)
        with self._cursor(inputs) as cursor:
            only_select(cursor, sql)
            source = _kept(cursor.sql(sql), sql)
            with _reporting(cursor, on_progress):
                return _run(cursor, f"create or replace table {self._main(into)} as\n{source}")

    def query(self, plan: Plan | str, *, inputs: Inputs = None) -> pa.Table:
        sql = self.to_sql(plan)
        with self._cursor(inputs) as cursor:
            relation = cursor.sql(only_select(cursor, sql))
            rows = relation.to_arrow_table()
            wide = frozenset(i for i, type_ in enumerate(relation.types) if str(type_) in ("HUGEINT", "UHUGEINT"))
            return canonical(rows, wide)

    def value(self, plan: Plan | str) -> Any:
        with self._cursor() as cursor:
            # `sql()` would bind the statement once to know its columns and once more to run it.
            rows = cursor.execute(only_select(cursor, self.to_sql(plan))).fetchall()
        return only_value(rows)

    def room(self) -> int | None:
        path = self._session.path
        return None if path is None else shutil.disk_usage(path.parent).free

    def explain(self, plan: Plan | str) -> str:
        sql = self.to_sql(plan)
        with self._cursor() as cursor:
            only_select(cursor, sql)
            return "\n".join(row[1] for row in cursor.execute(f"explain {sql}").fetchall())

    def to_sql(self, plan: Plan | str) -> str:
        """Return the one statement that is run.

        Materialised steps are `materialized` expressions: as fast as temporary tables on 1.5 million rows with six
        readers (0.7 to 0.9 s either way, 2 cores), and the whole plan reads one state of the tables.
        """
        if isinstance(plan, str):
            return plan
        result = plan.result
        chain = ",\n".join(
            f"{self.dialect.ident(step.name)} as {'materialized ' if step.materialize else ''}(\n{step.sql}\n)"
            for step in plan.steps[:-1]
        )
        return f"with {chain}\n{result.sql}" if chain else result.sql

    def close(self) -> None:
        self._session.close()

    def _main(self, table: str) -> str:
        # In full, so that neither an input nor a step of that name can stand in for the table.
        return f"{self.dialect.ident(self._session.catalog)}.main.{self.dialect.ident(table)}"

    def _change(self, sql: str) -> int:
        with self._cursor() as cursor:
            return _run(cursor, sql)


_STORED = STORED_PRECISION
_VIEWS = (
    "select view_name from duckdb_views() where database_name = current_database()"
    " and schema_name = 'main' and not temporary and not internal"
)
_ROWS = "gongbi_rows_to_append"


class _Bound(threading.local):
    """The thread's open transaction: its cursor, whether a call failed, whether a table grew, what it holds rows by."""

    cursor: Cursor | None = None
    doomed = False
    grows = False
    held: dict[str, None]


@contextmanager
def _our_words() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise translated(error) from error
    except RuntimeError as error:
        # Ctrl-C while a statement runs comes out of DuckDB as this, not as KeyboardInterrupt.
        if "interrupted" in str(error).lower():
            raise Cancelled("The work was stopped on request.") from error
        raise
    except UnicodeEncodeError as error:
        raise InvalidInput(f"A statement holds half a character, which is no text: {error.reason}.") from error


def _run(cursor: Cursor, sql: str) -> int:
    """Run one changing statement; return how many rows it says it changed."""
    with _our_words():
        sql.encode()  # half a surrogate pair fails here and now
        rows = cursor.execute(sql).fetchall()
    return int(rows[0][0]) if rows and isinstance(rows[0][0], int) else 0


def _forget(cursor: Cursor, name: str) -> None:
    with suppress(duckdb.Error):  # in a broken transaction the rollback forgets it
        cursor.unregister(name)


def _kept(relation: duckdb.DuckDBPyRelation, sql: str) -> str:
    """The plan, with columns outside the language's types cast into them."""
    names, types = relation.columns, [str(type_) for type_ in relation.types]
    if not any(type_ in _KEPT_AS for type_ in types):
        return sql
    casts = (
        f"cast({DUCKDB.ident(name)} as {_KEPT_AS[type_]}) as {DUCKDB.ident(name)}"
        if type_ in _KEPT_AS
        else DUCKDB.ident(name)
        for name, type_ in zip(names, types, strict=True)
    )
    return f"select {', '.join(casts)} from (\n{sql}\n)"


@contextmanager
def _reporting(cursor: Cursor, on_progress: OnProgress | None) -> Iterator[None]:
    """Call `on_progress` from a thread of its own while the block runs, and once at its end."""
    if on_progress is None:
        yield
        return

    def tell() -> None:
        with suppress(duckdb.Error):
            if (done := cursor.query_progress()) >= 0:
                on_progress(min(done, 100.0), 100.0)

    with watching(tell, _PROGRESS_EVERY, "gongbi-progress"):
        yield
    on_progress(100.0, 100.0)
