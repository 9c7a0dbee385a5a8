"""Groups with different effects, as a small tree that a person can read: `UpliftTree`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from gongbi.errors import InvalidInput, NotFitted
from gongbi.estimators.checks import FloatArray, IntArray, as_binary, as_vector
from gongbi.estimators.columns import Columns

Divergence = Literal["kl", "euclidean"]
#: Thresholds tried per column of numbers, at quantiles.
CUTS = 31


@dataclass(frozen=True, slots=True)
class Node:
    """A split or a leaf.

    Attributes
    ----------
    column, at, is_category
        Rows with a value of `at` or less (or of that category) go left; absent ones go right. -1 for a leaf.
    left, right
        Numbers of the nodes below; -1 for a leaf.
    members : int
        Rows whose outcomes gave the effect (the held-out half of an honest tree).
    effect, standard_error : float
        Treated less control, in the unit of y.
    """

    column: int
    at: float
    is_category: bool
    left: int
    right: int
    members: int
    effect: float
    standard_error: float


class UpliftTree(BaseEstimator):  # type: ignore[misc]
    """A tree whose splits drive the arms' outcomes apart [1]_, and whose leaves are judged on other rows [2]_.

    A split is worth the divergence between treated and control in its children, weighted by size, beyond that of the
    node. One half of the rows chooses the splits; the other gives the leaves their effects, which are therefore
    unbiased and come with honest standard errors.

    Parameters
    ----------
    depth : int, default=3
        Splits from root to leaf at most.
    min_arm : int, default=100
        Members of each arm that a leaf needs, in the half that splits; a tenth of an arm's rows where that is less.
    divergence : {"euclidean", "kl"}, default="euclidean"
        Squared difference of means, or Kullback-Leibler's between the shares of 1, for y of 0 and 1.
    honest : bool, default=True
        Whether splits and effects come from different halves.
    seed : int, default=0
        Of the halves.

    Attributes
    ----------
    nodes_ : tuple of Node
        The root first.

    References
    ----------
    .. [1] Rzepakowski and Jaroszewicz (2012), Decision trees for uplift modeling, Knowledge and Information Systems 32.
    .. [2] Athey and Imbens (2016), Recursive partitioning for heterogeneous causal effects, PNAS 113.
    """

    def __init__(
        self,
        *,
        depth: int = 3,
        min_arm: int = 100,
        divergence: Divergence = "euclidean",
        honest: bool = True,
        seed: int = 0,
    ) -> None:
        self.depth = depth
        self.min_arm = min_arm
        self.divergence = divergence
        self.honest = honest
        self.seed = seed

    def fit(self, X: Any, treatment: ArrayLike, y: ArrayLike) -> Self:
        """Learn from a trial: X of shape (n, n_features), treatment of 0 and 1 and y of numbers, both of shape (n,).

        Raises
        ------
        InvalidInput
            Fewer than four rows of an arm, one outcome only, or arrays that do not fit.
        """
        treated, outcome = as_binary("treatment", treatment), as_vector("y", y)
        columns = Columns.learn(X)
        values = columns.encode(X)
        if not len(values) == len(treated) == len(outcome):
            raise InvalidInput(f"X has {len(values)} rows, treatment {len(treated)}, y {len(outcome)}.")
        if self.divergence not in ("kl", "euclidean"):
            raise InvalidInput(f"divergence is 'kl' or 'euclidean', not {self.divergence!r}.")
        if self.divergence == "kl" and not np.isin(outcome, (0.0, 1.0)).all():
            raise InvalidInput("The divergence 'kl' is for outcomes of 0 and 1.", hint="Take 'euclidean'.")
        if min(int(treated.sum()), int((~treated).sum())) < 4:
            raise InvalidInput(
                f"{int(treated.sum())} of {len(treated)} rows are treated; four of each kind are the least."
            )
        if outcome.min() == outcome.max():
            raise InvalidInput(
                f"y is {outcome[0]:g} for all {len(outcome)} rows: there is one class only.",
                hint="Wait for more responses, or choose an outcome that happens more often.",
            )
        # Each arm is halved by itself, so that both halves have both arms.
        grows = np.ones(len(treated), dtype=bool)
        if self.honest:
            chance = np.random.default_rng(self.seed).permutation(len(treated))
            order = np.lexsort((chance, outcome, treated))
            grows[order] = np.arange(len(treated)) % 2 == 0
        judges = ~grows if self.honest else grows
        arm = max(2, min(self.min_arm, int(min(treated[grows].sum(), (~treated[grows]).sum())) // 10))
        growth = _Growth(values, treated, outcome, columns, self.divergence, arm)
        growth.grow(np.flatnonzero(grows), np.flatnonzero(judges), self.depth)
        self._columns, self.nodes_ = columns, tuple(node for node in growth.nodes if node is not None)
        self.feature_names_in_ = list(columns.names)
        return self

    def predict(self, X: Any) -> FloatArray:
        """Return the effect of treating each row, shape (n,): its leaf's."""
        effects = np.array([node.effect for node in self._nodes])
        found: FloatArray = effects[self.apply(X)]
        return found

    def apply(self, X: Any) -> IntArray:
        """Return for each row the number of its leaf among `nodes_`."""
        nodes = self._nodes
        values = self._columns.encode(X)
        at = np.zeros(len(values), dtype=np.int64)
        for number, node in enumerate(nodes):
            if node.column < 0:
                continue
            here = at == number
            goes_left = _left(values[here, node.column], node.at, is_category=node.is_category)
            at[here] = np.where(goes_left, node.left, node.right)
        return at

    def leaves(self) -> list[dict[str, Any]]:
        """Return each leaf in words: the conditions that lead to it, members, effect, standard error."""
        told: list[dict[str, Any]] = []

        def walk(number: int, conditions: tuple[str, ...]) -> None:
            node = self._nodes[number]
            if node.column < 0:
                told.append(
                    {
                        "when": list(conditions),
                        "members": node.members,
                        "effect": node.effect,
                        "standard_error": node.standard_error,
                    }
                )
                return
            name, known = self._columns.names[node.column], self._columns.categories[node.column]
            if known is not None:
                level = next(value for value, code in known.items() if code == node.at)
                words = (f"{name} = {level}", f"{name} ≠ {level}")
            else:
                words = (f"{name} ≤ {node.at:g}", f"{name} > {node.at:g}")
            walk(node.left, (*conditions, words[0]))
            walk(node.right, (*conditions, words[1]))

        walk(0, ())
        return told

    @property
    def _nodes(self) -> tuple[Node, ...]:
        if not hasattr(self, "nodes_"):
            raise NotFitted(self)
        return self.nodes_


def _left(values: FloatArray, at: float, *, is_category: bool) -> Any:
    with np.errstate(invalid="ignore"):
        return values == at if is_category else values <= at


class _Growth:
    """One tree while it grows; nodes are numbered as they are met, parents before children."""

    def __init__(
        self, values: FloatArray, treated: Any, y: FloatArray, columns: Columns, divergence: str, min_arm: int
    ) -> None:
        self.values, self.treated, self.y = values, treated, y
        self.columns, self.divergence, self.min_arm = columns, divergence, min_arm
        self.nodes: list[Node | None] = []

    def grow(self, rows: IntArray, judges: IntArray, depth: int) -> int:
        number = len(self.nodes)
        self.nodes.append(None)
        effect, error = self._effect(judges)
        best = self._best(rows) if depth > 0 else None
        if best is not None:
            column, at = best
            is_category = self.columns.categories[column] is not None
            below = [_left(self.values[part, column], at, is_category=is_category) for part in (rows, judges)]
            halves = [(part[side], part[~side]) for part, side in zip((rows, judges), below, strict=True)]
            # A child whose effect cannot be judged on the other half is no group.
            if all(np.isfinite(self._effect(part)[0]) for part in halves[1]):
                left = self.grow(halves[0][0], halves[1][0], depth - 1)
                right = self.grow(halves[0][1], halves[1][1], depth - 1)
                self.nodes[number] = Node(column, at, is_category, left, right, len(judges), effect, error)
                return number
        self.nodes[number] = Node(-1, 0.0, False, -1, -1, len(judges), effect, error)
        return number

    def _effect(self, rows: IntArray) -> tuple[float, float]:
        arms = [self.y[rows][self.treated[rows] == arm] for arm in (True, False)]
        if min(len(arm) for arm in arms) < 2:
            return float("nan"), float("nan")
        variance = sum(float(arm.var(ddof=1)) / len(arm) for arm in arms)
        return float(arms[0].mean() - arms[1].mean()), variance**0.5

    def _best(self, rows: IntArray) -> tuple[int, float] | None:
        """The split worth most, if any is worth more than none."""
        treated, y = self.treated[rows], self.y[rows]
        sums = np.stack([treated, ~treated, treated * y, ~treated * y]).astype(np.float64)
        whole = sums.sum(axis=1)
        found: tuple[float, int, float] | None = None
        for column, known in enumerate(self.columns.categories):
            values = self.values[rows, column]
            present = values[~np.isnan(values)]
            if not len(present):
                continue
            cuts = np.unique(present if known is not None else np.quantile(present, np.linspace(0, 1, CUTS + 2)[1:-1]))
            # Numbers by the first cut they do not exceed; what is absent or beyond the last cut by none.
            place = np.searchsorted(cuts, np.where(np.isnan(values), np.inf, values))
            counted: FloatArray = np.stack([np.bincount(place, row, len(cuts) + 1)[:-1] for row in sums])
            left: FloatArray = counted if known is not None else np.cumsum(counted, axis=1)
            right = whole[:, None] - left
            worth = self._worth(left, right, whole)
            enough = np.minimum(left[:2], right[:2]).min(axis=0) >= self.min_arm
            worth = np.where(enough, worth, -np.inf)
            top = int(np.argmax(worth))
            if worth[top] > 1e-12 and (found is None or worth[top] > found[0]):
                found = (float(worth[top]), column, float(cuts[top]))
        return None if found is None else found[1:]

    def _worth(self, left: FloatArray, right: FloatArray, whole: FloatArray) -> FloatArray:
        n = whole[0] + whole[1]
        weight = (left[0] + left[1]) / n
        after = weight * self._apart(left) + (1 - weight) * self._apart(right)
        gain: FloatArray = after - self._apart(whole[:, None])
        return gain

    def _apart(self, sums: FloatArray) -> FloatArray:
        """Divergence between the arms' outcomes, for columns of (treated, control, their outcomes)."""
        if self.divergence == "euclidean":
            some = np.maximum(sums[:2], 1.0)
            squared: FloatArray = (sums[2] / some[0] - sums[3] / some[1]) ** 2
            return squared
        # Half a success and half a failure more, so that no share is 0 or 1.
        p, q = (sums[2] + 0.5) / (sums[0] + 1), (sums[3] + 0.5) / (sums[1] + 1)
        kl: FloatArray = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
        return kl
