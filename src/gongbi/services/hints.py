"""What a name was probably meant that nobody knows: people type what pages call a thing, in either language."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from difflib import SequenceMatcher

from gongbi.catalog.titles import titles_of
from gongbi.core.voice import Titles
from gongbi.errors import GongbiError, UnknownName
from gongbi.services.context import Context

#: Titles less alike than this are left alone.
ALIKE = 0.5
#: The list of some known names at the end of a hint.
_KNOWN = re.compile(r"Known: .*$", re.DOTALL)


def with_likely_name(ctx: Context, error: UnknownName) -> None:
    """Put into an error's hint the name whose title is most like what was written, in place of a list of names."""
    if error.hint is None or not _KNOWN.search(error.hint):
        return
    try:
        catalog = ctx.catalog()
    except GongbiError:
        return  # Definitions that cannot be read are told by whatever reads them.
    titles = ctx.remembered("titles", ctx.fingerprint(), lambda: titles_of(catalog))
    named = {name: (one.name.zh, one.name.en) for name, one in catalog.segments.items()}
    near = likely(error.name, _meant(error.what, titles, named))
    if near is not None:
        error.hint = _KNOWN.sub(lambda _: f"Did you mean {near!r}?", error.hint)


def likely(written: str, titles: Mapping[str, Collection[str]]) -> str | None:
    """The name whose title is the text, holds it, lies in it or is most like it; None where nothing is.

    >>> likely("购买", {"purchase": ("购买明细", "Purchases"), "trip": ("到店", "Trips")})
    'purchase'
    >>> likely("xyz", {"purchase": ("购买明细", "Purchases")}) is None
    True
    """
    text = written.rpartition(".")[2].strip("「」“”'\"").casefold()
    if not text:
        return None
    best, found = ALIKE, None
    for name, told in titles.items():
        for title in filter(None, told):
            alike = _alike(text, title.casefold())
            if alike > best:
                best, found = alike, name
    return found


def _alike(text: str, title: str) -> float:
    """From 0 to 1; what holds the other is more alike than what only has letters in common."""
    ratio = SequenceMatcher(None, text, title).ratio()
    held = len(min(text, title, key=len)) > 1 and (text in title or title in text)
    return 0.5 + ratio / 2 if held else ratio


def _meant(what: str, titles: Titles, segments: Mapping[str, Collection[str]]) -> dict[str, Collection[str]]:
    """Names of the kind that was looked for, as they would be written there, with their titles."""
    kind, _, owner = what.partition(" of ")
    facts, tags = dict(titles.facts), dict(titles.tags)
    if kind == "fact":
        return {**facts}
    if kind == "tag":
        return {**tags}
    if kind == "segment":
        return {**segments}
    if kind == "column":
        return {column: title for (fact, column), title in titles.columns.items() if fact == owner}
    if kind.startswith("attribute"):
        return {name: title for (subject, name), title in titles.attributes.items() if subject == owner}
    if kind != "name":
        return {}
    own = {name: title for (_, name), title in titles.attributes.items()}
    tagged = {f"tag.{name}": title for name, title in tags.items()}
    return {**{f"segment.{name}": told for name, told in segments.items()}, **facts, **own, **tagged}
