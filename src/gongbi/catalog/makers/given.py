"""Makers of tags whose values are given, by a person or from a file, and not computed.

Such a value stands in a table of its own with the time in which it holds, and is read as of the instant like an
attribute; what is built and rebuilt never changes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from gongbi.catalog.makers.base import asks
from gongbi.core.types import BOOLEAN, DATE, DOUBLE, INTEGER, TEXT, Type
from gongbi.errors import InvalidDefinition

ValueType = Literal["text", "integer", "number", "boolean", "date"]
TYPES: Final[Mapping[str, Type]] = {
    "text": TEXT,
    "integer": INTEGER,
    "number": DOUBLE,
    "boolean": BOOLEAN,
    "date": DATE,
}


@dataclass(frozen=True, slots=True)
class _Given:
    """What both have: the type of the values and, for texts, which there are."""

    type: ValueType = asks("choice", "值的类型", "Type of the values")  # noqa: RUF009
    names: tuple[str, ...] = asks("names", "可用的值", "Values that it may have", default=())

    def __post_init__(self) -> None:
        if self.names and self.type != "text":
            raise InvalidDefinition("`names` are for values that are text.", hint="Write `type: text`.")
        if len(set(self.names)) < len(self.names):
            raise InvalidDefinition("`names` has a value twice.")

    def expression(self) -> str:
        """Stands for no expression by itself: the tag's name says where the values are."""
        return ""

    def values(self) -> tuple[str, ...]:
        """Every value that it may have."""
        return self.names


@dataclass(frozen=True, slots=True)
class Manual(_Given):
    """A value that a person sets for a member, with who, when and why: a grade, a note, a promise.

    Parameters
    ----------
    type
        ``text``, ``integer``, ``number``, ``boolean`` or ``date``.
    names
        For texts: the values that may be set; any where it is left out.
    """


@dataclass(frozen=True, slots=True)
class Imported(_Given):
    """A column of a file: one value for each member that it names. Importing again is a new version.

    Parameters
    ----------
    type
        ``text``, ``integer``, ``number``, ``boolean`` or ``date``.
    names
        For texts: the values that the file may have; any where it is left out.
    """


def attribute_of(tag: str) -> str:
    """The attribute of the member by which the values of a tag are read."""
    return f"given.{tag}"


def table_of(tag: str) -> str:
    """The table that keeps them: one row per member and time in which a value holds."""
    return f"given_{tag.replace('.', '__')}"
