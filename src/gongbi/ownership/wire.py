"""How answers and errors travel between two processes of one user, so that both sides see the same."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from gongbi import errors
from gongbi.errors import GongbiError, Place


def pack(value: Any) -> Any:
    """Turn an answer into JSON; what JSON lacks becomes an object with one key that begins with ``$``."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Mapping):
        if all(isinstance(key, str) and not key.startswith("$") for key in value):
            return {key: pack(item) for key, item in value.items()}
        return {"$dict": [[pack(key), pack(item)] for key, item in value.items()]}
    if isinstance(value, list):
        return [pack(item) for item in value]
    if isinstance(value, np.generic):
        return pack(value.item())
    for kind, mark, write, _ in _KINDS:
        if isinstance(value, kind):
            return {f"${mark}": write(value)}
    raise TypeError(f"A {type(value).__name__} cannot be sent to another process.")


def unpack(value: Any) -> Any:
    """The answer that `pack` packed."""
    if isinstance(value, list):
        return [unpack(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((key, body),) = value.items()
        if key == "$dict":
            return {unpack(k): unpack(item) for k, item in body}
        for _, mark, _, read in _KINDS:
            if key == f"${mark}":
                return read(body)
    return {key: unpack(item) for key, item in value.items()}


def _write_table(table: pa.Table) -> str:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return base64.b64encode(sink.getvalue()).decode()


def _read_table(body: str) -> pa.Table:
    return pa.ipc.open_stream(base64.b64decode(body)).read_all()


def _read_span(body: list[int]) -> timedelta:
    return timedelta(*body)


#: Type, mark, how it is written, how it is read. An instant is a date too, so it comes first.
_KINDS: tuple[tuple[type, str, Callable[[Any], Any], Callable[[Any], Any]], ...] = (
    (pa.Table, "table", _write_table, _read_table),
    (datetime, "instant", datetime.isoformat, datetime.fromisoformat),
    (date, "date", date.isoformat, date.fromisoformat),
    (time, "time", time.isoformat, time.fromisoformat),
    (timedelta, "span", lambda v: [v.days, v.seconds, v.microseconds], _read_span),
    (Decimal, "decimal", str, Decimal),
    (bytes, "bytes", lambda v: base64.b64encode(v).decode(), base64.b64decode),
    (tuple, "tuple", lambda v: [pack(item) for item in v], lambda v: tuple(unpack(item) for item in v)),
    (frozenset, "frozenset", lambda v: [pack(item) for item in v], lambda v: frozenset(unpack(item) for item in v)),
    (set, "set", lambda v: [pack(item) for item in v], lambda v: {unpack(item) for item in v}),
)


def describe(error: Exception) -> dict[str, Any]:
    """An error as it travels: what the doors print, its classes, its own attributes."""
    if not isinstance(error, GongbiError):
        return {"code": "bug", "kind": "bug", "classes": ["Bug"], "message": f"{type(error).__name__}: {error}"}
    own = {k: v for k, v in vars(error).items() if k not in {"message", "hint", "place"}}
    return {
        "code": error.code,
        "kind": error.kind,
        "classes": [class_.__name__ for class_ in type(error).__mro__],
        "message": error.message,
        "hint": error.hint,
        # Not `astuple`: a place of a definition has the places of its values too, and those cannot be written.
        "place": [error.place.file, error.place.line, error.place.column] if error.place else None,
        "own": {k: v for k, v in own.items() if isinstance(v, str | int | float | bool | None)},
    }


class RemoteError(GongbiError):
    """An error that was raised in the owner's process."""


def raised(body: Mapping[str, Any]) -> GongbiError:
    """The error that `describe` described: of the same class, so that `except` clauses work the same."""
    known = (getattr(errors, str(name), None) for name in body.get("classes", ()))
    class_ = next((c for c in known if isinstance(c, type) and issubclass(c, GongbiError)), GongbiError)
    bases = (RemoteError,) if class_ is GongbiError else (RemoteError, class_)
    made: type[GongbiError] = type(class_.__name__, bases, {"code": body.get("code"), "kind": body.get("kind")})
    place = body.get("place")
    error = made.__new__(made)
    # A class may want other arguments than these; they are in its message already.
    GongbiError.__init__(error, str(body.get("message")), hint=body.get("hint"), place=Place(*place) if place else None)
    vars(error).update(body.get("own") or {})
    return error
