"""Definitions → plain data (dicts, lists, scalars) in one canonical form: defaults left out, shorthands used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, is_dataclass
from typing import Any

from gongbi.catalog.base import Definition, SubjectMap, Words
from gongbi.catalog.shape import SHORT, default_of, keys_of, yaml_name
from gongbi.errors import InvalidDefinition


def encode(value: Any) -> Any:
    """Return a value of a definition as JSON data; the order of mappings is kept, since it can carry meaning."""
    if is_dataclass(value):
        return _record(value)
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidDefinition(f"A definition cannot hold the number {value}.")
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if value is None or isinstance(value, str | int):
        return value
    raise InvalidDefinition(f"A definition cannot hold {value!r}.", hint="Text, numbers, true, false and null can be.")


def _record(value: Any) -> Any:
    if isinstance(value, Words) and value.zh == value.en:
        return value.zh
    body: dict[str, Any] = {}
    for key, (field_, _) in keys_of(type(value)).items():
        item, default = getattr(value, field_.name), default_of(field_)
        if default is MISSING or item != default:
            body[key] = encode(item)
    if isinstance(value, SubjectMap):
        same = [kind for kind, column in value.identifiers.items() if kind == column]
        if len(value.identifiers) == len(same) == 1:
            body = {"identifier" if key == "identifiers" else key: item for key, item in body.items()}
            body["identifier"] = same[0]
    short = SHORT.get(type(value))
    if short and list(body) == [yaml_name(short)]:
        return body[yaml_name(short)]
    return body


def to_json(definition: Definition) -> dict[str, Any]:
    """Return a definition as JSON data, the kind and name first; `from_json` is the way back.

    The place is left out. Keep it as text or in a column that keeps the order of keys: the first of a campaign's
    reasons wins, and a relation runs from its first subject to its second.
    """
    body: dict[str, Any] = _record(definition)
    return body
