"""A retailer with an app, shops and a loyalty card: customers and five kinds of fact, streamed to Parquet.

Customers differ as real ones do: few are active and most are not (a gamma distribution of rates), they join over two
years and leave one by one (exponential lifetimes), each has a taste and a leaning to promotions. Days differ too:
week-ends, the sales of June and November, the quiet of the Spring Festival.

The same numbers and seed give the same rows: customers are drawn in blocks of a fixed size, each from a stream of its
own, so that memory is bounded by a block and no block depends on another.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gongbi.errors import EngineFailure, InvalidInput

FIRST_DAY, DAYS = datetime(2023, 1, 1, tzinfo=UTC), 730
_START = np.datetime64("2023-01-01")
#: Rows of a block on average: some 200 MB while they are being made.
BLOCK_EVENTS = 2_000_000
MOST_CUSTOMERS_IN_A_BLOCK = 200_000

#: Kind of fact → its share on an ordinary day.
KINDS = {"view": 0.55, "order": 0.15, "visit": 0.12, "message": 0.14, "service": 0.04}
CATEGORIES = ("粮油", "生鲜", "乳品", "零食", "饮料", "酒类", "日化", "母婴", "宠物", "家电", "服饰", "文具")
#: What a line of a category costs in the middle, in yuan.
PRICES = np.array([38, 26, 32, 15, 12, 98, 29, 120, 66, 480, 139, 18], dtype=np.float64)
PAGES = ("home", "search", "category", "product", "cart", "coupon")
CHANNELS = ("app", "shop", "mini_program", "web")
MEDIA = ("sms", "push", "email", "wechat")
TOPICS = ("delivery", "quality", "refund", "points", "other")
CITIES = (
    "上海",
    "北京",
    "深圳",
    "广州",
    "杭州",
    "成都",
    "武汉",
    "西安",
    "苏州",
    "重庆",
    "天津",
    "长沙",
    "青岛",
    "厦门",
    "昆明",
)
STORES = 400
LEVELS = ("basic", "silver", "gold", "diamond")

#: First day and length of the sales, and how much more people do then.
SALES = ((151, 18, 1.6), (304, 11, 2.2), (516, 18, 1.6), (670, 11, 2.2), (120, 5, 1.3), (486, 5, 1.3))
#: Around the Spring Festivals of 2023 and 2024.
QUIET = ((20, 7), (404, 8))

Floats = np.ndarray[Any, np.dtype[np.float64]]
Integers = np.ndarray[Any, np.dtype[np.int64]]
Booleans = np.ndarray[Any, np.dtype[np.bool_]]
OnRows = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Calendar:
    """What the days are like.

    Attributes
    ----------
    weight
        How much is done on each day; shape (730,).
    before
        What was done before each day, from 0 to 1; shape (731,).
    sale
        Whether a sale is on; shape (730,).
    """

    weight: Floats
    before: Floats
    sale: Booleans


def calendar() -> Calendar:
    """The two years of the data."""
    day = np.arange(DAYS)
    weekday = (FIRST_DAY.weekday() + day) % 7
    weight = np.where(weekday >= 5, 1.35, 1.0) * (1 + 0.12 * np.sin(2 * np.pi * (day - 80) / 365.25))
    weight *= 1 + 0.15 * day / DAYS  # the company grows
    sale = np.zeros(DAYS, dtype=bool)
    for start, length, more in SALES:
        weight[start : start + length] *= more
        sale[start : start + length] = True
    for start, length in QUIET:
        weight[start : start + length] *= 0.35
    before = np.concatenate([[0.0], np.cumsum(weight)])
    return Calendar(weight, before / before[-1], sale)


def write_retail(
    to: Path, *, customers: int, events: int, seed: int = 0, on_rows: OnRows | None = None
) -> dict[str, int]:
    """Write a customers table and one table per kind of fact, as folders of Parquet files.

    Parameters
    ----------
    to
        A new or empty folder; ``customers/``, ``order/``, ``view/``, … are made in it. It is there when it is whole:
        until then a folder beside it is written, which the next call begins anew.
    customers, events
        How many; the facts of all kinds together are exactly `events`.
    seed
        Which of the possible companies.
    on_rows
        Told how many events of how many are written.

    Returns
    -------
    dict
        Table → rows. Grain: ``customers`` one row per customer, the others one row per thing that happened, sorted by
        time within a file. Times are UTC microseconds, amounts DECIMAL(18, 2) in yuan.
    """
    if customers < 1 or events < 0 or seed < 0:
        raise InvalidInput("A company has at least 1 customer, 0 events or more, and a seed from 0 on.")
    to = to.resolve()
    partial = to.with_name(f".{to.name}.partial")
    try:
        if os.path.lexists(to) and not (to.is_dir() and not any(to.iterdir())):
            raise InvalidInput(f"{to} is there already.", hint="Choose another folder, or remove it.")
        shutil.rmtree(partial, ignore_errors=True)
        rows = _write(partial, customers, events, seed, on_rows)
        partial.replace(to)
    except OSError as error:
        raise EngineFailure(f"{to} cannot be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return rows


def _write(to: Path, customers: int, events: int, seed: int, on_rows: OnRows | None) -> dict[str, int]:
    for name in ("customers", *KINDS):
        (to / name).mkdir(parents=True)
    days = calendar()
    size = int(np.clip(BLOCK_EVENTS * customers // max(events, 1), 1, MOST_CUSTOMERS_IN_A_BLOCK))
    rows = dict.fromkeys(("customers", *KINDS), 0)
    for block, first in enumerate(range(0, customers, size)):
        last = min(first + size, customers)
        made = _block(days, seed, block, first, last, events * first // customers, events * last // customers)
        for name, table in made.items():
            if table.num_rows or not rows[name]:
                pq.write_table(table, to / name / f"{block:05d}.parquet", compression="zstd")
            rows[name] += table.num_rows
        if on_rows is not None:
            on_rows(events * last // customers, events)
    return rows


def _block(
    days: Calendar, seed: int, block: int, first: int, last: int, first_event: int, last_event: int
) -> Mapping[str, pa.Table]:
    rng = np.random.default_rng([seed, block])
    n, m = last - first, last_event - first_event
    rate = rng.gamma(0.7, 1.0, n) + 1e-6
    # A third were customers before the data begin.
    joined = np.where(rng.random(n) < 1 / 3, 0, rng.integers(0, DAYS, n))
    left = np.minimum(joined + 1 + rng.exponential(420, n).astype(np.int64), DAYS)
    alive = days.before[left] - days.before[joined]
    taste = rng.choice(len(CATEGORIES), n, p=_falling(len(CATEGORIES), 0.5))
    leaning, purse = rng.beta(1.5, 4, n), rng.lognormal(0, 0.5, n)
    weight = rate * alive
    counts = rng.multinomial(m, weight / weight.sum())
    who = np.repeat(np.arange(n), counts)
    part = days.before[joined][who] + rng.random(m) * alive[who]
    day = np.clip(np.searchsorted(days.before, part, side="right") - 1, 0, DAYS - 1)
    second = _seconds(rng, m)
    moment = _START.astype("datetime64[us]") + ((day * 86_400 + second) * 1_000_000 + rng.integers(0, 1_000_000, m))
    kind = rng.choice(len(KINDS), m, p=np.array(list(KINDS.values())))
    # In a sale, some who would only have looked buy: the more they lean to promotions.
    turned = days.sale[day] & (kind == 0) & (rng.random(m) < 0.5 * leaning[who])
    kind[turned] = 1
    order = np.argsort(moment, kind="stable")
    tables = {"customers": _customers(rng, first, joined, counts * purse)}
    for code, name in enumerate(KINDS):
        place = np.flatnonzero(kind[order] == code)
        at = order[place]
        by = who[at]
        rows = _Rows(rng, taste[by], leaning[by], purse[by], days.sale[day[at]])
        # An id is the place of the row among all events, so that blocks need not know of each other.
        base = {
            f"{name}_id": pa.array(first_event + 1 + place, pa.int64()),
            "customer_id": pa.array(first + 1 + by, pa.int64()),
            "at": pa.array(moment[at], pa.timestamp("us")),
        }
        tables[name] = pa.table({**base, **_COLUMNS[name](rows)})
    return tables


def _falling(n: int, power: float) -> Floats:
    """Shares of n things of which the first is the commonest (Zipf)."""
    weight = 1 / np.arange(1, n + 1) ** power
    shares: Floats = weight / weight.sum()
    return shares


def _seconds(rng: np.random.Generator, n: int) -> Integers:
    """Seconds of the day in UTC: noon and the evening of China."""
    hour = np.where(rng.random(n) < 0.35, rng.normal(12.3, 1.8, n), rng.normal(20.2, 2.4, n))
    return (((hour - 8) % 24) * 3600).astype(np.int64) % 86_400


def _named(rng: np.random.Generator, names: tuple[str, ...], n: int, power: float) -> pa.Array:
    return _texts(names, rng.choice(len(names), n, p=_falling(len(names), power)))


def _texts(names: tuple[str, ...], codes: Integers) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(names)).cast(pa.string())


def _money(yuan: Floats) -> pa.Array:
    cents = np.rint(np.clip(yuan, -1e9, 1e9) * 100).astype(np.int64)
    # A decimal is 16 bytes of two's complement: the low half, then the sign carried on.
    return pa.Array.from_buffers(
        pa.decimal128(18, 2), len(cents), [None, pa.py_buffer(np.stack([cents, cents >> 63], axis=1))]
    )


def _customers(rng: np.random.Generator, first: int, joined: Integers, worth: Floats) -> pa.Table:
    n = len(joined)
    born = 2024 - np.clip(rng.normal(38, 12, n), 16, 85).astype(np.int64)
    level = np.digitize(worth, [20, 60, 150])
    return pa.table(
        {
            "customer_id": pa.array(first + 1 + np.arange(n), pa.int64()),
            # Nobody's: the numbers of mobiles in China begin with 13 to 19.
            "phone": pa.array([f"100{i:08d}" for i in range(first, first + n)]),
            "city": _named(rng, CITIES, n, 0.8),
            "gender": pa.array(np.where(rng.random(n) < 0.58, "f", "m"), mask=rng.random(n) < 0.12),
            "birth_year": pa.array(born, pa.int64(), mask=rng.random(n) < 0.3),
            "level": _texts(LEVELS, level),
            "joined": pa.array(_START + joined.astype("timedelta64[D]"), pa.date32()),
        }
    )


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of one kind: what is known of the customer and the day of each."""

    rng: np.random.Generator
    taste: Integers
    leaning: Floats
    purse: Floats
    sale: Booleans

    def __len__(self) -> int:
        return len(self.taste)

    def chance(self, share: float | Floats) -> Booleans:
        """True for a share of the rows."""
        drawn: Booleans = self.rng.random(len(self)) < share
        return drawn

    def named(self, names: tuple[str, ...], power: float) -> pa.Array:
        """One of some names, the first the commonest."""
        return _named(self.rng, names, len(self), power)

    def category(self, own: float) -> Integers:
        """The customer's own taste for a share of the rows, else any."""
        other = self.rng.choice(len(CATEGORIES), len(self), p=_falling(len(CATEGORIES), 0.7))
        return np.where(self.chance(own), self.taste, other)

    def store(self) -> pa.Array:
        """One of the shops."""
        return pa.array(1 + self.rng.choice(STORES, len(self), p=_falling(STORES, 0.6)), pa.int64())

    def minutes(self, shape: float, scale: float) -> pa.Array:
        """How long something took."""
        return pa.array(1 + self.rng.gamma(shape, scale, len(self)).astype(np.int64), pa.int64())


def _order(rows: _Rows) -> dict[str, pa.Array]:
    category = rows.category(0.55)
    quantity = 1 + rows.rng.poisson(0.8, len(rows))
    promoted = rows.chance(np.where(rows.sale, 0.45, 0.1) + 0.3 * rows.leaning)
    sign = np.where(rows.chance(0.015), -1, 1)  # a return has a negative amount and quantity
    price = PRICES[category] * rows.purse * rows.rng.lognormal(0, 0.35, len(rows))
    return {
        "amount": _money(np.where(promoted, 0.82, 1.0) * price * quantity * sign),
        "quantity": pa.array(sign * quantity, pa.int64()),
        "category": _texts(CATEGORIES, category),
        "channel": rows.named(CHANNELS, 0.6),
        "store_id": rows.store(),
        "promoted": pa.array(promoted),
    }


def _view(rows: _Rows) -> dict[str, pa.Array]:
    seconds = np.minimum(rows.rng.exponential(38, len(rows)), 3600).astype(np.int64)
    return {
        "page": rows.named(PAGES, 0.4),
        "category": _texts(CATEGORIES, rows.category(0.7)),
        "seconds": pa.array(seconds, pa.int64()),
    }


def _visit(rows: _Rows) -> dict[str, pa.Array]:
    return {"store_id": rows.store(), "minutes": rows.minutes(2.0, 9.0)}


def _message(rows: _Rows) -> dict[str, pa.Array]:
    opened = rows.chance(0.12 + 0.5 * rows.leaning)
    return {
        "medium": rows.named(MEDIA, 0.5),
        "opened": pa.array(opened),
        "clicked": pa.array(opened & rows.chance(0.25)),
        "unsubscribed": pa.array(opened & rows.chance(0.01)),
    }


def _service(rows: _Rows) -> dict[str, pa.Array]:
    satisfaction = np.clip(rows.rng.normal(4.1, 1.0, len(rows)), 1, 5).astype(np.int64)
    return {
        "topic": rows.named(TOPICS, 0.5),
        "minutes": rows.minutes(1.5, 4.0),
        "satisfaction": pa.array(satisfaction, pa.int64(), mask=rows.chance(0.4)),
    }


_COLUMNS: Mapping[str, Callable[[_Rows], dict[str, pa.Array]]] = {
    "view": _view,
    "order": _order,
    "visit": _visit,
    "message": _message,
    "service": _service,
}
