"""An inferred trait: right as often as it says, never over what was declared, never a sensitive one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shop

from gongbi.catalog.catalog import assemble
from gongbi.catalog.yaml import read_text
from gongbi.engine import Engine
from gongbi.errors import Refused, WrongType
from gongbi.services import models
from gongbi.store import Store

HOME = """
---
source: homes
from: {file: homes.csv}
attributes: customer
key: [customer]
id: customer
columns: {home: text, faith: {type: text, pii: sensitive}}
---
tag: person.home
expr: customer.home
---
tag: visits.home
expr: if(customer.home = 'big', 1, 0)
---
model: home
estimator: trait
trait: customer.home
limit: 0.75
features: [visits.*, spend.*]
"""


def world(text: str = HOME):  # type: ignore[no-untyped-def]
    return assemble(read_text(shop.SUBJECTS_AND_SOURCES + text.lstrip()), zone=shop.ZONE)


def homes(rows: shop.Rows, n: int, seed: int = 0) -> dict[int, str | None]:
    """Who visits often mostly has a big home; four in ten say nothing of it."""
    rng = np.random.default_rng(seed)
    count = np.bincount([row["customer"] for row in rows["visits"]], minlength=n + 1)[1:]
    big = rng.random(n) < np.where(count > np.median(count), 0.92, 0.08)
    told = rng.random(n) < 0.6
    return {i + 1: ("big" if big[i] else "small") if told[i] else None for i in range(n)}


def test_a_trait_is_inferred_of_those_who_did_not_declare_it(
    tmp_path: Path, registry: Store, duckdb_engine: Engine
) -> None:
    rows, catalog = shop.shop(900, seed=3), world()
    declared = homes(rows, 900)
    rows["homes"] = [{"id": i, "home": home, "faith": "x"} for i, home in declared.items()]
    shop.load(duckdb_engine, catalog, rows)
    ports = shop.Ports(tmp_path, duckdb_engine, registry, catalog)
    (done,) = models.train(ports)
    assert (done["status"], done["promoted"]) == ("trained", True), done
    metrics = models.model_card(ports, "home")["metrics"]
    # What rests on the trait itself is not learned from.
    assert set(metrics["features"]) == {
        "visits.count",
        "visits.score",
        "visits.last",
        "visits.recent",
        "spend.mean",
        "spend.shelf",
    }
    check = metrics["check"]
    assert check["accuracy"]["low"] > check["accuracy_of_commonest"]["high"]
    # Nobody is inferred with more confidence than it is right.
    assert 0.75 < check["confidence"] < check["accuracy"]["high"]
    for row in duckdb_engine.query("select * from model_home").to_pylist():
        if declared[row["id"]] is not None:
            assert (row["value"], row["confidence"], row["method"]) == (declared[row["id"]], 1.0, "declared")
        elif row["method"] == "inferred":
            assert row["value"] in ("big", "small")
            assert row["confidence"] >= 0.75
        else:
            assert (row["method"], row["value"]) == ("unknown", None)
            assert row["confidence"] < 0.75


def test_sensitive_traits_and_numbers_are_refused(tmp_path: Path, registry: Store, duckdb_engine: Engine) -> None:
    with pytest.raises(Refused, match="sensitive trait"):
        world(HOME.replace("model: home", "model: religion"))
    with pytest.raises(WrongType, match="must be a text"):
        world(HOME.replace("trait: customer.home", "trait: count(visit)"))
    # By the mark on the column, whatever it is called.
    catalog = world(HOME.replace("home: text, faith:", "home: {type: text, pii: sensitive}, faith:"))
    rows = shop.shop(60)
    rows["homes"] = [{"id": 1, "home": "big", "faith": "x"}]
    shop.load(duckdb_engine, catalog, rows)
    with pytest.raises(Refused, match="sensitive trait"):
        models.train(shop.Ports(tmp_path, duckdb_engine, registry, catalog), "home")
