"""Rows whose time has not come."""

from __future__ import annotations

import pytest

from gongbi.catalog.yaml import read_text
from gongbi.errors import InvalidDefinition

from .conftest import NOW, PRODUCTS, SALES, Shop, sale

ACCEPTING = SALES.replace("zone: Asia/Shanghai}", "zone: Asia/Shanghai, future: accept}")


def at(receipt: int, time: str) -> str:
    return sale(receipt).replace("2024-03-01 10:00:00", time)


def test_a_row_of_the_future_is_set_aside_unless_the_mapping_accepts_it(shop: Shop) -> None:
    # It is 2024-05-01 08:00 in Shanghai; the clocks and zones of other systems are given a day.
    shop.write("sales.csv", [at(1, "2024-05-02 07:59:59"), at(2, "2024-05-02 08:00:01"), at(3, "2999-01-01")])
    load = shop.one()
    assert shop.reasons(load.load) == [
        (2, "future", "at", "2024-05-02 08:00:01"),
        (3, "future", "at", "2999-01-01"),
    ]
    shop.define(ACCEPTING)
    load = shop.one()
    assert (load.good, dict(load.rejected)) == (3, {})


def test_a_row_that_has_only_a_date_is_of_the_future_from_the_day_after_tomorrow(shop: Shop) -> None:
    shop.define(SALES.replace("zone: Asia/Shanghai}", "zone: Asia/Shanghai, grain: date}"))
    shop.write("sales.csv", [at(1, "2024-05-01"), at(2, "2024-05-02"), at(3, "2024-05-03"), at(4, "9999-12-31")])
    load = shop.one()
    assert [row[:2] for row in shop.reasons(load.load)] == [(3, "future"), (4, "future")]


def test_a_time_that_is_looked_up_is_held_to_the_same_rule(shop: Shop) -> None:
    shop.define(
        "source: starts\nfrom: {file: starts.csv}\nreference: start\nkey: [line]\n"
        "columns: {line: integer, begins: timestamp}\n",
        SALES.replace(
            "{column: at, zone: Asia/Shanghai}", "{lookup: {reference: start, on: {line: line}, expr: max(begins)}}"
        ),
    )
    shop.write("starts.csv", ["1,2024-04-01", "2,2030-04-01"], header="line,begins")
    shop.write("sales.csv", [sale(1), sale(2, line=2)])
    load = next(load for load in shop.ingest().loads if load.source == "sales")
    assert [row[:3] for row in shop.reasons(load.load)] == [(2, "future", "line")]


def test_a_validity_may_end_in_the_future(shop: Shop) -> None:
    shop.define(PRODUCTS.replace("columns:", "valid_from: since\nvalid_to: until\ncolumns:"))
    shop.write("products.csv", ["1,茶,2030-01-01,9999-12-31"], header="product,name,since,until")
    load = shop.one()
    assert (load.good, dict(load.rejected)) == (1, {})
    assert NOW.year < 2030
    with pytest.raises(InvalidDefinition, match="`future` of a validity"):
        read_text(PRODUCTS.replace("columns:", "valid_from: {column: since, future: accept}\ncolumns:"))
