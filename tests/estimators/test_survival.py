"""Contracts that end: the model against simulated customers, concordance and Kaplan-Meier against plain counting."""

from __future__ import annotations

import json
import pickle
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from gongbi.errors import InvalidInput, NotFitted, UnknownName
from gongbi.estimators.survival import FAMILIES, ContractModel, concordance, kaplan_meier


@cache
def contracts(n: int = 1500) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Months until leaving, Weibull, three times as likely on a monthly plan; seen for 6 to 36 months."""
    rng = np.random.default_rng(2)
    plan, age = rng.choice(["monthly", "yearly"], n), rng.normal(40, 10, n)
    scale = 30 * np.exp(-0.9 * (plan == "monthly") + 0.02 * (age - 40))
    leaves, seen = scale * rng.weibull(1.2, n), rng.uniform(6, 36, n)
    frame = pd.DataFrame({"plan": plan, "age": np.where(rng.random(n) < 0.05, np.nan, age)})
    return frame, np.minimum(leaves, seen), leaves <= seen


@cache
def learned() -> ContractModel:
    return ContractModel(families=("cox", "weibull")).fit(*contracts())


def test_chances_of_leaving_are_those_that_customers_were_made_with() -> None:
    few = pd.DataFrame({"plan": ["monthly", "yearly"], "age": [40.0, 40.0]})
    stays = np.exp(-((12 / (30 * np.exp(np.array([-0.9, 0.0])))) ** 1.2))
    assert learned().predict_survival(few, [12.0])[:, 0] == pytest.approx(stays, abs=0.05)
    after = np.exp(-((18 / (30 * np.exp(np.array([-0.9, 0.0])))) ** 1.2))
    leaving = learned().predict_leaving(few, [12.0, 12.0], 6)
    assert leaving == pytest.approx(1 - after / stays, abs=0.06)
    both = learned().predict_survival(few, [12.0, 18.0])
    assert leaving == pytest.approx(1 - both[:, 1] / both[:, 0], rel=1e-9)


def test_customers_at_risk_come_first_and_survival_only_falls() -> None:
    frame, lasted, ended = contracts()
    survival = learned().predict_survival(frame, [3.0, 6.0, 12.0, 30.0])
    assert (np.diff(survival, axis=1) <= 1e-12).all()
    truth = 0.9 * (frame["plan"] == "monthly") - 0.02 * frame["age"].fillna(40)
    best = concordance(lasted, ended, truth)
    assert concordance(lasted, ended, 1 - survival[:, 2]) == pytest.approx(best, abs=0.01)
    assert best > 0.6
    assert set(learned().held_out_) == {"cox", "weibull"}
    copy = pickle.loads(pickle.dumps(learned()))
    assert (copy.predict_survival(frame, [3.0]) == survival[:, :1]).all()


@pytest.mark.parametrize("family", ["cox", "weibull", "log_logistic"])
def test_what_is_kept_says_what_lifelines_says(family: str) -> None:
    import lifelines

    frame, lasted, ended = contracts()
    frame, lasted, ended = frame.fillna({"age": 40.0})[:400], np.ceil(lasted[:400]), ended[:400]
    model = ContractModel(families=(family,)).fit(frame, lasted, ended)
    plain = pd.DataFrame({"yearly": frame["plan"] == "yearly", "age": frame["age"]}).astype(float)
    plain = (plain - plain.mean()) / plain.std(ddof=0)
    fitter = getattr(lifelines, FAMILIES[family])(penalizer=model.penalizer)
    fitter.fit(plain.assign(t=lasted, e=ended), "t", "e")
    times = [1.0, 5.5, 20.0, float(lasted.max())]
    wanted = fitter.predict_survival_function(plain, times=times).T.to_numpy()
    assert model.predict_survival(frame, times) == pytest.approx(wanted, rel=1e-4)
    again = ContractModel.from_json(json.loads(json.dumps(model.to_json())))
    assert again.family_ == family
    assert (again.predict_survival(frame, times) == model.predict_survival(frame, times)).all()
    elapsed = np.linspace(0, 60, len(frame))
    assert (again.predict_leaving(frame, elapsed, 6) == model.predict_leaving(frame, elapsed, 6)).all()
    # Nobody is safe for having stayed longer than anybody before.
    assert (model.predict_leaving(frame, elapsed, 6) > 0.01).all()


def test_time_that_is_left_is_the_area_under_survival() -> None:
    rng = np.random.default_rng(9)
    leaves, seen = rng.exponential(20, 4000), rng.uniform(5, 60, 4000)
    model = ContractModel(families=("weibull",)).fit(
        pd.DataFrame({"noise": rng.normal(size=4000)}), np.minimum(leaves, seen), leaves <= seen
    )
    few = pd.DataFrame({"noise": [0.0, 0.0, 0.0]})
    # Whoever leaves at one rate forgets how long they stayed: 20 (1 - exp(-within / 20)) at any time.
    assert model.predict_remaining(few, [0.0, 10.0, 50.0], 30.0) == pytest.approx(
        [20 * (1 - np.exp(-30 / 20))] * 3, rel=0.06
    )
    # The plain sum over days, of the survival that the model tells.
    days = np.arange(0, 30, 0.01)
    stays = model.predict_survival(few[:1], 10 + days)[0] / model.predict_survival(few[:1], [10.0])[0]
    assert model.predict_remaining(few[:1], [10.0], 30.0)[0] == pytest.approx(stays.sum() * 0.01, rel=1e-3)


def test_who_has_no_category_is_between_those_who_have() -> None:
    one, other, none = (
        learned().predict_survival(pd.DataFrame({"plan": [plan], "age": [40.0]}), [12.0])[0, 0]
        for plan in ("monthly", "yearly", None)
    )
    assert one < none < other


def test_refusals_say_what_was_seen() -> None:
    frame, lasted, ended = contracts()
    for traits, duration, event, message in (
        (frame, -lasted, ended, "duration must not be negative"),
        (frame, lasted, np.zeros(len(lasted)), "0 of 1500 contracts have ended"),
        (frame[:5], lasted, ended, "X has 5 rows"),
    ):
        with pytest.raises(InvalidInput, match=message):
            ContractModel().fit(traits, duration, event)
    with pytest.raises(UnknownName, match="gompertz"):
        ContractModel(families=("gompertz",)).fit(*contracts())
    with pytest.raises(NotFitted):
        clone(learned()).predict_survival(frame, [1.0])
    with pytest.raises(InvalidInput, match="horizon"):
        learned().predict_leaving(frame, lasted, 0)
    with pytest.raises(InvalidInput, match="within"):
        learned().predict_remaining(frame, lasted, np.inf)
    with pytest.raises(InvalidInput, match="1500 rows, elapsed 3"):
        learned().predict_leaving(frame, [1.0, 2.0, 3.0], 6)
    with pytest.raises(NotFitted):
        ContractModel().to_json()


rows = st.lists(st.tuples(st.integers(1, 6), st.booleans(), st.integers(0, 4)), min_size=2, max_size=12)


@given(rows, st.integers(1, 7))
def test_concordance_counts_pairs(given_rows: list[tuple[int, bool, int]], horizon: int) -> None:
    right = pairs = 0.0
    for t, gone, risk in given_rows:
        for t2, gone2, risk2 in given_rows:
            # Who stays at a time at which another leaves has lasted longer.
            if gone and t <= horizon and (t < t2 or (t == t2 and not (gone2 and t2 <= horizon))):
                pairs += 1
                right += (risk > risk2) + 0.5 * (risk == risk2)
    found = concordance(*zip(*given_rows, strict=True), horizon)
    assert found == pytest.approx(right / pairs) if pairs else np.isnan(found)


@given(rows)
def test_kaplan_meier_multiplies_what_stays(given_rows: list[tuple[int, bool, int]]) -> None:
    lasted, ended, _ = zip(*given_rows, strict=True)
    times, share = kaplan_meier(lasted, ended)
    expected, stays = [], 1.0
    for time in sorted({t for t, gone in zip(lasted, ended, strict=True) if gone}):
        there = sum(t >= time for t in lasted)
        stays *= 1 - sum(t == time and gone for t, gone in zip(lasted, ended, strict=True)) / there
        expected.append(stays)
    assert share == pytest.approx(np.array(expected))
    assert len(times) == len(expected)
