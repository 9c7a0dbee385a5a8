"""Rules between items: how often they go together, and how much more often than by chance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from math import inf
from typing import Any

from gongbi.estimators.stats import wilson_interval

Itemset = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """Where `given` is, `then` is too.

    Attributes
    ----------
    n
        Baskets with all items of the rule; of rules about what comes next, times that the one followed the other.
    support
        `n` over all baskets (all times that a basket followed another).
    confidence
        `n` over the baskets with `given`; `low` and `high` are its 95 % interval (Wilson).
    lift
        Confidence over the share of all baskets that have `then`; 1 is chance.
    leverage
        Support less what chance would give.
    conviction
        How many times more often the rule would fail by chance (Brin et al. 1997, SIGMOD); None where it never fails.
    improvement
        Of a rule with two given items, its confidence less that of the better rule with one of them; else None.
    """

    given: Itemset
    then: str
    n: int
    support: float
    confidence: float
    low: float
    high: float
    lift: float
    leverage: float
    conviction: float | None
    improvement: float | None = None

    def to_json(self) -> dict[str, Any]:
        """For doors."""
        return {name: getattr(self, name) for name in self.__slots__} | {"given": list(self.given)}


def rule(
    given: Itemset, then: str, n: int, n_given: int, n_then: int, total: int, simpler: float | None = None
) -> Rule:
    """Work out the figures of a rule from counts."""
    confidence, usual = n / n_given, n_then / total
    sure = wilson_interval(n, n_given)
    fails = (1 - usual) / (1 - confidence) if n < n_given else inf
    return Rule(
        given,
        then,
        n,
        n / total,
        confidence,
        sure.low,
        sure.high,
        n * total / (n_given * n_then),
        n / total - n_given * n_then / total**2,
        None if fails == inf else fails,
        None if simpler is None else confidence - simpler,
    )


def rules_of(counts: Mapping[Itemset, int], total: int) -> Iterator[Rule]:
    """Every rule with one item on its right side that frequent sets of items make.

    Parameters
    ----------
    counts
        Sorted items → baskets with all of them; every part of a set is there too.
    total
        How many baskets there are.
    """
    for items, n in counts.items():
        for given in combinations(items, len(items) - 1):
            if not given:
                continue
            (then,) = set(items) - set(given)
            simpler = None
            if len(given) > 1:
                simpler = max(counts[tuple(sorted((one, then)))] / counts[one,] for one in given)
            yield rule(given, then, n, counts[given], counts[then,], total, simpler)
