"""Text files: CSV, TSV and JSON lines, decoded strictly, split carefully, every column as text."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc

from gongbi.catalog.base import Origin
from gongbi.sources.base import BadRow, Batch, UnreadableSource

ROWS_PER_BATCH = 50_000
DEFAULT_ENCODING = "utf-8-sig"
#: Tried in this order when a file is not in its stated encoding, to name one that fits.
_LIKELY = ("utf-8-sig", "utf-16", "gb18030", "big5", "shift_jis", "windows-1252")


def read_delimited(path: Path, name: str, origin: Origin, delimiter: str) -> tuple[list[str], Iterator[Batch]]:
    """Read CSV or TSV: the header's columns and batches of text.

    A line with more or fewer fields than the header, and a quotation mark that is never closed, cost that line only.
    """
    lines = _lines(path, name, origin.encoding or DEFAULT_ENCODING)
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise empty(name)
    source = _Lines(chain([first], lines), delimiter)
    header = column_names(next(source.records())[2] or [], name)
    return header, _batches(_checked(source, len(header)), header, origin.null_values)


def read_json_lines(path: Path, name: str, origin: Origin) -> tuple[list[str], Iterator[Batch]]:
    """Read JSON lines twice: for the columns, in order of first sight, and for the rows. Nested values stay JSON."""
    encoding = origin.encoding or DEFAULT_ENCODING
    seen: dict[str, None] = {}
    for line in _lines(path, name, encoding):
        value = _object(line)
        if value is not None:
            seen.update(dict.fromkeys(value))
    if not seen:
        raise empty(name)
    header = column_names(list(seen), name)

    def rows() -> Iterator[tuple[int, BadRow | Sequence[str | None]]]:
        number = 0
        for line in _lines(path, name, encoding):
            if not line.strip():
                continue
            number += 1
            value = _object(line)
            if value is None:
                reason = "not_json" if line.endswith(("\n", "\r")) else "truncated"
                yield number, BadRow(number, reason, line.strip()[:200], line.rstrip("\r\n"))
            else:
                yield number, [_json_text(value.get(key)) for key in seen]

    return header, _batches(rows(), header, ())


def batches_of(
    rows: Iterator[tuple[int, BadRow | Sequence[str | None]]], header: Sequence[str], null_values: Sequence[str]
) -> Iterator[Batch]:
    """Gather rows of text into batches; values among `null_values` become null."""
    return _batches(rows, header, null_values)


def column_names(header: Sequence[Any], name: str) -> list[str]:
    """Return usable names: trimmed, the nameless numbered; two of one name (upper and lower case alike) are refused."""
    names = [str(column).strip() if column is not None else "" for column in header]
    names = [column or f"column_{i}" for i, column in enumerate(names, start=1)]
    seen: dict[str, str] = {}
    for column in names:
        if column.lower() in seen:
            raise UnreadableSource(
                "unreadable",
                name,
                f"{name}: two columns are called {column!r}.",
                hint="Rename one of them in the file.",
            )
        seen[column.lower()] = column
    return names


def empty(name: str) -> UnreadableSource:
    """The problem of a file without rows."""
    return UnreadableSource(
        "empty",
        name,
        f"{name} holds no rows.",
        hint="What was loaded from it before stays; to take that out, undo its load.",
    )


@contextmanager
def opened(path: Path, name: str) -> Iterator[IO[bytes]]:
    """Open a file for reading, unpacked where it ends in ``.gz``; trouble with the packing becomes ours."""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            yield file  # type: ignore[misc]
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        trouble = "truncated" if isinstance(error, EOFError) else "unreadable"
        raise UnreadableSource(
            trouble,  # type: ignore[arg-type]
            name,
            f"{name}: the gzip file {'is cut short' if trouble == 'truncated' else f'is damaged: {error}'}.",
            hint="Copy it again; nothing of it was loaded.",
        ) from error
    except OSError as error:
        raise UnreadableSource("unreadable", name, f"{name} cannot be read: {error.strerror or error}.") from error


def _lines(path: Path, name: str, encoding: str) -> Iterator[str]:
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise UnreadableSource(
            "wrong_encoding", name, f"There is no encoding {encoding!r}.", hint="For instance utf-8 or gb18030."
        ) from None
    with opened(path, name) as file:
        try:
            yield from io.TextIOWrapper(file, encoding=encoding, newline="")
        except UnicodeError as error:
            raise _wrong_encoding(path, name, encoding) from error


def _wrong_encoding(path: Path, name: str, encoding: str) -> UnreadableSource:
    byte, line, reason = _first_undecodable(path, name, encoding) or (0, 1, "")
    fitting = next((e for e in _LIKELY if e != encoding and _fits(path, name, e)), None)
    hint = f"It can be read as {fitting}: say `encoding: {fitting}`." if fitting else "Say its `encoding`."
    told = "utf-8" if encoding == DEFAULT_ENCODING else encoding
    return UnreadableSource(
        "wrong_encoding",
        name,
        f"{name} is not {told}: in line {line}, byte {byte} of the file cannot be decoded ({reason}).",
        hint=hint,
    )


def _fits(path: Path, name: str, encoding: str) -> bool:
    """Whether a file is text in this encoding: one of two bytes a character begins with a mark, others have no zero."""
    with opened(path, name) as file:
        start = file.read(1 << 16)
    wide = encoding == "utf-16"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) != wide or (b"\0" in start and not wide):
        return False
    return _first_undecodable(path, name, encoding) is None


def _first_undecodable(path: Path, name: str, encoding: str) -> tuple[int, int, str] | None:
    """Byte offset (in the unpacked file), line and reason of the first error, or None."""
    decoder = codecs.getincrementaldecoder(encoding)()
    done, line, before = 0, 1, b""
    with opened(path, name) as file:
        while True:
            block = file.read(1 << 20)
            held = len(decoder.getstate()[0])
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                at = error.start - held
                return (
                    done + at,
                    line + (block[:at].count(b"\n") if at > 0 else -before[at:].count(b"\n")),
                    error.reason,
                )
            except UnicodeError as error:
                return done, line, str(error)
            if not block:
                return None
            done += len(block)
            line += block.count(b"\n")
            before = block[-8:]


class _Lines:
    """Splits lines into records, and steps back over a quotation mark that is never closed."""

    def __init__(self, lines: Iterator[str], delimiter: str) -> None:
        self._lines = lines
        self._delimiter = delimiter
        self._pending: list[str] = []
        self.line = 0

    def _feed(self) -> Iterator[str]:
        for line in self._lines:
            self._pending.append(line)
            yield line

    def records(self) -> Iterator[tuple[int, str, list[str] | None]]:
        """Yield (line number, raw text, fields); fields are None where the first line of the text cannot be split."""
        reader = csv.reader(self._feed(), delimiter=self._delimiter, strict=True)
        while True:
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error:
                broken, *rest = self._pending
                # The lines after it may be good: they are read again, each by itself.
                self._lines = chain(rest, self._lines)
                self._pending = []
                reader = csv.reader(self._feed(), delimiter=self._delimiter, strict=True)
                self.line += 1
                yield self.line, broken, None
                continue
            start, raw = self.line + 1, self._pending
            self.line += len(raw)
            self._pending = []
            yield start, raw[0] if len(raw) == 1 else "".join(raw), fields


def _checked(source: _Lines, width: int) -> Iterator[tuple[int, BadRow | Sequence[str]]]:
    number = 0
    for line, raw, fields in source.records():
        if fields is not None and not fields:
            continue  # a blank line
        number += 1
        if fields is not None and len(fields) == width:
            yield number, fields
            continue
        cut = not raw.endswith(("\n", "\r")) and (fields is None or len(fields) < width)
        if fields is None:
            reason, seen = "truncated" if cut else "unclosed_quote", f"line {line}"
        else:
            reason = "truncated" if cut else "wrong_field_count"
            seen = f"line {line}: {len(fields)} fields, the header has {width}"
        yield number, BadRow(number, reason, seen, raw.rstrip("\r\n"))


def _batches(
    rows: Iterator[tuple[int, BadRow | Sequence[str | None]]], header: Sequence[str], null_values: Sequence[str]
) -> Iterator[Batch]:
    schema = pa.schema([(column, pa.string()) for column in header])
    nulls = pa.array([v for v in null_values if v], pa.string())
    clean = _nulling(nulls, "" in null_values)
    good: list[Sequence[str | None]] = []
    numbers: list[int] = []
    bad: list[BadRow] = []

    def batch() -> Batch:
        columns = list(zip(*good, strict=True)) or [()] * len(header)
        arrays = [clean(pa.array(column, pa.string())) for column in columns]
        return Batch(pa.RecordBatch.from_arrays(arrays, schema=schema), pa.array(numbers, pa.int64()), tuple(bad))

    for number, row in rows:
        if isinstance(row, BadRow):
            bad.append(row)
        else:
            good.append(row)
            numbers.append(number)
        if len(good) + len(bad) >= ROWS_PER_BATCH:
            yield batch()
            good, numbers, bad = [], [], []
    if good or bad:
        yield batch()


def _nulling(nulls: pa.Array, blank: bool) -> Callable[[pa.Array], pa.Array]:
    def clean(values: pa.Array) -> pa.Array:
        mask = pc.is_in(values, value_set=nulls)
        if blank:
            mask = pc.or_(mask, pc.fill_null(pc.equal(pc.utf8_trim_whitespace(values), ""), True))
        return pc.if_else(mask, pa.scalar(None, pa.string()), values) if pc.any(mask).as_py() else values

    return clean


def _object(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line, parse_float=str, parse_int=str) if line.strip() else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _json_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False)
