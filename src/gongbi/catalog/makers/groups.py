"""Makers that compare: what rows spread over, how like a group a member is; and an expression of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gongbi.catalog.makers.base import asks, check_pieces, filtered, number, piece
from gongbi.core.parser import parse
from gongbi.errors import GongbiError, InvalidDefinition

_WITHIN = ("统计时段", "Within")
_WHERE = ("只计满足条件的行", "Only rows where")
#: More tags make an expression that nobody reads.
MOST_FIGURES = 12


@dataclass(frozen=True, slots=True)
class Distribution:
    """How a member's rows, or their weight, spread over values: the categories of spending, the hours of visits.

    Parameters
    ----------
    of
        An expression about rows whose values are compared.
    weight
        A number about rows; each row counts 1 where it is left out.
    part
        ``shares`` is the whole distribution, ``top`` the value with the largest share, ``spread`` the Shannon entropy:
        0 where all rows share one value.
    within, where
        As of a metric.
    """

    of: str = asks("row", "比较的列", "Column")
    weight: str | None = asks("row", "权重", "Weight", default=None)
    part: Literal["shares", "top", "spread"] = asks("choice", "取哪一项", "Which part", default="shares")
    within: str | None = asks("window", *_WITHIN, default=None)
    where: str | None = asks("condition", *_WHERE, default=None)

    def __post_init__(self) -> None:
        check_pieces(self)

    def expression(self) -> str:
        """Write it out."""
        given = self.of.strip() if self.weight is None else f"{self.of.strip()}, {self.weight.strip()}"
        name = "entropy" if self.part == "spread" else "distribution"
        found = filtered(f"{name}({given})", self.within, self.where)
        return f"top_of({found})" if self.part == "top" else found


@dataclass(frozen=True, slots=True)
class Similarity:
    """How like a seed group a member is, from 0 to 1, over several figures and traits.

    By `distance` and `cosine` every figure is measured in standard deviations from the mean of all members, so that
    none outweighs the others; an absent one counts as the mean. By `gower` figures and traits may be mixed, and what is
    absent is left out: the mean of those that are known, and absent itself where none is (Gower 1971, Biometrics 27).

    Parameters
    ----------
    seed
        A condition that says who is in the seed group: ``segment.best_customers``.
    figures
        Expressions about a member that are numbers, mostly tags; by `gower` also dates and ordered categories.
    by
        ``distance`` is 1 at the middle of the group and falls with the distance from it, 1 / (1 + d), where d is the
        root of the mean of the squares; ``cosine`` compares directions alone: 1 where a member differs from the mean of
        all in the same way as the group, 0.5 at a right angle, 0 opposite. ``gower`` is the mean over figures and
        traits: of a figure 1 less the distance from the group's middle, in places among all members as a share of
        these, so that outliers weigh no more than others (Podani 1999, Taxon 48); of a trait the share of the group
        that has the member's own.
    traits
        By `gower`: expressions whose values are the same or not: categories, texts, yes or no.
    """

    seed: str = asks("member", "种子人群", "Seed group")
    figures: tuple[str, ...] = asks("names", "比较的指标", "Figures", default=())
    by: Literal["distance", "cosine", "gower"] = asks("choice", "比较方式", "By", default="distance")
    traits: tuple[str, ...] = asks("names", "比较的类别（Gower）", "Traits (by Gower)", default=())

    def __post_init__(self) -> None:
        check_pieces(self)
        for key in ("figures", "traits"):
            for text in getattr(self, key):
                try:
                    parse(text)
                except GongbiError as error:
                    raise InvalidDefinition(f"`{key}`: {error.message}", hint=error.hint) from error
        if self.traits and self.by != "gower":
            raise InvalidDefinition("`traits` are compared by Gower's measure only.", hint="Write `by: gower`.")
        if not 1 <= len(self.figures) + len(self.traits) <= MOST_FIGURES:
            raise InvalidDefinition(
                f"`figures` are 1 to {MOST_FIGURES}, traits counted with them, not {len(self.figures + self.traits)}."
            )
        if self.by == "cosine" and len(self.figures) < 2:
            raise InvalidDefinition("A direction needs two `figures` or more.", hint="Write `by: distance`.")

    def expression(self) -> str:
        """Write it out."""
        if self.by == "gower":
            return self._mixed()
        own = [f"coalesce(z_score({figure.strip()}), 0)" for figure in self.figures]
        middle = [f"group_avg({figure}, {piece(self.seed)})" for figure in own]
        if self.by == "distance":
            squares = " + ".join(f"power({x} - {m}, 2)" for x, m in zip(own, middle, strict=True))
            return f"1 / (1 + sqrt(({squares}) / {number(len(own))}))"
        product = " + ".join(f"{x} * {m}" for x, m in zip(own, middle, strict=True))
        lengths = [" + ".join(f"power({x}, 2)" for x in some) for some in (own, middle)]
        return f"clamp((1 + ({product}) / (sqrt({lengths[0]}) * sqrt({lengths[1]}))) / 2, 0, 1)"

    def _mixed(self) -> str:
        seed = piece(self.seed)
        places = [f"percent_rank({figure.strip()})" for figure in self.figures]
        terms = [f"1 - abs({place} - group_avg({place}, {seed}))" for place in places]
        terms += [f"group_share({trait.strip()}, {seed})" for trait in self.traits]
        total = " + ".join(f"coalesce({term}, 0)" for term in terms)
        known = " + ".join(f"if(({term}) is absent, 0, 1)" for term in terms)
        return f"({total}) / ({known})"


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression of one's own, for what no other maker says.

    Parameters
    ----------
    of
        An expression about a member, as in `expr`.
    """

    of: str = asks("member", "表达式", "Expression")

    def __post_init__(self) -> None:
        check_pieces(self)

    def expression(self) -> str:
        """Write it out."""
        return self.of.strip()
