"""Receivers against others who were like them before: what to match on, and the comparison itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gongbi.catalog.base import Words
from gongbi.errors import InvalidInput
from gongbi.estimators.stats import matched_difference, quantile_bins
from gongbi.measurement.base import LEVEL, Comparison

#: A number with more different values than this is matched in bins, and adjusted for within them.
EXACT_VALUES = 6
#: Bins of about equal size for such a number.
BINS = 4
#: For the outcome of the period before they are finer: it is what lists are chosen by.
BEFORE_BINS = 6
#: A text with more different values has its balance shown for the commonest only.
SHOWN_VALUES = 8
#: The estimator's own name for the outcome of the period before.
BEFORE = "before"
#: Fewer matched receivers or others than this say nothing worth printing.
FEWEST = 20
RESAMPLES = 1000
SEED = 20

TOO_FEW = Words(
    "可比的收到者或未收到者太少，无法比较。", "Too few receivers or comparable others: nothing can be said."
)


@dataclass(frozen=True, slots=True)
class Design:
    """What members are matched on.

    Attributes
    ----------
    strata
        Columns to be equal within a comparison.
    covariates
        Numbers to adjust for within strata, and to judge the balance by.
    """

    strata: tuple[NDArray[np.int64], ...]
    covariates: Mapping[str, NDArray[np.float64]]

    def of(self, rows: NDArray[np.bool_]) -> Design:
        """The same design for some of the members; bins stay as they are."""
        return Design(tuple(s[rows] for s in self.strata), {name: c[rows] for name, c in self.covariates.items()})


def design(tags: Mapping[str, Sequence[Any]], before: NDArray[np.float64]) -> Design:
    """Decide how members are matched on tags and on the outcome before.

    The outcome before is always among them: where receivers were chosen for what they spent, their falling back to
    normal would look like harm. A tag with few values is matched exactly, a number with many in bins of about equal
    size and adjusted for within them; absent is a value of its own.
    """
    strata = [quantile_bins(before, BEFORE_BINS)]
    covariates: dict[str, NDArray[np.float64]] = {}
    for name, values in tags.items():
        codes, numbers = _tag(name, values)
        strata.append(codes)
        covariates |= numbers
    return Design(tuple(strata), covariates | {BEFORE: before})


def _tag(name: str, values: Sequence[Any]) -> tuple[NDArray[np.int64], dict[str, NDArray[np.float64]]]:
    present = np.array([value is not None for value in values])
    there = [value for value in values if value is not None]
    different = sorted(set(there))
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in different):
        numbers = np.array(there, dtype=np.float64)
        codes = np.full(len(values), -1)
        if len(different) > EXACT_VALUES:
            codes[present] = quantile_bins(numbers, BINS)
        else:
            codes[present] = np.searchsorted(different, numbers)
        # Within the stratum of the absent all have the same stand-in, so that it adjusts for nothing.
        column = np.full(len(values), float(np.median(numbers)) if there else 0.0)
        column[present] = numbers
        found = {name: column}
    else:
        order = {value: code for code, value in enumerate(different)}
        codes = np.array([order.get(value, -1) for value in values])
        common = sorted(different, key=lambda value: (-there.count(value), value))[:SHOWN_VALUES]
        found = {f"{name} = {value}": (codes == order[value]).astype(np.float64) for value in common}
    if there and not present.all():
        found[f"{name} is absent"] = (~present).astype(np.float64)
    return codes.astype(np.int64), found


def compare(
    received: NDArray[np.bool_], before: NDArray[np.float64], after: NDArray[np.float64], how: Design
) -> Comparison:
    """Estimate what receiving changed: the difference of changes between receivers and others matched with them."""
    if min(int(received.sum()), int((~received).sum())) < FEWEST:
        return Comparison(None, TOO_FEW)
    try:
        found = matched_difference(
            received,
            before,
            after,
            strata=how.strata,
            covariates=how.covariates,
            level=LEVEL,
            resamples=RESAMPLES,
            seed=SEED,
        )
    except InvalidInput:
        # No stratum holds both kinds, or too few resamples do.
        return Comparison(None, TOO_FEW)
    if min(found.treated_matched, found.control_matched) < FEWEST:
        return Comparison(None, TOO_FEW)
    return Comparison(found)
