"""Complete Journey with a history: attributes and relations that change, and trips that take their time.

The data describe households and products once, and stamp all lines of a basket with one moment. Here everything that
can bear a date bears one, so that a test can change all that comes after an instant, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import cache

import pyarrow as pa

from gongbi.catalog.base import TimeMap
from gongbi.catalog.catalog import Catalog, assemble
from gongbi.catalog.yaml import read_definitions

from .journey import DATA, DATED, DEFINITIONS, ZONE, raw, sample

#: Sources of attributes and relations; their rows have `valid_from` and `valid_to`.
VALID = ("demographics", "products", "campaign_descriptions", "coupons")

_HISTORY = """
with shuffled as (
    select *, row_number() over (order by hash(id, {seed})) as n, count(*) over () as many from given
),
versions as (
    select a.id, {columns}, v.v, timestamp '2017-01-01' + to_seconds(hash(a.id, v.v, {seed}) % 31000000) as since
    from shuffled a cross join (values (0), (1), (2)) v(v)
    join shuffled b on b.n = (a.n - 1 + v.v) % a.many + 1
)
select * exclude (v, since), case when v > 0 then since end as valid_from,
    case when hash(id, v, 7) % 3 > 0 then lead(since) over (partition by id order by v > 0, since) end as valid_to
from versions
order by all
"""
_COUPONS = """
select coupon_upc as from_id, product_id as to_id, start_date::timestamp as valid_from,
    end_date::timestamp + interval 1 day as valid_to, campaign_id as campaign
from '{data}/coupons.parquet' join '{data}/campaign_descriptions.parquet' using (campaign_id)
where hash(product_id) % 20 = 0
order by all limit 1500
"""
#: Lines of a basket follow each other for an hour and a half.
_LINES = "select * replace (ts + to_seconds((hash(product, basket) % 5400)::bigint) as ts) from given order by all"


@cache
def dated_catalog() -> Catalog:
    """What the demo ships, with validity for every description."""
    found = []
    for definition in read_definitions(DEFINITIONS):
        if getattr(definition, "source", None) in VALID and definition.valid_from is None:
            validity = {name: TimeMap(column=name) for name in ("valid_from", "valid_to")}
            definition = replace(definition, **validity)
        found.append(definition)
    return assemble(found, zone=ZONE)


@cache
def dated_sample(seed: int = 0) -> dict[str, pa.Table]:
    """The sample with three versions of every description, the first without a beginning; trips are not in it."""
    found = {name: rows for name, rows in sample().items() if name != "trips"}
    with raw() as connection:
        for name in VALID[:3]:
            given = connection.register("given", found[name]).sql("select * from given")
            columns = ", ".join(f"b.{c}" for c in given.columns if c not in ("id", "customer"))
            found[name] = connection.sql(_HISTORY.format(seed=seed, columns=columns)).to_arrow_table()
        found["coupons"] = connection.sql(_COUPONS.format(data=DATA)).to_arrow_table()
    found["transactions"] = taking_time(found["transactions"])
    return found


def taking_time(lines: pa.Table) -> pa.Table:
    """Purchase lines with the lines of a basket at moments of their own."""
    with raw() as connection:
        connection.register("given", lines)
        return connection.sql(_LINES).to_arrow_table()


def scrambled(rows: Mapping[str, pa.Table], as_of: datetime, seed: int) -> dict[str, pa.Table]:
    """What was known before the instant as it was, and everything later changed; `as_of` is naive UTC."""
    facts = {name: scrambled_fact(rows[name], as_of, seed) for name in DATED}
    return {**rows, **facts, **{name: scrambled_validity(rows[name], as_of, seed) for name in VALID}}


def scrambled_fact(rows: pa.Table, as_of: datetime, seed: int) -> pa.Table:
    """Rows from the instant on shuffled among columns, half of them gone, strangers added.

    Shuffled and added rows keep the baskets of others, so a trip that began before the instant goes on otherwise.
    """
    now = f"timestamp '{as_of.isoformat(sep=' ')}'"
    names = [n for n in rows.column_names if n != "ts"]
    pools = ", ".join(f"list({n} order by random()) as {n}" for n in names)
    mixed = ", ".join(f"unnest({n}) as {n}" for n in names)
    basket = ", basket + (random() * 2)::bigint as basket" if "basket" in names else ""
    stranger = "basket, customer" if basket else "customer"
    text = f"""
    with late as (select {pools}, list(ts order by random()) as ts from given where ts >= {now}),
    mixed as (select {mixed}, unnest(ts) as ts from late)
    select * from given where ts < {now}
    union all by name
    select * from mixed where random() < 0.5
    union all by name
    select * exclude (ts, {stranger}) {basket}, customer + 5000 as customer,
        {now} + to_microseconds((random() * 1e13)::bigint) as ts
    from given where random() < 0.3
    union all by name
    select * replace ({now} as ts) from given where random() < 0.1"""
    return _told(rows, text, seed)


def scrambled_validity(rows: pa.Table, as_of: datetime, seed: int) -> pa.Table:
    """Versions that begin at the instant or later changed, dropped and added; ends that lie ahead moved.

    What has no beginning was always known: it stays, since no instant says that it came later.
    """
    now = f"timestamp '{as_of.isoformat(sep=' ')}'"
    ids = [n for n in rows.column_names if n in ("id", "customer", "from_id", "to_id")]
    moved = f"case when random() < 0.5 then {now} + to_seconds((random() * 1e7)::bigint) end"
    bounds = "valid_from, valid_to"
    strangers = ", ".join(f"{n} + 90000000 as {n}" for n in ids)
    text = f"""
    select * replace (case when valid_to is null or valid_to >= {now} then {moved} else valid_to end as valid_to)
    from given where valid_from is null or valid_from < {now}
    union all by name
    select * replace ({moved} as valid_to) from given where valid_from >= {now} and random() < 0.5
    union all by name
    select * exclude ({bounds}), {now} + to_seconds((random() * random() * 1e7)::bigint) as valid_from,
        null::timestamp as valid_to from given where random() < 0.4
    union all by name
    select * exclude ({bounds}), {now} as valid_from, null::timestamp as valid_to from given where random() < 0.2
    union all by name
    select * exclude ({bounds}, {", ".join(ids)}), {strangers}, {now} as valid_from, null::timestamp as valid_to
    from given where random() < 0.2"""
    return _told(rows, text, seed)


def _told(rows: pa.Table, text: str, seed: int) -> pa.Table:
    with raw() as connection:
        connection.register("given", rows)
        connection.execute("set threads = 1")
        connection.execute(f"select setseed({seed / 1000})").fetchall()
        return connection.sql(text).select(*rows.column_names).to_arrow_table()
