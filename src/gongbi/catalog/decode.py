"""YAML nodes → the dataclasses of `catalog.base`, driven by their type hints; every error says where.

JSON comes in by the same way: it is turned into nodes first, so that there is one reader and one set of messages.
"""

from __future__ import annotations

import math
import types
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any, Literal, Union, get_args, get_origin

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gongbi.catalog.base import CLASSES, KINDS, Definition, Kind, SubjectMap, Words
from gongbi.catalog.shape import (
    BOOL,
    FLOAT,
    FLOAT_TEXT,
    INT,
    INT_TEXT,
    MAP,
    NULL,
    SEQ,
    SHORT,
    STR,
    InvalidDefinitions,
    Path,
    Spot,
    is_required,
    keys_of,
    label_of,
    seen,
    suggestion,
)
from gongbi.errors import GongbiError, InvalidDefinition, Place

#: Values read from one file, aliases counted each time; what is larger is a mistake or an attack.
MOST_VALUES = 200_000


class TooManyValues(Exception):
    """The file unfolds to more than a person would write; ends the reading of the file."""


class Decoder:
    """Reads the definitions of one text."""

    def __init__(self, text: str = "", file: str | None = None) -> None:
        self._lines = text.splitlines()
        self._file = file
        self._left = MOST_VALUES
        self._parts: dict[Path, Place] = {}

    def definition(self, node: Node, kind: Kind | None = None) -> Definition:
        """Read a definition; without `kind`, the first key says which it is."""
        if not isinstance(node, MappingNode) or not node.value:
            raise self._error(node, f"A definition is a mapping, not {seen(node)}.", "Begin with `tag: NAME`.")
        self._parts = {}
        if kind is None:
            keys = [str(key.value) for key, _ in node.value if isinstance(key, ScalarNode)]
            first = str(node.value[0][0].value)
            found = next((k for k in KINDS if k == first), None)
            if found is None:
                later = [k for k in KINDS if k in keys]
                hint = f"Put `{later[0]}` first." if later else suggestion(first, KINDS)
                raise self._error(node, f"A definition begins with its kind, not with {first!r}.", hint)
            kind = found
        read: Definition = self._record(node, CLASSES[kind], ())
        return read

    def place(self, node: Node) -> Place | None:
        """Where the text of a node begins; None for what did not come from a text."""
        mark = node.start_mark
        if mark is None:
            return None
        line, column = mark.line, mark.column
        style = node.style if isinstance(node, ScalarNode) else None
        if style in ("'", '"'):
            column += 1
        elif style in ("|", ">"):
            below = range(line + 1, len(self._lines))
            line = next((n for n in below if self._lines[n].strip()), line)
            column = len(self._lines[line]) - len(self._lines[line].lstrip()) if line != mark.line else column
        return Place(self._file, line + 1, column + 1)

    def _error(self, node: Node, message: str, hint: str | None = None) -> InvalidDefinition:
        return InvalidDefinition(message, hint=hint, place=self.place(node))

    def _value(self, node: Node, hint: Any, path: Path) -> Any:
        self._left -= 1
        if self._left < 0:
            raise TooManyValues
        place = self.place(node)
        if place is not None:
            self._parts[path] = place
        if node.tag not in (STR, INT, FLOAT, BOOL, NULL, MAP, SEQ):
            raise self._error(node, f"{label_of(path)} has the YAML tag {node.tag!r}; tags are not used here.")
        origin, arguments = get_origin(hint), get_args(hint)
        if origin in (Union, types.UnionType):
            if node.tag == NULL and type(None) in arguments:
                return None
            wanted = [a for a in arguments if a is not type(None)]
            return self._value(node, _fitting(node, wanted), path)
        if origin is tuple:
            return self._list(node, arguments[0], path)
        if origin is not None and origin is not Literal:
            return self._mapping(node, arguments[1], path)
        if is_dataclass(hint):
            return self._record(node, hint, path)  # type: ignore[arg-type]
        return self._scalar(node, hint, path)

    def _list(self, node: Node, item: Any, path: Path) -> tuple[Any, ...]:
        if not isinstance(node, SequenceNode):
            hint = f"Write [{node.value}]." if isinstance(node, ScalarNode) and node.tag != NULL else None
            raise self._error(node, f"{label_of(path)} must be a list, not {seen(node)}.", hint)
        values, errors = [], []
        for n, child in enumerate(node.value):
            try:
                values.append(self._value(child, item, (*path, n)))
            except GongbiError as error:
                errors.append(error)
        if errors:
            raise InvalidDefinitions(errors)
        return tuple(values)

    def _pairs(self, node: MappingNode, errors: list[GongbiError]) -> Iterator[tuple[str, Node, Node]]:
        first: dict[str, Node] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode) or key.tag not in (STR, INT, FLOAT, BOOL, NULL):
                errors.append(self._error(key, f"A key is a plain text, not {seen(key)}."))
                continue
            name = str(key.value).rstrip("\n") if key.style in ("|", ">") else str(key.value)
            if name in first:
                before = self.place(first[name])
                errors.append(self._error(key, f"The key {name!r} is given twice, first at {before}."))
                continue
            first[name] = key
            yield name, key, value

    def _mapping(self, node: Node, item: Any, path: Path) -> dict[str, Any]:
        if not isinstance(node, MappingNode):
            raise self._error(node, f"{label_of(path)} must be a mapping, not {seen(node)}.")
        values: dict[str, Any] = {}
        errors: list[GongbiError] = []
        for name, _, child in self._pairs(node, errors):
            try:
                values[name] = self._value(child, item, (*path, name))
            except GongbiError as error:
                errors.append(error)
        if errors:
            raise InvalidDefinitions(errors)
        return values

    def _record(self, node: Node, class_: type[Any], path: Path) -> Any:
        values: dict[str, Any] = {}
        if isinstance(node, ScalarNode) and node.tag != NULL and (class_ is Words or class_ in SHORT):
            text = self._scalar(node, str, path)
            values = {"zh": text, "en": text} if class_ is Words else {SHORT[class_]: text}
        elif isinstance(node, MappingNode):
            values = self._fields(node, class_, path)
        else:
            raise self._error(node, f"{label_of(path)} must be a mapping, not {seen(node)}.")
        if not path and (place := self.place(node)):
            values["place"] = Spot(place.file, place.line, place.column, self._parts)
        try:
            return class_(**values)
        except GongbiError as error:
            raise (error.at(place) if (place := self.place(node)) else error) from None

    def _fields(self, node: MappingNode, class_: type[Any], path: Path) -> dict[str, Any]:
        known = keys_of(class_)
        values: dict[str, Any] = {}
        given: set[str] = set()
        errors: list[GongbiError] = []
        for name, key, child in self._pairs(node, errors):
            try:
                if class_ is SubjectMap and name == "identifier":
                    one = self._value(child, str, (*path, name))
                    name, value = "identifiers", {one: one}
                elif name in known:
                    value = self._value(child, known[name][1], (*path, name))
                else:
                    where = label_of(path) if path else f"A {node.value[0][0].value}"
                    raise self._error(key, f"{where} has no key {name!r}.", suggestion(name, known))
                if name in given:
                    raise self._error(key, f"{label_of(path)} says both `identifier` and `identifiers`.")
                values[known[name][0].name] = value
            except GongbiError as error:
                errors.append(error)
            given.add(name)
        for name, (field_, _) in known.items():
            if is_required(field_) and name not in given:
                errors.append(self._error(node, f"{label_of(path) if path else 'The definition'} lacks `{name}`."))
        if errors:
            raise InvalidDefinitions(errors)
        return values

    def _scalar(self, node: Node, hint: Any, path: Path) -> Any:
        label = label_of(path)
        if not isinstance(node, ScalarNode):
            raise self._error(node, f"{label} must be a single value, not {seen(node)}.")
        # The line break that ends a block scalar belongs to YAML, not to the text.
        text = str(node.value).rstrip("\n") if node.style in ("|", ">") else str(node.value)
        if hint is Any:
            return self._free(node, text, label)
        if node.tag == NULL:
            raise self._error(node, f"{label} says nothing.", "Give a value, or leave the key out.")
        if hint is str:
            return text
        if get_origin(hint) is Literal:
            if text not in get_args(hint):
                raise self._error(node, f"{label} cannot be {text!r}.", suggestion(text, get_args(hint)))
            return text
        names = {int: "a whole number", float: "a number", bool: "true or false"}
        fits = {int: (INT,), float: (INT, FLOAT), bool: (BOOL,)}
        if node.tag not in fits[hint]:
            hint_ = "Digits only: no quotes, no separators." if hint is not bool else None
            raise self._error(node, f"{label} must be {names[hint]}, not {seen(node)}.", hint_)
        return self._free(node, text, label)

    def _free(self, node: ScalarNode, text: str, label: str) -> str | int | float | bool | None:
        if node.tag in (NULL, BOOL):
            return None if node.tag == NULL else text.lower() == "true"
        if node.tag == INT and INT_TEXT.match(text):
            return int(text)
        if node.tag == FLOAT and FLOAT_TEXT.match(text) and math.isfinite(float(text)):
            return float(text)
        if node.tag == STR:
            return text
        raise self._error(node, f"{label} is not a number that can be kept: {seen(node)}.")


def _fitting(node: Node, hints: list[Any]) -> Any:
    """Which of several types a node is meant to have: the record that knows its first key, a list, a scalar."""
    records = [hint for hint in hints if is_dataclass(hint)]
    if isinstance(node, MappingNode) and records:
        first = str(node.value[0][0].value) if node.value else ""
        return next((record for record in records if first in keys_of(record)), records[0])  # type: ignore[arg-type]
    if isinstance(node, SequenceNode):
        return next((hint for hint in hints if get_origin(hint) is tuple), hints[-1])
    return hints[-1]


def to_node(value: Any) -> Node:
    """Return JSON data as a node, without a place."""
    if isinstance(value, Mapping):
        return MappingNode(MAP, [(ScalarNode(STR, str(k), style='"'), to_node(v)) for k, v in value.items()])
    if isinstance(value, list | tuple):
        return SequenceNode(SEQ, [to_node(v) for v in value])
    if isinstance(value, str):
        return ScalarNode(STR, value, style='"')
    tags = {bool: BOOL, int: INT, float: FLOAT, type(None): NULL}
    if type(value) not in tags:
        raise InvalidDefinition(f"{value!r} is not JSON.")
    return ScalarNode(tags[type(value)], "null" if value is None else str(value).lower())
