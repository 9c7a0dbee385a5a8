"""`gongbi evaluate uplift`: trials in strangers' files, what is left out of them, and what is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gongbi.errors import InvalidInput, UnknownName
from gongbi.services.evaluate import evaluate


def trial(n: int = 2400, seed: int = 1, *, differ: bool = True) -> pd.DataFrame:
    """A mail, a call, or nothing; the mail works for the young only, where effects differ."""
    rng = np.random.default_rng(seed)
    age, arm = rng.integers(18, 80, n), rng.choice(["mail", "call", "control"], n, p=[0.45, 0.1, 0.45])
    chance = 0.2 + np.where(arm == "mail", 0.4 * (age < 45) if differ else 0.1, 0)
    bought = rng.random(n) < chance
    return pd.DataFrame(
        {
            "id": [f"m{i}" for i in range(n)],
            "age": np.where(rng.random(n) < 0.05, np.nan, age),
            "city": rng.choice(["北京", "上海", "广州"], n),
            "arm": arm,
            "bought": np.where(bought, "yes", "no"),
            "amount": np.where(bought, rng.exponential(50, n), 0.0),
            "opened": np.where(arm == "mail", rng.random(n) < 0.6, False),
        }
    )


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trials") / "trial.csv"
    trial().to_csv(path, index=False)
    return path


def judged(file: Path, repeats: int = 2, **options: Any) -> dict[str, Any]:
    return evaluate(
        "uplift", file, {"treatment": "arm", "outcome": "bought", "treated": "mail", **options}, repeats=repeats
    )


def test_a_trial_with_effects_that_differ_is_told_as_such(file: Path) -> None:
    found = judged(file)
    area = found["measures"][0]
    assert area["measure"] == "qini_area"
    assert list(area["baselines"]) == ["t_logistic", "x_learner", "dr_learner", "tree", "random"]
    assert area["baselines"]["random"]["mean"] < area["mean"] / 2
    assert found["details"]["heterogeneity"]["shown"]
    assert found["details"]["half_gain_of_the_sample"]["low"] > 0
    assert found["details"]["arms"] == {"treated": "mail", "control": "control"}
    assert sum(group["members"] for group in found["details"]["groups"]) == found["rows"]
    assert found["rows"] == int(trial()["arm"].isin(["mail", "control"]).sum())
    again = judged(file)
    assert again["measures"] == found["measures"]


def test_what_was_known_only_afterwards_is_left_out_unless_named(file: Path) -> None:
    found = judged(file, repeats=1)
    assert found["details"]["features"] == ["age", "city"]
    why = {one["column"]: one["why"]["en"] for one in found["details"]["left_out"]}
    assert "tells the outcome" in why["amount"]
    assert "between the arms" in why["opened"]
    assert judged(file, repeats=1, features="age,opened")["details"]["features"] == ["age", "opened"]


def test_equal_effects_are_said_to_be_equal(tmp_path: Path) -> None:
    path = tmp_path / "flat.csv"
    trial(1500, seed=5, differ=False).to_csv(path, index=False)
    found = judged(path, features="age,city")
    assert not found["details"]["heterogeneity"]["shown"]
    assert any("No heterogeneity can be shown" in one["en"] for one in found["sentences"])
    assert any("无法证明" in one["zh"] for one in found["sentences"])


def test_an_outcome_in_money_is_judged_too(file: Path) -> None:
    found = judged(file, repeats=1, outcome="amount", drop="bought")
    assert found["details"]["average_effect"]["estimate"] > 0
    assert found["details"]["groups"] == []


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"treated": None}, InvalidInput, "Name one with --treated"),
        ({"treated": "fax"}, UnknownName, "'fax'"),
        ({"treatment": "id", "treated": None}, InvalidInput, "a treatment has two, or a few arms"),
        ({"treatment": "city", "treated": "北京"}, InvalidInput, "is the control"),
        ({"outcome": "arm"}, InvalidInput, "cannot be the treatment and its outcome"),
        ({"treated": "control", "control": "control"}, InvalidInput, "both the treated arm and the control"),
    ],
)
def test_a_file_that_holds_no_trial_is_refused(file: Path, options: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        judged(file, **options)


def test_too_few_rows_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "few.csv"
    trial(80).to_csv(path, index=False)
    with pytest.raises(InvalidInput, match="50 and 10 are the least"):
        judged(path)
