"""What people call a tag's values: as its definition says, else as its maker does; expressions keep the values."""

from __future__ import annotations

from datetime import date

import pytest

from gongbi.catalog.base import TagDef, Words
from gongbi.catalog.libraries import completed
from gongbi.catalog.mapping import ColumnMap
from gongbi.catalog.score_labels import LABELS
from gongbi.catalog.scores import SCORES
from gongbi.catalog.yaml import from_json, to_json
from gongbi.errors import InvalidDefinition
from gongbi.translation.units import SHARES

STAGE = {"tag": "stage.now", "maker": {"life_cycle": {"fact": "trip"}}}
TIER = {"tag": "a.tier", "maker": {"tiers": {"of": "tag.a.b", "cuts": [5], "names": ["low", "top"]}}}


def tag(body: dict[str, object]) -> TagDef:
    found = from_json("tag", body)
    assert isinstance(found, TagDef)
    return found


def test_the_names_that_a_maker_gives_by_itself_have_words_and_those_of_people_have_none() -> None:
    usual = tag(STAGE)
    assert usual.called.keys() == set(usual.closed)
    assert usual.called["slipping"] == Words("流失风险", "Slipping")
    assert tag(TIER).called == {}
    own = tag({"tag": "stage.own", "maker": {"life_cycle": {"fact": "trip", "names": [*"abcd", "lost"]}}})
    assert own.called.keys() == {"lost"}


def test_a_definition_calls_its_values_as_it_likes_and_comes_back_as_it_was_written() -> None:
    body = STAGE | {"labels": {"lost": {"zh": "走了", "en": "Gone"}}}
    assert tag(body).called["lost"] == Words("走了", "Gone")
    assert tag(body).expression == tag(STAGE).expression
    assert tag(to_json(tag(body))) == tag(body)


def test_a_label_of_what_is_no_value_is_refused_with_the_values() -> None:
    with pytest.raises(InvalidDefinition, match="'gone', which is none of its values") as caught:
        tag(TIER | {"labels": {"gone": {"zh": "走了", "en": "Gone"}}})
    assert caught.value.hint == "Its values: low, top."


def test_a_refinement_calls_its_values_like_the_tag_that_it_refines_unless_it_says_otherwise() -> None:
    base = tag(TIER | {"labels": {"top": {"zh": "高", "en": "High"}}})
    finer = tag({"tag": "shop.tier", "library": "shop", "refines": "a.tier", "expr": "'top'"})
    found = completed({one.tag: one for one in (base, finer)})
    assert found["shop.tier"].called == base.called
    other = tag(TIER | {"tag": "shop.tier", "refines": "a.tier", "library": "shop"})
    assert completed({one.tag: one for one in (base, other)})["shop.tier"].called == base.called


def test_a_label_of_what_no_column_holds_is_refused_with_its_values() -> None:
    with pytest.raises(InvalidDefinition, match="'x' is none of the column's values") as caught:
        ColumnMap("text", values=("f", "m"), labels={"x": Words("某", "X")})
    assert caught.value.hint == "Its values: f, m."
    assert ColumnMap("text", labels={"x": Words("某", "X")}).labels["x"].en == "X"


def test_the_unit_of_money_is_its_currency_unless_another_is_said() -> None:
    assert ColumnMap("money", currency="CNY").measured_in == "CNY"
    assert ColumnMap("money", currency="CNY", unit="CNY per year").measured_in == "CNY per year"
    assert ColumnMap("text").measured_in is None


def test_chances_and_shares_of_models_are_read_per_cent() -> None:
    scores = {f"{kind}.{score.column}": score for kind, written in SCORES.items() for score in written if score.tag}
    measured = {name for name, score in scores.items() if score.unit in SHARES}
    told = {name for name, score in scores.items() if score.about.lower().startswith(("probability", "share"))}
    assert told <= measured
    assert measured - told == {
        "stages.chance", "trait.confidence", "wallet.share", "wallet.growth", "propensity.change"
    }  # fmt: skip


def test_days_of_the_week_are_those_of_the_calendar() -> None:
    monday = date(2024, 1, 1)
    days = [monday.replace(day=n) for n in range(1, 8)]
    called = {n: en for n, (_, en) in LABELS["send_time", "weekday"].items()}
    assert called == {str(day.isoweekday()): f"{day:%A}" for day in days}
