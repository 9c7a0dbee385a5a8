"""Small worlds of definitions with their tables, and the answers of an engine to many expressions at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from gongbi.core.compiler import Request, Stored, compile_members
from gongbi.core.expr import Expr
from gongbi.core.functions import sample
from gongbi.core.language import check_expression
from gongbi.core.table import Column, Table
from gongbi.core.types import BOOLEAN, DATE, DOUBLE, INTEGER, TEXT, TIMESTAMP, Type, decimal
from gongbi.core.world import AttributeShape, SubjectShape, World
from gongbi.engine.base import Engine

#: Columns of one plan; wide plans make Spark compile long.
BATCH = 150
LATE = {"valid_from": TIMESTAMP, "valid_to": TIMESTAMP, "_load": INTEGER, "_row": INTEGER}


def make(engine: Engine, name: str, columns: Mapping[str, Type], rows: Sequence[Sequence[Any]]) -> None:
    """Make a table and fill it."""
    engine.create(Table(name, tuple(Column(c, t) for c, t in columns.items())), replace=True)
    if rows:
        schema = pa.schema(engine.columns(name))
        arrays = [pa.array([row[i] for row in rows], type=field.type) for i, field in enumerate(schema)]
        engine.append(name, pa.Table.from_arrays(arrays, schema=schema))


def make_members(engine: Engine, subject: str, ids: Sequence[Any], id_type: Type = INTEGER) -> None:
    """Make the population of a subject, all known from the beginning."""
    make(engine, f"member_{subject}", {"id": id_type, "known_from": TIMESTAMP}, [(i, None) for i in ids])


def make_sample(engine: Engine) -> None:
    """Make the rows of the documentation's examples."""
    fact = sample.WORLD.fact("sample")
    make(engine, fact.table, {"member": INTEGER, "ts": TIMESTAMP, **fact.columns}, sample.ROWS)
    make_members(engine, "member", sample.MEMBERS)


def answers(
    engine: Engine,
    texts: Mapping[str, str],
    world: World = sample.WORLD,
    *,
    subject: str = "member",
    as_of: datetime = sample.AS_OF,
    ahead: bool = False,
    stored: Mapping[str, Stored] | None = None,
    during: Any = None,
) -> dict[str, dict[Any, Any]]:
    """Name → member → value. The texts may refer to one another as tags."""
    exprs = {name: check_expression(text, world, subject, ahead=ahead) for name, text in texts.items()}
    return computed(engine, exprs, world, subject=subject, as_of=as_of, stored=stored, during=during)


def computed(
    engine: Engine,
    exprs: Mapping[str, Expr],
    world: World,
    *,
    subject: str,
    as_of: datetime,
    stored: Mapping[str, Stored] | None = None,
    during: Any = None,
) -> dict[str, dict[Any, Any]]:
    found: dict[str, dict[Any, Any]] = {}
    names = list(exprs)
    for at in range(0, len(names), BATCH):
        part = {f"c{at + i}" if len(names) > BATCH else n: exprs[n] for i, n in enumerate(names[at : at + BATCH])}
        request = Request(subject, part, as_of, stored or {}, during)
        rows = engine.query(compile_members(request, world, engine.dialect))
        ids = rows.column("id").to_pylist()
        for given, column in zip(names[at : at + BATCH], part, strict=True):
            found[given] = dict(zip(ids, rows.column(column).to_pylist(), strict=True))
    return found


def same(a: Any, b: Any, tolerance: float = 1e-9) -> bool:
    """Equal, doubles within 1e-9 of each other relatively; dates may be written out."""
    if isinstance(b, str) and isinstance(a, date):
        return a.isoformat() == b
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y, tolerance) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key], tolerance) for key in a)
    if isinstance(a, Decimal) and isinstance(b, float | int) and not isinstance(b, bool):
        return same(float(a), float(b), tolerance)
    if isinstance(a, float) and isinstance(b, float | int) and not isinstance(b, bool):
        return math.isclose(a, b, rel_tol=tolerance, abs_tol=1e-12) or (math.isnan(a) and math.isnan(b))
    return type(a) is type(b) and bool(a == b)


def differing(found: dict[str, dict[Any, Any]], wanted: dict[str, dict[Any, Any]]) -> list[tuple[Any, ...]]:
    """(name, how many members differ, the first of them, the value found, the value wanted)."""
    wrong = []
    for name in wanted:
        bad = [i for i in wanted[name] if not same(found[name][i], wanted[name][i])]
        if bad:
            wrong.append((name, len(bad), bad[0], found[name][bad[0]], wanted[name][bad[0]]))
    return wrong


# -- the battery: one member per row, awkward values in every column ----------------------------------

WHOLE = [0, 1, -1, 2, -2, 3, 7, -7, 10, 100, 12, -13, 2**31, -(2**31) - 1, 2**53 - 1, -(2**53), 10**15, None]
WHOLE_2 = [1, 0, -1, 3, 7, -7, 2, None, 400, 36]
CENTS = [
    *map(Decimal, "0.00 0.01 -0.01 0.05 1.25 -1.25 2.50 -2.50 0.50 -0.50 1.15 -0.49 99.99 9999999999999.99".split()),
    Decimal("-9999999999999.99"),
    None,
]
FINE = [*map(Decimal, "0 0.000000001 -0.000000001 1.000000005 123456789.123456789 -0.5 2.5".split()), None]
DOUBLES = [0.0, -0.0, 0.5, 1.5, 2.5, -2.5, -0.5, 1 / 3, 0.1, 1e-12, 1e15 + 0.5, -7.25, 100.0, 4e18, 1e19, 650.0, None]
TEXTS = [
    "", " ", "a", "Abc", "画像", "it's", "back\\slash", "new\nline", "😀 emoji", "100%", "a_b", "\u3000全角\u3000", "12", " 12\t",
    "-7", "1.5", "1e3", ".5", "2017-02-28", "2017-02-30", " 2016-02-29 ", "a,b,c", "é", "e\u0301", 'say "hi"', "line\r\n",
    "NaN", "Infinity", "${x}", "{0}", "ABC,abc", "0x1F", "１２", "true", "a\u00a0", "Cat", "a\n", "Ünïcode ΣΩ Жж", None,
]  # fmt: skip
TEXTS_2 = ["a", "", "像", "\\", "'", "😀", "abc", None, "%", "ABC,abc", "12"]
DOCUMENTS = [
    '{"a": 1}', '{"a": 1} x', '{"a": 1,}', '{"a": "x"', '{"a": 1, "a": 2}', '{"a": {"b": [1, 2, {"c": "深"}]}}', "1, 2", "[1], [2]",
    '{"a": 12345678901234567890123}', '{"a": 9223372036854775807}', '{"a": 9223372036854775808}', '{"a": -9223372036854775808}',
    '{"a": 1.0}', '{"a": 1e3}', '{"a": 1.10}', '{"a": "\\u6df1\\ud83d\\ude00"}', '{"a": "\\ud83d"}', '{"a": null}', "null", "[1, 2]", '"s"',
    '{"a": true}', '{"a": NaN}', "{'a': 1}", '{"a": "12"}', "", '  {"a": 1}\n', "{a: 1}", '{"a": 1e400}', '{"a": []}', '{"a": {}}', '{"a": "x\ny"}',
    "[1] [2]", "01", '{"a": 01}', '{"a": -0}', '{"a": 9007199254740993.0}', '{"a.b": 3, "a": {"b": 4}}', '/*c*/{"a": 1}', '{"": 5}',
    '{"a": ["x", 1, null, "y", {"a": "z"}]}', '{"a": {"b": "it\'s \\"q\\" \\\\"}}', '{"a": [",]", "NaN"], "b": [{"c": 1, "c": 2}]}', '{"a": 2.5, "b": [true, false]}',
    '{"a": 1}]', '[{"a": false, "a b": {"深": -7}}]', '{"a b": {"深": [0.1]}}', '{"a": 123456789.123456789123456789}', None,
]  # fmt: skip
LONS = [0.0, 121.4737, -180.0, 180.0, 179.9999, 181.0, -74.0060, 116.4074, 121.4738, None, 1e300]
LATS = [0.0, 31.2304, 90.0, -90.0, 89.9999, 40.7128, 39.9042, 31.2305, -91.0, None, 60.0, 31.25, 31.2]
DAYS = [
    date(2016, 2, 29), date(2017, 1, 1), date(2016, 12, 31), date(2015, 12, 31), date(2018, 12, 31), date(2000, 2, 29),
    date(1900, 2, 28), date(2017, 3, 31), date(2017, 1, 31), date(1970, 1, 1), date(1969, 12, 31), date(1600, 1, 1),
    date(2017, 9, 15), date(2017, 9, 17), date(2017, 9, 18), date(2020, 12, 28), date(2021, 1, 3), date(9998, 12, 31), None,
]  # fmt: skip
MOMENTS = [
    datetime(2017, 3, 12, 6, 59, 59, 999999), datetime(2017, 3, 12, 7), datetime(2017, 11, 5, 5, 30),
    datetime(2017, 11, 5, 6, 30), datetime(2017, 3, 12, 4, 59, 59), datetime(2017, 3, 12, 5), datetime(2016, 2, 29, 23, 30),
    datetime(2017, 1, 1, 0, 0, 0, 1), datetime(2016, 12, 31, 23, 59, 59, 999999), datetime(2017, 9, 14, 23, 59, 59, 999999),
    datetime(2017, 9, 15), datetime(2017, 9, 14), datetime(1970, 1, 1), datetime(1969, 12, 31, 23, 59, 59, 999999),
    datetime(1990, 6, 1, 16), datetime(2040, 7, 1, 12), None,
]  # fmt: skip
BATTERY = {
    "n": (INTEGER, WHOLE, 1), "m": (INTEGER, WHOLE_2, 3), "d": (decimal(2), CENTS, 1), "f": (decimal(9), FINE, 5),
    "x": (DOUBLE, DOUBLES, 1), "y": (DOUBLE, DOUBLES, 4), "s": (TEXT, TEXTS, 1), "u": (TEXT, TEXTS_2, 2),
    "p": (BOOLEAN, [True, False, None], 1), "q": (BOOLEAN, [True, True, False, None], 1),
    "day": (DATE, DAYS, 1), "day2": (DATE, DAYS, 7), "ts": (TIMESTAMP, MOMENTS, 1), "ts2": (TIMESTAMP, MOMENTS, 5),
    "j": (TEXT, DOCUMENTS, 1), "lon": (DOUBLE, LONS, 1), "lat": (DOUBLE, LATS, 1), "lon2": (DOUBLE, LONS, 2), "lat2": (DOUBLE, LATS, 4),
    "code": (TEXT, ["310115", "310000", "320500", "31", "3", "", None], 1),
}  # fmt: skip
BATTERY_IDS = tuple(range(1, 115))


def battery_world(zone: str) -> World:
    """A subject `case` whose members carry the awkward values as attributes."""
    shapes = {name: AttributeShape(name, type_, "attr_case") for name, (type_, _, _) in BATTERY.items()}
    return World({"case": SubjectShape("case", INTEGER, shapes)}, {}, zone=zone)


def make_battery(engine: Engine) -> None:
    columns = {"id": INTEGER, **{name: type_ for name, (type_, _, _) in BATTERY.items()}, **LATE}
    rows = [
        (i, *(values[(i * step + i // len(values)) % len(values)] for _, values, step in BATTERY.values()), *[None] * 4)
        for i in BATTERY_IDS
    ]
    make(engine, "attr_case", columns, rows)
    make_members(engine, "case", BATTERY_IDS)


def instant(year: int, month: int, day: int, hour: int = 0) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)
