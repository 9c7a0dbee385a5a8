"""Names and texts in definitions."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gongbi.errors import InvalidDefinition

_NAME = re.compile(r"[^\W\d]\w*", re.UNICODE)
#: Names that would be read as something else in an expression.
RESERVED = frozenset(
    "tag segment relation and or not in is null true false case when then else end between like filter where"
    " distinct over cast as absent interval ts as_of from select".split()
)


def check_name(name: str, what: str, *, dotted: bool = False) -> str:
    """Return `name` if it can be written in an expression without quotes; Chinese names can."""
    parts = name.split(".") if dotted else [name]
    for part in parts:
        if not _NAME.fullmatch(part):
            raise InvalidDefinition(
                f"{name!r} cannot be the name of a {what}.",
                hint="A name begins with a letter and goes on with letters, digits and underscores"
                + (", in parts joined by dots." if dotted else "."),
            )
        if not dotted and part.lower() in RESERVED:
            raise InvalidDefinition(f"{name!r} cannot be the name of a {what}: the word is part of the language.")
    return name


@dataclass(frozen=True, slots=True)
class Words:
    """A text for people, in both languages. A plain string in YAML stands for both."""

    zh: str
    en: str

    def in_(self, language: str) -> str:
        """Return the text in `zh` or `en`."""
        return self.zh if language.startswith("zh") else self.en

    def to_json(self) -> dict[str, str]:
        """Return both languages as JSON data."""
        return {"zh": self.zh, "en": self.en}


NO_WORDS = Words("", "")
