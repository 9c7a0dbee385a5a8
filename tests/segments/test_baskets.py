"""Rules between items, beside counting by hand, and beside figures that were published for real invoices."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import combinations, pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongbi.core.plan import Plan
from gongbi.engine import Engine
from gongbi.errors import InvalidInput, UnknownName
from gongbi.segments.baskets.base import rules_of
from gongbi.segments.baskets.run import Totals, following, itemsets, least_count
from gongbi.testing.engine import on_every_engine

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("GONGBI_DATA", ROOT.parent / "shared" / "data")) / "online_retail" / "transactions.parquet"
Baskets = Mapping[tuple[int, int], set[str]]


def laid(baskets: Baskets) -> pa.Table:
    rows = [(m, place, item) for (m, place), items in baskets.items() for item in sorted(items)]
    names = ("_m", "place", "item")
    columns = [pa.array([row[i] for row in rows], pa.string() if i == 2 else pa.int64()) for i in range(3)]
    return pa.table(dict(zip(names, columns, strict=True)))


def counted(baskets: Baskets, size: int, least: int) -> dict[tuple[str, ...], int]:
    found = Counter(c for items in baskets.values() for c in combinations(sorted(items), size))
    return {items: n for items, n in found.items() if n >= least}


BASKETS = st.dictionaries(
    st.tuples(st.integers(1, 4), st.integers(1, 5)), st.sets(st.sampled_from("甲乙cdé"), min_size=1), min_size=1
)


@settings(max_examples=25)
@given(BASKETS, st.integers(1, 3))
def test_frequent_sets_are_those_that_counting_finds(duckdb, baskets: Baskets, least: int) -> None:  # type: ignore[no-untyped-def]
    expected = {k: n for size in (1, 2, 3) for k, n in counted(baskets, size, least).items()}
    duckdb.build(Plan().then("x", "select * from given"), "lines", inputs={"given": laid(baskets)})
    assert itemsets(duckdb, "lines", least, 3) == expected


@pytest.fixture(scope="module")
def duckdb():  # type: ignore[no-untyped-def]
    from gongbi.engine.duckdb import DuckDBEngine

    engine = DuckDBEngine(None, threads=1)
    yield engine
    engine.close()


@pytest.mark.slow_on_spark
@on_every_engine()
def test_engines_find_the_same_sets_and_followers(engine: Engine) -> None:
    baskets = {
        (m, p): {f"it's {(m * p + k * k) % 7}" for k in range(1 + (m + p) % 4)}
        for m in range(12)
        for p in range(1, 2 + m % 5)
    }
    engine.build(Plan().then("x", "select * from given"), "lines", inputs={"given": laid(baskets)})
    assert itemsets(engine, "lines", 2, 3) == {k: n for s in (1, 2, 3) for k, n in counted(baskets, s, 2).items()}
    steps = [(items, baskets[m, p + 1]) for (m, p), items in baskets.items() if (m, p + 1) in baskets]
    rules = {
        (r.given[0], r.then): r for r in following(engine, "lines", Totals(len(baskets), len(steps), 12, 7), least=2)
    }
    pairs = Counter((a, b) for now, later in steps for a in now for b in later)
    assert {key: r.n for key, r in rules.items()} == {key: n for key, n in pairs.items() if n >= 2}
    for (a, b), rule in rules.items():
        with_a, with_b = sum(a in now for now, _ in steps), sum(b in later for _, later in steps)
        assert rule.confidence == rule.n / with_a
        assert rule.lift == pytest.approx(rule.n / with_a / (with_b / len(steps)))


@given(BASKETS)
def test_figures_of_a_rule_are_those_of_the_baskets(baskets: Baskets) -> None:
    counts = {k: n for size in (1, 2, 3) for k, n in counted(baskets, size, 1).items()}
    total = len(baskets)
    for rule in rules_of(counts, total):
        given_ = [items for items in baskets.values() if set(rule.given) <= items]
        hits = [items for items in given_ if rule.then in items]
        usual = sum(rule.then in items for items in baskets.values()) / total
        assert rule.n == len(hits)
        assert rule.support == len(hits) / total
        assert rule.confidence == len(hits) / len(given_)
        assert rule.low - 1e-12 <= rule.confidence <= rule.high + 1e-12
        assert rule.lift == pytest.approx(rule.confidence / usual)
        assert rule.leverage == pytest.approx(rule.support - len(given_) / total * usual)
        if rule.conviction is None:
            assert rule.confidence == 1
        else:
            assert rule.conviction == pytest.approx((1 - usual) / (1 - rule.confidence))
        if rule.improvement is not None:
            simpler = max(counts[tuple(sorted((g, rule.then)))] / counts[g,] for g in rule.given)
            assert rule.improvement == pytest.approx(rule.confidence - simpler)


def test_rules_of_a_group_read_its_rows_only(half_year) -> None:  # type: ignore[no-untyped-def]
    asked = {"fact": "order", "item": "item", "basket": "month(order.ts)", "expression": "often"}
    found = half_year.ws.call("rules", where="order.amount > 5", min_support=0.02, min_confidence=0, largest=3, **asked)
    members = half_year.ids("often")
    baskets: dict[tuple[int, int], set[str]] = defaultdict(set)
    for order in half_year.orders:
        if order.customer in members and order.amount > 5:
            baskets[order.customer, order.ts.month].add(order.item)
    assert found["baskets"] == len(baskets)
    assert found["members"] == len({m for m, _ in baskets})
    assert found["least"] == least_count(0.02, len(baskets))
    counts = {k: n for size in (1, 2, 3) for k, n in counted(baskets, size, found["least"]).items()}
    expected = {(r.given, r.then): r.n for r in rules_of(counts, len(baskets)) if r.lift >= 1}
    assert {(tuple(r["given"]), r["then"]): r["n"] for r in found["rows"]} == expected
    lifts = [row["lift"] for row in found["rows"]]
    assert lifts == sorted(lifts, reverse=True)

    later = half_year.ws.call("next_items", min_support=0.001, min_confidence=0, min_lift=0, **asked)
    every: dict[int, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for order in half_year.orders:
        if order.customer in members:
            every[order.customer][order.ts.month].add(order.item)
    steps = [(a, b) for months in every.values() for a, b in pairwise(months[k] for k in sorted(months))]
    assert later["followed"] == len(steps)
    pairs = Counter((a, b) for now, then in steps for a in now for b in then)
    assert {(r["given"][0], r["then"]): r["n"] for r in later["rows"]} == {k: n for k, n in pairs.items() if n > 1}


def test_what_is_no_basket_is_told(half_year) -> None:  # type: ignore[no-untyped-def]
    ask = half_year.ws.call
    with pytest.raises(UnknownName, match="ordr"):
        ask("rules", fact="ordr", item="item")
    with pytest.raises(InvalidInput, match="2 or 3 items, not 4"):
        ask("rules", fact="order", item="item", largest=4)
    with pytest.raises(InvalidInput, match="`min_support` is a share"):
        ask("rules", fact="order", item="item", min_support=0)
    with pytest.raises(InvalidInput, match="`min_lift` and `limit`"):
        ask("next_items", fact="order", item="item", min_lift=-1)
    assert ask("rules", fact="order", item="item", expression="false")["rows"] == []
    assert [table for table in half_year.ws.context.engine.tables() if table.startswith("draft_")] == []


@pytest.mark.skipif(not DATA.exists(), reason=f"NOT CHECKED with published rules: {DATA} is missing; set GONGBI_DATA.")
def test_rules_of_french_invoices_are_those_that_were_published(duckdb) -> None:  # type: ignore[no-untyped-def]
    """Moffitt (2017), Introduction to Market Basket Analysis in Python, pbpython.com: its table of rules."""
    names = ["InvoiceNo", "Description", "Quantity", "Country"]
    table = pq.read_table(DATA, columns=names, filters=[("Country", "=", "France")])
    sold: dict[str, Counter[str]] = defaultdict(Counter)
    for row in table.to_pylist():
        if "C" not in row["InvoiceNo"]:
            sold[row["InvoiceNo"]][row["Description"].strip()] += row["Quantity"]
    baskets = {(i, 1): {k for k, q in items.items() if q >= 1} for i, items in enumerate(sold.values())}
    assert len(baskets) == 392
    least = least_count(0.07, len(baskets))
    duckdb.build(Plan().then("x", "select * from given"), "invoices", inputs={"given": laid(baskets)})
    sets = itemsets(duckdb, "invoices", least, 2)
    assert sets == {k: n for size in (1, 2) for k, n in counted(baskets, size, least).items()}
    rules = {(rule.given, rule.then): rule for rule in rules_of(sets, len(baskets))}
    clock = "ALARM CLOCK BAKELIKE "
    rule = rules[(f"{clock}GREEN",), f"{clock}RED"]
    figures = (rule.support, rule.confidence, rule.lift, rule.leverage, rule.conviction)
    assert figures == pytest.approx((0.079082, 0.815789, 8.642959, 0.069932, 4.916181), abs=5e-7)
