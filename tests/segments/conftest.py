"""A shop that was open for half a year, with all tags built: questions about groups are asked of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import gongbi
from gongbi.testing.shop import lay_out, open_for_half_a_year
from gongbi.workspace import Workspace

MORE = """tag: town.name
expr: customer.town
---
tag: visit.first
expr: date(min(order.ts))
---
tag: visit.last
expr: max(order.ts)
---
tag: visit.recent
expr: exists(order) filter (where within(30, 'day'))
---
tag: visit.apples
expr: count(order) filter (where order.item = 'apple')
---
tag: visit.habit
expr: >
  case when count(order) > 9 then 'always' when count(order) > 3 then 'often' when count(order) > 0 then 'seldom' end
type: {category: [seldom, often, always], ordered: true}
---
tag: visit.items
expr: distribution(order.item)
---
segment: often
expr: tag.spend.orders >= 4
---
segment: town
expr: customer.town = '上海'
"""


@dataclass(frozen=True)
class Order:
    """One line of the shop's file."""

    customer: int
    item: str
    ts: datetime
    amount: float


@dataclass(frozen=True)
class HalfYear:
    """The shop, and what its files say."""

    ws: Workspace
    orders: list[Order]
    towns: dict[int, str]

    def ids(self, expression: str) -> set[int]:
        """The members of a group."""
        return set(self.ws.segment(expression).members()["id"].to_pylist())


@pytest.fixture(scope="session")
def half_year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HalfYear]:
    """Ninety customers, tags built as of the end of the data."""
    root = lay_out(tmp_path_factory.mktemp("groups") / "shop")
    open_for_half_a_year(root, 90)
    (root / "definitions/learning.yaml").write_text(MORE, "utf-8")
    orders, towns = read(root)
    with gongbi.open(root, actor="tester") as ws:
        ws.apply()
        ws.ingest()
        ws.build()
        yield HalfYear(ws, orders, towns)


def read(root: Path) -> tuple[list[Order], dict[int, str]]:
    """The shop's files, as they are; the customer of a card is known by the card's number."""
    zone = ZoneInfo("Asia/Shanghai")
    orders = []
    for line in (root / "data/orders.csv").read_text("utf-8").splitlines()[1:]:
        _, card, item, at, amount, _ = line.split(",")
        if amount != "much":
            orders.append(Order(int(card), item, datetime.fromisoformat(at).replace(tzinfo=zone), float(amount)))
    towns = dict(line.split(",") for line in (root / "data/cards.csv").read_text("utf-8").splitlines()[1:])
    return orders, {int(card): town for card, town in towns.items()}
