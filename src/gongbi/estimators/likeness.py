"""Who is like the members of a group: rankers that learn from the group, and how well they find members held back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from gongbi.errors import InvalidInput, UnknownName
from gongbi.estimators.checks import FloatArray
from gongbi.estimators.columns import Columns
from gongbi.estimators.stats import auc

Kind = Literal["logistic", "trees", "centroid"]
KINDS: tuple[Kind, ...] = ("logistic", "trees", "centroid")
Flags = NDArray[np.bool_]
#: Levels of a category that are told apart by the linear rankers; the rarer ones are one.
LEVELS = 20
#: Shares of the ranking at which lift is told.
REACHES = (0.01, 0.05, 0.1, 0.2, 0.3, 0.5)


class LikenessModel:
    """Score members by how much they are like those of a seed group, all others being unlabelled, not unlike.

    Those who are not seeds stand in for the population. As long as the seeds are a sample of all who are alike, a
    classifier of seeds against the rest ranks members as one that knew the truth would (Elkan and Noto 2008, KDD).

    Parameters
    ----------
    kind : {"logistic", "trees", "centroid"}
        ``logistic``: penalised logistic regression on ranks of numbers and on categories. ``trees``: LightGBM.
        ``centroid``: nearness to the mean of the seeds, the simplest that can be done, to compare with.
    seed : int, default=0
        Of the trees.

    Attributes
    ----------
    names_ : list of str
        Columns learned from.
    """

    def __init__(self, kind: Kind = "logistic", *, seed: int = 0) -> None:
        if kind not in KINDS:
            raise UnknownName("ranker", kind, KINDS)
        self.kind = kind
        self.seed = seed

    def fit(self, X: Any, seeds: Flags) -> Self:
        """Learn from a frame with one row per member, and who of them are seeds, shape (n,)."""
        if len(X) != len(seeds) or not seeds.any() or seeds.all():
            raise InvalidInput("A likeness needs seeds and others, one flag for each row.")
        columns = Columns.learn(X)
        return self._fit(columns, columns.encode(X), seeds)

    def _fit(self, columns: Columns, values: FloatArray, seeds: Flags) -> Self:
        self._columns, self.names_ = columns, list(columns.names)
        if self.kind == "trees":
            self._booster = self._grow(values, seeds)
            return self
        self._learn_ranks(values)
        design = self._design(values)
        if self.kind == "centroid":
            self._centre = design[seeds].mean(axis=0)
            self._scale = np.maximum(design.std(axis=0), 1e-9)
            self._usual = self._shares(design).mean(axis=0)
            return self
        from sklearn.linear_model import LogisticRegression

        self._linear = LogisticRegression(C=0.1, class_weight="balanced", max_iter=1000).fit(design, seeds)
        self._usual = self._shares(design).mean(axis=0)
        return self

    def score(self, X: Any) -> FloatArray:
        """Return one score per row, shape (n,); a higher one is more alike. Only their order means something."""
        return self._score(self._columns.encode(X))

    def _score(self, values: FloatArray) -> FloatArray:
        if self.kind == "trees":
            found: FloatArray = np.asarray(self._booster.predict(values, raw_score=True), dtype=np.float64)
            return found
        design = self._design(values)
        if self.kind == "centroid":
            away: FloatArray = -np.sqrt((((design - self._centre) / self._scale) ** 2).mean(axis=1))
            return away
        linear: FloatArray = np.asarray(self._linear.decision_function(design), dtype=np.float64)
        return linear

    def contributions(self, X: Any) -> FloatArray:
        """Return what each column adds to each row's score, against the average row learned from.

        Shape (n, n_columns).
        """
        values = self._columns.encode(X)
        if self.kind == "trees":
            found: FloatArray = np.asarray(self._booster.predict(values, pred_contrib=True), dtype=np.float64)
            return found[:, :-1]
        parts = self._shares(self._design(values)) - self._usual
        out = np.zeros((len(values), len(self.names_)))
        np.add.at(out.T, self._owner, parts.T)
        return out

    def _shares(self, design: FloatArray) -> FloatArray:
        """What each column of the design adds to the score of each row."""
        if self.kind == "centroid":
            return np.asarray(-(((design - self._centre) / self._scale) ** 2), dtype=np.float64)
        return np.asarray(design * self._linear.coef_[0], dtype=np.float64)

    def _grow(self, values: FloatArray, seeds: Flags) -> Any:
        import lightgbm

        rare = max(5, min(20, int(seeds.sum()) // 5))
        parameters = {
            "objective": "binary",
            "learning_rate": 0.05,
            "num_leaves": 8,
            "min_data_in_leaf": rare,
            "feature_fraction": 0.7,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "lambda_l2": 1.0,
            "seed": self.seed,
            "num_threads": 1,
            "deterministic": True,
            "verbosity": -1,
        }
        codes = [i for i, known in enumerate(self._columns.categories) if known is not None]
        data = lightgbm.Dataset(values, label=seeds.astype(float), categorical_feature=codes, params={"verbosity": -1})
        return lightgbm.train(parameters, data, num_boost_round=120)

    def _learn_ranks(self, values: FloatArray) -> None:
        self._grids: list[FloatArray | None] = []
        self._levels: list[NDArray[np.int64]] = []
        owner: list[int] = []
        for i, known in enumerate(self._columns.categories):
            present = values[~np.isnan(values[:, i]), i]
            if known is None:
                self._grids.append(np.unique(np.quantile(present, np.linspace(0, 1, 101))) if len(present) else None)
                self._levels.append(np.empty(0, dtype=np.int64))
                owner += [i, i]
            else:
                codes, counts = np.unique(present.astype(np.int64), return_counts=True)
                kept = np.sort(codes[np.argsort(-counts, kind="stable")[:LEVELS]])
                self._grids.append(None)
                self._levels.append(kept)
                owner += [i] * (len(kept) + 1)
        self._owner = np.array(owner)

    def _design(self, values: FloatArray) -> FloatArray:
        """Ranks of numbers from -1 to 1, 0 where absent, and a flag for absent; a flag for each level."""
        parts: list[FloatArray] = []
        for i, known in enumerate(self._columns.categories):
            column = values[:, i]
            absent = np.isnan(column)
            if known is None:
                grid = self._grids[i]
                ranks = np.zeros(len(column))
                if grid is not None and len(grid) > 1:
                    ranks = 2 * np.interp(column, grid, np.linspace(0, 1, len(grid))) - 1
                parts += [np.where(absent, 0.0, ranks), absent.astype(float)]
            else:
                flags = [(column == level).astype(float) for level in self._levels[i]]
                parts += [*flags, absent.astype(float)]
        return np.stack(parts, axis=1)


@dataclass(frozen=True, slots=True)
class Judged:
    """How well a ranker finds seeds that were held back from it.

    Attributes
    ----------
    auc, auc_low, auc_high
        How often a seed held back stands above somebody else; mean over the repeats, with its 95 % interval.
    lift, lift_low, lift_high
        At the shares `REACHES` of the ranking: seeds found over those that chance would find.
    curve
        (share of the ranking, share of the seeds found), mean over the repeats.
    """

    kind: Kind
    auc: float
    auc_low: float
    auc_high: float
    lift: tuple[float, ...]
    lift_low: tuple[float, ...]
    lift_high: tuple[float, ...]
    curve: tuple[tuple[float, float], ...]


def judge(
    X: Any, seeds: Flags, kinds: Sequence[Kind] = KINDS, *, repeats: int = 5, held: float = 0.3, seed: int = 0
) -> list[Judged]:
    """Hold back a share of the seeds and of the others, learn from the rest, and see where the held seeds are ranked.

    Others are held back as well: a ranker that had seen them as no seeds would rank them too low. All rankers see the
    same splits. Repeats share rows, so their spread is widened by the share held back (Nadeau and Bengio 2003, Machine
    Learning 52).

    Raises
    ------
    InvalidInput
        There are fewer than ten seeds, or fewer than ten others.
    """
    yes, no = np.flatnonzero(seeds), np.flatnonzero(~seeds)
    if min(len(yes), len(no)) < 10:
        raise InvalidInput(f"{len(yes)} seeds among {len(seeds)} members are too few to learn from and to check with.")
    columns = Columns.learn(X)
    values, rng = columns.encode(X), np.random.default_rng(seed)
    grid = np.linspace(0, 1, 51)
    areas: dict[Kind, list[float]] = {kind: [] for kind in kinds}
    lifts: dict[Kind, list[FloatArray]] = {kind: [] for kind in kinds}
    curves: dict[Kind, list[FloatArray]] = {kind: [] for kind in kinds}
    for _ in range(repeats):
        parts = [rng.permutation(rows) for rows in (yes, no)]
        cut = [max(3, round(held * len(rows))) for rows in parts]
        test = np.concatenate([rows[:k] for rows, k in zip(parts, cut, strict=True)])
        train = np.concatenate([rows[k:] for rows, k in zip(parts, cut, strict=True)])
        for kind in kinds:
            # Which categories there are is no secret of the rows held back.
            model = LikenessModel(kind, seed=seed)._fit(columns, values[train], seeds[train])  # noqa: SLF001
            score, truth = model._score(values[test]), seeds[test]  # noqa: SLF001
            areas[kind].append(auc(truth, score))
            gain = _gain(truth, score, np.concatenate([grid, REACHES]))
            curves[kind].append(gain[: len(grid)])
            lifts[kind].append(gain[len(grid) :] / np.array(REACHES))
    widen = 1 / repeats + held / (1 - held)
    found = []
    for kind in kinds:
        area, low, high = _interval(np.array(areas[kind])[:, None], widen)
        lift, lift_low, lift_high = _interval(np.stack(lifts[kind]), widen)
        curve = np.stack(curves[kind]).mean(axis=0)
        found.append(
            Judged(
                kind,
                float(area[0]),
                float(max(low[0], 0.0)),
                float(min(high[0], 1.0)),
                tuple(map(float, lift)),
                tuple(float(max(x, 0.0)) for x in lift_low),
                tuple(map(float, lift_high)),
                tuple((float(x), float(y)) for x, y in zip(grid, curve, strict=True)),
            )
        )
    return found


def _gain(truth: Flags, score: FloatArray, reach: FloatArray) -> FloatArray:
    """Share of the true ones among the best-scored, for each share of all; those of one score share their places."""
    _, tied = np.unique(-score, return_inverse=True)
    shared = (np.bincount(tied, weights=truth) / np.bincount(tied))[tied]
    found = np.concatenate([[0.0], np.cumsum(shared[np.argsort(-score, kind="stable")])]) / truth.sum()
    return np.asarray(np.interp(reach * len(truth), np.arange(len(truth) + 1), found), dtype=np.float64)


def _interval(values: FloatArray, widen: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    mean = values.mean(axis=0)
    if len(values) < 2:
        return mean, np.full_like(mean, -np.inf), np.full_like(mean, np.inf)
    half = student.ppf(0.975, len(values) - 1) * values.std(axis=0, ddof=1) * np.sqrt(widen)
    return mean, mean - half, mean + half


class CrossLikeness:
    """Score every member by a ranker that did not learn from it, as a place among others, in (0, 1).

    Members are dealt into folds; the ranker of a fold learns from all others. A member of the fold has its place among
    the fold, and so has one that nobody learned from: the scores of both mean the same.

    Parameters
    ----------
    kind : {"logistic", "trees", "centroid"}
        As of `LikenessModel`.
    folds : int, default=5
        How many rankers there are.
    seed : int, default=0
        Of the deal, and of the trees.

    Attributes
    ----------
    scores_ : ndarray of shape (n,)
        The scores of those learned from, each by the ranker of its own fold.
    """

    def __init__(self, kind: Kind = "logistic", *, folds: int = 5, seed: int = 0) -> None:
        self.kind: Kind = kind
        self.folds = folds
        self.seed = seed

    def fit(self, X: Any, seeds: Flags) -> Self:
        """Learn from a frame with one row per member, and who of them are seeds, shape (n,)."""
        self._columns = Columns.learn(X)
        values, rng = self._columns.encode(X), np.random.default_rng(self.seed)
        fold = np.empty(len(seeds), dtype=np.int64)
        for rows in (np.flatnonzero(seeds), np.flatnonzero(~seeds)):
            fold[rng.permutation(rows)] = np.arange(len(rows)) % self.folds
        self._rankers: list[tuple[LikenessModel, FloatArray]] = []
        self.scores_ = np.empty(len(seeds))
        for k in range(self.folds):
            out = fold == k
            model = LikenessModel(self.kind, seed=self.seed)
            model._fit(self._columns, values[~out], seeds[~out])  # noqa: SLF001
            score = model._score(values[out])  # noqa: SLF001
            self._rankers.append((model, np.sort(score)))
            self.scores_[out] = _places(score, self._rankers[k][1])
        return self

    def score(self, X: Any) -> FloatArray:
        """Return the scores of others, shape (n,); the rankers take turns."""
        values = self._columns.encode(X)
        found = np.empty(len(values))
        for k, (model, among) in enumerate(self._rankers):
            rows = values[k :: self.folds]
            if len(rows):
                found[k :: self.folds] = _places(model._score(rows), among)  # noqa: SLF001
        return found


def _places(score: FloatArray, among: FloatArray) -> FloatArray:
    """The share of the sorted scores that are lower, half of the equal ones, in steps that stay inside (0, 1)."""
    below = np.searchsorted(among, score, side="left") + np.searchsorted(among, score, side="right")
    return np.asarray(np.clip(below, 1, 2 * len(among) - 1) / (2 * len(among)), dtype=np.float64)


def cross_scores(X: Any, seeds: Flags, kind: Kind, *, folds: int = 5, seed: int = 0) -> FloatArray:
    """Score every row by a ranker that did not learn from it, as a place among the rows of its fold, in (0, 1)."""
    return CrossLikeness(kind, folds=folds, seed=seed).fit(X, seeds).scores_
