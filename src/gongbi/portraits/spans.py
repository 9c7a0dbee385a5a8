"""Ranges of numbers and days as people say them, in Chinese and English. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Literal, Self

from gongbi.core.types import Type
from gongbi.translation.units import SHARES, UNITS

HOUR = "hour of day"

#: What holds of a value in a range: ``{low}`` and ``{high}`` are its ends.
_NUMBERS = {
    "from": ("至少 {low}", "{low} or more"),
    "below": ("低于 {high}", "less than {high}"),
    "up to": ("不超过 {high}", "{high} or less"),
    "between": ("在 {low} 至 {high} 之间", "{low} to {high}"),
    "one": ("为 {low}", "{low}"),
}
_DAYS = {
    "from": ("在 {low}或之后", "{low} or later"),
    "below": ("早于 {high}", "before {high}"),
    "between": ("在 {low}至 {high}之间", "from {low} to {high}"),
    "one": ("在 {low}", "{low}"),
}


@dataclass(frozen=True, slots=True)
class Span:
    """A range as groups are compared by: numbers from `low` to below `high`, or days from `low` to `high`.

    A range of days that has no `low` ends before `high`.
    """

    low: float | date | None
    high: float | date | None

    @classmethod
    def read(cls, label: str) -> Self:
        """Read the label of a range: ``< 3``, ``≥ 3``, ``3 – 5``, or one day."""
        if label.startswith("< "):
            return cls(None, _edge(label[2:]))
        if label.startswith("≥ "):
            return cls(_edge(label[2:]), None)
        low, _, high = label.partition(" – ")
        return cls(_edge(low), _edge(high or low))

    @property
    def place(self) -> Literal["low", "high", "middling"]:
        """Where it lies among all values."""
        return "low" if self.low is None else "high" if self.high is None else "middling"

    @property
    def is_of_days(self) -> bool:
        """Whether its ends are days."""
        return isinstance(self.low if self.high is None else self.high, date)

    def said(self, type_: Type, unit: str | None) -> tuple[str, str]:
        """What holds of a value in it, after its name in Chinese and after `is` in English."""
        low, high, way = self.low, self.high, "between"
        if low is None:
            way = "below"
        elif high is None:
            way = "from"
        if type_.name == "integer" and isinstance(high, float) and high.is_integer():
            # Whole numbers are said with the last that is meant.
            high, way = high - 1, "up to" if low is None else "between"
        if low is not None and low == high:
            way = "one"
        words = (_DAYS if self.is_of_days else _NUMBERS)[way]
        # Of two ends the second bears the unit for both: 3 to 5 days, but 20% to 30%.
        first = None if way == "between" and unit not in (*SHARES, HOUR) else unit
        zh, en = (
            text.format(low=_end(low, first, language), high=_end(high, unit, language))
            for text, language in zip(words, ("zh", "en"), strict=True)
        )
        # Half-width words stand apart from Chinese ones, which stand together.
        return re.sub(r"(?<=[^\x00-\x7f]) 之间", "之间", zh), en


def amount(value: float, unit: str | None, language: str) -> str:
    """A number with its unit: ``64.1 USD``, ``25%``, ``17:00``."""
    if unit in SHARES:
        return f"{100 * value:.0f}%" if value >= 0.01 or not value else f"{100 * value:.2g}%"
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    if not unit:
        return text
    if language == "zh":
        return f"{text} {UNITS.get(unit, unit)}"
    if unit == HOUR:
        return f"{text}:00"
    return f"{text} {unit.removesuffix('s') if value == 1 else unit}"


def day(value: date, language: str) -> str:
    """A day as people write it."""
    if language == "zh":
        return f"{value.year}年{value.month}月{value.day}日"
    return f"{value.day} {value:%B %Y}"


def _end(value: float | date | None, unit: str | None, language: str) -> str:
    if value is None:
        return ""
    return day(value, language) if isinstance(value, date) else amount(value, unit, language)


def _edge(text: str) -> float | date:
    try:
        return float(text)
    except ValueError:
        return date.fromisoformat(text)
