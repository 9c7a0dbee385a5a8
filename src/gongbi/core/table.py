"""Tables: their grain, columns and keys."""

from __future__ import annotations

from dataclasses import dataclass

from gongbi.core.types import Type
from gongbi.errors import InvalidInput, UnknownName


@dataclass(frozen=True, slots=True)
class Column:
    """A typed column."""

    name: str
    type: Type
    about: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table that an engine keeps.

    Parameters
    ----------
    name
        Its name in the engine; a plain identifier.
    columns
        Its columns, in order.
    key
        The columns that make a row unique; empty where nothing does.
    grain
        What one row is, in words: "one row per receipt line".
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    grain: str = ""

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names):
            raise InvalidInput(f"Table {self.name!r} has two columns of one name: {', '.join(names)}.")

    def __contains__(self, name: str) -> bool:
        return any(column.name == name for column in self.columns)

    def column(self, name: str) -> Column:
        """Return the column of that name."""
        for column in self.columns:
            if column.name == name:
                return column
        raise UnknownName(f"column of {self.name}", name, [c.name for c in self.columns])
