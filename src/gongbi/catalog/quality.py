"""What a tag demands of a build before it may be published."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from gongbi.errors import InvalidDefinition


@dataclass(frozen=True, slots=True)
class Quality:
    """Limits of one tag; a build that breaks one is refused, and the last good one stays in force.

    Parameters
    ----------
    coverage_min
        The least share of members with a value, 0 to 1.
    absent_rise_max
        How much the share of members without a value may rise since the last build, 0 to 1.
    distinct_min, distinct_max
        How many different values there may be.
    psi_max
        The most that the distribution may have moved since the last build, as a population stability index.
    freshness_max_days
        How many days old the newest row may be of each fact that the tag reads.
    """

    coverage_min: float | None = None
    absent_rise_max: float | None = None
    distinct_min: int | None = None
    distinct_max: int | None = None
    psi_max: float | None = None
    freshness_max_days: float | None = None

    def __post_init__(self) -> None:
        for key in LIMITS:
            value = getattr(self, key)
            if value is not None and (not math.isfinite(value) or value < 0):
                raise InvalidDefinition(f"`quality`: `{key}` is a number of 0 or more, not {value}.")
        for key in ("coverage_min", "absent_rise_max"):
            if (value := getattr(self, key)) is not None and value > 1:
                raise InvalidDefinition(
                    f"`quality`: `{key}` is a share from 0 to 1, not {value}.",
                    hint="Write 0.5 for half of the members.",
                )

    def over(self, defaults: Quality | None, *, given: bool = False) -> Quality:
        """These limits, with those of the workspace where none is said here.

        A tag whose values are `given`, by hand or from a file, is held to no share of members but its own: who is meant
        is up to those who give them.
        """
        if defaults is None:
            return self
        mine = {key: getattr(self, key) for key in LIMITS}
        free = ("coverage_min",) if given else ()
        return Quality(
            **{k: getattr(defaults, k) if value is None and k not in free else value for k, value in mine.items()}
        )

    @classmethod
    def from_settings(cls, body: Mapping[str, Any]) -> Quality:
        """The limits of a workspace, as its settings say them."""
        for key, value in body.items():
            if key not in LIMITS:
                raise InvalidDefinition(f"`quality` has no limit {key!r}.", hint=f"Known: {', '.join(LIMITS)}.")
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InvalidDefinition(f"`quality`: `{key}` is a number of 0 or more, not {value}.")
        return cls(**body)


#: The limits by name.
LIMITS: tuple[str, ...] = tuple(f.name for f in fields(Quality))
NO_LIMITS = Quality()
