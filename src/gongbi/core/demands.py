"""Constants of an expression, and what functions demand of their arguments."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Any

from gongbi.core.expr import Call, Constant, Expr
from gongbi.core.types import BOOLEAN, DOUBLE, INTEGER, NULL, TEXT, decimal
from gongbi.errors import WrongType


def literal(value: str | int | Decimal | float | bool | None) -> Constant:
    """A constant and its type."""
    if value is None:
        return Constant(None, NULL)
    if isinstance(value, bool):
        return Constant(value, BOOLEAN)
    if isinstance(value, int):
        return Constant(value, INTEGER)
    if isinstance(value, float):
        return Constant(value, DOUBLE)
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        return Constant(value, decimal(max(-exponent, 0) if isinstance(exponent, int) else 0))
    return Constant(value, TEXT)


ACCEPTED: Mapping[str, tuple[str, ...]] = {
    "number": ("integer", "decimal", "double"),
    "integer": ("integer",),
    "text": ("text",),
    "boolean": ("boolean",),
    "date": ("date",),
    "timestamp": ("timestamp",),
    "moment": ("date", "timestamp"),
    "ordered": ("boolean", "integer", "decimal", "double", "text", "date", "timestamp"),
    "list": ("list",),
    "distribution": ("distribution",),
}
_SPOKEN = {
    "number": "a number",
    "integer": "a whole number",
    "text": "a text",
    "boolean": "a condition",
    "date": "a date",
    "timestamp": "an instant",
    "moment": "a date or an instant",
    "ordered": "a value that can be sorted",
    "list": "a list",
    "distribution": "a distribution",
}


def demand(arg: Expr, accepts: str, what: str) -> None:
    """Refuse an argument of the wrong type."""
    names = ACCEPTED.get(accepts)
    if names is not None and arg.type != NULL and arg.type.name not in names:
        raise WrongType(f"{what} must be {_SPOKEN[accepts]}, not {arg.type}.")


def written(arg: Expr) -> Any:
    """The value of an argument that stands in the expression itself, also as ``date('2017-09-01')``."""
    if isinstance(arg, Constant):
        return arg.value
    if isinstance(arg, Call) and arg.function.name == "date" and isinstance(text := arg.args[0], Constant):
        with suppress(TypeError, ValueError):
            return date.fromisoformat(text.value)
    return None
