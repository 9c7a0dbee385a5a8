"""Tags in their order: categories against the scheme, libraries that extend and refine, privacy that is inherited."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, get_args

from gongbi.catalog.base import LibraryDef, Privacy, SchemeDef, TagDef
from gongbi.catalog.naming import NO_WORDS
from gongbi.catalog.scheme import nearest, scheme_of, unknown_part
from gongbi.catalog.yaml import read_text
from gongbi.core.expr import Attribute, Expr
from gongbi.core.types import Type
from gongbi.errors import Cycle, GongbiError, InvalidDefinition, UnknownName

GRADES: tuple[Privacy, ...] = get_args(Privacy)
#: So many tags are named in a warning.
_NAMED = 5


@cache
def general() -> SchemeDef:
    """The scheme that ships: the general five dimensions."""
    (scheme,) = read_text(Path(__file__).with_name("scheme.yaml").read_text("utf-8"), "scheme.yaml")
    assert isinstance(scheme, SchemeDef)
    return scheme


def _at(error: GongbiError, tag: TagDef) -> GongbiError:
    return error.at(tag.place) if tag.place else error


def check_schemes(schemes: Iterable[SchemeDef]) -> None:
    """Refuse two schemes for one subject."""
    owners: dict[str, str] = {}
    for scheme in schemes:
        for subject in scheme.subjects:
            if (other := owners.setdefault(subject, scheme.scheme)) != scheme.scheme:
                error = InvalidDefinition(
                    f"The tags of {subject!r} have two schemes, {other!r} and {scheme.scheme!r}.",
                    hint="Leave the subject out of one of them.",
                )
                raise error.at(scheme.place) if scheme.place else error


def check_categories(tags: Iterable[TagDef], schemes: Sequence[SchemeDef]) -> list[dict[str, Any]]:
    """Say which tags have a category that their scheme does not have, with the nearest one.

    Raises
    ------
    InvalidDefinition
        The scheme is strict.
    """
    strays: dict[tuple[str, str, str], list[str]] = {}
    for tag in tags:
        scheme = scheme_of(tag.subject, schemes)
        if scheme is None or not tag.category or (stray := unknown_part(tag.category, scheme)) is None:
            continue
        near = nearest(stray, scheme)
        if scheme.strict:
            message = f"Tag {tag.tag!r}: the scheme {scheme.scheme!r} has no category {stray!r}."
            raise _at(InvalidDefinition(message, hint=f"Did you mean {near!r}?"), tag)
        strays.setdefault((scheme.scheme, stray, near), []).append(tag.tag)
    found = []
    for (scheme_name, stray, near), names in strays.items():
        more = len(names) - _NAMED
        zh = "、".join(names[:_NAMED]) + (f" 等 {len(names)} 个标签" if more > 0 else "")
        en = ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        found.append(
            {
                "code": "unknown_category",
                "tags": names,
                "category": stray,
                "nearest": near,
                "zh": f"分类体系 {scheme_name} 里没有“{stray}”（{zh}）；最接近的是“{near}”。",
                "en": f"The scheme {scheme_name} has no category {stray!r} ({en}); the nearest is {near!r}.",
            }
        )
    return found


def check_libraries(tags: Mapping[str, TagDef], libraries: Mapping[str, LibraryDef]) -> None:
    """Check that libraries extend what is there, that their tags bear their name, and that tags refine what they may.

    Raises
    ------
    InvalidDefinition, UnknownName, Cycle
        With the place of the tag or library.
    """
    for library in libraries.values():
        below = _chain(library.library, libraries)
        if library.extends and library.extends not in libraries:
            raise UnknownName("library", library.extends, libraries, place=library.place)
        if library.library in below:
            circle = " → ".join([library.library, *below])
            raise Cycle(f"Libraries extend each other: {circle}.", place=library.place)
    for tag in tags.values():
        if tag.library and tag.library not in libraries:
            error = UnknownName("library", tag.library, libraries, place=tag.place)
            if not libraries:
                error.hint = f"Define it: `library: {tag.library}` in a file of its own."
            raise error
        if tag.library and not tag.tag.startswith(f"{tag.library}."):
            raise _at(
                InvalidDefinition(
                    f"Tag {tag.tag!r} of the library {tag.library!r} does not bear its name.",
                    hint=f"Call it {tag.library + '.' + tag.tag!r}; `refines: {tag.tag}` says that it refines another.",
                ),
                tag,
            )
        if tag.refines:
            _check_refined(tag, tags, libraries)


def _check_refined(tag: TagDef, tags: Mapping[str, TagDef], libraries: Mapping[str, LibraryDef]) -> None:
    if tag.refines not in tags:
        raise UnknownName("tag", tag.refines, tags, place=tag.place)
    refined = tags[tag.refines]
    if not tag.library:
        raise _at(
            InvalidDefinition(
                f"Tag {tag.tag!r} refines {tag.refines!r}, but it is in no library.",
                hint="Only a library refines. Give it a `library`, or change the tag itself.",
            ),
            tag,
        )
    if refined.library == tag.library or (refined.library and refined.library not in _chain(tag.library, libraries)):
        raise _at(
            InvalidDefinition(
                f"Tag {tag.tag!r} refines {tag.refines!r}, which is in no library that {tag.library!r} extends.",
                hint="A library refines tags of the enterprise and of the library that it extends.",
            ),
            tag,
        )
    if refined.subject != tag.subject:
        message = f"Tag {tag.tag!r} is about {tag.subject}, and it refines {tag.refines!r} of {refined.subject}."
        raise _at(InvalidDefinition(message), tag)


def _chain(library: str, libraries: Mapping[str, LibraryDef]) -> list[str]:
    """The libraries that one extends, the nearest first; a circle ends where it comes back."""
    found: list[str] = []
    at = library
    while at in libraries and (at := libraries[at].extends) and at not in found:
        found.append(at)
    return found


def completed(tags: Mapping[str, TagDef]) -> dict[str, TagDef]:
    """Tags with what they leave to those that they refine."""
    done: dict[str, TagDef] = {}

    def complete(tag: TagDef) -> TagDef:
        if tag.tag not in done:
            done[tag.tag] = tag  # Also where tags refine each other, which is refused elsewhere.
            if tag.refines in tags:
                base = complete(tags[tag.refines])
                done[tag.tag] = replace(
                    tag,
                    name=base.name if tag.name == NO_WORDS else tag.name,
                    category=tag.category or base.category,
                    unit=base.unit if tag.unit is None else tag.unit,
                    about=base.about if tag.about == NO_WORDS else tag.about,
                    owner=tag.owner or base.owner,
                    pii=base.pii if tag.pii is None else tag.pii,
                    labels={**base.labels, **tag.labels} if not tag.closed else tag.labels or base.labels,
                )
        return done[tag.tag]

    return {name: complete(tag) for name, tag in tags.items()}


def check_refined_types(tags: Mapping[str, TagDef], types: Mapping[tuple[str, str], Type]) -> None:
    """Refuse a refinement whose values are of another kind than those of the tag that it refines."""
    for tag in tags.values():
        if not tag.refines:
            continue
        mine, theirs = types[tag.subject, tag.tag], types[tag.subject, tag.refines]
        if mine.name != theirs.name and not (mine.is_number and theirs.is_number):
            error = InvalidDefinition(
                f"Tag {tag.tag!r} is {mine}, and {tag.refines!r}, which it refines, is {theirs}.",
                hint="A refinement answers the same question; give another question a tag of its own.",
            )
            raise _at(error, tag)


def grades_of_attributes(
    tags: Mapping[str, TagDef], expressions: Mapping[tuple[str, str], Expr]
) -> dict[tuple[str, str], Privacy]:
    """(Subject, attribute) → the highest grade that a tag says of itself which is the attribute as it is.

    Whoever marks the tag means the values: these are no less personal where they are shown without it.
    """
    found: dict[tuple[str, str], Privacy] = {}
    for (_, name), expr in expressions.items():
        said = tags[name].pii if name in tags else None
        if said is not None and isinstance(expr, Attribute):
            key = expr.subject, expr.attribute
            found[key] = max(found.get(key, "none"), said, key=GRADES.index)
    return found


def grades(tags: Mapping[str, TagDef], uses: Mapping[str, Iterable[str]]) -> dict[str, Privacy]:
    """Tag → its privacy grade: as it says, else the highest of the tags that it uses.

    Parameters
    ----------
    uses
        Tag → the tags that its expression uses, each after those it uses itself.
    """
    found: dict[str, Privacy] = {}
    for name, used in uses.items():
        said = tags[name].pii if name in tags else None
        inherited: Privacy = max((found.get(one, "none") for one in used), key=GRADES.index, default="none")
        found[name] = said or inherited
    return found
