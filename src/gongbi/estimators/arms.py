"""Two regressions, of those treated and of those not, that know of each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from gongbi.estimators.checks import FloatArray, IntArray
from gongbi.estimators.design import Design

#: Newton steps at most, and the largest change of a coefficient at which they end; the error left is about its square.
STEPS = 25
TOLERANCE = 1e-4
#: Numbers of a matrix that is kept from step to step.
IN_MEMORY = 20_000_000


@dataclass(frozen=True, slots=True)
class Arms:
    """Coefficients of both arms, control first, shape (2, width + 1), the constant first in each."""

    coefficients: FloatArray
    binary: bool

    def predict(self, design: Design, values: FloatArray) -> FloatArray:
        """Return the outcome without and with treatment, shape (n, 2)."""
        found = np.empty((len(values), 2))
        for rows, matrix in design.batches(values):
            found[rows] = self.coefficients[:, 0] + matrix @ self.coefficients[:, 1:].T
        return expit(found) if self.binary else found


@dataclass(frozen=True, slots=True)
class Fitted:
    """Both arms at one penalty, and what it takes to tell them at another without reading the rows again.

    Attributes
    ----------
    arms
        At the penalty that they were fitted with.
    curve, target
        Of the log-likelihood about its maximum, a parabola: its curvature, shape (2k, 2k), and the curvature times
        where the parabola has its top, shape (2k,).
    """

    arms: Arms
    curve: FloatArray
    target: FloatArray

    def at(self, *, common: float | FloatArray, difference: float | FloatArray) -> FloatArray:
        """Return the coefficients at another penalty, shape (2, k): exact for numbers, near for 0 and 1."""
        k = len(self.target) // 2
        return _solved(self.curve, _penalty(k, common, difference), self.target).reshape(2, k)


def fit_arms(
    design: Design,
    values: FloatArray,
    treated: FloatArray,
    y: FloatArray,
    *,
    common: float | FloatArray,
    difference: float | FloatArray,
    binary: bool,
    start: FloatArray | None = None,
) -> Fitted:
    r"""Fit :math:`g(E[y]) = a_t + x'b_t` in both arms under one penalty that ties them.

    The penalty is :math:`\kappa |b_1 + b_0|^2 / 8 + \delta |b_1 - b_0|^2 / 2`, with :math:`\kappa` = `common` and
    :math:`\delta` = `difference`, each one number for all columns or one per column; at
    :math:`\kappa = 4 \delta = 2 \lambda` it parts into :math:`\lambda |b_t|^2 / 2` for each arm. Constants are free.
    g is the logit for outcomes of 0 and 1, else the identity, and then the penalty is in units of the residual
    variance. Newton's method on the joint system; rows are read a batch at a time, so that memory does not grow with
    the design.
    """
    k = design.width + 1
    penalty = _penalty(k, common, difference)
    found = np.zeros((2, k)) if start is None else start.copy()
    if start is None:
        for arm in (0, 1):
            mean = y[treated == arm].mean()
            found[arm, 0] = np.log(mean / (1 - mean)) if binary else mean
    # Where all fits into memory it is written once, and else anew in every step.
    kept = list(_parts(design, values, treated)) if len(values) * k <= IN_MEMORY else None
    for _ in range(STEPS if binary else 1):
        slope, curves = np.zeros((2, k)), np.zeros((2, k, k))
        for arm, chosen, part in kept if kept is not None else _parts(design, values, treated):
            level = part @ found[arm]
            mean = expit(level) if binary else level
            weight = mean * (1 - mean) if binary else np.ones(len(part))
            slope[arm] += part.T @ (y[chosen] - mean)
            curves[arm] += part.T @ (part * weight[:, None])
        curve = np.zeros((2 * k, 2 * k))
        curve[:k, :k], curve[k:, k:] = curves
        target = curve @ found.ravel() + slope.ravel()
        step = _solved(curve, penalty, target).reshape(2, k) - found
        largest = float(np.abs(step).max())
        # Far from the maximum a full step may overshoot where chances are near 0 or 1; of numbers the first is exact.
        found = found + step * (min(1.0, 5.0 / largest) if binary and largest > 0 else 1.0)
        if largest < TOLERANCE:
            break
    return Fitted(Arms(found, binary), curve, target)


def _penalty(k: int, common: float | FloatArray, difference: float | FloatArray) -> FloatArray:
    """The penalty as a matrix, shape (2k, 2k); the constants, first in each arm, have none."""
    apart = np.r_[0.0, np.broadcast_to(difference, k - 1)]
    shared = np.r_[0.0, np.broadcast_to(common, k - 1) / 4]
    same, cross = np.diag(shared + apart), np.diag(shared - apart)
    return np.block([[same, cross], [cross, same]])


def _solved(curve: FloatArray, penalty: FloatArray, target: FloatArray) -> FloatArray:
    # A column that is constant within an arm leaves the system flat there unless the penalty holds it.
    ridge = 1e-9 * np.trace(curve) / len(curve)
    found: FloatArray = np.linalg.solve(curve + penalty + ridge * np.eye(len(curve)), target)
    return found


def _parts(design: Design, values: FloatArray, treated: FloatArray) -> Iterator[tuple[int, IntArray, FloatArray]]:
    """Yield, arm by arm within each batch, which rows they are and their matrix with the constant first."""
    for rows, matrix in design.batches(values):
        for arm in (0, 1):
            chosen: IntArray = np.flatnonzero(treated[rows] == arm).astype(np.int64)
            yield arm, chosen + rows.start, np.column_stack([np.ones(len(chosen)), matrix[chosen]])
