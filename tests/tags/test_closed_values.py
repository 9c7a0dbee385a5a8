"""A tag whose type lists its values has no others."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

import gongbi
from gongbi.core.table import Column, Table
from gongbi.core.types import INTEGER, TEXT
from gongbi.engine.base import Engine
from gongbi.errors import InvalidDefinition, InvalidInput, NotYet
from gongbi.tags.run import check_values
from gongbi.testing.engine import on_every_engine

TAG = "tag: order.favourite\nexpr: {}\ntype: {{category: [{}]}}\n"


@on_every_engine()
def test_values_outside_the_list_are_found_and_absent_ones_are_not(engine: Engine) -> None:
    engine.create(Table("built", (Column("id", INTEGER), Column("a", TEXT), Column("n.n", INTEGER))), replace=True)
    rows = pa.table({"id": [1, 2, 3, 4], "a": ["x", "y", None, "it's"], "n.n": [1, None, 2, 2]})
    engine.append("built", rows)
    check_values(engine, "built", {"a": ("x", "y", "it's"), "n.n": (1, 2, 3)})
    check_values(engine, "built", {})
    with pytest.raises(InvalidInput, match=r"'n\.n' has values .* for 2 members or more: '2'\."):
        check_values(engine, "built", {"a": ("x", "y", "it's"), "n.n": (1,)})


def test_a_build_with_another_value_is_refused_and_the_last_good_one_stays(built_shop: Path) -> None:
    file = built_shop / "definitions/favourite.yaml"
    with gongbi.open(built_shop) as ws:
        file.write_text(TAG.format("mode(order.item)", "apple, bread, cheese"), "utf-8")
        ws.apply()
        good = {b["subject"]: b["build"] for b in ws.build()["builds"]}["customer"]
        file.write_text(TAG.format("mode(order.item)", "apple, bread"), "utf-8")
        ws.apply()
        with pytest.raises(InvalidInput, match=r"'order\.favourite' has values .*'cheese'"):
            ws.build()
        assert ws.context is not None
        current = ws.context.current_build("customer")
        assert current is not None
        assert current.id == good
        # The list in force has no cheese; the tags in force have it.
        assert ws.segment("tag.order.favourite not in ('apple', 'bread')").count() == 1


def test_a_tag_that_became_of_another_kind_has_no_value_until_it_is_built(built_shop: Path) -> None:
    file = built_shop / "definitions/favourite.yaml"
    asked = "tag.order.favourite >= '4'"
    with gongbi.open(built_shop) as ws:
        file.write_text("tag: order.favourite\nexpr: count(order)\n", "utf-8")
        ws.apply()
        ws.build()
        file.write_text("tag: order.favourite\nexpr: mode(order.item)\n", "utf-8")
        ws.apply()
        with pytest.raises(NotYet, match=r"'order\.favourite' was not built yet"):
            ws.segment(asked).count()
        someone = ws.segment("tag.spend.orders > 1").members()["id"][0].as_py()
        compared = ws.call("insight", expression="tag.spend.orders > 1")
        assert "order.favourite" not in {one["tag"] for one in compared["rows"]}
        assert [one["code"] for one in compared["left_out"] if one["tag"] == "order.favourite"] == ["not_made"]
        assert "order.favourite" not in {one["tag"] for one in ws.customer(someone)["tags"]}
        assert ws.call("explain", tag="order.favourite", id=str(someone))["steps"][0]["value"] is None
        ws.build()
        assert ws.segment(asked).count() == ws.segment("tag.order.favourite is not absent").count() > 0
        # Another kind of number is still a number.
        file.write_text("tag: order.favourite\nexpr: count(order)\n", "utf-8")
        ws.apply()
        ws.build()
        file.write_text("tag: order.favourite\nexpr: count(order) / 2\n", "utf-8")
        ws.apply()
        with pytest.warns(UserWarning, match="Edited since build"):
            assert ws.segment("tag.order.favourite > 0").count() > 0


def test_a_value_that_is_written_out_is_checked_before_anything_runs(shop: Path) -> None:
    text = "case when count(order) > 2 then 'many' when count(order) > 0 then 'some' end"
    file = shop / "definitions/favourite.yaml"
    with gongbi.open(shop) as ws:
        file.write_text(TAG.format(text, "none, some, many"), "utf-8")
        ws.apply()
        file.write_text(TAG.format(text, "none, many"), "utf-8")
        with pytest.raises(InvalidDefinition, match="can be 'some', which its type does not list") as error:
            ws.apply()
        assert error.value.place is not None
        assert str(error.value.place).endswith("favourite.yaml:1:1")


@pytest.mark.parametrize("days", [0, -5, 3651])
def test_a_model_looks_some_days_ahead(shop: Path, days: int) -> None:
    more = f"model: m\nestimator: purchases\nfact: order\namount: amount\nhorizon_days: {days}\n"
    (shop / "definitions/m.yaml").write_text(more, "utf-8")
    with (
        gongbi.open(shop) as ws,
        pytest.raises(InvalidDefinition, match=f"`horizon_days` is 1 to 3,650 days, not {days}"),
    ):
        ws.apply()
