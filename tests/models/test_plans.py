"""Plans of models: what each may see, and purchase histories against plain Python."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import shop
from hypothesis import given, settings
from hypothesis import strategies as st

from gongbi.catalog.catalog import Catalog
from gongbi.core import clock
from gongbi.engine import Engine
from gongbi.engine.duckdb import DuckDBEngine
from gongbi.errors import InvalidDefinition, NotYet
from gongbi.models import plan as plans
from gongbi.models.base import CohortPlans
from gongbi.models.reading import Work
from gongbi.models.run import learn
from gongbi.testing.engine import on_every_engine

CATALOG = shop.definitions()
MODEL = CATALOG.model("answers")


def planned(engine: Engine, which: int = 2, catalog: Catalog = CATALOG) -> CohortPlans:
    model = catalog.model("answers")
    cohort = [*model.train, *model.test][which]
    return plans.cohort_plans(model, cohort, "train", catalog, engine.dialect)


def read(engine: Engine, cohort: CohortPlans) -> tuple[list[int], list[dict[str, Any]], list[bool]]:
    members = engine.query(cohort.members)
    inputs = {plans.MEMBERS: members}
    features = engine.query(cohort.features, inputs=inputs).to_pylist()
    return members["id"].to_pylist(), features, engine.query(cohort.target, inputs=inputs)["yes"].to_pylist()


def scrambled(rows: shop.Rows, as_of: datetime, seed: int) -> shop.Rows:
    """Everything at or after the instant changed, dropped or made up; what was before is as it was."""
    rng = random.Random(seed)
    found: shop.Rows = {}
    for name, kept in rows.items():
        found[name] = [row for row in kept if row["ts"] < as_of]
        for row in kept:
            if row["ts"] >= as_of and rng.random() < 0.7:
                later = as_of + timedelta(seconds=rng.choice([0, 0.000001, 5, 86_400 * 40]))
                changed = {**row, "ts": later, "customer": rng.randint(1, 60)}
                if "amount" in row:
                    changed |= {"amount": Decimal(rng.randint(-9999, 9999)), "shelf": "Z"}
                found[name].append(changed)
    return found


def features_of(engine: Engine, rows: shop.Rows, ids: Any) -> list[dict[str, Any]]:
    shop.load(engine, CATALOG, rows)
    cohort = planned(engine)
    return engine.query(cohort.features, inputs={plans.MEMBERS: ids}).to_pylist()


def leaks(engine: Engine, seed: int) -> None:
    rows = shop.shop(60, seed=seed)
    shop.load(engine, CATALOG, rows)
    cohort = planned(engine)
    ids = engine.query(cohort.members)
    before = engine.query(cohort.features, inputs={plans.MEMBERS: ids}).to_pylist()
    assert before == features_of(engine, scrambled(rows, cohort.as_of, seed), ids)
    assert any(row["visits.count"] for row in before)


@settings(max_examples=5)
@given(st.integers(0, 10_000))
def test_scrambling_all_that_comes_at_or_after_the_instant_changes_no_feature(seed: int) -> None:
    engine = DuckDBEngine(None, threads=2)
    leaks(engine, seed)
    engine.close()


@pytest.mark.spark
def test_scrambling_changes_no_feature_on_spark_either(spark_engine: Engine) -> None:
    leaks(spark_engine, 3)


@on_every_engine()
def test_a_cohort_holds_who_was_mailed_what_was_known_of_them_and_who_answered(engine: Engine) -> None:
    rows = shop.shop(60)
    shop.load(engine, CATALOG, rows)
    cohort = planned(engine)
    ids, features, yes = read(engine, cohort)

    mailed = {row["customer"] for row in rows["mailings"] if row["wave"] == 3}
    answered = {row["customer"] for row in rows["answers"] if row["wave"] == 3}
    visits: dict[int, int] = defaultdict(int)
    for row in rows["visits"]:
        visits[row["customer"]] += row["ts"] < cohort.as_of
    assert ids == sorted(mailed)
    assert [row["id"] for row in features] == ids
    assert [row["visits.count"] or 0 for row in features] == [visits[i] for i in ids]
    assert yes == [i in answered for i in ids]
    assert cohort.matures == cohort.as_of + timedelta(days=30)


def test_the_list_is_on_record_a_day_late_so_without_known_by_the_cohort_is_empty(duckdb_engine: Engine) -> None:
    early = shop.definitions(models=shop.MODELS.replace(" known_by: 2024-07-02,", ""))
    shop.load(duckdb_engine, CATALOG, shop.shop(40))
    assert read(duckdb_engine, planned(duckdb_engine, catalog=early))[0] == []
    assert len(read(duckdb_engine, planned(duckdb_engine))[0]) > 20


def test_ranks_are_among_everybody_and_not_among_the_cohort(duckdb_engine: Engine) -> None:
    rows = shop.shop(60)
    # Only those who visit least are mailed: among everybody their score is low.
    visits = defaultdict(int, dict.fromkeys(range(1, 61), 0))
    for row in rows["visits"]:
        visits[row["customer"]] += row["ts"] < clock.parse_instant("2024-07-01", shop.ZONE)
    least = set(sorted(visits, key=lambda i: visits[i])[:10])
    rows["mailings"] = [row for row in rows["mailings"] if row["customer"] in least]
    shop.load(duckdb_engine, CATALOG, rows)
    _, features, _ = read(duckdb_engine, planned(duckdb_engine))
    assert {row["visits.score"] for row in features} <= {1, 2}


def test_a_model_that_is_trained_before_the_outcome_is_known_is_refused(duckdb_engine: Engine) -> None:
    shop.load(duckdb_engine, CATALOG, shop.shop(40))
    early = clock.parse_instant("2024-07-30", shop.ZONE)
    with pytest.raises(NotYet, match="'third' is known on 2024-07-31"):
        learn(Work(duckdb_engine, MODEL, CATALOG, early))


def test_learning_from_outcomes_that_come_after_the_test_begins_is_refused(duckdb_engine: Engine) -> None:
    text = shop.MODELS.replace("2024-07-01", "2024-05-20").replace("2024-07-02", "2024-05-21")
    catalog = shop.definitions(models=text)
    with pytest.raises(InvalidDefinition, match=r"'second' is known on .* after the instant of 'third'"):
        learn(Work(duckdb_engine, catalog.model("answers"), catalog, shop.END))


def test_a_target_that_looks_at_nothing_ahead_is_refused() -> None:
    with pytest.raises(InvalidDefinition, match="looks at nothing after its instant"):
        shop.definitions(models=shop.MODELS.replace("TARGET(3)", '"count(answered) > 0"'))


def test_a_prediction_cannot_pick_a_cohort(duckdb_engine: Engine) -> None:
    catalog = shop.definitions(models=shop.MODELS.replace("POPULATION(3)", '"tag.model.buying.alive > 0.5"'))
    with pytest.raises(InvalidDefinition, match="exists for one instant only"):
        planned(duckdb_engine, catalog=catalog)


# -- purchases ------------------------------------------------------------------------------------

DAY = st.integers(0, 120)
VISITS = st.lists(st.tuples(st.integers(1, 4), DAY, st.integers(0, 23), st.integers(-500, 500)), max_size=40)
AS_OF = datetime(2024, 4, 20, 4, tzinfo=shop.UTC)


def visits_of(drawn: list[tuple[int, int, int, int]]) -> shop.Rows:
    rows = [
        {"ts": shop.BEGIN + timedelta(days=day, hours=hour), "customer": who, "amount": Decimal(cents) / 100}
        for who, day, hour, cents in drawn
    ]
    return {"visits": rows, "mailings": [], "answers": []}


def by_hand(rows: shop.Rows, as_of: datetime, holdout: int) -> list[dict[str, Any]]:
    """The histories in plain Python."""
    spend: dict[int, dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for row in rows["visits"]:
        if row["ts"] < as_of:
            spend[row["customer"]][clock.local_date(row["ts"], shop.ZONE)] += row["amount"]
    end = plans.last_day(as_of, shop.ZONE)
    cut = end - timedelta(days=holdout)
    found = []
    for who in sorted(spend):
        days = {day: amount for day, amount in sorted(spend[who].items()) if amount > 0}
        if not days:
            continue
        early = [day for day in days if day <= cut]
        first = min(days)
        found.append(
            {
                "id": who,
                "frequency": len(days) - 1,
                "recency": (max(days) - first).days,
                "age": (end - first).days,
                "spend": float(sum(days.values()) - days[first]),
                "cut_frequency": len(early) - 1 if early else None,
                "cut_recency": (max(early) - first).days if early else None,
                "cut_age": (cut - first).days if early else None,
                "cut_spend": float(sum(days[day] for day in early) - days[first]) if early else None,
                "actual": len(days) - len(early),
                "actual_spend": float(sum((days[day] for day in days if day > cut), Decimal())),
                "previous": sum(day > cut - timedelta(days=holdout) for day in early),
            }
        )
    return found


def histories(engine: Engine, rows: shop.Rows) -> list[dict[str, Any]]:
    shop.load(engine, CATALOG, rows)
    plan = plans.history_plan(CATALOG.model("buying"), CATALOG, engine.dialect, AS_OF)
    return [
        {name: round(value, 9) if isinstance(value, float) else value for name, value in row.items()}
        for row in engine.query(plan).to_pylist()
    ]


@settings(max_examples=40)
@given(VISITS)
def test_histories_are_what_plain_python_counts(drawn: list[tuple[int, int, int, int]]) -> None:
    engine = DuckDBEngine(None, threads=2)
    rows = visits_of(drawn)
    assert histories(engine, rows) == by_hand(rows, AS_OF, 30)
    engine.close()


@on_every_engine()
def test_histories_are_the_same_on_every_engine(engine: Engine) -> None:
    rng = random.Random(5)
    drawn = [(rng.randint(1, 30), rng.randint(0, 120), rng.randint(0, 23), rng.randint(-200, 900)) for _ in range(400)]
    rows = visits_of(drawn)
    assert histories(engine, rows) == by_hand(rows, AS_OF, 30)


def test_the_fact_is_read_once(duckdb_engine: Engine) -> None:
    plan = plans.history_plan(CATALOG.model("buying"), CATALOG, duckdb_engine.dialect, AS_OF)
    assert plan.to_sql().count("fact_visit") == 1
    assert plan.to_sql().count("from days") == 1
