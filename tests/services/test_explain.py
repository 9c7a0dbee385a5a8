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


KIND = """tag: spend.kind
name: {zh: 类别, en: Kind}
category: 消费特征/价值
expr: case when tag.spend.orders >= 2 then 'often' else 'seldom' end
labels: {often: {zh: 常来, en: Comes often}, seldom: {zh: 偶来, en: Comes seldom}}
---
tag: spend.is_often
name: {zh: 是否常来, en: Often}
category: 消费特征/价值
expr: tag.spend.kind = 'often'
"""


def test_values_are_said_as_people_call_them(gongbi: Run, built_shop: Path) -> None:
    (built_shop / "definitions/kind.yaml").write_text(KIND, "utf-8")
    gongbi("apply")
    gongbi("build")
    with package.open(built_shop) as ws:
        found = ws.explain("spend.is_often", 10)
        assert found["said"] == {"zh": "标签「类别」等于「常来」", "en": "the tag “Kind” is “Comes often”"}
        kind = found["steps"][1]
        assert (kind["value"], kind["label"]) == ("often", {"zh": "常来", "en": "Comes often"})
        assert kind["said"]["en"] == "“Comes often” if the tag “Orders” is at least 2; otherwise “Comes seldom”"
        assert "often" not in kind["said"]["zh"]
    assert "spend.kind = often (Comes often)" in gongbi("explain", "spend.kind", "10").stdout


AGAIN = """tag: spend.came_back
name: {zh: 再次购买, en: Bought again}
category: 消费特征/价值
expr: followed_by(step(order, amount > 3), step(order, units = 1))
---
tag: spend.never_cheese
name: {zh: 买后未买奶酪, en: No cheese after}
category: 消费特征/价值
expr: not_followed_by(step(order, item = 'apple'), step(order, item = 'cheese'))
"""


def test_the_rows_behind_a_sequence_are_those_of_its_run_step_by_step(gongbi: Run, built_shop: Path) -> None:
    (built_shop / "definitions/again.yaml").write_text(AGAIN, "utf-8")
    gongbi("apply")
    gongbi("build")
    with package.open(built_shop) as ws:
        found = ws.explain("spend.came_back", 10)
        assert found["value"] is True
        assert [(part["step"], part["fact"], part["note"]) for part in found["parts"]] == [
            (1, "order", None),
            (2, "order", None),
        ]
        # Three orders of this customer could be a step; the first run is the first order and the second.
        assert [row["amount"] for part in found["parts"] for row in part["table"].to_pylist()] == [4, 2.5]
        none = ws.explain("spend.came_back", 11)
        assert none["value"] is False
        (part,) = none["parts"]
        assert part["table"].num_rows == 0
        assert "没有走完" in part["note"]["zh"]
        kept = ws.explain("spend.never_cheese", 11)["parts"]
        assert [part["table"].num_rows for part in kept] == [1, 0]
        assert kept[1]["note"]["en"] == "This step did not come."
        assert ws.explain("spend.never_cheese", 10)["parts"][0]["step"] is None, "cheese came"
    shown = gongbi("explain", "spend.came_back", "10").stdout
    assert "step 2, order" in shown
    assert "No run of the sequence is complete" in gongbi("explain", "spend.came_back", "11").stdout
