"""Apache Spark: for when one machine is outgrown. Tables are Parquet folders, plans run in executor processes."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from gongbi.core.dialect import SPARK
from gongbi.core.plan import Plan, Step
from gongbi.core.table import Table
from gongbi.core.types import STORED_PRECISION
from gongbi.engine.arrow import canonical, canonical_schema, conform
from gongbi.engine.base import Capabilities, Inputs, OnProgress, RowsToRows, only_value
from gongbi.engine.cancel import CancelScopes
from gongbi.engine.spark_lease import Lease
from gongbi.engine.spark_session import DEFAULT_MASTER, SESSION_SETTINGS, shared_session, translated
from gongbi.engine.spark_tables import Entry, Part, SparkTables, Staged, kept_as, sync_folder
from gongbi.engine.watch import watching
from gongbi.errors import Bug, EngineFailure, GongbiError, InvalidInput

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_PROGRESS_EVERY = 0.2
_ROW_GROUP = 250_000


class SparkEngine:
    """Tables in Parquet folders below `root`, plans carried out by Spark.

    Parameters
    ----------
    root
        A folder that driver and executors reach under the same path.
    master
        As in Spark; used when this process has no session yet.
    session
        A session to use instead of the process's own. Its SQL settings are overridden in sessions derived from it.
    shuffle_partitions
        Into how many pieces joins and groups are cut.
    """

    dialect = SPARK
    capabilities = Capabilities(name="spark", cancels=True, interactive=False, spills=True, maps=True)

    def __init__(
        self,
        root: Path,
        *,
        master: str = DEFAULT_MASTER,
        session: SparkSession | None = None,
        shuffle_partitions: int = 4,
    ) -> None:
        self._tables = SparkTables(root)
        try:
            self._spark = session or shared_session(master, self._tables.root / "local", shuffle_partitions)
        except BaseException:
            self._tables.close()
            raise
        self._settings = {**SESSION_SETTINGS, "spark.sql.shuffle.partitions": str(shuffle_partitions)}
        self._mutex = threading.Lock()
        self._idle: list[Lease] = []
        self._scopes = CancelScopes()
        self._bound = _Bound()

    # -- transactions

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if self._bound.staged is not None:
            with self._dooming():
                yield
            return
        with self._tables.reading():
            self._bound.staged = staged = Staged(self._tables.committed())
            try:
                yield
                self._commit(staged)
            except BaseException:
                self._tables.discard(staged)
                raise
            finally:
                self._bound.staged = None

    def _commit(self, staged: Staged) -> None:
        if staged.doomed:
            raise EngineFailure(
                "A call inside the transaction failed, so nothing was changed.",
                hint="Let its error leave the block.",
            )
        with _our_words():
            self._tables.commit(staged)

    @contextmanager
    def _dooming(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            if self._bound.staged is not None:
                self._bound.staged.doomed = True
            raise

    def cancellable(self) -> AbstractContextManager[Callable[[], None]]:
        return self._scopes.open()

    # -- tables

    def _visible(self) -> Mapping[str, Entry]:
        """The tables as this thread sees them."""
        staged = self._bound.staged
        if staged is None:
            return self._tables.committed()
        merged = {**staged.base, **staged.changes}
        return {name: entry for name, entry in merged.items() if entry is not None}

    def _entry(self, table: str) -> Entry:
        return self._tables.require(table, self._visible())

    def _put(self, table: str, entry: Entry | None, *, adds: bool = False) -> None:
        """Stage a change; outside a transaction, publish it."""
        with self.transaction():
            staged = self._bound.staged
            assert staged is not None
            if not adds:
                staged.replaced.add(table)
            staged.changes[table] = entry

    def tables(self) -> Sequence[str]:
        return sorted(self._visible())

    def columns(self, table: str) -> Sequence[tuple[str, pa.DataType]]:
        return [(field.name, field.type) for field in self._entry(table).schema]

    def create(self, table: Table, *, replace: bool = False) -> None:
        if not table.columns:
            raise InvalidInput(f"Table {table.name!r} has no columns.")
        self.dialect.ident(table.name)
        columns = tuple((c.name, self.dialect.type(c.type, STORED_PRECISION)) for c in table.columns)
        with self.transaction(), self._dooming():
            if not replace and table.name in self._visible():
                raise InvalidInput(f"There is a table {table.name!r} already.")
            self._put(table.name, Entry(columns))

    def drop(self, table: str) -> None:
        with self.transaction():
            if table in self._visible():
                self._put(table, None)

    def rename(self, table: str, to: str) -> None:
        with self.transaction():
            entry = self._entry(table)
            if table != to:
                self._put(to, entry)
                self._put(table, None)

    # -- rows

    def append(self, table: str, rows: pa.Table | pa.RecordBatchReader) -> int:
        with self.transaction(), self._dooming(), _our_words():
            entry = self._entry(table)
            part = self._write_arrow(conform(rows, entry.schema, table))
            self._add(table, entry, part)
            return part.rows

    def insert(self, table: str, plan: Plan, *, inputs: Inputs = None) -> int:
        from pyspark.sql import functions as f

        with self.transaction(), self._running(plan.steps, inputs) as lease:
            entry = self._entry(table)
            frame = lease.frame(plan)
            known = [name for name, _ in entry.columns]
            if extra := [name for name in frame.columns if name not in known]:
                raise InvalidInput(
                    f"Table {table!r} has no column {extra[0]!r}.", hint=f"Its columns are {', '.join(known)}."
                )
            given = set(frame.columns)
            columns = [
                (f.col(SPARK.ident(name)) if name in given else f.lit(None)).cast(word).alias(name)
                for name, word in entry.columns
            ]
            part = self._write_frame(frame.select(*columns))
            self._add(table, entry, part)
            return part.rows

    def insert_mapped(self, table: str, plan: Plan, each: RowsToRows) -> int:
        with self.transaction(), self._running(plan.steps) as lease:
            entry = self._entry(table)
            frame = lease.frame(plan)
            # Names with a dot are lost on the way there, so that columns travel by number.
            numbered = frame.toDF(*(f"_{i}" for i in range(len(frame.columns))))
            mapped = numbered.mapInArrow(Mapped(each, tuple(frame.columns), entry.schema, table), entry.ddl)
            part = self._write_frame(mapped)
            self._add(table, entry, part)
            return part.rows

    def _add(self, table: str, entry: Entry, part: Part) -> None:
        if part.rows:
            self._put(table, Entry(entry.columns, (*entry.parts, part)), adds=True)

    def put(self, table: str, plan: Plan) -> int:
        return self.update(table, plan)

    def hold(self, plan: Plan, name: str) -> int:
        raise Bug(f"The plan {plan.result.name!r} is not held as {name!r} on Spark.")

    def update(self, table: str, plan: Plan) -> int:
        raise Bug(f"Table {table!r} is on Spark, where the rows of {plan.result.name!r} make a table anew.")

    def view(self, name: str, plan: Plan) -> None:
        raise Bug(f"The plan {plan.result.name!r} gets no name {name!r} on Spark.")

    def delete(self, table: str, where: str) -> int:
        with self.transaction(), self._running([Step(table, where)]) as lease:
            entry = self._entry(table)
            if not entry.parts:
                return 0
            condition = f"coalesce((\n{where}\n), false)"
            per_file = lease.read(entry).filter(condition).groupBy("_metadata.file_path").count().collect()
            hit: dict[str, int] = {}
            for path, count in per_file:
                hit[Path(path).parent.name] = hit.get(Path(path).parent.name, 0) + count
            # Parts without a hit stay as they are, parts that go whole are left out, the others are written anew.
            parts = [part for part in entry.parts if part.id not in hit]
            torn = tuple(part for part in entry.parts if 0 < hit.get(part.id, 0) < part.rows)
            if torn:
                rest = lease.read(Entry(entry.columns, torn)).filter(f"not {condition}")
                parts.append(self._write_frame(rest))
            if hit:
                self._put(table, Entry(entry.columns, tuple(parts)))
            return sum(hit.values())

    def build(self, plan: Plan, into: str, *, on_progress: OnProgress | None = None, inputs: Inputs = None) -> int:
        from pyspark.sql import functions as f

        self.dialect.ident(into)
        with self.transaction(), self._running(plan.steps, inputs) as lease:
            frame = lease.frame(plan)
            columns = tuple((c.name, kept_as(c.dataType.simpleString(), c.name)) for c in frame.schema.fields)
            if len({name for name, _ in columns}) < len(columns):
                raise InvalidInput(f"The plan for {into!r} has two columns of one name: {', '.join(frame.columns)}.")
            kept = frame.select(*(f.col(SPARK.ident(name)).cast(word).alias(name) for name, word in columns))
            with self._reporting(lease, on_progress):
                part = self._write_frame(kept)
            self._put(into, Entry(columns, (part,) if part.rows else ()))
            return part.rows

    def query(self, plan: Plan | str, *, inputs: Inputs = None) -> pa.Table:
        steps = _steps(plan)
        with self._running(steps, inputs) as lease:
            return canonical(lease.frame(Plan(steps)).toArrow())

    def value(self, plan: Plan | str) -> Any:
        table = self.query(plan)
        return only_value([list(row.values()) for row in table.to_pylist()])

    def room(self) -> int | None:
        return shutil.disk_usage(self._tables.root).free

    def explain(self, plan: Plan | str) -> str:
        steps = _steps(plan)
        with self._running(steps) as lease:
            frame = lease.frame(Plan(steps))
            return str(frame._jdf.queryExecution().toString())  # noqa: SLF001

    def close(self) -> None:
        """Let go of the root. The session stays for the other engines of this process."""
        self._tables.close()

    # -- files

    def _write_arrow(self, reader: pa.RecordBatchReader) -> Part:
        folder = self._tables.new_part()
        folder.mkdir()
        try:
            rows = 0
            with pq.ParquetWriter(folder / "rows.parquet", reader.schema, store_schema=False) as writer:
                waiting: list[pa.RecordBatch] = []
                for batch in reader:
                    rows += len(batch)
                    waiting.append(batch)
                    # A row group per batch would be many; all rows in one could not be read in parallel.
                    if sum(map(len, waiting)) >= _ROW_GROUP:
                        writer.write_table(pa.Table.from_batches(waiting, reader.schema))
                        waiting = []
                writer.write_table(pa.Table.from_batches(waiting, reader.schema))
        except BaseException:
            self._tables.throw_away(folder)
            raise
        return self._finished(folder, rows)

    def _write_frame(self, frame: DataFrame) -> Part:
        folder = self._tables.new_part()
        try:
            frame.write.parquet(folder.as_uri())
            rows = sum(pq.read_metadata(file).num_rows for file in folder.glob("*.parquet"))
        except BaseException:
            self._tables.throw_away(folder)
            raise
        return self._finished(folder, rows)

    def _finished(self, folder: Path, rows: int) -> Part:
        if rows:
            sync_folder(folder)
        else:
            self._tables.throw_away(folder)
        return Part(folder.name, rows)

    # -- running

    @contextmanager
    def _running(self, steps: Sequence[Step], inputs: Inputs = None) -> Iterator[Lease]:
        """A Spark session of our own for the block, in which tables and inputs can be read by name."""
        with ExitStack() as stack:
            stack.enter_context(self._dooming())
            stack.enter_context(self._tables.reading())
            tables = self._visible()
            with self._mutex:
                lease = self._idle.pop() if self._idle else None
            # One session per running call: views of one thread must not be seen by another.
            lease = lease or Lease(self._spark.newSession(), self._settings, self._tables)
            stack.callback(self._idle.append, lease)
            stack.enter_context(self._scopes.running(lease.cancel))
            stack.enter_context(_our_words(self._scopes))
            stack.callback(lease.tidy)
            lease.begin()
            text = "\n".join(step.sql for step in steps) + "\n".join(step.name for step in steps)
            lease.show({n: e for n, e in tables.items() if n in text or n.replace("`", "``") in text})
            for name, rows in (inputs or {}).items():
                schema = canonical_schema(rows.schema)
                part = self._write_arrow(conform(rows, schema, name))
                stack.callback(self._tables.throw_away, self._tables.path(part))
                lease.show_frame(name, lease.spark.read.parquet(self._tables.path(part).as_uri()))
            yield lease

    @contextmanager
    def _reporting(self, lease: Lease, on_progress: OnProgress | None) -> Iterator[None]:
        if on_progress is None:
            yield
            return

        def tell() -> None:
            with suppress(Exception):
                on_progress(float(lease.tasks_done()), None)

        with watching(tell, _PROGRESS_EVERY, "gongbi-progress"):
            yield
        done = float(lease.tasks_done())
        on_progress(done, done)


@dataclass(frozen=True)
class Mapped:
    """A function of rows as Spark's Python processes call it; they have this package installed as the driver has."""

    each: RowsToRows
    names: tuple[str, ...]
    schema: pa.Schema
    table: str

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if len(batch):
                made = self.each(canonical(pa.Table.from_batches([batch]).rename_columns(list(self.names))))
                yield from conform(made, self.schema, self.table)


class _Bound(threading.local):
    """The open transaction of a thread."""

    staged: Staged | None = None


def _steps(plan: Plan | str) -> tuple[Step, ...]:
    return (Step("result", plan),) if isinstance(plan, str) else plan.steps


@contextmanager
def _our_words(scopes: CancelScopes | None = None) -> Iterator[None]:
    try:
        yield
    except GongbiError:
        raise
    except UnicodeEncodeError as error:
        raise InvalidInput(f"A statement holds half a character, which is no text: {error.reason}.") from error
    except Exception as error:
        if scopes is not None and scopes.current is not None:
            scopes.current.check()
        raise translated(error) from error
