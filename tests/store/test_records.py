"""Loads, runs, exports, audit, settings, campaigns and models."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, update

from gongbi.errors import InvalidInput, Refused, SourceProblem, UnknownName
from gongbi.store import HELD_OUT, Assignment, Load, Model, Run, Store
from gongbi.store.tables import audit, campaign_assignments

NOW = datetime(2026, 3, 1, 8, 0, 0, 123456, tzinfo=UTC)


def load(store: Store, path: str = "a.csv", source: str = "orders") -> Load:
    started = store.loads.start(source, path, sha256="0f", size=5_000_000_000, now=NOW, schema={"id": "integer"})
    return store.loads.finish(
        started.id, now=NOW, rows_read=10, rows_good=9, rows_rejected=1, rows_unmatched={"customer": 2}
    )


def test_a_load_comes_back_as_it_was_finished(store: Store) -> None:
    loaded = load(store)
    assert loaded == store.loads.get(loaded.id)
    assert (loaded.bytes, loaded.rows_good, loaded.rows_unmatched) == (5_000_000_000, 9, {"customer": 2})
    assert (loaded.schema, loaded.status, loaded.started_at) == ({"id": "integer"}, "loaded", NOW)


def test_a_path_loaded_again_replaces_the_load_before(store: Store) -> None:
    first, other, second = load(store), load(store, "b.csv"), load(store)
    assert store.loads.get(first.id).status == "replaced"
    assert store.loads.active("orders", "a.csv") == second
    assert [item.id for item in store.loads.active_of("orders")] == [second.id, other.id]
    assert [item.id for item in store.loads.list()] == [second.id, other.id, first.id]


def test_a_failed_load_leaves_the_active_one_alone(store: Store) -> None:
    good = load(store)
    data_version = store.loads.data_version()
    bad = store.loads.start("orders", "a.csv", sha256="1f", size=1, now=NOW)
    failed = store.loads.fail(bad.id, SourceProblem("No such column.").to_json(), NOW)
    assert failed.error is not None
    assert failed.error["code"] == "source_problem"
    assert store.loads.active("orders", "a.csv") == good
    assert store.loads.data_version() == data_version
    with pytest.raises(Refused, match="failed; it cannot become loaded"):
        store.loads.finish(bad.id, now=NOW, rows_read=0, rows_good=0)


def test_undoing_a_load_changes_the_data_version(store: Store) -> None:
    loaded = load(store)
    before = store.loads.data_version()
    assert store.loads.undo(loaded.id).status == "undone"
    assert store.loads.active("orders", "a.csv") is None
    assert store.loads.data_version() != before
    with pytest.raises(UnknownName, match="No load is called '99'"):
        store.loads.get(99)


def run(store: Store, kind: str = "build", owner: str = "one", **more: Any) -> Run:
    return store.runs.start(kind, "customer", actor="ana", owner=owner, now=NOW, **more)


def test_a_run_advances_and_ends(store: Store) -> None:
    started = run(store, params={"as_of": NOW})
    store.runs.advance(started.id, stage="facts", done=1, total=4)
    advanced = store.runs.advance(started.id, done=2)
    assert (advanced.stage, advanced.done, advanced.total, advanced.rows) == ("facts", 2, 4, None)
    done = store.runs.finish(started.id, NOW + timedelta(seconds=90))
    assert (done.status, done.seconds, done.error) == ("done", 90.0, None)
    with pytest.raises(Refused, match="is done, not running"):
        store.runs.advance(started.id, done=3)


def test_what_the_parts_of_a_run_gave_adds_up_and_what_failed_stays_on_a_run_that_is_done(store: Store) -> None:
    started = run(store)
    assert store.runs.note(started.id, rows=2_999_999_999).rows == 2_999_999_999
    torn = {"what": "a.csv", "code": "source_problem", "message": "Torn."}
    store.runs.note(started.id, rows=1, failed=[torn, {**torn, "what": "b.csv"}])
    store.runs.note(started.id, failed=[{**torn, "message": "Still torn."}])
    done = store.runs.finish(started.id, NOW)
    assert (done.status, done.rows) == ("done", 3_000_000_000)
    assert done.error is not None
    assert done.error["message"] == "a.csv: Still torn. b.csv: Torn."
    assert [part["what"] for part in done.error["failed"]] == ["a.csv", "b.csv"]


def test_a_run_asked_to_stop_learns_it_when_it_advances(store: Store) -> None:
    started = run(store)
    store.runs.request_cancel(started.id)
    assert store.runs.advance(started.id, done=1).cancel_requested
    assert store.runs.cancel(started.id, NOW).status == "cancelled"


def test_what_a_dead_owner_left_running_is_interrupted_and_can_be_resumed(store: Store) -> None:
    left, mine, ended = run(store, owner="dead"), run(store, owner="alive"), run(store, owner="dead")
    store.runs.fail(ended.id, {"code": "bug"}, NOW)
    assert [item.id for item in store.runs.mark_interrupted("alive")] == [left.id]
    assert store.runs.mark_interrupted("alive") == ()
    assert store.runs.get(mine.id).status == "running"
    with pytest.raises(Refused, match="is interrupted"):
        store.runs.advance(left.id, done=1)
    assert store.runs.resume(left.id, "alive").owner == "alive"
    assert store.runs.finish(left.id, NOW).status == "done"


def test_runs_are_listed_newest_first_by_what_is_asked(store: Store) -> None:
    parent = run(store, "demo")
    child = run(store, "ingest", parent_id=parent.id)
    assert [item.id for item in store.runs.list()] == [child.id, parent.id]
    assert store.runs.list(kind="ingest", status="running", parent_id=parent.id) == (child,)
    assert store.runs.list(subject="account") == ()
    assert len(store.runs.list(limit=1)) == 1


def test_an_export_says_who_took_what(store: Store) -> None:
    made = store.exports.record(
        actor="ana",
        segment="slipping",
        columns=["id", "标签"],
        rows=12,
        format="csv",
        path="out/a.csv",
        sha256="0f",
        build_ids=[3],
        as_of=NOW,
        now=NOW,
    )
    assert (made.columns, made.build_ids, made.expression) == (["id", "标签"], [3], None)
    assert store.exports.list(actor="ana", segment="slipping") == (made,)
    assert store.exports.list(actor="bo") == ()


def test_an_instant_keeps_its_moment_in_any_zone_and_needs_one(store: Store) -> None:
    shanghai = datetime(2026, 3, 1, 0, 30, 0, 1, tzinfo=ZoneInfo("Asia/Shanghai"))
    entry = store.audit.append(actor="ana", action="look", object="x", now=shanghai)
    assert entry.at == shanghai
    assert entry.at.tzinfo is UTC
    assert entry.at.isoformat() == "2026-02-28T16:30:00.000001+00:00"
    key = {"definitions_fingerprint": "f", "data_version": "d"}
    build = store.builds.start("customer", as_of=shanghai, now=NOW, **key)
    store.builds.publish(build.id, make_current=False, now=shanghai)
    found = store.builds.find("customer", shanghai.astimezone(ZoneInfo("America/New_York")), "f", "d")
    assert found is not None
    assert (found.as_of.isoformat(), found.published_at) == (entry.at.isoformat(), entry.at)
    with pytest.raises(InvalidInput, match="has no time zone"):
        store.audit.append(actor="ana", action="look", object="x", now=datetime(2026, 3, 1))  # noqa: DTZ001
    with pytest.raises(InvalidInput, match="has no time zone"):
        store.settings.set("zone", "UTC", datetime(2026, 3, 1))  # noqa: DTZ001


def three_entries(store: Store) -> None:
    for action in ("apply", "build", "export"):
        store.audit.append(actor="ana", action=action, object="tag:a", now=NOW, details={"x": 1.5, "d": NOW})


def test_an_untouched_trail_verifies(store: Store) -> None:
    assert store.audit.verify().ok
    three_entries(store)
    assert store.audit.verify().entries == 3
    assert [entry.action for entry in store.audit.list(object="tag:a")] == ["export", "build", "apply"]
    head = store.audit.head()
    assert head is not None
    assert store.audit.verify(head=head.hash).ok


@pytest.mark.parametrize("change", [{"actor": "eve"}, {"details": {}}, {"at": NOW + timedelta(microseconds=1)}])
def test_a_changed_entry_shows(store: Store, change: dict[str, Any]) -> None:
    three_entries(store)
    with store._database.transaction() as connection:
        connection.execute(update(audit).where(audit.c.id == 2).values(**change))
    found = store.audit.verify()
    assert (found.ok, found.broken_at, found.reason) == (False, 2, "This entry was changed.")


def test_a_removed_entry_shows_and_a_cut_end_shows_by_a_noted_hash(store: Store) -> None:
    three_entries(store)
    head = store.audit.head()
    assert head is not None
    with store._database.transaction() as connection:
        connection.execute(delete(audit).where(audit.c.id == 3))
    assert store.audit.verify().ok
    assert not store.audit.verify(head=head.hash).ok
    with store._database.transaction() as connection:
        connection.execute(delete(audit).where(audit.c.id == 1))
    assert store.audit.verify().broken_at == 2


def test_settings_keep_json_null_included(store: Store) -> None:
    store.settings.set("zone", "Asia/Shanghai", NOW)
    store.settings.set("zone", "UTC", NOW)
    store.settings.set("limit", None, NOW)
    assert store.settings.all() == {"limit": None, "zone": "UTC"}
    assert store.settings.get("limit", 5) is None
    assert store.settings.get("missing", 5) == 5


def test_a_campaign_run_counts_its_arms_and_forgets_a_customer(store: Store) -> None:
    people = [Assignment(f"c{i}", HELD_OUT if i % 5 == 0 else "offer_a", score=i / 10) for i in range(10)]
    made = store.campaigns.record(
        "spring", people, segment="vips", as_of=NOW, salt="s", actor="ana", now=NOW, figures={"cost": 3}
    )
    assert (made.treated, made.held_out) == (8, 2)
    assert store.campaigns.assignments(made.id) == tuple(people)
    assert [item.customer_id for item in store.campaigns.assignments(made.id, arm=HELD_OUT)] == ["c0", "c5"]
    assert store.campaigns.assignments(made.id, after="c3", limit=2) == tuple(people[4:6])
    assert store.campaigns.of_customer("c5") == ((made, people[5]),)
    assert store.campaigns.erase_customer("c5") == 1
    assert store.campaigns.of_customer("c5") == ()
    assert store.campaigns.set_figures(made.id, {"lift": 0.1}).figures == {"lift": 0.1}
    assert store.campaigns.list(campaign="spring")[0].held_out == 2


def test_a_reason_is_kept_in_both_languages_and_one_of_an_earlier_version_stays_readable(store: Store) -> None:
    both = Assignment("c1", "offer_a", {"zh": "常来", "en": "Comes often"})
    other = Assignment("c2", "offer_a")
    made = store.campaigns.record("spring", [both, other], segment="s", as_of=NOW, salt="s", actor="ana", now=NOW)
    assert store.campaigns.assignments(made.id) == (both, other)
    earlier = campaign_assignments.c.customer_id == "c2"
    with store._database.transaction() as connection:
        connection.execute(update(campaign_assignments).where(earlier).values(reason="Came"))
    assert store.campaigns.of_customer("c2")[0][1].reason == {"zh": "Came", "en": "Came"}


def test_the_same_customer_twice_leaves_no_campaign_run(store: Store) -> None:
    twice = [Assignment("c1", "a"), Assignment("c1", "b")]
    with pytest.raises(InvalidInput, match="one customer twice"):
        store.campaigns.record("spring", twice, segment="s", as_of=NOW, salt="s", actor="ana", now=NOW)
    assert store.campaigns.list() == ()


def model(store: Store, name: str = "churn") -> Model:
    return store.models.register(
        name,
        algorithm="lightgbm",
        trained_at=NOW,
        window={"as_of": ["2017-09-01"]},
        metrics={"auc": 0.7},
        params={},
        artifact_path="m/1",
        artifact_sha256="0f",
    )


def test_a_name_has_one_champion(store: Store) -> None:
    first, second = model(store), model(store)
    assert (first.version, second.version, store.models.champion("churn")) == (1, 2, None)
    store.models.promote("churn", 1)
    store.models.promote("churn", 1)
    champion = store.models.promote("churn", 2)
    assert store.models.champion("churn") == champion
    assert [item.status for item in store.models.list()] == ["champion", "retired"]
    assert store.models.retire("churn", 2).status == "retired"
    with pytest.raises(UnknownName, match="version of model churn"):
        store.models.promote("churn", 3)
    with pytest.raises(UnknownName, match="Did you mean 'churn'"):
        store.models.get("chrn", 1)
