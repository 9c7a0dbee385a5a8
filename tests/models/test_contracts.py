"""Who leaves a contract becomes tags: a renewal is no leaving, nothing later is learned, both engines agree."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shop

from gongbi.catalog.catalog import Catalog, assemble
from gongbi.catalog.yaml import read_text
from gongbi.engine import Engine
from gongbi.errors import InvalidDefinition, InvalidInput
from gongbi.models import contracts
from gongbi.models.reading import Work
from gongbi.models.run import learn, write_scores
from gongbi.services import models
from gongbi.store import Store

WORLD = """
subject: customer
key: integer
---
source: contracts
from: {file: contracts.csv}
fact: contract
key: [no]
time: {column: start, end: finish}
subjects: {customer: customer}
columns: {no: integer, plan: text, fee: double, reason: text}
---
tag: contracts.count
expr: count(contract)
---
model: leaving
estimator: contracts
fact: contract
columns: [plan, fee]
left: reason <> 'moved'
grace_days: 14
horizon_days: 60
"""
BEGIN, END = shop.END - timedelta(days=900), shop.END


def definitions(text: str = WORLD) -> Catalog:
    return assemble(read_text(text), zone=shop.ZONE)


def rows(n: int = 900, seed: int = 4) -> shop.Rows:
    """Monthly plans are left three times as fast as yearly ones; a third who end begin anew, a tenth move away."""
    rng = np.random.default_rng(seed)
    found: list[dict[str, Any]] = []
    for customer in range(1, n + 1):
        plan = str(rng.choice(["monthly", "yearly"]))
        at = BEGIN + timedelta(days=float(rng.uniform(0, 850)))
        while at < END:
            ends = at + timedelta(days=20 + float(rng.exponential(150 if plan == "monthly" else 450)))
            reason = str(rng.choice(["price", "moved"], p=[0.9, 0.1])) if ends < END else None
            row = {"customer": customer, "no": len(found), "plan": plan, "fee": float(rng.integers(10, 60))}
            found.append(row | {"ts": at, "until": ends if ends < END else None, "reason": reason})
            if rng.random() > 1 / 3:
                break
            at = ends + timedelta(days=float(rng.uniform(0, 14)))
    return {"contracts": found}


ROWS = rows()


def left_by_hand(row: dict[str, Any], found: list[dict[str, Any]]) -> bool:
    """Ended, not for having moved, and without another contract that goes on within the days of grace."""
    ends = row["until"]
    return (
        ends is not None
        and row["reason"] != "moved"
        and not any(
            other["customer"] == row["customer"]
            and (other["until"] is None or other["until"] > ends)
            and other["ts"] <= ends + timedelta(days=14)
            for other in found
        )
    )


@pytest.fixture
def ports(tmp_path: Path, registry: Store, duckdb_engine: Engine) -> shop.Ports:
    catalog = definitions()
    shop.load(duckdb_engine, catalog, ROWS)
    return shop.Ports(tmp_path, duckdb_engine, registry, catalog)


def read(ports: shop.Ports, at: datetime) -> contracts.Contracts:
    model, catalog = ports.definitions.model("leaving"), ports.definitions
    plan = contracts.plans(model, catalog, ports.engine.dialect, at, learning=False)["rows"]
    found = ports.engine.query(plan)
    return contracts.Contracts.of(found, model, contracts.types_of(model, catalog), at, found)


def learned(ports: shop.Ports, kept: dict[str, Any] = {}) -> dict[str, Any]:  # noqa: B006  (learned once for all)
    """What a model keeps that has learned from all rows."""
    if not kept:
        work = Work(ports.engine, ports.definitions.model("leaving"), ports.definitions, END)
        kept |= json.loads(learn(work).artifact_bytes())
    return kept


def test_a_contract_that_is_renewed_or_ends_for_another_reason_is_not_left(ports: shop.Ports) -> None:
    known = read(ports, END)
    wanted = sorted((r["customer"], r["ts"], left_by_hand(r, ROWS["contracts"])) for r in ROWS["contracts"])
    assert [bool(one) for one in known.left] == [left for _, _, left in wanted]
    assert 100 < known.left.sum() < sum(r["until"] is not None for r in ROWS["contracts"])
    # Of two contracts at once, the one that ends first is not left; of two that end together, both are.
    at = END - timedelta(days=300)
    pair = [
        {"customer": 1, "no": i, "plan": "monthly", "fee": 10.0, "ts": at, "reason": "price"}
        | {"until": at + timedelta(days=days)}
        for i, days in enumerate((30, 50, 50))
    ]
    shop.load(ports.engine, ports.definitions, {"contracts": pair})
    assert read(ports, END).left.tolist() == [False, True, True]


def test_leaving_is_a_tag_and_holds_what_it_foretold(ports: shop.Ports) -> None:
    (done,) = models.train(ports)
    assert (done["status"], done["promoted"]) == ("trained", True), done
    card = models.model_card(ports, "leaving")
    check = card["metrics"]["check"]
    cut = END - timedelta(days=74)
    under_way = [r for r in ROWS["contracts"] if r["ts"] < cut and (r["until"] is None or r["until"] >= cut)]
    gone = [left_by_hand(r, ROWS["contracts"]) and r["until"] < cut + timedelta(days=60) for r in under_way]
    assert (check["contracts"], check["left"]) == (len(under_way), sum(gone))
    assert check["predicted"] == pytest.approx(sum(gone), rel=0.25)
    assert check["auc"]["estimate"] > 0.6
    assert check["auc"]["estimate"] > check["auc_of_time"]["estimate"]
    shares = {one["value"]: one["left"]["estimate"] for one in check["by_value"] if one["column"] == "plan"}
    assert shares["monthly"] > 2 * shares["yearly"]
    assert "were foretold to be left" in card["metrics"]["sentence"]["en"]

    told = {row["id"]: row for row in ports.engine.query("select * from model_leaving").to_pylist()}
    now = [r for r in ROWS["contracts"] if r["until"] is None]
    assert set(told) == {r["customer"] for r in now}
    plan = {r["customer"]: r["plan"] for r in now}
    by_plan = {
        kind: [np.mean([told[who][name] for who in told if plan[who] == kind]) for name in ("chance", "remaining")]
        for kind in ("monthly", "yearly")
    }
    # As they were made: 0.9 × 2/3 of those who end leave, at rates of 1/150 and 1/450 a day.
    assert by_plan["monthly"][0] == pytest.approx(1 - np.exp(-60 * 0.6 / 150), abs=0.06)
    assert by_plan["yearly"][0] == pytest.approx(1 - np.exp(-60 * 0.6 / 450), abs=0.03)
    assert by_plan["monthly"][1] < by_plan["yearly"][1] < card["metrics"]["longest_days"]


def test_what_comes_later_changes_nothing_that_was_learned(ports: shop.Ports) -> None:
    model = ports.definitions.model("leaving")
    at = END - timedelta(days=200)
    learned = learn(Work(ports.engine, model, ports.definitions, at))
    later = [
        r | ({"until": END + timedelta(days=999), "reason": "moved"} if r["until"] and r["until"] >= at else {})
        for r in ROWS["contracts"]
        if r["ts"] < at
    ]
    shop.load(ports.engine, ports.definitions, {"contracts": later})
    again = learn(Work(ports.engine, model, ports.definitions, at))
    assert again.artifact_bytes() == learned.artifact_bytes()
    assert again.metrics["check"] == learned.metrics["check"]


@pytest.mark.slow
@pytest.mark.spark
def test_spark_says_of_contracts_what_duckdb_says(ports: shop.Ports, spark_engine: Engine) -> None:
    shop.load(spark_engine, ports.definitions, ROWS)
    model, at = ports.definitions.model("leaving"), END - timedelta(days=100)
    learned = [learn(Work(engine, model, ports.definitions, at)) for engine in (ports.engine, spark_engine)]
    assert learned[0].artifact_bytes() == learned[1].artifact_bytes()
    said = []
    for engine in (ports.engine, spark_engine):
        write_scores(Work(engine, model, ports.definitions, END), json.loads(learned[0].artifact_bytes()))
        said.append(engine.query("select * from model_leaving order by id").to_pylist())
    assert said[0] == said[1]
    assert len(said[0]) > 300


def test_of_several_contracts_the_one_at_risk_counts(ports: shop.Ports) -> None:
    kept, at = learned(ports), END - timedelta(days=100)
    both = [
        {"customer": customer, "no": 10 * customer + i, "plan": plan, "fee": 30.0, "ts": at, "until": None}
        | {"reason": None}
        for customer, plans in ((1, ("yearly", "monthly")), (2, ("monthly",)), (3, ("yearly",)))
        for i, plan in enumerate(plans)
    ]
    shop.load(ports.engine, ports.definitions, {"contracts": both})
    work = Work(ports.engine, ports.definitions.model("leaving"), ports.definitions, END)
    assert write_scores(work, kept)[0] == 3
    told = {
        r["id"]: (r["chance"], r["remaining"]) for r in ports.engine.query("select * from model_leaving").to_pylist()
    }
    assert told[1] == told[2]
    assert told[2][0] > told[3][0]


def test_refusals_say_what_to_do(ports: shop.Ports) -> None:
    for old, new, message in (
        (", end: finish", "", "has no end"),
        ("columns: [plan, fee]\nleft", "left", "needs `columns`"),
        ("grace_days: 14", "grace_days: -1", "`grace_days` is 0 to"),
        ("reason <> 'moved'", "reasons <> 'moved'", "reasons"),
    ):
        with pytest.raises((InvalidDefinition, LookupError), match=message):
            definitions(WORLD.replace(old, new))
    with pytest.raises(InvalidInput, match="No contract of 'contract' had begun"):
        learn(Work(ports.engine, ports.definitions.model("leaving"), ports.definitions, BEGIN - timedelta(days=1)))
    other = definitions(WORLD.replace("[plan, fee]", "[plan]"))
    with pytest.raises(InvalidInput, match="learned from plan, fee"):
        write_scores(Work(ports.engine, other.model("leaving"), other, END), learned(ports))


def test_too_few_leavers_are_not_taken_for_a_proof(ports: shop.Ports) -> None:
    few = [r for r in ROWS["contracts"] if r["until"] is None or r["until"] < END - timedelta(days=90)]
    shop.load(ports.engine, ports.definitions, {"contracts": few})
    (done,) = models.train(ports)
    assert not done["promoted"]
    assert "too few to check it" in done["reason"]["en"]
