"""Pareto/NBD, MBG/NBD and BG/BB: derivatives, published formulas, simulated customers, covariates, and refusals."""

from __future__ import annotations

import math
import pickle
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln, hyp2f1
from sklearn.base import clone

from gongbi.errors import InvalidInput, NotFitted, UnknownName
from gongbi.estimators.checks import unique_rows
from gongbi.estimators.histories import Cells, PurchaseModel
from gongbi.models import BetaGeoBetaBinomModel, BetaGeoModel, ModifiedBetaGeoModel, ParetoNBDModel

MODELS = (BetaGeoModel, ModifiedBetaGeoModel, ParetoNBDModel, BetaGeoBetaBinomModel)
TRUTH = {
    ModifiedBetaGeoModel: (0.6, 5.0, 0.9, 2.0),
    ParetoNBDModel: (0.8, 8.0, 0.7, 12.0),
    BetaGeoBetaBinomModel: (1.2, 0.8, 0.7, 2.8),
}
shapes = st.floats(0.1, 20.0)


def with_params(kind: type[PurchaseModel], params: tuple[float, ...]) -> PurchaseModel:
    model = kind()
    model.params_ = dict(zip(kind.names, params, strict=True))
    return model


@cache
def simulated(kind: type[PurchaseModel], n: int = 4000, seed: int = 3) -> tuple[np.ndarray, ...]:
    """Draw customers by the story of the model: frequency, recency, T, and the times of the next purchases."""
    rng, (one, two, three, four) = np.random.default_rng(seed), TRUTH[kind]
    if kind is BetaGeoBetaBinomModel:
        buying, leaving, end = rng.beta(one, two, n), rng.beta(three, four, n), rng.integers(3, 9, n)
        last = rng.geometric(leaving) - 1  # Opportunities that the customer lives to see.
        days = np.arange(1, 60)
        bought = (rng.random((n, 59)) < buying[:, None]) & (days <= last[:, None])
        past = bought & (days <= end[:, None])
        ahead = np.where(bought & (days > end[:, None]), days, np.inf) - end[:, None]
        return past.sum(1), (past * days).max(1), end, np.sort(ahead, axis=1)
    rate, end = rng.gamma(one, 1 / two, n), rng.uniform(20, 60, n)
    gaps = rng.exponential(1, (n, 400)) / rate[:, None]
    times = gaps.cumsum(axis=1)
    if kind is ParetoNBDModel:
        gone = rng.exponential(1, n) / rng.gamma(three, 1 / four, n)
    else:
        # The coin is tossed right after the first purchase and after each repeat purchase.
        tosses = rng.geometric(rng.beta(three, four, n)) - 1
        gone = np.where(tosses > 399, np.inf, np.where(tosses > 0, times[np.arange(n), np.minimum(tosses, 399) - 1], 0))
    times = np.where(times <= gone[:, None], times, np.inf)
    past = times <= end[:, None]
    ahead = np.sort(np.where(past, np.inf, times - end[:, None]), axis=1)[:, :60]
    return past.sum(1), np.where(past, times, 0).max(1), end, ahead


@cache
def learned(kind: type[PurchaseModel]) -> PurchaseModel:
    return kind().fit(*simulated(kind)[:3])


# --- the likelihoods ---------------------------------------------------------------------------------------


@st.composite
def rows(draw: st.DrawFn, whole: bool) -> tuple[float, float, float]:
    if whole:
        end = draw(st.integers(1, 12))
        last = draw(st.integers(0, end))
        return (draw(st.integers(1, last)) if last else 0), last, end
    end = draw(st.floats(0.5, 200.0))
    x = draw(st.integers(0, 300))
    return x, (draw(st.floats(0.01, 1.0)) * end if x else 0.0), end


@pytest.mark.parametrize("kind", TRUTH)
@pytest.mark.parametrize("traits", [0, 2])
@settings(max_examples=15)
@given(data=st.data())
def test_gradient_and_hessian_match_differences(kind: type[PurchaseModel], traits: int, data: st.DataObject) -> None:
    given_rows = data.draw(st.lists(rows(kind is BetaGeoBetaBinomModel), min_size=1, max_size=3))
    columns = [np.array(column, dtype=float) for column in zip(*given_rows, strict=True)]
    few = st.lists(st.floats(-1, 1), min_size=traits, max_size=traits)
    z = np.array([data.draw(few) for _ in given_rows]).reshape(len(given_rows), traits)
    theta = np.array([*data.draw(st.tuples(shapes, st.floats(0.5, 50), shapes, st.floats(0.5, 50)))])
    theta = np.concatenate([theta, data.draw(st.lists(st.floats(-1, 1), min_size=2 * traits, max_size=2 * traits))])
    at = kind()._likelihood(Cells(*columns, np.arange(1.0, len(given_rows) + 1), z))
    _, gradient, hessian = at(theta)
    for i, value in enumerate(theta):
        step = np.zeros(len(theta))
        step[i] = h = 1e-5 * max(abs(value), 0.1)
        up, down = at(theta + step), at(theta - step)
        assert (up[0] - down[0]) / (2 * h) * value == pytest.approx(value * gradient[i], abs=1e-5 * (1 + abs(up[0])))
        size = 1 + np.abs(gradient).max() + np.abs(hessian).max()
        assert (up[1] - down[1]) / (2 * h) == pytest.approx(hessian[i], rel=1e-3, abs=1e-5 * size)


@settings(max_examples=60)
@given(rows(whole=False), st.floats(0.1, 5), st.floats(1, 50), st.floats(0.1, 5), st.floats(1, 50))
def test_pareto_nbd_matches_the_hypergeometric_formula(
    row: tuple, r: float, alpha: float, s: float, beta: float
) -> None:
    """Equations (18) and (19) of Fader and Hardie's note of 2005."""
    x, t_x, end = row
    near, far, second = min(alpha, beta), max(alpha, beta), s + 1 if alpha >= beta else r + x

    def part(t: float) -> float:
        return hyp2f1(r + s + x, second, r + s + x + 1, (far - near) / (far + t)) * math.exp(
            -(r + s + x) * math.log((far + t) / (far + t_x))
        )

    scale = (r + s + x) * math.log(far + t_x)
    if scale - (r + x) * math.log(alpha + end) - s * math.log(beta + end) > 700:
        return  # A double cannot hold it.
    alive = math.exp(scale - (r + x) * math.log(alpha + end) - s * math.log(beta + end))
    gone = s / (r + s + x) * (part(t_x) - part(end))
    if not math.isfinite(gone) or part(t_x) == 0:
        return  # Where the formula itself cannot be computed.
    expected = gammaln(r + x) - gammaln(r) + r * math.log(alpha) + s * math.log(beta) - scale + math.log(alive + gone)
    model = with_params(ParetoNBDModel, (r, alpha, s, beta))
    cells = Cells(np.array([x]), np.array([t_x]), np.array([end]), np.ones(1), np.empty((1, 0)))
    fast = model._likelihood(cells)(np.array([r, alpha, s, beta]))[0]
    assert fast == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert model.predict_alive([x], [t_x], [end])[0] == pytest.approx(alive / (alive + gone), rel=1e-5, abs=1e-12)


def test_bg_bb_sums_to_one_over_everything_that_can_happen() -> None:
    params = np.array(TRUTH[BetaGeoBetaBinomModel])
    n, total = 6, 0.0
    for last in range(n + 1):
        for x in range(min(1, last), last + 1):
            cell = Cells(*(np.array([v], dtype=float) for v in (x, last, n)), np.ones(1), np.empty((1, 0)))
            ways = math.comb(last - 1, x - 1) if last else 1
            total += ways * math.exp(BetaGeoBetaBinomModel()._likelihood(cell)(params)[0])
    assert total == pytest.approx(1, abs=1e-12)


# --- simulated customers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TRUTH)
def test_the_parameters_of_simulated_customers_are_recovered(kind: type[PurchaseModel]) -> None:
    model = learned(kind)
    for (name, found), true in zip(model.params_.items(), TRUTH[kind], strict=True):
        assert abs(found - true) < 3.5 * model.standard_errors_[name], name


@pytest.mark.parametrize("kind", TRUTH)
def test_forecasts_agree_with_what_simulated_customers_do_next(kind: type[PurchaseModel]) -> None:
    x, t_x, end, ahead = simulated(kind)
    model, horizon = with_params(kind, TRUTH[kind]), 8
    actual = (ahead <= horizon).sum(axis=1)
    forecast = model.predict_purchases(horizon, x, t_x, end)
    for group in (x == 0, x == 1, x > 1):
        error = (actual - forecast)[group]
        assert abs(error.mean()) < 4 * error.std() / math.sqrt(len(error))
    whole = np.asarray(end, dtype=float)
    assert model.expected_purchases(whole).mean() == pytest.approx(x.mean(), abs=4 * x.std() / math.sqrt(len(x)))


@pytest.mark.parametrize("kind", TRUTH)
def test_the_interval_of_the_next_purchase_covers_what_it_says(kind: type[PurchaseModel]) -> None:
    x, t_x, end, ahead = (column[:1500] for column in simulated(kind))
    found = with_params(kind, TRUTH[kind]).predict_next_purchase(x, t_x, end, level=0.8)
    soon = ahead[:, 0]
    # The chance of buying by the upper limit is 90 % of that of ever buying again.
    by_then = (soon <= found["high"]).mean()
    assert by_then >= (0.9 * found["probability"]).mean() - 4 * math.sqrt(0.25 / len(soon))
    if kind is not BetaGeoBetaBinomModel:
        assert by_then == pytest.approx((0.9 * found["probability"]).mean(), abs=4 * math.sqrt(0.25 / len(soon)))
        half = (soon <= found["median"]).mean()
        assert half == pytest.approx((0.5 * found["probability"]).mean(), abs=4 * math.sqrt(0.25 / len(soon)))
    assert (found["low"] <= found["median"]).all()
    assert (found["median"] <= found["high"]).all()


@pytest.mark.parametrize("kind", [ModifiedBetaGeoModel, ParetoNBDModel])
def test_the_integral_of_the_rate_is_the_closed_form(kind: type[PurchaseModel]) -> None:
    x, t_x, end, _ = (column[:200] for column in simulated(kind))
    for params in (TRUTH[kind], (0.5, 4.0, 1.0, 3.0), (2.0, 1.0, 1.0 + 1e-9, 0.5)):
        model = with_params(kind, params)
        plain = model.predict_purchases(30, x, t_x, end)
        assert model.predict_discounted(30, x, t_x, end, discount_rate=0) == pytest.approx(plain, rel=1e-6)
        assert (model.predict_discounted(math.inf, x, t_x, end, discount_rate=0.01) > 0).all()


# --- covariates --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [BetaGeoModel, ParetoNBDModel])
def test_covariates_scale_the_rate_and_the_leaving(kind: type[PurchaseModel]) -> None:
    rng, n = np.random.default_rng(8), 2500
    vip, z = rng.integers(0, 2, n), rng.normal(0, 1, n)
    slopes = {"rate.vip": 0.8, "rate.z": 0.0, "leave.vip": 0.0, "leave.z": 0.7}
    r, alpha, end = 1.5, 12.0, rng.uniform(40, 80, n)
    times = (rng.exponential(1, (n, 300)) / (rng.gamma(r, 1 / alpha, n) * np.exp(0.8 * vip))[:, None]).cumsum(1)
    if kind is ParetoNBDModel:
        truth = {"r": r, "alpha": alpha, "s": 1.2, "beta": 40.0}
        gone = rng.exponential(1, n) / (rng.gamma(1.2, 1 / 40.0, n) * np.exp(0.7 * z))
    else:
        truth = {"r": r, "alpha": alpha, "a": 1.0, "b": 3.0}
        alive = rng.geometric(rng.beta(1.0 * np.exp(0.7 * z), 3.0))
        gone = times[np.arange(n), np.minimum(alive, 300) - 1]
    past = times <= np.minimum(end, gone)[:, None]
    history = past.sum(1), np.where(past, times, 0).max(1), end
    traits = pd.DataFrame({"vip": vip, "z": z})
    model = kind().fit(*history, covariates=traits)
    for name, true in {**truth, **slopes}.items():
        assert abs(model.params_[name] - true) < 3.5 * model.standard_errors_[name], name
    assert kind().fit(*history).log_likelihood_ < model.log_likelihood_ - 50

    # In other units the slopes are others, and nothing else is.
    larger = kind().fit(*history, covariates=traits * 100)
    assert larger.params_["leave.z"] * 100 == pytest.approx(model.params_["leave.z"], rel=1e-3, abs=1e-5)
    assert larger.standard_errors_["rate.vip"] * 100 == pytest.approx(model.standard_errors_["rate.vip"], rel=1e-3)
    forecast = model.predict_purchases(10, *history, covariates=traits[["z", "vip"]])
    assert forecast == pytest.approx(larger.predict_purchases(10, *history, covariates=traits * 100), rel=1e-3)
    # Who has the traits of nobody in particular is forecast as the parameters alone say.
    plain = with_params(kind, tuple(model.params_[name] for name in kind.names))
    at_zero = model.predict_alive(*(column[:5] for column in history), covariates=np.zeros((5, 2)))
    assert at_zero == pytest.approx(plain.predict_alive(*(column[:5] for column in history)), rel=1e-12)

    with pytest.raises(InvalidInput, match="learned with covariates: vip, z"):
        model.predict_alive(*history)
    with pytest.raises(InvalidInput, match="lack z"):
        model.predict_alive(*history, covariates=traits[["vip"]])
    with pytest.raises(InvalidInput, match="not with 3"):
        model.predict_alive([1], [1], [2], covariates=[[1, 2, 3]])


def test_bad_covariates_are_refused() -> None:
    history = [2, 1, 0], [3, 2, 0], [5, 5, 5]
    for bad, message in (
        ([[1], [1], [1]], "one value only: 0"),
        ([["a"], ["b"], ["c"]], "must be numbers"),
        ([[1], [2]], "one row per customer"),
        ([[1], [2], [math.nan]], "finite"),
    ):
        with pytest.raises(InvalidInput, match=message):
            BetaGeoModel().fit(*history, covariates=bad)
    with pytest.raises(InvalidInput, match="without covariates"):
        with_params(BetaGeoModel, (1, 1, 1, 1)).predict_alive([1], [1], [2], covariates=[[1]])


# --- as estimators -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MODELS)
def test_models_are_cloned_and_pickled_and_say_when_they_have_not_learned(kind: type[PurchaseModel]) -> None:
    model = with_params(kind, (1.0, 2.0, 1.5, 3.0))
    copy = pickle.loads(pickle.dumps(model))
    assert copy.predict_alive([1], [1], [2]) == model.predict_alive([1], [1], [2])
    assert model.get_params() == {}
    with pytest.raises(NotFitted):
        clone(model).predict_alive([1], [1], [2])
    with pytest.raises(UnknownName):
        model.set_params(penalty=1)


def test_opportunities_are_whole_and_hold_one_purchase_each() -> None:
    for row, message in (((2, 1, 5), "frequency must not be more"), ((1, 1.5, 5), "whole numbers")):
        with pytest.raises(InvalidInput, match=message):
            BetaGeoBetaBinomModel().fit(*([value] for value in row))
    with pytest.raises(InvalidInput, match="whole number of opportunities"):
        with_params(BetaGeoBetaBinomModel, (1, 1, 1, 1)).predict_purchases(1.5, [1], [1], [2])


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0, 2.5, -3.0, 1e7]), st.integers(0, 5)), max_size=40))
def test_distinct_rows_are_those_of_numpy(pairs: list[tuple[float, int]]) -> None:
    columns = [np.array(column, dtype=float) for column in zip(*pairs, strict=True)] or [np.empty(0)] * 2
    found, inverse = unique_rows(*columns)
    assert [tuple(row) for row in np.stack(found, axis=1)] == sorted({(a, float(b)) for a, b in pairs})
    for column, distinct in zip(columns, found, strict=True):
        assert (distinct[inverse] == column).all()


def test_many_customers_are_learned_from_as_the_few_they_are_copies_of() -> None:
    x, t_x, end = (np.round(column) for column in simulated(ModifiedBetaGeoModel)[:3])
    t_x = np.minimum(t_x, end) * (x > 0)
    few = ModifiedBetaGeoModel().fit(x, t_x, end)
    many = ModifiedBetaGeoModel().fit(*(np.tile(column, 10) for column in (x, t_x, end)))
    assert many.params_ == pytest.approx(few.params_, rel=1e-5)
    assert many.log_likelihood_ == pytest.approx(10 * few.log_likelihood_, rel=1e-10)
