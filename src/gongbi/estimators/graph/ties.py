"""What ties say about members: households, the worth of referrals, a rival's customers among ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.csgraph import connected_components

from gongbi.errors import InvalidInput
from gongbi.estimators.checks import FloatArray, IntArray, as_vector
from gongbi.estimators.graph.network import Network


def households(keys: Mapping[str, ArrayLike], *, most: int = 8) -> IntArray:
    """Return the household of each member, shape (n,), from 0 on; -1 for who lives alone as far as is known.

    Members share a household when they share a key, such as an address or a means of payment, or are linked by others
    who do. A key that more than `most` members share says nothing: a dormitory, a company's card, a made-up address. A
    chain that grows beyond `most` members is no household either.

    Parameters
    ----------
    keys : mapping of name to array of shape (n,)
        None, NaN and the empty text are no key.
    """
    if not keys:
        raise InvalidInput("There are no keys to share.", hint="Give at least one column, such as the address.")
    columns = [np.asarray(values, dtype=object) for values in keys.values()]
    n = len(columns[0])
    if any(len(column) != n for column in columns):
        raise InvalidInput("The keys have different lengths.")
    near, far, offset = [], [], n
    for column in columns:
        known = np.array([v is not None and v == v and v != "" for v in column], dtype=bool)
        _, value = np.unique(column[known].astype(str), return_inverse=True)
        shared = np.bincount(value)[value] <= most
        near.append(np.flatnonzero(known)[shared])
        far.append(value[shared] + offset)
        offset += int(value.max(initial=-1)) + 1
    rows, places = np.concatenate(near), np.concatenate(far)
    links = sp.coo_matrix((np.ones(len(rows)), (rows, places)), shape=(offset, offset))
    label = connected_components(links, directed=False)[1][:n]
    size = np.bincount(label)[label]
    together = (size >= 2) & (size <= most)
    found = np.full(n, -1, dtype=np.int64)
    _, found[together] = np.unique(label[together], return_inverse=True)
    return found


def referral_value(net: Network, value: ArrayLike, *, chance: float = 0.05, decay: float = 0.5) -> FloatArray:
    r"""Return what each member's referrals may bring in, shape (n,), in the unit of `value`.

    A neighbour follows with chance :math:`p_{ij}`, and then refers in turn, `decay` times as likely:
    :math:`\sum_j p_{ij} (v_j + d \sum_{k \ne i} p_{jk} v_k)`. The chance of a tie grows with its strength: `chance` for
    one of median strength, in proportion, 1 at most. Two steps are counted: beyond them little is left.

    Parameters
    ----------
    value : array of shape (n,)
        What each member is worth as a customer to be won; 0 for who is one already.
    chance, decay : float
        Assumptions, both 0 to 1, unless a referral programme of one's own has measured them.
    """
    worth = as_vector("value", value)
    if len(worth) != len(net.ids):
        raise InvalidInput(f"There are {len(net.ids)} members and {len(worth)} values.")
    if not (0 <= chance <= 1 and 0 <= decay <= 1):
        raise InvalidInput(f"chance and decay are 0 to 1, not {chance} and {decay}.")
    if not net.ties.nnz:
        return np.zeros(len(worth))
    follows = net.ties.copy()
    follows.data = np.minimum(chance * follows.data / np.median(follows.data), 1)
    back = np.asarray(follows.multiply(follows.T).sum(axis=1)).ravel()
    found: FloatArray = follows @ worth + decay * (follows @ (follows @ worth) - back * worth)
    return found


@dataclass(frozen=True, slots=True)
class Rivals:
    """A rival's customers who are tied to ours, the most strongly drawn first; arrays of equal length.

    Attributes
    ----------
    ids
        The rival's customers.
    ours
        How many of our customers each is tied to.
    share
        Share of the strength of their ties that leads to ours, drawn towards the overall share where ties are few.
    closest
        Our customer with the strongest tie to each: whom to ask for an introduction.
    """

    ids: NDArray[Any]
    ours: IntArray
    share: FloatArray
    closest: NDArray[Any]


def rivals(net: Network, rival: ArrayLike, *, prior: float = 3.0) -> Rivals:
    """Return a rival's customers in our circles and by whom they are tied.

    The share orders them by how near they are to us. It is no probability: how many of a share can be won is learned
    from a campaign, with a propensity model that takes it for a feature.

    Parameters
    ----------
    rival : array of bool of shape (n,)
        Who is the rival's customer; all others are ours.
    prior : float, default=3.0
        How many ties of median strength the overall share is worth.
    """
    theirs = np.asarray(rival, dtype=bool)
    if theirs.shape != net.ids.shape:
        raise InvalidInput(f"There are {len(net.ids)} members and {theirs.size} marks of rivals.")
    near, far, data = net.owners, net.ties.indices, net.ties.data
    crossing = theirs[near] & ~theirs[far]
    n = len(theirs)
    ours = np.bincount(near[crossing], minlength=n)
    pull = np.bincount(near[crossing], data[crossing], minlength=n)
    everything = net.strength
    overall = pull[theirs].sum() / max(everything[theirs].sum(), 1e-12)
    weight = prior * (np.median(data) if len(data) else 1.0)
    share = (pull + weight * overall) / np.maximum(everything + weight, 1e-12)
    closest = np.full(n, -1, dtype=np.int64)
    order = np.lexsort((-far[crossing], data[crossing]))
    # The strongest tie is written last, and of equal ones the first member's.
    closest[near[crossing][order]] = far[crossing][order]
    chosen = np.flatnonzero(ours > 0)
    chosen = chosen[np.lexsort((chosen, -share[chosen]))]
    return Rivals(net.ids[chosen], ours[chosen], share[chosen], net.ids[closest[chosen]])
