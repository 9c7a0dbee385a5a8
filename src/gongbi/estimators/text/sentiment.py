"""Good or bad, of texts that nobody labelled: by examples that ship, words of mood, and the texts themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from gongbi.errors import InvalidInput
from gongbi.estimators.checks import FloatArray
from gongbi.estimators.text.classifier import TextClassifier
from gongbi.estimators.text.moods import moods
from gongbi.estimators.text.normal import normals

# Of what `to_json` writes.
FORMAT = 1
#: Texts whose words are this much of one sign teach, where the examples agree: from 0 to 1.
DECISIVE = 0.5
#: Fewer texts of either sign would teach their accidents.
FEWEST = 20
#: More teach hardly better.
MOST = 20_000
#: How much the examples count beside what was learned from the texts; chosen on reviews of fruit, books and tablets.
SAY_OF_EXAMPLES = 0.5


class Sentiment(BaseEstimator):  # type: ignore[misc]
    """Whether a Chinese text is good or bad news, without a label.

    Some two hundred examples and a list of words of mood know the language a little. Of the texts it is given, those
    whose words and whose likeness to the examples agree are taken for labelled, and a `TextClassifier` learns from
    them what is said of this trade: self-training [1]_. Its log-odds, half those of the examples and the balance of
    words are added up. Where too few texts are decisive, examples and words alone speak.

    With labelled texts of one's own a `TextClassifier` is better; irony neither knows.

    Parameters
    ----------
    seed : int, default=0
        The same seed on the same texts gives the same model.

    Attributes
    ----------
    taught_ : int
        Texts that were taken for labelled.

    References
    ----------
    .. [1] Yarowsky (1995), Unsupervised Word Sense Disambiguation Rivaling Supervised Methods, ACL 33.
    """

    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed
        self._own: TextClassifier | None = None

    def fit(self, texts: Iterable[str | None]) -> Self:
        """Learn from unlabelled texts, an iterable of shape (n,), what is good and bad here.

        Few texts or none are no error: the examples alone speak then.
        """
        clean = normals(texts)
        self._own, self.taught_ = None, 0
        if not clean:
            return self
        said, balance = _log_odds(_of_examples(), clean), _balance(clean)
        certain = np.flatnonzero((np.abs(balance) >= DECISIVE) & ((balance > 0) == (said > 0)))
        if len(certain) > MOST:
            certain = np.sort(np.random.default_rng(self.seed).choice(certain, MOST, replace=False))
        sign = balance[certain] > 0
        if min(int(sign.sum()), int((~sign).sum())) < FEWEST:
            return self
        listed, signs = examples()
        chosen = [*(clean[i] for i in certain), *listed]
        self._own = TextClassifier(longest=3, seed=self.seed).fit(chosen, np.concatenate([sign, signs]))
        self.taught_ = len(certain)
        return self

    def log_odds(self, texts: Iterable[str | None]) -> FloatArray:
        """Return how much speaks for good, shape (n,): 0 where nothing is known, below it bad."""
        clean = normals(texts)
        found = _balance(clean)
        examples = _log_odds(_of_examples(), clean)
        if self._own is None:
            return np.asarray(examples + 2 * found)
        return np.asarray(_log_odds(self._own, clean) + SAY_OF_EXAMPLES * examples + found)

    def predict_good(self, texts: Iterable[str | None]) -> FloatArray:
        """Return the chance of good, shape (n,); as sure as the words are, not calibrated on labels."""
        found: FloatArray = 1 / (1 + np.exp(-self.log_odds(texts)))
        return found

    def to_json(self) -> dict[str, Any]:
        """Return what scoring needs, as JSON data: none of the texts."""
        return {"format": FORMAT, "own": self._own.to_json() if self._own is not None else None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the model that `to_json` wrote down."""
        if data.get("format") != FORMAT:
            raise InvalidInput(f"The model was written in format {data.get('format')}; this is {FORMAT}.")
        self = cls()
        self._own = TextClassifier.from_json(data["own"]) if data["own"] is not None else None
        return self


@cache
def examples() -> tuple[tuple[str, ...], tuple[bool, ...]]:
    """The texts that ship, and whether each is good."""
    text = files("gongbi.estimators.text").joinpath("sentiment.txt").read_text(encoding="utf-8")
    rows = [line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#")]
    return tuple(one for _, one in rows), tuple(sign == "+" for sign, _ in rows)


@cache
def _of_examples() -> TextClassifier:
    texts, signs = examples()
    return TextClassifier(longest=3, least=1).fit(texts, np.asarray(signs))


def _log_odds(model: TextClassifier, texts: Sequence[str]) -> FloatArray:
    chance = np.clip(model.predict_proba(texts)[:, 1], 1e-6, 1 - 1e-6)
    found: FloatArray = np.log(chance / (1 - chance))
    return found


def _balance(texts: Sequence[str]) -> FloatArray:
    return np.nan_to_num(moods(texts).balance)
