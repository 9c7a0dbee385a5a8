"""Who is still a customer, and how often they will buy: the BG/NBD model and its modification."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from scipy.special import digamma, expit, gammaln, hyp2f1, polygamma

from gongbi.estimators.checks import FloatArray
from gongbi.estimators.histories import Cells, Params, PurchaseModel, Terms

# r, a and b to begin the search at; alpha follows from the typical time between purchases.
STARTS = ((1.0, 1.0, 3.0), (0.3, 0.5, 5.0), (4.0, 2.0, 2.0))


class BetaGeoModel(PurchaseModel):
    r"""Repeat purchases of customers who may leave without saying so (BG/NBD).

    While a customer is alive, purchases come as a Poisson process with a rate :math:`\lambda` that differs
    between customers as a gamma (shape :math:`r`, rate :math:`\alpha`). After each repeat purchase the customer
    leaves for good with probability :math:`p`, which differs as a beta(:math:`a, b`) [1]_.

    The three numbers per customer, all in the same unit of time:

    ``frequency``
        Number of repeat purchases, a whole number; the first purchase does not count.
    ``recency``
        Time from the first purchase to the last; 0 where there was no repeat purchase.
    ``T``
        Time from the first purchase to the end of the observation.

    The probability alive is that of [2]_; it is 1 where there was no repeat purchase, as people leave only after one.
    Expected purchases are equation (10) of [1]_, those of a new customer equation (9). Covariates scale the rate
    and the odds of leaving after a purchase.

    Attributes
    ----------
    params_ : dict of str to float
        ``r``, ``alpha`` (in units of time), ``a``, ``b``; with covariates the slopes too.
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
    .. [1] Fader, Hardie and Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24(2).
    .. [2] Fader and Hardie (2008), Computing P(alive) Using the BG/NBD Model.
    """

    names = ("r", "alpha", "a", "b")
    #: Whether customers may leave right after the first purchase, too.
    _after_first: ClassVar[int] = 0

    def _starts(self, typical: float) -> list[tuple[float, ...]]:
        return [(r, r * typical, a, b) for r, a, b in STARTS]

    def _terms(self, params: Params, cells: Cells) -> Terms:
        return beta_geo_terms(params, cells, self._after_first)

    def _alive(self, params: Params, x: FloatArray, t_x: FloatArray, end: FloatArray) -> FloatArray:
        r, alpha, a, b = params
        tosses = x + self._after_first
        again = tosses > 0
        log_odds_gone = (
            np.log(a) - np.log(b + np.where(again, tosses, 1) - 1) + (r + x) * np.log1p((end - t_x) / (alpha + t_x))
        )
        alive: FloatArray = np.where(again, expit(-log_odds_gone), 1.0)
        return alive

    def _purchases(self, params: Params, x: FloatArray, end: FloatArray, later: FloatArray) -> FloatArray:
        r"""Return the bracket of equation (10).

        It holds :math:`(1-z)^{r+x} F(r+x, b+x; c; z)` with :math:`z = t/(\alpha+T+t)`, where for frequent buyers
        one factor underflows and the other overflows. Euler's transformation (DLMF 15.8.1) turns the product into
        :math:`(1-z)^{1-a} F(c-r-x, a-1; c; z)`, whose first argument does not grow with x.
        """
        r, alpha, a, b = params[0], params[1], params[2], params[3] + self._after_first
        c = a + b + x - 1
        z = later / (alpha + end + later)
        with np.errstate(all="ignore"):
            expected: FloatArray = c / (a - 1) * (1 - (1 - z) ** (a - 1) * _hypergeometric(a + b - 1 - r, a - 1, c, z))
        # Where a nears 1, or c or z nears 0, it is a difference of almost equal numbers over almost nothing.
        poor = (np.abs(a - 1) < 1e-4) | (np.abs(c) < 1e-4) | (z < 1e-4) | ~np.isfinite(expected)
        if poor.any():
            few = tuple(param[poor] if np.ndim(param) else param for param in params)
            expected[poor] = self._discounted(few, x[poor], end[poor], later[poor], 0.0)
        return expected

    def _rate(self, params: Params, x: FloatArray, end: FloatArray, u: FloatArray) -> FloatArray:
        r"""Return :math:`E[\lambda e^{-\lambda p s}]`, as :math:`\lambda` is gamma(r+x, α+T) and p beta(a, b+x) now.

        It equals :math:`(r+x)/(\alpha+T)` times :math:`F(r+x+1, a; a+b+x; -y)` with :math:`y = s/(\alpha+T)`.
        """
        r, alpha, a, b = params[0], params[1], params[2], params[3] + self._after_first
        bent = _hypergeometric(a + b - 1 - r, a, a + b + x, -np.expm1(-u))
        rate: FloatArray = (r + x) / (alpha + end) * np.exp(-a * u) * bent
        return rate

    def _wait(self, params: Params, x: FloatArray, end: FloatArray, t: FloatArray) -> FloatArray:
        # Who is alive stays so until the next purchase: nobody leaves between two.
        r, alpha = params[:2]
        bought: FloatArray = -np.expm1(-(r + x) * np.log1p(t / (alpha + end)))
        return bought

    def _new(self, params: Params, t: FloatArray) -> FloatArray:
        zeros = np.zeros(len(t))
        return self._purchases(params, zeros, zeros, t)


class ModifiedBetaGeoModel(BetaGeoModel):
    r"""Repeat purchases of customers some of whom never come back at all (MBG/NBD).

    As `BetaGeoModel`, but a customer may leave right after the first purchase too, so that the probability alive is
    below 1 also for those who bought once [1]_ [2]_. Attributes are those of `BetaGeoModel`.

    References
    ----------
    .. [1] Batislam, Denizel and Filiztekin (2007), Empirical Validation and Comparison of Models for Customer Base
       Analysis, International Journal of Research in Marketing 24(3).
    .. [2] Hoppe and Wagner (2007), Customer Base Analysis: The Case for a Central Variant of the Betageometric/NBD
       Model, Marketing: Journal of Research and Management 3(2).
    """

    _after_first = 1

    def _new(self, params: Params, t: FloatArray) -> FloatArray:
        # Those who stay after the first purchase, a share of b / (a + b), are as if they had tossed the coin once.
        stays: FloatArray = params[3] / (params[2] + params[3]) * super()._new(params, t)
        return stays


def beta_geo_log_likelihood(
    params: FloatArray, x: FloatArray, t_x: FloatArray, end: FloatArray, cells: FloatArray, after_first: int = 0
) -> tuple[float, FloatArray, FloatArray]:
    """Return the log-likelihood, its gradient (4,) and its Hessian (4, 4), of cells with weights."""
    counted = Cells(x, t_x, end, cells, np.empty((len(x), 0)))
    return beta_geo_terms(tuple(params.tolist()), counted, after_first).summed(cells)


def beta_geo_terms(params: Params, cells: Cells, after_first: int) -> Terms:
    r"""Return the log-likelihood of each cell with its derivatives.

    Equation (6) of Fader, Hardie and Lee (2005), as a common factor times the sum of two cases: still alive at
    T, or gone right after the last purchase. With :math:`w` the share of the second case, and :math:`\ell_1,
    \ell_2` the logarithms of the two, the gradient of the logarithm of the sum is the mean of theirs, and the
    Hessian is the mean of theirs plus :math:`w (1 - w)` times the outer square of the difference of gradients.
    A customer has tossed the coin once per repeat purchase, and with `after_first` once more.
    """
    r, alpha, a, b = params
    x = cells.x
    shape, silent, active = r + x, alpha + cells.end, alpha + cells.t_x
    tosses = x + after_first
    again = tosses > 0
    tail = np.where(again, b + tosses - 1, 1.0)  # Never used where no coin was tossed.
    log_silent, log_active = np.log(silent), np.log(active)
    # The second case against the first; the common factor holds the first.
    odds = np.where(again, np.log(a) - np.log(tail) + shape * (log_silent - log_active), -np.inf)
    w = expit(odds)
    v = 1 - w
    value = cells.of_x(_common, r, a, b, after_first) + r * np.log(alpha) - shape * log_silent + np.logaddexp(0, odds)

    both = cells.of_x(_psi_both, a, b, after_first)
    mean_inverse = v / silent + w / active
    gradient = (
        cells.of_x(_psi_rise, r, 0) + np.log(alpha) - v * log_silent - w * log_active,
        r / alpha - shape * mean_inverse,
        both + w / a,
        both + cells.of_x(_psi_rise, b, after_first) - np.where(again, w / tail, 0.0),
    )
    gap: Mapping[int, Any] = {
        0: log_active - log_silent,
        1: shape * (1 / active - 1 / silent),
        2: -1 / a,
        3: np.where(again, 1 / tail, 0.0),
    }
    both2 = cells.of_x(_trigamma_both, a, b, after_first)
    plain: Mapping[tuple[int, int], Any] = {
        (0, 0): cells.of_x(_trigamma_rise, r, 0),
        (0, 1): 1 / alpha - mean_inverse,
        (1, 1): shape * (v / silent**2 + w / active**2) - r / alpha**2,
        (2, 2): both2 - w / a**2,
        (2, 3): both2,
        (3, 3): both2 + cells.of_x(_trigamma_rise, b, after_first) + np.where(again, w / tail**2, 0.0),
    }
    either = v * w
    hessian = {(i, j): either * gap[i] * gap[j] + plain.get((i, j), 0.0) for i in range(4) for j in range(i, 4)}
    return Terms(value, gradient, hessian)


def _common(r: Any, a: Any, b: Any, after_first: int, x: FloatArray) -> FloatArray:
    tosses = x + after_first
    found: FloatArray = (
        gammaln(r + x) - gammaln(r) + gammaln(a + b) + gammaln(b + tosses) - gammaln(b) - gammaln(a + b + tosses)
    )
    return found


def _psi_rise(start: Any, extra: int, x: FloatArray) -> FloatArray:
    rise: FloatArray = digamma(start + x + extra) - digamma(start)
    return rise


def _psi_both(a: Any, b: Any, extra: int, x: FloatArray) -> FloatArray:
    fall: FloatArray = -_psi_rise(a + b, extra, x)
    return fall


def _trigamma_rise(start: Any, extra: int, x: FloatArray) -> FloatArray:
    rise: FloatArray = polygamma(1, start + x + extra) - polygamma(1, start)
    return rise


def _trigamma_both(a: Any, b: Any, extra: int, x: FloatArray) -> FloatArray:
    fall: FloatArray = -_trigamma_rise(a + b, extra, x)
    return fall


def _hypergeometric(first: Any, second: Any, third: FloatArray, z: FloatArray) -> FloatArray:
    """Return Gauss's F(first, second; third; z) for z in [0, 1), also where the third argument is large.

    There SciPy's transformation to 1 - z overflows, while the defining series (DLMF 15.2.1) converges within some
    hundred terms; SciPy does the rest.
    """
    with np.errstate(all="ignore"):
        value: FloatArray = hyp2f1(first, second, third, z)
    large = (third > 2 * (np.abs(first) + np.abs(second)) + 20) | ~np.isfinite(value)
    if large.any():
        third, z = third[large], z[large]
        first, second = (one[large] if np.ndim(one) else one for one in (first, second))
        term, total = np.ones_like(z), np.ones_like(z)
        for n in range(5000):
            term = term * ((first + n) * (second + n) / (n + 1)) * z / (third + n)
            total += term
            if (np.abs(term) <= 1e-17 * np.abs(total)).all():
                break
        value[large] = total
    return value
