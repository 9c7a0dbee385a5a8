"""The JSON Schema of definitions, and the same facts for the docs, taken from the dataclasses and their docstrings.

Editors complete and check YAML with the schema; `gongbi validate` does not need it. It knows the form of each kind
and part; what a definition says about itself and others (names, types, cycles) is checked when it is read.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin

from gongbi.catalog.base import CLASSES, KINDS, Kind, SubjectMap, Words
from gongbi.catalog.encode import encode
from gongbi.catalog.shape import SHORT, default_of, is_required, keys_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"
# Unquoted `5`, `0.10` and `true` are read as text where a text is asked for.
_TEXT: Mapping[str, Any] = {"type": ["string", "number", "boolean"]}
_SCALARS: Mapping[Any, Mapping[str, Any]] = {
    Any: {"type": ["string", "number", "boolean", "null"]},
    str: _TEXT,
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
}
_WORDS: Mapping[Any, str] = {Any: "value", str: "text", int: "whole number", float: "number", bool: "true or false"}


@dataclass(frozen=True, slots=True)
class FieldDoc:
    """What the docs say of one key.

    Parameters
    ----------
    key
        As written in YAML.
    type_
        In words: ``text``, ``list of text``, ``text or category type``.
    required
        True where the key cannot be left out.
    default
        What holds where it is left out, as JSON data; None where there is nothing.
    about
        From the docstring; empty where it says nothing.
    part
        The class of the mapping, or of its values, that the key holds; see `fields_of`.
    """

    key: str
    type_: str
    required: bool
    default: Any
    about: str
    part: type[Any] | None = None


def fields_of(kind: Kind | type[Any]) -> tuple[FieldDoc, ...]:
    """Return the keys of a kind of definition, or of a part such as `ColumnMap`, in their order."""
    class_: type[Any] = CLASSES[kind] if isinstance(kind, str) else kind
    about = _parameters(class_)
    docs = []
    for key, (field_, hint) in keys_of(class_).items():
        default = default_of(field_)
        docs.append(
            FieldDoc(
                key=key,
                type_=_words(hint),
                required=is_required(field_),
                default=None if default is MISSING else encode(default),
                about=about.get(field_.name, ""),
                part=next(iter(_parts(hint)), None),
            )
        )
    return tuple(docs)


def summary_of(kind: Kind | type[Any]) -> str:
    """Return what a kind of definition or a part is, from its docstring, without its parameters."""
    class_: type[Any] = CLASSES[kind] if isinstance(kind, str) else kind
    doc = inspect.getdoc(class_) or ""
    return _joined(re.split(r"^Parameters\n-+$", doc, flags=re.MULTILINE)[0])


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of one YAML document: a definition, or a list of them."""
    parts: list[type[Any]] = [CLASSES[kind] for kind in KINDS]
    for part in parts:  # Grows while it is walked.
        new = [p for _, hint in keys_of(part).values() for p in _parts(hint)]
        parts += [p for p in dict.fromkeys(new) if p not in parts]
    kinds = [{"$ref": f"#/$defs/{CLASSES[kind].__name__}"} for kind in KINDS]
    return {
        "$schema": DIALECT,
        "title": "Gongbi definitions",
        "description": "One document of a file of definitions. Its first key is its kind, with its name as value.",
        "anyOf": [{"$ref": "#/$defs/definition"}, {"type": "array", "items": {"$ref": "#/$defs/definition"}}],
        "$defs": {"definition": {"oneOf": kinds}, **{part.__name__: _record(part) for part in parts}},
    }


def _record(class_: type[Any]) -> dict[str, Any]:
    about = _parameters(class_)
    properties: dict[str, Any] = {}
    for key, (field_, hint) in keys_of(class_).items():
        schema = _schema(hint)
        if text := about.get(field_.name):
            schema["description"] = text
        default = default_of(field_)
        if default is not MISSING and default is not None:
            schema["default"] = encode(default)
        properties[key] = schema
    mapping: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    required = [key for key, (field_, _) in keys_of(class_).items() if is_required(field_)]
    if class_ is SubjectMap:
        properties["identifier"] = {**_TEXT, "description": "Short for `identifiers: {NAME: NAME}`."}
        mapping["not"] = {"required": ["identifier", "identifiers"]}
    if required:
        mapping["required"] = required
    if class_ is Words or class_ in SHORT:
        return {"description": summary_of(class_), "anyOf": [dict(_TEXT), mapping]}
    return {"description": summary_of(class_), **mapping}


def _schema(hint: Any) -> dict[str, Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return {"anyOf": [{"type": "null"} if a is type(None) else _schema(a) for a in arguments]}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is tuple:
        return {"type": "array", "items": _schema(arguments[0])}
    if origin is not None:
        return {"type": "object", "additionalProperties": _schema(arguments[1])}
    if is_dataclass(hint):
        return {"$ref": f"#/$defs/{hint.__name__}"}  # type: ignore[union-attr]
    return dict(_SCALARS[hint])


def _parts(hint: Any) -> list[type[Any]]:
    if isinstance(hint, type) and is_dataclass(hint):
        return [hint]
    return [part for argument in get_args(hint) for part in _parts(argument)]


def _words(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(_words(a) for a in arguments if a is not type(None))
    if origin is Literal:
        return ", ".join(arguments[:-1]) + f" or {arguments[-1]}"
    if origin is tuple:
        return f"list of {_words(arguments[0])}"
    if origin is not None:
        return f"mapping to {_words(arguments[1])}"
    if is_dataclass(hint):
        return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", hint.__name__).lower()  # type: ignore[union-attr]
    return _WORDS[hint]


def _parameters(class_: type[Any]) -> dict[str, str]:
    """Field → its paragraph below `Parameters` in the class's docstring (NumPy style)."""
    sections = re.split(r"^Parameters\n-+$", inspect.getdoc(class_) or "", flags=re.MULTILINE)
    about: dict[str, str] = {}
    if len(sections) == 2:
        for names, text in re.findall(r"^(\S.*)\n((?:[ ]+.*\n?|\n)+)", sections[1] + "\n", flags=re.MULTILINE):
            about |= dict.fromkeys((name.strip() for name in names.split(",")), _joined(text))
    return about


def _joined(text: str) -> str:
    paragraphs = re.split(r"\n\s*\n", text.strip())
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
