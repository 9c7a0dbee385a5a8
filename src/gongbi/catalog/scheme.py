"""How tags are ordered: the tree of categories (a scheme), and the libraries of departments and branches."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field

from gongbi.catalog.naming import NO_WORDS, Words, check_name
from gongbi.errors import InvalidDefinition, Place


@dataclass(frozen=True, slots=True)
class Category:
    """One place in the tree of categories.

    Parameters
    ----------
    path
        As tags write it: ``消费特征`` or ``消费特征/价值``. A path without a slash is a portrait dimension.
    name
        Its last part in both languages; the path's own where it says nothing.
    """

    path: str
    name: Words = NO_WORDS
    about: Words = NO_WORDS

    def __post_init__(self) -> None:
        if not all(part.strip() for part in self.path.split("/")):
            raise InvalidDefinition(
                f"The category {self.path!r} has an empty part.", hint="Write `dimension` or `dimension/part`."
            )


@dataclass(frozen=True, slots=True)
class SchemeDef:
    """The portrait dimensions and categories that tags are filed under, in the order in which they are shown.

    A workspace without one has the general five: fixed traits, interests, social traits, consumption, the moment.

    Parameters
    ----------
    scheme
        Its name.
    subjects
        Whose tags it orders.
    strict
        A tag whose category is not in it is an error; else it is a warning.
    categories
        The tree, as paths. Where a category has parts here, tags go into one of them or into itself; where it has
        none, its parts are free.
    """

    scheme: str
    categories: tuple[Category, ...]
    name: Words = NO_WORDS
    subjects: tuple[str, ...] = ("customer",)
    strict: bool = False
    about: Words = NO_WORDS
    place: Place | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        check_name(self.scheme, "scheme")
        paths = [category.path for category in self.categories]
        if not paths:
            raise InvalidDefinition(f"Scheme {self.scheme!r} has no categories.")
        for i, path in enumerate(paths):
            if path in paths[:i]:
                raise InvalidDefinition(f"Scheme {self.scheme!r} lists the category {path!r} twice.")
            parent = path.rpartition("/")[0]
            if parent and parent not in paths:
                raise InvalidDefinition(
                    f"Scheme {self.scheme!r} lists {path!r} without {parent!r}.", hint=f"List {parent!r} before it."
                )


@dataclass(frozen=True, slots=True)
class LibraryDef:
    """A library of tags that a department or branch keeps for itself, on top of the enterprise's.

    Parameters
    ----------
    library
        Its name; the names of its tags begin with it: ``east.rfm.recency`` in the library ``east``.
    extends
        The library whose tags it builds on besides the enterprise's.
    """

    library: str
    name: Words = NO_WORDS
    extends: str = ""
    owner: str = ""
    about: Words = NO_WORDS
    place: Place | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        check_name(self.library, "library")


def unknown_part(path: str, scheme: SchemeDef) -> str | None:
    """The shortest beginning of a category that the scheme does not have; None where it has its place."""
    known = {category.path for category in scheme.categories}
    parts = path.split("/")
    for depth in range(1, len(parts) + 1):
        here, parent = "/".join(parts[:depth]), "/".join(parts[: depth - 1])
        has_parts = not parent or any(one.startswith(f"{parent}/") for one in known)
        if here not in known:
            return here if has_parts else None
    return None


def nearest(path: str, scheme: SchemeDef) -> str:
    """The category of a scheme that is most like one that it does not have; the first dimension where none is."""
    called: dict[str, str] = {}
    for category in scheme.categories:
        for word in (category.path, category.name.zh, category.name.en):
            if word:
                called.setdefault(word.casefold(), category.path)
    near = difflib.get_close_matches(path.casefold(), called, n=1, cutoff=0.4)
    return called[near[0]] if near else scheme.categories[0].path


def scheme_of(subject: str, schemes: Iterable[SchemeDef]) -> SchemeDef | None:
    """The scheme that orders the tags of a subject."""
    return next((scheme for scheme in schemes if subject in scheme.subjects), None)
