"""Overlaps and waterfalls, beside plain sets of the members."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gongbi
from gongbi.core.plan import Plan
from gongbi.errors import InvalidInput, UnknownName
from gongbi.services.overlap import shared

EXPRESSIONS = [
    "customer.town = '上海'",
    "count(order) > 0",
    "count(order) > 1",
    "tag.spend.total > 8",
    "customer.town is absent",
]


@pytest.fixture
def ws(built_shop: Path):  # type: ignore[no-untyped-def]
    with gongbi.open(built_shop) as opened:
        yield opened


def ids(ws: gongbi.Workspace, expression: str) -> set[int]:
    return set(ws.segment(expression).members().column("id").to_pylist())


def test_an_overlap_is_that_of_the_sets(ws: gongbi.Workspace) -> None:
    found = ws.call("overlap", segments=EXPRESSIONS)
    sets = {text: ids(ws, text) for text in EXPRESSIONS}
    everybody = ids(ws, "true")
    assert found["of"] == len(everybody)
    for group in found["segments"]:
        others = set().union(*(s for name, s in sets.items() if name != group["segment"]))
        assert group["count"] == len(sets[group["segment"]])
        assert group["alone"] == len(sets[group["segment"]] - others)
    assert {frozenset((p["a"], p["b"])) for p in found["pairs"]} == {frozenset(c) for c in combinations(EXPRESSIONS, 2)}
    for pair in found["pairs"]:
        a, b = sets[pair["a"]], sets[pair["b"]]
        assert pair["both"] == len(a & b)
        assert pair["jaccard"] == (pytest.approx(len(a & b) / len(a | b)) if a | b else None)
        assert pair["lift"] == (pytest.approx(len(a & b) * len(everybody) / len(a) / len(b)) if a and b else None)
    lifts = [pair["lift"] or 0 for pair in found["pairs"]]
    assert lifts == sorted(lifts, reverse=True)


def test_saved_segments_are_compared_by_default_and_those_that_cannot_be_counted_yet_are_named(
    ws: gongbi.Workspace, shop: Path
) -> None:
    file = shop / "definitions/segments.yaml"
    more = "segment: {}\nexpr: {}\n"
    texts = [file.read_text("utf-8"), more.format("buyers", "count(order) > 0"), more.format("late", "tag.spend.late")]
    file.write_text("---\n".join(texts), "utf-8")
    (shop / "definitions/late.yaml").write_text("tag: spend.late\nexpr: count(order) > 5\n", "utf-8")
    ws.apply()
    found = ws.call("overlap")
    assert {s["segment"] for s in found["segments"]} == {"regulars", "buyers"}
    assert [(s["segment"], s["code"]) for s in found["skipped"]] == [("late", "not_yet")]
    assert ws.overlap() == found["pairs"]


def test_a_large_build_keeps_how_saved_segments_lie_over_one_another(
    ws: gongbi.Workspace, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gongbi.services.bins.KEPT_FROM", 0)
    assert ws.context is not None
    engine, file = ws.context.engine, shop / "definitions/segments.yaml"
    before = file.read_text("utf-8")

    def kept() -> list[str]:
        return [name for name in engine.tables() if "_patterns_" in name]

    def save(expr: str) -> None:
        file.write_text(f"{before}---\nsegment: others\nexpr: {expr}\n", "utf-8")
        ws.apply()

    def check(expr: str) -> None:
        found = ws.call("overlap")
        assert {s["segment"]: s["count"] for s in found["segments"]}["others"] == len(ids(ws, expr))
        (pair,) = found["pairs"]
        assert pair["both"] == len(ids(ws, "segment.regulars") & ids(ws, expr))

    save("tag.spend.total > 8")
    ws.build(force=True)
    (first,) = kept()  # Prepared by the build.
    check("tag.spend.total > 8")
    # A process that begins anew reads what is kept.
    ws.context.memory.clear()
    more = Plan().then("more", f"select pattern, n * 10 as n from {first}")
    engine.build(more, f"{first}x")
    engine.drop(first)
    engine.rename(f"{first}x", first)
    assert ws.call("overlap")["of"] == 10 * len(ids(ws, "true"))
    save("customer.town = '上海' or count(order) > 1")
    check("customer.town = '上海' or count(order) > 1")
    assert len(kept()) == 1
    assert kept() != [first]


def test_a_waterfall_removes_one_condition_after_another(ws: gongbi.Workspace) -> None:
    conditions = ["count(order) > 0", "customer.town = '上海'", "tag.spend.total > 8 or count(order) = 1"]
    found = ws.call("waterfall", expression=f"{conditions[0]} and ({conditions[1]} and ({conditions[2]}))")
    sets = [ids(ws, text) for text in conditions]
    left = ids(ws, "true")
    assert found["of"] == len(left)
    assert [step["condition"] for step in found["steps"]] == [*conditions[:2], f"({conditions[2]})"]
    for i, (step, holds) in enumerate(zip(found["steps"], sets, strict=True)):
        others = set.intersection(*(s for j, s in enumerate(sets) if j != i))
        assert step["removed"] == len(left - holds)
        assert ids(ws, step["removed_are"]) == left - holds
        assert step["unknown"] == len(left & ids(ws, f"({conditions[i]}) is absent"))
        assert step["alone"] == len(holds)
        assert step["only"] == len(others - holds)
        left &= holds
        assert step["left"] == len(left)
    assert found["count"] == len(left) == ws.segment(found["expression"]).count()


def test_a_waterfall_of_a_saved_segment_shows_its_own_conditions(ws: gongbi.Workspace) -> None:
    saved = next(s for s in ws.call("segments") if s["subject"] == "customer")
    steps = ws.segment(saved["segment"]).waterfall()
    assert " and ".join(step["condition"] for step in steps) == " ".join(saved["expr"].split())
    assert steps[-1]["left"] == saved["count"]


def test_what_cannot_be_compared_is_told(ws: gongbi.Workspace) -> None:
    with pytest.raises(InvalidInput, match="2 to 62 different groups, not 1"):
        ws.call("overlap", segments=["count(order) > 0"])
    with pytest.raises(InvalidInput, match="2 to 62 different groups, not 63"):
        ws.call("overlap", segments=[f"count(order) > {i}" for i in range(63)])
    with pytest.raises(UnknownName, match="nosuch"):
        ws.call("overlap", segments=["nosuch", "count(order) > 0"])
    with pytest.raises(UnknownName, match="nobody"):
        ws.call("overlap", subject="nobody")
    assert ws.call("overlap", subject="item")["pairs"] == []
    with pytest.raises(InvalidInput, match="at most 31 conditions, not 32"):
        ws.call("waterfall", expression=" and ".join(f"count(order) > {i}" for i in range(32)))


@given(st.integers(0, 62), st.data())
def test_what_patterns_share_is_counted_pair_by_pair(groups: int, data: st.DataObject) -> None:
    patterns = data.draw(st.dictionaries(st.integers(0, 2**groups - 1), st.integers(1, 10**9), max_size=20))
    found = shared(patterns, groups)
    assert found == [
        [sum(n for pattern, n in patterns.items() if pattern >> i & 1 and pattern >> j & 1) for j in range(groups)]
        for i in range(groups)
    ]
