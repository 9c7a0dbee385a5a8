"""Makers over the rows of a fact: a figure, the first or last, what is preferred, where it is going, how regular."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gongbi.catalog.makers.base import (
    asks,
    case,
    check_pieces,
    check_steps,
    fact_of,
    filtered,
    number,
    piece,
    quoted,
    steps,
)
from gongbi.errors import InvalidDefinition

_WITHIN = ("统计时段", "Within")
_WHERE = ("只计满足条件的行", "Only rows where")


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure of the rows of one fact: how many, on how many days, how much, how long ago.

    Parameters
    ----------
    measure
        ``count`` counts rows, ``days`` the days with rows, ``distinct`` different values; ``sum``, ``avg``, ``median``,
        ``min``, ``max`` and ``stddev`` are of values; ``days_since`` is the age of the last row in days.
    of
        The fact, for ``count``, ``days`` and ``days_since``; else an expression about its rows.
    within
        A stretch of time before the instant of the build: ``90 day``, ``3 calendar_month``. All time if left out.
    where
        A condition on rows.
    empty
        The value where there is no row; absent if left out. A count is 0 by itself.
    """

    measure: Literal["count", "days", "distinct", "sum", "avg", "median", "min", "max", "stddev", "days_since"] = asks(
        "choice", "统计方式", "Measure"
    )
    of: str = asks("row", "事实或列", "Fact or column")
    within: str | None = asks("window", *_WITHIN, default=None)
    where: str | None = asks("condition", *_WHERE, default=None)
    empty: float | None = asks("number", "没有行时的值", "Value without rows", default=None)

    def __post_init__(self) -> None:
        check_pieces(self)

    def expression(self) -> str:
        """Write it out."""
        of = self.of.strip()
        texts = {
            "days": f"count(distinct date({of}.ts))",
            "distinct": f"count(distinct {of})",
            "days_since": f"max({of}.ts)",
        }
        found = filtered(texts.get(self.measure, f"{self.measure}({of})"), self.within, self.where)
        if self.measure == "days_since":
            found = f"days_since({found})"
        return found if self.empty is None else f"coalesce({found}, {number(self.empty)})"


@dataclass(frozen=True, slots=True)
class FirstLast:
    """What was first or last: the first product, the channel of the last visit.

    Parameters
    ----------
    which
        ``first`` or ``last`` by the time of the row.
    of
        An expression about rows.
    within, where
        As of a metric.
    """

    which: Literal["first", "last"] = asks("choice", "首次或最近", "First or last")
    of: str = asks("row", "列", "Column")
    within: str | None = asks("window", *_WITHIN, default=None)
    where: str | None = asks("condition", *_WHERE, default=None)

    def __post_init__(self) -> None:
        check_pieces(self)

    def expression(self) -> str:
        """Write it out."""
        return filtered(f"{self.which}({self.of.strip()})", self.within, self.where)


@dataclass(frozen=True, slots=True)
class Preference:
    """The value that a member prefers: a category, a brand, an hour, a shop.

    Parameters
    ----------
    of
        An expression about rows whose values are compared.
    by
        ``count`` takes the most frequent; ``share`` the one with the largest sum of `weight`; ``recency`` the most
        frequent where a row counts half after every `half_life` days.
    weight
        A number about rows; needed for ``share``, an additional weight for ``recency``.
    half_life
        Days, for ``recency``.
    least
        Absent unless the preferred value has at least this share, 0 to 1, of rows or of weight.
    within, where
        As of a metric.
    """

    of: str = asks("row", "比较的列", "Column")
    by: Literal["count", "share", "recency"] = asks("choice", "偏好依据", "By", default="count")
    weight: str | None = asks("row", "权重", "Weight", default=None)
    half_life: float = asks("number", "半衰期（天）", "Half-life in days", default=90)
    least: float = asks("number", "最低占比", "Least share", default=0)
    within: str | None = asks("window", *_WITHIN, default=None)
    where: str | None = asks("condition", *_WHERE, default=None)

    def __post_init__(self) -> None:
        check_pieces(self)
        if self.by == "share" and self.weight is None:
            raise InvalidDefinition("A preference by `share` needs `weight`.", hint="For instance purchase.amount.")
        if self.by == "count" and self.weight is not None:
            raise InvalidDefinition("A preference by `count` has no `weight`.", hint="Write `by: share`.")
        if self.by == "recency":
            fact_of(self.of)
        if not self.half_life > 0 or not 0 <= self.least <= 1:
            raise InvalidDefinition("`half_life` is more than 0 days, `least` a share from 0 to 1.")

    def expression(self) -> str:
        """Write it out."""
        of, weight = self.of.strip(), self._weight()
        preferred = f"top_by({of}, {weight})" if weight else f"mode({of})"
        found = filtered(preferred, self.within, self.where)
        if not self.least:
            return found
        share = filtered(f"top_share({of}, {weight})" if weight else f"top_share({of})", self.within, self.where)
        return f"if({share} >= {number(self.least)}, {found}, null)"

    def _weight(self) -> str | None:
        if self.by != "recency":
            return self.weight.strip() if self.weight is not None else None
        fading = f"power(0.5, days_since({fact_of(self.of)}.ts) / {number(self.half_life)})"
        return fading if self.weight is None else f"{piece(self.weight)} * {fading}"


@dataclass(frozen=True, slots=True)
class Trend:
    """Where a figure is going: a stretch of time against the one of the same length before it.

    Parameters
    ----------
    measure
        ``count``, ``sum`` or ``avg``.
    of
        The fact, for ``count``; else an expression about its rows that is a number.
    over
        The stretch of time: ``8 week``.
    by
        ``change`` is the difference, ``ratio`` now divided by before, ``direction`` a name.
    steady
        For ``direction``: a change of at most this share of the figure before is none.
    names
        For ``direction``: of falling, steady and rising.
    where
        A condition on rows.
    """

    measure: Literal["count", "sum", "avg"] = asks("choice", "统计方式", "Measure")
    of: str = asks("row", "事实或列", "Fact or column")
    over: str = asks("window", "时段", "Stretch of time", default="8 week")
    by: Literal["change", "ratio", "direction"] = asks("choice", "表示为", "As", default="direction")
    steady: float = asks("number", "视为平稳的变化幅度", "Change that is none", default=0.1)
    names: tuple[str, ...] = asks("names", "下降、平稳、上升的名称", "Names", default=("falling", "steady", "rising"))
    where: str | None = asks("condition", *_WHERE, default=None)

    def __post_init__(self) -> None:
        check_pieces(self)
        if len(self.names) != 3 or len(set(self.names)) < 3:
            raise InvalidDefinition("`names` are three: of falling, steady and rising.")
        if not 0 <= self.steady < 1:
            raise InvalidDefinition(f"`steady` is a share from 0 to below 1, not {self.steady}.")

    def expression(self) -> str:
        """Write it out."""
        now, before = (
            filtered(f"{self.measure}({self.of.strip()})", self.over, self.where, ago=ago) for ago in (False, True)
        )
        if self.by == "ratio":
            return f"{now} / nullif({before}, 0)"
        if self.by == "change":
            return f"{now} - {before}"
        falling, steady, rising = map(quoted, self.names)
        whens = (
            f"when {now} < {before} * {number(round(1 - self.steady, 9))} then {falling}",
            f"when {now} > {before} * {number(round(1 + self.steady, 9))} then {rising}",
            f"when {now} is not absent and {before} is not absent then {steady}",
        )
        return case(whens)

    def values(self) -> tuple[str, ...]:
        """Every value that can come out."""
        return self.names if self.by == "direction" else ()


@dataclass(frozen=True, slots=True)
class Periodicity:
    """How regularly something happens: the usual gap between days on which it does, or how much gaps differ.

    Parameters
    ----------
    fact
        What is to be regular.
    by
        ``interval`` is the mean gap in days; ``spread`` the standard deviation of the gaps divided by their mean, 0
        for a clock; ``name`` names the spread.
    least
        Absent with fewer days than this.
    cuts, names
        For ``name``: where steps of the spread begin, and their names, the most regular first.
    within, where
        As of a metric.
    """

    fact: str = asks("fact", "行为", "Activity")
    by: Literal["interval", "spread", "name"] = asks("choice", "表示为", "As", default="name")
    least: int = asks("integer", "最少天数", "Least days", default=4)
    cuts: tuple[float, ...] = asks("numbers", "离散度分界", "Cuts of the spread", default=(0.5, 1))
    names: tuple[str, ...] = asks(
        "names", "名称（最规律在前）", "Names, the most regular first", default=("regular", "loose", "irregular")
    )
    within: str | None = asks("window", *_WITHIN, default=None)
    where: str | None = asks("condition", *_WHERE, default=None)

    def __post_init__(self) -> None:
        check_pieces(self)
        check_steps(self.cuts, self.names)
        if self.least < 2:
            raise InvalidDefinition(f"`least` is 2 days or more, not {self.least}: one has no gap.")

    def expression(self) -> str:
        """Write it out."""
        ts = f"{self.fact}.ts"
        days, mean, deviation = (
            filtered(aggregate, self.within, self.where)
            for aggregate in (f"count(distinct date({ts}))", f"gap_avg({ts})", f"gap_stddev({ts})")
        )
        spread = f"({deviation} / nullif({mean}, 0))"
        value = {"interval": mean, "spread": spread, "name": steps(spread, self.cuts, self.names)}[self.by]
        return f"if({days} >= {self.least}, {value}, null)"

    def values(self) -> tuple[str, ...]:
        """Every value that can come out."""
        return self.names if self.by == "name" else ()
