"""Facts that last: their ends are read, checked, and told as time goes by."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gongbi.catalog.catalog import assemble
from gongbi.catalog.yaml import read_text
from gongbi.core.compiler import Request, compile_members
from gongbi.core.language import check_expression
from gongbi.engine.base import Engine
from gongbi.errors import GongbiError, InvalidDefinition

from .conftest import Shop

CONTRACTS = """
source: contracts
from: {file: contracts.csv}
fact: contract
key: [no]
time: {column: start, end: finish, zone: Asia/Shanghai}
subjects: {product: product}
columns: {no: integer, fee: {type: money, currency: CNY}}
---
source: years
from: {fact: contract, group_by: [product]}
fact: customer_year
subjects: {product: product}
columns: {last_end: {expr: max(until), type: timestamp}, contracts: {expr: count(contract), type: integer}}
"""
PRODUCT = "subject: product\nkey: integer\n"
VALID = """source: p
from: {file: p.csv}
attributes: product
key: [p]
id: p
valid_from: {column: a, end: b}
columns: {name: text}
"""
HEADER = "no,product,start,finish,fee"
ROWS = [
    "1,1,2024-01-01 08:00:00,2024-03-01 08:00:00,10.00",
    "2,1,2024-02-01 08:00:00,2030-01-01 08:00:00,20.00",
    "3,2,2024-02-10 08:00:00,,30.00",
    "4,3,2024-02-20 08:00:00,2024-02-20 08:00:00,40.00",
]
DATED = CONTRACTS.replace("finish, zone", "finish, grain: date, zone")


@pytest.fixture
def lasting(tmp_path: Path, duckdb_engine: Engine) -> Shop:
    return Shop(tmp_path, duckdb_engine, PRODUCT, CONTRACTS)


def answers(shop: Shop, text: str, as_of: datetime) -> dict[int, object]:
    world = assemble([*shop.subjects, *shop.sources], zone=shop.zone).world
    expr = check_expression(text, world, "product")
    plan = compile_members(Request("product", {"x": expr}, as_of, {}), world, shop.engine.dialect)
    return {row["id"]: row["x"] for row in shop.engine.query(plan).to_pylist()}


def at(month: int, day: int, hour: int = 0) -> datetime:
    return datetime(2024, month, day, hour, tzinfo=UTC)


def naive(*parts: int) -> datetime:
    """An instant as tables hold it: UTC, without saying so."""
    return datetime(*parts, tzinfo=UTC).replace(tzinfo=None)  # type: ignore[misc]


def test_an_end_is_read_beside_the_start_and_may_lie_in_the_future(lasting: Shop) -> None:
    lasting.write("contracts.csv", ROWS, HEADER)
    load = lasting.one()
    assert (load.good, dict(load.rejected)) == (4, {})
    assert lasting.rows("select no, ts, until from fact_contract order by no") == [
        (1, naive(2024, 1, 1), naive(2024, 3, 1)),
        (2, naive(2024, 2, 1), naive(2030, 1, 1)),
        (3, naive(2024, 2, 10), None),
        (4, naive(2024, 2, 20), naive(2024, 2, 20)),
    ]
    assert lasting.rows("select product, last_end, contracts from fact_customer_year order by product")[0] == (
        1,
        naive(2030, 1, 1),
        2,
    )


def test_a_row_that_ends_before_it_starts_is_set_aside_with_its_reason(lasting: Shop) -> None:
    lasting.write(
        "contracts.csv", [*ROWS, "5,1,2024-03-01 08:00:00,2024-03-01 07:59:59,1", "6,1,2024-03-01,soon,1"], HEADER
    )
    load = lasting.one()
    assert lasting.reasons(load.load) == [
        (5, "ends_before_start", "finish", "2024-03-01 07:59:59"),
        (6, "wrong_type", "finish", "soon"),
    ]


def test_a_day_that_ends_a_contract_is_its_last(lasting: Shop) -> None:
    lasting.define(DATED)
    lasting.write("contracts.csv", ["1,1,2024-03-01,2024-03-01,1", "2,2,2024-03-02,2024-03-01,1"], HEADER)
    load = lasting.one()
    assert [row[:2] for row in lasting.reasons(load.load)] == [(2, "ends_before_start")]
    last = naive(2024, 3, 1, 16) - timedelta(microseconds=1)
    assert lasting.rows("select ts, until from fact_contract") == [(last, last)]


@pytest.mark.slow_on_spark
def test_contracts_begin_run_and_end_while_nothing_is_loaded(new_shop: Callable[..., Shop]) -> None:
    lasting = new_shop(PRODUCT, CONTRACTS)
    lasting.write("contracts.csv", ROWS, HEADER)
    lasting.ingest()
    active = "count(contract) filter (where active())"
    ending = "count(contract) filter (where ends_within(30, 'day'))"
    seen = {
        when: answers(lasting, active, when)
        for when in (at(1, 1), at(1, 1, 1), at(2, 1), at(2, 1, 1), at(3, 1), at(3, 1, 1))
    }
    assert seen == {
        at(1, 1): {},  # It begins at this very instant: nothing is known yet.
        at(1, 1, 1): {1: 1},
        at(2, 1): {1: 1},
        at(2, 1, 1): {1: 2},
        at(3, 1): {1: 2, 2: 1, 3: 0},
        at(3, 1, 1): {1: 1, 2: 1, 3: 0},
    }
    assert answers(lasting, ending, at(2, 1)) == {1: 1}
    assert answers(lasting, ending, at(3, 1, 1)) == {1: 0, 2: 0, 3: 0}
    days = "min(days_to_end(contract.until)) filter (where active())"
    assert answers(lasting, days, at(2, 28)) == {1: 2, 2: None, 3: None}
    assert answers(lasting, "sum(contract.fee) filter (where active() and fee > 15)", at(3, 2)) == {
        1: 20,
        2: 30,
        3: None,
    }
    assert answers(lasting, "days_to_end(max(contract.until))", at(2, 28))[2] is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("count(sale) filter (where active())", "needs a fact that has an end, and 'sale' has none"),
        ("max(sale.until)", "No column of sale"),
        ("active()", "needs a row's time"),
        ("active(max(sale.ts))", "takes 0 to 2 arguments, not 1"),
        ("count(sale) filter (where ends_within(0, 'day'))", "needs a fact that has an end"),
        ("ends_within(max(sale.ts), 0, 'day')", "1 to 36,500, not 0"),
        ("ends_within(max(sale.ts), 1, 'fortnight')", "No unit"),
        ("days_to_end(date('2024-01-01'))", "takes an instant, not a date"),
    ],
)
def test_a_slip_is_told(shop: Shop, text: str, said: str) -> None:
    world = assemble([*shop.subjects, *shop.sources], zone=shop.zone).world
    with pytest.raises(GongbiError) as error:
        check_expression(text, world, "product")
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("columns: {no", "columns: {until: integer, no", "'until' is named twice"),
        ("column: start", "lookup: {reference: r, on: {no: no}, expr: min(no)}", "looked up has no `end`"),
        (
            "time: {column: start, end: finish, zone: Asia/Shanghai}",
            "valid_from: {column: start, end: finish}",
            "no `time`",
        ),
    ],
)
def test_a_wrong_end_is_refused(shop: Shop, old: str, new: str, said: str) -> None:
    with pytest.raises(InvalidDefinition, match=said):
        assemble([*shop.subjects, *read_text(CONTRACTS.replace(old, new))], zone="UTC")
    with pytest.raises(InvalidDefinition, match="`end` of a validity"):
        read_text(VALID)
