"""What of a model's definition must be a number."""

from __future__ import annotations

from gongbi.catalog.base import ModelDef
from gongbi.core.types import Type
from gongbi.core.world import FactShape, RelationShape
from gongbi.errors import UnknownName, WrongType


def check_number(model: ModelDef, key: str, name: str, shape: FactShape | RelationShape) -> None:
    """See that a key names a column of numbers."""
    if name not in shape.columns:
        raise UnknownName(f"column of {shape.name}", name, shape.columns)
    refuse_other(model, key, name, shape.columns[name])


def refuse_other(model: ModelDef, key: str, name: str, found: Type) -> None:
    """See that what a key says is a number."""
    if not found.is_number:
        raise WrongType(f"Model {model.model!r}: `{key}` is a number; {name} is {found}.")
