"""From the datum of Chinese maps to that of satellite receivers.

Maps sold in China show positions in GCJ-02, which lie up to some 700 m from those in WGS-84. The shift is not published;
what is known of it was measured, and is written down in Wikipedia, "Restrictions on geographic data in China" (section
GCJ-02), as offsets in metres about 105° E, 35° N on the ellipsoid of Krasovsky (1940). Here the offset at the given
position is taken back, which is within 5 m of the true place. Outside of the frame around China nothing is shifted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from gongbi.core.functions.base import Example, Function, Param
from gongbi.core.functions.places import NULLS
from gongbi.core.types import DOUBLE

if TYPE_CHECKING:
    from gongbi.core.expr import Call
    from gongbi.core.render import Rendering

#: Half the long axis in metres, and the square of the eccentricity, of Krasovsky's ellipsoid.
AXIS: Final = 6_378_245.0
ECCENTRICITY_2: Final = 0.00669342162296594323
#: West, east, south and north of the frame in which positions are shifted, in degrees.
FRAME: Final = (72.004, 137.8347, 0.8293, 55.8271)
#: (metres at most, times pi, of x or of y): waves of the offset to the north, and to the east.
_SHORT: Final = ((20, 6.0, "x"), (20, 2.0, "x"))
_NORTH: Final = (*_SHORT, (20, 1.0, "y"), (40, 1 / 3, "y"), (160, 1 / 12, "y"), (320, 1 / 30, "y"))
_EAST: Final = (*_SHORT, (20, 1.0, "x"), (40, 1 / 3, "x"), (150, 1 / 12, "x"), (300, 1 / 30, "x"))


def _offset(which: str, lon: str, lat: str, to: Rendering) -> str:
    """Degrees by which a position is shifted to the north, or to the east."""
    n = to.literal
    at = {"x": f"({lon} - {n(105.0)})", "y": f"({lat} - {n(35.0)})"}
    x, y = at["x"], at["y"]
    linear = (-100.0, 2.0, 3.0) if which == "lat" else (300.0, 1.0, 2.0)
    square = f"{n(0.2)} * {y} * {y}" if which == "lat" else f"{n(0.1)} * {x} * {x}"
    metres = [
        n(linear[0]),
        f"{n(linear[1])} * {x}",
        f"{n(linear[2])} * {y}",
        square,
        f"{n(0.1)} * {x} * {y}",
        f"{n(0.2 if which == 'lat' else 0.1)} * sqrt(abs({x}))",
        *(
            f"{n(most * 2 / 3)} * sin({at[of]} * {n(times * math.pi)})"
            for most, times, of in (_NORTH if which == "lat" else _EAST)
        ),
    ]
    flat = f"({n(1.0)} - {n(ECCENTRICITY_2)} * power(sin(radians({lat})), 2))"
    if which == "lat":
        degree = f"({n(AXIS * (1 - ECCENTRICITY_2) * math.pi / 180)} / ({flat} * sqrt({flat})))"
    else:
        degree = f"({n(AXIS * math.pi / 180)} / sqrt({flat}) * cos(radians({lat})))"
    return f"({' + '.join(metres)}) / {degree}"


def _back(which: str) -> Any:
    def write(call: Call, args: Sequence[str], to: Rendering) -> str:
        lon, lat = (f"cast({arg} as {to.type(DOUBLE)})" for arg in args)
        west, east, south, north = (to.literal(edge) for edge in FRAME)
        valid = f"abs({lon}) <= {to.literal(180.0)} and abs({lat}) <= {to.literal(90.0)}"
        shifted = f"{lon} between {west} and {east} and {lat} between {south} and {north}"
        own = lat if which == "lat" else lon
        return f"(case when {valid} then (case when {shifted} then {own} - {_offset(which, lon, lat, to)} else {own} end) end)"

    return write


FUNCTIONS: tuple[Function, ...] = tuple(
    Function(name, "scalar", "place", (Param("lon", "number"), Param("lat", "number")), DOUBLE, zh, en, NULLS,
             (Example(f"{name}(121.531541859, 31.175303984)", value), Example(f"{name}(2.3522, 48.8566)", abroad)),
             _back(which), _back(which))
    for name, which, zh, en, value, abroad in (
        ("wgs84_lon", "lon", "由火星坐标（GCJ-02，国内地图所用）换算的 WGS-84 经度，误差不超过 5 米；中国以外不变。",
         "Longitude in WGS-84 of a position in GCJ-02, the datum of Chinese maps, within 5 m; the same outside of China.", 121.52722478513421, 2.3522),
        ("wgs84_lat", "lat", "由火星坐标（GCJ-02，国内地图所用）换算的 WGS-84 纬度，误差不超过 5 米；中国以外不变。",
         "Latitude in WGS-84 of a position in GCJ-02, the datum of Chinese maps, within 5 m; the same outside of China.", 31.17744017915298, 48.8566),
    )
)  # fmt: skip
