"""A workspace whose customers have names and phones, written as people write them."""

from __future__ import annotations

from pathlib import Path

from gongbi import workspace

DEFINITIONS = """
subject: customer
name: {zh: 客户, en: Customer}
key: integer
identifiers: {card: {type: integer, primary: true}, phone: {type: text, pii: direct}}
---
source: people
from: {file: people.csv}
attributes: customer
key: [card]
id: {identifiers: {card: card, phone: phone}}
columns:
  full_name: {from: name, type: text, pii: direct}
  mobile: {from: phone, type: text, pii: direct}
  faith: {type: text, pii: sensitive}
  town: {type: text}
---
source: orders
from: {file: orders.csv}
fact: order
key: [order_id]
time: {column: at, zone: Asia/Shanghai}
subjects: {customer: {identifier: card}}
columns: {amount: {type: money, currency: CNY}, consignee: {type: text, pii: direct}}
---
tag: spend.total
name: {zh: 消费总额, en: Spend}
category: 消费特征/价值
expr: coalesce(sum(order.amount), 0)
---
tag: spend.place
name: {zh: 消费名次, en: Place}
category: 消费特征/价值
expr: rank(sum(order.amount))
---
tag: contact.phone
name: {zh: 联系电话, en: Phone}
category: 固定特征
expr: customer.mobile
---
worklist: calls
name: {zh: 致电, en: Calls}
expr: customer.id <= 6
columns: {customer.full_name: {zh: 姓名, en: Name}, tag.contact.phone: {zh: 电话, en: Phone}}
---
segment: buyers
name: {zh: 买过的, en: Buyers}
expr: tag.spend.total > 0 and customer.town = '上海'
"""
N = 40


def phone(card: int) -> str:
    """Every third in another way of writing."""
    core = f"138{card:08d}"
    return (core, f"+86 {core[:3]} {core[3:7]} {core[7:]}", f"86{core}")[card % 3]


def town(card: int) -> str:
    return ("上海", "Lyon")[card % 2]


def called(card: int) -> str:
    return f"{'王李赵'[card % 3]}小{'明芳'[card % 2]}"


def amounts(card: int) -> list[int]:
    return [card * k for k in range(1, card % 4)]


def build(root: Path, *, personal_id: bool = False) -> Path:
    """A workspace that is built; ids of customers may be personal too."""
    workspace.init(root, zone="Asia/Shanghai")
    text = DEFINITIONS.replace("primary: true}", "primary: true, pii: direct}") if personal_id else DEFINITIONS
    (root / "definitions" / "all.yaml").write_text(text, "utf-8")
    people = ["card,phone,name,faith,town"]
    people += [
        f"{card},{phone(card)},{'王李赵'[card % 3]}小{'明芳'[card % 2]},none,{town(card)}" for card in range(1, N + 1)
    ]
    (root / "people.csv").write_text("\n".join(people) + "\n", "utf-8")
    orders = ["order_id,card,at,amount,consignee"]
    for card in range(1, N + 1):
        orders += [
            f"{card * 10 + k},{card},2024-03-0{k + 1}T09:00:00,{a},{called(card)}" for k, a in enumerate(amounts(card))
        ]
    (root / "orders.csv").write_text("\n".join(orders) + "\n", "utf-8")
    with workspace.open(root, actor="tester") as ws:
        ws.apply()
        ws.ingest()
        ws.build()
    return root
