"""Records with several identifiers, loaded through ingest."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gongbi.catalog.base import SourceDef, SubjectDef
from gongbi.catalog.yaml import read_text
from gongbi.engine.base import Engine
from gongbi.engine.duckdb import DuckDBEngine
from gongbi.identity.run import Identities
from gongbi.sources.run import ingest, undo

NOW = datetime(2024, 5, 1, tzinfo=UTC)
DEFINITIONS = """
subject: customer
key: integer
identifiers: {card: {type: integer, primary: true}, phone: {type: text}, mail: {type: text}}
---
source: calls
from: {file: calls.csv}
fact: call
key: [n]
time: at
subjects: {customer: {identifiers: {card: card, phone: phone, mail: mail}}}
columns: {n: integer}
---
source: orders
from: {file: orders.csv}
fact: order
key: [n]
time: at
subjects: {customer: {identifiers: {card: card}}}
columns: {n: integer}
"""
CALLS, ORDERS = "n,at,card,phone,mail", "n,at,card"


class Loads:
    """The record of loads, as far as ingest needs it."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)

    def start(self, source: str, path: str, **_: Any) -> Any:
        return SimpleNamespace(id=next(self._ids), source=source, path=path, status="loading")

    def __getattr__(self, _name: str) -> Callable[..., Any]:
        return lambda *_a, **_k: SimpleNamespace(status="?")


class Desk:
    def __init__(self, root: Path, engine: Engine) -> None:
        found = read_text(DEFINITIONS)
        self.sources = [d for d in found if isinstance(d, SourceDef)]
        self.subjects = [d for d in found if isinstance(d, SubjectDef)]
        self.root, self.engine, self.loads = root, engine, Loads()
        root.mkdir(exist_ok=True)
        self.write("orders.csv", ORDERS, ["900,2024-01-01,900"])
        self.write("calls.csv", CALLS, ["900,2024-01-01,900,,"])

    def write(self, name: str, header: str, lines: list[str]) -> None:
        (self.root / name).write_text("\n".join([header, *lines]) + "\n")

    def common(self) -> dict[str, Any]:
        resolver = Identities(self.engine, self.sources, self.subjects)
        return {"root": self.root, "zone": "UTC", "now": NOW, "resolver": resolver}

    def ingest(self) -> dict[str, Any]:
        report = ingest(self.engine, self.loads, self.sources, self.subjects, **self.common())
        assert not report.problems, report.problems
        return {load.source: load for load in report.loads}

    def undo(self, load: int) -> None:
        undo(self.engine, self.loads, self.sources, self.subjects, load, **self.common())

    def who(self, fact: str) -> dict[int, int]:
        rows = self.engine.query(f"select n, customer from fact_{fact} where n < 900").to_pylist()
        return {row["n"]: row["customer"] for row in rows}


@pytest.fixture
def desk(tmp_path: Path, engine: Engine) -> Desk:
    return Desk(tmp_path / "desk", engine)


@pytest.mark.slow_on_spark
def test_records_are_united_by_what_they_share_and_a_later_record_joins_two_customers(desk: Desk) -> None:
    desk.write("orders.csv", ORDERS, ["1,2024-01-01,5", "2,2024-01-01,8"])
    desk.write(
        "calls.csv", CALLS, ["1,2024-01-01,8,555,", "2,2024-01-01,,555,", "3,2024-01-01,,,a@b", "4,2024-01-01,,777,"]
    )
    desk.ingest()
    assert desk.who("order") == {1: 5, 2: 8}
    before = desk.who("call")
    assert (before[1], before[2]) == (8, 8)
    assert before[3] < 0
    assert before[4] < 0
    assert before[3] != before[4]
    # A record now carries card 5 and the phone of 8: they are one, and every table says so.
    desk.write("calls2.csv", CALLS, ["5,2024-02-01,5,555,"])
    more = read_text(
        DEFINITIONS.split("---")[1].replace("calls.csv", "calls2.csv").replace("source: calls", "source: more")
    )
    desk.sources += [d for d in more if isinstance(d, SourceDef)]
    load = desk.ingest()["more"]
    assert load.merged == 1
    assert desk.who("order") == {1: 5, 2: 5}
    assert {n: desk.who("call")[n] for n in (1, 2, 5)} == {1: 5, 2: 5, 5: 5}
    assert {n: desk.who("call")[n] for n in (3, 4)} == {n: before[n] for n in (3, 4)}
    merge = desk.engine.query("select * from merge").to_pylist()
    assert [(m["from"], m["to"], m["kind"], m["value"], m["_load"]) for m in merge] == [
        (8, 5, "phone", "555", load.load)
    ]
    assert [
        row["id"] for row in desk.engine.query("select id from member_customer where id in (5, 8)").to_pylist()
    ] == [5]
    # Undone, they part again.
    desk.undo(load.load)
    assert desk.who("order") == {1: 5, 2: 8}
    assert desk.who("call") == before
    assert desk.engine.query("select * from merge").num_rows == 0


def test_a_primary_identifier_alone_needs_no_links(tmp_path: Path, duckdb_engine: Engine) -> None:
    desk = Desk(tmp_path / "desk", duckdb_engine)
    desk.write("orders.csv", ORDERS, [f"{i},2024-01-01,{i % 97}" for i in range(800)])
    desk.ingest()
    assert duckdb_engine.query("select count(distinct customer) as n from fact_order")["n"][0].as_py() == 97
    assert duckdb_engine.query("select * from identifier_link").num_rows == 0


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_order_of_loads_decides_nothing(tmp_path: Path, order: tuple[int, ...]) -> None:
    parts = [["1,2024-01-01,9,555,"], ["2,2024-01-01,,555,a@b"], ["3,2024-01-01,4,,a@b", "4,2024-01-01,,,c@d"]]
    engine = DuckDBEngine(None, threads=1)
    desk = Desk(tmp_path / "desk", engine)
    base = DEFINITIONS.split("---")[1]
    made: list[SourceDef] = []
    for i in order:
        desk.write(f"part{i}.csv", CALLS, parts[i])
        text = base.replace("calls.csv", f"part{i}.csv").replace("source: calls", f"source: part{i}")
        made += [d for d in read_text(text) if isinstance(d, SourceDef)]
        desk.sources = list(made)
        desk.ingest()
    found = desk.who("call")
    assert {n: found[n] for n in (1, 2, 3)} == {1: 4, 2: 4, 3: 4}
    assert found[4] < 0
    engine.close()
