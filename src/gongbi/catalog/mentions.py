"""Names that an expression mentions, read before anything is known of what they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from gongbi.core.lexer import tokens
from gongbi.errors import GongbiError


def _mentioned(text: str, kind: str = "tag") -> set[str]:
    """Names of tags, or of another kind, that stand in a text, read without knowing what they are."""
    words = [t for t in tokens(text) if t.kind != "end"]
    found: set[str] = set()
    for i, word in enumerate(words):
        if word.text != kind or i + 2 >= len(words) or words[i + 1].text != ".":
            continue
        parts, at = [words[i + 2].text], i + 3
        while at + 1 < len(words) and words[at].text == ".":
            parts.append(words[at + 1].text)
            at += 2
        found.add(".".join(parts))
    return found


def tags_mentioned(text: str, segments: Mapping[str, tuple[str, str]]) -> set[str]:
    """Tag names in a text, and in the segments that it names, and in those that they name."""
    found, names = _mentioned(text), list(_mentioned(text, "segment"))
    seen = set[str]()
    while names:
        name = names.pop()
        if name in seen or name not in segments:
            continue
        seen.add(name)
        # A segment that cannot be read is refused in its own place.
        with suppress(GongbiError):
            found |= _mentioned(segments[name][1])
            names += _mentioned(segments[name][1], "segment")
    return found
