"""What crosses the door: the few Arrow types that engines take and give, and how rows are fitted to them."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from gongbi.errors import InvalidInput


def canonical_type(type_: pa.DataType) -> pa.DataType:
    """Return the one Arrow type by which values of `type_` cross the door.

    Integers are int64, floats float64, text is string, instants are naive UTC microseconds; a dictionary is its
    values; a column of nothing but nulls is int64. Of lists and records the parts are canonical. Types outside the
    language (binary, …) stay as they are.
    """
    simple: pa.DataType | None = None
    if pa.types.is_dictionary(type_):
        return canonical_type(type_.value_type)
    if pa.types.is_integer(type_) or pa.types.is_null(type_):
        simple = pa.int64()
    elif pa.types.is_floating(type_):
        simple = pa.float64()
    elif pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        simple = pa.string()
    elif pa.types.is_timestamp(type_):
        simple = pa.timestamp("us")
    elif pa.types.is_date(type_):
        simple = pa.date32()
    elif pa.types.is_decimal(type_):
        simple = pa.decimal128(min(type_.precision, 38), type_.scale)
    elif pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_):
        simple = pa.list_(canonical_type(type_.value_type))
    elif pa.types.is_struct(type_):
        simple = pa.struct([pa.field(part.name, canonical_type(part.type)) for part in type_])
    return simple if simple is not None else type_


def canonical_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema in canonical types, every column nullable, without metadata."""
    return pa.schema([pa.field(field.name, canonical_type(field.type)) for field in schema])


def canonical(table: pa.Table, integers: frozenset[int] = frozenset()) -> pa.Table:
    """Return the rows in canonical types.

    Parameters
    ----------
    table
        What an engine gave.
    integers
        Positions of columns that are integers although the engine gave them as decimals (128 bits wide).
    """
    fields = [
        pa.field(field.name, pa.int64() if i in integers else canonical_type(field.type))
        for i, field in enumerate(table.schema)
    ]
    schema = pa.schema(fields)
    if table.schema.equals(schema, check_metadata=True):
        return table
    columns = [_cast(table.column(i), field) for i, field in enumerate(schema)]
    return pa.Table.from_arrays(columns, schema=schema)


def conform(rows: pa.Table | pa.RecordBatchReader, schema: pa.Schema, table: str) -> pa.RecordBatchReader:
    """Fit rows to a table's columns by name, batch by batch; columns that `rows` lacks become null.

    Values are converted only where nothing is lost (text that reads as a number, a wider integer, nanoseconds to
    microseconds); anything else raises `InvalidInput`, in part while the reader is being read.
    """
    names = rows.schema.names
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise InvalidInput(f"The rows for {table!r} have two columns called {twice[0]!r}.")
    extra = [name for name in names if name not in set(schema.names)]
    if extra:
        raise InvalidInput(
            f"Table {table!r} has no column {extra[0]!r}.", hint=f"Its columns are {', '.join(schema.names)}."
        )

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in rows.to_batches() if isinstance(rows, pa.Table) else rows:
            columns = [
                _cast(batch.column(field.name), field) if field.name in names else pa.nulls(len(batch), field.type)
                for field in schema
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _cast(values: pa.Array | pa.ChunkedArray, field: pa.Field) -> pa.Array | pa.ChunkedArray:
    if values.type.equals(field.type):
        return values
    if pa.types.is_dictionary(values.type) and values.type.value_type != field.type:
        values = values.cast(values.type.value_type)
    options = pa.compute.CastOptions(target_type=field.type, allow_time_truncate=True)
    try:
        return values.cast(options=options)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InvalidInput(
            f"Column {field.name!r} cannot take these values as {field.type}: {first_line(error)}"
        ) from error


def first_line(error: BaseException) -> str:
    """The first line of an engine's message, which says what; the rest says where."""
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__
