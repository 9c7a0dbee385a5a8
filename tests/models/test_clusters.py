"""Clusters are kept and versioned like other models; their tag is a tag like others, and assigns at any instant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import shop

from gongbi.engine import Engine
from gongbi.errors import InvalidDefinition, InvalidInput, NotYet
from gongbi.services import models
from gongbi.store import Store
from gongbi.testing.engine import on_every_engine

KINDS = """
model: kinds
estimator: clusters
features: [visits.count, visits.recent, spend.*]
fewest: 2
most: 3
"""
ROWS = shop.shop(200)


@pytest.fixture
def ports(tmp_path: Path, registry: Store, duckdb_engine: Engine) -> shop.Ports:
    catalog = shop.definitions(models=KINDS)
    shop.load(duckdb_engine, catalog, ROWS)
    return shop.Ports(tmp_path, duckdb_engine, registry, catalog)


def assigned(ports: shop.Ports, as_of: str | None = None) -> dict[int, int]:
    table = models.assign_clusters(ports, "kinds", as_of)["table"]
    return dict(zip(table["id"].to_pylist(), table["cluster"].to_pylist(), strict=True))


@pytest.mark.slow_on_spark
@pytest.mark.timeout(900)
@on_every_engine()
def test_everybody_is_in_a_cluster_and_the_reason_for_their_number_is_on_record(
    engine: Engine, tmp_path: Path, registry: Store
) -> None:
    catalog = shop.definitions(models=KINDS)
    shop.load(engine, catalog, ROWS)
    ports = shop.Ports(tmp_path, engine, registry, catalog)
    (done,) = models.train(ports)
    assert done["scored"] == 200
    rows = engine.query("select id, cluster, clarity from model_kinds order by id").to_pylist()
    sizes = {one["cluster"]: one["members"] for one in models.model_card(ports, "kinds")["metrics"]["clusters"]}
    assert {c: sum(row["cluster"] == c for row in rows) for c in sizes} == sizes
    assert sizes[1] >= sizes[2]
    assert all(0 <= row["clarity"] <= 1 for row in rows)
    assert str(done["headline"]["clusters"]) in done["sentence"]["zh"]
    assert catalog.world.tags_of("customer")["cluster.kinds"].name == "integer"


def test_kept_clusters_file_members_as_of_any_instant_and_the_tag_stays(ports: shop.Ports) -> None:
    models.train(ports)
    now = {row["id"]: row["cluster"] for row in ports.engine.query("select * from model_kinds").to_pylist()}
    assert assigned(ports) == now
    before = assigned(ports, "2024-03-01")
    assert before
    assert before != {member: now[member] for member in before}
    assert assigned(ports) == now
    assert models.train(ports)[0]["status"] == "skipped"


def test_what_cannot_be_clustered_is_refused_with_the_reason(ports: shop.Ports) -> None:
    with pytest.raises(NotYet, match="was not trained"):
        models.assign_clusters(ports, "kinds")
    ports.definitions = shop.definitions(models=f'{KINDS}\nscore: "customer.id < 10"\n')
    with pytest.raises(InvalidInput, match="9 members are too few"):
        models.train(ports, "kinds")
    ports.definitions = shop.definitions()
    with pytest.raises(InvalidInput, match="makes no clusters"):
        models.assign_clusters(ports, "buying")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (KINDS.replace("features: [visits.count, visits.recent, spend.*]", ""), "needs `features`"),
        (KINDS.replace("most: 3", "most: 1"), "`fewest` and `most`"),
        (KINDS + "---\ntag: t.x\nexpr: tag.cluster.kinds + 1\n", "uses the prediction 'cluster.kinds'"),
    ],
)
def test_a_definition_that_makes_no_sense_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidDefinition, match=said):
        shop.definitions(models=text)


def test_groups_compare_the_shares_of_each_cluster(gongbi: Any, shop: Path) -> None:
    from gongbi.testing.shop import open_for_half_a_year

    open_for_half_a_year(shop)
    (shop / "definitions/learning.yaml").write_text(
        "model: kinds\nestimator: clusters\nfeatures: [spend.*]\nfewest: 3\nmost: 3\n", "utf-8"
    )
    for verb in ("apply", "ingest", "build", "train"):
        assert gongbi(verb).returncode in (0, 2 if verb == "ingest" else 0)
    import gongbi as package

    with package.open(shop) as ws:
        rows = ws.segment("tag.cluster.kinds = 1").insight(min_support=0)
        mine = {row["label"]: row for row in rows if row["tag"] == "cluster.kinds"}
        assert mine["1"]["share"] == 1
        assert mine["1"]["support"] == ws.segment("tag.cluster.kinds = 1").count()
        assert ws.segment("tag.cluster.kinds in (1, 2, 3)").count() == ws.segment("true").count()
