"""Ties between members as one symmetric matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from gongbi.errors import InvalidInput
from gongbi.estimators.checks import FloatArray, IntArray, as_vector


@dataclass(frozen=True, slots=True)
class Network:
    """Members and the strength of the tie between any two; nobody is tied to themselves.

    Attributes
    ----------
    ids : ndarray of shape (n,)
        Members, in order; every other array of a network is in this order.
    ties : CSR of shape (n, n)
        Strength of each tie, above 0, the same in both directions.
    """

    ids: NDArray[Any]
    ties: Any

    @property
    def strength(self) -> FloatArray:
        """Sum of the ties of each member, shape (n,)."""
        return np.asarray(self.ties.sum(axis=1), dtype=np.float64).ravel()

    @property
    def neighbours(self) -> IntArray:
        """How many others each member is tied to, shape (n,)."""
        found: IntArray = np.diff(self.ties.indptr).astype(np.int64)
        return found

    @property
    def owners(self) -> IntArray:
        """The member on the near side of each stored tie, as `ties.indices` is the one on the far side."""
        found: IntArray = np.repeat(np.arange(len(self.ids)), self.neighbours)
        return found


def network(source: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None) -> Network:
    """Make a network from one row per contact; contacts of the same two add up, whoever began them.

    A row from a member to themselves makes the member known and no tie.

    Parameters
    ----------
    source, target : arrays of shape (n_rows,)
        The two members of each row.
    weight : array of shape (n_rows,), optional
        How much each row counts, 0 or more; 1 without it.

    Raises
    ------
    InvalidInput
        No rows, columns of different lengths, or a weight below 0.
    """
    one, other = np.asarray(source), np.asarray(target)
    if one.ndim != 1 or one.shape != other.shape:
        raise InvalidInput(f"source has shape {one.shape}, target has {other.shape}.")
    if not len(one):
        raise InvalidInput("There are no ties.", hint="Give at least one row.")
    counted = np.ones(len(one)) if weight is None else as_vector("weight", weight)
    if len(counted) != len(one):
        raise InvalidInput(f"There are {len(one)} ties and {len(counted)} weights.")
    if (counted < 0).any():
        raise InvalidInput(f"A tie weighs {counted.min():g}; 0 is the least.")
    ids, place = np.unique(np.concatenate([one, other]), return_inverse=True)
    near, far = place[: len(one)], place[len(one) :]
    real = (near != far) & (counted > 0)
    matrix = sp.coo_matrix((counted[real], (near[real], far[real])), shape=(len(ids), len(ids))).tocsr()
    ties = (matrix + matrix.T).tocsr()
    ties.sort_indices()
    return Network(ids, ties)
