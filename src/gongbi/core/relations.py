"""Neighbours: the members that one reaches along relations, and what is known of them.

From a member of a subject, a word names the neighbours in a role (``household``, ``callee``), or of a subject where
only one relation leads there; ``relation.NAME`` takes a relation by its name, and the role where it has two ways. Many
neighbours are rows to aggregate, as those of a fact; where each member has at most one, their values stand by
themselves.

A *trait* is something known of one member as of the instant, written as a key: an attribute (``town``), a tag
(``tag.rfm.recency``), or a trait of the one neighbour in a role (``lives_in.household/town``).
"""

from __future__ import annotations

from collections.abc import Sequence

from gongbi.core import expr as ir
from gongbi.core.expr import Attribute, Expr, RelatedColumn
from gongbi.core.types import TIMESTAMP, Type
from gongbi.core.world import FactShape, Hop, RelationShape, World
from gongbi.errors import InvalidExpression, UnknownName

#: So many relations may lie between a member and what is read.
MOST_HOPS = 2
#: A time of a fact's row → that of a relation's pair.
TIMES = {"ts": "valid_from", "until": "valid_to"}
#: The column with the member's own id in the rows of its neighbours.
SELF = "_self"


def hop(relation: RelationShape, to: int) -> Hop:
    """The step along a relation that arrives at one of its ends."""
    end = relation.ends[to]
    return Hop(relation.name, to, end.role, end.subject, relation.to_one and to == 1)


def follow(world: World, subject: str, parts: Sequence[str]) -> tuple[tuple[Hop, ...], tuple[str, ...]]:
    """Follow words from a subject for as long as they name neighbours.

    Returns
    -------
    hops, rest
        The steps, and the words that are left.

    Raises
    ------
    InvalidExpression
        A word that could mean several relations, or more steps than are followed.
    UnknownName
        A relation that nobody defined.
    """
    hops: list[Hop] = []
    rest = tuple(parts)
    while rest:
        own = world.subject(subject)
        if rest[0] in ("tag", "id") or (len(rest) == 1 and rest[0] in own.attributes):
            break
        if rest[0] == "relation":
            taken, rest = _along(world, subject, rest)
        else:
            found = _called(world, subject, rest[0])
            if not found:
                break
            if len(found) > 1:
                ways = " or ".join(f"relation.{one.relation}.{one.role}" for one in found)
                raise InvalidExpression(
                    f"From a {subject}, several relations lead to {rest[0]!r}.", hint=f"Say {ways}."
                )
            taken, rest = found[0], rest[1:]
        if len(hops) == MOST_HOPS:
            raise InvalidExpression(f"{'.'.join(parts)!r} goes further than {MOST_HOPS} relations.")
        hops.append(taken)
        subject = taken.subject
    return tuple(hops), rest


def ways(world: World, subject: str) -> list[Hop]:
    """Every step that begins at a subject."""
    return [hop(r, to) for r in world.relations.values() for to in (1, 0) if r.ends[1 - to].subject == subject]


def _called(world: World, subject: str, word: str) -> list[Hop]:
    there = ways(world, subject)
    return [way for way in there if way.role == word] or [way for way in there if way.subject == word]


def _along(world: World, subject: str, parts: tuple[str, ...]) -> tuple[Hop, tuple[str, ...]]:
    """The step that ``relation.NAME`` or ``relation.NAME.ROLE`` means; to the second end where both are possible."""
    if len(parts) < 2:
        raise InvalidExpression("`relation` needs the name of one.", hint="For example count(relation.called).")
    shape = world.relation(parts[1])
    possible = {end.role: to for to, end in enumerate(shape.ends) if shape.ends[1 - to].subject == subject}
    if not possible:
        both = " and ".join(end.subject for end in shape.ends)
        raise InvalidExpression(f"The relation {shape.name!r} joins {both}; a {subject} is at neither end.")
    if len(parts) > 2 and parts[2] in possible:
        return hop(shape, possible[parts[2]]), parts[3:]
    return hop(shape, max(possible.values())), parts[2:]


def neighbours(world: World, hops: Sequence[Hop]) -> FactShape:
    """The rows that lie along some steps, as a fact. Grain: one row per member and way to a neighbour.

    When the last relation began and when it ends are columns, where its source says so.
    """
    last = world.relation(hops[-1].relation)
    ids = {f"_{i}": world.subject(one.subject).id_type for i, one in enumerate(hops, 1)}
    columns = {**last.columns, **dict.fromkeys(last.spans, TIMESTAMP)}
    return FactShape(path_name(hops), last.table, columns, ids, hops=tuple(hops))


def path_name(hops: Sequence[Hop]) -> str:
    """``lives_in.household/lives_in.member``; no fact can be called so."""
    return "/".join(one.key for one in hops)


def hop_of(world: World, key: str) -> Hop:
    """The step that a key names."""
    relation, role = key.split(".")
    shape = world.relation(relation)
    return hop(shape, [end.role for end in shape.ends].index(role))


def shape_of(world: World, name: str) -> FactShape:
    """A fact, or the neighbours along a path, by the name that calls carry."""
    if "." not in name:
        return world.fact(name)
    return neighbours(world, [hop_of(world, key) for key in name.split("/")])


def trait(world: World, subject: str, parts: Sequence[str]) -> tuple[str, Type]:
    """The key and the type of a trait that some words name, read from a member of a subject."""
    hops, rest = follow(world, subject, parts)
    said = ".".join(parts)
    for one in hops:
        if not one.to_one:
            raise InvalidExpression(
                f"{said!r}: there may be several {one.role} of a {subject}; it needs an aggregate.",
                hint=f"For example count({one.role}), or avg({said}).",
            )
        subject = one.subject
    shape = world.subject(subject)
    if not rest or rest == ("id",):
        key, type_ = "id", shape.id_type
    elif rest[0] == "tag":
        key = ".".join(rest)
        tags = world.tags_of(subject)
        if key[4:] not in tags:
            raise UnknownName(f"tag of {subject}", key[4:], tags)
        if (subject, key[4:]) not in world.expressions:
            raise InvalidExpression(
                f"{key[4:]!r} is a prediction, which only segments of the {subject} itself can read.",
                hint="Name a tag that has an expression.",
            )
        type_ = tags[key[4:]]
    elif len(rest) == 1:
        key, type_ = rest[0], shape.attribute(rest[0]).type
    elif rest[0] in shape.attributes:
        raise InvalidExpression(f"{rest[0]!r} is a plain attribute of {subject}: nothing can follow it.")
    else:
        raise UnknownName(f"attribute or relation of {subject}", rest[0], shape.attributes)
    return "/".join([*(one.key for one in hops), key]), type_


def trait_end(world: World, subject: str, key: str) -> tuple[str, str]:
    """The subject at the end of a trait's key, and what is read of it there."""
    *hops, last = key.split("/")
    return hop_of(world, hops[-1]).subject if hops else subject, last


def traits_read(expr: Expr, world: World) -> list[tuple[str, str]]:
    """(subject, key) of every trait of others that an expression reads."""
    found: dict[tuple[str, str], None] = {}
    for part in ir.walk(expr):
        if isinstance(part, RelatedColumn):
            found[shape_of(world, part.fact).described(part.subject), part.attribute] = None
        elif isinstance(part, Attribute) and "/" in part.attribute:
            found[part.subject, part.attribute] = None
    return list(found)


def related_tags(expr: Expr, world: World) -> set[tuple[str, str]]:
    """(subject, tag) of the tags of others that an expression reads: of neighbours, or of what a fact's row names."""
    ends = (trait_end(world, subject, key) for subject, key in traits_read(expr, world))
    return {(subject, last[4:]) for subject, last in ends if last.startswith("tag.")}


def with_used(tags: set[tuple[str, str]], world: World) -> dict[str, list[str]]:
    """Subject → tags, with those of the same subject that they use, each after those it uses."""
    made: dict[str, dict[str, Expr]] = {}
    for (subject, tag), expr in world.expressions.items():
        made.setdefault(subject, {})[tag] = expr
    found = {name: list(ir.with_used((t for s, t in tags if s == name), own)) for name, own in made.items()}
    return {subject: names for subject, names in found.items() if names}
