"""A retailer with an app, shops and a loyalty card: customers and five kinds of fact, streamed to Parquet.

Customers differ as real ones do: few are active and most are not (a gamma distribution of rates), they join over two
years and leave one by one (exponential lifetimes), each has a taste and a leaning to promotions. Days differ too:
week-ends, the sales of June and November, the quiet of the Spring Festival.

The same numbers and seed give the same rows: customers are drawn in blocks of a fixed size, each from a stream of its
own, so that memory is bounded by a block and no block depends on another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from gongbi.synthetic.draws import (
    DAYS,
    FIRST_DAY,
    START,
    Booleans,
    Calendar,
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
    return write_blocks(to, ("customers", *KINDS), _block, customers, events, seed, on_rows)


def _block(
    rng: np.random.Generator, first: int, last: int, first_event: int, last_event: int
) -> Mapping[str, pa.Table]:
    days = calendar()
    n, m = last - first, last_event - first_event
    rate = rng.gamma(0.7, 1.0, n) + 1e-6
    # A third were customers before the data begin.
    joined = np.where(rng.random(n) < 1 / 3, 0, rng.integers(0, DAYS, n))
    left = np.minimum(joined + 1 + rng.exponential(420, n).astype(np.int64), DAYS)
    alive = days.before[left] - days.before[joined]
    taste = rng.choice(len(CATEGORIES), n, p=falling(len(CATEGORIES), 0.5))
    leaning, purse = rng.beta(1.5, 4, n), rng.lognormal(0, 0.5, n)
    weight = rate * alive
    counts = rng.multinomial(m, weight / weight.sum())
    who = np.repeat(np.arange(n), counts)
    part = days.before[joined][who] + rng.random(m) * alive[who]
    day = np.clip(np.searchsorted(days.before, part, side="right") - 1, 0, DAYS - 1)
    second = seconds(rng, m)
    moment = START.astype("datetime64[us]") + ((day * 86_400 + second) * 1_000_000 + rng.integers(0, 1_000_000, m))
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


def _customers(rng: np.random.Generator, first: int, joined: Integers, worth: Floats) -> pa.Table:
    n = len(joined)
    born = 2024 - np.clip(rng.normal(38, 12, n), 16, 85).astype(np.int64)
    level = np.digitize(worth, [20, 60, 150])
    return pa.table(
        {
            "customer_id": pa.array(first + 1 + np.arange(n), pa.int64()),
            # Nobody's: the numbers of mobiles in China begin with 13 to 19.
            "phone": pa.array([f"100{i:08d}" for i in range(first, first + n)]),
            "city": named(rng, CITIES, n, 0.8),
            "gender": pa.array(np.where(rng.random(n) < 0.58, "f", "m"), mask=rng.random(n) < 0.12),
            "birth_year": pa.array(born, pa.int64(), mask=rng.random(n) < 0.3),
            "level": texts(LEVELS, level),
            "joined": pa.array(START + joined.astype("timedelta64[D]"), pa.date32()),
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
        return named(self.rng, names, len(self), power)

    def category(self, own: float) -> Integers:
        """The customer's own taste for a share of the rows, else any."""
        other = self.rng.choice(len(CATEGORIES), len(self), p=falling(len(CATEGORIES), 0.7))
        return np.where(self.chance(own), self.taste, other)

    def store(self) -> pa.Array:
        """One of the shops."""
        return pa.array(1 + self.rng.choice(STORES, len(self), p=falling(STORES, 0.6)), pa.int64())

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
        "amount": money(np.where(promoted, 0.82, 1.0) * price * quantity * sign),
        "quantity": pa.array(sign * quantity, pa.int64()),
        "category": texts(CATEGORIES, category),
        "channel": rows.named(CHANNELS, 0.6),
        "store_id": rows.store(),
        "promoted": pa.array(promoted),
    }


def _view(rows: _Rows) -> dict[str, pa.Array]:
    seconds = np.minimum(rows.rng.exponential(38, len(rows)), 3600).astype(np.int64)
    return {
        "page": rows.named(PAGES, 0.4),
        "category": texts(CATEGORIES, rows.category(0.7)),
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
