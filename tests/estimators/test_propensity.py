"""The propensity model: columns of all kinds, calibration, monotone columns, repeatability."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from gongbi.errors import InvalidInput, NotFitted, UnknownName
from gongbi.estimators.propensity import PropensityModel
from gongbi.estimators.stats import auc, brier, calibration_table

KINDS = ["calm", "eager", "idle"]


def members(n: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    kind = rng.choice(KINDS, n)
    recency, visits = rng.exponential(30, n), rng.poisson(4, n).astype(float)
    log_odds = -1.5 - 0.03 * recency + 0.25 * visits + 1.5 * (kind == "eager")
    visits[rng.random(n) < 0.1] = np.nan
    frame = pd.DataFrame({"recency": recency, "visits": visits, "kind": kind, "vip": rng.random(n) < 0.2})
    return frame, (rng.random(n) < 1 / (1 + np.exp(-log_odds))).astype(int)


def test_responders_score_higher_and_the_useful_columns_are_named() -> None:
    model = PropensityModel().fit(*members(2000, seed=0))
    fresh, y = members(2000, seed=1)
    proba = model.predict_proba(fresh)
    assert proba.shape == (2000, 2)
    assert proba.sum(axis=1) == pytest.approx(1)
    assert auc(y, proba[:, 1]) > 0.72
    assert auc(members(2000, seed=0)[1], model.out_of_fold_) == pytest.approx(auc(y, proba[:, 1]), abs=0.04)
    assert model.feature_importances_.sum() == pytest.approx(1)
    assert model.feature_names_in_ == ["recency", "visits", "kind", "vip"]
    assert int(np.argmin(model.feature_importances_)) == 3


@pytest.mark.parametrize("kind", ["platt", "isotonic"])
def test_calibration_improves_overconfident_trees(kind: str) -> None:
    # One hundred fast trees for few rows: far too sure of themselves.
    settings = {"learning_rate": 0.5, "leaves": 31, "min_leaf": 3, "l2": 0.0}
    data = members(600, seed=2)
    fresh, y = members(4000, seed=3)
    raw, calibrated = (
        _with_fixed_trees(data, calibration=c, **settings).predict_proba(fresh)[:, 1] for c in (None, kind)
    )
    assert brier(y, calibrated) < brier(y, raw) - 0.01
    errors = [calibration_table(y, p).expected_calibration_error for p in (raw, calibrated)]
    assert errors[1] < errors[0] / 2


def _with_fixed_trees(data: tuple[pd.DataFrame, np.ndarray], **settings: object) -> PropensityModel:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gongbi.estimators.propensity._best_size", lambda losses: 100)
        return PropensityModel(**settings).fit(*data)


def test_the_same_seed_gives_the_same_scores_whatever_the_threads() -> None:
    data, fresh = members(800, seed=4), members(100, seed=5)[0]
    one, two = (PropensityModel(threads=t, trees=30).fit(*data).predict_proba(fresh) for t in (1, 2))
    assert (one == two).all()


def test_a_monotone_column_never_turns_back() -> None:
    frame, y = members(800, seed=6)
    model = PropensityModel(monotone={"recency": -1, "visits": 1}).fit(frame, y)
    row = pd.DataFrame({"recency": np.linspace(0, 200, 300), "visits": 4.0, "kind": "calm", "vip": False})
    assert (np.diff(model.predict_proba(row)[:, 1]) <= 1e-12).all()
    free = PropensityModel().fit(frame, y).predict_proba(row)[:, 1]
    assert (np.diff(free) > 1e-6).any()


def test_columns_are_found_by_name_and_unseen_categories_count_as_missing() -> None:
    frame, y = members(600, seed=7)
    model = PropensityModel().fit(frame, y)
    expected = model.predict_proba(frame)
    assert (model.predict_proba(frame[["vip", "kind", "visits", "recency"]].assign(extra=1)) == expected).all()
    absent, unseen = (model.predict_proba(frame.assign(kind=kind)) for kind in (None, "never seen"))
    assert (absent == unseen).all()


@pytest.mark.parametrize(
    "turn", [lambda f: f.convert_dtypes(), lambda f: f.astype({"kind": "category"}), pa.Table.from_pandas]
)
def test_the_kind_of_frame_does_not_matter(turn) -> None:
    frame, y = members(500, seed=8)
    plain = PropensityModel().fit(frame, y).predict_proba(frame)
    assert PropensityModel().fit(turn(frame), y).predict_proba(turn(frame)) == pytest.approx(plain, abs=1e-12)


def test_arrays_work_too_with_codes_as_categories() -> None:
    frame, y = members(800, seed=9)
    codes = np.column_stack([frame["recency"], frame["visits"], frame["kind"].map(KINDS.index)])
    model = PropensityModel(categorical=[2]).fit(codes, y)
    assert auc(y, model.out_of_fold_) > 0.68
    assert model.feature_names_in_ == ["0", "1", "2"]
    with pytest.raises(InvalidInput, match="trained on 3 columns, not on 2"):
        model.predict_proba(codes[:, :2])


def test_rows_of_one_group_are_held_out_together() -> None:
    rng = np.random.default_rng(14)
    # Each member has two rows, which nobody but a model that saw the other one can tell anything about.
    rows, y = np.tile(rng.normal(size=(300, 6)), (2, 1)), np.tile(rng.random(300) < 0.4, 2)
    names = [f"member {i}" for i in range(300)] * 2
    apart, together = (PropensityModel(min_leaf=4).fit(rows, y, groups=groups) for groups in (None, names))
    assert auc(y, apart.out_of_fold_) > 0.75
    assert auc(y, together.out_of_fold_) == pytest.approx(0.5, abs=0.08)
    # Believing in what it recognised, the first is sure of itself before members it has never met.
    fresh = rng.normal(size=(1000, 6))
    assert together.predict_proba(fresh)[:, 1].std() < apart.predict_proba(fresh)[:, 1].std() / 2


def test_groups_of_one_row_each_change_nothing() -> None:
    frame, y = members(400, seed=15)
    plain, grouped = PropensityModel(trees=60), PropensityModel(trees=60)
    plain.fit(frame, y)
    grouped.fit(frame, y, groups=np.arange(400)[::-1])
    assert (plain.out_of_fold_ == grouped.out_of_fold_).all()


def test_groups_that_cannot_be_are_refused() -> None:
    frame, y = members(60, seed=16)
    with pytest.raises(InvalidInput, match="groups has 59 entries, y has 60"):
        PropensityModel().fit(frame, y, groups=np.arange(59))
    with pytest.raises(InvalidInput, match="groups must have a value everywhere"):
        PropensityModel().fit(frame, y, groups=[None, *range(59)])
    with pytest.raises(InvalidInput, match="of different groups"):
        PropensityModel().fit(frame, y, groups=np.where(y == 1, -1, np.arange(60)))


@pytest.mark.parametrize("kind", ["platt", "isotonic", None])
def test_a_model_written_down_scores_and_explains_as_before(kind: str | None) -> None:
    frame, y = members(400, seed=17)
    codes = np.column_stack([frame["recency"], frame["kind"].map(KINDS.index)])
    for rows, categorical in ((frame, []), (codes, [1])):
        model = PropensityModel(calibration=kind, categorical=categorical, trees=40).fit(rows, y)
        kept = PropensityModel.from_json(json.loads(json.dumps(model.to_json())))
        assert (kept.predict_proba(rows) == model.predict_proba(rows)).all()
        assert (kept.contributions(rows) == model.contributions(rows)).all()
        assert kept.feature_importances_ == pytest.approx(model.feature_importances_)
        assert (kept.trees_, kept.feature_names_in_) == (model.trees_, model.feature_names_in_)


def test_a_model_of_another_format_is_refused() -> None:
    with pytest.raises(InvalidInput, match="format 99"):
        PropensityModel.from_json({"format": 99})


def test_contributions_and_a_constant_add_up_to_the_log_odds() -> None:
    frame, y = members(500, seed=18)
    model = PropensityModel(calibration=None).fit(frame, y)
    chance = model.predict_proba(frame)[:, 1]
    constant = np.log(chance / (1 - chance)) - model.contributions(frame).sum(axis=1)
    assert constant == pytest.approx(constant.mean())
    assert model.contributions(frame.head(0)).shape == (0, 4)


def test_a_model_survives_pickling() -> None:
    frame, y = members(400, seed=10)
    for kind in ("platt", "isotonic", None):
        model = PropensityModel(calibration=kind).fit(frame, y)
        assert (pickle.loads(pickle.dumps(model)).predict_proba(frame) == model.predict_proba(frame)).all()


def test_columns_that_say_nothing_give_everybody_about_the_base_rate() -> None:
    rng = np.random.default_rng(11)
    noise, y = rng.normal(size=(400, 5)), (np.arange(400) % 5 == 0).astype(int)
    chance = PropensityModel().fit(noise, y).predict_proba(rng.normal(size=(400, 5)))[:, 1]
    assert chance.mean() == pytest.approx(0.2, abs=0.04)
    assert chance.std() < 0.06


def test_very_few_members_still_give_probabilities() -> None:
    chance = (
        PropensityModel().fit([[1.0], [2.0], [3.0], [4.0], [5.0]], [0, 0, 1, 1, 0]).predict_proba([[1.0], [9.0]])[:, 1]
    )
    assert ((chance > 0.2) & (chance < 0.7)).all()
    assert PropensityModel().fit(*members(300, seed=1)).predict_proba(members(300, seed=1)[0].head(0)).shape == (0, 2)


def test_what_cannot_be_learned_from_is_refused() -> None:
    frame, y = members(50, seed=12)
    with pytest.raises(NotFitted):
        PropensityModel().predict_proba(frame)
    with pytest.raises(NotFitted):
        PropensityModel().contributions(frame)
    with pytest.raises(NotFitted):
        PropensityModel().to_json()
    with pytest.raises(InvalidInput, match="0 of 50 outcomes are positive"):
        PropensityModel().fit(frame, np.zeros(50))
    with pytest.raises(InvalidInput, match="X has 50 rows, y has 49"):
        PropensityModel().fit(frame, y[:49])
    with pytest.raises(InvalidInput, match="'seen' holds times"):
        PropensityModel().fit(frame.assign(seen=pd.Timestamp("2024-01-01")), y)
    with pytest.raises(InvalidInput, match="'visits' holds an infinite value"):
        PropensityModel().fit(frame.assign(visits=np.inf), y)
    with pytest.raises(UnknownName, match="recency"):
        PropensityModel(monotone={"recencey": -1}).fit(frame, y)
    with pytest.raises(InvalidInput, match="monotone"):
        PropensityModel(monotone={"kind": 1}).fit(frame, y)
    model = PropensityModel().fit(frame, y)
    with pytest.raises(InvalidInput, match="lacks columns the model was trained on: kind"):
        model.predict_proba(frame.drop(columns="kind"))
    with pytest.raises(InvalidInput, match="trained on a frame"):
        model.predict_proba(np.zeros((2, 4)))
