"""Networks: figures against plain loops, circles that were planted, households, ties to a rival's customers."""

from __future__ import annotations

from collections import deque
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from gongbi.errors import InvalidInput
from gongbi.estimators.graph.circles import Circles, modularity
from gongbi.estimators.graph.louvain import louvain
from gongbi.estimators.graph.network import Network, network
from gongbi.estimators.graph.roles import betweenness, cores, pagerank, roles
from gongbi.estimators.graph.ties import households, referral_value, rivals

EDGES = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=24)


def made(edges: list[tuple[int, int]]) -> tuple[Network, dict[int, set[int]]]:
    """A network and, for the oracle, each member's neighbours."""
    near: dict[int, set[int]] = {}
    for a, b in edges:
        near.setdefault(a, set()), near.setdefault(b, set())
        if a != b:
            near[a].add(b)
            near[b].add(a)
    return network([a for a, _ in edges], [b for _, b in edges]), near


def planted(groups: int = 4, size: int = 8) -> tuple[Network, list[int]]:
    """Full circles in a ring, each with one tie to the next."""
    edges = [(g * size + a, g * size + b) for g in range(groups) for a, b in combinations(range(size), 2)]
    edges += [(g * size, (g + 1) % groups * size + 1) for g in range(groups)]
    return made(edges)[0], [i // size for i in range(groups * size)]


def paths(near: dict[int, set[int]], start: int) -> tuple[dict[int, int], dict[int, float]]:
    """Distance to everybody and how many shortest paths lead there."""
    far, count, waiting = {start: 0}, {start: 1.0}, deque([start])
    while waiting:
        here = waiting.popleft()
        for there in near[here]:
            if there not in far:
                far[there], count[there] = far[here] + 1, 0.0
                waiting.append(there)
            if far[there] == far[here] + 1:
                count[there] += count[here]
    return far, count


@settings(max_examples=40, deadline=None)
@given(EDGES)
def test_betweenness_from_everybody_counts_the_shortest_paths_over_each(edges: list[tuple[int, int]]) -> None:
    net, near = made(edges)
    known = {member: paths(near, member) for member in near}
    expected = dict.fromkeys(near, 0.0)
    for s, t in combinations(sorted(near), 2):
        if t in known[s][0]:
            for v in set(near) - {s, t}:
                if v in known[s][0] and known[s][0][v] + known[v][0].get(t, 99) == known[s][0][t]:
                    expected[v] += known[s][1][v] * known[v][1][t] / known[s][1][t]
    assert np.allclose(betweenness(net, samples=99), [expected[int(i)] for i in net.ids])


@settings(max_examples=40, deadline=None)
@given(EDGES)
def test_a_core_number_is_the_largest_k_that_peeling_leaves_one_in(edges: list[tuple[int, int]]) -> None:
    net, near = made(edges)
    expected = dict.fromkeys(near, 0)
    for k in range(1, 9):
        left = set(near)
        while gone := {v for v in left if len(near[v] & left) < k}:
            left -= gone
        for v in left:
            expected[v] = k
    assert cores(net).tolist() == [expected[int(i)] for i in net.ids]


@settings(max_examples=20, deadline=None)
@given(EDGES)
def test_pagerank_is_what_many_steps_of_the_whole_matrix_lead_to(edges: list[tuple[int, int]]) -> None:
    net, _ = made(edges)
    n, dense = len(net.ids), net.ties.toarray()
    out = dense.sum(axis=0)
    step = np.where(out > 0, dense / np.where(out > 0, out, 1), 1 / n)
    chance = np.full(n, 1 / n)
    for _ in range(300):
        chance = 0.85 * step @ chance + 0.15 / n
    assert np.allclose(pagerank(net), chance, atol=1e-8)


def test_planted_circles_are_found_with_their_core_and_their_bridges() -> None:
    net, truth = planted()
    found = Circles(seed=1).fit(net)
    assert len(set(zip(found.labels_.tolist(), truth, strict=True))) == 4
    assert found.sizes_.tolist() == [8, 8, 8, 8]
    again = clone(found).fit(net)
    assert again.labels_.tolist() == found.labels_.tolist()
    total = net.ties.sum()
    inside = sum(net.ties[i, j] for i in range(32) for j in range(32) if truth[i] == truth[j]) / total
    squares = sum((net.strength[[t == g for t in truth]].sum() / total) ** 2 for g in range(4))
    assert modularity(net, found.labels_) == pytest.approx(inside - squares)
    figures = roles(net, found.labels_)
    # Each circle's first two members hold its ties to the others.
    assert set(np.flatnonzero(figures.between > 0)) == {i for i in range(32) if i % 8 < 2}
    assert figures.titles(found.labels_).count("core") == 4
    assert figures.core.min() == 7


def test_contacts_add_up_both_ways_and_nobody_is_tied_to_themselves() -> None:
    net = network(["a", "b", "c", "d"], ["b", "a", "c", "a"], [1, 2, 5, 0])
    assert net.ids.tolist() == ["a", "b", "c", "d"]
    assert net.ties.toarray().tolist() == [[0, 3, 0, 0], [3, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_who_shares_an_address_or_a_card_lives_together_and_a_dormitory_does_not() -> None:
    address = ["oak 1", "oak 1", None, "dorm", "dorm", "dorm", "dorm", "elm 2", ""]
    card = [None, "x", "x", None, None, None, None, "y", "z"]
    assert households({"address": address, "card": card}, most=3).tolist() == [0, 0, 0, -1, -1, -1, -1, -1, -1]
    with pytest.raises(InvalidInput, match="different lengths"):
        households({"address": address, "card": ["x"]})


def test_referrals_bring_neighbours_and_their_neighbours_but_never_oneself() -> None:
    chain = network([1, 2], [2, 3])
    found = referral_value(chain, [100, 0, 50], chance=0.2, decay=0.5)
    assert found.tolist() == pytest.approx([0.5 * 0.2 * 0.2 * 50, 0.2 * 150, 0.5 * 0.2 * 0.2 * 100])


def test_a_rivals_customers_come_by_how_near_they_are_to_ours() -> None:
    net = network(["a", "a", "r", "s", "s"], ["r", "b", "b", "t", "a"], [5, 1, 1, 9, 1])
    found = rivals(net, np.isin(net.ids, ["r", "s", "t"]), prior=1)
    assert found.ids.tolist() == ["r", "s"]
    assert found.ours.tolist() == [2, 1]
    assert found.closest.tolist() == ["a", "a"]
    assert found.share[0] > found.share[1]


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no ties"):
        network([], [])
    with pytest.raises(InvalidInput, match="0 is the least"):
        network([1], [2], [-1])
    with pytest.raises(InvalidInput, match="2 weights"):
        network([1], [2], [1, 1])
    with pytest.raises(InvalidInput, match="no ties"):
        Circles().fit(network([1], [1]))
    with pytest.raises(InvalidInput, match="resolution"):
        Circles(resolution=0).fit(network([1], [2]))
    with pytest.raises(InvalidInput, match="values"):
        referral_value(network([1], [2]), [1])


def test_louvain_finds_cliques_and_leaves_no_move_that_gains() -> None:
    ring = [(10 * k + i, 10 * k + j) for k in range(6) for i in range(5) for j in range(i)]
    ring += [(10 * k, 10 * ((k + 1) % 6) + 1) for k in range(6)]
    one, other = zip(*ring, strict=True)
    net = network(np.array(one), np.array(other))
    labels = louvain(net, seed=3)
    for a in range(6):
        assert len({int(label) for label, member in zip(labels, net.ids, strict=True) if member // 10 == a}) == 1
    assert len(set(labels.tolist())) == 6
    rng = np.random.default_rng(2)
    mixed = network(rng.integers(0, 40, 160), rng.integers(0, 40, 160), rng.integers(1, 5, 160).astype(float))
    found = louvain(mixed, resolution=1.2, seed=1)
    best = modularity(mixed, found, 1.2)
    assert (louvain(mixed, resolution=1.2, seed=1) == found).all()
    assert best > modularity(mixed, np.arange(len(found)), 1.2)
    # Two communities joined gain nothing: that is when it stops.
    for a in range(int(found.max()) + 1):
        for b in range(a):
            assert modularity(mixed, np.where(found == a, b, found), 1.2) <= best + 1e-9
