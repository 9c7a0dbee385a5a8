"""Segments with a limit: the first by an order or by lot, with ties broken by id."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from gongbi.catalog.base import SegmentDef
from gongbi.core.functions import sample
from gongbi.engine.base import Engine
from gongbi.errors import InvalidDefinition

sys.path.insert(0, str(Path(__file__).parent.parent / "core"))

import bench


def held(engine: Engine, segment: SegmentDef) -> set[int]:
    found = bench.answers(engine, {"x": f"coalesce({segment.expression}, false)"})["x"]
    return {member for member, inside in found.items() if inside}


def by_lot(seed: str) -> list[int]:
    """Members in the order in which they are drawn."""
    name = seed.encode()
    frame = bytes(8) + len(name).to_bytes(8, "big") + name
    lot = {i: hashlib.sha256(frame + (1).to_bytes(8, "big") + str(i).encode()).hexdigest()[:16] for i in sample.MEMBERS}
    return sorted(lot, key=lambda i: lot[i], reverse=True)


def test_a_limit_keeps_the_first_by_an_order_or_by_lot(engine: Engine) -> None:
    bench.make_sample(engine)
    rows, some = "count(sample)", "count(sample) < 3"
    assert held(engine, SegmentDef("x", some, limit=1, order=rows)) == {2}
    assert held(engine, SegmentDef("x", some, limit=9, order=rows)) == {2, 3, 4}
    assert held(engine, SegmentDef("x", "true or false", limit=2, order="1 + 0 * count(sample)")) == {1, 2}
    assert held(engine, SegmentDef("x", "count(sample) >= 0", limit=3, order="sum(sample.amount)")) == {1, 2}
    for seed in ("spring", "it's"):
        drawn = [i for i in by_lot(seed) if i != 1]
        for n in (1, 2, 3):
            assert held(engine, SegmentDef("x", some, limit=n, draw=seed)) == set(drawn[:n])


@pytest.mark.parametrize(
    "keys", [{"limit": 3}, {"order": "1"}, {"limit": 0, "draw": "a"}, {"limit": 1, "order": "1", "draw": "a"}]
)
def test_a_limit_has_one_order(keys: dict[str, object]) -> None:
    with pytest.raises(InvalidDefinition, match="go together"):
        SegmentDef("x", "true", **keys)  # type: ignore[arg-type]
