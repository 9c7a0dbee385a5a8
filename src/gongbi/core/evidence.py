"""The rows of facts that stand behind a value."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gongbi.core import expr as ir
from gongbi.core.compiler import Request, _Compiler
from gongbi.core.dialect import Dialect
from gongbi.core.expr import Call, FactColumn
from gongbi.core.functions import CATALOGUE
from gongbi.core.plan import Plan
from gongbi.core.relations import shape_of
from gongbi.core.render import render
from gongbi.core.runs import Taken
from gongbi.core.world import World


def evidence_plan(
    call: Call,
    subject: str,
    member: Any,
    as_of: datetime,
    world: World,
    dialect: Dialect,
    *,
    limit: int,
    taken: Taken | None = None,
) -> Plan:
    """The rows that an aggregate reads for one member, newest first.

    Grain: one row per fact row that passes the aggregate's filter; columns: the fact's own and the related attributes
    that the aggregate uses, then ``_load`` and ``_row``, which lead to the line of a file. Of an aggregate over
    neighbours: one row per neighbour, by their ids. Of a step with `taken`: only rows that make it so.
    """
    assert call.fact is not None
    fact = shape_of(world, call.fact)
    names = [*fact.subjects, *fact.columns] if fact.hops else fact.names
    own = [FactColumn(fact.name, name, fact.column(name) or fact.subjects[name]) for name in names]
    origin = [] if fact.hops else [FactColumn(fact.name, name, own[0].type) for name in ("_load", "_row")]
    # A function that only lists columns, so that the scan fetches all of them.
    every = Call(CATALOGUE["coalesce"], (*own, *origin), own[0].type, "row", fact.name)
    compiler = _Compiler(Request(subject, {"x": call}, as_of, {}), world, dialect)
    scan = compiler.scan(fact, [call, every], call.filter, everything=ir.looks_ahead(call))
    used = dict.fromkeys(part for part in ir.walk(call) if isinstance(part, ir.RelatedColumn))
    roles = {f"_{i}": hop.role for i, hop in enumerate(fact.hops, 1)}
    shown: dict[str, ir.Expr] = {roles.get(c.column, c.column): c for c in own if c.column != subject}
    shown |= {f"{roles.get(part.subject, part.subject)}.{part.attribute}": part for part in used}
    shown |= {c.column: c for c in origin}
    columns = ", ".join(f"{compiler.row_name(leaf)} as {dialect.ident(name)}" for name, leaf in shown.items())
    # An aggregate over a column skips rows that lack it; they are no evidence.
    rendering = compiler.rendering(compiler.row_name)
    present = [f"{render(arg, rendering)} is not null" for arg in call.args[:1] if arg.level == "row"]
    if taken is not None:
        known = (taken.at.replace(tzinfo=UTC), taken.value)
        present = [
            f"{render(arg, rendering)} = {dialect.literal(value)}" for arg, value in zip(call.args, known, strict=False)
        ]
    conditions = " and ".join([f"_m = {dialect.literal(member)}", *present])
    order = "1" if fact.hops else "ts desc, _load desc, _row"
    return (
        compiler.of_others()  # What the scan reads besides tables.
        .then("_rows", scan)
        .then("_chosen", f"select {columns} from _rows where {conditions}")
        .then("_evidence", f"select * from _chosen order by {order} limit {int(limit)}")
    )


def moments_plan(step: Call, subject: str, member: Any, as_of: datetime, world: World, dialect: Dialect) -> Plan:
    """When a member could have taken a step of a sequence.

    Grain: one row per time and shared value, columns ``t`` and ``k``; where the steps share none, ``k`` is 0.
    """
    assert step.fact is not None
    fact = shape_of(world, step.fact)
    compiler = _Compiler(Request(subject, {"x": step}, as_of, {}), world, dialect)
    scan = compiler.scan(fact, [step], step.filter, everything=ir.looks_ahead(step))
    rendering = compiler.rendering(compiler.row_name)
    time, *shared = (render(arg, rendering) for arg in step.args)
    value = shared[0] if shared else "0"
    chosen = f"select distinct {time} as t, {value} as k from _rows where _m = {dialect.literal(member)}"
    return compiler.of_others().then("_rows", scan).then("_moments", f"select * from ({chosen}) e where k is not null")
