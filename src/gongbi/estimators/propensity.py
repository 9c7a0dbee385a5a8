"""Who will respond: gradient-boosted trees with calibrated probabilities."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin

from gongbi.errors import InvalidInput, NotFitted
from gongbi.estimators.calibration import Calibration, Curve, curve_from_json, fit_curve
from gongbi.estimators.checks import FloatArray, IntArray, as_groups
from gongbi.estimators.columns import Columns
from gongbi.estimators.labels import two_labels
from gongbi.estimators.logistic import LogisticScore

# Of what `to_json` writes.
FORMAT = 2
# A fold stops growing when this many trees in a row did not help its held-out rows.
PATIENCE = 100
#: Shares of the trees in a blend with logistic regression that are tried.
SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)

OnFold = Callable[[int, int], None]


class PropensityModel(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
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
        Of the cross-validation; fewer where there are fewer responders, or groups with one.
    blend : bool, default=False
        Blend the log-odds of the trees with those of `LogisticScore`, in the share that loses least on rows neither has
        seen: where data are few, straight lines often rank better than trees, and then they have the say. With
        `monotone`, a line that runs the other way has none.
    tuning_rows : int, default=100000
        Cross-validation works on so many rows at most, drawn with the same share of responders; the final trees are
        grown on all.
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
        The two outcomes, 0 and 1 unless others were given: the columns of `predict_proba`.
    tree_share_ : float
        The trees' part in the blend, 1 without one.
    feature_names_in_ : list of str
        Column names; positions as text for arrays.
    feature_importances_ : ndarray of shape (n_features,)
        Share of the total gain of all splits; they sum to 1, or are all 0 when no split helped.
    trees_ : int
        How many trees were grown.
    out_of_fold_ : ndarray of shape (n,)
        Uncalibrated probability of each training row from a model that did not see it: judge ranking by it. NaN for
        rows beyond `tuning_rows`.

    References
    ----------
    .. [1] Platt (1999), Probabilistic Outputs for Support Vector Machines, with its smoothed targets.
    .. [2] Ke et al. (2017), LightGBM, NeurIPS 30.
    .. [3] Lundberg et al. (2020), From local explanations to global understanding, Nature Machine Intelligence 2.
    """

    def __init__(
        self,
        *,
        calibration: Calibration | None = "platt",
        folds: int = 5,
        blend: bool = False,
        tuning_rows: int = 100_000,
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
        self.blend = blend
        self.tuning_rows = tuning_rows
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

    def fit(self, X: Any, y: ArrayLike, groups: ArrayLike | None = None, *, on_fold: OnFold | None = None) -> Self:
        """Learn from rows and their outcomes.

        Parameters
        ----------
        X : frame or array of shape (n, n_features)
            A frame is pandas', or what turns into one, as Arrow's tables do.
        y : array of shape (n,)
            0 and 1, false and true, or any two labels; the greater is the outcome whose chance is learned.
        groups : array of shape (n,), optional
            Rows with the same entry are held out together. Name the member where one may have several rows: trees
            that saw one of them know the others, and scores would look better, and surer, than they are.
        on_fold : callable, optional
            Called with a fold's number, from 1 on, and how many there are, before its trees are grown.

        Raises
        ------
        InvalidInput
            When fewer than two groups have an outcome of either kind, or a column is neither numbers nor categories.
        """
        labels, positive = two_labels("y", y)
        yes = positive.astype(np.float64)
        if self.calibration not in ("platt", "isotonic", None):
            raise InvalidInput(f"calibration is 'platt', 'isotonic' or None, not {self.calibration!r}.")
        columns = Columns.learn(X, self.categorical)
        values = columns.encode(X)
        if len(values) != len(yes):
            raise InvalidInput(f"X has {len(values)} rows, y has {len(yes)}.")
        parameters = self._parameters(columns)
        numbered = np.arange(len(yes)) if groups is None else as_groups("groups", groups)
        if len(numbered) != len(yes):
            raise InvalidInput(f"groups has {len(numbered)} entries, y has {len(yes)}.")
        tuned = self._tuned(yes)
        raw, trees = self._cross_validated(parameters, columns, values[tuned], yes[tuned], numbered[tuned], on_fold)
        self.out_of_fold_: FloatArray = np.full(len(yes), np.nan)
        self.out_of_fold_[tuned] = expit(raw)
        booster, _ = self._grow(parameters, columns, values, yes, trees)
        line = LogisticScore().fit_encoded(values, yes, columns) if self.tree_share_ < 1 else None
        return self._keep(columns, booster, fit_curve(self.calibration, raw, yes[tuned]), labels, line)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = tags.input_tags.categorical = tags.input_tags.string = True
        return tags

    def _tuned(self, yes: FloatArray) -> IntArray:
        """Rows that cross-validation works on: all, or a draw with as many responders in proportion."""
        if len(yes) <= self.tuning_rows:
            return np.arange(len(yes))
        by_chance = np.random.default_rng(self.seed).permutation(len(yes))
        order = by_chance[np.argsort(yes[by_chance], kind="stable")]
        at = np.linspace(0, len(yes), self.tuning_rows, endpoint=False).astype(np.int64)
        return np.sort(order[at])

    def _cross_validated(
        self,
        parameters: dict[str, Any],
        columns: Columns,
        values: FloatArray,
        yes: FloatArray,
        groups: IntArray,
        on_fold: OnFold | None,
    ) -> tuple[FloatArray, int]:
        """Choose the number of trees and their share; return each row's log-odds from those that did not see it."""
        splits = self._splits(yes, groups)
        grown = []
        for k, split in enumerate(splits, start=1):
            if on_fold is not None:
                on_fold(k, len(splits))
            grown.append(self._grow(parameters, columns, values, yes, self.trees, split))
        trees = _best_size([losses for _, losses in grown])
        raw, straight = np.empty(len(yes)), np.empty(len(yes))
        for (booster, _), (seen, held_out) in zip(grown, splits, strict=True):
            raw[held_out] = booster.predict(values[held_out], raw_score=True, num_iteration=trees)
            if self.blend:
                line = LogisticScore().fit_encoded(values[seen], yes[seen], columns)
                straight[held_out] = line.raw(values[held_out])
        self.tree_share_ = 1.0
        if self.blend and self._runs_with(LogisticScore().fit_encoded(values, yes, columns), columns):
            mixed = {share: share * raw + (1 - share) * straight for share in SHARES}
            self.tree_share_ = min(mixed, key=lambda share: _loss(mixed[share], yes))
            raw = mixed[self.tree_share_]
        return raw, trees

    def _runs_with(self, line: LogisticScore, columns: Columns) -> bool:
        """Whether a straight line rises and falls where it must."""
        numeric = [i for i, known in enumerate(columns.categories) if known is None]
        signs = {columns.position(column): sign for column, sign in (self.monotone or {}).items()}
        return all(sign * line.coefficients_[numeric.index(i)] >= 0 for i, sign in signs.items())

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probabilities of 0 and of 1, shape (n, 2). A frame's columns are found by name."""
        raw = self._raw(self._encoded(X))
        chance = self._curve(raw)
        return np.stack([1 - chance, chance], axis=1)

    def predict(self, X: Any) -> Any:
        """Return the likelier outcome of each row, shape (n,). Who is to be chosen is better decided by the chance."""
        return self.classes_[(self.predict_proba(X)[:, 1] > 0.5).astype(np.int64)]

    def _raw(self, values: FloatArray) -> FloatArray:
        if not len(values):
            return np.empty(0)
        raw = np.asarray(self._booster.predict(values, raw_score=True), dtype=np.float64)
        if self._line is None:
            return raw
        return self.tree_share_ * raw + (1 - self.tree_share_) * self._line.raw(values)

    def contributions(self, X: Any) -> FloatArray:
        """Return what each column adds to the uncalibrated log-odds of each row, shape (n, n_features).

        Shapley values of the trees (LightGBM's ``pred_contrib`` [3]_), without the constant part; of a blend, in the
        share of each, with what the straight line adds.
        """
        values = self._encoded(X)
        if not len(values):
            return np.empty(values.shape)
        found: FloatArray = np.asarray(self._booster.predict(values, pred_contrib=True), dtype=np.float64)
        if self._line is None:
            return found[:, :-1]
        return self.tree_share_ * found[:, :-1] + (1 - self.tree_share_) * self._line.added(values)

    def to_json(self) -> dict[str, Any]:
        """Return what scoring needs, as JSON data: trees, categories and calibration, and nothing of the rows."""
        if not hasattr(self, "_booster"):
            raise NotFitted(self)
        return {
            "format": FORMAT,
            **self._columns.to_json(),
            "trees": self._booster.model_to_string(),
            "calibration": self._curve.to_json(),
            "classes": self.classes_.tolist(),
            "share": self.tree_share_,
            "line": None if self._line is None else self._line.to_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the model that `to_json` wrote down. It scores as that one did; how to train is not kept."""
        import lightgbm

        if data.get("format") not in (1, FORMAT):  # The first knew neither labels nor blends.
            raise InvalidInput(f"The model was written in format {data.get('format')}; this is {FORMAT}.")
        booster = lightgbm.Booster(model_str=data["trees"])
        self = cls()
        columns, line = Columns.from_json(data), data.get("line")
        self.tree_share_ = float(data.get("share", 1.0))
        curve = curve_from_json(data["calibration"])
        kept = None if line is None else LogisticScore.from_json(line, columns)
        return self._keep(columns, booster, curve, np.array(data.get("classes", [0, 1])), kept)

    def _keep(self, columns: Columns, booster: Any, curve: Curve, labels: Any, line: LogisticScore | None) -> Self:
        self._columns, self._booster, self._curve, self._line = columns, booster, curve, line
        self.classes_ = labels
        self.n_features_in_ = len(columns.names)
        self.feature_names_in_ = list(columns.names)
        self.trees_ = int(booster.num_trees())
        gain = np.asarray(booster.feature_importance("gain"), dtype=np.float64)
        self.feature_importances_: FloatArray = gain / gain.sum() if gain.sum() else gain
        return self

    def _encoded(self, X: Any) -> FloatArray:
        if not hasattr(self, "_booster"):
            raise NotFitted(self)
        return self._columns.encode(X)

    def _splits(self, yes: FloatArray, groups: IntArray) -> list[tuple[IntArray, IntArray]]:
        """Return the training and the held-out rows of every fold, no group in both.

        Groups are dealt out in the order of how many positive rows and rows they have, so that folds have about as many
        of either; among equals the order is by chance.
        """
        folds = min(self.folds, *(len(np.unique(groups[yes == kind])) for kind in (0, 1)))
        if folds < 2:
            raise InvalidInput(
                f"{int(yes.sum())} of {len(yes)} outcomes are positive, for {self.folds} folds; two of each kind, of "
                "different groups, and two folds are the least that can be learned from.",
            )
        positive, size = np.bincount(groups, yes), np.bincount(groups)
        by_chance = np.random.default_rng(self.seed).permutation(len(size))
        fold = np.empty(len(size), dtype=np.int64)
        fold[np.lexsort((by_chance, size, positive))] = np.arange(len(size)) % folds
        held_out = fold[groups]
        return [(np.flatnonzero(held_out != k), np.flatnonzero(held_out == k)) for k in range(folds)]

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
        trees: int,
        split: tuple[IntArray, IntArray] | None = None,
    ) -> tuple[Any, list[float]]:
        """Grow trees on one fold's training rows and record the log loss on its held-out rows; or on all rows."""
        import lightgbm

        chosen = [i for i, categories in enumerate(columns.categories) if categories is not None]
        rows = split[0] if split else slice(None)
        data = lightgbm.Dataset(values[rows], yes[rows], categorical_feature=chosen, params={"verbosity": -1})
        if split is None:
            return lightgbm.train(parameters, data, num_boost_round=trees), []
        held_out = lightgbm.Dataset(values[split[1]], yes[split[1]], reference=data)
        seen: dict[str, dict[str, list[float]]] = {}
        watch: list[Callable[..., Any]] = [
            lightgbm.record_evaluation(seen),
            lightgbm.early_stopping(PATIENCE, verbose=False),
        ]
        booster = lightgbm.train(
            parameters,
            data,
            num_boost_round=trees,
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


def _loss(raw: FloatArray, yes: FloatArray) -> float:
    return float(np.mean(np.logaddexp(0, raw) - yes * raw))
