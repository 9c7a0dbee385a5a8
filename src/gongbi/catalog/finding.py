"""Finding definitions by what people type: Chinese, pinyin, its initials, English words, with a slip or two.

How a Chinese title is read comes from pypinyin's dictionary of phrases, so that 重庆 is chongqing; of a character that
the phrase does not settle every usual reading counts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, product

#: Readings of one title that are looked at.
MOST_READINGS = 16
#: Letters that may be wrong, by the length of what was typed: none below 4 letters, then one, from 8 on two.
ONE_SLIP, TWO_SLIPS = 4, 8
#: A Chinese word of at least so many characters may have one wrong.
CHINESE_SLIP = 3
_CHINESE = re.compile("[\u3400-\u9fff]")
_WORD = re.compile(r"[a-z0-9]+|[\u3400-\u9fff]+")


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a text may be typed.

    Attributes
    ----------
    plain
        The text itself, in small letters, with blanks where its words are apart.
    words
        Its words.
    sounds, initials
        Readings in pinyin without blanks or tones, and their first letters; of a text without Chinese there are none.
    """

    plain: str
    words: tuple[str, ...]
    sounds: tuple[str, ...]
    initials: tuple[str, ...]


def _small(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().replace("ü", "v").split())


@lru_cache(maxsize=20_000)
def spelled(text: str) -> Spelling:
    """How a text may be typed."""
    plain = _small(text)
    words = tuple(_WORD.findall(plain))
    if not _CHINESE.search(plain):
        return Spelling(plain, words, (), ("".join(word[0] for word in words),) if len(words) > 1 else ())
    # Reading its dictionary takes a third of a second, which who never searches need not wait for.
    from pypinyin import Style, pinyin

    read = [
        [_small(one).replace(" ", "") for one in choices] for choices in pinyin(plain, Style.NORMAL, heteronym=True)
    ]
    readings = list(islice(product(*read), MOST_READINGS))
    short = [[one if not one.isalpha() or i in _foreign(plain) else one[:1] for one in r] for i, r in enumerate(read)]
    return Spelling(
        plain,
        words,
        tuple(dict.fromkeys("".join(reading) for reading in readings)),
        tuple(dict.fromkeys("".join(some) for some in islice(product(*short), MOST_READINGS))),
    )


def _foreign(plain: str) -> set[int]:
    """Which parts of a reading are no Chinese: a run of other letters is one part, a character is one."""
    parts = re.findall("[\u3400-\u9fff]|[^\u3400-\u9fff]+", plain)
    return {i for i, part in enumerate(parts) if not _CHINESE.match(part)}


def fit(query: str, texts: Iterable[str]) -> int | None:
    """How well what was typed fits the texts of one thing: 0 is best, None is not at all.

    Every word of the query must be found, each in any of the texts.
    """
    wanted = _small(query)
    if not wanted:
        return 0
    spellings = [spelled(text) for text in texts if text]
    whole = min((place for s in spellings if (place := _place(wanted, s)) is not None), default=None)
    if whole is not None or " " not in wanted:
        return whole
    places = [
        min((place for s in spellings if (place := _place(word, s)) is not None), default=None)
        for word in wanted.split()
    ]
    return None if None in places else 2 + max(place for place in places if place is not None)


def _place(wanted: str, text: Spelling) -> int | None:
    """Where a word stands in a text: whole, in front, at the front of a word, inside, by sound, nearly."""
    tight = wanted.replace(" ", "").replace("'", "")
    if wanted == text.plain:
        return 0
    if text.plain.startswith(wanted):
        return 1
    if any(word.startswith(wanted) for word in text.words):
        return 2
    if wanted in text.plain:
        return 3
    if any(tight == one for one in (*text.sounds, *text.initials)):
        return 1
    if any(one.startswith(tight) for one in (*text.sounds, *text.initials)):
        return 2
    if len(tight) > 1 and any(tight in one for one in (*text.sounds, *text.initials)):
        return 4
    slips = _slips(tight)
    if not slips:
        return None
    if _CHINESE.search(tight):
        return 6 if distance_within(tight, text.plain.replace(" ", "")) <= slips else None
    near = min((distance_within(tight, one) for one in (*text.sounds, *text.words)), default=slips + 1)
    return 5 + near if near <= slips else None


def _slips(wanted: str) -> int:
    if _CHINESE.search(wanted):
        return 1 if len(wanted) >= CHINESE_SLIP else 0
    return 2 if len(wanted) >= TWO_SLIPS else 1 if len(wanted) >= ONE_SLIP else 0


def distance_within(wanted: str, text: str) -> int:
    """How many letters must be changed, left out, put in or swapped until `wanted` is a part of `text`.

    Sellers (1980, Journal of Algorithms 1), with the swap of two neighbours after Damerau.
    """
    before: Sequence[int] = []
    row: Sequence[int] = [0] * (len(text) + 1)
    for i, letter in enumerate(wanted, 1):
        made = [i]
        for j, other in enumerate(text, 1):
            best = min(row[j] + 1, made[j - 1] + 1, row[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == text[j - 2] and wanted[i - 2] == other:
                best = min(best, before[j - 2] + 1)
            made.append(best)
        before, row = row, made
    return min(row)
