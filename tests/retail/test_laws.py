"""What must hold of every build, whatever the data."""

from __future__ import annotations

from collections import Counter
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from gongbi.catalog.base import CategoryType

from .journey import DESCRIBED, catalog


def values(table: pa.Table, name: str) -> list[Any]:
    return [value for value in table[name].to_pylist() if value is not None]


def one(truth: duckdb.DuckDBPyConnection, sql: str) -> Any:
    return truth.execute(sql).fetchall()[0][0]


def test_a_closed_list_holds_every_value_and_scores_run_from_1_to_5(portraits: dict[str, pa.Table]) -> None:
    for name, tag in catalog().tags.items():
        if isinstance(tag.type_, CategoryType):
            assert set(values(portraits[tag.subject], name)) <= set(tag.type_.category), name
    for name in ("rfm.recency", "rfm.monetary", "price.level", "promotion.sensitivity"):
        sizes = Counter(values(portraits["customer"], name))
        assert set(sizes) == {1, 2, 3, 4, 5}
        assert max(sizes.values()) <= 1.2 * min(sizes.values())


def test_shares_lie_between_0_and_1(portraits: dict[str, pa.Table]) -> None:
    named = [n for n in catalog().tags if n.endswith(("share", "_rate", "percentile", "loyalty", "concentration"))]
    assert len(named) > 20
    for name in named:
        assert all(0 <= value <= 1 for value in values(portraits[catalog().tags[name].subject], name)), name


def test_shares_of_the_total_add_up_to_one(portraits: dict[str, pa.Table]) -> None:
    for subject, name in (
        ("customer", "value.spend_share"),
        ("product", "product.sales_share"),
        ("store", "store.sales_share"),
    ):
        assert abs(sum(values(portraits[subject], name)) - 1) < 1e-9


def test_trips_and_sales_add_up_over_customers_and_over_stores(
    portraits: dict[str, pa.Table], truth: duckdb.DuckDBPyConnection
) -> None:
    baskets, sales = one(truth, "select count(*) from baskets"), one(truth, "select sum(paid) from lines")
    assert pc.sum(portraits["customer"]["value.trips"]).as_py() == baskets
    assert pc.sum(portraits["store"]["store.trips"]).as_py() == baskets
    for subject, name in (("customer", "value.spend"), ("product", "product.sales"), ("store", "store.sales")):
        assert sum(values(portraits[subject], name)) == sales


def test_every_member_stands_once_and_every_customer_with_a_trip_in_one_rfm_group(
    portraits: dict[str, pa.Table],
) -> None:
    for subject in DESCRIBED:
        assert pc.count_distinct(portraits[subject]["id"]).as_py() == portraits[subject].num_rows
    trips = portraits["customer"]["value.trips"].to_pylist()
    groups = portraits["customer"]["rfm.group"].to_pylist()
    assert [t > 0 for t in trips] == [g is not None for g in groups]


def test_demographics_are_never_guessed(portraits: dict[str, pa.Table]) -> None:
    for name, tag in catalog().tags.items():
        if tag.category.startswith(("社会特征", "固定特征/人口属性")):
            assert len(values(portraits["customer"], name)) <= 801, name


def test_a_segment_in_a_segment_is_smaller(portraits: dict[str, pa.Table]) -> None:
    customers = portraits["customer"]
    inside = {n: set(customers.filter(customers[f"segment.{n}"])["id"].to_pylist())
              for n in ("high_value", "high_value_unknown", "dormant_high_value", "unknown_demographics")}  # fmt: skip
    assert inside["high_value_unknown"] == inside["high_value"] & inside["unknown_demographics"]
    assert inside["dormant_high_value"] < inside["high_value"]
