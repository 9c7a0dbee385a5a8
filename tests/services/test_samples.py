"""Masked samples, trials on some members, SQL that stands alone, and what a build would cost."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

import gongbi
from gongbi.catalog.masking import masked
from gongbi.errors import InvalidInput, Refused, UnknownName
from gongbi.services.drafts import DRAFT
from gongbi.workspace import Workspace

sys.path.insert(0, str(Path(__file__).parent))
import phones


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with gongbi.open(phones.build(tmp_path_factory.mktemp("samples") / "ws")) as opened:
        yield opened


@pytest.mark.parametrize(
    ("value", "grade", "shown"),
    [
        ("王小明", "direct", "王**"),
        ("欧阳", "direct", "欧*"),
        ("13812345678", "direct", "138****5678"),
        ("+86 138 1234 5678", "direct", "138****5678"),
        (13812345678, "direct", "138****5678"),
        ("110101199003071234", "direct", "1101**********1234"),
        ("11010119900307123X", "direct", "1101**********123X"),
        ("zhang.san@example.com", "direct", "z***@example.com"),
        ("Alice Liddell", "direct", "A***"),
        ("12", "direct", "***"),
        (True, "direct", "***"),
        ("", "direct", ""),
        (None, "sensitive", None),
        ("anything", "sensitive", "***"),
        (3, "sensitive", "***"),
        ("王小明", "indirect", "王小明"),
        (5, "none", 5),
    ],
)
def test_a_personal_value_is_shown_in_part_or_not_at_all(value: Any, grade: Any, shown: Any) -> None:
    assert masked(value, grade) == shown


def test_a_sample_shows_no_name_no_phone_and_nothing_sensitive(ws: Workspace) -> None:
    columns = [
        "full_name",
        "mobile",
        "faith",
        "town",
        "contact.phone",
        "left(full_name, 2)",
        "length(mobile) > 3",
        "spend.total",
    ]
    found = ws.call("sample", expression="true", columns=columns, limit=100)
    personal = {column["name"]: column["personal"] for column in found["columns"]}
    assert personal == dict(zip(columns, [True, True, True, False, True, True, False, False], strict=True))
    assert len(found["rows"]) == phones.N
    whole = str(found["rows"])
    for card in range(1, phones.N + 1):
        assert phones.called(card) not in whole
        assert phones.phone(card) not in whole
        assert f"138{card:08d}" not in whole
    row = next(row for row in found["rows"] if row["id"] == 3)
    assert (row["full_name"], row["mobile"], row["faith"]) == ("王**", "138****0003", "***")
    assert (row["town"], row["spend.total"]) == (phones.town(3), sum(phones.amounts(3)))
    again = ws.call("sample", expression="true", columns=columns, limit=5)
    assert again["rows"] == found["rows"][:5]


def test_the_usual_columns_of_a_sample_are_attributes_and_the_tags_that_are_named(ws: Workspace) -> None:
    found = ws.call("sample", expression="buyers")
    names = [column["name"] for column in found["columns"]]
    assert names == ["customer.full_name", "customer.mobile", "customer.faith", "customer.town", "spend.total"]
    assert len(found["rows"]) == ws.segment("buyers").count()


@pytest.mark.parametrize(
    "expression", ["buyers", "spend.place <= 3 or customer.faith is absent", "tag.spend.place <= 3", "count(order) = 2"]
)
def test_a_group_as_sql_stands_alone_and_gives_the_same_members(ws: Workspace, expression: str) -> None:
    expression = expression.replace("spend.place <= 3 or", "tag.spend.place <= 3 or")
    sql = ws.call("segment_sql", expression=expression)["sql"]
    assert ws.context is not None
    found = ws.context.engine.query(sql)["id"].to_pylist()
    assert found == ws.segment(expression).members().table["id"].to_pylist()
    assert found


def test_a_tag_as_sql_gives_the_values_of_the_build(ws: Workspace) -> None:
    assert ws.context is not None
    for tag in ("spend.total", "spend.place", "contact.phone"):
        rows = ws.context.engine.query(ws.call("tag_sql", name=tag)["sql"]).to_pylist()
        built = ws.segment("true").members([tag], reveal="to compare").table.to_pylist()
        assert rows == built
    with pytest.raises(UnknownName, match="totel"):
        ws.call("tag_sql", name="spend.totel")


def test_a_trial_is_exact_for_its_members_and_always_takes_the_same_ones(ws: Workspace) -> None:
    spend = {card: sum(phones.amounts(card)) for card in range(1, phones.N + 1)}
    found = ws.call("try_tag", definition={"tag": "new.tag", "expr": "coalesce(sum(order.amount), 0)"}, n=15)
    assert (found["tried"], found["present"]) == (15, 15)
    assert {row["id"]: int(row["value"]) for row in found["rows"]} == {
        row["id"]: spend[row["id"]] for row in found["rows"]
    }
    ranked = ws.call("try_tag", definition={"tag": "new.tag", "expr": "rank(coalesce(sum(order.amount), 0))"}, n=15)
    place = {card: 1 + sum(other > s for other in spend.values()) for card, s in spend.items()}
    assert [row["id"] for row in ranked["rows"]] == [row["id"] for row in found["rows"]]
    assert all(row["value"] == place[row["id"]] for row in ranked["rows"])
    named = ws.call("try_tag", definition={"tag": "new.tag", "expr": "customer.full_name"}, n=3)
    assert all(row["value"].endswith("**") for row in named["rows"])
    group = ws.call("try_segment", expression="sum(order.amount) >= 40", n=15)
    members = [row["id"] for row in found["rows"]]
    assert [row["id"] for row in group["rows"]] == members
    assert (group["holds"], group["unknown"]) == (
        sum(spend[card] >= 40 for card in members),
        sum(not phones.amounts(card) for card in members),
    )
    assert group["low"] <= group["estimate"] <= group["high"]
    whole = ws.call("try_segment", expression="sum(order.amount) >= 40")
    exact = sum(s >= 40 for s in spend.values())
    assert (whole["tried"], whole["estimate"], whole["low"], whole["high"]) == (phones.N, exact, exact, exact)
    with pytest.raises(InvalidInput, match="at least one"):
        ws.call("try_segment", expression="true", n=0)
    assert ws.context is not None
    assert not [table for table in ws.context.engine.tables() if table.startswith("draft_")]


def test_two_trials_at_once_do_not_clash(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ws.context is not None
    engine, both = ws.context.engine, Barrier(2, timeout=60)
    build = engine.build

    def together(plan: Any, table: str, **options: Any) -> int:
        n = build(plan, table, **options)
        both.wait()  # Each has its table now, and reads it only after the other has made its own.
        return n

    monkeypatch.setattr(engine, "build", together)
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(ws.call, "try_segment", expression="sum(order.amount) >= 40", n=n) for n in (5, 15)]
        few, many = (future.result() for future in futures)
    assert (few["tried"], many["tried"]) == (5, 15)
    assert few["rows"] == many["rows"][:5]
    assert not [table for table in engine.tables() if table.startswith(DRAFT)]


def test_a_trial_that_fails_leaves_no_table(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ws.context is not None
    engine = ws.context.engine
    build, made = engine.build, list[str]()

    def broken(plan: Any, table: str, **options: Any) -> int:
        build(plan, table, **options)
        made.append(table)
        raise InvalidInput("Not today.")

    monkeypatch.setattr(engine, "build", broken)
    for verb, asked in (("try_segment", {"expression": "true"}), ("draft_tag", {"tag": "new.tag", "expr": "1"})):
        with pytest.raises(InvalidInput, match="Not today"):
            ws.call(verb, **(asked if verb == "try_segment" else {"definition": asked}))
    assert made
    assert not set(made) & set(engine.tables())


def test_the_cost_of_a_build_names_what_it_reads(ws: Workspace) -> None:
    found = ws.call("build_cost")
    (customer,) = found["subjects"]
    lines = sum(len(phones.amounts(card)) for card in range(1, phones.N + 1))
    assert customer["facts"] == [{"fact": "order", "rows": lines, "tags": 2}]
    assert (customer["tags"], customer["edited"], customer["members"], customer["aggregates"]) == (3, 0, phones.N, 1)
    assert customer["seconds"] > 0
    assert (found["rows"], found["seconds"]) == (lines, customer["seconds"])
    with pytest.raises(UnknownName, match="shop"):
        ws.call("build_cost", subjects=["shop"])


@pytest.mark.parametrize("verb", ["try_tag", "draft_tag"])
def test_what_is_given_by_hand_cannot_be_tried(ws: Workspace, verb: str) -> None:
    with pytest.raises(InvalidInput, match="nothing to try"):
        ws.call(verb, definition={"tag": "new.tag", "maker": {"manual": {"type": "number"}}})


def clear(card: int) -> list[str]:
    """What nobody may see of a customer without a reason."""
    return [phones.called(card), phones.phone(card), f"138{card:08d}"]


def test_one_member_is_shown_masked_in_whatever_is_asked_of_it(ws: Workspace) -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        portrait = ws.customer(7)
        explained = ws.explain("contact.phone", 7)
        behind = portrait.evidence("contact.phone")
        bought = portrait.evidence("spend.total")
    assert all("Masked" in str(one.message) for one in seen)
    for found in (portrait, explained, behind, bought):
        assert not [one for one in clear(7) if one in str(dict(found))]
    assert {one["kind"]: one["value"] for one in portrait["identifiers"]} == {"card": "7", "phone": "138****0007"}
    attributes = {"full_name": "李**", "mobile": "138****0007", "faith": "***", "town": phones.town(7)}
    assert portrait["attributes"] == attributes
    assert portrait.tags["contact.phone"] == explained["value"] == behind["value"] == "138****0007"
    assert explained["steps"][0]["attributes"] == {"mobile": "138****0007"}
    assert portrait.tags["spend.total"] == sum(phones.amounts(7))
    assert [one["code"] for one in explained["warnings"]] == ["masked"]
    (rows,) = (part["table"].to_pylist() for part in bought["parts"])
    assert [(row["amount"], row["consignee"]) for row in rows] == [(a, "李**") for a in reversed(phones.amounts(7))]
    assert {event["consignee"] for event in portrait["timeline"]} == {"李**"}


def test_a_named_person_with_a_reason_sees_one_member_and_is_on_record(ws: Workspace) -> None:
    assert ws.context is not None
    with pytest.raises(InvalidInput, match="needs a reason"):
        ws.explain("contact.phone", 7, reveal=" ")
    for nobody in ("customer", "evidence"):
        more = {"tag": "contact.phone"} if nobody == "evidence" else {}
        with pytest.raises(Refused, match="named person"):
            ws.call_as("local", nobody, id=7, reveal="to look", **more)
    before = len(ws.context.store.audit.list(action="reveal"))
    found = ws.call_as("ana", "explain", tag="contact.phone", id=7, reveal="a complaint")
    assert found["value"] == found["steps"][0]["attributes"]["mobile"] == phones.phone(7)
    shown = ws.call_as("ana", "customer", id=7, reveal="a complaint")
    assert shown["attributes"]["full_name"] == phones.called(7)
    entries = ws.context.store.audit.list(action="reveal")
    assert len(entries) == before + 2
    assert {(one.actor, one.object, one.details["why"]) for one in entries[:2]} == {
        ("ana", "customer 7", "a complaint")
    }


def test_what_is_nobodys_secret_needs_no_record(ws: Workspace) -> None:
    assert ws.context is not None
    before = len(ws.context.store.audit.list(action="reveal"))
    found = ws.call_as("ana", "explain", tag="spend.total", id=4, reveal="out of curiosity")
    assert found["warnings"] == []
    assert len(ws.context.store.audit.list(action="reveal")) == before


#: Question → what it would be broken down by.
BROKEN_DOWN = {
    "drill": {"expression": "true", "by": ["customer.full_name"]},
    "drill by a tag": {"expression": "true", "by": ["spend.total", "contact.phone"]},
    "drill by a part": {"expression": "true", "by": ["substr(customer.full_name, 1, 1)"]},
    "drill by what is sensitive": {"expression": "true", "by": ["customer.faith"]},
    "flows": {"by": "contact.phone", "since": "2024-03-02"},
    "rules": {"fact": "order", "item": "consignee"},
    "rules by an attribute": {"fact": "order", "item": "order.customer.full_name"},
    "next_items": {"fact": "order", "item": "lower(order.consignee)"},
    "paths": {"events": ["order.consignee"]},
}


@pytest.mark.parametrize("question", BROKEN_DOWN)
def test_nothing_is_counted_by_what_must_not_be_shown(ws: Workspace, question: str) -> None:
    with pytest.raises(Refused, match="nothing is counted by its values"):
        ws.call(question.partition(" ")[0], **BROKEN_DOWN[question])


def test_answers_about_groups_leave_out_what_must_not_be_shown(ws: Workspace) -> None:
    group = "customer.town = '上海' and spend.total > 0".replace("spend", "tag.spend")
    insight = ws.call("insight", expression=group, min_support=0)
    assert {"tag": "contact.phone", "code": "personal"}.items() <= insight["left_out"][0].items()
    (phone,) = (one for one in ws.call("tags") if one["tag"] == "contact.phone")
    assert phone["masked"]
    assert {phone[key] for key in ("top", "min", "max", "mean", "histogram")} == {None}
    drafted = {"tag": "contact.name", "expr": "customer.full_name"}
    fields = ws.call("fields")
    assert next(f for f in fields["fields"] if f["name"] == "tag.contact.phone")["values"] == []
    found = [
        insight,
        phone,
        fields,
        ws.call("tags"),
        ws.call("hidden", expression=group, min_support=0),
        ws.call("draft_tag", definition=drafted),
        ws.call("try_tag", definition=drafted),
        ws.call("try_tag", definition={"tag": "contact.code", "expr": "tag.spend.total", "pii": "direct"})["rows"],
        ws.call("waterfall", expression=group),
        ws.call("overlap", segments=["buyers", group]),
        ws.call("funnel", steps=["order", "order"], expression=group),
        ws.call("growth", groups=[group], periods=1),
        ws.call("search", query="phone"),
        ws.call("quality", tag="contact.phone"),
        ws.call("build_cost"),
    ]
    for one in found:
        assert not [value for card in range(1, phones.N + 1) for value in clear(card) if value in str(one)]
    assert {row["value"] for row in found[7]} == {"***"}
    assert len(ws.call("draft_tag", definition={"tag": "a.town", "expr": "customer.town"})["top"]) == 2


def test_a_sample_is_shown_in_the_clear_to_a_named_person_with_a_reason_on_record(ws: Workspace) -> None:
    given = {"expression": "buyers", "columns": ["mobile"], "limit": 3}
    hidden = ws.call("sample", **given)
    assert [one["code"] for one in hidden["warnings"] if one["code"] in ("masked", "revealed")] == ["masked"]
    with pytest.raises(InvalidInput, match="needs a reason"):
        ws.call_as("ana", "sample", **given, reveal=" ")
    with pytest.raises(Refused, match="named person"):
        ws.call_as("local", "sample", **given, reveal="a recall")
    assert ws.context is not None
    before = len(ws.context.store.audit.list(action="reveal"))
    clear = ws.call_as("ana", "sample", **given, reveal="a recall")
    assert [row["mobile"] for row in clear["rows"]] == [phones.phone(row["key"]) for row in clear["rows"]]
    assert [row["mobile"] for row in hidden["rows"]] == [masked(row["mobile"], "direct") for row in clear["rows"]]
    entries = ws.context.store.audit.list(action="reveal")
    assert len(entries) == before + 1
    assert entries[0].details["why"] == "a recall"
