"""How far members have moved since a model learned: the population stability index of each feature and of the score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from gongbi.estimators.checks import FloatArray
from gongbi.models.base import Figures

BINS = 10
#: Levels of a text that are kept apart.
LEVELS = 12
#: Customary marks: below the first a distribution is stable, above the second it is another one.
MOVED, CHANGED = 0.1, 0.25
#: So many members each bin is taken to hold beside its own, so that an empty one does not weigh without end.
PRIOR = 0.5
#: The name of the score among the features.
SCORE = "_score"


def reference(frame: Any, score: FloatArray) -> Figures:
    """What `Seen` compares with: per column its bins and how many fell into each.

    Parameters
    ----------
    frame
        One column per feature: floats with NaN for absent, or texts with None.
    score
        Scores of members whom the model did not learn from, shape (n,).
    """
    found = {name: _binned(frame[name].to_numpy()) for name in frame.columns}
    return {**found, SCORE: _binned(np.asarray(score, dtype=np.float64))}


def _binned(values: Any) -> Figures:
    if values.dtype == object:
        counted = Counter(v for v in values.tolist() if v is not None)
        levels = [level for level, _ in counted.most_common(LEVELS)]
        return {"levels": levels, "counts": _level_counts(values, levels)}
    known = values[~np.isnan(values)]
    # Cuts between values: where one value is common, equal cuts fall together.
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else np.array([])
    return {"edges": edges.tolist(), "counts": _bin_counts(values, edges)}


def _bin_counts(values: FloatArray, edges: Any) -> list[int]:
    """Members per bin, and last those without a value."""
    known = values[~np.isnan(values)]
    inside = np.bincount(np.searchsorted(np.asarray(edges), known, side="left"), minlength=len(edges) + 1)
    return [*(int(n) for n in inside), int(len(values) - len(known))]


def _level_counts(values: Any, levels: list[str]) -> list[int]:
    """Members per level, then those of other levels, then those without a value."""
    counted = Counter(values.tolist())
    absent = counted.pop(None, 0)
    told = [counted.get(level, 0) for level in levels]
    return [*told, sum(counted.values()) - sum(told), absent]


class Seen:
    """Members of now, counted into the bins of a reference, page by page."""

    def __init__(self, then: Mapping[str, Any]) -> None:
        self.then, self._members = then, 0
        self._counts: dict[str, Any] = {}

    def add(self, frame: Any, score: FloatArray) -> None:
        """Count a page: its features, and its scores of shape (n,)."""
        self._members += len(frame)
        columns = {name: frame[name].to_numpy() for name in frame.columns if name in self.then}
        for name, values in {**columns, SCORE: np.asarray(score, dtype=np.float64)}.items():
            before = self.then[name]
            if "levels" in before:
                counts = _level_counts(values, list(before["levels"]))
            else:
                counts = _bin_counts(values, before["edges"])
            self._counts[name] = np.asarray(counts) + self._counts.get(name, 0)

    def counts(self) -> Figures:
        """What was counted, as JSON data for `merge`."""
        return {"members": self._members, "counts": {name: [int(n) for n in c] for name, c in self._counts.items()}}

    def merge(self, counted: Mapping[str, Any]) -> None:
        """Add what another process has counted in the bins of the same reference."""
        self._members += counted["members"]
        for name, counts in counted["counts"].items():
            self._counts[name] = np.asarray(counts) + self._counts.get(name, 0)

    def drift(self) -> Figures:
        """Compare with the reference.

        Returns
        -------
        dict
            ``members``; ``score`` and ``features`` (largest first), each with ``psi``, the sum over bins of the
            difference of shares times the logarithm of their ratio, and its ``verdict``: ``stable`` (below 0.1),
            ``moved`` or ``changed`` (above 0.25).
        """
        told = {name: _verdict(self.then[name]["counts"], counts) for name, counts in self._counts.items()}
        score = told.pop(SCORE, _verdict([1], [1]))
        features = [{"tag": name, **one} for name, one in told.items()]
        features.sort(key=lambda one: (-one["psi"], one["tag"]))
        return {"members": self._members, "score": score, "features": features}


def _verdict(before: Any, now: Any) -> Figures:
    psi = stability_index(before, now)
    return {"psi": psi, "verdict": "stable" if psi < MOVED else "moved" if psi <= CHANGED else "changed"}


def stability_index(before: Any, now: Any) -> float:
    """The population stability index of two counts over the same bins; 0 where the shares are equal.

    It is the sum of the two relative entropies between the shares, which Siddiqi (2006), Credit Risk Scorecards, uses
    to watch scores.
    """
    a, b = np.asarray(before, dtype=np.float64), np.asarray(now, dtype=np.float64)
    used = (a + b) > 0
    a, b = a[used] + PRIOR, b[used] + PRIOR
    p, q = a / a.sum(), b / b.sum()
    return float(np.sum((q - p) * np.log(q / p)))
