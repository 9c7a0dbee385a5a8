"""Makers: what they mean is worked out here in plain Python from the rows, on both engines."""

from __future__ import annotations

import math
import random
import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import bench
import pytest

from gongbi.catalog.makers import MAKERS, NAMES, form
from gongbi.catalog.yaml import read_text, write_text
from gongbi.core.types import INTEGER, TEXT, decimal
from gongbi.core.world import FactShape, SubjectShape, World
from gongbi.engine.base import Engine
from gongbi.errors import InvalidDefinition

AS_OF = datetime(2024, 7, 1, tzinfo=UTC)
COLUMNS = {"amount": decimal(2), "item": TEXT, "units": INTEGER}
WORLD = World(
    subjects={"customer": SubjectShape("customer", INTEGER, {})},
    facts={"order": FactShape("order", "fact_order", COLUMNS, {"customer": INTEGER})},
    zone="UTC",
)
Row = tuple[int, datetime, Decimal | None, str | None, int]
MEMBERS = range(60)


def drawn() -> list[Row]:
    """Orders of some who buy often, some who stopped, some who began, one who never bought."""
    draw = random.Random(20240701)
    rows: list[Row] = []
    for member in MEMBERS[1:]:
        pace, since, until = draw.choice((3, 10, 30, 90)), draw.randint(10, 700), draw.choice((0, 0, 0, 50, 200))
        moments = {AS_OF - timedelta(days=until, seconds=draw.randint(1, 86_400))}
        moments |= {
            AS_OF - timedelta(days=draw.uniform(until, since + until + 1)) for _ in range(max(1, since // pace))
        }
        for moment in moments:
            amount = Decimal(draw.randint(-500, 20_000)).scaleb(-2) if draw.random() < 0.95 else None
            rows.append((member, moment, amount, draw.choice(("tea", "rice", "oil", None)), draw.randint(1, 5)))
    return rows


ROWS = drawn()
Rows = Sequence[Row]


def made(text: str) -> str:
    """The expression of a maker in YAML."""
    (tag,) = read_text(f"tag: a.b\nmaker:\n  {text}\n")
    return str(tag.expression)  # type: ignore[union-attr]


def last(rows: Rows, days: float, ago: float = 0) -> Rows:
    end = AS_OF - timedelta(days=ago)
    return [row for row in rows if end - timedelta(days=days) <= row[1] < end]


def money(rows: Rows) -> Decimal | None:
    known = [row[2] for row in rows if row[2] is not None]
    return sum(known, Decimal(0)) if known else None


def age(moment: datetime) -> int:
    """Whole days of 24 hours."""
    return (AS_OF - moment).days


def best(weights: Mapping[str, float]) -> str | None:
    return min(weights, key=lambda item: (-weights[item], item)) if weights else None


def weighted(rows: Rows, weight: Callable[[Row], float | None]) -> dict[str, float]:
    found: dict[str, float] = defaultdict(float)
    for row in rows:
        value = weight(row)
        if row[3] is not None and value is not None:
            found[row[3]] += value
    return found


def tier(value: Any, cuts: Sequence[Any], names: Sequence[str]) -> str | None:
    return None if value is None else names[sum(value >= cut for cut in cuts)]


def stage(rows: Rows) -> str:
    if not rows:
        return "never"
    first, newest = age(min(row[1] for row in rows)), age(max(row[1] for row in rows))
    return "new" if first < 30 else "active" if newest < 60 else "slipping" if newest < 180 else "lost"


def gaps(rows: Rows) -> list[int]:
    """Days between neighbouring days with orders; none where there are fewer than four such days."""
    days = sorted({row[1].date() for row in rows})
    return [(b - a).days for a, b in pairwise(days)] if len(days) >= 4 else []


def spread(rows: Rows) -> float | None:
    found = gaps(rows)
    return statistics.stdev(found) / statistics.mean(found) if found else None


def direction(rows: Rows) -> str | None:
    now, before = money(last(rows, 56)), money(last(rows, 56, 56))
    if now is None or before is None:
        return None
    return "down" if now < before * Decimal("0.8") else "up" if now > before * Decimal("1.2") else "level"


def half_lives(rows: Rows) -> str | None:
    return best(weighted(rows, lambda row: 0.5 ** (age(row[1]) / 30)))


def sure(rows: Rows) -> str | None:
    weights = weighted(last(rows, 365), lambda row: float(row[4]))
    preferred = best(weights)
    return preferred if preferred is not None and weights[preferred] / sum(weights.values()) >= 0.5 else None


def fixed(rows: Rows) -> tuple[int | None, int, int | None]:
    """The three scores by fixed cuts."""
    year = last(rows, 365)
    newest = age(max(row[1] for row in rows)) if rows else None
    r = None if newest is None else 3 - sum(newest >= cut for cut in (14, 60))
    spent = money(year)
    m = None if spent is None else 1 + sum(spent >= cut for cut in (500, 2000))
    return r, 1 + sum(len(year) >= cut for cut in (5, 20)), m


def group(rows: Rows) -> str | None:
    scores = fixed(rows)
    if scores[0] is None:
        return None
    return "".join("1" if score and score >= 2 else "0" for score in scores)


def total(rows: Rows) -> float | None:
    r, f, m = fixed(rows)
    return None if r is None else 2 * r + f + 0.5 * (m or 1)


def spread_over(rows: Rows) -> list[dict[str, Any]] | None:
    weights = weighted(last(rows, 365), lambda row: float(row[4]))
    total = sum(weights.values())
    return [
        {"value": item, "share": weights[item] / total} for item in sorted(weights, key=lambda i: (-weights[i], i))
    ] or None


def average(rows: Rows) -> float | None:
    """Of the amounts of this month and of the two before it."""
    known = [row[2] for row in rows if row[2] is not None and row[1] >= datetime(2024, 5, 1, tzinfo=UTC)]
    return float(sum(known, Decimal(0))) / len(known) if known else None


def change(rows: Rows) -> float | None:
    now, before = ([row[4] for row in last(rows, 70, ago)] for ago in (0, 70))
    return statistics.mean(now) - statistics.mean(before) if now and before else None


def disorder(weights: Mapping[str, float]) -> float | None:
    """Shannon's entropy in nats."""
    shares = [weight / sum(weights.values()) for weight in weights.values()]
    return -sum(share * math.log(share) for share in shares) if shares else None


def usual_gap(rows: Rows) -> float | None:
    days = sorted({row[1].date() for row in rows})
    return (days[-1] - days[0]).days / (len(days) - 1) if len(days) > 1 else None


CUTS = "recency_cuts: [14, 60], frequency_cuts: [5, 20], monetary_cuts: [500, 2000]"
CELLS = "names: ['111', '110', '101', '100', '011', '010', '001', '000']"

#: Maker → its meaning for the rows of one member.
MEANINGS: dict[str, Callable[[Rows], Any]] = {
    "metric: {measure: sum, of: order.amount, within: 90 day, where: item = 'tea' or units > 3, empty: 0}": lambda rows: (
        money([r for r in last(rows, 90) if r[3] == "tea" or r[4] > 3]) or Decimal(0)
    ),
    "metric: {measure: count, of: order}": len,
    "metric: {measure: days, of: order, within: 365 days}": lambda rows: len({r[1].date() for r in last(rows, 365)}),
    "metric: {measure: distinct, of: order.item}": lambda rows: len({r[3] for r in rows if r[3] is not None}),
    "metric: {measure: days_since, of: order, where: units = 5}": lambda rows: min(
        (age(r[1]) for r in rows if r[4] == 5), default=None
    ),
    "metric: {measure: avg, of: order.amount, within: 3 calendar_month}": lambda rows: average(rows),
    "metric: {measure: median, of: order.units}": lambda rows: statistics.median(r[4] for r in rows) if rows else None,
    "metric: {measure: min, of: order.amount, where: item <> 'oil'}": lambda rows: min(
        (r[2] for r in rows if r[2] is not None and r[3] not in (None, "oil")), default=None
    ),
    "metric: {measure: max, of: order.units, within: 6 week}": lambda rows: max(
        (r[4] for r in last(rows, 42)), default=None
    ),
    "metric: {measure: stddev, of: order.units, empty: -1}": lambda rows: (
        statistics.stdev(r[4] for r in rows) if len(rows) > 1 else -1
    ),
    "first_last: {which: first, of: order.item, within: 100 day, where: units > 2 and item is not absent}": lambda rows: (
        min(((r[1], r[3]) for r in last(rows, 100) if r[4] > 2 and r[3] is not None), default=(None, None))[1]
    ),
    "first_last: {which: last, of: order.item, where: item is not absent}": lambda rows: max(
        ((r[1], r[3]) for r in rows if r[3] is not None), default=(None, None)
    )[1],
    "first_last: {which: first, of: order.units}": lambda rows: min(((r[1], r[4]) for r in rows), default=(None, None))[
        1
    ],
    "preference: {of: order.item}": lambda rows: best(weighted(rows, lambda row: 1)),
    "preference: {of: order.item, by: share, weight: order.units}": lambda rows: best(
        weighted(rows, lambda row: row[4])
    ),
    "preference: {of: order.item, by: share, weight: order.units, least: 0.5, within: 365 day}": sure,
    "preference: {of: order.item, by: recency, half_life: 30}": half_lives,
    "preference: {of: order.item, by: recency, half_life: 20, weight: order.units, within: 200 day}": lambda rows: best(
        weighted(last(rows, 200), lambda row: row[4] * 0.5 ** (age(row[1]) / 20))
    ),
    "tiers: {of: 'sum(order.amount) / 2 + 1', cuts: [100, 500.5], names: [low, mid, high]}": lambda rows: tier(
        None if money(rows) is None else (money(rows) or 0) / 2 + 1, (100, 500.5), ("low", "mid", "high")
    ),
    "tiers: {of: sum(order.amount), cuts: [100], names: [low, high], absent: none}": lambda rows: (
        tier(money(rows), (100,), ("low", "high")) or "none"
    ),
    "life_cycle: {fact: order}": stage,
    f"rfm: {{fact: order, amount: order.amount, part: recency, {CUTS}}}": lambda rows: fixed(rows)[0],
    f"rfm: {{fact: order, amount: amount, part: monetary, {CUTS}}}": lambda rows: fixed(rows)[2],
    f"rfm: {{fact: order, amount: order.amount, part: frequency, {CUTS}}}": lambda rows: fixed(rows)[1],
    f"rfm: {{fact: order, amount: order.amount, part: monetary, {CUTS}}}": lambda rows: fixed(rows)[2],
    f"rfm: {{fact: order, amount: order.amount, part: total, weights: [2, 1, 0.5], {CUTS}}}": total,
    f"rfm: {{fact: order, amount: order.amount, part: cell, {CUTS}}}": lambda rows: (
        None if fixed(rows)[0] is None else "".join(str(score or 1) for score in fixed(rows))
    ),
    f"rfm: {{fact: order, amount: order.amount, part: group, {CUTS}, {CELLS}}}": group,
    "trend: {measure: sum, of: order.amount, steady: 0.2, names: [down, level, up]}": direction,
    "trend: {measure: count, of: order, over: 30 day, by: change}": lambda rows: (
        len(last(rows, 30)) - len(last(rows, 30, 30))
    ),
    "trend: {measure: count, of: order, over: 30 day, by: ratio}": lambda rows: (
        len(last(rows, 30)) / len(last(rows, 30, 30)) if last(rows, 30, 30) else None
    ),
    "trend: {measure: avg, of: order.units, over: 10 week, by: change, where: item is not absent}": lambda rows: change(
        [r for r in rows if r[3] is not None]
    ),
    "distribution: {of: order.item, part: spread, within: 365 day}": lambda rows: disorder(
        weighted(last(rows, 365), lambda row: 1)
    ),
    "periodicity: {fact: order, by: interval, least: 2, within: 180 day, where: units > 1}": lambda rows: usual_gap(
        [r for r in last(rows, 180) if r[4] > 1]
    ),
    "periodicity: {fact: order, by: interval}": lambda rows: statistics.mean(gaps(rows)) if gaps(rows) else None,
    "periodicity: {fact: order, by: spread}": spread,
    "distribution: {of: order.item, weight: order.units, within: 365 day}": spread_over,
    "distribution: {of: order.item, weight: order.units, within: 365 day, part: top}": lambda rows: best(
        weighted(last(rows, 365), lambda row: row[4])
    ),
    "sql: {of: 'count(order) * 2 - 1'}": lambda rows: len(rows) * 2 - 1,
    "periodicity: {fact: order}": lambda rows: tier(spread(rows), (0.5, 1), ("regular", "loose", "irregular")),
}


def alike(rows: Mapping[int, Rows], cosine: bool = False) -> dict[int, float]:
    """How like those with more than 20 orders: by money and by number of orders."""
    figures = [{m: float(len(r)) for m, r in rows.items()}, {m: float(money(r) or 0) for m, r in rows.items()}]
    known = [
        {m: v for m, v in figure.items() if i == 0 or money(rows[m]) is not None} for i, figure in enumerate(figures)
    ]
    z = []
    for figure in known:
        mean, deviation = statistics.mean(figure.values()), statistics.stdev(figure.values())
        z.append({m: (figure[m] - mean) / deviation if m in figure else 0.0 for m in rows})
    middle = [statistics.mean(one[m] for m in rows if len(rows[m]) > 20) for one in z]
    if not cosine:
        return {
            m: 1 / (1 + (sum((one[m] - c) ** 2 for one, c in zip(z, middle, strict=True)) / 2) ** 0.5) for m in rows
        }
    length = sum(c * c for c in middle) ** 0.5
    return {
        m: (
            1
            + sum(one[m] * c for one, c in zip(z, middle, strict=True))
            / (length * sum(one[m] ** 2 for one in z) ** 0.5)
        )
        / 2
        for m in rows
    }


def mixed(rows: Mapping[int, Rows]) -> dict[int, float | None]:
    """By Gower's measure how like those with more than 20 orders: by money, the commonest item and a large basket."""
    seeds = [m for m in rows if len(rows[m]) > 20]
    spent = {m: value for m, r in rows.items() if (value := money(r)) is not None}
    places = {m: sum(other < value for other in spent.values()) / (len(spent) - 1) for m, value in spent.items()}
    middle = statistics.mean(places[m] for m in seeds if m in places)
    traits = [
        {m: found for m, r in rows.items() if (found := best(weighted(r, lambda row: 1))) is not None},
        {m: max(row[4] for row in r) > 4 for m, r in rows.items() if r},
    ]
    found: dict[int, float | None] = {}
    for m in rows:
        parts = [1 - abs(places[m] - middle)] if m in places else []
        for trait in traits:
            known = [trait[s] for s in seeds if s in trait]
            parts += [known.count(trait[m]) / len(known)] if m in trait else []  # type: ignore[arg-type]
        found[m] = statistics.mean(parts) if parts else None
    return found


def ranks(rows: Mapping[int, Rows]) -> dict[str, dict[int, Any]]:
    """What a place among all is."""
    spent = {member: money(mine) for member, mine in rows.items()}
    known = [value for value in spent.values() if value is not None]

    def scored(value: Decimal) -> int:
        return min(4, int(4 * sum(other < value for other in known) / len(known)) + 1)

    def placed(values: Mapping[int, Any]) -> dict[int, int | None]:
        """The score from 1 to 3 in equal groups of those who have a value."""
        there = [value for value in values.values() if value is not None]
        return {
            m: None if v is None else min(3, int(3 * sum(other < v for other in there) / len(there)) + 1)
            for m, v in values.items()
        }

    newest = {m: max((row[1] for row in mine), default=None) for m, mine in rows.items()}
    years = {m: last(mine, 365) for m, mine in rows.items()}
    scores = [
        placed(newest),
        placed({m: len(y) for m, y in years.items()}),
        placed({m: money(y) for m, y in years.items()}),
    ]
    seed = "seed: count(order) > 20, figures: [count(order), sum(order.amount)]"
    return {
        f"similarity: {{{seed}}}": alike(rows),
        f"similarity: {{{seed}, by: cosine}}": alike(rows, cosine=True),
        "similarity: {seed: count(order) > 20, figures: [sum(order.amount)], by: gower,"
        " traits: [mode(order.item), max(order.units) > 4]}": mixed(rows),
        "rfm: {fact: order, amount: order.amount, part: recency, scores: 3}": scores[0],
        "rfm: {fact: order, amount: order.amount, part: cell, scores: 3}": {
            m: None if r is None else f"{r}{scores[1][m]}{scores[2][m] or 1}" for m, r in scores[0].items()
        },
        "rank: {of: sum(order.amount)}": {
            m: None if v is None else 1 + sum(other > v for other in known) for m, v in spent.items()
        },
        "rank: {of: sum(order.amount), lowest_first: true}": {
            m: None if v is None else 1 + sum(other < v for other in known) for m, v in spent.items()
        },
        "rank: {of: sum(order.amount), by: share}": {
            m: None if v is None else sum(other < v for other in known) / (len(known) - 1) for m, v in spent.items()
        },
        "rank: {of: sum(order.amount), by: score, groups: 4}": {
            m: None if v is None else scored(v) for m, v in spent.items()
        },
    }


@pytest.mark.slow_on_spark
def test_makers_mean_what_they_say(engine: Engine) -> None:
    fact = WORLD.fact("order")
    bench.make(
        engine,
        fact.table,
        {"customer": INTEGER, "ts": bench.TIMESTAMP, **COLUMNS},
        [(m, ts.replace(tzinfo=None), *rest) for m, ts, *rest in ROWS],
    )
    bench.make_members(engine, "customer", list(MEMBERS))
    by_member = {member: [row for row in ROWS if row[0] == member] for member in MEMBERS}
    wanted: dict[str, dict[Any, Any]] = {
        text: {member: meaning(rows) for member, rows in by_member.items()} for text, meaning in MEANINGS.items()
    }
    wanted |= ranks(by_member)
    assert {text.split(":")[0] for text in wanted} | {"manual", "imported"} == set(MAKERS)  # These two: test_given.
    for text, values in wanted.items():
        assert len({str(v) for v in values.values()}) > 1, f"every member has the same: {text}"
    found = bench.answers(engine, {text: made(text) for text in wanted}, WORLD, subject="customer", as_of=AS_OF)
    assert not bench.differing(found, wanted)


def test_every_choice_of_every_maker_has_a_meaning_above() -> None:
    texts = [*MEANINGS, *ranks({member: [row for row in ROWS if row[0] == member] for member in MEMBERS})]
    chosen: set[tuple[str, str, str]] = set()
    for text in texts:
        (tag,) = read_text(f"tag: a.b\nmaker:\n  {text}\n")
        maker = tag.maker  # type: ignore[union-attr]
        chosen |= {(maker.name, one.key, str(getattr(maker.maker, one.key))) for one in form(maker.name) if one.choices}
    offered = {(name, one.key, choice) for name in MAKERS for one in form(name) for choice in one.choices}
    assert {name for name, _, _ in offered - chosen} <= {"manual", "imported"}  # Types of given values: test_given.


def test_an_expansion_is_what_a_person_would_write() -> None:
    assert made("metric: {measure: avg, of: order.amount, within: 3 calendar_month}") == (
        "avg(order.amount) filter (where within(3, 'calendar_month'))"
    )
    assert made("tiers: {of: tag.a.c, cuts: [1, 2.5], names: [low, it's, high]}") == (
        "case\n  when tag.a.c >= 2.5 then 'high'\n  when tag.a.c >= 1 then 'it''s'\n  when tag.a.c < 1 then 'low'\nend"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "`maker` names 0 makers; it needs exactly one"),
        ("{rank: {of: sum(order.amount)}, metric: {measure: count, of: order}}", "`maker` names 2 makers"),
        ("metrik: {measure: count, of: order}", "Did you mean 'metric'"),
        ("metric: {measure: mean, of: order.amount}", "`maker.metric.measure` cannot be 'mean'"),
        ("metric: {measure: sum}", "lacks `of`"),
        ("metric: {measure: sum, of: 'order.amount) + (1'}", "`of`: "),
        ("metric: {measure: sum, of: order.amount, where: 'units >'}", "`where`: "),
        ("metric: {measure: sum, of: order.amount, within: 90}", "'90' is no stretch of time. Write 90 day"),
        ("metric: {measure: sum, of: order.amount, within: 90 moons}", "'90 moons' is no stretch of time"),
        ("metric: {measure: sum, of: order.amount, within: 0 day}", "'0 day' is no stretch of time"),
        ("tiers: {of: sum(order.amount), cuts: [2, 1], names: [a, b, c]}", "`cuts` are numbers that ascend"),
        ("tiers: {of: sum(order.amount), cuts: [1, 2], names: [a, b]}", "2 cuts make 3 steps"),
        ("tiers: {of: sum(order.amount), cuts: [1, 2], names: [a, b, a]}", "2 cuts make 3 steps"),
        ("tiers: {of: sum(order.amount), cuts: [1], names: []}", "`names` is empty"),
        ("rank: {of: sum(order.amount), groups: 1}", "`groups` is 2 to 100, not 1"),
        ("preference: {of: order.item, by: share}", "needs `weight`"),
        ("preference: {of: order.item, weight: order.units}", "has no `weight`"),
        ("preference: {of: \"'tea'\", by: recency}", "names no column of a fact"),
        ("preference: {of: order.item, least: 2}", "a share from 0 to 1"),
        ("life_cycle: {fact: order, active: 90, slipping: 90}", "`active` fewer than `slipping`"),
        ("life_cycle: {fact: order, names: [a, b]}", "`names` are five"),
        ("rfm: {fact: order, amount: order.amount, part: total, recency_cuts: [1]}", "go together"),
        ("rfm: {fact: order, amount: order.amount, part: total, weights: [0, 0, 0]}", "`weights` are three"),
        ("rfm: {fact: order, amount: order.amount, part: total, scores: 12}", "`scores` is 2 to 9"),
        ("rfm: {fact: order, amount: order.amount, part: group, high: 6}", "`high` is 2 to 5, not 6"),
        ("trend: {measure: count, of: order, names: [a, b]}", "`names` are three"),
        ("trend: {measure: count, of: order, steady: 1}", "`steady` is a share"),
        (
            "similarity: {seed: 'count(order) > 1', figures: []}",
            "`figures` are 1 to 12, traits counted with them, not 0",
        ),
        ("similarity: {seed: 'true', figures: [count(order)], traits: [count(order) > 1]}", "by Gower's measure only"),
        ("similarity: {seed: 'true', traits: ['1 +'], by: gower}", "`traits`: "),
        ("similarity: {seed: 'count(order) > 1', figures: ['1 +']}", "`figures`: "),
        ("similarity: {seed: 'count(order) > 1', figures: [count(order)], by: cosine}", "needs two `figures`"),
        ("manual: {type: integer, names: [a]}", "`names` are for values that are text"),
        ("imported: {type: list}", "`maker.imported.type` cannot be 'list'"),
        ("periodicity: {fact: order, least: 1}", "`least` is 2 days or more"),
    ],
)
def test_a_maker_that_makes_no_sense_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(InvalidDefinition) as error:
        read_text(f"tag: a.b\nmaker:\n  {text}\n", "tags.yaml")
    assert said in str(error.value)
    assert str(error.value).startswith("tags.yaml:")


@pytest.mark.parametrize("text", [*MEANINGS, "rank: {of: sum(order.amount), by: share}"])
def test_what_is_written_is_the_maker_and_not_its_expansion(text: str) -> None:
    (tag,) = read_text(f"tag: a.b\nmaker:\n  {text}\n")
    written = write_text(tag)
    assert "expr" not in written
    assert read_text(written) == [tag]


@pytest.mark.parametrize("name", MAKERS)
def test_every_field_has_words_in_both_languages_and_a_place_in_a_form(name: str) -> None:
    assert NAMES[name].zh
    assert NAMES[name].en
    fields = form(name)
    assert fields[0].required
    for field in fields:
        assert any("一" <= letter <= "鿿" for letter in field.name.zh), field
        assert not any("一" <= letter <= "鿿" for letter in field.name.en), field
        assert bool(field.choices) <= (field.takes == "choice")
