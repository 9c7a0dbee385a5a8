"""Raw rows in the few types that plans know, with the columns that are prepared before SQL sees them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from gongbi.core.types import BOOLEAN, DATE, DOUBLE, INTEGER, TEXT, TIMESTAMP, Type, decimal
from gongbi.sources.instants import day_ends, day_starts, to_dates, to_instants
from gongbi.sources.readers import cell_text

How = Literal["instant", "date", "day_start", "next_day_start", "day_end", "text"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A column made from a raw one before SQL: times, because engines disagree on clocks; text of what is no text."""

    name: str
    column: str
    how: How
    zone: str = "UTC"
    format: str | None = None


def raw_type(type_: pa.DataType) -> Type:
    """The language's type for a raw column; what has none (lists, structs, binary) is taken as text."""
    if pa.types.is_dictionary(type_):
        return raw_type(type_.value_type)
    if pa.types.is_boolean(type_):
        return BOOLEAN
    if pa.types.is_uint64(type_):
        return decimal(0)  # Half of its values are no 64-bit integers.
    if pa.types.is_integer(type_):
        return INTEGER
    if pa.types.is_floating(type_):
        return DOUBLE
    if pa.types.is_decimal(type_) and type_.precision <= 38 and 0 <= type_.scale <= 9:
        return decimal(type_.scale)
    if pa.types.is_date(type_):
        return DATE
    return TIMESTAMP if pa.types.is_timestamp(type_) else TEXT


def raw_types(schema: pa.Schema) -> dict[str, Type]:
    """Raw column → type, in order."""
    return {field.name: raw_type(field.type) for field in schema}


def normal(values: pa.Array) -> pa.Array:
    """Return values in the Arrow type that stands for their type: int64, float64, string, date32, UTC."""
    if pa.types.is_dictionary(values.type):
        if pa.types.is_string(values.type.value_type):
            return values
        values = values.dictionary_decode()
    type_ = raw_type(values.type)
    if type_ == TIMESTAMP:
        return to_instants(values, "UTC")
    plain = {BOOLEAN: pa.bool_(), INTEGER: pa.int64(), DOUBLE: pa.float64(), DATE: pa.date32(), TEXT: pa.string()}
    if pa.types.is_uint64(values.type):
        return values.cast(pa.decimal128(20, 0))
    if type_.name == "decimal":
        return values if values.type.precision <= 38 else values.cast(pa.decimal128(38, type_.scale))
    if type_ == TEXT and not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        return as_text(values)
    target = plain[type_]
    return values if values.type == target else values.cast(target)


def as_text(values: pa.Array) -> pa.Array:
    """Write values as text: whole floats without a point, times in ISO 8601, nested values as JSON."""
    return pa.array([_text_of(value) for value in values.to_pylist()], pa.string())


def _text_of(value: Any) -> str | None:
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=cell_text)
    return cell_text(value)


def prepare(rows: pa.Table, numbers: pa.Array, wanted: Sequence[Prepared]) -> pa.Table:
    """Return what plans read as `raw`: `__row`, the raw columns as `r0`, `r1`, … and the prepared ones."""
    arrays: dict[str, Any] = {"__row": numbers}
    whole = {name: _whole(rows.column(i)) for i, name in enumerate(rows.column_names)}
    for i, values in enumerate(whole.values()):
        arrays[f"r{i}"] = normal(values)
    for item in wanted:
        arrays[item.name] = prepared(whole[item.column], item)
    return pa.table(arrays)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)


def prepared(values: pa.Array, item: Prepared) -> pa.Array:
    """Make one prepared column."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if item.how == "text":
        return as_text(values)
    if item.how == "instant":
        return to_instants(values, item.zone, item.format)
    days = to_dates(values, item.format)
    if item.how == "date":
        return days
    if item.how == "day_end":
        return day_ends(days, item.zone)
    return day_starts(days, item.zone, plus=1 if item.how == "next_day_start" else 0)


def raw_json(rows: pa.Table, positions: Sequence[int]) -> list[str]:
    """Write rows as JSON objects, with the raw column names, for the rejects table."""
    chosen = rows.take(pa.array(positions, pa.int64()))
    # One encoder for all: `json.dumps` would make one for each row.
    encode = json.JSONEncoder(ensure_ascii=False, default=cell_text).encode
    return [encode(row) for row in chosen.to_pylist()]


def positions_of(numbers: pa.Array, wanted: Sequence[int]) -> list[int]:
    """Where row numbers stand in a chunk."""
    found: list[int | None] = pc.index_in(pa.array(wanted, pa.int64()), value_set=numbers).to_pylist()
    return [position for position in found if position is not None]


def described(schema: pa.Schema) -> Mapping[str, str]:
    """Raw column → type in words, for the record of a load."""
    return {name: str(type_) for name, type_ in raw_types(schema).items()}
