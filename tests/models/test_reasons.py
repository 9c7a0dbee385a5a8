"""Reasons in words, and trends beyond the noise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gongbi.catalog.base import Words
from gongbi.errors import InvalidInput
from gongbi.estimators.propensity import PropensityModel
from gongbi.estimators.trend import score_trend
from gongbi.models.reasons import reasons


@pytest.fixture(scope="module")
def fitted() -> tuple[PropensityModel, pd.DataFrame]:
    rng = np.random.default_rng(0)
    n = 400
    rows = pd.DataFrame(
        {
            "plan": rng.choice(["month", "year"], n),
            "visits": rng.poisson(5, n).astype(float),
            "joined (days)": rng.uniform(0, 300, n),
            "joined (weekday)": rng.integers(0, 7, n).astype(float),
        }
    )
    yes = rng.random(n) < 1 / (
        1 + np.exp(-(2.5 * (rows["plan"] == "month") - 1.2 - 0.01 * (rows["joined (days)"] - 150)))
    )
    return PropensityModel(blend=True, trees=60).fit(rows, yes), rows


def test_the_strongest_reason_is_said_in_both_languages_with_its_direction(fitted) -> None:
    model, rows = fitted
    found = reasons(model, rows, titles={"plan": Words("套餐", "Plan")})
    assert len(found) == len(rows)
    for row, said in zip(rows["plan"], found, strict=True):
        (plan,) = [one for one in said if one.feature == "plan"]
        assert plan.value == row
        assert (plan.added > 0) == (row == "month")
        assert plan.words.en.startswith(f"Plan is {row}: {'raises' if row == 'month' else 'lowers'} the chance")
        assert plan.words.zh.startswith(f"套餐为 {row}：使可能性{'升高' if row == 'month' else '降低'}")
        assert [abs(one.added) for one in said] == sorted((abs(one.added) for one in said), reverse=True)


def test_columns_of_one_feature_speak_once_and_their_parts_add_up(fitted) -> None:
    model, rows = fitted
    added = model.contributions(rows)
    for row, said in enumerate(reasons(model, rows, most=10)):
        names = [one.feature for one in said]
        assert len(set(names)) == len(names)
        assert not [name for name in names if name.endswith((" (days)", " (weekday)"))]
        joined = [one for one in said if one.feature == "joined"]
        assert not joined or joined[0].added == pytest.approx(added[row, 2] + added[row, 3])
        assert not joined or joined[0].value is None


def test_a_trend_is_what_goes_beyond_the_wobble_and_the_common_shift() -> None:
    rng = np.random.default_rng(1)
    base = rng.normal(-1, 1, 1000)
    moved = base + 0.4 + rng.normal(0, 0.15, 1000)
    moved[:50] += 2.0
    moved[50:80] -= 2.0

    def chance(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))

    found = score_trend(chance(base), chance(moved))
    assert found.shift == pytest.approx(0.4, abs=0.05)
    assert found.band == pytest.approx(0.3, abs=0.06)
    assert (found.direction[:50] == 1).all()
    assert (found.direction[50:80] == -1).all()
    assert (found.direction[80:] == 0).mean() > 0.93
    kept = score_trend(chance(base), chance(moved), band=0.1, keep_shift=True)
    assert (kept.direction == 1).mean() > 0.9


def test_who_did_not_change_is_steady_and_nonsense_is_refused() -> None:
    same = np.linspace(0.01, 0.99, 20)
    assert (score_trend(same, same).direction == 0).all()
    assert score_trend([], []).direction.tolist() == []
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        score_trend([1.2], [0.5])
    with pytest.raises(InvalidInput, match="wider than nothing"):
        score_trend([0.2], [0.5], width=0)
