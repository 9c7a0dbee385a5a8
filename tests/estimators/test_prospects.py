"""The value of prospects comes to the right total and says what it cannot learn from."""

from __future__ import annotations

import numpy as np
import pytest

from gongbi.errors import InvalidInput, NotFitted
from gongbi.estimators.prospects import ProspectValueModel


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
