"""Messages in another language than the one they are raised in.

Errors, hints, warnings and stages of runs are English where they arise: they are kept with runs, sent from process to
process and written to logs. The doors put them into the reader's language by recognising the sentence; why so, says
``docs/decisions/0005-translated-at-the-door.md``. Tests hold the catalogue to the source: what can be said has its
Chinese.
"""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.resources import files

from gongbi.translation.templates import Catalogue, joined

#: The language that messages are raised in.
ORIGINAL = "en"
LANGUAGES = (ORIGINAL, "zh")


def in_language(text: str, language: str) -> str:
    """Return a message in a language; as it is where the catalogue does not know it."""
    return text if language == ORIGINAL else _translated(text, language)


def sentences(*texts: str | None, language: str) -> str:
    """Return those messages and hints that are there, in a language, as one text."""
    said = ""
    for text in filter(None, texts):
        put = in_language(text, language)
        said = put if not said else f"{said} {put}" if language == ORIGINAL else joined(said, put)
    return said


@lru_cache(maxsize=1024)
def _translated(text: str, language: str) -> str:
    return catalogue(language).translate(text) or text


@cache
def catalogue(language: str) -> Catalogue:
    """A language's catalogue, read when the first message is to be put into it."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = files(__name__).joinpath(f"messages.{language}.yaml").read_text("utf-8")
    return Catalogue([yaml.load(text, loader)])  # noqa: S506  (a safe one)
