"""What models of purchase histories share: how they are read, counted, learned from and asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from gongbi.errors import InvalidInput, NotFitted
from gongbi.estimators.checks import (
    FloatArray,
    IntArray,
    as_vector,
    as_vectors,
    checked_level,
    refuse_where,
    unique_rows,
)
from gongbi.estimators.covariates import Covariates
from gongbi.estimators.likelihood import LikelihoodModel, LogLikelihood, maximise

#: A parameter is one number for all, or with covariates one per row.
Params: TypeAlias = tuple[Any, ...]
#: With more customers than this the search begins where it ended on as many of them.
PILOT = 20_000
# The integrands are analytic in the variable chosen below; 96 points are far more than enough.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(96)
#: What is discounted to less than one part in 10^13 is not waited for.
ENDLESS = 32.0


@dataclass(frozen=True)
class Cells:
    """Customers counted together where all is equal: one row per (frequency, recency, T) and covariates.

    ``weights`` is how many customers each stands for. ``x_values[x_index]`` is ``x``: special functions of the
    frequency alone are computed once for each of the few frequencies.
    """

    x: FloatArray
    t_x: FloatArray
    end: FloatArray
    weights: FloatArray
    traits: FloatArray
    x_values: FloatArray = field(init=False)
    x_index: IntArray = field(init=False)

    def __post_init__(self) -> None:
        (values,), index = unique_rows(self.x)
        object.__setattr__(self, "x_values", values)
        object.__setattr__(self, "x_index", index)

    @classmethod
    def count(cls, rows: Sequence[FloatArray], weights: FloatArray, traits: FloatArray) -> Self:
        """Count equal rows together; `traits` has shape (n, m)."""
        (x, t_x, end, *others), inverse = unique_rows(*rows, *traits.T)
        many = np.bincount(inverse, weights=weights).astype(np.float64)
        return cls(x, t_x, end, many, np.array(others).T.reshape(len(x), -1))

    def of_x(self, function: Callable[..., FloatArray], *params: Any) -> FloatArray:
        """Return ``function(*params, x)`` for every cell."""
        if any(np.ndim(param) for param in params):
            return function(*params, self.x)
        return function(*params, self.x_values)[self.x_index]

    def piece(self, start: int, stop: int) -> Cells:
        """The cells of some positions."""
        rows = slice(start, stop)
        return Cells(self.x[rows], self.t_x[rows], self.end[rows], self.weights[rows], self.traits[rows])


@dataclass(frozen=True, slots=True)
class Terms:
    """The log-likelihood of each cell with its derivatives by the parameters of that cell.

    ``value`` has shape (n,); ``gradient`` one entry per parameter and ``hessian`` one per pair of them that is not
    zero, each of shape (n,) or one number for all.
    """

    value: FloatArray
    gradient: Sequence[Any]
    hessian: Mapping[tuple[int, int], Any]

    def summed(self, weights: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return the weighted sums: value, gradient (k,), Hessian (k, k)."""
        size = float(weights.sum())

        def total(entry: Any) -> float:
            # Not `@`: its threads wait for one another longer than the sum takes.
            return float(np.einsum("i,i", weights, entry)) if np.ndim(entry) else size * float(entry)

        count = len(self.gradient)
        hessian = np.zeros((count, count))
        for (i, j), entry in self.hessian.items():
            hessian[i, j] = hessian[j, i] = total(entry)
        return total(self.value), np.array([total(entry) for entry in self.gradient]), hessian


class PurchaseModel(LikelihoodModel):
    """Learning and asking, the same for every model of when customers buy and when they leave.

    A model gives its likelihood (`_terms`), the probability alive (`_alive`), and what those who are alive do
    (`_purchases`, `_rate`, `_wait`). See `BetaGeoModel` for ``frequency``, ``recency`` and ``T``.
    """

    #: The parameters, by the names of the paper.
    names: ClassVar[tuple[str, ...]]
    #: Which of them covariates scale, with what sign: the rate of purchases, and the leaving.
    scaled: ClassVar[Mapping[str, tuple[int, int]]] = {"rate": (1, -1), "leave": (2, 1)}

    n_customers_: float
    covariates_: Covariates | None

    def fit(
        self,
        frequency: ArrayLike,
        recency: ArrayLike,
        T: ArrayLike,
        *,
        counts: ArrayLike | None = None,
        covariates: Any = None,
    ) -> Self:
        """Learn the parameters from arrays of shape (n_customers,).

        Parameters
        ----------
        frequency, recency, T : array-like
            See `BetaGeoModel`.
        counts : array-like, optional
            How many customers each row stands for, when equal ones were counted together. One by default.
        covariates : frame or array of shape (n_customers, m), optional
            Traits that do not change, as numbers. Each scales the rate of purchases by ``exp(rate.NAME * value)``
            and the leaving by ``exp(leave.NAME * value)``; these coefficients join ``params_`` [C]_.

        Raises
        ------
        InvalidInput
            When a row contradicts itself, nobody bought twice, or a covariate is constant.
        DidNotConverge
            When the data do not determine the parameters, as when nobody ever leaves.

        References
        ----------
        .. [C] Fader and Hardie (2007), Incorporating Time-Invariant Covariates into the Pareto/NBD and BG/NBD Models.
        """
        rows = self._checked(frequency, recency, T)
        x, end = rows[0], rows[2]
        many = np.ones(len(x)) if counts is None else as_vector("counts", counts)
        if len(many) != len(x):
            raise InvalidInput(f"counts has {len(many)} entries, the other arrays have {len(x)}.")
        refuse_where(many < 0, "counts must not be negative")
        if not (many * x).any():
            raise InvalidInput("Nobody bought a second time, so there is no rate to learn.")

        known = None if covariates is None else Covariates.learn(covariates, len(x))
        traits = np.empty((len(x), 0)) if known is None else known.encode(covariates, len(x))
        cells = Cells.count(rows, many, traits)
        size = float(many.sum())
        typical = float(many @ end / (many @ x))  # The time from one purchase to the next, over everybody.
        free = 0 if known is None else len(known.names) * len(self.scaled)
        pilot = None
        if len(x) > 2 * PILOT:
            every = slice(None, None, len(x) // PILOT)
            few = Cells.count([column[every] for column in rows], many[every], traits[every])
            if few.x.any():
                pilot = (self._likelihood(few), float(many[every].sum()))
        found = maximise(
            self._likelihood(cells),
            starts=[(*start, *[0.0] * free) for start in self._starts(typical)],
            size=size,
            free=free,
            pilot=pilot,
        )
        names = self.names
        if known is not None:
            found = known.unscaled(found, len(self.names), len(self.scaled))
            names = (*names, *(f"{which}.{name}" for which in self.scaled for name in known.names))
        self._keep(found, names)
        self.covariates_ = known
        self.n_customers_ = size
        return self

    def predict_alive(
        self, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike, *, covariates: Any = None
    ) -> FloatArray:
        """Return the probability that each customer is still one at T, shape (n_customers,)."""
        params, (x, t_x, end), inverse = self._asked(frequency, recency, T, covariates)
        return self._alive(params, x, t_x, end)[inverse]

    def predict_purchases(
        self, horizon: float, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike, *, covariates: Any = None
    ) -> FloatArray:
        """Return how many purchases to expect of each customer in (T, T + horizon], shape (n_customers,)."""
        params, (x, t_x, end), inverse = self._asked(frequency, recency, T, covariates)
        later = np.full(len(x), checked_horizon(horizon))
        return (self._alive(params, x, t_x, end) * self._purchases(params, x, end, later))[inverse]

    def predict_discounted(
        self,
        horizon: float,
        frequency: ArrayLike,
        recency: ArrayLike,
        T: ArrayLike,
        *,
        discount_rate: float,
        covariates: Any = None,
    ) -> FloatArray:
        r"""Return the purchases expected in (T, T + horizon], each worth less the later it comes.

        A purchase after time :math:`s` counts :math:`(1 + d)^{-s}`, where :math:`d` is ``discount_rate`` per unit
        of time. With ``horizon=math.inf`` these are the discounted expected residual transactions (DERT) of the rest
        of the customer's life, and ``discount_rate`` must be positive. Times what a purchase is worth, see
        `GammaGammaModel.customer_lifetime_value`, it is the residual lifetime value.
        """
        if not 0 <= discount_rate < np.inf:
            raise InvalidInput(f"discount_rate must be 0 or more per unit of time, not {discount_rate}.")
        force = float(np.log1p(discount_rate))
        if np.isposinf(horizon):
            if not force:
                raise InvalidInput("Without a discount rate the value of an endless horizon has no bound.")
            horizon = ENDLESS / force
        params, (x, t_x, end), inverse = self._asked(frequency, recency, T, covariates)
        later = np.full(len(x), checked_horizon(horizon))
        return (self._alive(params, x, t_x, end) * self._discounted(params, x, end, later, force))[inverse]

    def predict_next_purchase(
        self,
        frequency: ArrayLike,
        recency: ArrayLike,
        T: ArrayLike,
        *,
        level: float = 0.8,
        covariates: Any = None,
    ) -> dict[str, FloatArray]:
        """Return when the next purchase comes, if one does.

        Returns
        -------
        dict of str to ndarray of shape (n_customers,)
            ``probability`` that there is another purchase at all, and the time from T to it among those who make
            one: ``median``, and ``low`` and ``high`` between which it falls with probability ``level``.
        """
        tail = (1 - checked_level(level)) / 2
        params, (x, t_x, end), inverse = self._asked(frequency, recency, T, covariates)
        ever = self._wait(params, x, end, np.full(len(x), np.inf))
        found = {"probability": (self._alive(params, x, t_x, end) * ever)[inverse]}
        for name, share in (("median", 0.5), ("low", tail), ("high", 1 - tail)):
            found[name] = self._waited(params, x, end, share * ever)[inverse]
        return found

    def predict_chance(
        self, horizon: float, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike, *, covariates: Any = None
    ) -> FloatArray:
        """Return the probability that each customer buys at least once in (T, T + horizon], shape (n_customers,)."""
        params, (x, t_x, end), inverse = self._asked(frequency, recency, T, covariates)
        later = np.full(len(x), checked_horizon(horizon))
        return (self._alive(params, x, t_x, end) * self._wait(params, x, end, later))[inverse]

    def expected_purchases(self, t: ArrayLike, *, covariates: Any = None) -> FloatArray:
        """Return the repeat purchases of a random new customer up to time t; the same shape as t.

        With covariates t has one entry per row of them.
        """
        times = np.asarray(t, dtype=np.float64)
        flat = as_vector("t", times.ravel())
        refuse_where(flat < 0, "t must not be negative")
        return self._new(self._params_of(covariates, len(flat)), flat).reshape(times.shape)

    # --- what a model says of itself ---------------------------------------------------------------------------

    def _checked(self, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike) -> tuple[FloatArray, ...]:
        return checked_history(frequency, recency, T)

    def _starts(self, typical: float) -> Sequence[tuple[float, ...]]:
        raise NotImplementedError

    def _terms(self, params: Params, cells: Cells) -> Terms:
        raise NotImplementedError

    def _alive(self, params: Params, x: FloatArray, t_x: FloatArray, end: FloatArray) -> FloatArray:
        raise NotImplementedError

    def _purchases(self, params: Params, x: FloatArray, end: FloatArray, later: FloatArray) -> FloatArray:
        """Purchases expected in (T, T + later] of customers alive at T."""
        raise NotImplementedError

    def _rate(self, params: Params, x: FloatArray, end: FloatArray, u: FloatArray) -> FloatArray:
        """The purchases expected per unit of time at T + s, of customers alive at T; see `_discounted` for u."""
        raise NotImplementedError

    def _wait(self, params: Params, x: FloatArray, end: FloatArray, t: FloatArray) -> FloatArray:
        """The probability that a customer alive at T buys again in (T, T + t]."""
        raise NotImplementedError

    def _new(self, params: Params, t: FloatArray) -> FloatArray:
        raise NotImplementedError

    def _time_scale(self, params: Params, end: FloatArray) -> FloatArray:
        """The length of time over which the rate changes, for each customer."""
        scale: FloatArray = params[1] + end
        return scale

    # --- the same for all --------------------------------------------------------------------------------------

    def _discounted(
        self, params: Params, x: FloatArray, end: FloatArray, later: FloatArray, force: float
    ) -> FloatArray:
        r"""Integrate the rate after T, discounted by ``exp(-force * s)``, over s from 0 to `later`.

        In :math:`u = \log(1 + s / c)`, with c the time scale of the customer, the rate is analytic.
        """
        scale = self._time_scale(params, end)
        longest = np.log1p(later / scale)
        total = np.zeros_like(x)
        for node, weight in zip((_NODES + 1) / 2, _WEIGHTS / 2, strict=True):
            u = longest * node
            s = scale * np.expm1(u)
            total += weight * longest * scale * np.exp(u - force * s) * self._rate(params, x, end, u)
        return total

    def _waited(self, params: Params, x: FloatArray, end: FloatArray, share: FloatArray) -> FloatArray:
        """The time by which a share of those alive have bought again, by bisection of its logarithm."""
        scale = self._time_scale(params, end)
        low, high = np.full(len(x), -40.0), np.full(len(x), 40.0)
        for _ in range(42):
            middle = (low + high) / 2
            early = self._wait(params, x, end, scale * np.exp(middle)) < share
            low, high = np.where(early, middle, low), np.where(early, high, middle)
        waited: FloatArray = scale * np.exp(high)
        return waited

    def _likelihood(self, cells: Cells) -> LogLikelihood:
        if not cells.traits.shape[1]:
            return lambda params: self._terms(tuple(params.tolist()), cells).summed(cells.weights)
        scaled = tuple(self.scaled.values())
        return partial(_with_traits, self._terms, cells, len(self.names), scaled)

    def _learned(self) -> Params:
        if not hasattr(self, "params_"):
            raise NotFitted(self)
        return tuple(self.params_[name] for name in self.names)

    def _params_of(self, covariates: Any, rows: int) -> Params:
        """The parameters: one number each, or with covariates one per row."""
        params = list(self._learned())
        known = getattr(self, "covariates_", None)
        if known is None:
            if covariates is not None:
                raise InvalidInput("The model was learned without covariates; ask it without them.")
            return tuple(params)
        if covariates is None:
            raise InvalidInput(f"The model was learned with covariates: {', '.join(known.names)}.")
        traits = known.values(covariates, rows)
        for which, (i, sign) in self.scaled.items():
            slopes = np.array([self.params_[f"{which}.{name}"] for name in known.names])
            params[i] = params[i] * np.exp(sign * (traits @ slopes))
        return tuple(params)

    def _asked(
        self, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike, covariates: Any
    ) -> tuple[Params, tuple[FloatArray, ...], IntArray]:
        rows = self._checked(frequency, recency, T)
        params = self._params_of(covariates, len(rows[0]))
        many = [i for i, param in enumerate(params) if np.ndim(param)]
        distinct, inverse = unique_rows(*rows, *(params[i] for i in many))
        own = list(params)
        for i, column in zip(many, distinct[3:], strict=True):
            own[i] = column
        return tuple(own), distinct[:3], inverse


def _with_traits(
    terms: Callable[[Params, Cells], Terms],
    cells: Cells,
    count: int,
    scaled: Sequence[tuple[int, int]],
    params: FloatArray,
) -> tuple[float, FloatArray, FloatArray]:
    r"""Sum the likelihood with the derivatives by the baseline parameters and by the slopes of covariates.

    A scaled parameter of a cell is :math:`\theta_i e^{\pm z'\gamma}`; the chain rule does the rest.
    """
    traits, weights = cells.traits, cells.weights
    m = traits.shape[1]
    own: list[Any] = list(params[:count])
    # For every parameter of a cell: which of all parameters it depends on, and how, shape (n, how many).
    places: list[list[int]] = [[i] for i in range(count)]
    slopes: list[FloatArray] = [np.ones((len(weights), 1)) for _ in range(count)]
    for number, (i, sign) in enumerate(scaled):
        mine = list(range(count + number * m, count + (number + 1) * m))
        factor = np.exp(sign * (traits @ params[mine]))
        own[i] = params[i] * factor
        places[i] = [i, *mine]
        slopes[i] = np.column_stack([factor, sign * traits * own[i][:, None]])
    found = terms(tuple(own), cells)
    gradient, hessian = np.zeros(len(params)), np.zeros((len(params), len(params)))
    for i in range(count):
        gradient[places[i]] += (weights * found.gradient[i]) @ slopes[i]
    for (i, j), entry in found.hessian.items():
        block = slopes[i].T @ ((weights * entry)[:, None] * slopes[j])
        hessian[np.ix_(places[i], places[j])] += block
        if i != j:
            hessian[np.ix_(places[j], places[i])] += block.T
    for i, sign in scaled:
        # The parameter is not linear in what it depends on: its own second derivatives.
        by = weights * found.gradient[i] * slopes[i][:, 0]
        mine = places[i][1:]
        mixed = sign * (by @ traits)
        hessian[i, mine] += mixed
        hessian[mine, i] += mixed
        hessian[np.ix_(mine, mine)] += traits.T @ ((by * params[i])[:, None] * traits)
    return float(weights @ found.value), gradient, hessian


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


def checked_horizon(horizon: float) -> float:
    """Return a length of time to look ahead."""
    if not 0 <= horizon < np.inf:
        raise InvalidInput(f"horizon must be a finite length of time, 0 or more, not {horizon}.")
    return float(horizon)
