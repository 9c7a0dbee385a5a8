"""The value of prospects keeps the contract of scikit-learn's regressors and says what it cannot learn from."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils.estimator_checks import check_estimator

from gongbi.errors import InvalidInput, NotFitted
from gongbi.estimators.prospects import ProspectValueModel

#: Checks that cannot pass, with the reason.
OTHERWISE = {
    "check_estimators_unfitted": "the error is the house's NotFitted, an AttributeError with a code and a hint",
    "check_complex_data": "refused in our own words",
    "check_estimators_empty_data_messages": "refused in our own words",
    "check_estimator_sparse_tag": "refused in our own words",
    "check_estimator_sparse_array": "refused in our own words",
    "check_estimator_sparse_matrix": "refused in our own words",
    "check_supervised_y_2d": "the warning is ours, and the check counts scikit-learn's own words",
    "check_fit2d_predict1d": "refused in our own words",
    "check_n_features_in_after_fitting": "refused in our own words",
}


@pytest.mark.slow
def test_scikit_learns_checks_pass_or_are_refused_in_our_own_words() -> None:
    model = ProspectValueModel(trees=12, folds=2, min_leaf=3, learning_rate=0.2)
    found = check_estimator(model, on_fail=None, on_skip=None, expected_failed_checks=OTHERWISE)
    assert {one["check_name"]: str(one["exception"]) for one in found if one["status"] == "failed"} == {}
    assert sum(one["status"] == "passed" for one in found) > 35


def test_where_everybody_buys_only_the_amount_is_learned() -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(300, 2))
    value = np.exp(rows[:, 0]) * rng.gamma(5, 0.2, 300)
    model = ProspectValueModel(trees=80, min_leaf=5).fit(rows, value)
    assert (model.predict_chance(rows) == 1).all()
    assert model.predict(rows).sum() == pytest.approx(value.sum(), rel=0.1)


def test_the_total_foretold_of_fresh_rows_is_near_what_comes() -> None:
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(6000, 3))
    chance = 1 / (1 + np.exp(2 - rows[:, 1]))
    value = np.where(rng.random(6000) < chance, np.exp(3 + 0.7 * rows[:, 0]) * rng.gamma(4, 0.25, 6000), 0)
    model = ProspectValueModel(trees=120).fit(rows[:3000], value[:3000])
    truth = chance[3000:] * np.exp(3 + 0.7 * rows[3000:, 0])
    told = model.predict(rows[3000:])
    assert told.sum() == pytest.approx(truth.sum(), rel=0.12)
    assert np.corrcoef(told, truth)[0, 1] > 0.85


def test_what_cannot_be_learned_from_is_said() -> None:
    with pytest.raises(InvalidInput, match="must not be negative"):
        ProspectValueModel().fit(np.ones((3, 1)), [1, -1, 0])
    with pytest.raises(InvalidInput, match="Nobody of them bought"):
        ProspectValueModel().fit(np.ones((3, 1)), [0, 0, 0])
    with pytest.raises(NotFitted):
        ProspectValueModel().predict(np.ones((3, 1)))
