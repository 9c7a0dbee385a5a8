"""Circles: members who are tied to each other more than chance would have it."""

from __future__ import annotations

from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin

from gongbi.errors import InvalidInput, NotYet
from gongbi.estimators.checks import FloatArray, IntArray
from gongbi.estimators.graph.network import Network


class Circles(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """Communities of a network by the Leiden algorithm [1]_ on modularity.

    Every circle holds together: Leiden, other than Louvain, never joins members without a path between them. Circles
    are numbered from 0, the largest first. A member without ties is a circle of their own.

    Parameters
    ----------
    resolution : float, default=1.0
        Above 1 makes more and smaller circles, below 1 fewer and larger ones.
    starts : int, default=3
        Independent runs; the one of highest modularity is kept.
    rounds : int, default=3
        Each begins with the circles of the one before.
    seed : int, default=0
        The same seed on the same ties gives the same circles.

    Attributes
    ----------
    labels_ : ndarray of shape (n,)
        Circle of each member, in the order of the network.
    sizes_ : ndarray of shape (n_circles,)
        Members of each circle.
    modularity_ : float
        Share of the ties within circles beyond what chance gives, at this resolution.

    References
    ----------
    .. [1] Traag, Waltman and van Eck (2019), From Louvain to Leiden: Guaranteeing Well-Connected Communities,
       Scientific Reports 9.
    """

    def __init__(self, *, resolution: float = 1.0, starts: int = 3, rounds: int = 3, seed: int = 0) -> None:
        self.resolution = resolution
        self.starts = starts
        self.rounds = rounds
        self.seed = seed

    def fit(self, X: Network, y: object = None) -> Self:  # noqa: ARG002  (scikit-learn's signature)
        """Find the circles of a network whose ties have shape (n, n); `y` is ignored.

        Raises
        ------
        InvalidInput
            The network has no ties, or the resolution is not above 0.
        NotYet
            The extra `graph` is not installed.
        """
        if not 0 < self.resolution < np.inf:
            raise InvalidInput(f"resolution is above 0, not {self.resolution}.")
        if not X.ties.nnz:
            raise InvalidInput("There are no ties.", hint="Give at least one row.")
        try:
            from graspologic_native import leiden_csr  # type: ignore[import-untyped]
        except ImportError as error:
            raise NotYet(
                "What finds circles is not installed.", hint="Install the extra `graph`: gongbi[graph]."
            ) from error
        _, found = leiden_csr(
            X.ties.indptr.astype(np.int64),
            X.ties.indices.astype(np.int32),
            X.ties.data.astype(np.float64),
            len(X.ids),
            resolution=float(self.resolution),
            iterations=self.rounds,
            trials=self.starts,
            seed=self.seed,
        )
        raw = np.full(len(X.ids), -1, dtype=np.int64)
        raw[np.fromiter(found, dtype=np.int64, count=len(found))] = np.fromiter(found.values(), dtype=np.int64)
        alone = np.flatnonzero(raw < 0)
        raw[alone] = raw.max() + 1 + np.arange(len(alone))
        _, label = np.unique(raw, return_inverse=True)
        sizes = np.bincount(label)
        order = np.argsort(-sizes, kind="stable")
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        self.labels_: IntArray = rank[label]
        self.sizes_: IntArray = sizes[order]
        self.modularity_ = modularity(X, self.labels_, self.resolution)
        return self


def modularity(net: Network, labels: IntArray, resolution: float = 1.0) -> float:
    """Return Newman's modularity of a division of a network into circles."""
    strength: FloatArray = net.strength
    total = strength.sum()
    inside = net.ties.data[labels[net.owners] == labels[net.ties.indices]].sum() / total
    return float(inside - resolution * ((np.bincount(labels, strength) / total) ** 2).sum())
