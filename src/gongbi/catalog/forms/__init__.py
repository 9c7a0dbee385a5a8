"""Conditions as forms: rows that people fill in, read from an expression and written back to one."""

from __future__ import annotations

from gongbi.catalog.forms.base import (
    Compare,
    Field,
    Group,
    InSegment,
    Measure,
    Operand,
    Phrase,
    Row,
    Sequence,
    Step,
    Text,
    Value,
)
from gongbi.catalog.forms.combine import combine
from gongbi.catalog.forms.offer import NO_VALUE, Kind, Operator, kind_of, operators, usual
from gongbi.catalog.forms.read import read
from gongbi.catalog.forms.write import is_complete, write, write_operand

__all__ = [
    "NO_VALUE",
    "Compare",
    "Field",
    "Group",
    "InSegment",
    "Kind",
    "Measure",
    "Operand",
    "Operator",
    "Phrase",
    "Row",
    "Sequence",
    "Step",
    "Text",
    "Value",
    "combine",
    "is_complete",
    "kind_of",
    "operators",
    "read",
    "usual",
    "write",
    "write_operand",
]
