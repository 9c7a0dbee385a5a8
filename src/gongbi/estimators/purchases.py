"""Who is still a customer, and how often they will buy: the BG/NBD model."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import digamma, expit, gammaln, hyp2f1, polygamma

from gongbi.errors import InvalidInput, NotFitted
from gongbi.estimators.checks import FloatArray, as_vector, as_vectors, refuse_where, unique_rows
from gongbi.estimators.likelihood import LikelihoodModel, maximise

NAMES = ("r", "alpha", "a", "b")
# r, a and b to begin the search at; alpha follows from the typical time between purchases.
STARTS = ((1.0, 1.0, 3.0), (0.3, 0.5, 5.0), (4.0, 2.0, 2.0))
# The integrand is analytic in the variable chosen in `_integrated_rate`; 96 points are far more than enough.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(96)


class BetaGeoModel(LikelihoodModel):
    r"""Repeat purchases of customers who may leave without saying so (BG/NBD).

    While a customer is alive, purchases come as a Poisson process with a rate :math:`\lambda` that differs
    between customers as a gamma (shape :math:`r`, rate :math:`\alpha`). After each purchase the customer
    leaves for good with probability :math:`p`, which differs as a beta(:math:`a, b`) [1]_.

    The three numbers per customer, all in the same unit of time:

    ``frequency``
        Number of repeat purchases, a whole number; the first purchase does not count.
    ``recency``
        Time from the first purchase to the last; 0 where there was no repeat purchase.
    ``T``
        Time from the first purchase to the end of the observation.

    Attributes
    ----------
    params_ : dict of str to float
        ``r``, ``alpha`` (in units of time), ``a``, ``b``.
    standard_errors_ : dict of str to float
        From the inverse of the observed information.
    covariance_ : ndarray of shape (4, 4)
        Of the parameters, in the order of ``params_``.
    log_likelihood_ : float
        At ``params_``.
    n_customers_ : float
        How many customers were learned from.

    References
    ----------
    .. [1] Fader, Hardie and Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24(2).
    .. [2] Fader and Hardie (2008), Computing P(alive) Using the BG/NBD Model.
    """

    n_customers_: float

    def fit(
        self,
        frequency: ArrayLike,
        recency: ArrayLike,
        T: ArrayLike,
        *,
        counts: ArrayLike | None = None,
    ) -> Self:
        """Learn the four parameters from arrays of shape (n_customers,).

        Parameters
        ----------
        frequency, recency, T : array-like
            See the class.
        counts : array-like, optional
            How many customers each row stands for, when equal ones were counted together. One by default.

        Raises
        ------
        InvalidInput
            When a row contradicts itself, or nobody bought twice.
        DidNotConverge
            When the data do not determine the parameters, as when nobody ever leaves.
        """
        x, t_x, end = checked_history(frequency, recency, T)
        many = np.ones(len(x)) if counts is None else as_vector("counts", counts)
        if len(many) != len(x):
            raise InvalidInput(f"counts has {len(many)} entries, the other arrays have {len(x)}.")
        refuse_where(many < 0, "counts must not be negative")
        if not (many * x).any():
            raise InvalidInput("Nobody bought a second time, so there is no rate to learn.")

        (x, t_x, end), inverse = unique_rows(x, t_x, end)
        cells = np.bincount(inverse, weights=many).astype(np.float64)
        size = float(cells.sum())
        typical = float(cells @ end / (cells @ x))  # The time from one purchase to the next, over everybody.
        found = maximise(
            lambda params: beta_geo_log_likelihood(params, x, t_x, end, cells),
            starts=[(r, r * typical, a, b) for r, a, b in STARTS],
            size=size,
        )
        self._keep(found, NAMES)
        self.n_customers_ = size
        return self

    def predict_alive(self, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike) -> FloatArray:
        """Return the probability that each customer is still one at T, shape (n_customers,) [2]_.

        It is 1 where there was no repeat purchase: the model lets people leave only after one.
        """
        r, alpha, a, b = self._learned()
        x, t_x, end = checked_history(frequency, recency, T)
        again = x > 0
        log_odds_gone = (
            np.log(a) - np.log(b + np.where(again, x, 1) - 1) + (r + x) * np.log1p((end - t_x) / (alpha + t_x))
        )
        alive: FloatArray = np.where(again, expit(-log_odds_gone), 1.0)
        return alive

    def predict_purchases(
        self,
        horizon: float,
        frequency: ArrayLike,
        recency: ArrayLike,
        T: ArrayLike,
    ) -> FloatArray:
        """Return how many purchases to expect of each customer in (T, T + horizon], equation (10) of [1]_."""
        params = self._learned()
        (x, t_x, end), inverse = unique_rows(*checked_history(frequency, recency, T))
        later = np.full(len(x), _checked_horizon(horizon))
        expected = self.predict_alive(x, t_x, end) * _purchases_if_alive(params, x, end, later)
        return expected[inverse]

    def predict_discounted(
        self,
        horizon: float,
        frequency: ArrayLike,
        recency: ArrayLike,
        T: ArrayLike,
        *,
        discount_rate: float,
    ) -> FloatArray:
        r"""Return the purchases expected in (T, T + horizon], each worth less the later it comes.

        A purchase after time :math:`s` counts :math:`(1 + d)^{-s}`, where :math:`d` is ``discount_rate`` per unit
        of time. With ``horizon=math.inf`` this is the discounted residual value of the rest of the customer's
        life, and ``discount_rate`` must be positive.
        """
        params = self._learned()
        if not 0 <= discount_rate < np.inf:
            raise InvalidInput(f"discount_rate must be 0 or more per unit of time, not {discount_rate}.")
        force = float(np.log1p(discount_rate))
        if np.isposinf(horizon):
            if not force:
                raise InvalidInput("Without a discount rate the value of an endless horizon has no bound.")
            horizon = 32 / force  # What lies beyond counts less than one part in 10^13.
        (x, t_x, end), inverse = unique_rows(*checked_history(frequency, recency, T))
        later = np.full(len(x), _checked_horizon(horizon))
        expected = self.predict_alive(x, t_x, end) * _integrated_rate(params, x, end, later, force)
        return expected[inverse]

    def expected_purchases(self, t: ArrayLike) -> FloatArray:
        """Return the repeat purchases of a random new customer up to time t, equation (9) of [1]_; same shape."""
        times = np.asarray(t, dtype=np.float64)
        flat = as_vector("t", times.ravel())
        refuse_where(flat < 0, "t must not be negative")
        expected = _purchases_if_alive(self._learned(), np.zeros(len(flat)), np.zeros(len(flat)), flat)
        return expected.reshape(times.shape)

    def _learned(self) -> tuple[float, float, float, float]:
        if not hasattr(self, "params_"):
            raise NotFitted(self)
        r, alpha, a, b = (self.params_[name] for name in NAMES)
        return r, alpha, a, b


def checked_history(
    frequency: ArrayLike,
    recency: ArrayLike,
    T: ArrayLike,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the three arrays as floats, or say which row contradicts itself."""
    x, t_x, end = as_vectors(frequency=frequency, recency=recency, T=T)
    if not len(x):
        raise InvalidInput("There are no customers.")
    refuse_where((x < 0) | (x != np.floor(x)), "frequency must be a whole number, 0 or more")
    refuse_where(t_x < 0, "recency must not be negative")
    refuse_where(t_x > end, "recency must not be later than T", hint="Both count from the first purchase.")
    refuse_where((x == 0) & (t_x > 0), "recency must be 0 where frequency is 0")
    return x, t_x, end


def beta_geo_log_likelihood(
    params: FloatArray, x: FloatArray, t_x: FloatArray, end: FloatArray, cells: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    r"""Return the log-likelihood, its gradient (4,) and its Hessian (4, 4).

    Equation (6) of Fader, Hardie and Lee (2005), as a common factor times the sum of two cases: still alive at
    T, or gone right after the last purchase. With :math:`w` the share of the second case, and :math:`\ell_1,
    \ell_2` the logarithms of the two, the gradient of the logarithm of the sum is the mean of theirs, and the
    Hessian is the mean of theirs plus :math:`w (1 - w)` times the outer square of the difference of gradients.
    """
    r, alpha, a, b = params
    shape, silent, active = r + x, alpha + end, alpha + t_x
    again = x > 0
    tail = np.where(again, b + x - 1, 1.0)  # Never used where there was no repeat purchase.
    common = (
        gammaln(shape) - gammaln(r) + r * np.log(alpha)
        + gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
    )  # fmt: skip
    alive = -shape * np.log(silent)
    gone = np.where(again, np.log(a) - np.log(tail) - shape * np.log(active), -np.inf)
    value = common + np.logaddexp(alive, gone)
    w = expit(gone - alive)
    v = 1 - w

    both = digamma(a + b) - digamma(a + b + x)
    zeros = np.zeros_like(x)
    gradient_common = np.array(
        [digamma(shape) - digamma(r) + np.log(alpha), zeros + r / alpha, both, both + digamma(b + x) - digamma(b)]
    )
    gradient_alive = np.array([-np.log(silent), -shape / silent, zeros, zeros])
    gradient_gone = np.array([-np.log(active), -shape / active, zeros + 1 / a, np.where(again, -1 / tail, 0)])
    gradient = gradient_common + v * gradient_alive + w * gradient_gone

    both2 = polygamma(1, a + b) - polygamma(1, a + b + x)
    gap = gradient_alive - gradient_gone
    hessian = np.einsum("i,ji,ki->jk", cells * v * w, gap, gap)
    mean_inverse = v / silent + w / active
    mean_square = v / silent**2 + w / active**2
    hessian[0, 0] += cells @ (polygamma(1, shape) - polygamma(1, r))
    hessian[0, 1] += cells @ (1 / alpha - mean_inverse)
    hessian[1, 0] = hessian[0, 1]
    hessian[1, 1] += cells @ (shape * mean_square - r / alpha**2)
    hessian[2, 2] += cells @ (both2 - w / a**2)
    hessian[2, 3] += cells @ both2
    hessian[3, 2] = hessian[2, 3]
    hessian[3, 3] += cells @ (both2 + polygamma(1, b + x) - polygamma(1, b) + w / tail**2)
    return float(cells @ value), gradient @ cells, hessian


def _purchases_if_alive(
    params: tuple[float, float, float, float], x: FloatArray, end: FloatArray, later: FloatArray
) -> FloatArray:
    r"""Return the purchases in (T, T + later] of customers who are alive at T.

    The bracket of equation (10) holds :math:`(1-z)^{r+x} F(r+x, b+x; c; z)` with :math:`z = t/(\alpha+T+t)`, where
    for frequent buyers one factor underflows and the other overflows. Euler's transformation (DLMF 15.8.1) turns
    the product into :math:`(1-z)^{1-a} F(c-r-x, a-1; c; z)`, whose first argument does not grow with x.
    """
    r, alpha, a, b = params
    c = a + b + x - 1
    z = later / (alpha + end + later)
    # Where a nears 1, or c or z nears 0, the closed form is a difference of almost equal numbers over almost nothing.
    if abs(a - 1) < 1e-4:
        return _integrated_rate(params, x, end, later, 0.0)
    with np.errstate(all="ignore"):
        expected: FloatArray = c / (a - 1) * (1 - (1 - z) ** (a - 1) * _hypergeometric(a + b - 1 - r, a - 1, c, z))
    poor = (np.abs(c) < 1e-4) | (z < 1e-4) | ~np.isfinite(expected)
    if poor.any():
        expected[poor] = _integrated_rate(params, x[poor], end[poor], later[poor], 0.0)
    return expected


def _integrated_rate(
    params: tuple[float, float, float, float], x: FloatArray, end: FloatArray, later: FloatArray, force: float
) -> FloatArray:
    r"""Integrate the purchase rate after T of customers alive at T, discounted by ``exp(-force * s)``.

    Given the past and being alive, :math:`\lambda` is gamma(r+x, :math:`\alpha+T`) and p is beta(a, b+x), so that
    the rate after a further time s, :math:`E[\lambda e^{-\lambda p s}]`, equals :math:`(r+x)/(\alpha+T)` times
    :math:`F(r+x+1, a; a+b+x; -y)` with :math:`y = s/(\alpha+T)`. In :math:`u = \log(1+y)` it is analytic.
    """
    r, alpha, a, b = params
    scale = alpha + end
    longest = np.log1p(later / scale)
    total = np.zeros_like(x)
    for node, weight in zip((_NODES + 1) / 2, _WEIGHTS / 2, strict=True):
        u = longest * node
        rate = (r + x) * np.exp((1 - a) * u) * _hypergeometric(a + b - 1 - r, a, a + b + x, -np.expm1(-u))
        total += weight * longest * rate * np.exp(-force * scale * np.expm1(u))
    return total


def _hypergeometric(first: float, second: float, third: FloatArray, z: FloatArray) -> FloatArray:
    """Return Gauss's F(first, second; third; z) for z in [0, 1), also where the third argument is large.

    There SciPy's transformation to 1 - z overflows, while the defining series (DLMF 15.2.1) converges within some
    hundred terms; SciPy does the rest.
    """
    with np.errstate(all="ignore"):
        value: FloatArray = hyp2f1(first, second, third, z)
    large = (third > 2 * (abs(first) + abs(second)) + 20) | ~np.isfinite(value)
    if large.any():
        third, z = third[large], z[large]
        term, total = np.ones_like(z), np.ones_like(z)
        for n in range(5000):
            term = term * ((first + n) * (second + n) / (n + 1)) * z / (third + n)
            total += term
            if (np.abs(term) <= 1e-17 * np.abs(total)).all():
                break
        value[large] = total
    return value


def _checked_horizon(horizon: float) -> float:
    if not 0 <= horizon < np.inf:
        raise InvalidInput(f"horizon must be a finite length of time, 0 or more, not {horizon}.")
    return float(horizon)
