"""Moods of a text by a list of words: what can be said without a single labelled text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from gongbi.estimators.checks import FloatArray
from gongbi.estimators.text.normal import normals

# What turns a word into its opposite when it stands right before it, with at most a small word between.
_TURNED = re.compile(
    r"(?:不|没|没有|无|别|未|毫无|缺乏|不太|不够|不是|不怎么|不算|并不|不会|not|no)(?:很|太|怎么|那么|是|有|什么|觉得|感到|令人|让人|\s)*$"
)
_BEFORE = 6


@dataclass(frozen=True, slots=True)
class Moods:
    """What the words of some texts say.

    Attributes
    ----------
    names, signs
        Moods, and 1 or -1 for each.
    counts : ndarray of shape (n_texts, n_moods)
        Words of each mood; a word that is turned into its opposite is not counted here.
    balance : ndarray of shape (n_texts,)
        From -1, all words are bad, to 1, all are good; turned words count on the other side, NaN without any word.
    """

    names: tuple[str, ...]
    signs: tuple[int, ...]
    counts: FloatArray
    balance: FloatArray

    def strongest(self) -> list[str | None]:
        """The mood with most words in each text, the earlier of two; None without any word."""
        best = self.counts.argmax(axis=1)
        return [self.names[k] if row[k] else None for row, k in zip(self.counts, best, strict=True)]


def moods(texts: Iterable[str | None]) -> Moods:
    """Count the words of each mood, the longest word first: 不满意 is not 满意.

    The list is small and of general use. On reviews its balance is far better than chance and far worse than a
    `TextClassifier` with some thousand labelled texts; irony and the words of a trade it does not know.
    """
    pattern, words, names, signs = _words()
    clean = normals(texts)
    counts = np.zeros((len(clean), len(names)))
    sides = np.zeros((len(clean), 2))
    for i, text in enumerate(clean):
        for found in pattern.finditer(text):
            mood = words[found.group()]
            start = found.start()
            turned = _TURNED.search(text, max(0, start - _BEFORE), start) is not None
            if not turned:
                counts[i, mood] += 1
            sides[i, int((signs[mood] > 0) != turned)] += 1
    total = sides.sum(axis=1)
    with np.errstate(invalid="ignore"):
        balance = np.where(total > 0, (sides[:, 1] - sides[:, 0]) / total, np.nan)
    return Moods(names, signs, counts, balance)


@cache
def _words() -> tuple[re.Pattern[str], dict[str, int], tuple[str, ...], tuple[int, ...]]:
    words: dict[str, int] = {}
    names: list[str] = []
    signs: list[int] = []
    for line in files("gongbi.estimators.text").joinpath("moods.txt").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        name, sign, *listed = line.split()
        words.update(dict.fromkeys(listed, len(names)))
        names.append(name)
        signs.append(1 if sign == "+" else -1)
    longest_first = sorted(words, key=lambda word: (-len(word), word))
    # Latin words are whole words: `sad` is not in `ambassador`.
    parts = [rf"\b{word}\b" if word.isascii() else re.escape(word) for word in longest_first]
    return re.compile("|".join(parts)), words, tuple(names), tuple(signs)
