"""Columns of a stranger's file made fit to learn from, and what was left out with its reason."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gongbi.catalog.base import Words
from gongbi.errors import InvalidInput
from gongbi.models.evaluation.reading import checked

#: A text column with a value of its own for more than this share of its rows names the rows.
NEARLY_UNIQUE = 0.5
#: Names of rows are no longer than this; texts are.
LONGEST_NAME = 40
#: Beyond so many categories only the most frequent stay; the others become one.
MOST_CATEGORIES = 60
OTHER = "(other)"
ROW_NAME = Words("几乎每行不同，像编号或自由文本", "nearly a value of its own per row: a name or free text")
_ID = re.compile(
    r"(^|[_\W])(id|uuid|guid|no|number|编号|序号|号码|rownum|row|index)$|id$|^id|编号|^unnamed|^column_1$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Features:
    """Columns to learn from: floats and texts, and those left out."""

    frame: Any
    dropped: tuple[tuple[str, Words], ...]
    notes: tuple[Words, ...]

    def to_json(self) -> dict[str, Any]:
        """Names, and why the others are not among them."""
        return {
            "features": [str(name) for name in self.frame.columns],
            "left_out": [{"column": name, "why": why.to_json()} for name, why in self.dropped],
        }


def features_of(
    frame: Any, *, leave_out: Collection[str], features: Sequence[str] = (), drop: Sequence[str] = ()
) -> Features:
    """Choose and prepare columns without looking at any target.

    Parameters
    ----------
    leave_out
        The target and whatever else must not be learned from.
    features
        Only these; else all. What is named is kept, also where it looks like a row's name.
    drop
        Not these.

    Raises
    ------
    InvalidInput
        Nothing is left to learn from.
    """
    import pandas as pd

    checked(frame, [*features, *drop])
    both = sorted(set(features) & set(leave_out))
    if both:
        raise InvalidInput(f"{', '.join(both)} cannot be learned from: it is what is asked for, or tells it.")
    wanted = [name for name in (features or frame.columns) if name not in leave_out and name not in drop]
    kept: dict[str, Any] = {}
    dropped: list[tuple[str, Words]] = []
    notes: list[Words] = []
    for name in wanted:
        column = frame[name]
        why = None if name in features else _why_not(str(name), column)
        if why is not None:
            dropped.append((str(name), why))
            if why is ROW_NAME and (again := _come_again(str(name), column[column.notna()])) is not None:
                notes.append(again)
        elif column.dtype.kind == "M":
            _moments(str(name), column, kept)
        elif column.dtype.kind == "O":
            kept[str(name)] = _categories(str(name), column, notes)
        else:
            kept[str(name)] = np.asarray(column, dtype=np.float64)
    if not kept:
        names = ", ".join(name for name, _ in dropped) or "–"
        raise InvalidInput(
            f"No column is left to learn from; left out as constant, always absent or names of rows: {names}.",
            hint="Name columns with --features.",
        )
    left_out = [f"{name}（{why.zh}）" for name, why in dropped], [f"{name} ({why.en})" for name, why in dropped]
    if dropped:
        notes.append(Words(f"未用的列：{'、'.join(left_out[0])}。", f"Columns left out: {', '.join(left_out[1])}."))
    return Features(pd.DataFrame(kept), tuple(dropped), tuple(notes))


def _why_not(name: str, column: Any) -> Words | None:
    n = len(column)
    present = column[column.notna()]
    distinct = int(present.nunique())
    if distinct == 0:
        return Words("全部缺失", "always absent")
    if distinct == 1 and len(present) == n:
        return Words("只有一个值", "one value only")
    if column.dtype.kind == "O":
        if distinct > max(20, NEARLY_UNIQUE * len(present)):
            return ROW_NAME
    elif column.dtype.kind != "M" and n > 50 and distinct > NEARLY_UNIQUE * n:
        numbers = np.asarray(present, dtype=np.float64)
        whole = bool((numbers % 1 == 0).all())
        steps = np.diff(numbers)
        if whole and (_ID.search(name) or (distinct == n and bool((steps == steps[0]).all()))):
            return ROW_NAME
    return None


def _come_again(name: str, values: Any) -> Words | None:
    """A word on names that more than one row bears; long ones are texts, which may well be alike."""
    again = int(values.duplicated().sum())
    if not again or (values.dtype.kind == "O" and int(values.str.len().max()) > LONGEST_NAME):
        return None
    return Words(
        f"列 {name} 有 {again} 行与前面重复：同一客户的行可能分在两边；要放在一起请用 --group {name}。",
        f"{again} rows repeat a value of {name}: rows of one customer may be learned from and judged;"
        f" --group {name} keeps them together.",
    )


def _moments(name: str, column: Any, kept: dict[str, Any]) -> None:
    """A time as days before the newest one, which only orders it; hours and weekdays where they differ."""
    moments = column.to_numpy().astype("datetime64[us]")
    known = ~np.isnat(moments)
    days = (moments[known].max() - moments) / np.timedelta64(1, "D")
    kept[f"{name} (days)"] = np.where(known, days, np.nan)
    weekday = ((moments.astype("datetime64[D]").astype(np.int64) + 3) % 7).astype(np.float64)
    kept[f"{name} (weekday)"] = np.where(known, weekday, np.nan)


def _categories(name: str, column: Any, notes: list[Words]) -> Any:
    counts = column.value_counts()
    if len(counts) <= MOST_CATEGORIES:
        return column
    often = set(counts.index[: MOST_CATEGORIES - 1])
    notes.append(
        Words(
            f"列 {name} 有 {len(counts)} 种取值，少见的合并为一类。",
            f"Column {name} has {len(counts)} values; the rarer are taken together.",
        )
    )
    return column.where(column.isin(often) | column.isna(), OTHER)
