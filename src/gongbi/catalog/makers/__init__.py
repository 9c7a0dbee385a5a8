"""Makers: short forms of a tag that expand to an expression which a person can read and edit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from gongbi.catalog.makers.base import Field, ShortForm
from gongbi.catalog.makers.given import Imported, Manual, attribute_of
from gongbi.catalog.makers.groups import Distribution, Expression, Similarity
from gongbi.catalog.makers.members import LifeCycle, Rank, Rfm, Tiers
from gongbi.catalog.makers.rows import FirstLast, Metric, Periodicity, Preference, Trend
from gongbi.catalog.naming import Words
from gongbi.errors import InvalidDefinition

#: Maker → what people call it.
NAMES: Mapping[str, Words] = {
    "metric": Words("基础指标", "Metric"),
    "first_last": Words("首次与最近", "First or last"),
    "preference": Words("偏好", "Preference"),
    "tiers": Words("自定义分档", "Tiers"),
    "rank": Words("排名", "Rank"),
    "rfm": Words("RFM", "RFM"),
    "life_cycle": Words("生命周期", "Life cycle"),
    "trend": Words("趋势", "Trend"),
    "periodicity": Words("周期性", "Periodicity"),
    "distribution": Words("分布", "Distribution"),
    "similarity": Words("与种子人群的相似度", "Similarity to a seed group"),
    "sql": Words("SQL 表达式", "SQL expression"),
    "manual": Words("人工设置", "Set by hand"),
    "imported": Words("文件取值", "File import"),
}

#: Maker → one of the retail demo's definitions could say.
EXAMPLES: Mapping[str, str] = {
    "metric": "{measure: sum, of: purchase.amount, within: 90 day, where: on_display, empty: 0}",
    "first_last": "{which: last, of: purchase.product.brand, within: 365 day}",
    "preference": "{of: purchase.product.department, by: recency, weight: purchase.amount, half_life: 60}",
    "tiers": "{of: sum(trip.amount), cuts: [500, 2000, 5000], names: [bronze, silver, gold, platinum]}",
    "rank": "{of: tag.value.spend_365d, by: share}",
    "rfm": "{fact: trip, amount: trip.amount, part: group, high: 4}",
    "life_cycle": "{fact: trip, new: 30, active: 28, slipping: 90}",
    "trend": "{measure: sum, of: trip.amount, over: 8 week, by: direction, steady: 0.2}",
    "periodicity": "{fact: trip, within: 365 day}",
    "distribution": "{of: purchase.product.department, weight: purchase.amount, within: 365 day}",
    "similarity": "{seed: tag.value.spend_365d >= 5000, figures: [tag.value.spend_365d, count(trip)]}",
    "sql": "{of: sum(purchase.amount) / nullif(count(trip), 0)}",
    "manual": "{type: text, names: [gold, silver]}",
    "imported": "{type: number}",
}


@dataclass(frozen=True, slots=True)
class Maker:
    """How a tag is made, in place of `expr`: exactly one of the makers."""

    metric: Metric | None = None
    first_last: FirstLast | None = None
    preference: Preference | None = None
    tiers: Tiers | None = None
    rank: Rank | None = None
    rfm: Rfm | None = None
    life_cycle: LifeCycle | None = None
    trend: Trend | None = None
    periodicity: Periodicity | None = None
    distribution: Distribution | None = None
    similarity: Similarity | None = None
    sql: Expression | None = None
    manual: Manual | None = None
    imported: Imported | None = None

    def __post_init__(self) -> None:
        if len(self._given()) != 1:
            raise InvalidDefinition(
                f"`maker` names {len(self._given())} makers; it needs exactly one.", hint=f"Known: {', '.join(NAMES)}."
            )

    def _given(self) -> dict[str, ShortForm]:
        return {one.name: value for one in fields(self) if (value := getattr(self, one.name)) is not None}

    @property
    def name(self) -> str:
        """Which maker it is."""
        return next(iter(self._given()))

    @property
    def maker(self) -> ShortForm:
        """The one maker with its fields."""
        return next(iter(self._given().values()))

    def expression(self, tag: str) -> str:
        """The expression that it stands for in a tag of that name."""
        if self.is_given:
            return f'"{attribute_of(tag)}"'
        return self.maker.expression()

    @property
    def is_given(self) -> bool:
        """Whether the values are given, by hand or from a file, and not computed."""
        return isinstance(self.maker, Manual | Imported)

    def values(self) -> tuple[str, ...]:
        """Every value that can come out, where these are a closed list; empty otherwise."""
        listed = getattr(self.maker, "values", None)
        return tuple(listed()) if listed is not None else ()

    def labels(self) -> dict[str, Words]:
        """What people call its values, where these are the names that a maker gives unless told others."""
        if not isinstance(self.maker, LifeCycle | Periodicity | Rfm | Trend):
            return {}
        return {value: Words(*USUAL[value]) for value in self.values() if value in USUAL}


#: The names that makers give unless told others, in words.
USUAL: Mapping[str, tuple[str, str]] = {
    "never": ("从未", "Never"),
    "new": ("新客", "New"),
    "active": ("活跃", "Active"),
    "slipping": ("流失风险", "Slipping"),
    "lost": ("已流失", "Lost"),
    "falling": ("下降", "Falling"),
    "steady": ("平稳", "Steady"),
    "rising": ("上升", "Rising"),
    "regular": ("规律", "Regular"),
    "loose": ("松散", "Loose"),
    "irregular": ("不规律", "Irregular"),
    "important_value": ("重要价值", "Important: value"),
    "general_value": ("一般价值", "General: value"),
    "important_develop": ("重要发展", "Important: develop"),
    "general_develop": ("一般发展", "General: develop"),
    "important_keep": ("重要保持", "Important: keep"),
    "general_keep": ("一般保持", "General: keep"),
    "important_win_back": ("重要挽留", "Important: win back"),
    "general_win_back": ("一般挽留", "General: win back"),
}

#: Maker → its class.
MAKERS: Mapping[str, type[Any]] = {
    name: next(one for one in get_args(hint) if one is not type(None)) for name, hint in get_type_hints(Maker).items()
}


def form(name: str) -> tuple[Field, ...]:
    """The fields of a maker, in their order, as a form draws them."""
    class_ = MAKERS[name]
    hints = get_type_hints(class_)
    found = []
    for one in fields(class_):
        choices = get_args(hints[one.name]) if get_origin(hints[one.name]) is Literal else ()
        required = one.default is MISSING
        found.append(
            Field(
                one.name,
                one.metadata["takes"],
                one.metadata["name"],
                required,
                None if required else one.default,
                tuple(map(str, choices)),
            )
        )
    return tuple(found)
