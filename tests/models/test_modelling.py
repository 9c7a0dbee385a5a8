"""A model made by choosing: the definition it writes, the size it would have, and its way into force."""

from __future__ import annotations

from pathlib import Path

import pytest
import shop
from test_promotion import Ports

from gongbi.catalog.uses import key_of
from gongbi.catalog.yaml import read_text, to_json
from gongbi.engine import Engine
from gongbi.errors import InvalidDefinition, InvalidInput, Refused, UnknownName
from gongbi.services import library, modelling
from gongbi.store import Store
from gongbi.store.definitions import NewDefinition

ROWS = shop.shop(60)


class Choosing(Ports):
    """A context that keeps definitions and knows no lists."""

    governance: dict[str, str] = {}  # noqa: RUF012

    def lists(self) -> list[object]:
        return []

    def fingerprint(self) -> str:
        return str(len(self.store.definitions.current()))

    def remembered(self, _what: str, _version: str, make):  # type: ignore[no-untyped-def]
        return make()


@pytest.fixture
def ports(tmp_path: Path, registry: Store, duckdb_engine: Engine) -> Choosing:
    catalog = shop.definitions(models=shop.MODELS)
    shop.load(duckdb_engine, catalog, ROWS)
    found = Choosing(tmp_path, duckdb_engine, registry, catalog)
    given = read_text(shop.SUBJECTS_AND_SOURCES)
    registry.definitions.put_all([NewDefinition(*key_of(d), to_json(d)) for d in given], "test", found.now())
    return found


def test_choices_write_a_definition_and_count_the_newest_matured_window(ports: Choosing) -> None:
    made = modelling.draft_model(
        ports, "lapse", "propensity", fact="visit", does=False, days=30, population="segment.visitors"
    )
    assert made["definition"]["target"] == "not exists(visit) filter (where ahead(30, 'day'))"
    assert made["tags"] == ["model.lapse", *(f"model.lapse.reason_{n}" for n in (1, 2, 3))]
    assert "population: segment.visitors" in made["yaml"]
    assert "trend_days" not in made["definition"]
    going = modelling.draft_model(ports, "lapse", "propensity", fact="visit", does=False, trend=28)
    assert going["definition"]["trend_days"] == 28
    assert {"model.lapse.trend", "model.lapse.change"} <= set(going["tags"])
    begin = shop.END - shop.timedelta(days=30)
    members = {row["customer"] for row in ROWS["visits"] if row["ts"] < begin}
    came = {row["customer"] for row in ROWS["visits"] if begin <= row["ts"] < shop.END}
    assert (made["preview"]["members"], made["preview"]["positives"]) == (len(members), len(members - came))
    assert made["preview"]["as_of"] == begin.isoformat()


def test_a_condition_on_rows_a_value_and_an_uplift_are_written_too(ports: Choosing) -> None:
    some = modelling.draft_model(ports, "big", "propensity", fact="visit", where="shelf = 'A' or amount > 5", days=14)
    assert "(shelf = 'A' or amount > 5) and ahead(14, 'day')" in some["definition"]["target"]
    value = modelling.draft_model(ports, "worth", "value", fact="visit", amount="amount", days=60)
    assert value["definition"]["estimator"] == "purchases"
    assert value["definition"]["horizon_days"] == 60
    trial = modelling.draft_model(
        ports, "won", "uplift", fact="visit", treated="exists(mailed) filter (where ahead(30, 'day'))", randomised=True
    )
    assert trial["definition"]["randomised"] is True
    assert trial["tags"] == ["model.won", "model.won.group"]


def test_newcomers_stages_and_needs_are_written_from_choices(ports: Choosing) -> None:
    fresh = modelling.draft_model(ports, "promise", "newcomers", fact="visit", amount="amount", days=30)
    assert fresh["definition"]["target"] == "sum(visit.amount) filter (where ahead(30, 'day'))"
    assert fresh["preview"]["positives"] > 0
    life = modelling.draft_model(ports, "life", "stages", fact="visit", amount="amount", days=14)
    assert (life["definition"]["period_days"], life["definition"]["horizon_days"]) == (14, 42)
    assert "model.life.hidden_value" in life["tags"]
    needs = modelling.draft_model(ports, "needs", "recurring", fact="visit", payee="shelf", where="amount > 5")
    assert (needs["definition"]["payee"], needs["definition"]["where"]) == ("shelf", "amount > 5")
    with pytest.raises(UnknownName, match="'shelves'"):
        modelling.draft_model(ports, "needs", "recurring", fact="visit", payee="visit.shelves")


def test_a_model_of_contracts_is_written_from_columns_and_what_leaving_is(ports: Choosing) -> None:
    with pytest.raises(InvalidDefinition, match="has no end"):
        modelling.draft_model(ports, "gone", "contracts", fact="visit", columns="shelf， amount", left="amount > 5")
    with pytest.raises(InvalidDefinition, match="columns"):
        modelling.draft_model(ports, "gone", "contracts", fact="visit")


def test_a_life_event_is_written_from_its_signs(ports: Choosing) -> None:
    found = modelling.draft_model(ports, "cat", "life_event", fact="visit", signs="shelf = 'A'", days=60, limit=0.9)
    wanted = {"signs": "shelf = 'A'", "limit": 0.9, "holdout_days": 60, "fact": "visit"}
    assert wanted.items() <= found["definition"].items()
    assert found["tags"] == ["model.cat.chance", "model.cat.since", "model.cat.share"]


LIKES = "case when count(visit) > 3 then 'much' when exists(visit) then 'little' end"


def test_a_trait_is_written_from_what_is_declared_and_the_tags_to_learn_from(ports: Choosing) -> None:
    found = modelling.draft_model(
        ports, "home", "trait", trait=LIKES, features="visits.*，spend.mean", limit=0.9, population="1 < 2"
    )
    assert (found["definition"]["trait"], found["definition"]["limit"]) == (LIKES, 0.9)
    assert found["definition"]["features"] == ["visits.*", "spend.mean"]
    assert found["definition"]["score"] == "1 < 2"
    assert found["tags"] == ["model.home.value", "model.home.confidence", "model.home.method"]
    with pytest.raises(InvalidDefinition, match="features"):
        modelling.draft_model(ports, "home", "trait", trait=LIKES)


def test_a_send_time_is_written_from_messages_and_what_counts_as_an_answer(ports: Choosing) -> None:
    found = modelling.draft_model(
        ports, "hour", "send_time", fact="visit", answered="amount > 5", channel="shelf", group="spend.shelf", days=60
    )
    wanted = {"fact": "visit", "answered": "amount > 5", "channel": "shelf", "groups": ["spend.shelf"]}
    assert {key: found["definition"][key] for key in wanted} == wanted
    assert found["definition"]["holdout_days"] == 60
    assert found["tags"] == [f"model.hour.{name}" for name in ("weekday", "hour", "channel", "chance", "basis")]
    ways = modelling.draft_model(
        ports, "h", "send_time", fact="visit", answered="amount > 5", channel="shelf", channels="A， B", explore=0.1
    )
    assert (ways["definition"]["channels"], ways["definition"]["explore"]) == (["A", "B"], 0.1)
    assert {"model.h.A", "model.h.B"} <= set(ways["tags"])
    plain = modelling.draft_model(ports, "hour", "send_time", fact="visit", answered="amount > 5")
    assert "channel" not in plain["definition"]
    with pytest.raises(InvalidDefinition, match="answered"):
        modelling.draft_model(ports, "hour", "send_time", fact="visit")


def test_a_model_of_prices_is_written_from_what_was_sold_at_which_price(ports: Choosing) -> None:
    choices = {"fact": "visit", "price": "amount", "quantity": "2", "product": "shelf", "group": "spend.shelf"}
    with pytest.raises(InvalidInput, match="says nothing about a row"):
        modelling.draft_model(ports, "prices", "price", **choices)
    choices |= {
        "quantity": "visit.amount / 2",
        "controls": "weekday(visit.ts)， round(visit.amount, 1) > 5",
        "days": 60,
    }
    found = modelling.draft_model(ports, "prices", "price", cost="visit.amount * 0.5", **choices)
    wanted = {
        **{key: choices[key] for key in ("fact", "price", "quantity", "product")},
        "controls": ["weekday(visit.ts)", "round(visit.amount, 1) > 5"],
        "cost": "visit.amount * 0.5",
        "groups": ["spend.shelf"],
        "holdout_days": 60,
    }
    assert {key: found["definition"].get(key) for key in wanted} == wanted
    assert "unit" not in found["definition"]
    assert found["tags"] == [f"model.prices.{name}" for name in ("sensitivity", "on_offer", "level")]


def test_choices_that_cannot_be_are_refused(ports: Choosing) -> None:
    with pytest.raises(InvalidInput, match="'magic'"):
        modelling.draft_model(ports, "x", "magic", fact="visit")
    with pytest.raises(UnknownName, match="'visits'"):
        modelling.draft_model(ports, "x", "propensity", fact="visits")


def test_a_model_comes_into_force_as_tags_do_by_another_persons_approval(ports: Choosing) -> None:
    made = modelling.draft_model(ports, "lapse", "propensity", fact="visit", does=False)
    draft = library.save_tag(ports, made["definition"], kind="model", why="Who leaves?")  # type: ignore[arg-type]
    assert (draft["kind"], draft["name"], draft["state"]) == ("model", "lapse", "draft")
    library.submit_tag(ports, ["model.lapse"])  # type: ignore[arg-type]
    with pytest.raises(Refused, match="cannot approve it"):
        library.approve_tag(ports, ["model.lapse"])  # type: ignore[arg-type]
    ports.actor = "Wang Wei"
    (done,) = library.approve_tag(ports, ["model.lapse"])  # type: ignore[arg-type]
    assert done["state"] == "published"
    assert "lapse" in [d.name for d in ports.store.definitions.current("model")]


def test_a_wallet_is_written_with_markets_or_without(ports: Choosing) -> None:
    plain = modelling.draft_model(ports, "purse", "wallet", fact="visit", amount="amount", days=30)
    assert plain["definition"]["target"] == "sum(visit.amount) filter (where ahead(30, 'day'))"
    assert "fact" not in plain["definition"]
    assert plain["tags"] == [f"model.purse.{name}" for name in ("wallet", "share", "potential", "known")]
    assert plain["left_out"]["spend.mean"] == "spend"
    assert plain["preview"]["members"] > 0
    grown = modelling.draft_model(
        ports, "purse", "wallet", fact="visit", amount="amount", days=30, features="visits.*，spend.*",
        market="tag.spend.shelf", product="shelf", elsewhere="tag.luck.digit", where="amount > 1",
    )  # fmt: skip
    made = grown["definition"]
    assert (made["fact"], made["market"], made["product"]) == ("visit", "tag.spend.shelf", "shelf")
    assert (made["elsewhere"], made["features"]) == ("tag.luck.digit", ["visits.*", "spend.*"])
    assert (grown["tags"][-1], grown["left_out"]) == ("model.purse.growth", {"spend.mean": "spend"})
