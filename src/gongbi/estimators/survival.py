"""When contracts end: who leaves within a horizon, of customers who say when they go."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
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
_SMALLEST = 1e-12


class ContractModel:
    r"""Chance that a customer with a contract leaves within a horizon.

    Proportional hazards [1]_ and accelerated failure times, Weibull and log-logistic [2]_, are fitted on a part of the
    rows; the one under which the others are the most likely is kept. The likelihood is that of which of 20 intervals
    of time the end falls into, which all of them have, also those that leave the baseline free. The
    family is then fitted on all rows.
    Needs the extra ``survival`` (lifelines).

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

    References
    ----------
    .. [1] Cox (1972), Regression Models and Life-Tables, Journal of the Royal Statistical Society B 34(2).
    .. [2] Kalbfleisch and Prentice (2002), The Statistical Analysis of Failure Time Data, 2nd ed., chapters 2 and 3.
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
        self._design = _Design().fit(X)
        columns = self._design.encode(X)

        self.held_out_: dict[str, float] = {}
        self.family_ = self.families[0]
        if len(self.families) > 1:
            self._choose(columns, lasted, ended)
        self._model = self._fitted(self.family_, columns, lasted, ended)
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
        past = as_vector("elapsed", elapsed)
        refuse_where(past < 0, "elapsed must not be negative")
        found = np.empty(len(past))
        # One look-up per distinct time: a table of customers by all times would be large.
        for time in np.unique(past):
            rows = np.flatnonzero(past == time)
            some = X.iloc[rows] if hasattr(X, "iloc") else np.asarray(X)[rows]
            hazard = self._hazard(some, np.array([time, time + horizon]))
            found[rows] = -np.expm1(hazard[:, 0] - hazard[:, 1])
        return found

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
        if not hasattr(self, "family_"):
            raise NotFitted(self)
        return _cumulative_hazard(self._model, self._design.encode(X), np.maximum(times, self._shortest))

    def _fitted(self, family: str, columns: FloatArray, lasted: FloatArray, ended: Any) -> Any:
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
        return fitter, ~flat

    def _choose(self, columns: FloatArray, lasted: FloatArray, ended: NDArray[np.bool_]) -> None:
        learn, choose = self._set_aside(ended)
        cuts = np.unique(np.quantile(lasted[ended], np.linspace(0, 1, BINS + 1)[1:]))
        for family in self.families:
            fitted = self._fitted(family, columns[learn], lasted[learn], ended[learn])
            hazard = _cumulative_hazard(fitted, columns[choose], cuts)
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
        raw = self.columns.encode(X)
        self.values = [None if known is None else len(known) for known in self.columns.categories]
        wide = self._widened(raw)
        self.mean = np.array(
            [column[~np.isnan(column)].mean() if (~np.isnan(column)).any() else 0 for column in wide.T]
        )
        spread = np.nanstd(wide, axis=0)
        self.spread = np.where(spread > 0, spread, 1.0)
        return self

    def encode(self, X: Any) -> FloatArray:
        wide = (self._widened(self.columns.encode(X)) - self.mean) / self.spread
        filled: FloatArray = np.nan_to_num(wide, nan=0.0)
        return filled

    def _widened(self, raw: FloatArray) -> FloatArray:
        parts = []
        for column, count in zip(raw.T, self.values, strict=True):
            # The first category is the one that the others are compared with.
            parts += [column] if count is None else [(column == code).astype(np.float64) for code in range(1, count)]
        return np.column_stack(parts) if parts else np.zeros((len(raw), 1))


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


def _cumulative_hazard(fitted: tuple[Any, Any], columns: FloatArray, times: FloatArray) -> FloatArray:
    import pandas as pd

    fitter, kept = fitted
    frame = pd.DataFrame(columns, columns=[f"x{i}" for i in range(columns.shape[1])]).loc[:, kept]
    found = np.asarray(fitter.predict_cumulative_hazard(frame, times=times), dtype=np.float64).T
    hazard: FloatArray = np.maximum(np.nan_to_num(found, nan=0.0), _SMALLEST)
    return hazard


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
