"""Words of texts, and topics: words that go together."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gongbi.errors import InvalidInput, NotYet
from gongbi.estimators.checks import FloatArray
from gongbi.estimators.text.normal import normals

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


@dataclass(frozen=True, slots=True)
class Topics:
    """Topics of some texts.

    Attributes
    ----------
    names : tuple of str
        Each topic's strongest words.
    weights : ndarray of shape (n_texts, n_topics)
        Share of each topic in each text; a text of no known word has none.
    told : float
        Share of the texts' words (as squared TF-IDF) that the topics account for.
    """

    names: tuple[tuple[str, ...], ...]
    weights: FloatArray
    told: float


def topics(texts: Iterable[str | None], number: int = 8, *, least: int = 5, named_by: int = 5, seed: int = 0) -> Topics:
    """Find topics by non-negative matrix factorisation of TF-IDF [1]_.

    Parameters
    ----------
    number : int, default=8
        How many topics.
    least : int, default=5
        A word in fewer texts is left out; one in more than half of them, too.
    named_by : int, default=5
        Words in a topic's name.

    References
    ----------
    .. [1] Lee and Seung (1999), Learning the Parts of Objects by Non-Negative Matrix Factorization, Nature 401.
    """
    from sklearn.decomposition import NMF
    from sklearn.feature_extraction.text import TfidfVectorizer

    cut = words(texts)
    vectors = TfidfVectorizer(analyzer=lambda one: one, min_df=least, max_df=0.5, sublinear_tf=True)
    try:
        matrix = vectors.fit_transform(cut)
    except ValueError as error:
        raise InvalidInput(f"No word is in {least} of {len(cut)} texts.", hint="Give more texts.") from error
    if not 2 <= number <= min(matrix.shape):
        raise InvalidInput(f"{number} topics cannot be made of {matrix.shape[0]} texts with {matrix.shape[1]} words.")
    model = NMF(number, init="nndsvda", random_state=seed, max_iter=400)
    weights = model.fit_transform(matrix)
    known = vectors.get_feature_names_out()
    names = tuple(tuple(str(known[k]) for k in np.argsort(-row, kind="stable")[:named_by]) for row in model.components_)
    total = weights.sum(axis=1, keepdims=True)
    share = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    told = 1 - model.reconstruction_err_**2 / max(float(matrix.multiply(matrix).sum()), 1e-12)
    return Topics(names, share, float(told))
