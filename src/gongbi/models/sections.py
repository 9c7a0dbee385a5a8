"""Parts of a model's card that every kind can have: figures in a row, and tables. Drawn alike by all doors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from gongbi.catalog.base import Words
from gongbi.models.base import Figures

#: How a value is written: a whole number, one with two digits, a share, or as it is.
Format = Literal["count", "number", "percent", "text"]


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
