"""How instants and JSON values are written: in UTC, and in one canonical text."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import DateTime
from sqlalchemy.types import TypeDecorator

from gongbi.errors import InvalidInput

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect


class Instant(TypeDecorator[datetime]):
    """A point in time: any zone goes in, UTC comes out, an instant without a zone is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment = utc(value)
        # SQLite has no zones: it keeps the UTC wall clock.
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


def utc(moment: datetime) -> datetime:
    """Return the same instant in UTC; refuse one that has no zone."""
    if moment.tzinfo is None:
        raise InvalidInput(
            f"The instant {moment.isoformat()} has no time zone.",
            hint="Give one, for example datetime.now(UTC).",
        )
    return moment.astimezone(UTC)


def plain(value: Any) -> Any:
    """Return `value` as JSON can hold it: what YAML reads as a date, or code writes as a tuple, included.

    Dates and instants become ISO 8601 text, decimals their exact digits, tuples lists, and keys text.
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidInput(f"{value} cannot be stored as JSON.", hint="Leave the value out where it is absent.")
        return value
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {_key(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    raise InvalidInput(f"A {type(value).__name__} cannot be stored as JSON: {value!r}.")


def dumps(value: Any) -> str:
    """Return JSON text with keys in the order given; Chinese stays readable."""
    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """Return the SHA-256 of `value`, the same for equal values whatever the order of their keys."""
    text = json.dumps(plain(value), ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _key(key: Any) -> str:
    if isinstance(key, str):
        return _text(key)
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, int | float | date):
        return str(plain(key))
    raise InvalidInput(f"A {type(key).__name__} cannot be a key in JSON: {key!r}.")


def _text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"The text {text!r} has half a character (a lone surrogate) in it.") from None
    return text
