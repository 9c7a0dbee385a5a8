"""A small shop: 240 customers and 2,400 purchases, two bad rows, eight tags; made the way a user makes one."""

from __future__ import annotations

import csv
import random
from datetime import datetime, timedelta
from pathlib import Path

from gongbi import workspace

DEFINITIONS = """
subject: customer
name: {zh: 客户, en: Customer}
key: integer
identifiers: {card: {type: integer, primary: true}}
---
subject: product
name: {zh: 商品, en: Product}
key: integer
---
source: people
name: {zh: 会员资料, en: Members}
from: {file: people.csv}
attributes: customer
key: [card]
id: {identifier: card}
columns: {city: text, age: {type: text, values: [young, middle, old]}}
---
source: purchases
name: {zh: 购买明细, en: Purchase lines}
from: {file: purchases.csv}
fact: purchase
key: [line]
time: {column: at, zone: UTC}
subjects: {customer: {identifier: card}, product: product}
columns:
  amount: {type: money, currency: USD, required: true}
  basket: {type: integer}
---
- tag: rfm.recency
  name: {zh: 最近消费得分, en: Recency score}
  category: 消费特征/价值
  expr: score(max(purchase.ts), 5)
  about: {zh: 越近得分越高。, en: The later the higher.}
  owner: marketing
- tag: rfm.frequency
  name: {zh: 消费频率得分, en: Frequency score}
  category: 消费特征/价值
  expr: score(count(purchase), 5)
- tag: rfm.group
  name: {zh: RFM 客群, en: RFM group}
  category: 消费特征/价值
  expr: case when tag.rfm.recency >= 4 and tag.rfm.frequency >= 4 then 'champions' else 'occasional' end
- tag: value.spend
  name: {zh: 累计消费, en: Spend}
  category: 消费特征/价值
  expr: sum(purchase.amount)
  unit: USD
- tag: value.trips
  name: {zh: 购物次数, en: Trips}
  category: 消费特征/频率
  expr: count(distinct purchase.basket)
  unit: trips
- tag: value.last_day
  name: {zh: 最近购物日, en: Last day}
  category: 动态特征/节奏
  expr: max(purchase.ts)
- tag: person.city
  name: {zh: 城市, en: City}
  category: 固定特征/人口属性
  expr: customer.city
- tag: product.buyers
  subject: product
  name: {zh: 购买人数, en: Buyers}
  category: 经营/规模
  expr: count(distinct purchase.customer)
  unit: customers
---
- segment: champions
  name: {zh: 冠军客户, en: Champions}
  expr: tag.rfm.group = 'champions'
  about: {zh: 近期来过、来得多。, en: Came lately and often.}
  owner: marketing
- segment: coast
  name: {zh: 沿海客户, en: Coast}
  expr: customer.city = 'coast'
"""

CUSTOMERS, LINES, BAD = 240, 2400, 2


def write_shop(root: Path) -> Path:
    """Write the shop's folder: definitions and two files, nothing loaded yet."""
    draw = random.Random(7)
    workspace.init(root, name="示例商店 Shop", zone="Asia/Shanghai")
    (root / "definitions" / "shop.yaml").write_text(DEFINITIONS, "utf-8")
    with (root / "people.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["card", "city", "age"])
        for card in range(1, CUSTOMERS + 1):
            rows.writerow([card, "coast" if card % 3 == 0 else "inland", ("young", "middle", "old")[card % 3]])
    first = datetime.fromisoformat("2025-01-01")
    with (root / "purchases.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["line", "at", "card", "product", "amount", "basket"])
        for line in range(1, LINES + 1):
            card = min(int(draw.paretovariate(0.7)), CUSTOMERS) if line > CUSTOMERS else line
            at = first + timedelta(minutes=draw.randrange(60 * 24 * 180))
            amount = "twelve" if line in (100, 200) else f"{draw.uniform(1, 90):.2f}"
            rows.writerow([line, at.isoformat(sep=" "), card, draw.randrange(1, 60), amount, card * 1000 + line % 9])
    return root


def build_shop(root: Path) -> Path:
    """Write, load and build the shop."""
    write_shop(root)
    with workspace.open(root) as ws:
        ws.apply()
        ws.ingest()
        ws.build()
    return root
