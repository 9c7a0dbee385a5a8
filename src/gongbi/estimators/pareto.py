"""Who is still a customer, when leaving may happen at any time: the Pareto/NBD model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import digamma, gammaln, polygamma

from gongbi.estimators.checks import FloatArray
from gongbi.estimators.histories import Cells, Params, PurchaseModel, Terms
from gongbi.estimators.mixtures import Cases

# r, s, and beta as a multiple of the time between purchases, to begin the search at.
STARTS = ((0.5, 0.6, 1.0), (1.0, 1.0, 4.0), (3.0, 0.3, 1.0))
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(40)
_WAITS, _WAIT_WEIGHTS = np.polynomial.legendre.leggauss(64)
# Beyond a drop by e^-45 an integrand adds nothing.
_NEGLIGIBLE = 45.0
#: So many cells at a time, so that their derivatives stay near the processor.
PIECE = 2_000


class ParetoNBDModel(PurchaseModel):
    r"""Repeat purchases of customers who leave at a time nobody sees (Pareto/NBD).

    While a customer is alive, purchases come as a Poisson process with a rate :math:`\lambda` that differs between
    customers as a gamma (shape :math:`r`, rate :math:`\alpha`). How long a customer lives is exponential with a rate
    :math:`\mu` that differs as a gamma (shape :math:`s`, rate :math:`\beta`) [1]_ [2]_. ``frequency``, ``recency``
    and ``T`` are those of `BetaGeoModel`. Covariates scale both rates, as in [3]_.

    The likelihood is written as the case of being alive at T plus the integral over the times of leaving since the
    last purchase, which is computed by Gauss-Legendre quadrature to machine precision: it has none of the regions in
    which the hypergeometric functions of [2]_ cannot be computed, and its derivatives are exact.

    Attributes
    ----------
    params_ : dict of str to float
        ``r``, ``alpha``, ``s``, ``beta``; alpha and beta in units of time; with covariates the slopes too.
    standard_errors_ : dict of str to float
        From the inverse of the observed information.
    covariance_ : ndarray of shape (k, k)
        Of the parameters, in the order of ``params_``.
    log_likelihood_ : float
        At ``params_``.
    n_customers_ : float
        How many customers were learned from.

    References
    ----------
    .. [1] Schmittlein, Morrison and Colombo (1987), Counting Your Customers, Management Science 33(1).
    .. [2] Fader and Hardie (2005), A Note on Deriving the Pareto/NBD Model and Related Expressions.
    .. [3] Fader and Hardie (2007), Incorporating Time-Invariant Covariates into the Pareto/NBD and BG/NBD Models.
    """

    names = ("r", "alpha", "s", "beta")
    scaled = {"rate": (1, -1), "leave": (3, -1)}  # noqa: RUF012

    def _starts(self, typical: float) -> list[tuple[float, ...]]:
        return [(r, r * typical, s, times * typical) for r, s, times in STARTS]

    def _terms(self, params: Params, cells: Cells) -> Terms:
        pieces = [
            pareto_terms(
                tuple(param[start : start + PIECE] if np.ndim(param) else param for param in params),
                cells.piece(start, start + PIECE),
            )
            for start in range(0, len(cells.x), PIECE)
        ]
        if len(pieces) == 1:
            return pieces[0]
        return Terms(
            np.concatenate([one.value for one in pieces]),
            [np.concatenate(parts) for parts in zip(*(one.gradient for one in pieces), strict=True)],
            {pair: np.concatenate([one.hessian[pair] for one in pieces]) for pair in pieces[0].hessian},
        )

    def _alive(self, params: Params, x: FloatArray, t_x: FloatArray, end: FloatArray) -> FloatArray:
        r, alpha, s, beta = params
        log_alive = -(r + x) * np.log(alpha + end) + s * np.log(beta / (beta + end))
        odds_gone = np.zeros_like(end)
        with np.errstate(over="ignore"):
            for log_case, *_ in _times_of_leaving(params, x, t_x, end):
                odds_gone += np.exp(log_case - log_alive)
        alive: FloatArray = 1 / (1 + odds_gone)
        return alive

    def _purchases(self, params: Params, x: FloatArray, end: FloatArray, later: FloatArray) -> FloatArray:
        # Equation (41) of [2]; at s = 1 it is a logarithm, which `expm1` over its argument reaches smoothly.
        r, alpha, s, beta = params
        grown = np.log1p(later / (beta + end))
        power = (s - 1) * grown
        with np.errstate(invalid="ignore", divide="ignore"):
            mean_life = grown * np.where(np.abs(power) < 1e-12, 1.0, -np.expm1(-power) / power)
        expected: FloatArray = (r + x) / (alpha + end) * (beta + end) * mean_life
        return expected

    def _time_scale(self, params: Params, end: FloatArray) -> FloatArray:
        scale: FloatArray = params[3] + end
        return scale

    def _rate(self, params: Params, x: FloatArray, end: FloatArray, u: FloatArray) -> FloatArray:
        # ((beta + T) / (beta + T + s'))^s is the share still alive a time s' later.
        r, alpha, s, _ = params
        rate: FloatArray = (r + x) / (alpha + end) * np.exp(-s * u)
        return rate

    def _wait(self, params: Params, x: FloatArray, end: FloatArray, t: FloatArray) -> FloatArray:
        r"""Integrate the density of the next purchase, :math:`E[\lambda e^{-(\lambda+\mu) y}]`, up to t."""
        r, alpha, s, beta = params
        shape, first, second = r + x, alpha + end, beta + end
        near = np.minimum(first, second)
        # By then less than one part in 10^13 of those who will ever buy again has not.
        last = np.minimum(t, near * np.expm1(np.minimum(30 / np.minimum(shape + s, 1.0), 300.0)))
        longest = np.log1p(last / near)
        total = np.zeros_like(x)
        for node, weight in zip((_WAITS + 1) / 2, _WAIT_WEIGHTS / 2, strict=True):
            # Squared, so that the points lie closer where the density is highest.
            v = longest * node**2
            y = near * np.expm1(v)
            log_density = np.log(shape / first) - (shape + 1) * np.log1p(y / first) - s * np.log1p(y / second)
            total += weight * longest * 2 * node * np.exp(log_density + v) * near
        return total

    def _new(self, params: Params, t: FloatArray) -> FloatArray:
        zeros = np.zeros(len(t))
        return self._purchases(params, zeros, zeros, t)


def pareto_log_likelihood(
    params: FloatArray, x: FloatArray, t_x: FloatArray, end: FloatArray, cells: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    """Return the log-likelihood, its gradient (4,) and its Hessian (4, 4), of cells with weights."""
    counted = Cells(x, t_x, end, cells, np.empty((len(x), 0)))
    return pareto_terms(tuple(params.tolist()), counted).summed(cells)


def pareto_terms(params: Params, cells: Cells) -> Terms:
    r"""Return the log-likelihood of each cell with its derivatives.

    .. math:: \frac{\Gamma(r+x)\alpha^r}{\Gamma(r)} \Big[ \frac{(\beta/(\beta+T))^s}{(\alpha+T)^{r+x}}
        + \int_{t_x}^T \frac{s \beta^s}{(\alpha+y)^{r+x} (\beta+y)^{s+1}} dy \Big]

    Each point of the quadrature is one more case of the sum; its place does not count in the derivatives, as the
    integral does not depend on where it is cut into points.
    """
    r, alpha, s, beta = (np.broadcast_to(np.asarray(param, dtype=np.float64), cells.x.shape) for param in params)
    x, n = cells.x, len(cells.x)
    shape, cases = r + x, Cases(n, 4)
    hessian = np.zeros((4, 4, n))
    for log_case, y, leaving in _times_of_leaving((r, alpha, s, beta), x, cells.t_x, cells.end, alive_too=True):
        buying, lasting = alpha + y, beta + y
        gradient = np.array(
            [
                -np.log(buying),
                -shape / buying,
                leaving / s + np.log(beta / lasting),
                s / beta - (s + leaving) / lasting,
            ]
        )
        hessian[0, 1] = hessian[1, 0] = -1 / buying
        hessian[1, 1] = shape / buying**2
        hessian[2, 2] = -leaving / s**2
        hessian[2, 3] = hessian[3, 2] = 1 / beta - 1 / lasting
        hessian[3, 3] = (s + leaving) / lasting**2 - s / beta**2
        cases.add(log_case, gradient, hessian)
    value, slope, curve = cases.total()
    value = value + cells.of_x(_common, params[0]) + r * np.log(alpha)
    slope[0] += cells.of_x(_psi_rise, params[0]) + np.log(alpha)
    slope[1] += r / alpha
    curve[0, 0] += cells.of_x(_trigamma_rise, params[0])
    curve[0, 1] += 1 / alpha
    curve[1, 1] -= r / alpha**2
    return Terms(value, list(slope), {(i, j): curve[i, j] for i in range(4) for j in range(i, 4)})


def _times_of_leaving(
    params: Params, x: FloatArray, t_x: FloatArray, end: FloatArray, *, alive_too: bool = False
) -> Iterator[tuple[FloatArray, FloatArray, int]]:
    r"""Yield the points of the integral over the time of leaving: the logarithm of each with its weight, its time.

    In :math:`v = \log((m + y) / (m + t_x))`, with m the smaller of alpha and beta, the integrand is analytic within
    :math:`\pi` of the real line. The third value is 1, and 0 for the case of being alive at T.
    """
    r, alpha, s, beta = params
    if alive_too:
        yield -(r + x) * np.log(alpha + end) + s * np.log(beta / (beta + end)), end, 0
    small, large = np.minimum(alpha, beta), np.maximum(alpha, beta)
    power = r + x + s + 1
    last = np.minimum(end, (large + t_x) * np.exp(np.minimum(_NEGLIGIBLE / power, 500)) - large)
    longest = np.log((small + last) / (small + t_x))
    with np.errstate(divide="ignore"):
        fixed = np.log(s * longest / 2) + s * np.log(beta)
    for node, weight in zip((_NODES + 1) / 2, _WEIGHTS, strict=True):
        v = longest * node
        y = (small + t_x) * np.exp(v) - small
        log_rate = -(r + x) * np.log(alpha + y) - (s + 1) * np.log(beta + y)
        yield fixed + np.log(weight) + log_rate + np.log(small + y), y, 1


def _common(r: FloatArray, x: FloatArray) -> FloatArray:
    found: FloatArray = gammaln(r + x) - gammaln(r)
    return found


def _psi_rise(r: FloatArray, x: FloatArray) -> FloatArray:
    found: FloatArray = digamma(r + x) - digamma(r)
    return found


def _trigamma_rise(r: FloatArray, x: FloatArray) -> FloatArray:
    found: FloatArray = polygamma(1, r + x) - polygamma(1, r)
    return found
