"""Which ids belong together: certain matches only. Pure.

A record that carries several identifiers joins them. Members are the connected components of identifiers; a member's id
is its smallest primary identifier. One without a primary identifier has a surrogate: -1, -2, … or ~1, ~2, …, of which
the earliest counts. So neither the order of records nor that of loads decides who is united with whom.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

Id = int | str
I = TypeVar("I", bound=Hashable)  # noqa: E741


@dataclass(frozen=True, slots=True)
class Link:
    """A record named `a` and `b` together; `kind` and `value` are the identifier that `b` stands for."""

    a: Id
    b: Id
    kind: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Merge:
    """Member `from_` became part of `to`, because a record carried this identifier too."""

    from_: Id
    to: Id
    kind: str
    value: str


class UnionFind(Generic[I]):
    """Sets that grow together, with path halving and union by size."""

    def __init__(self) -> None:
        self._parent: dict[I, I] = {}
        self._size: dict[I, int] = {}

    def find(self, item: I) -> I:
        """Return what stands for the set of an item; an unknown item is a set of its own."""
        parent = self._parent
        if item not in parent:
            parent[item], self._size[item] = item, 1
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    def unite(self, a: I, b: I) -> bool:
        """Make one set of two; false where they were one."""
        a, b = self.find(a), self.find(b)
        if a == b:
            return False
        if self._size[a] < self._size[b]:
            a, b = b, a
        self._parent[b] = a
        self._size[a] += self._size[b]
        return True

    def items(self) -> list[I]:
        """Every item that was seen."""
        return list(self._parent)


def is_surrogate(id_: Id) -> bool:
    """True of an id that was given to a record without a primary identifier."""
    return id_ < 0 if isinstance(id_, int) else id_.startswith("~")


def rank(id_: Id) -> tuple[bool, int, str]:
    """Order in which ids stand for a member: primary identifiers from the smallest, then surrogates from the first."""
    if isinstance(id_, int):
        return id_ < 0, abs(id_), ""
    return (True, int(id_[1:]), "") if id_.startswith("~") else (False, 0, id_)


def components(ids: Iterable[Id], links: Iterable[Link]) -> dict[Id, Id]:
    """Return id → the id of the member that it belongs to."""
    sets: UnionFind[Id] = UnionFind()
    for id_ in ids:
        sets.find(id_)
    for link in links:
        sets.unite(link.a, link.b)
    best: dict[Id, Id] = {}
    for id_ in sets.items():
        root = sets.find(id_)
        if root not in best or rank(id_) < rank(best[root]):
            best[root] = id_
    return {id_: best[sets.find(id_)] for id_ in sets.items()}


def unite(members: Mapping[Id, Id], links: Iterable[Link]) -> tuple[dict[Id, Id], list[Merge]]:
    """Unite members by new links.

    Parameters
    ----------
    members
        Id → member, for every id that the links name, as it was before.
    links
        New links, in the order in which they shall be given as reasons.

    Returns
    -------
    changed
        Member that is no more → the one that it became part of.
    merges
        The same with reasons: the link at which it was absorbed.
    """
    sets: UnionFind[Id] = UnionFind()
    best: dict[Id, Id] = {}
    because: dict[Id, Link] = {}
    for link in links:
        a, b = sets.find(members[link.a]), sets.find(members[link.b])
        first, second = sorted((best.get(a, a), best.get(b, b)), key=rank)
        if sets.unite(a, b):
            best[sets.find(a)] = first
            because[second] = link
    changed = {lost: best[sets.find(lost)] for lost in because}
    merges = [Merge(lost, to, because[lost].kind, because[lost].value) for lost, to in changed.items()]
    return changed, merges
