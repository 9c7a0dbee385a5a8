"""Uplift models of a trial whose rule is known: who visits often is won by the mailing, nobody else."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import shop

from gongbi.core import clock
from gongbi.engine import Engine
from gongbi.errors import InvalidDefinition, InvalidInput
from gongbi.estimators.uplift import UpliftModel
from gongbi.models import uplift
from gongbi.services import cards, models, promotion
from gongbi.store import Store

TRIAL = """
model: mailing
estimator: uplift
features: [visits.*, spend.mean, spend.shelf]
treated: exists(mailed) filter (where wave = 1)
randomised: true
train:
  - name: first
    as_of: 2024-03-01
    known_by: 2024-03-02
    population: segment.visitors
    target: exists(answered) filter (where ahead(30, 'day'))
"""
LATER = """
test:
  - name: second
    as_of: 2024-05-01
    known_by: 2024-05-02
    population: segment.visitors
    treated: exists(mailed) filter (where wave = 2)
    target: exists(answered) filter (where ahead(30, 'day'))
"""


def trial(n: int = 1500, seed: int = 4) -> shop.Rows:
    """Half are mailed by lot; a mailing adds 0.5 to the chance of an answer of those who visit more than the median."""
    rows = shop.shop(n, seed=seed)
    rows["mailings"], rows["answers"] = [], []
    rng = np.random.default_rng(seed)
    for wave in (1, 2):
        start = clock.parse_instant(shop.WAVES[wave], shop.ZONE)
        visits = np.zeros(n + 1)
        for row in rows["visits"]:
            visits[row["customer"]] += row["ts"] < start
        often = visits > np.median(visits[1:])
        for customer in range(1, n + 1):
            mailed = rng.random() < 0.5
            if mailed:
                listed = start + timedelta(days=1) - timedelta(microseconds=1)
                rows["mailings"].append({"ts": listed, "customer": customer, "wave": wave})
            if rng.random() < 0.2 + 0.5 * (mailed and often[customer]):
                rows["answers"].append({"ts": start + timedelta(days=5), "customer": customer, "wave": wave})
    return rows


ROWS = trial()


def ports_of(text: str, tmp_path: Path, registry: Store, engine: Engine) -> shop.Ports:
    catalog = shop.definitions(models=text)
    shop.load(engine, catalog, ROWS)
    return shop.Ports(tmp_path, engine, registry, catalog)


@pytest.mark.parametrize(("text", "judged_on"), [(TRIAL + LATER, "second"), (TRIAL, "by_lot")])
def test_who_is_won_by_the_treatment_is_found_and_judged_on_others(
    text: str, judged_on: str, tmp_path: Path, registry: Store, duckdb_engine: Engine
) -> None:
    ports = ports_of(text, tmp_path, registry, duckdb_engine)
    (done,) = models.train(ports)
    assert "error" not in done
    assert (done["status"], done["promoted"]) == ("trained", True)
    card = models.model_card(ports, "mailing")
    figures = card["metrics"]["uplift"]
    assert figures["cohort"] == judged_on
    assert figures["qini"]["low"] > 0
    assert figures["effect"]["low"] < 0.25 < figures["effect"]["high"]
    assert figures["half"]["low"] > 0
    # Plain counts of the arms, from the rows.
    assert figures["effect"]["estimate"] == pytest.approx(figures["rate_treated"] - figures["rate_control"])
    won = next(one for one in figures["groups"] if one["group"] == "persuadable")
    assert won["observed"]["low"] > 0.1
    assert card["tags"] == {"model.mailing": "score", "model.mailing.group": "group"}
    cards.print_model_card(ports, "mailing", str(tmp_path / "card.html"), language="en")
    assert f"{figures['qini']['estimate']:.3f}" in (tmp_path / "card.html").read_text("utf-8")

    table = duckdb_engine.query('select id, score, "group" from model_mailing order by id').to_pylist()
    assert len(table) == done["scored"] > 1000
    assert all(-1 <= row["score"] <= 1 for row in table)
    assert {row["group"] for row in table} <= {"persuadable", "sure_thing", "lost_cause", "sleeping_dog"}


def test_without_lots_nothing_is_proved_and_nothing_comes_into_use_by_itself(
    tmp_path: Path, registry: Store, duckdb_engine: Engine
) -> None:
    ports = ports_of(TRIAL.replace("randomised: true\n", ""), tmp_path, registry, duckdb_engine)
    (done,) = models.train(ports)
    assert (done["promoted"], done["scored"]) == (False, None)
    assert "no effect is proved" in done["reason"]["en"]
    assert "this is no proof" in models.model_card(ports, "mailing")["metrics"]["sentence"]["en"]


def test_a_trial_follows_from_a_target_and_its_horizon(tmp_path: Path, registry: Store, duckdb_engine: Engine) -> None:
    text = """
model: mailing
estimator: uplift
target: exists(answered) filter (where ahead(60, 'day'))
treated: exists(mailed) filter (where ahead(60, 'day'))
population: segment.visitors
randomised: true
"""
    ports = ports_of(text, tmp_path, registry, duckdb_engine)
    (done,) = models.train(ports, as_of="2024-06-15")
    assert done["status"] == "trained"
    cohorts = models.model_card(ports, "mailing")["metrics"]["cohorts"]
    assert [c["role"] for c in cohorts] == ["train", "test"] or [c["role"] for c in cohorts] == ["train"]
    assert all(0 < c["treated"] < c["members"] for c in cohorts)


def test_a_kept_model_scores_as_the_one_that_was_fitted() -> None:
    import pandas as pd

    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "a": rng.normal(size=600),
            "b": np.where(rng.random(600) < 0.2, np.nan, rng.gamma(1, 5, 600)),
            "c": pd.Series(rng.choice(["x", "y", "z"], 600), dtype=object),
        }
    )
    arm = rng.random(600) < 0.5
    yes = rng.random(600) < 0.2 + 0.3 * (arm & (frame["a"] > 0))
    fitted = uplift.UpliftModel().fit(frame, arm, yes)
    kept = uplift.Kept(fitted, uplift.Limits(0.1, 0.0, 0.3))
    again = uplift.Kept.from_json(kept.to_json())
    for one, other in zip(kept.score(frame), again.score(frame), strict=True):
        assert list(one) == list(other)
    with pytest.raises(InvalidInput, match="format 9"):
        uplift.Kept.from_json({"format": 9})


def test_a_trial_without_a_control_group_is_refused(tmp_path: Path, registry: Store, duckdb_engine: Engine) -> None:
    text = TRIAL.replace("population: segment.visitors", "population: exists(mailed) filter (where wave = 1)")
    ports = ports_of(text, tmp_path, registry, duckdb_engine)
    with pytest.raises(InvalidInput, match="nobody to compare"):
        models.train(ports, "mailing")
    with pytest.raises(InvalidDefinition, match="needs `treated`"):
        shop.definitions(models=TRIAL.replace("treated: exists(mailed) filter (where wave = 1)\n", ""))


def test_versions_are_compared_on_the_later_trial_and_a_worse_one_waits(
    tmp_path: Path, registry: Store, duckdb_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = ports_of(TRIAL + LATER, tmp_path, registry, duckdb_engine)
    models.train(ports, as_of="2024-07-01")
    first = registry.models.list(name="mailing")[0].metrics["uplift"]
    assert first["t_logistic"]["difference"]["estimate"] == pytest.approx(
        first["qini"]["estimate"] - first["t_logistic"]["qini"]["estimate"]
    )
    real = UpliftModel.fit
    monkeypatch.setattr(UpliftModel, "fit", lambda self, x, arm, y: real(self, x, 1 - arm, y))
    (done,) = models.train(ports)
    assert not done["promoted"]
    figures = registry.models.list(name="mailing")[0].metrics["uplift"]
    assert figures["champion"]["version"] == 1
    assert figures["champion"]["qini"]["estimate"] == pytest.approx(first["qini"]["estimate"])

    monkeypatch.undo()
    found = promotion.compare_models(ports, "mailing")
    assert found["cohort"]["name"] == "second"
    ours, theirs = found["versions"]
    assert (ours["version"], ours["fair"], theirs["fair"]) == (1, True, True)
    assert theirs["difference"]["high"] < 0
    assert theirs["difference"]["estimate"] == pytest.approx(theirs["qini"]["estimate"] - ours["qini"]["estimate"])
