"""Maximum likelihood for models whose parameters are positive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from gongbi.errors import DidNotConverge
from gongbi.estimators.checks import FloatArray

# Log-likelihood, gradient (k,) and Hessian (k, k) at the parameters (k,).
LogLikelihood = Callable[[FloatArray], tuple[float, FloatArray, FloatArray]]

# Per customer, on the scale of log-parameters. Below this a further step changes nothing that can be measured.
GRADIENT_TOLERANCE = 1e-7
# A parameter that moved ten thousand-fold from its start runs off to zero or to infinity: the data show no maximum.
FARTHEST_MOVE = 1e4
# Beyond e^50 nothing can be computed.
FARTHEST_LOG = 50.0


@dataclass(frozen=True, slots=True)
class Maximum:
    """Where the log-likelihood is largest: parameters, their covariance (k, k), the value there."""

    params: FloatArray
    covariance: FloatArray
    log_likelihood: float

    @property
    def standard_errors(self) -> FloatArray:
        """Square roots of the diagonal of the inverse observed information, shape (k,)."""
        errors: FloatArray = np.sqrt(np.diag(self.covariance))
        return errors


class LikelihoodModel:
    """A model whose parameters are found by `maximise`: what it keeps of the search."""

    params_: dict[str, float]
    standard_errors_: dict[str, float]
    covariance_: FloatArray
    log_likelihood_: float

    def _keep(self, found: Maximum, names: Sequence[str]) -> None:
        self.params_ = dict(zip(names, found.params.tolist(), strict=True))
        self.standard_errors_ = dict(zip(names, found.standard_errors.tolist(), strict=True))
        self.covariance_ = found.covariance
        self.log_likelihood_ = found.log_likelihood


def maximise(log_likelihood: LogLikelihood, starts: Sequence[Sequence[float]], *, size: float) -> Maximum:
    r"""Find the parameters, all positive, that make the data most likely.

    A trust-region Newton search over log-parameters, where no step can leave the positive numbers. With
    :math:`D = diag(\theta)` the chain rule gives the gradient :math:`D g` and the Hessian
    :math:`D H D + diag(D g)`; at the maximum the second term vanishes, which is the delta method.

    Parameters
    ----------
    log_likelihood : callable
        Returns value, gradient and Hessian with respect to the parameters themselves.
    starts : sequence of sequences of float
        Where to begin. Every start is tried; the best maximum wins.
    size : float
        How many customers the likelihood is summed over; it only scales the tolerance.

    Raises
    ------
    DidNotConverge
        When no start ends at an interior maximum.
    """
    best: Maximum | None = None
    ends = []
    for start in starts:
        log_params = _climb(log_likelihood, np.log(np.asarray(start, dtype=np.float64)), size)
        params = np.exp(log_params)
        value, gradient, hessian = log_likelihood(params)
        ends.append("(" + ", ".join(f"{param:.3g}" for param in params) + ")")
        if not np.isfinite(value) or np.abs(log_params - np.log(start)).max() > np.log(FARTHEST_MOVE):
            continue
        information = -(np.outer(params, params) * hessian + np.diag(params * gradient)) / size
        flat = not np.isfinite(information).all() or np.linalg.eigvalsh(information)[0] < 1e-9
        if flat or np.abs(params * gradient).max() / size > 100 * GRADIENT_TOLERANCE:
            continue
        if best is None or value > best.log_likelihood:
            covariance = np.outer(params, params) * np.linalg.inv(information) / size
            best = Maximum(params, covariance, value)
    if best is None:
        raise DidNotConverge(
            f"The likelihood of these {size:g} customers has no maximum; the search ended at {', '.join(ends)}.",
            hint="These data do not determine all parameters: take more customers or a longer history.",
        )
    return best


def _climb(log_likelihood: LogLikelihood, log_start: FloatArray, size: float) -> FloatArray:
    def loss(log_params: FloatArray) -> tuple[float, FloatArray]:
        params = np.exp(np.clip(log_params, -FARTHEST_LOG, FARTHEST_LOG))
        value, gradient, _ = log_likelihood(params)
        return -value / size, -params * gradient / size

    def curvature(log_params: FloatArray) -> FloatArray:
        params = np.exp(np.clip(log_params, -FARTHEST_LOG, FARTHEST_LOG))
        _, gradient, hessian = log_likelihood(params)
        return -(np.outer(params, params) * hessian + np.diag(params * gradient)) / size

    found = minimize(
        loss,
        log_start,
        jac=True,
        hess=curvature,
        method="trust-exact",
        options={"gtol": GRADIENT_TOLERANCE, "maxiter": 500, "max_trust_radius": 4.0},
    )
    end: FloatArray = found.x
    return end
