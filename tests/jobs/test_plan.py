"""What is due when, against a plain reading of the wall clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gongbi.catalog.base import Definition, ModelDef, Origin, Refresh, SegmentDef, SourceDef, TagDef, TimeMap
from gongbi.errors import InvalidInput, UnknownName
from gongbi.jobs.base import Job, Schedule
from gongbi.jobs.plan import REST, due, period_began, schedules

# Clocks that change at midnight, by half an hour, by a whole day, by 45 minutes of offset, and never.
ZONES = [
    "UTC",
    "America/New_York",
    "America/Havana",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "Asia/Shanghai",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Pacific/Apia",
]
instants = st.datetimes(datetime(2005, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
zones = st.sampled_from(ZONES)


def plainly(refresh: Refresh, now: datetime, zone: str) -> datetime:
    """Walk back quarter by quarter to the first instant that lies in the same hour, day, week or month as `now`."""

    def period(instant: datetime) -> object:
        local = instant.astimezone(ZoneInfo(zone))
        if refresh == "daily":
            return local.date()
        return local.isocalendar()[:2] if refresh == "weekly" else (local.year, local.month)

    at = now.replace(minute=now.minute - now.minute % 15, second=0, microsecond=0)
    if refresh == "hourly":
        while at.astimezone(ZoneInfo(zone)).minute != 0:
            at -= timedelta(minutes=15)
        return at
    here, first, back = period(now), at, at
    # Two hours more, because a clock that is set back at midnight shows the day before once again.
    for _ in range(8):
        while period(back) == here:
            first = back
            back -= timedelta(minutes=15)
        back -= timedelta(minutes=15)
    return first


@given(instants, zones, st.sampled_from(["hourly", "daily", "weekly"]))
@example(datetime(2026, 3, 8, 7, 0, tzinfo=UTC), "America/New_York", "daily")  # the hour that is left out
@example(datetime(2026, 11, 1, 6, 30, tzinfo=UTC), "America/New_York", "hourly")  # the hour that comes twice
@example(datetime(2017, 10, 15, 3, 0, tzinfo=UTC), "America/Sao_Paulo", "daily")  # a day without midnight
@example(datetime(2026, 11, 1, 5, 15, tzinfo=UTC), "America/Havana", "daily")  # a day with two
@example(datetime(2026, 4, 4, 15, 10, tzinfo=UTC), "Australia/Lord_Howe", "hourly")  # back by half an hour
@example(datetime(2011, 12, 30, 10, 0, tzinfo=UTC), "Pacific/Apia", "daily")  # a day that never was
def test_a_period_begins_where_the_wall_clock_says(now: datetime, zone: str, refresh: Refresh) -> None:
    assert period_began(refresh, now, zone) == plainly(refresh, now, zone)


@given(instants, zones)
def test_a_month_begins_on_its_first(now: datetime, zone: str) -> None:
    began = period_began("monthly", now, zone)
    assert began is not None
    local = began.astimezone(ZoneInfo(zone))
    assert local.day == 1
    assert (began - timedelta(minutes=1)).astimezone(ZoneInfo(zone)).month != local.month
    assert began <= now < began + timedelta(days=32)


def test_what_is_refreshed_by_hand_is_never_due() -> None:
    assert period_began("manual", datetime(2026, 1, 1, tzinfo=UTC), "UTC") is None


NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
ALL = (
    Schedule("ingest", "", "daily"),
    Schedule("build", "customer", "daily"),
    Schedule("build", "product", "weekly"),
    Schedule("train", "coupon", "weekly"),
)


def jobs(now: datetime = NOW, active: tuple[str, ...] = (), tried: object = None, **done: datetime) -> list[Job]:
    at = {tuple(k.split("__")) if "__" in k else (k, ""): v for k, v in done.items()}
    return list(due(ALL, done=at, tried=tried or {}, now=now, zone="UTC", active=active))  # type: ignore[arg-type]


def test_at_first_everything_is_due_in_the_order_of_the_data() -> None:
    assert jobs() == [
        Job("ingest"),
        Job("build", {"subjects": ["customer", "product"]}),
        Job("train", {"models": ["coupon"]}),
    ]


def test_what_was_done_in_this_period_is_not_due() -> None:
    morning, monday = NOW.replace(hour=1), NOW - timedelta(days=1)
    assert jobs(ingest=morning, build=morning, train=morning) == []
    assert jobs(ingest=morning, build=monday, train=monday) == [Job("build", {"subjects": ["customer"]})]
    assert jobs(ingest=morning, build=monday, build__customer=morning, train=monday) == []


@given(instants, st.integers(1, 400))
def test_a_long_sleep_is_made_up_for_once(now: datetime, days: int) -> None:
    long_ago = now - timedelta(days=days)
    found = jobs(now, ingest=long_ago, build=long_ago, train=long_ago)
    assert len({job.kind for job in found}) == len(found)
    assert jobs(now, ingest=now, build=now, train=now) == []


def test_nothing_is_due_of_a_kind_that_is_under_way() -> None:
    assert [job.kind for job in jobs(active=("build",))] == ["ingest", "train"]


def test_what_failed_rests_before_it_is_tried_again() -> None:
    assert [job.kind for job in jobs(tried={("ingest", ""): NOW - REST / 2})] == ["build", "train"]
    assert [job.kind for job in jobs(tried={("ingest", ""): NOW - REST})] == ["ingest", "build", "train"]


def tag(name: str, refresh: Refresh, subject: str = "customer") -> TagDef:
    return TagDef(name, "count(purchase)", subject=subject, refresh=refresh)


SALES = SourceDef("sales", Origin(file="x.csv"), fact="purchase", key=("id",), time=TimeMap(column="at"))


@pytest.mark.parametrize(
    ("definitions", "wanted"),
    [
        ([], []),
        ([SALES], []),
        ([SALES, tag("a.b", "manual")], [("ingest", "", "manual"), ("build", "customer", "manual")]),
        (
            [tag("a.b", "weekly"), tag("a.c", "hourly"), tag("p.q", "monthly", "product"), SALES],
            [("ingest", "", "hourly"), ("build", "customer", "hourly"), ("build", "product", "monthly")],
        ),
        ([tag("a.b", "weekly"), SegmentDef("s", "true", refresh="daily")], [("build", "customer", "daily")]),
        ([SegmentDef("s", "true", subject="store")], []),
        (
            [SALES, ModelDef("value", "purchases", fact="purchase", amount="amount")],
            [("ingest", "", "weekly"), ("train", "value", "weekly")],
        ),
    ],
)
def test_schedules_follow_the_definitions(definitions: list[Definition], wanted: list[tuple[str, str, str]]) -> None:
    assert [(s.kind, s.name, s.refresh) for s in schedules(definitions)] == wanted


def test_a_job_is_known_by_kind_and_parameters() -> None:
    assert Job("build", {"force": False, "as_of": None}).key == Job("build").key
    assert Job("build", {"subjects": ["a"]}).key != Job("build").key
    with pytest.raises(UnknownName, match="kind of job"):
        Job("dance")
    with pytest.raises(UnknownName, match="parameter of a build job"):
        Job("build", {"subject": "customer"})
    with pytest.raises(InvalidInput, match="list of names"):
        Job("build", {"subjects": "customer"})
