"""What training gives back: small frozen values, ready for the registry."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gongbi.catalog.base import Words
from gongbi.core.plan import Plan

#: What was measured, as JSON data: numbers, texts, lists and mappings.
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CohortPlans:
    """The three readings that make a training or test set; they are apart so that none can see what another may.

    Attributes
    ----------
    name, role
        The cohort, and whether it is learned from (``train``) or judged on (``test``).
    as_of
        The instant of the features.
    matures
        The end of what the target looks at; before it the outcome is not known.
    members
        Who: column ``id``.
    features
        What was known of them before `as_of`: ``id`` and one column per tag. It reads the input ``_members``.
    target
        What came after: ``id`` and the boolean ``yes``. It reads the input ``_members``.
    treated
        Of uplift models who was treated, in the same manner; None of others.
    elsewhere
        Of wallet models that know it, ``id`` and ``elsewhere``, money spent with others, once the outcome is known.
    """

    name: str
    role: str
    as_of: datetime
    matures: datetime
    members: Plan
    features: Plan
    target: Plan
    treated: Plan | None = None
    elsewhere: Plan | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """A kept version that is to be looked at beside another.

    Attributes
    ----------
    artifact
        What it scores with.
    learned_until
        The end of the last outcome that it learned from: on what came earlier it cannot be judged.
    """

    version: int
    artifact: Mapping[str, Any]
    learned_until: datetime | None

    def saw_nothing_after(self, instant: datetime) -> bool:
        """Whether it can be judged fairly on what came after an instant."""
        return self.learned_until is not None and self.learned_until <= instant


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a trained model may come into use, and why."""

    promoted: bool
    reason: Words

    def to_json(self) -> Figures:
        """Return it as JSON data."""
        return {"promoted": self.promoted, "reason": self.reason.to_json()}


def worse(figures: Mapping[str, Any], what: Words, *, more_is_better: bool = False) -> Judgement | None:
    """That a model stays a candidate, where the version in use does better beyond the interval; else None.

    Parameters
    ----------
    figures
        May hold a ``champion``: its ``version``, and the ``difference`` of the new one to it, paired on the same rows.
    what
        Names the measure: a loss, or one of which more is better.
    """
    champion = figures.get("champion")
    if champion is None:
        return None
    gap, version = champion["difference"], champion["version"]
    if (gap["high"] >= 0) if more_is_better else (gap["low"] <= 0):
        return None
    zh, en = ("小", "less") if more_is_better else ("大", "more")
    return Judgement(
        False,
        Words(
            f"{what.zh}比在用的第 {version} 版{zh} {abs(gap['estimate']):.3g}，区间不含 0。",
            f"Its {what.en} is {abs(gap['estimate']):.3g} {en} than that of version {version}, which is in use, with an"
            " interval without 0.",
        ),
    )


@dataclass(frozen=True, slots=True)
class Trained:
    """A model that has learned, with everything the registry keeps about it.

    Attributes
    ----------
    artifact
        What it needs to score again, as JSON data; never pickled.
    metrics, params
        Its figures, and the numbers it learned or was set to.
    window
        As of when it learned and which days it looked at.
    """

    name: str
    algorithm: str
    artifact: Mapping[str, Any]
    metrics: Figures
    params: Figures
    window: Figures
    judgement: Judgement

    def artifact_bytes(self) -> bytes:
        """The artifact in canonical JSON: the same model gives the same bytes."""
        return canonical_json(self.artifact)


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys, in UTF-8."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def digest(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
