"""What a group is, and what sets it apart from a base."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from gongbi.core.types import Type

BinKind = Literal["value", "range", "other", "absent"]

#: How members without a value of a tag count: among all others in its shares, or apart from them, in none.
Unknown = Literal["among", "apart"]
UNKNOWN: tuple[Unknown, ...] = ("among", "apart")

#: Labels that stand for something in any language; `Index.kind` tells them from values that are written so.
ABSENT = "—"
OTHER = "…"


@dataclass(frozen=True, slots=True)
class Bin:
    """One value of a tag, a range of values, all values but those that have bins, or the unknown.

    Attributes
    ----------
    value
        The value as text; of the bin of other values, the tuple of values that it does not hold.
    low, high
        `low` is included and `high` is not. Numbers, days, or instants at which days begin.
    """

    tag: str
    label: str
    kind: BinKind
    value: str | tuple[str, ...] | None = None
    low: float | date | None = None
    high: float | date | None = None


@dataclass(frozen=True, slots=True)
class BinnedTag:
    """A tag with the bins by which groups are compared. Every member is in exactly one."""

    tag: str
    type: Type
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """How many members of a group there are, in all and in every bin."""

    n: int
    bins: Sequence[int]


@dataclass(frozen=True, slots=True)
class Profile:
    """How many members of a group, of its base and of both there are, in all and in every bin."""

    n_group: int
    n_base: int
    n_both: int
    group: Sequence[int]
    base: Sequence[int]
    both: Sequence[int]


@dataclass(frozen=True, slots=True)
class Index:
    """How over- or under-represented a bin is in a group.

    Attributes
    ----------
    kind
        Whether the bin is a value, a range, all other values or the unknown.
    tgi
        100 × share in the group / share in the base; None where nobody in the base is in the bin.
    low, high
        95 % interval of the index.
    p_adjusted
        Probability of a difference this large by chance, after Holm's correction for all bins compared.
    q_value
        The share of false discoveries to expect among the bins with this value or a smaller one, after Benjamini and
        Hochberg's procedure.
    support
        Members of the group in the bin.
    """

    tag: str
    label: str
    kind: BinKind
    support: int
    share: float
    base_count: int
    base_share: float
    tgi: float | None
    low: float | None
    high: float | None
    p_adjusted: float | None
    q_value: float | None

    def to_json(self) -> dict[str, Any]:
        """For doors."""
        return {name: getattr(self, name) for name in self.__slots__}
