"""A definition goes from draft to review to publication by two people, and never vanishes while it is used."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import gongbi as package
from gongbi.errors import InvalidDefinition, InvalidInput, Refused, UnknownName
from gongbi.testing.shop import FILES, MODEL
from gongbi.workspace import Workspace, init

ORDERS = {"tag": "spend.orders", "expr": "count(order) filter (where within(365, 'day'))"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which the shop's definitions and a model are in force; nothing is loaded."""
    root = init(tmp_path_factory.mktemp("governed") / "shop")
    for name, text in {**FILES, "definitions/model.yaml": MODEL}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


@pytest.fixture
def ws(folder: Path) -> Iterator[Workspace]:
    """The same, forgetting at the end what a test did."""
    (folder / "store.sqlite").unlink(missing_ok=True)
    written = {path: path.read_text("utf-8") for path in folder.glob("definitions/*")}
    settings = (folder / "gongbi.toml").read_text("utf-8")
    with package.open(folder, actor="ana") as ws:
        ws.apply()
        yield ws
    for path in folder.glob("definitions/**/*.yaml"):
        path.unlink()
    for path, text in written.items():
        path.write_text(text, "utf-8")
    (folder / "gongbi.toml").write_text(settings, "utf-8")


def edit(ws: Workspace, name: str, old: str, new: str) -> None:
    path = ws.root / "definitions" / name
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def add(ws: Workspace, name: str, text: str) -> None:
    path = ws.root / "definitions" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def expr_of(ws: Workspace, tag: str) -> str:
    return next(str(t["expr"]) for t in ws.call("tags") if t["tag"] == tag)


def publish(ws: Workspace, definition: dict[str, Any], *, kind: str = "tag") -> None:
    """Ana writes, Bo approves."""
    name = definition["tag"] if kind == "tag" else f"segment.{definition['segment']}"
    ws.call("save_tag", definition=definition, kind=kind, why="asked for")
    ws.call("submit_tag", names=[name])
    ws.call_as("bo", "approve_tag", names=[name], why="fine")


def test_a_draft_changes_nothing_until_another_person_publishes_it(ws: Workspace) -> None:
    saved = ws.call("save_tag", definition=ORDERS, why="only the last year")
    assert (saved["version"], saved["state"], saved["actor"], saved["verified"]) == (2, "draft", "ana", False)
    assert saved["touches"] == ["segment regulars", "model comes_again"]
    assert expr_of(ws, "spend.orders") == "count(order)"
    with pytest.raises(Refused, match="nobody asked to review"):
        ws.call_as("bo", "approve_tag", names=["spend.orders"])
    assert ws.call("submit_tag", names=["spend.*"])[0]["state"] == "review"
    for same in ("ana", " Ana", "ＡＮＡ"):
        with pytest.raises(Refused, match="cannot approve it"):
            ws.call_as(same, "approve_tag", names=["spend.orders"])
    assert expr_of(ws, "spend.orders") == "count(order)"
    ws.call_as("bo", "approve_tag", names=["spend.orders"], why="agreed")
    assert expr_of(ws, "spend.orders") == ORDERS["expr"]
    newest, first = ws.call("tag_versions", name="spend.orders")["versions"]
    assert (first["state"], newest["state"], newest["actor"], newest["why"]) == (
        "replaced",
        "published",
        "ana",
        "only the last year",
    )
    assert [(e["state"], e["actor"], e["why"]) for e in newest["events"]] == [
        ("review", "ana", ""),
        ("published", "bo", "agreed"),
    ]
    trail = ws.context.store.audit.list(object="tag spend.orders")  # type: ignore[union-attr]
    assert [(e.action, e.actor) for e in reversed(trail)] == [("draft", "ana"), ("submit", "ana"), ("publish", "bo")]


def test_nobody_approves_their_own_words_in_another_persons_version(ws: Workspace) -> None:
    ws.call("save_tag", definition=ORDERS)
    spaced = ORDERS | {"expr": str(ORDERS["expr"]).replace(" >", "  >").replace("where", "where ")}
    again = ws.call_as("bo", "save_tag", definition=spaced)
    assert (again["version"], again["actor"]) == (2, "ana"), "blanks make no version"
    ws.call_as("bo", "save_tag", definition=ORDERS | {"owner": "bo"})
    ws.call_as("bo", "submit_tag", names=["spend.orders"])
    for author, match in (("ana", "wrote version 2 .* on which version 3 rests"), ("Bo", "wrote version 3")):
        with pytest.raises(Refused, match=match):
            ws.call_as(author, "approve_tag", names=["spend.orders"])
    ws.call_as("cy", "approve_tag", names=["spend.orders"])
    # What is in force was agreed to: who wrote it then may approve what another makes of it now.
    ws.call_as("bo", "save_tag", definition=ORDERS | {"expr": "count(order) + 2"})
    ws.call_as("bo", "submit_tag", names=["spend.orders"])
    ws.call_as("ana", "approve_tag", names=["spend.orders"])


def test_a_restored_version_is_still_the_work_of_who_wrote_it(ws: Workspace) -> None:
    ws.call("save_tag", definition=ORDERS)
    ws.call_as("bo", "reject_tag", names=["spend.orders"], why="too short")
    ws.call_as("bo", "restore_tag", name="spend.orders", version=2)
    ws.call_as("bo", "submit_tag", names=["spend.orders"])
    with pytest.raises(Refused, match="on which version 3 rests"):
        ws.call("approve_tag", names=["spend.orders"])
    ws.call_as("cy", "approve_tag", names=["spend.orders"])
    publish(ws, ORDERS | {"expr": "count(order) + 1"})
    ws.call_as("cy", "restore_tag", name="spend.orders", version=3)
    ws.call_as("cy", "submit_tag", names=["spend.orders"])
    with pytest.raises(Refused, match="ana wrote version 2"):
        ws.call("approve_tag", names=["spend.orders"])
    ws.call_as("dee", "approve_tag", names=["spend.orders"])


def test_what_was_published_in_the_library_is_not_undone_by_an_old_file(ws: Workspace) -> None:
    publish(ws, ORDERS)
    publish(ws, {"tag": "spend.few", "expr": "tag.spend.orders < 2"})
    again = ws.apply()
    assert (again["changed"], again["retired"]) == ([], [])
    assert {w["code"]: w["tags"] for w in again["warnings"]} == {
        "newer_in_library": ["spend.orders"],
        "not_in_folder": ["spend.few"],
    }
    assert expr_of(ws, "spend.orders") == ORDERS["expr"]
    assert ws.call("pending") == []
    edit(ws, "tags.yaml", "expr: count(order)\n", "expr: count(order) + 1\n")
    assert ws.apply()["changed"] == ["tag spend.orders"]
    assert expr_of(ws, "spend.orders") == "count(order) + 1"


def test_a_reviewed_workspace_makes_drafts_of_a_folder_and_builds_what_was_approved(ws: Workspace) -> None:
    ws.context.governance = {"tags": "reviewed"}  # type: ignore[union-attr]
    edit(ws, "tags.yaml", "expr: count(order)\n", "expr: count(order) + 1\n")
    add(ws, "more.yaml", "tag: spend.odd\nexpr: tag.spend.orders + 1\n---\nsegment: all\nexpr: 'true'\n")
    done = ws.apply()
    assert (done["drafted"], done["added"]) == (["tag spend.odd", "tag spend.orders"], ["segment all"])
    assert expr_of(ws, "spend.orders") == "count(order)"
    assert "spend.odd" not in {t["tag"] for t in ws.call("tags")}
    assert ws.call("pending") == []
    ws.call("submit_tag", names=["spend.*"])
    ws.call_as("bo", "approve_tag", names=["spend.*"])
    assert expr_of(ws, "spend.odd") == "tag.spend.orders + 1"
    assert ws.apply()["unchanged"] == done["unchanged"] + 3
    (ws.root / "definitions/more.yaml").unlink()
    gone = ws.apply()
    assert (gone["retired"], [w["tags"] for w in gone["warnings"]]) == (["segment all"], [["spend.odd"]])


def test_a_rejected_draft_stays_on_record_and_never_comes_into_force(ws: Workspace) -> None:
    ws.call("save_tag", definition=ORDERS)
    with pytest.raises(InvalidInput, match="needs a reason"):
        ws.call_as("bo", "reject_tag", names=["spend.orders"])
    ws.call_as("bo", "reject_tag", names=["spend.orders"], why="a year is too short")
    assert ws.call("drafts") == []
    assert ws.call("tag_versions", name="spend.orders")["versions"][0]["state"] == "rejected"
    assert expr_of(ws, "spend.orders") == "count(order)"
    with pytest.raises(UnknownName, match="No draft is called"):
        ws.call("submit_tag", names=["spend.orders"])


def test_a_draft_that_was_overtaken_is_not_published_over_what_is_newer(ws: Workspace) -> None:
    ws.call("save_tag", definition=ORDERS)
    ws.call("submit_tag", names=["spend.orders"])
    edit(ws, "tags.yaml", "expr: count(order)\n", "expr: count(order) + 1\n")
    ws.apply()
    with pytest.raises(Refused, match="older than version 3 in force"):
        ws.call_as("bo", "approve_tag", names=["spend.orders"])
    assert ws.call("restore_tag", name="spend.orders", version=2)["version"] == 4


@pytest.mark.parametrize("tag", ["spend.orders", "spend.total"])
def test_what_is_used_can_neither_be_retired_nor_be_left_out_of_the_folder(ws: Workspace, tag: str) -> None:
    with pytest.raises(Refused, match=r"in use and cannot go: .*model\.comes_again"):
        ws.call("retire_tag", names=[tag], why="old")
    path = ws.root / "definitions/tags.yaml"
    documents = path.read_text("utf-8").split("---\n")
    path.write_text("---\n".join(d for d in documents if f"tag: {tag}\n" not in d), "utf-8")
    with pytest.raises(Refused, match=r"in use and cannot go: .*model\.comes_again"):
        ws.apply()
    assert tag in {t["tag"] for t in ws.call("tags")}


def test_a_model_that_takes_tags_by_pattern_uses_them_unless_it_leaves_one_out(ws: Workspace) -> None:
    edit(ws, "model.yaml", "features: [spend.total, spend.orders]", "features: [spend.*]")
    ws.apply()
    assert ws.call("tag_impact", name="spend.fruit_share")["users"] == [
        {"kind": "model", "name": "comes_again", "how": ["features (spend.*)"], "users": []}
    ]
    with pytest.raises(Refused, match="in use"):
        ws.call("retire_tag", names=["spend.fruit_share"], why="old")
    edit(ws, "model.yaml", "features: [spend.*]", "features: [spend.*, '!spend.fruit_share']")
    ws.apply()
    ws.call("retire_tag", names=["spend.fruit_share"], why="old")
    again = ws.apply()
    assert [w["tags"] for w in again["warnings"]] == [["spend.fruit_share"]]
    assert "spend.fruit_share" not in {t["tag"] for t in ws.call("tags")}, "the file still has it"
    assert ws.call("restore_tag", name="spend.fruit_share", version=1)["state"] == "draft"


def test_a_change_of_type_names_whom_it_would_break(ws: Workspace) -> None:
    with pytest.raises(InvalidDefinition, match="segment 'regulars' would break") as told:
        ws.call("save_tag", definition={"tag": "spend.orders", "expr": "max(order.item)"})
    assert (
        told.value.hint == "It uses the tag 'spend.orders', which changes from integer to text: change both together."
    )
    edit(ws, "tags.yaml", "expr: count(order)\n", "expr: max(order.item)\n")
    with pytest.raises(InvalidDefinition, match="segment 'regulars' would break") as told:
        ws.apply()
    assert str(told.value.place).endswith("segments.yaml:3:7")


def test_a_baseline_that_would_be_no_number_any_more_keeps_the_change_out(ws: Workspace) -> None:
    edit(ws, "model.yaml", "train:\n", "baseline: spend.total\ntrain:\n")
    ws.apply()
    with pytest.raises(InvalidDefinition, match="model 'comes_again' would break") as told:
        ws.call("save_tag", definition={"tag": "spend.total", "expr": "mode(order.item)"})
    assert "'spend.total', which changes from" in (told.value.hint or "")


def test_impact_reaches_through_models_and_segments(ws: Workspace) -> None:
    add(
        ws,
        "more.yaml",
        "segment: likely\nexpr: tag.model.comes_again > 0.5\n---\nsegment: both\nexpr: segment.likely and true\n",
    )
    ws.apply()
    found = ws.call("tag_impact", name="spend.total")
    assert found["counts"] == {"model": 1, "segment": 2}
    (model,) = found["users"]
    (listed,) = (tag for tag in ws.call("tags") if tag["tag"] == "spend.total")
    assert "model comes_again" in listed["used_by"], "a page names them too, not only the impact"
    assert [(s["name"], [u["name"] for u in s["users"]]) for s in model["users"]] == [("likely", ["both"])]


def test_versions_are_compared_word_by_word_in_both_languages(ws: Workspace) -> None:
    ws.call("save_tag", definition={**ORDERS, "category": "动态特征", "unit": "orders"})
    found = ws.call("tag_diff", name="spend.orders")
    assert (found["old"], found["new"], found["types"]) == (1, 2, {"old": "integer", "new": "integer"})
    by_key = {c["key"]: c for c in found["changes"]}
    assert by_key["expr"]["parts"] == [
        {"mark": "same", "text": "count(order)"},
        {"mark": "added", "text": "filter (where within(365, 'day'))"},
    ]
    assert by_key["category"]["words"] == {
        "zh": "分类：由 消费特征/价值 改为 动态特征。",
        "en": "The category changed from 消费特征/价值 to 动态特征.",
    }
    assert by_key["unit"]["words"]["en"] == "The unit is new: orders."
    assert set(by_key) == {"expr", "category", "unit", "name"}


def test_a_tag_that_has_expired_is_refused_to_newcomers_and_retired_once_nobody_uses_it(ws: Workspace) -> None:
    ws.context.clock = lambda: datetime(2026, 12, 20, tzinfo=UTC)  # type: ignore[union-attr]
    edit(ws, "tags.yaml", "expr: count(order)\n", "expr: count(order)\nexpires: 2027-01-01\n")
    edit(ws, "tags.yaml", "tag: item.buyers\n", "tag: item.buyers\nexpires: 2027-01-01\n")
    assert [(w["code"], w["tags"]) for w in ws.apply()["warnings"]] == [
        ("tag_expires", ["item.buyers"]),
        ("tag_expires", ["spend.orders"]),
    ]
    ws.context.clock = lambda: datetime(2027, 1, 2, tzinfo=UTC)  # type: ignore[union-attr]
    add(ws, "more.yaml", "segment: fresh\nexpr: tag.spend.orders > 3\n")
    with pytest.raises(Refused, match=r"segment 'fresh' uses the tag 'spend\.orders', which expired on"):
        ws.apply()
    (ws.root / "definitions/more.yaml").unlink()
    done = ws.apply()
    assert (done["retired"], [w["code"] for w in done["warnings"]]) == (["tag item.buyers"], ["tag_expired"])
    event = ws.call("tag_versions", name="item.buyers")["versions"][0]["events"][-1]
    assert (event["state"], event["why"]) == ("retired", "It has expired.")
    assert ws.apply()["added"] == [], "its file is still there"


def test_a_build_retires_what_has_expired_and_nothing_uses_unless_it_is_of_the_past(ws: Workspace) -> None:
    ws.ingest()
    ws.context.clock = lambda: datetime(2026, 12, 20, tzinfo=UTC)  # type: ignore[union-attr]
    edit(ws, "tags.yaml", "expr: count(order)\n", "expr: count(order)\nexpires: 2027-01-01\n")
    edit(ws, "tags.yaml", "tag: item.buyers\n", "tag: item.buyers\nexpires: 2027-01-01\n")
    ws.apply()
    assert ws.build()["retired"] == []
    ws.context.clock = lambda: datetime(2027, 1, 2, tzinfo=UTC)  # type: ignore[union-attr]
    assert ws.build(as_of="2024-04-01")["retired"] == []
    done = ws.build()
    assert done["retired"] == ["tag item.buyers"], "spend.orders is in use"
    assert {one["subject"] for one in done["builds"]} == {"customer"}
    assert ws.build()["retired"] == []
    event = ws.call("tag_versions", name="item.buyers")["versions"][0]["events"][-1]
    assert (event["state"], event["why"]) == ("retired", "It has expired.")


def test_unused_tags_are_those_that_no_definition_and_no_file_knows(ws: Workspace) -> None:
    ws.context.clock = lambda: datetime(2040, 1, 1, tzinfo=UTC)  # type: ignore[union-attr]
    assert [t["tag"] for t in ws.call("unused_tags")["tags"]] == ["item.buyers", "spend.fruit_share"]
    ws.context.store.exports.record(  # type: ignore[union-attr]
        actor="ana",
        columns=["id", "spend.fruit_share"],
        rows=1,
        format="csv",
        path="x.csv",
        sha256="0",
        build_ids=[],
        as_of=datetime(2039, 12, 1, tzinfo=UTC),
        now=datetime(2039, 12, 1, tzinfo=UTC),
    )
    assert [t["tag"] for t in ws.call("unused_tags")["tags"]] == ["item.buyers"]
    assert len(ws.call("unused_tags", days=10)["tags"]) == 2
    assert ws.call("unused_tags", days=10**4)["tags"] == []


def test_a_request_goes_from_a_question_to_a_tag_that_is_used(ws: Workspace) -> None:
    with pytest.raises(UnknownName, match="No function"):
        ws.call("add_request", question="Who likes cheese?", expression="coutn(order)")
    asked = ws.call("add_request", question="Who likes cheese?", tag="likes.cheese")
    number = asked["request"]
    assert (asked["state"], asked["asked_by"], asked["use"]) == ("open", "ana", None)
    ws.call("assign_request", request=number, owner="bo")
    with pytest.raises(InvalidInput, match="with a reason"):
        ws.call("close_request", request=number)
    with pytest.raises(Refused, match="is bo's to answer, not ana's"):
        ws.call("answer_request", request=number, tag="item.buyers")
    with pytest.raises(Refused, match="is ana and bo's to close, not cy's"):
        ws.call_as("cy", "close_request", request=number, why="done")
    ws.call("save_tag", definition={"tag": "likes.cheese", "expr": "any(order.item = 'cheese')"})
    answered = ws.call_as("bo", "answer_request", request=number, tag="likes.cheese")
    assert (answered["state"], answered["use"]["in_force"]) == ("answered", False)
    ws.call("submit_tag", names=["likes.cheese"])
    ws.call_as("bo", "approve_tag", names=["likes.cheese"])
    publish(ws, {"segment": "cheesy", "expr": "tag.likes.cheese"}, kind="segment")
    card = ws.call_as("bo", "close_request", request=number) | ws.call("request_card", request=number)
    assert (card["state"], card["use"]["in_force"], card["use"]["users"]) == ("closed", True, ["segment cheesy"])
    assert [(e["action"], e["actor"]) for e in card["events"]] == [
        ("ask", "ana"),
        ("assign", "ana"),
        ("answer", "bo"),
        ("close", "bo"),
    ]
    with pytest.raises(Refused, match="closed already"):
        ws.call("assign_request", request=number, owner="cy")
