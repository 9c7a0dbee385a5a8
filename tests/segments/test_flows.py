"""Who moved between groups, and how groups grew and did, beside the orders counted by hand."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongbi.errors import InvalidDefinition, InvalidInput
from gongbi.segments.periods import HOWS, Span, compared, is_worked, new_year, spans, working_days

ZONE = ZoneInfo("Asia/Shanghai")
SPENT = "coalesce(sum(order.amount) filter (where during()), 0)"


def before(half_year, day: str) -> Counter[int]:  # type: ignore[no-untyped-def]
    """Customer → orders before a local day."""
    end = datetime.fromisoformat(day).replace(tzinfo=ZONE)
    return Counter(order.customer for order in half_year.orders if order.ts < end)


def test_members_flow_from_where_they_were_to_where_they_are(half_year) -> None:  # type: ignore[no-untyped-def]
    groups = ["often", "tag.spend.orders >= 2", "count(order) = 1"]
    found = half_year.ws.call("flows", groups=groups, since="2024-03-01", until="2024-05-01")

    def state(n: int) -> str:
        return groups[0] if n >= 4 else groups[1] if n >= 2 else groups[2] if n == 1 else "—"

    then, now = before(half_year, "2024-03-01"), before(half_year, "2024-05-01")
    everybody = half_year.ids("true")
    moved = Counter((state(then[i]), state(now[i])) for i in everybody)
    assert {(row["from"], row["to"]): row["n"] for row in found["rows"]} == dict(moved)
    for one in found["states"]:
        stayed = moved[one["state"], one["state"]]
        assert one["before"] == sum(n for (a, _), n in moved.items() if a == one["state"])
        assert (one["stayed"], one["entered"]) == (stayed, one["after"] - stayed)
    shares = Counter()
    for row in found["rows"]:
        shares[row["from"]] += row["share"]
    assert dict(shares) == pytest.approx(dict.fromkeys(shares, 1))


def test_the_values_of_a_tag_are_groups_too(half_year) -> None:  # type: ignore[no-untyped-def]
    found = half_year.ws.call("flows", by="visit.recent", since="2024-04-01", until="2024-06-01")

    def recent(day: str) -> set[int]:
        end = datetime.fromisoformat(day).replace(tzinfo=ZONE)
        return {o.customer for o in half_year.orders if end - timedelta(days=30) <= o.ts < end}

    then, now = recent("2024-04-01"), recent("2024-06-01")
    moved = Counter((str(i in then).lower(), str(i in now).lower()) for i in half_year.ids("true"))
    assert {(row["from"], row["to"]): row["n"] for row in found["rows"]} == dict(moved)


def test_groups_grow_and_bring_what_their_first_members_spend(half_year) -> None:  # type: ignore[no-untyped-def]
    asked = {"outcome": SPENT, "periods": 3, "until": "2024-06-10"}
    found = half_year.ws.call("growth", groups=["often", "true"], **asked)
    months = ["2024-03-01", "2024-04-01", "2024-05-01", "2024-06-01"]
    often = [{i for i, n in before(half_year, day).items() if n >= 4} for day in months]
    rows = found["groups"][0]["rows"]
    assert [(row["start"], row["end"]) for row in rows] == list(pairwise(months))
    for k, row in enumerate(rows):
        assert (row["before"], row["after"]) == (len(often[k]), len(often[k + 1]))
        assert row["entered"] == len(often[k + 1] - often[k])
        assert row["left"] == len(often[k] - often[k + 1])
        start, end = (datetime.fromisoformat(day).replace(tzinfo=ZONE) for day in months[k : k + 2])
        total = sum(o.amount for o in half_year.orders if start <= o.ts < end and o.customer in often[k])
        assert row["total"] == pytest.approx(total)
        assert row["mean"] == pytest.approx(total / len(often[k]))
        assert row["low"] <= row["mean"] <= row["high"]
        assert row["per_working_day"] == pytest.approx(total / row["working_days"])
    # The first of May 2024 was a holiday until the fifth, and the 28th of April and the 11th of May were worked.
    assert rows[2]["working_days"] == 21
    assert rows[1]["change"] == pytest.approx(rows[1]["after"] / rows[0]["after"] - 1)
    assert {row["before"] for row in found["groups"][1]["rows"]} == {len(half_year.ids("true"))}


def test_a_mean_is_of_those_who_have_an_outcome_and_says_of_how_many(half_year) -> None:  # type: ignore[no-untyped-def]
    spent = "sum(order.amount) filter (where during())"
    start, end = (datetime(2024, 5, day, tzinfo=ZONE) for day in (1, 4))
    here = {o.customer: [] for o in half_year.orders if start <= o.ts < end}  # type: ignore[var-annotated]
    for order in half_year.orders:
        if start <= order.ts < end:
            here[order.customer].append(order.amount)
    amounts = {who: sum(each) for who, each in here.items() if who in half_year.ids("true")}
    for outcome, count in ((spent, len(amounts)), (f"coalesce({spent}, 0)", len(half_year.ids("true")))):
        asked = {"outcome": outcome, "start": "2024-05-01", "end": "2024-05-04"}
        row = half_year.ws.call("success", groups=["true"], **asked)["rows"][0]
        assert (row["members"], row["with_value"]) == (len(half_year.ids("true")), count)
        assert row["mean"] * count == pytest.approx(row["total"]) == pytest.approx(float(sum(amounts.values())))
    assert 0 < len(amounts) < len(half_year.ids("true"))


def test_a_stretch_of_time_is_compared_with_the_one_before(half_year) -> None:  # type: ignore[no-untyped-def]
    found = half_year.ws.call("success", groups=["true"], outcome=SPENT, start="2024-05-01", end="2024-06-01")
    now, earlier, year_ago, lunar = found["rows"]
    assert [row["period"] for row in found["rows"]] == ["period", *HOWS]
    assert (earlier["start"], earlier["end"]) == ("2024-03-31", "2024-05-01")
    assert now["mean_change"] is None
    assert earlier["mean_change"] == pytest.approx(now["mean"] / earlier["mean"] - 1)
    worked = now["per_working_day"] / earlier["per_working_day"] - 1
    assert earlier["per_working_day_change"] == pytest.approx(worked)
    assert year_ago["start"] == "2023-05-01"
    # New Year was on 10 February 2024 and on 22 January 2023.
    assert lunar["start"] == "2023-04-13"
    assert lunar["total"] is year_ago["total"] is year_ago["per_working_day"] is None
    assert [w["since"] for w in found["warnings"] if w["code"] == "data_begin"] == [
        min(o.ts for o in half_year.orders).date().isoformat()
    ]


@pytest.mark.parametrize("outcome", ["count(order)", "tag.spend.orders", "sum(order.amount)", "1", "customer.id * 2"])
def test_an_outcome_that_is_not_of_the_period_is_refused(half_year, outcome: str) -> None:  # type: ignore[no-untyped-def]
    refused = pytest.raises((InvalidInput, InvalidDefinition), match=r"does not say of when|no period|of none|number")
    with refused:
        half_year.ws.call("growth", groups=["often"], outcome=outcome)
    with refused:
        half_year.ws.call("success", groups=["often"], outcome=outcome, start="2024-05-01", end="2024-06-01")


def test_what_lies_before_the_data_is_absent_and_not_zero(half_year) -> None:  # type: ignore[no-untyped-def]
    first = min(order.ts for order in half_year.orders)
    asked = {"outcome": SPENT, "periods": 4, "until": "2024-03-15"}
    often, everyone = half_year.ws.call("growth", groups=["often", "true"], **asked)["groups"]
    assert first.date().isoformat()[:7] == often["rows"][2]["start"][:7], "the data begin in the third of four months"
    for row in often["rows"][:2]:
        assert {row[key] for key in ("before", "entered", "left", "after", "total", "mean", "change")} == {None}
    third, last = often["rows"][2:]
    assert (third["before"], third["entered"], third["total"]) == (None, None, None)
    assert (third["after"], last["before"]) == (last["before"], third["after"]) != (None, None)
    assert [row["total"] for row in everyone["rows"][:2]] == [None, None]
    assert everyone["rows"][0]["before"] == len(half_year.ids("true")), "it rests on no fact"
    spent = sum(o.amount for o in half_year.orders if o.ts.isoformat()[:7] == everyone["rows"][2]["start"][:7])
    assert everyone["rows"][2]["total"] == pytest.approx(spent)


def test_what_has_no_past_is_told(half_year) -> None:  # type: ignore[no-untyped-def]
    ask = half_year.ws.call
    with pytest.raises(InvalidInput, match="between 1 to 20 different groups"):
        ask("flows", since="2024-03-01")
    with pytest.raises(InvalidInput, match="is not before"):
        ask("flows", groups=["often"], since="2024-06-01", until="2024-05-01")
    with pytest.raises(InvalidInput, match="An outcome is a number"):
        ask("growth", groups=["often"], outcome="customer.town")
    with pytest.raises(InvalidInput, match="1 to 20 groups over 1 to 60"):
        ask("growth", groups=[])
    with pytest.raises(InvalidInput, match="is not a date"):
        ask("success", groups=["often"], outcome=SPENT, start="May", end="June")


def test_new_years_days_are_holidays_of_the_record() -> None:
    from chinese_calendar import get_holiday_detail

    for year in range(2004, 2027):
        holiday, name = get_holiday_detail(new_year(year))
        assert (holiday, name) == (True, "Spring Festival"), year
        # The night before is a holiday of most years; the day after the fortnight never is one of the festival.
        assert get_holiday_detail(new_year(year) + timedelta(days=15))[1] != "Spring Festival"


@given(st.dates(date(2005, 1, 1), date(2030, 1, 1)), st.integers(1, 90), st.sampled_from(HOWS))
def test_what_is_compared_is_earlier_and_as_long(start: date, days: int, how: str) -> None:
    span = Span(start, start + timedelta(days=days))
    other = compared(span, how)  # type: ignore[arg-type]
    assert other.start < span.start
    # A leap day more or less.
    assert abs(other.days - span.days) <= (1 if how == "year_ago" else 0)
    if how == "lunar_year_ago":
        distances = {(span.start - new_year(y)).days: y for y in range(span.start.year - 1, span.start.year + 2)}
        assert any((other.start - new_year(y - 1)).days == d for d, y in distances.items())


def test_working_days_follow_the_calendar_of_the_zone() -> None:
    golden = Span(date(2024, 10, 1), date(2024, 10, 8))
    assert working_days(golden, "Asia/Shanghai") == 0
    assert working_days(golden, "Europe/Berlin") == 5
    assert is_worked(date(2024, 10, 12))  # A Saturday, in exchange.
    assert not is_worked(date(2040, 1, 1))  # Not on record; a Sunday.
    assert [s.start.month for s in spans(date(2024, 3, 5), 3, "month")] == [12, 1, 2]
