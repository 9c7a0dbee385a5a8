"""Numbers, dates and values as people read them, in their language and the workspace's zone."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from gongbi.console.words import VALUES
from gongbi.translation.units import SHARES, UNITS

DASH = "—"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Format:
    """How one reader sees values.

    Parameters
    ----------
    language
        ``zh`` or ``en``.
    zone
        The IANA zone in which instants are shown.
    """

    def __init__(self, language: str, zone: str) -> None:
        self.language = language
        self.zone = ZoneInfo(zone)

    def number(self, value: Any, digits: int | None = None) -> str:
        """Thousands apart; as many digits as say something unless told."""
        if value is None:
            return DASH
        number = float(value)
        if not math.isfinite(number):
            return DASH
        if isinstance(value, int) or (number.is_integer() and not digits):
            return f"{int(value):,}"
        if digits is None:
            size = abs(number)
            digits = 0 if size >= 10_000 else 2 if size >= 1 else 3 if size >= 0.01 else 4
        # Adding zero turns -0.0 into 0.0.
        return f"{round(number, digits) + 0.0:,.{digits}f}"

    def short(self, value: Any) -> str:
        """For cards: 1,474,255 stays, 20,940,529 becomes 2094.1 万 or 20.9 M."""
        if value is None or abs(value) < 10_000_000:
            return self.number(value)
        return f"{value / 10_000:,.1f} 万" if self.language == "zh" else f"{value / 1_000_000:,.1f} M"

    def percent(self, share: Any, digits: int = 1) -> str:
        """A share in [0, 1]."""
        return DASH if share is None or not math.isfinite(float(share)) else f"{float(share) * 100:.{digits}f}%"

    def date(self, value: Any) -> str:
        """A calendar day."""
        found = _moment(value)
        if found is None:
            return DASH
        day = found.astimezone(self.zone).date() if isinstance(found, datetime) else found
        if self.language == "zh":
            return f"{day.year}年{day.month}月{day.day}日"
        return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"

    def instant(self, value: Any, *, seconds: bool = False) -> str:
        """A moment in the workspace's zone."""
        found = _moment(value)
        if not isinstance(found, datetime):
            return self.date(value)
        local = found.astimezone(self.zone)
        return f"{self.date(local)} {local:%H:%M:%S}" if seconds else f"{self.date(local)} {local:%H:%M}"

    def on_axis(self, value: Any) -> str | None:
        """An instant for the time axis of a chart, by the clock of the workspace's zone: shown as it is."""
        found = _moment(value)
        if not isinstance(found, datetime):
            return None if found is None else f"{found.isoformat()}T00:00:00Z"
        return f"{found.astimezone(self.zone).replace(tzinfo=None).isoformat(timespec='seconds')}Z"

    def seconds(self, value: float | None) -> str:
        """How long something took."""
        if value is None:
            return DASH
        if value < 60:
            return f"{value:.1f} s" if self.language == "en" else f"{value:.1f} 秒"
        whole = round(value)
        if self.language == "zh":
            return f"{whole // 60} 分 {whole % 60} 秒"
        return f"{whole // 60} min {whole % 60} s"

    def unit(self, unit: str | None) -> str:
        """A unit in the reader's language."""
        if not unit:
            return ""
        return UNITS.get(unit, unit) if self.language == "zh" else unit

    def value(self, value: Any, unit: str | None = None) -> str:
        """Any value, with its unit."""
        if value is None:
            return DASH
        if isinstance(value, bool):
            return {"zh": ("否", "是"), "en": ("no", "yes")}[self.language][value]
        if isinstance(value, int | float | Decimal):
            if unit in SHARES:
                return self.percent(value)
            text = self.number(value)
            shown = self.unit(unit)
            return f"{text} {shown}" if shown else text
        if isinstance(value, datetime):
            return self.instant(value)
        if isinstance(value, date):
            return self.date(value)
        if isinstance(value, Sequence) and not isinstance(value, str | bytes):
            return "、".join(map(self.value, value)) if self.language == "zh" else ", ".join(map(self.value, value))
        if isinstance(value, Mapping) and set(value) == {"value", "share"}:
            return f"{self.value(value['value'])} {self.percent(value['share'], 0)}"
        text = str(value)
        return VALUES.get(text, text) if self.language == "zh" else text.replace("_", " ")

    def interval(self, found: Mapping[str, Any] | None, *, percent: bool = False, digits: int = 2) -> str:
        """An estimate with its bounds: 0.71 (0.66 – 0.76)."""
        middle = None if not found else found.get("value", found.get("estimate"))
        if not found or middle is None:
            return DASH

        def one(x: Any) -> str:
            return self.percent(x) if percent else self.number(x, digits)

        if found.get("low") is None or found.get("high") is None:
            return one(middle)
        return f"{one(middle)} ({one(found['low'])} – {one(found['high'])})"


def shorter(label: str) -> str:
    """A range with as many digits as say something: 4.28504 – 6993.323 becomes 4.29 – 6,993."""

    def rounded(found: re.Match[str]) -> str:
        number = float(found.group())
        return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"

    return re.sub(r"\d+\.\d{2,}", rounded, label)


def _moment(value: Any) -> datetime | date | None:
    """Read what a service gave: naive instants are UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value) if len(value) > 10 else date.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value if isinstance(value, date) else None
