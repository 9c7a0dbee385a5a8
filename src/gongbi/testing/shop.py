"""A small shop for tests: three CSV files, a handful of definitions, everything through the real command line."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

FILES = {
    "data/orders.csv": """order_id,card,item,at,amount,units
1,10,apple,2024-03-01T09:00:00,4.00,2
2,10,bread,2024-03-05T10:30:00,2.50,1
3,11,apple,2024-03-06T18:00:00,6.00,3
4,12,cheese,2024-02-01T12:00:00,9.90,1
5,10,cheese,2024-03-20T09:15:00,11.00,1
""",
    "data/cards.csv": "card,town\n10,上海\n11,Lyon\n13,上海\n",
    "data/items.csv": "item,shelf\napple,fruit\nbread,bakery\n",
    "definitions/subjects.yaml": """subject: customer
name: {zh: 顾客, en: Customer}
key: integer
identifiers: {card: {type: integer, primary: true}}
---
subject: item
key: text
""",
    "definitions/sources.yaml": """source: orders
from: {file: data/orders.csv}
fact: order
key: [order_id]
time: {column: at, zone: Asia/Shanghai}
subjects: {customer: {identifier: card}, item: item}
columns:
  amount: {type: money, currency: CNY}
  units: {type: integer, min: 0}
---
source: cards
from: {file: data/cards.csv}
attributes: customer
key: [card]
id: {identifier: card}
columns: {town: text}
---
source: items
from: {file: data/items.csv}
attributes: item
key: [item]
id: item
columns: {shelf: text}
""",
    "definitions/tags.yaml": """tag: spend.total
name: {zh: 消费总额, en: Spend}
category: 消费特征/价值
expr: coalesce(sum(order.amount), 0)
unit: CNY
---
tag: spend.orders
name: {zh: 订单数, en: Orders}
category: 消费特征/价值
expr: count(order)
---
tag: spend.fruit_share
name: {zh: 水果占比, en: Fruit share}
category: 兴趣特征/品类
expr: share(order.item.shelf = 'fruit', order.amount)
---
tag: item.buyers
subject: item
name: {zh: 购买人数, en: Buyers}
category: 消费特征/价值
expr: count(distinct order.customer)
""",
    "definitions/segments.yaml": """segment: regulars
name: {zh: 常客, en: Regulars}
expr: tag.spend.orders >= 2
""",
}

#: A model for `definitions/`; four customers are too few to learn it from.
MODEL = """model: comes_again
estimator: propensity
features: [spend.total, spend.orders]
train:
  - {name: first, as_of: 2024-03-04, population: "true", target: "exists(order) filter (where ahead(7, 'day'))"}
test:
  - {name: second, as_of: 2024-03-12, population: "true", target: "exists(order) filter (where ahead(7, 'day'))"}
"""


#: Models that a hundred customers are enough for, and a campaign that can be measured.
LEARNING = """model: comes_again
estimator: propensity
features: [spend.total, spend.orders]
baseline: spend.orders
train:
  - {name: first, as_of: 2024-03-04, population: "true", target: "exists(order) filter (where ahead(7, 'day'))"}
test:
  - {name: second, as_of: 2024-04-12, population: "true", target: "exists(order) filter (where ahead(7, 'day'))"}
---
model: buying
estimator: purchases
fact: order
amount: amount
horizon_days: 30
holdout_days: 30
---
segment: likely
expr: tag.model.comes_again > 0.5
---
campaign: spring
as_of: 2024-04-01
eligible: tag.spend.total > 0
score: tag.spend.total
received: customer.town = '上海'
responded: exists(order) filter (where during())
outcome: coalesce(sum(order.amount) filter (where during()), 0)
match_on: [spend.orders]
limit: 20
holdout: 0.1
reasons: {"tag.spend.orders > 1": {zh: 常来, en: Comes often}}
"""


def open_for_half_a_year(shop: Path, customers: int = 100) -> None:
    """Let customers come to the shop by chance, some often and some seldom, and learn from them; one row is bad."""
    chance = random.Random(7)  # noqa: S311
    orders, cards = ["order_id,card,item,at,amount,units"], ["card,town"]
    for card in range(10, 10 + customers):
        cards.append(f"{card},{chance.choice(['上海', 'Lyon'])}")
        at, rate, typical = datetime(2024, 1, 1, 9, tzinfo=UTC), chance.gammavariate(1.5, 1 / 10), chance.uniform(3, 30)
        leaving = chance.betavariate(0.6, 2.5)
        while (at := at + timedelta(days=chance.expovariate(rate))) < datetime(2024, 7, 1, tzinfo=UTC):
            item, amount = chance.choice(["apple", "bread", "cheese"]), chance.gammavariate(3, typical / 3) + 0.01
            orders.append(f"{len(orders)},{card},{item},{at:%Y-%m-%dT%H:%M:%S},{amount:.2f},1")
            if chance.random() < leaving:
                break  # Gone for good.
    orders.append(f"{len(orders)},10,apple,2024-03-01T09:00:00,much,1")
    (shop / "data/orders.csv").write_text("\n".join(orders) + "\n", "utf-8")
    (shop / "data/cards.csv").write_text("\n".join(cards) + "\n", "utf-8")
    (shop / "definitions/learning.yaml").write_text(LEARNING, "utf-8")


def lay_out(root: Path) -> Path:
    """Write the shop's files into a folder."""
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    (root / "gongbi.toml").write_text('format = 1\nname = "shop"\nzone = "Asia/Shanghai"\n', "utf-8")
    return root


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A workspace folder with data and definitions; nothing was run in it."""
    return lay_out(tmp_path / "shop")


@pytest.fixture(scope="session")
def shop_once_built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop in which everything was run once; to be copied, never changed."""
    import gongbi

    root = lay_out(tmp_path_factory.mktemp("template") / "shop")
    with gongbi.open(root, actor="tester") as ws:
        ws.apply()
        ws.ingest()
        ws.build()
    return root


@pytest.fixture
def built_shop(shop_once_built: Path, shop: Path) -> Path:
    """The shop after `apply`, `ingest` and `build`: a copy, so that every test has its own."""
    shutil.copytree(shop_once_built, shop, dirs_exist_ok=True)
    return shop


@pytest.fixture
def gongbi(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line in the shop's folder; in this process, because a new one takes seconds to start."""
    monkeypatch.chdir(shop)
    monkeypatch.setenv("GONGBI_ACTOR", "tester")

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        from gongbi.cli import main

        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["gongbi", *args])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capsys.readouterr()
        return subprocess.CompletedProcess(["gongbi", *args], code, out, err)

    return run


@pytest.fixture
def gongbi_process(shop: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line in the shop's folder as a process of its own, as a person would."""

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "GONGBI_ACTOR": "tester", "COLUMNS": "200"}
        command = [sys.executable, "-m", "gongbi", *args]
        return subprocess.run(
            command, cwd=shop, capture_output=True, text=True, env=environment, timeout=120, check=False
        )

    return run
