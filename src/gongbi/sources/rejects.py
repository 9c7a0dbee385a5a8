"""Rows that were set aside: writing them down, giving them out for repair, and taking them back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from gongbi.catalog.tables import REJECTS
from gongbi.core.table import Column, Table
from gongbi.core.types import INTEGER
from gongbi.engine.base import Engine
from gongbi.errors import InvalidInput, NotYet
from gongbi.sources.base import BadRow
from gongbi.sources.casts import is_too_large
from gongbi.sources.plan import RowPlan
from gongbi.sources.readers import Piece, cell_text
from gongbi.sources.shape import positions_of, raw_json

SCHEMA = pa.schema(
    [
        ("_load", pa.int64()),
        ("_row", pa.int64()),
        ("source", pa.string()),
        ("path", pa.string()),
        ("reason", pa.string()),
        ("column", pa.string()),
        ("value", pa.string()),
        ("raw", pa.string()),
        ("repaired_by", pa.int64()),
    ]
)
#: Columns that an exported file of rejects has before the raw ones.
EXPORTED = ("_load", "_row", "_reason", "_column", "_value")
_REPAIRED = Table("working_repaired", (Column("__load", INTEGER), Column("__row", INTEGER)), grain="one row per reject")


def set_aside(engine: Engine, rows: Sequence[Mapping[str, Any]], *, load: int, source: str, path: str) -> None:
    """Write rejected rows of a load: each has `_row`, `reason`, `column`, `value` and `raw`."""
    if rows:
        common = {"_load": load, "source": source, "path": path, "repaired_by": None}
        engine.append(REJECTS.name, pa.Table.from_pylist([{**common, **row} for row in rows], schema=SCHEMA))


def unreadable(bad: Iterable[BadRow]) -> list[dict[str, Any]]:
    """Rejects of rows that could not be split into columns."""
    return [{"_row": b.row, "reason": b.reason, "column": None, "value": b.value, "raw": b.raw} for b in bad]


def failing(plan: RowPlan, failed: pa.Table, rows: pa.Table, numbers: pa.Array) -> list[dict[str, Any]]:
    """Rejects of rows that fail a check; `failed` is the answer of `plan.bad()`."""
    wanted = failed.column("__row").to_pylist()
    positions = positions_of(numbers, wanted)
    texts = raw_json(rows, positions)
    found = []
    for row, number, position, text in zip(wanted, failed.column("__check").to_pylist(), positions, texts, strict=True):
        check = plan.checks[number]
        has = check.column in rows.column_names
        value = cell_text(rows.column(check.column)[position].as_py()) if has else None
        large = check.type is not None and is_too_large(value, check.type)
        reason = "too_large" if large else check.reason
        found.append({"_row": row, "reason": reason, "column": check.column, "value": value, "raw": text})
    return found


def same_key(piece: Piece, key: Sequence[str], wanted: Sequence[int]) -> list[dict[str, Any]]:
    """Rejects of rows whose key came before in the file; they are read from it again."""
    found = []
    for batch in piece.open().batches:
        positions = positions_of(batch.numbers, wanted)
        if not positions:
            continue
        rows = pa.Table.from_batches([batch.rows])
        for position, text in zip(positions, raw_json(rows, positions), strict=True):
            values = [cell_text(rows.column(name)[position].as_py()) for name in key]
            found.append(
                {
                    "_row": batch.numbers[position].as_py(),
                    "reason": "duplicate_key",
                    "column": ", ".join(key),
                    "value": ", ".join(value or "" for value in values),
                    "raw": text,
                }
            )
    return found


def rejected_rows(engine: Engine, load: int, *, repaired: bool = False) -> pa.Table:
    """Rejected rows of a load in the order of the file; with `repaired`, also those that came again."""
    ident = engine.dialect.ident
    where = "" if repaired else " and repaired_by is null"
    return engine.query(
        f"select * from {REJECTS.name} where {ident('_load')} = {int(load)}{where} order by {ident('_row')}"
    )


def export_rejects(engine: Engine, load: int, to: Path) -> int:
    """Write a load's rejects as CSV for repair; return how many.

    The first columns say which row it was and why it was set aside; the raw columns follow. A line that could not be
    split has its text in `_raw`. `load_repaired` takes the file back when it is mended; the first columns may stay.
    """
    rows = rejected_rows(engine, load).to_pylist()
    if not rows:
        raise NotYet(f"Load {load} has no rejected rows that wait for repair.")
    parsed = [_parsed(row["raw"]) for row in rows]
    names = dict.fromkeys(name for row in parsed for name in row)
    partial = to.with_name(f".{to.name}.partial")
    with partial.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*EXPORTED, *names])
        for row, raw in zip(rows, parsed, strict=True):
            head = [row["_load"], row["_row"], row["reason"], row["column"], row["value"]]
            writer.writerow([*head, *(raw.get(name) for name in names)])
    partial.replace(to)
    return len(rows)


def edited_rows(engine: Engine, path: Path, *, also: str | None = None) -> bytes | None:
    """Return a file of mended rejects without the rows that nobody edited, as UTF-8; None where none is left.

    A row that comes back as it was rejected stays rejected: loading it would put it in the place of the good row of
    its key. Rows without the first columns that `export_rejects` wrote are taken as they are.

    Parameters
    ----------
    also
        Encoding to try where the file is not UTF-8, as a spreadsheet may have saved it.
    """
    body = path.read_bytes()
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        try:
            text = body.decode(also or "gb18030")
        except (UnicodeDecodeError, LookupError):
            raise InvalidInput(f"{path.name!r} is not UTF-8.", hint="Save it as CSV UTF-8.") from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    names = list(reader.fieldnames or ())
    if not {"_load", "_row"} <= set(names):
        return body
    found = list(reader)
    loads = sorted({int(row["_load"]) for row in found if str(row["_load"] or "").isdigit()})
    raw = {
        (r["_load"], r["_row"]): _parsed(r["raw"]) for load in loads for r in rejected_rows(engine, load).to_pylist()
    }
    kept = [row for row in found if not _same(row, raw)]
    if not kept:
        return None
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, names, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(kept)
    return out.getvalue().encode("utf-8")


def _same(row: Mapping[str, Any], raw: Mapping[tuple[int, int], Mapping[str, Any]]) -> bool:
    try:
        before = raw[int(row["_load"]), int(row["_row"])]
    except (KeyError, ValueError, TypeError):
        return False
    return all(str(row.get(name) or "") == str("" if value is None else value) for name, value in before.items())


def _parsed(raw: str) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"_raw": raw}


def mark_repaired(engine: Engine, piece: Piece, load: int) -> int:
    """Mark the rejects that a load of repaired rows brought again; return how many."""
    if not {"_load", "_row"} <= set(piece.open().schema.names):
        return 0
    ident = engine.dialect.ident
    again = set(
        engine.query(f"select {ident('_row')} as n from {REJECTS.name} where {ident('_load')} = {load}")[
            "n"
        ].to_pylist()
    )
    pairs = []
    for batch in piece.open().batches:
        table = pa.Table.from_batches([batch.rows])
        columns = (batch.numbers.to_pylist(), table.column("_load").to_pylist(), table.column("_row").to_pylist())
        pairs += [
            {"__load": int(of), "__row": int(row)}
            for number, of, row in zip(*columns, strict=True)
            if number not in again and str(of).isdigit() and str(row).isdigit()
        ]
    schema = pa.schema([("__load", pa.int64()), ("__row", pa.int64())])
    engine.create(_REPAIRED, replace=True)
    engine.append(_REPAIRED.name, pa.Table.from_pylist(pairs, schema=schema))
    where = f"exists (select 1 from {_REPAIRED.name} where __load = {ident('_load')} and __row = {ident('_row')})"
    count = _remark(engine, f"{where} and repaired_by is null", load)
    engine.drop(_REPAIRED.name)
    return count


def unmark_repaired(engine: Engine, load: int) -> None:
    """The load that repaired rows is gone: they wait for repair again. Its own rejects go with it."""
    engine.delete(REJECTS.name, f"{engine.dialect.ident('_load')} = {load}")
    _remark(engine, f"repaired_by = {load}", None)


def move_repaired(engine: Engine, old: int, new: int) -> None:
    """A load was read again under another id: its rejects are there anew, and what it repaired is repaired still."""
    ident = engine.dialect.ident
    mine = f"{ident('_load')} = {old}"
    repaired = engine.query(f"select {ident('_row')} as n, repaired_by from {REJECTS.name} where {mine}").to_pylist()
    engine.delete(REJECTS.name, mine)
    for by in sorted({row["repaired_by"] for row in repaired if row["repaired_by"] is not None}):
        rows = ", ".join(str(row["n"]) for row in repaired if row["repaired_by"] == by)
        _remark(engine, f"{ident('_load')} = {new} and {ident('_row')} in ({rows})", by)
    _remark(engine, f"repaired_by = {old}", new)


def _remark(engine: Engine, where: str, load: int | None) -> int:
    rows = engine.query(f"select * from {REJECTS.name} where {where}")
    if rows.num_rows:
        engine.delete(REJECTS.name, where)
        changed = rows.set_column(
            rows.schema.get_field_index("repaired_by"), "repaired_by", pa.array([load] * rows.num_rows, pa.int64())
        )
        engine.append(REJECTS.name, changed)
    return int(rows.num_rows)
