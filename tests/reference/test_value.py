"""`gongbi evaluate value`, and `churn` without contracts, on CDNOW: 20 splits of customers, seeds 0 to 19."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gongbi.services.evaluate import evaluate

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("GONGBI_DATA", ROOT.parent / "shared" / "data")) / "cdnow_sample"


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"NOT CHECKED: {DATA} is missing; set GONGBI_DATA."),
]


def test_who_falls_silent_is_told_no_worse_than_by_a_regression_on_the_same_history() -> None:
    found = evaluate("churn", DATA / "transactions.parquet", {"customer": "customer_id"}, time_column="date",
                     split="random", repeats=20)  # fmt: skip
    assert found["seeds"] == list(range(20))
    measures = {one["measure"]: one for one in found["measures"]}
    assert measures["auc"]["mean"] == pytest.approx(0.808, abs=0.003)
    for name in ("auc", "log_loss", "brier", "calibration_error"):
        for difference in measures[name]["differences"]:
            assert difference["within_one_standard_error"], (name, difference)


def test_purchases_and_spend_are_never_foretold_worse_than_by_plain_rules() -> None:
    options = {"customer": "customer_id", "amount": "amount", "horizon": "273"}
    found = evaluate("value", DATA / "transactions.parquet", options, time_column="date", split="random", repeats=20)
    assert found["seeds"] == list(range(20))
    measures = {one["measure"]: one for one in found["measures"]}
    for name, one in measures.items():
        for difference in one["differences"]:
            # How far the total is off is known from 470 customers at a time: it says little of any of them.
            if name != "purchases_total":
                assert difference["within_one_standard_error"], (name, difference)
    assert {one["verdict"] for one in measures["purchases_rmse"]["differences"]} == {"better"}
    assert {one["verdict"] for one in measures["purchases_mae"]["differences"]} == {"better"}
    assert measures["purchases_rmse"]["mean"] == pytest.approx(1.662, abs=0.001)
    assert measures["purchases_mae"]["mean"] == pytest.approx(0.803, abs=0.001)
