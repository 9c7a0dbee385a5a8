"""The e-mail trial of Hillstrom (2008): 64,000 customers, two mails and none, by lot.

The protocol is that of the reference page: out-of-fold scores of five folds, Qini area per customer times 1000, on
seven columns. Seeds are 0 to 19. `history_segment` is `history` in steps, and is left out as there.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gongbi.services.evaluate import evaluate

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("GONGBI_DATA", ROOT.parent / "shared" / "data")) / "hillstrom" / "hillstrom.parquet"

pytestmark = [
    pytest.mark.slow,
    # A minute of work, on a machine that may have other work.
    pytest.mark.timeout(1200),
    pytest.mark.skipif(
        not DATA.is_file(), reason=f"NOT CHECKED against the Hillstrom trial: {DATA} is missing; set GONGBI_DATA."
    ),
]


@cache
def judged(mail: str) -> dict[str, Any]:
    options = {
        "treatment": "segment",
        "outcome": "visit",
        "treated": f"{mail} E-Mail",
        "features": "recency,history,mens,womens,newbie,zip_code,channel",
    }
    return evaluate("uplift", DATA, options, repeats=20)


def area(mail: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in judged(mail)["measures"] if one["measure"] == "qini_area")
    return found


def against(mail: str, baseline: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in area(mail)["differences"] if one["baseline"] == baseline)
    return found


def test_the_arms_are_those_of_the_reference() -> None:
    found = judged("Womens")["details"]
    assert round(found["average_effect"]["estimate"], 4) == 0.0452
    assert len(found["features"]) == 7


def test_the_t_logistic_baseline_is_that_of_the_reference() -> None:
    # 3.588 over three other seeds; single repeats differ by 0.1 to 0.2.
    assert area("Womens")["baselines"]["t_logistic"]["mean"] == pytest.approx(3.588, abs=0.3)


def test_women_s_mail_ranks_better_than_the_t_logistic() -> None:
    # What is borrowed is learned within the rows of each fold: nothing was chosen on those that judge.
    gap = against("Womens", "t_logistic")
    assert area("Womens")["mean"] > 3.588
    assert area("Womens")["mean"] == pytest.approx(3.887, abs=0.03)
    assert gap["verdict"] == "better"
    assert judged("Womens")["details"]["heterogeneity"]["shown"]


def test_mailing_the_better_half_beats_a_random_half_on_rows_not_learned_from() -> None:
    found = judged("Womens")["details"]["half_gain_of_the_sample"]
    assert found["low"] > 0


def test_men_s_mail_shows_no_heterogeneity_and_the_report_says_so() -> None:
    found = judged("Mens")
    assert not found["details"]["heterogeneity"]["shown"]
    assert any("No heterogeneity can be shown" in one["en"] for one in found["sentences"])
    assert against("Mens", "t_logistic")["verdict"] != "worse"
