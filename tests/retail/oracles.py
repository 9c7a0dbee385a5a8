"""What tags and segments must be, in hand-written DuckDB SQL over the package's Parquet files.

Nothing here uses the platform: own views, own time zone, own formulas (another one than the platform's where there is
another). Each query gives (id, value); a member without a row has the value of `Oracle.empty`.
"""

# ruff: noqa: E501, ISC004 - the queries are easier to read in long lines
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb


@dataclass(frozen=True, slots=True)
class Oracle:
    """Hand-written SQL for one tag, and its value where the SQL has no row."""

    sql: str
    empty: Any = None


#: {as_of} is a naive UTC instant; day ends and weeks are those of New York.
_TABLES = """
create temp table lines as
select household_id as customer, store_id as store, basket_id as basket, product_id as product, quantity,
    sales_value::decimal(18, 2) as paid, retail_disc::decimal(18, 2) as card, coupon_disc::decimal(18, 2) as coupon,
    coupon_match_disc::decimal(18, 2) as matched, transaction_timestamp as ts,
    timezone('America/New_York', timezone('UTC', transaction_timestamp)) as clock, week,
    department, product_category as category, product_type as type, brand, manufacturer_id as maker,
    coalesce(product_type = 'GASOLINE-REG UNLEADED', false) as is_fuel
from '{data}/transactions.parquet' left join '{data}/products.parquet' using (product_id)
where transaction_timestamp < timestamp '{as_of}';
create temp table baskets as
select basket, any_value(customer) as customer, any_value(store) as store, any_value(ts) as ts, any_value(clock) as clock,
    sum(paid) as paid, count(distinct product) as products, bool_or(coupon > 0) as with_coupon,
    sum(card + coupon + matched) as saved
from lines group by basket;
create temp table days as select distinct customer, clock::date as day from baskets;
create temp table people as select * from '{data}/demographics.parquet';
create temp table received as
select household_id as customer, campaign_id as campaign, campaign_type as kind, start_date::date as day
from '{data}/campaigns.parquet' join '{data}/campaign_descriptions.parquet' using (campaign_id)
where timezone('America/New_York', start_date::timestamp + interval 1 day) at time zone 'UTC' <= timestamp '{as_of}';
create temp table redeemed as
select household_id as customer, campaign_id as campaign, campaign_type as kind, redemption_date::date as day
from '{data}/coupon_redemptions.parquet' join '{data}/campaign_descriptions.parquet' using (campaign_id)
where timezone('America/New_York', redemption_date::timestamp + interval 1 day) at time zone 'UTC' <= timestamp '{as_of}';
create temp table customers as
select household_id as id from '{data}/demographics.parquet' union select customer from lines
union select customer from received union select customer from redeemed;
create temp table products as select product_id as id from '{data}/products.parquet' union select product from lines;
create temp table stores as select distinct store as id from lines;
create temp table promoted as
select product_id as product, store_id as store, week, max((display_location <> '0')::int) as display, max((mailer_location <> '0')::int) as mailer
from '{data}/promotions.parquet'
semi join '{data}/transactions.parquet' using (product_id, store_id, week) group by all;
create macro as_of() as timestamp '{as_of}';
create macro quintile(below, everybody) as 1 + (5 * below) // everybody;
"""


def prepare(connection: duckdb.DuckDBPyConnection, data: Path, as_of: datetime) -> None:
    """Make the tables that the oracles read, as of an instant."""
    connection.execute(_TABLES.format(data=data, as_of=as_of.replace(tzinfo=None).isoformat(sep=" ")))


def _scored(values: str) -> str:
    """Quintile by the share of members with a smaller value; `values` gives (id, x)."""
    return f"""
    with v as ({values}), c as (select x, count(*) as n from v where x is not null group by x),
    below as (select a.x, coalesce(sum(b.n), 0) as smaller from c a left join c b on b.x < a.x group by a.x)
    select id, quintile(smaller, (select sum(n) from c))::bigint from v join below using (x)"""


_RFM = {
    "rfm.recency": _scored("select customer as id, max(ts) as x from baskets group by 1"),
    "rfm.frequency": _scored(
        "select id, count(basket) as x from customers left join baskets on customer = id"
        " and ts >= as_of() - interval 365 day group by 1"
    ),
    "rfm.monetary": _scored(
        "select customer as id, sum(paid) as x from lines where ts >= as_of() - interval 365 day group by 1"
    ),
}

_LIFE_STAGE = """
select household_id, case
    when age in ('19-24', '25-34') then if(kids_count = '0', 'young_free', 'young_family')
    when age in ('35-44', '45-54') then if(kids_count = '0', 'midlife_free', 'family')
    else if(kids_count = '0', 'empty_nest', 'late_family') end
from people where kids_count is not null and age is not null"""


def _favourite(value: str, weight: str = "count(*)", where: str = "true", table: str = "baskets") -> str:
    return f"""
    with n as (select customer, {value} as v, {weight} as w from {table} where {value} is not null and {where} group by all),
    placed as (select *, row_number() over (partition by customer order by w desc, v) as place from n)
    select customer, v from placed where place = 1"""


def _lasting(what: str) -> str:
    return f"""
    select customer, true from lines where {what} and ts >= as_of() - interval 180 day
    group by customer having count(*) >= 3 and max(clock::date) - min(clock::date) >= 14"""


_MIDDLE = """
select customer, avg(paid::double) from (
    select customer, paid, row_number() over (partition by customer order by paid) as i, count(*) over (partition by customer) as n
    from baskets
) where i in ((n + 1) // 2, (n + 2) // 2) group by customer"""

_GAPS = """
with gaps as (select customer, day - lag(day) over (partition by customer order by day) as gap from days)
select customer, {} from gaps where gap is not null group by customer having count(*) >= {}"""

_ENTROPY = """
with n as (select customer as id, {key} as k, ({weight})::double as w from {table} where {key} is not null group by all),
p as (select id, w / sum(w) over (partition by id) as p from n where w > 0)
select id, -sum(p * ln(p)) from p group by id"""

_WINDOWS = """
select customer,
    coalesce(sum(paid) filter (where ts >= as_of() - interval 56 day), 0) as late,
    coalesce(sum(paid) filter (where ts >= as_of() - interval 112 day and ts < as_of() - interval 56 day), 0) as early
from lines group by customer"""

CUSTOMER: Mapping[str, Oracle] = {
    **{name: Oracle(sql) for name, sql in _RFM.items()},
    "person.age_band": Oracle("select household_id, age from people"),
    "person.income_level": Oracle(
        "select household_id, case when regexp_matches(income, '^(Under|15-|25-)') then 'low'"
        " when regexp_matches(income, '^(35|50|75)-') then 'middle' else 'high' end from people where income is not null"
    ),
    "person.is_declared": Oracle("select household_id, true from people where age is not null", False),
    "household.size": Oracle("select household_id, replace(household_size, '+', '')::bigint from people"),
    "household.has_kids": Oracle("select household_id, kids_count <> '0' from people where kids_count is not null"),
    "household.life_stage": Oracle(_LIFE_STAGE),
    "relation.first_purchase_date": Oracle("select customer, min(clock::date) from lines group by 1"),
    "relation.first_purchase_month": Oracle(
        "select customer, make_date(year(min(clock)), month(min(clock)), 1) from lines group by 1"
    ),
    "relation.tenure_days": Oracle(
        "select customer, floor(extract(epoch from as_of() - min(ts)) / 86400)::bigint from lines group by 1"
    ),
    "relation.first_store": Oracle(
        "select customer, min(store) from baskets b where ts = (select min(ts) from baskets where customer = b.customer) group by 1"
    ),
    "relation.first_department": Oracle(
        "with first as (select customer, min(ts) as ts from lines where department is not null group by 1)"
        " select customer, min(department) from lines semi join first using (customer, ts) group by 1"
    ),
    "value.spend": Oracle("select customer, sum(paid) from lines group by 1"),
    "value.spend_28d": Oracle(
        "select customer, sum(paid) from lines where ts >= as_of() - interval 28 day group by 1", 0
    ),
    "value.trips": Oracle("select customer, count(distinct basket) from lines group by 1", 0),
    "value.trips_per_week": Oracle(
        "select customer, count(*)::double / count(distinct date_trunc('week', clock)) from baskets group by 1"
    ),
    "value.spend_share": Oracle(
        "select customer, sum(paid)::double / (select sum(paid)::double from lines) from lines group by 1"
    ),
    "value.percentile": Oracle(
        "with v as (select customer, sum(paid) as x from lines group by 1),"
        " c as (select x, count(*) as n from v group by x), b as (select a.x, coalesce(sum(b.n), 0) as s from c a left join c b"
        " on b.x < a.x group by 1) select customer, s::double / ((select count(*) from v) - 1) from v join b using (x)"
    ),
    "basket.value_avg": Oracle("select customer, sum(paid)::double / count(distinct basket) from lines group by 1"),
    "basket.value_median": Oracle(_MIDDLE),
    "basket.value_max": Oracle("select customer, max(paid) from baskets group by 1"),
    "basket.value_stddev": Oracle(
        "select customer, sqrt(sum((paid::double - m) ** 2) / (count(*) - 1)) from baskets join"
        " (select customer, avg(paid::double) as m from baskets group by 1) using (customer) group by 1 having count(*) > 1"
    ),
    "basket.products_avg": Oracle("select customer, sum(products)::double / count(*) from baskets group by 1"),
    "basket.large_share": Oracle("select customer, avg((paid >= 100)::int::double) from baskets group by 1"),
    "promotion.discount": Oracle("select customer, sum(card) + sum(coupon) + sum(matched) from lines group by 1"),
    "promotion.discount_rate": Oracle(
        "select customer, sum(card + coupon + matched)::double / nullif(sum(paid + card + matched), 0)::double"
        " from lines group by 1"
    ),
    "promotion.deal_share": Oracle(
        "select customer, sum(if(card > 0, paid, 0))::double / nullif(sum(paid), 0)::double from lines group by 1"
    ),
    "promotion.coupon_trips": Oracle("select customer, count(distinct basket) from lines where coupon > 0 group by 1", 0),
    "promotion.coupon_value": Oracle("select customer, sum(coupon + matched) from lines group by 1", 0),
    "promotion.display_share": Oracle(
        "select customer, sum(if(display = 1, paid, 0))::double / nullif(sum(paid), 0)::double"
        " from lines left join promoted using (product, store, week) group by 1"
    ),
    "promotion.mailer_share": Oracle(
        "select customer, sum(if(mailer = 1, paid, 0))::double / nullif(sum(paid), 0)::double"
        " from lines left join promoted using (product, store, week) group by 1"
    ),
    "brand.private_share": Oracle(
        "select customer, sum(if(brand = 'Private', paid, 0))::double / nullif(sum(paid), 0)::double"
        " from lines where brand is not null and not is_fuel group by 1"
    ),
    "brand.makers": Oracle("select customer, count(distinct maker) from lines where maker is not null group by 1", 0),
    "brand.favourite_maker": Oracle(_favourite("maker", "sum(paid)", "brand = 'National'", "lines")),
    "price.per_unit": Oracle(
        "select customer, sum(paid)::double / nullif(sum(quantity), 0) from lines where not is_fuel group by 1"
    ),
    "category.favourite_department": Oracle(_favourite("department", "sum(paid)", table="lines")),
    "category.favourite": Oracle(_favourite("category", where="category <> 'COUPON/MISC ITEMS'", table="lines")),
    "category.diversity": Oracle(_ENTROPY.format(key="category", weight="sum(paid)", table="lines")),
    "category.breadth": Oracle("select customer, count(*) from (select distinct customer, category from lines"
                               " where category is not null) group by 1", 0),
    "interest.fresh_share": Oracle(
        "select customer, sum(if(department in ('PRODUCE', 'MEAT', 'SEAFOOD', 'SALAD BAR', 'CHEF SHOPPE'), paid, 0))::double"
        " / nullif(sum(paid), 0)::double from lines where department is not null group by 1"
    ),
    "interest.pet": Oracle(_lasting("category in ('DOG FOODS', 'CAT FOOD', 'CAT LITTER', 'PET CARE SUPPLIES')"), False),
    "interest.fuel": Oracle(_lasting("is_fuel"), False),
    "time.favourite_weekday": Oracle(_favourite("isodow(clock)")),
    "time.favourite_hour": Oracle(_favourite("hour(clock)")),
    "time.favourite_band": Oracle(
        _favourite("case when hour(clock) < 5 or hour(clock) > 20 then 'night' when hour(clock) < 11 then 'morning'"
                   " when hour(clock) < 14 then 'midday' when hour(clock) < 17 then 'afternoon' else 'evening' end")
    ),
    "time.weekend_share": Oracle(
        "select customer, count(*) filter (where dayname(clock) in ('Saturday', 'Sunday')) / count(*)::double from baskets group by 1"
    ),
    "time.hour_spread": Oracle(_ENTROPY.format(key="hour(clock)", weight="count(*)", table="baskets")),
    "rhythm.days_since_last": Oracle(
        "select customer, (epoch_us(as_of()) - epoch_us(max(ts))) // 86400000000 from lines group by 1"
    ),
    "rhythm.gap_avg": Oracle(
        "select customer, (max(day) - min(day))::double / (count(*) - 1) from days group by 1 having count(*) > 1"
    ),
    "rhythm.gap_max": Oracle(_GAPS.format("max(gap)", 1)),
    "rhythm.regularity": Oracle(_GAPS.format("stddev_samp(gap) / avg(gap)", 2)),
    "rhythm.next_expected": Oracle(
        "select customer, (max(day) + floor((max(day) - min(day))::double / (count(*) - 1) + 0.5)::integer)::date"
        " from days group by 1 having count(*) > 1"
    ),
    "trend.spend_ratio": Oracle(f"select customer, late::double / nullif(early, 0)::double from ({_WINDOWS})"),
    "trend.direction": Oracle(
        "select customer, case when early = 0 then 'started' when late = 0 then 'stopped' when late / early < 0.8 then 'falling'"
        f" when late / early > 1.25 then 'rising' else 'steady' end from ({_WINDOWS}) where late + early > 0"
    ),
    "shop.favourite_store": Oracle(_favourite("store")),
    "shop.loyalty": Oracle(
        "select customer, max(n)::double / sum(n) from (select customer, store, count(*) as n from baskets group by all) group by 1"
    ),
    "campaign.received": Oracle("select customer, count(*) from received group by 1", 0),
    "campaign.responded": Oracle("select customer, count(distinct campaign) from redeemed group by 1", 0),
    "campaign.response_rate": Oracle(
        "select r.customer, count(distinct d.campaign)::double / count(distinct r.campaign) from received r"
        " left join redeemed d using (customer) group by 1"
    ),
    "campaign.last_redeemed": Oracle("select customer, max(day) from redeemed group by 1"),
    "campaign.favourite_type": Oracle(_favourite("kind", table="redeemed")),
}  # fmt: skip

PRODUCT: Mapping[str, Oracle] = {
    "product.sales": Oracle("select product, sum(paid) from lines group by 1"),
    "product.buyers": Oracle("select product, count(distinct customer) from lines group by 1", 0),
    "product.repeat_share": Oracle(
        "select product, avg((n >= 2)::int::double) from"
        " (select product, customer, count(distinct basket) as n from lines group by all) group by 1"
    ),
    "product.sales_rank": Oracle(
        "with v as (select product, sum(paid) as x from lines group by 1), c as (select x, count(*) as n from v group by 1),"
        " above as (select x, sum(n) over (order by x desc) - n as larger from c)"
        " select product, (larger + 1)::bigint from v join above using (x)"
    ),
    "product.penetration_score": Oracle(
        "with v as (select product, count(distinct customer) as x from lines group by 1), c as (select x, count(*) as n from v group by 1),"
        " b as (select x, sum(n) over (order by x) - n as smaller from c)"
        " select product, quintile(smaller, (select count(*) from v))::bigint from v join b using (x)"
    ),
    "product.buyer_age": Oracle(
        "with n as (select product, age, count(*) as w from lines join people on household_id = customer group by all)"
        " select product, age from (select *, row_number() over (partition by product order by w desc, age) as i from n) where i = 1"
    ),
    "product.trend": Oracle(
        "select product, late::double / nullif(early, 0)::double from"
        f" ({_WINDOWS.replace('customer', 'product')})"
    ),
    "product.first_sold": Oracle("select product, min(clock)::date from lines group by 1"),
}  # fmt: skip

STORE: Mapping[str, Oracle] = {
    "store.sales": Oracle("select store, sum(paid) from lines group by 1"),
    "store.customers": Oracle("select store, count(distinct customer) from lines group by 1", 0),
    "store.repeat_share": Oracle(
        "select store, avg((n >= 2)::int::double) from"
        " (select store, customer, count(distinct basket) as n from lines group by all) group by 1"
    ),
    "store.busiest_hour": Oracle(_favourite("hour(clock)").replace("customer", "store")),
    "store.weekend_share": Oracle("select store, avg((isodow(clock) > 5)::int::double) from baskets group by 1"),
    "store.deal_share": Oracle(
        "select store, sum(if(card > 0, paid, 0))::double / nullif(sum(paid), 0)::double from lines group by 1"
    ),
    "store.top_department": Oracle(
        _favourite("department", "sum(paid)", table="lines").replace("customer", "store")
    ),
}  # fmt: skip

_TOP_FIFTH = """
(with v as (select customer, sum(paid) as x from lines group by 1)
select customer from (select customer, rank() over (order by x) - 1 as smaller, count(*) over () as n from v)
where smaller::double / (n - 1) >= 0.8)"""

#: Segment → (subject, the ids of its members).
SEGMENTS: Mapping[str, tuple[str, str]] = {
    "champions": (
        "customer",
        " intersect ".join(
            f"select id from ({sql}) t(id, s) where s >= 4" for sql in (f"select * from ({q}) q" for q in _RFM.values())
        ),
    ),
    "loyal_but_slipping": (
        "customer",
        f"select id from ({_RFM['rfm.frequency']}) t(id, s) where s >= 4 and id not in"
        " (select customer from lines where ts >= as_of() - interval 30 day)",
    ),
    "new_customers": (
        "customer",
        "select customer from lines group by 1 having as_of() - min(ts) < interval 61 day",
    ),
    "unknown_demographics": (
        "customer",
        "select id from customers anti join (select household_id as id from people where age is not null) using (id)",
    ),
    "high_value_unknown": (
        "customer",
        f"select customer from {_TOP_FIFTH} where customer not in (select household_id from people where age is not null)",
    ),
    "dormant_high_value": (
        "customer",
        f"select customer from {_TOP_FIFTH} where customer not in"
        " (select customer from lines where ts >= as_of() - interval 56 day)",
    ),
    "coupon_lovers": (
        "customer",
        "select customer from baskets group by 1 having count(*) filter (where with_coupon) >= 5"
        " and count(*) filter (where with_coupon) * 5 >= count(*)",
    ),
    "private_label_fans": (
        "customer",
        "select customer from lines group by 1 having count(distinct basket) >= 10"
        " and sum(paid) filter (where brand = 'Private' and not is_fuel)::double"
        " / nullif(sum(paid) filter (where brand is not null and not is_fuel), 0)::double >= 0.4",
    ),
    "fuel_customers": (
        "customer",
        "select customer from lines where is_fuel and ts >= as_of() - interval 90 day group by 1"
        " having count(distinct basket) >= 3",
    ),
    "received_campaign_18": ("customer", "select customer from received where campaign = 18"),
    "received_never_redeemed": (
        "customer",
        "select customer from received where customer not in (select customer from redeemed) group by 1 having count(*) >= 3",
    ),
    "rising_products": (
        # The platform divides money in doubles, so a ratio of exactly 1.5 is asked for in doubles here too.
        "product",
        f"select product from ({_WINDOWS.replace('customer', 'product')}) where late::double / nullif(early, 0)::double >= 1.5"
        " and product in (select product from lines group by 1 having count(distinct customer) >= 50)",
    ),
    "stores_with_fuel": (
        "store",
        "select store from lines group by 1 having sum(paid) filter (where is_fuel) > 0 and count(distinct basket) >= 50",
    ),
}

TAGS: Mapping[str, Mapping[str, Oracle]] = {"customer": CUSTOMER, "product": PRODUCT, "store": STORE}
