"""Likelihoods that sum over what may have happened: the logarithm of a sum, with exact derivatives."""

from __future__ import annotations

import numpy as np

from gongbi.estimators.checks import FloatArray


class Cases:
    r"""Cases of a likelihood :math:`\log \sum_m e^{\ell_m}`, added one at a time, for n customers and k parameters.

    With the weights :math:`w_m = e^{\ell_m} / \sum e^{\ell}`, the gradient of the logarithm is the weighted mean of
    the gradients of :math:`\ell_m`, and the Hessian is that of their Hessians plus the covariance of the gradients.
    """

    def __init__(self, customers: int, parameters: int) -> None:
        self._top = np.full(customers, -np.inf)
        self._sum = np.zeros(customers)
        self._slope = np.zeros((parameters, customers))
        self._square = np.zeros((parameters, parameters, customers))

    def add(self, log: FloatArray, gradient: FloatArray, hessian: FloatArray) -> None:
        """Add a case: its logarithm (n,), with gradient (k, n) and Hessian (k, k, n)."""
        top = np.maximum(self._top, log)
        with np.errstate(invalid="ignore"):
            kept = np.where(np.isneginf(top), 0.0, np.exp(self._top - top))
            weight = np.where(np.isneginf(top), 0.0, np.exp(log - top))
        self._top = top
        self._sum = self._sum * kept + weight
        self._slope = self._slope * kept + weight * gradient
        self._square = self._square * kept + weight * (hessian + gradient[:, None] * gradient[None, :])

    def total(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the logarithm of the sum with its gradient and Hessian."""
        slope = self._slope / self._sum
        value: FloatArray = self._top + np.log(self._sum)
        return value, slope, self._square / self._sum - slope[:, None] * slope[None, :]
