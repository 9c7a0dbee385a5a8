"""`gongbi evaluate churn`: contracts, purchases without one, and a target alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gongbi.errors import InvalidInput
from gongbi.models.evaluation.base import Request
from gongbi.models.evaluation.churn import run


def contracts(n: int = 600) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    plan = rng.choice(["monthly", "yearly"], n)
    leaves, seen = 25 * np.exp(-1.2 * (plan == "monthly")) * rng.weibull(1.0, n), rng.uniform(2, 30, n)
    months = np.ceil(np.minimum(leaves, seen))
    return pd.DataFrame(
        {
            "plan": plan,
            "noise": rng.normal(size=n),
            "paid so far": months * rng.uniform(9, 11, n),
            "months": months,
            "left": np.where(leaves <= seen, "Yes", "No"),
        }
    )


def test_contracts_are_judged_beside_cox_and_a_curve_for_everybody() -> None:
    options = {"duration": "months", "event": "left", "drop": "paid so far", "horizon": "12"}
    found = run(contracts(), Request(options=options, repeats=2)).to_json()
    first = found["measures"][0]
    assert first["measure"] == "concordance"
    assert first["mean"] > 0.6
    assert first["baselines"]["kaplan_meier"]["mean"] == 0.5
    assert abs(first["mean"] - first["baselines"]["cox"]["mean"]) < 0.05
    assert found["details"]["horizon"] == 12
    told = run(contracts(), Request(options={**options, "drop": "noise"}, repeats=2)).to_json()["notes"]
    assert any("paid so far grows with the duration" in note["en"] for note in told)


def test_silent_customers_are_judged_by_whether_they_buy_again() -> None:
    rng, rows = np.random.default_rng(6), []
    for i in range(300):
        now, gap, gone = rng.uniform(0, 60), rng.gamma(2, 12), rng.exponential(300)
        while now < min(400, gone + 60):
            rows.append((i, pd.Timestamp("2023-01-01") + pd.Timedelta(days=now)))
            now += rng.exponential(gap)
    frame = pd.DataFrame(rows, columns=["who", "when"])
    frame["who"] = frame["who"].astype(str)
    options = {"customer": "who", "model": "modified_beta_geo"}
    found = run(frame, Request(options=options, repeats=2, time="when")).to_json()
    first = found["measures"][0]
    assert first["measure"] == "auc"
    assert set(first["baselines"]) == {"rfm logistic", "silence"}
    assert first["mean"] > 0.7
    quiet = frame.groupby("who")["when"].max() <= frame["when"].max().floor("D") - pd.Timedelta(days=98)
    assert found["details"]["churned"] == pytest.approx(quiet.mean(), abs=0.05)


def test_a_target_alone_is_a_propensity() -> None:
    found = run(contracts(120), Request(options={"target": "left", "drop": "months"}, repeats=1)).to_json()
    assert (found["kind"], found["measures"][0]["measure"]) == ("churn", "auc")


def test_what_churn_is_must_be_said() -> None:
    for options, message in (
        ({}, "What is churn"),
        ({"duration": "months"}, "also need --event"),
        ({"duration": "months", "event": "left", "horizon": "99"}, "at most"),
    ):
        with pytest.raises(InvalidInput, match=message):
            run(contracts(), Request(options=options, repeats=1))
