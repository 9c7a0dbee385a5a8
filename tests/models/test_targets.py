"""Models made by choosing a target: which cohorts follow, what may be learned from, and that nothing looks ahead."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import shop
from test_plans import scrambled

from gongbi.engine import Engine
from gongbi.errors import InvalidDefinition, NotYet
from gongbi.models import cohorts, propensity, reading, run
from gongbi.models import plan as plans
from gongbi.models.reading import Work
from gongbi.services import models
from gongbi.store import Store

RETURNS = """
model: returns
estimator: propensity
target: exists(visit) filter (where ahead(30, 'day'))
population: segment.visitors
groups: [visits.score]
protected: [luck.digit]
---
tag: person.faith
expr: customer.id % 2 = 0
pii: sensitive
---
tag: person.guess
expr: if(tag.person.faith, 1, 0)
---
tag: promo.once
expr: count(visit)
expires: 2030-01-01
"""
ROWS = shop.shop(300)


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked here does not rest on how good the trees are."""
    monkeypatch.setattr(propensity, "SETTINGS", {"usual": {"trees": 40, "learning_rate": 0.1}})


@pytest.fixture
def ports(tmp_path: Path, registry: Store, duckdb_engine: Engine) -> shop.Ports:
    catalog = shop.definitions(models=RETURNS)
    shop.load(duckdb_engine, catalog, ROWS)
    return shop.Ports(tmp_path, duckdb_engine, registry, catalog)


def test_cohorts_end_at_the_training_one_horizon_apart_and_never_overlap(ports: shop.Ports) -> None:
    model = ports.definitions.model("returns")
    found = run.with_cohorts(Work(ports.engine, model, ports.definitions, shop.END))
    made = [plans.cohort_plans(found, c, "train", ports.definitions, ports.engine.dialect) for c in found.train]
    (test,) = [plans.cohort_plans(found, c, "test", ports.definitions, ports.engine.dialect) for c in found.test]
    assert test.matures == shop.END
    assert [c.matures for c in made] == [c.as_of for c in [*made[1:], test]]
    assert len(made) == 3
    plans.check_order([*made, test], shop.ZONE)


def test_as_many_cohorts_as_the_data_hold_and_no_more_than_said(ports: shop.Ports) -> None:
    many = shop.definitions(models=RETURNS.replace("population:", "cohorts: 12\npopulation:"))
    found = run.with_cohorts(Work(ports.engine, many.model("returns"), many, shop.END))
    first = min(row["ts"] for row in ROWS["visits"])
    instants = [shop.END - timedelta(days=30 * i) for i in range(2, 14)]
    assert len(found.train) == sum(at - timedelta(days=30) >= first for at in instants) == 5


def test_too_short_a_past_is_said_with_the_day_it_needs(ports: shop.Ports) -> None:
    long = shop.definitions(models=RETURNS.replace("ahead(30, 'day')", "ahead(200, 'day')"))
    with pytest.raises(NotYet, match=r"too short.*2023-07"):
        run.with_cohorts(Work(ports.engine, long.model("returns"), long, shop.END))


def test_a_target_that_looks_at_nothing_to_come_is_refused() -> None:
    with pytest.raises(InvalidDefinition, match="nothing after its instant"):
        shop.definitions(models=RETURNS.replace(" filter (where ahead(30, 'day'))", ""))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("population: segment.visitors", "train: [{name: a, as_of: 2024-01-01, population: x, target: y}]"), "own"),
        (("target: exists(visit) filter (where ahead(30, 'day'))", "features: [visits.*]"), "go with a `target`"),
        (("groups:", "cohorts: 99\ngroups:"), "1 to 12"),
    ],
)
def test_contradictions_are_refused(change: tuple[str, str], said: str) -> None:
    with pytest.raises(InvalidDefinition, match=said):
        shop.definitions(models=RETURNS.replace(*change))


def test_all_tags_are_learned_from_but_personal_protected_and_expiring_ones(ports: shop.Ports) -> None:
    model = ports.definitions.model("returns")
    assert cohorts.left_out_of(model, ports.definitions) == {
        "luck.digit": "protected",
        "person.faith": "protected",
        "person.guess": "protected",
        "promo.once": "expires",
    }
    assert set(cohorts.allowed_features(model, ports.definitions)) == {
        *("visits.count", "visits.score", "visits.last", "visits.recent", "spend.mean", "spend.shelf"),
    }


def test_a_protected_tag_is_not_learned_from_even_where_features_name_it() -> None:
    named = shop.definitions(models=RETURNS.replace("groups:", "features: [visits.*, luck.*, person.*]\ngroups:"))
    features = cohorts.allowed_features(named.model("returns"), named)
    assert features == ["visits.count", "visits.score", "visits.last", "visits.recent"]


def test_training_scores_the_population_and_the_card_says_where_it_holds(ports: shop.Ports) -> None:
    (done,) = models.train(ports)
    assert (done["status"], done["promoted"]) == ("trained", True)
    metrics = models.model_card(ports, "returns")["metrics"]
    assert [c["role"] for c in metrics["cohorts"]] == ["train"] * 3 + ["test"]
    test = metrics["tests"][0]
    assert sum(one["positives"] for one in test["lift"]) == pytest.approx(test["positives"])
    assert test["lift"][-1]["share_of_positives"] == pytest.approx(1)
    assert sum(one["members"] for one in test["by_group"]["visits.score"]) <= test["members"]
    assert set(test["fairness"]) == {"luck.digit", "person.faith", "person.guess"}
    for level in test["fairness"]["person.faith"]:
        assert 0 <= level["chosen"]["low"] <= level["chosen"]["estimate"] <= level["chosen"]["high"] <= 1
    chosen = {one["level"]: one["chosen"]["estimate"] for one in test["fairness"]["person.faith"]}
    gap = next(o["difference"]["estimate"] for o in test["fairness"]["person.faith"] if o["level"] == "true")
    assert gap == pytest.approx(chosen["true"] - chosen["false"])
    visitors = {row["customer"] for row in ROWS["visits"] if row["ts"] < shop.END}
    table = ports.engine.query("select id from model_returns order by id")
    assert table["id"].to_pylist() == sorted(visitors)


def test_scrambling_what_comes_after_the_test_instant_changes_nothing_that_was_learned(ports: shop.Ports) -> None:
    models.train(ports)
    before = ports.store.models.list(name="returns")[0]
    (cohort,) = run.with_cohorts(
        Work(ports.engine, ports.definitions.model("returns"), ports.definitions, shop.END)
    ).test
    test = shop.END - timedelta(days=30)
    assert cohort.as_of == test.isoformat()
    shop.load(ports.engine, ports.definitions, scrambled(ROWS, test, 5))
    ports.stages.append("changed")
    load = ports.store.loads.start("visits", "visits.csv", sha256="x", size=0, now=ports.now())
    ports.store.loads.finish(load.id, rows_read=0, rows_good=0, now=ports.now())
    models.train(ports)
    after = ports.store.models.list(name="returns")[0]
    assert after.version == 2
    assert after.artifact_sha256 == before.artifact_sha256
    assert after.metrics["importance"] == before.metrics["importance"]


def test_a_large_cohort_is_learned_from_by_a_sample_with_the_same_rate() -> None:
    rng = np.random.default_rng(3)
    yes = rng.random(20_000) < 0.03
    table = pa.table({"id": pa.array(range(20_000)), "yes": pa.array(yes)})
    found = reading.stratified(table, 5_000)
    assert abs(len(found) - 5_000) <= 1
    assert sum(found["yes"].to_pylist()) == round(yes.sum() / 4)
    ids = found["id"].to_pylist()
    assert ids == sorted(set(ids))
    assert found.equals(reading.stratified(table, 5_000))


def test_a_sampled_cohort_says_so_and_learns_from_no_more(ports: shop.Ports, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_ROWS", 120)
    models.train(ports)
    for cohort in models.model_card(ports, "returns")["metrics"]["cohorts"]:
        assert cohort["sampled"] in (119, 120, 121)
        assert cohort["members"] > 120
        assert cohort["rate"] == pytest.approx(cohort["positives"] / cohort["members"], abs=0.01)


def test_scoring_page_by_page_gives_the_same_scores_and_leaves_nothing_behind(
    ports: shop.Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    models.train(ports)
    before = ports.engine.query("select * from model_returns order by id")
    drift = models.model_card(ports, "returns")["drift"]
    ports.engine.drop("model_returns")
    monkeypatch.setattr(reading, "PAGE", 70)
    models.train(ports)
    assert ports.engine.query("select * from model_returns order by id").equals(before)
    assert models.model_card(ports, "returns")["drift"] == drift
    assert drift["members"] == len(before)
    assert not [table for table in ports.engine.tables() if table.endswith("_rows")]
