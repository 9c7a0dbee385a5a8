"""How figures are written for people: thousands apart, shares in per cent, money with all its digits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

_CURRENCY = re.compile(r"[A-Z]{3}")
#: More digits than a currency has mean that the number was computed.
_EXACT = 4


def number(value: float | Decimal, unit: str | None = None) -> str:
    """A number with thousands apart; an exact one, and money, with all its digits, others with four or more."""
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Decimal):
        digits = value.as_tuple().exponent
        if isinstance(digits, int) and -_EXACT <= digits <= 0:
            return f"{value:,f}"
        value = float(value)
    if unit is not None and _CURRENCY.fullmatch(unit):
        return f"{value:,.2f}"
    if abs(value) < 1e15 and value == int(value):
        return f"{value:,.0f}"
    # Two digits after the point from 100 on, so that amounts computed without their currency keep their cents.
    return f"{value:,.2f}" if abs(value) >= 100 else f"{value:,.4g}"


def interval(figure: Mapping[str, Any] | None, unit: str | None = None, *, sign: bool = False, digits: int = 3) -> str:
    """A figure with its bounds; a dash where there is none."""
    if not figure:
        return "—"
    middle, way = figure.get("value", figure.get("estimate")), f"{'+' if sign else ''},.{digits}f"
    found = format(middle, way) + (f" {unit}" if unit else "")
    return f"{found}  [{format(figure['low'], way)} … {format(figure['high'], way)}]"
