"""Whether a model's figures hold in every group, and whether it is fair to those that are protected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gongbi.catalog.score_labels import ABSENT, OTHERS
from gongbi.core.types import Type
from gongbi.estimators.checks import FloatArray
from gongbi.estimators.stats import auc_interval, difference_interval, quantile_bins, wilson_interval
from gongbi.models.base import Figures

#: Levels of a tag that are shown; the rarer ones are taken together.
LEVELS = 6
#: Levels of a number that is not written as a few values.
BINS = 4
#: Below so many members a level says nothing.
FEWEST = 30
#: Whom a campaign would choose: the best-scored fifth.
CHOSEN = 0.2
Labels = NDArray[np.object_]


def labels(values: Sequence[Any], type_: Type) -> Labels:
    """One label per member: the value itself, or for numbers of many values their range; shape (n,)."""
    told = {value for value in values if value is not None}
    if type_.is_number and len(told) > LEVELS:
        return ranges(values)
    common = {value for value, _ in Counter(v for v in values if v is not None).most_common(LEVELS)}
    return np.array(
        [ABSENT if v is None else _said(v) if v in common else OTHERS for v in values],
        dtype=object,
    )


def order_of(type_: Type, label: Labels) -> tuple[str, ...]:
    """The labels in their order, from least to most: as a category declares it, or as numbers and their ranges have it.

    None of any other type.
    """
    if type_.ordered:
        return tuple(_said(value) for value in type_.levels)
    if not type_.is_number:
        return ()
    told = {str(one) for one in label} - {ABSENT, OTHERS}
    return tuple(sorted(told, key=lambda one: float(one.partition(" – ")[0])))


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def ranges(values: Sequence[Any], parts: int = BINS) -> Labels:
    """The range that each number lies in, of so many that are about equally full; `ABSENT` where there is none."""
    plain = np.array([np.nan if v is None else float(v) for v in values])
    known = ~np.isnan(plain)
    found = np.full(len(plain), ABSENT, dtype=object)
    bins, inside = quantile_bins(plain[known], parts), plain[known]
    names = np.empty(len(inside), dtype=object)
    for one in np.unique(bins):
        held = bins == one
        names[held] = f"{inside[held].min():.4g} – {inside[held].max():.4g}"
    found[known] = names
    return found


def by_level(label: Labels, yes: NDArray[np.bool_], chance: FloatArray, order: Sequence[str] = ()) -> list[Figures]:
    """AUC and calibration per level of one tag: those with an order in it, then the largest first.

    ``auc`` is None where a level has fewer than two of either outcome; levels of fewer than 30 members are left out.
    """
    found = []
    for level, inside in levels_of(label, order):
        n, positives = int(inside.sum()), int(yes[inside].sum())
        told = 2 <= positives <= n - 2
        area = auc_interval(yes[inside], chance[inside]) if told else None
        seen = wilson_interval(positives, n)
        predicted = float(chance[inside].mean())
        found.append(
            {
                "level": level,
                "members": n,
                "positives": positives,
                "auc": _json(area) if area is not None else None,
                "predicted": predicted,
                "observed": _json(seen),
                "calibrated": seen.low <= predicted <= seen.high,
            }
        )
    return found


def fairness(label: Labels, yes: NDArray[np.bool_], chance: FloatArray, order: Sequence[str] = ()) -> list[Figures]:
    """Per level of a protected tag: what share is among the best-scored fifth, and how that differs from the others.

    ``difference`` is that share less the share of all other members, with its interval; ``found`` is the share of those
    with the outcome who are chosen, and ``predicted`` against ``observed`` says whether the probabilities hold there.
    """
    chosen = np.zeros(len(chance), dtype=bool)
    # Equal scores stand in the order of the members, which says nothing of them.
    chosen[np.argsort(-chance, kind="stable")[: max(1, round(CHOSEN * len(chance)))]] = True
    found = []
    for one, inside in zip(by_level(label, yes, chance, order), (i for _, i in levels_of(label, order)), strict=True):
        rest = ~inside
        had = int((yes & inside).sum())
        figures = {
            **one,
            "chosen": _json(wilson_interval(int(chosen[inside].sum()), int(inside.sum()))),
            "found": _json(wilson_interval(int((chosen & yes & inside).sum()), had)) if had else None,
            "difference": None,
        }
        if rest.sum() > 1:
            figures["difference"] = _json(difference_interval(chosen[inside].astype(float), chosen[rest].astype(float)))
        found.append(figures)
    return found


def levels_of(label: Labels, order: Sequence[str]) -> list[tuple[str, NDArray[np.bool_]]]:
    """The levels with enough members, each with who has it: those with an order in it, then the largest first."""
    large = [level for level, n in Counter(label.tolist()).most_common() if n >= FEWEST]
    large.sort(key=lambda level: order.index(level) if level in order else len(order))
    return [(level, label == level) for level in large]


def split_figures(
    groups: Mapping[str, Labels],
    orders: Mapping[str, Sequence[str]],
    protected: Sequence[str],
    yes: NDArray[np.bool_],
    chance: FloatArray,
) -> Figures:
    """``by_group``: tag → `by_level`; ``fairness``: protected tag → `fairness`; `orders` are those of labels."""

    def of(tag: str) -> tuple[Any, ...]:
        return groups[tag], yes, chance, orders.get(tag, ())

    return {
        "by_group": {tag: by_level(*of(tag)) for tag in groups if tag not in protected},
        "fairness": {tag: fairness(*of(tag)) for tag in protected if tag in groups},
    }


def _json(interval: Any) -> Figures:
    return {"estimate": interval.estimate, "low": interval.low, "high": interval.high, "level": interval.level}
