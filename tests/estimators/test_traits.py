"""Inferred traits: sure or silent, never over what was declared, and never sensitive."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gongbi.errors import InvalidInput, NotFitted, Refused
from gongbi.estimators.traits import InferredTrait

BANDS = np.array(["young", "middle", "old"])


def people(n: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    band = rng.integers(0, 3, n)
    rows = pd.DataFrame({"games": rng.normal(2 - band, 0.8), "tea": rng.normal(band, 0.8), "noise": rng.normal(size=n)})
    return rows, BANDS[band]


@pytest.fixture(scope="module")
def fitted() -> InferredTrait:
    rows, band = people(600, seed=0)
    declared = np.where(np.arange(600) % 3 == 0, None, band.astype(object))
    return InferredTrait("age_band", trees=60).fit(rows, declared)


def test_what_is_said_is_right_as_often_as_it_claims_and_the_unsure_are_left_out(fitted: InferredTrait) -> None:
    rows, band = people(1500, seed=1)
    value, confidence, method = fitted.infer(rows)
    said = method == "inferred"
    assert 0.2 < said.mean() < 0.95
    right = (value[said] == band[said]).mean()
    assert right >= 0.8
    assert right == pytest.approx(confidence[said].mean(), abs=0.05)
    assert all(one is None for one in value[~said])
    assert fitted.predict_proba(rows).sum(axis=1) == pytest.approx(1)


def test_a_declared_value_is_kept_whatever_the_model_thinks(fitted: InferredTrait) -> None:
    rows, _ = people(50, seed=2)
    declared = np.array(["old" if i % 2 else None for i in range(50)], dtype=object)
    value, confidence, method = fitted.infer(rows, declared)
    assert (value[1::2] == "old").all()
    assert (confidence[1::2] == 1).all()
    assert (method[1::2] == "declared").all()
    assert "declared" not in method[::2]


@pytest.mark.parametrize("name", ["religion", "health_state", "宗教信仰", "political_leaning", "性取向", "Ethnicity"])
def test_sensitive_traits_are_refused(name: str) -> None:
    with pytest.raises(Refused, match="sensitive trait"):
        InferredTrait(name)


def test_a_sensitive_grade_and_too_little_are_refused() -> None:
    with pytest.raises(Refused):
        InferredTrait("household", grade="sensitive")
    with pytest.raises(InvalidInput, match="two are the fewest"):
        InferredTrait("age_band").fit(people(30, seed=3)[0], ["old"] * 30)
    with pytest.raises(NotFitted):
        InferredTrait("age_band").predict_proba(people(3, seed=4)[0])
    with pytest.raises(InvalidInput, match="least confidence"):
        InferredTrait("age_band", limit=0)
