"""The use cases: train once, keep every version, promote with reason, score with the one in use."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
import shop

from gongbi.core import clock
from gongbi.engine import Engine
from gongbi.errors import NotYet, UnknownName
from gongbi.services import models
from gongbi.store import Store
from gongbi.testing.engine import on_every_engine

ROWS = shop.shop(300)


@pytest.fixture
def ports(tmp_path: Path, registry: Store, duckdb_engine: Engine) -> shop.Ports:
    catalog = shop.definitions()
    shop.load(duckdb_engine, catalog, ROWS)
    return shop.Ports(tmp_path, duckdb_engine, registry, catalog)


def loaded_again(ports: shop.Ports) -> None:
    """Put one more load on record, as if a file had come."""
    load = ports.store.loads.start("visits", "visits.csv", sha256=str(len(ports.stages)), size=0, now=ports.now())
    ports.store.loads.finish(load.id, rows_read=0, rows_good=0, now=ports.now())


def scores(ports: shop.Ports, model: str = "answers") -> pa.Table:
    return ports.engine.query(f"select * from model_{model} order by id")


@pytest.mark.slow_on_spark
@pytest.mark.timeout(900)
@on_every_engine()
def test_training_scores_everybody_and_puts_the_version_on_record(
    engine: Engine, tmp_path: Path, registry: Store
) -> None:
    catalog = shop.definitions()
    shop.load(engine, catalog, ROWS)
    ports = shop.Ports(tmp_path, engine, registry, catalog)
    answers, buying = models.train(ports)

    assert "error" not in answers
    assert (answers["status"], answers["promoted"], answers["version"]) == ("trained", True, 1)
    assert answers["scored"] == len(scores(ports)) == 300
    assert answers["headline"]["auc"]["low"] > 0.5
    table = scores(ports)
    assert all(0 < value < 1 for value in table["score"].to_pylist())
    assert set(table["as_of"].to_pylist()) == {shop.END.replace(tzinfo=None)}
    assert any(text and text.startswith("visits.") for text in table["reason_1"].to_pylist())
    assert buying["status"] == "trained"
    bought = scores(ports, "buying")
    assert bought.column_names == ["id", "alive", "purchases", "value", "as_of"]
    assert all(0 <= value <= 1 for value in bought["alive"].to_pylist())

    kept = registry.models.list(name="answers")[0]
    assert (tmp_path / kept.artifact_path).is_file()
    assert kept.window["as_of"] == shop.END.isoformat()


def test_training_again_with_the_same_definition_data_and_instant_is_skipped_and_says_so(ports: shop.Ports) -> None:
    models.train(ports)
    before = scores(ports)
    assert [done["status"] for done in models.train(ports)] == ["skipped", "skipped"]
    assert scores(ports).equals(before)
    assert len(ports.store.models.list(name="answers")) == 1


def test_another_instant_other_data_and_another_definition_each_train_again(ports: shop.Ports) -> None:
    models.train(ports, "buying")
    assert models.train(ports, "buying", "2024-08-01")[0]["version"] == 2
    loaded_again(ports)
    assert models.train(ports, "buying", "2024-08-01")[0]["version"] == 3
    changed = shop.definitions(models=shop.MODELS.replace("horizon_days: 30", "horizon_days: 60"))
    ports.definitions = changed
    done = models.train(ports, "buying", "2024-08-01")[0]
    assert (done["status"], done["version"]) == ("trained", 4)


def test_champions_swap(ports: shop.Ports) -> None:
    models.train(ports, "buying")
    models.train(ports, "buying", "2024-08-01")
    assert {m.version: m.status for m in ports.store.models.list(name="buying")} == {1: "retired", 2: "champion"}


def test_a_model_worse_than_its_baseline_stays_a_candidate_and_the_champion_goes_on(
    ports: shop.Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gongbi.models import propensity

    models.train(ports, "answers")
    before = scores(ports)
    real = propensity.figures_on

    def turned_round(cohort, chance, *rest):  # type: ignore[no-untyped-def]
        return real(cohort, 1 - chance, *rest)

    monkeypatch.setattr(propensity, "figures_on", turned_round)
    loaded_again(ports)
    done = models.train(ports, "answers")[0]
    assert (done["status"], done["version"], done["promoted"]) == ("trained", 2, False)
    assert "below that of “visits.score”" in done["reason"]["en"]
    assert {m.version: m.status for m in ports.store.models.list(name="answers")} == {1: "champion", 2: "candidate"}
    assert scores(ports).equals(before)
    card = models.model_card(ports, "answers")
    assert card["version"] == 1
    assert card["versions"][0]["judgement"]["reason"] == done["reason"]


def test_a_candidate_without_a_champion_writes_no_scores(ports: shop.Ports, monkeypatch: pytest.MonkeyPatch) -> None:
    from gongbi.models import propensity

    real = propensity.figures_on
    monkeypatch.setattr(propensity, "figures_on", lambda cohort, chance, *rest: real(cohort, 1 - chance, *rest))
    done = models.train(ports, "answers")[0]
    assert (done["promoted"], done["scored"]) == (False, None)
    assert "model_answers" not in ports.engine.tables()


def test_a_version_whose_process_died_before_it_was_promoted_is_promoted_by_the_next(
    ports: shop.Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(ports.store.models, "promote", killed)
        with pytest.raises(KeyboardInterrupt):
            models.train(ports, "buying")
    assert ports.store.models.champion("buying") is None
    done = models.train(ports, "buying")[0]
    assert (done["status"], done["version"]) == ("skipped", 1)
    assert ports.store.models.champion("buying") is not None
    assert done["scored"] == len(scores(ports, "buying"))


def test_lost_scores_are_written_again_from_the_kept_model(ports: shop.Ports) -> None:
    models.train(ports, "answers")
    before = scores(ports)
    ports.engine.drop("model_answers")
    assert models.train(ports, "answers")[0]["status"] == "skipped"
    assert scores(ports).equals(before)


def test_a_damaged_model_file_is_not_used_but_made_again(ports: shop.Ports) -> None:
    models.train(ports, "buying")
    path = ports.root / ports.store.models.list(name="buying")[0].artifact_path
    path.write_text("{}")
    done = models.train(ports, "buying")[0]
    assert (done["status"], done["version"]) == ("trained", 2)


def test_scores_read_from_a_build_of_that_instant_are_the_same(ports: shop.Ports) -> None:
    from gongbi.core.compiler import Request
    from gongbi.tags.run import build_tags

    models.train(ports, "answers")
    before = scores(ports)
    catalog, store = ports.catalog(), ports.store
    build = store.builds.start(
        "customer",
        as_of=shop.END,
        definitions_fingerprint=models.build_key(catalog, store, "customer"),
        data_version=store.loads.data_version(),
        now=ports.now(),
    )
    tags = catalog.tags_of("customer")
    build_tags(ports.engine, catalog.world, Request("customer", tags, shop.END, {}), build.table)
    store.builds.publish(build.id, make_current=True, now=ports.now(), tags=[{"name": tag} for tag in tags])
    ports.engine.drop("model_answers")
    models.train(ports, "answers")
    assert scores(ports).equals(before)


def test_one_model_that_cannot_be_trained_does_not_stop_the_others(ports: shop.Ports) -> None:
    answers, buying = models.train(ports, as_of="2024-07-10")
    assert (answers["status"], answers["error"]["code"]) == ("failed", "not_yet")
    assert buying["status"] == "trained"
    with pytest.raises(NotYet):
        models.train(ports, "answers", "2024-07-10")


def test_one_price_for_everybody_does_not_stop_a_purchase_model(ports: shop.Ports) -> None:
    rows = shop.shop(300)
    # All visits of a day are one purchase, so there is but one.
    once_a_day = {(row["customer"], clock.local_date(row["ts"], shop.ZONE)): row for row in rows["visits"]}
    rows["visits"] = [{**row, "amount": Decimal("9.99")} for row in once_a_day.values()]
    shop.load(ports.engine, ports.catalog(), rows)
    done = models.train(ports, "buying")[0]
    assert (done["status"], done["promoted"]) == ("trained", True)
    table = scores(ports, "buying")
    assert done["scored"] == table.num_rows > 0
    expected = [count * 9.99 for count in table["purchases"].to_pylist()]
    assert table["value"].to_pylist() == pytest.approx(expected)
    card = models.model_card(ports, "buying")
    assert card["algorithm"] == "BG/NBD, average spend"
    assert card["metrics"]["spend_model"] == "average"
    assert "spend 9.99 a purchase" in card["metrics"]["caveats"][-1]["en"]
    assert "9.99" in card["metrics"]["caveats"][-1]["zh"]


def test_cards_and_lists_say_what_is_known(ports: shop.Ports) -> None:
    with pytest.raises(NotYet, match="not trained"):
        models.model_card(ports, "buying")
    with pytest.raises(UnknownName, match="'byuing'"):
        models.model_card(ports, "byuing")
    assert [m["champion"] for m in models.models(ports)] == [None, None]
    models.train(ports, "buying")
    card = models.model_card(ports, "buying")
    assert card["tags"] == {f"model.buying.{name}": name for name in ("alive", "purchases", "value")}
    assert card["metrics"]["holdout"]["days"] == 30
    assert card["status"] == "champion"
    assert [m["champion"] for m in models.models(ports)] == [None, 1]
