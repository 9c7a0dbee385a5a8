"""Blends of trees and lines, draws to tune on, labels in words: what they promise."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from gongbi.estimators.logistic import LogisticScore
from gongbi.estimators.propensity import PropensityModel
from gongbi.estimators.stats import auc


def straight(n: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Few rows of which a straight line tells all there is to tell."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, 8))
    kind = rng.choice(["a", "b", "c"], n)
    log_odds = rows @ np.linspace(-1, 1, 8) + (kind == "b")
    frame = pd.DataFrame(rows, columns=[f"x{i}" for i in range(8)]).assign(kind=kind)
    frame.loc[rng.random(n) < 0.1, "x0"] = np.nan
    return frame, rng.random(n) < 1 / (1 + np.exp(-log_odds))


def test_where_a_line_tells_all_the_blend_lets_it_speak_and_ranks_better_than_trees() -> None:
    frame, y = straight(300, seed=0)
    fresh, outcome = straight(3000, seed=1)
    blend = PropensityModel(blend=True, trees=150).fit(frame, y)
    trees = PropensityModel(trees=150).fit(frame, y)
    assert blend.tree_share_ <= 0.4
    assert trees.tree_share_ == 1
    assert auc(outcome, blend.predict_proba(fresh)[:, 1]) > auc(outcome, trees.predict_proba(fresh)[:, 1]) + 0.01
    kept = PropensityModel.from_json(json.loads(json.dumps(blend.to_json())))
    assert (kept.predict_proba(fresh) == blend.predict_proba(fresh)).all()
    assert (kept.contributions(fresh) == blend.contributions(fresh)).all()
    raw = PropensityModel(blend=True, trees=150, calibration=None).fit(frame, y)
    chance = raw.predict_proba(fresh)[:, 1]
    constant = np.log(chance / (1 - chance)) - raw.contributions(fresh).sum(axis=1)
    assert constant == pytest.approx(constant.mean())


def test_a_line_that_runs_against_what_must_rise_has_no_say() -> None:
    frame, y = straight(300, seed=2)
    assert PropensityModel(blend=True, trees=60, monotone={"x7": 1}).fit(frame, y).tree_share_ < 1
    assert PropensityModel(blend=True, trees=60, monotone={"x7": -1}).fit(frame, y).tree_share_ == 1


def test_the_line_is_scikit_learns_on_standardised_columns() -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(3, 2, size=(200, 4))
    y = rng.random(200) < 1 / (1 + np.exp(-rows[:, 0]))
    ours = LogisticScore().fit(rows, y)
    theirs = LogisticRegression(C=1.0, max_iter=400).fit((rows - rows.mean(axis=0)) / rows.std(axis=0), y)
    assert ours.coefficients_ == pytest.approx(theirs.coef_[0], rel=1e-3)
    assert ours.predict_proba(rows).sum(axis=1) == pytest.approx(1)


def test_tuning_on_a_draw_keeps_the_share_of_responders_and_grows_on_all() -> None:
    frame, y = straight(1200, seed=4)
    model = PropensityModel(tuning_rows=400, trees=40).fit(frame, y)
    drawn = ~np.isnan(model.out_of_fold_)
    assert drawn.sum() == 400
    assert y[drawn].mean() == pytest.approx(y.mean(), abs=0.005)
    fresh, outcome = straight(2000, seed=5)
    assert auc(outcome, model.predict_proba(fresh)[:, 1]) > 0.75


def test_labels_may_be_words_and_a_copy_has_the_same_settings() -> None:
    frame, y = straight(200, seed=6)
    model = clone(PropensityModel(trees=30, folds=3)).fit(frame, np.where(y, "stay", "leave"))
    assert model.classes_.tolist() == ["leave", "stay"]
    assert set(model.predict(frame)) == {"leave", "stay"}
    assert model.get_params()["folds"] == 3
    same = PropensityModel(trees=30, folds=3).fit(frame, y)
    assert (same.predict_proba(frame) == model.predict_proba(frame)).all()
