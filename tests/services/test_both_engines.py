"""What verbs answer on Spark is what they answer on DuckDB, where they ask the engine in a way of their own.

One small shop on each engine goes through the same story once; the tests compare its parts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import gongbi
from gongbi.testing.comparing import unlike
from gongbi.testing.shop import lay_out, open_for_half_a_year
from gongbi.workspace import Workspace

pytestmark = [pytest.mark.slow, pytest.mark.spark]

DEFINITIONS = """tag: care.grade
maker: {manual: {type: text, names: [gold, silver]}}
---
tag: outside.score
maker: {imported: {type: number}}
---
tag: shop.like
maker: {similarity: {seed: tag.spend.orders >= 4, figures: [tag.spend.total, tag.spend.orders]}}
---
tag: shop.spread
expr: distribution(order.item, order.amount)
type: distribution
---
tag: visit.since
expr: days_since(max(order.ts))
---
tag: visit.recent
expr: count(order) filter (where within(10, 'day'))
---
tag: seen.orders
history: keep
expr: count(order)
---
tag: seen.item
history: monthly
expr: last(order.item)
---
segment: twice
history: keep
expr: tag.seen.orders >= 2
---
worklist: callers
expr: tag.spend.orders >= 3
columns: {tag.spend.total: {zh: 消费, en: Spend}, "max(order.ts)": {zh: 最近, en: Latest}}
order: [tag.spend.total]
by: customer.town
limit: 3
---
grading: buying
types: {planned: {zh: 计划, en: Planned}, occasional: {zh: 随机, en: Occasional}}
first: tag.spend.orders >= 5
volume: tag.spend.total
cuts: [20, 50, 100, 200]
posts: {manager: {zh: 经理, en: Manager}, centre: {zh: 中心, en: Centre}}
care:
  planned: [CENTRE, CENTRE, CENTRE, MANAGER, MANAGER]
  occasional: [CENTRE, CENTRE, CENTRE, MANAGER, MANAGER]
contact: max(order.ts)
period: 60
---
yearbook: year
fact: order
title: {zh: "{year}", en: "{year}"}
streak: week
figures:
  - figure: spend
    expr: sum(order.amount) filter (where during())
    words: {zh: "{value}", en: "{value}"}
    compare: true
charts:
  - {chart: months, name: {zh: 月, en: Months}, expr: sum(order.amount) filter (where during()), unit: CNY}
""".replace("CENTRE", "{post: centre, days: 60}").replace("MANAGER", "{post: manager, days: 14}")
SCORES = "card,score\n10,0.5\n11,high\n99,0.7\n13,2\n13,3\n12,\n"
SPENT = "coalesce(sum(order.amount) filter (where during()), 0)"
#: What no two runs have in common.
OWN = {"at", "created_at", "path", "build", "base_build", "load", "run", "seconds"}


def told(ws: Workspace) -> dict[str, Any]:
    """The story: part → all that was answered."""
    assert ws.context is not None
    ws.apply()
    ws.ingest()
    ws.build(as_of="2024-06-01")
    for id_, value, since in ((10, "silver", 2), (10, "gold", 10), (11, "gold", 10), (11, None, 20)):
        ws.set_tag("care.grade", id_, value, "met", f"2024-05-{since:02}")
    file = ws.root / "scores.csv"
    file.write_text(SCORES, "utf-8")
    imported = ws.import_tag("outside.score", str(file), key="card", column="score", since="2024-05-01")
    second = ws.build(as_of="2024-06-08", full=False)
    made = next(one["made"] for one in second["builds"] if one["subject"] == "customer")
    advanced, quality = cells(ws), [ws.quality(subject="customer")["tags"], ws.quality("spend.orders")["history"]]
    ws.build(as_of="2024-06-08", full=True, force=True)
    # A build that was made in place keeps the ranges of the one before, where an engine can; a whole one cuts anew.
    anew = ws.context.store.builds.current("customer")
    assert anew is not None
    found: dict[str, Any] = {
        "given": {
            "rows": {key: imported[key] for key in ("read", "good", "rejected", "reasons")},
            "kept": [list(ws.given_values(t, id_)) for t, id_ in (("care.grade", 10), ("care.grade", 11))],
            "explained": ws.explain("care.grade", 10)["steps"],
        },
        "advanced": {"made": {**made, "start": None}, "cells": advanced, "whole": cells(ws)},
        "quality": quality,
        "bins": [row["bins"] for row in ws.context.store.builds.quality(anew.id)],
        "stayed": {row["tag"]: row["psi"] for row in ws.quality(subject="customer")["tags"]},
        "grading": [ws.grading("buying"), ws.care("buying", post="manager", limit=None)["table"].to_pylist()],
        "yearbook": [ws.yearbook(15, 2024), ws.yearbook(15, 2023)],
    }
    asked = {"since": "2024-03-01", "until": "2024-05-01"}
    found["flows"] = [
        ws.call("flows", groups=["twice", "count(order) = 1"], **asked),
        ws.call("flows", by="visit.recent", **asked),
        ws.call("growth", groups=["twice", "true"], outcome=SPENT, periods=2, until="2024-06-01"),
        ws.call("success", groups=["true"], outcome=SPENT, start="2024-05-01", end="2024-06-01"),
    ]
    # The middle comes last, and takes its place between the others.
    for day in ("2024-03-01", "2024-05-01", "2024-04-01"):
        ws.backfill("seen.orders", day, day, every="day")
    ws.backfill("segment.twice", "2024-03-01", "2024-05-01")
    changed = (
        f"select * from fact_{kind}_change order by ts, customer, {kind}, {last}"
        for kind, last in (("segment", "change"), ("tag", "new"))
    )
    found["history"] = [
        [ws.history(name, id_) for name in ("seen.orders", "seen.item", "segment.twice") for id_ in (10, 11, 15)],
        [ws.context.engine.query(sql).to_pylist() for sql in changed],
        ws.changes("twice", "2024-03-04", "2024-05-25"),
    ]
    return found | about_groups(ws)


def about_groups(ws: Workspace) -> dict[str, Any]:
    """What is asked of groups and members: part → all that was answered."""
    coast, apples = "customer.town = '上海'", "count(order) filter (where item = 'apple') > 1"
    often = "tag.spend.orders >= 5"
    several = f"tag.spend.orders >= 2 and {coast} and {apples}"
    tag = {"tag": "new.tag", "expr": "rank(sum(order.amount))"}
    kept = ws.call("save_list", name="handed_in", values=["10", "12", " 13", "999"])
    again = ws.call("save_list_of", name="largest", expression=coast, limit=4, order=["spend.total"])
    listed = "segment.handed_in or segment.largest"
    return {
        "groups": [
            ws.call("overlap", segments=[often, coast, apples]),
            ws.call("waterfall", expression=several),
            ws.call("insight", expression=often, base=coast, min_support=0),
            ws.call("drill", expression=often, by=["customer.town", "visit.recent"]),
            ws.call("hidden", expression=often, channel=coast, min_support=1),
        ],
        "lists": [
            {key: kept[key] for key in ("given", "matched", "members", "unmatched")},
            {key: again[key] for key in ("list", "members")},
            *(
                ws.call("members", expression=listed, **how)["table"].to_pylist()
                for how in ({}, {"draw": "a", "limit": 3})
            ),
            ws.worklist("callers")["table"].to_pylist(),
        ],
        "trials": [
            ws.call("sample", expression=coast, limit=5),
            ws.call("try_segment", expression=several, n=12),
            ws.call("try_tag", definition=tag, n=12),
            ws.call("draft_tag", definition=tag),
        ],
        "behind": [
            {**told, "parts": [{**part, "table": part["table"].to_pylist()} for part in told["parts"]]}
            for told in (ws.explain(name, 15) for name in ("shop.like", "visit.recent", "spend.fruit_share"))
        ],
        "alike": ws.call("lookalike", expression=coast, repeats=2, kind="logistic", top=8),
    }


def cells(ws: Workspace) -> dict[Any, dict[str, Any]]:
    """Member → column → value of the build in force."""
    assert ws.context is not None
    build = ws.context.store.builds.current("customer")
    assert build is not None
    return {row["id"]: row for row in ws.context.engine.query(f"select * from {build.table}").to_pylist()}


def without_own(answer: Any) -> Any:
    """An answer without what no two runs have in common."""
    if isinstance(answer, dict):
        return {key: without_own(value) for key, value in answer.items() if key not in OWN}
    return [without_own(value) for value in answer] if isinstance(answer, list | tuple) else answer


@pytest.fixture(scope="module")
def stories(spark_session: object, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Engine → its story."""
    found = {}
    for engine in ("duckdb", "spark"):
        root = lay_out(tmp_path_factory.mktemp(engine) / "shop")
        open_for_half_a_year(root, 30)
        (root / "definitions/learning.yaml").write_text(DEFINITIONS, "utf-8")
        with (root / "gongbi.toml").open("a", encoding="utf-8") as settings:
            settings.write(f'[engine]\nname = "{engine}"\n' + "shuffle_partitions = 2\n" * (engine == "spark"))
        with gongbi.open(root, actor="tester") as ws:
            found[engine] = told(ws)
    return found


PARTS = ("given", "advanced", "quality", "bins", "stayed", "grading", "yearbook", "flows", "history")
PARTS += ("groups", "lists", "trials", "behind", "alike")


@pytest.mark.parametrize("part", PARTS)
def test_spark_answers_as_duckdb_does(stories: dict[str, dict[str, Any]], part: str) -> None:
    found, wanted = (without_own(stories[engine][part]) for engine in ("spark", "duckdb"))
    assert list(unlike(found, wanted)) == []


def test_an_advanced_build_on_spark_is_the_whole_one(stories: dict[str, dict[str, Any]]) -> None:
    story = stories["spark"]["advanced"]
    assert 0 < story["made"]["touched"] < len(story["cells"])
    assert list(unlike(story["cells"], story["whole"])) == []
    assert {psi for psi in stories["spark"]["stayed"].values() if psi is not None} == {0}, "nobody has moved"


def test_the_story_on_spark_has_something_to_tell(stories: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    story = stories["spark"]
    assert story["given"]["rows"] == {
        "read": 6, "good": 2, "rejected": 3, "reasons": {"wrong_type": 1, "unknown_member": 1, "duplicate_key": 1}
    }  # fmt: skip
    graded, due = story["grading"]
    assert sum(cell["members"] > 0 for cell in graded["cells"]) > 4
    assert due
    assert any(row["psi"] for row in story["quality"][0])
    assert story["yearbook"][0]["streak"]["length"] > 1
    assert {row["change"] for row in story["history"][1][0]} >= {"entered"}
    assert len({row["n"] for row in story["flows"][0]["rows"]}) > 1
