"""Makers over a figure that is there already: steps with names, a place among all members."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gongbi.catalog.makers.base import (
    asks,
    case,
    check_pieces,
    check_steps,
    filtered,
    number,
    of_fact,
    piece,
    quoted,
    steps,
)
from gongbi.errors import InvalidDefinition


@dataclass(frozen=True, slots=True)
class Tiers:
    """Steps of a figure, each with a name: bronze below 100, silver from 100, gold from 500.

    Parameters
    ----------
    of
        An expression about a member that is a number.
    cuts
        Where the steps begin, ascending; the lowest step lies below the first.
    names
        One more than the cuts, the lowest first.
    absent
        The name of those for whom the figure is absent; they stay absent where this is left out.
    """

    of: str = asks("member", "指标", "Figure")
    cuts: tuple[float, ...] = asks("numbers", "分界值", "Cuts")
    names: tuple[str, ...] = asks("names", "各档名称（由低到高）", "Names, the lowest first")
    absent: str | None = asks("name", "缺失者的名称", "Name of the absent", default=None)

    def __post_init__(self) -> None:
        check_pieces(self)
        if not self.names:
            raise InvalidDefinition("`names` is empty.", hint="Write the name of the lowest step first.")
        check_steps(self.cuts, self.names)

    def expression(self) -> str:
        """Write it out."""
        return steps(piece(self.of), self.cuts, self.names, absent=self.absent)

    def values(self) -> tuple[str, ...]:
        """Every value that can come out, from least to most."""
        return self.names if self.absent is None else (self.absent, *self.names)


@dataclass(frozen=True, slots=True)
class Rank:
    """A place among all members: 1 for the highest, a share, or a score in equal groups.

    Parameters
    ----------
    of
        An expression about a member that has an order.
    by
        ``place`` counts from 1; ``share`` is from 0 to 1, the highest 1; ``score`` is 1 to `groups`, the highest last.
    groups
        How many groups a score has.
    lowest_first
        Whether the lowest figure takes the first place, as of a price or of days since the last visit.
    """

    of: str = asks("member", "指标", "Figure")
    by: Literal["place", "share", "score"] = asks("choice", "排名方式", "As", default="place")
    groups: int = asks("integer", "组数", "Groups", default=5)
    lowest_first: bool = asks("choice", "由低到高", "Lowest first", default=False)

    def __post_init__(self) -> None:
        check_pieces(self)
        if not 2 <= self.groups <= 100:
            raise InvalidDefinition(f"`groups` is 2 to 100, not {self.groups}.")

    def expression(self) -> str:
        """Write it out."""
        figure = self.of.strip()
        # `rank` gives the highest the first place, the two others give it the last.
        if self.lowest_first:
            figure = f"-{piece(self.of)}"
        if self.by == "place":
            return f"rank({figure})"
        return f"percent_rank({figure})" if self.by == "share" else f"score({figure}, {self.groups})"


@dataclass(frozen=True, slots=True)
class LifeCycle:
    """The stage of a relation, by its first and its last activity.

    Parameters
    ----------
    fact
        What counts as activity.
    new, active, slipping
        Days: new where the first activity lies less than `new` days back, else active where the last one lies less
        than `active` days back, else slipping below `slipping` days, else lost.
    names
        Names of never, new, active, slipping and lost, in this order.
    """

    fact: str = asks("fact", "行为", "Activity")
    new: int = asks("integer", "新客：首次行为距今不足（天）", "New: first activity less than … days ago", default=30)
    active: int = asks(
        "integer", "活跃：最近行为距今不足（天）", "Active: last activity less than … days ago", default=60
    )
    slipping: int = asks("integer", "流失风险：距今不足（天）", "Slipping: less than … days ago", default=180)
    names: tuple[str, ...] = asks(
        "names", "各阶段名称", "Names of the stages", default=("never", "new", "active", "slipping", "lost")
    )

    def __post_init__(self) -> None:
        check_pieces(self)
        if not 1 <= self.active < self.slipping or self.new < 1:
            raise InvalidDefinition("`new`, `active` and `slipping` are days, `active` fewer than `slipping`.")
        if len(self.names) != 5 or len(set(self.names)) < 5:
            raise InvalidDefinition("`names` are five: of never, new, active, slipping and lost.")

    def expression(self) -> str:
        """Write it out."""
        never, new, active, slipping, lost = map(quoted, self.names)
        first, last = (f"days_since({which}({self.fact}.ts))" for which in ("min", "max"))
        whens = (
            f"when count({self.fact}) = 0 then {never}",
            f"when {first} < {self.new} then {new}",
            f"when {last} < {self.active} then {active}",
            f"when {last} < {self.slipping} then {slipping}",
        )
        return case(whens, lost)

    def values(self) -> tuple[str, ...]:
        """Every value that can come out."""
        return self.names


@dataclass(frozen=True, slots=True)
class Rfm:
    """Recency, frequency and monetary value: one of the scores, their total, their cell or a group with a name.

    Parameters
    ----------
    fact
        What counts as a purchase.
    amount
        The money of its rows; a column may be named without its fact.
    part
        ``recency``, ``frequency`` and ``monetary`` are scores from 1; ``total`` is their sum by `weights`; ``cell``
        writes them one after the other, ``545``; ``group`` is a name by which of the three are high. In these three
        last ones who bought before the stretch of time alone has the lowest score of money.
    within
        The stretch of time that counts for frequency and money; recency sees all.
    scores
        How many levels a score has, where they are equal groups of members.
    recency_cuts, frequency_cuts, monetary_cuts
        Fixed limits in days, purchases and money in place of equal groups, ascending: all three or none.
    weights
        Of recency, frequency and monetary value in the total.
    high
        From which score on a member counts as high; half of the levels where it is left out.
    names
        Of the eight groups, for high (1) and low (0) recency, frequency, money: 111, 110, 101, 100, 011, 010, 001, 000.

    References
    ----------
    Hughes, A. M. (1994), Strategic Database Marketing, chapter on RFM; the eight groups are those in use in China.
    """

    fact: str = asks("fact", "消费行为", "Purchase")
    amount: str = asks("row", "金额", "Amount")
    part: Literal["recency", "frequency", "monetary", "total", "cell", "group"] = asks(
        "choice", "取哪一项", "Which part"
    )
    within: str = asks("window", "统计时段", "Within", default="365 day")
    scores: int = asks("integer", "分数档数", "Levels of a score", default=5)
    recency_cuts: tuple[float, ...] = asks("numbers", "R 分界（天）", "Cuts of recency, days", default=())
    frequency_cuts: tuple[float, ...] = asks("numbers", "F 分界（次）", "Cuts of frequency", default=())
    monetary_cuts: tuple[float, ...] = asks("numbers", "M 分界（金额）", "Cuts of money", default=())
    weights: tuple[float, ...] = asks("numbers", "权重", "Weights", default=(1, 1, 1))
    high: int | None = asks("integer", "几分起为高", "High from", default=None)
    names: tuple[str, ...] = asks(
        "names",
        "八个客群的名称",
        "Names of the eight groups",
        default=(
            "important_value",
            "general_value",
            "important_develop",
            "general_develop",
            "important_keep",
            "general_keep",
            "important_win_back",
            "general_win_back",
        ),
    )

    def __post_init__(self) -> None:
        check_pieces(self)
        cuts = (self.recency_cuts, self.frequency_cuts, self.monetary_cuts)
        for given in filter(None, cuts):
            check_steps(given)
        if len({len(given) for given in cuts}) > 1:
            raise InvalidDefinition("`recency_cuts`, `frequency_cuts` and `monetary_cuts` go together, equally many.")
        if not 2 <= self.scores <= 9:
            raise InvalidDefinition(f"`scores` is 2 to 9, not {self.scores}.")
        if self.high is not None and not 2 <= self.high <= self.levels:
            raise InvalidDefinition(f"`high` is 2 to {self.levels}, not {self.high}.")
        if len(self.weights) != 3 or min(self.weights) < 0 or not sum(self.weights):
            raise InvalidDefinition("`weights` are three numbers from 0: of recency, frequency and money.")
        if len(self.names) != 8:
            raise InvalidDefinition(f"`names` are eight, not {len(self.names)}.")

    @property
    def levels(self) -> int:
        """How many levels a score has."""
        return len(self.recency_cuts) + 1 if self.recency_cuts else self.scores

    def expression(self) -> str:
        """Write it out."""
        scores = self._scores()
        if self.part in ("recency", "frequency", "monetary"):
            return scores[("recency", "frequency", "monetary").index(self.part)]
        # Who bought only before the stretch of time spent nothing in it: those are the lost ones, to be won back.
        scores = (scores[0], scores[1], f"coalesce({scores[2]}, 1)")
        if self.part == "total":
            weighted = [s if w == 1 else f"{number(w)} * {s}" for s, w in zip(scores, self.weights, strict=True) if w]
            return " + ".join(weighted)
        if self.part == "cell":
            return " || ".join(f"to_text({score})" for score in scores)
        return self._group(scores)

    def values(self) -> tuple[str, ...]:
        """Every value that can come out; of a group, from the least to the most valuable."""
        return self.names[::-1] if self.part == "group" else ()

    def _scores(self) -> tuple[str, str, str]:
        last = f"max({self.fact}.ts)"
        count, money = (
            filtered(aggregate, self.within)
            for aggregate in (f"count({self.fact})", f"sum({of_fact(self.amount, self.fact)})")
        )
        if not self.recency_cuts:
            return (f"score({last}, {self.scores})", f"score({count}, {self.scores})", f"score({money}, {self.scores})")
        # Fewer days are better: the score falls with every cut that is reached.
        return (
            _levels(f"days_since({last})", self.recency_cuts, falling=True),
            _levels(count, self.frequency_cuts),
            _levels(money, self.monetary_cuts),
        )

    def _group(self, scores: tuple[str, str, str]) -> str:
        high = self.high if self.high is not None else self.levels // 2 + 1
        unknown = f"{scores[0]} is absent"
        high_scores = [f"{score} >= {high}" for score in scores]
        # From the highest cell down: what is not said to be high was high in a line above, or is low.
        cells = ((1, 1, 1), (1, 1, 0), (1, 0, 1), (1, 0, 0), (0, 1, 1), (0, 1, 0), (0, 0, 1))
        whens = [
            f"when {' and '.join(one for one, bit in zip(high_scores, cell, strict=True) if bit)} then {quoted(name)}"
            for cell, name in zip(cells, self.names, strict=False)
        ]
        return case([f"when {unknown} then null", *whens], quoted(self.names[-1]))


def _levels(value: str, cuts: tuple[float, ...], *, falling: bool = False) -> str:
    levels = range(len(cuts) + 1, 0, -1)
    if falling:
        whens = [f"when {value} < {number(cut)} then {level}" for cut, level in zip(cuts, levels, strict=False)]
        last = f"when {value} >= {number(cuts[-1])} then 1"
    else:
        down = zip(reversed(cuts), levels, strict=False)
        whens = [f"when {value} >= {number(cut)} then {level}" for cut, level in down]
        last = f"when {value} < {number(cuts[0])} then 1"
    return case([*whens, last])
