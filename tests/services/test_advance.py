"""A build that starts from an earlier one equals the whole one, whatever was loaded, corrected, undone or merged."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

import gongbi
from gongbi.core.expr import Constant
from gongbi.core.plan import Plan
from gongbi.core.types import INTEGER
from gongbi.engine.duckdb import DuckDBEngine
from gongbi.errors import Refused
from gongbi.services import advance
from gongbi.tags.buckets import bucket_plan, buckets, memory_wanted

TAGS = {
    "m.since": "days_since(max(order.ts))",
    "m.recent": "count(order) filter (where within(7, 'day'))",
    "m.month": "coalesce(sum(order.amount) filter (where this('month')), 0)",
    "m.score": "score(sum(order.amount) / count(order), 3)",
    "m.fruit": "count(order) filter (where item.shelf = 'fruit' and within(20, 'day'))",
    "m.items": "count(distinct order.item)",
    "m.favourite": "mode(order.item)",
    "m.town": "customer.town",
    "m.place": "rank(tag.m.since)",
    "m.new": "first_time(order, 10, 'day')",
    "m.days": "count(day)",
    "m.best": "max(day.total) filter (where within(14, 'day'))",
    "m.daily": "average_daily(order.units, 5)",
}
SOURCES = """source: orders
from: {file: "data/orders*.csv"}
fact: order
key: [order_id]
time: {column: at, zone: Asia/Shanghai}
subjects: {customer: {identifiers: {card: card, phone: phone}}, item: item}
columns:
  amount: {type: money, currency: CNY}
  units: {type: integer, min: 0}
  basket: integer
---
source: cards
from: {file: data/cards.csv}
attributes: customer
key: [card]
id: {identifier: card}
columns: {town: text}
---
source: items
from: {file: data/items.csv}
attributes: item
key: [item]
id: item
columns: {shelf: text}
---
source: days
from: {fact: order, group_by: [basket]}
fact: day
subjects: {customer: customer}
columns: {basket: integer, total: {expr: sum(amount), type: money, currency: CNY}}
"""
SUBJECTS = """subject: customer
name: {zh: 顾客, en: Customer}
key: integer
identifiers: {card: {type: integer, primary: true}, phone: {type: text}}
---
subject: item
key: text
"""


def write(root: Path, name: str, rows: list[dict[str, Any]]) -> None:
    lines = [",".join(rows[0]), *(",".join("" if v is None else str(v) for v in row.values()) for row in rows)]
    (root / "data" / name).write_text("\n".join(lines) + "\n", "utf-8")


def order(drawn: Random, number: int, day: int) -> dict[str, Any]:
    """An order of about a day of March 2024, seldom by phone alone: then a later one with both tells whose it is."""
    card, phone = drawn.randint(10, 17), drawn.choice([None, None, "a", "b"])
    at = datetime(2024, 3, 1, drawn.randint(0, 23), 30) + timedelta(days=day)  # noqa: DTZ001
    return {
        "order_id": number,
        "card": None if phone and drawn.random() < 0.5 else card,
        "phone": phone,
        "item": drawn.choice(["apple", "bread", "cheese"]),
        "at": at.isoformat(),
        "amount": f"{drawn.randint(1, 40) / 2:.2f}",
        "units": drawn.randint(1, 5),
        "basket": number // 2,
    }


class History:
    """A shop whose files change day by day."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root, self.drawn, self.n, self.day = root, Random(seed), 0, 20
        self.files: dict[str, list[dict[str, Any]]] = {}
        (root / "data").joinpath("orders.csv").unlink()
        (root / "definitions" / "sources.yaml").write_text(SOURCES, "utf-8")
        (root / "definitions" / "subjects.yaml").write_text(SUBJECTS, "utf-8")
        tags = "---\n".join(f'tag: {name}\ncategory: 特征/其他\nexpr: "{text}"\n' for name, text in TAGS.items())
        (root / "definitions" / "tags.yaml").write_text(tags, "utf-8")
        (root / "definitions" / "segments.yaml").unlink()
        self.add([self.drawn.randint(0, 19) for _ in range(25)])

    def add(self, days: list[int]) -> None:
        self.n += len(days)
        numbers = range(self.n - len(days), self.n)
        rows = [order(self.drawn, i, day) for i, day in zip(numbers, days, strict=True)]
        self.files[f"orders{len(self.files)}.csv"] = rows
        self.save()

    def save(self) -> None:
        for name, rows in self.files.items():
            write(self.root, name, rows)

    def one_more_day(self) -> None:
        self.day += 1
        self.add([self.day - 1, self.day - 1, self.day - 1])

    def late(self) -> None:
        self.add([self.day - self.drawn.randint(2, 18)])

    def corrected(self) -> None:
        """A file comes again: an order is other than before, one is gone."""
        rows = self.drawn.choice([rows for rows in self.files.values() if len(rows) > 1])
        rows[0] |= {"amount": "77.00", "card": self.drawn.randint(10, 17)}
        rows.pop()
        self.save()

    def again_in_another_file(self) -> None:
        row = self.drawn.choice([row for rows in self.files.values() for row in rows])
        self.files[f"orders{len(self.files)}.csv"] = [row | {"item": "cheese", "units": 9}]
        self.save()

    def described(self) -> None:
        write(self.root, "cards.csv", [{"card": c, "town": f"t{self.drawn.randint(0, 2)}"} for c in range(10, 15)])

    def shelved(self) -> None:
        shelf = self.drawn.choice(["fruit", "dairy"])
        write(self.root, "items.csv", [{"item": "apple", "shelf": "fruit"}, {"item": "cheese", "shelf": shelf}])

    def hours_pass(self) -> None:
        """Only the instant moves."""

    @property
    def as_of(self) -> str:
        return (datetime(2024, 3, 1) + timedelta(days=self.day, hours=self.drawn.randint(0, 5))).isoformat()  # noqa: DTZ001


def cells(ws: gongbi.Workspace, which: int | None = None) -> dict[Any, dict[str, Any]]:
    """The values of a build, by default of the current one."""
    assert ws.context is not None
    builds = ws.context.store.builds
    build = builds.current("customer") if which is None else builds.get(which)
    assert build is not None
    return {row["id"]: row for row in ws.context.engine.query(f"select * from {build.table}").to_pylist()}


def differing(found: dict[Any, dict[str, Any]], wanted: dict[Any, dict[str, Any]]) -> list[Any]:
    assert found.keys() == wanted.keys()
    return [(i, name, found[i][name], v) for i, row in wanted.items() for name, v in row.items() if found[i][name] != v]


def of_customers(report: dict[str, Any]) -> Any:
    return next(built["made"] for built in report["builds"] if built["subject"] == "customer")


STEPS = [
    History.one_more_day, History.late, History.corrected, History.again_in_another_file, History.described,
    History.shelved, History.hours_pass,
]  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 9))])
def test_whatever_comes_an_advanced_build_equals_the_whole_one(
    shop: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advance, "WORN", 1.0 if seed % 4 == 0 else 100.0)
    history = History(shop, seed)
    touched = []
    with gongbi.open(shop, actor="tester") as ws:
        ws.apply()
        ws.ingest()
        ws.build(as_of=history.as_of, full=False)
        for step in history.drawn.sample(STEPS, 3):
            step(history)
            ws.ingest()
            history.day += 1
            as_of, before = history.as_of, cells(ws)
            made = of_customers(ws.build(as_of=as_of, full=False))
            assert made["start"], made
            touched.append(made["touched"])
            found = cells(ws)
            assert not differing(cells(ws, made["start"]), before), "the one before is as it was"
            assert of_customers(ws.build(as_of=as_of, full=True, force=True))["why"] == "asked"
            assert not differing(found, cells(ws)), step
    # Merges may leave two, of whom each buys every day.
    assert min(touched) < len(found) or len(found) < 3, "not everybody is touched every day"


def test_after_an_undo_nobody_knows_whose_rows_went_and_all_is_computed(shop: Path) -> None:
    history = History(shop, 3)
    with gongbi.open(shop, actor="tester") as ws:
        ws.apply()
        history.late()
        last = ws.ingest()["loads"][-1]["load"]
        ws.build(as_of="2024-03-25", full=False)
        ws.call("undo", load=last)
        assert of_customers(ws.build(as_of="2024-03-26", full=False)) == {"start": None, "why": "undone"}


def test_a_new_tag_costs_that_tag_and_no_member_is_touched(built_shop: Path) -> None:
    with gongbi.open(built_shop, actor="tester") as ws:
        ws.build(as_of="2024-03-25", full=False)
        new = "tag: spend.days\ncategory: 特征/其他\nexpr: days_since(max(order.ts))\n"
        (built_shop / "definitions" / "new.yaml").write_text(new, "utf-8")
        ws.apply()
        made = of_customers(ws.build(as_of="2024-03-25", full=False))
        assert made["touched"] == 0
        assert made["everyone"] == {"spend.days": "new"}
        again = of_customers(ws.build(as_of="2024-03-26", full=False))
        assert again["everyone"] == {}, "from then on its state is kept"
        found = cells(ws)
        ws.build(as_of="2024-03-26", full=True, force=True)
        assert not differing(found, cells(ws))


def test_by_itself_a_build_starts_from_an_earlier_one_where_that_is_sooner(
    built_shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with gongbi.open(built_shop, actor="tester") as ws:
        ws.build(as_of="2024-03-25")
        assert of_customers(ws.build(as_of="2024-03-26"))["why"] == "few"
        monkeypatch.setattr(advance, "LEAST", 0)
        made = of_customers(ws.build(as_of="2024-03-27"))
        assert (made["start"] is not None, made["touched"]) == (True, 0)
        assert of_customers(ws.build(as_of="2024-02-27"))["why"] == "first", "nothing is known of the past"
        monkeypatch.setattr(advance, "PAYS", -1)
        assert of_customers(ws.build(as_of="2024-03-28"))["why"] == "most"


def test_a_build_in_buckets_equals_the_one_at_once(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history = History(shop, 5)
    with gongbi.open(shop, actor="tester") as ws:
        ws.apply()
        ws.ingest()
        as_of = history.as_of
        ws.build(as_of=as_of, full=True)
        at_once = cells(ws)
        tables = set(ws.context.engine.tables())
        monkeypatch.setattr(advance, "buckets", lambda *_: 3)
        ws.build(as_of=as_of, full=True, force=True)
        assert cells(ws) == at_once
        # What it worked in is gone.
        assert {name for name in set(ws.context.engine.tables()) - tables if not name.startswith("build_")} == set()


def test_a_build_is_divided_so_that_each_part_fits() -> None:
    columns = {f"t{i}": Constant(i, INTEGER) for i in range(100)}
    wanted = memory_wanted(columns, 1_000_000)
    assert buckets(columns, 1_000_000, None) == 1
    assert buckets(columns, 1_000_000, wanted) == 1
    assert buckets(columns, 1_000_000, wanted // 3) == 4
    assert buckets(columns, 1_000_000, 1) == 256


@pytest.mark.parametrize("n", [1, 3, 7, 256])
def test_every_member_is_in_one_bucket(n: int) -> None:
    engine = DuckDBEngine(None)
    engine.build(Plan().then("ids", "select range as id from range(5000)"), "member_customer")
    parts = [engine.query(bucket_plan("customer", i, n, engine.dialect))["id"].to_pylist() for i in range(n)]
    assert sorted(one for part in parts for one in part) == list(range(5000))
    assert all(parts)
    engine.close()


def test_a_build_that_would_fill_the_disk_is_not_begun(built_shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with gongbi.open(built_shop, actor="tester") as ws:
        before = cells(ws)
        monkeypatch.setattr(type(ws.context.engine), "room", lambda _: 10)
        with pytest.raises(Refused, match=r"may take 0\.0 GB on disk, and 0\.0 GB are free"):
            ws.build(full=True, force=True)
        assert cells(ws) == before
