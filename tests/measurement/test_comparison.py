"""A planted effect is found again where receivers were chosen for what they spent."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gongbi.estimators.stats import difference_interval
from gongbi.measurement import comparison
from gongbi.measurement.comparison import FEWEST, compare, design

SEEDS = range(20)
Arrays = tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64], list[int | None]]


def planted(seed: int, effect: float, customers: int = 1500) -> Arrays:
    """Receivers, outcome before and after, and a tag; good customers in a good period are likelier to receive.

    The tag is the habit seen through noise, in five levels, absent for a few.
    """
    rng = np.random.default_rng(seed)
    habit = rng.gamma(4, 40, customers)
    before, after = (np.maximum(habit + rng.normal(0, 40, customers), 0) for _ in range(2))
    seen = np.digitize(habit + rng.normal(0, 15, customers), [80, 130, 180, 240])
    # Chosen by the very columns that are matched on: what no column shows, no matching can mend.
    received = rng.random(customers) < 1 / (1 + np.exp(-(before - 160) / 110 - (seen - 2) / 3))
    tag: list[int | None] = [None if rng.random() < 0.02 else int(level) for level in seen]
    return received, before, after + effect * received, tag


@pytest.mark.parametrize("effect", [30.0, 0.0])
def test_intervals_cover_the_planted_effect_and_plain_differences_do_not(
    effect: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "RESAMPLES", 200)
    covered, naive_covered, change_covered, estimates = 0, 0, 0, []
    for seed in SEEDS:
        received, before, after, tag = planted(seed, effect)
        found = compare(received, before, after, design({"tag": tag}, before)).found
        assert found is not None
        covered += found.effect.low <= effect <= found.effect.high
        naive = difference_interval(after[received], after[~received])
        naive_covered += naive.low <= effect <= naive.high
        change_covered += found.unmatched.low <= effect <= found.unmatched.high
        estimates.append(found.effect.estimate)
    # 95 % intervals: 16 of 20 or fewer would happen by chance in less than 2 % of such tests.
    assert covered >= 17
    assert naive_covered == 0
    assert change_covered <= 4
    assert abs(np.mean(estimates) - effect) < 4


def test_matching_mends_the_balance() -> None:
    received, before, after, tag = planted(0, 30)
    found = compare(received, before, after, design({"tag": tag}, before))
    assert found.found is not None
    by_column = {b.column: b for b in found.found.balance}
    assert set(by_column) == {"before", "tag", "tag is absent"}
    assert abs(by_column["before"].before) > 0.5
    assert abs(by_column["tag"].before) > 0.5
    assert found.unbalanced == ()


def test_every_member_is_matched_or_dropped() -> None:
    received, before, after, tag = planted(1, 0)
    found = compare(received, before, after, design({"tag": tag}, before)).found
    assert found is not None
    assert found.treated_matched + found.treated_dropped == received.sum()
    assert found.control_matched + found.control_dropped == (~received).sum()


def test_texts_numbers_and_absent_values_are_all_matched_on() -> None:
    rng = np.random.default_rng(0)
    before = rng.random(400)
    tags = {
        "group": list(rng.choice(["a", "b", "c"], 400)),
        "many": [None if i % 50 == 0 else float(x) for i, x in enumerate(rng.random(400))],
        "few": list(rng.integers(0, 3, 400)),
        "yes": list(rng.random(400) < 0.5),
        "never": [None] * 400,
    }
    tags = {name: [v.item() if isinstance(v, np.generic) else v for v in values] for name, values in tags.items()}
    found = design(tags, before)
    bins = [len(set(column)) for column in found.strata]
    assert bins == [6, 3, 5, 3, 2, 1]
    assert list(found.covariates) == [
        "group = " + max("abc", key=lambda v: (tags["group"].count(v), -ord(v))),
        *[name for name in found.covariates if name.startswith("group =")][1:],
        "many",
        "many is absent",
        "few",
        *[name for name in found.covariates if name.startswith("yes =")],
        "never",
        "before",
    ]
    assert all(np.isfinite(column).all() for column in found.covariates.values())


def test_too_few_to_compare_is_said_and_not_guessed() -> None:
    received, before, after, tag = planted(2, 30, customers=200)
    few = np.zeros_like(received)
    few[: FEWEST - 1] = True
    found = compare(few, before, after, design({"tag": tag}, before))
    assert found.found is None
    assert found.to_json()["effect"] is None
    assert "Too few" in found.to_json()["why_not"]["en"]
    # Enough of both, but never alike.
    apart = compare(received, before, after, design({"who": [str(flag) for flag in received]}, before))
    assert apart.found is None
