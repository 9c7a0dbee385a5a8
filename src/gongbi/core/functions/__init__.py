"""The function catalogue: the closed list of what an expression may use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from gongbi.core.functions import (
    aggregates,
    dates,
    datums,
    documents,
    groups,
    lasting,
    lists,
    members,
    moments,
    numbers,
    operators,
    phrases,
    places,
    ranks,
    sequences,
    special,
    texts,
    workdays,
)
from gongbi.core.functions.base import Cannot, Example, Function, Param, Phrase, Regroup, Run
from gongbi.errors import Bug, UnknownName

__all__ = ["CATALOGUE", "MEANING", "Cannot", "Example", "Function", "Param", "Phrase", "Regroup", "Run", "function"]

#: Raised when a function, or the plan that it is part of, gives other values than before: builds made with an earlier
#: one are then no answer to the same definitions.
MEANING = 2

_CHAPTERS = (
    operators,
    numbers,
    texts,
    dates,
    workdays,
    moments,
    lasting,
    special,
    lists,
    documents,
    places,
    datums,
    aggregates,
    groups,
    sequences,
    members,
    ranks,
    phrases,
)


def _collected() -> Mapping[str, Function]:
    found: dict[str, Function] = {}
    for chapter in _CHAPTERS:
        entries: Iterable[Function] = chapter.FUNCTIONS
        for entry in entries:
            if entry.name in found:
                raise Bug(f"The catalogue has two functions {entry.name!r}.")
            found[entry.name] = entry
    return MappingProxyType(found)


CATALOGUE: Mapping[str, Function] = _collected()


def function(name: str) -> Function:
    """Return the entry of that name.

    Raises
    ------
    UnknownName
        With the nearest name that exists.
    """
    if name not in CATALOGUE:
        raise UnknownName("function", name, [n for n, f in CATALOGUE.items() if not f.sign])
    return CATALOGUE[name]
