"""How many took each step, from arrays of who did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from gongbi.catalog.base import Words
from gongbi.estimators.stats import wilson_interval
from gongbi.measurement.base import LEVEL, Overlap, Step

Flags = NDArray[np.bool_]


def funnel(steps: Mapping[str, Words], took: Sequence[Flags]) -> tuple[Step, ...]:
    """Count a funnel whose first step is receiving.

    Parameters
    ----------
    steps
        Condition → words, in order.
    took
        For each step, whether a member took it; equally long.
    """
    found: list[Step] = []
    passed = received = took[0]
    for (expr, name), now in zip(steps.items(), took, strict=True):
        previous = int(passed.sum()) if found else len(now)
        passed = passed & now
        count = int(passed.sum())
        of_received = wilson_interval(count, int(received.sum()), LEVEL)
        found.append(
            Step(name, expr, count, int((now & received).sum()), of_received, wilson_interval(count, previous, LEVEL))
        )
    return tuple(found)


def overlap(chosen: Flags, received: Flags, responded: Flags) -> Overlap:
    """Compare who would have been chosen with who really received and responded."""
    both, rest = chosen & received, received & ~chosen
    hits, rest_hits = int((both & responded).sum()), int((rest & responded).sum())
    return Overlap(
        chosen=int(chosen.sum()),
        chosen_received=int(both.sum()),
        chosen_responded=hits,
        chosen_rate=wilson_interval(hits, int(both.sum()), LEVEL),
        rest_received=int(rest.sum()),
        rest_responded=rest_hits,
        rest_rate=wilson_interval(rest_hits, int(rest.sum()), LEVEL),
    )
