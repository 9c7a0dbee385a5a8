"""A small workspace of a corner shop: a folder of YAML and CSV that `make_shop` writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import gongbi
from gongbi.testing.postgres import postgres_server, postgres_url
from gongbi.workspace import Workspace, init

__all__ = ["postgres_server", "postgres_url"]

DEFINITIONS = """\
subject: customer
key: integer
---
subject: product
key: text
---
source: sales
from: {file: "data/sales-*.csv"}
fact: purchase
key: [line]
time: {column: at, zone: UTC}
subjects: {customer: who, product: what}
columns:
  line: {from: line, type: integer}
  amount: {from: amount, type: money, currency: EUR}
---
tag: orders.count
expr: count(purchase)
---
tag: orders.total
expr: sum(purchase.amount)
---
tag: product.sold
subject: product
expr: count(purchase)
---
segment: regulars
expr: tag.orders.count >= 2
"""

SALES = """\
line,who,what,at,amount
1,1,tea,2026-01-02T10:00:00,2.50
2,1,milk,2026-01-03T10:00:00,1.25
3,2,tea,2026-01-04T10:00:00,5.00
4,3,bread,2026-01-05T10:00:00,3.10
"""


@pytest.fixture
def make_shop(tmp_path: Path) -> Callable[..., Path]:
    """Write a workspace folder, with its definitions in force and its data not yet loaded."""

    def make(store: str = "") -> Path:
        root = init(tmp_path / "shop", name="shop")
        if store:
            toml = root / "gongbi.toml"
            toml.write_text(toml.read_text().replace("\n[engine]", f'store = "{store}"\n\n[engine]'))
        (root / "definitions" / "shop.yaml").write_text(DEFINITIONS)
        (root / "data").mkdir()
        (root / "data" / "sales-1.csv").write_text(SALES)
        with gongbi.open(root) as ws:
            ws.apply()
        return root

    return make


@pytest.fixture
def shop(make_shop: Callable[..., Path]) -> Iterator[Workspace]:
    """The shop, opened by its owner."""
    with gongbi.open(make_shop()) as ws:
        yield ws
