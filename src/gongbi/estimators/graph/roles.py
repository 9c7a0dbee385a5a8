"""Who matters in a network, and how: the core of a circle, reach, bridges between circles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from gongbi.errors import InvalidInput
from gongbi.estimators.checks import FloatArray, IntArray
from gongbi.estimators.graph.network import Network

# Sources of shortest paths that are followed at once: each needs a few numbers per member and step.
TOGETHER = 16


@dataclass(frozen=True, slots=True)
class Roles:
    """Figures of every member, arrays of shape (n,).

    Attributes
    ----------
    neighbours, strength
        How many others they are tied to, and how strongly in all.
    core
        The largest k so that they are in a group in which everybody has k ties (k-core).
    reach
        Chance to be met by one who follows ties at random (PageRank); they sum to 1.
    within
        Strength of the ties inside the own circle.
    between
        Share of their strength that spreads over circles: 0 where all ties are in one, towards 1 the more they reach.
    bridge
        Shortest paths between others that lead over them, estimated from a sample (betweenness).
    """

    neighbours: IntArray
    strength: FloatArray
    core: IntArray
    reach: FloatArray
    within: FloatArray
    between: FloatArray
    bridge: FloatArray

    def titles(self, labels: IntArray) -> list[str]:
        """Return one word per member: ``core``, ``bridge``, ``member`` or ``alone``.

        The core of a circle of five or more is its member with most strength inside it. A bridge is among the hundredth
        with most shortest paths and has ties of more than one circle.
        """
        found = np.where(self.neighbours > 0, "member", "alone").astype(object)
        busy = self.bridge[self.bridge > 0]
        if len(busy):
            found[(self.bridge >= np.quantile(busy, 0.99)) & (self.between > 0)] = "bridge"
        order = np.lexsort((np.arange(len(labels)), -self.within, labels))
        first = order[np.flatnonzero(np.diff(labels[order], prepend=-1))]
        found[first[np.bincount(labels)[labels[first]] >= 5]] = "core"
        return [str(one) for one in found]


def roles(net: Network, labels: IntArray, *, samples: int = 32, seed: int = 0) -> Roles:
    """Return the figures of all members.

    Parameters
    ----------
    labels : ndarray of shape (n,)
        Circle of each member, as `Circles` gives them.
    samples : int, default=32
        Members from whom shortest paths are followed.
    seed : int, default=0
        Of the choice of those.
    """
    if len(labels) != len(net.ids):
        raise InvalidInput(f"There are {len(net.ids)} members and {len(labels)} circles.")
    circle = sp.csr_matrix(
        (np.ones(len(labels)), (np.arange(len(labels)), labels)), shape=(len(labels), int(labels.max()) + 1)
    )
    spread = (net.ties @ circle).tocsr()
    strength = net.strength
    squares = np.asarray(spread.multiply(spread).sum(axis=1)).ravel()
    with np.errstate(invalid="ignore", divide="ignore"):
        between = np.where(strength > 0, np.maximum(1 - squares / strength**2, 0), 0.0)
    near, far = net.owners, net.ties.indices
    same = labels[near] == labels[far]
    within = np.bincount(near[same], net.ties.data[same], minlength=len(labels)).astype(np.float64)
    return Roles(
        net.neighbours, strength, cores(net), pagerank(net), within, between, betweenness(net, samples, seed=seed)
    )


def cores(net: Network) -> IntArray:
    """Return the core number of each member, shape (n,): members of few ties are peeled off, wave by wave.

    References
    ----------
    .. [1] Seidman (1983), Network Structure and Minimum Degree, Social Networks 5.
    """
    left = net.neighbours.copy()
    core = np.zeros(len(left), dtype=np.int64)
    there = np.ones(len(left), dtype=bool)
    starts, far = net.ties.indptr, net.ties.indices
    k = 0
    while there.any():
        k = max(k, int(left[there].min()))
        going = np.flatnonzero(there & (left <= k))
        while len(going):
            core[going] = k
            there[going] = False
            touched = far[_ranges(starts[going], starts[going + 1])]
            left -= np.bincount(touched, minlength=len(left))
            near = np.unique(touched)
            going = near[there[near] & (left[near] <= k)]
    return core


def pagerank(net: Network, *, follow: float = 0.85, exact: float = 1e-10) -> FloatArray:
    """Return the chance to be at each member after long walks along ties, shape (n,); it sums to 1.

    Parameters
    ----------
    follow : float, default=0.85
        Chance to follow a tie instead of starting anew anywhere.

    References
    ----------
    .. [1] Brin and Page (1998), The Anatomy of a Large-Scale Hypertextual Web Search Engine, WWW7.
    """
    strength, n = net.strength, len(net.ids)
    share = np.divide(1.0, strength, out=np.zeros(n), where=strength > 0)
    chance = np.full(n, 1 / n)
    for _ in range(500):
        lost = chance[strength == 0].sum()
        after = follow * (net.ties @ (chance * share) + lost / n) + (1 - follow) / n
        change = np.abs(after - chance).sum()
        chance = after
        if change < exact:
            break
    return chance


def betweenness(net: Network, samples: int = 32, *, seed: int = 0) -> FloatArray:
    """Return how many shortest paths between others lead over each member, shape (n,), each pair counted once.

    Paths count ties, not their strength. They are followed from a sample of members, several at once, by Brandes'
    algorithm [1]_, and scaled up; with as many samples as members the result is exact.

    References
    ----------
    .. [1] Brandes (2001), A Faster Algorithm for Betweenness Centrality, Journal of Mathematical Sociology 25.
    """
    n = len(net.ids)
    chosen = np.random.default_rng(seed).permutation(n)[: min(samples, n)]
    ties = net.ties.copy()
    ties.data = np.ones(len(ties.data))
    total = np.zeros(n)
    for start in range(0, len(chosen), TOGETHER):
        total += _dependencies(ties, chosen[start : start + TOGETHER])
    return total * n / max(len(chosen), 1) / 2


def _dependencies(ties: sp.csr_matrix, sources: IntArray) -> FloatArray:
    shape = (ties.shape[0], len(sources))
    column = np.arange(len(sources))
    paths, step = np.zeros(shape), np.full(shape, -1, dtype=np.int16)
    paths[sources, column], step[sources, column] = 1, 0
    reached, depth = paths.copy(), 0
    while reached.any():
        depth += 1
        reached = ties @ reached
        reached[step >= 0] = 0
        step[reached > 0] = depth
        paths += reached
    owed = np.zeros(shape)
    for level in range(depth - 1, 0, -1):
        here = step == level
        shared = np.divide(1 + owed, paths, out=np.zeros(shape), where=here)
        before = ties @ shared
        owed += np.where(step == level - 1, before * paths, 0)
    owed[sources, column] = 0
    found: FloatArray = owed.sum(axis=1)
    return found


def _ranges(starts: IntArray, ends: IntArray) -> IntArray:
    """All whole numbers of all half-open ranges, one after the other."""
    sizes = (ends - starts).astype(np.int64)
    first = np.cumsum(sizes) - sizes
    found: IntArray = np.arange(int(sizes.sum())) + np.repeat(starts - first, sizes)
    return found
