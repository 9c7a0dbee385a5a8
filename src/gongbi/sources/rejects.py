"""Rows that were set aside: writing them down, giving them out for repair, and taking them back."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from gongbi.catalog.tables import REJECTS
from gongbi.core.casts import is_too_large
from gongbi.core.table import Column, Table
from gongbi.core.types import INTEGER
from gongbi.engine.base import Engine
from gongbi.errors import InvalidInput, NotYet
from gongbi.ownership.files import as_it_was, defused, written
from gongbi.sources.base import BadRow
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
#: As many digits as every 64-bit integer may have.
_DIGITS = 18
_SETTLED = Table("working_settled", (Column("__row", INTEGER),), grain="one row per reject")

#: A row of a load of repaired rows and the reject that it stands for: its row number there; path and digest of the
#: content of the reject, and under which load and row it was repaired.
Mend = tuple[int, str, str, int, int]


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
    chosen, values = pa.array(positions, pa.int64()), dict[str, list[Any]]()
    for i, (row, number, text) in enumerate(zip(wanted, failed.column("__check").to_pylist(), texts, strict=True)):
        check = plan.checks[number]
        if check.column not in values:
            has = check.column in rows.column_names
            # Column by column: one value at a time takes most of the time where many rows are rejected.
            values[check.column] = rows.column(check.column).take(chosen).to_pylist() if has else [None] * len(wanted)
        value = cell_text(values[check.column][i])
        large = check.type is not None and is_too_large(value, check.type)
        reason = "too_large" if large else check.reason
        found.append({"_row": row, "reason": reason, "column": check.column, "value": value, "raw": text})
    return found


def computed(rows: pa.Table, numbers: pa.Array, column: str) -> list[dict[str, Any]]:
    """Rejects of rows in which a computed column is too large."""
    texts = raw_json(rows, range(rows.num_rows))
    common = {"reason": "too_large", "column": column, "value": None}
    return [{"_row": n, **common, "raw": text} for n, text in zip(numbers.to_pylist(), texts, strict=True)]


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


def rejected_rows(engine: Engine, load: int, *, settled: bool = False) -> pa.Table:
    """Rejected rows of a load in the order of the file; with `settled`, also those that wait no more."""
    ident = engine.dialect.ident
    # A row that was repaired in vain is to be seen in the load that tried it, too.
    where = "" if settled else f" and (repaired_by is null or repaired_by = {ident('_load')})"
    return engine.query(
        f"select * from {REJECTS.name} where {ident('_load')} = {int(load)}{where} order by {ident('_row')}"
    )


def export_rejects(engine: Engine, load: int, to: Path) -> tuple[int, list[str]]:
    """Write a load's rejects as CSV for repair; return how many, and the columns.

    The first columns say which row it was and why it was set aside; the raw columns follow. A line that could not be
    split has its text in `_raw`. `load_repaired` takes the file back when it is mended; the first columns may stay.
    What a spreadsheet would run as a formula gets an apostrophe before it, which `edited_rows` takes off again:
    outsiders wrote it.
    """
    rows = rejected_rows(engine, load).to_pylist()
    if not rows:
        raise NotYet(f"Load {load} has no rejected rows that wait for repair.")
    parsed = [_parsed(row["raw"]) for row in rows]
    names = list(dict.fromkeys(name for row in parsed for name in row if name not in EXPORTED))
    with written(to) as partial, partial.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(map(_cell, [*EXPORTED, *names]))
        for row, raw in zip(rows, parsed, strict=True):
            head = [*_named(row), row["reason"], row["column"], row["value"]]
            writer.writerow(map(_cell, [*head, *(raw.get(name) for name in names)]))
    return len(rows), [*EXPORTED, *names]


def _cell(value: Any) -> Any:
    return defused(value) if isinstance(value, str) else value


def edited_rows(engine: Engine, load: int, path: Path, *, also: str | None = None) -> bytes | None:
    """Return a file of a load's mended rejects without the rows that nobody edited, as UTF-8; None where none is left.

    A row that comes back as it was rejected stays rejected: loading it would put it in the place of the good row of
    its key.

    Parameters
    ----------
    also
        Encoding to try where the file is not UTF-8, as a spreadsheet may have saved it.

    Raises
    ------
    InvalidInput
        The file cannot be read, lacks the columns ``_load`` and ``_row`` that `export_rejects` wrote, or has a row that
        names no rejected row of the load: a repair takes no other rows in.
    """
    try:
        body = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}.") from error
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        try:
            text = body.decode(also or "gb18030")
        except (UnicodeDecodeError, LookupError):
            raise InvalidInput(f"{path.name!r} is not UTF-8.", hint="Save it as CSV UTF-8.") from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    names = [as_it_was(name) for name in reader.fieldnames or ()]
    if not {"_load", "_row"} <= set(names):
        raise InvalidInput(
            f"{path.name!r} has no columns '_load' and '_row', so it cannot be told which rejected rows it mends.",
            hint=f"Write one with `gongbi sources rejects {load} --to FILE` and keep these columns.",
        )
    reader.fieldnames = names
    found = [(reader.line_num, {name: _undone(value) for name, value in row.items()}) for row in reader]
    rejects = {_named(r): r for r in rejected_rows(engine, load, settled=True).to_pylist()}
    kept = []
    for line, row in found:
        before = _before(row, rejects)
        if before is None:
            raise InvalidInput(
                f"{path.name}, line {line}: load {row['_load'] or '?'}, row {row['_row'] or '?'} is no rejected row of"
                f" load {load}.",
                hint="Keep the columns '_load' and '_row' as they were written, and repair the load that they name.",
            )
        if not _same(row, _parsed(before["raw"])):
            kept.append(row)
        else:
            _check_explanation(f"{path.name}, line {line}", row, before)
    if not kept:
        return None
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, names, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(kept)
    return out.getvalue().encode("utf-8")


def _undone(value: Any) -> Any:
    # Cells that have no column are a list, and columns that have no cell are None.
    return as_it_was(value) if isinstance(value, str) else value


def _number(value: Any) -> int | None:
    """The number of a load or a row as a person may have left it; None for anything else, such as ``²``."""
    text = str(value).strip()
    return int(text) if text.isdecimal() and len(text) <= _DIGITS else None


def _before(row: Mapping[str, Any], rejects: Mapping[tuple[int, int], Mapping[str, Any]]) -> Mapping[str, Any] | None:
    of, number = _number(row["_load"]), _number(row["_row"])
    return rejects.get((of, number)) if of is not None and number is not None else None


def _named(reject: Mapping[str, Any]) -> tuple[int, int]:
    """The load and row of a reject; one that was repaired in vain is still the one that was first rejected."""
    raw = _parsed(reject["raw"])
    of, number = _number(raw.get("_load")), _number(raw.get("_row"))
    return (of, number) if of is not None and number is not None else (reject["_load"], reject["_row"])


def _same(row: Mapping[str, Any], raw: Mapping[str, Any]) -> bool:
    return all(str(row.get(name) or "") == str("" if value is None else value) for name, value in raw.items())


def _check_explanation(where: str, row: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """Refuse a row whose explanation was edited and whose values were not: who did that meant the values."""
    for name, of in (("_value", "value"), ("_column", "column"), ("_reason", "reason")):
        if name in row and str(row[name] or "") != str(before[of] or ""):
            raw = _parsed(before["raw"])
            faulty = [column for column in str(before["column"] or "").split(", ") if column in raw]
            hint = f"Mend the column {', '.join(map(repr, faulty))}." if faulty else "Mend the columns after it."
            raise InvalidInput(
                f"{where}: the column {name!r} only explains why the row was rejected; what is written there is not"
                " loaded.",
                hint=hint,
            )


def _parsed(raw: str) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"_raw": raw}


def mends(engine: Engine, piece: Piece, before: Iterable[Mend] = ()) -> list[Mend]:
    """Say which rejected row each row of a file of mended rejects stands for; rows without the first columns for none.

    The rejected row is known by its path and its content, not by its load: a file that is loaded again has the same
    rows under another number. Of a load that is gone, what `before` says is still known: what earlier loads of repaired
    rows stood for.
    """
    if not {"_load", "_row"} <= set(piece.open().schema.names):
        return []
    named: list[tuple[int, int, int]] = []
    for batch in piece.open().batches:
        columns = [batch.numbers, batch.rows.column("_load"), batch.rows.column("_row")]
        listed = zip(*(column.to_pylist() for column in columns), strict=True)
        numbers = ((n, _number(of), _number(row)) for n, of, row in listed)
        named += [(n, of, row) for n, of, row in numbers if of is not None and row is not None]
    known = {(of, row): (path, digest) for _, path, digest, of, row in before}
    known |= {
        (of, row["_row"]): (row["path"], _digest(row["raw"]))
        for of in sorted({of for _, of, _ in named})
        for row in rejected_rows(engine, of, settled=True).to_pylist()
    }
    return [(number, *known[of, row], of, row) for number, of, row in named if (of, row) in known]


def forget(engine: Engine, load: int) -> None:
    """A load is gone, or was read again under another number: its rejects go with it."""
    engine.delete(REJECTS.name, f"{engine.dialect.ident('_load')} = {load}")


def settle(engine: Engine, source: str, replaced: Mapping[int, int], mended: Mapping[int, Sequence[Mend]]) -> None:
    """Say of every reject of a source which load settled it, or that it waits. Called after every load and undo.

    It follows from the loads alone, in whatever order they came and went. A row waits unless its load was replaced; or
    a load of repaired rows that is in has mended it, which is then true of the same row of the same path whenever that
    is loaded again. A row that was repaired in vain waits where it was first rejected, and not once more in the load of
    repaired rows.

    Parameters
    ----------
    replaced
        Loads that were replaced → by which.
    mended
        Loads of repaired rows that are in → what they stand for.
    """
    ident, literal = engine.dialect.ident, engine.dialect.literal
    mine, load = f"source = {literal(source)}", ident("_load")
    if not mended:
        rows = engine.query(f"select distinct {load} as of, repaired_by from {REJECTS.name} where {mine}").to_pylist()
        for row in rows:
            if (by := replaced.get(row["of"])) != row["repaired_by"]:
                _remark(engine, f"{mine} and {load} = {row['of']}", None, by)
        return
    columns = f"{load} as of, {ident('_row')} as n, path, raw, repaired_by"
    rows = engine.query(f"select {columns} from {REJECTS.name} where {mine}").to_pylist()
    settled = _settled_by(rows, replaced, mended)
    changes: dict[tuple[int, int | None], list[int]] = {}
    for row in rows:
        by = replaced.get(row["of"], settled.get((row["of"], row["n"])))
        if by != row["repaired_by"]:
            changes.setdefault((row["of"], by), []).append(row["n"])
    for (of, by), numbers in changes.items():
        _remark(engine, f"{mine} and {load} = {of}", numbers, by)


def _settled_by(
    rows: Sequence[Mapping[str, Any]], replaced: Mapping[int, int], mended: Mapping[int, Sequence[Mend]]
) -> dict[tuple[int, int], int]:
    """Reject, by load and row → the load that has mended it, or its own where it was repaired in vain."""
    there = {(row["of"], row["n"]) for row in rows}
    found: dict[tuple[int, int], int] = {}
    # By the row that was repaired: the last repair of one counts.
    last: dict[tuple[int, int], tuple[str, str, int]] = {}
    for load in sorted(mended):
        for number, path, digest, of, row in mended[load]:
            if (load, number) in there:
                found[load, number] = load
            else:
                last[of, row] = (path, digest, load)
    waiting: dict[tuple[str, str], list[int]] = {}
    for path, digest, load in last.values():
        waiting.setdefault((path, digest), []).append(load)
    for reject in sorted(rows, key=lambda r: (r["of"], r["n"])):
        if reject["of"] in mended or reject["of"] in replaced:
            continue
        if loads := waiting.get((reject["path"], _digest(reject["raw"]))):
            found[reject["of"], reject["n"]] = loads.pop()
    return found


def _digest(raw: str) -> str:
    return hashlib.sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()


def _remark(engine: Engine, where: str, numbers: Sequence[int] | None, by: int | None) -> None:
    """Note which load settled rejects: all of a load, or those of these row numbers."""
    ident = engine.dialect.ident
    if numbers is not None:
        schema = pa.schema([("__row", pa.int64())])
        engine.create(_SETTLED, replace=True)
        engine.append(_SETTLED.name, pa.table([pa.array(numbers, pa.int64())], schema=schema))
        where += f" and exists (select 1 from {_SETTLED.name} where __row = {ident('_row')})"
    rows = engine.query(f"select * from {REJECTS.name} where {where}")
    if rows.num_rows:
        engine.delete(REJECTS.name, where)
        position = rows.schema.get_field_index("repaired_by")
        changed = pa.array([by] * rows.num_rows, pa.int64())
        engine.append(REJECTS.name, rows.set_column(position, "repaired_by", changed))
    if numbers is not None:
        engine.drop(_SETTLED.name)


def repaired_by(engine: Engine, load: int) -> int:
    """How many rejects of other loads a load has settled."""
    where = f"repaired_by = {load} and {engine.dialect.ident('_load')} <> {load}"
    return int(engine.value(f"select count(*) as n from {REJECTS.name} where {where}"))


def counts(engine: Engine) -> dict[int, dict[str, int]]:
    """Load → how many of its rows were ``rejected``, are ``repaired``, and are ``remaining`` to be repaired.

    A row that was repaired in vain counts where it was first rejected. Of a load that was replaced nothing remains.
    """
    if REJECTS.name not in engine.tables():
        return {}
    load = engine.dialect.ident("_load")
    kinds = f"case when repaired_by is null then 1 when repaired_by = {load} then 0 else 2 end"
    rows = engine.query(f"select {load} as of, {kinds} as kind, count(*) as n from {REJECTS.name} group by 1, 2")
    found: dict[int, dict[str, int]] = {}
    for row in rows.to_pylist():
        told = found.setdefault(row["of"], {"rejected": 0, "repaired": 0, "remaining": 0})
        if row["kind"]:
            told["rejected"] += row["n"]
            told["remaining" if row["kind"] == 1 else "repaired"] += row["n"]
    return found
