"""A deliberately broken copy of the data: every error is shown, and nothing good is lost."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gongbi.errors import InvalidInput
from gongbi.sources import rejects

from .conftest import HEADER, PRODUCTS, SALES, SUBJECTS, Shop, sale


def in_(shop: Shop) -> list[int]:
    return [row[0] for row in shop.rows("select receipt from fact_sale order by receipt")]


BAD: list[tuple[str, tuple[object, ...]]] = [
    ("9,1,2024-03-01 10:00:00,7,1,twelve,1,yes", (2, "wrong_type", "amount", "twelve")),
    ('9,1,2024-03-01 10:00:00,7,1,"1,200.00",1,yes', (2, "wrong_type", "amount", "1,200.00")),
    ("9,1,2024-03-01 10:00:00,7,1,,1,yes", (2, "missing_value", "amount", None)),
    ("9,1,2024-02-30 10:00:00,7,1,1,1,yes", (2, "wrong_type", "at", "2024-02-30 10:00:00")),
    ("9,1,01/03/2024,7,1,1,1,yes", (2, "wrong_type", "at", "01/03/2024")),
    ("9,1,,7,1,1,1,yes", (2, "missing_value", "at", None)),
    ("9,1,2024-03-01 10:00:00,seven,1,1,1,yes", (2, "wrong_type", "card", "seven")),
    ("9,1,2024-03-01 10:00:00,-7,1,1,1,yes", (2, "not_allowed", "card", "-7")),
    ("9,1,2024-03-01 10:00:00,,1,1,1,yes", (2, "missing_value", "card", None)),
    ("9,1,2024-03-01 10:00:00,7,1,1,101,yes", (2, "out_of_range", "pieces", "101")),
    ("9,1,2024-03-01 10:00:00,7,1,1,1.5,yes", (2, "wrong_type", "pieces", "1.5")),
    ("9,1,2024-03-01 10:00:00,7,1,1,1,maybe", (2, "wrong_type", "paid", "maybe")),
    ("9,,2024-03-01 10:00:00,7,1,1,1,yes", (2, "missing_value", "line", None)),
    ("99999999999999999999,1,2024-03-01 10:00:00,7,1,1,1,yes", (2, "too_large", "receipt", "9" * 20)),
    ("9,1,2999-01-01 10:00:00,7,1,1,1,yes", (2, "future", "at", "2999-01-01 10:00:00")),
    ("9,1,2024-03-01 10:00:00,7,1,1,1", (2, "wrong_field_count", None, "line 3: 7 fields, the header has 8")),
    ('9,1,2024-03-01 10:00:00,7,1,1,1,"yes', (2, "unclosed_quote", None, "line 3")),
    (sale(1, amount="2.00"), (2, "duplicate_key", "receipt, line", "1, 1")),
    # Of several faults the first in the order of columns is named.
    ("9,1,never,7,1,twelve,1,yes", (2, "wrong_type", "at", "never")),
]


@pytest.mark.parametrize(("line", "expected"), BAD)
def test_a_bad_row_is_set_aside_with_its_reason_and_the_good_ones_load(
    shop: Shop, line: str, expected: tuple[object, ...]
) -> None:
    shop.write("sales.csv", [sale(1), line, sale(3)])
    load = shop.one()
    assert (load.outcome, load.read, load.good, sum(load.rejected.values())) == ("loaded", 3, 2, 1)
    assert shop.reasons(load.load) == [expected]
    assert in_(shop) == [1, 3]


@pytest.mark.slow_on_spark
def test_every_kind_of_bad_row_in_one_file_is_told_alike_on_every_engine(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(SUBJECTS, SALES)
    shop.write("sales.csv", [sale(1), *(line for line, _ in BAD), sale(3)])
    load = shop.one()
    assert (load.read, load.good) == (len(BAD) + 2, 2)
    expected = [(i, reason, column) for i, (_, (_, reason, column, _)) in enumerate(BAD, start=2)]
    assert [row[:3] for row in shop.reasons(load.load)] == expected
    assert in_(shop) == [1, 3]


def test_the_raw_row_is_kept_whole(shop: Shop) -> None:
    shop.write("sales2.csv", ["9,1,bad,7,1,1.00,1,yes", "短,1"])
    load = shop.one()
    first, second = (row["raw"] for row in rejects.rejected_rows(shop.engine, load.load or 0).to_pylist())
    assert json.loads(first) == dict(zip(HEADER.split(","), "9,1,bad,7,1,1.00,1,yes".split(","), strict=True))
    assert second == "短,1"


def test_a_missing_column_refuses_the_file_and_keeps_what_was_there(shop: Shop) -> None:
    shop.write("sales.csv", ["1,1,2024-03-01,7,1,1"], header="receipt,line,at,card,product,pieces")
    load = shop.one()
    assert load.outcome == "failed"
    assert load.problem is not None
    assert load.problem["trouble"] == "missing_column"
    assert "'amount'" in load.problem["message"]
    assert in_(shop) == [0]
    assert [row.status for row in shop.loads.list() if row.path == "sales.csv"] == ["failed", "loaded"]


def test_a_wrong_encoding_names_the_byte_and_one_that_fits(shop: Shop) -> None:
    shop.write("products.csv", ["1,绿茶"], header="product,name", encoding="gb18030")
    problem = shop.one().problem
    assert problem is not None
    assert problem["trouble"] == "wrong_encoding"
    assert "byte 15" in problem["message"]
    assert "encoding: gb18030" in problem["hint"]
    assert shop.rows("select name from attributes_products order by id") == [("茶",), ("米",)]
    shop.define(PRODUCTS.replace("{file: products.csv}", "{file: products.csv, encoding: gb18030}"))
    assert shop.one().outcome == "loaded"
    assert shop.rows("select name from attributes_products") == [("绿茶",)]


@pytest.mark.parametrize("content", [b"", b"\n\n", (HEADER + "\n").encode()])
def test_an_empty_file_changes_nothing(shop: Shop, content: bytes) -> None:
    (shop.root / "sales.csv").write_bytes(content)
    problem = shop.one().problem
    assert problem is not None
    assert problem["trouble"] == "empty"
    assert in_(shop) == [0]


def test_a_text_file_cut_short_loses_only_its_last_row(shop: Shop) -> None:
    path = shop.write("sales.csv", [sale(1), sale(2), sale(3)])
    path.write_bytes(path.read_bytes()[:-20])
    load = shop.one()
    assert (load.good, dict(load.rejected)) == (2, {"truncated": 1})
    assert in_(shop) == [1, 2]


def test_a_gzip_file_cut_short_is_refused(shop: Shop) -> None:
    lines = "\n".join([HEADER, *(sale(i) for i in range(20_000))])
    whole = gzip.compress(lines.encode())
    (shop.root / "more.csv.gz").write_bytes(whole[: len(whole) // 2])
    shop.define(SALES.replace("sales*.csv", "*.csv.gz").replace("source: sales", "source: packed"))
    load = next(load for load in shop.ingest().loads if load.source == "packed")
    assert load.problem is not None
    assert load.problem["trouble"] == "truncated"
    assert in_(shop) == [0]
    assert not shop.reasons(load.load)


def test_a_parquet_file_cut_short_is_refused(shop: Shop) -> None:
    path = shop.root / "stock.parquet"
    pq.write_table(pa.table({"product": list(range(1000))}), path)
    path.write_bytes(path.read_bytes()[:-100])
    shop.define(
        "source: stock\nfrom: {file: stock.parquet}\nreference: stock\nkey: [product]\ncolumns: {product: integer}\n"
    )
    problem = shop.one().problem
    assert problem is not None
    assert problem["trouble"] == "truncated"


def test_an_unknown_product_is_kept_and_counted(shop: Shop) -> None:
    shop.write("products.csv", ["1,茶"], header="product,name")
    shop.write("sales.csv", [sale(1), sale(2, product=404), sale(3, product=404)])
    report = shop.ingest()
    assert report.unmatched == {"sale": {"product": 2}}
    assert in_(shop) == [1, 2, 3]


def test_the_sign_of_amounts_is_counted_and_never_hidden(shop: Shop) -> None:
    shop.write("sales.csv", [sale(1, amount="-5.00"), sale(2, amount="0"), sale(3)])
    load = shop.one()
    assert (load.negative, load.zero) == ({"amount": 1}, {"amount": 1})
    assert shop.rows("select sum(amount) from fact_sale") == [(Decimal("-4.00"),)]


def test_a_missing_file_says_where_it_was_looked_for(shop: Shop) -> None:
    shop.define(SALES.replace("sales*.csv", "sold*.csv").replace("source: sales", "source: sold"))
    problem = shop.one().problem
    assert problem is not None
    assert problem["trouble"] == "missing_file"
    assert "sold*.csv" in problem["message"]


def test_one_broken_file_does_not_stop_the_others(shop: Shop, tmp_path: Path) -> None:
    (shop.root / "sales1.csv").write_bytes(b"\xff\xfe\x00")
    shop.write("sales2.csv", [sale(5)])
    outcomes = {load.path: load.outcome for load in shop.ingest().loads}
    assert outcomes["sales1.csv"] == "failed"
    assert outcomes["sales2.csv"] == "loaded"
    assert in_(shop) == [0, 5]


def test_mended_rejects_load_and_are_marked(shop: Shop) -> None:
    shop.write("sales.csv", [sale(1), sale(2, amount="two"), sale(3, amount="three")])
    first = shop.one()
    file = shop.root / "mended.csv"
    assert rejects.export_rejects(shop.engine, first.load or 0, file)[0] == 2
    text = file.read_text("utf-8-sig").replace("7,1,two", "7,1,2.00").replace("7,1,three", "7,1,still wrong")
    file.write_text(text, "utf-8")
    second = shop.repaired("sales", file)
    assert (second.good, second.repaired, dict(second.rejected)) == (1, 1, {"wrong_type": 1})
    assert in_(shop) == [1, 2]
    assert [row for row, *_ in shop.reasons(first.load)] == [3]
    assert shop.ingest().changed is False
    shop.undo(second.load)
    assert in_(shop) == [1]
    assert [row for row, *_ in shop.reasons(first.load)] == [2, 3]


def mended(shop: Shop, load: int | None, *edits: tuple[str, str], name: str = "mended.csv") -> Path:
    """The rejects of a load as CSV, edited."""
    file = shop.root / name
    rejects.export_rejects(shop.engine, load or 0, file)
    text = file.read_text("utf-8-sig")
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text, "utf-8")
    return file


def waiting(shop: Shop) -> list[tuple[int, int]]:
    """(load, row) of all rejects that wait."""
    return shop.rows("select _load, _row from rejects where repaired_by is null order by all")


def test_a_repaired_row_is_not_rejected_again_when_its_file_is_loaded_again(shop: Shop) -> None:
    lines = [sale(1), sale(2, amount="two"), sale(3, amount="three")]
    shop.write("sales.csv", lines)
    first = shop.one().load
    repair = shop.repaired("sales", mended(shop, first, ("7,1,two", "7,1,2.00")))
    assert (repair.good, repair.repaired) == (1, 1)
    assert waiting(shop) == [(first, 3)]
    # The same content, taken out by hand and loaded again.
    shop.undo(first)
    assert in_(shop) == [0, 2]
    assert waiting(shop) == []
    second = shop.one(again=True).load
    assert in_(shop) == [1, 2]
    assert waiting(shop) == [(second, 3)]
    # Another version of the file, with the same bad rows elsewhere.
    shop.write("sales.csv", [sale(4), *lines])
    third = shop.one().load
    assert in_(shop) == [1, 2, 4]
    assert waiting(shop) == [(third, 4)]
    # Without the repair they wait again, and with it they do not, whatever came first.
    shop.undo(repair.load)
    assert waiting(shop) == [(third, 3), (third, 4)]
    again = shop.repaired("sales", shop.root / "mended.csv")
    assert (again.outcome, again.good) == ("loaded", 1)
    assert waiting(shop) == [(third, 4)]
    shop.undo(third)
    assert waiting(shop) == [(second, 3)]


def test_rejects_of_a_replaced_load_wait_no_more_and_come_back_with_it(shop: Shop) -> None:
    shop.write("sales.csv", [sale(1), sale(2, amount="two")])
    first = shop.one().load
    assert waiting(shop) == [(first, 2)]
    shop.write("sales.csv", [sale(1), sale(2)])
    second = shop.one().load
    assert waiting(shop) == []
    shop.undo(second)
    assert waiting(shop) == [(first, 2)]


def test_a_repair_lasts_when_the_mapping_is_edited(shop: Shop) -> None:
    shop.write("sales.csv", [sale(1), sale(2, amount="two"), sale(3, amount="three")])
    first = shop.one().load
    shop.repaired("sales", mended(shop, first, ("7,1,two", "7,1,2.00")))
    shop.define(SALES.replace("max: 100", "max: 99"))
    assert all(load.outcome != "failed" for load in shop.ingest().loads)
    assert in_(shop) == [1, 2]
    assert [row for _, row in waiting(shop)] == [3]
    # A mapping that the repaired row does not fit: it waits again where it was first rejected.
    shop.define(SALES.replace("required: true", "required: true, max: 1"))
    shop.ingest()
    assert in_(shop) == [1]
    assert [row for _, row in waiting(shop)] == [2, 3]


def test_a_row_repaired_in_vain_waits_once_and_can_be_repaired_again(shop: Shop) -> None:
    shop.write("sales.csv", [sale(1), sale(2, amount="two")])
    first = shop.one().load
    vain = shop.repaired("sales", mended(shop, first, ("7,1,two", "7,1,zwei")))
    assert (vain.good, vain.repaired, dict(vain.rejected)) == (0, 0, {"wrong_type": 1})
    assert waiting(shop) == [(first, 2)]
    assert shop.reasons(vain.load) == [(1, "wrong_type", "amount", "zwei")]
    better = shop.repaired("sales", mended(shop, vain.load, ("7,1,zwei", "7,1,2.00"), name="better.csv"))
    assert (better.good, better.repaired) == (1, 1)
    assert waiting(shop) == []
    assert rejects.counts(shop.engine)[first or 0] == {"rejected": 1, "repaired": 1, "remaining": 0}


@pytest.mark.parametrize(
    ("line", "edit", "hint"),
    [
        (sale(2, amount="two"), (",two,", ",2.00,"), "Mend the column 'amount'."),
        (sale(1, amount="2.00"), ('"1, 1"', '"2, 1"'), "Mend the column 'receipt', 'line'."),
        ("9,1", ("2 fields", "8 fields"), "Mend the columns after it."),
    ],
)
def test_a_mended_explanation_is_refused_with_the_column_that_was_meant(
    shop: Shop, line: str, edit: tuple[str, str], hint: str
) -> None:
    shop.write("sales.csv", [sale(1), line])
    file = shop.root / "mended.csv"
    load = shop.one().load or 0
    rejects.export_rejects(shop.engine, load, file)
    text = file.read_text("utf-8-sig")
    assert edit[0] in text
    file.write_text(text.replace(*edit, 1), "utf-8")
    with pytest.raises(InvalidInput, match="line 2: the column '_value' only explains") as error:
        rejects.edited_rows(shop.engine, load, file)
    assert error.value.hint == hint


def test_a_file_of_which_nearly_every_row_falls_for_one_reason_is_not_loaded(shop: Shop) -> None:
    shop.write("sales.csv", [sale(i, card=f"c{i}") for i in range(120)] + [sale(500)])
    load = shop.one()
    assert load.outcome == "failed"
    problem = load.problem
    assert problem is not None
    assert problem["trouble"] == "rejected"
    said = "sales.csv: 120 of 121 rows are rejected by column 'card' (wrong_type), first row 1 with the value 'c0'."
    assert problem["message"] == said
    assert shop.rows("select receipt from fact_sale") == [(0,)]  # What was there before stays.
    shop.write("sales.csv", [sale(i, card=f"c{i}") for i in range(120)] + [sale(i) for i in range(500, 510)])
    load = shop.one()
    assert (load.outcome, load.good, load.rejected) == ("loaded", 10, {"wrong_type": 120})


def test_a_whole_number_written_with_a_fraction_of_zeros_is_read(shop: Shop) -> None:
    shop.write("sales.csv", [sale(0, card="6.0"), sale(1, card="6"), sale(2, card="6.5"), sale(3, card="7.00")])
    load = shop.one()
    assert shop.reasons(load.load) == [(3, "wrong_type", "card", "6.5")]
    assert shop.rows("select receipt, customer from fact_sale order by receipt") == [(0, 6), (1, 6), (3, 7)]
