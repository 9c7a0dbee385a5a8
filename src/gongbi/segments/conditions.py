"""Bins written as conditions of the language, so that a figure leads to its members."""

from __future__ import annotations

from datetime import UTC, date, datetime

from gongbi.core.types import Type
from gongbi.segments.base import Bin

#: After the point, of an exact number in the language.
MOST_DIGITS = 9


def members_of(bin_: Bin, type_: Type, name: str) -> str:
    """Write the condition that holds for the members in a bin.

    Parameters
    ----------
    type_
        Of the values.
    name
        What they are values of, as an expression: ``tag.rfm.recency``.
    """
    if bin_.kind == "absent":
        return f"{name} is absent"
    if bin_.kind == "other":
        assert isinstance(bin_.value, tuple)
        return f"{name} not in ({', '.join(_value(value, type_) for value in bin_.value)})"
    if bin_.kind == "value":
        assert isinstance(bin_.value, str)
        return f"{name} = {_value(bin_.value, type_)}"
    ends = [f"{name} {sign} {_edge(cut)}" for sign, cut in ((">=", bin_.low), ("<", bin_.high)) if cut is not None]
    return " and ".join(ends)


def both(*conditions: str) -> str:
    """Join conditions by ``and``."""
    return " and ".join(f"({condition})" for condition in conditions)


def _value(text: str, type_: Type) -> str:
    """A value, of which the engine gave the text, as a literal."""
    if type_.name == "boolean":
        return text.lower()
    if type_.name == "timestamp":
        return _quoted(datetime.fromisoformat(text).replace(tzinfo=UTC).isoformat())
    if type_.name == "double":
        return _number(float(text))
    return text if type_.is_number else _quoted(text)


def _edge(cut: float | date) -> str:
    return _quoted(cut.isoformat()) if isinstance(cut, date) else _number(float(cut))


def _number(value: float) -> str:
    """A number as a literal; as a double where an exact one would have too many digits."""
    text = repr(value)
    if "e" in text or len(text.partition(".")[2]) <= MOST_DIGITS:
        return text.removesuffix(".0")
    return f"{text}e0"


def _quoted(text: str) -> str:
    doubled = text.replace("'", "''")
    return f"'{doubled}'"
