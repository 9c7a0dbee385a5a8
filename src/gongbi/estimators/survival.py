"""When contracts end: who leaves within a horizon, of customers who say when they go."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gongbi.errors import InvalidInput, NotFitted, NotYet, UnknownName
from gongbi.estimators.checks import FloatArray, IntArray, as_binary, as_vector, refuse_where
from gongbi.estimators.columns import Columns

#: What may be tried, and the class of lifelines that fits it.
FAMILIES = {"cox": "CoxPHFitter", "weibull": "WeibullAFTFitter", "log_logistic": "LogLogisticAFTFitter"}
#: More rows than these are not needed to choose and calibrate.
MOST_CHOSEN_ON = 2500
FEWEST_EVENTS = 20
BINS = 20
#: Of what `to_json` writes.
FORMAT = 1
#: Moments at which survival is read to add up the time that is left, and rows of which that is done at once.
MOMENTS, ROWS = 129, 20_000
_SMALLEST = 1e-12


class ContractModel:
    r"""Chance that a customer with a contract leaves within a horizon.

    Proportional hazards [1]_ and accelerated failure times, Weibull and log-logistic [2]_, are fitted on a part of the
    rows; the one under which the others are the most likely is kept. The likelihood is that of which of 20 intervals
    of time the end falls into, which all of them have, also those that leave the baseline free. The family is then
    fitted on all rows. Beyond the longest time that was seen, the hazard of proportional hazards is taken to stay as it
    was on average over the last quarter of that time.
    Learning needs the extra ``survival`` (lifelines); a model that has learned does without.

    Parameters
    ----------
    families : sequence of str
        Which to choose from: ``cox``, ``weibull``, ``log_logistic``.
    penalizer : float, default=0.0001
        Of the squared coefficients of standardised columns.
    seed : int, default=0
        Says which rows are set aside to choose.

    Attributes
    ----------
    family_ : str
        The one that was kept.
    held_out_ : dict of str to float
        Mean log-likelihood of the rows set aside, per family.
    longest_ : float
        The longest duration learned from.

    References
    ----------
    .. [1] Cox (1972), Regression Models and Life-Tables, Journal of the Royal Statistical Society B 34(2).
    .. [2] Kalbfleisch and Prentice (2002), The Statistical Analysis of Failure Time Data, 2nd ed., chapters 2 and 3.
    .. [3] Royston and Parmar (2013), Restricted mean survival time: an alternative to the hazard ratio, BMC Medical
       Research Methodology 13: the time that is left, counted up to a limit, as what lies beyond was never seen.
    """

    def __init__(
        self,
        families: Sequence[str] = tuple(FAMILIES),
        penalizer: float = 0.0001,
        seed: int = 0,
    ) -> None:
        self.families = families
        self.penalizer = penalizer
        self.seed = seed

    def fit(self, X: Any, duration: ArrayLike, event: ArrayLike) -> Self:
        """Learn from a frame or array of shape (n, n_features), and two arrays of shape (n,).

        Parameters
        ----------
        X
            Traits at the beginning of the contract, or that do not change; categories may be texts.
        duration
            Time from the beginning to the end, or to now where it has not ended; not negative, in any unit.
        event
            Whether it has ended.

        Raises
        ------
        InvalidInput
            Fewer than 20 contracts have ended or go on, or the arrays do not fit.
        NotYet
            lifelines is not installed.
        """
        for family in self.families:
            if family not in FAMILIES:
                raise UnknownName("family", family, FAMILIES)
        lasted, ended = as_vector("duration", duration), as_binary("event", event)
        if not len(lasted) == len(ended) == len(X):
            raise InvalidInput(f"X has {len(X)} rows, duration {len(lasted)}, event {len(ended)}.")
        refuse_where(lasted < 0, "duration must not be negative", hint="It counts from the beginning of the contract.")
        if min(ended.sum(), (~ended).sum()) < FEWEST_EVENTS:
            raise InvalidInput(
                f"{int(ended.sum())} of {len(ended)} contracts have ended; {FEWEST_EVENTS} of each kind are the fewest"
                " that can be learned from."
            )
        # Accelerated failure times know no contract that ended at once.
        self._shortest = float(lasted[lasted > 0].min(initial=1.0)) / 2
        lasted = np.maximum(lasted, self._shortest)
        self.longest_ = float(lasted.max())
        self._design = _Design().fit(X)
        columns = self._design.encode(X)

        self.held_out_: dict[str, float] = {}
        self.family_ = self.families[0]
        if len(self.families) > 1:
            self._choose(columns, lasted, ended)
        self._curve = self._fitted(self.family_, columns, lasted, ended)
        return self

    def to_json(self) -> dict[str, Any]:
        """Return what scoring needs, as JSON data, and nothing of the rows."""
        if not hasattr(self, "_curve"):
            raise NotFitted(self)
        return {
            "format": FORMAT,
            "design": self._design.to_json(),
            "curve": self._curve.to_json(),
            "held_out": self.held_out_,
            "shortest": self._shortest,
            "longest": self.longest_,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the model that `to_json` wrote down; it scores as that one did."""
        if data.get("format") != FORMAT:
            raise InvalidInput(f"The model was written in format {data.get('format')}; this is {FORMAT}.")
        self = cls()
        self._design, self._curve = _Design.from_json(data["design"]), _Curve.from_json(data["curve"])
        self.family_, self.held_out_ = self._curve.family, dict(data["held_out"])
        self._shortest, self.longest_ = float(data["shortest"]), float(data["longest"])
        return self

    def predict_survival(self, X: Any, times: ArrayLike) -> FloatArray:
        """Return the probability that the contract lasts beyond each time, shape (n, n_times)."""
        return np.exp(-self._hazard(X, as_vector("times", times)))

    def predict_leaving(self, X: Any, elapsed: ArrayLike, horizon: float) -> FloatArray:
        """Return the probability that a contract that lasts already ends within the horizon, shape (n,).

        ``elapsed`` has shape (n,): how long each has lasted.
        """
        if not 0 < horizon < np.inf:
            raise InvalidInput(f"horizon must be a finite length of time above 0, not {horizon}.")
        past = self._elapsed(X, elapsed)
        hazard = self._hazard(X, np.column_stack([past, past + horizon]))
        return np.asarray(-np.expm1(hazard[:, 0] - hazard[:, 1]), dtype=np.float64)

    def predict_remaining(self, X: Any, elapsed: ArrayLike, within: float) -> FloatArray:
        """Return the time that a contract is expected to last yet, of the next `within`: shape (n,), in [0, within].

        It is the area under its survival from now on [3]_. ``elapsed`` has shape (n,), as of `predict_leaving`.
        """
        if not 0 < within < np.inf:
            raise InvalidInput(f"within must be a finite length of time above 0, not {within}.")
        past, ahead = self._elapsed(X, elapsed), np.linspace(0.0, within, MOMENTS)
        # The trapezoidal rule: ends count half.
        width = np.full(MOMENTS, within / (MOMENTS - 1))
        width[[0, -1]] /= 2
        found = np.empty(len(past))
        for start in range(0, len(past), ROWS):
            rows = slice(start, start + ROWS)
            some = X.iloc[rows] if hasattr(X, "iloc") else np.asarray(X)[rows]
            hazard = self._hazard(some, past[rows, None] + ahead)
            found[rows] = np.exp(hazard[:, :1] - hazard) @ width
        return found

    def _elapsed(self, X: Any, elapsed: ArrayLike) -> FloatArray:
        past = as_vector("elapsed", elapsed)
        refuse_where(past < 0, "elapsed must not be negative")
        if len(past) != len(X):
            raise InvalidInput(f"X has {len(X)} rows, elapsed {len(past)}.")
        return past

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002
        """Return what the constructor was given."""
        return {"families": self.families, "penalizer": self.penalizer, "seed": self.seed}

    def set_params(self, **params: Any) -> Self:
        """Set what the constructor takes."""
        for name, value in params.items():
            if name not in self.get_params():
                raise UnknownName("parameter", name, list(self.get_params()))
            setattr(self, name, value)
        return self

    def _hazard(self, X: Any, times: FloatArray) -> FloatArray:
        if not hasattr(self, "_curve"):
            raise NotFitted(self)
        return self._curve.cumulative(self._design.encode(X), np.maximum(times, self._shortest))

    def _fitted(self, family: str, columns: FloatArray, lasted: FloatArray, ended: Any) -> _Curve:
        import pandas as pd

        try:
            import lifelines
        except ImportError as error:
            raise NotYet(
                "What models contracts that end is not installed.",
                hint="Install the extra `survival`: gongbi[survival].",
            ) from error
        frame = pd.DataFrame(columns, columns=[f"x{i}" for i in range(columns.shape[1])])
        # A column without spread in these rows would make the search fail; its coefficient is 0 anyway.
        flat = columns.std(axis=0) < 1e-9
        frame = frame.loc[:, ~flat]
        frame["duration"], frame["event"] = lasted, ended.astype(np.int64)
        fitter = getattr(lifelines, FAMILIES[family])(penalizer=self.penalizer)
        with warnings.catch_warnings():
            # Of what a later pandas will refuse: nothing that a reader of the figures could mend.
            warnings.filterwarnings("ignore", category=FutureWarning)
            warnings.filterwarnings("ignore", message="Starting with pandas version")
            fitter.fit(frame, "duration", "event")
        return _Curve.of(family, fitter, ~flat)

    def _choose(self, columns: FloatArray, lasted: FloatArray, ended: NDArray[np.bool_]) -> None:
        learn, choose = self._set_aside(ended)
        cuts = np.unique(np.quantile(lasted[ended], np.linspace(0, 1, BINS + 1)[1:]))
        for family in self.families:
            fitted = self._fitted(family, columns[learn], lasted[learn], ended[learn])
            hazard = fitted.cumulative(columns[choose], cuts)
            self.held_out_[family] = _binned_likelihood(hazard, lasted[choose], ended[choose], cuts)
        self.family_ = max(self.held_out_, key=lambda family: self.held_out_[family])

    def _set_aside(self, ended: Any) -> tuple[IntArray, IntArray]:
        rng = np.random.default_rng(self.seed)
        learn, choose = [], []
        for kind in (True, False):
            rows = rng.permutation(np.flatnonzero(ended == kind))
            rows = rows[: max(FEWEST_EVENTS, int(MOST_CHOSEN_ON * len(rows) / len(ended)))]
            third = len(rows) // 3
            choose.append(rows[:third])
            learn.append(rows[third:])
        return np.sort(np.concatenate(learn)), np.sort(np.concatenate(choose))


class _Design:
    """Columns as standardised numbers: categories become one column each, what is absent the mean."""

    def fit(self, X: Any) -> Self:
        self.columns = Columns.learn(X)
        wide = self._widened(self.columns.encode(X))
        self.mean = np.array(
            [column[~np.isnan(column)].mean() if (~np.isnan(column)).any() else 0 for column in wide.T]
        )
        spread = np.nanstd(wide, axis=0)
        self.spread = np.where(spread > 0, spread, 1.0)
        return self

    def to_json(self) -> dict[str, Any]:
        return {**self.columns.to_json(), "mean": self.mean.tolist(), "spread": self.spread.tolist()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        self = cls()
        self.columns = Columns.from_json(data)
        self.mean, self.spread = np.asarray(data["mean"]), np.asarray(data["spread"])
        return self

    def encode(self, X: Any) -> FloatArray:
        wide = (self._widened(self.columns.encode(X)) - self.mean) / self.spread
        filled: FloatArray = np.nan_to_num(wide, nan=0.0)
        return filled

    def _widened(self, raw: FloatArray) -> FloatArray:
        parts = []
        for column, known in zip(raw.T, self.columns.categories, strict=True):
            # The first category is the one that the others are compared with; who has none is like the mean.
            absent = np.isnan(column)
            codes = range(1, len(known or ()))
            parts += [column] if known is None else [np.where(absent, np.nan, column == code) for code in codes]
        return np.column_stack(parts) if parts else np.zeros((len(raw), 1))


@dataclass(frozen=True, slots=True)
class _Curve:
    """Cumulative hazards of one family, as numbers.

    Attributes
    ----------
    weights, level
        What each standardised column adds, and a constant: to the logarithm of the hazard of ``cox``, of the usual time
        of the others.
    shape
        The exponent of time; 1 of ``cox``.
    times, hazards
        Of ``cox`` the cumulative hazard at the mean of all columns, even between two times; empty of the others.
    """

    family: str
    weights: FloatArray
    level: float
    shape: float
    times: FloatArray
    hazards: FloatArray

    @classmethod
    def of(cls, family: str, fitter: Any, kept: NDArray[np.bool_]) -> Self:
        """Take the numbers from a fitter of lifelines that saw the columns `kept`."""
        weights, none = np.zeros(len(kept)), np.empty(0)
        if family == "cox":
            weights[kept] = fitter.params_.to_numpy()
            # The search runs on columns less their means.
            level = -float(fitter._norm_mean.to_numpy() @ fitter.params_.to_numpy())  # noqa: SLF001
            base = fitter.baseline_cumulative_hazard_
            times, hazards = base.index.to_numpy(dtype=np.float64), base.to_numpy(dtype=np.float64)[:, 0]
            return cls(family, weights, level, 1.0, np.concatenate([[0.0], times]), np.concatenate([[0.0], hazards]))
        scale, shape = ("lambda_", "rho_") if family == "weibull" else ("alpha_", "beta_")
        own = fitter.params_[scale]
        weights[kept] = own.drop("Intercept").to_numpy()
        return cls(family, weights, float(own["Intercept"]), float(np.exp(fitter.params_[shape].iloc[0])), none, none)

    def to_json(self) -> dict[str, Any]:
        lists = {name: getattr(self, name).tolist() for name in ("weights", "times", "hazards")}
        return {"family": self.family, "level": self.level, "shape": self.shape, **lists}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        arrays = (np.asarray(data[name], dtype=np.float64) for name in ("weights", "times", "hazards"))
        weights, times, hazards = arrays
        return cls(data["family"], weights, float(data["level"]), float(data["shape"]), times, hazards)

    def cumulative(self, columns: FloatArray, times: FloatArray) -> FloatArray:
        """Hazard up to each time, shape (n, n_times); `times` has that shape, or (n_times,) for all rows alike."""
        line = (columns @ self.weights + self.level)[:, None]
        if self.family == "cox":
            hazard = np.interp(times, self.times, self.hazards) * np.exp(line)
            end, last = self.times[-1], self.hazards[-1]
            late = (last - np.interp(0.75 * end, self.times, self.hazards)) / (0.25 * end)
            hazard = hazard + np.maximum(times - end, 0.0) * late * np.exp(line)
        else:
            with np.errstate(over="ignore"):
                power = self.shape * (np.log(times) - line)
                hazard = np.exp(power) if self.family == "weibull" else np.logaddexp(power, 0.0)
        found: FloatArray = np.maximum(hazard, _SMALLEST)
        return found


def concordance(duration: ArrayLike, event: ArrayLike, risk: ArrayLike, horizon: float = np.inf) -> float:
    """Return Harrell's share of pairs in which who leaves earlier, before the horizon, was given the greater risk.

    Equal risks count half; NaN where there is no pair. O(n log n).
    """
    lasted, ended, score = as_vector("duration", duration), as_binary("event", event), as_vector("risk", risk)
    ended = ended & (lasted <= horizon)
    ranks, size = np.unique(score, return_inverse=True)[1] + 1, len(np.unique(score))
    tree = np.zeros(size + 1)

    def below(rank: int) -> float:
        total = 0.0
        while rank > 0:
            total += tree[rank]
            rank -= rank & -rank
        return total

    pairs = right = inside = 0.0
    order = np.lexsort((ended, -lasted))  # Longest first; of one time, those who stay before those who leave.
    i = 0
    while i < len(order):
        j = i
        while j < len(order) and lasted[order[j]] == lasted[order[i]] and ended[order[j]] == ended[order[i]]:
            j += 1
        group = order[i:j]
        if ended[order[i]]:
            for row in group:
                lower, same = below(ranks[row] - 1), below(ranks[row])
                right += lower + 0.5 * (same - lower)
            pairs += inside * len(group)
        for row in group:
            rank = int(ranks[row])
            while rank <= size:
                tree[rank] += 1
                rank += rank & -rank
        inside += len(group)
        i = j
    return right / pairs if pairs else float("nan")


def kaplan_meier(duration: ArrayLike, event: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return the times at which somebody left, and the share that stays beyond each; both of shape (m,)."""
    lasted, ended = as_vector("duration", duration), as_binary("event", event)
    times = np.unique(lasted[ended])
    left = np.bincount(np.searchsorted(times, lasted[ended]), minlength=len(times))
    there = len(lasted) - np.searchsorted(np.sort(lasted), times, side="left")
    return times, np.asarray(np.cumprod(1 - left / there), dtype=np.float64)


def _binned_likelihood(hazard: FloatArray, lasted: FloatArray, ended: Any, cuts: FloatArray) -> float:
    """Mean log-likelihood of the interval in which each ended, or of lasting as long as was seen.

    `hazard` is cumulative at the cuts, shape (n, n_cuts); between two cuts it grows evenly.
    """
    whole = np.column_stack([np.zeros(len(hazard)), hazard])
    edges = np.concatenate([[0.0], cuts])
    place = np.minimum(np.searchsorted(cuts, lasted, side="left"), len(cuts) - 1)
    rows = np.arange(len(lasted))
    before, after = whole[rows, place], whole[rows, place + 1]
    share = np.clip((lasted - edges[place]) / (edges[place + 1] - edges[place]), 0.0, 1.0)
    chance = np.where(ended, np.exp(-before) - np.exp(-after), np.exp(-before - share * (after - before)))
    return float(np.log(np.maximum(chance, _SMALLEST)).mean())
