"""Matched comparison of receivers and others: a planted effect is found where the naive comparison is not."""

from __future__ import annotations

import numpy as np
import pytest

from gongbi.errors import InvalidInput
from gongbi.estimators.stats import matched_difference, quantile_bins

EFFECT = 5.0


def campaign(seed: int, n: int = 6000) -> dict[str, np.ndarray]:
    """A campaign aimed at regular members, whose sales grow by themselves; it adds EFFECT to receivers' sales."""
    rng = np.random.default_rng(seed)
    tier = rng.integers(0, 4, n)
    visits = rng.poisson(3 + 2 * tier)
    treated = rng.random(n) < 1 / (1 + np.exp(2.5 - 0.7 * tier - 0.15 * visits))
    before = 20 + 10 * tier + 2 * visits + rng.normal(0, 8, n)
    after = before + 4 * tier + 1.5 * visits + EFFECT * treated + rng.normal(0, 8, n)
    return {"treated": treated, "before": before, "after": after, "tier": tier, "visits": visits.astype(float)}


def analysed(data: dict[str, np.ndarray], **options: object):
    return matched_difference(
        data["treated"],
        data["before"],
        data["after"],
        strata=[data["tier"], quantile_bins(data["visits"], 4)],
        covariates={"visits": data["visits"]},
        **{"resamples": 200, **options},
    )


def test_a_planted_effect_is_recovered_where_the_naive_difference_is_far_off() -> None:
    found = analysed(campaign(0))
    assert found.effect.low < EFFECT < found.effect.high
    assert abs(found.effect.estimate - EFFECT) < 0.6
    assert found.unmatched.low > EFFECT + 3


def test_nineteen_of_twenty_intervals_hold_the_effect() -> None:
    intervals = [analysed(campaign(seed, n=800), resamples=150).effect for seed in range(60)]
    assert sum(i.low < EFFECT < i.high for i in intervals) >= 52
    assert np.mean([i.estimate for i in intervals]) == pytest.approx(EFFECT, abs=0.35)


def test_matching_brings_the_groups_together() -> None:
    for row in analysed(campaign(1)).balance:
        assert abs(row.after) < 0.1 < 0.3 < row.before, row.column


def test_adjustment_removes_what_is_left_within_strata() -> None:
    data = campaign(2)
    rough = [np.zeros(len(data["tier"]))]
    common = {"strata": rough, "resamples": 100}
    columns = (data["treated"], data["before"], data["after"])
    alone = matched_difference(*columns, **common)
    adjusted = matched_difference(*columns, **common, covariates={"visits": data["visits"], "tier": data["tier"]})
    assert alone.effect.estimate == pytest.approx(alone.unmatched.estimate)
    assert abs(adjusted.effect.estimate - EFFECT) < 0.6 < 3 < abs(alone.effect.estimate - EFFECT)


def test_without_strata_all_members_are_one_stratum() -> None:
    data = campaign(2, n=200)
    found = matched_difference(data["treated"], data["before"], data["after"], resamples=50)
    assert found.strata_matched == 1
    assert found.effect.estimate == pytest.approx(found.unmatched.estimate)


def test_members_without_a_counterpart_are_dropped_and_counted() -> None:
    found = matched_difference(
        [1, 1, 1, 0, 0, 0, 0, 1],
        [10, 10, 10, 10, 10, 10, 10, 10],
        [13, 13, 13, 11, 11, 11, 50, 90],
        strata=[["a", "a", "a", "a", "a", "a", "only controls", "only treated"]],
        resamples=20,
    )
    assert found.effect.estimate == 2
    assert (found.treated_matched, found.control_matched) == (3, 3)
    assert (found.treated_dropped, found.control_dropped) == (1, 1)


def test_strata_count_by_their_treated_members() -> None:
    # In stratum a, thirty treated gain 1; in b, ten gain 5: the effect on the treated is (3 * 1 + 5) / 4.
    found = matched_difference(
        [1, 1, 1, 0, 1, 0, 0, 0, 0] * 10,
        [0.0] * 90,
        [1, 1, 1, 0, 5, 0, 0, 0, 0] * 10,
        strata=[list("aaaabbbbb") * 10],
        resamples=200,
    )
    assert found.effect.estimate == pytest.approx(2)


def test_the_same_seed_gives_the_same_interval() -> None:
    data = campaign(3, n=500)
    assert analysed(data, seed=1) == analysed(data, seed=1)
    assert analysed(data, seed=1).effect.low != analysed(data, seed=2).effect.low


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(InvalidInput, match="None of the 2 strata"):
        matched_difference([1, 1, 0, 0], [1, 2, 3, 4], [1, 2, 3, 4], strata=[[1, 1, 2, 2]])
    with pytest.raises(InvalidInput, match="1 of 3 were treated"):
        matched_difference([1, 0, 0], [1, 2, 3], [1, 2, 3])
    with pytest.raises(InvalidInput, match=r"strata\[0\] has shape \(2,\)"):
        matched_difference([1, 1, 0, 0], [1, 2, 3, 4], [1, 2, 3, 4], strata=[[1, 2]])
    with pytest.raises(InvalidInput, match="before must be finite"):
        matched_difference([1, 1, 0, 0], [1, 2, 3, float("nan")], [1, 2, 3, 4])
