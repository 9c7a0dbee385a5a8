"""What travels between two processes arrives as it was sent."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongbi.catalog.yaml import read_definitions
from gongbi.errors import (
    AudienceIsEmpty,
    Cycle,
    DidNotConverge,
    GongbiError,
    InvalidDefinition,
    InvalidInput,
    NotFitted,
    Place,
    SourceProblem,
    UnknownName,
)
from gongbi.ownership.wire import describe, pack, raised, unpack

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.dates()
    | st.datetimes()
    | st.datetimes(timezones=st.just(UTC) | st.just(timezone(timedelta(hours=8))))
    | st.times()
    | st.timedeltas()
    | st.decimals(allow_nan=False)
)
keys = st.text() | st.integers() | st.sampled_from(["$date", "$dict", "$table"])
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(keys, inner)
        | st.sets(st.integers() | st.dates())
    ),
    max_leaves=12,
)


@given(values)
def test_a_value_arrives_with_its_types(value: object) -> None:
    arrived = unpack(json.loads(json.dumps(pack(value))))
    assert arrived == value
    assert type(arrived) is type(value)


def test_a_table_arrives_with_its_types() -> None:
    table = pa.table(
        {
            "money": pa.array([Decimal("2.50"), None], pa.decimal128(18, 2)),
            "day": pa.array([date(2026, 1, 2), None]),
            "at": pa.array([datetime.fromisoformat("2026-01-02T03:00"), None], pa.timestamp("us")),
            "tags": pa.array([["a"], []]),
        }
    )
    assert unpack(json.loads(json.dumps(pack({"table": table}))))["table"].equals(table)
    assert unpack(json.loads(json.dumps(pack(table.slice(0, 0))))).schema == table.schema


def test_what_cannot_travel_is_refused() -> None:
    with pytest.raises(TypeError, match="object cannot be sent"):
        pack([object()])


def through(error: Exception) -> GongbiError:
    return raised(json.loads(json.dumps(describe(error))))


def test_an_error_in_a_file_arrives_with_the_line_of_its_definition(tmp_path: Path) -> None:
    (tmp_path / "tags.yaml").write_text("tag: trips\nexpr: count(trip)\n---\ntag: trips\nexpr: count(trip)\n", "utf-8")
    with pytest.raises(InvalidDefinition) as sent:
        read_definitions(tmp_path)
    got = raised(json.loads(json.dumps(describe(sent.value))))
    assert isinstance(got, InvalidDefinition)
    assert str(got) == str(sent.value)
    assert str(got.place) == f"{tmp_path / 'tags.yaml'}:4:1"


def test_an_error_arrives_as_its_own_class_with_code_place_and_hint() -> None:
    sent = UnknownName("tag", "rfm.recensy", ["rfm.recency"], place=Place("tags/rfm.yaml", 3, 7))
    with pytest.raises(UnknownName, match=r"rfm\.recensy") as caught:
        raise through(sent)
    arrived = caught.value
    assert isinstance(arrived, LookupError)
    assert arrived.to_json() == sent.to_json()
    assert (str(arrived), arrived.what, arrived.name) == (str(sent), sent.what, sent.name)
    assert type(arrived).__name__ == "UnknownName"


@pytest.mark.parametrize("sent", [NotFitted(object()), DidNotConverge("No."), AudienceIsEmpty("Nobody.", hint="Wait.")])
def test_errors_of_models_and_campaigns_can_be_caught_by_their_class_too(sent: GongbiError) -> None:
    arrived = through(sent)
    assert isinstance(arrived, type(sent))
    assert arrived.to_json() == sent.to_json()


def test_an_error_of_another_room_arrives_as_the_public_class_it_belongs_to() -> None:
    class UnreadableSource(SourceProblem):
        code = "unreadable_source"

    arrived = through(UnreadableSource("sales-1.csv is empty."))
    assert isinstance(arrived, SourceProblem)
    assert (arrived.code, arrived.kind) == ("unreadable_source", "caller")
    assert isinstance(through(Cycle("a → b → a")), Cycle)
    assert isinstance(through(InvalidInput("no")), ValueError)


def test_a_bug_arrives_as_a_bug_with_its_words() -> None:
    arrived = through(ZeroDivisionError("division by zero"))
    assert arrived.to_json() == {
        "code": "bug",
        "kind": "bug",
        "message": "ZeroDivisionError: division by zero",
        "hint": None,
        "place": None,
    }


def test_a_time_of_day_is_not_taken_for_an_instant() -> None:
    sent = [time(1, 2), date(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC)]
    assert unpack(pack(sent)) == sent
