"""What a group is, and what sets it apart from a base."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gongbi.core.types import Type


@dataclass(frozen=True, slots=True)
class Bin:
    """One value, or one range of values, of a tag.

    `low` is included and `high` is not, but for the last range, which takes both. A bin without value and range holds
    those whose value is absent.
    """

    tag: str
    label: str
    value: Any = None
    low: float | None = None
    high: float | None = None
    last: bool = False

    @property
    def is_absent(self) -> bool:
        """True of the bin of the unknown."""
        return self.value is None and self.low is None and self.high is None


@dataclass(frozen=True, slots=True)
class BinnedTag:
    """A tag with the bins by which groups are compared."""

    tag: str
    type: Type
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """How over- or under-represented a bin is in a group.

    Attributes
    ----------
    tgi
        100 × share in the group / share in the base; None where nobody in the base is in the bin.
    low, high
        95 % interval of the index.
    p_adjusted
        Probability of a difference this large by chance, after Holm's correction for all bins compared.
    support
        Members of the group in the bin.
    """

    tag: str
    label: str
    support: int
    share: float
    base_count: int
    base_share: float
    tgi: float | None
    low: float | None
    high: float | None
    p_adjusted: float | None

    def to_json(self) -> dict[str, Any]:
        """For doors."""
        return {name: getattr(self, name) for name in self.__slots__}
