"""Sequences: every run is looked for by hand, as time goes by, with ties, absences and members without rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import bench
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongbi.core.compiler import Request, compile_members
from gongbi.core.dialect import DUCKDB
from gongbi.core.evidence import evidence_plan, moments_plan
from gongbi.core.expr import Call, aggregates, facts_used
from gongbi.core.language import check_expression
from gongbi.core.runs import first_run
from gongbi.core.types import INTEGER, TEXT, TIMESTAMP
from gongbi.core.world import AttributeShape, FactShape, SubjectShape, World
from gongbi.engine.base import Engine
from gongbi.engine.duckdb import DuckDBEngine
from gongbi.errors import GongbiError
from gongbi.testing.engine import on_every_engine

START = datetime(2017, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
MEMBERS = (1, 2, 3, 4)
PRODUCTS = {10: "X", 11: "X", 12: "Y", 13: None}
FACTS = {"view": {"page": TEXT}, "cart": {"quantity": INTEGER}, "buy": {"quantity": INTEGER}}
WORLD = World(
    {
        "member": SubjectShape("member", INTEGER),
        "product": SubjectShape("product", INTEGER, {"category": AttributeShape("category", TEXT, "attr_product")}),
        "store": SubjectShape("store", TEXT),
    },
    {
        **{n: FactShape(n, f"fact_{n}", c, {"member": INTEGER, "product": INTEGER}) for n, c in FACTS.items()},
        "visit": FactShape("visit", "fact_visit", {"product": TEXT}, {"member": INTEGER}),
        "delivery": FactShape("delivery", "fact_delivery", {"n": INTEGER}, {"store": TEXT}),
    },
    {("member", "t"): INTEGER},
)
Row = Mapping[str, Any]
Where = Callable[[Row], bool]


def anything(row: Row) -> bool:
    return True


def many(row: Row) -> bool:
    return row["quantity"] is not None and row["quantity"] > 1


def of_x(row: Row) -> bool:
    return PRODUCTS.get(row["product"]) == "X"


VIEW, CART, BUY = ("view", anything), ("cart", many), ("buy", anything)
#: Name → expression, its steps, shared column, hours, whether the last step comes.
CASES: dict[str, tuple[str, list[tuple[str, Where]], str | None, int | None, bool]] = {
    "two": ("followed_by(step(view), step(cart, quantity > 1))", [VIEW, CART], None, None, True),
    "same": (
        "followed_by(step(view), step(cart, quantity > 1), same => product, within => interval 1 day)",
        [VIEW, CART], "product", 24, True,
    ),
    "three": (
        "followed_by(step(view, product.category = 'X'), step(cart), step(buy), within => interval 30 hours)",
        [("view", of_x), ("cart", anything), BUY], None, 30, True,
    ),
    "category": (
        "followed_by(step(view), step(buy), same => product.category, within => interval 2 days)",
        [VIEW, BUY], "category", 48, True,
    ),
    "itself": ("followed_by(step(buy), step(buy), step(buy), same => product)", [BUY] * 3, "product", None, True),
    "not": (
        "not_followed_by(step(cart, quantity > 1), step(buy), same => product, within => interval 1 day)",
        [CART, BUY], "product", 24, False,
    ),
    "not at all": ("not_followed_by(step(view), step(cart), step(buy))", [VIEW, ("cart", anything), BUY], None, None, False),
    "not three": (
        "not_followed_by(step(view), step(cart, quantity > 1), step(buy), within => interval 36 hours)",
        [VIEW, CART, BUY], None, 36, False,
    ),
    "not four": (
        "not_followed_by(step(view), step(view), step(cart), step(buy), within => interval 30 hours)",
        [VIEW, VIEW, ("cart", anything), BUY], None, 30, False,
    ),
}  # fmt: skip


def value(row: Row, shared: str | None) -> Any:
    return 0 if shared is None else PRODUCTS.get(row["product"]) if shared == "category" else row[shared]


def runs(rows: Sequence[Row], steps: Sequence[tuple[str, Where]], shared: str | None) -> list[list[Row]]:
    """All ways to take the steps one after the other, found by trying every row at every place."""
    found: list[list[Row]] = [[]]
    for fact, where in steps:
        taken = [r for r in rows if r["fact"] == fact and where(r) and value(r, shared) is not None]
        found = [
            [*run, row]
            for run in found
            for row in taken
            if not run or (run[-1]["ts"] < row["ts"] and value(run[-1], shared) == value(row, shared))
        ]
    return found


def plainly(rows: Sequence[Row], name: str, as_of: datetime) -> bool:
    """Whether a case holds for the rows of one member: every run is asked by itself what the page says of one."""
    _, steps, shared, hours, completed = CASES[name]
    seen = [row for row in rows if row["ts"] < as_of]
    length = None if hours is None else hours * HOUR
    if completed:
        return any(length is None or r[-1]["ts"] - r[0]["ts"] < length for r in runs(seen, steps, shared))
    whole = runs(seen, steps, shared)

    def in_vain(run: Sequence[Row]) -> bool:
        completions = [one[-1]["ts"] for one in whole if all(a is b for a, b in zip(one, run, strict=False))]
        if length is None:
            return not completions
        over = run[0]["ts"] + length
        return run[-1]["ts"] < over <= as_of and all(ts >= over for ts in completions)

    return any(in_vain(run) for run in runs(seen, steps[:-1], shared))


def make(engine: Engine, rows: Sequence[Row], members: Sequence[int] = MEMBERS) -> None:
    for fact, columns in FACTS.items():
        typed = {"member": INTEGER, "product": INTEGER, "ts": TIMESTAMP, **columns}
        own = [row | {"ts": row["ts"].replace(tzinfo=None)} for row in rows if row["fact"] == fact]
        bench.make(engine, f"fact_{fact}", typed, [tuple(row[c] for c in typed) for row in own])
    products = [(i, category, None, None, 1, i) for i, category in PRODUCTS.items()]
    bench.make(engine, "attr_product", {"id": INTEGER, "category": TEXT, **bench.LATE}, products)
    bench.make_members(engine, "member", members)


def row(member: int, fact: str, hours: float, product: int | None, quantity: int | None = 2) -> Row:
    ts = START + hours * HOUR
    return {"member": member, "fact": fact, "ts": ts, "product": product, "quantity": quantity, "page": "p"}


TEXTS = {name: case[0] for name, case in CASES.items()}
#: With many rows at one instant, or just within a window, or just not any more.
HOURS = [*range(0, 80, 7), 0, 1, 1, 2, 23, 24, 24, 25, 30, 47, 48, 49, 60, 72]


def by_chance(seed: int, members: Sequence[int]) -> list[Row]:
    chance = Random(seed)

    def one(member: int) -> Row:
        product, quantity = chance.choice([10, 11, 11, 11, 12, 13, 99, None]), chance.choice([None, 1, 2, 3])
        return row(member, chance.choice([*FACTS]), chance.choice(HOURS), product, quantity)

    return [one(member) for member in members for _ in range(chance.randint(0, 14))]


def check_against_hand(engine: Engine, seed: int, moments: Sequence[int]) -> dict[str, set[bool]]:
    """Compare every case for many members; return the values that each came to."""
    members = range(1, 41)
    rows = by_chance(seed, members[:-1])
    make(engine, rows, members)
    values: dict[str, set[bool]] = {name: set() for name in CASES}
    for hours in moments:
        as_of = START + hours * HOUR
        found = bench.answers(engine, TEXTS, WORLD, as_of=as_of)
        for name in CASES:
            wanted = {m: plainly([r for r in rows if r["member"] == m], name, as_of) for m in members}
            assert found[name] == wanted, (name, hours)
            values[name] |= set(wanted.values())
    return values


@settings(max_examples=3)
@given(st.integers(0, 10**6))
def test_members_are_in_a_sequence_as_time_goes_by_just_when_a_run_is_found_by_hand(seed: int) -> None:
    engine = DuckDBEngine(None)
    try:
        check_against_hand(engine, seed, (25, 49, 90))
    finally:
        engine.close()


@on_every_engine()
def test_both_engines_find_the_runs_that_are_there(engine: Engine) -> None:
    values = check_against_hand(engine, 3, (60,))
    assert set(map(frozenset, values.values())) == {frozenset({True, False})}


def test_a_member_enters_stays_and_leaves_while_nothing_happens(duckdb_engine: Engine) -> None:
    make(duckdb_engine, [row(1, "view", 0, 10), row(1, "cart", 10, 10), row(2, "cart", 0, 10), row(2, "buy", 24, 10)])
    recently = "followed_by(step(view, within(2, 'day')), step(cart), within => interval 11 hours)"
    left = "not_followed_by(step(cart), step(buy), same => product, within => interval 1 day)"
    seen = {}
    for hours in (10, 11, 24, 25, 34, 48, 49, 200):
        found = bench.answers(duckdb_engine, {"recently": recently, "left": left}, WORLD, as_of=START + hours * HOUR)
        seen[hours] = (found["recently"][1], found["left"][1], found["left"][2])
    assert seen == {
        10: (False, False, False),  # The cart comes at this very instant: not yet known.
        11: (True, False, False),
        24: (True, False, True),  # A whole day is over for member 2; what comes at its end is no longer within it.
        25: (True, False, True),
        34: (True, True, True),
        48: (True, True, True),
        49: (False, True, True),  # The view has left its window.
        200: (False, True, True),
    }


def test_rows_at_one_instant_do_not_follow_each_other(duckdb_engine: Engine) -> None:
    microsecond = 1 / 3_600_000_000
    rows = [row(1, "view", 5, 10), row(1, "cart", 5, 10), row(2, "view", 5, 10), row(2, "cart", 5 + microsecond, 10)]
    make(duckdb_engine, rows)
    texts = {"two": TEXTS["two"], "none": "not_followed_by(step(view), step(cart))"}
    found = bench.answers(duckdb_engine, texts, WORLD, as_of=START + 9 * HOUR)
    assert (found["two"][1], found["two"][2]) == (False, True)
    assert (found["none"][1], found["none"][2]) == (True, False)


def test_a_later_start_saves_a_run_that_an_earlier_one_would_lose(duckdb_engine: Engine) -> None:
    rows = [row(1, "view", 0, 10), row(1, "view", 20, 10), row(1, "cart", 30, 10), row(1, "buy", 40, 10)]
    make(duckdb_engine, rows)
    text = "followed_by(step(view), step(cart), step(buy), within => interval 21 hours)"
    assert bench.answers(duckdb_engine, {"x": text}, WORLD, as_of=START + 90 * HOUR)["x"][1] is True


@on_every_engine()
def test_beginning_again_does_not_undo_a_run_that_waited_in_vain(engine: Engine) -> None:
    waited = [row(1, "view", 0, 10), row(1, "cart", 6, 10), row(1, "buy", 12, 10)]
    again = [{**r, "member": 2} for r in waited] + [row(2, "view", 5, 10)]
    # The run of member 3 that began first is over before its cart; that from 1 on is over in time, that from 2 is not.
    three = [row(3, "view", hours, 10) for hours in (-5, 1, 2)]
    three += [{**r, "member": 3} for r in waited[1:]] + [row(3, "buy", 11.5, 10)]
    make(engine, [*waited, *again, *three])
    text = "not_followed_by(step(view), step(cart), step(buy), within => interval {} hours)"
    texts = {"10": text.format(10), "11": text.format(11)}
    found = bench.answers(engine, texts, WORLD, as_of=START + 90 * HOUR)
    assert found["10"] == {1: True, 2: True, 3: True, 4: False}
    assert found["11"] == {1: True, 2: True, 3: False, 4: False}


def test_each_fact_is_scanned_once_and_no_row_is_joined_with_another() -> None:
    texts = {"a": "count(view)", "b": TEXTS["same"], "c": TEXTS["not three"], "d": "mode(cart.quantity)"}
    exprs = {name: check_expression(text, WORLD, "member") for name, text in texts.items()}
    plan = compile_members(Request("member", exprs, START, {}), WORLD, DUCKDB)
    for fact in FACTS:
        assert plan.to_sql().count(f'"fact_{fact}"') == 1
    assert not [s.sql for s in plan.steps if s.name.startswith("_sequence") and "join" in s.sql]


def test_the_rows_behind_a_step_can_be_shown(duckdb_engine: Engine) -> None:
    make(duckdb_engine, [row(1, "cart", 1, 10, 1), row(1, "cart", 2, 10), row(2, "cart", 3, 10)])
    expr = check_expression(TEXTS["same"], WORLD, "member")
    assert facts_used(expr) == {"view", "cart"}
    step = next(call for call in aggregates(expr) if call.fact == "cart")
    assert isinstance(step, Call)
    # `_load` and `_row` are not kept by the tables of this test.
    plan = evidence_plan(step, "member", 1, START + 9 * HOUR, WORLD, DUCKDB, limit=5)
    assert "_c.quantity" in plan.to_sql()


def check_runs(engine: Engine, cases: Sequence[str], members: Sequence[int]) -> int:
    """Hold the first run of every case and member to all that are found by hand; return how many there were."""
    as_of = START + 60 * HOUR
    rows = by_chance(5, members)
    make(engine, rows, members)
    shown = 0
    for name in cases:
        text, steps, shared, hours, completed = CASES[name]
        call = check_expression(text, WORLD, "member")
        assert isinstance(call, Call)
        for member in members:
            seen = [r for r in rows if r["member"] == member and r["ts"] < as_of]
            could = [
                engine.query(moments_plan(step, "member", member, as_of, WORLD, engine.dialect)).to_pylist()
                for step in call.args
                if isinstance(step, Call)
            ]
            moments = [[(r["t"].replace(tzinfo=UTC), r["k"]) for r in found] for found in could]
            run = first_run(moments, None if hours is None else hours * HOUR, as_of, completed=completed)
            assert bool(run) == plainly(seen, name, as_of), (name, member)
            if run:
                shown += 1
                ways = runs(seen, steps if completed else steps[:-1], shared)
                there = [w for w in ways if [(r["ts"], value(r, shared)) for r in w] == [(s.at, s.value) for s in run]]
                assert there, (name, run)
                if completed:  # No run ends before the first.
                    ends = [w[-1]["ts"] for w in ways if hours is None or w[-1]["ts"] - w[0]["ts"] < hours * HOUR]
                    assert run[-1].at == min(ends)
    return shown


@on_every_engine()
def test_the_run_that_is_shown_is_one_that_is_there(engine: Engine) -> None:
    assert check_runs(engine, ["same", "not three"], range(1, 3))


def test_no_run_is_shown_where_there_is_none(duckdb_engine: Engine) -> None:
    assert check_runs(duckdb_engine, [*CASES], range(1, 9)) > 8


def test_the_first_run_is_shown_and_of_several_starts_the_latest() -> None:
    at = [START + n * HOUR for n in range(6)]
    views, carts = [(at[0], "a"), (at[1], "a"), (at[0], "b")], [(at[2], "a"), (at[4], "a")]
    buys = [(at[3], "a"), (at[5], "a")]
    whole = first_run([views, carts, buys], None, at[5], completed=True)
    assert [(step.at, step.value) for step in whole] == [(at[1], "a"), (at[2], "a"), (at[3], "a")]
    assert first_run([views, carts, buys], 2 * HOUR, at[5], completed=True) == ()
    # The opposite: of product b nothing followed; its run has no last step.
    waited = first_run([views, carts], 3 * HOUR, at[5], completed=False)
    assert [(step.at, step.value) for step in waited] == [(at[0], "b")]
    assert first_run([views, carts], 10 * HOUR, at[5], completed=False) == (), "still waiting"


def test_the_run_that_is_shown_for_the_opposite_is_the_one_that_waited_in_vain() -> None:
    at = [START + n * HOUR for n in range(13)]
    views, carts, buys = [(at[0], 0), (at[5], 0)], [(at[6], 0)], [(at[12], 0)]
    run = first_run([views, carts, buys], 10 * HOUR, at[12], completed=False)
    assert [step.at for step in run] == [at[0], at[6]]
    alone = first_run([views, buys], 7 * HOUR, at[12], completed=False)
    assert [step.at for step in alone] == [at[0]], "of two steps the one that began is the one that waited"


def test_targets_may_ask_what_comes_in_which_order(duckdb_engine: Engine) -> None:
    make(duckdb_engine, [row(1, "view", 0, 10), row(1, "buy", 30, 10), row(2, "view", 0, 10), row(2, "buy", 99, 10)])
    text = "followed_by(step(view), step(buy, ahead(1, 'day')), same => product)"
    found = bench.answers(duckdb_engine, {"x": text}, WORLD, as_of=START + 24 * HOUR, ahead=True)
    assert found["x"] == {1: True, 2: False, 3: False, 4: False}


WRONG = [
    ("followed_by()", "2 to 10 steps, not 0"),
    ("followed_by(step(view))", "2 to 10 steps, not 1"),
    (f"followed_by({', '.join(['step(view)'] * 11)})", "2 to 10 steps, not 11"),
    ("followed_by(view, cart)", "takes steps"),
    ("followed_by(step(view), count(cart))", "takes steps"),
    ("followed_by(step(view), followed_by(step(view), step(cart)))", "takes steps"),
    ("step(view)", "`step` is nothing by itself"),
    ("count(view) filter (where step(view))", "`step` is nothing by itself"),
    ("step(view) and true", "`step` is nothing by itself"),
    ("followed_by(step(), step(cart))", "takes the name of a fact first"),
    ("followed_by(step('view'), step(cart))", "takes the name of a fact first"),
    ("followed_by(step(veiw), step(cart))", "Did you mean 'view'?"),
    ("followed_by(step(view.page), step(cart))", "view.page"),
    ("followed_by(step(delivery), step(cart))", "names no member"),
    ("followed_by(step(view, quantity > 1), step(cart))", "No column of view"),
    ("followed_by(step(view, cart.quantity > 1), step(cart))", "One aggregate reads one fact"),
    ("followed_by(step(view, page), step(cart))", "A condition of `step` must be a condition"),
    ("followed_by(step(view, count(cart) > 1), step(cart))", "inside another aggregate"),
    ("followed_by(step(view, tag.t > 1), step(cart))", "cannot stand inside an aggregate"),
    ("followed_by(step(view, followed_by(step(view), step(cart))), step(cart))", "says something of a member"),
    ("count(view) filter (where followed_by(step(view), step(view)))", "says something of a member"),
    ("sum(followed_by(step(view), step(view)))", "says something of a member"),
    ("sum(followed_by(step(view), step(cart)))", "One aggregate reads one fact"),
    ("followed_by(distinct step(view), step(cart))", "`distinct` stands in count"),
    ("followed_by(step(distinct view), step(cart))", "A step is a fact and conditions"),
    ("followed_by(step(*), step(cart))", "A step is a fact and conditions"),
    ("followed_by(step(view) filter (where page = 'x'), step(cart))", "A step is a fact and conditions"),
    ("followed_by(step(view, same => product), step(cart))", "A step is a fact and conditions"),
    ("followed_by(step(view), step(cart)) filter (where page = 'x')", "has no filter of its own"),
    ("followed_by(step(view), step(cart), same => prodct)", "Did you mean 'product'?"),
    ("followed_by(step(view), step(cart), same => page)", "No column of cart"),
    ("followed_by(step(view), step(visit), same => product)", "integer and text, which do not go together"),
    ("followed_by(step(view), step(cart), same => 'product')", "takes the name of a column"),
    ("followed_by(step(view), step(cart), same => product + 1)", "takes the name of a column"),
    ("followed_by(step(view), step(cart), same => tag.t)", "cannot stand inside an aggregate"),
    ("followed_by(step(view), step(cart), same => product, same => product)", "is there twice"),
    ("followed_by(step(view), step(cart), smae => product)", "Did you mean 'same'?"),
    ("followed_by(same => product, step(view), step(cart))", "cannot be followed by a plain one"),
    ("followed_by(step(view), step(cart), within => 1)", "takes an interval"),
    ("followed_by(step(view), step(cart), within => '1 day')", "takes an interval"),
    ("followed_by(step(view), step(cart), within => within(1, 'day'))", "takes an interval"),
    ("followed_by(step(view), step(cart), within => interval 0 days)", "up to 36,500 days, not 0 day"),
    ("followed_by(step(view), step(cart), within => interval 1.5 days)", "a whole number of units"),
    ("followed_by(step(view), step(cart), within => interval 1e3 days)", "a whole number of units"),
    ("followed_by(step(view), step(cart), within => interval 9223372036854775807 weeks)", "up to 36,500 days"),
    ("followed_by(step(view), step(cart), within => interval 1 month)", "No unit is called 'month'"),
    ("followed_by(step(view), step(cart), within => interval 1 dya)", "Did you mean 'day'?"),
    ("followed_by(step(view), step(cart), within => interval 1)", "Write `interval 1 day`"),
    ("followed_by(step(view), step(cart), within => interval '1 day')", "Write `interval 1 day`"),
    ("followed_by(step(view), step(cart), within => interval -1 day)", "Write `interval 1 day`"),
    ("followed_by(step(view), step(cart), within => interval 1 day; drop table x)", "without `;`"),
    ("interval 1 day", "stands after `within =>`"),
    ("count(view) filter (where ts > interval 1 day)", "stands after `within =>`"),
    ("not_followed_by(step(view), step(cart, ahead(3, 'day')))", "only targets"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_a_slip_in_a_sequence_is_told(text: str, said: str) -> None:
    with pytest.raises(GongbiError) as error:
        check_expression(text, WORLD, "member")
    assert said in str(error.value)
    assert error.value.kind == "caller"


def test_what_waits_cannot_look_ahead() -> None:
    with pytest.raises(GongbiError, match="cannot look ahead"):
        check_expression("not_followed_by(step(view), step(cart, ahead(3, 'day')))", WORLD, "member", ahead=True)
