"""What people gave and kept follows members who are united, and parts with them again."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gongbi import workspace
from gongbi.errors import InvalidInput, Refused
from gongbi.store.loads import Loads
from gongbi.workspace import Workspace

DEFINITIONS = """
subject: customer
key: integer
identifiers: {card: {type: integer, primary: true}, phone: {type: text}}
---
source: visits
from: {file: "visits*.csv"}
fact: visit
key: [n]
time: {column: at, zone: UTC}
subjects: {customer: {identifiers: {card: card, phone: phone}}}
columns: {n: integer}
---
tag: care.grade
maker: {manual: {type: text}}
---
tag: outside.score
maker: {imported: {type: number}}
---
tag: visit.count
history: keep
expr: count(visit)
---
tag: visit.changes
expr: count(tag_change)
"""


def visits(root: Path, name: str, *rows: str) -> None:
    (root / name).write_text("\n".join(["n,at,card,phone", *rows]) + "\n", "utf-8")


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    root = workspace.init(tmp_path / "ws", zone="UTC")
    (root / "definitions" / "all.yaml").write_text(DEFINITIONS, "utf-8")
    visits(root, "visits1.csv", "1,2024-01-01,1,", "2,2024-01-02,,A", "3,2024-01-03,2,", "4,2024-01-04,3,")
    with workspace.open(root, actor="ana") as opened:
        opened.apply()
        opened.ingest()
        opened.build()
        yield opened


def seen(ws: Workspace) -> dict[str, Any]:
    """Who is there, with the values that were given, and who is in the list."""
    ws.build(force=True)
    rows = ws.segment("true").members(["tag.care.grade", "tag.outside.score"]).to_pylist()
    values = {row["id"]: (row["tag.care.grade"], row["tag.outside.score"]) for row in rows}
    listed = ws.segment("segment.invited").members()
    assert ws.segment("segment.invited").count() == listed.table.num_rows
    return {"values": values, "listed": listed.table["id"].to_pylist()}


def test_given_values_and_lists_follow_members_who_are_united_and_part_again(ws: Workspace) -> None:
    root = Path(ws.root)
    ws.set_tag("care.grade", 1, "silver", since="2024-01-02")
    ws.set_tag("care.grade", "phone:A", "gold", since="2024-01-03")
    (root / "scores.csv").write_text("phone,score\nA,0.7\n", "utf-8")
    ws.import_tag("outside.score", str(root / "scores.csv"), key="phone", column="score", kind="phone")
    ws.call("save_list", name="invited", values=["A", "1", "2"])
    apart = seen(ws)
    assert apart["values"] == {1: ("silver", None), -1: ("gold", 0.7), 2: (None, None), 3: (None, None)}
    assert apart["listed"] == [-1, 1, 2]
    visits(root, "visits2.csv", "5,2024-01-04,1,A")
    (load,) = (one["load"] for one in ws.ingest()["loads"] if one["outcome"] == "loaded")
    united = seen(ws)
    assert united["values"] == {1: ("gold", 0.7), 2: (None, None), 3: (None, None)}, "the newest value holds"
    assert united["listed"] == [1, 2]
    assert [row["value"] for row in ws.given_values("care.grade", 1)] == ["gold", "silver"]
    ws.undo(load)
    (root / "visits2.csv").unlink()
    assert seen(ws) == apart


def test_the_histories_of_united_members_are_one_and_part_again(ws: Workspace) -> None:
    root = Path(ws.root)

    def told(who: Any) -> list[tuple[str, str, str | None]]:
        rows = ws.history("visit.count", who)["values"]
        return [(row["value"], row["from"][:10], row["to"] and row["to"][:10]) for row in rows]

    def changes() -> dict[Any, int]:
        ws.build(force=True)
        rows = ws.segment("true").members(["tag.visit.changes"]).to_pylist()
        return {row["id"]: row["tag.visit.changes"] for row in rows}

    for day in ("2024-01-02", "2024-01-03"):
        ws.backfill("visit.count", day, day, every="day")
    visits(root, "visits1b.csv", "6,2024-01-03,,A")
    ws.ingest()
    ws.backfill("visit.count", "2024-01-04", "2024-01-04", every="day")
    apart = {who: told(who) for who in (1, -1)}
    assert apart[-1][0][:2] == ("1", "2024-01-03")
    assert changes()[-1] >= 1
    visits(root, "visits2.csv", "5,2024-01-04,1,A")
    (load,) = (one["load"] for one in ws.ingest()["loads"] if one["outcome"] == "loaded")
    united = told(1)
    assert united[0][:2] == apart[1][0][:2]
    assert united == sorted(united, key=lambda row: row[1])
    assert all(a[2] == b[1] for a, b in pairwise(united)), "one value at a time, and none is lost"
    assert told("phone:A") == united
    assert -1 not in changes()
    rows = ws.context.engine.query("select distinct customer from fact_tag_change").to_pylist()  # type: ignore[union-attr]
    assert {row["customer"] for row in rows} <= {1, 2, 3}
    ws.undo(load)
    (root / "visits2.csv").unlink()
    assert told(-1)[: len(apart[-1]) - 1] == apart[-1][:-1]
    rows = ws.context.engine.query("select distinct customer from fact_tag_change").to_pylist()  # type: ignore[union-attr]
    assert -1 in {row["customer"] for row in rows}


def test_a_value_that_was_given_is_taken_back_with_its_load(ws: Workspace) -> None:
    first = ws.set_tag("care.grade", 1, "silver", since="2024-01-02")
    second = ws.set_tag("care.grade", 1, "gold", since="2024-01-03")
    ws.call("save_list", name="invited", values=["1"])
    assert seen(ws)["values"][1][0] == "gold"
    done = ws.undo(second["load"])
    assert done["rows"] == 1
    assert "gongbi build" in done["hint"]["en"]
    assert seen(ws)["values"][1][0] == "silver"
    with pytest.raises(Refused, match="only an active load"):
        ws.undo(second["load"])
    gone = ws.set_tag("care.grade", 1, None, since="2024-01-04")
    with pytest.raises(InvalidInput, match="later instant"):
        ws.set_tag("care.grade", 1, "bronze", since="2024-01-03")
    ws.undo(gone["load"])
    (row,) = ws.given_values("care.grade", 1)
    assert (row["value"], row["valid_to"]) == ("silver", None)
    ws.undo(first["load"])
    assert list(ws.given_values("care.grade", 1)) == []


def test_an_import_that_is_taken_back_lets_the_one_before_hold_again(ws: Workspace) -> None:
    file = Path(ws.root) / "scores.csv"
    loads = []
    for day, rows in ((2, "1,1\n2,2\n"), (3, "1,11\n3,33\n"), (4, "2,222\n")):
        file.write_text(f"card,score\n{rows}", "utf-8")
        asked = {"key": "card", "column": "score", "since": f"2024-01-0{day}"}
        loads.append(ws.import_tag("outside.score", str(file), **asked)["load"])

    def told() -> dict[int, list[Any]]:
        rows = {m: ws.given_values("outside.score", m) for m in (1, 2, 3)}
        return {
            m: [(r["value"], r["valid_from"][8:10], r["valid_to"] and r["valid_to"][8:10]) for r in rows[m]]
            for m in rows
        }

    with pytest.raises(Refused, match="replaced"):
        ws.undo(loads[1])
    assert ws.undo(loads[2])["restored"] == [loads[1]]
    assert told() == {1: [(11, "03", None), (1, "02", "03")], 2: [(2, "02", "03")], 3: [(33, "03", None)]}
    ws.undo(loads[1])
    assert told() == {1: [(1, "02", None)], 2: [(2, "02", None)], 3: []}


def test_acts_taken_back_in_any_order_leave_what_the_others_alone_give(ws: Workspace) -> None:
    rng, start = random.Random(5), datetime(2024, 1, 1, tzinfo=UTC)
    acts: dict[int, tuple[int, str | None, datetime]] = {}
    holds: dict[int, bool] = {}
    for step in range(14):
        member = rng.choice([1, 2])
        value = None if holds.get(member) and rng.random() < 0.3 else f"v{step}"
        at = start + timedelta(hours=step)
        given = ws.set_tag("care.grade", member, value, since=at.isoformat())
        acts[given["load"]], holds[member] = (member, value, at), value is not None
    for gone in rng.sample(sorted(acts), 8):
        ws.undo(gone)
        acts.pop(gone)
        for member in (1, 2):
            mine = [(value, at) for who, value, at in acts.values() if who == member]
            ends = [at for _, at in mine[1:]] + [None]
            expected = [(v, at, end) for (v, at), end in zip(mine, ends, strict=True) if v is not None]
            rows = reversed(ws.given_values("care.grade", member))
            found = [(r["value"], r["valid_from"], r["valid_to"]) for r in rows]
            plain = [(v, *(t and t.isoformat() for t in times)) for v, *times in expected]
            assert found == plain


def test_a_value_whose_process_died_before_it_was_on_record_is_there_and_on_record(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ws.context is not None
    root = Path(ws.root)
    with monkeypatch.context() as dying:
        dying.setattr(Loads, "finish", lambda *_, **__: sys.exit(1))
        with pytest.raises(SystemExit):
            ws.set_tag("care.grade", 1, "gold")
    (load,) = ws.context.store.loads.list(status="loading")
    ws.close()
    with workspace.open(root) as again:
        assert again.context is not None
        assert again.context.store.loads.get(load.id).status == "loaded"
        assert [row["value"] for row in again.given_values("care.grade", 1)] == ["gold"]
