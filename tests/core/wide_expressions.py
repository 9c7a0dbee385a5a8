"""What random expressions say besides values of rows: sequences, facts that last, neighbours, lists and their shares."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import bench
import draw as st
import random_expressions as random

from gongbi.core.types import INTEGER, TEXT, TIMESTAMP
from gongbi.core.world import End, FactShape, RelationShape
from gongbi.engine.base import Engine

HOLD = {"n": INTEGER, "kind": TEXT}
WORLD = replace(
    random.WORLD,
    facts={
        **random.WORLD.facts,
        "hold": FactShape("hold", "fact_hold", HOLD, {"customer": INTEGER}, lasts=True),
    },
    relations={
        "knows": RelationShape(
            "knows",
            "rel_knows",
            (End("fan", "customer"), End("friend", "customer")),
            {"warmth": INTEGER},
            spans=("valid_from", "valid_to"),
        )
    },
)
Row = dict[str, Any]

# -- rows ------------------------------------------------------------------------------------------------


def lasting(drawn: tuple[Row, int | None]) -> Row:
    row, hours = drawn
    return row | {"until": None if hours is None else row["ts"] + timedelta(hours=hours)}


_hold = st.fixed_dictionaries(
    {"ts": random.instants, "customer": random.customers, "n": random.whole, "kind": random.text}
)
holds = st.lists(
    st.tuples(_hold, st.none() | st.integers(0, 24 * 60) | st.sampled_from([0, 24, 24 * 7])).map(lasting), most=16
)
_moment = st.none() | random.instants
#: Whom a member knows, how warmly, from when to when: each pair once.
pairs = st.dictionaries(
    [(a, b) for a in random.MEMBERS for b in random.MEMBERS if a != b], st.tuples(random.whole, _moment, _moment)
)
#: Most rows are those of two members, so that these have sequences and lists worth the name.
CROWDED = {3: 1, 4: 2, 99: 1, None: 2}
facts = st.tuples(random.facts, holds).map(
    lambda t: {
        name: [row | {"customer": CROWDED.get(row["customer"], row["customer"])} for row in rows]
        for name, rows in {**t[0], "hold": t[1]}.items()
    }
)


def load(engine: Engine, facts_: dict[str, list[Row]], attributes: dict[str, Any], known: dict[Any, Any]) -> None:
    random.load(engine, {name: rows for name, rows in facts_.items() if name != "hold"}, attributes)
    columns = {"customer": INTEGER, "ts": TIMESTAMP, "until": TIMESTAMP, **HOLD}
    bench.make(engine, "fact_hold", columns, [tuple(row[c] for c in columns) for row in facts_["hold"]])
    related = {"from_id": INTEGER, "to_id": INTEGER, "warmth": INTEGER, **bench.LATE}
    rows = [(*pair, *told, 1, i) for i, (pair, told) in enumerate(known.items())]
    bench.make(engine, "rel_knows", related, rows)


def neighbours(known: dict[Any, Any]) -> dict[str, list[Row]]:
    """The pairs that hold at the instant, read from either end as rows that were always there."""
    long_ago, now = random.NAIVE - timedelta(days=9999), random.NAIVE
    valid = [
        (fan, friend, {"warmth": warmth, "valid_from": since, "valid_to": until, "ts": long_ago})
        for (fan, friend), (warmth, since, until) in known.items()
        if (since is None or since < now) and (until is None or until >= now)
    ]
    return {
        "knows.friend": [{"customer": a, "_1": b, **told} for a, b, told in valid],
        "knows.fan": [{"customer": b, "_1": a, **told} for a, b, told in valid],
    }


# -- expressions -----------------------------------------------------------------------------------------

CONDITION = {"sale": random.SALE_ROW.of("b", 1), "view": random.VIEW_ROW.of("b", 1)}
KIND = st.sampled_from(["", "a", "b", "画像"]).map(random.literal)
SPREAD = st.sampled_from(["sale.kind", "view.page", "sale.product.名称"])
NUMBERS = st.sampled_from(["sale.n", "view.n", "hold.n"])


def step(fact: str) -> st.Draw:
    return st.one_of(st.just(f"step({fact})"), random.form(f"step({fact}, {{}})", CONDITION[fact]))


STEP = st.one_of(step("sale"), step("view"))
SAME = st.sampled_from(["", "", ", same => n"])
BOUND = st.one_of(
    st.just(""), random.form(", within => interval {} hours", st.sampled_from(["1", "24", "100", "336", "900"]))
)
SEQUENCE = random.form(
    "{}({}, {}{}{})",
    st.sampled_from(["followed_by", "not_followed_by"]),
    st.one_of(STEP, random.form("{}, {}", STEP, STEP)),
    STEP,
    SAME,
    BOUND,
)
UNIT = st.sampled_from(["day", "week", "hour"])
LASTS = st.one_of(
    st.just("active()"),
    random.form("ends_within({}, '{}')", st.integers(1, 40).map(str), UNIT),
    random.form("not ends_within({}, '{}')", st.integers(1, 40).map(str), UNIT),
    st.just("n > 0 and active()"),
)
ENDS = st.sampled_from(["friend", "fan"])
LISTED = st.one_of(random.form("list({})", SPREAD), random.form("top_k({}, {})", SPREAD, st.sampled_from("123")))
NUMBERED = st.one_of(
    random.form("list({})", NUMBERS),
    random.form("top_k({}, {})", NUMBERS, st.sampled_from("123")),
    random.form("top_k(sale.n, 2, sale.amount) filter (where {})", CONDITION["sale"]),
)
PLACE = st.sampled_from(["1", "2", "-1", "9"])
WIDER = {
    "i": [
        random.form("count(hold) filter (where {})", LASTS), random.form("max(days_to_end(hold.until)) filter (where {})", LASTS),
        random.form("count({})", ENDS), random.form("count({}) filter (where within({}, '{}'))", ENDS, st.integers(1, 40).map(str), UNIT),
        random.form("count({}) filter (where ends_within({}, '{}'))", ENDS, st.integers(1, 40).map(str), UNIT), random.form("count({}) filter (where this('month'))", ENDS),
        random.form("max({}.age)", ENDS), random.form("count({0}) filter (where {0}.age > 30)", ENDS),
        st.just("sum(relation.knows.warmth)"), st.just("count(distinct friend.city)"), st.just("min(fan.id)"),
        random.form("list_length({})", LISTED), random.form("element_at({}, {})", NUMBERED, PLACE), random.form("list_length({})", NUMBERED),
    ],
    "d": [st.just("sum(sale.amount)")],
    "s": [random.form("element_at({}, {})", LISTED, PLACE), random.form("top_of(distribution({}))", SPREAD), random.form("min({}.city)", ENDS)],
    "b": [
        SEQUENCE, SEQUENCE, SEQUENCE, random.form("has({}, {})", LISTED, KIND), random.form("any({}.age > 30)", ENDS), random.form("any(active()) filter (where {})", LASTS).map(lambda t: t.replace("any(active())", "any(hold.n > 0)")),
    ],
    "y": [st.just("date('2017-03-12')")],
    "f": [random.form("share_in(distribution({}), {})", SPREAD, KIND), st.just("share(hold.n > 0)"), random.form("share(hold.n > 0) filter (where {})", LASTS)],
}  # fmt: skip
WIDE = random.Level(
    {
        t: st.one_of(*more, *more, random.MEMBER.leaves[t]) if t != "f" else st.one_of(*more)
        for t, more in WIDER.items()
    },
    ranks=True,
)


def expressions(most: int) -> st.Draw:
    """Some of what is above by itself, some within other expressions."""
    return st.lists(st.one_of(*(WIDE.of(t, depth) for t in "isbf" for depth in (0, 1))), most=most)
