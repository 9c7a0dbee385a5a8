"""Neighbours along relations: whose values are read, as of which instant, against a plain reading of the same rows."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import bench
import pytest

from gongbi.catalog.catalog import Catalog, assemble
from gongbi.catalog.tables import target_table
from gongbi.catalog.yaml import read_text
from gongbi.core.language import check_expression
from gongbi.core.relations import related_tags
from gongbi.engine.base import Engine
from gongbi.errors import Cycle, GongbiError, InvalidDefinition

DEFINITIONS = """
subject: customer
---
subject: household
key: text
---
subject: account
---
subject: branch
---
source: people
from: {file: people.csv}
attributes: customer
key: [id]
id: id
columns: {age: integer}
---
source: homes
from: {file: homes.csv}
attributes: household
key: [id]
id: id
columns: {town: text}
---
source: accounts
from: {file: accounts.csv}
attributes: account
key: [id, since]
id: id
valid_from: {column: since}
columns: {status: text}
---
source: branches
from: {file: branches.csv}
attributes: branch
key: [id]
id: id
columns: {city: text}
---
source: payments
from: {file: payments.csv}
fact: payment
key: [n]
time: at
subjects: {account: account, customer: {column: customer, required: false}}
columns: {amount: integer}
---
source: living
from: {file: living.csv}
relation: lives_in
to_one: true
key: [person, home, since]
valid_from: since
valid_to: until
subjects: {member: {subject: customer, column: person}, household: home}
---
source: owning
from: {file: owning.csv}
relation: owns
key: [customer, account, since]
valid_from: since
valid_to: until
subjects: {customer: customer, account: account}
columns: {share: integer}
---
source: keeping
from: {file: keeping.csv}
relation: kept_at
to_one: true
key: [account]
subjects: {account: account, branch: branch}
---
source: knowing
from: {file: knowing.csv}
relation: knows
key: [a, b, since]
valid_from: since
valid_to: until
subjects: {fan: {subject: customer, column: a}, friend: {subject: customer, column: b}}
columns: {warmth: integer}
---
tag: account.turnover
subject: account
expr: coalesce(sum(payment.amount), 0)
---
tag: account.busy
subject: account
expr: tag.account.turnover > 20
---
tag: customer.paid
expr: coalesce(sum(payment.amount), 0)
---
tag: home.paid
subject: household
expr: sum(member.tag.customer.paid)
---
tag: customer.any_busy
expr: coalesce(any(account.tag.account.busy), false)
"""

START = datetime(2024, 3, 1, tzinfo=UTC)
DAYS = 12
CUSTOMERS, HOMES, ACCOUNTS, BRANCHES = range(1, 9), ["h1", "h2", "h3"], range(11, 18), (1, 2)


def day(n: int | None) -> datetime | None:
    return None if n is None else START + timedelta(days=n)


@dataclass
class Rows:
    """What was loaded. Spans are (first day or None, first day after or None)."""

    people: dict[int, int | None] = field(default_factory=dict)
    homes: dict[str, str | None] = field(default_factory=dict)
    accounts: list[tuple[int, int | None, str | None]] = field(default_factory=list)
    branches: dict[int, str] = field(default_factory=dict)
    payments: list[tuple[int, int | None, int, int]] = field(default_factory=list)
    pairs: dict[str, list[tuple[Any, Any, int | None, int | None, int | None]]] = field(default_factory=dict)


def drawn(seed: int) -> Rows:
    chance = random.Random(seed)

    def span() -> tuple[int | None, int | None]:
        start = chance.choice([None, *range(DAYS)])
        return start, chance.choice([None, None, *range((start or 0) + 1, DAYS + 2)])

    def some(ones: Iterable[Any], others: Iterable[Any], n: int) -> list[Any]:
        one, other = list(ones), list(others)
        return [(chance.choice(one), chance.choice(other), *span(), chance.choice([None, 1, 2, 3])) for _ in range(n)]

    return Rows(
        people={c: chance.choice([None, 20, 30]) for c in CUSTOMERS},
        homes={h: chance.choice([None, "Lyon", "上海"]) for h in HOMES[:2]},
        accounts=[(a, chance.choice([None, 2, 6]), chance.choice([None, "open", "dormant"])) for a in ACCOUNTS],
        branches={1: "Lyon", 2: "上海"},
        payments=[
            (
                chance.choice(ACCOUNTS),
                chance.choice([None, *CUSTOMERS]),
                chance.randrange(DAYS),
                chance.randrange(1, 15),
            )
            for _ in range(25)
        ],
        pairs={
            "lives_in": some(CUSTOMERS, HOMES, 14),
            "owns": some(CUSTOMERS, ACCOUNTS, 16),
            "kept_at": [(a, chance.choice(BRANCHES), None, None, None) for a in list(ACCOUNTS)[:5]],
            "knows": some(CUSTOMERS, CUSTOMERS, 20),
        },
    )


def load(engine: Engine, rows: Rows) -> Catalog:
    catalog = assemble(read_text(DEFINITIONS))
    for subject, ids in (("customer", CUSTOMERS), ("household", HOMES), ("account", ACCOUNTS), ("branch", BRANCHES)):
        bench.make_members(engine, subject, list(ids), catalog.subjects[subject].id_type)
    extra = {"lives_in": 0, "owns": 1, "kept_at": 0, "knows": 1}
    tables: dict[str, list[tuple[Any, ...]]] = {
        "attributes_people": [(i, None, None, age) for i, age in rows.people.items()],
        "attributes_homes": [(i, None, None, town) for i, town in rows.homes.items()],
        "attributes_accounts": [(i, day(since), None, status) for i, since, status in rows.accounts],
        "attributes_branches": [(i, None, None, city) for i, city in rows.branches.items()],
        "fact_payment": [(day(at), a, c, amount) for a, c, at, amount in rows.payments],
    } | {
        f"relation_{name}": [(a, b, day(s), day(e), *([x] * extra[name])) for a, b, s, e, x in pairs]
        for name, pairs in rows.pairs.items()
    }
    for source in catalog.sources.values():
        table = target_table(source, catalog.subjects)
        columns = {c.name: c.type for c in table.columns if not c.name.startswith("_key_")}
        numbered = [(1, n, *row) for n, row in enumerate(tables[table.name], 1)]
        bench.make(engine, table.name, columns, numbered)
    return catalog


class Reading:
    """The same rows, read in plain Python as of the beginning of a day."""

    def __init__(self, rows: Rows, as_of: int) -> None:
        self.rows, self.as_of = rows, as_of

    def valid(self, start: int | None, end: int | None) -> bool:
        return (start is None or start < self.as_of) and (end is None or end >= self.as_of)

    def pairs(self, name: str, to_one: bool = False) -> dict[tuple[Any, Any], int | None]:
        """Pair → what is said of it; the statement that is valid since the latest, then the last row, wins."""
        best: dict[Any, tuple[Any, ...]] = {}
        for n, (a, b, start, end, x) in enumerate(self.rows.pairs[name]):
            key = a if to_one else (a, b)
            rank = (-1 if start is None else start, n)
            if self.valid(start, end) and (key not in best or rank > best[key][0]):
                best[key] = (rank, (a, b), x)
        return {pair: x for _, pair, x in best.values()}

    def since(self, name: str) -> dict[tuple[Any, Any], int | None]:
        """Pair → since when it holds, as the newest statement says."""
        begun = [(a, b, start, end, start) for a, b, start, end, _ in self.rows.pairs[name]]
        return Reading(replace(self.rows, pairs={name: begun}), self.as_of).pairs(name)

    def ends(self, name: str) -> dict[tuple[Any, Any], int | None]:
        """Pair → the first day after it, as the newest statement says."""
        ending = [(a, b, start, end, end) for a, b, start, end, _ in self.rows.pairs[name]]
        return Reading(replace(self.rows, pairs={name: ending}), self.as_of).pairs(name)

    def home(self, person: int) -> str | None:
        return dict(self.pairs("lives_in", to_one=True).keys()).get(person)

    def at_home(self, home: str | None) -> list[int]:
        return [a for a, b in self.pairs("lives_in", to_one=True) if b == home]

    def owned(self, person: int) -> dict[int, int | None]:
        return {b: x for (a, b), x in self.pairs("owns").items() if a == person}

    def branch(self, account: int) -> int | None:
        return dict(self.pairs("kept_at", to_one=True).keys()).get(account)

    def city(self, account: int) -> str | None:
        branch = self.branch(account)
        return None if branch is None else self.rows.branches[branch]

    def friends(self, person: int) -> list[int]:
        return [b for a, b in self.pairs("knows") if a == person]

    def fans(self, person: int) -> list[int]:
        return [a for a, b in self.pairs("knows") if b == person]

    def status(self, account: int) -> str | None:
        return next((s for a, since, s in self.rows.accounts if a == account and self.valid(since, None)), None)

    def turnover(self, account: int) -> int:
        return sum(x for a, _, at, x in self.rows.payments if a == account and at < self.as_of)

    def paid(self, person: int) -> int:
        return sum(x for _, c, at, x in self.rows.payments if c == person and at < self.as_of)


def total(values: Iterable[int | None]) -> int | None:
    there = [value for value in values if value is not None]
    return sum(there) if there else None


Case = Callable[[Reading, Any], Any]
CUSTOMER: Mapping[str, Case] = {
    # the one neighbour, by itself
    "household.town": lambda r, c: r.rows.homes.get(r.home(c)),  # type: ignore[arg-type]
    "household": lambda r, c: r.home(c),
    "coalesce(household.tag.home.paid, -1)": lambda r, c: (
        sum(map(r.paid, r.at_home(r.home(c)))) if r.home(c) is not None else -1
    ),
    # many
    "count(account)": lambda r, c: len(r.owned(c)),
    "exists(account)": lambda r, c: bool(r.owned(c)),
    "count(relation.owns)": lambda r, c: len(r.owned(c)),
    "sum(relation.owns.share)": lambda r, c: total(r.owned(c).values()),
    "count(account) filter (where share > 1)": lambda r, c: sum((x or 0) > 1 for x in r.owned(c).values()),
    "count(account) filter (where account.status = 'dormant')": lambda r, c: sum(
        r.status(a) == "dormant" for a in r.owned(c)
    ),
    "max(account.id)": lambda r, c: max(r.owned(c), default=None),
    # their tags, and tags of theirs
    "any(account.tag.account.busy)": lambda r, c: any(r.turnover(a) > 20 for a in r.owned(c)) if r.owned(c) else None,
    "sum(account.tag.account.turnover)": lambda r, c: total(map(r.turnover, r.owned(c))),
    "tag.customer.any_busy and count(payment) > 0": lambda r, c: (
        any(r.turnover(a) > 20 for a in r.owned(c)) and any(p[1] == c and p[2] < r.as_of for p in r.rows.payments)
    ),
    # two steps
    "count(account) filter (where account.branch.city = '上海')": lambda r, c: sum(
        r.city(a) == "上海" for a in r.owned(c)
    ),
    "count(account) filter (where account.branch is absent)": lambda r, c: sum(r.branch(a) is None for a in r.owned(c)),
    "count(distinct account.branch)": lambda r, c: len({r.branch(a) for a in r.owned(c)} - {None}),
    "count(household.member)": lambda r, c: len(r.at_home(r.home(c))) if r.home(c) is not None else 0,
    "sum(household.member.tag.customer.paid)": lambda r, c: (
        total(map(r.paid, r.at_home(r.home(c)))) if r.home(c) is not None else None
    ),
    "count(friend.friend)": lambda r, c: sum(len(r.friends(f)) for f in r.friends(c)),
    "max(friend.household.tag.home.paid)": lambda r, c: max(
        (sum(map(r.paid, r.at_home(h))) for f in r.friends(c) if (h := r.home(f)) is not None), default=None
    ),
    # both ways of one relation
    "count(relation.knows)": lambda r, c: len(r.friends(c)),
    "count(relation.knows.fan)": lambda r, c: len(r.fans(c)),
    "avg(fan.age)": lambda r, c: (
        sum(ages) / len(ages) if (ages := [a for f in r.fans(c) if (a := r.rows.people[f]) is not None]) else None
    ),
    "sum(friend.tag.customer.paid) filter (where warmth >= 2)": lambda r, c: total(
        r.paid(b) for (a, b), x in r.pairs("knows").items() if a == c and (x or 0) >= 2
    ),
    # when a pair began, and when it ends
    "count(relation.owns) filter (where within(3, 'day'))": lambda r, c: sum(
        a == c and s is not None and r.as_of - 3 <= s < r.as_of for (a, _), s in r.since("owns").items()
    ),
    "count(relation.knows.fan) filter (where within(2, 'calendar_day', 1))": lambda r, c: sum(
        b == c and s is not None and r.as_of - 2 <= s < r.as_of for (_, b), s in r.since("knows").items()
    ),
    "count(friend) filter (where since('2024-03-05') and warmth >= 2)": lambda r, c: sum(
        a == c and s is not None and s >= 4 and (r.pairs("knows")[a, b] or 0) >= 2
        for (a, b), s in r.since("knows").items()
    ),
    "count(account) filter (where ends_within(4, 'day'))": lambda r, c: sum(
        a == c and e is not None and r.as_of <= e < r.as_of + 4 for (a, _), e in r.ends("owns").items()
    ),
    "exists_within(account, 3, 'day')": lambda r, c: any(
        a == c and s is not None and r.as_of - 3 <= s < r.as_of for (a, _), s in r.since("owns").items()
    ),
    "days_since(max(relation.owns.valid_from))": lambda r, c: (
        r.as_of - max(begun)
        if (begun := [s for (a, _), s in r.since("owns").items() if a == c and s is not None])
        else None
    ),
    # beside facts, and from their rows
    "count(payment) + count(account)": lambda r, c: (
        sum(p[1] == c and p[2] < r.as_of for p in r.rows.payments) + len(r.owned(c))
    ),
    "sum(payment.amount) filter (where account.tag.account.busy)": lambda r, c: total(
        p[3] for p in r.rows.payments if p[1] == c and p[2] < r.as_of and r.turnover(p[0]) > 20
    ),
    "count(payment) filter (where payment.account.branch.city = 'Lyon')": lambda r, c: sum(
        p[1] == c and p[2] < r.as_of and r.city(p[0]) == "Lyon" for p in r.rows.payments
    ),
    "count(payment) filter (where account.status = 'open' or account.tag.account.busy)": lambda r, c: sum(
        p[1] == c and p[2] < r.as_of and (r.status(p[0]) == "open" or r.turnover(p[0]) > 20) for p in r.rows.payments
    ),
}
HOUSEHOLD: Mapping[str, Case] = {
    "count(member)": lambda r, h: len(r.at_home(h)),
    "tag.home.paid": lambda r, h: total(map(r.paid, r.at_home(h))),
    "sum(member.account.tag.account.turnover)": lambda r, h: total(
        r.turnover(a) for c in r.at_home(h) for a in r.owned(c)
    ),
}
ACCOUNT: Mapping[str, Case] = {
    "count(customer)": lambda r, a: sum(a in r.owned(c) for c in CUSTOMERS),
    "branch.city": lambda r, a: r.city(a),
    "max(customer.household.town)": lambda r, a: max(
        (t for c in CUSTOMERS if a in r.owned(c) and (t := r.rows.homes.get(r.home(c)))),  # type: ignore[arg-type]
        default=None,
    ),
}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_neighbours_are_read_as_plain_python_reads_them(duckdb_engine: Engine, seed: int) -> None:
    compare(duckdb_engine, seed, (0, 5, DAYS + 3))


# Some hundred views over one another: Spark takes a minute to plan them.
@pytest.mark.slow
@pytest.mark.spark
def test_neighbours_are_read_on_spark_as_plain_python_reads_them(spark_engine: Engine) -> None:
    compare(spark_engine, 1, (6,))


def compare(engine: Engine, seed: int, instants: Iterable[int]) -> None:
    """Ask everything, and compare every member's answer."""
    rows = drawn(seed)
    world = load(engine, rows).world
    members = {"customer": CUSTOMERS, "household": HOMES, "account": ACCOUNTS}
    for as_of in instants:
        reading = Reading(rows, as_of)
        for subject, cases in (("customer", CUSTOMER), ("household", HOUSEHOLD), ("account", ACCOUNT)):
            own = {tag: e for (s, tag), e in world.expressions.items() if s == subject}
            exprs = own | {text: check_expression(text, world, subject) for text in cases}
            found = bench.computed(engine, exprs, world, subject=subject, as_of=START + timedelta(days=as_of))
            wanted = {text: {m: case(reading, m) for m in members[subject]} for text, case in cases.items()}
            assert bench.differing({t: found[t] for t in wanted}, wanted) == []


WORLD = assemble(read_text(DEFINITIONS)).world


@pytest.mark.parametrize(
    ("subject", "text", "said"),
    [
        ("customer", "account.status", "there may be several account of a customer; it needs an aggregate"),
        ("customer", "friend.friend.friend.age", "further than 2 relations"),
        ("customer", "count(relation.own)", "No relation is called 'own'"),
        ("branch", "count(relation.owns)", "joins customer and account; a branch is at neither end"),
        ("customer", "count(relation)", "`relation` needs the name of one"),
        ("customer", "household.twon", "'twon'"),
        ("customer", "household.town.x", "nothing can follow it"),
        ("customer", "household.tag.customer.paid", "No tag of household is called"),
        (
            "customer",
            "sum(account.tag.account.turnover) filter (where friend.age > 3)",
            "One aggregate follows one way",
        ),
        ("customer", "last(account.status)", "goes by time, and neighbours have none"),
        ("account", "count(branch) filter (where within(30, 'day'))", "relation 'kept_at' names no `valid_from`"),
        ("account", "exists_within(branch, 30, 'day')", "relation 'kept_at' names no `valid_from`"),
        ("account", "count(branch) filter (where ends_within(30, 'day'))", "'kept_at' names no `valid_to`"),
        ("customer", "count(account) filter (where active())", "pairs are those that hold at the instant"),
        ("customer", "count(relation.owns.shares)", "'shares'"),
        ("customer", "sum(payment.amount) filter (where friend.age > 3)", "column of payment"),
        ("customer", "count(payment) filter (where payment.account.customer.age > 3)", "may be several customer"),
    ],
)
def test_a_way_that_leads_nowhere_is_refused_with_a_reason(subject: str, text: str, said: str) -> None:
    with pytest.raises(GongbiError) as refused:
        check_expression(text, WORLD, subject)
    assert said in str(refused.value)


def test_a_word_that_two_relations_could_mean_asks_for_the_relation() -> None:
    lending = """
source: lending
from: {file: lending.csv}
relation: lends
key: [a, b]
subjects: {lender: {subject: customer, column: a}, account: b}
"""
    with pytest.raises(GongbiError, match="several relations lead to 'account'"):
        assemble(read_text(DEFINITIONS + "---" + lending))
    said = DEFINITIONS.replace("any(account.tag", "any(relation.owns.account.tag")
    world = assemble(read_text(said + "---" + lending)).world
    with pytest.raises(GongbiError, match="several relations lead to 'account'") as refused:
        check_expression("count(account)", world, "customer")
    assert "relation.owns.account or relation.lends.account" in str(refused.value.hint)
    assert check_expression("count(relation.lends.account)", world, "customer")


def test_tags_that_reach_each_other_in_a_circle_are_refused() -> None:
    circle = "---\ntag: customer.rich\nexpr: household.tag.home.rich\n---\ntag: home.rich\nsubject: household\n"
    with pytest.raises(Cycle, match=r"customer\.rich → home\.rich → customer\.rich|home\.rich → customer\.rich"):
        assemble(read_text(DEFINITIONS + circle + "expr: coalesce(any(member.tag.customer.rich), false)\n"))


def test_a_tag_may_rest_on_tags_through_segments_in_any_order_and_circles_are_refused() -> None:
    through = """---
segment: rich
expr: segment.paying and tag.customer.zeal > 1
---
segment: paying
expr: tag.customer.paid is not absent
---
tag: customer.among
expr: group_avg(tag.customer.paid, segment.rich)
---
tag: customer.zeal
expr: 1 + """
    assembled = assemble(read_text(DEFINITIONS + through + "count(payment)\n"))
    assert assembled.expressions["customer", "customer.among"].type.name == "double"
    with pytest.raises(Cycle, match=r"customer\.among"):
        assemble(read_text(DEFINITIONS + through + "tag.customer.among\n"))


def test_the_tags_of_others_are_known_of_an_expression() -> None:
    expr = check_expression("sum(household.member.tag.customer.paid) + count(payment)", WORLD, "customer")
    assert related_tags(expr, WORLD) == {("customer", "customer.paid")}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("fact: f\nkey: [n]\ntime: at\nsubjects: {payer: {subject: customer, column: c}}", "only an end of a relation"),
        ("fact: f\nkey: [n]\ntime: at\nsubjects: {customer: c}\nto_one: true", "maps no relation"),
        ("relation: r\nkey: [a, b]\nsubjects: {customer: a, friend: {subject: cusotmer, column: b}}", "cusotmer"),
    ],
)
def test_roles_that_make_no_sense_are_refused(source: str, said: str) -> None:
    with pytest.raises(GongbiError, match=said):
        assemble(read_text(f"{DEFINITIONS}---\nsource: more\nfrom: {{file: x.csv}}\n{source}\n"))


def test_the_ends_of_a_relation_need_names_of_their_own() -> None:
    same = "relation: r\nkey: [a, b]\nsubjects: {household: a, home: {subject: household, column: b}, x: c}"
    with pytest.raises(InvalidDefinition, match="exactly two"):
        assemble(read_text(f"{DEFINITIONS}---\nsource: more\nfrom: {{file: x.csv}}\n{same}\n"))
