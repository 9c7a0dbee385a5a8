"""Nothing that comes at or after the instant can be seen: changing all of it changes no answer as of the instant.

All of it: rows of facts, lines of a trip that has begun, versions of descriptions, relations, ends of validity. What
bears no date is the exception, by rule: it was always known (docs/concepts.md, "As of").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gongbi.catalog.base import Cohort
from gongbi.core.compiler import Request, compile_members
from gongbi.engine.base import Engine
from gongbi.engine.duckdb import DuckDBEngine
from gongbi.models.plan import MEMBERS, cohort_plans
from gongbi.models.reading import Work
from gongbi.models.run import learn, write_scores
from gongbi.models.tables import score_table
from gongbi.testing.comparing import column, differences

from .dated import VALID, dated_catalog, dated_sample, scrambled, scrambled_fact, taking_time
from .journey import DATED, DESCRIBED, journey, load, request

#: Naive UTC, as the tables hold it.
INSTANTS = st.datetimes(datetime(2017, 1, 5), datetime(2018, 1, 1, 6))  # noqa: DTZ001
SEEDS = st.integers(0, 999)
Answers = dict[str, dict[Any, Any]]
TARGET = "sum(trip.amount) filter (where ahead(30, 'day')) > 150"


def open_trips(rows: Mapping[str, pa.Table] | None = None) -> list[datetime]:
    """The last moment of every trip with lines at several moments: one line at least comes then, one before."""
    lines = (rows or dated_sample())["transactions"]
    spans = lines.group_by("basket").aggregate([("ts", "min"), ("ts", "max")])
    spans = spans.filter(pc.less(spans["ts_min"], spans["ts_max"]))
    return sorted(spans["ts_max"].to_pylist())


KINDS = {
    "any instant": INSTANTS,
    "within a trip": st.deferred(lambda: st.sampled_from(open_trips())),
}


def answers(engine: Engine, rows: Mapping[str, pa.Table], as_of: datetime, *, models: bool = True) -> Answers:
    """Name → member → value, of everything that can be asked as of the instant: tags, segments, what models see."""
    definitions, dialect = dated_catalog(), engine.dialect
    load(engine, rows, definitions)
    instant = as_of.replace(tzinfo=UTC)
    found: Answers = {}
    for subject in DESCRIBED:
        plan = compile_members(request(subject, instant, definitions=definitions), definitions.world, dialect)
        known = engine.query(plan)
        found |= {f"{subject}: {name}": column(known, name) for name in known.schema.names}
    if not models:
        return found
    # A set to learn from whose outcome is just known.
    model = definitions.models["coupon_redemption"]
    cohort = Cohort(
        "month",
        as_of=(instant - timedelta(days=30)).isoformat(),
        population="count(purchase) > 0",
        target=TARGET,
    )
    plans = cohort_plans(model, cohort, "train", definitions, dialect)
    assert plans.matures == instant
    inputs = {MEMBERS: engine.query(plans.members)}
    features, target = (engine.query(plan, inputs=inputs) for plan in (plans.features, plans.target))
    found |= {f"feature {name}": column(features, name) for name in features.schema.names}
    found["target"] = column(target, "yes")
    return found


def changes(found: Answers, expected: Answers) -> dict[str, Any]:
    """Answer → members for whom it differs (doubles by more than the order of a sum can make)."""
    assert found.keys() == expected.keys()
    wrong = {name: differences(found[name], expected[name]) for name in expected}
    return {name: differing for name, differing in wrong.items() if differing}


def check(engine: Engine, as_of: datetime, seed: int, *, models: bool = True) -> Answers:
    rows = dated_sample()
    changed = scrambled(rows, as_of, seed)
    for name in (*DATED, *VALID):
        since = "ts" if name in DATED else "valid_from"
        early = (pc.sum(pc.less(table[name][since], as_of)).as_py() or 0 for table in (rows, changed))
        assert len(set(early)) == 1, "what came before is all there"
    expected = answers(engine, rows, as_of, models=models)
    assert not changes(answers(engine, changed, as_of, models=models), expected)
    return expected


@pytest.mark.parametrize("kind", KINDS)
def test_changing_all_that_comes_after_the_instant_changes_no_answer(kind: str) -> None:
    @settings(max_examples=2, suppress_health_check=list(HealthCheck))
    @given(as_of=KINDS[kind], seed=SEEDS)
    def law(as_of: datetime, seed: int) -> None:
        engine = DuckDBEngine(None, threads=2)
        try:
            check(engine, as_of, seed, models=kind == "within a trip")
        finally:
            engine.close()

    law()


@pytest.mark.slow
@pytest.mark.spark
def test_changing_all_that_comes_within_a_trip_and_after_changes_no_answer_on_spark(spark_engine: Engine) -> None:
    trips = open_trips()
    check(spark_engine, trips[len(trips) // 2], 5, models=False)


def test_the_change_is_seen_by_a_later_instant() -> None:
    """The law above would notice: the same change is seen as of a month later, by tags of every kind."""
    rows, as_of = dated_sample(), datetime(2017, 7, 1)  # noqa: DTZ001
    changed = scrambled(rows, as_of, 7)
    engine = DuckDBEngine(None, threads=2)
    try:
        later = as_of + timedelta(days=30)
        found = changes(answers(engine, changed, later), answers(engine, rows, later))
    finally:
        engine.close()
    seen = {"customer: value.spend", "customer: value.trips", "customer: person.age_band", "product: id", "target"}
    assert seen <= set(found), sorted(found)


def test_a_trip_that_spans_the_instant_is_what_it_was_then() -> None:
    rows, as_of = dated_sample(), open_trips()[100]
    definitions = dated_catalog()
    lines = rows["transactions"].filter(pc.less(rows["transactions"]["ts"], as_of))
    spent = lines.group_by("customer").aggregate([("amount", "sum"), ("basket", "count_distinct")])
    columns = {name: definitions.tags_of("customer")[name] for name in ("value.spend", "value.trips")}
    asked = Request("customer", columns, as_of.replace(tzinfo=UTC), stored={})
    engine = DuckDBEngine(None, threads=2)
    try:
        load(engine, rows, definitions)
        found = engine.query(compile_members(asked, definitions.world, engine.dialect))
    finally:
        engine.close()
    spent = spent.rename_columns(
        {"customer": "id", "amount_sum": "value.spend", "basket_count_distinct": "value.trips"}
    )
    assert spent.num_rows > 5
    for name in columns:
        got = column(found, name)
        assert {member: got[member] for member in spent["id"].to_pylist()} == column(spent, name)


def crowd() -> dict[str, pa.Table]:
    """The lines of some three hundred households, enough for models to learn from, on trips that take their time."""
    lines = journey()["transactions"]
    return {"transactions": taking_time(lines.filter(pc.equal(pc.bit_wise_and(lines["customer"], 7), 3)))}


def learned(rows: Mapping[str, pa.Table], as_of: datetime) -> Answers:
    """Both models as trained at the instant, and the scores they give then."""
    definitions, instant = dated_catalog(), as_of.replace(tzinfo=UTC)
    starts = [(instant - timedelta(days=days)).isoformat() for days in (120, 90, 60)]
    before, cohort, test = (
        Cohort(f"c{i}", as_of=start, population="count(trip) > 0", target=TARGET) for i, start in enumerate(starts)
    )
    models = definitions.models
    propensity = replace(models["coupon_redemption"], train=(before, cohort), test=(test,))
    engine = DuckDBEngine(None, threads=2)
    found: Answers = {}
    try:
        load(engine, rows, definitions)
        for model in (models["purchases"], propensity):
            work = Work(engine, model, definitions, instant)
            trained = learn(work)
            write_scores(work, trained.artifact)
            scores = engine.query(f"select * from {score_table(model, definitions.world).name} order by id")
            found[f"{model.model}: learned"] = {key: str(value) for key, value in trained.artifact.items()}
            found |= {f"{model.model}: {name}": column(scores, name) for name in scores.schema.names}
    finally:
        engine.close()
    return found


@pytest.mark.slow
def test_changing_all_that_comes_after_the_instant_changes_no_model_and_no_score() -> None:
    rows = crowd()
    as_of = open_trips(rows)[-2000]
    changed = {"transactions": scrambled_fact(rows["transactions"], as_of, 11)}
    expected = learned(rows, as_of)
    assert len(expected["purchases: id"]) > 250
    assert len(expected["coupon_redemption: id"]) > 250
    assert not changes(learned(changed, as_of), expected)
