"""Expression → maker's form: both ways, and never anything that means something else."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gongbi.catalog.makers import EXAMPLES, MAKERS
from gongbi.catalog.makers.read import READ, bare, filled, read
from gongbi.core.parser import parse
from gongbi.errors import GongbiError, InvalidExpression

MORE = {
    "metric": [
        "{measure: days_since, of: trip, where: trip.amount > 3}",
        "{measure: days, of: trip, within: 3 calendar_month, where: a.b = 1 or a.c = 2}",
        "{measure: distinct, of: purchase.basket}",
        "{measure: count, of: trip, within: 28 day, where: (a.b or a.c) and a.d, empty: 0.5}",
    ],
    "first_last": ["{which: first, of: purchase.product, where: 'amount > 3'}"],
    "preference": [
        "{of: purchase.brand}",
        "{of: purchase.brand, by: share, weight: purchase.amount, least: 0.4, within: 90 day}",
        "{of: purchase.brand, by: recency, half_life: 30}",
        "{of: purchase.brand, by: recency, weight: purchase.a + purchase.b, half_life: 30.5, least: 0.1}",
    ],
    "tiers": ['{of: tag.a.b + 1, cuts: [-1.5], names: ["it\'s low", high], absent: unknown}'],
    "rank": [
        "{of: tag.a.b, by: place, lowest_first: true}",
        "{of: sum(trip.amount) - 1, by: score, groups: 7, lowest_first: true}",
    ],
    "rfm": [
        "{fact: trip, amount: trip.amount, part: cell, within: 90 day}",
        "{fact: trip, amount: trip.amount, part: total, weights: [1, 2, 0.5], scores: 4}",
        "{fact: t, amount: t.a, part: group, recency_cuts: [7], frequency_cuts: [2], monetary_cuts: [1.5], high: 2}",
        "{fact: trip, amount: trip.amount, part: total, recency_cuts: [7], frequency_cuts: [2], monetary_cuts: [9]}",
    ],
    "life_cycle": ["{fact: trip, new: 7, names: [a, b, c, d, e]}"],
    "trend": [
        "{measure: count, of: trip, by: ratio, over: 30 day, where: trip.amount > 1}",
        "{measure: avg, of: trip.amount, by: change}",
        "{measure: sum, of: trip.amount, names: [down, flat, up], steady: 0.05, where: a.b or a.c}",
    ],
    "periodicity": [
        "{fact: trip, by: interval, least: 3}",
        "{fact: trip, by: spread, where: trip.amount > 3}",
        "{fact: trip, cuts: [0.2], names: [even, uneven], within: 90 day}",
    ],
    "distribution": ["{of: trip.store, part: top}", "{of: trip.store, part: spread, weight: trip.amount}"],
    "similarity": [
        "{seed: segment.best or segment.good, figures: [tag.a.b, tag.a.c + 1], by: cosine}",
        "{seed: segment.best or tag.f.f, figures: [tag.a.b, tag.c.c], traits: [tag.d.d, tag.e.e > 1], by: gower}",
        "{seed: count(trip) > 1, traits: [tag.a.d], by: gower}",
        "{seed: segment.best, figures: [tag.a.b], by: gower}",
    ],
}
FORMS = [(name, text) for name in READ for text in (EXAMPLES[name], *MORE.get(name, ()))]


def made(name: str, text: str) -> object:
    given = {key: tuple(v) if isinstance(v, list) else v for key, v in yaml.safe_load(text).items()}
    return MAKERS[name](**given)


@pytest.mark.parametrize(("name", "text"), FORMS)
def test_a_form_is_read_back_from_what_it_writes(name: str, text: str) -> None:
    form = made(name, text)
    assert read(form.expression()) == (name, filled(form))


@pytest.mark.parametrize(
    "text",
    [
        "sum(trip.amount) / nullif(count(trip), 0)",
        "count(trip) > 3",
        # As tiers would write it, but the lowest step has no lower end of its own.
        "case when sum(trip.amount) >= 5 then 'high' else 'low' end",
        # Two figures.
        "case when sum(trip.amount) >= 5 then 'high' when sum(trip.other) < 5 then 'low' end",
        # The stretch before is not as long.
        "sum(t.a) filter (where within(8, 'week')) - sum(t.a) filter (where within(8, 'week', 4))",
        "score(max(trip.ts), 5, 1)",
        "coalesce(mode(trip.store), 'none')",
        "customer.age",
    ],
)
def test_what_no_form_writes_is_not_read(text: str) -> None:
    assert read(text) is None


def test_an_expression_that_cannot_be_read_is_said_so() -> None:
    with pytest.raises(InvalidExpression):
        read("count(trip")


WHERE = st.sampled_from(
    [None, "trip.amount > 3", "trip.a = 'x' or trip.b", "not trip.a", "trip.a in (1, 2) and trip.b"]
)
WITHIN = st.sampled_from([None, "90 day", "3 calendar_month", "1 week"])
NUMBERS = st.one_of(st.integers(-1000, 1000), st.decimals(-50, 50, places=2).map(float))


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from(["metric", "trend", "tiers", "preference"]))
def test_any_form_that_is_filled_in_comes_back_with_the_same_meaning(data: st.DataObject, name: str) -> None:
    draw = data.draw
    fields = {
        "metric": {
            "measure": draw(st.sampled_from(["count", "days", "sum", "days_since", "median"])),
            "of": "trip",
            "within": draw(WITHIN),
            "where": draw(WHERE),
            "empty": draw(st.none() | NUMBERS),
        },
        "trend": {
            "measure": draw(st.sampled_from(["sum", "avg"])),
            "of": "trip.amount",
            "by": draw(st.sampled_from(["change", "ratio", "direction"])),
            "steady": draw(st.sampled_from([0, 0.1, 0.25])),
            "where": draw(WHERE),
        },
        "tiers": {
            "of": draw(st.sampled_from(["tag.a.b", "tag.a.b * 2", "-tag.a.b", "if(tag.a.b > 1, 1, 2)"])),
            "cuts": tuple(sorted(draw(st.sets(NUMBERS, min_size=2, max_size=2)))),
            "names": ("low", "it's", "high"),
            "absent": draw(st.sampled_from([None, "none"])),
        },
        "preference": {
            "of": "trip.store",
            "within": draw(WITHIN),
            "where": draw(WHERE),
            "least": draw(st.sampled_from([0, 0.5])),
        },
    }[name]
    try:
        form = MAKERS[name](**fields)
    except GongbiError:
        return
    found = read(form.expression())
    assert found is not None
    maker, given = found
    again = MAKERS[maker](**{key: tuple(v) if isinstance(v, list) else v for key, v in given.items()})
    assert bare(parse(again.expression())) == bare(parse(form.expression()))


def test_columns_of_the_fact_may_be_named_without_it() -> None:
    long, short = (
        MAKERS["rfm"](fact="trip", amount=amount, part="total").expression()
        for amount in ("trip.amount - coalesce(trip.discount, 0)", "amount - coalesce(discount, 0)")
    )
    assert short == long
