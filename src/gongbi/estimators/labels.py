"""Outcomes of two kinds, however they are written."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gongbi.errors import InvalidInput


def two_labels(name: str, values: ArrayLike) -> tuple[Any, NDArray[np.bool_]]:
    """Return the two labels in order, and where the greater one stands, shape (n,).

    0 and 1, also where only one of them occurs, are these two.

    Raises
    ------
    InvalidInput
        A value is absent, or there are more labels or fewer.
    """
    entries = np.asarray(values)
    if entries.ndim == 2 and entries.shape[1] == 1:
        from sklearn.exceptions import DataConversionWarning

        warnings.warn(
            f"{name} is a column of {len(entries)} rows; it was made flat.", DataConversionWarning, stacklevel=3
        )
        entries = entries[:, 0]
    if entries.ndim != 1:
        raise InvalidInput(f"{name} must have one dimension, not {entries.ndim}.")
    if entries.dtype.kind == "c":
        raise InvalidInput(f"{name} must be numbers: complex ones have no order.")
    if entries.dtype.kind == "f" and not np.isfinite(entries).all():
        first = int(np.argmax(~np.isfinite(entries)))
        raise InvalidInput(
            f"{name} must be finite; entry {first} is {entries[first]}.",
            hint="Leave out the members for whom the value is absent.",
        )
    if entries.dtype.kind == "O":
        if any(value is None or value != value for value in entries):
            raise InvalidInput(f"{name} must have a value everywhere", hint="Leave out who has none.")
        entries = np.array(entries.tolist())
    if entries.dtype.kind in "biuf" and np.isin(entries, (0, 1)).all():
        return np.array([0, 1]), entries == 1
    labels = np.unique(entries)
    if len(labels) != 2:
        raise InvalidInput(
            f"{name} must have two labels, not {len(labels)}: Unknown label type or only one class.",
            hint="Say for each row whether it happened: 0 or 1.",
        )
    return labels, entries == labels[1]
