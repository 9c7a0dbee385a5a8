"""Parts of a model's card that every kind can have: figures in a row, and tables. Drawn alike by all doors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from gongbi.catalog.base import Words
from gongbi.models.base import Figures

#: How a value is written: a whole number, one with two digits, one with four, a share, or as it is.
Format = Literal["count", "number", "fine", "percent", "text"]
#: Digits after the point of numbers.
DIGITS: Mapping[str, int] = {"count": 0, "number": 2, "fine": 4}


def stat(label: Words, value: float | None, format_: Format = "number", interval: Figures | None = None) -> Figures:
    """One figure; its `interval` has ``low`` and ``high``."""
    return {"label": label.to_json(), "value": value, "format": format_, "interval": interval}


def stats(*items: Figures) -> Figures:
    """Figures in a row."""
    return {"kind": "stats", "items": list(items)}


def drawn(
    title: Words, about: Words, nodes: Sequence[tuple[str, int]], links: Sequence[tuple[int, int, float]]
) -> Figures:
    """A network: dots with their size, and lines between places of dots with their strength."""
    return {
        "kind": "network",
        "title": title.to_json(),
        "about": about.to_json(),
        "nodes": [{"name": name, "size": size} for name, size in nodes],
        "links": [{"from": one, "to": other, "strength": strength} for one, other, strength in links],
    }


def dots(title: Words, about: Words, rows: Sequence[tuple[str, float, float, float]]) -> Figures:
    """Values with their intervals, one under the other: name, value, low, high."""
    names, *numbers = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [], [])
    values, low, high = numbers
    return {
        "kind": "dots",
        "title": title.to_json(),
        "about": about.to_json(),
        "names": names,
        "values": values,
        "low": low,
        "high": high,
    }


def table(
    title: Words, about: Words, columns: Sequence[tuple[Words, Format]], rows: Sequence[Sequence[Any]]
) -> Figures:
    """A table; a cell is a number, a text, `Words`, or None where there is nothing to say."""
    return {
        "kind": "table",
        "title": title.to_json(),
        "about": about.to_json(),
        "columns": [{"label": label.to_json(), "format": format_} for label, format_ in columns],
        "rows": [[cell.to_json() if isinstance(cell, Words) else cell for cell in row] for row in rows],
    }
