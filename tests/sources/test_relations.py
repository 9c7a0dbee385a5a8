"""A relation: a row for each pair of members and span of validity, the last load first, an undo back again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from .conftest import Shop

WISHES = """
source: wishes
from: {file: "wishes*.csv"}
relation: wish
key: [card, product]
subjects: {customer: {identifiers: {card: card}}, product: product}
valid_from: {column: since, grain: date, zone: Asia/Shanghai}
valid_to: {column: until, grain: date, inclusive: true, zone: Asia/Shanghai}
columns: {pieces: {type: integer, min: 1}}
"""
HEADER = "card,product,since,until,pieces"
FIRST = ["1,1,2024-03-01,2024-03-31,2", "1,2,2024-03-05,,1", "8,1,,2024-04-30,5"]


def midnight(month: int, day: int) -> datetime:
    """When the day begins in Shanghai, UTC, as tables hold it."""
    return datetime.fromisoformat(f"2024-{month:02}-{day:02}T00:00+08:00").astimezone(UTC).replace(tzinfo=None)


SPANS = [
    (1, 1, midnight(3, 1), midnight(4, 1), 2),
    (1, 2, midnight(3, 5), None, 1),
    (8, 1, None, midnight(5, 1), 5),
]


@pytest.fixture
def wishes(shop: Shop) -> Shop:
    shop.define(WISHES)
    shop.write("wishes1.csv", FIRST, header=HEADER)
    return shop


def rows(shop: Shop) -> list[tuple[Any, ...]]:
    return shop.rows("select from_id, to_id, valid_from, valid_to, pieces from relation_wish order by from_id, to_id")


def known(shop: Shop) -> dict[Any, Any]:
    return dict(shop.rows("select id, known_from from member_customer"))  # type: ignore[arg-type]


def test_a_row_names_both_members_and_when_it_holds(wishes: Shop) -> None:
    load = wishes.one()
    assert (load.outcome, load.read, load.good, dict(load.rejected)) == ("loaded", 3, 3, {})
    assert rows(wishes) == SPANS
    assert known(wishes) == {1: midnight(3, 1), 8: None}, "customer 8 has bought nothing and wished ever since"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (",1,2024-03-01,,1", ("missing_value", "card", None)),
        ("1,,2024-03-01,,1", ("missing_value", "product", None)),
        ("1,one,2024-03-01,,1", ("wrong_type", "product", "one")),
        ("1,1,soon,,1", ("wrong_type", "since", "soon")),
        ("1,1,2024-03-01,2024-02-30,1", ("wrong_type", "until", "2024-02-30")),
        ("1,1,2024-03-01,,0", ("out_of_range", "pieces", "0")),
    ],
)
def test_a_row_without_both_members_or_a_day_that_can_be_read_is_rejected(
    wishes: Shop, line: str, reason: tuple[object, ...]
) -> None:
    wishes.write("wishes1.csv", [FIRST[2], line], header=HEADER)
    load = wishes.one()
    assert wishes.reasons(load.load) == [(2, *reason)]
    assert rows(wishes) == SPANS[2:]


def test_the_last_load_of_a_pair_wins_and_undo_brings_the_one_before_back(wishes: Shop) -> None:
    wishes.ingest()
    wishes.write("wishes2.csv", ["1,1,2024-04-10,2024-04-20,7", "9,2,2024-04-01,,1"], header=HEADER)
    load = wishes.one()
    assert (load.good, load.superseded) == (2, 1)
    assert rows(wishes) == [
        (1, 1, midnight(4, 10), midnight(4, 21), 7),
        SPANS[1],
        SPANS[2],
        (9, 2, midnight(4, 1), None, 1),
    ]
    assert known(wishes)[9] == midnight(4, 1)
    wishes.undo(load.load)
    assert rows(wishes) == SPANS
    assert known(wishes) == {1: midnight(3, 1), 8: None}
    assert wishes.rows("select count(*) from superseded_relation_wish") == [(0,)]


def test_a_pair_has_several_spans_where_the_key_says_so(wishes: Shop) -> None:
    wishes.define(WISHES.replace("[card, product]", "[card, product, since]"))
    wishes.write("wishes1.csv", [FIRST[0], "1,1,2024-05-01,,3"], header=HEADER)
    assert wishes.one().good == 2
    assert sorted(rows(wishes)) == [SPANS[0], (1, 1, midnight(5, 1), None, 3)]
