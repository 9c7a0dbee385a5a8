"""BG/NBD: laws of the model, an independent likelihood, an independent forecast, and refusals."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import betaln, gammaln

from gongbi.errors import DidNotConverge, InvalidInput, NotFitted
from gongbi.estimators.purchases import BetaGeoModel, beta_geo_log_likelihood


def model_with(r: float, alpha: float, a: float, b: float) -> BetaGeoModel:
    model = BetaGeoModel()
    model.params_ = {"r": r, "alpha": alpha, "a": a, "b": b}
    return model


CDNOW = model_with(0.243, 4.414, 0.793, 2.426)
shapes = st.floats(0.05, 30.0)
models = st.builds(model_with, shapes, st.floats(0.1, 100.0), shapes, shapes)


@st.composite
def histories(draw: st.DrawFn) -> tuple[int, float, float]:
    end = draw(st.floats(0.5, 200.0))
    x = draw(st.integers(0, 400))
    return x, (draw(st.floats(0.01, 1.0)) * end if x else 0.0), end


def simulated(
    n: int, r: float, alpha: float, a: float, b: float, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw customers by the story of the model: buy, perhaps leave, wait, buy."""
    rng = np.random.default_rng(seed)
    rate, leaving, end = rng.gamma(r, 1 / alpha, n), rng.beta(a, b, n), rng.uniform(20, 60, n)
    x, t_x = np.zeros(n), np.zeros(n)
    for i in range(n):
        now = rng.exponential(1 / rate[i])
        while now <= end[i]:
            x[i], t_x[i] = x[i] + 1, now
            if rng.random() < leaving[i]:
                break
            now += rng.exponential(1 / rate[i])
    return x, t_x, end


# --- the likelihood ----------------------------------------------------------------------------------------


def slow_log_likelihood(params: tuple[float, ...], x: int, t_x: float, end: float) -> float:
    """Integrate the likelihood of one customer, equation (3) of the paper, over rate and leaving numerically."""
    r, alpha, a, b = params

    def over_rate(time: float) -> float:  # of rate^x exp(-rate * time) under the gamma, in closed form
        return math.exp(gammaln(r + x) - gammaln(r) + r * math.log(alpha) - (r + x) * math.log(alpha + time))

    def over_leaving(power_p: int, power_q: int) -> float:  # of p^i (1-p)^j under the beta, by quadrature
        density = lambda p: p ** (a - 1 + power_p) * (1 - p) ** (b - 1 + power_q)  # noqa: E731
        return quad(density, 0, 1, epsabs=0, epsrel=1e-10, limit=500)[0] / math.exp(betaln(a, b))

    likelihood = over_leaving(0, x) * over_rate(end)
    if x:
        likelihood += over_leaving(1, x - 1) * over_rate(t_x)
    return math.log(likelihood)


@pytest.mark.parametrize("row", [(0, 0.0, 30.0), (1, 4.0, 30.0), (2, 30.43, 38.86), (12, 20.0, 38.0)])
@pytest.mark.parametrize("params", [(0.243, 4.414, 1.2, 2.426), (2.0, 8.0, 1.5, 1.1)])
def test_the_likelihood_matches_a_slow_integral(params: tuple[float, ...], row: tuple[int, float, float]) -> None:
    columns = [np.array([float(value)]) for value in row]
    fast, _, _ = beta_geo_log_likelihood(np.array(params), *columns, np.ones(1))
    assert fast == pytest.approx(slow_log_likelihood(params, *row), rel=1e-7)


@given(st.lists(histories(), min_size=1, max_size=5), st.tuples(shapes, st.floats(0.1, 100.0), shapes, shapes))
def test_gradient_and_hessian_match_differences(rows: list[tuple[int, float, float]], params: tuple) -> None:
    x, t_x, end = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    cells, theta = np.arange(1.0, len(rows) + 1), np.array(params)
    _, gradient, hessian = beta_geo_log_likelihood(theta, x, t_x, end, cells)
    for i in range(4):
        step = np.zeros(4)
        step[i] = 1e-5 * theta[i]
        up = beta_geo_log_likelihood(theta + step, x, t_x, end, cells)
        down = beta_geo_log_likelihood(theta - step, x, t_x, end, cells)
        size = 1 + abs(up[0])
        assert (up[0] - down[0]) / 2e-5 == pytest.approx(theta[i] * gradient[i], abs=1e-6 * size)
        slope = (up[1] - down[1]) / 2e-5
        assert slope == pytest.approx(theta[i] * hessian[i], rel=1e-4, abs=1e-6 * (1 + np.abs(gradient).max()))


# --- learning ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("truth", [(0.5, 5.0, 0.8, 2.5), (2.0, 15.0, 1.0, 6.0)])
def test_the_parameters_of_simulated_customers_are_recovered(truth: tuple[float, float, float, float]) -> None:
    model = BetaGeoModel().fit(*simulated(6000, *truth, seed=3))
    for (name, found), true in zip(model.params_.items(), truth, strict=True):
        assert abs(found - true) < 3.5 * model.standard_errors_[name], name


def test_counted_cells_teach_the_same_as_their_expanded_rows() -> None:
    x, t_x, end = (np.round(column) for column in simulated(800, 0.5, 5.0, 0.8, 2.5, seed=1))
    t_x = np.where(x > 0, np.minimum(t_x, end), 0)
    cells, many = np.unique(np.stack([x, t_x, end]), axis=1, return_counts=True)
    counted, expanded = BetaGeoModel().fit(*cells, counts=many), BetaGeoModel().fit(x, t_x, end)
    assert counted.params_ == pytest.approx(expanded.params_, rel=1e-6)
    assert counted.standard_errors_ == pytest.approx(expanded.standard_errors_, rel=1e-6)
    assert counted.log_likelihood_ == pytest.approx(expanded.log_likelihood_, rel=1e-12)
    assert counted.n_customers_ == expanded.n_customers_ == 800


def test_the_unit_of_time_scales_alpha_and_nothing_else() -> None:
    x, t_x, end = simulated(2000, 0.5, 5.0, 0.8, 2.5, seed=2)
    weeks, days = BetaGeoModel().fit(x, t_x, end), BetaGeoModel().fit(x, 7 * t_x, 7 * end)
    assert days.params_ == pytest.approx({**weeks.params_, "alpha": 7 * weeks.params_["alpha"]}, rel=1e-5)
    assert days.predict_purchases(70, x, 7 * t_x, 7 * end) == pytest.approx(
        weeks.predict_purchases(10, x, t_x, end), rel=1e-4
    )


def test_customers_who_never_leave_do_not_determine_when_they_would() -> None:
    end = np.linspace(20, 60, 400)
    x = np.random.default_rng(0).poisson(end / 2)
    with pytest.raises(DidNotConverge, match="no maximum"):
        BetaGeoModel().fit(x, np.where(x > 0, end, 0), end)


# --- predictions -------------------------------------------------------------------------------------------


@given(models, histories())
def test_alive_is_a_probability_and_certain_without_repeat_purchase(model: BetaGeoModel, row: tuple) -> None:
    alive = model.predict_alive(*([value] for value in row))[0]
    assert 0 <= alive <= 1
    if row[0] == 0:
        assert alive == 1


@given(models, histories(), st.floats(0.1, 100.0))
def test_alive_falls_with_silence(model: BetaGeoModel, row: tuple, longer: float) -> None:
    x, t_x, end = row
    before, after = model.predict_alive([x, x], [t_x, t_x], [end, end + longer])
    assert after <= before


@given(models, histories(), st.floats(0.0, 200.0), st.floats(0.0, 200.0))
def test_forecasts_grow_with_the_horizon_and_are_never_negative(
    model: BetaGeoModel, row: tuple, h: float, more: float
) -> None:
    history = [[value] for value in row]
    near, far = model.predict_purchases(h, *history)[0], model.predict_purchases(h + more, *history)[0]
    assert 0 <= near <= far * (1 + 1e-7) + 1e-9
    assert math.isfinite(far)


@pytest.mark.filterwarnings("ignore::scipy.integrate.IntegrationWarning")
@pytest.mark.parametrize("x", [0, 1, 7, 40, 400, 4000])
@pytest.mark.parametrize("a", [0.3, 0.793, 1.0, 1 + 1e-6, 1.02, 4.0])
@pytest.mark.parametrize("horizon", [0.5, 39.0, 1000.0])
def test_forecasts_match_an_integral_over_the_leaving_probability(x: int, a: float, horizon: float) -> None:
    r, alpha, b, end = 0.5, 4.0, 0.9, 38.0

    def integrand(u: float) -> float:  # over u = log p, where the mass of frequent and of rare buyers is equally wide
        p = math.exp(u)
        density = math.exp(a * u + (b + x - 1) * math.log1p(-p) - betaln(a, b + x))
        return density * -math.expm1(-(r + x) * math.log1p(p * horizon / (alpha + end))) / p

    edges = [-150, -60, -25, -12, -8, -6, -4, -2, -1, -0.3, -0.05, -1e-3, -1e-6, -1e-10, -1e-14]
    pieces = itertools.pairwise(edges)
    expected = sum(quad(integrand, low, high, epsabs=0, epsrel=1e-10, limit=200)[0] for low, high in pieces)

    model = model_with(r, alpha, a, b)
    history = [[x], [end if x else 0.0], [end]]
    forecast = model.predict_purchases(horizon, *history)[0] / model.predict_alive(*history)[0]
    assert forecast == pytest.approx(expected, rel=1e-7)


@given(models, histories(), st.floats(0.1, 300.0))
def test_without_discount_the_discounted_forecast_is_the_forecast(
    model: BetaGeoModel, row: tuple, horizon: float
) -> None:
    history = [[value] for value in row]
    plain = model.predict_purchases(horizon, *history)[0]
    assume(plain > 1e-12)
    assert model.predict_discounted(horizon, *history, discount_rate=0.0)[0] == pytest.approx(plain, rel=1e-6)
    assert model.predict_discounted(horizon, *history, discount_rate=0.01)[0] < plain


def test_an_endless_horizon_is_the_limit_of_long_ones() -> None:
    history = [[2], [30.43], [38.86]]
    endless = CDNOW.predict_discounted(math.inf, *history, discount_rate=0.01)[0]
    assert endless == pytest.approx(CDNOW.predict_discounted(2500, *history, discount_rate=0.01)[0], rel=1e-6)
    with pytest.raises(InvalidInput, match="no bound"):
        CDNOW.predict_discounted(math.inf, *history, discount_rate=0.0)


def test_a_new_customer_buys_as_the_simulated_ones_do() -> None:
    truth = (0.5, 5.0, 0.8, 2.5)
    x, _, end = simulated(20_000, *truth, seed=5)
    assert model_with(*truth).expected_purchases(end).mean() == pytest.approx(x.mean(), abs=4 * x.std() / 20_000**0.5)


def test_expected_purchases_keep_the_shape_of_the_times() -> None:
    assert CDNOW.expected_purchases(np.ones((2, 3))).shape == (2, 3)
    assert CDNOW.expected_purchases(0.0) == 0


# --- refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((1, 5.0, 4.0), "recency must not be later than T"),
        ((-1, 0.0, 4.0), "frequency must be a whole number"),
        ((1.5, 1.0, 4.0), "frequency must be a whole number"),
        ((0, 2.0, 4.0), "recency must be 0 where frequency is 0"),
        ((1, -2.0, 4.0), "recency must not be negative"),
        ((1, 2.0, math.inf), "T must be finite; entry 1 is inf"),
        ((1, math.nan, 4.0), "recency must be finite"),
    ],
)
def test_a_history_that_contradicts_itself_is_refused(row: tuple, message: str) -> None:
    columns = [[good, bad] for good, bad in zip((2, 1.0, 4.0), row, strict=True)]
    for call in (BetaGeoModel().fit, CDNOW.predict_alive):
        with pytest.raises(InvalidInput, match=message):
            call(*columns)


def test_other_refusals_say_what_was_seen() -> None:
    with pytest.raises(NotFitted, match="BetaGeoModel has not learned"):
        BetaGeoModel().predict_alive([1], [1], [2])
    with pytest.raises(InvalidInput, match="second time"):
        BetaGeoModel().fit([0, 0], [0, 0], [4, 5])
    with pytest.raises(InvalidInput, match="no customers"):
        BetaGeoModel().fit([], [], [])
    with pytest.raises(InvalidInput, match="recency has 2, T has 1"):
        BetaGeoModel().fit([1, 1], [1, 1], [4])
    with pytest.raises(InvalidInput, match="horizon"):
        CDNOW.predict_purchases(-1, [1], [1], [2])
