"""Where rows come from: files, package tables, workbooks and databases, each as a stream of Arrow batches.

Parquet keeps its types; everything else arrives as text and is read by the types of the mapping, so that "12,5" in a
number is found and not guessed at.
"""

from __future__ import annotations

import datetime as dt
import glob
import hashlib
import importlib.resources
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gongbi.catalog.base import Origin
from gongbi.errors import Place
from gongbi.sources.base import Batch, UnreadableSource
from gongbi.sources.text import batches_of, column_names, empty, read_delimited, read_json_lines

ROWS_PER_PARQUET_BATCH = 250_000
_SMALL_DICTIONARY = 1 << 14
_FORMATS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"} | dict.fromkeys(
    (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods"), "xlsx"
)


@dataclass(frozen=True, slots=True)
class Stream:
    """An open piece: its columns with their types, how many rows where that is known, and the rows."""

    schema: pa.Schema
    total: int | None
    batches: Iterator[Batch]


@dataclass(frozen=True, slots=True)
class Piece:
    """One unit of loading: a file, a package table or the result of a query.

    Attributes
    ----------
    path
        The name under which it is put on record; no password, no folder of this machine where it can be avoided.
    size, modified
        Bytes and nanoseconds; `modified` is 0 where there is none, and then the content is always hashed.
    digest
        Computes the SHA-256 of the content.
    open
        Opens a stream from the first row; may be called again.
    """

    path: str
    size: int
    modified: int
    digest: Callable[[], str] = field(repr=False)
    open: Callable[[], Stream] = field(repr=False)


def find(origin: Origin, root: Path, resources: ExitStack, *, place: Place | None = None) -> list[Piece]:
    """Return the pieces of an origin in the order of their names.

    A relative path is relative to `root`; `resources` keeps temporary files until it is closed.
    """
    if origin.package is not None:
        return [_package_table(origin, resources, place)]
    if origin.database is not None:
        return [_query(origin, resources, place)]
    assert origin.file is not None
    pattern = Path(origin.file)
    found = [Path(name) for name in sorted(glob.glob(str(pattern), root_dir=root))]  # noqa: PTH207  (3.11)
    files = [name for name in found if (root / name).is_file()]
    if not files:
        raise UnreadableSource(
            "missing_file",
            origin.file,
            f"There is no file {origin.file!r} in {root.name or root}.",
            hint="A path is relative to the workspace; `*` stands for any name.",
            place=place,
        )
    return [_file(origin, root / name, name.as_posix()) for name in files]


def _file(origin: Origin, path: Path, name: str) -> Piece:
    stat = path.stat()
    return Piece(name, stat.st_size, stat.st_mtime_ns, lambda: sha256_of(path), lambda: _open(origin, path, name))


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _format(origin: Origin, path: Path, name: str) -> str:
    if origin.format is not None:
        return origin.format
    suffix = next((s for s in reversed(path.suffixes) if s != ".gz"), "").lower()
    if suffix not in _FORMATS:
        raise UnreadableSource(
            "unreadable",
            name,
            f"{name}: the suffix {suffix!r} says nothing about its format.",
            hint=f"Say `format`: {', '.join(sorted(set(_FORMATS.values())))}.",
        )
    return _FORMATS[suffix]


def _open(origin: Origin, path: Path, name: str) -> Stream:
    if path.stat().st_size == 0:
        raise empty(name)
    format_ = _format(origin, path, name)
    if format_ == "parquet":
        return _parquet(path, name)
    if format_ == "xlsx":
        header, batches = _workbook(path, name, origin)
    elif format_ == "jsonl":
        header, batches = read_json_lines(path, name, origin)
    else:
        header, batches = read_delimited(path, name, origin, origin.delimiter or ("," if format_ == "csv" else "\t"))
    return Stream(pa.schema([(column, pa.string()) for column in header]), None, batches)


def _parquet(path: Path, name: str) -> Stream:
    def broken(error: Exception) -> UnreadableSource:
        return UnreadableSource(
            "truncated",
            name,
            f"{name} is cut short or is not Parquet: {str(error).splitlines()[0]}",
            hint="Copy it again; nothing of it was loaded.",
        )

    try:
        with pq.ParquetFile(path) as plain:
            few = _few_texts(plain)
        file = pq.ParquetFile(path, read_dictionary=few)
        schema, total = file.schema_arrow, file.metadata.num_rows
    except (pa.ArrowException, OSError) as error:
        raise broken(error) from error
    column_names(schema.names, name)
    if total == 0:
        raise empty(name)

    def batches() -> Iterator[Batch]:
        done = 0
        try:
            with file:
                for rows in file.iter_batches(batch_size=ROWS_PER_PARQUET_BATCH):
                    yield Batch(rows, pa.array(np.arange(done + 1, done + 1 + rows.num_rows, dtype=np.int64)))
                    done += rows.num_rows
        except (pa.ArrowException, OSError) as error:
            raise broken(error) from error

    return Stream(schema, total, batches())


def _few_texts(file: pq.ParquetFile) -> list[str]:
    """Text columns with few values: as dictionaries they are read in half the time."""
    found: list[str] = []
    if file.metadata.num_row_groups == 0:
        return found
    group = file.metadata.row_group(0)
    for i in range(group.num_columns):
        column = group.column(i)
        name = column.path_in_schema
        if name not in file.schema_arrow.names or not pa.types.is_string(file.schema_arrow.field(name).type):
            continue
        if column.has_dictionary_page and column.data_page_offset - column.dictionary_page_offset < _SMALL_DICTIONARY:
            found.append(name)
    return found


def _workbook(path: Path, name: str, origin: Origin) -> tuple[list[str], Iterator[Batch]]:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_path(str(path))
    except (CalamineError, BadZipFile, OSError, ValueError) as error:
        raise UnreadableSource(
            "truncated", name, f"{name} is cut short or is not a workbook: {error}", hint="Copy it again."
        ) from error
    sheets = book.sheet_names
    if not sheets or (origin.sheet is not None and origin.sheet not in sheets):
        raise UnreadableSource(
            "unreadable", name, f"{name} has no sheet {origin.sheet!r}.", hint=f"Its sheets: {', '.join(sheets)}."
        )
    rows = iter(book.get_sheet_by_name(origin.sheet or sheets[0]).to_python(skip_empty_area=False))
    first = next((row for row in rows if any(cell != "" for cell in row)), None)
    if first is None:
        raise empty(name)
    while first and first[-1] == "":
        first = first[:-1]
    header = column_names(first, name)

    def texts() -> Iterator[tuple[int, list[str | None]]]:
        for number, row in enumerate(rows, start=1):
            if any(cell != "" for cell in row):
                yield number, [cell_text(cell) for cell in row[: len(header)]]

    return header, batches_of(texts(), header, origin.null_values)


def cell_text(value: Any) -> str | None:
    """Write a value as text that every cast reads back: whole floats without a point, times in ISO 8601."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    return str(value)


def _package_table(origin: Origin, resources: ExitStack, place: Place | None) -> Piece:
    name = f"{origin.package}:{origin.table}"
    try:
        folder = importlib.resources.files(origin.package or "")
    except ModuleNotFoundError:
        raise UnreadableSource(
            "missing_file",
            name,
            f"The package {origin.package!r} is not installed.",
            hint=f"pip install {(origin.package or '').replace('_', '-')}",
            place=place,
        ) from None
    file = folder / "data" / f"{origin.table}.parquet"
    if not file.is_file():
        raise UnreadableSource(
            "missing_file", name, f"The package {origin.package!r} has no table {origin.table!r}.", place=place
        )
    path = resources.enter_context(importlib.resources.as_file(file))
    stat = path.stat()
    return Piece(name, stat.st_size, stat.st_mtime_ns, lambda: sha256_of(path), lambda: _parquet(path, name))


def _query(origin: Origin, resources: ExitStack, place: Place | None) -> Piece:
    """Run a query once, into a temporary file: its rows are hashed before it is known whether they are new."""
    import sqlalchemy as sa

    query = (origin.query or "").strip()
    url, name = _database_url(origin.database or "", query, place)
    folder = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="gongbi-")))
    path = folder / "rows.parquet"
    total = 0
    try:
        database = sa.create_engine(url)
        with database.connect().execution_options(stream_results=True) as connection:
            result = connection.execute(_statement(query))
            header = column_names(list(result.keys()), name)
            schema = pa.schema([(column, pa.string()) for column in header])
            content = 0
            with pq.ParquetWriter(path, schema) as writer:
                for rows in result.partitions(50_000):
                    texts = [[cell_text(value) for value in row] for row in rows]
                    content += _unordered_digest(texts)
                    total += len(texts)
                    columns = [pa.array(column, pa.string()) for column in zip(*texts, strict=True)]
                    writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
        database.dispose()
    except sa.exc.SQLAlchemyError as error:
        message = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise UnreadableSource("unreadable", name, f"{name}: {message}", place=place) from error
    digest = hashlib.sha256(repr((header, total, content % 2**256)).encode()).hexdigest()
    return Piece(name, path.stat().st_size, 0, lambda: digest, lambda: _parquet(path, name))


def _statement(query: str) -> Any:
    """A select as it stands; a lone name, perhaps with its schema, as all rows of that table."""
    import sqlalchemy as sa

    if re.search(r"\s", query):
        return sa.text(query)
    schema, _, name = query.rpartition(".")
    return sa.select(sa.text("*")).select_from(sa.table(name, schema=schema or None))


def _unordered_digest(rows: Sequence[Sequence[str | None]]) -> int:
    """A sum over rows, so that the same rows in another order are the same content."""
    return sum(int.from_bytes(hashlib.sha256(repr(row).encode()).digest(), "big") for row in rows)


def _database_url(url: str, query: str, place: Place | None) -> tuple[str, str]:
    import sqlalchemy as sa

    missing = [name for name in re.findall(r"\$\{(\w+)\}", url) if name not in os.environ]
    if missing:
        raise UnreadableSource(
            "unreadable",
            query,
            f"The environment does not say {', '.join(missing)}, which the database URL needs.",
            place=place,
        )
    filled = re.sub(r"\$\{(\w+)\}", lambda m: os.environ[m.group(1)], url)
    try:
        shown = sa.make_url(filled).render_as_string(hide_password=True)
    except sa.exc.ArgumentError as error:
        raise UnreadableSource(
            "unreadable", query, "The database URL cannot be read.", hint="sqlite:///file.db", place=place
        ) from error
    return filled, f"{shown}#{query}"
