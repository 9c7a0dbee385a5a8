"""What every estimator asks of the arrays it is given."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gongbi.errors import InvalidInput

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


def as_vector(name: str, values: ArrayLike) -> FloatArray:
    """Return a one-dimensional array of finite floats, or say which entry is not one."""
    try:
        vector = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{name} must be numbers: {error}.") from error
    if vector.ndim != 1:
        raise InvalidInput(f"{name} must have one dimension, not {vector.ndim}.")
    bad = ~np.isfinite(vector)
    if bad.any():
        first = int(np.argmax(bad))
        raise InvalidInput(
            f"{name} must be finite; entry {first} is {vector[first]}.",
            hint="Leave out the members for whom the value is absent.",
        )
    return vector


def as_vectors(**named: ArrayLike) -> tuple[FloatArray, ...]:
    """Check several vectors at once; they must be equally long."""
    vectors = {name: as_vector(name, values) for name, values in named.items()}
    if len({len(vector) for vector in vectors.values()}) > 1:
        lengths = ", ".join(f"{name} has {len(vector)}" for name, vector in vectors.items())
        raise InvalidInput(f"The arrays must be equally long: {lengths}.")
    return tuple(vectors.values())


def as_binary(name: str, values: ArrayLike) -> NDArray[np.bool_]:
    """Return 0/1 or true/false outcomes as booleans."""
    vector = as_vector(name, values)
    bad = (vector != 0) & (vector != 1)
    if bad.any():
        first = int(np.argmax(bad))
        raise InvalidInput(f"{name} must be 0 or 1; entry {first} is {vector[first]:g}.")
    return np.asarray(vector, dtype=bool)


def as_groups(name: str, values: ArrayLike) -> IntArray:
    """Return for every entry the number of its group; groups may be numbers or texts, and are numbered as they come."""
    import pandas as pd

    entries = np.asarray(values)
    if entries.ndim != 1:
        raise InvalidInput(f"{name} must have one dimension, not {entries.ndim}.")
    numbers = np.asarray(pd.factorize(entries)[0], dtype=np.int64)
    refuse_where(numbers < 0, f"{name} must have a value everywhere", hint="Give who has none a group of their own.")
    return numbers


def checked_level(level: float) -> float:
    """Return a confidence level, strictly between 0 and 1."""
    if not 0 < level < 1:
        raise InvalidInput(f"A confidence level lies between 0 and 1, not at {level}.", hint="Try 0.95.")
    return float(level)


def refuse_where(bad: NDArray[np.bool_], message: str, hint: str | None = None) -> None:
    """Raise when any entry is bad, naming the first and how many there are."""
    if bad.any():
        count, first = int(bad.sum()), int(np.argmax(bad))
        raise InvalidInput(f"{message} ({count} such, the first at position {first}).", hint=hint)


def unique_rows(*columns: FloatArray) -> tuple[tuple[FloatArray, ...], IntArray]:
    """Return the distinct rows, sorted, and for every row the position of its distinct one."""
    keys, span = _row_numbers(columns)
    if span <= 4 * len(keys) + 1024:
        # Few possible rows: a table of those that occur, and no sorting.
        seen = np.zeros(span, dtype=bool)
        seen[keys] = True
        inverse = (np.cumsum(seen) - 1)[keys]
        firsts = np.empty(int(seen.sum()), dtype=np.int64)
        firsts[inverse] = np.arange(len(keys))
    else:
        _, firsts, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return tuple(column[firsts] for column in columns), inverse


def _row_numbers(columns: tuple[FloatArray, ...]) -> tuple[IntArray, int]:
    """Return one whole number per row, in the order of the rows, and a bound above them all."""
    keys, span = np.zeros(len(columns[0]), dtype=np.int64), 1
    for column in columns:
        digits, size = _digits(column)
        if span * size > 2**62:
            _, keys = np.unique(keys, return_inverse=True)
            span = int(keys.max()) + 1
        keys, span = keys * size + digits, span * size
    return keys, span


def _digits(column: FloatArray) -> tuple[IntArray, int]:
    """Number the values of a column in their order; whole numbers are their own."""
    if not len(column):
        return np.zeros(0, dtype=np.int64), 1
    low, high = float(column.min()), float(column.max())
    if high - low < 2**20:
        digits = (column - np.floor(low)).astype(np.int64)
        if (digits + np.floor(low) == column).all():
            return digits, int(high - np.floor(low)) + 1
    values, digits = np.unique(column, return_inverse=True)
    return digits, len(values)
