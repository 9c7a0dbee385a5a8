"""A derived fact as of an instant is what the facts before the instant give, whatever it is grouped by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gongbi.catalog.catalog import Catalog, assemble
from gongbi.catalog.tables import target_table
from gongbi.catalog.yaml import read_text
from gongbi.core.grouping import rows_as_of
from gongbi.engine.base import Engine
from gongbi.engine.duckdb import DuckDBEngine
from gongbi.sources.derive import derived_fact
from gongbi.sources.refresh import base_of

DEFINITIONS = """
subject: customer
key: integer
---
source: lines
from: {file: lines.csv}
fact: line
key: [n]
time: {column: at}
subjects: {customer: customer}
columns: {basket: integer, amount: {type: money, currency: CNY}}
---
source: trips
from: {fact: line, group_by: [basket]}
fact: trip
subjects: {customer: customer}
columns:
  basket: integer
  amount: {expr: sum(amount), type: money, currency: CNY, default: 0}
  lines: {expr: count(line), type: integer}
---
# Its key is not among its columns.
source: visits
from: {fact: line, group_by: [customer, basket]}
fact: visit
subjects: {customer: customer}
columns: {largest: {expr: max(amount), type: money, currency: CNY}}
---
source: careers
from: {fact: trip, group_by: [customer]}
fact: career
subjects: {customer: customer}
columns:
  trips: {expr: count(trip), type: integer}
  lines: {expr: sum(lines), type: integer}
"""
DERIVED = ("trip", "visit", "career")
START = datetime(2024, 3, 1, tzinfo=UTC)


def instant(hour: int) -> datetime:
    return START + timedelta(hours=hour)


LINES = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.integers(1, 3),
        st.none() | st.integers(1, 3),
        st.none() | st.integers(0, 500),
    ),
    max_size=12,
)


def load(engine: Engine, catalog: Catalog, lines: list[Any]) -> None:
    sources = catalog.sources
    for source in sources.values():
        engine.create(target_table(source, catalog.subjects), replace=True)
    if lines:
        hours, customers, baskets, amounts = zip(*lines, strict=True)
        rows = {
            "_load": pa.array([1] * len(lines), pa.int64()),
            "_row": pa.array(range(len(lines)), pa.int64()),
            "ts": pa.array([instant(h).replace(tzinfo=None) for h in hours], pa.timestamp("us")),
            "customer": pa.array(customers, pa.int64()),
            "basket": pa.array(baskets, pa.int64()),
            "amount": pa.array([a and Decimal(a) for a in amounts], pa.decimal128(18, 2)),
        }
        engine.append("fact_line", pa.table({n: rows[n] for n, _ in engine.columns("fact_line") if n in rows}))
    for name in ("trips", "visits", "careers"):
        source = sources[name]
        plan = derived_fact(source, base_of(sources, source), catalog.subjects, engine.dialect, zone="UTC")
        engine.insert(target_table(source, catalog.subjects).name, plan)


def check(engine: Engine, lines: list[Any], hour: int) -> None:
    catalog = assemble(read_text(DEFINITIONS), zone="UTC")
    world = catalog.world
    load(engine, catalog, lines)
    queries = {f: rows_as_of(world.facts[f], world, engine.dialect, instant(hour)) for f in DERIVED}
    found = {f: told(engine.query(sql)) for f, sql in queries.items()}
    load(engine, catalog, [line for line in lines if line[0] < hour])
    assert found == {f: told(engine.query(f"select * from fact_{f}")) for f in DERIVED}


def told(rows: pa.Table) -> list[str]:
    """The rows in an order of their own, without their numbers."""
    return sorted(str(sorted(row.items())) for row in rows.drop_columns("_row").to_pylist())


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(lines=LINES, hour=st.integers(0, 6))
def test_rows_as_of_an_instant_are_those_of_the_facts_before_it(lines: list[Any], hour: int) -> None:
    engine = DuckDBEngine(None, threads=1)
    try:
        check(engine, lines, hour)
    finally:
        engine.close()


@pytest.mark.spark
def test_rows_as_of_an_instant_are_those_of_the_facts_before_it_on_spark(spark_engine: Engine) -> None:
    lines = [(0, 1, 1, 5), (1, 1, 1, 7), (3, 1, 1, 9), (0, 2, None, 3), (4, 2, None, 1), (2, 3, 3, None), (5, 3, 2, 4)]
    check(spark_engine, lines, 3)
