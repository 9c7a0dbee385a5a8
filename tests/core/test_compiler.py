"""Names that could meet ours, levels of tags and ranks, what lies ahead: through whole plans, on every engine."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import bench
import pytest

from gongbi.core import apart
from gongbi.core.clock import Window
from gongbi.core.compiler import Request, Stored, compile_members
from gongbi.core.dialect import DUCKDB
from gongbi.core.language import check_expression
from gongbi.core.types import BOOLEAN, INTEGER, TEXT, TIMESTAMP
from gongbi.core.world import AttributeShape, FactShape, SubjectShape, World
from gongbi.engine.base import Engine
from gongbi.errors import InvalidInput, NotYet
from gongbi.testing.engine import on_every_engine

#: Names that the plan uses itself, words of SQL, and Chinese.
ODD = ("k", "n", "v", "_m", "_n", "prev", "select", "_a0", "数 量", "f", "r0", 'q"q')
TAGS = ("_a0", "_r0", "_where", "_attr.age", "select", "标签.一", "m", "_m", "k", "rank.first", "later")
WORLD = World(
    {
        "order": SubjectShape("order", INTEGER, {"age": AttributeShape("age", INTEGER, "attr_order"), "_n": AttributeShape("_n", INTEGER, "attr_order", unique=False)}),
        "商品": SubjectShape("商品", INTEGER, {"k": AttributeShape("k", TEXT, "attr_商品")}),
    },
    {"购 买": FactShape("购 买", "fact_购 买", dict.fromkeys(ODD, INTEGER), {"order": INTEGER, "商品": INTEGER})},
    {("order", tag): INTEGER for tag in TAGS},
    {"many": ("order", 'count("购 买") > 1')},
)  # fmt: skip
AS_OF = bench.instant(2017, 9, 15)


def make(engine: Engine) -> None:
    columns = {"order": INTEGER, "商品": INTEGER, "ts": TIMESTAMP, **dict.fromkeys(ODD, INTEGER)}
    rows = [
        (order, item, datetime(2017, 9, day), *(day % 7 + i for i in range(len(ODD))))
        for order, item, day in [
            (1, 10, 1),
            (1, 11, 2),
            (1, 10, 9),
            (2, 11, 3),
            (2, 11, 14),
            (1, 11, 15),
            (2, 10, 20),
            (3, 10, 30),
        ]
    ]
    bench.make(engine, "fact_购 买", columns, rows)
    bench.make_members(engine, "order", (1, 2, 3))
    late = {"id": INTEGER, "age": INTEGER, "_n": INTEGER, **bench.LATE}
    spans = [
        (1, 5, 5, None, datetime(2017, 9, 15), 1, 1),
        (1, 6, 6, datetime(2017, 9, 15), None, 1, 2),
        (2, 9, 9, datetime(2017, 9, 1), None, 1, 3),
    ]
    bench.make(engine, "attr_order", late, spans)
    bench.make(
        engine,
        "attr_商品",
        {"id": INTEGER, "k": TEXT, **bench.LATE},
        [(10, "a", None, None, 1, 1), (11, "b", None, None, 1, 2)],
    )
    bench.make(engine, "built", {"id": INTEGER, "later": INTEGER}, [(1, 7), (2, 8)])


@on_every_engine()
def test_no_name_of_a_definition_meets_a_name_of_the_plan(engine: Engine) -> None:
    make(engine)
    quoted = ['"' + name.replace('"', '""') + '"' for name in ODD]
    texts = {f"sum {name}": f'sum("购 买".{name})' for name in quoted} | {
        f"mode {name}": f'mode("购 买".{name})' for name in quoted
    }
    texts |= {f"arg {name}": f'arg_max("购 买".{name}, "购 买".商品.k)' for name in quoted} | {
        "gaps": 'gap_max("购 买".ts)'
    }
    found = bench.answers(engine, texts, WORLD, subject="order", as_of=AS_OF)
    for i, name in enumerate(quoted):
        assert found[f"sum {name}"] == {1: 1 + 2 + 2 + 3 * i, 2: 3 + 0 + 2 * i, 3: None}
        assert found[f"mode {name}"] == {1: 2 + i, 2: i, 3: None}
        assert found[f"arg {name}"] == {1: 2 + i, 2: i, 3: None}
    assert found["gaps"] == {1: 7, 2: 11, 3: None}


@pytest.mark.parametrize("narrow", [pytest.param(0, id="apart"), pytest.param(99, id="along")])
@on_every_engine()
def test_tags_ranks_and_segments_build_on_one_another_whatever_they_are_called(
    engine: Engine, narrow: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "NARROW", narrow)
    make(engine)
    texts = {
        "_a0": 'count("购 买")',
        "_r0": "rank(tag._a0)",
        "select": "tag._r0 * 10 + rank(age)",
        "_where": "rank(tag._a0)",
        "标签.一": "rank(rank(tag.select))",
        "m": "if(segment.many, tag._a0, -tag._a0)",
        "_m": "tag.later + 1",
        "k": "coalesce(tag.later, score(tag._a0, 2))",
        "_attr.age": "age",
        "plain": "if(not segment.many, 1, 0)",
        "newest": "_n",
    }
    stored = {"later": Stored("built", "later")}
    found = bench.answers(engine, texts, WORLD, subject="order", as_of=AS_OF, stored=stored)
    assert found == {
        "_a0": {1: 3, 2: 2, 3: 0},
        "_r0": {1: 1, 2: 2, 3: 3},
        "select": {1: 12, 2: 21, 3: None},
        "_where": {1: 1, 2: 2, 3: 3},
        "标签.一": {1: 1, 2: 2, 3: None},
        "m": {1: 3, 2: 2, 3: 0},
        "_m": {1: 8, 2: 9, 3: None},
        "k": {1: 7, 2: 8, 3: 1},
        "_attr.age": {1: 5, 2: 9, 3: None},
        "plain": {1: 0, 2: 0, 3: 1},
        "newest": {1: 5, 2: 9, 3: None},
    }


@on_every_engine()
def test_what_lies_ahead_is_seen_by_ahead_alone(engine: Engine) -> None:
    make(engine)
    texts = {
        "next": "count(\"购 买\") filter (where ahead(7, 'day'))",
        "past": 'count("购 买")',
        "best": 'mode("购 买".k)',
        "period": 'sum("购 买".k) filter (where during())',
        "past filtered": "count(\"购 买\") filter (where within(7, 'day'))",
    }
    during = Window(bench.instant(2017, 9, 15), bench.instant(2017, 9, 21))
    found = bench.answers(engine, texts, WORLD, subject="order", as_of=AS_OF, ahead=True, during=during)
    assert found["next"] == {1: 1, 2: 1, 3: 0}
    assert found["past"] == {1: 3, 2: 2, 3: 0}
    assert found["best"] == {1: 2, 2: 0, 3: None}
    assert found["period"] == {1: 1, 2: 6, 3: None}
    assert found["past filtered"] == {1: 1, 2: 1, 3: 0}


@pytest.mark.parametrize("narrow", [pytest.param(-1, id="apart"), pytest.param(99, id="along")])
@on_every_engine()
def test_where_keeps_the_members_for_whom_it_is_true_after_ranks_saw_everyone(
    engine: Engine, narrow: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "NARROW", narrow)
    make(engine)
    exprs = {
        t: check_expression(x, WORLD, "order") for t, x in {"_a0": 'count("购 买")', "_r0": "rank(tag._a0)"}.items()
    }
    where = check_expression("tag._r0 > 1 and age > 0", WORLD, "order")
    assert where.type == BOOLEAN
    rows = engine.query(compile_members(Request("order", exprs, AS_OF, {}, where=where), WORLD, engine.dialect))
    assert rows.to_pylist() == [{"id": 2, "_a0": 2, "_r0": 2}]


@on_every_engine()
@pytest.mark.parametrize("columns", [{}, {"n": 'count("购 买")', "late": "tag.later"}])
@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ('tag.later >= 7 and count("购 买") filter (where k > 1 or n > 100) = 2', [1]),
        ("tag.later >= 7 or age = 5", [1, 2]),
        ('age > 5 and sum("购 买".k) filter (where "购 买".商品.k = \'x\') is null', [2]),
        ("not segment.many", [3]),
        ("_n = age and tag.later is not null", [1, 2]),
    ],
)
def test_a_condition_holds_for_the_same_members_wherever_they_are_read(
    engine: Engine, text: str, ids: list[int], columns: dict[str, str]
) -> None:
    make(engine)
    exprs = {name: check_expression(x, WORLD, "order") for name, x in columns.items()}
    where, stored = check_expression(text, WORLD, "order"), {"later": Stored("built", "later")}
    bench.make(engine, "roll", {"id": INTEGER, "later": INTEGER}, [(1, 7), (2, 8), (3, None)])
    for at, known in [(stored, None), ({"later": Stored("roll", "later")}, "roll"), (stored, "roll")]:
        request = Request("order", exprs, AS_OF, at, where=where, known=known)
        rows = engine.query(compile_members(request, WORLD, engine.dialect)).to_pylist()
        assert sorted(row["id"] for row in rows) == ids
        if columns:
            assert {(row["id"], row["n"], row["late"]) for row in rows} <= {(1, 3, 7), (2, 2, 8), (3, 0, None)}


def plan(columns: dict[str, str], **more: Any) -> Any:
    exprs = {name: check_expression(text, WORLD, "order") for name, text in columns.items()}
    return compile_members(Request("order", exprs, AS_OF, {}, **more), WORLD, DUCKDB)


def test_a_fact_is_read_once_and_equal_aggregates_are_computed_once() -> None:
    made = plan(
        {
            f"t{i}": f'count("购 买") + sum("购 买".k) filter (where n > 1) + {i} + rank(mode("购 买".v))'
            for i in range(5)
        }
    )
    sql = made.to_sql()
    assert sql.count('from "fact_购 买"') == 1
    assert sql.count("count(*)") == 2  # one of rows, one of the rows of each value of v
    assert sql.count("rank()") == 1


def test_one_filter_of_all_aggregates_is_applied_while_reading() -> None:
    made = plan(
        {
            "a": "count(\"购 买\") filter (where within(7, 'day'))",
            "b": "sum(\"购 买\".k) filter (where within(7, 'day'))",
        }
    )
    assert "filter" not in made.to_sql()


@pytest.mark.parametrize("names", [("A", "a"), ("id",), ("ID",)])
def test_columns_that_an_engine_could_mix_up_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput, match="cannot be called"):
        plan(dict.fromkeys(names, "age"))


def test_a_tag_that_was_not_built_is_asked_for() -> None:
    with pytest.raises(NotYet, match="'later' was not built yet"):
        plan({"x": "tag.later"})
