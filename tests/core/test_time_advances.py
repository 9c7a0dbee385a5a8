"""Time that advances while nothing happens: a member enters, stays and leaves, by each operator that knows the instant.

Everything that ever happens happens around one Wednesday evening in Shanghai. Each case says from which instant to
which it holds, by hand; it is asked just before and at both ends, in between and long after, on rows that never change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import bench
import pytest

from gongbi.catalog.catalog import assemble
from gongbi.catalog.yaml import read_text
from gongbi.core.functions import CATALOGUE
from gongbi.core.types import DOUBLE, INTEGER, TEXT, TIMESTAMP
from gongbi.engine.base import Engine

DAY, HOUR, TICK = timedelta(days=1), timedelta(hours=1), timedelta(microseconds=1)
FACT = "key: [n]\nsubjects: {customer: c}\ncolumns: {n: integer, kind: text, lon: double, lat: double}\n"
WORLD = assemble(
    read_text(
        "subject: customer\n---\nsubject: account\n"
        + "".join(
            f"---\nsource: {fact}s\nfrom: {{file: {fact}.csv}}\nfact: {fact}\ntime: {{column: at{end}}}\n{FACT}"
            for fact, end in (
                ("deed", ""), ("view", ""), ("buy", ""), ("visit", ""), ("stay", ""), ("job", ""), ("deal", ", end: to"),
            )
        )
        + """---
source: people
from: {file: people.csv}
attributes: customer
key: [c]
id: c
valid_from: since
valid_to: until
columns: {town: text}
---
source: owning
from: {file: owning.csv}
relation: owns
key: [c, a]
valid_from: since
valid_to: until
subjects: {customer: c, account: a}
"""
    ),
    zone="Asia/Shanghai",
).world  # fmt: skip

#: Wednesday, 8 March 2017, 18:00 in Shanghai, which is eight hours ahead all year.
T = datetime(2017, 3, 8, 10, tzinfo=UTC)
END = T + 20 * DAY
NEVER = datetime(2030, 1, 1, tzinfo=UTC)


def local(year: int, month: int, day: int) -> datetime:
    """The midnight that begins a day in Shanghai."""
    return datetime(year, month, day, tzinfo=ZoneInfo("Asia/Shanghai")).astimezone(UTC)


ROWS = {
    "deed": [T],
    "view": [T],
    "buy": [T + 2 * DAY],
    "visit": [T - 40 * DAY, T],
    "stay": [T + 8 * HOUR, T + 32 * HOUR],
    "job": [T, T + DAY],
    "deal": [T],
}


@dataclass(frozen=True)
class Case:
    """Holds of the member from one instant on, and from another on no more."""

    text: str
    enters: datetime
    leaves: datetime = NEVER

    def holds(self, as_of: datetime) -> bool:
        return self.enters <= as_of < self.leaves


def seen(start: timedelta, end: timedelta | None = None) -> tuple[datetime, datetime]:
    """What lies before the instant is seen: a row counts from the tick after it on, and its window ends a tick after."""
    return T + start + TICK, NEVER if end is None else T + end + TICK


def windowed(window: str, enters: datetime, leaves: datetime) -> Case:
    return Case(f"count(deed) filter (where {window}) > 0", enters, leaves)


NOW, NONE = T + TICK, timedelta(0)
WINDOWS = [
    windowed("within(90, 'minute')", *seen(NONE, 1.5 * HOUR)),
    windowed("within(5, 'hour')", *seen(NONE, 5 * HOUR)),
    windowed("within(7, 'day')", *seen(NONE, 7 * DAY)),
    windowed("within(2, 'week')", *seen(NONE, 14 * DAY)),
    windowed("within(7, 'day', 7)", *seen(7 * DAY, 14 * DAY)),
    windowed("not within(7, 'day')", T + 7 * DAY + TICK, NEVER),
    windowed("within(3, 'calendar_day')", NOW, local(2017, 3, 11)),
    windowed("within(2, 'calendar_week')", NOW, local(2017, 3, 20)),
    windowed("within(1, 'calendar_month')", NOW, local(2017, 4, 1)),
    windowed("within(1, 'calendar_month', 1)", local(2017, 4, 1), local(2017, 5, 1)),
    windowed("within(2, 'calendar_quarter')", NOW, local(2017, 7, 1)),
    windowed("this('day')", NOW, local(2017, 3, 9)),
    windowed("this('week')", NOW, local(2017, 3, 13)),
    windowed("this('month')", NOW, local(2017, 4, 1)),
    windowed("this('quarter')", NOW, local(2017, 4, 1)),
    windowed("this('year')", NOW, local(2018, 1, 1)),
    windowed("previous('day')", local(2017, 3, 9), local(2017, 3, 10)),
    windowed("previous('week')", local(2017, 3, 13), local(2017, 3, 20)),
    windowed("previous('month')", local(2017, 4, 1), local(2017, 5, 1)),
    windowed("previous('year')", local(2018, 1, 1), local(2019, 1, 1)),
    windowed("last_year('month')", local(2018, 3, 1), local(2018, 4, 1)),
    windowed("last_year('month', true)", T + 365 * DAY + TICK, local(2018, 4, 1)),
    windowed("last_year('quarter')", local(2018, 1, 1), local(2018, 4, 1)),
    windowed("days_since(ts) between 1 and 2", T + DAY, T + 3 * DAY),
    windowed("ts < as_of() and year(as_of()) = 2017", NOW, local(2018, 1, 1)),
    windowed("since('2017-03-01')", NOW, NEVER),
    windowed("before('2017-03-09')", NOW, NEVER),
    windowed("between_dates('2017-03-08', '2017-03-09')", NOW, NEVER),
]
#: Every aggregate that says something of a single row, in a window of a week.
AGGREGATED = [
    Case(f"{text} filter (where within(7, 'day')) {test}", *seen(NONE, 7 * DAY))
    for text, test in [
        ("count(deed)", "= 1"), ("count(distinct deed.kind)", "= 1"), ("exists(deed)", "is true"), ("sum(deed.n)", "= 5"),
        ("avg(deed.n)", "= 5"), ("min(deed.n)", "= 5"), ("max(deed.n)", "= 5"), ("median(deed.n)", "= 5"),
        ("quantile(deed.n, 0.9)", "= 5"), ("any(deed.n > 4)", "is true"), ("all(deed.n > 4)", "is true"),
        ("share(deed.n > 4)", "= 1"), ("mode(deed.kind)", "= 'a'"), ("top_by(deed.kind, deed.n)", "= 'a'"),
        ("top_share(deed.kind)", "= 1"), ("entropy(deed.kind)", "= 0"), ("arg_max(deed.kind, deed.n)", "= 'a'"),
        ("arg_min(deed.kind, deed.n)", "= 'a'"), ("first(deed.kind)", "= 'a'"), ("last(deed.kind)", "= 'a'"),
        ("repeat_share(deed.kind, deed.n)", "= 0"), ("list(deed.kind)", "= list_of('a')"), ("top_k(deed.kind, 2)", "= list_of('a')"),
        ("distribution(deed.kind)", "is not absent"),
    ]
]  # fmt: skip
OTHERS = [
    Case("exists_within(deed, 7, 'day')", *seen(NONE, 7 * DAY)),
    Case("first_time(deed, 7, 'day')", *seen(NONE, 7 * DAY)),
    Case("stopped(deed, 7, 'day')", *seen(7 * DAY)),
    Case("regularly(deed, 1, 2, 'week')", local(2017, 3, 13), local(2017, 3, 27)),
    Case("resurrected(visit, 30, 7, 'day')", *seen(NONE, 7 * DAY)),
    Case("value_at(deed.n, '2017-03-08') = 5", NOW),
    Case("value_before(deed.n, 5, 'day') = 5", *seen(5 * DAY)),
    Case("average_daily(deed.n, 3) = 5", local(2017, 3, 9)),
    Case("gap_avg(visit.ts) filter (where within(50, 'day')) = 40", *seen(NONE, 10 * DAY)),
    Case("stddev(visit.n) filter (where within(50, 'day')) is not absent", *seen(NONE, 10 * DAY)),
    Case("followed_by(step(view), step(buy))", *seen(2 * DAY)),
    Case("followed_by(step(view), step(buy), within => interval 3 days)", *seen(2 * DAY)),
    Case("followed_by(step(view), step(buy), within => interval 2 days)", NEVER, NEVER),
    Case("followed_by(step(view, within(7, 'day')), step(buy), same => kind)", *seen(2 * DAY, 7 * DAY)),
    Case("followed_by(step(view), step(visit), step(buy))", NEVER, NEVER),
    Case("followed_by(step(visit), step(deed), step(buy, n > 4))", *seen(2 * DAY)),
    Case("not_followed_by(step(view), step(buy))", *seen(NONE, 2 * DAY)),
    Case("not_followed_by(step(view), step(buy), within => interval 1 day)", T + DAY),
    Case("not_followed_by(step(view, within(7, 'day')), step(buy, n > 9), within => interval 1 day)", T + DAY, T + 7 * DAY + TICK),
    Case("count(deal) filter (where active()) > 0", NOW, END + TICK),
    Case("count(deal) filter (where ends_within(7, 'day')) > 0", END - 7 * DAY + TICK, END + TICK),
    Case("min(days_to_end(deal.until)) between 1 and 3", END - 4 * DAY + TICK, END - DAY + TICK),
    Case("home_of(stay, 500) filter (where within(30, 'day')) is not absent", T + 32 * HOUR + TICK, T + 8 * HOUR + 30 * DAY + TICK),
    Case("work_of(job, 500) filter (where within(30, 'day')) is not absent", *seen(DAY, 30 * DAY)),
    Case("town = 'Suzhou'", *seen(NONE, 7 * DAY)),
    Case("count(account) > 0", *seen(NONE, 7 * DAY)),
    Case("workdays_between(date(max(deed.ts)), date(as_of())) between 2 and 3", local(2017, 3, 10), local(2017, 3, 14)),
]  # fmt: skip
CASES = [*WINDOWS, *AGGREGATED, *OTHERS]


def lay_out(engine: Engine) -> None:
    """One row of member 1 in every table, a few where it takes a few; member 2 is known, and nothing more."""
    for fact, moments in ROWS.items():
        shape, n = WORLD.fact(fact), 9 if fact == "view" else 5
        columns = {**shape.subjects, "ts": TIMESTAMP, "n": INTEGER, "kind": TEXT, "lon": DOUBLE, "lat": DOUBLE}
        ends = {"until": TIMESTAMP} if shape.lasts else {}
        rows = [
            (1, ts.replace(tzinfo=None), n, "a", 121.47, 31.23, *([END.replace(tzinfo=None)] if ends else []))
            for ts in moments
        ]
        bench.make(engine, shape.table, columns | ends, rows)
    span = (T.replace(tzinfo=None), (T + 7 * DAY).replace(tzinfo=None), 1, 1)
    town = WORLD.subjects["customer"].attributes["town"].table
    bench.make(engine, town, {"id": INTEGER, "town": TEXT, **bench.LATE}, [(1, "Suzhou", *span)])
    owns = WORLD.relation("owns").table
    bench.make(engine, owns, {"from_id": INTEGER, "to_id": INTEGER, **bench.LATE}, [(1, 11, *span)])
    bench.make_members(engine, "customer", (1, 2))
    bench.make_members(engine, "account", (11,))


def wrong(engine: Engine, asked: Mapping[datetime, Iterable[Case]]) -> list[tuple[str, str, object]]:
    """(case, instant, value found) wherever it is not what the case says of member 1, or holds of member 2."""
    found = []
    for as_of, cases in sorted(asked.items()):
        answers = bench.answers(engine, {c.text: c.text for c in cases}, WORLD, subject="customer", as_of=as_of)
        for case in cases:
            one, two = (bool(answers[case.text][member]) for member in (1, 2))
            if (one, two) != (case.holds(as_of), False):
                found.append((case.text, as_of.isoformat(), answers[case.text]))
    return found


def at_the_edges() -> dict[datetime, list[Case]]:
    """Instant → cases that begin or cease to hold then or a tick later."""
    asked: dict[datetime, list[Case]] = defaultdict(list)
    for case in CASES:
        for edge in {case.enters, case.leaves} - {NEVER}:
            asked[edge - TICK].append(case)
            asked[edge].append(case)
    return asked


def test_every_function_that_knows_the_instant_is_asked_as_it_advances() -> None:
    knowing = {name for name, entry in CATALOGUE.items() if entry.relative} - {"ahead", "during"}  # Both look ahead.
    asked = {name for name in knowing if any(f"{name}(" in case.text for case in CASES)}
    assert asked == knowing


def test_members_enter_stay_and_leave_though_nothing_happens(duckdb_engine: Engine) -> None:
    lay_out(duckdb_engine)
    assert wrong(duckdb_engine, at_the_edges()) == []
    assert wrong(duckdb_engine, dict.fromkeys(FEW, CASES)) == []


#: When it happens, within the hour, a day and some days later, when the last windows have closed, and a year later.
FEW = [T, T + HOUR, T + 34 * HOUR, T + 9 * DAY, local(2017, 4, 10), local(2018, 3, 20)]


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.timeout(900)
def test_members_enter_stay_and_leave_on_spark(spark_engine: Engine) -> None:
    lay_out(spark_engine)
    assert wrong(spark_engine, dict.fromkeys(FEW, CASES)) == []
