"""Recurring payments are found with their rhythm and their next day; what only looks like one is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongbi.errors import InvalidInput
from gongbi.estimators.recurring import Recurrence, recurring

AS_OF = "2024-07-01"


def one(days: list[str], amounts: list[float] | None = None, as_of: str = AS_OF) -> Recurrence | None:
    n = len(days)
    found = recurring(["c"] * n, ["p"] * n, np.array(days, "M8[D]"), amounts, as_of=as_of)
    assert len(found) <= 1
    return found[0] if found else None


def test_rent_on_the_fifth_is_monthly_and_comes_on_the_monday_after_a_weekend() -> None:
    # 5 May 2024 is a Sunday, so it came on Monday the 6th; 5 October 2024 is a Saturday.
    days = ["2024-02-05", "2024-03-05", "2024-04-05", "2024-05-06", "2024-06-05"]
    rent = one(days, [3000, 3000, 3050, 3000, 3000])
    assert rent is not None
    assert (rent.rhythm, rent.day, rent.times, rent.kept, rent.amount) == ("monthly", 5, 5, 1.0, 3000)
    assert str(rent.next) == "2024-07-05"
    autumn = one(["2024-06-05", "2024-07-05", "2024-08-05", "2024-09-05"], as_of="2024-09-20")
    assert autumn is not None
    assert str(autumn.next) == "2024-10-07"
    assert autumn.earliest < autumn.next < autumn.latest


def test_the_last_day_of_the_month_is_one_rhythm_whatever_its_length() -> None:
    found = one(["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31"], as_of="2024-06-10")
    assert found is not None
    assert found.rhythm == "monthly"
    assert str(found.next) in ("2024-06-28", "2024-06-30", "2024-07-01")


@pytest.mark.parametrize(
    ("rhythm", "days", "following"),
    [
        ("weekly", ["2024-06-03", "2024-06-10", "2024-06-17", "2024-06-24"], "2024-07-01"),
        ("fortnightly", ["2024-05-06", "2024-05-20", "2024-06-03", "2024-06-17"], "2024-07-01"),
        ("quarterly", ["2023-09-12", "2023-12-12", "2024-03-12", "2024-06-12"], "2024-09-12"),
        ("yearly", ["2022-04-10", "2023-04-11", "2024-04-10"], "2025-04-10"),
    ],
)
def test_every_rhythm_is_told_with_its_next_day(rhythm: str, days: list[str], following: str) -> None:
    found = one(days)
    assert found is not None
    assert found.rhythm == rhythm
    assert str(found.next) == following


@given(st.integers(1, 28), st.lists(st.integers(-1, 1), min_size=6, max_size=12))
@settings(max_examples=50, deadline=None)
def test_a_day_of_the_month_within_a_day_is_monthly(day: int, wobble: list[int]) -> None:
    months = np.arange("2023-01", "2024-12", dtype="M8[M]")[: len(wobble)]
    days = months.astype("M8[D]") + day - 1 + np.array(wobble)
    found = one([str(value) for value in days], as_of=str(days[-1] + 3))
    assert found is not None
    assert found.rhythm == "monthly"
    assert found.next is not None
    due = months[-1].astype("M8[D]") + day - 1
    assert 24 <= (found.next - due).astype(int) <= 37


def test_random_days_a_daily_coffee_and_wild_amounts_are_no_rhythm() -> None:
    rng = np.random.default_rng(0)
    false = 0
    for _ in range(100):
        days = np.sort(rng.choice(365, 8, replace=False)) + np.datetime64("2023-07-01")
        false += one([str(value) for value in days]) is not None
    assert false <= 5
    daily = np.arange("2024-05-01", "2024-06-30", dtype="M8[D]")
    assert one([str(value) for value in daily]) is None
    days = ["2024-02-05", "2024-03-05", "2024-04-05", "2024-05-06", "2024-06-05"]
    assert one(days, [10, 500, 40, 2000, 90]) is None


def test_what_stopped_has_no_next_and_the_future_is_not_looked_at() -> None:
    days = ["2023-09-05", "2023-10-05", "2023-11-05", "2023-12-05"]
    ended = one(days)
    assert ended is not None
    assert ended.next is None
    assert one([*days, "2024-08-05"]) == ended


def test_two_amounts_to_one_payee_are_two_recurrences() -> None:
    months = np.arange("2024-01", "2024-07", dtype="M8[M]")
    days = np.concatenate([months.astype("M8[D]") + 4, months.astype("M8[D]") + 19])
    amounts = [50.0] * 6 + [900.0] * 6
    found = recurring(["c"] * 12, ["bank"] * 12, days, amounts, as_of=AS_OF)
    assert sorted((one.amount, one.day) for one in found) == [(50.0, 5), (900.0, 20)]


def test_what_is_not_equally_long_or_no_time_is_refused() -> None:
    with pytest.raises(InvalidInput, match="equally long"):
        recurring([1], [1, 2], ["2024-01-01"], as_of=AS_OF)
    with pytest.raises(InvalidInput, match="must be times"):
        recurring([1], [1], np.array(["NaT"], "M8[D]"), as_of=AS_OF)
    with pytest.raises(InvalidInput, match="least_times"):
        recurring([1], [1], ["2024-01-01"], as_of=AS_OF, least_times=1)


def test_what_is_passed_over_cheaply_would_not_have_been_found(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    who, whom, days = [], [], []
    for number in range(600):
        period, n = (7, 14, 30.44, 91.3, 365, 0)[number % 6], int(rng.integers(2, 14))
        if period:
            at = rng.integers(0, 300) + period * np.arange(n) + rng.normal(0, rng.choice([0.5, 3, 8]), n)
        else:
            at = rng.integers(0, 300) + np.cumsum(rng.exponential(rng.choice([3, 10, 40]), n))
        # Some are missed, and some fall outside the rhythm.
        at = np.concatenate([at[rng.random(n) < 0.85], rng.integers(0, 900, rng.integers(0, 3))])
        who += [number // 3] * len(at)
        whom += [number % 3] * len(at)
        days += [np.datetime64("2020-01-01") + int(one) for one in at]
    order = rng.permutation(len(days))
    rows = (np.array(who)[order], np.array(whom)[order], np.array(days)[order])
    found = recurring(*rows, as_of="2021-06-01")
    monkeypatch.setattr("gongbi.estimators.recurring._hopeless", lambda *_: False)
    assert found == recurring(*rows, as_of="2021-06-01")
    assert len({one.rhythm for one in found}) == 5
