"""Texts and ties as models: from files to facts, tags and segments, with a card."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import f1_score

import gongbi
from gongbi.catalog.catalog import assemble
from gongbi.catalog.yaml import read_text
from gongbi.errors import GongbiError, InvalidInput, NotYet, UnknownName
from gongbi.folder import init
from gongbi.models import text_labels, texts

BEGIN = datetime(2024, 1, 1, 9)  # noqa: DTZ001  (facts hold UTC without a zone)
DAYS = 120
BURST = 60
SAYINGS = {
    ("物流", "-"): ("快递 物流 包裹 派送 驿站".split(), ["太慢了，很失望", "丢了，气死人"]),
    ("物流", "+"): ("快递 物流 包裹 派送 驿站".split(), ["很快，满意", "准时，谢谢"]),
    ("话费", "-"): ("话费 套餐 流量 账单 扣费".split(), ["乱收，很生气", "不清楚，很失望"]),
    ("话费", "+"): ("话费 套餐 流量 账单 扣费".split(), ["便宜，满意", "讲得明白，很好"]),
}
DEFINITIONS = """
subject: customer
key: integer
---
source: people
from: {file: data/people.csv}
attributes: customer
key: [id]
id: id
columns: {home: text, carrier: text, worth: double}
---
source: tickets
from: {file: data/tickets.csv}
fact: ticket
key: [n]
time: {column: at}
subjects: {customer: customer}
columns: {words: text, kind: text}
---
source: calls
from: {file: data/calls.csv}
relation: calls
key: [a, b]
subjects: {caller: {subject: customer, column: a}, callee: {subject: customer, column: b}}
columns: {minutes: double}
---
model: voice
estimator: texts
name: {zh: 客户之声, en: Voice of the customer}
fact: ticket
text: words
label: kind
horizon_days: 60
holdout_days: 30
most: 4
---
model: ring
estimator: circles
name: {zh: 圈子, en: Circles}
relation: calls
weight: minutes
rival: carrier = 'other'
worth: worth
keys: [home]
---
tag: voice.bad_late
expr: count(voice_said) filter (where sentiment = 'bad' and within(60, 'day'))
---
segment: unhappy
expr: tag.model.voice.negative > 0.5
---
segment: cores
expr: tag.model.ring.role = 'core'
"""


def _written(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as out:
        table = csv.DictWriter(out, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


TICKETS: list[dict[str, Any]] = []
SIGNS: list[str] = []


def _tickets() -> None:
    rng = np.random.default_rng(5)
    kinds = list(SAYINGS)
    for n in range(240):
        kind, sign = kinds[int(rng.integers(4))]
        words, ends = SAYINGS[kind, sign]
        about = "".join(rng.choice(words, 3, replace=False))
        text = f"{about}{ends[int(rng.integers(2))]}{n}"
        at = BEGIN + timedelta(days=DAYS * n / 240)
        TICKETS.append({"n": n, "at": at.isoformat(), "customer": 1 + n % 40, "words": text, "kind": kind})
        SIGNS.append(sign)
    # A last week in which nearly everybody talks of the bill.
    for n in range(240, 240 + BURST):
        words, ends = SAYINGS["话费", "-"]
        text = f"{''.join(rng.choice(words, 3, replace=False))}{ends[n % 2]}{n}"
        at = BEGIN + timedelta(days=DAYS + 6 * (n - 240) / BURST)
        TICKETS.append({"n": n, "at": at.isoformat(), "customer": 1 + n % 40, "words": text, "kind": "话费"})
        SIGNS.append("-")


_tickets()


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A workspace with four circles of ten; in each everybody calls its first member, and one links two."""
    root = tmp_path_factory.mktemp("voice")
    init(root)
    (root / "data").mkdir()
    people = [
        {"id": i, "home": f"路{i // 2}" if i <= 6 else "", "carrier": "other" if i in (2, 3) else "us", "worth": i}
        for i in range(1, 41)
    ]
    _written(root / "data/people.csv", people)
    _written(root / "data/tickets.csv", TICKETS)
    calls = []
    for circle in range(4):
        first = 1 + 10 * circle
        calls += [{"a": first, "b": first + k, "minutes": 10} for k in range(1, 10)]
        calls += [{"a": first + k, "b": first + 1 + k % 9, "minutes": 2} for k in range(1, 10)]
    calls.append({"a": 5, "b": 15, "minutes": 1})
    _written(root / "data/calls.csv", calls)
    (root / "definitions" / "all.yaml").write_text(DEFINITIONS, "utf-8")
    with gongbi.open(root) as opened:
        opened.apply()
        opened.ingest()
        opened.train()
        opened.build()
        yield opened


def _as_of(ws: Any) -> datetime:
    return datetime.fromisoformat(ws.call("model_card", name="voice")["window"]["as_of"]).replace(tzinfo=None)


def said(ws: Any) -> list[dict[str, Any]]:
    """The fact that the model of texts wrote, in the order of time."""
    found: list[dict[str, Any]] = ws.context.engine.query("select * from fact_voice_said order by ts, _row").to_pylist()
    return found


def test_every_text_becomes_a_row_that_tags_can_count_and_no_copy_of_the_text(ws: Any) -> None:
    rows = said(ws)
    assert len(rows) == len(TICKETS)
    assert "words" not in rows[0]
    right = [row["sentiment"] == ("good" if sign == "+" else "bad") for row, sign in zip(rows, SIGNS, strict=True)]
    assert np.mean(right) > 0.95
    assert np.mean([row["label"] == one["kind"] for row, one in zip(rows, TICKETS, strict=True)]) > 0.95
    # Two groups of words, so two topics, and a text is of the topic of its words.
    pairs = {(row["topic"], one["kind"]) for row, one in zip(rows, TICKETS, strict=True)}
    assert len(pairs) == len({topic for topic, _ in pairs})

    end = _as_of(ws)
    counted: dict[int, int] = defaultdict(int)
    for row in rows:
        counted[row["customer"]] += row["sentiment"] == "bad" and row["ts"] >= end - timedelta(days=60)
    found = ws.segment("true").members(["tag.voice.bad_late"]).to_pylist()
    assert {row["id"]: row["tag.voice.bad_late"] for row in found} == counted


def test_a_members_tags_are_of_their_texts_of_the_last_days(ws: Any) -> None:
    rows = said(ws)
    as_of = _as_of(ws)
    tags = [f"tag.model.voice.{name}" for name in ("texts", "negative", "sentiment", "mood", "topic", "label")]
    found = {row["id"]: row for row in ws.segment("true").members(tags).to_pylist()}
    for member in range(1, 41):
        mine = [r for r in rows if r["customer"] == member and r["ts"] >= as_of - timedelta(days=60)]
        got = found[member]
        assert got["tag.model.voice.texts"] == len(mine)
        assert got["tag.model.voice.negative"] == pytest.approx(np.mean([r["sentiment"] == "bad" for r in mine]))
        assert got["tag.model.voice.sentiment"] == mine[-1]["sentiment"]
        assert got["tag.model.voice.label"] == mine[-1]["label"]
        assert got["tag.model.voice.mood"] == next((r["mood"] for r in reversed(mine) if r["mood"]), None)
    unhappy = ws.segment("segment.unhappy").members().column("id").to_pylist()
    assert sorted(unhappy) == sorted(m for m in found if found[m]["tag.model.voice.negative"] > 0.5)


def test_the_card_of_texts_says_how_labels_were_judged_and_why_so_many_topics(ws: Any) -> None:
    card = ws.call("model_card", name="voice")
    judged = card["metrics"]["labels"]
    assert judged["judged_on"] == sum(1 for one in TICKETS if datetime.fromisoformat(one["at"]) >= _late(card))
    assert judged["macro_f1"]["estimate"] > 0.95
    assert card["metrics"]["headline"]["topics"] == 2
    assert "2" in card["metrics"]["sentence"]["zh"]
    assert [one["kind"] for one in card["metrics"]["sections"]] == ["stats", "table", "table"]


def _late(card: Any) -> datetime:
    return datetime.fromisoformat(card["window"]["as_of"]).replace(tzinfo=None) - timedelta(days=30)


def test_macro_f1_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    # Three labels: one that never is, one that is never said, and sometimes something else is said.
    truth, said_ = rng.choice([0, 1], 60), rng.choice([1, 2, 3], 60)
    wanted = f1_score(truth, said_, labels=[0, 1, 2], average="macro", zero_division=0)
    assert text_labels.macro_f1(truth, said_, 3) == pytest.approx(wanted)


def test_hot_topics_are_plain_counts_of_weeks_and_the_burst_of_the_last_is_told(ws: Any) -> None:
    found = ws.call("hot_topics", name="voice")
    zone = ZoneInfo(ws.settings.zone)
    days = [datetime.fromisoformat(one["at"]).replace(tzinfo=UTC).astimezone(zone).date() for one in TICKETS]
    last = max(days)
    # Rows and tickets are in one order, and a topic has one kind.
    kinds = {row["topic"]: one["kind"] for row, one in zip(said(ws), TICKETS, strict=True) if row["topic"]}
    begins = [date.fromisoformat(day) for day in found["periods"]]
    assert begins == [last - timedelta(days=7 * k - 1) for k in range(len(begins), 0, -1)]
    assert begins[0] - timedelta(days=7) < min(days) <= begins[0]
    for topic in found["topics"]:
        counts = [
            sum(
                begin <= day < begin + timedelta(days=7) and one["kind"] == kinds[topic["topic"]]
                for one, day in zip(TICKETS, days, strict=True)
            )
            for begin in begins
        ]
        assert topic["counts"] == counts
        assert topic["now"] == counts[-1]
        usual = sum(counts[-9:-1]) / sum(found["texts"][-9:-1]) * found["texts"][-1]
        assert topic["usual"] == pytest.approx(usual)
        assert topic["level"] > sum(counts[-8:]) / 8
    hot, calm = found["topics"]
    assert (kinds[hot["topic"]], hot["rising"], hot["warned"]) == ("话费", True, True)
    assert (kinds[calm["topic"]], calm["rising"], calm["warned"]) == ("物流", False, False)
    assert (found["bursts"][0]["topic"], found["bursts"][0]["period"]) == (hot["topic"], found["periods"][-1])
    assert sum(found["texts"]) == sum(day >= begins[0] for day in days)


def test_hot_topics_of_other_models_and_over_too_few_periods_are_refused(ws: Any) -> None:
    with pytest.raises(InvalidInput, match="reads no texts"):
        ws.call("hot_topics", name="ring")
    with pytest.raises(NotYet, match="shorter"):
        ws.call("hot_topics", name="voice", days=60)
    with pytest.raises(InvalidInput, match="compared with 2"):
        ws.call("hot_topics", name="voice", past=1)


def test_circles_roles_rivals_referrals_and_households_are_tags(ws: Any) -> None:
    names = ["circle", "size", "role", "rivals", "referral", "household"]
    found = {
        row["id"]: {name: row[f"tag.model.ring.{name}"] for name in names}
        for row in ws.segment("true").members([f"tag.model.ring.{name}" for name in names]).to_pylist()
    }
    for circle in range(4):
        members = range(1 + 10 * circle, 11 + 10 * circle)
        assert len({found[i]["circle"] for i in members}) == 1
        assert {found[i]["size"] for i in members} == {10}
    assert len({row["circle"] for row in found.values()}) == 4
    assert sorted(ws.segment("segment.cores").members().column("id").to_pylist()) == [1, 11, 21, 31]
    assert found[1]["rivals"] == pytest.approx(0.2)
    assert found[11]["rivals"] == 0
    assert found[2]["household"] == found[3]["household"] != found[4]["household"]
    assert found[1]["household"] is None
    # The hub of the worthiest circle refers more than anybody of the first.
    assert found[31]["referral"] > found[1]["referral"] > 0


def test_the_card_of_circles_holds_them_against_chance_and_other_seeds(ws: Any) -> None:
    metrics = ws.call("model_card", name="ring")["metrics"]
    head = metrics["headline"]
    assert head["circles"] == 4
    assert head["modularity"] > head["modularity_by_chance"] + 0.2
    assert head["stability"] == 1
    assert {one["core"] for one in metrics["circles"]} == {"1", "11", "21", "31"}
    drawn = next(one for one in metrics["sections"] if one["kind"] == "network")
    assert [one["size"] for one in drawn["nodes"]] == [10] * 4
    assert len(drawn["links"]) == 1


@pytest.mark.parametrize(
    ("old", "new", "error", "match"),
    [
        ("text: words", "text: nothing", UnknownName, "nothing"),
        ("relation: calls\nweight", "relation: shouts\nweight", UnknownName, "shouts"),
        ("weight: minutes", "weight: hours", UnknownName, "hours"),
        ("worth: worth", "worth: home", GongbiError, "number"),
        ("label: kind", "keys: [home]", GongbiError, "goes with"),
    ],
)
def test_what_a_definition_cannot_say_is_refused(old: str, new: str, error: type[Exception], match: str) -> None:
    assert old in DEFINITIONS
    with pytest.raises(error, match=match):
        assemble(read_text(DEFINITIONS.replace(old, new), "all.yaml"))


def test_too_few_texts_are_no_model(ws: Any) -> None:
    model = ws.context.catalog().model("voice")
    with pytest.raises(InvalidInput, match="50 are the least"):
        texts.learn(model, pa.table({"text": ["好"] * 3}), BEGIN)
