"""Who is still a customer, when purchases can happen at set times only: the BG/BB model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaln, digamma, polygamma

from gongbi.estimators.checks import FloatArray, checked_level, refuse_where
from gongbi.estimators.histories import Cells, Params, PurchaseModel, Terms, checked_history
from gongbi.estimators.mixtures import Cases

STARTS = ((1.0, 1.0, 1.0, 3.0), (0.5, 1.5, 0.5, 5.0), (3.0, 3.0, 1.0, 10.0))
#: How many opportunities ahead a next purchase is looked for one by one; later ones follow the power law they tend to.
FARTHEST = 2000


class BetaGeoBetaBinomModel(PurchaseModel):
    r"""Repeat purchases of customers who can buy once per period, and may leave before any of them (BG/BB).

    A donor who is asked once a year, a subscriber who is billed, a visitor of a yearly fair. At each opportunity a
    customer who is alive buys with probability :math:`p`, which differs between customers as a
    beta(:math:`\alpha, \beta`), and at the beginning of each leaves for good with probability :math:`\theta`, which
    differs as a beta(:math:`\gamma, \delta`) [1]_.

    The three numbers per customer, all whole:

    ``frequency``
        At how many opportunities the customer bought.
    ``recency``
        The last opportunity at which the customer bought, counted from 1; 0 if there was none.
    ``T``
        How many opportunities there were (n in [1]_).

    ``predict_alive`` is the probability of being alive at the next opportunity, T + 1, equation (11) of [1]_. Times
    and horizons are numbers of opportunities. Covariates scale the odds of buying and of leaving.

    Attributes
    ----------
    params_ : dict of str to float
        ``alpha``, ``beta``, ``gamma``, ``delta``; with covariates the slopes too.
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
    .. [1] Fader, Hardie and Shang (2010), Customer-Base Analysis in a Discrete-Time Noncontractual Setting,
       Marketing Science 29(6).
    """

    names = ("alpha", "beta", "gamma", "delta")
    scaled = {"rate": (0, 1), "leave": (2, 1)}  # noqa: RUF012

    def _checked(self, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike) -> tuple[FloatArray, ...]:
        x, t_x, n = checked_history(frequency, recency, T)
        refuse_where(
            (t_x != np.floor(t_x)) | (n != np.floor(n)), "recency and T must be whole numbers of opportunities"
        )
        refuse_where(x > t_x, "frequency must not be more than recency", hint="There is one purchase per opportunity.")
        return x, t_x, n

    def _starts(self, typical: float) -> list[tuple[float, ...]]:  # noqa: ARG002
        return list(STARTS)

    def _terms(self, params: Params, cells: Cells) -> Terms:
        alpha, beta, gamma, delta = params
        x, t_x, n = cells.x, cells.t_x, cells.end
        cases = Cases(len(x), 4)
        for log, last, leaving in self._cases(params, x, t_x, n):
            hessian = np.zeros((4, 4, len(x)))
            whole, life = digamma(alpha + beta), digamma(gamma + delta)
            seen = whole - digamma(alpha + beta + last)
            lived = life - digamma(gamma + delta + last + leaving)
            gradient = np.array(
                [
                    digamma(alpha + x) - digamma(alpha) + seen,
                    digamma(beta + last - x) - digamma(beta) + seen,
                    leaving / gamma + lived,
                    digamma(delta + last) - digamma(delta) + lived,
                ]
            )
            seen = polygamma(1, alpha + beta) - polygamma(1, alpha + beta + last)
            lived = polygamma(1, gamma + delta) - polygamma(1, gamma + delta + last + leaving)
            hessian[0, 1] = hessian[1, 0] = seen
            hessian[2, 3] = hessian[3, 2] = lived
            hessian[0, 0] = polygamma(1, alpha + x) - polygamma(1, alpha) + seen
            hessian[1, 1] = polygamma(1, beta + last - x) - polygamma(1, beta) + seen
            hessian[2, 2] = -leaving / gamma**2 + lived
            hessian[3, 3] = polygamma(1, delta + last) - polygamma(1, delta) + lived
            cases.add(log, gradient, hessian)
        value, slope, curve = cases.total()
        return Terms(value, list(slope), {(i, j): curve[i, j] for i in range(4) for j in range(i, 4)})

    def _cases(
        self, params: Params, x: FloatArray, t_x: FloatArray, n: FloatArray
    ) -> Iterator[tuple[FloatArray, FloatArray, int]]:
        """Yield the cases: alive at n, or gone after each opportunity since the last purchase; log, when, left."""
        alpha, beta, gamma, delta = params
        bought, lived = betaln(alpha, beta), betaln(gamma, delta)
        yield betaln(alpha + x, beta + n - x) - bought + betaln(gamma, delta + n) - lived, n, 0
        for i in range(int((n - t_x).max(initial=0))):
            last = np.minimum(t_x + i, n)
            log = betaln(alpha + x, beta + last - x) - bought + betaln(gamma + 1, delta + last) - lived
            yield np.where(i < n - t_x, log, -np.inf), last, 1

    def _alive(self, params: Params, x: FloatArray, t_x: FloatArray, end: FloatArray) -> FloatArray:
        _, _, gamma, delta = params
        logs = np.array([log for log, _, _ in self._cases(params, x, t_x, end)])
        alive_now = 1 / np.exp(logs - logs[0]).sum(axis=0)
        alive: FloatArray = alive_now * (delta + end) / (gamma + delta + end)
        return alive

    def _purchases(self, params: Params, x: FloatArray, end: FloatArray, later: FloatArray) -> FloatArray:
        return self._discounted(params, x, end, later, 0.0)

    def _discounted(
        self, params: Params, x: FloatArray, end: FloatArray, later: FloatArray, force: float
    ) -> FloatArray:
        alpha, beta, gamma, delta = params
        if not force:
            refuse_where(later != np.floor(later), "a horizon must be a whole number of opportunities")
        total, still = np.zeros_like(x), np.ones_like(x)
        for j in range(1, int(np.ceil(later.max(initial=0))) + 1):
            total += np.where(j <= np.ceil(later), still * np.exp(-force * j), 0.0)
            still = still * (delta + end + j) / (gamma + delta + end + j)
        found: FloatArray = (alpha + x) / (alpha + beta + end) * total
        return found

    def _wait(self, params: Params, x: FloatArray, end: FloatArray, t: FloatArray) -> FloatArray:
        refuse_where(t != np.floor(t), "a horizon must be a whole number of opportunities")
        total = np.zeros_like(x)
        for j, chance in enumerate(self._chances(params, x, end, int(t.max(initial=0))), start=1):
            total += np.where(j <= t, chance, 0.0)
        return total

    def _chances(self, params: Params, x: FloatArray, end: FloatArray, count: int) -> Iterator[FloatArray]:
        """Yield how likely the next purchase of one alive at T + 1 is at the first opportunity, the second, ..."""
        alpha, beta, gamma, delta = params
        buying, passing = alpha + x, beta + end - x
        chance = buying / (buying + passing)
        for j in range(1, count + 1):
            yield chance
            chance = chance * (passing + j - 1) / (buying + passing + j) * (delta + end + j) / (gamma + delta + end + j)

    def _new(self, params: Params, t: FloatArray) -> FloatArray:
        # A new customer may leave before the first opportunity.
        zeros = np.zeros(len(t))
        stays: FloatArray = params[3] / (params[2] + params[3]) * self._purchases(params, zeros, zeros, t)
        return stays

    def predict_next_purchase(
        self,
        frequency: ArrayLike,
        recency: ArrayLike,
        T: ArrayLike,
        *,
        level: float = 0.8,
        covariates: Any = None,
    ) -> dict[str, FloatArray]:
        """Return when the next purchase comes, if one does: see `ParetoNBDModel.predict_next_purchase`.

        Times are whole numbers of opportunities; infinite where they are beyond the next 2,000.
        """
        tail = (1 - checked_level(level)) / 2
        params, (x, t_x, end), inverse = self._asked(frequency, recency, T, covariates)
        chances = list(self._chances(params, x, end, FARTHEST))
        by_then = np.cumsum(chances, axis=0)
        ever = by_then[-1] + chances[-1] * FARTHEST / (params[0] + x + params[2])
        found = {"probability": (self._alive(params, x, t_x, end) * ever)[inverse]}
        for name, share in (("median", 0.5), ("low", tail), ("high", 1 - tail)):
            first = (by_then < share * ever).sum(axis=0) + 1.0
            found[name] = np.where(first > FARTHEST, np.inf, first)[inverse]
        return found
