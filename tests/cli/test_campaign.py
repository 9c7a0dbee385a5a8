"""Who a campaign chooses is written to a file from the command line and from Python."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import gongbi as package

Run = Callable[..., subprocess.CompletedProcess[str]]
CAMPAIGN = """campaign: spring
as_of: 2024-03-21
eligible: tag.spend.total > 0
score: tag.spend.total
received: exists(order) filter (where during())
responded: exists(order) filter (where during())
outcome: coalesce(sum(order.amount) filter (where during()), 0)
match_on: [spend.orders]
limit: 2
holdout: 0.5
reasons: {"tag.spend.orders > 1": {zh: 常来, en: Comes often}}
"""


@pytest.fixture
def planned(gongbi: Run, built_shop: Path) -> Run:
    (built_shop / "definitions/campaigns.yaml").write_text(CAMPAIGN, "utf-8")
    assert gongbi("apply").returncode == 0
    return gongbi


def test_the_command_writes_who_is_chosen_and_leaves_a_file_that_is_there(planned: Run, shop: Path) -> None:
    done = planned("campaign", "spring", "--to", "chosen.csv", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["campaign"], answer["rows"], sum(answer["arms"].values())) == ("spring", 2, 2)
    rows = list(csv.DictReader((shop / "chosen.csv").open(encoding="utf-8-sig")))
    assert [(r["id"], r["reason_zh"], r["reason_en"], float(r["score"])) for r in rows] == [
        ("10", "常来", "Comes often", 17.5),
        ("12", "", "", 9.9),
    ]
    (record,) = json.loads(planned("segment", "exports", "--json").stdout)
    assert (record["export"], record["expression"], record["rows"], record["actor"]) == (
        answer["export"],
        "campaign spring",
        2,
        "tester",
    )
    refused = planned("campaign", "spring", "--to", "chosen.csv")
    assert refused.returncode == 2
    assert "exists already" in refused.stderr
    assert planned("campaign", "spring", "--to", "chosen.csv", "--overwrite").returncode == 0
    nameless = planned("campaign", "--to", "other.csv")
    assert nameless.returncode == 2
    assert "--to needs the name of a campaign" in nameless.stderr


def test_python_writes_the_same_file(planned: Run, shop: Path) -> None:
    planned("campaign", "spring", "--to", "chosen.csv")
    with package.open(shop) as ws:
        found = ws.decide("spring", to=shop / "again.csv")
    assert (shop / "again.csv").read_bytes() == (shop / "chosen.csv").read_bytes()
    assert found["file"]["path"] == str(shop / "again.csv")
