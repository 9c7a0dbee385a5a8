"""The language of definitions, as others use it: read an expression, know its type, write it for an engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from gongbi.core.check import Setting, check
from gongbi.core.dialect import Dialect
from gongbi.core.expr import Expr, RawColumn
from gongbi.core.render import Rendering, render
from gongbi.core.signatures import widened
from gongbi.core.types import BOOLEAN, NULL, Type
from gongbi.core.world import World
from gongbi.errors import Bug, GongbiError, Place, WrongType

_NOWHERE = World({}, {})
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Compiled:
    """An expression as SQL of one dialect, and its type."""

    sql: str
    type: Type


def check_expression(text: str, world: World, subject: str, *, ahead: bool = False, place: Place | None = None) -> Expr:
    """Read an expression about a member of a subject and check its names and types.

    Parameters
    ----------
    text, world, subject
        What was written, the names it may use, and whose members it describes.
    ahead
        Whether it may look at what comes after the instant (targets, outcomes).
    place
        Where the definition stands; errors carry it.
    """
    try:
        expr = check(text, Setting(world, subject=subject, ahead=ahead))
        if expr.level == "row":
            raise WrongType("The expression is about rows, not about a member; it needs an aggregate.")
    except GongbiError as error:
        raise (error.at(place) if place else error) from None
    return expr


def check_condition(text: str, world: World, subject: str, *, ahead: bool = False, place: Place | None = None) -> Expr:
    """Read an expression that must be true or false: a segment, a target."""
    expr = check_expression(text, world, subject, ahead=ahead, place=place)
    if expr.type == NULL:
        return widened(expr, BOOLEAN)
    if expr.type != BOOLEAN:
        error = WrongType(f"A condition must be true or false; this is {expr.type}: `{text.strip()}`.")
        raise error.at(place) if place else error
    return expr


def compile_row(
    text: str, columns: Mapping[str, Type], dialect: Dialect, *, zone: str, place: Place | None = None
) -> Compiled:
    """Write a scalar expression over the raw columns of one row as SQL."""
    return _compiled(text, Setting(_NOWHERE, raw=columns), dialect, zone, place)


def compile_group(
    text: str,
    columns: Mapping[str, Type],
    dialect: Dialect,
    *,
    zone: str,
    rows: str = "rows",
    place: Place | None = None,
) -> Compiled:
    """Write an aggregate over the rows of a group as SQL; `rows` is the word that ``count(…)`` counts.

    Aggregates that regroup (mode, first, gaps, …) are not allowed here.
    """
    return _compiled(text, Setting(_NOWHERE, raw=columns, group=rows), dialect, zone, place)


def _compiled(text: str, setting: Setting, dialect: Dialect, zone: str, place: Place | None) -> Compiled:
    try:
        expr = check(text, setting)
        if setting.group is not None and expr.level == "row":
            raise WrongType("A column of a derived fact needs an aggregate over the group.")
        rendering = Rendering(dialect, _NEVER, zone, names=lambda leaf: _raw_name(leaf, dialect))
        return Compiled(render(expr, rendering), expr.type)
    except GongbiError as error:
        raise (error.at(place) if place else error) from None


def _raw_name(leaf: Expr, dialect: Dialect) -> str:
    if not isinstance(leaf, RawColumn):
        raise Bug(f"A raw expression holds a {type(leaf).__name__}.")
    return dialect.ident(leaf.name)
