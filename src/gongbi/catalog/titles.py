"""What definitions call things, for sentences about expressions."""

from __future__ import annotations

from gongbi.catalog.called import tag_called
from gongbi.catalog.catalog import Catalog
from gongbi.catalog.mapping import SourceDef
from gongbi.catalog.naming import Words
from gongbi.catalog.scores import tag_titles
from gongbi.core.voice import Title, Titles

#: What the end of a fact that lasts is called where its source does not say.
END: Title = ("结束时间", "end")


def titles_of(catalog: Catalog) -> Titles:
    """The titles of all facts, columns, attributes, subjects, tags, relations and values that have one."""
    facts: dict[str, Title] = {}
    columns: dict[tuple[str, str], Title] = {}
    attributes: dict[tuple[str, str], Title] = {}
    subjects = {s.subject: _title(s.name) for s in catalog.subjects.values() if _named(s.name)}
    ways: dict[str, tuple[Title, str]] = {}
    for source in catalog.sources.values():
        if source.fact is not None and _named(source.name):
            facts[source.fact] = _title(source.name)
        if source.fact is not None and source.time is not None and source.time.end is not None:
            columns[source.fact, "until"] = END
        for name, column in source.columns.items():
            if source.attributes is not None:
                attributes[source.attributes, name] = _title(column.name)
            elif (made := source.fact or source.relation) is not None:
                columns[made, name] = _title(column.name)
        if source.relation is not None:
            ways |= _ways(source, subjects)
    tags = {t.tag: _title(t.name) for t in catalog.tags.values() if _named(t.name)}
    scores = {tag: words for model in catalog.models.values() for tag, words in tag_titles(model).items()}
    tags |= {tag: _title(words) for tag, words in scores.items()}
    labels = {f"tag.{tag}": tag_called(catalog, tag).labels for tag in (*catalog.tags, *scores)}
    for source in catalog.sources.values():
        owner = source.attributes or source.fact or source.relation
        labels |= {f"{owner}.{name}": column.labels for name, column in source.columns.items()}
    values = {name: {v: (w.zh, w.en) for v, w in known.items()} for name, known in labels.items() if known}
    return Titles(facts, subjects, tags, columns, attributes, ways, values)


def _ways(source: SourceDef, subjects: dict[str, Title]) -> dict[str, tuple[Title, str]]:
    """Both ends of a relation: the subject's title with the relation's, and the role where it has a name of its own."""
    found: dict[str, tuple[Title, str]] = {}
    relation = _title(source.name) if _named(source.name) else (f"{source.relation}", f"{source.relation}")
    for role, given in source.subjects.items():
        subject = given.subject or role
        zh, en = subjects.get(subject, (subject, subject))
        own = "" if role == subject else f"{role}, "
        found[f"{source.relation}.{role}"] = (
            (
                f"{zh or subject}（{own.replace(', ', '，')}{relation[0] or source.relation}）",
                f"{en or subject} ({own}{relation[1] or source.relation})",
            ),
            subject,
        )
    return found


def _named(words: Words) -> bool:
    return bool(words.zh or words.en)


def _title(words: Words) -> Title:
    return words.zh.rstrip("。"), words.en.rstrip(".")
