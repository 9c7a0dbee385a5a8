"""Propensity: a planted signal is found, noise is called noise, a bad model is not promoted."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from gongbi.catalog.base import ModelDef, Words
from gongbi.core.types import INTEGER, TEXT
from gongbi.errors import InvalidDefinition, InvalidInput
from gongbi.estimators.propensity import PropensityModel
from gongbi.estimators.stats import auc
from gongbi.models import propensity
from gongbi.models.base import canonical_json

START = datetime(2024, 1, 1, tzinfo=UTC)


def cohort(name: str, *, seed: int, signal: float, n: int = 600, month: int = 0) -> propensity.CohortRows:
    rng = np.random.default_rng(seed)
    cause, noise = rng.normal(size=n), rng.normal(size=(n, 3))
    yes = rng.random(n) < 1 / (1 + np.exp(1.5 - signal * cause))
    frame = pd.DataFrame({"cause": cause, "a": noise[:, 0], "b": noise[:, 1], "kind": rng.choice(["x", "y"], n)})
    frame["kind"] = frame["kind"].astype(object)
    frame.loc[::9, "a"] = np.nan
    as_of = START + timedelta(days=31 * month)
    ids, matures = np.arange(n), as_of + timedelta(days=30)
    return propensity.CohortRows(name, "train", as_of, matures, ids, frame, noise[:, 2], yes)


def trained(signal: float) -> tuple[PropensityModel, list[propensity.CohortRows]]:
    cohorts = [cohort(f"c{i}", seed=i, signal=signal, month=i) for i in range(3)]
    return propensity.fit(cohorts[:2], ["kind"], "usual"), cohorts


@pytest.fixture(scope="module")
def planted() -> tuple[PropensityModel, list[propensity.CohortRows]]:
    return trained(2.0)


def test_a_planted_signal_is_found_and_beats_a_useless_baseline(planted) -> None:
    model, cohorts = planted
    figures = propensity.figures_on(cohorts[2], model.predict_proba(cohorts[2].frame)[:, 1], "luck")
    assert figures["auc"]["low"] > 0.75
    assert figures["difference"]["low"] > 0.15
    assert figures["gains"][1]["share_of_positives"] > 0.4
    assert figures["brier"] < figures["brier_of_the_rate"]
    assert propensity.judge([figures]).promoted
    assert "not shown to be worse than the baseline" in propensity.judge([figures]).reason.en
    alone = {name: value for name, value in figures.items() if name not in ("baseline", "difference")}
    assert "not shown to be worse than a random order" in propensity.judge([alone]).reason.en, "there is no baseline"
    assert model.feature_names_in_[int(np.argmax(model.feature_importances_))] == "cause"


def test_the_strongest_tag_is_chosen_on_the_training_cohorts(planted) -> None:
    assert propensity.strongest_tag(planted[1][:2]) == ("cause", 1)


def test_noise_is_called_noise() -> None:
    model, cohorts = trained(0.0)
    figures = propensity.figures_on(cohorts[2], model.predict_proba(cohorts[2].frame)[:, 1], "luck")
    assert figures["auc"]["low"] < 0.5 < figures["auc"]["high"]
    assert figures["difference"]["low"] < 0 < figures["difference"]["high"]
    words = propensity.sentence(figures)
    assert "neither is shown to rank better" in words.en
    assert "无法断定孰优孰劣" in words.zh
    assert "Few had it" in words.en
    # A baseline that is the strongest tag itself is said once.
    same = {**figures, "strongest_tag": {**figures["baseline"], "direction": 1, "difference": figures["difference"]}}
    assert propensity.sentence(same) == words


def test_the_choice_of_settings_never_looks_at_the_test(planted) -> None:
    chosen, figures = propensity.choose_settings(planted[1][:2], ["kind"])
    assert figures is not None
    assert chosen in propensity.SETTINGS
    assert (figures["learned_from"], figures["chosen_on"]) == (["c0"], "c1")
    assert propensity.choose_settings(planted[1][:1], ["kind"]) == ("usual", None)


def test_what_follows_a_straight_line_is_blended_with_one() -> None:
    """Log-odds of two causes added up: few rows, so that steps of trees are rough."""

    def straight(name: str, seed: int) -> propensity.CohortRows:
        rng = np.random.default_rng(seed)
        frame = pd.DataFrame(rng.normal(size=(400, 6)), columns=list("abcdef"))
        yes = rng.random(400) < 1 / (1 + np.exp(-(frame["a"] + frame["b"] - frame["c"])))
        when = START + timedelta(days=31 * seed)
        return propensity.CohortRows(name, "train", when, when, np.arange(400), frame, None, yes.to_numpy())

    cohorts = [straight(f"c{i}", i) for i in range(3)]
    chosen, figures = propensity.choose_settings(cohorts[:2], [])
    assert figures is not None
    assert [one["settings"] for one in figures["tried"]] == list(propensity.SETTINGS)
    assert chosen == "blended"
    model = propensity.fit(cohorts[:2], [], chosen)
    assert model.tree_share_ < 0.5
    shares = {one["tag"]: one["share"] for one in propensity.importance(model, cohorts[1])}
    assert sum(shares.values()) == pytest.approx(1)
    assert set(list(shares)[:3]) == {"a", "b", "c"}


@pytest.mark.parametrize("settings", list(propensity.SETTINGS))
def test_the_chance_only_rises_with_what_it_may_only_rise_with(planted, settings: str) -> None:
    model = propensity.fit(planted[1][:2], ["kind"], settings, monotone={"a": 1, "cause": 1})
    rows = planted[1][2].frame.iloc[:40]
    grid = np.linspace(-3, 3, 25)
    chances = np.stack([model.predict_proba(rows.assign(a=a))[:, 1] for a in grid])
    assert (np.diff(chances, axis=0) >= 0).all()
    free = propensity.fit(planted[1][:2], ["kind"], "usual")
    assert (np.diff(np.stack([free.predict_proba(rows.assign(a=a))[:, 1] for a in grid]), axis=0) < 0).any()


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"rising": ("spend",)}, "does not learn from 'spend', which `rising` names"),
        ({"falling": ("kind",)}, "'kind' of `falling` is text, and no number"),
    ],
)
def test_a_direction_is_of_a_number_that_is_learned_from(keys: dict[str, tuple[str, ...]], said: str) -> None:
    model = ModelDef("m", "propensity", target="true", **keys)
    with pytest.raises(InvalidInput, match=re.escape(said)):
        propensity.directions(model, {"kind": TEXT, "age": INTEGER})


def test_a_number_cannot_rise_and_fall() -> None:
    with pytest.raises(InvalidDefinition, match="'age' cannot stand in `rising` and in `falling`"):
        ModelDef("m", "propensity", target="true", rising=("age",), falling=("age",))
    with pytest.raises(InvalidDefinition, match="`rising` goes with `estimator: propensity`"):
        ModelDef("m", "stages", fact="sale", amount="amount", rising=("age",))


def test_a_model_worse_than_its_baseline_is_not_promoted_and_says_by_how_much() -> None:
    good = cohort("c", seed=5, signal=2.0)
    cause = good.frame["cause"].to_numpy()
    judged = propensity.CohortRows("c", "test", START, START, good.ids, good.frame, cause, good.yes)
    noise = np.random.default_rng(0).uniform(0.1, 0.9, len(cause))
    called = propensity.figures_on(judged, noise, "cause", title=lambda tag: Words("起因", f"the {tag}"))
    judgement = propensity.judge([called])
    assert not judgement.promoted
    assert "below that of “the cause”, with an interval without 0" in judgement.reason.en
    assert "低 0." in judgement.reason.zh.split("比「起因」")[1]
    assert "区间不含 0" in judgement.reason.zh
    assert "与「起因」（AUC" in propensity.sentence(called).zh


def test_a_model_that_turns_the_order_round_is_not_promoted_without_a_baseline_either() -> None:
    good = cohort("c", seed=5, signal=2.0)
    plain = propensity.CohortRows("c", "test", START, START, good.ids, good.frame, None, good.yes)
    wrong = 1 / (1 + np.exp(good.frame["cause"].to_numpy()))
    assert not propensity.judge([propensity.figures_on(plain, wrong, None)]).promoted


def test_the_same_rows_give_the_same_bytes_and_the_kept_model_the_same_scores(planted) -> None:
    model, cohorts = planted
    again, _ = trained(2.0)
    written = canonical_json(model.to_json())
    assert written == canonical_json(again.to_json())
    kept = PropensityModel.from_json(json.loads(written))
    frame = cohorts[2].frame
    np.testing.assert_array_equal(kept.predict_proba(frame), model.predict_proba(frame))
    np.testing.assert_allclose(kept.contributions(frame), model.contributions(frame))


def test_who_is_in_two_cohorts_is_not_known_from_one_when_held_out_of_the_other() -> None:
    rng = np.random.default_rng(7)
    n = 400
    habits = pd.DataFrame(rng.normal(size=(n, 8)), columns=list("abcdefgh"))
    # The same people with the same habits twice, and outcomes that follow from nothing but who they are.
    yes = rng.random(n) < 0.3
    first = propensity.CohortRows("first", "train", START, START, np.arange(n), habits, None, yes)
    twice = [first, replace(first, name="second")]
    strangers = [first, replace(first, name="second", ids=np.arange(n, 2 * n))]
    both = np.concatenate([yes, yes])
    assert auc(both, propensity.fit(twice, [], "usual").out_of_fold_) == pytest.approx(0.5, abs=0.1)
    assert auc(both, propensity.fit(strangers, [], "usual").out_of_fold_) > 0.85


def test_rows_of_a_cohort_say_whose_they_are() -> None:
    target = pa.table({"id": ["ann", "bob", "cid", "dan"], "yes": [True, False, True, False]})
    rows = propensity.cohort_rows("c", "test", START, START, features=target, target=target, types={}, baseline=None)
    assert rows.ids.tolist() == ["ann", "bob", "cid", "dan"]


def test_reasons_name_the_tag_that_moves_a_score_and_which_way(planted) -> None:
    model, cohorts = planted
    frame = cohorts[2].frame
    reasons = propensity.explain(model, frame)
    best = int(np.argmax(model.predict_proba(frame)[:, 1]))
    assert reasons[0][best].startswith("cause = ")
    assert "(+" in reasons[0][best]
    assert len(reasons) == 3
    assert all(len(column) == len(frame) for column in reasons)


def test_a_cohort_without_outcomes_says_what_to_look_at() -> None:
    nobody = pa.table({"id": [1, 2, 3], "yes": [False, False, False]})
    with pytest.raises(InvalidInput, match="3 members, 0 of them with the outcome"):
        propensity.cohort_rows("c", "test", START, START, features=nobody, target=nobody, types={}, baseline=None)
