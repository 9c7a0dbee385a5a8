"""Who belongs together: laws over generated records."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from gongbi.identity.base import Id, Link, components, is_surrogate, rank, unite

ids = st.integers(-6, 8)
links = st.lists(st.builds(Link, ids, ids), max_size=15)


def groups(mapping: dict[Id, Id]) -> set[frozenset[Id]]:
    found: dict[Id, set[Id]] = {}
    for id_, member in mapping.items():
        found.setdefault(member, set()).add(id_)
    return {frozenset(group) for group in found.values()}


def closure(among: Iterable[Id], pairs: list[Link]) -> set[frozenset[Id]]:
    """Connected components the slow way."""
    sets = [{id_} for id_ in among]
    for pair in pairs:
        mine = [s for s in sets if pair.a in s or pair.b in s]
        sets = [s for s in sets if s not in mine] + [set().union(*mine)]
    return {frozenset(s) for s in sets}


@given(links)
def test_components_are_what_records_connect(pairs: list[Link]) -> None:
    assert groups(components(range(-6, 9), pairs)) == closure(range(-6, 9), pairs)


@given(links, st.randoms())
def test_the_order_of_records_decides_nothing(pairs: list[Link], random: object) -> None:
    shuffled = sorted(pairs, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert components(range(-6, 9), pairs) == components(range(-6, 9), shuffled)


@given(links)
def test_a_member_is_called_by_its_smallest_primary_identifier(pairs: list[Link]) -> None:
    found = components(range(-6, 9), pairs)
    for group in groups(found):
        primary = [id_ for id_ in group if not is_surrogate(id_)]
        expected = min(primary) if primary else max(group)  # type: ignore[type-var]
        assert {found[id_] for id_ in group} == {expected}


@given(links, st.integers(0, 15))
def test_uniting_load_by_load_gives_what_all_at_once_gives(pairs: list[Link], cut: int) -> None:
    everyone = list(range(-6, 9))
    first = components(everyone, pairs[:cut])
    changed, merges = unite(first, pairs[cut:])
    after = {id_: changed.get(member, member) for id_, member in first.items()}
    assert after == components(everyone, pairs)
    assert {merge.from_: merge.to for merge in merges} == changed


def test_texts_rank_like_numbers() -> None:
    assert sorted(["~10", "b", "~2", "a"], key=rank) == ["a", "b", "~2", "~10"]
