"""Typed expressions → SQL of one engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gongbi.core import clock
from gongbi.core.dialect import Dialect
from gongbi.core.expr import Call, Constant, Expr
from gongbi.core.functions.base import Cannot, Phrase, Regroup, Run
from gongbi.core.levels import by_place, value_at_place
from gongbi.core.types import Type
from gongbi.errors import Bug, Refused


@dataclass(frozen=True, slots=True)
class Rendering:
    """Everything that turning an expression into text depends on.

    Parameters
    ----------
    dialect
        The engine's writing.
    as_of, zone
        The instant of the computation and the workspace's zone.
    names
        Leaf (column, attribute, tag) → SQL.
    known
        Parts that were computed in an earlier step → the SQL that reads them.
    member
        SQL of the member's id, by which ties are broken.
    during
        The period that ``during()`` stands for, where there is one.
    """

    dialect: Dialect
    as_of: datetime
    zone: str
    names: Callable[[Expr], str]
    known: Mapping[Expr, str] = field(default_factory=dict)
    member: str = "id"
    during: clock.Window | None = None

    def type(self, type_: Type) -> str:
        """Write a type."""
        return self.dialect.type(type_)

    def literal(self, value: Any) -> str:
        """Write a constant."""
        return self.dialect.literal(value)

    def bounds(self, moment: str, window: clock.Window) -> str:
        """A condition: `moment` lies in a half-open window."""
        parts = []
        if window.start is not None:
            parts.append(f"{moment} >= {self.literal(window.start)}")
        if window.end is not None:
            parts.append(f"{moment} < {self.literal(window.end)}")
        return "(" + (" and ".join(parts) or "true") + ")"


def render(expr: Expr, to: Rendering) -> str:
    """Write an expression as SQL text.

    Raises
    ------
    Refused
        The dialect's engine cannot carry out a function.
    """
    if expr in to.known:
        return to.known[expr]
    if isinstance(expr, Constant):
        return constant(expr, to)
    if not isinstance(expr, Call):
        return to.names(expr)
    args = [render(arg, to) for arg in expr.args]
    if expr.is_aggregate:
        args = filtered(args, render(expr.filter, to) if expr.filter is not None else "", to)
    return template(expr, args, to)


def filtered(args: list[str], condition: str, to: Rendering) -> list[str]:
    """The arguments of an aggregate's template; the last one is its filter clause, `{f}`, empty where there is none.

    Every aggregate passes over rows whose first argument is absent, so DuckDB is given that instead of a clause: for
    each clause it copies the rows that pass, with all columns that any aggregate reads, and a build has hundreds.
    """
    if not condition:
        return [*args, ""]
    if to.dialect.name == "duckdb":
        value, *rest = args or ["1"]
        return [f"(case when {condition} then {value} end)", *rest, ""]
    return [*args, f" filter (where {condition})"]


def constant(expr: Constant, to: Rendering) -> str:
    """Write a constant of a known type, so that nulls and numbers have the same type in both engines."""
    if expr.value is None and expr.type.name != "null":
        return f"cast(null as {to.type(expr.type)})"
    if expr.type.name == "decimal":
        return f"cast('{expr.value:f}' as {to.type(expr.type)})"
    if expr.type.name == "double":
        return to.literal(float(expr.value))
    return to.literal(expr.value)


def template(call: Call, args: list[str], to: Rendering) -> str:
    """Fill in a function's template for the dialect."""
    sql = call.function.sql(to.dialect.name)
    if isinstance(sql, Cannot):
        raise Refused(f"`{call.function.name}` cannot run on {to.dialect.name}: {sql.reason}")
    if isinstance(sql, Regroup | Phrase | Run):
        raise Bug(f"`{call.function.name}` must be planned as what it stands for, not rendered.")
    args = by_place(call, args, to)
    if isinstance(sql, str):
        types = to.dialect.types
        clause = args[-1] if call.is_aggregate else ""
        text = sql.format(*args, f=clause, double=types["double"], bigint=types["integer"])
    else:
        text = sql(call, args, to)
    return value_at_place(call, text, to)
