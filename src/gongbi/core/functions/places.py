"""Place: distances, areas and cells of the earth's surface, from longitudes and latitudes in degrees.

Longitude comes first, as in GeoJSON and WKT. Both sides of a comparison must be in one datum: positions from Chinese
maps (GCJ-02) lie up to some 700 m from those of a satellite receiver (WGS-84); `wgs84_lon` and `wgs84_lat` convert them
(`core.functions.datums`). Distances are along the great circle of a sphere with the earth's mean radius, within
0.6 % of those on the ellipsoid. A position outside of -180 to 180 and -90 to 90 degrees is none: the result is absent.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from gongbi.core.functions.base import Example, Function, Param, Phrase, require
from gongbi.core.types import BOOLEAN, DOUBLE, TEXT, Type
from gongbi.errors import InvalidExpression, WrongType

if TYPE_CHECKING:
    from gongbi.core.expr import Call, Expr
    from gongbi.core.render import Rendering

#: Mean radius of the earth in metres: (2a + b) / 3 of WGS-84.
RADIUS: Final = 6_371_008.8
#: Metres of a degree of latitude.
DEGREE: Final = RADIUS * math.pi / 180
MOST_CORNERS: Final = 500

#: What the place of a row or a member may be called, longitude first.
POSITIONS: Final = (("lon", "lat"), ("lng", "lat"), ("longitude", "latitude"), ("经度", "纬度"))
#: What the column with its administrative code may be called.
CODES: Final = (("region_code",), ("area_code",), ("adcode",), ("行政区划代码",))

_CODE: Final = re.compile(r"[1-9][0-9]{1,11}")
_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?"
_POINT: Final = re.compile(rf"\s*({_NUMBER})\s+({_NUMBER})\s*")
_WKT: Final = re.compile(r"\s*(POLYGON|MULTIPOLYGON)\s*(\(.*\))\s*", re.IGNORECASE | re.DOTALL)
_RING: Final = re.compile(r"\(([^()]*)\)")

Point = tuple[float, float]


def own_columns(entry: Function, args: Sequence[Expr]) -> tuple[tuple[str, ...], ...]:
    """The columns of the row or member that are meant where a call gives no place; none where it gives one."""
    if entry.name == "in_area":
        if len(args) != 1:
            return ()
        value = getattr(args[0], "value", None)
        return CODES if isinstance(value, str) and is_code(value) else POSITIONS
    return POSITIONS if len(args) == len(entry.params) - 2 else ()


# -- areas ------------------------------------------------------------------------------------------


def is_code(text: str) -> bool:
    """Whether a text is an administrative code: 2 to 12 digits, levels from the left (GB/T 2260)."""
    return _CODE.fullmatch(text.strip()) is not None


def code_prefix(text: str) -> str:
    """What the codes of an area and of all areas in it begin with: 310000 → 31, 310101 → 310101."""
    code = text.strip()
    for level in (9, 6, 4, 2):
        if len(code) > level and set(code[level:]) == {"0"}:
            code = code[:level]
    return code


def rings(text: str) -> list[list[Point]]:
    """The rings of a polygon or several, from WKT or GeoJSON; an inner ring is a hole.

    Raises
    ------
    InvalidExpression
        It is neither, or a ring is not closed, too long, or has a corner that is no position.
    """
    try:
        found = _geojson(text) if text.lstrip().startswith("{") else _wkt(text)
    except (ValueError, TypeError, KeyError, RecursionError):
        found = []
    if not found:
        raise InvalidExpression(
            "An area is an administrative code, or a polygon as WKT or GeoJSON.",
            hint="For example '310000' or 'POLYGON((121.4 31.2, 121.5 31.2, 121.5 31.3, 121.4 31.2))'.",
        )
    corners = [point for ring in found for point in ring]
    if any(not (abs(lon) <= 180 and abs(lat) <= 90) for lon, lat in corners):
        raise InvalidExpression("A corner of the area is no position.", hint="Write the longitude first, in degrees.")
    if any(len(ring) < 4 or ring[0] != ring[-1] for ring in found):
        raise InvalidExpression(
            "A ring of the area is not closed.", hint="It has three corners or more and ends with its first one."
        )
    if len(corners) > MOST_CORNERS:
        raise InvalidExpression(f"An area has at most {MOST_CORNERS} corners, not {len(corners):,}.")
    return found


def _wkt(text: str) -> list[list[Point]]:
    found = _WKT.fullmatch(text)
    if found is None:
        return []
    # One ring in two pairs of brackets, several polygons in three: what is left must be brackets and commas.
    depth = 1 if found[1].upper() == "POLYGON" else 2
    frame = re.sub(r"\s", "", _RING.sub("r", found[2]))
    one = r"\(r(,r)*\)"
    if re.fullmatch(one if depth == 1 else rf"\({one}(,{one})*\)", frame) is None:
        return []
    made = []
    for ring in _RING.findall(found[2]):
        points = [_POINT.fullmatch(point) for point in ring.split(",")]
        if not all(points):
            return []
        made.append([(float(p[1]), float(p[2])) for p in points if p is not None])
    return made


def _geojson(text: str) -> list[list[Point]]:
    body = json.loads(text)
    if body.get("type") == "Feature":
        body = body["geometry"]
    if body.get("type") not in ("Polygon", "MultiPolygon"):
        return []
    polygons = [body["coordinates"]] if body["type"] == "Polygon" else body["coordinates"]
    return [[(float(p[0]), float(p[1])) for p in ring] for polygon in polygons for ring in polygon]


# -- SQL --------------------------------------------------------------------------------------------


def _doubles(args: Sequence[str], to: Rendering) -> list[str]:
    return [f"cast({arg} as {to.type(DOUBLE)})" for arg in args]


def _valid(lon: str, lat: str, to: Rendering) -> str:
    whole, half = to.literal(180.0), to.literal(90.0)
    return f"abs({lon}) <= {whole} and abs({lat}) <= {half}"


def distance(lon1: str, lat1: str, lon2: str, lat2: str, to: Rendering) -> str:
    """Metres between two positions by the haversine formula; absent where one is no position."""
    a = (
        f"power(sin(radians({lat2} - {lat1}) / 2), 2)"
        f" + cos(radians({lat1})) * cos(radians({lat2})) * power(sin(radians({lon2} - {lon1}) / 2), 2)"
    )
    # Rounding may take the sum past 1 for positions that lie opposite of each other.
    metres = f"{to.literal(2 * RADIUS)} * asin(sqrt(least({to.literal(1.0)}, {a})))"
    return f"(case when {_valid(lon1, lat1, to)} and {_valid(lon2, lat2, to)} then {metres} end)"


def _distance(call: Call, args: Sequence[str], to: Rendering) -> str:
    lon1, lat1, lon2, lat2 = _doubles(args, to)
    return distance(lon1, lat1, lon2, lat2, to)


def _within(call: Call, args: Sequence[str], to: Rendering) -> str:
    lon1, lat1, lon2, lat2, metres = _doubles(args, to)
    return f"({distance(lon1, lat1, lon2, lat2, to)} <= {metres})"


def _in_area(call: Call, args: Sequence[str], to: Rendering) -> str:
    area = getattr(call.args[-1], "value", "")
    if len(args) == 2:
        word = "starts_with" if to.dialect.name == "duckdb" else "startswith"
        return f"{word}(cast({args[0]} as {to.type(TEXT)}), {to.literal(code_prefix(area))})"
    lon, lat = _doubles(args[:2], to)
    shape = rings(area)
    crossings = [text for ring in shape for text in _crossings(ring, lon, lat, to)]
    lons, lats = zip(*(point for ring in shape for point in ring), strict=True)
    box = (
        f"{lon} between {to.literal(min(lons))} and {to.literal(max(lons))}"
        f" and {lat} between {to.literal(min(lats))} and {to.literal(max(lats))}"
    )
    inside = f"(({' + '.join(crossings)}) % 2 = 1)" if crossings else "false"
    return f"(case when {_valid(lon, lat, to)} then (case when {box} then {inside} else false end) end)"


def _crossings(ring: Sequence[Point], lon: str, lat: str, to: Rendering) -> list[str]:
    """Per edge, 1 where a ray to the east crosses it. An edge has its lower end and not its upper one.

    Source: the even-odd rule; Shimrat (1962), Algorithm 112, Communications of the ACM 5(8).
    """
    found = []
    for (x1, y1), (x2, y2) in pairwise(ring):
        if y1 == y2:
            continue
        (x1, y1), (x2, y2) = sorted(((x1, y1), (x2, y2)), key=lambda point: point[1])
        slope = (x2 - x1) / (y2 - y1)
        line = f"{to.literal(x1)} + ({lat} - {to.literal(y1)}) * {to.literal(slope)}"
        between = f"{lat} >= {to.literal(y1)} and {lat} < {to.literal(y2)}"
        found.append(f"(case when {between} and {lon} < {line} then 1 else 0 end)")
    return found


def _columns(row: str, step: str, to: Rendering) -> str:
    """How many cells a row has all around the earth."""
    middle = f"({row} + 0.5e0) * {step} - 90e0"
    return f"greatest({to.literal(1.0)}, floor(360e0 * cos(radians({middle})) / {step}))"


def _cell(call: Call, args: Sequence[str], to: Rendering) -> str:
    lon, lat = _doubles(args[:2], to)
    metres = getattr(call.args[2], "value", 0)
    step = to.literal(metres / DEGREE)
    last = to.literal(float(math.ceil(180 * DEGREE / metres) - 1))
    row = f"least({last}, floor(({lat} + 90e0) / {step}))"
    columns = _columns(row, step, to)
    column = f"least({columns} - 1, floor(({lon} + 180e0) / 360e0 * {columns}))"
    whole, text = to.dialect.types["integer"], to.type(TEXT)
    written = [f"cast(cast({number} as {whole}) as {text})" for number in (row, column)]
    name = f"concat({to.literal(f'{metres}/')}, {written[0]}, '/', {written[1]})"
    return f"(case when {_valid(lon, lat, to)} then {name} end)"


def _middle(which: str) -> Any:
    def write(call: Call, args: Sequence[str], to: Rendering) -> str:
        pattern = to.literal("^[1-9][0-9]{1,5}/[0-9]{1,7}/[0-9]{1,7}$")
        duck = to.dialect.name == "duckdb"
        fits = f"regexp_matches({args[0]}, {pattern})" if duck else f"({args[0]} rlike {pattern})"
        metres, row, column = (f"try_cast(split_part({args[0]}, '/', {n}) as {to.type(DOUBLE)})" for n in (1, 2, 3))
        step = f"({metres} / {to.literal(DEGREE)})"
        lat = f"least(90e0, ({row} + 0.5e0) * {step} - 90e0)"
        value = lat if which == "lat" else f"({column} + 0.5e0) / {_columns(row, step, to)} * 360e0 - 180e0"
        return f"(case when {fits} then {value} end)"

    return write


#: When people are at home, and when at work.
NIGHT: Final = "(hour(_1.ts) >= 22 or hour(_1.ts) < 6)"
WORKING: Final = "weekday(_1.ts) <= 5 and hour(_1.ts) >= 9 and hour(_1.ts) < 19"


def _dwelling(hours: str) -> Phrase:
    """The cell of the most rows at certain hours, where there are such rows on two days."""
    there = f"filter (where {hours} and cell(_2) is not absent)"

    def text(values: Sequence[Any]) -> str:
        _check_cell(values)
        return f"if(count(distinct date(_1.ts)) {there} >= 2, mode(cell(_2)) {there}, null)"

    return Phrase(text)


# -- entries ----------------------------------------------------------------------------------------


def _check_metres(values: Sequence[Any]) -> None:
    metres = values[-1]
    require(metres is None or 0 <= metres <= 20_100_000, f"A distance is 0 to 20,100,000 metres, not {metres}.")


def _check_cell(values: Sequence[Any]) -> None:
    metres = values[-1]
    require(isinstance(metres, int) and 10 <= metres <= 100_000, f"A cell is 10 to 100,000 metres wide, not {metres}.")


def _check_area(values: Sequence[Any]) -> None:
    area = values[-1]
    if len(values) == 2:
        require(is_code(area), f"{area!r} is no administrative code.", "Write 2 to 12 digits, such as '310000'.")
    elif len(values) == 3:
        rings(area)
    else:
        raise WrongType("`in_area` takes an area, or a code and an area, or a longitude, a latitude and an area.")


def _area_type(types: Sequence[Type]) -> Type:
    wanted = ("text", "integer", "null") if len(types) == 2 else ("integer", "decimal", "double", "null")
    if any(type_.name not in wanted for type_ in types[:-1]):
        if len(types) == 2:
            raise WrongType(f"An administrative code is text, not {types[0]}.")
        raise WrongType(f"A longitude and a latitude are numbers, not {types[0]} and {types[1]}.")
    return BOOLEAN


def _place(name: str, params: tuple[Param, ...], returns: Any, zh: str, en: str, examples: tuple[Example, ...], sql: Any,
           check: Any = None) -> Function:  # fmt: skip
    return Function(name, "place", "place", params, returns, zh, en, NULLS, examples, sql, sql, check=check)


NULLS = ("Absent if an argument is absent or a position is none.", "参数缺失，或经纬度无效，则缺失。")
OWN = (Param("own_lon", "number", optional=True), Param("own_lat", "number", optional=True))
TO = (Param("lon", "number"), Param("lat", "number"))
METRES = Param("metres", "number", constant=True)
SQUARE = "POLYGON((121.4 31.1, 121.6 31.1, 121.6 31.3, 121.4 31.3, 121.4 31.1))"

FUNCTIONS: tuple[Function, ...] = (
    _place("distance_m", (*OWN, *TO), DOUBLE,
           "两点间的大圆距离（米，地球平均半径 6371008.8 米），经度在前；不写前两个参数则为该行（或成员）自己的位置。",
           "Metres between two positions along the great circle, on a sphere of radius 6,371,008.8 m; longitude first. "
           "Without the first two arguments, from the place of the row, or of the member.",
           (Example("distance_m(121.4737, 31.2304, 116.4074, 39.9042)", 1067311.645158726),
            Example("min(distance_m(sample.lon, sample.lat, 121.5, 31.2))", {1: 0.0, 2: 9511.22942978853, 3: None, 4: None})), _distance),
    _place("within_m", (*OWN, *TO, METRES), BOOLEAN,
           "位置在某点周围若干米之内；不写前两个参数则为该行（或成员）自己的位置（列名 lon、lat 或 lng、lat 等）。",
           "The position lies within so many metres of a point. Without the first two arguments, the place of the row, or of the member: "
           "its columns lon and lat, lng and lat, longitude and latitude, or 经度 and 纬度.",
           (Example("within_m(121.4737, 31.2304, 121.48, 31.23, 1000)", True),
            Example("count(sample) filter (where within_m(121.5, 31.2, 500))", {1: 2, 2: 0, 3: 0, 4: 0})), _within, _check_metres),
    _place("in_area", (Param("place", "any", optional=True, repeated=True), Param("area", "text", constant=True)), _area_type,
           "位置在某区域内：多边形写作 WKT 或 GeoJSON（经度在前，内环为洞，不跨 180 度经线），或行政区划代码（310000 含其下所有区县）。"
           "不写位置则为该行（或成员）自己的经纬度，或其 region_code、area_code、adcode 列。",
           "The place lies in an area: a polygon as WKT or GeoJSON (longitude first, inner rings are holes, none across the 180th meridian), or an "
           "administrative code with all that is below it. Written in_area(area), in_area(code, area) or in_area(lon, lat, area); without a place, "
           "that of the row or member: its longitude and latitude, or its column region_code, area_code or adcode.",
           (Example(f"in_area(121.4737, 31.2304, '{SQUARE}')", True), Example("in_area('310115', '310000')", True),
            Example(f"count(sample) filter (where in_area('{SQUARE}'))", {1: 2, 2: 1, 3: 0, 4: 0})), _in_area, _check_area),
    _place("cell", (*OWN, Param("metres", "integer", constant=True)), TEXT,
           "位置所在的网格单元，边长约若干米，名称为 边长/行/列；不写位置则为该行（或成员）自己的位置。",
           "The cell of a grid with sides of about so many metres in which a position lies, named metres/row/column. "
           "Without the first two arguments, that of the place of the row, or of the member.",
           (Example("cell(121.4737, 31.2304, 500)", "500/26960/57328"),
            Example("mode(cell(sample.lon, sample.lat, 1000))", {1: "1000/13476/28676", 2: "1000/13476/28667", 3: None, 4: None})), _cell, _check_cell),
    *(
        Function(name, "scalar", "place", (Param("cell", "text"),), DOUBLE, zh, en,
                 ("Absent if the text is no cell.", "不是网格单元则缺失。"), (Example(f"{name}('500/26960/57328')", value),), _middle(which), _middle(which))
        for name, which, zh, en, value in (
            ("cell_lon", "lon", "网格单元中心的经度。", "Longitude of the middle of a cell.", 121.47331210377166),
            ("cell_lat", "lat", "网格单元中心的纬度。", "Latitude of the middle of a cell.", 31.230633330977028),
        )
    ),
    *(
        Function(name, "phrase", "place", (Param("fact", "fact"), Param("metres", "integer", constant=True)), TEXT, zh, en,
                 ("Absent with rows on fewer than two such days.", "不足两天有这样的行则缺失。"), (Example(f"{name}(sample, 20000)", value),),
                 _dwelling(hours), _dwelling(hours))
        for name, hours, zh, en, value in (
            ("home_of", NIGHT, "由行为推断的住处：夜间（22 点至次日 6 点，工作区时区）最常出现的网格单元。",
             "Home as the rows of a fact suggest it: the cell of the most rows at night (22:00 to 6:00 in the workspace's zone).",
             {1: None, 2: None, 3: None, 4: None}),
            ("work_of", WORKING, "由行为推断的工作地：周一至周五 9 点至 19 点最常出现的网格单元。",
             "Work as the rows of a fact suggest it: the cell of the most rows from Monday to Friday, 9:00 to 19:00.",
             {1: "20000/673/1434", 2: None, 3: None, 4: None}),
        )
    ),
)  # fmt: skip
