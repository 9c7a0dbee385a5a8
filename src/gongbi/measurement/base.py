"""What a measurement finds: a funnel, a matched comparison with its placebo, a decision held against what was."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gongbi.catalog.base import Words
from gongbi.core.clock import Window
from gongbi.estimators.stats import Balance, Interval, MatchedDifference

LEVEL = 0.95
#: Standardised differences beyond this either way are called unbalanced.
UNBALANCED = 0.1


def interval_json(interval: Interval) -> dict[str, float | None]:
    """Return ``value``, ``low``, ``high`` and ``level``; null where nothing could be estimated."""
    return {
        "value": finite(interval.estimate),
        "low": finite(interval.low),
        "high": finite(interval.high),
        "level": interval.level,
    }


def finite(value: float) -> float | None:
    """JSON knows no NaN and no infinity."""
    return value if math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Periods:
    """The equally long periods of a measurement, in local days; each is half-open.

    `during` begins at the campaign's `as_of`; `before` ends there; `earlier` ends where `before` begins.
    """

    earlier: Window
    before: Window
    during: Window


def bounds(window: Window) -> tuple[datetime, datetime]:
    """Both ends of a window that has both."""
    assert window.start is not None
    assert window.end is not None
    return window.start, window.end


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a funnel.

    Attributes
    ----------
    count
        Who took this step and all before it.
    alone
        Those of the receivers who took this step, whatever they did before.
    of_received, of_previous
        `count` over those who received it, and over those of the step before, with Wilson's interval.
    """

    name: Words
    expr: str
    count: int
    alone: int
    of_received: Interval
    of_previous: Interval

    def to_json(self) -> dict[str, Any]:
        """Return the figures."""
        return {
            "name": self.name.to_json(),
            "expr": self.expr,
            "count": self.count,
            "alone": self.alone,
            "of_received": interval_json(self.of_received),
            "of_previous": interval_json(self.of_previous),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Receivers against matched others. Exactly one of `found` and `why_not` is there.

    `why_not` says why members could not be compared.
    """

    found: MatchedDifference | None
    why_not: Words | None = None

    @property
    def unbalanced(self) -> tuple[Balance, ...]:
        """The columns that still differ after matching."""
        return tuple(b for b in self.found.balance if not abs(b.after) <= UNBALANCED) if self.found else ()

    def to_json(self) -> dict[str, Any]:
        """Return effect, matched, dropped, balance and, where there is nothing to say, why."""
        if self.found is None:
            assert self.why_not is not None
            why = self.why_not.to_json()
            return {"effect": None, "matched": None, "dropped": None, "unmatched": None, "balance": [], "why_not": why}
        found = self.found
        return {
            "effect": interval_json(found.effect),
            "matched": {
                "received": found.treated_matched,
                "others": found.control_matched,
                "strata": found.strata_matched,
            },
            "dropped": {"received": found.treated_dropped, "others": found.control_dropped},
            "unmatched": interval_json(found.unmatched),
            "balance": [
                {"column": b.column, "before": finite(b.before), "after": finite(b.after)} for b in found.balance
            ],
            "why_not": None,
        }


@dataclass(frozen=True, slots=True)
class Sums:
    """The outcome of a group, added up, in the period before the campaign and in its own."""

    members: int
    before: float
    after: float

    def to_json(self) -> dict[str, Any]:
        """Return the figures."""
        return {"members": self.members, "before": self.before, "after": self.after}


@dataclass(frozen=True, slots=True)
class Part:
    """The members with one value of a tag as of the campaign's instant; `value` None holds those without one."""

    tag: str
    name: Words
    value: Any
    members: int
    funnel: tuple[Step, ...]
    comparison: Comparison

    def to_json(self) -> dict[str, Any]:
        """Return the figures."""
        return {
            "tag": self.tag,
            "name": self.name.to_json(),
            "value": self.value,
            "members": self.members,
            "received": self.funnel[0].count,
            "funnel": [step.to_json() for step in self.funnel],
            **self.comparison.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Overlap:
    """How a decision made afterwards compares with the list that was really used.

    Attributes
    ----------
    chosen, chosen_received, chosen_responded
        Members that the decision chooses, those of them who had been on the real list, those of these who responded.
    rest_received, rest_responded
        The others on the real list, and those of them who responded.
    chosen_rate, rest_rate
        Responders over receivers in both groups, with Wilson's interval.
    """

    chosen: int
    chosen_received: int
    chosen_rate: Interval
    chosen_responded: int
    rest_received: int
    rest_responded: int
    rest_rate: Interval

    def to_json(self) -> dict[str, Any]:
        """Return the figures."""
        return {
            "chosen": self.chosen,
            "chosen_received": self.chosen_received,
            "chosen_not_received": self.chosen - self.chosen_received,
            "chosen_responded": self.chosen_responded,
            "chosen_rate": interval_json(self.chosen_rate),
            "rest_received": self.rest_received,
            "rest_responded": self.rest_responded,
            "rest_rate": interval_json(self.rest_rate),
        }


@dataclass(frozen=True, slots=True)
class Measurement:
    """Everything measured of one campaign.

    Attributes
    ----------
    unit
        Currency of the outcome, where it has one.
    known
        Members known when the campaign's period ended.
    response
        Responders over receivers, whatever steps they took, with Wilson's interval.
    naive
        Mean outcome of receivers minus others in the campaign's period, without any matching.
    placebo
        The same comparison one period earlier, before the campaign reached anybody.
    """

    campaign: str
    periods: Periods
    unit: str | None
    known: int
    funnel: tuple[Step, ...]
    response: Interval
    received: Sums
    others: Sums
    naive: Interval
    comparison: Comparison
    placebo: Comparison
    by: tuple[Part, ...]

    @property
    def placebo_near_zero(self) -> bool | None:
        """Whether zero lies in the placebo's interval; None where there is no placebo."""
        found = self.placebo.found
        return found.effect.low <= 0 <= found.effect.high if found else None

    def to_json(self) -> dict[str, Any]:
        """Return the figures."""
        windows = {"earlier": self.periods.earlier, "before": self.periods.before, "during": self.periods.during}
        return {
            "campaign": self.campaign,
            "as_of": bounds(self.periods.during)[0].isoformat(),
            "periods": {name: [moment.isoformat() for moment in bounds(w)] for name, w in windows.items()},
            "unit": self.unit,
            "members": self.known,
            "received": self.funnel[0].count,
            "responded": self.funnel[-1].alone,
            "response": interval_json(self.response),
            "funnel": [step.to_json() for step in self.funnel],
            "sums": {"received": self.received.to_json(), "others": self.others.to_json()},
            "naive": interval_json(self.naive),
            **self.comparison.to_json(),
            "placebo": {**self.placebo.to_json(), "near_zero": self.placebo_near_zero},
            "by": [part.to_json() for part in self.by],
        }
