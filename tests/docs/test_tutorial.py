"""What the tutorial shows is what happens."""

import re
from pathlib import Path

import gongbi
from gongbi.workspace import init

TUTORIAL = Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"
FILE = re.compile(r'^```\w+ title="(?P<path>[^"]+)"\n(?P<text>.*?)^```', re.MULTILINE | re.DOTALL)


def test_the_files_of_the_tutorial_give_the_figures_of_the_tutorial(tmp_path: Path) -> None:
    page = TUTORIAL.read_text("utf-8")
    root = init(tmp_path / "shop", zone="Europe/Berlin")
    for file in FILE.finditer(page):
        (root / file["path"]).parent.mkdir(parents=True, exist_ok=True)
        (root / file["path"]).write_text(file["text"], "utf-8")
    with gongbi.open(root) as ws:
        ws.apply()
        loaded = ws.ingest()
        assert (loaded["facts"], loaded["rejects"]) == ({"order": 8}, {"wrong_type": 1})
        assert ws.build(as_of="2026-03-01")["as_of"] == "2026-02-28T23:00:00+00:00"
        assert "2026-02-28T23:00:00+00:00" in page
        assert ws.segment("tag.orders.amount > 20").count() == 2
        (regular,) = ws.segment("regulars").members(["orders.count", "orders.amount"]).to_pylist()
        line = f"{regular['id']}             {regular['orders.count']}          {regular['orders.amount']}"
        assert line in page
        assert ws.build()["as_of"] == "2026-02-28T23:00:00+00:00"
        assert [part["table"].num_rows for part in ws.customer("C1").evidence("orders.amount")["parts"]] == [4]
