"""Tables as folders of Parquet files, with one JSON manifest as the pointer to those that count.

A change writes new folders beside the old ones and then swaps the manifest, which is one rename on the file system.
So a reader, and whoever opens the root after a crash, sees the state before or the state after. Knows nothing of Spark.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pyarrow as pa

from gongbi.core.dialect import SPARK
from gongbi.errors import EngineFailure, InvalidInput, UnknownName, WorkspaceBusy, WorkspaceProblem

FORMAT = 1

_KEPT_AS = {
    **dict.fromkeys(("tinyint", "smallint", "int", "bigint", "void"), "bigint"),
    **dict.fromkeys(("float", "double"), "double"),
    **dict.fromkeys(("timestamp", "timestamp_ntz"), "timestamp_ntz"),
    **{word: word for word in ("string", "boolean", "date")},
}
_ARROW = {
    "bigint": pa.int64(),
    "double": pa.float64(),
    "timestamp_ntz": pa.timestamp("us"),
    "string": pa.string(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
}
#: An element of a distribution, the only record of the language; as Spark writes it, and as a dialect does.
_SHARE = re.compile(r"struct<`?value`?: ?(.*), ?`?share`?: ?double>")


def kept_as(word: str, column: str) -> str:
    """Return the Spark type in which a plan's column of type `word` is kept."""
    if word.startswith("decimal("):
        return word
    if element := re.fullmatch(r"array<(.*)>", word):
        return f"array<{kept_as(element[1], column)}>"
    if share := _SHARE.fullmatch(word):
        return f"struct<value:{kept_as(share[1], column)},share:double>"
    if word.startswith(("varchar(", "char(")):
        return "string"
    try:
        return _KEPT_AS[word]
    except KeyError:
        raise InvalidInput(f"Column {column!r} has the type {word}, which a table cannot keep.") from None


def arrow_type(word: str) -> pa.DataType:
    """Return the Arrow type of a kept Spark type."""
    if number := re.fullmatch(r"decimal\((\d+),(\d+)\)", word):
        return pa.decimal128(int(number[1]), int(number[2]))
    if element := re.fullmatch(r"array<(.*)>", word):
        return pa.list_(arrow_type(element[1]))
    if share := _SHARE.fullmatch(word):
        return pa.struct([pa.field("value", arrow_type(share[1])), pa.field("share", pa.float64())])
    return _ARROW[word]


@dataclass(frozen=True, slots=True)
class Part:
    """One folder of Parquet files, never changed once it is written."""

    id: str
    rows: int


@dataclass(frozen=True, slots=True)
class Entry:
    """What the manifest says of a table: its columns with their Spark types, and its parts."""

    columns: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...] = ()

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)

    @property
    def ddl(self) -> str:
        return ", ".join(f"{SPARK.ident(name)} {word}" for name, word in self.columns)

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([pa.field(name, arrow_type(word)) for name, word in self.columns])


@dataclass(slots=True)
class Staged:
    """Changes of one transaction, seen by its thread only until they are committed."""

    #: What was committed when the transaction began.
    base: Mapping[str, Entry]
    changes: dict[str, Entry | None] = field(default_factory=dict)
    #: Tables that had more done to them than having rows added.
    replaced: set[str] = field(default_factory=set)
    doomed: bool = False

    def rebased(self, name: str, current: Entry | None) -> Entry | None:
        """Return the change of `name` on top of what is committed now; refuse when both sides rewrote it."""
        change, base = self.changes[name], self.base.get(name)
        if current == base:
            return change
        if name not in self.replaced and change and base and current and current.columns == base.columns:
            return Entry(current.columns, current.parts + change.parts[len(base.parts) :])
        raise EngineFailure(f"Two changes of table {name!r} collided.", hint="Nothing was changed; try again.")


class SparkTables:
    """The manifest and the parts below one root folder. One process at a time."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._parts = self.root / "parts"
        self._manifest = self.root / "manifest.json"
        self._mutex = threading.RLock()
        self._garbage: set[str] = set()
        self._active = 0
        self._parts.mkdir(parents=True, exist_ok=True)
        self._lock_file: IO[str] | None = _locked(self.root / "lock")
        self._tables = self._load()
        used = {part.id for entry in self._tables.values() for part in entry.parts}
        for orphan in self._parts.iterdir():
            if orphan.name not in used:
                shutil.rmtree(orphan, ignore_errors=True)

    def _load(self) -> dict[str, Entry]:
        try:
            content = json.loads(self._manifest.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise WorkspaceProblem(f"{self._manifest} is not a manifest: {error}") from error
        if content.get("format") != FORMAT:
            raise WorkspaceProblem(f"{self._manifest} has format {content.get('format')!r}, not {FORMAT}.")
        return {
            name: Entry(
                tuple((column, word) for column, word in table["columns"]),
                tuple(Part(id_, rows) for id_, rows in table["parts"]),
            )
            for name, table in content["tables"].items()
        }

    def committed(self) -> Mapping[str, Entry]:
        """The tables as everybody sees them."""
        with self._mutex:
            if self._lock_file is None:
                raise WorkspaceProblem("The engine is closed.")
            return self._tables  # never changed in place

    def require(self, name: str, tables: Mapping[str, Entry]) -> Entry:
        """Return a table's entry, or raise `UnknownName`."""
        if name not in tables:
            raise UnknownName("table", name, tables)
        return tables[name]

    def commit(self, staged: Staged) -> None:
        """Publish all changes at once."""
        with self._mutex:
            tables = dict(self.committed())
            for name in staged.changes:
                entry = staged.rebased(name, tables.get(name))
                tables.pop(name, None)
                if entry is not None:
                    tables[name] = entry
            self._write(tables)
            before, self._tables = self._tables, tables
            self._garbage |= _ids(before.values()) | _ids(e for e in staged.changes.values() if e)
            self._garbage -= _ids(tables.values())

    def discard(self, staged: Staged) -> None:
        """Forget changes that were never published, and their files."""
        with self._mutex:
            self._garbage |= _ids(e for e in staged.changes.values() if e) - _ids(self._tables.values())

    def _write(self, tables: Mapping[str, Entry]) -> None:
        content = {
            "format": FORMAT,
            "tables": {
                name: {"columns": entry.columns, "parts": [(part.id, part.rows) for part in entry.parts]}
                for name, entry in sorted(tables.items())
            },
        }
        new = self._manifest.with_suffix(".new")
        with new.open("w", encoding="utf-8") as file:
            json.dump(content, file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._manifest)
        sync_folder(self.root)

    def new_part(self) -> Path:
        """A folder name for a new part; the folder itself is made by whoever fills it."""
        return self._parts / uuid.uuid4().hex

    def path(self, part: Part) -> Path:
        return self._parts / part.id

    def throw_away(self, folder: Path) -> None:
        """A folder of `new_part` that is not needed (any more)."""
        with self._mutex:
            self._garbage.add(folder.name)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """While anybody reads, no file is removed: a plan may still need the parts that a change has replaced."""
        with self._mutex:
            self._active += 1
        try:
            yield
        finally:
            with self._mutex:
                self._active -= 1
                garbage: set[str] = set()
                if not self._active:
                    garbage, self._garbage = self._garbage, garbage
            for name in garbage:
                shutil.rmtree(self._parts / name, ignore_errors=True)

    def close(self) -> None:
        """Let another process have the root."""
        with self._mutex:
            if self._lock_file is not None:
                self._lock_file.close()
                self._lock_file = None


def sync_folder(folder: Path) -> None:
    """Make sure that a folder and the files in it survive a power cut."""
    for path in [*(p for p in folder.iterdir() if p.is_file()), folder]:
        with suppress(OSError):  # not every file system knows fsync of folders
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def _ids(entries: Iterable[Entry]) -> set[str]:
    return {part.id for entry in entries for part in entry.parts}


def _locked(path: Path) -> IO[str]:
    file = path.open("a+", encoding="ascii")
    try:
        import fcntl
    except ImportError:  # no advisory locks: the workspace's own lock file has to do
        return file
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.seek(0)
        holder = file.read().strip()
        file.close()
        raise WorkspaceBusy(
            f"{path.parent} is in use by {f'process {holder}' if holder else 'another process'}.",
            hint="Stop that process, or work through it.",
        ) from error
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
