"""What a treatment changes for each member, learned from a trial: `UpliftModel`, and the T-, X- and DR-learner.

All take ``fit(X, treatment, y)``: X a frame or array of shape (n, n_features) of traits known *before* the treatment,
treatment of 0 and 1, y of 0 and 1 or of numbers such as spend. ``predict(X)`` gives the effect of treating each row, in
the unit of y (for 0 and 1: in probability), shape (n,). The treatment must have been drawn by lot, or every reason for
it must be among the columns; no formula here can tell.
"""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone, is_classifier

from gongbi.errors import InvalidInput, NotFitted
from gongbi.estimators.arms import Arms, fit_arms
from gongbi.estimators.borrowing import BENT, START, dealt, learn_borrowing, spread_over
from gongbi.estimators.checks import FloatArray, as_binary, as_vector
from gongbi.estimators.design import Design
from gongbi.estimators.stats.uplift import doubly_robust_scores

#: Chances of being treated are kept this far from 0 and 1: beyond, one row would weigh more than a hundred others.
NEAREST = 0.01
#: Members that each arm needs at least.
FEWEST = 10
Base = Any


class _Learner(BaseEstimator):  # type: ignore[misc]
    """What the learners share: reading a trial, and refusing what nothing can be learned from."""

    design_: Design

    def predict(self, X: Any) -> FloatArray:
        """Return the effect of treating each row, shape (n,). A frame's columns are found by name."""
        return self._effect(self._encoded(X))

    def _effect(self, values: FloatArray) -> FloatArray:
        raise NotImplementedError

    def _encoded(self, X: Any) -> FloatArray:
        if not hasattr(self, "design_"):
            raise NotFitted(self)
        return self.design_.columns.encode(X)

    def _read(self, X: Any, treatment: ArrayLike, y: ArrayLike, *, bends: bool) -> tuple[FloatArray, ...]:
        treated, outcome = as_binary("treatment", treatment).astype(np.float64), as_vector("y", y)
        self.design_, values = Design.learn(X, bends=bends)
        for name, array in (("treatment", treated), ("y", outcome)):
            if len(array) != len(values):
                raise InvalidInput(f"X has {len(values)} rows, {name} has {len(array)}.")
        self.binary_ = bool(np.isin(outcome, (0.0, 1.0)).all())
        for arm, words in ((1, "treated"), (0, "control")):
            seen = outcome[treated == arm]
            if len(seen) < FEWEST:
                raise InvalidInput(
                    f"Only {len(seen)} rows are {words}; {FEWEST} are the least.",
                    hint="Uplift is learned from those who were treated and those who were held out.",
                )
            if seen.min() == seen.max():
                raise InvalidInput(
                    f"y is {seen[0]:g} for all {len(seen)} {words} rows: there is one class only.",
                    hint="Wait for more responses, or choose an outcome that happens more often.",
                )
        self.feature_names_in_ = list(self.design_.columns.names)
        self.n_features_in_ = len(self.feature_names_in_)
        self.average_effect_ = float(outcome[treated == 1].mean() - outcome[treated == 0].mean())
        return values, treated, outcome


class UpliftModel(_Learner):
    r"""The effect of a treatment, from two regressions that share what the arms have in common.

    In each arm a logistic regression (least squares where y is not 0 and 1) on bent columns: each number as it is, its
    rank, its logarithm where it is skewed, and steps at its quintiles; categories as columns. A ridge penalty pulls the
    arms towards each other: :math:`\sum_j \delta_j (b_{1j} - b_{0j})^2 / 2`, so that without evidence everybody has
    the same effect on the log-odds. It is a T-learner [1]_ whose arms may borrow from each other, as an S-learner does;
    effects of campaigns are small, and linear arms have the little variance they need.

    How much they borrow is learned: `fit` tries a ladder of :math:`\delta`, one for columns as they are and one, not
    smaller, for their bends, and asks on folds of the training rows that did not teach it how well each foretells the
    doubly robust scores of those rows [2]_ [3]_. The coefficients are the mean over the ladder by exponential weights
    of that loss [4]_: choosing one alone would be left to chance where effects are faint. A truth that is straight then
    pays for no bends, and a truth without differences for none of either.

    Parameters
    ----------
    shrinkage : float or "learned", default="learned"
        How strongly the arms are pulled together, :math:`\delta`, per standardised column; a number is taken for all
        columns. 100 makes most effects nearly alike.
    l2 : float, default=1.0
        Penalty of what both arms share; of bends it is thirty times this.
    bends : bool, default=True
        Whether numbers get ranks, logarithms and steps.
    propensity : float or {"share", "learned"}, default="share"
        Chance of being treated, where shrinkage is learned; as for `XLearner`.
    seed : int, default=0
        Of who is in which fold.

    Attributes
    ----------
    shrinkage_ : tuple of float
        Of columns as they are and of their bends: what was given, or the rung of the largest weight.
    average_effect_ : float
        Difference of the arms' means in training.
    feature_names_in_ : list of str
    binary_ : bool
        Whether y was 0 and 1.

    References
    ----------
    .. [1] Künzel, Sekhon, Bickel and Yu (2019), Metalearners for estimating heterogeneous treatment effects, PNAS 116.
    .. [2] Nie and Wager (2021), Quasi-oracle estimation of heterogeneous treatment effects, Biometrika 108(2),
       section 2, on choosing among estimates of effects by cross-validating a loss that asks for the effect itself.
    .. [3] Kennedy (2023), Towards optimal doubly robust estimation of heterogeneous causal effects, Electronic Journal
       of Statistics 17(2).
    .. [4] Dalalyan and Tsybakov (2008), Aggregation by exponential weighting, sharp PAC-Bayesian bounds and sparsity,
       Machine Learning 72.
    """

    def __init__(
        self,
        *,
        shrinkage: float | Literal["learned"] = "learned",
        l2: float = 1.0,
        bends: bool = True,
        propensity: float | Literal["share", "learned"] = "share",
        seed: int = 0,
    ) -> None:
        self.shrinkage = shrinkage
        self.l2 = l2
        self.bends = bends
        self.propensity = propensity
        self.seed = seed

    def fit(self, X: Any, treatment: ArrayLike, y: ArrayLike) -> Self:
        """Learn from a trial: X of shape (n, n_features), treatment of 0 and 1 and y, both of shape (n,).

        Raises
        ------
        InvalidInput
            An arm has fewer than ten rows or one outcome only, or the arrays do not fit.
        """
        _refuse_negative(l2=self.l2)
        if self.shrinkage != "learned":
            _refuse_negative(shrinkage=self.shrinkage)
        values, treated, outcome = self._read(X, treatment, y, bends=self.bends)
        trial = (self.design_, values, treated, outcome)
        bent = self.design_.bent
        common = self.l2 * spread_over((1.0, BENT), bent)
        if self.shrinkage != "learned":
            given = float(self.shrinkage)
            self.shrinkage_ = (given, given)
            self.arms_: Arms = fit_arms(*trial, common=common, difference=given, binary=self.binary_).arms
            return self
        chance = Chance.learn(self.propensity, self.design_, values, treated).predict(values)
        borrowed, start = learn_borrowing(*trial, chance, common=common, binary=self.binary_, seed=self.seed)
        self.shrinkage_ = borrowed.best
        fitted = fit_arms(*trial, common=common, difference=START, binary=self.binary_, start=start)
        self.arms_ = borrowed.mixed(fitted, bent, common)
        return self

    def predict_outcomes(self, X: Any) -> FloatArray:
        """Return the expected outcome without and with treatment, shape (n, 2)."""
        values = self._encoded(X)
        return self.arms_.predict(self.design_, values)

    def _effect(self, values: FloatArray) -> FloatArray:
        without, treated = self.arms_.predict(self.design_, values).T
        effect: FloatArray = treated - without
        return effect


class TLearner(_Learner):
    """The difference of two models, one learned from each arm [1]_.

    Parameters
    ----------
    base : scikit-learn classifier or regressor, optional
        Cloned for each arm. It is given standardised numbers (a gap at the median, and its own column) and categories
        as columns. By default ridge logistic regression, or ridge regression where y is not 0 and 1.
    l2 : float, default=1.0
        Penalty of the default base; 1 is scikit-learn's ``C=1``.

    Attributes
    ----------
    average_effect_ : float
        Difference of the arms' means in training, in the unit of y.
    feature_names_in_ : list of str
    binary_ : bool
        Whether y was 0 and 1.

    References
    ----------
    .. [1] Künzel, Sekhon, Bickel and Yu (2019), Metalearners for estimating heterogeneous treatment effects, PNAS 116.
    """

    def __init__(self, base: Base = None, *, l2: float = 1.0) -> None:
        self.base = base
        self.l2 = l2

    def fit(self, X: Any, treatment: ArrayLike, y: ArrayLike) -> Self:
        """Learn from a trial: X of shape (n, n_features), treatment of 0 and 1 and y, both of shape (n,).

        Raises
        ------
        InvalidInput
            An arm has fewer than ten rows or one outcome only, or the arrays do not fit.
        """
        values, treated, outcome = self._read(X, treatment, y, bends=False)
        self.outcomes_ = Outcomes.learn(self.base, self.design_, values, treated, outcome, self.l2)
        return self

    def predict_outcomes(self, X: Any) -> FloatArray:
        """Return the expected outcome without and with treatment, shape (n, 2)."""
        values = self._encoded(X)
        return self.outcomes_.predict(values)

    def _effect(self, values: FloatArray) -> FloatArray:
        found = self.outcomes_.predict(values)
        effect: FloatArray = found[:, 1] - found[:, 0]
        return effect


class XLearner(_Learner):
    """What each member's outcome differs by from what the other arm's model expects of them, regressed on X [1]_.

    It suits arms of very different size: the effect in the small arm is learned against the good model of the large.

    Parameters
    ----------
    base : scikit-learn classifier or regressor, optional
        Of the outcome in each arm; as for `TLearner`.
    effect : scikit-learn regressor, optional
        Of the effect; ridge regression by default.
    propensity : float or {"share", "learned"}, default="share"
        Chance of being treated: the known one of a trial, the share of the treated, or learned from X by logistic
        regression where the treatment was not drawn by lot.
    l2 : float, default=1.0
        Penalty of the default base and of the default effect.

    Attributes
    ----------
    average_effect_ : float
        Difference of the arms' means in training, in the unit of y.
    feature_names_in_ : list of str
    binary_ : bool
        Whether y was 0 and 1.

    References
    ----------
    .. [1] Künzel, Sekhon, Bickel and Yu (2019), Metalearners for estimating heterogeneous treatment effects, PNAS 116.
    """

    def __init__(
        self,
        base: Base = None,
        effect: Base = None,
        *,
        propensity: float | Literal["share", "learned"] = "share",
        l2: float = 1.0,
    ) -> None:
        self.base = base
        self.effect = effect
        self.propensity = propensity
        self.l2 = l2

    def fit(self, X: Any, treatment: ArrayLike, y: ArrayLike) -> Self:
        """Learn from a trial: X of shape (n, n_features), treatment of 0 and 1 and y, both of shape (n,).

        Raises
        ------
        InvalidInput
            An arm has fewer than ten rows or one outcome only, or the arrays do not fit.
        """
        values, treated, outcome = self._read(X, treatment, y, bends=False)
        outcomes = Outcomes.learn(self.base, self.design_, values, treated, outcome, self.l2)
        expected, chosen = outcomes.predict(values), treated == 1
        self.chance_ = Chance.learn(self.propensity, self.design_, values, treated)
        self.treated_effect_ = _Effect(self.effect, self.design_, self.l2).fit(
            values[chosen], outcome[chosen] - expected[chosen, 0]
        )
        self.control_effect_ = _Effect(self.effect, self.design_, self.l2).fit(
            values[~chosen], expected[~chosen, 1] - outcome[~chosen]
        )
        return self

    def _effect(self, values: FloatArray) -> FloatArray:
        chance = self.chance_.predict(values)
        found: FloatArray = chance * self.control_effect_.predict(values)
        return found + (1 - chance) * self.treated_effect_.predict(values)


class DRLearner(_Learner):
    """A regression of doubly robust scores on X: right if the outcomes' models or the chance of treatment are [1]_.

    Each row's score comes from models that did not see it (`folds`), so that what they learned by heart does not count.

    Parameters
    ----------
    base, effect, propensity, l2
        As for `XLearner`.
    folds : int, default=5
        Of the cross-fitting.
    seed : int, default=0
        Of who is in which fold.

    Attributes
    ----------
    scores_ : ndarray of shape (n,)
        Doubly robust scores of the training rows; their mean is an estimate of the average effect.

    References
    ----------
    .. [1] Kennedy (2023), Towards optimal doubly robust estimation of heterogeneous causal effects, Electronic Journal
       of Statistics 17(2).
    """

    def __init__(
        self,
        base: Base = None,
        effect: Base = None,
        *,
        propensity: float | Literal["share", "learned"] = "share",
        folds: int = 5,
        l2: float = 1.0,
        seed: int = 0,
    ) -> None:
        self.base = base
        self.effect = effect
        self.propensity = propensity
        self.folds = folds
        self.l2 = l2
        self.seed = seed

    def fit(self, X: Any, treatment: ArrayLike, y: ArrayLike) -> Self:
        """Learn from a trial: X of shape (n, n_features), treatment of 0 and 1 and y, both of shape (n,).

        Raises
        ------
        InvalidInput
            An arm has fewer than ten rows or one outcome only, or the arrays do not fit.
        """
        values, treated, outcome = self._read(X, treatment, y, bends=False)
        if not 2 <= self.folds <= len(treated) // 2:
            raise InvalidInput(f"folds is 2 to half the rows ({len(treated) // 2}), not {self.folds}.")
        where = dealt(treated, outcome if self.binary_ else np.zeros(len(treated)), self.folds, self.seed)
        expected, chance = np.empty((len(values), 2)), np.empty(len(values))
        for k in range(self.folds):
            rows, held = where != k, where == k
            part = (values[rows], treated[rows])
            outcomes = Outcomes.learn(self.base, self.design_, *part, outcome[rows], self.l2, binary=self.binary_)
            expected[held] = outcomes.predict(values[held])
            chance[held] = Chance.learn(self.propensity, self.design_, *part).predict(values[held])
        self.scores_ = doubly_robust_scores(outcome, treated, chance, expected)
        self.effect_ = _Effect(self.effect, self.design_, self.l2).fit(values, self.scores_)
        return self

    def _effect(self, values: FloatArray) -> FloatArray:
        return self.effect_.predict(values)


class Outcomes:
    """Expected outcomes of both arms, by a base given or by ridge regressions."""

    def __init__(self, design: Design, arms: Arms | None, models: list[Base]) -> None:
        self.design, self.arms, self.models = design, arms, models

    @classmethod
    def learn(
        cls,
        base: Base,
        design: Design,
        values: FloatArray,
        treated: FloatArray,
        y: FloatArray,
        l2: float,
        *,
        binary: bool | None = None,
    ) -> Self:
        """Fit one model per arm."""
        _refuse_negative(l2=l2)
        binary = bool(np.isin(y, (0.0, 1.0)).all()) if binary is None else binary
        if base is None:
            # Penalties at which the arms know nothing of each other.
            fitted = fit_arms(design, values, treated, y, common=2 * l2, difference=l2 / 2, binary=binary)
            return cls(design, fitted.arms, [])
        if is_classifier(base) and not binary:
            raise InvalidInput("base is a classifier and y is not 0 and 1.", hint="Give a regressor.")
        matrix = design.matrix(values)
        models = [clone(base).fit(matrix[treated == arm], y[treated == arm]) for arm in (0, 1)]
        return cls(design, None, models)

    def predict(self, values: FloatArray) -> FloatArray:
        """Return the outcome without and with treatment, shape (n, 2)."""
        if self.arms is not None:
            return self.arms.predict(self.design, values)
        matrix = self.design.matrix(values)
        columns = [m.predict_proba(matrix)[:, 1] if is_classifier(m) else m.predict(matrix) for m in self.models]
        return np.stack(columns, axis=1)


class Chance:
    """Chance of being treated: known, the share, or learned; never nearer to 0 or 1 than `NEAREST`."""

    def __init__(self, design: Design, model: Base, known: float) -> None:
        self.design, self.model, self.known = design, model, known

    @classmethod
    def learn(cls, given: float | str, design: Design, values: FloatArray, treated: FloatArray) -> Self:
        """Take the chance given, or find it."""
        if given == "share":
            return cls(design, None, float(treated.mean()))
        if given == "learned":
            from sklearn.linear_model import LogisticRegression

            model = LogisticRegression(max_iter=1000).fit(design.matrix(values), treated)
            return cls(design, model, 0.5)
        if isinstance(given, str) or not 0 < given < 1:
            raise InvalidInput(f"propensity is 'share', 'learned' or a chance between 0 and 1, not {given!r}.")
        return cls(design, None, float(given))

    def predict(self, values: FloatArray) -> FloatArray:
        """Return one chance per row."""
        if self.model is None:
            return np.full(len(values), self.known)
        found = self.model.predict_proba(self.design.matrix(values))[:, 1]
        chance: FloatArray = np.clip(found, NEAREST, 1 - NEAREST)
        return chance


class _Effect:
    """A regression of effects: the one given, or ridge read in batches."""

    def __init__(self, model: Base, design: Design, l2: float) -> None:
        self.model, self.design, self.l2 = model, design, l2

    def fit(self, values: FloatArray, effect: FloatArray) -> Self:
        if self.model is not None:
            self.model = clone(self.model).fit(self.design.matrix(values), effect)
            return self
        k = self.design.width + 1
        curve, slope = np.zeros((k, k)), np.zeros(k)
        for rows, matrix in self.design.batches(values):
            part = np.column_stack([np.ones(len(matrix)), matrix])
            curve += part.T @ part
            slope += part.T @ effect[rows]
        penalty = self.l2 * np.eye(k)
        penalty[0, 0] = 0.0
        self.coefficients = np.linalg.solve(curve + penalty + 1e-9 * np.trace(curve) / k * np.eye(k), slope)
        return self

    def predict(self, values: FloatArray) -> FloatArray:
        if self.model is not None:
            return np.asarray(self.model.predict(self.design.matrix(values)), dtype=np.float64)
        found = np.empty(len(values))
        for rows, matrix in self.design.batches(values):
            found[rows] = self.coefficients[0] + matrix @ self.coefficients[1:]
        return found


def _refuse_negative(**named: float) -> None:
    for name, value in named.items():
        if not (np.isfinite(value) and value >= 0):
            raise InvalidInput(f"{name} is a number from 0 on, not {value}.")
