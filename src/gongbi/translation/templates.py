"""Texts with holes: recognise one, fill another.

A template is a text with holes such as ``{name}``; ``{name!r}`` is a hole that Python's ``repr`` filled. In the
language that a text is put into, a hole may say how its content is to be put there::

    {name}      as it is; inside 「」 without the quotation marks of ``repr``
    {type!t}    translated where that can be done
    {type!k}    translated, and the template does not fit where that cannot be done
    {names!l}   a list of names: as they are, set apart as Chinese sets them apart
    {types!w}   a list of words: each translated where that can be done

Matching looks for the words between the holes from left to right and never turns back, so that the time it takes is
proportional to the length of the text, whatever the text holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from string import Formatter

#: Texts longer than this are not looked at: nothing that Gongbi says of its own is.
LONGEST = 20_000
LONGEST_SENTENCES = 4_000
#: So many places are tried at which a text may fall into two sentences.
MOST_SENTENCES = 12
#: So deep may one message stand in another.
DEEPEST = 4

_REPR = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
#: How what is no text begins: numbers, collections, objects of a class.
_OTHER_REPR = re.compile(r"[-\d\[({<.]|None|True|False|nan|inf|b['\"]|[A-Za-z_.]+\(")
_SENTENCE_END = re.compile(r"(?<=[.!?。])(?:; | )")
_PLACE = re.compile(r"([^\s:]+:\d+(?::\d+)?: )(?=\S)")
_CHINESE = re.compile(r"[\u3400-\u9fff]")
_LATIN = re.compile(r"[A-Za-z0-9`]")
_LISTED = re.compile(r", | and ")


@dataclass(frozen=True, slots=True)
class Hole:
    """A hole, and the words that follow it."""

    name: str
    how: str
    then: str


def parsed(template: str) -> tuple[str, tuple[Hole, ...]]:
    """Split a template into the words before its first hole, and its holes."""
    begin, holes, words = "", list[Hole](), ""
    for literal, name, _, how in Formatter().parse(template):
        words += literal
        if name is not None:
            begin, holes = _closed(begin, holes, words)
            holes.append(Hole(name, how or "", ""))
            words = ""
    begin, holes = _closed(begin, holes, words)
    return begin, tuple(holes)


def _closed(begin: str, holes: list[Hole], words: str) -> tuple[str, list[Hole]]:
    if not holes:
        return begin + words, holes
    last = holes[-1]
    return begin, [*holes[:-1], Hole(last.name, last.how, last.then + words)]


class Template:
    """A text to be recognised, and the one that says the same."""

    def __init__(self, source: str, target: str) -> None:
        self.begin, self.holes = parsed(source)
        self.target_begin, self.target_holes = parsed(target)
        self.weight = len(self.begin) + sum(len(hole.then) for hole in self.holes)

    def match(self, text: str) -> dict[str, str] | None:
        """Return what is in the holes where the whole text fits; no hole is empty."""
        if not text.startswith(self.begin) or not text.endswith(self.holes[-1].then):
            return None
        found, at, last = {}, len(self.begin), len(self.holes) - 1
        for i, hole in enumerate(self.holes):
            quoted = None
            if hole.how == "r":
                quoted = _REPR.match(text, at)
                if not quoted and not _OTHER_REPR.match(text, at):
                    return None
            if quoted:
                end = quoted.end()
                if not text.startswith(hole.then, end) or (i == last and end + len(hole.then) != len(text)):
                    return None
            elif i == last:
                end = len(text) - len(hole.then)
            else:
                end = text.find(hole.then, at + 1)
            if end <= at:
                return None
            found[hole.name] = text[at:end]
            at = end + len(hole.then)
        return found

    def fill(self, found: Mapping[str, str], translate: Callable[[str], str | None]) -> tuple[str, bool] | None:
        """Return the other text, and whether all that was to be translated could be; None where some must be."""
        said, whole = self.target_begin, True
        for hole in self.target_holes:
            value = found[hole.name]
            if hole.how in ("l", "w"):
                items = [_shown(item) or item for item in _LISTED.split(value)]
                value = "、".join((hole.how == "w" and translate(item)) or item for item in items)
            elif hole.how in ("t", "k"):
                put = (hole.how == "t" and _shown(value)) or translate(value)
                if put is None and hole.how == "k":
                    return None
                # A single word is a name that somebody gave; several are a text that ought to be known.
                whole = whole and (put is not None or " " not in value)
                value = value if put is None else put
            elif said.endswith("「"):
                bare = _bare(value)
                value = value if bare is None else bare
            # Between backticks stands what somebody wrote: not one blank more.
            said = said + value + hole.then if said.count("`") % 2 else joined(joined(said, value), hole.then)
        return said, whole


def joined(first: str, second: str) -> str:
    """Join two pieces as Chinese is set: a space between a Chinese sign and a Latin one, none between two Chinese.

    A sentence that ends twice ends once.
    """
    bare, after = first.rstrip(" "), second.lstrip(" ")
    if not bare or not after:
        return first + second
    if bare[-1] == after[0] == "。":
        return bare + after[1:]
    left, right = bool(_CHINESE.match(bare[-1])), bool(_CHINESE.match(after[0]))
    if left and right:
        return bare + after
    mixed = (left and _LATIN.match(after[0])) or (right and _LATIN.match(bare[-1]))
    return f"{bare} {after}" if mixed else first + second


def _bare(value: str) -> str | None:
    """A text without the quotation marks of its ``repr``; None where it has none."""
    if len(value) < 2 or not _REPR.fullmatch(value):
        return None
    return re.sub(r"\\([\\'\"])", r"\1", value[1:-1])


def _shown(value: str) -> str | None:
    bare = _bare(value)
    return None if bare is None else f"「{bare}」"


class Catalogue:
    """All that can be put into one language."""

    def __init__(self, entries: Iterable[Mapping[str, str]]) -> None:
        #: Everything, as it is written.
        self.sources: dict[str, str] = {source: target for part in entries for source, target in part.items()}
        self.exact: dict[str, str] = {}
        self.templates: list[Template] = []
        for source, target in self.sources.items():
            if parsed(source)[1]:
                self.templates.append(Template(source, target))
            else:
                self.exact[source.format()] = target.format()
        # The most specific first.
        self.templates.sort(key=lambda template: -template.weight)

    def translate(self, text: str, depth: int = 0) -> str | None:
        """Return a text in this language, None where it is not known."""
        if text in self.exact:
            return self.exact[text]
        if not text.strip() or depth > DEEPEST or len(text) > LONGEST:
            return None
        if "\n" in text and (lines := self._lines(text, depth)) is not None:
            return lines
        if (place := _PLACE.match(text)) and (rest := self.translate(text[place.end() :], depth + 1)) is not None:
            return place.group(1) + rest
        return (self._sentences(text, depth) if len(text) <= LONGEST_SENTENCES else None) or self._whole(text, depth)

    def _lines(self, text: str, depth: int) -> str | None:
        lines = text.split("\n")
        found: Sequence[str | None] = [self.translate(line, depth + 1) for line in lines]
        if found[0] is None:
            return None
        return "\n".join(line if new is None else new for line, new in zip(lines, found, strict=True))

    def _sentences(self, text: str, depth: int) -> str | None:
        """Two texts of which each is known, one after the other."""
        for n, end in enumerate(_SENTENCE_END.finditer(text)):
            if n == MOST_SENTENCES:
                break
            first = self._whole(text[: end.start()], depth + 1, strict=True)
            if first is not None:
                second = self.translate(text[end.end() :], depth + 1)
                if second is not None:
                    return joined(first, second)
        return None

    def _whole(self, text: str, depth: int, *, strict: bool = False) -> str | None:
        """A text that one template fits; `strict` where all in it must be known."""
        if text in self.exact:
            return self.exact[text]
        partly = None
        for template in self.templates:
            found = template.match(text)
            if found is None:
                continue
            filled = template.fill(found, lambda part: self.translate(part, depth + 1))
            if filled is not None:
                if filled[1]:
                    return filled[0]
                partly = partly or filled[0]
        return None if strict else partly
