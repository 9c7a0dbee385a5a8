from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from gongbi.errors import InvalidDefinition, InvalidInput, UnknownName
from gongbi.store import NewDefinition, Store
from gongbi.store.tables import definitions

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def tag(name: str, body: Any = None, file: str | None = None) -> NewDefinition:
    return NewDefinition("tag", name, body if body is not None else {"expr": name}, file)


def test_versions_count_from_one_and_the_last_is_current(store: Store) -> None:
    first = store.definitions.put_all([tag("rfm.recency", {"expr": "a"})], "ana", NOW)
    second = store.definitions.put_all([tag("rfm.recency", {"expr": "b"})], "bo", NOW + timedelta(days=1))
    assert first.added == (("tag", "rfm.recency"),)
    assert second.changed == (("tag", "rfm.recency"),)
    (current,) = store.definitions.current("tag")
    assert (current.version, current.body, current.actor) == (2, {"expr": "b"}, "bo")
    assert [item.version for item in store.definitions.history("tag", "rfm.recency")] == [1, 2]
    assert store.definitions.at_version("tag", "rfm.recency", 1).body == {"expr": "a"}


def test_an_unchanged_body_makes_no_version_though_its_keys_and_file_moved(store: Store) -> None:
    store.definitions.put_all([tag("a", {"x": 1, "y": 2}, "old.yaml")], "ana", NOW)
    applied = store.definitions.put_all([tag("a", {"y": 2, "x": 1}, "new.yaml")], "bo", NOW)
    assert applied.unchanged == (("tag", "a"),)
    assert not applied.anything
    (only,) = store.definitions.history("tag", "a")
    assert (only.file, only.actor) == ("new.yaml", "ana")


def test_what_is_not_mentioned_stays_and_retiring_needs_the_name(store: Store) -> None:
    store.definitions.put_all([tag("a"), tag("b")], "ana", NOW)
    applied = store.definitions.put_all([tag("c")], "ana", NOW, retire=[("tag", "a")])
    assert applied.retired == (("tag", "a"),)
    assert [item.name for item in store.definitions.current()] == ["b", "c"]
    assert store.definitions.history("tag", "a")[0].retired_at == NOW


def test_a_retired_definition_comes_back_as_a_new_version(store: Store) -> None:
    store.definitions.put_all([tag("a")], "ana", NOW)
    store.definitions.retire([("tag", "a")], "ana", NOW)
    assert store.definitions.put_all([tag("a")], "ana", NOW).added == (("tag", "a"),)
    assert store.definitions.get("tag", "a").version == 2


def test_retiring_an_unknown_name_is_refused_and_leaves_nothing_of_the_rest(store: Store) -> None:
    with pytest.raises(UnknownName, match="No tag is called 'b'"):
        store.definitions.put_all([tag("a")], "ana", NOW, retire=[("tag", "b")])
    assert store.definitions.current() == ()


def test_the_same_name_twice_is_refused_with_both_files(store: Store) -> None:
    with pytest.raises(InvalidDefinition, match=r"twice, in one\.yaml and two\.yaml"):
        store.definitions.put_all([tag("a", file="one.yaml"), tag("a", file="two.yaml")], "ana", NOW)
    with pytest.raises(InvalidDefinition, match="both applied and retired"):
        store.definitions.put_all([tag("a")], "ana", NOW, retire=[("tag", "a")])


def test_an_unknown_kind_and_an_empty_name_are_refused() -> None:
    with pytest.raises(InvalidDefinition, match="no kind 'tgg'"):
        NewDefinition("tgg", "a", {})
    with pytest.raises(InvalidDefinition, match="has no name"):
        NewDefinition("tag", " ", {})


def test_a_wrong_name_is_answered_with_the_nearest(store: Store) -> None:
    store.definitions.put_all([tag("rfm.recency")], "ana", NOW)
    with pytest.raises(UnknownName, match=r"Did you mean 'rfm\.recency'"):
        store.definitions.get("tag", "rfm.recncy")
    with pytest.raises(UnknownName, match=r"version of tag rfm\.recency"):
        store.definitions.at_version("tag", "rfm.recency", 7)


def test_what_yaml_reads_as_dates_numbers_and_chinese_survives(store: Store) -> None:
    body = {"name": {"zh": "最近消费得分"}, "until": date(2017, 9, 1), "levels": (1, 2), 5: "five", "none": None}
    store.definitions.put_all([tag("最近", body)], "ana", NOW)
    assert store.definitions.get("tag", "最近").body == {
        "name": {"zh": "最近消费得分"},
        "until": "2017-09-01",
        "levels": [1, 2],
        "5": "five",
        "none": None,
    }
    assert store.definitions.put_all([tag("最近", body)], "ana", NOW).unchanged


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, "\ud800"])
def test_what_json_cannot_hold_is_refused(store: Store, value: object) -> None:
    with pytest.raises(InvalidInput):
        store.definitions.put_all([tag("a", {"value": value})], "ana", NOW)


def test_a_fingerprint_follows_the_bodies_and_not_their_versions(store: Store) -> None:
    empty = store.definitions.fingerprint()
    store.definitions.put_all([tag("a", {"expr": "1"})], "ana", NOW)
    before = store.definitions.fingerprint(["tag", "segment"])
    store.definitions.put_all([NewDefinition("campaign", "spring", {})], "ana", NOW)
    assert store.definitions.fingerprint(["tag", "segment"]) == before
    store.definitions.put_all([tag("a", {"expr": "2"})], "ana", NOW)
    assert store.definitions.fingerprint(["tag", "segment"]) != before
    store.definitions.put_all([tag("a", {"expr": "1"})], "ana", NOW)
    assert store.definitions.fingerprint(["tag", "segment"]) == before
    store.definitions.retire([("tag", "a"), ("campaign", "spring")], "ana", NOW)
    assert store.definitions.fingerprint() == empty


NAMES = st.sampled_from(["a", "b", "B", "标签"])
BODIES = st.dictionaries(st.sampled_from(["x", "y"]), st.integers() | st.text(max_size=3) | st.none(), max_size=2)
# A history: what is applied, and which of the names in use then are retired, a step at a time.
HISTORIES = st.lists(st.tuples(st.dictionaries(NAMES, BODIES, max_size=3), st.sets(NAMES, max_size=2)), max_size=6)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=HISTORIES)
def test_any_history_ends_where_a_dictionary_would(store: Store, history: list[Any]) -> None:
    with store._database.transaction() as connection:
        connection.execute(delete(definitions))
    model: dict[str, Any] = {}
    versions: dict[str, int] = {}
    for bodies, leaving in history:
        leaving = leaving & (model.keys() - bodies.keys())
        retire = [("tag", name) for name in leaving]
        applied = store.definitions.put_all([tag(n, b) for n, b in bodies.items()], "ana", NOW, retire=retire)
        assert {key.name for key in applied.added} == bodies.keys() - model.keys()
        assert {key.name for key in applied.unchanged} == {n for n, b in bodies.items() if model.get(n) == b}
        for key in (*applied.added, *applied.changed):
            versions[key.name] = versions.get(key.name, 0) + 1
        model = {name: body for name, body in (model | bodies).items() if name not in leaving}
        assert {item.name: item.body for item in store.definitions.current()} == model
    for name, count in versions.items():
        assert [item.version for item in store.definitions.history("tag", name)] == list(range(1, count + 1))
