"""What a definition is: subjects, sources, tags, segments, models, campaigns and more, as small frozen values.

A definition refuses nonsense about itself at birth; what it says about others (names, types, cycles) is checked when
the whole set is put together in a `Catalog`. In YAML the first key of a document is its kind and name, and every
further key is a field of the class here; `from` and `type` are written so and read as `from_` and `type_`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from gongbi.catalog.makers import Maker
from gongbi.catalog.mapping import (
    SCALARS,
    ColumnMap,
    Lookup,
    Origin,
    SchemaRule,
    SourceDef,
    SubjectMap,
    TimeMap,
)
from gongbi.catalog.masking import Privacy
from gongbi.catalog.modelled import Cohort, ModelDef, Refresh
from gongbi.catalog.naming import NO_WORDS, RESERVED, Words, check_name
from gongbi.catalog.portraits import (
    Care,
    CastDef,
    GradingDef,
    YearbookDef,
    YearChart,
    YearFigure,
)
from gongbi.catalog.quality import Quality
from gongbi.catalog.scheme import Category, LibraryDef, SchemeDef
from gongbi.catalog.worklists import WorklistDef
from gongbi.core.kinds import KINDS, Kind
from gongbi.core.types import INTEGER, TEXT, Type, category
from gongbi.errors import InvalidDefinition, Place

__all__ = [
    "CLASSES",
    "KINDS",
    "NO_WORDS",
    "RESERVED",
    "SCALARS",
    "CampaignDef",
    "Care",
    "CastDef",
    "Category",
    "CategoryType",
    "Cohort",
    "ColumnMap",
    "Definition",
    "GradingDef",
    "History",
    "Identifier",
    "Kind",
    "LibraryDef",
    "ListType",
    "Lookup",
    "ModelDef",
    "Origin",
    "Privacy",
    "Quality",
    "Refresh",
    "SchemaRule",
    "SchemeDef",
    "SegmentDef",
    "SourceDef",
    "SubjectDef",
    "SubjectMap",
    "TagDef",
    "TimeMap",
    "Words",
    "WorklistDef",
    "YearChart",
    "YearFigure",
    "YearbookDef",
    "check_name",
    "kind_of",
    "name_of",
]


@dataclass(frozen=True, slots=True)
class Identifier:
    """A kind of identifier by which a customer can be recognised: a card number, a phone, a household id.

    The customer's id is the value of its `primary` identifier, the smallest where several came together.

    Parameters
    ----------
    pii
        How personal its values are, as of a column: ``none``, ``indirect``, ``direct`` or ``sensitive``.
    """

    type: Literal["integer", "text"] = "text"
    primary: bool = False
    pii: Privacy = "none"


@dataclass(frozen=True, slots=True)
class SubjectDef:
    """A kind of thing that can be described: customer, product, store, campaign.

    Parameters
    ----------
    subject
        Its name, as written in expressions.
    key
        Type of its id: ``integer`` or ``text``.
    identifiers
        For a subject that is resolved from records (the customer): the kinds of identifier, exactly one primary.
        Empty where the source's key is the id.
    label
        The attribute that people know a member by.
    """

    subject: str
    name: Words = NO_WORDS
    key: Literal["integer", "text"] = "integer"
    identifiers: Mapping[str, Identifier] = field(default_factory=dict)
    label: str | None = None
    about: Words = NO_WORDS
    place: Place | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        check_name(self.subject, "subject")
        primary = [name for name, identifier in self.identifiers.items() if identifier.primary]
        if self.identifiers and len(primary) != 1:
            raise InvalidDefinition(
                f"Subject {self.subject!r} has {len(primary)} primary identifiers; it needs exactly one.",
                hint="Mark one identifier `primary: true`.",
            )
        if primary and self.identifiers[primary[0]].type != self.key:
            raise InvalidDefinition(f"Subject {self.subject!r}: the primary identifier's type must be the key's type.")

    @property
    def id_type(self) -> Type:
        return INTEGER if self.key == "integer" else TEXT


@dataclass(frozen=True, slots=True)
class CategoryType:
    """The declared value type of a tag whose values are a closed list; `ordered` from least to most."""

    category: tuple[Any, ...]
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class ListType:
    """The declared value type of a tag whose values are lists: the type of the elements, or a closed list of them."""

    list: tuple[Any, ...] | str


History = Literal["keep", "daily", "weekly", "monthly"]

#: The most builds that a tag may ask to be kept.
MOST_KEPT = 100


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text) is not None
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class TagDef:
    """A named scalar expression about one member of a subject.

    Parameters
    ----------
    tag
        ``topic.fact``, e.g. ``rfm.recency``.
    expr
        The expression; see the language reference. A tag has this or a `maker`.
    maker
        A short form that stands for an expression.
    category
        Path in the category tree, its first part the portrait dimension: ``消费特征/价值``.
    type_
        Declared type, checked against the expression's: a type name, a closed list of values (``category``), or a
        ``list`` of elements. A maker that gives names declares them by itself.
    quality
        What a build must keep to be published; the workspace's limits hold where none is said here.
    history
        Keep values over time: of every build (``keep``), or of one a day, a week or a month.
    library
        The library of a department or branch that it belongs to; its name then begins with the library's. Empty for
        the enterprise's. Files below ``libraries/NAME/`` are in that library without saying so.
    refines
        The tag of a library below that this one answers better for its own: the same question, for instance with other
        cut-offs. What it does not say of itself (name, category, unit, about, owner, pii) is as there.
    pii
        How close its values come to a person. ``direct`` (a name, a phone) and ``sensitive`` (health, religion) are
        masked in lists and exports, unless a named person gives a reason. By default as the tags that it uses.
    expires
        ISO date from which it is not to be used: nothing new may use it, and it is retired once nothing does.
    keep
        How many builds of its subject are kept beside the current one, for its former values; the most that a tag asks
        for counts.
    labels
        What people call its values: value → words, ``gold: {zh: 金, en: Gold}``. Expressions keep the values.
    """

    tag: str
    expr: str = ""
    maker: Maker | None = None
    name: Words = NO_WORDS
    subject: str = "customer"
    category: str = ""
    type_: CategoryType | ListType | str | None = None
    unit: str | None = None
    owner: str = ""
    refresh: Refresh = "daily"
    quality: Quality | None = None
    history: History | None = None
    about: Words = NO_WORDS
    library: str = ""
    refines: str = ""
    pii: Privacy | None = None
    expires: str | None = None
    keep: int | None = None
    labels: Mapping[str, Words] = field(default_factory=dict)
    place: Place | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        check_name(self.tag, "tag", dotted=True)
        check_name(self.subject, "subject")
        if self.expires is not None and not _is_day(self.expires):
            raise InvalidDefinition(
                f"Tag {self.tag!r}: `expires` is a date, not {self.expires!r}.", hint="Write it as 2027-01-31."
            )
        if self.keep is not None and not 1 <= self.keep <= MOST_KEPT:
            raise InvalidDefinition(f"Tag {self.tag!r}: `keep` is 1 to {MOST_KEPT} builds, not {self.keep}.")
        if not self.expr.strip() and self.maker is None:
            raise InvalidDefinition(f"Tag {self.tag!r} has an empty `expr`.", hint="Write an `expr` or a `maker`.")
        if self.expr.strip() and self.maker is not None:
            raise InvalidDefinition(f"Tag {self.tag!r} has an `expr` and a `maker`.", hint="Leave one of them out.")
        known = {str(value) for value in self.closed}
        for value in self.labels if known else ():
            if value not in known:
                raise InvalidDefinition(
                    f"Tag {self.tag!r} labels {value!r}, which is none of its values.",
                    hint=f"Its values: {', '.join(sorted(known))}.",
                )

    @property
    def called(self) -> Mapping[str, Words]:
        """What people call its values: as it says, else as its maker does."""
        usual = self.maker.labels() if self.maker is not None else {}
        return {**usual, **self.labels}

    @property
    def expression(self) -> str:
        """What computes the tag: as it was written, or as its maker writes it."""
        return self.maker.expression(self.tag) if self.maker is not None else self.expr.strip()

    @property
    def declared(self) -> CategoryType | ListType | str | None:
        """The declared type; a maker's names, from least to most, where none was."""
        if self.type_ is None and self.maker is not None and (names := self.maker.values()):
            return CategoryType(names, ordered=True)
        return self.type_

    @property
    def closed(self) -> tuple[Any, ...]:
        """The values it may have, or its elements, where its type is a closed list; empty otherwise."""
        declared = self.declared
        if isinstance(declared, ListType):
            return declared.list if isinstance(declared.list, tuple) else ()
        return declared.category if isinstance(declared, CategoryType) else ()

    def with_levels(self, type_: Type) -> Type:
        """The type of the tag's values, with the list that it declares; what its expression brings counts no more."""
        declared = self.declared
        if declared is None or not self.closed:
            return type_ if declared is None else type_.plain
        return category(type_.plain, self.closed, ordered=isinstance(declared, CategoryType) and declared.ordered)


@dataclass(frozen=True, slots=True)
class SegmentDef:
    """A named boolean expression; it holds those members for whom the expression is true.

    Parameters
    ----------
    history
        Keep who was in it over time, and with that who entered and left: at every build, or one a day, week or month.
    limit
        At most so many of those for whom `expr` is true: the first by `order` or by a `draw`; of equals, those with the
        smallest ids.
    order
        With a `limit`: an expression, the largest first; who has no value is not in it.
    draw
        With a `limit`: a seed, any text, by which members are drawn at random; the same seed draws the same ones.
    """

    segment: str
    expr: str
    name: Words = NO_WORDS
    subject: str = "customer"
    owner: str = ""
    refresh: Refresh = "daily"
    history: History | None = None
    limit: int | None = None
    order: str | None = None
    draw: str | None = None
    about: Words = NO_WORDS
    place: Place | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        check_name(self.segment, "segment")
        if not self.expr.strip():
            raise InvalidDefinition(f"Segment {self.segment!r} has an empty `expr`.")
        ways = [way for way in (self.order, self.draw) if way is not None and way.strip()]
        if len(ways) != (self.limit is not None) or (self.limit is not None and self.limit < 1):
            raise InvalidDefinition(
                f"Segment {self.segment!r}: a `limit` from 1 and one of `order` and `draw` go together.",
                hint="Write limit: 1000 and order: tag.value, or draw: spring.",
            )

    @property
    def expression(self) -> str:
        """What is true of its members, its limit included."""
        if self.limit is None:
            return self.expr
        return limited(self.expr, self.limit, order=self.order, draw=self.draw)


def limited(expr: str, limit: int, *, order: str | None = None, draw: str | None = None) -> str:
    """At most so many of those for whom an expression is true: the largest by `order`, or by lot with a seed."""
    seed = (draw or "").replace("'", "''")
    by = order.strip() if order else f"lot('{seed}')"
    return f"place(if({expr.strip()}, {by}, null)) <= {limit}"


@dataclass(frozen=True, slots=True)
class CampaignDef:
    """A decision about one past or coming campaign, and how its effect is read.

    Parameters
    ----------
    campaign
        Its name.
    as_of
        The instant of decision; only what was known before it counts.
    eligible
        Who may be chosen: a boolean expression.
    score
        The expression that ranks them, highest first; absent scores are never chosen.
    limit
        How many are chosen, hold-out included.
    holdout
        Share of the chosen who are left alone, drawn by a stable hash of campaign and customer.
    reasons
        Expression → words; the first that is true is the reason on record.
    received, responded
        For the measurement: boolean expressions (with ``during()``, ``between(ts, …)`` or a campaign key) that say who
        received it and who responded. They are read at the end of the campaign's period, `days` local days from
        `as_of`, and ``during()`` stands for that period.
    funnel
        Condition → words: the steps between receiving and responding, in order; read like `responded`.
    outcome
        Numeric expression measured over `days` before and after `as_of`; it contains ``during()``, which stands for
        the period being measured. It must not be absent: ``coalesce(sum(…), 0)`` where there may be no rows.
    match_on
        Tags as of `as_of` on which receivers are matched with non-receivers.
    by
        Tags whose values split the result.
    """

    campaign: str
    as_of: str
    eligible: str
    score: str
    received: str
    responded: str
    outcome: str
    name: Words = NO_WORDS
    limit: int = 500
    holdout: float = 0.1
    days: int = 56
    reasons: Mapping[str, Words] = field(default_factory=dict)
    funnel: Mapping[str, Words] = field(default_factory=dict)
    match_on: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    owner: str = ""
    about: Words = NO_WORDS
    place: Place | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        check_name(self.campaign, "campaign")
        if not 0 <= self.holdout < 1:
            raise InvalidDefinition(f"Campaign {self.campaign!r}: `holdout` is a share from 0 to below 1.")
        if self.limit < 1 or self.days < 1:
            raise InvalidDefinition(f"Campaign {self.campaign!r}: `limit` and `days` are at least 1.")


Definition = (
    SubjectDef
    | SourceDef
    | SchemeDef
    | LibraryDef
    | TagDef
    | SegmentDef
    | ModelDef
    | CampaignDef
    | GradingDef
    | CastDef
    | YearbookDef
    | WorklistDef
)

CLASSES: Mapping[Kind, type[Definition]] = {
    "subject": SubjectDef,
    "source": SourceDef,
    "scheme": SchemeDef,
    "library": LibraryDef,
    "tag": TagDef,
    "segment": SegmentDef,
    "model": ModelDef,
    "campaign": CampaignDef,
    "grading": GradingDef,
    "cast": CastDef,
    "yearbook": YearbookDef,
    "worklist": WorklistDef,
}


def kind_of(definition: Definition) -> Kind:
    """Return which of the kinds a definition is."""
    for kind, class_ in CLASSES.items():
        if isinstance(definition, class_):
            return kind
    raise TypeError(type(definition).__name__)


def name_of(definition: Definition) -> str:
    """Return a definition's name."""
    return str(getattr(definition, kind_of(definition)))
