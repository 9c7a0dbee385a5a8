"""The rows of a fact that a member has, with chosen values of each: what steps, baskets and paths are made from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from gongbi.core.compiler import Request, _Compiler
from gongbi.core.dialect import Dialect
from gongbi.core.expr import Call, Constant, Expr
from gongbi.core.functions import CATALOGUE
from gongbi.core.language import check_condition, check_expression
from gongbi.core.render import render
from gongbi.core.world import World
from gongbi.errors import GongbiError, InvalidInput, UnknownName


def row_condition(fact: str, condition: str, world: World, subject: str) -> Expr | None:
    """Read a condition on the rows of a fact; None where there is none."""
    world.fact(fact)
    text = f"exists({fact})" + (f" filter (where {condition})" if condition.strip() else "")
    call = check_condition(text, world, subject)
    assert isinstance(call, Call)
    return call.filter


def row_value(fact: str, text: str, world: World, subject: str) -> Expr:
    """Read an expression about one row of a fact: a column, an attribute of what the row names, or more.

    Parameters
    ----------
    text
        For example ``purchase.product.category``; a column of the fact may stand by its own name.
    """
    shape, named = world.fact(fact), text.strip()
    if named.isidentifier() and named not in shape.names:
        raise UnknownName(f"column of {fact}", named, shape.columns)
    if _is_constant(named, world, subject):
        raise InvalidInput(f"{text!r} says nothing about a row of {fact!r}.", hint=f"Write for example {fact}.ts.")
    full = f"{fact}.{named}" if named.partition(".")[0] in shape.names else text
    call = check_expression(f"count(distinct {full})", world, subject)
    if not isinstance(call, Call) or call.fact != fact:
        raise InvalidInput(f"{text!r} says nothing about a row of {fact!r}.", hint=f"Write for example {fact}.ts.")
    return call.args[0]


def _is_constant(text: str, world: World, subject: str) -> bool:
    try:
        return isinstance(check_expression(text, world, subject), Constant)
    except GongbiError:
        # What is about a row means nothing by itself.
        return False


def rows_query(
    fact: str,
    columns: Mapping[str, Expr],
    where: Expr | None,
    subject: str,
    as_of: datetime,
    world: World,
    dialect: Dialect,
    *,
    single: frozenset[str] = frozenset(),
) -> str:
    """Query the rows of a fact that were known as of an instant.

    Parameters
    ----------
    columns
        Name → expression about one row, see `row_value`.
    where
        Only rows for which it is true, see `row_condition`.

    Returns
    -------
    str
        A query. Grain: one row per row of the fact that names a member; columns ``_m`` (the member's id) and those
        that were asked for.
    """
    shape = world.fact(fact)
    read = tuple(value for value in columns.values() if not isinstance(value, Constant))
    # A function that only lists columns, so that the scan fetches all of them.
    every = Call(CATALOGUE["coalesce"], read, read[0].type, "row", fact)
    compiler = _Compiler(Request(subject, {}, as_of, {}, single=single), world, dialect)
    scan = compiler.scan(shape, [every], where, everything=False)
    rendering = compiler.rendering(compiler.row_name)
    made = ", ".join(f"{render(value, rendering)} as {dialect.ident(name)}" for name, value in columns.items())
    return f"select _m, {made} from ({scan}) s"
