"""What people call attributes, the columns of facts, and tags: names, units and values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gongbi.catalog.catalog import Catalog
from gongbi.catalog.mapping import ColumnMap
from gongbi.catalog.masking import MASKED
from gongbi.catalog.naming import NO_WORDS, Words
from gongbi.catalog.score_labels import GROUPS, LABELS
from gongbi.catalog.scores import score_of, tag_titles
from gongbi.core.expr import Attribute
from gongbi.translation.units import UNITS


@dataclass(frozen=True, slots=True)
class Called:
    """The unit of values, and what people call them."""

    unit: str | None
    labels: Mapping[str, Words]


def column_called(catalog: Catalog, name: str) -> ColumnMap | None:
    """The column of a source that makes an attribute or a column of a fact, spelled ``customer.town``."""
    owner, _, column = name.partition(".")
    for source in catalog.sources.values():
        if owner in (source.attributes, source.fact) and column in source.columns:
            return source.columns[column]
    return None


def attribute_called(catalog: Catalog, name: str) -> Called:
    """The unit and the values of an attribute, spelled ``customer.town``."""
    column = column_called(catalog, name)
    return Called(column.measured_in, column.labels) if column is not None else Called(None, {})


def columns_called(catalog: Catalog) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each attribute and column of a fact that has a name, a unit or labels: how it is spelled, and these."""
    for source in catalog.sources.values():
        owner = source.attributes or source.fact
        for name, column in source.columns.items() if owner is not None else ():
            if column.name.zh or column.name.en or column.measured_in or column.labels:
                yield f"{owner}.{name}", said(column)


def said(column: ColumnMap) -> dict[str, Any]:
    """Name, unit and labels of a column as JSON has them, and whether its values are masked."""
    labels = {value: words.to_json() for value, words in column.labels.items()}
    personal = column.pii in MASKED
    return {"name": column.name.to_json(), "unit": column.measured_in, "labels": labels, "personal": personal}


def tag_called(catalog: Catalog, tag: str) -> Called:
    """The unit and the values of a tag: as its definition says, else as the attribute that it shows or its model."""
    if tag not in catalog.tags:
        found = score_of(catalog.models, tag)
        if found is None:
            return Called(None, {})
        titles = LABELS.get((found[0].estimator, found[1].column), {})
        return Called(found[1].unit, {value: Words(*title) for value, title in titles.items()})
    definition = catalog.tags[tag]
    expr = catalog.expressions.get((definition.subject, tag))
    if not isinstance(expr, Attribute):
        return Called(definition.unit, definition.called)
    shown = attribute_called(catalog, f"{expr.subject}.{expr.attribute}")
    return Called(definition.unit or shown.unit, {**shown.labels, **definition.called})


def score_title(catalog: Catalog, tag: str) -> Words | None:
    """What a score of a model is called; None where no model writes the tag."""
    found = score_of(catalog.models, tag)
    return tag_titles(found[0])[tag] if found is not None else None


def tag_title(catalog: Catalog, tag: str) -> Words:
    """What a tag is called, also that of a model; the tag itself where nobody said."""
    named = catalog.tags[tag].name if tag in catalog.tags else score_title(catalog, tag) or NO_WORDS
    return Words(named.zh or tag, named.en or tag)


def trait_title(catalog: Catalog, tag: str, value: str) -> Words:
    """A tag with one of its values, as people say both: ``Income = middle``."""
    plain = Words(*GROUPS.get(value, (value, value)))
    title, said = tag_title(catalog, tag), tag_called(catalog, tag).labels.get(value, plain)
    return Words(f"{title.zh} = {said.zh}", f"{title.en} = {said.en}")


def things_called(catalog: Catalog) -> dict[str, dict[str, str]]:
    """What people call subjects and facts that have names: how they are spelled → ``zh``, ``en``."""
    named = {subject.subject: subject.name for subject in catalog.subjects.values()}
    named |= {source.fact: source.name for source in catalog.sources.values() if source.fact is not None}
    return {name: words.to_json() for name, words in named.items() if words.zh or words.en}


def heading(catalog: Catalog, subject: str, text: str, language: str) -> str:
    """What stands over a column of a list: a tag's or an attribute's name with its unit; an expression as it is."""
    tag = text.strip().removeprefix("tag.")
    called = catalog.tags[tag].name if (subject, tag) in catalog.expressions else score_title(catalog, tag)
    if called is not None:
        words, unit = called, tag_called(catalog, tag).unit
    else:
        column = column_called(catalog, text.strip() if "." in text else f"{subject}.{text.strip()}")
        words, unit = (column.name, column.measured_in) if column is not None else (NO_WORDS, None)
    name = words.in_(language)
    measured = UNITS.get(unit or "", unit) if language == "zh" else unit
    return f"{name} ({measured})" if name and measured else name or text


def labels(catalog: Catalog, subject: str, text: str) -> Mapping[str, Words]:
    """What people call the values of a column of a list: those of a tag or an attribute; an expression has none."""
    tag = text.strip().removeprefix("tag.")
    if (subject, tag) in catalog.expressions or score_of(catalog.models, tag) is not None:
        return tag_called(catalog, tag).labels
    return attribute_called(catalog, text.strip() if "." in text else f"{subject}.{text.strip()}").labels


def headings(catalog: Catalog, subject: str, texts: Sequence[str], language: str) -> list[str]:
    """As `heading`, for columns of one list: two that are called alike stand under what they are."""
    said = [heading(catalog, subject, text, language) for text in texts]
    return [text if said.count(words) > 1 or words in texts else words for text, words in zip(texts, said, strict=True)]
