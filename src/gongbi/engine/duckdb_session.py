"""An open DuckDB database: hardened, with cursors to lend and errors in our words."""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from gongbi.engine.arrow import first_line
from gongbi.engine.base import too_large
from gongbi.errors import (
    Cancelled,
    EngineFailure,
    GongbiError,
    InvalidInput,
    Refused,
    WorkspaceBusy,
    WorkspaceProblem,
)

#: Cursors made before the configuration is locked, because only they can be told to report progress.
REPORTING_CURSORS = 8
DEFAULT_MEMORY = 4 * 2**30


def default_memory_limit() -> int:
    """Bytes: 4 GB, or 60 % of what this machine or container has when that is less."""
    total = DEFAULT_MEMORY * 2
    with suppress(ValueError, OSError, AttributeError):
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(ValueError, OSError):  # "max" where a container has no limit
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return min(DEFAULT_MEMORY, total * 6 // 10)


def default_threads() -> int:
    """As many as this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _bytes(text: str) -> int:
    """Bytes of a size as DuckDB writes it, such as ``3.7 GiB``."""
    number, unit = text.split()
    return int(float(number) * 1024 ** ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB").index(unit))


class DuckDBSession:
    """One database with a pool of cursors; a cursor serves one thread at a time."""

    def __init__(
        self,
        path: Path | None,
        *,
        threads: int | None,
        memory_limit: int | str | None,
        temp_directory: Path | None,
        max_temp_directory_size: int | str | None,
        allowed_directories: Sequence[Path],
    ) -> None:
        memory = default_memory_limit() if memory_limit is None else memory_limit
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": threads or default_threads(),
            "memory_limit": f"{memory}B" if isinstance(memory, int) else memory,
            "temp_directory": str(temp_directory.absolute()) if temp_directory else "",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "python_enable_replacements": False,
            # A checkpoint that wins back the room of deleted rows writes row groups of any table anew, in full: the
            # commit that replaces rows of a wide table would take longest for that. Growth in small pieces asks for one
            # task, which writes three row groups (`DuckDBEngine.transaction`).
            "max_vacuum_tasks": 0,
        }
        room: int | str | None = None
        if temp_directory:
            temp_directory.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(temp_directory).free * 8 // 10
            room = free if max_temp_directory_size is None else max_temp_directory_size
        self.path = path
        self._lock = threading.Lock()
        self._closed = False
        self._root = self._connect(path, config)
        try:
            # The order matters: what may be read is said first, then everything else is shut, then the key is lost.
            folders = [str(folder.absolute()) for folder in allowed_directories]
            if folders:
                self._root.execute("set allowed_directories = ?", [folders])
            if room is not None:
                # DuckDB 2.0 shows the setting but does not obey it when it is given on connecting.
                size = f"{room}B" if isinstance(room, int) else room
                self._root.execute("set max_temp_directory_size = ?", [size])
            self._root.execute("set enable_external_access = false")
            self._root.execute("set global TimeZone = 'UTC'")
            (found,) = self._root.execute("select current_database()").fetchall()
            #: The name of the database among those that a statement can see (another is `temp`).
            self.catalog: str = found[0]
            self._idle = [self._root.cursor() for _ in range(REPORTING_CURSORS)]
            for cursor in self._idle:
                cursor.execute("set enable_progress_bar = true")
                cursor.execute("set enable_progress_bar_print = false")
            ((limit,),) = self._root.execute("select current_setting('memory_limit')").fetchall()
            #: Bytes that statements may hold.
            self.memory = _bytes(limit)
            self._root.execute("set allowed_configs = ['max_vacuum_tasks']")
            self._root.execute("set lock_configuration = true")
        except duckdb.Error as error:
            self._root.close()
            raise translated(error) from error
        self._all = list(self._idle)

    @staticmethod
    def _connect(
        path: Path | None, config: dict[str, str | bool | int | float | list[str]]
    ) -> duckdb.DuckDBPyConnection:
        ours = WorkspaceBusy(
            f"{path} is already open in this process.", hint="Close the other engine first, or use that one."
        )
        try:
            root = duckdb.connect(str(path) if path else ":memory:", config=config)
            # With the same settings DuckDB gives the database that is open already, and that one is locked.
            if root.execute("select current_setting('lock_configuration')").fetchall() == [(False,)]:
                return root
            root.close()
        except duckdb.ConnectionException as error:
            raise ours from error
        except duckdb.IOException as error:
            if "lock" in str(error).lower():
                holder = re.search(r"held in (\S+) \(PID (\d+)\)", str(error))
                who = f"process {holder[2]} ({holder[1]})" if holder else "another process"
                raise WorkspaceBusy(
                    f"{path} is in use by {who}.", hint="Stop that process, or work through it."
                ) from error
            raise WorkspaceProblem(f"{path} cannot be opened: {first_line(error)}") from error
        except duckdb.Error as error:
            raise translated(error) from error
        raise ours

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Lend a cursor that nobody else uses until it is given back."""
        with self._lock:
            if self._closed:
                raise WorkspaceProblem("The engine is closed.")
            if self._idle:
                cursor = self._idle.pop()
            else:
                cursor = self._root.cursor()
                self._all.append(cursor)
        try:
            yield cursor
        finally:
            with self._lock:
                self._idle.append(cursor)

    def close(self) -> None:
        """Stop what runs and let go of the file."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            cursors = [*self._all, self._root]
        for cursor in cursors:
            with suppress(duckdb.Error):
                cursor.interrupt()
                cursor.close()


_SPACE = re.compile(r"no space left|max_temp_directory_size|disk full|disk quota", re.IGNORECASE)
#: What a full disk can end in: in the middle of a statement, when a change is committed, and afterwards.
_STOPPED = (duckdb.OutOfMemoryException, duckdb.IOException, duckdb.TransactionException, duckdb.FatalException)
_TOO_LARGE = re.compile(r"value is out of range")  # not "field value out of range", which is no date
_CALLER = (
    duckdb.ProgrammingError,  # parser, binder, catalog, syntax
    duckdb.DataError,  # conversion, out of range
    duckdb.IntegrityError,
    duckdb.NotSupportedError,
)


def translated(error: duckdb.Error) -> GongbiError:
    """Return DuckDB's error as one of ours."""
    text = first_line(error)
    if isinstance(error, duckdb.InterruptException):
        return Cancelled("The work was stopped on request.")
    if isinstance(error, duckdb.PermissionException):
        return Refused(text, hint="The engine reads and writes its own tables only.")
    if isinstance(error, _STOPPED) and _SPACE.search(str(error)):
        return EngineFailure(
            f"Out of disk space: {text}",
            hint="Free some space, or give the temp folder more (max_temp_directory_size).",
        )
    if isinstance(error, duckdb.OutOfMemoryException):
        return EngineFailure(
            f"Out of memory: {text}", hint="Raise memory_limit, lower threads, or set a temp_directory to spill to."
        )
    if isinstance(error, duckdb.TransactionException):
        return EngineFailure(f"Two changes collided: {text}", hint="Nothing was changed; try again.")
    if isinstance(error, duckdb.InternalException | duckdb.FatalException):
        return EngineFailure(text, hint="Close the workspace and open it again; if it stays, please report it.")
    if isinstance(error, duckdb.OutOfRangeException) or (isinstance(error, _CALLER) and _TOO_LARGE.search(text)):
        return too_large(text.partition(": ")[2] or text)
    if isinstance(error, _CALLER):
        return InvalidInput(text)
    return EngineFailure(text)


def only_select(cursor: duckdb.DuckDBPyConnection, sql: str) -> duckdb.Statement:
    """Return the one reading statement that a text is; anything else is refused, as `sql()` would run it at once."""
    sql.encode()  # half a surrogate pair fails here and now
    statements = cursor.extract_statements(sql)
    if len(statements) != 1:
        raise InvalidInput(f"A plan is one statement, not {len(statements)}.")
    if statements[0].type != duckdb.StatementType.SELECT:
        raise Refused(f"A plan reads; a statement of type {statements[0].type.name} does not.")
    return statements[0]
