"""Numbers that do not fit: rounded and counted, or refused with what and where; never changed in silence."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gongbi.catalog.yaml import read_text
from gongbi.errors import InvalidDefinition, SourceProblem
from gongbi.sources import rejects
from gongbi.sources.rounding import loses_digits

from .conftest import SALES, SUBJECTS, Shop, sale

AMOUNTS = """
source: amounts
from: {file: amounts.parquet}
fact: amount
key: [id]
time: {column: at, zone: UTC}
columns:
  id: integer
  value: {type: money, currency: CNY}
"""


def write(root: Path, values: pa.Array, ids: pa.Array | None = None) -> None:
    at = pa.array([0] * len(values), pa.timestamp("us"))
    ids = pa.array(range(len(values)), pa.int64()) if ids is None else ids
    pq.write_table(pa.table({"id": ids, "at": at, "value": values}), root / "amounts.parquet")


def test_amounts_with_more_digits_than_the_column_are_rounded_counted_and_told(shop: Shop) -> None:
    shop.write("sales.csv", [sale(1, amount="12.34567"), sale(2, amount="1.005"), sale(3, amount="7.1000")])
    load = shop.one()
    assert dict(load.rounded) == {"amount": 2}
    assert shop.rows("select amount from fact_sale order by receipt") == [
        (Decimal("12.35"),),
        (Decimal("1.01"),),
        (Decimal("7.10"),),
    ]
    shop.define(SALES.replace("currency: CNY,", "currency: CNY, scale: 5,"))
    load = shop.one()
    assert dict(load.rounded) == {}
    assert shop.rows("select amount from fact_sale where receipt = 1") == [(Decimal("12.34567"),)]


def test_a_rejected_row_was_not_rounded(shop: Shop) -> None:
    shop.write("sales.csv", [sale(1, amount="1.2345"), "2,1,never,7,1,1.2345,1,yes", "3,1,2024-03-01,7,1,v1.2345,1,no"])
    load = shop.one()
    assert (dict(load.rounded), dict(load.rejected)) == ({"amount": 1}, {"wrong_type": 2})


def test_a_raw_amount_that_only_an_expression_reads_counts_too(shop: Shop) -> None:
    shop.define(
        SALES.replace('{file: "sales*.csv"}', "{file: sales.csv, types: {amount: decimal}}").replace(
            "amount: {type: money, currency: CNY, required: true}", "twice: {expr: amount * 2, type: decimal}"
        )
    )
    shop.write("sales.csv", [sale(1, amount="0.126"), sale(2)])
    assert dict(shop.one().rounded) == {"amount": 1}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([3.4899999, 3.49, 0.1 + 0.2, 1e15, 123456789012.34, 1e300, None]), [False] * 7),
        (pa.array([3.485, 0.001, 99999.994, float("nan")]), [True, True, True, False]),
        # A narrow float of 1234.56 is 1234.56005859375.
        (pa.array(np.array([1234.56, 3.49, 0.125], np.float32)), [False, False, True]),
        (
            pa.array(["1.23", "1.230", "1.2300001", "1.2299999", "1.235", " 1.2301 ", "1e5", None]),
            [*[False] * 4, True, True, False, False],
        ),
        (
            pa.array(["8.881784e-16", "1.5e-1", "1.55e-1", "-1.2345E-02", "2.00e-2", None]),
            [*[False] * 2, *[True] * 2, *[False] * 2],
        ),
        (pa.array([Decimal("1.230"), Decimal("1.235"), None], pa.decimal128(10, 3)), [False, True, False]),
        (pa.array([Decimal("1.2")], pa.decimal128(10, 1)), [False]),
        (pa.array(["1.235", "1", "1.235"]).dictionary_encode(), [True, False, True]),
        (pa.array([1, 2]), [False, False]),
    ],
)
def test_the_noise_of_binary_fractions_is_no_rounding(values: pa.Array, expected: list[bool]) -> None:
    assert loses_digits(pa.chunked_array([values]), 2).tolist() == expected


def test_an_amount_that_a_program_wrote_with_an_exponent_is_read_and_that_of_a_spreadsheet_is_not(shop: Shop) -> None:
    written = ["8.881784e-16", "-1.25E-1", "1.6653349999999998e-16", "1.23457E+11", "1.2e3", "1e-9999", "12.5e-1"]
    shop.write("sales.csv", [sale(n, amount=text) for n, text in enumerate(written, start=1)])
    load = shop.one()
    assert [row[0] for row in shop.reasons(load.load)] == [4, 5, 6, 7]
    assert shop.rows("select amount from fact_sale order by receipt") == [
        (Decimal(0),),
        (Decimal("-0.13"),),
        (Decimal(0),),
    ]
    assert dict(load.rounded) == {"amount": 1}


LARGE = [
    ("9,1,2024-03-01 10:00:00,7,1,12345678901234567.00,1,yes", "amount", "12345678901234567.00"),
    ("9,1,2024-03-01 10:00:00,7,1,9999999999999999.999,1,yes", "amount", "9999999999999999.999"),
    ("9,1,2024-03-01 10:00:00,7,1,1,9223372036854775808,yes", "pieces", "9223372036854775808"),
    ("9,1,2024-03-01 10:00:00,99999999999999999999,1,1,1,yes", "card", "9" * 20),
    ("9,1,2024-03-01 10:00:00,7,99999999999999999999,1,1,yes", "product", "9" * 20),
]


@pytest.mark.parametrize(("line", "column", "value"), LARGE)
def test_a_number_that_is_too_large_is_rejected_as_such(shop: Shop, line: str, column: str, value: str) -> None:
    shop.write("sales.csv", [sale(1), line, sale(3)])
    load = shop.one()
    assert (load.outcome, load.good) == ("loaded", 2)
    assert shop.reasons(load.load) == [(2, "too_large", column, value)]


def test_numbers_of_typed_files_that_are_too_large_are_rejected(shop: Shop) -> None:
    shop.define(AMOUNTS)
    write(shop.root, pa.array([1.5, 1e17, float("inf"), 2.0]))
    load = next(load for load in shop.ingest().loads if load.source == "amounts")
    assert [row[:3] for row in shop.reasons(load.load)] == [(2, "too_large", "value"), (3, "wrong_type", "value")]
    write(shop.root, pa.array([1.5, 2.5]), pa.array([7, 2**64 - 1], pa.uint64()))
    load = next(load for load in shop.ingest().loads if load.source == "amounts")
    assert shop.reasons(load.load) == [(2, "too_large", "id", str(2**64 - 1))]
    assert shop.rows("select id from fact_amount") == [(7,)]


def test_a_computed_amount_that_is_too_large_is_rejected_and_not_taken_for_absent(shop: Shop) -> None:
    shop.define(
        SALES.replace("paid: {type: boolean}", "total: {expr: amount * pieces, type: money, currency: CNY}").replace(
            "max: 100", "max: 9000000000"
        )
    )
    shop.write("sales.csv", [sale(1), sale(2, amount="9999999999999999.00").replace(",1,yes", ",1000,yes")])
    load = shop.one()
    assert [row[:3] for row in shop.reasons(load.load)] == [(2, "too_large", "total")]
    assert shop.rows("select receipt, total from fact_sale") == [(1, Decimal("1.00"))]


AREA = SALES.replace("paid: {type: boolean}", "area: {expr: pieces * pieces, type: integer}").replace(", max: 100", "")


def pieces(receipt: int, number: str, **more: str) -> str:
    return sale(receipt, **more).replace(",1,yes", f",{number},yes")


@pytest.mark.slow_on_spark
def test_a_computed_whole_number_that_is_too_large_is_rejected_and_its_file_loads(
    new_shop: Callable[..., Shop],
) -> None:
    shop = new_shop(SUBJECTS, AREA)
    shop.write("sales.csv", [sale(1), sale(3, amount="bad"), pieces(4, "5000000000"), pieces(5, "3")])
    load = shop.one()
    assert (load.outcome, load.read, load.good) == ("loaded", 4, 2)
    assert dict(load.rejected) == {"wrong_type": 1, "too_large": 1}
    assert shop.reasons(load.load) == [(2, "wrong_type", "amount", "bad"), (3, "too_large", "area", None)]
    assert shop.rows("select receipt, area from fact_sale order by receipt") == [(1, 1), (5, 9)]


def test_rows_that_overflow_are_found_among_many_in_every_chunk(shop: Shop) -> None:
    shop.define(AREA)
    lines = [pieces(n, str(n)) for n in range(1, 401)]
    over = {7: "4000000000", 8: "-4000000000", 150: "4000000000", 151: "3037000500", 399: "9" * 18}
    for n, text in over.items():
        lines[n - 1] = pieces(n, text)
    lines[199] = pieces(200, "3037000499")
    shop.write("sales.csv", lines)
    load = next(load for load in shop.ingest(rows_per_chunk=100).loads if load.path == "sales.csv")
    assert (load.read, load.good) == (400, 395)
    expected = [(n, "too_large", "area") for n in over]
    # The negative number is below `min`, which comes first.
    expected[1] = (8, "out_of_range", "pieces")
    assert [row[:3] for row in shop.reasons(load.load)] == expected
    assert shop.rows("select area from fact_sale where receipt = 200") == [(3037000499**2,)]


def test_of_a_row_with_several_faults_the_first_is_named_also_where_one_is_an_overflow(shop: Shop) -> None:
    shop.define(
        AREA.replace("area:", "cube: {expr: pieces * pieces * pieces, type: integer}\n  area:")
        + "  z: {from: paid, type: boolean}\n"
    )
    big = "5000000000"
    shop.write(
        "sales.csv",
        [
            pieces(1, big, amount="bad"),
            pieces(2, big).replace("yes", "maybe"),
            pieces(3, "3000000"),
            pieces(4, "3").replace("yes", "maybe"),
            sale(5),
        ],
    )
    load = shop.one()
    assert [row[:3] for row in shop.reasons(load.load)] == [
        (1, "wrong_type", "amount"),
        (2, "too_large", "cube"),
        (3, "too_large", "cube"),
        (4, "wrong_type", "paid"),
    ]
    assert shop.rows("select receipt, cube, area from fact_sale") == [(5, 1, 1)]


def test_an_overflow_is_rejected_also_where_a_file_is_read_again_and_where_rejects_are_repaired(shop: Shop) -> None:
    shop.define(SALES.replace(", max: 100", ""))
    shop.write("sales.csv", [sale(1), pieces(2, "5000000000")])
    assert shop.one().good == 2
    shop.define(AREA)
    load = shop.one()
    assert dict(load.rejected) == {"too_large": 1}
    assert shop.rows("select receipt, area from fact_sale") == [(1, 1)]
    file = shop.root / "mended.csv"
    assert rejects.export_rejects(shop.engine, load.load or 0, file)[0] == 1
    file.write_text(file.read_text("utf-8-sig").replace("5000000000", "5"), "utf-8")
    assert shop.repaired("sales", file).repaired == 1
    assert shop.rows("select receipt, area from fact_sale order by receipt") == [(1, 1), (2, 25)]


def test_a_mapping_whose_column_overflows_everywhere_refuses_the_file(shop: Shop) -> None:
    shop.define(AREA)
    shop.write("sales2.csv", [sale(9)])
    shop.ingest()
    shop.write("sales.csv", [sale(1), *(pieces(n, str(4_000_000_000 + n)) for n in range(2, 140))])
    loads = {load.path: load for load in shop.ingest().loads if load.source == "sales"}
    problem = loads["sales.csv"].problem
    assert problem is not None
    assert problem["trouble"] == "not_computed"
    assert (
        "sales.csv: column 'area' of source 'sales' cannot be computed for more than 100 values" in problem["message"]
    )
    assert "to_double" in problem["hint"]
    assert [row.status for row in shop.loads.list()].count("failed") == 1
    # What was there before stays, and the file loads once it can be computed.
    assert shop.rows("select receipt from fact_sale order by receipt") == [(0,), (9,)]
    shop.write("sales.csv", [sale(1)])
    shop.ingest()
    assert shop.rows("select sum(area) from fact_sale") == [(2,)]


def test_a_derived_sum_that_is_too_large_names_its_source(shop: Shop) -> None:
    shop.define(
        SALES.replace(", max: 100", ""),
        "source: days\nfrom: {fact: sale, group_by: [product]}\nfact: day\nsubjects: {product: product}\n"
        "columns: {pieces: {expr: sum(pieces), type: integer}}\n",
    )
    large = sale(1).replace(",1,yes", ",9000000000000000000,yes")
    shop.write("sales.csv", [large, large.replace("1,1,", "2,1,", 1)])
    with pytest.raises(SourceProblem, match="'day' cannot be derived by source 'days'"):
        shop.ingest()


@pytest.mark.parametrize(
    "column",
    [
        "{type: integer, default: 99999999999999999999}",
        "{type: integer, default: none}",
        "{type: money, currency: CNY, values: [1, 12345678901234567]}",
        "{type: decimal, max: 1.0e+40}",
        "{type: integer, min: -1.0e-40}",
    ],
)
def test_a_constant_that_its_column_cannot_hold_is_refused_with_its_place(column: str) -> None:
    with pytest.raises(InvalidDefinition, match=r"type (integer|money|decimal)") as error:
        read_text(SALES.replace("{type: boolean}", column))
    assert error.value.place is not None


def test_a_currency_that_is_none_is_refused_with_its_place() -> None:
    with pytest.raises(InvalidDefinition, match=r"three capital letters .* not '元'") as error:
        read_text(SALES.replace("currency: CNY", "currency: 元"), file="sales.yaml")
    assert str(error.value.place).startswith("sales.yaml:10:")
    assert error.value.hint == "For example USD or CNY."


def test_a_double_may_have_any_bound(shop: Shop) -> None:
    shop.define(SALES.replace("{type: boolean}", "{type: double, from: amount, max: 1.0e+300, default: 0.5}"))
    shop.write("sales.csv", [sale(1)])
    assert shop.one().good == 1
