from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import func, select

from gongbi.errors import InvalidInput, Refused, UnknownName
from gongbi.store import Build, Store, TagStats
from gongbi.store.tables import current_builds

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def start(store: Store, subject: str = "customer", **more: Any) -> Build:
    key = {"as_of": NOW, "definitions_fingerprint": "f", "data_version": "d", **more}
    return store.builds.start(subject, now=NOW, table="customer_tags_{id}", **key)


def test_a_build_is_named_by_its_id_and_seen_once_published(store: Store) -> None:
    started = start(store)
    assert (started.table, started.status) == (f"customer_tags_{started.id}", "building")
    assert store.builds.find("customer", NOW, "f", "d") is None
    stats = [TagStats("b", 2, 1.0, minimum="2017-01-01", top=[["x", 2]]), TagStats("a", 1, 0.5, 1, 3, 3, 3.0, [[3, 1]])]
    tags = [{"name": "a", "type": "integer"}]
    published = store.builds.publish(
        started.id, make_current=True, now=NOW, members=2, tags=tags, seconds=0.5, stats=stats
    )
    assert (published.members, published.tags, published.published_at) == (2, tags, NOW)
    assert store.builds.current("customer") == store.builds.find("customer", NOW, "f", "d") == published
    assert store.builds.stats(started.id) == (stats[1], stats[0])


def test_a_build_is_found_by_its_whole_key_only(store: Store) -> None:
    published = store.builds.publish(start(store).id, make_current=False, now=NOW)
    assert store.builds.find("customer", NOW, "f", "d") == published
    assert store.builds.find("customer", NOW + timedelta(microseconds=1), "f", "d") is None
    assert store.builds.find("customer", NOW, "g", "d") is None
    assert store.builds.find("customer", NOW, "f", "e") is None
    assert store.builds.find("account", NOW, "f", "d") is None


def test_the_pointer_moves_only_when_asked_and_can_go_back(store: Store) -> None:
    first = store.builds.publish(start(store).id, make_current=True, now=NOW)
    second = store.builds.publish(start(store).id, make_current=False, now=NOW)
    assert store.builds.current("customer") == first
    store.builds.publish(second.id, make_current=True, now=NOW)
    assert store.builds.current("customer") == second
    again = store.builds.publish(first.id, make_current=True, now=NOW + timedelta(days=1))
    assert store.builds.current("customer") == again == first


def test_a_failed_build_is_never_published(store: Store) -> None:
    failed = store.builds.fail(start(store).id)
    with pytest.raises(Refused, match="is failed; it cannot be published"):
        store.builds.publish(failed.id, make_current=True, now=NOW)
    assert store.builds.current("customer") is None
    with pytest.raises(UnknownName):
        store.builds.get(99)


def test_retention_spares_the_current_build_and_as_many_more_as_asked(store: Store) -> None:
    old = [store.builds.publish(start(store).id, make_current=i == 0, now=NOW).id for i in range(4)]
    failed, unfinished = store.builds.fail(start(store).id).id, start(store).id
    other = store.builds.publish(start(store, "account").id, make_current=False, now=NOW).id
    assert [item.id for item in store.builds.droppable(keep=1)] == [old[1], old[2], failed]
    assert [item.id for item in store.builds.droppable(keep=0)] == [old[1], old[2], old[3], failed, other]
    assert [item.id for item in store.builds.droppable(keep=0, subject="account")] == [other]
    assert unfinished not in {item.id for item in store.builds.droppable(keep=0)}
    with pytest.raises(InvalidInput):
        store.builds.droppable(keep=-1)


def test_dropping_forgets_the_distributions_and_refuses_the_current_build(store: Store) -> None:
    current = store.builds.publish(start(store).id, make_current=True, now=NOW)
    spare = store.builds.publish(start(store).id, make_current=False, now=NOW, stats=[TagStats("a", 0, 0.0)])
    assert store.builds.drop(spare.id).status == "dropped"
    assert store.builds.stats(spare.id) == ()
    with pytest.raises(Refused, match="is the current one of 'customer'"):
        store.builds.drop(current.id)
    assert store.builds.list(subject="customer", status="published") == (current,)


def test_two_threads_that_publish_at_once_leave_one_pointer(store: Store) -> None:
    for _ in range(5):
        pair = [start(store).id, start(store).id]
        ready = Barrier(2)

        def publish(build_id: int, ready: Barrier = ready) -> None:
            ready.wait()
            store.builds.publish(build_id, make_current=True, now=NOW)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(publish, pair))
        current = store.builds.current("customer")
        assert current is not None
        assert current.id in pair
        with store._database.reading() as connection:
            assert connection.scalar(select(func.count()).select_from(current_builds)) == 1
