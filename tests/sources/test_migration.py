"""Edited mappings and changed files."""

from __future__ import annotations

from typing import cast

import pytest

from gongbi.catalog.base import SourceDef
from gongbi.catalog.yaml import read_text
from gongbi.sources import rejects
from gongbi.sources.migration import plan_migration

from .conftest import HEADER, PRODUCTS, SALES, Shop, sale


def source(text: str) -> SourceDef:
    return cast("SourceDef", read_text(text)[0])


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("paid: {type: boolean}", "paid: {type: boolean, about: whether it was paid}", "none"),
        ("  paid: {type: boolean}", "", "drop"),
        ("paid: {type: boolean}", "paid: {type: text}", "reload"),
        ("paid: {type: boolean}", "paid: {type: boolean}\n  extra: {from: paid, type: text}", "reload"),
        ("zone: Asia/Shanghai", "zone: UTC", "reload"),
        ("key: [receipt, line]", "key: [receipt]", "reload"),
        ("fact: sale", "fact: sold", "refuse"),
    ],
)
def test_what_an_edit_asks_for(old: str, new: str, kind: str) -> None:
    assert plan_migration(source(SALES), source(SALES.replace(old, new))).kind == kind


def test_a_new_column_is_filled_from_the_files(shop: Shop) -> None:
    shop.define(SALES.replace("paid: {type: boolean}", "paid: {type: boolean}\n  note: {from: paid, type: text}"))
    load = shop.one()
    assert load.schema_changes[0]["now"] == "Column 'note' was added."
    assert shop.rows("select receipt, note from fact_sale") == [(0, "yes")]
    assert shop.ingest().changed is False
    assert [row.status for row in shop.loads.list() if row.path == "sales.csv"] == ["loaded", "replaced"]


def test_a_removed_column_is_dropped_without_the_file(shop: Shop) -> None:
    (shop.root / "sales.csv").unlink()
    shop.define(SALES.replace("  paid: {type: boolean}\n", ""))
    shop.ingest()
    assert "paid" not in [name for name, _ in shop.engine.columns("fact_sale")]
    assert shop.rows("select receipt from fact_sale") == [(0,)]


def test_an_edit_that_needs_a_file_that_is_gone_is_refused_and_breaks_nothing(shop: Shop) -> None:
    (shop.root / "sales.csv").unlink()
    shop.define(SALES.replace("paid: {type: boolean}", "paid: {type: text}"))
    problem = next(load.problem for load in shop.ingest().loads if load.source == "sales")
    assert problem is not None
    assert problem["trouble"] == "mapping_changed"
    assert "bring it back" in problem["hint"]
    assert shop.rows("select receipt, paid from fact_sale") == [(0, True)]
    shop.define(SALES)
    shop.write("sales.csv", [sale(0, card=1)])
    assert shop.ingest().problems == ()


def test_columns_that_come_and_go_follow_the_rule(shop: Shop) -> None:
    shop.write("sales.csv", [sale(1) + ",x"], header=HEADER + ",extra")
    assert {"column": "extra", "change": "added", "now": "text"} in shop.one().schema_changes
    shop.define(SALES + "schema: {added: refuse, missing: absent}\n")
    shop.write("sales.csv", [sale(1) + ",x,y"], header=HEADER + ",extra,more")
    problem = shop.one().problem
    assert problem is not None
    assert problem["trouble"] == "schema_changed"
    shop.write("sales.csv", ["1,1,2024-03-01,7,1,1.00,1"], header="receipt,line,at,card,product,amount,pieces")
    load = shop.one()
    assert ("paid", "missing") in {(c["column"], c["change"]) for c in load.schema_changes}
    assert shop.rows("select receipt, paid from fact_sale") == [(1, None)]


def test_columns_are_compared_with_the_last_file_and_not_with_mended_rejects(shop: Shop) -> None:
    shop.define(SALES + "schema: {added: refuse}\n")
    shop.write("sales.csv", [sale(1), sale(2, amount="two")])
    load = shop.one()
    mended = shop.root / "mended.csv"
    rejects.export_rejects(shop.engine, load.load or 0, mended)
    mended.write_text(mended.read_text("utf-8-sig").replace("7,1,two", "7,1,2.00"), "utf-8")
    assert shop.repaired("sales", mended).repaired == 1
    shop.write("sales.csv", [sale(1), sale(2, amount="2.00"), sale(3)])
    load = shop.one()
    assert (load.outcome, load.schema_changes) == ("loaded", ())
    shop.write("sales.csv", [sale(1) + ",x"], header=HEADER + ",extra")
    problem = shop.one().problem
    assert problem is not None
    assert "'extra'" in problem["message"]


LOOKED_UP = SALES.replace(
    "paid: {type: boolean}",
    "paid: {type: boolean}\n  price: {type: money, currency: CNY,"
    " lookup: {reference: price, on: {product: product}, expr: max(price)}}",
)
PRICES = """
source: prices
from: {file: prices.csv}
reference: price
key: [product, since]
columns: {product: integer, since: date, price: {type: money, currency: CNY}}
"""


def test_a_looked_up_column_follows_its_reference(shop: Shop) -> None:
    shop.write("prices.csv", ["1,2024-01-01,3.00", "1,2024-02-01,4.00"], header="product,since,price")
    shop.write("sales.csv", [sale(1), sale(2, product=2)])
    shop.define(LOOKED_UP, PRICES, PRODUCTS)
    shop.ingest()
    query = "select receipt, cast(price as double) as p from fact_sale order by receipt"
    assert shop.rows(query) == [(1, 4.0), (2, None)]
    shop.write("prices.csv", ["1,2024-01-01,9.00"], header="product,since,price")
    changes = next(load.schema_changes for load in shop.ingest().loads if load.source == "sales")
    assert changes[0]["now"] == "Reference 'price' was loaded again."
    assert shop.rows(query) == [(1, 9.0), (2, None)]
    assert shop.ingest().changed is False


SUBJECTS_OF_TEXT = """
subject: customer
key: text
identifiers: {card: {type: text, primary: true}, phone: {type: text}}
---
subject: product
key: integer
"""


def test_an_identifier_of_another_type_has_its_rows_read_again(shop: Shop) -> None:
    shop.write("sales.csv", [sale(0, card="7"), sale(1, card="A-7")])
    assert shop.one().rejected == {"wrong_type": 1}
    shop.subjects = []
    shop.define(SUBJECTS_OF_TEXT)
    load = shop.one()
    reasons = {change["now"] for change in load.schema_changes}
    assert "The key of 'customer' was integer and is text." in reasons
    assert "The identifier 'card' of 'customer' was integer and is text." in reasons
    assert (load.good, load.rejected) == (2, {})
    assert shop.rows("select customer from fact_sale order by receipt") == [("7",), ("A-7",)]
    assert shop.rows("select value, customer, own from identifier order by value") == [
        ("7", "7", "7"),
        ("A-7", "A-7", "A-7"),
    ]
    assert shop.rows("select id from member_customer order by id") == [("7",), ("A-7",)]
    assert shop.ingest().changed is False


def test_ids_whose_type_was_not_noted_at_the_time_are_known_by_their_column(shop: Shop) -> None:
    from dataclasses import replace

    from gongbi.sources.ledger import Ledger

    ledger = Ledger(shop.engine)
    entries = [e for e in ledger.loads("loaded") if e.source == "sales"]
    ledger.put(*(replace(e, details={k: v for k, v in e.details.items() if k != "identifiers"}) for e in entries))
    assert shop.ingest().changed is False
    shop.subjects = []
    shop.define(SUBJECTS_OF_TEXT)
    assert shop.one().schema_changes[0]["now"] == "The key of 'customer' was integer and is text."
