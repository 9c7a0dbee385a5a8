"""Strict casts in SQL: a value is read as the column's type or it is null, with the same result on every engine.

Raw rows are read by them, and aggregates of derived facts. `rounding`, `shape` and `instants` are modules of `sources`.

Rules
-----
integer
    Text of digits with an optional sign, within 64 bits; a number without a fraction. "12.0" is 12, as programs write
    whole numbers of a column in which some are missing; "12.5" and "1,000" as text are refused.
decimal, money
    Text of digits with an optional point and sign; numbers. Rounded half away from zero to the column's digits, which
    is counted (see `rounding`); a double stands for its shortest decimal text, so 1.005 gives 1.01. Text may have a
    negative exponent, as programs write what is nearly zero (8.9e-16); where a spreadsheet wrote a positive one
    (1.23E+11), digits are lost, and it is refused.
double
    Text as programs write numbers, with an exponent if need be; infinities and NaN are refused.
boolean
    true, t, yes, y, 1, 是 and false, f, no, n, 0, 否 in any case; the numbers 1 and 0.
text
    Text as it is. Other types were written as text before the rows came here (see `shape`).
date, timestamp
    Read before the rows came here (see `instants`).
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from gongbi.core.dialect import Dialect
from gongbi.core.types import DOUBLE, INTEGER, STORED_PRECISION, TEXT, Type

_INTEGER = r"\A[+-]?[0-9]{1,19}([.]0+)?\z"
_DECIMAL = r"\A[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+|[0-9]([.][0-9]{0,17})?[eE]-[0-9]{1,3})\z"
_DOUBLE = r"\A[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,3})?\z"
_NUMBER = re.compile(r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,3})?")
# Above 2^53 a double has lost digits: it is no integer any more.
_EXACT = 2**53
_TRUE = ("true", "t", "yes", "y", "1", "是")
_FALSE = ("false", "f", "no", "n", "0", "否")
_LARGEST_DOUBLE = "cast('1.7976931348623157e308' as double)"


def matches(sql: str, pattern: str, dialect: Dialect) -> str:
    """A condition: the text matches a regular expression (of the part that RE2 and Java share)."""
    literal = dialect.literal(pattern)
    return f"regexp_matches({sql}, {literal})" if dialect.name == "duckdb" else f"({sql} rlike {literal})"


def cast(sql: str, from_: Type, to: Type, dialect: Dialect) -> str | None:
    """Return SQL that is null where the value cannot be read as `to`; None where no value of `from_` can."""
    if from_.name == "null":
        return f"cast(null as {dialect.type(to, STORED_PRECISION)})"
    if from_.name == to.name and to.name != "decimal":
        return _finite(sql) if to.name == "double" else sql
    readers = {
        "integer": _integer,
        "decimal": _decimal,
        "double": _double,
        "boolean": _boolean,
        "text": _text,
    }
    read = readers.get(to.name)
    return read(sql, from_, to, dialect) if read else None


def constant(value: Any, type_: Type, dialect: Dialect) -> str:
    """Write a constant of a definition as a value of a column's type."""
    if isinstance(value, bool) or type_.name == "boolean":
        return dialect.literal(bool(value))
    text = str(value)
    if type_.name in ("integer", "decimal"):
        # Engines differ in what they make of an exponent, or of a whole number with a point.
        text = f"{Decimal(text.strip()).normalize():f}"
    return f"cast({dialect.literal(text)} as {dialect.type(type_, STORED_PRECISION)})"


def is_too_large(value: str | None, to: Type) -> bool:
    """Whether a value that could not be read as `to` is a number whose size alone is the fault."""
    text = (value or "").strip()
    if not _NUMBER.fullmatch(text):
        return False
    size = abs(Decimal(text))
    if to.name == "integer":
        return size > _EXACT and size == size.to_integral_value()
    if to.name == "decimal":
        # Rounding may be what takes it over.
        return size + Decimal(5).scaleb(-to.scale - 1) >= Decimal(10) ** (STORED_PRECISION - to.scale)
    return to.name == "double" and size > Decimal("1.7976931348623157e308")


def _finite(sql: str) -> str:
    return f"case when abs({sql}) <= {_LARGEST_DOUBLE} then {sql} end"


def _integer(sql: str, from_: Type, to: Type, dialect: Dialect) -> str | None:
    type_ = dialect.type(to)
    if from_ == TEXT:
        text = f"trim({sql})"
        # No digit is lost with a fraction of zeros; engines differ in what they make of one.
        whole = f"split_part({text}, '.', 1)"
        return f"case when {matches(text, _INTEGER, dialect)} then try_cast({whole} as {type_}) end"
    if from_ == DOUBLE:
        exact = f"abs({sql}) <= {_EXACT} and floor({sql}) = {sql}"
        return f"case when {exact} then cast({sql} as {type_}) end"
    if from_.name == "decimal":
        return f"case when floor({sql}) = {sql} then try_cast({sql} as {type_}) end"
    return None


def _decimal(sql: str, from_: Type, to: Type, dialect: Dialect) -> str | None:
    type_ = dialect.type(to, STORED_PRECISION)
    if from_ == TEXT:
        text = f"trim({sql})"
        return f"case when {matches(text, _DECIMAL, dialect)} then try_cast({text} as {type_}) end"
    if from_ == DOUBLE:
        text = f"cast({sql} as {dialect.types['text']})"
        scaled = f"{sql} * 1e{to.scale}"
        # Far from a tie every way of rounding agrees; near one the shortest text decides, because engines differ.
        near = f"case when abs({sql}) < 1e{STORED_PRECISION - to.scale} then try_cast({text} as {type_}) end"
        plain = f"abs({sql}) < 1e{15 - to.scale} and abs({scaled} - round({scaled})) < 0.4"
        return f"case when {plain} then cast({sql} as {type_}) else {near} end"
    if from_ == INTEGER or from_.name == "decimal":
        return f"try_cast({sql} as {type_})"
    return None


def _double(sql: str, from_: Type, to: Type, dialect: Dialect) -> str | None:
    type_ = dialect.type(to)
    if from_ == TEXT:
        text = f"trim({sql})"
        value = f"try_cast({text} as {type_})"
        return f"case when {matches(text, _DOUBLE, dialect)} and abs({value}) <= {_LARGEST_DOUBLE} then {value} end"
    return f"cast({sql} as {type_})" if from_ == INTEGER or from_.name == "decimal" else None


def _boolean(sql: str, from_: Type, _to: Type, dialect: Dialect) -> str | None:
    if from_ == TEXT:
        text = f"lower(trim({sql}))"
        true, false = (", ".join(dialect.literal(word) for word in words) for words in (_TRUE, _FALSE))
        return f"case when {text} in ({true}) then true when {text} in ({false}) then false end"
    if from_.is_number:
        return f"case when {sql} = 1 then true when {sql} = 0 then false end"
    return None


def _text(sql: str, from_: Type, to: Type, dialect: Dialect) -> str | None:
    if from_ == INTEGER:
        return f"cast({sql} as {dialect.type(to)})"
    if from_.name == "boolean":
        return f"case when {sql} then 'true' when not {sql} then 'false' end"
    return None
