"""The names that an expression may use, with their types: subjects, facts, relations, tags. Made from definitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gongbi.core.types import TIMESTAMP, Type
from gongbi.errors import Place, UnknownName

if TYPE_CHECKING:
    from gongbi.core.expr import Expr


@dataclass(frozen=True, slots=True)
class AttributeShape:
    """An attribute of a subject and the table that keeps it.

    `unique` says that the table has at most one row per member, so that none has to be chosen.
    """

    name: str
    type: Type
    table: str
    unique: bool = True


@dataclass(frozen=True, slots=True)
class SubjectShape:
    """A subject, as expressions see it."""

    name: str
    id_type: Type
    attributes: Mapping[str, AttributeShape] = field(default_factory=dict)

    def attribute(self, name: str) -> AttributeShape:
        """Return an attribute by name."""
        if name not in self.attributes:
            raise UnknownName(f"attribute of {self.name}", name, [*self.attributes, "id"])
        return self.attributes[name]


@dataclass(frozen=True, slots=True)
class GroupedColumn:
    """A column of a derived fact: an aggregate over the rows of the group, what it becomes, what stands for absent."""

    expr: str
    type: Type
    default: Any = None


@dataclass(frozen=True, slots=True)
class Grouping:
    """How the rows of a derived fact are made from those of another; see `core.grouping`.

    Parameters
    ----------
    fact
        The fact that is grouped.
    by
        Its columns that make a group.
    columns
        Column of the derived fact → how it is made.
    keys
        What of `by` the derived fact keeps: column of the grouped fact → its own column.
    place
        Where the definition stands.
    """

    fact: str
    by: tuple[str, ...]
    columns: Mapping[str, GroupedColumn]
    keys: Mapping[str, str]
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class End:
    """One end of a relation: the role in which a member stands there, and of which subject it is."""

    role: str
    subject: str


@dataclass(frozen=True, slots=True)
class RelationShape:
    """A relation between two members, as expressions see it.

    Parameters
    ----------
    name, table
        Its name and where its pairs are kept: ``from_id``, ``to_id``, ``valid_from``, ``valid_to``, columns.
    ends
        From and to. Their roles differ.
    columns
        What is said of a pair.
    to_one
        Each member at the first end has at most one at the second: of several that are valid, the newest counts.
    spans
        Which of ``valid_from`` and ``valid_to`` its source names: when a pair began, and when it ends.
    """

    name: str
    table: str
    ends: tuple[End, End]
    columns: Mapping[str, Type] = field(default_factory=dict)
    to_one: bool = False
    spans: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hop:
    """A step along a relation, arriving at its end `to` (0 or 1), where members of `subject` stand in a role."""

    relation: str
    to: int
    role: str
    subject: str
    to_one: bool

    @property
    def key(self) -> str:
        """``lives_in.household``: which relation, and where one arrives."""
        return f"{self.relation}.{self.role}"


@dataclass(frozen=True, slots=True)
class FactShape:
    """A fact, as expressions see it: its own columns and the subjects that its rows name.

    A row is visible as of an instant if its `ts` is before it; where only a day is known, `ts` is that day's last
    microsecond. A row of a derived fact is then what its group had shown by that instant.

    `hops` is set where the rows are no fact's but the neighbours of a member along relations (`core.relations`). They
    have no `ts`: their time is when the last relation began, the column ``valid_from``, where its source says so. The
    members on the way are the subjects ``_1``, ``_2``.

    Where the fact `lasts`, a row has an end, `until`, which is known from its start; null is open. `recorded` facts are
    Gongbi's own: they tell what it saw, so that they say nothing of how new the data are.
    """

    name: str
    table: str
    columns: Mapping[str, Type]
    subjects: Mapping[str, Type]
    grouping: Grouping | None = None
    hops: tuple[Hop, ...] = ()
    lasts: bool = False
    recorded: bool = False

    def described(self, role: str) -> str:
        """The subject that a column of ids names."""
        return self.hops[int(role[1:]) - 1].subject if self.hops else role

    def column(self, name: str) -> Type | None:
        """Type of a column, `ts` and subject ids included; None where there is none."""
        if name == "ts":
            return None if self.hops else TIMESTAMP
        if name == "until" and self.lasts:
            return TIMESTAMP
        return self.columns.get(name) or self.subjects.get(name)

    @property
    def names(self) -> list[str]:
        """All names that may follow ``fact.``."""
        times = [] if self.hops else ["ts", *(["until"] if self.lasts else [])]
        return [*times, *self.columns, *({} if self.hops else self.subjects)]


@dataclass(frozen=True, slots=True)
class World:
    """Everything that can be named.

    Attributes
    ----------
    tags
        (subject, tag) → type.
    segments
        segment → (subject, text of its expression).
    zone
        The workspace's IANA zone.
    relations
        Relation → its shape.
    expressions
        (subject, tag) → checked expression, each after those it uses: what a neighbour's tag is computed from.
    """

    subjects: Mapping[str, SubjectShape]
    facts: Mapping[str, FactShape]
    tags: Mapping[tuple[str, str], Type] = field(default_factory=dict)
    segments: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    zone: str = "UTC"
    relations: Mapping[str, RelationShape] = field(default_factory=dict)
    expressions: Mapping[tuple[str, str], Expr] = field(default_factory=dict)

    def subject(self, name: str) -> SubjectShape:
        """Return a subject by name."""
        if name not in self.subjects:
            raise UnknownName("subject", name, self.subjects)
        return self.subjects[name]

    def fact(self, name: str) -> FactShape:
        """Return a fact by name."""
        if name not in self.facts:
            raise UnknownName("fact", name, self.facts)
        return self.facts[name]

    def relation(self, name: str) -> RelationShape:
        """Return a relation by name."""
        if name not in self.relations:
            raise UnknownName("relation", name, self.relations)
        return self.relations[name]

    def tags_of(self, subject: str) -> dict[str, Type]:
        """The tags of one subject."""
        return {tag: type_ for (owner, tag), type_ in self.tags.items() if owner == subject}
