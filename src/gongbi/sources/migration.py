"""What an edited mapping asks of rows that are already loaded. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from gongbi.catalog.base import NO_WORDS, ColumnMap, SchemaRule, SourceDef
from gongbi.catalog.tables import key_columns

Kind = Literal["none", "drop", "reload", "refuse"]


@dataclass(frozen=True, slots=True)
class Migration:
    """What has to happen before a source with another mapping is loaded again.

    ``none``: the stored rows fit. ``drop``: columns go, nothing is read. ``reload``: the rows are read from their files
    again, into a new table beside the old one, which is then swapped in. ``refuse``: it cannot be done by itself.
    """

    kind: Kind
    reasons: tuple[str, ...] = ()


def plan_migration(old: SourceDef, new: SourceDef) -> Migration:
    """Compare two mappings of one source; the harshest consequence counts."""
    if _essence(old) == _essence(new):
        return Migration("none")
    if _target(old) != _target(new):
        return Migration("refuse", (f"It was {_target(old)} and would become {_target(new)}.",))
    reasons: list[str] = []
    gone = [name for name in old.columns if name not in new.columns]
    added = [name for name in new.columns if name not in old.columns]
    edited = [n for n in new.columns if n in old.columns and _plain(new, n) != _plain(old, n)]
    reasons += [f"Column {name!r} was added." for name in added]
    reasons += [f"Column {name!r} is made in another way." for name in edited]
    for word in ("key", "time", "valid_from", "valid_to", "subjects", "id"):
        before, now = getattr(old, word), getattr(new, word)
        if before != now or (word == "subjects" and list(before) != list(now)):
            reasons.append(f"`{word}` was edited.")
    if _reading(old) != _reading(new):
        reasons.append("`from` reads the file in another way.")
    if key_columns(old) != key_columns(new) and not reasons:
        reasons.append("A part of the key is kept in another column.")
    if reasons:
        return Migration("reload", tuple(reasons + [f"Column {name!r} was removed." for name in gone]))
    if gone:
        return Migration("drop", tuple(f"Column {name!r} was removed." for name in gone))
    return Migration("none")


def _plain(source: SourceDef, name: str) -> object:
    return _silent(source.columns[name])


def _silent(column: ColumnMap) -> ColumnMap:
    """A column without what is only for people."""
    return replace(column, name=NO_WORDS, about=NO_WORDS, unit=None, labels={}, pii="none")


def _reading(source: SourceDef) -> object:
    # Where the files lie may change; how they are read changes the rows.
    origin = source.from_
    return origin.encoding, origin.delimiter, origin.sheet, origin.null_values, dict(origin.types), origin.format


def _target(source: SourceDef) -> str:
    return f"{source.target} {getattr(source, source.target)!r}"


def _essence(source: SourceDef) -> SourceDef:
    columns = {name: _silent(mapping) for name, mapping in source.columns.items()}
    return replace(source, columns=columns, name=NO_WORDS, about=NO_WORDS, schema=SchemaRule(), place=None)
