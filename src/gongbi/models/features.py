"""Tags as rows to learn from and to score."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from gongbi.core.types import Type
from gongbi.estimators.checks import FloatArray

DAY_US = 86_400_000_000


def feature_frame(
    rows: Any, types: Mapping[str, Type], as_of_us: int, beside: Mapping[str, Type] = MappingProxyType({})
) -> Any:
    """Arrow columns of tags as a pandas frame that trees can read.

    Numbers and truth values become floats, texts stay texts, dates and instants become days before the instant.
    Floats keep seven digits, so that the last bits, in which engines and the order of rows may differ, move no split.
    Columns `beside` the tags, which no tree reads, keep all their digits.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    columns: dict[str, Any] = {}
    for name, type_ in types.items():
        column = rows[name]
        if type_.name == "text":
            columns[name] = pd.Series(column.to_pylist(), dtype=object)
            continue
        if type_.name in ("date", "timestamp"):
            moments = pc.cast(pc.cast(column, pa.timestamp("us")), pa.int64())
            values = (as_of_us - pc.cast(moments, pa.float64()).to_numpy(zero_copy_only=False)) / DAY_US
        else:
            numbers = pc.cast(column, pa.int64()) if type_.name == "boolean" else column
            values = pc.cast(numbers, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        with np.errstate(over="ignore"):
            columns[name] = np.asarray(values, dtype=np.float64).astype(np.float32).astype(np.float64)
    for name, type_ in beside.items():
        if type_.is_number:
            columns[name] = amounts(rows[name])
        else:
            columns[name] = pd.Series(rows[name].to_pylist(), dtype=object)
    return pd.DataFrame(columns)


def amounts(column: Any) -> FloatArray:
    """An Arrow column of numbers as floats, null as NaN."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found: FloatArray = np.asarray(pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False))
    return found
