"""Send time and channel, judged by made-up people whose best hours are known."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from gongbi.errors import InvalidInput, NotFitted
from gongbi.estimators.sendtime import HOURS, SendTimeModel, hour_of_week

MORNING, EVENING = 8, 20


def rate(evening: np.ndarray, hour: np.ndarray) -> np.ndarray:
    """True chance to answer: 30 % at the person's own hour of the day, falling off to 5 %."""
    peak = np.where(evening, EVENING, MORNING)
    apart = np.abs(hour % 24 - peak)
    return 0.05 + 0.25 * np.exp(-0.5 * (np.minimum(apart, 24 - apart) / 1.5) ** 2)


def messages(people: int, each: int, seed: int) -> tuple[np.ndarray, ...]:
    """Group a has mostly people of the morning, group b mostly of the evening."""
    rng = np.random.default_rng(seed)
    group = np.where(np.arange(people) % 2 == 0, "a", "b")
    evening = rng.random(people) < np.where(group == "a", 0.1, 0.9)
    whom = np.repeat(np.arange(people), each)
    hour = rng.integers(0, HOURS, len(whom))
    answered = rng.random(len(whom)) < rate(evening[whom], hour)
    return whom, hour, answered, group[whom], evening, group


@pytest.fixture(scope="module")
def fitted() -> tuple[SendTimeModel, np.ndarray, np.ndarray]:
    whom, hour, answered, of, evening, group = messages(200, 500, seed=0)
    return SendTimeModel().fit(whom, hour, answered, groups=of), evening, group


def test_the_best_hour_found_is_worth_nearly_the_best_there_is(fitted) -> None:
    model, evening, group = fitted
    best = np.array([model.best(i, most=1)[0][1] for i in range(200)])
    got = rate(evening, best)
    crowd = rate(evening, np.full(200, int(np.argmax(model.everybody_))))
    assert got.mean() > 0.24
    assert got.mean() > crowd.mean() + 0.04
    odd = evening != (group == "b")
    # Also who is unlike the group is found out, if not so often.
    assert got[odd].mean() > rate(evening, np.where(group == "a", MORNING, EVENING))[odd].mean() + 0.03


def test_newcomers_get_the_hours_of_their_group_and_strangers_those_of_everybody(fitted) -> None:
    model, _, _ = fitted
    assert abs(model.best("new", "a", most=1)[0][1] % 24 - MORNING) <= 1
    assert abs(model.best("new", "b", most=1)[0][1] % 24 - EVENING) <= 1
    assert model.curve("new", "never seen") == pytest.approx(model.everybody_)
    assert model.curve("new") == pytest.approx(model.everybody_)


def test_where_all_are_alike_nobody_is_told_from_the_others() -> None:
    rng = np.random.default_rng(1)
    whom, hour = np.repeat(np.arange(200), 20), rng.integers(0, HOURS, 4000)
    model = SendTimeModel().fit(whom, hour, rng.random(4000) < rate(np.zeros(4000, dtype=bool), hour))
    assert model.customer_trials_ > 15
    best = [model.best(i, most=1)[0][1] % 24 for i in range(50)]
    assert np.mean(np.abs(np.array(best) - MORNING) <= 2) > 0.9


def test_exploring_tries_other_hours_where_little_is_known_and_learns(fitted) -> None:
    model, _, _ = fitted
    newcomers = [f"n{i}" for i in range(60)]
    chosen = [hour for _, hour in model.choose(newcomers, ["a"] * 60)]
    assert len(set(chosen)) > 5
    assert model.choose(newcomers, ["a"] * 60) == model.choose(newcomers, ["a"] * 60)
    assert model.choose(newcomers, ["a"] * 60, draw=1) != model.choose(newcomers, ["a"] * 60)
    # Exploration costs something, and less than choosing blindly.
    morning = np.zeros(60, dtype=bool)
    assert rate(morning, np.array(chosen)).mean() > rate(morning, np.arange(60) * 2).mean() + 0.05


def test_only_allowed_hours_are_chosen(fitted) -> None:
    model, _, _ = fitted
    allowed = [hour for hour in range(HOURS) if 9 <= hour % 24 < 12]
    assert all(hour in allowed for _, hour in model.choose(list(range(20)), allowed=allowed))
    assert all(hour in allowed for _, hour, _ in model.best(0, allowed=allowed, most=5))
    with pytest.raises(InvalidInput, match="No hour is allowed"):
        model.best(0, allowed=[])


def test_the_channel_in_which_someone_answers_is_found() -> None:
    rng = np.random.default_rng(2)
    people, each = 200, 30
    likes = np.where(rng.random(people) < 0.5, "sms", "mail")
    whom = np.repeat(np.arange(people), each)
    channel = rng.choice(["sms", "mail"], len(whom))
    answered = rng.random(len(whom)) < np.where(likes[whom] == channel, 0.35, 0.05)
    model = SendTimeModel().fit(whom, rng.integers(0, HOURS, len(whom)), answered, channels=channel)
    rates = [model.channel_rates(i) for i in range(people)]
    found = np.array([max(one, key=one.__getitem__) for one in rates])
    assert (found == likes).mean() > 0.95
    assert [channel for channel, _, _ in model.best(0, most=1)] == [likes[0]]
    newcomer = model.channel_rates("new")
    assert newcomer["sms"] == pytest.approx(answered[channel == "sms"].mean(), abs=0.03)


def test_the_hour_of_the_week_counts_from_monday() -> None:
    # 2024-01-01 was a Monday.
    assert hour_of_week(np.array(["2024-01-01T00:30", "2024-01-07T23:59", "2024-01-03T12:00"], "M8[m]")).tolist() == [
        *(0, 167, 60)
    ]


def test_what_cannot_be_learned_is_refused_and_models_survive_pickling(fitted) -> None:
    model, _, _ = fitted
    assert (pickle.loads(pickle.dumps(model)).curve(3) == model.curve(3)).all()
    with pytest.raises(NotFitted):
        SendTimeModel().curve(1)
    with pytest.raises(InvalidInput, match="nobody answered"):
        SendTimeModel().fit([1, 2], [0, 1], [0, 0])
    with pytest.raises(InvalidInput, match="hour of the week"):
        SendTimeModel().fit([1, 2], [0, 168], [0, 1])
    with pytest.raises(InvalidInput, match="customers has 1 entries"):
        SendTimeModel().fit([1], [0, 1], [0, 1])


def test_many_are_answered_as_each_alone() -> None:
    rng = np.random.default_rng(5)
    n = 3000
    who, hour = rng.integers(0, 90, n), rng.integers(0, 168, n)
    way, group = rng.choice(["app", "sms"], n), np.array(["a", "b", "c"])[who % 3]
    yes = rng.random(n) < np.where((hour % 24 == 9 + 3 * (who % 3)) & (way == "app"), 0.7, 0.1)
    model = SendTimeModel().fit(who, hour, yes, channels=way, groups=group)
    asked: list[tuple[Any, Any]] = [*((one, None) for one in range(95)), (None, "b"), (7, "c"), (200, "strange")]
    channel, best, rate = model.best_each([one for one, _ in asked], [of for _, of in asked], allowed=range(8, 100))
    for i, (one, of) in enumerate(asked):
        ((name, at, chance),) = model.best(one, of, allowed=range(8, 100), most=1)
        assert (channel[i], best[i]) == (name, at)
        assert rate[i] == pytest.approx(chance)
    by_hour, plain = model.foretell(who[:400], hour[:400], way[:400], group[:400])
    place = {name: c for c, name in enumerate(model.channels_)}
    for i in range(400):
        assert by_hour[i] == pytest.approx(model.curve(int(who[i]), group[i])[place[way[i]], hour[i]])
        assert plain[i] == pytest.approx(model.channel_rates(int(who[i]), group[i])[way[i]])
    with pytest.raises(InvalidInput, match="letter"):
        model.foretell([1], [3], ["letter"])
