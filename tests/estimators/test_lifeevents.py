"""Life events: customers whose change is known, and the sum over all days written out by hand."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest
from scipy.special import betaln, logsumexp

from gongbi.errors import InvalidInput, NotFitted
from gongbi.estimators.lifeevents import LifeEventModel, LifeEvents


@cache
def made(n: int = 600) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Days of customers; of each the kind (0 none, 1 in the data, 2 before) and the day of the event."""
    rng = np.random.default_rng(0)
    rows, kinds, days = [], [], []
    for customer in range(n):
        day = np.sort(rng.choice(400, int(rng.integers(20, 120)), replace=False))
        kind = int(rng.choice(3, p=[0.8, 0.15, 0.05]))
        came = {0: 999, 1: int(rng.integers(50, 350)), 2: -1}[kind]
        sign = rng.random(len(day)) < np.where(day >= came, rng.beta(6, 6), rng.beta(0.5, 30))
        rows += [(customer, d, s) for d, s in zip(day, sign, strict=True)]
        kinds.append(kind)
        days.append(came)
    who, day, sign = (np.array(column) for column in zip(*rows, strict=True))
    return who, day, sign, np.array(kinds), np.array(days)


@cache
def learned() -> LifeEventModel:
    return LifeEventModel().fit(*made()[:3])


@cache
def told() -> LifeEvents:
    return learned().predict(*made()[:3])


def test_shares_are_those_that_customers_were_made_with() -> None:
    kinds = made()[3]
    assert learned().shares_ == pytest.approx(np.bincount(kinds) / len(kinds), abs=0.03)
    (a, b), (c, d) = learned().usual_, learned().after_
    assert a / (a + b) == pytest.approx(0.5 / 30.5, abs=0.005)
    assert c / (c + d) == pytest.approx(0.5, abs=0.03)


def test_chances_hold_and_days_are_near() -> None:
    kinds, came = made()[3:]
    sure = told().seen > 0.8
    assert (kinds[sure] == 1).mean() == pytest.approx(told().seen[sure].mean(), abs=0.05)
    assert told().chance.sum() == pytest.approx((kinds > 0).sum(), rel=0.1)
    near = sure & (kinds == 1)
    assert near.sum() > 60
    assert np.median(np.abs(told().day[near] - came[near])) <= 10
    # The first day with a purchase after the event is at most some weeks later.
    assert ((told().low[near] <= came[near] + 30) & (came[near] <= told().high[near])).mean() > 0.75


def test_one_customer_by_hand() -> None:
    model, sign = learned(), np.array([0, 0, 1, 0, 1, 1, 1])
    (a, b), (c, d) = model.usual_, model.after_

    def chance(marks: np.ndarray, yes: float, no: float) -> float:
        return float(betaln(yes + marks.sum(), no + len(marks) - marks.sum()) - betaln(yes, no))

    none = np.log(model.shares_[0]) + chance(sign, a, b)
    before = np.log(model.shares_[2]) + chance(sign, c, d)
    cuts = [np.log(model.shares_[1] / 6) + chance(sign[:i], a, b) + chance(sign[i:], c, d) for i in range(1, 7)]
    whole = logsumexp([none, before, *cuts])
    found = model.predict(["x"] * 7, np.arange(10, 17), sign)
    assert found.chance[0] == pytest.approx(1 - np.exp(none - whole), rel=1e-9)
    assert found.seen[0] == pytest.approx(np.exp(logsumexp(cuts) - whole), rel=1e-9)
    assert found.day[0] == 10 + 1 + int(np.argmax(cuts))
    rates = [(sign.sum() + a) / (7 + a + b), (sign.sum() + c) / (7 + c + d)]
    rates += [(sign[i:].sum() + c) / (7 - i + c + d) for i in range(1, 7)]
    weights = np.exp(np.array([none, before, *cuts]) - whole)
    assert found.rate[0] == pytest.approx(float(weights @ rates), rel=1e-9)


def test_the_order_of_rows_says_nothing_and_what_is_kept_tells_the_same() -> None:
    who, day, sign = made()[:3]
    order = np.random.default_rng(1).permutation(len(who))
    again = LifeEventModel.from_json(json.loads(json.dumps(learned().to_json())))
    other = again.predict(who[order], day[order], sign[order])
    for name in ("customer", "chance", "seen", "day", "low", "high", "rate"):
        assert getattr(other, name) == pytest.approx(getattr(told(), name), rel=1e-12)
    # Somebody with one day has nothing between two.
    one = again.predict(["a", "b", "b"], [5, 1, 9], [True, False, True])
    assert one.seen[0] == 0
    assert one.day[0] == 5


def test_refusals_say_what_was_seen() -> None:
    who, day, sign = made()[:3]
    with pytest.raises(InvalidInput, match="0 customers had a sign"):
        LifeEventModel().fit(who, day, np.zeros(len(who)))
    with pytest.raises(InvalidInput, match="3 days"):
        LifeEventModel().fit(who, [1, 2, 3], sign)
    with pytest.raises(InvalidInput, match="no days"):
        LifeEventModel().fit([], [], [])
    with pytest.raises(NotFitted):
        LifeEventModel().predict(who, day, sign)
