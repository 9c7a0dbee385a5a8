"""Dates and instants read from files."""
# ruff: noqa: DTZ001  (what is compared are naive UTC instants)

from __future__ import annotations

from datetime import date, datetime

import pyarrow as pa
import pytest

from gongbi.errors import InvalidDefinition
from gongbi.sources.instants import day_ends, day_starts, to_dates, to_instants

EASTERN = "America/New_York"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-15 10:00:00", datetime(2024, 1, 15, 15)),
        ("2024-07-15T10:00", datetime(2024, 7, 15, 14)),
        ("2024-01-15", datetime(2024, 1, 15, 5)),
        ("2024-01-15T10:00:00Z", datetime(2024, 1, 15, 10)),
        ("2024-01-15 10:00:00+08:00", datetime(2024, 1, 15, 2)),
        ("2024-01-15 10:00:00.123456", datetime(2024, 1, 15, 15, 0, 0, 123456)),
        # The clocks skip from 02:00 to 03:00: moved on by the gap.
        ("2024-03-10 02:30:00", datetime(2024, 3, 10, 7, 30)),
        # They show 01:30 twice: the first.
        ("2024-11-03 01:30:00", datetime(2024, 11, 3, 5, 30)),
        ("2024-02-30", None),
        ("20240115", None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_text_is_read_as_wall_clock_time_unless_it_says_its_offset(text: str | None, expected: datetime | None) -> None:
    assert to_instants(pa.array([text], pa.string()), EASTERN).to_pylist() == [expected]


def test_typed_times_follow_the_same_rules_as_text() -> None:
    walls = ["2024-03-10 02:30:00", "2024-11-03 01:30:00", "1883-11-18 12:03:57", "2024-06-01 00:00:00"]
    typed = pa.array([datetime.fromisoformat(w) for w in walls], pa.timestamp("us"))
    assert to_instants(typed, EASTERN).equals(to_instants(pa.array(walls), EASTERN))


def test_formats_may_be_stated_and_numbers_may_be_dates() -> None:
    assert to_dates(pa.array(["31/12/2023", "2023-12-31"]), "%d/%m/%Y").to_pylist() == [date(2023, 12, 31), None]
    assert to_dates(pa.array([20231231, None]), "%Y%m%d").to_pylist() == [date(2023, 12, 31), None]


def test_a_day_ends_one_microsecond_before_the_next_begins_also_when_clocks_change() -> None:
    days = pa.array([date(2024, 3, 10), date(2024, 11, 3), None], pa.date32())
    assert day_starts(days, EASTERN).to_pylist() == [datetime(2024, 3, 10, 5), datetime(2024, 11, 3, 4), None]
    assert day_ends(days, EASTERN).to_pylist()[:2] == [
        datetime(2024, 3, 11, 3, 59, 59, 999999),
        datetime(2024, 11, 4, 4, 59, 59, 999999),
    ]


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(InvalidDefinition, match="Mars/Olympus"):
        to_instants(pa.array(["2024-01-01"]), "Mars/Olympus")
