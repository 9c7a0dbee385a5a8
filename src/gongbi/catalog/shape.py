"""What definitions look like in YAML: keys, shorthands, scalars, places, and the error that gathers errors."""

from __future__ import annotations

import difflib
import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache
from typing import Any, Final, cast, get_type_hints

from yaml.nodes import Node, ScalarNode, SequenceNode

from gongbi.catalog.base import ColumnMap, SubjectMap, TimeMap
from gongbi.errors import GongbiError, InvalidDefinition, Place

Path = tuple[str | int, ...]

#: What a plain text stands for where one of these is asked for: the field that it fills.
SHORT: Final[Mapping[type, str]] = {ColumnMap: "type_", SubjectMap: "column", TimeMap: "column"}

STR, INT, FLOAT, BOOL, NULL, MAP, SEQ = (
    f"tag:yaml.org,2002:{tag}" for tag in ("str", "int", "float", "bool", "null", "map", "seq")
)
#: YAML 1.2 with the numbers of JSON: `on`, `yes`, `2017-09-01`, `007`, `1_000` and `+86…` stay text.
INT_TEXT = re.compile(r"-?(?:0|[1-9][0-9]{0,39})\Z")
FLOAT_TEXT = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z")
RESOLVERS: Final = (
    (NULL, re.compile(r"(?:~|null|Null|NULL|)\Z"), ["~", "n", "N", ""]),
    (BOOL, re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), list("tTfF")),
    (INT, INT_TEXT, list("-0123456789")),
    (FLOAT, FLOAT_TEXT, list("-.0123456789")),
)
_SHOWN = 20


class InvalidDefinitions(InvalidDefinition):
    """Everything that is wrong with a set of definitions; `errors` holds each one with its place."""

    def __init__(self, errors: Iterable[GongbiError]) -> None:
        flat: list[GongbiError] = []
        for error in errors:
            flat.extend(error.errors if isinstance(error, InvalidDefinitions) else [error])
        self.errors: tuple[GongbiError, ...] = tuple(flat)
        if len(flat) == 1:
            super().__init__(flat[0].message, hint=flat[0].hint, place=flat[0].place)
            return
        lines = [" ".join(str(error).split()) for error in flat[:_SHOWN]]
        if len(flat) > _SHOWN:
            lines.append(f"… and {len(flat) - _SHOWN} more.")
        super().__init__("\n".join([f"{len(flat)} errors in the definitions:", *lines]))

    def to_json(self) -> dict[str, Any]:
        """Return what the doors print, with each error below `errors`."""
        return {**super().to_json(), "errors": [error.to_json() for error in self.errors]}


@dataclass(frozen=True, slots=True, eq=False)
class Spot(Place):
    """The place of a definition, its first line, with the places of all its values."""

    parts: Mapping[Path, Place] = field(default_factory=dict, repr=False)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Place):
            return NotImplemented
        return (self.file, self.line, self.column) == (other.file, other.line, other.column)

    def __hash__(self) -> int:
        return hash((self.file, self.line, self.column))


def yaml_name(name: str) -> str:
    """The key that stands for a field: `from` for `from_`."""
    return name.rstrip("_")


def keys_of(class_: type[Any]) -> Mapping[str, tuple[Field[Any], Any]]:
    """Key → field and type hint of a definition or a part of one, in their order."""
    return _keys_of(cast("Hashable", class_))


@cache
def _keys_of(class_: Any) -> Mapping[str, tuple[Field[Any], Any]]:
    hints = get_type_hints(class_)
    return {yaml_name(f.name): (f, hints[f.name]) for f in fields(class_) if f.name != "place"}


def is_required(field_: Field[Any]) -> bool:
    """True of a field without a default."""
    return field_.default is MISSING and field_.default_factory is MISSING


def default_of(field_: Field[Any]) -> Any:
    """Return a field's default, or ``MISSING``."""
    return field_.default if field_.default_factory is MISSING else field_.default_factory()


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return the hint for a word that is not among those known."""
    names = list(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.55)
    return f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(names)}."


def seen(node: Node) -> str:
    """Return what stands there, for a message."""
    if isinstance(node, ScalarNode):
        text = str(node.value)
        return "nothing" if node.tag == NULL else repr(text if len(text) <= 60 else text[:59] + "…")
    return "a list" if isinstance(node, SequenceNode) else "a mapping"


def label_of(path: Path) -> str:
    """Return a path as people write it: `columns.amount.type`."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in path]
    return f"`{''.join(parts).lstrip('.')}`" if parts else "This"
