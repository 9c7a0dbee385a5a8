"""Why a member has its value: words in both languages, the tags below, the rows of facts."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import gongbi as package
from gongbi.errors import InvalidInput

Run = Callable[..., subprocess.CompletedProcess[str]]
MEAN = """tag: spend.mean
name: {zh: 客单价, en: Mean order}
category: 消费特征/价值
expr: tag.spend.total / tag.spend.orders
"""


def test_a_tag_on_tags_is_explained_down_to_the_rows(gongbi: Run, built_shop: Path) -> None:
    (built_shop / "definitions/mean.yaml").write_text(MEAN, "utf-8")
    gongbi("apply")
    gongbi("build")
    with package.open(built_shop) as ws:
        found = ws.explain("spend.mean", 10, limit=2)
        assert found["value"] == pytest.approx((4 + 2.5 + 11) / 3)
        assert found["said"]["zh"] == "标签「消费总额」除以标签「订单数」"
        assert found["said"]["en"] == "the tag “Spend” divided by the tag “Orders”"
        assert [(s["tag"], s["depth"]) for s in found["steps"]] == [
            ("spend.mean", 0),
            ("spend.orders", 1),
            ("spend.total", 1),
        ]
        rows = found["parts"][0]["table"].to_pylist()
        assert [row["amount"] for row in rows] == [11, 2.5], "the newest first, and no more than asked for"
        with pytest.raises(InvalidInput, match="describes a item"):
            ws.explain("item.buyers", "apple", subject="customer")
        town = ws.lineage("spend.mean")
    assert {"raw:orders.amount", "raw:orders.card", "file:orders", "tag:spend.total"} <= {
        n["id"] for n in town["nodes"]
    }
    shown = gongbi("explain", "spend.mean", "10")
    assert shown.returncode == 0, shown.stderr
    assert "the tag “Spend” divided by the tag “Orders”" in shown.stdout
    edges = json.loads(gongbi("lineage", "spend.mean", "--json").stdout)["edges"]
    assert {"from": "tag:spend.total", "to": "tag:spend.mean"} in edges
    assert gongbi("lineage", "spend.meen").returncode == 2
