"""What newcomers and prospects are worth before they have a history: the chance that they buy times what they spend."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin

from gongbi.errors import InvalidInput, NotFitted
from gongbi.estimators.checks import FloatArray, as_groups, as_vector, refuse_where
from gongbi.estimators.columns import Columns
from gongbi.estimators.propensity import OnFold, PropensityModel

#: Of what `to_json` writes.
FORMAT = 1
#: Fewer buyers than this tell no amounts apart: each is then worth the mean.
FEWEST_BUYERS = 20
#: Shares of the trees beside the plain mean that are tried, on the scale of logarithms.
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


class ProspectValueModel(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    r"""Value over a horizon of those who mostly buy nothing: a hurdle [1]_, then an amount.

    The expected value is :math:`P(y > 0 \mid x) \cdot E(y \mid y > 0, x)`. The chance is that of a calibrated
    `PropensityModel`. The amount is learned from buyers alone, by LightGBM trees under the gamma deviance, whose
    spread grows with the mean as that of amounts does. How many trees, and how far they are pulled toward the buyers'
    mean, is what foretells held-out buyers best, so that few buyers give the mean. At last amounts are scaled so that
    those of held-out buyers come to their total.

    Parameters
    ----------
    folds : int, default=5
        Of the cross-validations.
    blend : bool, default=True
        Whether the chance may be one of straight lines where these foretell better; see `PropensityModel`.
    categorical : sequence of columns
        Columns of numbers that are codes.
    trees, learning_rate, leaves, min_leaf : numbers
        Most trees to try, and LightGBM's ``learning_rate``, ``num_leaves``, ``min_child_samples``.
    seed : int, default=0
        The same seed on the same rows gives the same model.

    Attributes
    ----------
    chance_ : PropensityModel or None
        Of a value above 0; None where everybody had one.
    mean_ : float
        Mean value of the buyers, in the unit of y.
    share_ : float
        How much say the trees have in the amount; 0 is the mean for all.
    trees_ : int
        How many there are.
    buyers_ : int
        Rows with a value above 0.
    feature_names_in_ : list of str
        Column names; positions as text for arrays.

    References
    ----------
    .. [1] Cragg (1971), Some Statistical Models for Limited Dependent Variables, Econometrica 39(5).
    """

    def __init__(
        self,
        *,
        folds: int = 5,
        blend: bool = True,
        categorical: Sequence[str | int] = (),
        trees: int = 400,
        learning_rate: float = 0.03,
        leaves: int = 8,
        min_leaf: int = 20,
        seed: int = 0,
    ) -> None:
        self.folds = folds
        self.blend = blend
        self.categorical = categorical
        self.trees = trees
        self.learning_rate = learning_rate
        self.leaves = leaves
        self.min_leaf = min_leaf
        self.seed = seed

    def fit(self, X: Any, y: ArrayLike, groups: ArrayLike | None = None, *, on_fold: OnFold | None = None) -> Self:
        """Learn from rows and what each came to be worth.

        Parameters
        ----------
        X : frame or array of shape (n, n_features)
            What was known before: traits, early behaviour.
        y : array of shape (n,)
            Value over the horizon, 0 where nothing was bought; in any unit of money.
        groups : array of shape (n,), optional
            Rows of the same entry are held out together.

        Raises
        ------
        InvalidInput
            A value is negative, or nobody bought.
        """
        value = _flat(y)
        refuse_where(value < 0, "y, a value, must not be negative", hint="Take returns off before, or leave them out.")
        bought = value > 0
        if not bought.any():
            raise InvalidInput("Nobody of them bought anything, so there is no value to learn.")
        columns = Columns.learn(X, self.categorical)
        values = columns.encode(X)
        if len(values) != len(value):
            raise InvalidInput(f"X has {len(values)} rows, y has {len(value)}.")
        numbered = np.arange(len(value)) if groups is None else as_groups("groups", groups)
        self.chance_: PropensityModel | None = None
        if not bought.all():
            model = PropensityModel(
                folds=self.folds,
                blend=self.blend,
                categorical=self.categorical,
                trees=self.trees,
                min_leaf=self.min_leaf,
                learning_rate=self.learning_rate,
                leaves=self.leaves,
                seed=self.seed,
            )
            self.chance_ = model.fit(X, bought, groups=numbered, on_fold=on_fold)
        self._columns, self.buyers_ = columns, int(bought.sum())
        self.mean_ = float(value[bought].mean())
        self._fit_amounts(values[bought], value[bought], numbered[bought])
        self.n_features_in_, self.feature_names_in_ = len(columns.names), list(columns.names)
        return self

    def predict(self, X: Any) -> FloatArray:
        """Return the expected value over the horizon, shape (n,), in the unit of y."""
        return self.predict_chance(X) * self.predict_amount(X)

    def predict_chance(self, X: Any) -> FloatArray:
        """Return the probability of a value above 0, shape (n,)."""
        if not hasattr(self, "mean_"):
            raise NotFitted(self)
        if self.chance_ is None:
            return np.ones(len(self._columns.encode(X)))
        return self.chance_.predict_proba(X)[:, 1]

    def predict_amount(self, X: Any) -> FloatArray:
        """Return what each is worth if it buys at all, shape (n,), in the unit of y."""
        if not hasattr(self, "mean_"):
            raise NotFitted(self)
        values = self._columns.encode(X)
        if self._booster is None or not len(values):
            return np.full(len(values), self.mean_)
        told = np.asarray(self._booster.predict(values, raw_score=True), dtype=np.float64)
        found: FloatArray = np.exp(self.share_ * told + (1 - self.share_) * np.log(self.mean_)) * self._scale
        return found

    def to_json(self) -> dict[str, Any]:
        """Return what scoring needs, as JSON data, and nothing of the rows."""
        if not hasattr(self, "mean_"):
            raise NotFitted(self)
        return {
            "format": FORMAT,
            "columns": self._columns.to_json(),
            "chance": None if self.chance_ is None else self.chance_.to_json(),
            "mean": self.mean_,
            "share": self.share_,
            "scale": self._scale,
            "amount": None if self._booster is None else self._booster.model_to_string(),
            "buyers": self.buyers_,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the model that `to_json` wrote down; it scores as that one did."""
        import lightgbm

        if data.get("format") != FORMAT:
            raise InvalidInput(f"The model was written in format {data.get('format')}; this is {FORMAT}.")
        self, told = cls(), data["amount"]
        self._columns = Columns.from_json(data["columns"])
        self.chance_ = None if data["chance"] is None else PropensityModel.from_json(data["chance"])
        self.mean_, self.share_, self._scale = float(data["mean"]), float(data["share"]), float(data["scale"])
        self._booster = None if told is None else lightgbm.Booster(model_str=told)
        self.trees_ = 0 if self._booster is None else int(self._booster.num_trees())
        self.buyers_ = int(data["buyers"])
        self.n_features_in_, self.feature_names_in_ = len(self._columns.names), list(self._columns.names)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = True
        tags.input_tags.allow_nan = tags.input_tags.categorical = tags.input_tags.string = True
        return tags

    def _fit_amounts(self, values: FloatArray, amount: FloatArray, groups: Any) -> None:
        """Choose how many trees have how much say on held-out buyers, then grow them on all."""
        self._booster, self.share_, self._scale, self.trees_ = None, 0.0, 1.0, 0
        known, number = np.unique(groups, return_inverse=True)
        folds = min(self.folds, len(known))
        if len(amount) < FEWEST_BUYERS or folds < 2 or np.ptp(amount) == 0:
            return
        fold = np.random.default_rng(self.seed).permutation(len(known))[number] % folds
        steps = np.unique(np.linspace(0, self.trees, 9).astype(np.int64)[1:])
        raw = np.empty((len(steps), len(amount)))
        level = np.empty(len(amount))
        for k in range(folds):
            seen, held_out = fold != k, fold == k
            booster = self._grown(values[seen], amount[seen], self.trees)
            level[held_out] = np.log(amount[seen].mean())
            for i, step in enumerate(steps):
                raw[i, held_out] = booster.predict(values[held_out], raw_score=True, num_iteration=int(step))
        tried = {
            (share, i): _deviance(amount, share * raw[i] + (1 - share) * level)
            for share in SHARES
            for i in range(len(steps))
        }
        self.share_, best = min(tried, key=lambda one: tried[one])
        if self.share_ == 0:
            return
        self.trees_ = int(steps[best])
        self._booster = self._grown(values, amount, self.trees_)
        foretold = np.exp(self.share_ * raw[best] + (1 - self.share_) * level)
        self._scale = float(amount.sum() / foretold.sum())

    def _grown(self, values: FloatArray, amount: FloatArray, trees: int) -> Any:
        import lightgbm

        chosen = [i for i, categories in enumerate(self._columns.categories) if categories is not None]
        parameters = {
            "objective": "gamma",
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_child_samples": self.min_leaf,
            "subsample": 0.8,
            "subsample_freq": 1,
            "colsample_bytree": 0.7,
            "reg_lambda": 1.0,
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        }
        data = lightgbm.Dataset(values, amount, categorical_feature=chosen, params={"verbosity": -1})
        return lightgbm.train(parameters, data, num_boost_round=trees)


def _deviance(amount: FloatArray, log_mean: FloatArray) -> float:
    """Mean gamma deviance of amounts from their foretold means, without its constant factor."""
    ratio = amount * np.exp(-log_mean)
    return float(np.mean(ratio - 1 - np.log(ratio)))


def _flat(y: ArrayLike) -> FloatArray:
    if y is None:
        raise InvalidInput("requires y to be passed, but the target y is None.")
    entries = np.asarray(y)
    if entries.dtype.kind == "c":
        raise InvalidInput("y must be numbers: complex ones have no order.")
    if entries.ndim == 2 and entries.shape[1] == 1:
        from sklearn.exceptions import DataConversionWarning

        warnings.warn(f"y is a column of {len(entries)} rows; it was made flat.", DataConversionWarning, stacklevel=3)
        entries = entries[:, 0]
    return as_vector("y", entries)
