"""The language in which errors and warnings are printed: English, or Chinese where ``GONGBI_LANG`` says ``zh``."""

from __future__ import annotations

import os

from gongbi.errors import GongbiError


def language() -> str:
    """The language of errors and warnings."""
    return "zh" if os.environ.get("GONGBI_LANG") == "zh" else "en"


def told(message: str, hint: str | None = None) -> str:
    """A message and its hint in that language."""
    from gongbi.translation import sentences

    return sentences(message, hint, language=language())


def line_of(error: GongbiError) -> str:
    """An error as one line; a long one keeps the lines it has."""
    said = (f"{error.place}: " if error.place else "") + told(error.message, error.hint)
    return " ".join(said.split()) if len(said) < 2000 else said
