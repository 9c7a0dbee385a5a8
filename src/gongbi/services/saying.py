"""What people call the values of tags, those of models among them: labels, and the reasons of a score as sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from gongbi.catalog.base import ModelDef
from gongbi.catalog.called import labels, tag_called, tag_title
from gongbi.catalog.catalog import Catalog
from gongbi.catalog.naming import Words
from gongbi.catalog.scores import REASONS, is_reason
from gongbi.models.reasons import reason_words
from gongbi.translation.units import SHARES, UNITS

#: A value → what it is called; None where nobody said.
Sayer = Callable[[Any], Words | None]
#: As `models.propensity.explain` writes a reason.
_REASON = re.compile(r"(?P<tag>\S+) = (?P<value>.*) \((?P<added>[+-]\d+\.\d+)\)", re.DOTALL)


def sayer(catalog: Catalog, subject: str, text: str) -> Sayer | None:
    """What says the values of a column of a list, a tag or an attribute, in words; None where nothing does."""
    tag = text.strip().removeprefix("tag.")
    if is_reason(catalog.models, tag):
        return lambda value: _reason(catalog, subject, value)
    if not (known := labels(catalog, subject, text)):
        return None
    return lambda value: known.get(str(value))


def value_said(catalog: Catalog, subject: str, tag: str, value: Any) -> dict[str, str] | None:
    """A value of a tag in words, as JSON data; None where nobody said."""
    say = sayer(catalog, subject, f"tag.{tag}")
    words = say(value) if say is not None and value is not None else None
    return words.to_json() if words is not None else None


def reasons_said(catalog: Catalog, model: ModelDef, row: Mapping[str, Any]) -> list[Words]:
    """What a row of a propensity's scores says for itself: where the chance is going, and what moves it most."""
    found = [_trend(model, row)] if row.get("trend") is not None else []
    said = (_reason(catalog, model.subject, row.get(f"reason_{n}")) for n in range(1, REASONS + 1))
    return [*found, *(words for words in said if words is not None)]


def _trend(model: ModelDef, row: Mapping[str, Any]) -> Words:
    days, points = model.trend_days, 100 * row["change"]
    if row["trend"] == "steady":
        return Words(
            f"与 {days} 天前相比，可能性平稳：变化不超出得分自身的波动。",
            f"Beside {days} days before the chance is steady: it changed by no more than scores wobble.",
        )
    zh, en = ("上升", "rises") if row["trend"] == "rising" else ("下降", "falls")
    return Words(
        f"与 {days} 天前相比，可能性{zh}：比随大家一同变动{'高' if points > 0 else '低'} {abs(points):.1f} 个百分点。",
        f"Beside {days} days before the chance {en}: it is {abs(points):.1f} points"
        f" {'above' if points > 0 else 'below'} where everybody's change would have taken it.",
    )


def _reason(catalog: Catalog, subject: str, text: Any) -> Words | None:
    """A kept reason as a sentence; None of what is masked."""
    found = _REASON.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    tag = found["tag"]
    return reason_words(tag_title(catalog, tag), _shown(catalog, subject, tag, found["value"]), float(found["added"]))


def _shown(catalog: Catalog, subject: str, tag: str, value: str) -> Words:
    """What a model was given of a tag, as people say the tag's values."""
    called, type_ = tag_called(catalog, tag), catalog.world.tags_of(subject).get(tag)
    if value == "?":
        return Words("未知", "unknown")
    if value in called.labels:
        return called.labels[value]
    if type_ is None or type_.name == "text":
        return Words(value, value)
    number = float(value)
    if type_.name == "boolean":
        return Words("是", "yes") if number else Words("否", "no")
    if type_.name in ("date", "timestamp"):  # Models are given days before the instant.
        return Words(f"{number:,.0f} 天前", f"{number:,.0f} days before")
    if called.unit in SHARES:
        return Words(f"{number:.0%}", f"{number:.0%}")
    written = f"{number:,.0f}" if number == int(number) else f"{number:,.4g}"
    unit = called.unit or ""
    return Words(f"{written} {UNITS.get(unit, unit)}".strip(), f"{written} {unit}".strip())
