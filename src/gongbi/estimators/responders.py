"""Four groups by what a treatment changes, with stated limits, and who of them to treat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gongbi.errors import InvalidInput
from gongbi.estimators.checks import FloatArray, IntArray, as_vectors
from gongbi.estimators.stats.intervals import Interval
from gongbi.estimators.stats.uplift import policy_value

#: In the order of their numbers.
GROUPS = ("persuadable", "sure_thing", "lost_cause", "sleeping_dog")


@dataclass(frozen=True, slots=True)
class Limits:
    """Where the groups part, in the unit of the outcome.

    Attributes
    ----------
    effect : float
        From this effect on a member is persuadable: what the treatment costs over what the outcome is worth.
    harm : float
        At this effect or below (a negative number) a member is a sleeping dog.
    likely : float
        Between the two, a sure thing from this outcome without treatment on, else a lost cause.
    """

    effect: float
    harm: float
    likely: float

    def __post_init__(self) -> None:
        if not self.harm < self.effect or self.harm > 0:
            raise InvalidInput(
                f"The limits of harm ({self.harm:g}) and of effect ({self.effect:g}) overlap.",
                hint="harm is 0 or less, and below effect.",
            )

    @classmethod
    def usual(cls, effect: ArrayLike, without: ArrayLike, cost_share: float | None = None) -> Limits:
        """Half the mean effect (or the cost over the outcome's worth), no effect at all, and the mean outcome."""
        effects, outcomes = as_vectors(effect=effect, without=without)
        least = cost_share if cost_share is not None else max(float(effects.mean()) / 2, 1e-12)
        return cls(least, min(0.0, least - 1e-12), float(outcomes.mean()))


@dataclass(frozen=True, slots=True)
class Group:
    """One of the four: how many, and what the treatment really changed among them.

    Attributes
    ----------
    predicted : float
        Mean effect foretold.
    observed : Interval or None
        Mean effect in a trial that the model has not seen; None where there were fewer than two.
    """

    name: str
    members: int
    share: float
    predicted: float
    observed: Interval | None


def four_groups(effect: ArrayLike, without: ArrayLike, limits: Limits) -> IntArray:
    """Return for each member the position of its group in `GROUPS`, shape (n,)."""
    effects, outcomes = as_vectors(effect=effect, without=without)
    between = np.where(outcomes >= limits.likely, 1, 2)
    found: IntArray = np.where(effects >= limits.effect, 0, np.where(effects <= limits.harm, 3, between))
    return found


def groups_judged(groups: IntArray, effect: FloatArray, effect_scores: FloatArray) -> tuple[Group, ...]:
    """Return each group with its effect as foretold, and as seen by doubly robust scores of a trial."""
    found = []
    for number, name in enumerate(GROUPS):
        rows = groups == number
        size = int(rows.sum())
        seen = policy_value(effect_scores[rows], np.ones(size)) if size > 1 else None
        mean = float(effect[rows].mean()) if size else float("nan")
        found.append(Group(name, size, size / max(1, len(groups)), mean, seen))
    return tuple(found)
