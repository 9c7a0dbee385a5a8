"""Which version is in use: a person's word with a reason, on the audit record; compared on the newest outcome."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import shop

from gongbi.engine import Engine
from gongbi.errors import InvalidInput, NotYet, Refused, UnknownName
from gongbi.models import propensity, purchases
from gongbi.services import models, promotion
from gongbi.store import Store

ROWS = shop.shop(300)
RETURNS = """
model: returns
estimator: propensity
target: exists(visit) filter (where ahead(30, 'day'))
cohorts: 1
---
model: kinds
estimator: clusters
features: [visits.count]
"""


@dataclass
class Ports(shop.Ports):
    actor: str = "Li Na"

    @contextmanager
    def run(self, kind: str, subject: str = "", **_: Any) -> Iterator[Ports]:
        yield self


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked here does not rest on how good the trees are."""
    monkeypatch.setattr(propensity, "SETTINGS", {"usual": {"trees": 40, "learning_rate": 0.1}})


@pytest.fixture
def ports(tmp_path: Path, registry: Store, duckdb_engine: Engine) -> Ports:
    catalog = shop.definitions(models=RETURNS)
    shop.load(duckdb_engine, catalog, ROWS)
    return Ports(tmp_path, duckdb_engine, registry, catalog)


def status(ports: Ports) -> dict[int, str]:
    return {m.version: m.status for m in ports.store.models.list(name="returns")}


def scores(ports: Ports) -> list[float]:
    return ports.engine.query("select score from model_returns order by id")["score"].to_pylist()


def test_a_candidate_comes_into_use_by_a_word_and_goes_back_and_all_is_on_record(
    ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    models.train(ports, "returns", "2024-07-15")
    real = propensity.figures_on
    monkeypatch.setattr(propensity, "figures_on", lambda c, chance, *rest: real(c, 1 - chance, *rest))
    (done,) = models.train(ports, "returns")
    assert (done["version"], done["promoted"]) == (2, False)
    first = scores(ports)

    told = promotion.promote_model(ports, "returns", 2, why="The board wants it.")
    assert (told["status"], told["champion"], told["actor"], told["verified"]) == ("champion", 2, "Li Na", False)
    assert status(ports) == {1: "retired", 2: "champion"}
    assert scores(ports) != first

    back = promotion.rollback_model(ports, "returns", why="It was worse.")
    assert (back["version"], status(ports)) == (1, {1: "champion", 2: "retired"})
    assert scores(ports) == first
    promotion.retire_model(ports, "returns", 1, why="The question is gone.")
    assert ports.store.models.champion("returns") is None

    trail = [(e.actor, e.action, e.details["version"], e.details["why"]) for e in ports.store.audit.list()]
    assert trail[::-1] == [
        ("Li Na", "promote", 2, "The board wants it."),
        ("Li Na", "rollback", 1, "It was worse."),
        ("Li Na", "retire", 1, "The question is gone."),
    ]
    assert ports.store.audit.list()[2].details["judgement"]["promoted"] is False


def test_no_word_no_reason_no_version_nothing_happens(ports: Ports) -> None:
    models.train(ports, "returns")
    with pytest.raises(InvalidInput, match="needs a reason"):
        promotion.promote_model(ports, "returns", 1, why="  ")
    with pytest.raises(Refused, match="in use already"):
        promotion.promote_model(ports, "returns", 1, why="again")
    with pytest.raises(UnknownName, match="'7'"):
        promotion.promote_model(ports, "returns", 7, why="it")
    with pytest.raises(NotYet, match="No earlier version"):
        promotion.rollback_model(ports, "returns", why="back")
    with pytest.raises(NotYet, match="fewer than two"):
        promotion.compare_models(ports, "returns")
    ports.actor = "scheduler"
    with pytest.raises(Refused, match="person's word"):
        promotion.retire_model(ports, "returns", 1, why="clean")
    assert status(ports) == {1: "champion"}
    assert ports.store.audit.list() == ()


def test_versions_are_compared_on_the_newest_outcome_and_who_saw_it_is_said(ports: Ports) -> None:
    models.train(ports, "returns", "2024-06-01")
    models.train(ports, "returns", "2024-07-01")
    found = promotion.compare_models(ports, "returns")
    assert found["cohort"]["role"] == "test"
    first, second = found["versions"]
    champion = ports.store.models.champion("returns")
    assert champion is not None
    assert first["version"] == champion.version
    assert [first["fair"], second["fair"]] == [True, True]
    assert first["difference"]["estimate"] == 0
    gap = second["auc"]["estimate"] - first["auc"]["estimate"]
    assert second["difference"]["estimate"] == pytest.approx(gap)
    with pytest.raises(InvalidInput, match="are not compared"):
        promotion.compare_models(ports, "kinds")


def test_a_version_that_ranks_worse_than_the_champion_is_not_promoted(
    ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    models.train(ports, "returns", "2024-06-01")
    real = propensity.fit

    def of_chance(cohorts, *rest):  # type: ignore[no-untyped-def]
        shuffled = [
            propensity.CohortRows(c.name, c.role, c.as_of, c.matures, c.ids, c.frame, None, c.yes[::-1].copy())
            for c in cohorts
        ]
        return real(shuffled, *rest)

    monkeypatch.setattr(propensity, "fit", of_chance)
    (done,) = models.train(ports, "returns")
    beside = ports.store.models.list(name="returns")[0].metrics["tests"][0]["champion"]
    assert beside["version"] == 1
    assert beside["difference"]["high"] < 0
    assert not done["promoted"]
    assert "less than that of version 1, which is in use" in done["reason"]["en"]
    assert status(ports) == {1: "champion", 2: "candidate"}


WORTH = """
model: worth
estimator: purchases
fact: visit
amount: amount
horizon_days: 30
holdout_days: 30
"""


def test_versions_of_purchases_are_compared_on_the_last_days(
    tmp_path: Path, registry: Store, duckdb_engine: Engine
) -> None:
    catalog = shop.definitions(models=WORTH)
    shop.load(duckdb_engine, catalog, ROWS)
    ports = Ports(tmp_path, duckdb_engine, registry, catalog)
    models.train(ports, "worth", "2024-05-01")
    (done,) = models.train(ports, "worth")
    check = registry.models.list(name="worth")[0].metrics["holdout"]
    assert check["champion"]["version"] == 1
    gap = check["mean_absolute_error"] - check["champion"]["mean_absolute_error"]
    assert check["champion"]["difference"]["estimate"] == pytest.approx(gap)
    assert done["promoted"] == (check["champion"]["difference"]["low"] <= 0 and check["error_minus_naive"]["low"] <= 0)

    found = promotion.compare_models(ports, "worth")
    by_version = {one["version"]: one for one in found["versions"]}
    # The newest has seen the days that it is judged on, and that is said.
    assert [by_version[1]["fair"], by_version[2]["fair"]] == [True, False]
    assert by_version[1]["mean_absolute_error"] == pytest.approx(check["champion"]["mean_absolute_error"])
    assert found["cohort"]["actual"] == check["actual"]
    assert found["cohort"]["naive_mean_absolute_error"] == pytest.approx(check["naive"]["mean_absolute_error"])


def test_purchases_that_err_more_than_the_champion_are_not_promoted(
    tmp_path: Path, registry: Store, duckdb_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = shop.definitions(models=WORTH)
    shop.load(duckdb_engine, catalog, ROWS)
    ports = Ports(tmp_path, duckdb_engine, registry, catalog)
    models.train(ports, "worth", "2024-05-01")
    real = purchases.PurchaseModels.fit

    def too_many(history: purchases.Histories, often: str) -> purchases.PurchaseModels:
        found = real(history, often)
        found.often.params_ = {**found.often.params_, "r": 2 * found.often.params_["r"]}
        return found

    monkeypatch.setattr(purchases.PurchaseModels, "fit", too_many)
    (done,) = models.train(ports, "worth")
    assert not done["promoted"]
    assert "version 1, which is in use" in done["reason"]["en"]
    champion = registry.models.champion("worth")
    assert champion is not None
    assert champion.version == 1
