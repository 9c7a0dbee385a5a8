"""What a purchase is worth: the Gamma-Gamma model, plain averages where it has no answer, customer lifetime value."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import digamma, gammaln, polygamma

from gongbi.errors import InvalidInput, NotFitted
from gongbi.estimators.checks import FloatArray, as_vectors, refuse_where, unique_rows
from gongbi.estimators.histories import PurchaseModel
from gongbi.estimators.likelihood import LikelihoodModel, WithoutSettings, maximise

NAMES = ("p", "q", "v")


class GammaGammaModel(LikelihoodModel):
    r"""Average value of a purchase, pulled toward everybody's average when a customer's purchases are few.

    The values of one customer's purchases vary around their mean as a gamma of shape :math:`p`; the rate of that
    gamma differs between customers as a gamma of shape :math:`q` and rate :math:`v` (:math:`\gamma` in [1]_).
    The model assumes that how much a customer spends says nothing about how often; check that in your data.

    ``frequency`` is the number of purchases that ``monetary_value`` is the mean of: the repeat purchases, if the
    first one is left out as in [1]_.

    Attributes
    ----------
    params_ : dict of str to float
        ``p``, ``q`` and ``v``, the last in units of money.
    standard_errors_ : dict of str to float
        From the inverse of the observed information.
    covariance_ : ndarray of shape (3, 3)
        Of the parameters, in the order of ``params_``.
    log_likelihood_ : float
        At ``params_``.
    n_customers_ : int
        How many customers were learned from: those with a frequency above 0.

    References
    ----------
    .. [1] Fader and Hardie (2013), The Gamma-Gamma Model of Monetary Value.
    """

    n_customers_: int

    def fit(self, frequency: ArrayLike, monetary_value: ArrayLike) -> Self:
        """Learn the three parameters from arrays of shape (n_customers,).

        Customers without a purchase teach nothing and are passed over.

        Raises
        ------
        InvalidInput
            When a value is not above 0, or nobody bought.
        DidNotConverge
            When the data do not determine the parameters, as when all values are equal.
        """
        x, mean = _checked_spend(frequency, monetary_value)
        bought = x > 0
        if not bought.any():
            raise InvalidInput("Nobody has a purchase, so there is no value to learn.")
        (x, mean), inverse = unique_rows(x[bought], mean[bought])
        cells = np.bincount(inverse).astype(np.float64)
        size = int(cells.sum())
        typical = float(cells @ mean / size)
        found = maximise(
            lambda params: gamma_gamma_log_likelihood(params, x, mean, cells),
            starts=[(p, q, typical * (q - 1) / p) for p, q in ((3, 3), (1, 5), (10, 2))],
            size=size,
        )
        self._keep(found, NAMES)
        self.n_customers_ = size
        return self

    def predict_value(self, frequency: ArrayLike, monetary_value: ArrayLike) -> FloatArray:
        r"""Return the expected value of each customer's next purchase, in units of money, equation (5) of [1]_.

        A weighted mean of the customer's own average, with weight :math:`px / (px + q - 1)`, and of the
        population's, :math:`pv / (q - 1)`. Where frequency is 0 it is the latter, and ``monetary_value`` is not
        looked at.

        Raises
        ------
        InvalidInput
            When q is 1 or less: the population has no finite mean then.
        """
        x, mean = _checked_spend(frequency, monetary_value)
        p, q, v = self._learned()
        if q <= 1:
            raise InvalidInput(
                f"The learned q is {q:.3g}, at most 1, so the mean value over the population is infinite.",
                hint="Look for a few enormous purchases in the data and cap them.",
            )
        expected: FloatArray = p * (v + np.where(x > 0, x * mean, 0.0)) / (p * x + q - 1)
        return expected

    def customer_lifetime_value(
        self,
        purchases: PurchaseModel,
        frequency: ArrayLike,
        recency: ArrayLike,
        T: ArrayLike,
        monetary_value: ArrayLike,
        *,
        horizon: float,
        discount_rate: float = 0.0,
    ) -> FloatArray:
        """Return what each customer's purchases in (T, T + horizon] are expected to be worth today.

        The expected value of a purchase times the discounted number of purchases. ``horizon`` and
        ``discount_rate`` are per unit of the time in which ``recency`` and ``T`` are given: with weeks, 12.7 % a
        year is ``1.127 ** (1 / 52) - 1``. Money stays what it was: give margins, and margins come back.
        """
        count = purchases.predict_discounted(horizon, frequency, recency, T, discount_rate=discount_rate)
        value = self.predict_value(frequency, monetary_value)
        if len(value) != len(count):
            raise InvalidInput(f"monetary_value has {len(value)} entries, the other arrays have {len(count)}.")
        return count * value

    def _learned(self) -> tuple[float, float, float]:
        if not hasattr(self, "params_"):
            raise NotFitted(self)
        p, q, v = (self.params_[name] for name in NAMES)
        return p, q, v


class AverageSpend(WithoutSettings):
    """Average value of a purchase, as it is [1]_: for data that do not determine a `GammaGammaModel`.

    Where all customers spend the same on average, or a handful came back, nothing shows how strongly a customer's own
    average should be pulled toward everybody's; so it is not pulled at all.

    Attributes
    ----------
    params_ : dict of str to float
        ``mean``, the average over all purchases, in units of money.
    n_customers_ : int
        How many customers were learned from: those with a frequency above 0.

    References
    ----------
    .. [1] Fader and Hardie (2013), The Gamma-Gamma Model of Monetary Value: the mean of the transactions, which
       that model pulls each customer's average toward.
    """

    params_: dict[str, float]
    n_customers_: int

    def fit(self, frequency: ArrayLike, monetary_value: ArrayLike) -> Self:
        """Learn the average from arrays of shape (n_customers,).

        Raises
        ------
        InvalidInput
            When a value is not above 0, or nobody bought.
        """
        x, mean = _checked_spend(frequency, monetary_value)
        bought = x > 0
        if not bought.any():
            raise InvalidInput("Nobody has a purchase, so there is no value to learn.")
        self.params_ = {"mean": float(np.average(mean[bought], weights=x[bought]))}
        self.n_customers_ = int(bought.sum())
        return self

    def predict_value(self, frequency: ArrayLike, monetary_value: ArrayLike) -> FloatArray:
        """Return each customer's own average, and everybody's where frequency is 0, in units of money."""
        x, mean = _checked_spend(frequency, monetary_value)
        if not hasattr(self, "params_"):
            raise NotFitted(self)
        expected: FloatArray = np.where(x > 0, mean, self.params_["mean"])
        return expected


def gamma_gamma_log_likelihood(
    params: FloatArray, x: FloatArray, mean: FloatArray, cells: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    """Return the log-likelihood, its gradient (3,) and its Hessian (3, 3): equation (1a) of Fader and Hardie (2013)."""
    p, q, v = params
    shape, total = p * x, v + x * mean
    value = (
        gammaln(shape + q) - gammaln(shape) - gammaln(q) + q * np.log(v)
        + (shape - 1) * np.log(mean) + shape * np.log(x) - (shape + q) * np.log(total)
    )  # fmt: skip
    gradient = np.array(
        [
            x * (digamma(shape + q) - digamma(shape) + np.log(x * mean / total)),
            digamma(shape + q) - digamma(q) + np.log(v / total),
            q / v - (shape + q) / total,
        ]
    )
    hessian = np.empty((3, 3))
    hessian[0, 0] = cells @ (x**2 * (polygamma(1, shape + q) - polygamma(1, shape)))
    hessian[0, 1] = hessian[1, 0] = cells @ (x * polygamma(1, shape + q))
    hessian[0, 2] = hessian[2, 0] = -cells @ (x / total)
    hessian[1, 1] = cells @ (polygamma(1, shape + q) - polygamma(1, q))
    hessian[1, 2] = hessian[2, 1] = cells @ (1 / v - 1 / total)
    hessian[2, 2] = cells @ ((shape + q) / total**2 - q / v**2)
    return float(cells @ value), gradient @ cells, hessian


def _checked_spend(frequency: ArrayLike, monetary_value: ArrayLike) -> tuple[FloatArray, FloatArray]:
    x, mean = as_vectors(frequency=frequency, monetary_value=monetary_value)
    if not len(x):
        raise InvalidInput("There are no customers.")
    refuse_where((x < 0) | (x != np.floor(x)), "frequency must be a whole number, 0 or more")
    refuse_where(
        (x > 0) & (mean <= 0),
        "monetary_value must be above 0 where there were purchases",
        hint="Leave out gifts and returns, or count them in neither array.",
    )
    return x, mean
