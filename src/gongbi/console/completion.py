"""The names that an expression may use, for the list that opens while typing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from gongbi.catalog.called import things_called
from gongbi.catalog.finding import spelled
from gongbi.console.words import named
from gongbi.core.functions import CATALOGUE
from gongbi.core.relations import ways
from gongbi.core.world import World
from gongbi.workspace import Workspace

KEYWORDS = (
    "and",
    "or",
    "not",
    "in",
    "between",
    "is absent",
    "is not absent",
    "filter (where )",
    "case when then end",
    "true",
    "false",
)


def entries(ws: Workspace, subject: str, tags: Sequence[Mapping[str, Any]], language: str) -> list[dict[str, Any]]:
    """What may be written about a subject: text to insert, what it is, words about it, how a Chinese title sounds."""
    found = [
        {"n": f"tag.{t['tag']}", "k": "tag", "w": t["name"].get(language) or t["tag"], "s": _sounds(t["name"]["zh"])}
        for t in tags
        if t["subject"] == subject
    ]
    if ws.context is not None:
        found += _shapes(ws, subject, language)
    for function in CATALOGUE.values():
        if not function.sign and not function.looks_ahead:
            words = function.zh if language == "zh" else function.en
            found.append({"n": function.name + "(", "k": "function", "w": f"{function.signature} · {words}"})
    found += [{"n": word, "k": "keyword", "w": ""} for word in KEYWORDS]
    return found


def _sounds(title: str) -> list[str]:
    """How a Chinese title may be typed: its pinyin, and the first letters of it."""
    spelling = spelled(title)
    return [*spelling.sounds, *spelling.initials] if spelling.sounds else []


def _shapes(ws: Workspace, subject: str, language: str) -> Iterator[dict[str, Any]]:
    """Attributes, saved segments, facts with their columns and the attributes of the subjects they name."""
    assert ws.context is not None
    catalog = ws.context.catalog()
    world, things = catalog.world, things_called(catalog)
    for name, attribute in world.subjects[subject].attributes.items():
        if name.startswith("given."):
            continue
        yield {"n": f"{subject}.{name}", "k": "attribute", "w": str(attribute.type)}
    for segment in catalog.segments.values():
        if segment.subject == subject:
            words = segment.name.zh if language == "zh" else segment.name.en
            yield {"n": f"segment.{segment.segment}", "k": "segment", "w": words, "s": _sounds(segment.name.zh)}
    for fact in world.facts.values():
        if subject not in fact.subjects:
            continue
        words, sounds = (named(fact.name, which, things) for which in (language, "zh"))
        yield {"n": fact.name, "k": "fact", "w": words, "s": _sounds(sounds)}
        for column in fact.names:
            if column != subject:
                yield {"n": f"{fact.name}.{column}", "k": "column", "w": str(fact.column(column) or "")}
        for other in fact.subjects:
            if other != subject:
                for name, attribute in world.subjects[other].attributes.items():
                    yield {"n": f"{fact.name}.{other}.{name}", "k": "column", "w": str(attribute.type)}
    yield from _neighbours(world, subject, lambda other: named(other, language, things))


def _neighbours(world: World, subject: str, called: Callable[[str], str]) -> Iterator[dict[str, Any]]:
    """Whom relations lead to, with their attributes and tags."""
    for way in ways(world, subject):
        yield {"n": way.role, "k": "relation", "w": called(way.subject)}
        for name, attribute in world.subjects[way.subject].attributes.items():
            yield {"n": f"{way.role}.{name}", "k": "attribute" if way.to_one else "column", "w": str(attribute.type)}
        for name, type_ in world.tags_of(way.subject).items():
            yield {"n": f"{way.role}.tag.{name}", "k": "tag", "w": str(type_)}
