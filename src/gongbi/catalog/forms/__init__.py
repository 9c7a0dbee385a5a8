"""Conditions as forms: rows that people fill in, read from an expression and written back to one."""

from __future__ import annotations

from gongbi.catalog.forms.base import (
    Argument,
    Compare,
    Field,
    Formula,
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
from gongbi.catalog.forms.offer import FORMULAS, NO_VALUE, Kind, Operator, kind_of, operators, usual, usual_formula
from gongbi.catalog.forms.read import read
from gongbi.catalog.forms.write import is_complete, write, write_operand

__all__ = [
    "FORMULAS",
    "NO_VALUE",
    "Argument",
    "Compare",
    "Field",
    "Formula",
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
    "usual_formula",
    "write",
    "write_operand",
]
