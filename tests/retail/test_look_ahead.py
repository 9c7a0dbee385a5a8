"""Nothing that happens at or after the instant can be seen: scrambling it changes no tag."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gongbi.core.compiler import compile_members
from gongbi.engine.duckdb import DuckDBEngine
from gongbi.testing.comparing import column, differences

from .journey import DATED, DESCRIBED, catalog, load, raw, request, sample, trips_of

INSTANTS = st.datetimes(datetime(2017, 1, 5), datetime(2018, 1, 1, 6))  # noqa: DTZ001 - the tables hold naive UTC


def scrambled(rows: pa.Table, as_of: datetime, seed: int, *, keyed: str | None) -> pa.Table:
    """What was before `as_of` as it was; what came after shuffled among columns, half gone, strangers added."""
    with raw() as connection:
        connection.register("given", rows)
        connection.execute(f"select setseed({seed / 1000})").fetchall()
        names = [n for n in rows.column_names if n not in ("ts", keyed)]
        late = f"ts >= timestamp '{as_of.isoformat(sep=' ')}'"
        pools = ", ".join(f"list({n} order by random()) as {n}" for n in names)
        mixed = ", ".join(f"unnest({n}) as {n}" for n in names)
        key = f", -row_number() over () as {keyed}" if keyed else ""
        text = f"""
        with late as (select {pools}, list(ts order by random()) as ts from given where {late}),
        mixed as (select {mixed}, unnest(ts) as ts from late),
        moved as (
            select *{key} from (
                select * from mixed where random() < 0.5
                union all by name
                select * exclude ({f"ts, {keyed}" if keyed else "ts"}) replace (customer + 5000 as customer),
                    timestamp '{as_of.isoformat(sep=" ")}' + to_microseconds((random() * 1e13)::bigint) as ts
                from given where random() < 0.3
                union all by name
                select * exclude ({f"ts, {keyed}" if keyed else "ts"}),
                    timestamp '{as_of.isoformat(sep=" ")}' as ts
                from given where random() < 0.1
            )
        )
        select * from given where not {late} union all by name select * from moved"""
        return connection.sql(text).to_arrow_table()


def portraits(engine: DuckDBEngine, rows: dict[str, pa.Table], as_of: datetime) -> dict[str, pa.Table]:
    load(engine, {**rows, "trips": trips_of(rows["transactions"])})
    instant = as_of.replace(tzinfo=UTC)
    plans = {s: compile_members(request(s, instant), catalog().world, engine.dialect) for s in DESCRIBED}
    return {s: engine.query(plan) for s, plan in plans.items()}


def changes(found: dict[str, pa.Table], expected: dict[str, pa.Table]) -> dict[str, Any]:
    """Tag → members whose value differs (doubles by more than the order of a sum can make)."""
    wrong = {
        name: differences(column(found[subject], name), column(expected[subject], name))
        for subject in DESCRIBED
        for name in found[subject].schema.names
    }
    return {name: differing for name, differing in wrong.items() if differing}


@settings(max_examples=6, suppress_health_check=list(HealthCheck))
@given(as_of=INSTANTS, seed=st.integers(0, 999), whole=st.booleans())
def test_scrambling_what_comes_after_the_instant_changes_no_tag(as_of: datetime, seed: int, whole: bool) -> None:
    rows = sample()
    if whole:
        # An instant at which something happens: that row is already after it.
        as_of = rows["transactions"]["ts"][seed].as_py()
    changed = dict(rows)
    for name in DATED:
        keyed = "basket" if name == "transactions" else None
        changed[name] = scrambled(rows[name], as_of, seed, keyed=keyed)
    before = sum(pc.sum(pc.less(rows[n]["ts"], as_of)).as_py() or 0 for n in DATED)
    assert before == sum(pc.sum(pc.less(changed[n]["ts"], as_of)).as_py() or 0 for n in DATED)
    engine = DuckDBEngine(None, threads=2)
    try:
        assert not changes(portraits(engine, changed, as_of), portraits(engine, rows, as_of))
    finally:
        engine.close()


def test_the_scramble_is_seen_by_a_later_instant() -> None:
    """The test above would notice: the same scramble does change tags as of a month later."""
    rows = sample()
    as_of = datetime(2017, 7, 1)  # noqa: DTZ001
    changed = dict(rows) | {"transactions": scrambled(rows["transactions"], as_of, 7, keyed="basket")}
    engine = DuckDBEngine(None, threads=2)
    try:
        later = as_of + timedelta(days=30)
        assert changes(portraits(engine, changed, later), portraits(engine, rows, later))
    finally:
        engine.close()
