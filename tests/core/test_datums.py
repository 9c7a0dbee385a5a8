"""Positions of Chinese maps in the datum of satellite receivers: published pairs, and the error of the way back."""

from __future__ import annotations

import math
import random

import pyarrow as pa

from gongbi.core.language import compile_row
from gongbi.core.types import DOUBLE
from gongbi.engine.base import Engine
from gongbi.testing.engine import on_every_engine

#: WGS-84 and GCJ-02 (longitude, latitude) of places in Shanghai, Shenzhen and Beijing, as the tests of the public
#: project `eviltransform` (MIT) have them.
PAIRS = (
    ((121.5272106, 31.1774276), (121.531541859215, 31.17530398364597)),
    ((113.912316, 22.543847), (113.9171764808363, 22.540796131694766)),
    ((116.377817, 39.911954), (116.38404722455657, 39.91334545536069)),
)


def shifted(lon: float, lat: float) -> tuple[float, float]:
    """GCJ-02 of a position in WGS-84, written out by itself."""
    x, y, sin, pi = lon - 105, lat - 35, math.sin, math.pi
    short = 20 * sin(6 * pi * x) + 20 * sin(2 * pi * x)
    north = short + 20 * sin(pi * y) + 40 * sin(pi * y / 3) + 160 * sin(pi * y / 12) + 320 * sin(pi * y / 30)
    east = short + 20 * sin(pi * x) + 40 * sin(pi * x / 3) + 150 * sin(pi * x / 12) + 300 * sin(pi * x / 30)
    root = math.sqrt(abs(x))
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + north * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + east * 2 / 3
    e2 = 0.00669342162296594323
    flat = 1 - e2 * sin(math.radians(lat)) ** 2
    meridian = 6378245.0 * (1 - e2) / flat**1.5
    circle = 6378245.0 / math.sqrt(flat) * math.cos(math.radians(lat))
    return lon + math.degrees(east / circle), lat + math.degrees(north / meridian)


def metres(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Between two positions near each other."""
    east = (a[0] - b[0]) * math.cos(math.radians(a[1]))
    return math.hypot(east, a[1] - b[1]) * 111_320


def test_the_shift_of_these_tests_is_that_of_published_pairs() -> None:
    for true, shown in PAIRS:
        assert metres(shifted(*true), shown) < 1e-6


@on_every_engine()
def test_the_way_back_is_within_five_metres_and_abroad_nothing_moves(engine: Engine) -> None:
    rng = random.Random(3)
    true = [pair[0] for pair in PAIRS] + [(rng.uniform(73, 135), rng.uniform(3, 54)) for _ in range(500)]
    abroad = [(2.3522, 48.8566), (-74.0, 40.7), (151.2, -33.9)]
    shown = [shifted(*place) for place in true] + abroad
    columns = dict(zip(("lon", "lat"), zip(*shown, strict=True), strict=True))
    rows = pa.table({name: pa.array(values, pa.float64()) for name, values in columns.items()})
    types = {"lon": DOUBLE, "lat": DOUBLE}
    texts = [
        compile_row(f"{name}(lon, lat)", types, engine.dialect, zone="UTC").sql for name in ("wgs84_lon", "wgs84_lat")
    ]
    sql = f"select lon, lat, {texts[0]} as x, {texts[1]} as y from given"
    found = {(r["lon"], r["lat"]): (r["x"], r["y"]) for r in engine.query(sql, inputs={"given": rows}).to_pylist()}
    back = [found[place] for place in shown]
    assert max(metres(a, b) for a, b in zip(back, true, strict=False)) < 5
    assert max(metres(a, b) for a, b in zip(shown, true, strict=False)) > 300
    assert back[len(true) :] == abroad
