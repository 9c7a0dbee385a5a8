"""Write result tables to files that people open."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from pyarrow import csv, parquet

from gongbi.errors import EngineFailure, InvalidInput, Refused
from gongbi.ownership.files import defused, written
from gongbi.services.context import Context

FORMATS = (".csv", ".xlsx", ".parquet")
#: Rows of one Excel sheet, its header aside.
EXCEL_ROWS = 1_048_575


def check_writable(path: Path, formats: Sequence[str] = FORMATS, *, overwrite: bool = False) -> None:
    """Refuse a file before the work for it is done; one that is there too, unless it may be overwritten."""
    if formats and path.suffix.lower() not in formats:
        raise InvalidInput(f"{path.name!r} has no known format.", hint=f"End it in {', '.join(formats)}.")
    try:
        in_folder, is_folder, there = path.parent.is_dir(), path.is_dir(), path.exists()
    except OSError as error:  # Such as a name that is too long.
        raise EngineFailure(f"{path} cannot be written: {error.strerror or error}.") from error
    if not in_folder:
        raise InvalidInput(f"There is no folder {str(path.parent)!r}.")
    if is_folder:
        raise InvalidInput(f"{str(path)!r} is a folder.", hint="Give the name of a file in it.")
    if there and not overwrite:
        raise Refused(
            f"{str(path)!r} exists already.", hint="Give another name, or --overwrite (in Python overwrite=True)."
        )


def write_table(table: pa.Table, path: Path, *, zone: str, overwrite: bool = False) -> None:
    """Write a table as CSV (UTF-8 with a mark, so that Excel shows Chinese), Excel or Parquet, whole or not at all.

    Instants are in UTC in files that programs read, and in the `zone` in those of Excel, which has none of its own.
    """
    suffix = path.suffix.lower()
    check_writable(path, overwrite=overwrite)
    with written(path) as partial:
        if suffix == ".parquet":
            parquet.write_table(table, partial, compression="zstd")
        elif suffix == ".csv":
            with partial.open("wb") as file:
                file.write(b"\xef\xbb\xbf")
                csv.write_csv(_defused(table), file)
        else:
            write_book({"members": table}, partial, zone=zone)


def hand_out(
    ctx: Context,
    table: pa.Table,
    path: Path,
    *,
    expression: str,
    as_of: datetime,
    segment: str | None = None,
    build_ids: Sequence[int] = (),
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write a list of members to a file and put that on record.

    Parameters
    ----------
    expression
        What the record says of who is in the list.

    Returns
    -------
    dict
        ``path``, ``rows``, ``columns``, ``sha256``, ``export`` (its number on record).
    """
    ctx.progress("write", 0, table.num_rows)
    write_table(table, path, zone=ctx.zone, overwrite=overwrite)
    return put_on_record(
        ctx,
        path,
        rows=table.num_rows,
        columns=table.column_names,
        expression=expression,
        as_of=as_of,
        segment=segment,
        build_ids=build_ids,
    )


def put_on_record(
    ctx: Context,
    path: Path,
    *,
    rows: int,
    columns: Sequence[str],
    expression: str,
    as_of: datetime,
    segment: str | None = None,
    build_ids: Sequence[int] = (),
) -> dict[str, Any]:
    """Put a file that was handed out on record; returns what `hand_out` does."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    record = ctx.store.exports.record(
        actor=ctx.actor,
        columns=columns,
        rows=rows,
        format=path.suffix.lower().removeprefix("."),
        path=str(path.resolve()),
        sha256=digest,
        build_ids=build_ids,
        as_of=as_of,
        now=ctx.now(),
        segment=segment,
        expression=expression,
    )
    ctx.store.audit.append(actor=ctx.actor, action="export", object=expression, now=ctx.now(), details={"rows": rows})
    return {
        "path": str(path.resolve()),
        "rows": rows,
        "columns": list(columns),
        "sha256": digest,
        "export": record.id,
    }


def _defused(table: pa.Table) -> pa.Table:
    """Texts that a spreadsheet would run as formulas get an apostrophe before them."""
    for i, field in enumerate(table.schema):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            values = [None if v is None else defused(v) for v in table.column(i).to_pylist()]
            table = table.set_column(i, field.name, pa.array(values, pa.string()))
        elif pa.types.is_list(field.type):
            joined = [None if v is None else defused(_joined(v)) for v in table.column(i).to_pylist()]
            table = table.set_column(i, field.name, pa.array(joined, pa.string()))
    return table


def _joined(values: Sequence[Any]) -> str:
    """A list in one cell; of a distribution, each value with its share."""
    return "|".join(f"{v['value']} {v['share']:.6g}" if isinstance(v, dict) else str(v) for v in values)


def write_book(sheets: Mapping[str, pa.Table], path: Path, *, zone: str) -> None:
    """Write an Excel file of one table a sheet; names of sheets as Excel allows them (`sheet_names`).

    Instants are in the zone, an IANA name, which stands beside each.
    """
    import xlsxwriter

    most = max((table.num_rows for table in sheets.values()), default=0)
    if most > EXCEL_ROWS:
        raise InvalidInput(
            f"An Excel sheet holds {EXCEL_ROWS:,} rows; this list has {most:,}.", hint="Write .csv or .parquet."
        )
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        for name, table in sheets.items():
            _write_sheet(book, name, table, zone)


def sheet_names(names: Sequence[str]) -> list[str]:
    """Names as sheets can have them: 1 to 31 letters without brackets and slashes, different not only in case."""
    taken: set[str] = set()
    found: list[str] = []
    for name in names:
        plain = "".join("_" if letter in "[]:*?/\\" else letter for letter in name).strip("' ")[:31] or "_"
        given, n = plain, 2
        while given.casefold() in taken:
            given = f"{plain[:27]} ({n})"
            n += 1
        taken.add(given.casefold())
        found.append(given)
    return found


def _has_digits(type_: pa.DataType) -> bool:
    return bool(pa.types.is_floating(type_) or pa.types.is_decimal(type_))


def _write_sheet(book: Any, name: str, table: pa.Table, zone: str) -> None:
    sheet = book.add_worksheet(name)
    head = book.add_format({"bold": True})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    instant = book.add_format({"num_format": f'yyyy-mm-dd hh:mm:ss "{zone}"'})
    for j, column in enumerate(table.column_names):
        sheet.write_string(0, j, column, head)
    # Thousands apart from a thousand on; a share or a score keeps its digits.
    large = book.add_format({"num_format": "[>=1000]#,##0.00;[<=-1000]-#,##0.00;General"})
    formats = [day if pa.types.is_date(f.type) else large if _has_digits(f.type) else None for f in table.schema]
    for j, column in enumerate(table.column_names):
        sheet.set_column(j, j, min(max(12, 2 + sum(1 + (letter > "\u2e7f") for letter in column)), 40))
    at = 1
    for batch in table.to_batches():
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            for j, value in enumerate(row):
                if isinstance(value, list):
                    sheet.write_string(at, j, _joined(value))
                elif isinstance(value, datetime):
                    moment = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
                    sheet.write_datetime(at, j, moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None), instant)
                elif value is not None:
                    sheet.write(at, j, float(value) if isinstance(value, Decimal) else value, formats[j])
            at += 1
    sheet.freeze_panes(1, 1)
    sheet.autofilter(0, 0, max(at - 1, 1), max(table.num_columns - 1, 0))
