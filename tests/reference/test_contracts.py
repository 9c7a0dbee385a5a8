"""Telco churn as contracts, seeds 0 to 19: who leaves first, beside a curve for everybody and Cox's regression.

The figures are in the guide of predictions. `TotalCharges` adds up over the contract and is left out.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gongbi.services.evaluate import evaluate

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("GONGBI_DATA", ROOT.parent / "shared" / "data")) / "telco_churn_ibm"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"NOT CHECKED on contracts: {DATA} is missing; set GONGBI_DATA."),
]


@pytest.mark.timeout(900)
def test_contracts_are_ordered_by_when_they_end() -> None:
    options = {"duration": "tenure", "event": "Churn", "drop": "TotalCharges"}
    found = evaluate("churn", DATA / "telco.parquet", options, repeats=20)
    assert found["seeds"] == list(range(20))
    measures = {one["measure"]: one for one in found["measures"]}
    assert measures["concordance"]["mean"] == pytest.approx(0.864, abs=0.003)
    assert measures["brier"]["mean"] == pytest.approx(0.0904, abs=0.002)
    for name in ("concordance", "concordance_half", "brier"):
        gaps = {gap["baseline"]: gap for gap in measures[name]["differences"]}
        assert gaps["cox"]["within_one_standard_error"]
        assert gaps["kaplan_meier"]["verdict"] == "better"
