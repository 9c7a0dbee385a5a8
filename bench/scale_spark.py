"""The build of the bench at size on Spark, from the same rows as DuckDB's, compared cell by cell."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gongbi.core.compiler import Request
from gongbi.core.table import Column, Table
from gongbi.core.types import BOOLEAN, DATE, INTEGER, TEXT, TIMESTAMP, Type
from gongbi.engine.base import Engine
from gongbi.engine.spark import SparkEngine
from gongbi.services.context import Context
from gongbi.tags.run import build_tags

OURS = "bench_build"
#: Columns that are fetched and compared at a time.
AT_ONCE = 10
#: Two executors of one core each, and pieces that they can hold.
MASTER, PIECES = "local-cluster[2,1,4096]", 16


def compare(ctx: Context, root: Path, as_of: datetime) -> dict[str, Any]:
    """Time both engines and count the cells that differ; doubles may by 1e-9 relatively."""
    world, expressions = ctx.catalog().world, ctx.catalog().tags_of("customer")
    request = Request("customer", expressions, as_of, {}, single=ctx.single("customer"))
    started = time.perf_counter()
    build_tags(ctx.engine, world, request, OURS)
    duckdb = time.perf_counter() - started
    spark = SparkEngine(root, master=MASTER, shuffle_partitions=PIECES)
    try:
        tables = {"member_customer", *(fact.table for fact in world.facts.values())}
        tables |= {a.table for a in world.subject("customer").attributes.values()}
        for table in sorted(tables & set(ctx.engine.tables())):
            copy(ctx.engine, spark, table)
        started = time.perf_counter()
        members = build_tags(spark, world, request, OURS)
        seconds = time.perf_counter() - started
        wrong = different(ctx.engine, spark, list(expressions))
    finally:
        spark.close()
        ctx.engine.drop(OURS)
    if wrong:
        raise SystemExit(f"Spark gives other cells: {wrong}")
    figures = {"seconds": round(seconds, 1), "duckdb_seconds": round(duckdb, 1)}
    return {"members": members, "tags": len(expressions), "equal": True, **figures}


def copy(one: Engine, other: Engine, table: str) -> None:
    """Bring a table from one engine to the other."""
    columns = tuple(Column(name, _type(type_)) for name, type_ in one.columns(table))
    other.create(Table(table, columns), replace=True)
    other.append(table, one.query(f"select * from {table}"))


def _type(type_: pa.DataType) -> Type:
    if pa.types.is_decimal(type_):
        return Type("decimal", type_.scale)
    plain = {"int64": INTEGER, "string": TEXT, "bool": BOOLEAN, "date32[day]": DATE, "timestamp[us]": TIMESTAMP}
    return plain.get(str(type_), Type("double"))


def different(one: Engine, other: Engine, names: list[str]) -> dict[str, int]:
    """Column → cells that differ."""
    found = {}
    for at in range(0, len(names), AT_ONCE):
        here = names[at : at + AT_ONCE]
        a, b = (_sorted(engine, here) for engine in (one, other))
        if not a["id"].equals(b["id"]):
            raise SystemExit("Spark has other members.")
        for name in here:
            if n := a.num_rows - _same(a[name], b[name]):
                found[name] = n
    return found


def _sorted(engine: Engine, names: list[str]) -> pa.Table:
    listed = ", ".join(engine.dialect.ident(name) for name in names)
    return engine.query(f"select id, {listed} from {OURS} order by id")


def _same(x: pa.ChunkedArray, y: pa.ChunkedArray) -> int:
    """How many cells agree: both absent, or equal, doubles to within 1e-9 of the larger."""
    equal = pc.equal(x, y)
    if pa.types.is_floating(x.type):
        larger = pc.max_element_wise(pc.abs(x), pc.abs(y))
        equal = pc.or_(equal, pc.less_equal(pc.abs(pc.subtract(x, y)), pc.multiply(larger, 1e-9)))
    absent = pc.and_(pc.is_null(x), pc.is_null(y))
    return int(pc.sum(pc.or_kleene(absent, equal)).as_py() or 0)
