"""Messages of a workspace at work, as a Chinese page shows them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import gongbi
from gongbi import workspace
from gongbi.console.frame import Page
from gongbi.console.pages.runs import run_row
from gongbi.errors import GongbiError

DEFINITIONS = """
subject: customer
key: integer
identifiers: {card: {type: integer, primary: true}}
---
source: people
from: {file: people.csv}
attributes: customer
key: [card]
id: {identifier: card}
columns: {city: text, birthday: date}
---
source: returns
from: {file: returns.csv}
reference: returns
key: [id]
"""


@pytest.fixture
def small(tmp_path: Path) -> Any:
    root = workspace.init(tmp_path / "small")
    (root / "definitions" / "all.yaml").write_text(DEFINITIONS, "utf-8")
    (root / "people.csv").write_text("card,city,birthday\n1,上海,1990-01-02\n", "utf-8")
    with gongbi.open(root) as ws:
        ws.apply()
        yield ws


def chinese_page(ws: Any) -> Page:
    console: Any = SimpleNamespace(ws=ws)
    return Page(console, "runs", "zh", "/runs")


def test_an_error_of_a_service_is_said_in_chinese(small: Any) -> None:
    small.ingest()
    page = chinese_page(small)
    for expression, said in {
        "customer.birthday > 3": "`>` 的两侧类型不一：日期、整数，不能放在一起。",
        "round(customer.city) > 1": "`round` 的第 1 个参数应是数值，而不是文本。",
        "customer.citi = 'x'": "没有名为「citi」的客户属性。",
        "length(customer.city, 1) > 1": "`length` 需要 1 个参数，现有 2 个。",
        "customer.city in ('x'": "列表末尾应有 `)`。",
        "tag.spend > 1": "没有名为「spend」的客户标签。",
        "segment.vips": "没有名为「vips」的客群。",
        "date_parts(customer.birthday) = 1": "没有名为「date_parts」的函数。",
        "": "表达式是空的。",
    }.items():
        with pytest.raises(GongbiError) as caught:
            small.call("count", expression=expression)
        # What follows is where in the expression it is.
        assert page.said(caught.value.message).partition("位置：")[0] == said, caught.value


def test_the_stored_error_of_a_run_is_shown_in_chinese_and_kept_in_english(small: Any) -> None:
    small.ingest()
    (run,) = small.runs(kind="ingest")
    assert "There is no file 'returns.csv'" in run["error"]["message"]
    shown = run_row(chinese_page(small), run)["error"]
    assert shown == "returns (returns.csv)：small 中没有文件「returns.csv」。路径相对于工作区；`*` 代表任意名称。"


def test_a_run_that_failed_as_a_whole_says_so_in_chinese(small: Any) -> None:
    error = {"code": "not_yet", "message": "There are no facts yet.", "hint": "Run `gongbi ingest` first."}
    small.ingest()
    run = {**small.runs()[0], "error": error}
    assert run_row(chinese_page(small), run)["error"] == "还没有事实。请先运行 `gongbi ingest`。"
