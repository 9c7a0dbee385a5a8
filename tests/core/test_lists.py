"""Lists, distributions, JSON and place, against plain Python on random rows."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import bench
import pytest

from gongbi.core.functions.places import code_prefix, rings
from gongbi.core.language import check_expression
from gongbi.core.types import DOUBLE, INTEGER, TEXT, decimal
from gongbi.core.world import FactShape, SubjectShape, World
from gongbi.engine.base import Engine
from gongbi.engine.duckdb import DuckDBEngine
from gongbi.errors import GongbiError

COLUMNS = {"item": TEXT, "weight": decimal(2), "n": INTEGER, "lon": DOUBLE, "lat": DOUBLE, "body": TEXT}
WORLD = World(
    {"customer": SubjectShape("customer", INTEGER)},
    {
        "visit": FactShape("visit", "fact_visit", COLUMNS, {"customer": INTEGER}),
        "call": FactShape("call", "fact_call", {"n": INTEGER}, {"customer": INTEGER}),
    },
    zone="Asia/Shanghai",
)
AS_OF = bench.instant(2024, 7, 1)
MEMBERS = range(1, 30)


def drawn() -> list[tuple[Any, ...]]:
    draw = random.Random(7)
    rows = []
    for member in MEMBERS[1:]:
        home = (121.4 + draw.random() / 5, 31.1 + draw.random() / 5)
        for _ in range(draw.randint(1, 25)):
            ts = datetime(2024, 3, 1) + timedelta(minutes=draw.randint(0, 60 * 24 * 120))
            weight = draw.choice([None, *(Decimal(n) / 4 for n in range(-6, 20))])
            lon, lat = (None, 31.2) if draw.random() < 0.1 else (home[0] + draw.choice([0, 0.05, 0.1]), home[1])
            item = draw.choice(["tea", "rice", "oil", "茶", "", None])
            body = draw.choice([None, "", '{"tags": ["a", 2, "b"], "n": 3}', '{"tags": [], "n": 2.5}', '{"tags": "a"'])
            rows.append((member, ts, item, weight, draw.randint(-2, 3), lon, lat, body))
    return rows


ROWS = drawn()


def weights(rows: list[Any], at: int | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for row in rows:
        if row[2] is not None:
            old = found.setdefault(row[2], None)
            new = 1 if at is None else row[at]
            found[row[2]] = old if new is None else new if old is None else old + new
    return found


def ordered(found: dict[str, Any]) -> list[str]:
    return sorted(found, key=lambda item: (found[item] is None, -(found[item] or 0), item.encode()))


def spread(found: dict[str, Any]) -> list[dict[str, Any]] | None:
    found = {item: n for item, n in found.items() if n is not None and n > 0}
    total = sum(found.values())
    return [{"value": item, "share": float(found[item]) / float(total)} for item in ordered(found)] or None


def metres(lon1: float, lat1: float, lon2: float, lat2: float) -> float:
    """By the spherical law of cosines through unit vectors: another way than the engines take."""
    points = []
    for lon, lat in ((lon1, lat1), (lon2, lat2)):
        a, b = math.radians(lon), math.radians(lat)
        points.append((math.cos(b) * math.cos(a), math.cos(b) * math.sin(a), math.sin(b)))
    chord = math.dist(*points)
    return 2 * 6_371_008.8 * math.asin(min(1.0, chord / 2))


def local(row: Any) -> datetime:
    return row[1] + timedelta(hours=8)


def at_night(at: datetime) -> bool:
    return at.hour >= 22 or at.hour < 6


def at_work(at: datetime) -> bool:
    return at.isoweekday() <= 5 and 9 <= at.hour < 19


def dwelling(rows: list[Any], metres: int, there: Callable[[datetime], bool]) -> str | None:
    """The cell of the most rows at these hours, of equals the first by name; nothing from a single day."""
    seen = [row for row in rows if row[5] is not None and there(local(row))]
    if len({local(row).date() for row in seen}) < 2:
        return None
    cells = Counter(grid(row[5], row[6], metres) for row in seen)
    return min(cells, key=lambda cell: (-cells[cell], cell))


def grid(lon: float, lat: float, metres: int) -> str:
    """Rows of one height from the south pole on, each cut into as many cells as are that wide at its middle."""
    step = math.degrees(metres / 6_371_008.8)
    row = int((lat + 90) // step)
    around = int(360 * math.cos(math.radians((row + 0.5) * step - 90)) // step)
    return f"{metres}/{row}/{int((lon + 180) / 360 * around)}"


def test_lists_and_distributions_are_those_of_the_rows(engine: Engine) -> None:
    bench.make(engine, "fact_visit", {"customer": INTEGER, "ts": bench.TIMESTAMP, **COLUMNS}, ROWS)
    bench.make_members(engine, "customer", list(MEMBERS))
    texts = {
        "list(visit.item)": lambda r: sorted({x[2] for x in r if x[2] is not None}, key=str.encode) or None,
        "list(visit.item, 2)": lambda r: sorted({x[2] for x in r if x[2] is not None}, key=str.encode)[:2] or None,
        "list(visit.n) filter (where n > 1)": lambda r: sorted({x[4] for x in r if x[4] > 1}) or None,
        "top_k(visit.item, 3)": lambda r: ordered(weights(r, None))[:3] or None,
        "top_k(visit.item, 2, visit.weight)": lambda r: ordered(weights(r, 3))[:2] or None,
        "top_k(visit.item, 2) filter (where n = 3)": lambda r: (
            ordered(weights([x for x in r if x[4] == 3], None))[:2] or None
        ),
        "distribution(visit.item)": lambda r: spread(weights(r, None)),
        "distribution(visit.item, visit.weight)": lambda r: spread(weights(r, 3)),
        "distribution(visit.item) filter (where n < 0)": lambda r: spread(weights([x for x in r if x[4] < 0], None)),
        "has(list(visit.item), '茶')": lambda r: any(x[2] == "茶" for x in r) if weights(r, None) else None,
        "has_any(list(visit.item), 'tea', '茶')": lambda r: (
            any(x[2] in ("tea", "茶") for x in r) if weights(r, None) else None
        ),
        "has_all(list(visit.item), 'tea', '茶')": lambda r: (
            {"tea", "茶"} <= weights(r, None).keys() if weights(r, None) else None
        ),
        "list_intersect(list(visit.item), list_of('oil', 'tea'))": lambda r: (
            [x for x in ("oil", "tea") if x in weights(r, None)] if weights(r, None) else None
        ),
        "share_in(distribution(visit.item), 'tea')": lambda r: (
            Counter(x[2] for x in r if x[2] is not None)["tea"] / sum(x[2] is not None for x in r)
            if weights(r, None)
            else None
        ),
        "top_of(distribution(visit.item))": lambda r: next(iter(ordered(weights(r, None))), None),
        "list_length(list(visit.item)) + 1": lambda r: len(weights(r, None)) + 1 if weights(r, None) else None,
        "sum(json_integer(visit.body, '$.n'))": lambda r: (
            sum(3 for x in r if x[7] and '"n": 3' in x[7]) or None
            if any(x[7] and '"n": 3' in x[7] for x in r)
            else None
        ),
        "any(has(json_list(visit.body, '$.tags'), 'b'))": lambda r: (
            any('"b"' in x[7] for x in r if x[7] and x[7].endswith("}"))
            if any(x[7] and x[7].endswith("}") for x in r)
            else None
        ),
        "min(distance_m(visit.lon, visit.lat, 121.5, 31.2))": lambda r: min(
            (metres(x[5], x[6], 121.5, 31.2) for x in r if x[5] is not None), default=None
        ),
        "count(visit) filter (where within_m(121.5, 31.2, 8000))": lambda r: sum(
            metres(x[5], x[6], 121.5, 31.2) <= 8000 for x in r if x[5] is not None
        ),
        "count(visit) filter (where in_area('POLYGON((121.4 31.1, 121.6 31.1, 121.4 31.3, 121.4 31.1))'))": lambda r: (
            sum(x[5] > 121.4 and x[6] > 31.1 and (x[5] - 121.4) + (x[6] - 31.1) < 0.2 for x in r if x[5] is not None)
        ),
        "home_of(visit, 100)": lambda r: dwelling(r, 100, at_night),
        "home_of(visit, 20000) filter (where n > 0)": lambda r: dwelling([x for x in r if x[4] > 0], 20_000, at_night),
        "work_of(visit, 100)": lambda r: dwelling(r, 100, at_work),
    }
    by_member = {m: [r for r in ROWS if r[0] == m] for m in MEMBERS}
    wanted = {text: {m: meaning(rows) for m, rows in by_member.items()} for text, meaning in texts.items()}
    found = bench.answers(engine, {t: t for t in texts}, WORLD, subject="customer", as_of=AS_OF)
    assert not bench.differing(found, wanted)


@pytest.fixture(scope="module")
def duck() -> Any:
    engine = DuckDBEngine(None, threads=1)
    bench.make_members(engine, "customer", [1])
    yield engine
    engine.close()


def answer(engine: Engine, text: str) -> Any:
    return bench.answers(engine, {"x": text}, WORLD, subject="customer", as_of=AS_OF)["x"][1]


PATHS: dict[str, tuple[str | int, ...]] = {
    "$": (), "$.a": ("a",), "$[0]": (0,), "$.a[1]": ("a", 1), "$.画.b": ("画", "b"), "$[1].a": (1, "a")
}  # fmt: skip


def document(draw: random.Random, depth: int = 3) -> Any:
    kind = draw.randrange(9 if depth else 6)
    if kind >= 6:
        parts = [document(draw, depth - 1) for _ in range(draw.randrange(4))]
        return parts if kind == 6 else dict(zip(draw.sample(["a", "b", "画", "c"], len(parts)), parts, strict=True))
    number = draw.choice([draw.randint(-9, 9), draw.randint(-(2**70), 2**70), 2**63, 2**63 - 1, -(2**63)])
    double = draw.choice(
        [draw.uniform(-9, 9), draw.uniform(-1, 1) * 10 ** draw.randint(-30, 30), 2.0**53 + 2, 1e22, 3.0]
    )
    text = "".join(draw.choices('ab"\\,]}é画\n😀 ', k=draw.randrange(5)))
    return [None, draw.random() < 0.5, number, double, text, text][kind]


def at_path(body: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        if isinstance(step, str):
            body = body.get(step) if isinstance(body, dict) else None
        else:
            body = body[step] if isinstance(body, list) and len(body) > step else None
    return body


def read(here: Any) -> dict[str, Any]:
    """What the functions should give of the value that Python's own reader finds."""
    number = isinstance(here, int | float) and not isinstance(here, bool)
    exact = number and abs(here) <= 2**53 and float(here).is_integer()
    return {
        "json_text": here if isinstance(here, str) else None,
        "json_boolean": here if isinstance(here, bool) else None,
        "json_number": float(here) if number else None,
        "json_integer": int(here) if exact or (number and isinstance(here, int) and -(2**63) <= here < 2**63) else None,
        "json_length": len(here) if isinstance(here, list | dict) else None,
        "json_has": here is not None,
        "json_list": [x for x in here if isinstance(x, str)] if isinstance(here, list) else None,
    }


@pytest.mark.slow_on_spark
def test_a_value_by_its_path_is_the_one_that_python_finds(engine: Engine) -> None:
    draw = random.Random(20240701)
    bodies = [document(draw) for _ in range(200)]
    moment = datetime(2024, 5, 1)
    rows = [
        (i, moment, None, None, None, None, None, json.dumps(body, ensure_ascii=i % 2 == 0))
        for i, body in enumerate(bodies)
    ]
    bench.make(engine, "fact_visit", {"customer": INTEGER, "ts": bench.TIMESTAMP, **COLUMNS}, rows)
    bench.make_members(engine, "customer", range(len(bodies)))
    wanted: dict[str, dict[Any, Any]] = {}
    for path, steps in PATHS.items():
        found = [read(at_path(body, steps)) for body in bodies]
        wanted |= {f"{name} {path}": {i: one[name] for i, one in enumerate(found)} for name in found[0]}
    texts = {name: "first({}(visit.body, '{}'))".format(*name.split()) for name in wanted if "json_list" not in name}
    texts |= {name: f"json_list(first(visit.body), '{name.split()[1]}')" for name in wanted if "json_list" in name}
    found = bench.answers(engine, texts, WORLD, subject="customer", as_of=AS_OF)
    assert not bench.differing(found, wanted)


def test_the_middle_of_a_cell_is_near_and_in_the_same_cell(duck: Engine) -> None:
    draw = random.Random(5)
    points = [
        (round(draw.uniform(-180, 180), 6), round(draw.uniform(-89, 89), 6), draw.choice([50, 20_000]))
        for _ in range(12)
    ]

    def asked(texts: dict[Any, str]) -> dict[Any, Any]:
        answers = bench.answers(
            duck, {str(key): text for key, text in texts.items()}, WORLD, subject="customer", as_of=AS_OF
        )
        return {key: answers[str(key)][1] for key in texts}

    cells = asked({point: "cell({}, {}, {})".format(*point) for point in points})
    lons, lats = (asked({p: f"cell_{which}('{cell}')" for p, cell in cells.items()}) for which in ("lon", "lat"))
    again = asked({p: f"cell({lons[p]:.9f}, {lats[p]:.9f}, {p[2]})" for p in points})
    for point in points:
        # Half a diagonal; near a pole a row has few cells, which are then up to twice as wide.
        assert metres(point[0], point[1], lons[point], lats[point]) <= point[2] * 1.5
        assert again[point] == cells[point]


def test_a_hole_is_outside_and_edges_are_shared_by_no_two_areas(duck: Engine) -> None:
    ring = "POLYGON((0 0, 10 0, 10 10, 0 10, 0 0), (4 4, 6 4, 6 6, 4 6, 4 4))"
    inside = {(1, 1): True, (5, 5): False, (3.9, 5): True, (11, 5): False, (200, 5): None}
    for (lon, lat), wanted in inside.items():
        assert answer(duck, f"in_area({lon}, {lat}, '{ring}')") is wanted
    body = json.dumps({"type": "Polygon", "coordinates": [[[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]]})
    assert rings(body) == rings("POLYGON((0 0,10 0,10 10,0 10,0 0))")
    left, right = ("POLYGON((0 0, 5 0, 5 10, 0 10, 0 0))", "POLYGON((5 0, 10 0, 10 10, 5 10, 5 0))")
    for lat in (0, 3, 9.5):
        both = [answer(duck, f"in_area(5, {lat}, '{one}')") for one in (left, right)]
        assert sum(both) == 1


@pytest.mark.parametrize(
    ("code", "prefix"),
    [
        ("310000", "31"),
        ("310100", "3101"),
        ("310115", "310115"),
        ("31", "31"),
        ("310115003000", "310115003"),
        ("100000", "10"),
    ],
)
def test_a_code_stands_for_all_below_it(code: str, prefix: str) -> None:
    assert code_prefix(code) == prefix


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("list(visit.lon)", "a double is not exact"),
        ("list(visit.item, 0)", "keeps 1 to 1,000 values, not 0"),
        ("top_k(visit.item, 5000)", "keeps 1 to 1,000 values"),
        ("has(list(visit.item), 5)", "A list of text holds no integer"),
        ("has(max(visit.item), 'x')", "Argument 1 of `has` must be a list, not text"),
        ("list(visit.item) > 'a'", "do not go together"),
        ("list(visit.item) = list(visit.n)", "do not go together"),
        ("max(list(visit.item))", "stands inside another aggregate"),
        ("list_union(list(visit.item), list(visit.n))", "do not go together"),
        ("element_at(list(visit.item), 0)", "there is no 0"),
        ("to_text(list(visit.item))", "has no single way to be written"),
        ("share_in(list(visit.item), 'a')", "must be a distribution, not list of text"),
        ("json_text('{}', 'a.b')", "is no path into JSON"),
        ("json_text('{}', '$.*')", "is no path into JSON"),
        ("json_text('{}', '$.\"a''b\"')", "is no path into JSON"),
        ("count(call) filter (where within_m(1, 2, 3))", "takes the place of the call, which has none"),
        ("within_m(1, 2, 3)", "takes the place of the customer, which has none"),
        ("count(visit) filter (where within_m(1, 2, -3))", "0 to 20,100,000 metres"),
        ("count(visit) filter (where in_area('nowhere'))", "administrative code, or a polygon"),
        ("count(visit) filter (where in_area('POLYGON((0 0, 1 1, 2 2))'))", "is not closed"),
        ("count(visit) filter (where in_area('POLYGON((0 0, 1 100, 2 2, 0 0))'))", "is no position"),
        ("count(visit) filter (where in_area('POLYGON((0 0, 1 1), (2 2, 0 0)'))", "administrative code, or a polygon"),
        ("count(visit) filter (where in_area(item, 'x'))", "is no administrative code"),
        ("count(visit) filter (where in_area(item, item, 'POLYGON((0 0, 1 1, 2 0, 0 0))'))", "are numbers, not text and text"),
        ("mode(cell(visit.lon, visit.lat, 5))", "10 to 100,000 metres wide"),
        ("work_of(visit, 5)", "10 to 100,000 metres wide"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(text: str, said: str) -> None:
    with pytest.raises(GongbiError) as error:
        check_expression(text, WORLD, "customer")
    assert said in str(error.value)
