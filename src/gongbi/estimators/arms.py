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


def fit_arms(
    design: Design,
    values: FloatArray,
    treated: FloatArray,
    y: FloatArray,
    *,
    common: float,
    difference: float,
    binary: bool,
    start: FloatArray | None = None,
) -> Arms:
    r"""Fit :math:`g(E[y]) = a_t + x'b_t` in both arms under one penalty that ties them.

    The penalty is :math:`\kappa |b_1 + b_0|^2 / 8 + \delta |b_1 - b_0|^2 / 2`, with :math:`\kappa` = `common` and
    :math:`\delta` = `difference`; at :math:`\kappa = 4 \delta = 2 \lambda` it parts into :math:`\lambda |b_t|^2 / 2`
    for each. Constants are free. g is the logit for outcomes of 0 and 1, else the identity, and then the penalty is in
    units of the residual variance. Newton's method on the joint system; rows are read a batch at a time, so that memory
    does not grow with the design.
    """
    k = design.width + 1
    identity = np.eye(k)
    identity[0, 0] = 0.0
    same, cross = common / 4 + difference, common / 4 - difference
    penalty = np.block([[same * identity, cross * identity], [cross * identity, same * identity]])
    spread = 1.0 if binary else float(max(np.var(y[treated == arm]) for arm in (0, 1)) or 1.0)
    found = np.zeros((2, k)) if start is None else start.copy()
    if start is None:
        for arm in (0, 1):
            mean = y[treated == arm].mean()
            found[arm, 0] = np.log(mean / (1 - mean)) if binary else mean
    # Where all fits into memory it is written once, and else anew in every step.
    kept = list(_parts(design, values, treated)) if len(values) * k <= IN_MEMORY else None
    for _ in range(STEPS if binary else 1):
        slope, curve = np.zeros((2, k)), np.zeros((2, k, k))
        for arm, chosen, part in kept if kept is not None else _parts(design, values, treated):
            level = part @ found[arm]
            mean = expit(level) if binary else level
            weight = mean * (1 - mean) if binary else np.full(len(part), 1 / spread)
            slope[arm] += part.T @ ((y[chosen] - mean) / (1.0 if binary else spread))
            curve[arm] += part.T @ (part * weight[:, None])
        whole = penalty.copy()
        whole[:k, :k] += curve[0]
        whole[k:, k:] += curve[1]
        # A column that is constant within an arm leaves the system flat there unless the penalty holds it.
        whole += 1e-9 * np.trace(whole) / len(whole) * np.eye(2 * k)
        step = np.linalg.solve(whole, slope.ravel() - penalty @ found.ravel()).reshape(2, k)
        # Far from the maximum a full step may overshoot where chances are near 0 or 1.
        largest = float(np.abs(step).max())
        found = found + step * min(1.0, 5.0 / largest if largest > 0 else 1.0)
        if largest < TOLERANCE:
            break
    return Arms(found, binary)


def _parts(design: Design, values: FloatArray, treated: FloatArray) -> Iterator[tuple[int, IntArray, FloatArray]]:
    """Yield, arm by arm within each batch, which rows they are and their matrix with the constant first."""
    for rows, matrix in design.batches(values):
        for arm in (0, 1):
            chosen: IntArray = np.flatnonzero(treated[rows] == arm).astype(np.int64)
            yield arm, chosen + rows.start, np.column_stack([np.ones(len(chosen)), matrix[chosen]])
