"""Every format gives the same rows."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import sqlite3
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from gongbi.catalog.base import Origin
from gongbi.sources.base import UnreadableSource
from gongbi.sources.readers import find

ROWS = [("1", "茶, 绿", "2.5"), ("2", 'say "hi"\nthere', None), ("3", "米", "10")]
NAMES = ("id", "name", "price")


def read(origin: Origin, root: Path) -> tuple[list[str], list[tuple[Any, ...]], list[int]]:
    with ExitStack() as resources:
        (piece,) = find(origin, root, resources)
        stream = piece.open()
        rows: list[tuple[Any, ...]] = []
        numbers: list[int] = []
        for batch in stream.batches:
            rows += [tuple(row.values()) for row in batch.rows.to_pylist()]
            numbers += batch.numbers.to_pylist()
        return stream.schema.names, rows, numbers


def quoted(value: str | None) -> str:
    return "" if value is None else '"' + value.replace('"', '""') + '"'


def csv_text(delimiter: str = ",") -> str:
    return "".join(delimiter.join(map(quoted, row)) + "\r\n" for row in (NAMES, *ROWS))


def test_csv_tsv_gzip_and_encodings(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(csv_text().encode("utf-8-sig"))
    (tmp_path / "a.tsv").write_bytes(csv_text("\t").encode("gb18030"))
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(csv_text().encode()))
    for origin in (Origin(file="a.csv"), Origin(file="a.tsv", encoding="gb18030"), Origin(file="b.csv.gz")):
        assert read(origin, tmp_path) == (list(NAMES), ROWS, [1, 2, 3])


def test_json_lines(tmp_path: Path) -> None:
    lines = [
        {"id": 1, "name": "茶, 绿", "price": 2.5},
        {"id": "2", "name": 'say "hi"\nthere'},
        {"id": 3, "name": "米", "price": 10},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    assert read(Origin(file="a.jsonl"), tmp_path) == (list(NAMES), ROWS, [1, 2, 3])


def test_workbooks(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as book:
        sheet = book.add_worksheet("数据")
        for i, row in enumerate([NAMES, (1, "茶, 绿", 2.5), (2, 'say "hi"\nthere', None), (3, "米", 10)]):
            sheet.write_row(i, 0, row)
        sheet.write_datetime(
            1, 2, dt.datetime.fromisoformat("2024-01-02"), book.add_format({"num_format": "yyyy-mm-dd"})
        )
    names, rows, numbers = read(Origin(file="a.xlsx", sheet="数据"), tmp_path)
    assert (names, numbers) == (list(NAMES), [1, 2, 3])
    assert rows[0][2].startswith("2024-01-02")
    assert rows[1:] == ROWS[1:]
    with pytest.raises(UnreadableSource, match="no sheet 'x'"):
        read(Origin(file="a.xlsx", sheet="x"), tmp_path)


def test_databases_tell_the_same_content_in_any_order(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("create table goods (id integer, name text, price real)")
        connection.executemany("insert into goods values (?, ?, ?)", ROWS)
    url = f"sqlite:///{tmp_path / 'a.db'}"
    assert read(Origin(database=url, query="goods"), tmp_path) == (list(NAMES), ROWS, [1, 2, 3])
    with ExitStack() as resources:
        (up,) = find(Origin(database=url, query="select * from goods order by id"), tmp_path, resources)
        (down,) = find(Origin(database=url, query="select * from goods order by id desc"), tmp_path, resources)
        assert up.digest() == down.digest()
    with pytest.raises(UnreadableSource, match="no such table"):
        read(Origin(database=url, query="no_goods"), tmp_path)


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [1, 2], "at": pa.array([1, 2], pa.timestamp("ms", "UTC"))}), tmp_path / "a.parquet")
    names, rows, _ = read(Origin(file="a.parquet"), tmp_path)
    assert names == ["id", "at"]
    assert rows[0][0] == 1


def test_a_glob_gives_one_piece_for_each_file(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "c.txt"):
        (tmp_path / name).write_text(csv_text())
    with ExitStack() as resources:
        assert [piece.path for piece in find(Origin(file="*.csv"), tmp_path, resources)] == ["a.csv", "b.csv"]


@pytest.mark.parametrize(
    ("origin", "message"),
    [
        (Origin(package="no_such_package", table="x"), "not installed"),
        (Origin(package="gongbi", table="x"), "no table 'x'"),
        (Origin(file="none*.csv"), "no file"),
        (Origin(database="sqlite:///${NO_SUCH_SECRET}", query="x"), "NO_SUCH_SECRET"),
    ],
)
def test_what_is_not_there_is_named(tmp_path: Path, origin: Origin, message: str) -> None:
    with pytest.raises(UnreadableSource, match=message):
        read(origin, tmp_path)


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,ID\n1,2\n")
    with pytest.raises(UnreadableSource, match="two columns"):
        read(Origin(file="a.csv"), tmp_path)


def test_an_open_quotation_mark_costs_its_line_only(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('id,name\n1,"open\n2,b\n3,c\n')
    with ExitStack() as resources:
        (piece,) = find(Origin(file="a.csv"), tmp_path, resources)
        batches = list(piece.open().batches)
    assert [row for batch in batches for row in batch.rows.column("id").to_pylist()] == ["2", "3"]
    assert [(bad.row, bad.reason) for batch in batches for bad in batch.bad] == [(1, "unclosed_quote")]
