"""What random expressions mean: the engines against the language in plain Python."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import bench
import broad_expressions as broad
import pytest
import random_expressions as random
import wide_expressions as wide
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from oracle import Oracle

from gongbi.core.expr import Expr
from gongbi.core.functions import CATALOGUE
from gongbi.core.language import check_expression
from gongbi.core.parser import parse
from gongbi.core.syntax import Apply, walk
from gongbi.engine.base import Engine

UNHURRIED = [
    HealthCheck.function_scoped_fixture,
    HealthCheck.too_slow,
    HealthCheck.data_too_large,
    HealthCheck.large_base_example,
]


def read(texts: dict[str, str]) -> dict[str, Expr]:
    return as_declared({name: check_expression(text, random.WORLD, "customer") for name, text in texts.items()})


def as_declared(exprs: dict[str, Expr]) -> dict[str, Expr]:
    """The same, where each tag has the type that the world declares: another would be another question."""
    wrong = {name: str(exprs[name].type) for name, type_ in random.TAGS.items() if exprs[name].type != type_}
    assert not wrong, wrong
    return exprs


def computed(engine: Engine, exprs: dict[str, Expr]) -> dict[str, dict[Any, Any]]:
    return bench.computed(engine, exprs, random.WORLD, subject="customer", as_of=random.AS_OF)


def texts_of(drawn: Random, most: int) -> dict[str, str]:
    texts = dict(enumerate(random.expressions(most).make(drawn)))
    return random.tags.make(drawn) | {f"e{i}": text for i, text in texts.items()}


def assert_as_in_python(engine: Engine, seed: int, most: int) -> None:
    drawn = Random(seed)
    facts, attributes = random.facts.make(drawn), random.attributes.make(drawn)
    texts = texts_of(drawn, most)
    random.load(engine, facts, attributes)
    exprs = read(texts)
    found = computed(engine, exprs)
    plain = Oracle("customer", random.MEMBERS, facts, attributes, random.NAIVE, random.WORLD.zone, exprs)
    wrong = bench.differing(found, {name: plain.answer(expr) for name, expr in exprs.items()})
    assert not wrong, [(texts[name], *rest) for name, *rest in wrong]


def assert_wider_as_in_python(engine: Engine, seed: int, most: int) -> None:
    drawn = Random(seed)
    facts, attributes, known = (one.make(drawn) for one in (wide.facts, random.attributes, wide.pairs))
    texts = random.tags.make(drawn) | {f"e{i}": t for i, t in enumerate(wide.expressions(most).make(drawn))}
    wide.load(engine, facts, attributes, known)
    exprs = as_declared({name: check_expression(text, wide.WORLD, "customer") for name, text in texts.items()})
    found = bench.computed(engine, exprs, wide.WORLD, subject="customer", as_of=random.AS_OF)
    plain = Oracle(
        "customer", random.MEMBERS, facts | wide.neighbours(known), attributes | {"_1": attributes["customer"]},
        random.NAIVE, wide.WORLD.zone, exprs,
    )  # fmt: skip
    wrong = bench.differing(found, {name: plain.answer(expr) for name, expr in exprs.items()})
    assert not wrong, [(texts[name], *rest) for name, *rest in wrong]


def assert_broadly_as_in_python(engine: Engine, seed: int, most: int) -> None:
    drawn = Random(seed)
    facts, attributes = broad.facts.make(drawn), random.attributes.make(drawn)
    texts = random.tags.make(drawn) | {f"e{i}": t for i, t in enumerate(broad.expressions(most).make(drawn))}
    random.load(engine, facts, attributes)
    exprs = read(texts)
    found = computed(engine, exprs)
    plain = Oracle("customer", random.MEMBERS, facts, attributes, random.NAIVE, random.WORLD.zone, exprs)
    wrong = bench.differing(found, {name: plain.answer(expr) for name, expr in exprs.items()})
    assert not wrong, [(texts[name], *rest) for name, *rest in wrong]


SEEDS = st.integers(0, 2**32)
NO_SHRINKING = (Phase.explicit, Phase.generate)


@settings(max_examples=40, suppress_health_check=UNHURRIED, phases=NO_SHRINKING)
@given(SEEDS)
def test_random_expressions_on_duckdb_mean_what_plain_python_says(duckdb_engine: Engine, seed: int) -> None:
    assert_as_in_python(duckdb_engine, seed, most=25)


@settings(max_examples=25, suppress_health_check=UNHURRIED, phases=NO_SHRINKING)
@given(SEEDS)
def test_sequences_spans_neighbours_and_lists_on_duckdb_mean_what_plain_python_says(
    duckdb_engine: Engine, seed: int
) -> None:
    assert_wider_as_in_python(duckdb_engine, seed, most=20)


@settings(max_examples=25, suppress_health_check=UNHURRIED, phases=NO_SHRINKING)
@given(SEEDS)
def test_texts_days_documents_lists_places_and_habits_on_duckdb_mean_what_plain_python_says(
    duckdb_engine: Engine, seed: int
) -> None:
    assert_broadly_as_in_python(duckdb_engine, seed, most=25)


@pytest.mark.slow
@settings(max_examples=150, suppress_health_check=UNHURRIED, phases=NO_SHRINKING)
@given(SEEDS)
def test_many_texts_days_documents_lists_places_and_habits_mean_what_plain_python_says(
    duckdb_engine: Engine, seed: int
) -> None:
    assert_broadly_as_in_python(duckdb_engine, seed, most=30)


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.timeout(900)
@settings(max_examples=2, suppress_health_check=UNHURRIED, phases=NO_SHRINKING)
@given(SEEDS)
def test_texts_days_documents_lists_places_and_habits_on_spark_mean_what_plain_python_says(
    spark_engine: Engine, seed: int
) -> None:
    assert_broadly_as_in_python(spark_engine, seed, most=20)


def test_every_function_is_drawn_by_chance_or_listed_with_a_reason() -> None:
    drawn = Random(20240701)
    said: set[str] = set()
    for family in (random, wide, broad):
        for text in [t for _ in range(120) for t in family.expressions(25).make(drawn)]:
            calls = [part for part in walk(parse(text)) if isinstance(part, Apply)]
            said |= {"count_distinct" if call.distinct else call.function for call in calls}
    assert CATALOGUE.keys() - said == broad.NOT_DRAWN.keys()


@pytest.mark.slow
@settings(max_examples=150, suppress_health_check=UNHURRIED, phases=NO_SHRINKING)
@given(SEEDS)
def test_many_sequences_spans_neighbours_and_lists_mean_what_plain_python_says(
    duckdb_engine: Engine, seed: int
) -> None:
    assert_wider_as_in_python(duckdb_engine, seed, most=25)


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.timeout(900)
@settings(max_examples=2, suppress_health_check=UNHURRIED, phases=NO_SHRINKING)
@given(SEEDS)
def test_sequences_spans_neighbours_and_lists_on_spark_mean_what_plain_python_says(
    spark_engine: Engine, seed: int
) -> None:
    assert_wider_as_in_python(spark_engine, seed, most=15)


@pytest.mark.spark
@pytest.mark.timeout(900)
@settings(max_examples=2, suppress_health_check=UNHURRIED, phases=NO_SHRINKING)
@given(SEEDS)
def test_random_expressions_on_spark_mean_what_plain_python_says(spark_engine: Engine, seed: int) -> None:
    assert_as_in_python(spark_engine, seed, most=20)


@settings(max_examples=15, suppress_health_check=UNHURRIED, phases=NO_SHRINKING)
@given(SEEDS)
def test_scrambling_every_row_from_the_instant_on_changes_nothing(duckdb_engine: Engine, seed: int) -> None:
    drawn = Random(seed)
    facts, others, attributes = (d.make(drawn) for d in (random.facts, random.facts, random.attributes))
    exprs = read(texts_of(drawn, most=20))
    random.load(duckdb_engine, facts, attributes)
    before = computed(duckdb_engine, exprs)
    past = {name: [row for row in rows if row["ts"] < random.NAIVE] for name, rows in facts.items()}
    future = {
        name: [row | {"ts": random.NAIVE + timedelta(hours=drawn.choice([0, 1, 30, 900]))} for row in rows]
        for name, rows in others.items()
    }
    random.load(duckdb_engine, {name: past[name] + future[name] for name in facts}, attributes)
    after = computed(duckdb_engine, exprs)
    assert not bench.differing(after, before)
