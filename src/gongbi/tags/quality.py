r"""How good a build is, tag by tag, beside the build before it. Pure.

The population stability index of two distributions over the same bins is :math:`\sum_i (p_i - q_i) \ln(p_i / q_i)`,
q of the base and p of now [1]_; it is 0 where they agree and symmetrical in both. The bins are those of the base
build: its commonest values each, its tenths where a number or a day has many values; all other values, and the members
without a value, are bins of their own. A bin that is empty on one side counts half a member there, so that the
logarithm exists; one that is empty on both sides says nothing.

References
----------
.. [1] Siddiqi (2006), Credit Risk Scorecards, chapter on monitoring: below 0.1 hardly moved, above 0.25 far moved.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from gongbi.catalog.quality import Quality

#: What an empty bin counts where the other side has members.
HALF = 0.5
#: From here on a distribution has moved, and has moved far; see the module's reference.
MOVED, MOVED_FAR = 0.1, 0.25

Light = Literal["green", "amber", "red", "grey"]


@dataclass(frozen=True, slots=True)
class Bins:
    """A tag's distribution, by which the next build is compared.

    Attributes
    ----------
    values
        The commonest values as text, where there are few or where they have no order.
    edges
        Cuts between ranges of numbers, or of days since 1970; a range begins at its cut.
    counts
        Members per value or per range; of values, then all others.
    absent
        Members without a value.
    """

    counts: tuple[int, ...]
    absent: int
    values: tuple[str, ...] | None = None
    edges: tuple[float, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """As kept with the build."""
        return {
            "values": None if self.values is None else list(self.values),
            "edges": None if self.edges is None else list(self.edges),
            "counts": list(self.counts),
            "absent": self.absent,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Bins:
        """The bins that `to_json` described."""
        values, edges = body["values"], body["edges"]
        return cls(
            tuple(body["counts"]),
            body["absent"],
            None if values is None else tuple(values),
            None if edges is None else tuple(edges),
        )


@dataclass(frozen=True, slots=True)
class Breach:
    """A limit that a tag of a build does not keep."""

    tag: str
    limit: str
    value: float
    allowed: float

    def to_json(self) -> dict[str, Any]:
        """As kept with the build."""
        return {"tag": self.tag, "limit": self.limit, "value": self.value, "allowed": self.allowed}

    def __str__(self) -> str:
        # No comma: several of them are listed.
        tag, value, allowed = self.tag, f"{self.value:.4g}", f"{self.allowed:.4g}"
        share, limit = f"{100 * self.value:.3g}", f"{100 * self.allowed:.3g}"
        said = {
            "coverage_min": f"{tag} covers {share} % of members where {limit} % are demanded",
            "absent_rise_max": f"{tag} lost its value for {share} % of members where {limit} % are allowed",
            "distinct_min": f"{tag} has {value} different values where at least {allowed} are demanded",
            "distinct_max": f"{tag} has {value} different values where at most {allowed} are allowed",
            "psi_max": f"{tag} moved by a PSI of {value} where {allowed} is allowed",
            "freshness_max_days": f"{tag} rests on rows that are {value} days old where {allowed} are allowed",
        }
        return said[self.limit]


@dataclass(frozen=True, slots=True)
class TagQuality:
    """How good one tag of a build is.

    Attributes
    ----------
    base_build
        The build that it is compared with; None for the first.
    psi
        How far the distribution moved since; None without a base, or for a list.
    absent_rise
        Share of members without a value, less that of the base.
    edited
        The tag was defined otherwise in the base: its figures differ for a reason, and are held to no limit of change.
    freshness_days
        Age of the newest row of the fact, of those that the tag reads, that is furthest behind; None without facts.
    breaches
        The limits that are not kept.
    bins
        Its distribution, for the build after.
    """

    tag: str
    coverage: float
    distinct: int | None
    base_build: int | None = None
    psi: float | None = None
    absent_rise: float | None = None
    edited: bool = False
    freshness_days: float | None = None
    breaches: tuple[Breach, ...] = ()
    bins: Bins | None = field(default=None, repr=False)

    @property
    def light(self) -> Light:
        """Red for a limit that is broken, amber for what moved, grey for what cannot be compared yet."""
        if self.breaches:
            return "red"
        if not self.edited and ((self.psi or 0) >= MOVED or (self.absent_rise or 0) >= MOVED):
            return "amber"
        return "grey" if self.base_build is None else "green"


def stability(base: Sequence[int], now: Sequence[int]) -> float:
    """The population stability index of two counts over the same bins; see the module.

    Raises
    ------
    ValueError
        The counts are of different bins, or one side has no members at all.

    Examples
    --------
    >>> stability([50, 50], [50, 50])
    0.0
    >>> round(stability([50, 50], [75, 25]), 4)
    0.2747
    """
    if len(base) != len(now):
        raise ValueError(f"{len(base)} bins are compared with {len(now)}.")
    if not sum(base) or not sum(now):
        raise ValueError("One side has no members.")
    seen = [(b or HALF, n or HALF) for b, n in zip(base, now, strict=True) if b or n]
    all_base, all_now = sum(b for b, _ in seen), sum(n for _, n in seen)
    shares = [(b / all_base, n / all_now) for b, n in seen]
    return math.fsum((p - q) * math.log(p / q) for q, p in shares)


def broken(quality: TagQuality, limits: Quality) -> tuple[Breach, ...]:
    """The limits that the figures of a tag do not keep."""
    figures: list[tuple[str, float | None, bool]] = [
        ("coverage_min", quality.coverage, False),
        ("distinct_min", quality.distinct, False),
        ("distinct_max", quality.distinct, True),
        ("freshness_max_days", quality.freshness_days, True),
    ]
    if not quality.edited:
        figures += [("absent_rise_max", quality.absent_rise, True), ("psi_max", quality.psi, True)]
    found = []
    for limit, value, upper in figures:
        allowed = getattr(limits, limit)
        if allowed is not None and value is not None and (value > allowed if upper else value < allowed):
            found.append(Breach(quality.tag, limit, float(value), float(allowed)))
    return tuple(found)
