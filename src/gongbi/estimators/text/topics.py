"""Words of texts, and topics: words that go together; how many there are, and why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.base import BaseEstimator

from gongbi.errors import InvalidInput, NotFitted, NotYet
from gongbi.estimators.checks import FloatArray, IntArray
from gongbi.estimators.text.normal import normals

# Of what `to_json` writes.
FORMAT = 1
#: Words that are told apart: the most frequent ones.
MOST_WORDS = 5_000
#: Words of a topic that tell whether it holds together, and whether it comes again.
TOLD_BY = 10
#: The number of topics is chosen on at most so many texts, in so many parts that leave out a fifth each.
TRIED_ON, PARTS = 3_000, 4
#: Numbers of topics that come again this much as surely as the surest do are taken for as sure.
NEARLY = 0.9

_WORD = re.compile(r"[^\W\d_]{2,}")
# Words of two characters or more that say nothing of what a text is about.
_EMPTY = frozenset(
    "我们 你们 他们 她们 它们 自己 大家 这个 那个 这些 那些 这样 那样 这里 那里 什么 怎么 为什么 哪里"
    " 多少 一个 一下 一些 一点 一样 一直 已经 还是 还有 就是 不是 也是 都是 可以 没有 不过 但是 而且 因为"
    " 所以 如果 虽然 然后 还要 不能 不会 可能 应该 时候 现在 以后 之后 以前 觉得 感觉 知道 其他 其它 比较"
    " 非常 真的 特别 只是 只有 只能 而已 或者 以及 关于 the and for you with this that are was not have"
    " but they our from".split()
)


def words(texts: Iterable[str | None]) -> list[list[str]]:
    """Cut texts into words of two characters or more, those that say nothing left out.

    Raises
    ------
    NotYet
        The extra `text` is not installed.
    """
    try:
        import rjieba
    except ImportError as error:
        raise NotYet("What cuts words is not installed.", hint="Install the extra `text`: gongbi[text].") from error
    return [[w for w in rjieba.cut(t) if _WORD.fullmatch(w) and w not in _EMPTY] for t in normals(texts)]


class TopicModel(BaseEstimator):  # type: ignore[misc]
    """Topics by non-negative matrix factorisation of TF-IDF [1]_.

    Parameters
    ----------
    number : int, default=8
        How many topics; `choose_topics` says which number the texts bear.
    least : int, default=5
        A word in fewer texts is left out; one in more than half of them, too.
    named_by : int, default=5
        Words in a topic's name.
    seed : int, default=0
        The same seed on the same texts gives the same topics.

    Attributes
    ----------
    names_ : tuple of tuples of str
        Each topic's strongest words.
    told_ : float
        Share of the texts' words (as squared TF-IDF) that the topics account for.

    References
    ----------
    .. [1] Lee and Seung (1999), Learning the Parts of Objects by Non-Negative Matrix Factorization, Nature 401.
    """

    def __init__(self, number: int = 8, *, least: int = 5, named_by: int = 5, seed: int = 0) -> None:
        self.number = number
        self.least = least
        self.named_by = named_by
        self.seed = seed

    def fit(self, texts: Iterable[str | None]) -> Self:
        """Learn from texts, an iterable of shape (n,).

        Raises
        ------
        InvalidInput
            No word is in `least` of them, or there are fewer texts or words than topics.
        """
        return self.fit_words(words(texts))

    def fit_words(self, cut: Sequence[Sequence[str]]) -> Self:
        """Learn from texts that `words` has cut."""
        self._words, self._rarity = _vocabulary(cut, self.least)
        matrix = _weighted(cut, self._words, self._rarity)
        self._topics, left = _factors(matrix, self.number, self.seed)
        self.names_ = tuple(tuple(str(self._words[k]) for k in _first(row, self.named_by)) for row in self._topics)
        self.told_ = 1 - left**2 / max(float(matrix.multiply(matrix).sum()), 1e-12)
        return self

    def weigh(self, texts: Iterable[str | None]) -> FloatArray:
        """Return the share of each topic in each text, shape (n, number); a text of no known word has none."""
        from sklearn.decomposition import non_negative_factorization

        if not hasattr(self, "_topics"):
            raise NotFitted(self)
        matrix = _weighted(words(texts), self._words, self._rarity)
        found = np.zeros((matrix.shape[0], len(self._topics)))
        known = np.flatnonzero(np.diff(matrix.indptr))
        if len(known):
            found[known] = non_negative_factorization(
                matrix[known], H=self._topics, n_components=len(self._topics), update_H=False, tol=1e-3, max_iter=100
            )[0]
        total = found.sum(axis=1, keepdims=True)
        share: FloatArray = np.divide(found, total, out=np.zeros_like(found), where=total > 0)
        return share

    def to_json(self) -> dict[str, Any]:
        """Return what weighing needs, as JSON data: words, and none of the texts."""
        if not hasattr(self, "_topics"):
            raise NotFitted(self)
        return {
            "format": FORMAT,
            "words": self._words.tolist(),
            "rarity": self._rarity.round(6).tolist(),
            # Most words are no part of most topics.
            "topics": [
                {str(k): round(float(row[k]), 6) for k in np.flatnonzero(row > row.max() * 1e-4)}
                for row in self._topics
            ],
            "names": [list(name) for name in self.names_],
            "told": self.told_,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the topics that `to_json` wrote down."""
        if data.get("format") != FORMAT:
            raise InvalidInput(f"The topics were written in format {data.get('format')}; this is {FORMAT}.")
        self = cls(len(data["topics"]))
        self._words, self._rarity = np.asarray(data["words"], dtype=object), np.asarray(data["rarity"])
        self._topics = np.zeros((len(data["topics"]), len(self._words)))
        for row, known in zip(self._topics, data["topics"], strict=True):
            row[[int(k) for k in known]] = list(known.values())
        self.names_, self.told_ = tuple(tuple(name) for name in data["names"]), float(data["told"])
        return self


@dataclass(frozen=True, slots=True)
class Tried:
    """What speaks for a number of topics.

    Attributes
    ----------
    coherence
        Mean normalised pointwise mutual information of the pairs among a topic's ten strongest words: 0 where they meet
        by chance, 1 where one never comes without the other.
    stability
        Mean share of ten strongest words that a topic keeps (Jaccard) when it is found again in parts of the texts.
    """

    number: int
    coherence: float
    stability: float


@dataclass(frozen=True, slots=True)
class Number:
    """A number of topics, all that were tried, and why it was taken.

    `reason` is ``only`` where one number was tried, ``coherent`` otherwise: of those that come again nearly as surely
    as the surest does, its topics hold together best.
    """

    chosen: Tried
    tried: tuple[Tried, ...]
    reason: Literal["only", "coherent"]


def choose_topics(
    cut: Sequence[Sequence[str]], fewest: int = 2, most: int = 8, *, least: int = 5, seed: int = 0
) -> Number:
    """Choose how many topics texts bear: such as come again in other texts [1]_ and hold together [2]_.

    Parameters
    ----------
    cut
        Words of each text, as `words` gives them.
    fewest, most : int
        The numbers that are tried; those for which there are too few texts or words are passed over.

    Raises
    ------
    InvalidInput
        None of them can be had.

    References
    ----------
    .. [1] Greene, O'Callaghan and Cunningham (2014), How Many Topics? Stability Analysis for Topic Models, ECML PKDD.
    .. [2] Bouma (2009), Normalized (Pointwise) Mutual Information in Collocation Extraction, GSCL.
    """
    rng = np.random.default_rng(seed)
    chosen = [cut[i] for i in np.sort(rng.permutation(len(cut))[:TRIED_ON])]
    vocabulary, rarity = _vocabulary(chosen, least)
    matrix = _weighted(chosen, vocabulary, rarity)
    there = (matrix > 0).astype(np.float64)
    parts = [np.sort(rng.permutation(len(chosen))[: len(chosen) * 4 // 5]) for _ in range(PARTS)]
    tried = []
    for number in range(fewest, most + 1):
        if number > min(len(parts[0]), matrix.shape[1]):
            break
        whole = _strongest(_factors(matrix, number, seed)[0])
        again = [_kept(whole, _strongest(_factors(matrix[rows], number, seed)[0])) for rows in parts]
        coherence = float(np.mean([_coherence(there[:, row]) for row in whole]))
        tried.append(Tried(number, coherence, float(np.mean(again))))
    if not tried:
        raise InvalidInput(f"{fewest} topics cannot be made of {len(cut)} texts with {matrix.shape[1]} words.")
    surest = max(one.stability for one in tried)
    best = max((one for one in tried if one.stability >= NEARLY * surest), key=lambda one: (one.coherence, -one.number))
    return Number(best, tuple(tried), "only" if len(tried) == 1 else "coherent")


def _vocabulary(cut: Sequence[Sequence[str]], least: int) -> tuple[NDArray[Any], FloatArray]:
    """Words in at least so many texts and at most half of them, and how rare each is."""
    texts_with: dict[str, int] = {}
    for text in cut:
        for word in set(text):
            texts_with[word] = texts_with.get(word, 0) + 1
    enough = [word for word, n in texts_with.items() if least <= n <= len(cut) / 2]
    kept = sorted(enough, key=lambda word: (-texts_with[word], word))[:MOST_WORDS]
    if not kept:
        raise InvalidInput(f"No word is in {least} of {len(cut)} texts.", hint="Give more texts.")
    counts = np.array([texts_with[word] for word in kept])
    return np.asarray(kept, dtype=object), np.log((1 + len(cut)) / (1 + counts)) + 1


def _weighted(cut: Sequence[Sequence[str]], vocabulary: NDArray[Any], rarity: FloatArray) -> Any:
    """TF-IDF of texts with rows of unit length: CSR, shape (n_texts, n_words)."""
    import scipy.sparse as sp
    from sklearn.preprocessing import normalize

    column = {word: k for k, word in enumerate(vocabulary)}
    listed = [[column[word] for word in text if word in column] for text in cut]
    starts = np.concatenate([[0], np.cumsum([len(one) for one in listed])]).astype(np.int64)
    places = np.array([k for one in listed for k in one], dtype=np.int32)
    counts = sp.csr_matrix((np.ones(len(places)), places, starts), shape=(len(cut), len(vocabulary)))
    counts.sum_duplicates()
    counts.data = (1 + np.log(counts.data)) * rarity[counts.indices]
    return normalize(counts)


def _factors(matrix: Any, number: int, seed: int) -> tuple[FloatArray, float]:
    """Topics as rows of weights of words, and what is left of the matrix (Frobenius)."""
    from sklearn.decomposition import NMF

    if not 2 <= number <= min(matrix.shape):
        raise InvalidInput(f"{number} topics cannot be made of {matrix.shape[0]} texts with {matrix.shape[1]} words.")
    model = NMF(number, init="nndsvda", random_state=seed, max_iter=400)
    model.fit(matrix)
    # Where nothing is left, rounding makes the rest negative and its root no number.
    return model.components_, float(np.nan_to_num(model.reconstruction_err_))


def _first(row: FloatArray, number: int) -> IntArray:
    found: IntArray = np.argsort(-row, kind="stable")[:number]
    return found


def _strongest(rows: FloatArray) -> list[IntArray]:
    return [_first(row, TOLD_BY) for row in rows]


def _kept(one: Sequence[IntArray], other: Sequence[IntArray]) -> float:
    """Mean Jaccard likeness of topics that are paired as well as can be."""
    alike = np.array([[len(set(a) & set(b)) / len(set(a) | set(b)) for b in other] for a in one])
    return float(alike[linear_sum_assignment(-alike)].mean())


def _coherence(there: Any) -> float:
    """Mean normalised pointwise mutual information of all pairs of columns, over texts."""
    n = there.shape[0]
    both = np.asarray((there.T @ there).todense()) / n
    alone = np.diag(both)
    a, b = np.triu_indices(len(alone), 1)
    seen = both[a, b]
    with np.errstate(divide="ignore", invalid="ignore"):
        told = np.log(seen / (alone[a] * alone[b])) / -np.log(seen)
    # Words that never meet speak against a topic as much as can be; those of every text say nothing.
    return float(np.mean(np.where(seen == 0, -1.0, np.where(seen < 1, told, 0.0))))
