"""What columns, neighbours and given values are called in sentences; nothing is guessed from descriptions."""

from __future__ import annotations

import re
from functools import cache

import pytest

from gongbi.catalog.catalog import Catalog, assemble
from gongbi.catalog.titles import titles_of
from gongbi.catalog.yaml import read_definitions, read_text
from gongbi.core.language import check_expression
from gongbi.core.words import sentence
from gongbi.packs import demo

FAMILIES = """
- subject: person
  name: {zh: 人, en: Person}
  key: integer
- subject: home
  name: {zh: 家, en: Home}
  key: integer
- source: people
  from: {file: people.csv}
  attributes: person
  key: [id]
  id: id
  columns:
    born: {type: date, about: {zh: 收入为正。, en: Money in is positive.}}
    town: {type: text, name: {zh: 城市, en: home town}}
- source: living
  name: {zh: 同住, en: Who lives where}
  from: {file: living.csv}
  relation: lives_in
  to_one: true
  key: [person, home]
  subjects: {person: person, home: home}
  columns: {since: {type: date, name: {zh: 入住日, en: day of moving in}}}
- source: calls
  from: {file: calls.csv}
  relation: calls
  key: [a, b]
  subjects: {caller: {subject: person, column: a}, callee: {subject: person, column: b}}
- tag: person.age
  subject: person
  name: {zh: 年龄, en: Age}
  expr: 30
- tag: home.size
  subject: home
  name: {zh: 人数, en: Size}
  expr: count(person)
- tag: person.wish
  subject: person
  name: {zh: 心愿, en: Wish}
  maker: {manual: {type: text}}
"""

SAID = {
    "born": ("人的 born", "born of the Person"),
    "town": ("人的城市", "home town of the Person"),
    "home.tag.home.size": ("家（同住）的标签「人数」", "the tag “Size” of the Home (Who lives where)"),
    "count(callee)": ("人（callee，calls）的个数", "the number of Person (callee, calls)"),
    "count(callee) filter (where callee.town = 'X')": (
        "人（callee，calls）（其中城市等于「X」）的个数",
        "the number of Person (callee, calls) where home town is “X”",
    ),
    "max(callee.home.tag.home.size)": (
        "人（callee，calls）中最大的家（同住）的标签「人数」",
        "the largest tag “Size” of the Home (Who lives where) of Person (callee, calls)",
    ),
    "tag.person.wish = 'A'": ("标签「心愿」等于「A」", "the tag “Wish” is “A”"),
}


@cache
def families() -> Catalog:
    return assemble(read_text(FAMILIES), zone="UTC")


@pytest.mark.parametrize("text", SAID)
def test_neighbours_and_columns_are_called_by_their_titles(text: str) -> None:
    catalog = families()
    expr, titles = check_expression(text, catalog.world, "person"), titles_of(catalog)
    assert (sentence(expr, titles, "zh"), sentence(expr, titles, "en")) == SAID[text]


def test_the_members_of_a_home_are_called_by_the_relation() -> None:
    catalog = families()
    expr = check_expression("avg(person.tag.person.age)", catalog.world, "home")
    assert sentence(expr, titles_of(catalog), "en") == "the mean of the tag “Age” over Person (Who lives where)"
    moved = check_expression("max(relation.lives_in.since)", catalog.world, "home")
    assert sentence(moved, titles_of(catalog), "zh") == "人（同住）中最大的入住日"


def test_a_given_value_is_said_as_such() -> None:
    catalog = families()
    expr, titles = catalog.expressions["person", "person.wish"], titles_of(catalog)
    assert sentence(expr, titles, "zh") == "人工或从文件给出的「心愿」"
    assert sentence(expr, titles, "en") == "the value given for “Wish”"


@pytest.mark.parametrize("pack", ["retail", "bank", "synthetic"])
def test_no_sentence_about_a_shipped_tag_shows_an_internal_name(pack: str) -> None:
    catalog = assemble(read_definitions(demo(pack).definitions), zone="UTC")
    titles = titles_of(catalog)
    nameless = {
        f"{source.source}.{name}"
        for source in catalog.sources.values()
        for name, column in source.columns.items()
        if source.reference is None and not (column.name.zh and column.name.en)
    }
    assert not nameless
    for (_, tag), expr in catalog.expressions.items():
        for language, quoted in (("zh", "「[^」]*」"), ("en", "“[^”]*”")):
            said = sentence(expr, titles, language)  # type: ignore[arg-type]
            plain = re.sub(quoted, "", said)
            assert "_" not in plain, f"{tag}: {said}"
            assert language == "en" or not re.search("[a-z]{3,}", plain), f"{tag}: {said}"
