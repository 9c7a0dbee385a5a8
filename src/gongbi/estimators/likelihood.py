"""Maximum likelihood for models whose parameters are positive, and what stands beside them may have any sign."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from gongbi.errors import DidNotConverge, UnknownName
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


class WithoutSettings:
    """An estimator whose constructor takes nothing, said in the way of scikit-learn, so that it can be cloned."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002
        """Return what the constructor takes, as scikit-learn asks it of an estimator: nothing."""
        return {}

    def set_params(self, **params: Any) -> Self:
        """Refuse every name: the constructor takes nothing."""
        for name in params:
            raise UnknownName("parameter", name, [])
        return self


class LikelihoodModel(WithoutSettings):
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


def maximise(
    log_likelihood: LogLikelihood,
    starts: Sequence[Sequence[float]],
    *,
    size: float,
    free: int = 0,
    pilot: tuple[LogLikelihood, float] | None = None,
) -> Maximum:
    r"""Find the parameters that make the data most likely; all but the last `free` are positive.

    A trust-region Newton search over log-parameters, where no step can leave the positive numbers. With
    :math:`D = diag(\theta)` the chain rule gives the gradient :math:`D g` and the Hessian
    :math:`D H D + diag(D g)`; at the maximum the second term vanishes, which is the delta method. Free
    parameters are searched as they are.

    Parameters
    ----------
    log_likelihood : callable
        Returns value, gradient and Hessian with respect to the parameters themselves.
    starts : sequence of sequences of float
        Where to begin. Every start is tried; the best maximum wins.
    size : float
        How many customers the likelihood is summed over; it only scales the tolerance.
    free : int
        How many of the last parameters may have any sign.
    pilot : tuple, optional
        The likelihood of a part of many customers, and how many it is of. The starts are tried on it, and the best
        end of these is where the search on all begins; only if that fails are the starts tried on all.

    Raises
    ------
    DidNotConverge
        When no start ends at an interior maximum.
    """
    if pilot is not None:
        try:
            near = maximise(pilot[0], starts, size=pilot[1], free=free)
            return maximise(log_likelihood, [near.params.tolist()], size=size, free=free)
        except DidNotConverge:
            pass  # A part may not determine what the whole does.
    best: Maximum | None = None
    ends = []
    for start in starts:
        begin = np.asarray(start, dtype=np.float64)
        positive = np.arange(len(begin)) < len(begin) - free
        params = _climb(log_likelihood, begin, positive, size)
        value, gradient, hessian = log_likelihood(params)
        ends.append("(" + ", ".join(f"{param:.3g}" for param in params) + ")")
        moved = np.abs(np.log(params[positive] / begin[positive])).max(initial=0)
        if not np.isfinite(value) or moved > np.log(FARTHEST_MOVE):
            continue
        scale = np.where(positive, params, 1.0)
        information = -(np.outer(scale, scale) * hessian + np.diag(np.where(positive, params * gradient, 0))) / size
        flat = not np.isfinite(information).all() or np.linalg.eigvalsh(information)[0] < 1e-9
        if flat or np.abs(scale * gradient).max() / size > 100 * GRADIENT_TOLERANCE:
            continue
        if best is None or value > best.log_likelihood:
            covariance = np.outer(scale, scale) * np.linalg.inv(information) / size
            best = Maximum(params, covariance, value)
    if best is None:
        raise DidNotConverge(
            f"The likelihood of these {size:g} customers has no maximum; the search ended at {', '.join(ends)}.",
            hint="These data do not determine all parameters: take more customers or a longer history.",
        )
    return best


def _climb(log_likelihood: LogLikelihood, begin: FloatArray, positive: NDArray[np.bool_], size: float) -> FloatArray:
    seen: dict[bytes, tuple[float, FloatArray, FloatArray]] = {}

    def natural(point: FloatArray) -> FloatArray:
        kept: FloatArray = np.clip(point, -FARTHEST_LOG, FARTHEST_LOG)
        found: FloatArray = np.where(positive, np.exp(kept), kept)
        return found

    def at(point: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        # Value, gradient and Hessian share most of their work, and the search asks for them one by one.
        if (key := point.tobytes()) not in seen:
            if len(seen) > 3:
                del seen[next(iter(seen))]
            seen[key] = log_likelihood(natural(point))
        return seen[key]

    def loss(point: FloatArray) -> tuple[float, FloatArray]:
        value, gradient, _ = at(point)
        slope: FloatArray = np.where(positive, natural(point), 1.0) * gradient
        return -value / size, -slope / size

    def curvature(point: FloatArray) -> FloatArray:
        scale = np.where(positive, natural(point), 1.0)
        _, gradient, hessian = at(point)
        bent: FloatArray = np.outer(scale, scale) * hessian + np.diag(np.where(positive, scale * gradient, 0.0))
        return -bent / size

    ended = minimize(
        loss,
        np.where(positive, np.log(np.where(positive, begin, 1.0)), begin),
        jac=True,
        hess=curvature,
        method="trust-exact",
        options={"gtol": GRADIENT_TOLERANCE, "maxiter": 500, "max_trust_radius": 4.0},
    )
    return natural(ended.x)
