"""Gamma-Gamma: derivatives, shrinkage, lifetime value, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import gamma

from gongbi.errors import DidNotConverge, InvalidInput, NotFitted
from gongbi.estimators.purchases import BetaGeoModel
from gongbi.estimators.spend import AverageSpend, GammaGammaModel, gamma_gamma_log_likelihood

CDNOW = GammaGammaModel()
CDNOW.params_ = {"p": 6.25, "q": 3.74, "v": 15.44}


def simulated(n: int, p: float, q: float, v: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.integers(1, 8, n)
    # The mean of x gammas of shape p and rate nu is a gamma of shape p*x and rate nu*x.
    return x, rng.gamma(p * x, 1 / (rng.gamma(q, 1 / v, n) * x))


def test_the_likelihood_matches_an_integral_over_the_rate() -> None:
    p, q, v, x, mean = 2.0, 3.0, 12.0, 4.0, 7.5
    integrand = lambda nu: gamma.pdf(mean, p * x, scale=1 / (nu * x)) * gamma.pdf(nu, q, scale=1 / v)  # noqa: E731
    expected = np.log(quad(integrand, 0, np.inf, epsrel=1e-11)[0])
    args = (np.array([p, q, v]), np.array([x]), np.array([mean]), np.ones(1))
    assert gamma_gamma_log_likelihood(*args)[0] == pytest.approx(expected, rel=1e-8)


@given(
    st.tuples(*[st.floats(0.2, 30.0)] * 3),
    st.lists(st.tuples(st.integers(1, 50), st.floats(0.1, 500)), min_size=1, max_size=5),
)
def test_gradient_and_hessian_match_differences(params: tuple, rows: list[tuple[int, float]]) -> None:
    x, mean = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    theta, ones = np.array(params), np.ones(len(x))
    _, gradient, hessian = gamma_gamma_log_likelihood(theta, x, mean, ones)
    for i in range(3):
        step = np.zeros(3)
        step[i] = 1e-5 * theta[i]
        up, down = (gamma_gamma_log_likelihood(theta + s, x, mean, ones) for s in (step, -step))
        assert (up[0] - down[0]) / 2e-5 == pytest.approx(theta[i] * gradient[i], rel=1e-4, abs=1e-5 * (1 + abs(up[0])))
        slope = (up[1] - down[1]) / 2e-5
        assert slope == pytest.approx(theta[i] * hessian[i], rel=1e-4, abs=1e-4 * (1 + np.abs(gradient).max()))


def test_the_parameters_of_simulated_customers_are_recovered() -> None:
    truth = (4.0, 3.5, 20.0)
    model = GammaGammaModel().fit(*simulated(8000, *truth, seed=1))
    for (name, found), true in zip(model.params_.items(), truth, strict=True):
        assert abs(found - true) < 3.5 * model.standard_errors_[name], name


@given(st.integers(1, 500), st.floats(0.01, 10_000.0))
def test_a_predicted_value_lies_between_the_own_mean_and_everybodys(x: int, mean: float) -> None:
    everybody = CDNOW.predict_value([0], [0])[0]
    value = CDNOW.predict_value([x], [mean])[0]
    assert min(mean, everybody) * (1 - 1e-9) <= value <= max(mean, everybody) * (1 + 1e-9)


@given(st.integers(1, 500), st.floats(0.01, 10_000.0))
def test_more_purchases_bring_the_prediction_nearer_to_the_own_mean(x: int, mean: float) -> None:
    few, many = CDNOW.predict_value([x, x + 1], [mean, mean])
    assert abs(many - mean) <= abs(few - mean) + 1e-9 * mean


def test_customers_without_purchases_teach_nothing() -> None:
    x, mean = simulated(1000, 4.0, 3.5, 20.0, seed=2)
    with_idle = GammaGammaModel().fit(np.append(x, [0, 0]), np.append(mean, [0.0, 0.0]))
    assert with_idle.params_ == GammaGammaModel().fit(x, mean).params_
    assert with_idle.n_customers_ == 1000


def test_lifetime_value_is_value_times_discounted_purchases() -> None:
    purchases = BetaGeoModel()
    purchases.params_ = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
    history = ([2, 0], [30.43, 0.0], [38.86, 38.86])
    worth = CDNOW.customer_lifetime_value(purchases, *history, [22.35, 0.0], horizon=52, discount_rate=0.002)
    count = purchases.predict_discounted(52, *history, discount_rate=0.002)
    assert worth == pytest.approx(count * CDNOW.predict_value([2, 0], [22.35, 0.0]))
    assert (CDNOW.customer_lifetime_value(purchases, *history, [22.35, 0.0], horizon=52) > worth).all()


def test_what_cannot_be_learned_from_is_refused() -> None:
    with pytest.raises(InvalidInput, match="above 0 where there were purchases"):
        GammaGammaModel().fit([1, 2], [3.0, 0.0])
    with pytest.raises(InvalidInput, match="Nobody has a purchase"):
        GammaGammaModel().fit([0, 0], [0.0, 0.0])
    with pytest.raises(DidNotConverge):
        GammaGammaModel().fit([1, 2, 3, 4], [5.0, 5.0, 5.0, 5.0])
    endless = GammaGammaModel()
    endless.params_ = {"p": 2.0, "q": 0.9, "v": 3.0}
    with pytest.raises(InvalidInput, match="infinite"):
        endless.predict_value([1], [2.0])


def test_averages_as_they_are_give_the_own_one_and_everybodys_over_all_purchases() -> None:
    model = AverageSpend().fit([3, 1, 0], [10.0, 30.0, 0.0])
    assert model.params_ == {"mean": 15.0}
    assert model.n_customers_ == 2
    assert model.predict_value([3, 1, 0], [10.0, 30.0, 0.0]).tolist() == [10.0, 30.0, 15.0]
    with pytest.raises(InvalidInput, match="Nobody has a purchase"):
        AverageSpend().fit([0, 0], [0.0, 0.0])
    with pytest.raises(NotFitted, match="AverageSpend"):
        AverageSpend().predict_value([1], [2.0])
