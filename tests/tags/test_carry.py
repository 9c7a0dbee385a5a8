"""The figures of a build that was made of the one before are those that its values have."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import gongbi
from gongbi.core.plan import Plan
from gongbi.core.types import BOOLEAN, TEXT
from gongbi.store.builds import TagStats
from gongbi.tags import carry
from gongbi.tags.base import TagColumn
from gongbi.testing.shop import open_for_half_a_year

TAGS = {
    "n.all": "count(order)",
    "n.lately": "count(order) filter (where within(20, 'day'))",
    "n.amount": "sum(order.amount)",
    "n.mean": "avg(order.amount) filter (where within(60, 'day'))",
    "n.last": "max(order.ts)",
    "n.favourite": "mode(order.item)",
    "n.buys": "exists(order) filter (where within(10, 'day'))",
    "n.since": "days_since(max(order.ts))",
    "n.town": "customer.town",
}


@pytest.fixture
def busy(shop: Path) -> Path:
    open_for_half_a_year(shop, 80)
    for name in ("learning", "segments"):
        (shop / "definitions" / f"{name}.yaml").unlink()
    tags = "---\n".join(f'tag: {name}\ncategory: 特征/其他\nexpr: "{text}"\n' for name, text in TAGS.items())
    (shop / "definitions" / "tags.yaml").write_text(tags, "utf-8")
    return shop


def in_ranges(values: list[Any], edges: list[float]) -> list[int]:
    found = Counter(bisect_right(edges, value) for value in values)
    return [found[i] for i in range(len(edges) + 1)]


def test_figures_are_carried_from_day_to_day_and_looked_at_anew_in_the_end(
    busy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, carried = carry.carry, []

    def noting(*args: Any) -> carry.Carried:
        carried.append(real(*args))
        return carried[-1]

    monkeypatch.setattr("gongbi.services.build.carry", noting)
    with gongbi.open(busy, actor="tester") as ws:
        assert ws.context is not None
        ws.apply()
        ws.ingest()
        engine, builds = ws.context.engine, ws.context.store.builds
        ws.build(as_of="2024-03-01")
        burdens = [0]
        for day in range(2, 9):
            advanced = ws.build(as_of=f"2024-03-0{day}", full=False)["builds"][0]
            burdens.append((builds.made_from(advanced["build"]) or {})["burden"])
            table = engine.query(f"select * from build_{advanced['build']}")
            found = {item.tag: item for item in builds.stats(advanced["build"])}
            bins = {row["tag"]: row["bins"] for row in builds.quality(advanced["build"])}
            whole = ws.build(as_of=f"2024-03-0{day}", full=True, force=True)["builds"][0]["build"]
            for item in builds.stats(whole):
                check(item, found[item.tag], [v for v in table[item.tag].to_pylist() if v is not None], bins)
            # The next one starts from the advanced build, so that what is carried goes on.
            engine.drop(builds.get(whole).table)
            builds.publish(advanced["build"], make_current=True, now=ws.context.now())
            builds.drop(whole)
    assert "n.since" not in carried[0].stats, "what moves for everybody is looked at"
    assert {"n.all", "n.amount", "n.mean", "n.buys", "n.favourite", "n.town"} <= {
        t for one in carried for t in one.stats
    }
    assert {"n.amount", "n.mean"} <= {tag for one in carried for tag in one.bins}
    assert 0 < burdens[1] < burdens[2]
    assert 0 in burdens[2:], "after so many changes all is looked at anew"


def check(whole: TagStats, found: TagStats, values: list[Any], bins: dict[str, Any]) -> None:
    assert (found.present, found.coverage) == (whole.present, pytest.approx(whole.coverage))
    assert (found.minimum, found.maximum) == (whole.minimum, whole.maximum), whole.tag
    assert found.mean == (None if whole.mean is None else pytest.approx(whole.mean, rel=1e-9))
    assert found.top == whole.top, whole.tag
    if whole.top:
        assert found.distinct == whole.distinct
    if found.histogram:
        edges = [step["low"] for step in found.histogram[1:]]
        assert [step["count"] for step in found.histogram] == in_ranges([float(v) for v in values], edges)
        outer = [found.histogram[0]["low"], found.histogram[-1]["high"]]
        assert outer == pytest.approx([whole.minimum, whole.maximum], rel=1e-9)
    cut = bins[whole.tag]
    if cut["edges"] and whole.minimum is not None and not isinstance(whole.minimum, str):
        assert cut["counts"] == in_ranges([float(v) for v in values], cut["edges"])
    assert cut["absent"] + sum(cut["counts"]) == whole.present / whole.coverage


def test_what_does_not_add_up_is_left_out(busy: Path) -> None:
    """An unknown value beside the listed ones, and a tag that nobody has any more."""
    with gongbi.open(busy, actor="tester") as ws:
        assert ws.context is not None
        engine = ws.context.engine
        tags = [TagColumn("a", TEXT), TagColumn("b", BOOLEAN), TagColumn("c", TEXT)]
        gone = "select 1 as id, 'x' as a, true as b, 'q' as c"
        engine.build(Plan().then("g", gone), "went")
        engine.build(Plan().then("c", "select 1 as id, 'y' as a, cast(null as boolean) as b, 'v' || 1 as c"), "arrived")
        listed = [{"value": f"w{i}", "count": 1} for i in range(11)] + [{"value": "q", "count": 2}]
        stats = {
            "a": TagStats("a", 3, 1.0, 2, top=[{"value": "x", "count": 2}, {"value": "z", "count": 1}]),
            "b": TagStats("b", 1, 1 / 3, 1, top=[{"value": "true", "count": 1}]),
            "c": TagStats("c", 13, 1.0, 12, top=listed),
        }
        found = carry.carry(engine, "arrived", "went", "arrived", tags, 3, carry.Earlier(stats, {})).stats
    assert found.keys() == {"a"}
    assert found["a"].top == [{"value": v, "count": 1} for v in ("x", "y", "z")]
    assert found["a"].distinct == 3
