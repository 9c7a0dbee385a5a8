"""Cell-by-cell comparison of two columns keyed by member."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa


def same(a: Any, b: Any) -> bool:
    """Doubles within 1e-9, relative; everything else exactly. Absent equals only absent."""
    if a is None or b is None:
        return a is b
    if isinstance(a, float) or isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, int | Decimal):
        return bool(Decimal(a) == Decimal(b))
    return bool(a == b)


def column(table: pa.Table, name: str) -> dict[Any, Any]:
    """Member → value."""
    return dict(zip(table["id"].to_pylist(), table[name].to_pylist(), strict=True))


def differences(found: Mapping[Any, Any], expected: Mapping[Any, Any]) -> dict[Any, tuple[Any, Any]]:
    """Member → (found, expected) where they differ; a member that one side lacks differs."""
    if found.keys() != expected.keys():
        odd = sorted(found.keys() ^ expected.keys())
        return {id_: ("known" if id_ in found else "unknown", "known" if id_ in expected else "unknown") for id_ in odd}
    return {id_: (value, expected[id_]) for id_, value in found.items() if not same(value, expected[id_])}


def unlike(found: Any, expected: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where two answers of records and lists are not the `same`: (path, found, expected)."""
    if isinstance(found, Mapping) and isinstance(expected, Mapping) and found.keys() == expected.keys():
        for key in expected:
            yield from unlike(found[key], expected[key], (*at, key))
    elif isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        for i, (one, other) in enumerate(zip(found, expected, strict=True)):
            yield from unlike(one, other, (*at, i))
    elif not same(found, expected):
        yield at, found, expected
