"""A small shop in a folder: definitions, files, an engine and a record of loads."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gongbi.catalog.base import Definition, SourceDef, SubjectDef
from gongbi.catalog.yaml import read_text
from gongbi.engine.base import Engine
from gongbi.identity.run import Identities
from gongbi.sources import rejects, run
from gongbi.sources.base import IngestReport, LoadReport

NOW = datetime(2024, 5, 1, tzinfo=UTC)


@dataclass(frozen=True)
class FakeLoad:
    id: int
    source: str
    path: str
    status: str
    told: Mapping[str, Any] = field(default_factory=dict)


class FakeLoads:
    """The record of loads, in memory, with the store's rules about which status follows which."""

    def __init__(self) -> None:
        self.rows: dict[int, FakeLoad] = {}
        self._ids = itertools.count(1)

    def start(self, source: str, path: str, **_told: Any) -> FakeLoad:
        load = FakeLoad(next(self._ids), source, path, "loading")
        self.rows[load.id] = load
        return load

    def finish(self, load_id: int, **told: Any) -> FakeLoad:
        mine = self.rows[load_id]
        for row in list(self.rows.values()):
            if (row.source, row.path, row.status) == (mine.source, mine.path, "loaded"):
                self.rows[row.id] = replace(row, status="replaced")
        return self._move(load_id, "loading", "loaded", told)

    def fail(self, load_id: int, error: Mapping[str, Any], _now: datetime) -> FakeLoad:
        return self._move(load_id, "loading", "failed", error)

    def undo(self, load_id: int) -> FakeLoad:
        return self._move(load_id, "loaded", "undone", {})

    def restore(self, load_id: int) -> FakeLoad:
        return self._move(load_id, "replaced", "loaded", {})

    def get(self, load_id: int) -> FakeLoad:
        return self.rows[load_id]

    def list(self) -> Sequence[FakeLoad]:
        return sorted(self.rows.values(), key=lambda row: -row.id)

    def _move(self, load_id: int, before: str, after: str, told: Mapping[str, Any]) -> FakeLoad:
        assert self.rows[load_id].status == before
        self.rows[load_id] = replace(self.rows[load_id], status=after, told=told)
        return self.rows[load_id]


SUBJECTS = """
subject: customer
key: integer
identifiers: {card: {type: integer, primary: true}, phone: {type: text}}
---
subject: product
key: integer
"""

SALES = """
source: sales
from: {file: "sales*.csv"}
fact: sale
key: [receipt, line]
time: {column: at, zone: Asia/Shanghai}
subjects: {customer: {identifiers: {card: card}}, product: product}
columns:
  receipt: integer
  amount: {type: money, currency: CNY, required: true}
  pieces: {type: integer, min: 0, max: 100}
  paid: {type: boolean}
"""

PRODUCTS = """
source: products
from: {file: products.csv}
attributes: product
key: [product]
id: product
columns: {name: text}
"""

HEADER = "receipt,line,at,card,product,amount,pieces,paid"


class Shop:
    """What a test works with."""

    def __init__(self, root: Path, engine: Engine, *texts: str) -> None:
        self.root, self.engine = root, engine
        self.loads: Any = FakeLoads()
        self.zone = "Asia/Shanghai"
        self.sources: list[SourceDef] = []
        self.subjects: list[SubjectDef] = []
        self.define(*(texts or (SUBJECTS, SALES, PRODUCTS)))

    def define(self, *texts: str) -> None:
        """Take definitions; a later one of the same name takes the place of the earlier."""
        found: list[Definition] = [d for text in texts for d in read_text(text)]
        new = [d for d in found if isinstance(d, SourceDef)]
        self.sources = [s for s in self.sources if s.source not in {n.source for n in new}] + new
        self.subjects += [d for d in found if isinstance(d, SubjectDef)]

    def forget(self, source: str) -> None:
        self.sources = [s for s in self.sources if s.source != source]

    def write(self, name: str, lines: str | Iterable[str], header: str = HEADER, encoding: str = "utf-8") -> Path:
        rows = [lines] if isinstance(lines, str) else list(lines)
        path = self.root / name
        path.write_bytes("".join(f"{line}\n" for line in [header, *rows]).encode(encoding))
        return path

    @property
    def resolver(self) -> Identities:
        return Identities(self.engine, self.sources, self.subjects)

    def ingest(self, **more: Any) -> IngestReport:
        common = {"root": self.root, "zone": self.zone, "now": NOW, "resolver": self.resolver}
        return run.ingest(self.engine, self.loads, self.sources, self.subjects, **{**common, **more})

    def one(self, **more: Any) -> LoadReport:
        """Ingest, where one load is expected to be new."""
        found = [load for load in self.ingest(**more).loads if load.outcome not in ("unchanged", "undone")]
        assert len(found) == 1, found
        return found[0]

    def undo(self, load: int | None) -> run.Undone:
        assert load is not None
        return run.undo(
            self.engine,
            self.loads,
            self.sources,
            self.subjects,
            load,
            root=self.root,
            zone=self.zone,
            now=NOW,
            resolver=self.resolver,
        )

    def repaired(self, source: str, file: Path) -> LoadReport:
        return run.load_repaired(
            self.engine,
            self.loads,
            self.sources,
            self.subjects,
            source,
            file,
            root=self.root,
            zone=self.zone,
            now=NOW,
            resolver=self.resolver,
        )

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in self.engine.query(sql).to_pylist()]

    def reasons(self, load: int | None) -> list[tuple[Any, ...]]:
        """(row, reason, column, value) of a load's rejects."""
        assert load is not None
        found = rejects.rejected_rows(self.engine, load).to_pylist()
        return [(r["_row"], r["reason"], r["column"], r["value"]) for r in found]


def sale(receipt: int, line: int = 1, amount: str = "1.00", card: int | str = 7, product: int = 1) -> str:
    return f"{receipt},{line},2024-03-01 10:00:00,{card},{product},{amount},1,yes"


@pytest.fixture
def shop(tmp_path: Path, duckdb_engine: Engine) -> Shop:
    """A shop on DuckDB."""
    folder = tmp_path / "shop"
    folder.mkdir()
    made = Shop(folder, duckdb_engine)
    made.write("products.csv", ["1,茶", "2,米"], header="product,name")
    made.write("sales.csv", [sale(0, card=1)])
    made.ingest()
    return made


@pytest.fixture
def new_shop(tmp_path: Path, engine: Engine) -> Callable[..., Shop]:
    """Makes a shop on each engine in turn."""

    def make(*texts: str) -> Shop:
        folder = tmp_path / "shop"
        folder.mkdir()
        return Shop(folder, engine, *texts)

    return make
