"""What definitions call things, for sentences about expressions."""

from __future__ import annotations

import re

from gongbi.catalog.catalog import Catalog
from gongbi.catalog.naming import Words
from gongbi.core.words import Title, Titles

#: What a description begins with is a name if it is no longer than this; a column has no other.
SHORT_ZH, SHORT_EN = 8, 24


def titles_of(catalog: Catalog) -> Titles:
    """The titles of all facts, columns, attributes, subjects and tags that have one."""
    facts: dict[str, Title] = {}
    columns: dict[tuple[str, str], Title] = {}
    attributes: dict[tuple[str, str], Title] = {}
    for source in catalog.sources.values():
        if source.fact is not None and _named(source.name):
            facts[source.fact] = _title(source.name)
        for name, column in source.columns.items():
            if source.fact is not None:
                columns[source.fact, name] = _short(column.about)
            elif source.attributes is not None:
                attributes[source.attributes, name] = _short(column.about)
    subjects = {s.subject: _title(s.name) for s in catalog.subjects.values() if _named(s.name)}
    tags = {t.tag: _title(t.name) for t in catalog.tags.values() if _named(t.name)}
    return Titles(facts, subjects, tags, columns, attributes)


def _named(words: Words) -> bool:
    return bool(words.zh or words.en)


def _title(words: Words) -> Title:
    return words.zh.rstrip("。"), words.en.rstrip(".")


def _short(words: Words) -> Title:
    """What a description begins with, where that is short enough for a name; else nothing."""
    zh, en = (re.split("[，。；：（,.;:(]", text)[0].strip() for text in (words.zh, words.en))
    return zh if len(zh) <= SHORT_ZH else "", en if len(en) <= SHORT_EN else ""
