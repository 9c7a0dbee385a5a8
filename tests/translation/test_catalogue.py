"""Whatever the package can say to people has its Chinese, and each Chinese text is that of one message."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import gongbi
from gongbi.models.kinds import INCOMPARABLE
from gongbi.translation import catalogue, in_language
from gongbi.translation.templates import Template, parsed

from .collected import Said, collect

ROOT = Path(gongbi.__file__).parent
CATALOGUE = catalogue("zh")

#: A message whose last part may be empty, or has two forms: it is in the catalogue as each of what it can be.
WRITTEN_OUT = {
    "`{}` takes {} {}, not {}.": ("`{}` takes {} argument, not {}.", "`{}` takes {} arguments, not {}."),
    "No {} is called {!r}.": ("No {} is called {!r}.", "No name is called {!r}."),
    "Give its id{}.": ("Give its id.", "Give its id or an identifier, {}."),
}
#: Parts of messages that are code, or stand in it.
CODE = {
    *("argument", "arguments", "distinct", "filter (where …)", "gongbi.toml", "identifiers"),
    *("models", "sources", "subjects", "sqlite:///file.db"),
    # Stands in no message by itself: an ending that may be missing, and what follows it or comes before.
    *("or an identifier,", "by load {}", "utf-8"),
}
#: Said by other means than an error, a warning or a stage.
ALSO = {"The console answers to http://127.0.0.1:{} only.", "This request comes from another site."}
ALSO.add("Load the page again. If it is still there, report it with what the terminal of the console says.")
ALSO |= set(INCOMPARABLE.values())


@cache
def said() -> list[Said]:
    return collect(ROOT)


def shape(text: str) -> str:
    """A text with nameless holes; two holes side by side cannot be told apart and are one."""
    begin, holes = parsed(text)
    body = begin + "".join(("{!r}" if hole.how == "r" else "{}") + hole.then for hole in holes)
    return body.replace("{}{}", "{}")


def shapes() -> set[str]:
    return {shape(text) for text in [*CATALOGUE.sources]}


def test_the_source_is_understood() -> None:
    found = {one.skeleton for one in said()}
    assert len(found) > 600
    # One of each way in which words reach an error.
    assert found >= {
        "Tag {!r} has an empty `expr`.",  # given to an error
        "Expected a value, a name or a function.",  # to a method that calls a function that makes an error
        "The cuts of `band` must rise.",  # to a helper that raises
        "A name begins with a letter and goes on with letters, digits and underscores.",  # a sum with a choice
        "Did you mean {!r}?",  # what a function returns
        "a whole number",  # a part, from a table
        "waiting for other work",  # a stage
        "Column {!r} was added.",  # gathered in a list
    }


def test_whatever_is_said_has_its_chinese() -> None:
    known = shapes()
    missing = []
    for one in said():
        wanted = WRITTEN_OUT.get(one.skeleton, (one.skeleton,))
        if one.skeleton not in CODE and not all(shape(text) in known for text in wanted):
            missing.append(f"{one.place}: {one.skeleton!r}")
    assert missing == [], "Give these their Chinese in src/gongbi/translation/messages.zh.yaml."


def test_nothing_is_translated_that_nobody_says() -> None:
    found = ALSO | {shape(one.skeleton) for one in said()} | {shape(t) for texts in WRITTEN_OUT.values() for t in texts}
    sentences = [text for text in CATALOGUE.sources if re.search(r"[.?]$", text)]
    assert [text for text in sentences if shape(text) not in found] == []


def test_both_languages_have_the_same_holes() -> None:
    for source, target in CATALOGUE.sources.items():
        there, here = parsed(source)[1], parsed(target)[1]
        assert sorted(hole.name for hole in there) == sorted(hole.name for hole in here), source
        assert {hole.how for hole in there} <= {"", "r"}, source
        assert {hole.how for hole in here} <= {"", "t", "k", "l", "w"}, target


def test_chinese_has_its_own_punctuation() -> None:
    for target in CATALOGUE.sources.values():
        begin, holes = parsed(target)
        words = re.sub(r"`[^`]*`|\w+\(.*\)", "", begin + "".join(hole.then for hole in holes))
        assert not re.search(r"[,;!?]( |$)|\. ", words), target


def test_a_filled_template_is_put_into_its_own_chinese_and_no_other() -> None:
    for source, target in CATALOGUE.sources.items():
        begin, holes = parsed(source)
        strict = {hole.name for hole in parsed(target)[1] if hole.how == "k"}
        text, values = begin, []
        for i, hole in enumerate(holes):
            value = "tag" if hole.name in strict else f"名{i}" if hole.how == "r" else f"x{i}"
            text += (repr(value) if hole.how == "r" else value) + hole.then
            values += [] if hole.name in strict else [value]
        own = CATALOGUE.exact[text] if not holes else _filled(Template(source, target), text)
        assert in_language(text, "zh") == own, source
        assert [value for value in values if value not in own] == [], f"{source}: a value is lost."


def _filled(template: Template, text: str) -> str:
    found = template.match(text)
    assert found is not None, text
    filled = template.fill(found, CATALOGUE.translate)
    assert filled is not None, text
    return filled[0]
