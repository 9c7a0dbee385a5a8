"""What a model says of a member, in words: on the member's page, when asked why, in a file that is taken away."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gongbi
from gongbi import workspace
from gongbi.catalog.catalog import assemble
from gongbi.catalog.titles import titles_of
from gongbi.catalog.yaml import read_text
from gongbi.core.language import check_condition
from gongbi.core.words import sentence
from gongbi.errors import UnknownName
from gongbi.models import propensity
from gongbi.workspace import Workspace

DEFINITIONS = """
subject: customer
key: integer
---
source: visits
from: {file: visits.csv}
fact: visit
key: [n]
time: {column: at, zone: UTC}
subjects: {customer: customer}
columns: {n: integer, shelf: text}
name: {zh: 到店, en: Visit}
---
tag: visit.count
name: {zh: 到店次数, en: Visits}
unit: trips
expr: count(visit)
---
tag: visit.usual
name: {zh: 常看货架, en: Usual shelf}
expr: mode(visit.shelf)
labels: {A: {zh: 甲架, en: Shelf one}, B: {zh: 乙架, en: Shelf two}}
---
tag: visit.lately
name: {zh: 近两周来过, en: Came lately}
expr: count(visit) filter (where within(14, 'day')) > 0
---
model: comes
estimator: propensity
name: {zh: 会再来, en: Comes again}
target: exists(visit) filter (where ahead(30, 'day'))
features: ["visit.*"]
trend_days: 28
cohorts: 1
score: count(visit) > 2
"""
END = datetime(2024, 9, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    root = tmp_path_factory.mktemp("said") / "ws"
    workspace.init(root, zone="UTC")
    (root / "definitions" / "all.yaml").write_text(DEFINITIONS, "utf-8")
    rng, rows = np.random.default_rng(5), []
    for customer in range(1, 241):
        at, wait = END - timedelta(days=240), float(rng.gamma(1.2, 14)) + 1
        while (at := at + timedelta(days=float(rng.exponential(wait)))) < END:
            rows.append(f"{len(rows)},{at.isoformat()},{customer},{'A' if customer % 2 else 'B'}")
    (root / "visits.csv").write_text("n,at,customer,shelf\n" + "\n".join(rows) + "\n", "utf-8")
    with pytest.MonkeyPatch.context() as patch, gongbi.open(root, actor="tester") as opened:
        patch.setattr(propensity, "SETTINGS", {"usual": {"trees": 20, "learning_rate": 0.1}})
        opened.apply()
        opened.ingest()
        opened.build()
        (done,) = opened.train("comes")
        assert done["scored"] > 200
        yield opened


def one_with(ws: Workspace, trend: str) -> dict[str, Any]:
    """The scores of a member whose chance goes that way, and whose strongest reason is the number of visits."""
    columns = ["model.comes.trend", "model.comes.change", *(f"model.comes.reason_{n}" for n in (1, 2, 3))]
    told = f"tag.model.comes.trend = '{trend}' and tag.model.comes.reason_1 like 'visit.count = %'"
    found = ws.segment(told).members(columns, limit=1).table.to_pylist()
    return dict(found[0])


def test_why_a_chance_is_what_it_is_is_said_by_titles_and_labels_in_both_languages(ws: Workspace) -> None:
    row = one_with(ws, "falling")
    found = ws.explain("model.comes", row["id"])
    going, strongest = found["reasons"][:2]
    points = abs(100 * row["model.comes.change"])
    assert going["zh"].startswith("与 28 天前相比，可能性下降：")
    assert f"{points:.1f} points" in going["en"]
    visits, added = row["model.comes.reason_1"].removeprefix("visit.count = ").removesuffix(")").split(" (")
    by, way = f"{np.exp(abs(float(added))):.2g}", ("升高", "×") if float(added) > 0 else ("降低", "÷")
    assert strongest["zh"] == f"到店次数为 {visits} 次购物：使可能性{way[0]}（几率 {way[1]}{by}）。"
    assert strongest["en"].startswith(f"Visits is {visits} trips: ")
    assert found["said"]["zh"].startswith("由模型「会再来」预测：")
    assert found["steps"][0]["name"] == {"zh": "会再来", "en": "Comes again"}
    some = ws.segment("tag.model.comes is not absent").members(limit=30).table["id"].to_pylist()
    said = [reason["zh"] for one in some for reason in ws.explain("model.comes", one)["reasons"]]
    assert not [text for text in said if "visit." in text]
    assert any(text.startswith("常看货架为 甲架：") for text in said)
    assert any(text.startswith("近两周来过为 否：") for text in said)


def test_the_page_of_a_member_shows_labels_and_sentences(ws: Workspace) -> None:
    row = one_with(ws, "rising")
    tags = {tag["tag"]: tag for tag in ws.customer(row["id"])["tags"]}
    assert tags["model.comes.trend"]["value"] == "rising"
    assert tags["model.comes.trend"]["label"] == {"zh": "上升", "en": "rising"}
    assert tags["model.comes.trend"]["name"] == {"zh": "会再来 · 趋势", "en": "Comes again · trend"}
    assert tags["model.comes.reason_1"]["label"]["zh"].startswith("到店次数为 ")
    assert tags["visit.usual"]["label"]["en"] in ("Shelf one", "Shelf two")
    assert tags["visit.count"]["label"] is None
    assert (tags["model.comes"]["unit"], tags["model.comes.change"]["unit"]) == ("probability", "share")


def test_members_are_taken_away_with_their_reasons_in_words(ws: Workspace, tmp_path: Path) -> None:
    columns = ["model.comes.trend", "model.comes.reason_1"]
    for language, heads, rising in (("zh", ["会再来 · 趋势", "会再来 · 原因1"], "上升"), ("en", None, "rising")):
        path = tmp_path / f"{language}.csv"
        ws.call(
            "export",
            expression="tag.model.comes.trend = 'rising'",
            to=str(path),
            columns=columns,
            headings=language,
        )
        with path.open(encoding="utf-8-sig", newline="") as file:
            head, *rows = list(csv.reader(file))
        assert heads is None or head[1:] == heads
        assert rows
        assert {row[1] for row in rows} == {rising}
        assert not [row for row in rows if "visit." in row[2]]
        assert any("几率 " in row[2] if language == "zh" else "(odds " in row[2] for row in rows)


def test_groups_are_compared_by_where_chances_are_going_and_not_by_single_reasons(ws: Workspace) -> None:
    found = ws.call("insight", expression="tag.visit.usual = 'A'", min_support=0)
    going = {row["label"]: row["base_count"] for row in found["rows"] if row["tag"] == "model.comes.trend"}
    trend = ws.call("model_card", name="comes")["trend"]
    assert {name: going[name] for name in ("rising", "steady", "falling")} == {
        name: trend[name] for name in ("rising", "steady", "falling")
    }
    assert not [one for one in (*found["rows"], *found["left_out"]) if "reason" in one["tag"]]


def test_a_sentence_about_a_group_names_scores_as_people_do() -> None:
    catalog = assemble(read_text(DEFINITIONS), zone="UTC")
    told = check_condition("tag.model.comes.trend >= 'steady'", catalog.world, "customer")
    assert sentence(told, titles_of(catalog), "zh", "") == "标签「会再来 · 趋势」不小于「平稳」"


def test_the_command_line_prints_the_reasons(ws: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    from gongbi.cli.behind import _show_explanation

    found = ws.explain("model.comes.trend", one_with(ws, "rising")["id"])
    _show_explanation(found)
    printed = capsys.readouterr().out
    assert "model.comes.trend = rising (" in printed
    assert found["reasons"][1]["en"] in printed or found["reasons"][1]["zh"] in printed


def test_explaining_says_who_is_not_scored_and_writes_numbers_for_people(
    ws: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    from gongbi.cli.behind import _show_explanation

    found = ws.explain("model.comes", one_with(ws, "rising")["id"])
    _show_explanation(found)
    printed = capsys.readouterr().out
    assert f"model.comes = {found['value']:.4g}\n" in printed
    assert "Foretold by the model Comes again: any Visit within the next 30 days" in printed
    unscored = ws.segment("tag.model.comes is absent").members(limit=1).table["id"].to_pylist()
    _show_explanation(ws.explain("model.comes", unscored[0]))
    printed = capsys.readouterr().out
    assert "model.comes = —\n" in printed
    assert "This member is not scored by it" in printed
    assert "此人不在打分范围内" in printed


def test_a_score_that_is_misspelt_is_met_with_the_nearest_one(ws: Workspace) -> None:
    with pytest.raises(UnknownName, match=r"No tag is called 'model.come'.") as refused:
        ws.explain("model.come", 1)
    assert refused.value.hint == "Did you mean 'model.comes'?"
