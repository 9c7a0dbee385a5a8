"""Purchase models: they find the parameters of a simulated world, and are judged on the last days."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from gongbi.catalog.base import ModelDef
from gongbi.errors import InvalidInput
from gongbi.models import purchases
from gongbi.models.base import canonical_json

MODEL = ModelDef("buying", "purchases", fact="visit", amount="amount", horizon_days=90, holdout_days=90)
AS_OF = datetime(2024, 12, 31, tzinfo=UTC)
DAYS = 365


def simulated(n: int = 1500, seed: int = 0) -> dict[str, np.ndarray]:
    """Histories of customers who leave after a purchase with a chance of their own; columns as of `history_plan`."""
    rng = np.random.default_rng(seed)
    names = "frequency recency age spend".split()
    names += [f"cut_{name}" for name in names] + ["actual", "actual_spend", "previous"]
    found: dict[str, list[float]] = {name: [] for name in names}
    cut = DAYS - 90
    for _ in range(n):
        rate, leaves = rng.gamma(1.2, 1 / 20), rng.beta(1.0, 9.0)
        mean = 40 / rng.gamma(4, 1 / 3)
        first = int(rng.integers(0, 120))
        days, at = [first], float(first)
        while (at := at + rng.exponential(1 / rate)) < DAYS:
            days.append(int(at))
            if rng.random() < leaves:
                break
        days = sorted(set(days))
        amounts = rng.gamma(3, mean / 3, len(days))
        early = [d for d in days if d <= cut]
        values = (
            len(days) - 1, days[-1] - first, DAYS - first, amounts[1:].sum(),
            len(early) - 1, early[-1] - first, cut - first, amounts[1 : len(early)].sum(),
            len(days) - len(early), amounts[len(early) :].sum(), sum(d > cut - 90 for d in early),
        )  # fmt: skip
        for name, value in zip(names, values, strict=True):
            found[name].append(float(value))
    return {name: np.array(values) for name, values in found.items()}


@pytest.fixture(scope="module")
def learned() -> purchases.Trained:
    return purchases.learn(MODEL, simulated(), AS_OF)


def test_the_parameters_of_the_simulated_world_are_found(learned) -> None:
    """r is 1.2, a 1, b 9; alpha is 20 days, a little longer where two purchases of one day count once."""
    fitted = learned.metrics["beta_geo"]
    for name, truth in {"r": 1.2, "a": 1.0, "b": 9.0}.items():
        assert abs(fitted["parameters"][name] - truth) < 4 * fitted["standard_errors"][name], name
    assert 20 / 7 * 0.9 < fitted["parameters"]["alpha"] < 20 / 7 * 1.4
    assert fitted["log_likelihood"] < 0


def test_the_holdout_is_predicted_in_total_and_by_frequency(learned) -> None:
    check = learned.metrics["holdout"]
    assert check["predicted_over_actual"] == pytest.approx(1, abs=0.1)
    assert check["correlation"] > 0.6
    assert check["groups_within_interval"] >= len(check["by_frequency"]) - 2
    assert sum(group["members"] for group in check["by_frequency"]) == check["members"] == 1500
    # People leave here, so that last quarter's count says too much.
    assert check["error_minus_naive"]["high"] < 0
    assert "it is more exact" in learned.metrics["sentence"]["en"]
    assert learned.judgement.promoted


def test_a_model_less_exact_than_repeating_the_period_before_is_not_promoted() -> None:
    rows = simulated(400)
    # A world that repeats itself to the day, whatever came long before.
    rows["actual"] = rows["previous"].copy()
    trained = purchases.learn(MODEL, rows, AS_OF)
    assert not trained.judgement.promoted
    assert "repeating the period before" in trained.judgement.reason.en


def test_without_a_holdout_the_model_stays_a_candidate_and_says_why() -> None:
    rows = simulated(400)
    for name in ("cut_frequency", "cut_recency", "cut_age", "cut_spend"):
        rows[name] = np.full(400, np.nan)
    trained = purchases.learn(MODEL, rows, AS_OF)
    assert trained.metrics["holdout"] is None
    assert not trained.judgement.promoted
    assert "No hold-out check" in trained.judgement.reason.en


@pytest.fixture(scope="module")
def one_price() -> dict[str, np.ndarray]:
    """Everybody spends 9.99 a purchase; sums and divisions leave different last digits."""
    rows = simulated(600)
    for prefix, further in (("", rows["frequency"]), ("cut_", rows["cut_frequency"])):
        rows[f"{prefix}spend"] = further * 9.99
    rows["actual_spend"] = rows["actual"] * 9.99
    return rows


def test_one_price_for_everybody_is_what_a_purchase_is_worth_and_the_card_says_so(one_price) -> None:
    trained = purchases.learn(MODEL, one_price, AS_OF)
    assert trained.metrics["spend_model"] == "average"
    assert trained.metrics["average"]["parameters"]["mean"] == pytest.approx(9.99)
    assert trained.metrics["correlation_of_frequency_and_spend"] is None
    assert trained.metrics["expected_value"] == pytest.approx(trained.metrics["expected_purchases"] * 9.99)
    words = trained.metrics["caveats"][-1]
    assert "All who came back spend 9.99 a purchase" in words["en"]
    assert "9.99" in words["zh"]
    assert trained.algorithm == "BG/NBD, average spend"


def test_how_often_does_not_depend_on_whether_spend_can_be_modelled(one_price, learned) -> None:
    plain, usual = (purchases.learn(MODEL, rows, AS_OF) for rows in (one_price, simulated(600)))
    assert usual.metrics["spend_model"] == learned.metrics["spend_model"] == "gamma_gamma"
    assert plain.metrics["beta_geo"] == usual.metrics["beta_geo"]
    assert plain.metrics["headline"] == usual.metrics["headline"]
    assert plain.judgement == usual.judgement


OWN_AVERAGES = {
    "hardly any difference": lambda rng, n: 10 + 1e-7 * rng.random(n),
    "each their own of two prices": lambda rng, n: rng.choice([10.0, 100.0], n),
    "no bounds": lambda rng, n: 1 / rng.random(n) ** 3,
}


@pytest.mark.parametrize("averages", OWN_AVERAGES.values(), ids=OWN_AVERAGES)
def test_spend_that_determines_no_model_leaves_everybody_their_own_average(averages) -> None:
    rows = simulated(600)
    own = averages(np.random.default_rng(1), 600)
    rows["spend"], rows["cut_spend"] = rows["frequency"] * own, rows["cut_frequency"] * own
    trained = purchases.learn(MODEL, rows, AS_OF)
    assert trained.metrics["spend_model"] == "average"
    assert "determine no Gamma-Gamma model" in trained.metrics["caveats"][-1]["en"]
    history = purchases.Histories.of(rows)
    scores = purchases.PurchaseModels.from_json(trained.artifact).predict(history, 90)
    back = history.frequency > 0
    assert scores["value"][back] == pytest.approx(scores["purchases"][back] * own[back])


def test_a_model_kept_before_spend_had_a_name_is_still_read(learned) -> None:
    rows = purchases.Histories.of(simulated(50, seed=3))
    older = {name: value for name, value in learned.artifact.items() if name != "spend_model"}
    fresh, kept = (purchases.PurchaseModels.from_json(data).predict(rows, 90) for data in (learned.artifact, older))
    np.testing.assert_array_equal(kept["value"], fresh["value"])


def test_the_kept_model_gives_the_same_predictions(learned) -> None:
    rows = purchases.Histories.of(simulated(50, seed=3))
    kept = purchases.PurchaseModels.from_json(json.loads(learned.artifact_bytes()))
    fresh = purchases.PurchaseModels.from_json(learned.artifact)
    for name, values in kept.predict(rows, 90).items():
        np.testing.assert_array_equal(values, fresh.predict(rows, 90)[name])
    assert learned.artifact_bytes() == canonical_json(purchases.learn(MODEL, simulated(), AS_OF).artifact)


def test_nobody_who_came_back_is_said_so() -> None:
    rows = {name: values[:0] for name, values in simulated(5).items()}
    with pytest.raises(InvalidInput, match="no purchase before 2024-12-31"):
        purchases.learn(MODEL, rows, AS_OF)
    rows = {name: np.zeros(4) for name in rows} | {"age": np.full(4, 30.0)}
    with pytest.raises(InvalidInput, match="second day"):
        purchases.learn(MODEL, rows, AS_OF)


def test_parameters_that_the_data_do_not_determine_are_named() -> None:
    trained = purchases.learn(MODEL, simulated(600, seed=2), AS_OF)
    assert len(trained.metrics["caveats"]) >= 1
    assert "first in the data" in trained.metrics["caveats"][0]["en"]
