"""The code of the documentation: which page has which block, and what kind of block it is.

A fenced block says by its first word what it is. An indented one is shell. A comment on the line before a block says
what the block does not say itself:

- ``<!-- not run: why -->``: nothing checks it;
- ``<!-- columns of: SOURCE -->``: YAML that stands below `columns` of that source of the demo.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: One page per function; a test of `core` runs their examples.
GENERATED = "docs/reference/functions/"
PAGES = [
    *("README.md", "README.zh-CN.md", "CONTRIBUTING.md"),
    *(
        page
        for page in sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
        if not page.startswith(GENERATED)
    ),
]

SHELL = ("sh", "bash", "shell", "console")
_FENCE = re.compile(r"^(?P<indent> *)```(?P<kind>\w*)(?P<more>[^`]*)$")
_TITLE = re.compile(r'title="([^"]+)"')
_NOTE = re.compile(r"^ *<!-- (?P<key>not run|columns of): (?P<value>.+) -->$")
_INDENT = "    "


@dataclass(frozen=True)
class Block:
    """One block of code, without its fence and its indent."""

    page: str
    #: Of its first line of code, from 1.
    line: int
    kind: str
    text: str
    title: str | None = None
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Command:
    """One line for a shell, and what the page shows as its output; None where the page shows none."""

    place: str
    words: tuple[str, ...]
    shown: tuple[str, ...] | None = None

    def __str__(self) -> str:
        return shlex.join(self.words)


@cache
def blocks(page: str) -> tuple[Block, ...]:
    """All blocks of a page, in their order."""
    return tuple(_blocks(page, (ROOT / page).read_text("utf-8")))


def _blocks(page: str, markdown: str) -> Iterator[Block]:
    lines = markdown.split("\n")
    notes: dict[str, str] = {}
    at = 0
    while at < len(lines):
        line, first = lines[at], at
        at += 1
        if note := _NOTE.match(line):
            notes[note["key"]] = note["value"]
        elif fence := _FENCE.match(line):
            while lines[at] != fence["indent"] + "```":
                at += 1
            inside = [inner.removeprefix(fence["indent"]) for inner in lines[first + 1 : at]]
            at += 1
            title = _TITLE.search(fence["more"])
            kind = "shell" if fence["kind"] in SHELL else fence["kind"]
            yield Block(page, first + 2, kind, "\n".join(inside) + "\n", title[1] if title else None, notes)
            notes = {}
        elif line.startswith(_INDENT) and line.strip() and (first == 0 or not lines[first - 1].strip()):
            while at < len(lines) and (lines[at].startswith(_INDENT) or not lines[at].strip()):
                at += 1
            inside = [inner.removeprefix(_INDENT) for inner in lines[first:at]]
            yield Block(page, first + 1, "shell", "\n".join(inside).rstrip() + "\n", None, notes)
            notes = {}
        elif line.strip():
            notes = {}


def commands(block: Block) -> list[Command]:
    """The commands of a shell block; with prompts, what follows one is its output."""
    found: list[Command] = []
    lines = [(block.line + offset, line) for offset, line in enumerate(block.text.splitlines()) if line.strip()]
    if not any(line.startswith("$ ") for _, line in lines):
        return [_command(block, number, line, None) for number, line in lines]
    for number, line in lines:
        if line.startswith("$ "):
            found.append(_command(block, number, line[2:], ()))
        else:
            assert found, f"{block.page}:{number} shows output before the first prompt."
            before = found.pop()
            found.append(Command(before.place, before.words, (*(before.shown or ()), line)))
    return found


def _command(block: Block, number: int, line: str, shown: tuple[str, ...] | None) -> Command:
    return Command(f"{block.page}:{number}", tuple(shlex.split(line, comments=True)), shown)


def inline_commands(page: str) -> list[Command]:
    """Commands inside sentences; what stands there for something else is filled in."""
    lines = (ROOT / page).read_text("utf-8").split("\n")
    for block in blocks(page):
        for number in range(block.line, block.line + block.text.count("\n")):
            lines[number - 1] = ""
    text = "\n".join("" if line.lstrip().startswith("```") else line for line in lines)
    found = []
    for code in re.finditer(r"`([^`]+)`", text):
        place = f"{page}:{text.count(chr(10), 0, code.start()) + 1}"
        written = " ".join(code[1].split())
        if not re.match(r"(?:[A-Z_]+=\S+ )*(?:gongbi|make) ", written):
            continue
        # `gongbi init | apply` is short for two commands.
        head, *others = written.split(" | ")
        for one in (head, *(f"gongbi {other}" for other in others)):
            words = [_STANDS_FOR.get(word, word) for word in shlex.split(one) if word != "…"]
            found.append(Command(place, tuple(words)))
    return found


#: Numbers that a sentence leaves open.
_STANDS_FOR = {"ID": "1", "LOAD": "1"}
