"""Groups of members who are alike in traits of mixed kinds: numbers, categories, truth values, with gaps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_score
from sklearn.utils.validation import validate_data
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from gongbi.errors import InvalidInput, NotFitted
from gongbi.estimators.checks import FloatArray, IntArray
from gongbi.estimators.columns import Columns

# Of what `to_json` writes.
FORMAT = 1
# Values farther than this many robust deviations from the median count as so far: one giant is no group.
FARTHEST = 4.0
# A column of numbers is read on a logarithmic scale where its upper half reaches this many times as far as its lower.
SKEWED = 3.0
# A category of fewer than this share of the members is one of "all others"; absence is a trait from this share on.
RARE = 0.01
# The median absolute deviation of a normal distribution, in standard deviations.
MAD = 0.6744897501960817
# Rows that are embedded and assigned at once.
BATCH = 100_000

Told = Callable[[int, int], None]


class MixedClusters(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """k-means on traits of mixed kinds, made comparable first.

    Numbers are put on a robust scale (median and median absolute deviation, a signed logarithm first where they are
    skewed) and bounded; an absent number is at the median, and its absence a trait of its own where it is neither rare
    nor the rule. Each category is a column of 0 and 1, scaled so that two members who differ in a category are as far
    apart as two who differ by typical numbers; absent is a category. This is the k-prototypes distance [1]_ with the
    share of each category in the place of its mode, so that centres can be compared and stored.

    Centres are learned on a sample, and everybody is assigned to the nearest in batches: time grows with the number of
    members, memory does not. Clusters are numbered from 1, the largest first.

    Parameters
    ----------
    n_clusters : int, default=8
        How many clusters.
    categorical : sequence of columns, optional
        Columns of numbers that are codes, by name or position.
    sample : int, default=20000
        Rows to learn centres from; all where there are fewer.
    starts : int, default=8
        Starting points tried; the best result is kept.
    seed : int, default=0
        The same seed on the same rows gives the same clusters.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_coordinates)
        Centres in the scaled space.
    labels_ : ndarray of shape (n,)
        Cluster of each row, from 0 on; `predict` gives the same.
    n_features_in_ : int
        Columns learned from.

    References
    ----------
    .. [1] Huang (1998), Extensions to the k-Means Algorithm for Clustering Large Data Sets with Categorical Values,
       Data Mining and Knowledge Discovery 2.
    """

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        categorical: Sequence[str | int] = (),
        sample: int = 20_000,
        starts: int = 8,
        seed: int = 0,
    ) -> None:
        self.n_clusters = n_clusters
        self.categorical = categorical
        self.sample = sample
        self.starts = starts
        self.seed = seed

    def fit(self, X: Any, y: object = None) -> Self:  # noqa: ARG002  (scikit-learn's signature)
        """Learn scales and centres from a frame or array of shape (n, n_features); `y` is ignored.

        Raises
        ------
        InvalidInput
            Fewer different rows than clusters.
        """
        table = self._checked(X, reset=True)
        space = Space.learn(table, self.categorical)
        return self._learn(space, space.columns.encode(table))

    def fit_in(self, space: Space, codes: FloatArray) -> Self:
        """Learn centres in a space that is known already, from rows as its columns encode them."""
        return self._learn(space, codes)

    def predict(self, X: Any) -> IntArray:
        """Return the nearest centre of each row, from 0 on, shape (n,)."""
        return self.assign(X)[0]

    def assign(self, X: Any) -> tuple[IntArray, FloatArray]:
        """Return the nearest centre of each row, and how clearly: 0 halfway to the next, 1 on the centre."""
        if not hasattr(self, "cluster_centers_"):
            raise NotFitted(self)
        table = self._checked(X, reset=False)
        return _nearest(self.space_, self.space_.columns.encode(table), self.cluster_centers_)

    def to_json(self) -> dict[str, Any]:
        """Return what assigning needs, as JSON data: scales, categories and centres, and nothing of the rows."""
        if not hasattr(self, "cluster_centers_"):
            raise NotFitted(self)
        return {"format": FORMAT, "space": self.space_.to_json(), "centres": self.cluster_centers_.tolist()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the clusters that `to_json` wrote down; they assign as those did."""
        if data.get("format") != FORMAT:
            raise InvalidInput(f"The model was written in format {data.get('format')}; this is {FORMAT}.")
        self = cls(len(data["centres"]))
        self.space_ = Space.from_json(data["space"])
        self.cluster_centers_ = np.asarray(data["centres"], dtype=np.float64)
        self.n_features_in_ = len(self.space_.columns.names)
        return self

    def _checked(self, X: Any, *, reset: bool) -> Any:
        """Arrays as scikit-learn checks them; frames are read by the names and kinds of their columns."""
        if hasattr(X, "columns") or hasattr(X, "to_pandas"):
            return X
        kind = None if getattr(getattr(X, "dtype", None), "kind", "") == "O" else "numeric"
        return validate_data(self, X, reset=reset, dtype=kind, ensure_all_finite="allow-nan")

    def _learn(self, space: Space, codes: FloatArray) -> Self:
        # Chosen by position: the order of rows is settled by whoever gives them.
        rows = _sampled(len(codes), self.sample, self.seed)
        points = space.embed(codes[rows])
        different = len(np.unique(points, axis=0)) if len(points) <= 5000 else len(points)
        if not 1 <= self.n_clusters <= different:
            raise InvalidInput(
                f"{self.n_clusters} clusters of {len(codes)} rows (n_samples={len(codes)}), {different} of them"
                " different, cannot be made."
            )
        with threadpool_limits(1):
            found = KMeans(self.n_clusters, n_init=self.starts, random_state=self.seed).fit(points)
        order = np.lexsort((found.cluster_centers_[:, 0], -np.bincount(found.labels_, minlength=self.n_clusters)))
        self.space_ = space
        self.cluster_centers_ = np.asarray(found.cluster_centers_[order], dtype=np.float64)
        self.labels_, self.clarity_ = _nearest(space, codes, self.cluster_centers_)
        self.n_features_in_ = len(space.columns.names)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


@dataclass(frozen=True)
class Space:
    """Where rows of mixed columns are points: each coordinate is one column's number, category or absence.

    Attributes
    ----------
    columns
        The columns and the categories of each.
    scales
        Per column: for numbers whether the logarithm is taken, median, deviation, and whether absence is a coordinate;
        for categories the codes that have a coordinate of their own, and whether all others have one.
    """

    columns: Columns
    scales: tuple[Mapping[str, Any], ...]

    @classmethod
    def learn(cls, table: Any, categorical: Sequence[str | int] = ()) -> Self:
        """Learn the scales of a table's columns."""
        columns = Columns.learn(table, categorical)
        codes = columns.encode(table)
        if not len(codes):
            raise InvalidInput("There are no rows (0 samples) to learn from, while a minimum of 1 is required.")
        scales = [
            _number_scale(values) if known is None else _category_scale(values, len(known))
            for values, known in zip(codes.T, columns.categories, strict=True)
        ]
        return cls(columns, tuple(scales))

    def embed(self, codes: FloatArray) -> FloatArray:
        """Return the points of encoded rows, shape (n, n_coordinates)."""
        parts = [np.zeros((len(codes), 0))]
        for values, scale in zip(codes.T, self.scales, strict=True):
            parts.append(_number_points(values, scale) if "median" in scale else _category_points(values, scale))
        return np.hstack(parts)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {**self.columns.to_json(), "scales": [dict(scale) for scale in self.scales]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the space that `to_json` wrote down."""
        return cls(Columns.from_json(data), tuple(data["scales"]))


@dataclass(frozen=True, slots=True)
class Candidate:
    """What speaks for and against one number of clusters.

    Attributes
    ----------
    silhouette
        Mean silhouette on a sample, -1 to 1: how much nearer members are to their own cluster than to the next [1]_.
    chance
        The same after the values of every column were shuffled apart: what clustering finds where there is nothing.
    stability
        Mean adjusted Rand index between the clusters of all rows and those of bootstrap samples, 1 where they agree.
    smallest
        Share of the smallest cluster.

    References
    ----------
    .. [1] Rousseeuw (1987), Silhouettes, Journal of Computational and Applied Mathematics 20.
    .. [2] Hennig (2007), Cluster-wise Assessment of Cluster Stability, Computational Statistics and Data Analysis 52.
    """

    clusters: int
    silhouette: float
    chance: float
    stability: float
    smallest: float

    def to_json(self) -> dict[str, float]:
        """Return it as JSON data."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True)
class Choice:
    """The candidates, the one chosen and why: ``stable``, ``most_stable`` or ``only``."""

    candidates: tuple[Candidate, ...]
    chosen: Candidate
    reason: str
    model: MixedClusters


def choose_clusters(
    X: Any,
    fewest: int = 2,
    most: int = 8,
    *,
    stable: float = 0.7,
    least_share: float = 0.02,
    resamples: int = 5,
    sample: int = 2500,
    seed: int = 0,
    told: Told | None = None,
) -> Choice:
    """Try several numbers of clusters and choose one.

    Among those that are stable and have no cluster smaller than `least_share`, the one whose silhouette is farthest
    above that of shuffled columns; where none is, the most stable one.

    Parameters
    ----------
    X : frame or array of shape (n, n_features)
        Rows.
    stable : float
        Stability from which on a number counts as stable.
    resamples : int
        Bootstrap samples per number.
    sample : int
        Rows on which the numbers are compared.
    told : callable, optional
        Called with how many numbers were tried and how many there are.
    """
    if not 2 <= fewest <= most:
        raise InvalidInput(f"{fewest} to {most} clusters is no range; the fewest are 2.")
    space = Space.learn(X)
    codes = space.columns.encode(X)
    tried = codes[_sampled(len(codes), sample, seed)]
    points, shuffled = space.embed(tried), space.embed(_shuffled(tried, seed))
    different = len(np.unique(points, axis=0))
    numbers = [k for k in range(fewest, most + 1) if k < different]
    if not numbers:
        raise InvalidInput(
            f"{different} different rows are too few for {fewest} clusters.",
            hint="Take more members or tags that differ.",
        )
    candidates = []
    for i, k in enumerate(numbers):
        if told is not None:
            told(i, len(numbers))
        # On a busy machine threads wait for each other longer than so small a work takes.
        with threadpool_limits(1):
            candidates.append(_candidate(k, points, shuffled, resamples, seed))
    good = [c for c in candidates if c.stability >= stable and c.smallest >= least_share]
    if len(candidates) == 1:
        chosen, reason = candidates[0], "only"
    elif good:
        chosen, reason = max(good, key=lambda c: (round(c.silhouette - c.chance, 4), -c.clusters)), "stable"
    else:
        chosen, reason = max(candidates, key=lambda c: (round(c.stability, 4), -c.clusters)), "most_stable"
    return Choice(tuple(candidates), chosen, reason, MixedClusters(chosen.clusters, seed=seed).fit_in(space, codes))


def _candidate(k: int, points: FloatArray, shuffled: FloatArray, resamples: int, seed: int) -> Candidate:
    fitted = KMeans(k, n_init=4, random_state=seed).fit(points)
    rng = np.random.default_rng([seed, k])
    agreement = []
    for i in range(resamples):
        rows = rng.integers(0, len(points), len(points))
        again = KMeans(k, n_init=3, random_state=seed + i).fit(points[rows])
        agreement.append(adjusted_rand_score(fitted.labels_, again.predict(points)))
    nothing = KMeans(k, n_init=2, random_state=seed).fit(shuffled)
    return Candidate(
        k,
        _silhouette(points, fitted.labels_, seed),
        _silhouette(shuffled, nothing.labels_, seed),
        float(np.mean(agreement)),
        float(np.bincount(fitted.labels_, minlength=k).min() / len(points)),
    )


def _silhouette(points: FloatArray, labels: IntArray, seed: int) -> float:
    rows = _sampled(len(points), 1500, seed)
    if not 1 < len(np.unique(labels[rows])) < len(rows):
        return 0.0
    return float(silhouette_score(points[rows], labels[rows]))


def _sampled(n: int, most: int, seed: int) -> IntArray:
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, most, replace=False)).astype(np.int64)


def _shuffled(codes: FloatArray, seed: int) -> FloatArray:
    rng = np.random.default_rng([seed, 1])
    return np.column_stack([rng.permutation(column) for column in codes.T])


def _nearest(space: Space, codes: FloatArray, centres: FloatArray) -> tuple[IntArray, FloatArray]:
    """The nearest centre of each row, and how clearly, a batch at a time."""
    label, clarity = np.zeros(len(codes), dtype=np.int64), np.ones(len(codes))
    own = (centres**2).sum(axis=1)
    for start in range(0, len(codes), BATCH):
        points = space.embed(codes[start : start + BATCH])
        # The row's own square is the same for all centres, but not for the clarity.
        squares = np.maximum(own - 2 * points @ centres.T + (points**2).sum(axis=1)[:, None], 0)
        found = np.argmin(squares, axis=1)
        label[start : start + BATCH] = found
        if len(centres) > 1:
            nearest, second = np.sqrt(np.sort(squares, axis=1)[:, :2].T)
            clear = np.divide(nearest, second, out=np.ones_like(second), where=second > 0)
            clarity[start : start + BATCH] = 1 - clear
    return label, clarity


def _number_scale(values: FloatArray) -> dict[str, Any]:
    present = values[~np.isnan(values)]
    if not len(present):
        return {"log": False, "median": 0.0, "deviation": 0.0, "absent": False}
    share = 1 - len(present) / len(values)
    low, middle, high = np.quantile(present, [0.05, 0.5, 0.95])
    log = bool(high - middle > SKEWED * (middle - low) and high > middle)
    scaled = _signed_log(present) if log else present
    median = float(np.median(scaled))
    deviation = float(np.median(np.abs(scaled - median)) / MAD)
    # More than half are alike: the ordinary deviation says how far the others are.
    deviation = deviation or float(scaled.std())
    return {"log": log, "median": median, "deviation": deviation, "absent": RARE <= share <= 1 - RARE}


def _signed_log(values: FloatArray) -> FloatArray:
    found: FloatArray = np.sign(values) * np.log1p(np.abs(values))
    return found


def _number_points(values: FloatArray, scale: Mapping[str, Any]) -> FloatArray:
    there = ~np.isnan(values)
    scaled = _signed_log(values) if scale["log"] else values
    deviation = scale["deviation"]
    point = np.where(there, (scaled - scale["median"]) / deviation if deviation else 0.0, 0.0)
    bounded = np.clip(point, -FARTHEST, FARTHEST)[:, None]
    return np.hstack([bounded, np.where(there, 0.0, 1.0)[:, None]]) if scale["absent"] else bounded


def _category_scale(codes: FloatArray, known: int) -> dict[str, Any]:
    counts = np.bincount(codes[~np.isnan(codes)].astype(np.int64), minlength=known) / max(len(codes), 1)
    kept = [int(code) for code in np.flatnonzero(counts >= RARE)]
    return {"kept": kept, "others": bool(counts.sum() - counts[kept].sum() > 0), "known": known}


def _category_points(codes: FloatArray, scale: Mapping[str, Any]) -> FloatArray:
    """One coordinate per kept category, one for all others, one for the absent."""
    kept = scale["kept"]
    place = np.full(scale["known"] + 1, len(kept), dtype=np.int64)
    place[kept] = np.arange(len(kept))
    place[-1] = len(kept) + 1
    where = place[np.where(np.isnan(codes), scale["known"], codes).astype(np.int64)]
    found = np.zeros((len(codes), len(kept) + 2))
    # Two members of different categories are √2 apart in it, as two typical members in a number.
    found[np.arange(len(codes)), where] = 1.0
    return found
