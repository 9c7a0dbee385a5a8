"""What is asked of every estimator that `gongbi.models` exports: a contract, a page of words, and clear refusals."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator

from gongbi import models
from gongbi.errors import GongbiError, InvalidInput, NotFitted
from gongbi.estimators.graph.network import network
from gongbi.estimators.purchase_log import PurchaseLog

#: Estimators of rows and at most one outcome, which scikit-learn's own checks can judge, small enough to be quick.
CHECKED: dict[str, Callable[[], Any]] = {
    "LogisticScore": lambda: models.LogisticScore(),
    "MixedClusters": lambda: models.MixedClusters(3, starts=1),
    "PropensityModel": lambda: models.PropensityModel(trees=12, folds=2, min_leaf=3, learning_rate=0.2),
    "ProspectValueModel": lambda: models.ProspectValueModel(trees=12, folds=2, min_leaf=3, learning_rate=0.2),
}
HISTORIES = "learns from three columns of a purchase history, each with its own law, not from a table of features"
TRIAL = "learns from a trial: features, who was treated, and what came of it"
TEXTS = "learns from texts, not from numbers"
#: The others, with why scikit-learn's checks cannot be put to them.
EXEMPT = {
    "AverageSpend": HISTORIES,
    "BetaGeoBetaBinomModel": HISTORIES,
    "BetaGeoModel": HISTORIES,
    "Circles": "learns from a network",
    "ContractModel": "learns from durations and whether they have ended",
    "DRLearner": TRIAL,
    "GammaGammaModel": HISTORIES,
    "InferredTrait": "cannot be made without the name of a trait, and learns from rows some of which have no label",
    "LifeEventModel": "learns from days with purchases, and which of them bore a sign",
    "ModifiedBetaGeoModel": HISTORIES,
    "ParetoNBDModel": HISTORIES,
    "PriceElasticity": "learns from quantities, prices and products",
    "SendTimeModel": "learns from messages: to whom, when, answered or not",
    "Sentiment": TEXTS,
    "StageModel": "learns from a log of purchases",
    "TLearner": TRIAL,
    "TextClassifier": TEXTS,
    "TopicModel": TEXTS,
    "UpliftModel": TRIAL,
    "UpliftTree": TRIAL,
    "WalletModel": "its answer needs the spend of those who are asked about, beside their features",
    "XLearner": TRIAL,
}
#: Checks that count scikit-learn's own words, or its own error, where the house has others.
OURS = "refused in our own words"
OTHERWISE = {
    "check_classifier_not_supporting_multiclass": OURS,
    "check_classifiers_one_label": OURS,
    "check_classifiers_regression_target": OURS,
    "check_complex_data": OURS,
    "check_estimator_sparse_array": OURS,
    "check_estimator_sparse_matrix": OURS,
    "check_estimator_sparse_tag": OURS,
    "check_estimators_empty_data_messages": OURS,
    "check_estimators_unfitted": "the error is the house's NotFitted, an AttributeError with a code and a hint",
    "check_fit2d_1sample": OURS,
    "check_fit2d_predict1d": OURS,
    "check_n_features_in_after_fitting": OURS,
    "check_requires_y_none": OURS,
    "check_supervised_y_2d": "the warning is ours, and the check counts scikit-learn's own words",
}
UPLIFT = ("DRLearner", "TLearner", "UpliftModel", "UpliftTree", "XLearner")
BUYERS = ("BetaGeoModel", "ModifiedBetaGeoModel", "ParetoNBDModel", "BetaGeoBetaBinomModel")


def test_every_estimator_is_checked_or_says_why_not() -> None:
    assert sorted([*CHECKED, *EXEMPT]) == sorted(models.ESTIMATORS)


@pytest.mark.slow
@pytest.mark.parametrize("name", CHECKED)
def test_scikit_learns_checks_pass_or_are_refused_in_our_own_words(name: str) -> None:
    otherwise = OTHERWISE
    if name == "MixedClusters":
        unfitted = {"check_estimators_unfitted": OTHERWISE["check_estimators_unfitted"]}
        otherwise = unfitted | {"check_dtype_object": "columns of objects are categories, whatever is in them"}
    found = check_estimator(CHECKED[name](), on_fail=None, on_skip=None, expected_failed_checks=otherwise)
    assert {one["check_name"]: str(one["exception"]) for one in found if one["status"] == "failed"} == {}
    assert sum(one["status"] == "passed" for one in found) > 35


@pytest.mark.parametrize("name", models.ESTIMATORS)
def test_it_says_where_it_comes_from_what_it_takes_and_what_it_learns(name: str) -> None:
    kind = getattr(models, name)
    about, fit = inspect.getdoc(kind) or "", inspect.getdoc(kind.fit) or ""
    [references] = re.findall(r"References\n-+\n(.+)", about, re.DOTALL)
    # Author (year), title: at least one.
    assert re.search(r"^\.\. \[1\] .+\((19|20)\d\d\), .{8,}", references, re.MULTILINE)
    assert "[1]_" in about
    assert "Attributes\n---" in about or "Attributes are those of" in about
    assert re.search(r"shape \(", fit), "fit says no shape"
    assert "Raises\n---" in fit or "no error" in fit
    takes = [p for p in inspect.signature(kind).parameters if p not in ("args", "kwargs")]
    assert not takes or "Parameters\n---" in about
    missing = [p for p in takes if not re.search(rf"\b{p}\b", about)]
    assert missing == []


MONEY_OR_TIME = {
    "AverageSpend": "units of money",
    "BetaGeoBetaBinomModel": "numbers of opportunities",
    "BetaGeoModel": "unit of time",
    "ContractModel": "any unit",
    "GammaGammaModel": "units of money",
    "ParetoNBDModel": "units of time",
    "PriceElasticity": "per cent",
    "ProspectValueModel": "unit of money",
    "SendTimeModel": "hours",
    "StageModel": "Days",
    "TLearner": "unit of y",
    "WalletModel": "unit of money",
    "XLearner": "unit of y",
}


@pytest.mark.parametrize("name", MONEY_OR_TIME)
def test_what_has_a_unit_names_it(name: str) -> None:
    kind = getattr(models, name)
    assert MONEY_OR_TIME[name] in f"{inspect.getdoc(kind)} {inspect.getdoc(kind.fit)}"


def made(name: str) -> Any:
    """One of them with few trees, and what must be given."""
    kind = getattr(models, name)
    if name == "InferredTrait":
        return kind("age_band", trees=10)
    return CHECKED[name]() if name in CHECKED else kind()


@pytest.mark.parametrize("name", models.ESTIMATORS)
def test_a_copy_has_the_same_settings_and_nothing_learned(name: str) -> None:
    first = made(name)
    copy = clone(first)
    assert copy is not first
    assert copy.get_params() == first.get_params()
    assert not [key for key in vars(copy) if key.endswith("_") and not key.startswith("_")]


ROWS = np.arange(60.0).reshape(30, 2)
ASKED: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(BUYERS, lambda m: m.predict_alive([1], [1], [2])),
    **dict.fromkeys(UPLIFT, lambda m: m.predict(ROWS)),
    **dict.fromkeys(("AverageSpend", "GammaGammaModel"), lambda m: m.predict_value([1], [1.0])),
    **dict.fromkeys(("InferredTrait", "LogisticScore", "PropensityModel"), lambda m: m.predict_proba(ROWS)),
    **dict.fromkeys(("MixedClusters", "ProspectValueModel"), lambda m: m.predict(ROWS)),
    "ContractModel": lambda m: m.predict_survival(ROWS, [1.0]),
    "LifeEventModel": lambda m: m.predict([1], [2], [True]),
    "PriceElasticity": lambda m: m.predict([1.0], ["a"]),
    "SendTimeModel": lambda m: m.curve("a"),
    "StageModel": lambda m: m.path("new", 2),
    "TextClassifier": lambda m: m.predict(["好"]),
    "TopicModel": lambda m: m.weigh(["好"]),
    "WalletModel": lambda m: m.predict(ROWS, ROWS[:, 0]),
}
#: Circles answer in `fit` alone, and sentiment knows some of the language before it.
NEEDS_NO_FIT = {"Circles", "Sentiment"}


@pytest.mark.parametrize("name", models.ESTIMATORS)
def test_asked_before_it_has_learned_it_says_so(name: str) -> None:
    assert (name in ASKED) != (name in NEEDS_NO_FIT)
    if name in ASKED:
        with pytest.raises(NotFitted, match=name):
            ASKED[name](made(name))


def trial(outcome: Any) -> Callable[[Any], Any]:
    return lambda m: m.fit(ROWS, np.arange(30) % 2, outcome)


def days(start: float) -> PurchaseLog:
    return PurchaseLog.of([1, 1, 2], [start, start + 3, start + 5])


HALF = np.arange(30) % 2
#: Estimator or estimators, what is wrong, how it is given, and what the answer speaks of.
REFUSED: list[tuple[Any, str, Callable[[Any], Any], str]] = [
    (BUYERS, "too few events", lambda m: m.fit([0, 0], [0, 0], [3, 4]), "Nobody bought a second time"),
    (BUYERS, "negative count", lambda m: m.fit([-1, 2], [0, 1], [3, 4]), "frequency must be a whole number"),
    (BUYERS, "dates out of order", lambda m: m.fit([1, 1], [5, 1], [3, 4]), "recency must not be later than T"),
    (BUYERS, "negative time", lambda m: m.fit([1, 1], [-1, 1], [3, 4]), "recency must not be negative"),
    (
        BUYERS,
        "constant feature",
        lambda m: m.fit([1, 2, 0], [1, 2, 0], [3, 4, 4], covariates=np.ones((3, 1))),
        "have one value only",
    ),
    (("AverageSpend", "GammaGammaModel"), "negative spend", lambda m: m.fit([1, 2], [3.0, -1]), "must be above 0"),
    (("AverageSpend", "GammaGammaModel"), "too few events", lambda m: m.fit([0, 0], [0, 0]), "Nobody has a purchase"),
    (UPLIFT, "one class only", trial(np.zeros(30)), "one class only"),
    (UPLIFT, "one arm only", lambda m: m.fit(ROWS, np.zeros(30), HALF), "treated"),
    (UPLIFT, "too few events", lambda m: m.fit(ROWS[:6], HALF[:6], HALF[:6]), "are the least"),
    (("LogisticScore", "PropensityModel"), "one class only", lambda m: m.fit(ROWS, np.ones(30)), "30 of 30 outcomes"),
    ("PropensityModel", "too few events", lambda m: m.fit(ROWS, np.arange(30) == 3), "1 of 30 outcomes"),
    ("ProspectValueModel", "negative spend", lambda m: m.fit(ROWS, -np.ones(30)), "must not be negative"),
    ("ProspectValueModel", "too few events", lambda m: m.fit(ROWS, np.zeros(30)), "Nobody of them bought"),
    ("WalletModel", "negative spend", lambda m: m.fit(ROWS, -np.ones(30)), "must not be negative"),
    ("WalletModel", "too few events", lambda m: m.fit(ROWS[:5], ROWS[:5, 0]), "show no wallet"),
    ("ContractModel", "too few events", lambda m: m.fit(ROWS, ROWS[:, 0], np.zeros(30)), "0 of 30 contracts"),
    ("ContractModel", "ends before it begins", lambda m: m.fit(ROWS, -ROWS[:, 1], HALF), "must not be negative"),
    ("InferredTrait", "too few events", lambda m: m.fit(pd.DataFrame(ROWS), HALF), "two are the fewest"),
    ("LifeEventModel", "one class only", lambda m: m.fit(HALF, HALF, np.zeros(30)), "0 customers had a sign"),
    ("PriceElasticity", "constant feature", lambda m: m.fit(1 + ROWS[:, 0], np.ones(30), HALF), "price differs"),
    ("PriceElasticity", "negative spend", lambda m: m.fit([-1.0], [1.0], [1]), "quantity must be above 0"),
    ("SendTimeModel", "one class only", lambda m: m.fit(HALF, HALF, np.zeros(30)), "nobody answered"),
    ("SendTimeModel", "hour out of range", lambda m: m.fit(HALF, HALF + 400, HALF), "167"),
    ("StageModel", "too few periods", lambda m: m.fit(days(0)), "fewer than three periods"),
    ("StageModel", "negative spend", lambda _: PurchaseLog.of([1], [1], [-2.0]), "less than nothing"),
    ("MixedClusters", "constant feature", lambda m: m.fit(np.ones((30, 2))), "1 of them different"),
    ("Circles", "too few events", lambda m: m.fit(network(["a"], ["a"])), "no ties"),
    ("Circles", "negative weight", lambda _: network(["a"], ["b"], [-1.0]), "0 is the least"),
    ("TextClassifier", "one class only", lambda m: m.fit(["好", "坏"], [1, 1]), "same label"),
    ("TextClassifier", "too few events", lambda m: m.fit(["好好", "坏坏", "很好"], [1, 0, 1]), "has one text"),
    ("TopicModel", "too few events", lambda m: m.fit(["好", "坏"]), "word"),
]
CASES = [
    pytest.param(name, act, words, id=f"{name}: {wrong}")
    for names, wrong, act, words in REFUSED
    for name in ((names,) if isinstance(names, str) else names)
]


@pytest.mark.parametrize(("name", "act", "words"), CASES)
def test_what_nothing_can_be_learned_from_is_refused_and_said(name: str, act: Any, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as told:
        act(made(name))
    assert isinstance(told.value, GongbiError)
    assert isinstance(told.value, ValueError)


def test_each_has_a_refusal_except_what_takes_everything() -> None:
    named = {name for names, *_ in REFUSED for name in ((names,) if isinstance(names, str) else names)}
    assert set(models.ESTIMATORS) - named == {"Sentiment"}


@pytest.mark.parametrize("name", ["LogisticScore", "PropensityModel", "ProspectValueModel", *UPLIFT])
def test_a_column_that_is_the_same_for_all_makes_no_difference(name: str) -> None:
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(400, 2))
    happened = (rng.random(400) < 1 / (1 + np.exp(-rows[:, 0]))).astype(int)
    more = np.hstack([rows, np.full((400, 1), 7.0)])
    given = (rng.integers(0, 2, 400),) if name in UPLIFT else ()
    ask = "predict_proba" if hasattr(getattr(models, name), "predict_proba") else "predict"
    # Trees that try a part of the columns draw differently when there are more.
    settings = {"column_share": 1.0} if name == "PropensityModel" else {}
    model = made(name).set_params(**settings)
    without = getattr(clone(model).fit(rows, *given, happened), ask)(rows)
    beside = getattr(clone(model).fit(more, *given, happened), ask)(more)
    assert beside == pytest.approx(without, rel=1e-6, abs=1e-8)


def test_purchases_may_come_in_any_order() -> None:
    rng = np.random.default_rng(6)
    who, day = rng.integers(0, 30, 600), rng.integers(0, 300, 600)
    shuffled = rng.permutation(600)
    in_order = np.argsort(day, kind="stable")
    found = models.StageModel().fit(PurchaseLog.of(who[in_order], day[in_order])).counts_
    assert found.sum() > 100
    assert (models.StageModel().fit(PurchaseLog.of(who[shuffled], day[shuffled])).counts_ == found).all()
