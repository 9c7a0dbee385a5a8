"""Functions that are chosen in a form: what a row begins with, without a page."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gongbi.catalog import forms
from gongbi.catalog.forms import Compare, Field, Formula, Group
from gongbi.console import formulas

AMOUNT = {"name": "order.amount", "kind": "number"}
TAG = {"name": "tag.value.spend", "kind": "number"}


def form(chosen: str = "") -> Any:
    """What of a form a function looks at; its picker takes one at once."""
    known = {one["name"]: one for one in (AMOUNT, TAG)}

    def pick(among: list[dict[str, Any]], done: Any) -> None:
        done(next(one for one in among if one["name"] == chosen))

    return SimpleNamespace(
        facts={"order": [AMOUNT]},
        fields=[TAG],
        known=known,
        field_of=lambda name, fact: known.get(name),
        picker=SimpleNamespace(open=pick),
    )


@pytest.mark.parametrize("name", ["in_random_share", "has", "within_m", "in_area", "is_workday", "json_has"])
def test_what_says_yes_or_no_is_a_condition_by_itself(name: str) -> None:
    found: list[Formula] = []
    c = form(name)
    formulas.choose(c, found.append)
    row = formulas.begun(c, found[0], "")
    assert row == Compare(found[0], "holds")
    assert forms.write(Group("and", (row,))).startswith(f"{name}(")


@pytest.mark.parametrize("name", ["rank", "average_daily", "quantile", "share", "coalesce", "/", "list_length"])
def test_a_number_waits_for_what_it_is_compared_with(name: str) -> None:
    found: list[Formula] = []
    c = form(name)
    formulas.choose(c, found.append)
    row = formulas.begun(c, found[0], "")
    assert (row.operator, forms.write(Group("and", (row,)))) == (">=", "")


def test_the_rows_that_a_value_is_about_are_told_by_its_names() -> None:
    c = form()
    for text in ("quantile(order.amount, 0.5) > 1", "share(amount > 3) > 0.5", "rank(sum(order.amount)) < 3"):
        (row,) = forms.read(text).rows
        assert formulas.fact_of(c, row) == "order"
    assert formulas.fact_of(c, Field("tag.value.spend")) == ""
