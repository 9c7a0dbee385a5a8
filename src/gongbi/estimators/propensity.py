"""Who will respond: gradient-boosted trees with calibrated probabilities."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize
from scipy.special import expit, logit

from gongbi.errors import InvalidInput
from gongbi.estimators.checks import FloatArray, IntArray, NotFitted, as_binary
from gongbi.estimators.columns import Columns

Calibration = Literal["platt", "isotonic"]
# A fold stops growing when this many trees in a row did not help its held-out rows.
PATIENCE = 100


class PropensityModel:
    """Probability of a yes-or-no outcome, from LightGBM trees, calibrated on out-of-fold scores.

    The settings suit some hundred to some hundred thousand members: small trees, slow learning, each tree on part of
    the rows and columns. How many trees to grow is the one number that cross-validation chooses, by log loss. The same
    folds give every training row a score from trees that never saw it, and the calibration is learned from these.

    Missing values need no treatment: each split learns which way they go. Columns of text, of categories or of
    truth values are treated as categories; a category not seen in training counts as missing.

    Parameters
    ----------
    calibration : {"platt", "isotonic"} or None, default="platt"
        Platt's curve has two parameters and keeps the order of members [1]_. Isotonic regression takes any rising shape
        and needs data: prefer it from some thousand responders on. It lets members tie.
    folds : int, default=5
        Of the cross-validation; fewer where there are fewer responders.
    monotone : mapping of column to -1 or 1, optional
        Columns of numbers (by name, or by position for arrays) in which the score may only fall (-1) or rise (1).
    categorical : sequence of columns, optional
        Columns of numbers to treat as categories too, such as codes.
    trees, learning_rate, leaves, min_leaf, row_share, column_share, l2 : numbers
        Most trees to try, and LightGBM's ``learning_rate``, ``num_leaves``, ``min_child_samples``, ``subsample``,
        ``colsample_bytree`` and ``reg_lambda``.
    seed : int, default=0
        The same seed on the same data gives the same model, however many threads work.
    threads : int, default=1
        0 takes one per core. On some thousand rows more threads gain little, and on a busy machine they wait for each
        other many times longer than the work takes.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        0 and 1, the columns of `predict_proba`.
    feature_names_in_ : list of str
        Column names; positions as text for arrays.
    feature_importances_ : ndarray of shape (n_features,)
        Share of the total gain of all splits; they sum to 1, or are all 0 when no split helped.
    trees_ : int
        How many trees were grown.
    out_of_fold_ : ndarray of shape (n,)
        Uncalibrated probability of each training row from trees that did not see it: judge ranking by it.

    References
    ----------
    .. [1] Platt (1999), Probabilistic Outputs for Support Vector Machines, with its smoothed targets.
    .. [2] Ke et al. (2017), LightGBM, NeurIPS 30.
    """

    def __init__(
        self,
        *,
        calibration: Calibration | None = "platt",
        folds: int = 5,
        monotone: Mapping[str | int, int] | None = None,
        categorical: Sequence[str | int] = (),
        trees: int = 600,
        learning_rate: float = 0.03,
        leaves: int = 12,
        min_leaf: int = 20,
        row_share: float = 0.8,
        column_share: float = 0.7,
        l2: float = 1.0,
        seed: int = 0,
        threads: int = 1,
    ) -> None:
        self.calibration = calibration
        self.folds = folds
        self.monotone = monotone
        self.categorical = categorical
        self.trees = trees
        self.learning_rate = learning_rate
        self.leaves = leaves
        self.min_leaf = min_leaf
        self.row_share = row_share
        self.column_share = column_share
        self.l2 = l2
        self.seed = seed
        self.threads = threads

    def fit(self, X: Any, y: ArrayLike) -> Self:
        """Learn from a frame (pandas, or what turns into it, as Arrow) or an array of shape (n, n_features).

        ``y`` has shape (n,) and holds 0 and 1, or false and true.

        Raises
        ------
        InvalidInput
            When there are fewer than two members of either kind, or a column is neither numbers nor categories.
        """
        from sklearn.model_selection import StratifiedKFold

        yes = as_binary("y", y).astype(np.float64)
        if self.calibration not in ("platt", "isotonic", None):
            raise InvalidInput(f"calibration is 'platt', 'isotonic' or None, not {self.calibration!r}.")
        columns = Columns.learn(X, self.categorical)
        values = columns.encode(X)
        if len(values) != len(yes):
            raise InvalidInput(f"X has {len(values)} rows, y has {len(yes)}.")
        rarer = int(min(yes.sum(), len(yes) - yes.sum()))
        if rarer < 2 or self.folds < 2:
            raise InvalidInput(
                f"{int(yes.sum())} of {len(yes)} outcomes are positive, for {self.folds} folds; "
                "two of each kind and two folds are the least that can be learned from.",
            )
        parameters = self._parameters(columns)
        splitter = StratifiedKFold(min(self.folds, rarer), shuffle=True, random_state=self.seed)
        splits = list(splitter.split(values, yes))
        grown = [self._grow(parameters, columns, values, yes, split) for split in splits]
        self.trees_ = _best_size([losses for _, losses in grown])
        raw = np.empty(len(yes))
        for (booster, _), (_, held_out) in zip(grown, splits, strict=True):
            raw[held_out] = booster.predict(values[held_out], raw_score=True, num_iteration=self.trees_)
        self.out_of_fold_: FloatArray = expit(raw)
        self._calibration = _fit_calibration(self.calibration, raw, yes)
        self._booster, _ = self._grow(parameters, columns, values, yes, None)
        self._columns = columns
        self.classes_: IntArray = np.array([0, 1])
        self.feature_names_in_ = list(columns.names)
        gain = np.asarray(self._booster.feature_importance("gain"), dtype=np.float64)
        self.feature_importances_: FloatArray = gain / gain.sum() if gain.sum() else gain
        return self

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probabilities of 0 and of 1, shape (n, 2). A frame's columns are found by name."""
        if not hasattr(self, "_booster"):
            raise NotFitted(self)
        values = self._columns.encode(X)
        raw = self._booster.predict(values, raw_score=True) if len(values) else np.empty(0)
        chance = self._calibration(np.asarray(raw, dtype=np.float64))
        return np.stack([1 - chance, chance], axis=1)

    def _parameters(self, columns: Columns) -> dict[str, Any]:
        direction = [0] * len(columns.names)
        for column, sign in (self.monotone or {}).items():
            where = columns.position(column)
            if sign not in (-1, 0, 1) or columns.categories[where] is not None:
                raise InvalidInput(f"monotone takes -1 or 1 for columns of numbers, not {sign!r} for {column!r}.")
            direction[where] = sign
        return {
            "objective": "binary",
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_child_samples": self.min_leaf,
            "subsample": self.row_share,
            "subsample_freq": 1,
            "colsample_bytree": self.column_share,
            "reg_lambda": self.l2,
            **({"monotone_constraints": direction} if any(direction) else {}),
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": self.threads,
            "verbosity": -1,
        }

    def _grow(
        self,
        parameters: dict[str, Any],
        columns: Columns,
        values: FloatArray,
        yes: FloatArray,
        split: tuple[IntArray, IntArray] | None,
    ) -> tuple[Any, list[float]]:
        """Grow trees on one fold's training rows and record the log loss on its held-out rows; or on all rows."""
        import lightgbm

        chosen = [i for i, categories in enumerate(columns.categories) if categories is not None]
        rows = split[0] if split else slice(None)
        data = lightgbm.Dataset(values[rows], yes[rows], categorical_feature=chosen, params={"verbosity": -1})
        if split is None:
            return lightgbm.train(parameters, data, num_boost_round=self.trees_), []
        held_out = lightgbm.Dataset(values[split[1]], yes[split[1]], reference=data)
        seen: dict[str, dict[str, list[float]]] = {}
        watch: list[Callable[..., Any]] = [
            lightgbm.record_evaluation(seen),
            lightgbm.early_stopping(PATIENCE, verbose=False),
        ]
        booster = lightgbm.train(
            parameters,
            data,
            num_boost_round=self.trees,
            valid_sets=[held_out],
            valid_names=["held out"],
            callbacks=watch,
            # Otherwise LightGBM cuts the model to this fold's own best size, and not to the common one.
            keep_training_booster=True,
        )
        return booster, seen["held out"]["binary_logloss"]


def _best_size(losses: Sequence[Sequence[float]]) -> int:
    """Return the number of trees with the least mean loss; a fold that stopped early keeps its last loss."""
    longest = max(len(curve) for curve in losses)
    padded = [[*curve, *[curve[-1]] * (longest - len(curve))] for curve in losses]
    return int(np.argmin(np.mean(padded, axis=0))) + 1


@dataclass(frozen=True, slots=True)
class _PlattCurve:
    slope: float = 1.0
    intercept: float = 0.0

    def __call__(self, raw: FloatArray) -> FloatArray:
        chance: FloatArray = expit(self.slope * raw + self.intercept)
        return chance


@dataclass(frozen=True, slots=True)
class _RisingSteps:
    raw: FloatArray
    chance: FloatArray

    def __call__(self, raw: FloatArray) -> FloatArray:
        return np.interp(raw, self.raw, self.chance)


def _fit_calibration(kind: Calibration | None, raw: FloatArray, yes: FloatArray) -> _PlattCurve | _RisingSteps:
    if kind is None:
        return _PlattCurve()
    # Platt's targets: never sure of what a finite number of rows has shown.
    least, most = 1 / (len(yes) - yes.sum() + 2), (yes.sum() + 1) / (yes.sum() + 2)
    if kind == "isotonic":
        from sklearn.isotonic import IsotonicRegression

        steps = IsotonicRegression(y_min=least, y_max=most, out_of_bounds="clip").fit(raw, yes)
        return _RisingSteps(steps.X_thresholds_, steps.y_thresholds_)

    target = np.where(yes == 1, most, least)
    flat = _PlattCurve(0.0, float(logit(target.mean())))
    centre, spread = float(raw.mean()), float(raw.std())
    if spread < 1e-12:
        return flat
    z = (raw - centre) / spread

    def loss(line: FloatArray) -> tuple[float, FloatArray]:
        linear = line[0] * z + line[1]
        miss = expit(linear) - target
        return float(np.mean(np.logaddexp(0, linear) - target * linear)), np.array([np.mean(miss * z), np.mean(miss)])

    slope, intercept = minimize(loss, np.array([1.0, flat.intercept]), jac=True, method="BFGS").x
    # A falling curve would turn the order of members round: the scores were worth nothing, and all get the base rate.
    slope = float(slope) / spread
    return _PlattCurve(slope, float(intercept) - slope * centre) if slope > 0 else flat
