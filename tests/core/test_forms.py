"""Conditions as forms: whatever was written is read, shown and written again without a change of meaning."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
import random_expressions as made
from hypothesis import given, settings
from hypothesis import strategies as st

import gongbi
from gongbi.catalog import forms
from gongbi.catalog.base import SegmentDef, WorklistDef
from gongbi.catalog.forms import FORMULAS, Compare, Field, Group, InSegment, Measure, Phrase, Sequence, Step, Text
from gongbi.catalog.yaml import read_definitions
from gongbi.core.check import Setting, check
from gongbi.core.expr import Expr
from gongbi.core.functions import CATALOGUE
from gongbi.core.parser import parse
from gongbi.core.syntax import Apply, Name, Node, children

WRITTEN = [
    "stopped(sale, 30, 'day')",
    "not first_time(view, 7, 'week')",
    "regularly(sale, 2, 3, 'month') and city = 'a'",
    "coalesce(sum(sale.amount), 0) >= 10",
    "coalesce(sum(sale.amount), 0.0) >= 10",
    "coalesce(sum(sale.amount), 1) >= 10",
    "days_since(max(sale.ts) filter (where kind = 'a' and within(3, 'week', 1))) < 30",
    "count(distinct sale.product) > 1e0",
    "not not segment.young",
    "not (segment.young or tag.t.b is not true)",
    "(tag.t.b or tag.t.b) or tag.t.b and (tag.t.b and tag.t.b)",
    "tag.t.s in ('it''s', '—', '画像') or city not like 'a%'",
    '"customer"."age" not between -1 and 3',
    "exists(view) filter (where view.page = 'a' or not (page = 'b' and within(2, 'day')))",
    "3 < customer.age and (case when tag.t.b then 1 end) = 1",
    "tag.t.i = 3.0 and tag.t.d = 2",
]
#: Whatever is asked of members in the guides; each is drawn, none stays a text.
DRAWN = [
    "rank(sum(sale.amount)) <= 100",
    "in_random_share(0.1, 'spring') and not in_random_share(0.5, 'b')",
    "value_at(sale.amount, '2024-01-01') >= 1000",
    "average_daily(sale.amount, 90) > 2 * average_daily(sale.amount, 30)",
    "count(sale) filter (where is_workday(sale.ts)) > 2",
    "max(date(sale.ts)) = nth_weekday(max(sale.ts), 1, 7)",
    "sum(sale.amount) filter (where last_year('month', true)) < sum(sale.amount) filter (where this('month'))",
    "share(sale.amount > 10 and kind = 'a') >= 0.5",
    "share(kind = 'a', sale.amount) filter (where within(30, 'day')) between 0.1 and 0.9",
    "quantile(sale.amount, 0.9) > 5",
    "has(list(sale.kind), 'a') or not has(top_k(sale.kind, 3), 'b')",
    "tag.t.i > tag.t.d",
    "json_text(customer.city, '$.a.b') = 'x' or json_number(customer.city, '$.n') is absent",
    "stopped(sale, 90, 'day') filter (where sale.amount > 10)",
    "not exists_within(view, 7, 'day') filter (where view.page = 'a' and within(1, 'week'))",
    "days_since(min(sale.ts)) <= 60",
    "count(sale) filter (where last_year('month', true)) > 0",
    "count(sale) filter (where between_dates('2024-01-01', '2024-02-01')) > 0",
    "(sum(sale.amount) - 1) / count(sale) >= 0.5",
    "contains(customer.city, lower(customer.city))",
    "coalesce(sum(sale.amount) filter (where previous('month')), 0) >= coalesce(sum(sale.amount), 0)",
]
#: Names that the world of these tests has none of: read and written all the same.
PLACES = [
    "within_m(121.47, 31.23, 500)",
    "within_m(customer.lon, customer.lat, 121.47, 31.23, 500)",
    "in_area('310115')",
    "home_of(visit, 300) = work_of(visit, 300)",
    "distance_m(cell_lon(home_of(visit, 300)), cell_lat(home_of(visit, 300)), 121.4, 31.2) < 2e3",
    "min(days_to_end(deposit.due)) filter (where deposit.due > as_of()) <= 30",
    "min(days_to_end()) <= 30",
    "any(account.tag.dormant) and count(relation.owns) > 2 and household.member.tag.x = 'a'",
]
LEAVES = "bbbidsyf"


def meaning(text: str) -> Expr:
    return check(text, Setting(made.WORLD, subject="customer"))


@pytest.mark.parametrize("text", WRITTEN)
def test_a_written_condition_comes_back_with_its_meaning(text: str) -> None:
    assert meaning(forms.write(forms.read(text))) == meaning(text)


def texts(part: object) -> list[str]:
    """What stays written in a form, at any depth."""
    if isinstance(part, Text):
        return [part.text]
    if isinstance(part, tuple):
        return [found for one in part for found in texts(one)]
    return [found for one in fields(part) for found in texts(getattr(part, one.name))] if is_dataclass(part) else []


@pytest.mark.parametrize("text", DRAWN)
def test_every_kind_of_condition_is_drawn_and_comes_back_with_its_meaning(text: str) -> None:
    form = forms.read(text)
    assert texts(form) == []
    assert meaning(forms.write(form)) == meaning(text)
    assert forms.read(forms.write(form)) == form


@pytest.mark.parametrize("text", PLACES)
def test_what_a_form_does_not_know_the_names_of_it_draws_too(text: str) -> None:
    form = forms.read(text)
    assert texts(form) == []
    assert forms.read(forms.write(form)) == form
    assert unspanned(parse(forms.write(form))) == unspanned(parse(text))


def unspanned(node: Node) -> object:
    """A syntax tree without the places of its parts."""
    if isinstance(node, Apply):
        below = [unspanned(one) for one in children(node)]
        return (node.function, below, node.distinct, node.star, [name for name, _ in node.named])
    return node.parts if isinstance(node, Name) else (type(node.value), node.value)


PACKS = sorted((Path(gongbi.__file__).parent / "packs").glob("*/demo/definitions"))


@pytest.mark.parametrize("folder", PACKS, ids=lambda folder: folder.parts[-3])
def test_every_segment_that_ships_is_drawn_without_a_written_condition(folder: Path) -> None:
    conditions = {d.name: d.expr for d in read_definitions(folder) if isinstance(d, SegmentDef | WorklistDef)}
    assert conditions
    assert {name: found for name, text in conditions.items() if (found := texts(forms.read(text)))} == {}
    for text in conditions.values():
        assert unspanned(parse(forms.write(forms.read(text)))) == unspanned(parse(text))


@pytest.mark.parametrize("name", [name for names in FORMULAS.values() for name in names])
def test_a_function_that_is_offered_begins_with_what_it_takes(name: str) -> None:
    begun = forms.usual_formula(name, "sale", "sale.amount", "tag.t.s")
    entry = CATALOGUE[name]
    least = sum(not p.optional for p in entry.params)
    assert len(begun.arguments) >= least - (2 if entry.kind == "place" else 0)
    whole = Group("and", (Compare(begun, "holds"),))
    assert forms.write(forms.read(forms.write(whole))) == forms.write(whole)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_a_random_expression_read_as_a_form_and_written_again_means_the_same(seed: int) -> None:
    draw = Random(seed)
    parts = [made.MEMBER.of(draw.choice(LEAVES), 2).make(draw) for _ in range(3)]
    whole = [made.MEMBER.of("b", 2).make(draw) for _ in range(2)]
    for text in (*parts, f"{whole[0]} and not {whole[1]} or ({whole[1]})"):
        form = forms.read(text)
        written = forms.write(form)
        assert meaning(written) == meaning(text), written
        # A form is what its text says: written and read once more, nothing moves.
        assert forms.write(forms.read(written)) == written


def test_a_condition_is_read_into_the_rows_that_people_fill_in() -> None:
    text = (
        "tag.rfm.group in ('loyal', 'new') and not segment.staff and customer.age >= 30"
        " and coalesce(sum(order.amount) filter (where within(90, 'day') and order.shop = 'x'), 0) > 99.5"
        " and (customer.city is absent or stopped(order, 30, 'day')) and 1 < 2"
    )
    where = Group("and", (Phrase("within", "", (90, "day")), Compare(Field("order.shop"), "=", ("x",))))
    assert forms.read(text) == Group(
        "and",
        (
            Compare(Field("tag.rfm.group"), "in", ("loyal", "new")),
            InSegment("staff", negated=True),
            Compare(Field("customer.age"), ">=", (30,)),
            Compare(Measure("sum", "order", "order.amount", where, zero=True), ">", (Decimal("99.5"),)),
            Group("or", (Compare(Field("customer.city"), "is_absent"), Phrase("stopped", "order", (30, "day")))),
            Text("1 < 2"),
        ),
    )
    assert forms.write(forms.read(text)) == text


def test_rows_that_are_not_filled_in_are_left_out() -> None:
    begun = Compare(Field("tag.value.spend"), ">=")
    filled = Compare(Field("tag.value.spend"), "<", (5,))
    measure = Measure("count", "order", where=Group("and", (Compare(Field("order.shop"), "="),)))
    assert forms.write(Group("and", (begun, Text(" "), InSegment(""), Group("or", (begun,))))) == ""
    assert forms.write(Group("or", (begun, filled, Compare(measure, ">", (0,))))) == (
        "tag.value.spend < 5 or count(order) > 0"
    )


@pytest.mark.parametrize("text", ["a = 1 or b = 2", "not (a = 1)", "a = 1"])
def test_text_that_is_typed_into_a_row_stays_one_condition(text: str) -> None:
    first = Compare(Field("c"), "holds")
    assert forms.read(forms.write(Group("and", (first, Text(text))))) == Group("and", (first, *_as_row(text)))
    assert forms.write(Group("and", (Text(text, negated=True),))) == f"not ({text})"


def _as_row(text: str) -> tuple[forms.Row, ...]:
    form = forms.read(text)
    return form.rows if len(form.rows) == 1 else (form,)


@pytest.mark.parametrize("value", ["", "it's", "‘’", "a\nb", -3, 2**63 - 1, Decimal("-0.000000001"), 1e30, 1e-7, True])
def test_a_constant_is_read_as_the_one_that_was_filled_in(value: forms.Value) -> None:
    (row,) = forms.read(forms.write(Group("and", (Compare(Field("x"), "=", (value,)),)))).rows
    assert isinstance(row, Compare)
    assert (row.values, type(row.values[0])) == ((value,), type(value))


@pytest.mark.parametrize(
    ("text", "how", "whole"),
    [
        ("customer.age > 3", "and", "customer.age > 3 and segment.young"),
        ("customer.age > 3", "or", "customer.age > 3 or segment.young"),
        ("customer.age > 3 and tag.t.b", "minus", "customer.age > 3 and tag.t.b and not segment.young"),
        ("customer.age > 3 or tag.t.b", "and", "(customer.age > 3 or tag.t.b) and segment.young"),
        ("customer.age > 3 or tag.t.b", "or", "customer.age > 3 or tag.t.b or segment.young"),
        ("customer.age > 3 or tag.t.b", "minus", "(customer.age > 3 or tag.t.b) and not segment.young"),
        ("customer.age > 3 and tag.t.b", "or", "(customer.age > 3 and tag.t.b) or segment.young"),
        ("not (customer.age > 3 or tag.t.b)", "or", "not (customer.age > 3 or tag.t.b) or segment.young"),
        ("not (customer.age > 3 and tag.t.b)", "and", "not (customer.age > 3 and tag.t.b) and segment.young"),
        ("", "minus", "not segment.young"),
    ],
)
def test_a_saved_group_is_set_beside_what_is_written(text: str, how: Any, whole: str) -> None:
    form = forms.read(text) if text else Group()
    assert meaning(forms.write(forms.combine(form, how, "young"))) == meaning(whole)


def test_a_sequence_is_written_with_its_steps_and_bounds() -> None:
    step = Step("cart", Group("and", (Compare(Field("quantity"), ">", (1,)),)))
    row = Sequence("followed_by", (Step("view"), step), "product", 1, "day")
    assert forms.write(Group("and", (row,))) == (
        "followed_by(step(view), step(cart, quantity > 1), same => product, within => interval 1 day)"
    )
    assert forms.write(Group("and", (Sequence(steps=(Step("view"),)),))) == ""


def test_operators_fit_the_type() -> None:
    keys = {
        type_: [o.key for o in forms.operators(forms.kind_of(type_))]
        for type_ in ("integer", "money USD", "boolean", "timestamp", "text")
    }
    assert keys["integer"] == keys["money USD"]
    assert ">=" in keys["integer"]
    assert "contains" not in keys["integer"]
    assert keys["boolean"][:2] == ["holds", "not_holds"]
    assert "contains" in keys["text"]
    assert ">=" not in keys["text"]
    assert [o.key for o in forms.operators(forms.kind_of("text", listed=True))][:2] == ["in", "not_in"]
    kept = forms.Operator("like")
    assert forms.operators("number", kept)[-1] == kept
