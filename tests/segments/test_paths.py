"""Funnels and paths beside walking through each member's rows in plain Python."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median

import pyarrow as pa
import pytest

from gongbi.core.compiler import Request
from gongbi.core.expr import FactColumn
from gongbi.core.language import check_condition
from gongbi.core.plan import Plan
from gongbi.core.rows import row_condition
from gongbi.core.types import INTEGER, TEXT, TIMESTAMP
from gongbi.core.world import FactShape, SubjectShape, World
from gongbi.engine import Engine
from gongbi.errors import InvalidInput, UnknownName
from gongbi.segments.paths.plan import Event, funnel_plan, paths_plan
from gongbi.testing.engine import on_every_engine

START = datetime(2024, 3, 1, tzinfo=UTC)
END = START + timedelta(days=100)
WORLD = World(
    {"customer": SubjectShape("customer", INTEGER)},
    {"step": FactShape("step", "fact_step", {"kind": TEXT}, {"customer": INTEGER})},
)


def rows() -> list[tuple[int, datetime, str]]:
    """Twenty members walk about; some rows share an instant."""
    found = []
    for m in range(20):
        for k in range(m % 9):
            hours = (m * 37 + k * k * 11) % 60
            found.append((m, START + timedelta(hours=hours), "abcd"[(m * k + k // 2) % 4]))
    return sorted(found)


def load(engine: Engine) -> None:
    table = rows()
    naive = [at.replace(tzinfo=None) for _, at, _ in table]
    members = {"id": pa.array(range(20), pa.int64()), "known_from": pa.array([None] * 20, pa.timestamp("us"))}
    facts = {
        "customer": pa.array([m for m, _, _ in table], pa.int64()),
        "ts": pa.array(naive, pa.timestamp("us")),
        "kind": pa.array([kind for *_, kind in table], pa.string()),
    }
    for name, columns in (("member_customer", members), ("fact_step", facts)):
        engine.build(Plan().then("x", "select * from given"), name, inputs={"given": pa.table(columns)})


def walks() -> dict[int, list[tuple[datetime, str]]]:
    found: dict[int, list[tuple[datetime, str]]] = defaultdict(list)
    for m, at, kind in rows():
        found[m].append((at, kind))
    return found


def reached(walk: list[tuple[datetime, str]], steps: str, within: timedelta | None) -> list[datetime]:
    """The longest way along the steps, by trying every beginning."""
    best: list[datetime] = []
    for first, kind in walk:
        if kind != steps[0]:
            continue
        way = [first]
        for step in steps[1:]:
            later = [at for at, k in walk if k == step and at > way[-1] and (within is None or at < first + within)]
            if not later:
                break
            way.append(min(later))
        best = max(best, way, key=len)
    return best


@pytest.mark.slow_on_spark
@on_every_engine()
def test_a_funnel_counts_the_furthest_that_each_member_comes(engine: Engine) -> None:
    load(engine)
    ts = FactColumn("step", "ts", TIMESTAMP)
    group = Request("customer", {}, END, {}, where=check_condition("customer.id % 3 > 0", WORLD, "customer"))
    for steps, within in (("abc", None), ("dab", timedelta(hours=20)), ("aa", timedelta(hours=30))):
        events = [
            Event(k, "step", {"ts": ts}, row_condition("step", f"kind = '{k}'", WORLD, "customer")) for k in steps
        ]
        (found,) = engine.query(funnel_plan(group, events, WORLD, engine.dialect, within=within)).to_pylist()
        ways = [reached(walk, steps, within) for m, walk in walks().items() if m % 3]
        assert found["n"] == sum(m % 3 > 0 for m in range(20))
        for i in range(len(steps)):
            there = [way for way in ways if len(way) > i]
            assert found[f"n_{i}"] == len(there), (steps, i)
            if i and there:
                middle = median((way[i] - way[i - 1]).total_seconds() for way in there)
                assert float(found[f"mid_{i}"]) == pytest.approx(middle)


def went(walk: list[tuple[datetime, str]], start: str | None, end: str | None, gap: timedelta | None) -> list[str]:
    kept = [
        walk[i]
        for i in range(len(walk))
        if not i or walk[i][1] != walk[i - 1][1] or (gap is not None and walk[i][0] >= walk[i - 1][0] + gap)
    ]
    if end is not None:
        kept.reverse()
    anchor = start or end
    places = [i for i, (_, kind) in enumerate(kept) if anchor in (None, kind)]
    if not places:
        return []
    kept = kept[places[0] :][:3]
    cut = next((i for i, (a, b) in enumerate(pairwise(kept), 1) if gap and abs(b[0] - a[0]) >= gap), len(kept))
    path = [kind for _, kind in kept[:cut]]
    return path if end is None else path[::-1]


@pytest.mark.slow_on_spark
@on_every_engine()
def test_paths_are_those_that_members_walked(engine: Engine) -> None:
    load(engine)
    columns = {"ts": FactColumn("step", "ts", TIMESTAMP), "label": FactColumn("step", "kind", TEXT)}
    group = Request("customer", {}, END, {}, where=check_condition("true", WORLD, "customer"))
    for start, end, gap in ((None, None, None), ("b", None, timedelta(hours=12)), (None, "c", timedelta(hours=9))):
        plan = paths_plan(
            group,
            [Event("step", "step", columns)],
            WORLD,
            engine.dialect,
            depth=3,
            start=start,
            end=end,
            labels=9,
            gap=gap,
        )
        found: Counter[tuple[str, ...]] = Counter()
        for row in engine.query(plan).to_pylist():
            path = tuple(row[f"s{k}"] for k in range(3) if row[f"s{k}"] is not None)
            found[path if end is None else path[::-1]] += row["n"]
        expected = Counter(tuple(path) for walk in walks().values() if (path := went(walk, start, end, gap)))
        assert found == expected, (start, end, gap)


def test_a_funnel_of_a_group_tells_rates_and_times(half_year) -> None:  # type: ignore[no-untyped-def]
    steps = ["apple => order: order.item = 'apple'", "order: order.item = 'cheese'"]
    found = half_year.ws.call("funnel", steps=steps, expression="often")
    walk: dict[int, list[tuple[datetime, str]]] = defaultdict(list)
    for order in half_year.orders:
        walk[order.customer].append((order.ts, order.item[0]))
    ways = [reached(walk[m], "ac", None) for m in half_year.ids("often")]
    first, second = found["rows"]
    assert (first["step"], first["n"]) == ("apple", sum(len(w) > 0 for w in ways))
    assert second["n"] == sum(len(w) > 1 for w in ways)
    assert second["of_before"] == second["n"] / first["n"]
    assert second["low"] < second["of_before"] < second["high"]
    assert second["lost"] == first["n"] - second["n"]


def test_paths_of_a_group_have_links_between_their_steps(half_year) -> None:  # type: ignore[no-untyped-def]
    found = half_year.ws.call("paths", events=["order.item"], depth=3, start="apple", expression="often", limit=None)
    assert sum(row["n"] for row in found["rows"]) == found["members"]
    links = Counter()
    for row in found["rows"]:
        assert row["path"][0] == "apple"
        for k, (a, b) in enumerate(pairwise(row["path"])):
            links[k, a, b] += row["n"]
    assert {(row["step"], row["from"], row["to"]): row["n"] for row in found["links"]} == dict(links)
    few = half_year.ws.call("paths", events=["order.item"], depth=2, labels=1, expression="often")
    assert {label for row in few["rows"] for label in row["path"]} == {"…", max_item(half_year)}


def max_item(half_year) -> str:  # type: ignore[no-untyped-def]
    members = half_year.ids("often")
    counts = Counter(order.item for order in half_year.orders if order.customer in members)
    return min(counts, key=lambda item: (-counts[item], item))


def test_what_is_no_step_is_told(half_year) -> None:  # type: ignore[no-untyped-def]
    ask = half_year.ws.call
    with pytest.raises(InvalidInput, match="has 2 to 12 steps, not 1"):
        ask("funnel", steps=["order"])
    with pytest.raises(InvalidInput, match="A step is a fact"):
        ask("funnel", steps=["order", "order.item"])
    with pytest.raises(UnknownName, match="visit"):
        ask("funnel", steps=["order", "visit"])
    with pytest.raises(InvalidInput, match="`within` is a stretch of time"):
        ask("funnel", steps=["order", "order"], within="soon")
    with pytest.raises(InvalidInput, match="begin at an event or end at one"):
        ask("paths", events=["order"], start="a", end="b")
    with pytest.raises(InvalidInput, match="A path has 2 to 8 steps"):
        ask("paths", events=["order"], depth=9)
