"""Frames and arrays of mixed columns as one array of numbers, the same way at training and at scoring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from gongbi.errors import InvalidInput, UnknownName
from gongbi.estimators.checks import FloatArray


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns learned from, in order.

    A column's ``categories`` map each known one to its code; None stands for a column of numbers. A frame is pandas',
    or what turns into one by ``to_pandas``; all else is an array, whose columns are named "0", "1", ...
    """

    names: tuple[str, ...]
    categories: tuple[dict[Any, int] | None, ...]
    is_frame: bool

    @classmethod
    def learn(cls, table: Any, categorical: Sequence[str | int] = ()) -> Self:
        """Note the columns and, where they are categories, which there are."""
        table, is_frame = _opened(table)
        names = [str(name) for name in table.columns] if is_frame else [str(i) for i in range(table.shape[1])]
        if not names or len(set(names)) < len(names):
            raise InvalidInput(f"X needs columns with different names, not {names}.")
        plain = cls(tuple(names), (None,) * len(names), is_frame)
        chosen = {plain.position(column) for column in categorical}
        categories = [
            _categories(values) if i in chosen or _is_categorical(name, values) else None
            for i, (name, values) in enumerate(zip(names, _columns(table), strict=True))
        ]
        return cls(tuple(names), tuple(categories), is_frame)

    def to_json(self) -> dict[str, Any]:
        """Return them as JSON data."""
        categories = [None if known is None else list(known) for known in self.categories]
        return {"columns": list(self.names), "categories": categories, "frame": self.is_frame}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the columns that `to_json` wrote down."""
        categories = tuple(
            None if known is None else {value: code for code, value in enumerate(known)} for known in data["categories"]
        )
        # Models kept before arrays could be were all of frames.
        return cls(tuple(data["columns"]), categories, is_frame=data.get("frame", True))

    def position(self, column: str | int) -> int:
        """Return where a column stands, given its name or, for arrays, its position."""
        if str(column) not in self.names:
            raise UnknownName("column", str(column), self.names)
        return self.names.index(str(column))

    def encode(self, table: Any) -> FloatArray:
        """Return an array of shape (n, n_features); missing values and unknown categories are NaN."""
        table, is_frame = _opened(table)
        if self.is_frame != is_frame:
            raise InvalidInput(
                f"The model was trained on {'a frame' if self.is_frame else 'an array'}; give it another."
            )
        if self.is_frame:
            given = {str(name): i for i, name in enumerate(table.columns)}
            absent = [name for name in self.names if name not in given]
            if absent:
                raise InvalidInput(f"The frame lacks columns the model was trained on: {', '.join(absent)}.")
            values = _columns(table)
            ordered = [values[given[name]] for name in self.names]
        elif table.shape[1] == len(self.names):
            ordered = _columns(table)
        else:
            raise InvalidInput(f"The model was trained on {len(self.names)} columns, not on {table.shape[1]}.")
        encoded = np.empty((len(table), len(self.names)))
        for i, (name, column, known) in enumerate(zip(self.names, ordered, self.categories, strict=True)):
            encoded[:, i] = _numbers(name, column) if known is None else _codes(column, known)
        return encoded


def _opened(table: Any) -> tuple[Any, bool]:
    """Return a pandas frame and true, or an array of two dimensions and false."""
    if hasattr(table, "to_pandas"):
        table = table.to_pandas()
    if hasattr(table, "iloc") and hasattr(table, "columns"):
        return table, True
    table = np.asarray(table)
    if table.ndim != 2:
        raise InvalidInput(f"X must have two dimensions, rows and columns, not {table.ndim}.")
    return table, False


def _columns(table: Any) -> list[Any]:
    if hasattr(table, "iloc"):
        return [table.iloc[:, i] for i in range(len(table.columns))]
    return list(table.T)


def _is_categorical(name: str, values: Any) -> bool:
    kind = str(values.dtype)
    if kind.startswith(("datetime", "timedelta", "period")):
        raise InvalidInput(f"Column {name!r} holds times.", hint="Give the days since them, as of the training date.")
    if kind == "object":
        # Decimals and numbers with None come as objects; they are numbers all the same.
        return not all(_is_number(value) for value in values.tolist() if not _is_missing(value))
    return kind.lower().startswith(("bool", "category", "str", "<u", "large_string", "string"))


def _is_number(value: object) -> bool:
    return hasattr(value, "__float__") and not isinstance(value, bool | np.bool_ | str)


def _is_missing(value: Any) -> bool:
    # NaN and NaT are unequal to themselves; pandas' NA refuses to say, and has no truth value.
    if value is None or type(value).__name__ == "NAType":
        return True
    return bool(value != value)


def _categories(values: Any) -> dict[Any, int]:
    present = {value for value in _distinct(values)[1] if not _is_missing(value)}
    # Sorted, so that the order of the rows does not change the model; by kind first, as kinds do not compare.
    return {value: code for code, value in enumerate(sorted(present, key=lambda value: (type(value).__name__, value)))}


def _codes(values: Any, known: dict[Any, int]) -> FloatArray:
    nan = float("nan")
    numbers, distinct = _distinct(values)
    # The last entry is that of missing values, whose number is -1.
    codes = [nan if _is_missing(value) else known.get(value, nan) for value in distinct]
    found: FloatArray = np.array([*codes, nan], dtype=np.float64)[numbers]
    return found


def _distinct(values: Any) -> tuple[Any, list[Any]]:
    """Return for each entry the position of its value among the different ones, -1 where it is missing, and these."""
    import pandas as pd

    numbers, distinct = pd.factorize(np.asarray(values) if isinstance(values, np.ndarray) else values)
    return numbers, list(distinct.tolist())


def _numbers(name: str, values: Any) -> FloatArray:
    try:
        if str(values.dtype) == "object" or not isinstance(values.dtype, np.dtype):
            listed = [float("nan") if _is_missing(value) else float(value) for value in values.tolist()]
            numbers = np.array(listed, dtype=np.float64)
        else:
            numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"Column {name!r} was numbers in training and is not now: {error}.") from error
    if np.isinf(numbers).any():
        raise InvalidInput(f"Column {name!r} holds an infinite value.", hint="A division by zero is absent: use NaN.")
    return numbers
