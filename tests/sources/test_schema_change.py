"""A column whose type is another than in the load before: cast or refused, as the source's rule says, and told."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from .conftest import Shop

ROWS = """
source: counted
from: {{file: "counted*.parquet"}}
fact: counted
key: [id]
time: {{column: at, zone: UTC}}
subjects: {{product: product}}
columns: {{id: integer, amount: {{type: money, currency: CNY}}, pieces: integer}}
{rule}
"""
FIRST = {
    "id": pa.array([1, 2], pa.int64()),
    "at": pa.array(["2024-03-01", "2024-03-02"]),
    "product": pa.array([1, 2], pa.int64()),
    "amount": pa.array([1.5, 2.5], pa.float64()),
    "pieces": pa.array([1, 2], pa.int64()),
}
#: Money as text, a count as text that is no number everywhere.
SECOND = FIRST | {
    "id": pa.array([3, 4], pa.int64()),
    "amount": pa.array(["3.25", "4"]),
    "pieces": pa.array(["3", "four"]),
}
CHANGES = (
    {"column": "amount", "change": "changed", "before": "double", "now": "text"},
    {"column": "pieces", "change": "changed", "before": "integer", "now": "text"},
)
BEFORE = [(1, Decimal("1.50"), 1), (2, Decimal("2.50"), 2)]


def write(path: Path, columns: dict[str, pa.Array]) -> None:
    pq.write_table(pa.table(columns), path)


def counted(shop: Shop, rule: str) -> Shop:
    shop.define(ROWS.format(rule=rule))
    write(shop.root / "counted1.parquet", FIRST)
    assert shop.one().schema_changes == ()
    return shop


def rows(shop: Shop) -> list[tuple[object, ...]]:
    return shop.rows("select id, amount, pieces from fact_counted order by id")


@pytest.mark.parametrize("rule", ["", "schema: {changed: cast}"])
def test_a_column_of_another_type_is_cast_and_told(shop: Shop, rule: str) -> None:
    counted(shop, rule)
    write(shop.root / "counted2.parquet", SECOND)
    load = shop.one()
    assert load.schema_changes == CHANGES
    assert (load.outcome, load.read, load.good, dict(load.rejected)) == ("loaded", 2, 1, {"wrong_type": 1})
    assert shop.reasons(load.load) == [(2, "wrong_type", "pieces", "four")]
    assert rows(shop) == [*BEFORE, (3, Decimal("3.25"), 3)]


def test_the_type_is_that_of_the_load_before_not_of_the_first(shop: Shop) -> None:
    counted(shop, "")
    write(shop.root / "counted2.parquet", SECOND)
    shop.ingest()
    write(shop.root / "counted3.parquet", SECOND | {"id": pa.array([5, 6], pa.int64())})
    assert shop.one().schema_changes == ()


def test_a_column_of_another_type_refuses_the_file_where_the_rule_says_so(shop: Shop) -> None:
    counted(shop, "schema: {changed: refuse}")
    write(shop.root / "counted2.parquet", SECOND)
    load = shop.one()
    assert load.outcome == "failed"
    assert load.problem is not None
    assert load.problem["code"] == "source_problem"
    assert load.problem["message"] == (
        "counted2.parquet does not fit source 'counted': the type of 'amount' (was double, is text), "
        "'pieces' (was integer, is text) has changed."
    )
    assert load.problem["hint"].endswith("Mend the file, the mapping, or the source's `schema` rule.")
    assert rows(shop) == BEFORE
    assert shop.rows("select count(*) from rejects") == [(0,)]
    write(shop.root / "counted2.parquet", SECOND | {k: FIRST[k] for k in ("amount", "pieces")})
    assert shop.one().good == 2, "a mended file is loaded"
