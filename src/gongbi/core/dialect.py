"""How one engine writes types, names and literals. Pure text; the engine itself is elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from gongbi.core.types import COMPUTED_PRECISION, Type
from gongbi.errors import Bug, InvalidInput


@dataclass(frozen=True, slots=True)
class Dialect:
    """The written form of one engine's SQL.

    Functions are not here: each entry of `core.functions` carries its own rendering for each dialect by name.
    """

    name: str
    quote: str
    types: Mapping[str, str] = field(repr=False)

    def ident(self, name: str) -> str:
        """Quote an identifier."""
        if "\x00" in name:
            raise InvalidInput("A name cannot contain a zero byte.")
        return f"{self.quote}{name.replace(self.quote, self.quote * 2)}{self.quote}"

    def type(self, type_: Type, precision: int = COMPUTED_PRECISION) -> str:
        """Write a type."""
        if type_.name == "decimal":
            return f"decimal({precision},{type_.scale})"
        if type_.name == "list":
            assert type_.element is not None
            return self.types["list"].format(self.type(type_.element, precision))
        if type_.name == "distribution":
            assert type_.element is not None
            return self.types["distribution"].format(self.type(type_.element, precision))
        return self.types[type_.name]

    def literal(self, value: Any) -> str:
        """Write a constant so that both engines read the same value of the same type."""
        if value is None:
            return "null"
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int):
            return f"cast({value} as {self.types['integer']})"
        if isinstance(value, float):
            return f"cast('{value!r}' as {self.types['double']})"
        if isinstance(value, Decimal):
            exponent = value.as_tuple().exponent
            if not isinstance(exponent, int):
                raise InvalidInput(f"{value} is not a finite number.")
            return f"cast('{value:f}' as decimal({COMPUTED_PRECISION},{max(-exponent, 0)}))"
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise Bug(f"An instant without a zone reached the planner: {value}.")
            utc = value.astimezone(UTC).replace(tzinfo=None)
            return f"cast('{utc.isoformat(sep=' ', timespec='microseconds')}' as {self.types['timestamp']})"
        if isinstance(value, date):
            return f"cast('{value.isoformat()}' as date)"
        if isinstance(value, str):
            return self._text(value)
        raise Bug(f"No literal for {type(value).__name__}.")

    def _text(self, value: str) -> str:
        if "\x00" in value:
            raise InvalidInput("A text cannot contain a zero byte.")
        if self.name == "spark":
            # Spark reads backslash escapes inside quotes by default; double them so that they stay what they are.
            value = value.replace("\\", "\\\\").replace("'", "\\'")
            return f"'{value}'"
        return "'" + value.replace("'", "''") + "'"


DUCKDB = Dialect(
    name="duckdb",
    quote='"',
    types={
        "boolean": "boolean",
        "integer": "bigint",
        "double": "double",
        "text": "varchar",
        "date": "date",
        "timestamp": "timestamp",
        "list": "{}[]",
        "distribution": 'struct("value" {}, "share" double)[]',
        "null": "integer",
    },
)

SPARK = Dialect(
    name="spark",
    quote="`",
    types={
        "boolean": "boolean",
        "integer": "bigint",
        "double": "double",
        "text": "string",
        "date": "date",
        # An instant without a session zone: both engines then store and print the same UTC microseconds.
        "timestamp": "timestamp_ntz",
        "list": "array<{}>",
        "distribution": "array<struct<`value`: {}, `share`: double>>",
        "null": "int",
    },
)

DIALECTS: Mapping[str, Dialect] = {d.name: d for d in (DUCKDB, SPARK)}
