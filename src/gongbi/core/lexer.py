"""Text of an expression → tokens. Full-width signs outside literals are read as half-width; names become NFC."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from gongbi.core.habits import as_here
from gongbi.core.syntax import Span
from gongbi.errors import InvalidExpression

MAX_LENGTH = 10_000

TokenKind = Literal["number", "text", "name", "quoted", "sign", "end"]


@dataclass(frozen=True, slots=True)
class Token:
    """One word of the expression. `text` is normalised; the span points into the text as it was written."""

    kind: TokenKind
    text: str
    span: Span

    @property
    def word(self) -> str:
        """The lower-case word if this is a bare name, else an empty string."""
        return self.text.lower() if self.kind == "name" else ""


# One character for one, so that spans stay true to what was typed.
_WIDE = {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
_WIDE |= {"\u3000": " ", "‘": "'", "’": "'", "“": '"', "”": '"', "。": "."}
_WIDE |= {"、": ",", "×": "*", "÷": "/", "—": "-", "–": "-", "−": "-"}
_HALF = str.maketrans(_WIDE)

_SIGNS = ("=>", "<=", ">=", "<>", "!=", "==", "||", "≥", "≤", "≠", *"+-*/%=<>(),.")
_SAME_SIGN = {"==": "=", "!=": "<>", "≠": "<>", "≥": ">=", "≤": "<="}
_NUMBER = re.compile(r"([0-9]+(\.[0-9]+)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_NAME = re.compile(r"[^\W\d]\w*", re.UNICODE)
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_REST = re.compile(r"\w+", re.UNICODE)


def fail(message: str, text: str, span: Span, hint: str | None = None) -> InvalidExpression:
    """An error that shows the part at fault and where it stands."""
    return InvalidExpression(f"{message}{shown(text, span)}", hint=hint)


def shown(text: str, span: Span) -> str:
    """Quote the part at fault, and say at which character of the expression it begins."""
    part = " ".join(text[span.start : span.end].split())
    if len(part) > 60:
        part = part[:57] + "…"
    return f" At character {span.start + 1}: `{part}`." if part else " At the end of the expression."


def tokens(text: str) -> list[Token]:
    """Split an expression into tokens, the last of kind ``end``.

    Raises
    ------
    InvalidExpression
        Longer than 10,000 characters; a comment; an unfinished literal; a character the language does not use.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidExpression(
            f"The expression has {len(text):,} characters; at most {MAX_LENGTH:,} are allowed.",
            hint="Split it into several tags and refer to them with `tag.name`.",
        )
    if _HALF_CHARACTER.search(text):
        raise InvalidExpression("The expression contains half a character (a lone surrogate), which no text can hold.")
    half = text.translate(_HALF)
    found: list[Token] = []
    at = 0
    while at < len(text):
        if half[at].isspace():
            at += 1
            continue
        token = _next(text, half, at)
        found.append(token)
        at = token.span.end
    found.append(Token("end", "", Span(len(text), len(text))))
    return found


def _next(text: str, half: str, at: int) -> Token:
    """Read the token at a character; `half` is the text with half-width signs, character for character."""
    char = half[at]
    if half[at : at + 2] in ("--", "/*", "*/", "//") or char == "#":
        hint = "Use the field `about`; two minus signs need a blank between them."
        raise fail("Comments are not part of an expression.", text, Span(at, at + 2), hint)
    if char == ";":
        raise fail("An expression is one expression, without `;`.", text, Span(at, at + 1))
    if char in "'\"":
        return _quoted(text, at, char)
    if number := _NUMBER.match(half, at):
        end = number.end()
        if half[end : end + 1].isalnum() or half[end : end + 1] == "_":
            raise fail("A number runs into a name.", text, Span(at, end + 1), "Names begin with a letter.")
        return Token("number", number.group(), Span(at, end))
    if name := _NAME.match(half, at):
        end = _name_end(half, name.end())
        return Token("name", unicodedata.normalize("NFC", half[at:end]), Span(at, end))
    for sign in _SIGNS:
        if half.startswith(sign, at):
            return Token("sign", _SAME_SIGN.get(sign, sign), Span(at, at + len(sign)))
    raise fail(f"The language has no character {text[at]!r}.", text, Span(at, at + 1), as_here(char))


def _name_end(half: str, end: int) -> int:
    """Where a name ends: accents written as characters of their own belong to the letter before them."""
    while end < len(half):
        if unicodedata.category(half[end]) in ("Mn", "Mc"):
            end += 1
        elif more := _REST.match(half, end):
            end = more.end()
        else:
            break
    return end


def _quoted(text: str, start: int, quote: str) -> Token:
    """Read a literal or a quoted name; a doubled quote stands for itself. Inside, nothing is normalised but names."""
    parts: list[str] = []
    at = start + 1
    # A literal opened by a half-width quote ends at a half-width one, so that ‘ ’ inside it stay what they are.
    wide = text[start] != quote
    while at < len(text):
        here = _WIDE.get(text[at], text[at]) if wide else text[at]
        if here == quote:
            after = text[at + 1] if at + 1 < len(text) else ""
            if not wide and after == quote:
                parts.append(quote)
                at += 2
                continue
            body = "".join(parts)
            kind: TokenKind = "text" if quote == "'" else "quoted"
            if kind == "quoted":
                body = unicodedata.normalize("NFC", body)
            if kind == "quoted" and not body:
                raise fail("A quoted name is empty.", text, Span(start, at + 1))
            if "\x00" in body:
                raise fail("A text cannot contain a zero byte.", text, Span(start, at + 1))
            return Token(kind, body, Span(start, at + 1))
        parts.append(text[at])
        at += 1
    what = "text" if quote == "'" else "quoted name"
    raise fail(f"A {what} is opened and never closed.", text, Span(start, len(text)), f"Close it with {quote}.")
