"""Communities by moving members one at a time: the plain algorithm that others are held to."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from gongbi.estimators.checks import IntArray
from gongbi.estimators.graph.network import Network

#: A move that gains less, in share of all ties, is none: rounding would move members to and fro.
LEAST = 1e-12


def louvain(net: Network, *, resolution: float = 1.0, seed: int = 0) -> IntArray:
    r"""Return a community of each member, shape (n,), by Louvain on modularity [1]_.

    Members, in an order by lot, move to the neighbouring community that raises modularity most, until none does; then
    each community becomes one member, and it begins anew. The gain of joining a community is
    :math:`w - \gamma s S / 2m`: the member's ties to it, less its own strength times that of the community over all.

    Parameters
    ----------
    net
        Ties of shape (n, n), counted from both ends, none of a member to itself.
    resolution
        :math:`\gamma`: above 1 makes more and smaller communities.
    seed
        Of the orders.

    References
    ----------
    .. [1] Blondel, Guillaume, Lambiotte and Lefebvre (2008), Fast unfolding of communities in large networks, Journal
       of Statistical Mechanics P10008.
    """
    rng = np.random.default_rng(seed)
    ties, found = sp.csr_matrix(net.ties, dtype=np.float64), np.arange(len(net.ids))
    while True:
        labels = _settled(ties, resolution, rng)
        count = int(labels.max()) + 1
        found = labels[found]
        if count == ties.shape[0]:
            return found
        # What lies within a community stays as a tie of the new member to itself, counted from both ends.
        into = sp.csr_matrix((np.ones(len(labels)), (np.arange(len(labels)), labels)), shape=(len(labels), count))
        ties = (into.T @ ties @ into).tocsr()


def _settled(ties: sp.csr_matrix, resolution: float, rng: np.random.Generator) -> IntArray:
    """Communities from which no single member gains by leaving, numbered from 0."""
    strength = np.asarray(ties.sum(axis=1)).ravel()
    total, size = float(strength.sum()), ties.shape[0]
    label, mass, own = list(range(size)), strength.tolist(), strength.tolist()
    near = [ties.indices[a:b].tolist() for a, b in zip(ties.indptr, ties.indptr[1:], strict=False)]
    much = [ties.data[a:b].tolist() for a, b in zip(ties.indptr, ties.indptr[1:], strict=False)]
    moved = True
    while moved:
        moved = False
        for member in rng.permutation(size).tolist():
            here, strong = label[member], resolution * own[member] / total
            mass[here] -= own[member]
            held: dict[int, float] = {here: 0.0}
            for other, weight in zip(near[member], much[member], strict=True):
                if other != member:
                    held[label[other]] = held.get(label[other], 0.0) + weight
            best, most = here, held[here] - strong * mass[here] + LEAST * total
            for community, weight in held.items():
                if (gain := weight - strong * mass[community]) > most:
                    best, most = community, gain
            mass[best] += own[member]
            if best != here:
                label[member], moved = best, True
    numbered: IntArray = np.unique(label, return_inverse=True)[1].astype(np.int64)
    return numbered
