"""Phrases: what they stand for, who is in them as time goes by, how a slip is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import bench
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongbi.core.functions import sample
from gongbi.core.language import check_expression
from gongbi.core.types import BOOLEAN, INTEGER, TEXT, TIMESTAMP, decimal
from gongbi.engine.duckdb import DuckDBEngine
from gongbi.errors import GongbiError

DAY = timedelta(days=1)
START = datetime(2017, 1, 1, tzinfo=UTC)


def meaning(text: str) -> object:
    return check_expression(text, sample.WORLD, "member")


@pytest.mark.parametrize(
    ("phrase", "long"),
    [
        ("exists_within(sample, 7, 'day')", "count(sample) filter (where within(7, 'day')) > 0"),
        (
            "stopped(sample, 7, 'day') filter (where promoted)",
            "count(sample) filter (where promoted) > 0 and count(sample) filter (where within(7, 'day') and promoted) = 0",
        ),
        (
            "first_time(sample, 2, 'calendar_week') filter (where quantity > 1)",
            "coalesce(within(min(sample.ts) filter (where quantity > 1), 2, 'calendar_week'), false)",
        ),
        (
            "regularly(sample, 3, 4, 'week')",
            "count(distinct start_of('week', sample.ts)) filter (where within(4, 'calendar_week', 1)) >= 3",
        ),
    ],
)
def test_a_phrase_means_what_it_stands_for(phrase: str, long: str) -> None:
    assert meaning(phrase) == meaning(long)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("exists_within(sample, 7)", "takes 3 arguments, not 2"),
        ("exists_within(1 + 1, 7, 'day')", "takes the name of a fact first"),
        ("exists_within(sampel, 7, 'day')", "sampel"),
        ("exists_within(sample, quantity, 'day')", "`n` of `exists_within` is written out"),
        ("exists_within(sample, 0, 'day')", "1 to 36,500, not 0"),
        ("stopped(sample, 7, 'dya')", "'dya'"),
        ("stopped(sample, 7, 'day') filter (where 1)", "A filter"),
        ("regularly(sample, 5, 4, 'week')", "in 5 of 4 periods"),
        ("regularly(sample, 1, 4, 'minute')", "'minute'"),
        ("regularly(sample, 2.0, 3, 'month')", "takes whole numbers of periods"),
        ("resurrected(sample, 0, 7, 'day')", "1 to 18,250"),
        ("resurrected(sample, 'x', 7, 'day')", "1 to 18,250"),
        ("value_at(sample.quantity, 'soon')", "'soon' is not a date"),
        ("value_at(sample.quantity + 1, '2017-01-01')", "takes a column of a fact first"),
        ("average_daily(sample.quantity, 0)", "1 to 36,500 days, not 0"),
        ("average_daily(sample.category, 30)", "must be a number"),
        ("count(sample) filter (where exists_within(sample, 7, 'day'))", "says something of a member"),
        ("stopped(distinct sample, 7, 'day')", "`distinct` stands in count"),
    ],
)
def test_a_slip_in_a_phrase_is_told(text: str, said: str) -> None:
    with pytest.raises(GongbiError) as error:
        meaning(text)
    assert said in str(error.value)


def plainly(moments: Sequence[datetime], as_of: datetime) -> dict[str, bool]:
    """The phrases of the test below, read off the member's rows."""
    seen = sorted(m for m in moments if m < as_of)
    recent = [m for m in seen if as_of - 7 * DAY <= m]
    before = [m for m in seen if m < as_of - 7 * DAY]
    monday = as_of.replace(hour=0, minute=0) - as_of.weekday() * DAY
    weeks = {(m - monday) // (7 * DAY) for m in seen if monday - 28 * DAY <= m < monday}
    return {
        "exists": bool(recent),
        "first": bool(seen) and seen[0] in recent,
        "stopped": bool(seen) and not recent,
        "regular": len(weeks) >= 2,
        "back": bool(recent) and bool(before) and recent[0] - before[-1] >= 10 * DAY,
    }


TEXTS = {
    "exists": "exists_within(sample, 7, 'day')",
    "first": "first_time(sample, 7, 'day')",
    "stopped": "stopped(sample, 7, 'day')",
    "regular": "regularly(sample, 2, 4, 'week')",
    "back": "resurrected(sample, 10, 7, 'day')",
}


COLUMNS = {
    "member": INTEGER,
    "ts": TIMESTAMP,
    "amount": decimal(2),
    "quantity": INTEGER,
    "category": TEXT,
    "promoted": BOOLEAN,
}
Drawn = list[tuple[int, int, int | None]]
DRAWN = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 60 * 24), st.integers(-9, 9) | st.none()), max_size=40)


def world_of(engine: DuckDBEngine, drawn: Drawn) -> list[tuple[int, datetime, int | None]]:
    """Rows of the fact `sample`: member, hours since the start, quantity."""
    rows = [(member, START + timedelta(hours=hours), quantity) for member, hours, quantity in drawn]
    bench.make(engine, "fact_sample", COLUMNS, [(m, t.replace(tzinfo=None), None, q, "A", None) for m, t, q in rows])
    bench.make_members(engine, "member", sample.MEMBERS)
    return rows


@settings(max_examples=12)
@given(DRAWN)
def test_members_enter_stay_and_leave_as_time_goes_by(drawn: Drawn) -> None:
    engine = DuckDBEngine(None)
    try:
        rows = world_of(engine, drawn)
        for day in range(1, 75, 6):
            as_of = START + day * DAY + timedelta(hours=day % 24)
            found = bench.answers(engine, TEXTS, as_of=as_of)
            for member in sample.MEMBERS:
                wanted = plainly([t for m, t, _ in rows if m == member], as_of)
                assert {name: found[name][member] for name in TEXTS} == wanted
    finally:
        engine.close()


SHANGHAI = timezone(timedelta(hours=8))


@settings(max_examples=12)
@given(DRAWN)
def test_states_are_those_at_the_ends_of_days(drawn: Drawn) -> None:
    texts = {
        "mean": "average_daily(sample.quantity, 10)",
        "at": "value_at(sample.quantity, '2017-01-20')",
        "ago": "value_before(sample.quantity, 5, 'day')",
        "span": "average_daily(sample.quantity, within(10, 'day'))",
        "days": "average_daily(sample.quantity, between_dates('2017-01-05', '2017-01-20'))",
        "month": "average_daily(sample.quantity, previous('month'))",
        "now": "value_at(sample.quantity, as_of())",
        "day": "value_at(sample.quantity, date '2017-01-20')",
        "instant": "value_at(sample.quantity, timestamp '2017-01-20T12:00:00')",
        "month_end": "value_at(sample.quantity, date_add(start_of('month', as_of()), -1, 'day'))",
    }
    engine = DuckDBEngine(None)
    try:
        rows = world_of(engine, drawn)
        for day in range(1, 75, 9):
            as_of = START + day * DAY + timedelta(hours=(day * 7) % 24)
            found = bench.answers(engine, texts, replace(sample.WORLD, zone="Asia/Shanghai"), as_of=as_of)
            midnight = as_of.astimezone(SHANGHAI).replace(hour=0, minute=0)
            for member in sample.MEMBERS:
                known = [(t, q) for m, t, q in rows if m == member and q is not None and t < as_of]
                ends = [latest(known, midnight - i * DAY) for i in range(10)]
                held = [q for q in ends if q is not None]
                mean = sum(held) / len(held) if held else None
                assert found["mean"][member] == (pytest.approx(mean) if mean is not None else None)
                assert found["at"][member] == latest(known, datetime(2017, 1, 21, tzinfo=SHANGHAI))
                assert found["ago"][member] == latest(known, as_of - 5 * DAY)
                assert found["span"][member] == found["mean"][member]
                days = [datetime(2017, 1, d + 1, tzinfo=SHANGHAI) for d in range(5, 20)]
                assert found["days"][member] == mean_at([end for end in days if end <= midnight], known)
                first = midnight.replace(day=1)
                ends = [first - i * DAY for i in range((first - DAY).day)]
                assert found["month"][member] == mean_at(ends, known)
                assert found["now"][member] == latest(known, as_of)
                assert found["day"][member] == found["at"][member]
                assert found["instant"][member] == latest(known, datetime(2017, 1, 20, 12, tzinfo=SHANGHAI))
                assert found["month_end"][member] == latest(known, first)
    finally:
        engine.close()


def mean_at(ends: Sequence[datetime], known: Sequence[tuple[datetime, int]]) -> Any:
    """The mean of the values at these instants, those aside at which there was none yet."""
    held = [q for end in ends if (q := latest(known, end)) is not None]
    return pytest.approx(sum(held) / len(held)) if held else None


def latest(known: Sequence[tuple[datetime, int]], before: datetime) -> int | None:
    """The value of the last row before an instant; of equals in time, the smallest."""
    seen = [(t, -q) for t, q in known if t < before]
    return -max(seen)[1] if seen else None
