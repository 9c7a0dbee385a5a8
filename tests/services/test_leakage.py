"""What only repeats how a group is defined: tags and scores that read the same, directly or through other tags."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from gongbi.catalog.catalog import assemble
from gongbi.catalog.yaml import read_definitions
from gongbi.packs import demo
from gongbi.services.leakage import defining


@pytest.fixture(scope="module")
def catalog():  # type: ignore[no-untyped-def]
    return assemble(read_definitions(demo("retail").definitions), zone=demo("retail").zone)


def test_what_is_made_of_the_parts_of_a_definition_repeats_it_as_they_do(catalog) -> None:  # type: ignore[no-untyped-def]
    # Champions are named by `rfm.group`, made from the three scores, made from how lately, often and much was bought.
    found = defining(SimpleNamespace(catalog=lambda: catalog), "customer", [catalog.conditions["champions"]])  # type: ignore[arg-type]
    assert found["rfm.group"] == "named"
    assert {found[tag] for tag in ("rfm.recency", "rfm.frequency", "rfm.monetary", "rfm.total")} == {"made_from"}
    # The volume of the grading is the spend of a year, which reads the amounts of trips as `rfm.monetary` does.
    assert {found[tag] for tag in ("value.spend_365d", "grade.buying.volume", "grade.buying.level")} == {"same_rows"}
    # One model learned from the scores, the other from nothing but when and for how much people came.
    assert found["model.lapse"] == "made_from"
    assert found["model.purchases.alive"] == "same_rows"
    assert not {"person.age_band", "promotion.discount", "brand.private_share", "category.breadth"} & set(found)


def test_a_group_by_what_is_declared_of_people_leaves_all_that_is_bought_to_learn_from(catalog) -> None:  # type: ignore[no-untyped-def]
    found = defining(SimpleNamespace(catalog=lambda: catalog), "customer", [catalog.conditions["unknown_demographics"]])  # type: ignore[arg-type]
    assert "person.is_declared" in found
    assert not [tag for tag in found if tag.startswith(("rfm.", "value.", "grade.", "model.purchases"))]
