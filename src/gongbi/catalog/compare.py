"""Two versions of a definition, compared in words: which keys changed, and how an expression did, word by word."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

from gongbi.catalog.base import Definition, TagDef, Words, kind_of
from gongbi.catalog.encode import encode
from gongbi.catalog.shape import keys_of
from gongbi.core.lexer import tokens
from gongbi.core.syntax import Span
from gongbi.errors import GongbiError

#: What a part of an expression is: in both versions, only in the old one, only in the new one.
Mark = Literal["same", "removed", "added"]

#: Key → what people call it.
KEYS: Mapping[str, tuple[str, str]] = {
    "expr": ("表达式", "expression"),
    "maker": ("生成器", "maker"),
    "name": ("名称", "name"),
    "about": ("说明", "description"),
    "subject": ("主体", "subject"),
    "category": ("分类", "category"),
    "type": ("类型", "type"),
    "unit": ("单位", "unit"),
    "owner": ("负责人", "owner"),
    "refresh": ("更新频率", "refresh"),
    "library": ("标签库", "library"),
    "refines": ("细化自", "refined tag"),
    "pii": ("隐私级别", "privacy grade"),
    "expires": ("到期日", "expiry"),
    "keep": ("保留构建数", "kept builds"),
    "labels": ("取值名称", "names of values"),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One key that differs.

    Attributes
    ----------
    old, new
        The values as JSON data; None where there was none.
    parts
        Of an expression: its words in order, each with its mark; empty for anything else.
    """

    key: str
    old: Any
    new: Any
    parts: tuple[tuple[Mark, str], ...] = ()

    def words(self, language: str) -> str:
        """The change as a sentence."""
        zh = language.startswith("zh")
        key = KEYS.get(self.key, (self.key, self.key))[0 if zh else 1]
        if self.parts:
            said = _said(self.parts, zh=zh)
            return f"{key}：{'；'.join(said)}。" if zh else f"The {key} changed: {'; '.join(said)}."
        old, new = (_shown(value, language) for value in (self.old, self.new))
        if not old:
            return f"{key}：新增 {new}。" if zh else f"The {key} is new: {new}."
        if not new:
            return f"{key}：去掉了 {old}。" if zh else f"The {key} was taken out; it was: {old}."
        return f"{key}：由 {old} 改为 {new}。" if zh else f"The {key} changed from {old} to {new}."

    def to_json(self) -> dict[str, Any]:
        """As the doors show it."""
        parts = [{"mark": mark, "text": text} for mark, text in self.parts]
        words = {"zh": self.words("zh"), "en": self.words("en")}
        return {"key": self.key, "old": self.old, "new": self.new, "parts": parts, "words": words}


def differences(old: Definition, new: Definition) -> list[Difference]:
    """What differs between two versions of a definition, the expression first.

    A tag's maker is compared by what it writes, and by its fields where they differ and that does not.
    """
    found: list[Difference] = []
    was, now = (one.expression if isinstance(one, TagDef) else getattr(one, "expr", "") for one in (old, new))
    if parts := compared(was, now):
        found.append(Difference("expr", was, now, parts))
    for key, (field, _) in keys_of(type(new)).items():
        if key in ("expr", kind_of(new)):
            continue
        before, after = getattr(old, field.name), getattr(new, field.name)
        if before != after:
            found.append(Difference(key, _plain(before), _plain(after)))
    return found


def compared(old: str, new: str) -> tuple[tuple[Mark, str], ...]:
    """The words of two expressions side by side; empty where they are the same but for their layout."""
    was, now = _words(old), _words(new)
    if [word for word, _ in was] == [word for word, _ in now]:
        return ()
    found: list[tuple[Mark, str]] = []
    for same, a, b, c, d in _blocks([word for word, _ in was], [word for word, _ in now]):
        if same:
            found.append(("same", _part(old, was[a:b])))
            continue
        if a < b:
            found.append(("removed", _part(old, was[a:b])))
        if c < d:
            found.append(("added", _part(new, now[c:d])))
    return tuple(found)


def _blocks(old: Sequence[str], new: Sequence[str]) -> list[tuple[bool, int, int, int, int]]:
    """What is the same and what is not, in turns; a bracket or comma alone does not part two changes."""
    found: list[tuple[bool, int, int, int, int]] = []
    codes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    for i, (what, a, b, c, d) in enumerate(codes):
        between = 0 < i < len(codes) - 1 and not any(word.strip("(),.") for word in old[a:b])
        same = what == "equal" and not between
        if found and not same and not found[-1][0]:
            found[-1] = (False, found[-1][1], b, found[-1][3], d)
        else:
            found.append((same, a, b, c, d))
    return found


def _words(text: str) -> list[tuple[str, Span]]:
    try:
        # As the lexer reads them, so that ≥ is >=; a text is no name.
        read = [token for token in tokens(text) if token.kind != "end"]
        return [(f"'{t.text}" if t.kind in ("text", "quoted") else t.text, t.span) for t in read]
    except GongbiError:
        return [(found.group(), Span(*found.span())) for found in re.finditer(r"\S+", text)]


def _part(text: str, words: Sequence[tuple[str, Span]]) -> str:
    """A part of an expression as it was written, on one line."""
    return " ".join(text[words[0][1].start : words[-1][1].end].split())


def _said(parts: Sequence[tuple[Mark, str]], *, zh: bool) -> list[str]:
    said = []
    at = 0
    while at < len(parts):
        mark, text = parts[at]
        following = parts[at + 1] if at + 1 < len(parts) else ("same", "")
        if mark == "removed" and following[0] == "added":
            said.append(f"`{text}` 改为 `{following[1]}`" if zh else f"`{text}` became `{following[1]}`")
            at += 1
        elif mark == "removed":
            said.append(f"去掉 `{text}`" if zh else f"`{text}` was taken out")
        elif mark == "added":
            said.append(f"加上 `{text}`" if zh else f"`{text}` was added")
        at += 1
    return said


def _plain(value: Any) -> Any:
    if value in (None, "", (), {}) or value == Words("", ""):
        return None
    return value.to_json() if isinstance(value, Words) else encode(value)


def _shown(value: Any, language: str) -> str:
    """A value as a person reads it."""
    if value is None:
        return ""
    if isinstance(value, Mapping) and set(value) == {"zh", "en"}:
        here, other = value[language], value["en" if language == "zh" else "zh"]
        return f"“{here}” ({other})" if other and other != here else f"“{here}”"
    if isinstance(value, Mapping) and "category" in value:
        values = ", ".join(map(str, value["category"]))
        return f"[{values}]"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_shown(item, language) or item}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)
