"""The kinds of definitions, in the order in which one needs another."""

from __future__ import annotations

from typing import Literal, get_args

Kind = Literal[
    "subject",
    "source",
    "scheme",
    "library",
    "tag",
    "segment",
    "model",
    "campaign",
    "grading",
    "cast",
    "yearbook",
    "worklist",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
