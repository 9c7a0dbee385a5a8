"""The version in use beside a new one, on the same rows: by how much its losses differ, and what follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from gongbi.catalog.base import Words
from gongbi.estimators.checks import FloatArray, IntArray
from gongbi.estimators.stats import bootstrap_interval
from gongbi.models.base import Figures, Version
from gongbi.models.plan import last_day
from gongbi.models.propensity import SEED, interval_json

RESAMPLES = 1000


def fair(version: Version | None, days: int, as_of: datetime, zone: str) -> Version | None:
    """The version, where it learned nothing from the last `days` days."""
    if version is None or version.learned_until is None:
        return None
    cut = last_day(as_of, zone) - timedelta(days=days)
    return version if last_day(version.learned_until, zone) <= cut else None


def mean_interval(values: FloatArray, units: IntArray | None = None) -> Figures:
    """The mean with its interval; rows of one unit, numbered from 0, are drawn together."""
    sums = values if units is None else np.bincount(units, weights=values)
    sizes = np.ones(len(values)) if units is None else np.bincount(units).astype(np.float64)
    return interval_json(
        bootstrap_interval(lambda s, n: float(s.sum() / n.sum()), sums, sizes, seed=SEED, resamples=RESAMPLES)
    )


def beside(version: Version, own: FloatArray, theirs: FloatArray, units: IntArray | None = None) -> Figures:
    """A version in use with its mean loss on the same rows; ``difference`` is below 0 where the new one loses less."""
    return {
        "version": version.version,
        "loss": float(theirs.mean()),
        "difference": mean_interval(own - theirs, units),
    }


def side_by_side(
    versions: Sequence[Version],
    losses: Sequence[FloatArray | None],
    fairly: Sequence[bool],
    units: IntArray | None = None,
) -> list[Figures]:
    """Per version its mean loss on the same rows, and the ``difference`` to that of the first which could be asked."""
    first = next((one for one in losses if one is not None), None)
    found: list[Figures] = []
    for version, loss, is_fair in zip(versions, losses, fairly, strict=True):
        told: Figures = {"version": version.version, "fair": is_fair}
        if loss is not None and first is not None:
            told |= {"loss": float(loss.mean()), "difference": mean_interval(loss - first, units)}
        found.append(told)
    return found


def told_beside(sentence: Words, figures: Mapping[str, Any], what: Words) -> Words:
    """A sentence with what is said of the version in use, where one was judged on the same rows."""
    champion = figures.get("champion")
    if champion is None:
        return sentence
    gap, version = champion["difference"], champion["version"]
    span = f"{gap['estimate']:+.4f} ({gap['low']:+.4f} ~ {gap['high']:+.4f})"
    return Words(
        f"{sentence.zh}与在用的第 {version} 版在同样的行上相比，{what.zh}相差 {span}。",
        f"{sentence.en} On the same rows its {what.en} differs from that of version {version}, which is in use, by"
        f" {span}.",
    )
