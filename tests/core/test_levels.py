"""Categories: ordered levels are compared by their place, and constants must be among the values of a closed list."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import bench
import pytest

from gongbi.catalog.catalog import Catalog, assemble
from gongbi.catalog.yaml import read_text
from gongbi.core.compiler import Request
from gongbi.core.functions import sample
from gongbi.core.language import check_expression
from gongbi.engine.base import Engine
from gongbi.errors import GongbiError, InvalidDefinition, UnknownName, WrongType
from gongbi.segments.plan import members_plan

LEVELS = ("低", "中", "高")
GRADES = ("D", "C", "B", "A")
DEFINITIONS = """
subject: customer
---
source: people
from: {file: people.csv}
attributes: customer
key: [id]
id: id
columns:
  points: integer
  grade: {type: text, values: [D, C, B, A], ordered: true}
  way: {type: text, values: [shop, web]}
  town: text
---
source: visits
from: {file: visits.csv}
fact: visit
key: [n]
time: at
subjects: {customer: customer}
columns:
  mood: {type: text, values: [低, 中, 高], ordered: true}
  minutes: integer
---
tag: x.ord
expr: case when points >= 20 then '高' when points >= 10 then '中' when points >= 0 then '低' end
type: {category: [低, 中, 高], ordered: true}
---
tag: x.down
expr: case when points >= 20 then 1 when points >= 10 then 2 else 3 end
type: {category: [3, 2, 1], ordered: true}
---
tag: x.day
expr: points % 7 + 1
type: {category: [1, 2, 3, 4, 5, 6, 7]}
---
tag: x.kind
expr: "if(points > 5, 'big', 'small')"
type: {category: [small, big]}
---
tag: x.kinds
expr: list(visit.mood)
type: {list: [低, 中, 高]}
---
tag: x.tier
maker: {tiers: {of: points, cuts: [10, 20], names: [low, mid, high], absent: unknown}}
"""
#: id, points, grade, way, town
PEOPLE = [
    (1, 5, "D", "shop", "上海"),
    (2, 15, "A", "web", "北京"),
    (3, 25, "B", None, None),
    (4, None, None, "web", "上海"),
    (5, 12, "C", "shop", "广州"),
]
#: customer, mood, minutes
VISITS = [(1, "低", 5), (1, "高", 9), (2, "中", 3), (2, "低", 4), (3, None, 1), (5, "高", 2), (5, "中", 8)]
ORD = {1: "低", 2: "中", 3: "高", 4: None, 5: "中"}
GRADE = {row[0]: row[2] for row in PEOPLE}


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return assemble(read_text(DEFINITIONS, "definitions.yaml"))


@pytest.fixture
def members(engine: Engine, catalog: Catalog) -> Engine:
    """The rows of the members above."""
    world = catalog.world
    shape = world.subject("customer")
    columns = {name: attribute.type for name, attribute in shape.attributes.items() if "." not in name}
    late = [(i, None, None, 1, n, *rest) for n, (i, *rest) in enumerate(PEOPLE)]
    bench.make(engine, shape.attributes["town"].table, {"id": shape.id_type, **bench.LATE, **columns}, late)
    bench.make_members(engine, "customer", [row[0] for row in PEOPLE])
    fact = world.fact("visit")
    at = bench.datetime(2017, 9, 1)
    types = {"customer": shape.id_type, "ts": bench.TIMESTAMP, **fact.columns}
    bench.make(engine, fact.table, types, [(who, at, mood, minutes) for who, mood, minutes in VISITS])
    return engine


def by_place(values: dict[int, Any], levels: tuple[str, ...], test: Callable[[int], bool]) -> dict[int, bool | None]:
    """What a test of the place of a value among the levels says, by plain Python."""
    return {i: None if v is None else test(levels.index(v) + 1) for i, v in values.items()}


def of_visits(found: Callable[[list[str]], Any]) -> dict[int, Any]:
    moods = {i: [mood for who, mood, _ in VISITS if who == i and mood] for i, *_ in PEOPLE}
    return {i: found(some) if some else None for i, some in moods.items()}


def test_levels_are_put_in_order_by_their_place(members: Engine, catalog: Catalog) -> None:
    texts: dict[str, str] = {}
    wanted: dict[str, dict[int, Any]] = {}
    signs = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
    for sign, test in signs.items():
        for place, level in enumerate(LEVELS, 1):
            texts[f"t{sign}{level}"] = f"tag.x.ord {sign} '{level}'"
            wanted[f"t{sign}{level}"] = by_place(ORD, LEVELS, lambda n, t=test, p=place: t(n, p))
            texts[f"r{sign}{level}"] = f"'{level}' {sign} tag.x.ord"
            wanted[f"r{sign}{level}"] = by_place(ORD, LEVELS, lambda n, t=test, p=place: t(p, n))
        for place, grade in enumerate(GRADES, 1):
            texts[f"g{sign}{grade}"] = f"grade {sign} '{grade}'"
            wanted[f"g{sign}{grade}"] = by_place(GRADE, GRADES, lambda n, t=test, p=place: t(n, p))
    texts["between"], wanted["between"] = "grade between 'C' and 'B'", by_place(GRADE, GRADES, lambda n: 2 <= n <= 3)
    texts["if"] = "coalesce(tag.x.ord, '低') >= '中'"
    wanted["if"] = {i: ORD[i] in ("中", "高") for i in ORD}
    down = {1: 3, 2: 2, 3: 1, 4: 3, 5: 2}
    texts["down"], wanted["down"] = "tag.x.down > 2", {i: v == 1 for i, v in down.items()}
    texts["day"], wanted["day"] = "tag.x.day >= 6", {1: True, 2: False, 3: False, 4: None, 5: True}
    place = {1: 1, 2: 4, 3: 3, 5: 2}
    texts["rank"], wanted["rank"] = "rank(grade)", {i: 5 - place[i] if i in place else None for i in GRADE}
    texts["score"], wanted["score"] = "score(grade, 4)", {i: place.get(i) for i in GRADE}
    order = LEVELS.index
    texts["max"], wanted["max"] = "max(visit.mood)", of_visits(lambda some: max(some, key=order))
    texts["min"], wanted["min"] = "min(visit.mood)", of_visits(lambda some: min(some, key=order))
    texts["reached"] = "max(visit.mood) >= '中'"
    wanted["reached"] = of_visits(lambda some: max(map(order, some)) >= 1)
    texts["filter"] = "sum(visit.minutes) filter (where mood >= '中')"
    wanted["filter"] = {1: 9, 2: 3, 3: None, 4: None, 5: 10}
    texts["best"] = "arg_max(visit.minutes, visit.mood)"
    wanted["best"] = {1: 9, 2: 3, 3: None, 4: None, 5: 2}
    texts["greatest"] = "greatest(tag.x.ord, max(visit.mood))"
    wanted["greatest"] = {1: "高", 2: "中", 3: "高", 4: None, 5: "高"}
    texts["tier"] = "tag.x.tier > 'unknown'"
    wanted["tier"] = {i: row[1] is not None for row in PEOPLE for i in [row[0]]}
    exprs = {f"tag{i}": text for i, text in enumerate(texts.values())}
    own = {name: catalog.tag(name).expression for name in ("x.ord", "x.down", "x.day", "x.tier")}
    found = bench.answers(members, {**own, **exprs}, catalog.world, subject="customer")
    for name, (key, expected) in zip(exprs, wanted.items(), strict=True):
        assert found[name] == expected, (key, texts[key])


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("tag.x.ord = '中间'", "中"),
        ("tag.x.ord <> 'zz'", "Known"),
        ("tag.x.kind in ('big', 'smal')", "small"),
        ("'biggg' = tag.x.kind", "big"),
        ("tag.x.ord >= '高高'", "高"),
        ("grade between 'D' and 'F'", "Known"),
        ("tag.x.day = 8", "Known"),
        ("way = 'webb'", "web"),
        ("count(visit) filter (where mood = '高兴')", "高"),
        ("max(visit.mood) = '最高'", "高"),
        ("has(tag.x.kinds, '高兴')", "高"),
        ("case tag.x.kind when 'bigg' then 1 end", "big"),
        ("coalesce(tag.x.kind, 'none') = 'nona'", "none"),
        ("if(tag.x.ord = '低', 1, 2) = 1 and tag.x.tier in ('middle')", "mid"),
    ],
)
def test_a_value_outside_the_list_is_refused_with_the_nearest(catalog: Catalog, text: str, near: str) -> None:
    with pytest.raises(UnknownName) as refused:
        check_expression(text, catalog.world, "customer")
    assert near in (refused.value.hint or "")


@pytest.mark.parametrize(
    "text",
    [
        "tag.x.kind >= 'big'",
        "way between 'shop' and 'web'",
        "coalesce(tag.x.ord, 'none') > '低'",
        "tag.x.ord > grade",
        "tag.x.ord >= town",
        "greatest(tag.x.kind, 'big')",
    ],
)
def test_values_without_an_order_in_common_are_not_compared(catalog: Catalog, text: str) -> None:
    with pytest.raises(WrongType, match="order"):
        check_expression(text, catalog.world, "customer")


@pytest.mark.parametrize(
    "text",
    [
        "town >= '北京'",
        "tag.x.ord || '!' = '高!'",
        "-tag.x.day = -8",
        "tag.x.day + 1 = 8",
        "upper(tag.x.kind) = 'BIG'",
        "tag.x.ord is absent",
        "tag.x.ord = town",
        "tag.x.day > 7.5",
        "coalesce(tag.x.ord, '无') = '无'",
        "list_length(tag.x.kinds) = 9",
    ],
)
def test_what_is_worked_out_of_a_category_is_free_again(catalog: Catalog, text: str) -> None:
    check_expression(text, catalog.world, "customer")


def test_an_ordered_column_lists_its_values() -> None:
    for keys in ("ordered: true", "ordered: true, values: [a, a]"):
        text = DEFINITIONS.replace("town: text", f"town: {{type: text, {keys}}}")
        with pytest.raises(GongbiError, match="each once") as refused:
            read_text(text, "definitions.yaml")
        assert isinstance(refused.value, InvalidDefinition)


def test_a_list_of_members_is_ordered_by_the_levels(members: Engine, catalog: Catalog) -> None:
    grade = check_expression("grade", catalog.world, "customer")
    asked = Request("customer", {"grade": grade}, sample.AS_OF, {})
    plan = members_plan(asked, catalog.world, members.dialect, limit=None, order=["grade"])
    assert members.query(plan)["grade"].to_pylist() == ["A", "B", "C", "D", None]
