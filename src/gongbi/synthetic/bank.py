"""A bank with persons and companies as customers: accounts, their balances and payments, deposits, account managers.

One customer in twelve is a company, with larger sums. Every customer has one account or more, some are held by two;
balances walk up and down, and a part of the accounts falls asleep. Deposits have a term and end after it, also beyond
the data. Each customer has a manager at their branch, and some are handed to another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from gongbi.synthetic.draws import (
    DAYS,
    FIRST_DAY,
    START,
    Booleans,
    Floats,
    Integers,
    OnRows,
    falling,
    money,
    named,
    seconds,
    texts,
    write_blocks,
)

#: Kind of fact → its share.
KINDS = {"payment": 0.55, "balance": 0.28, "deposit": 0.04, "contact": 0.13}
TABLES = ("customers", "accounts", "owning", "managing", "managers", *KINDS)
CITIES = ("上海", "杭州", "苏州", "宁波", "南京", "合肥", "无锡", "温州")
INDUSTRIES = ("制造", "批发零售", "建筑", "信息技术", "物流", "餐饮住宿", "医药", "教育")
ACCOUNTS = ("current", "savings", "salary", "settlement")
WAYS = ("app", "counter", "pos", "transfer", "atm")
MEDIA = ("phone", "visit", "wechat", "sms")
TERMS = np.array([91, 182, 365, 730, 1095])
RATES = np.array([1.1, 1.3, 1.5, 1.9, 2.4])
BRANCHES, MANAGERS_AT_A_BRANCH = 40, 6
#: So many accounts a customer may have; an account's id is its customer's, then its number.
MOST_ACCOUNTS = 8
COMPANIES = 1 / 12


def write_bank(
    to: Path, *, customers: int, events: int, seed: int = 0, on_rows: OnRows | None = None
) -> dict[str, int]:
    """Write a bank's tables, as folders of Parquet files; the same numbers and seed give the same files.

    Parameters
    ----------
    to, customers, events, seed, on_rows
        As of `write_retail`; the facts of all kinds together are exactly `events`.

    Returns
    -------
    dict
        Table → rows. Grain: ``customers``, ``accounts``, ``managers`` one row each; ``owning`` one per customer and
        account; ``managing`` one per customer, manager and span; the others one per payment, balance at the end of a
        day that changed it, deposit, contact. Times are UTC microseconds, amounts DECIMAL(18, 2) in yuan.
    """
    return write_blocks(to, TABLES, _block, customers, events, seed, on_rows)


def busy() -> Floats:
    """What was done before each day, from 0 to 1: banks are quiet at week-ends, and busy when salaries come."""
    day = np.arange(DAYS)
    of_month = (START + day.astype("timedelta64[D]")).astype("datetime64[M]").astype("datetime64[D]")
    place = (START + day.astype("timedelta64[D]") - of_month).astype(np.int64)
    weight = np.where((FIRST_DAY.weekday() + day) % 7 >= 5, 0.5, 1.0) * np.where((place >= 9) & (place < 15), 1.4, 1.0)
    before = np.concatenate([[0.0], np.cumsum(weight * (1 + 0.1 * day / DAYS))])
    shares: Floats = before / before[-1]
    return shares


@dataclass(frozen=True, slots=True)
class _People:
    """The customers of a block; every array has shape (n,)."""

    ids: Integers
    company: Booleans
    joined: Integers
    wealth: Floats
    accounts: Integers
    branch: Integers
    asleep: Integers

    def account(self, who: Integers, number: Integers) -> Integers:
        """The id of an account."""
        return self.ids[who] * 10 + number


def _people(rng: np.random.Generator, first: int, last: int) -> _People:
    n = last - first
    company = rng.random(n) < COMPANIES
    accounts = np.minimum(1 + rng.poisson(np.where(company, 1.8, 0.7)), MOST_ACCOUNTS)
    # Two in five were customers before the data begin; one in five stops using the bank at some time.
    joined = np.where(rng.random(n) < 0.4, 0, rng.integers(0, DAYS - 30, n))
    asleep = np.where(rng.random(n) < 0.2, rng.integers(joined + 1, DAYS), DAYS)
    wealth = rng.lognormal(np.where(company, 12.6, 9.6), 1.3, n)
    branch = 1 + rng.choice(BRANCHES, n, p=falling(BRANCHES, 0.5))
    return _People(first + 1 + np.arange(n), company, joined, wealth, accounts, branch, asleep)


def _block(
    rng: np.random.Generator, first: int, last: int, first_event: int, last_event: int
) -> Mapping[str, pa.Table]:
    people = _people(rng, first, last)
    tables = _described(rng, people) | ({"managers": _managers(rng)} if first == 0 else {})
    before, m = busy(), last_event - first_event
    alive = before[people.asleep] - before[people.joined]
    weight = (rng.gamma(0.8, 1.0, len(people.ids)) + 1e-6) * np.where(people.company, 3.0, 1.0) * alive
    who = np.repeat(np.arange(len(people.ids)), rng.multinomial(m, weight / weight.sum()))
    part = before[people.joined][who] + rng.random(m) * alive[who]
    day = np.clip(np.searchsorted(before, part, side="right") - 1, 0, DAYS - 1)
    second = seconds(rng, m)
    kind = rng.choice(len(KINDS), m, p=np.array(list(KINDS.values())))
    number = (rng.random(m) * people.accounts[who]).astype(np.int64)
    order = np.lexsort((second, day))
    for code, name in enumerate(KINDS):
        place = np.flatnonzero(kind[order] == code)
        at = order[place]
        rows = _Rows(rng, people, who[at], number[at], day[at], second[at])
        base = {f"{name}_id": pa.array(first_event + 1 + place, pa.int64())}
        tables[name] = pa.table({**base, **_FACTS[name](rows)})
    return tables


def _described(rng: np.random.Generator, people: _People) -> dict[str, pa.Table]:
    n = len(people.ids)
    opened = START + people.joined.astype("timedelta64[D]")
    owner = np.repeat(np.arange(n), people.accounts)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(people.accounts) - people.accounts, people.accounts)
    ids = people.account(owner, number)
    # Some persons hold an account together with the next customer of the block.
    shared = np.flatnonzero((rng.random(len(owner)) < 0.05) & ~people.company[owner] & (owner + 1 < n))
    company = people.company[owner]
    kind = np.where(company, len(ACCOUNTS) - 1, np.where(number == 0, rng.integers(0, 3, len(owner)), 1))
    manager = (people.branch - 1) * MANAGERS_AT_A_BRANCH + 1 + rng.integers(0, MANAGERS_AT_A_BRANCH, n)
    handed = np.flatnonzero((rng.random(n) < 0.15) & (people.joined < DAYS - 60))
    since = people.joined[handed] + 30 + (rng.random(len(handed)) * (DAYS - 30 - people.joined[handed])).astype(int)
    later = (people.branch[handed] - 1) * MANAGERS_AT_A_BRANCH + 1 + manager[handed] % MANAGERS_AT_A_BRANCH
    until = np.full(n, np.datetime64("NaT"), dtype="datetime64[D]")
    until[handed] = START + since.astype("timedelta64[D]")
    return {
        "customers": pa.table(
            {
                "customer_id": pa.array(people.ids, pa.int64()),
                "kind": texts(("person", "company"), people.company.astype(np.int64)),
                # Nobody's: the numbers of mobiles in China begin with 13 to 19.
                "phone": pa.array([f"101{i:08d}" for i in people.ids]),
                "city": named(rng, CITIES, n, 0.7),
                "industry": pa.array(
                    np.array(INDUSTRIES)[rng.choice(len(INDUSTRIES), n, p=falling(len(INDUSTRIES), 0.6))],
                    mask=~people.company,
                ),
                "branch_id": pa.array(people.branch, pa.int64()),
                "joined": pa.array(opened, pa.date32()),
            }
        ),
        "accounts": pa.table(
            {
                "account_id": pa.array(ids, pa.int64()),
                "kind": texts(ACCOUNTS, kind),
                "branch_id": pa.array(people.branch[owner], pa.int64()),
                "opened": pa.array(opened[owner], pa.date32()),
            }
        ),
        "owning": pa.table(
            {
                "customer_id": pa.array(np.concatenate([people.ids[owner], people.ids[owner[shared] + 1]]), pa.int64()),
                "account_id": pa.array(np.concatenate([ids, ids[shared]]), pa.int64()),
                "since": pa.array(np.concatenate([opened[owner], opened[owner[shared]]]), pa.date32()),
            }
        ),
        "managing": pa.table(
            {
                "customer_id": pa.array(np.concatenate([people.ids, people.ids[handed]]), pa.int64()),
                "manager_id": pa.array(np.concatenate([manager, later]), pa.int64()),
                "since": pa.array(np.concatenate([opened, until[handed]]), pa.date32()),
                "until": pa.array(
                    np.concatenate([until, np.full(len(handed), np.datetime64("NaT"), dtype="datetime64[D]")]),
                    pa.date32(),
                ),
            }
        ),
        "managers": _managers(rng).slice(0, 0),
    }


def _managers(rng: np.random.Generator) -> pa.Table:
    n = BRANCHES * MANAGERS_AT_A_BRANCH
    return pa.table(
        {
            "manager_id": pa.array(1 + np.arange(n), pa.int64()),
            "branch_id": pa.array(1 + np.arange(n) // MANAGERS_AT_A_BRANCH, pa.int64()),
            "grade": texts(("junior", "senior", "lead"), rng.choice(3, n, p=[0.5, 0.35, 0.15])),
        }
    )


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of one kind, sorted by time: whose, of which of their accounts, when."""

    rng: np.random.Generator
    people: _People
    who: Integers
    number: Integers
    day: Integers
    second: Integers

    def __len__(self) -> int:
        return len(self.who)

    def concerned(self) -> dict[str, pa.Array]:
        """The customer and the account of each row."""
        return {
            "customer_id": pa.array(self.people.ids[self.who], pa.int64()),
            "account_id": pa.array(self.people.account(self.who, self.number), pa.int64()),
        }

    def at(self) -> pa.Array:
        """The instant of each row."""
        moment = START.astype("datetime64[us]") + (self.day * 86_400 + self.second) * 1_000_000
        return pa.array(moment, pa.timestamp("us"))

    def date(self, more: Integers | int = 0) -> pa.Array:
        """The day of each row, or so many days later."""
        return pa.array(START + (self.day + more).astype("timedelta64[D]"), pa.date32())


def _payment(rows: _Rows) -> dict[str, pa.Array]:
    sign = np.where(rows.rng.random(len(rows)) < 0.35, 1, -1)
    yuan = rows.people.wealth[rows.who] * rows.rng.lognormal(-3.5, 1.2, len(rows))
    other = 1 + rows.rng.choice(500, len(rows), p=falling(500, 0.9))
    return {
        **rows.concerned(),
        "at": rows.at(),
        "amount": money(sign * (yuan + 0.01)),
        "way": named(rows.rng, WAYS, len(rows), 0.5),
        "counterparty": pa.array(other, pa.int64()),
    }


def _balance(rows: _Rows) -> dict[str, pa.Array]:
    account = rows.people.account(rows.who, rows.number)
    order = np.lexsort((rows.day, account))
    step = rows.rng.normal(0, 0.35, len(rows))
    walked = np.cumsum(step[order])
    first = np.flatnonzero(np.r_[True, np.diff(account[order]) != 0]) if len(rows) else np.empty(0, dtype=int)
    before = np.repeat((walked - step[order])[first], np.diff(np.r_[first, len(rows)]))
    level = np.empty(len(rows))
    level[order] = np.exp(np.clip(walked - before, -4, 4))
    yuan = rows.people.wealth[rows.who] / rows.people.accounts[rows.who] * level
    # An account that is used no more was mostly emptied before.
    emptied = (rows.people.asleep[rows.who] < DAYS) & (rows.people.asleep[rows.who] - rows.day < 30)
    return {**rows.concerned(), "day": rows.date(), "balance": money(np.where(emptied, yuan * 0.02, yuan))}


def _deposit(rows: _Rows) -> dict[str, pa.Array]:
    term = rows.rng.choice(len(TERMS), len(rows), p=[0.2, 0.2, 0.35, 0.15, 0.1])
    yuan = np.ceil(rows.people.wealth[rows.who] * rows.rng.lognormal(-0.7, 0.6, len(rows)) / 1000) * 1000
    return {
        **rows.concerned(),
        "start": rows.date(),
        "maturity": rows.date(TERMS[term]),
        "amount": money(yuan),
        "rate": pa.array(RATES[term], pa.float64()),
    }


def _contact(rows: _Rows) -> dict[str, pa.Array]:
    reached = rows.rng.random(len(rows)) < 0.6
    return {
        "customer_id": pa.array(rows.people.ids[rows.who], pa.int64()),
        "at": rows.at(),
        "medium": named(rows.rng, MEDIA, len(rows), 0.5),
        "reached": pa.array(reached),
    }


_FACTS = {"payment": _payment, "balance": _balance, "deposit": _deposit, "contact": _contact}
