"""A build made from an earlier one equals the whole build, cell for cell, whatever has come, gone or passed since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import bench
import pytest
import random_expressions as random
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gongbi.core.advance import advanced_plan, again_plan, parts_by_cause, with_states
from gongbi.core.changes import STATE, Split, split
from gongbi.core.compiler import Request, compile_members
from gongbi.core.expr import Expr
from gongbi.core.functions import sample
from gongbi.core.language import check_expression
from gongbi.core.plan import Plan
from gongbi.core.touched import Since, touched_plan, united
from gongbi.core.types import INTEGER, TIMESTAMP
from gongbi.core.world import World
from gongbi.engine.base import Engine
from gongbi.tags.amend import amend, changed, drop_build

UNHURRIED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
NO_SHRINKING = (Phase.explicit, Phase.generate)
OLD, NEW = 1, 2
#: What the language has besides what random expressions use: rhythm, phrases, instants of the member.
MORE = {
    "since": "days_since(max(sale.ts))",
    "young": "first_time(sale, 9, 'day')",
    "rhythm": "gap_max(sale.ts)",
    "last": "last(sale.n)",
    "daily": "average_daily(sale.n, 20)",
    "turned": "count(sale) filter (where days_between(sale.ts, as_of()) < 10)",
    "per_day": "count(sale) / days_since(min(sale.ts))",
    "place": "rank(tag.since) + tag.rhythm",
    "back": "resurrected(sale, 5, 9, 'day')",
    "shelf": "count(sale) filter (where product.level > 0 and this('month'))",
    "hour": "mode(hour(sale.ts))",
    "month": "sum(sale.n) filter (where this('month'))",
    "week": "count(sale) filter (where within(7, 'day'))",
    "weeks": "count(view) filter (where within(1, 'calendar_week', 1))",
    "days": "max(sale.amount) filter (where within(2, 'day', 3))",
    "workdays": "count(sale) filter (where within(2, 'workday'))",
    "earlier": "count(view) filter (where within(3, 'workday', 1))",
    "mean": "average_daily(sale.n, previous('week'))",
    "ending": "count(sale) filter (where ends_within(sale.ts, 2, 'workday'))",
}


def read(texts: Mapping[str, str], world: World, subject: str) -> tuple[dict[str, Expr], World]:
    exprs: dict[str, Expr] = {}
    for name, text in texts.items():
        exprs[name] = check_expression(text, world, subject)
        world = replace(world, tags={**world.tags, (subject, name): exprs[name].type})
    return exprs, world


def lay_out(engine: Engine, drawn: Random, facts: Any, attributes: Any, *, later: bool) -> None:
    """The tables before and after load 2, which may bring rows, take the place of others, describe members anew.

    Often it does nothing to a table, so that nobody is touched but by what is to be seen.
    """
    drawn = Random(drawn.random())
    for name, rows in facts.items():
        shape, new, lost = random.WORLD.facts[name], drawn.choice([0, 0, 0, 0.2]), drawn.choice([0, 0, 0, 0.1])
        columns = {**shape.subjects, "ts": TIMESTAMP, **shape.columns, "_load": INTEGER, "_row": INTEGER}
        made = [
            [*(row[c] for c in list(columns)[:-2]), NEW if drawn.random() < new else OLD, i]
            for i, row in enumerate(rows)
        ]
        gone = [row for row in made if row[-2] == OLD and drawn.random() < lost]
        live = [row for row in made if (row not in gone if later else row[-2] == OLD)]
        bench.make(engine, shape.table, columns, live)
        hidden = [[*row, NEW] for row in gone] if later else []
        bench.make(engine, f"superseded_{shape.table}", {**columns, "_by": INTEGER}, hidden)
    for subject, by_id in attributes.items():
        own = random.CUSTOMER if subject == "customer" else random.PRODUCT
        new, lost = drawn.choice([0, 0, 0.3]), drawn.choice([0, 0, 0.2])
        columns = {"id": INTEGER, **own, **bench.LATE}
        made = [
            [i, *(row[c] for c in own), *span(drawn), NEW if drawn.random() < new else OLD, i]
            for i, row in by_id.items()
        ]
        gone = [row for row in made if row[-2] == OLD and drawn.random() < lost]
        live = [row for row in made if (row not in gone if later else row[-2] == OLD)]
        bench.make(engine, f"attr_{subject}", columns, live)
        hidden = [[*row, NEW] for row in gone] if later else []
        bench.make(engine, f"superseded_attr_{subject}", {**columns, "_by": INTEGER}, hidden)
    since = [
        (i, drawn.choice([None, None, None, None, random.NAIVE, random.NAIVE + timedelta(hours=3)]))
        for i in random.MEMBERS
    ]
    gone_too = random.MEMBERS[0] if drawn.random() < 0.3 else None
    known = [row for row in since if not (later and row[0] == gone_too)]
    bench.make(engine, "member_customer", {"id": INTEGER, "known_from": TIMESTAMP}, known)


def span(drawn: Random) -> list[datetime | None]:
    """When a description holds: always, or from or to an instant around the two builds."""
    if drawn.random() < 0.7:
        return [None, None]
    return [drawn.choice([None, random.NAIVE + timedelta(hours=drawn.randint(-20, 60))]) for _ in range(2)]


def advance(
    engine: Engine, exprs: Mapping[str, Expr], parts: Split, world: World, subject: str, before: datetime, now: datetime
) -> int:
    """Make `advanced` from `first`, which was built as of before; return how many members were touched."""
    since = Since(before, now, "first", (NEW,), frozenset(engine.tables()))
    request = Request(subject, exprs, now, {})
    dialect = engine.dialect
    n = engine.build(touched_plan(parts, subject, since, world, dialect), "touched")
    engine.build(again_plan(request, parts, "touched", world, dialect), "again")
    engine.build(advanced_plan(request, parts, "first", "touched", "again", world, dialect), "advanced")
    return n


def whole(
    engine: Engine, exprs: Mapping[str, Expr], parts: Split, world: World, subject: str, at: datetime, into: str
) -> None:
    plan = compile_members(Request(subject, with_states(exprs, parts), at, {}), world, engine.dialect)
    engine.build(plan, into)


def assert_equal(engine: Engine, texts: Mapping[str, str], one: str = "advanced", other: str = "whole_one") -> None:
    found, wanted = ({r["id"]: r for r in engine.query(f"select * from {t}").to_pylist()} for t in (one, other))
    assert found.keys() == wanted.keys()
    wrong = [
        (name, texts.get(name), i, found[i][name], value)
        for i, row in wanted.items()
        for name, value in row.items()
        if not bench.same(found[i][name], value)
    ]
    assert not wrong, wrong
    assert engine.columns(one) == engine.columns(other)


def assert_advances(engine: Engine, seed: int, most: int) -> None:
    drawn = Random(seed)
    facts, attributes = random.facts.make(drawn), random.attributes.make(drawn)
    texts = random.tags.make(drawn) | MORE | {f"e{i}": t for i, t in enumerate(random.expressions(most).make(drawn))}
    exprs, world = read(texts, random.WORLD, "customer")
    parts = split(exprs, world)
    now = random.AS_OF + timedelta(hours=drawn.choice([0, 1, 24, 24, 24 * 7, 24 * 31]))
    state = drawn.getstate()
    lay_out(engine, drawn, facts, attributes, later=False)
    whole(engine, exprs, parts, world, "customer", random.AS_OF, "first")
    drawn.setstate(state)
    lay_out(engine, drawn, facts, attributes, later=True)
    advance(engine, exprs, parts, world, "customer", random.AS_OF, now)
    whole(engine, exprs, parts, world, "customer", now, "whole_one")
    assert_equal(engine, texts)
    if engine.capabilities.amends:
        engine.build(Plan().then("copy", "select * from first"), "as_first")
        since = Since(random.AS_OF, now, "first", (NEW,), frozenset(engine.tables()))
        with engine.transaction():
            amend(engine, world, changed(engine, world, Request("customer", exprs, now, {}), parts, since, "amended"))
        assert_equal(engine, texts, "amended")
        assert_equal(engine, texts, "first", "as_first")
        drop_build(engine, "amended")


@settings(max_examples=5, suppress_health_check=UNHURRIED, phases=NO_SHRINKING, deadline=None)
@given(st.integers(0, 2**32))
def test_an_advanced_build_equals_the_whole_one(duckdb_engine: Engine, seed: int) -> None:
    assert_advances(duckdb_engine, seed, most=5)


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=UNHURRIED, phases=NO_SHRINKING, deadline=None)
@given(st.integers(0, 2**32))
def test_many_advanced_builds_equal_the_whole_ones(duckdb_engine: Engine, seed: int) -> None:
    assert_advances(duckdb_engine, seed, most=15)


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.timeout(900)
@settings(max_examples=1, suppress_health_check=UNHURRIED, phases=NO_SHRINKING, deadline=None)
@given(st.integers(0, 2**32))
def test_an_advanced_build_equals_the_whole_one_on_spark(spark_engine: Engine, seed: int) -> None:
    assert_advances(spark_engine, seed, most=2)


def of_sample(texts: Mapping[str, str]) -> tuple[dict[str, Expr], Split, World]:
    exprs, world = read(texts, sample.WORLD, "member")
    return exprs, split(exprs, world), world


def test_values_of_the_rows_stay_and_those_with_the_instant_or_everybody_in_them_move() -> None:
    texts = {
        "n": "count(sample)",
        "recent": "count(sample) filter (where within(30, 'day'))",
        "hour": "mode(hour(sample.ts))",
        "both": "tag.n * 2",
        "since": "days_since(max(sample.ts))",
        "score": "score(sum(sample.amount) / count(sample), 3)",
        "on_since": "tag.n + tag.since",
        "daily": "average_daily(sample.quantity, 30)",
    }
    _, parts, _ = of_sample(texts)
    assert list(parts.stay) == ["n", "recent", "hour", "both"]
    assert list(parts.moving) == ["since", "score", "on_since", "daily"]
    assert all(name.startswith(STATE) for name in parts.states)
    assert len(parts.states) == 2, "max(ts), and the ratio as one"
    assert parts.everyone == {"daily": "instant"}


def test_only_members_with_a_row_at_the_edge_of_a_window_are_touched(duckdb_engine: Engine) -> None:
    bench.make_sample(duckdb_engine)
    duckdb_engine.build(Plan().then("first", "select id from member_member"), "first")
    # From 15 September on, a window of 30 days loses 16 August to 9 September in 25 days: only member 1 has rows there.
    _, parts, world = of_sample({"recent": "count(sample) filter (where within(30, 'day'))"})
    assert touched(duckdb_engine, parts, world, days=25) == {1}
    _, parts, world = of_sample({"all": "count(sample)"})
    assert touched(duckdb_engine, parts, world, days=4) == set()
    assert touched(duckdb_engine, parts, world, days=25) == {1}, "a row of 20 September is seen for the first time"


def test_what_is_of_all_time_is_a_part_of_its_own_beside_what_a_window_bounds() -> None:
    texts = {
        "n": "count(sample)",
        "recent": "count(sample) filter (where within(30, 'day'))",
        "hour": "mode(hour(sample.ts))",
        "share": "tag.recent / tag.n",
        "since": "days_since(max(sample.ts))",
    }
    _, found, _ = of_sample(texts)
    (state,) = found.states
    timeless, bounded = parts_by_cause(found)
    assert timeless.columns == ("n", "hour", state)
    assert (bounded.columns, set(bounded.split.kept)) == (("recent", "share"), {"n", "recent", "share"})


def touched(engine: Engine, parts: Split, world: World, *, days: int) -> set[int]:
    since = Since(sample.AS_OF, sample.AS_OF + timedelta(days=days), "first")
    return set(engine.query(touched_plan(parts, "member", since, world, engine.dialect))["id"].to_pylist())


def test_spans_that_touch_are_one() -> None:
    a, b, c, d = (datetime(2024, 1, day, tzinfo=UTC) for day in (1, 2, 3, 4))
    assert united([(b, c), (a, b), (c, c), (d, d)]) == [(a, c)]
    assert united([(c, d), (a, b)]) == [(a, b), (c, d)]
