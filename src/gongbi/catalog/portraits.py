"""Definitions of what is drawn from tags: grades with their care, casts of personas, yearbooks for customers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from gongbi.catalog.naming import NO_WORDS, Words, check_name
from gongbi.errors import InvalidDefinition, Place

#: Levels by volume, 5 the largest.
LEVELS = 5
#: What is said of a persona, in the order in which it is read.
PERSONA_FIELDS = (
    "background",
    "work",
    "pains",
    "feelings",
    "information",
    "media",
    "role",
    "message",
    "day",
)


@dataclass(frozen=True, slots=True)
class Care:
    """Who looks after the customers of one type and level, and how often.

    Parameters
    ----------
    post
        One of the grading's posts.
    days
        The rhythm: a contact at least every so many days.
    """

    post: str
    days: int

    def __post_init__(self) -> None:
        if not 1 <= self.days <= 3650:
            raise InvalidDefinition(f"A rhythm of care is 1 to 3,650 days, not {self.days}.")


@dataclass(frozen=True, slots=True)
class GradingDef:
    """Every customer filed by way of buying (2 types) and volume (5 levels), with who cares for them and how often.

    It writes the tags ``grade.NAME.type``, ``.volume``, ``.level``, ``.post``, ``.days``, ``.quiet`` (days since the
    last contact) and ``.due``, which builds compute like all others.

    Parameters
    ----------
    types
        The two ways of buying, with their words. The first is that of members for whom `first` is true; all others,
        the unknown among them, are of the second.
    first
        A boolean expression.
    volume
        An expression that gives a number; absent counts as 0.
    unit
        The unit of the volume.
    cuts
        Four rising volumes: who reaches the n-th is at least of level n + 1.
    shares
        In place of cuts, four rising shares of members: who has a larger volume than the n-th share of all others is
        at least of level n + 1.
    posts
        Those who care, with their words.
    care
        Type → post and rhythm of each level, from 1 to 5.
    contact
        The last contact: an expression that gives an instant.
    period
        With how many days before customers are compared, to show who moved.
    """

    grading: str
    types: Mapping[str, Words]
    first: str
    volume: str
    posts: Mapping[str, Words]
    care: Mapping[str, tuple[Care, ...]]
    contact: str
    name: Words = NO_WORDS
    subject: str = "customer"
    unit: str | None = None
    cuts: tuple[float, ...] = ()
    shares: tuple[float, ...] = ()
    period: int = 90
    owner: str = ""
    about: Words = NO_WORDS
    place: Place | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        check_name(self.grading, "grading")
        for one in (*self.types, *self.posts):
            check_name(one, "type or post")
        if len(self.types) != 2:
            raise InvalidDefinition(f"Grading {self.grading!r} has {len(self.types)} types; it needs two.")
        given = self.cuts or self.shares
        if bool(self.cuts) == bool(self.shares) or len(given) != LEVELS - 1:
            raise InvalidDefinition(
                f"Grading {self.grading!r} needs four `cuts`, or four `shares`.",
                hint="For example `shares: [0.5, 0.8, 0.95, 0.99]`.",
            )
        if any(a >= b for a, b in pairwise(given)) or (self.shares and not 0 < given[0] < given[-1] < 1):
            raise InvalidDefinition(f"Grading {self.grading!r}: its limits rise, and shares lie between 0 and 1.")
        if set(self.care) != set(self.types) or any(len(levels) != LEVELS for levels in self.care.values()):
            raise InvalidDefinition(
                f"Grading {self.grading!r} needs `care` of both types, each with five levels.",
                hint="Write `TYPE: [{post: …, days: …}, …]`, level 1 first.",
            )
        for care in (care for levels in self.care.values() for care in levels):
            if care.post not in self.posts:
                raise InvalidDefinition(f"Grading {self.grading!r} names no post {care.post!r} among its `posts`.")
        if not 1 <= self.period <= 3650:
            raise InvalidDefinition(f"Grading {self.grading!r}: `period` is 1 to 3,650 days, not {self.period}.")

    @property
    def prefix(self) -> str:
        """What the names of its tags begin with."""
        return f"grade.{self.grading}"


@dataclass(frozen=True, slots=True)
class CastDef:
    """A cast of personas: a few memorable portraits of typical members, each sentence of which has evidence.

    Parameters
    ----------
    clusters
        A model of clusters; each of its clusters becomes a persona.
    segments
        In place of clusters, the segments that become personas.
    among
        The segment whose members they are set against, such as all companies; everybody where it is left out.
    most
        How many personas there are at most; the largest groups come first.
    fields
        What is said of a persona → the tags, or patterns such as ``household.*``, that it is said from. The fields are
        ``background``, ``work``, ``pains``, ``feelings``, ``information`` (sources), ``media``, ``role`` (in buying),
        ``message`` and ``day`` (a typical one). One without tags is filled by interviews only.
    """

    cast: str
    name: Words = NO_WORDS
    subject: str = "customer"
    clusters: str | None = None
    segments: tuple[str, ...] = ()
    among: str | None = None
    most: int = 6
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    owner: str = ""
    about: Words = NO_WORDS
    place: Place | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        check_name(self.cast, "cast")
        if (self.clusters is None) == (not self.segments):
            raise InvalidDefinition(f"Cast {self.cast!r} needs `clusters`, or `segments`.")
        if not 1 <= self.most <= 12:
            raise InvalidDefinition(f"Cast {self.cast!r}: `most` is 1 to 12 personas, not {self.most}.")
        if unknown := [name for name in self.fields if name not in PERSONA_FIELDS]:
            raise InvalidDefinition(
                f"Cast {self.cast!r}: personas have no field {unknown[0]!r}.",
                hint=f"Known: {', '.join(PERSONA_FIELDS)}.",
            )


@dataclass(frozen=True, slots=True)
class YearFigure:
    """One figure of a yearbook.

    Parameters
    ----------
    expr
        An expression whose aggregates are all filtered by ``during()``, which stands for the year. It may be absent;
        then its sentence is left out.
    words
        The sentence, with ``{value}`` where the figure stands.
    compare
        Say what share of the other customers of the year have less.
    """

    figure: str
    expr: str
    words: Words
    unit: str | None = None
    compare: bool = False

    def __post_init__(self) -> None:
        check_name(self.figure, "figure")
        if any("{value}" not in text for text in (self.words.zh, self.words.en)):
            raise InvalidDefinition(f"Figure {self.figure!r}: its `words` have no {{value}}.")


@dataclass(frozen=True, slots=True)
class YearChart:
    """A figure of a yearbook for each month of the year, as bars.

    Parameters
    ----------
    expr
        A number; its aggregates are all filtered by ``during()``, which stands for the month. Absent is 0.
    """

    chart: str
    expr: str
    name: Words
    unit: str | None = None

    def __post_init__(self) -> None:
        check_name(self.chart, "chart")


@dataclass(frozen=True, slots=True)
class YearbookDef:
    """A report to a customer about one year, drawn from nothing but their own data and everybody's shares.

    Parameters
    ----------
    fact
        What a year is made of: a member without a row of it has an empty year.
    title
        Its heading; ``{year}`` is the year.
    greeting
        The first sentence; ``{year}`` is the year.
    figures, charts
        What is told, in order.
    streak
        Tell the longest run of days, weeks or months in a row with a row of the fact.
    """

    yearbook: str
    fact: str
    title: Words
    figures: tuple[YearFigure, ...]
    name: Words = NO_WORDS
    subject: str = "customer"
    greeting: Words = NO_WORDS
    charts: tuple[YearChart, ...] = ()
    streak: Literal["day", "week", "month"] | None = None
    owner: str = ""
    about: Words = NO_WORDS
    place: Place | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        check_name(self.yearbook, "yearbook")
        if not self.figures:
            raise InvalidDefinition(f"Yearbook {self.yearbook!r} has no figures.")
        names = [one.figure for one in self.figures] + [one.chart for one in self.charts]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise InvalidDefinition(f"Yearbook {self.yearbook!r} has two figures called {twice[0]!r}.")
