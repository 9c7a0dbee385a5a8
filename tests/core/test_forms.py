"""Conditions as forms: whatever was written is read, shown and written again without a change of meaning."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest
import random_expressions as made
from hypothesis import given, settings
from hypothesis import strategies as st

from gongbi.catalog import forms
from gongbi.catalog.forms import Compare, Field, Group, InSegment, Measure, Phrase, Sequence, Step, Text
from gongbi.core.check import Setting, check
from gongbi.core.expr import Expr

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
LEAVES = "bbbidsyf"


def meaning(text: str) -> Expr:
    return check(text, Setting(made.WORLD, subject="customer"))


@pytest.mark.parametrize("text", WRITTEN)
def test_a_written_condition_comes_back_with_its_meaning(text: str) -> None:
    assert meaning(forms.write(forms.read(text))) == meaning(text)


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
