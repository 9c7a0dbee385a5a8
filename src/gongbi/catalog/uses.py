"""What uses what: the names that a definition mentions, and everything that rests on a definition.

Names are read from the texts as they stand, so that this also answers for a set of definitions that does not hold
together: that is when it is asked.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from gongbi.catalog.base import (
    CastDef,
    Definition,
    GradingDef,
    ModelDef,
    TagDef,
    YearbookDef,
    kind_of,
    name_of,
)
from gongbi.catalog.catalog import model_tags
from gongbi.catalog.grades import grading_tags
from gongbi.core.lexer import tokens
from gongbi.errors import GongbiError, Place

#: What of a definition holds expressions, or names of tags (below).
_TEXTS: Mapping[str, Sequence[str]] = {
    "segment": ("expr",),
    "grading": ("first", "volume", "contact"),
    "model": ("score", "target", "population", "treated", "elsewhere", "market"),
    "campaign": ("eligible", "score", "received", "responded", "outcome"),
    "worklist": ("expr", "by"),
}
#: What of a definition has expressions for keys, or is a list of them.
_KEYS: Mapping[str, Sequence[str]] = {"campaign": ("reasons", "funnel"), "worklist": ("columns", "order")}
#: Kinds that use tags or segments, in the order in which they are told.
USERS = ("tag", "segment", "model", "grading", "campaign", "cast", "yearbook", "worklist")
_TAG_LISTS: Mapping[str, Sequence[str]] = {
    "model": ("features", "rising", "falling", "groups", "protected"),
    "campaign": ("match_on", "by"),
}


class Key(NamedTuple):
    """A definition by kind and name."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Use:
    """That a definition uses another one.

    Attributes
    ----------
    how
        The key of the user's definition in which the other stands, e.g. ``expr`` or ``features (rfm.*)``.
    """

    user: Key
    used: Key
    how: str
    place: Place | None = None


def key_of(definition: Definition) -> Key:
    """The key of a definition."""
    return Key(kind_of(definition), name_of(definition))


def mentioned(text: str) -> set[Key]:
    """Tags and segments that stand in an expression, read without knowing what they are; none in a broken one."""
    try:
        words = [t for t in tokens(text) if t.kind != "end"]
    except GongbiError:
        return set()
    found: set[Key] = set()
    for i, word in enumerate(words):
        if word.text not in ("tag", "segment") or i + 2 >= len(words) or words[i + 1].text != ".":
            continue
        parts, at = [words[i + 2].text], i + 3
        while word.text == "tag" and at + 1 < len(words) and words[at].text == ".":
            parts.append(words[at + 1].text)
            at += 2
        found.add(Key(word.text, ".".join(parts)))
    return found


def _texts(definition: Definition) -> Iterator[tuple[str, str]]:
    """The expressions of a definition, each with the key that it stands in."""
    if isinstance(definition, TagDef):
        yield "maker" if definition.maker is not None else "expr", definition.expression
        return
    kind = kind_of(definition)
    for key in _TEXTS.get(kind, ()):
        if text := getattr(definition, key):
            yield key, text
    if isinstance(definition, ModelDef):
        for which in ("train", "test"):
            for cohort in getattr(definition, which):
                yield f"{which}.population", cohort.population
                yield f"{which}.target", cohort.target
                if cohort.treated:
                    yield f"{which}.treated", cohort.treated
    if isinstance(definition, YearbookDef):
        yield from (("figures", figure.expr) for figure in definition.figures)
        yield from (("charts", chart.expr) for chart in definition.charts)
    for which in _KEYS.get(kind, ()):
        for text in getattr(definition, which):
            yield which, text


def _lists(definition: Definition) -> Iterator[tuple[str, Sequence[str]]]:
    """The lists of tags, or patterns, of a definition, each with the key that it stands in."""
    for key in _TAG_LISTS.get(kind_of(definition), ()):
        yield key, getattr(definition, key)
    if isinstance(definition, CastDef):
        for name, patterns in definition.fields.items():
            yield f"fields.{name}", patterns


def _fitting(patterns: Sequence[str], tags: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The tags of a list, each with the pattern that it fits; one that begins with `!` takes tags out."""
    out = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    for pattern in (pattern for pattern in patterns if not pattern.startswith("!")):
        fitting = [pattern] if pattern in tags else [tag for tag in tags if fnmatch.fnmatchcase(tag, pattern)]
        for tag in fitting or [pattern]:
            if not any(fnmatch.fnmatchcase(tag, one) for one in out):
                yield tag, pattern


def writers(definitions: Iterable[Definition]) -> dict[str, Key]:
    """Tag → the model or grading that writes it."""
    found: dict[str, Key] = {}
    for d in definitions:
        if isinstance(d, ModelDef):
            found |= dict.fromkeys(model_tags(d), Key("model", d.model))
        elif isinstance(d, GradingDef):
            found |= dict.fromkeys((tag.tag for tag in grading_tags(d)), Key("grading", d.grading))
    return found


def uses_of(
    definition: Definition, tags: Iterable[str] = (), written: Mapping[str, Key] = MappingProxyType({})
) -> list[Use]:
    """What a definition uses, each with how.

    Parameters
    ----------
    tags
        Those that patterns are held against.
    written
        Tag → the model or grading that writes it: who uses the one uses the other.
    """
    user, known = key_of(definition), tuple(tags)

    def stands_for(tag: str) -> Key:
        return written.get(tag, Key("tag", tag))

    place = definition.place
    found: dict[tuple[Key, str], None] = {}
    for how, text in _texts(definition):
        for key in mentioned(text):
            found[stands_for(key.name) if key.kind == "tag" else key, how] = None
    for how, patterns in _lists(definition):
        for tag, pattern in _fitting(patterns, known):
            found[stands_for(tag), how if tag == pattern else f"{how} ({pattern})"] = None
    if isinstance(definition, CastDef):
        if definition.clusters:
            found[Key("model", definition.clusters), "clusters"] = None
        found |= dict.fromkeys((Key("segment", name), "segments") for name in definition.segments)
        if definition.among:
            found[Key("segment", definition.among), "among"] = None
    if isinstance(definition, ModelDef) and definition.baseline:
        found[stands_for(definition.baseline), "baseline"] = None
    if isinstance(definition, TagDef) and (refined := definition.refines):
        found[Key("tag", refined), "refines"] = None
    return [Use(user, used, how, place) for used, how in found if used != user]


def users_of(definitions: Iterable[Definition]) -> dict[Key, list[Use]]:
    """Definition → everything that uses it directly, in the order of kinds and names."""
    definitions = list(definitions)
    tags = [d.tag for d in definitions if isinstance(d, TagDef)]
    written = writers(definitions)
    found: dict[Key, list[Use]] = {}
    for definition in definitions:
        if kind_of(definition) in USERS:
            for use in uses_of(definition, tags, written):
                found.setdefault(use.used, []).append(use)
    return {k: sorted(v, key=lambda use: (USERS.index(use.user.kind), use.user.name)) for k, v in found.items()}


def everyone(key: Key, users: Mapping[Key, Sequence[Use]]) -> list[Key]:
    """Everything that rests on a definition, near or far, the nearest first."""
    found: dict[Key, None] = {}
    waiting = [key]
    for at in waiting:  # Grows while it is walked.
        for use in users.get(at, ()):
            if use.user not in found and use.user != key:
                found[use.user] = None
                waiting.append(use.user)
    return list(found)


def tree(key: Key, users: Mapping[Key, Sequence[Use]]) -> list[dict[str, Any]]:
    """What uses a definition, and what uses that: ``kind``, ``name``, ``how``, ``users``.

    What was met before is not unfolded again; it carries ``again``.
    """
    return _branches(key, users, {key})


def _branches(key: Key, users: Mapping[Key, Sequence[Use]], met: set[Key]) -> list[dict[str, Any]]:
    by_user: dict[Key, list[str]] = {}
    for use in users.get(key, ()):
        by_user.setdefault(use.user, []).append(use.how)
    found = []
    for user, how in by_user.items():
        again = user in met and bool(users.get(user))
        new = user not in met
        met.add(user)
        below = _branches(user, users, met) if new else []
        row = {"kind": user.kind, "name": user.name, "how": list(dict.fromkeys(how)), "users": below}
        found.append(row | ({"again": True} if again else {}))
    return found
