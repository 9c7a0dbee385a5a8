"""Which of some labels a text has: linear models on hashed character n-grams, with calibrated probabilities."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC

from gongbi.errors import InvalidInput, NotFitted
from gongbi.estimators.checks import FloatArray, IntArray
from gongbi.estimators.text.ngrams import Grams, weighted
from gongbi.estimators.text.normal import normals

# Of what `to_json` writes.
FORMAT = 1
# Texts that are scored at once.
BATCH = 4_000
# Ways to weigh n-grams, whose margins are added up.
VIEWS = 2


class TextClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Sentiment, or any other label, of short texts, learned from labelled ones in seconds.

    Character n-grams need no dictionary and stand typing errors, and for Chinese they are as good as words. Two
    support vector machines see them: one on TF-IDF weights, one on n-grams weighted by the size of their naive Bayes
    ratio [1]_. Their margins on held-out folds are put on one scale and added; a
    temperature and one constant per label turn sums into probabilities. The likeliest label is said.

    Parameters
    ----------
    longest : int, default=4
        Characters of the longest n-gram.
    least : int, default=2
        An n-gram in fewer texts is not counted.
    bits : int, default=20
        There are ``2 ** bits`` hashes; those of different n-grams may fall together.
    strength : float, default=1.0
        ``C`` of the support vector machines: how little they are held back.
    folds : int, default=3
        For the scale and the probabilities; fewer where a label has fewer texts.
    seed : int, default=0
        The same seed on the same texts gives the same model.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, in order.
    held_out_ : ndarray of shape (n, n_classes)
        Probabilities of each training text by models that did not see it.

    References
    ----------
    .. [1] Wang and Manning (2012), Baselines and Bigrams: Simple, Good Sentiment and Topic Classification, ACL 50.
    """

    def __init__(
        self,
        *,
        longest: int = 4,
        least: int = 2,
        bits: int = 20,
        strength: float = 1.0,
        folds: int = 3,
        seed: int = 0,
    ) -> None:
        self.longest = longest
        self.least = least
        self.bits = bits
        self.strength = strength
        self.folds = folds
        self.seed = seed

    def fit(self, texts: Iterable[str | None], labels: ArrayLike) -> Self:
        """Learn from texts and their labels, both of shape (n,).

        Raises
        ------
        InvalidInput
            One label only, a label with fewer than two texts, or no n-gram that two texts share.
        """
        clean = normals(texts)
        self.classes_, label = np.unique(np.asarray(labels), return_inverse=True)
        if len(label) != len(clean):
            raise InvalidInput(f"There are {len(clean)} texts and {len(label)} labels.")
        sizes = np.bincount(label)
        if len(sizes) < 2:
            raise InvalidInput("All texts have the same label.", hint="Give texts of at least two labels.")
        if sizes.min() < 2:
            rare = self.classes_[int(sizes.argmin())]
            raise InvalidInput(f"Label {str(rare)!r} has one text; two are the least.", hint="Merge rare labels.")
        grams = Grams.learn(clean, self.longest, self.bits, self.least)
        if not len(grams.kept):
            raise InvalidInput("The texts share no characters, so that nothing can be learned.")
        counts = grams.counts(clean)
        margins = np.empty((len(label), VIEWS, len(sizes)))
        split = StratifiedKFold(min(self.folds, int(sizes.min())), shuffle=True, random_state=self.seed)
        for seen, held_out in split.split(label, label):
            margins[held_out] = _margins(self._learn(counts[seen], label[seen]), counts[held_out])
        # Every view counts by the same spread.
        self._scale = 1 / np.maximum(margins.std(axis=(0, 2)), 1e-12)
        summed = np.einsum("nvk,v->nk", margins, self._scale)
        self._temperature, self._constant = _calibrated(summed, label)
        self.held_out_: FloatArray = softmax(summed * self._temperature + self._constant, axis=1)
        self._grams, self._views = grams, self._learn(counts, label)
        return self

    def predict_proba(self, texts: Iterable[str | None]) -> FloatArray:
        """Return the probability of each label, in the order of `classes_`: shape (n, n_classes)."""
        if not hasattr(self, "_views"):
            raise NotFitted(self)
        clean = normals(texts)
        parts = [np.empty((0, len(self.classes_)))]
        for start in range(0, len(clean), BATCH):
            margins = _margins(self._views, self._grams.counts(clean[start : start + BATCH]))
            parts.append(np.einsum("nvk,v->nk", margins, self._scale))
        found: FloatArray = softmax(np.concatenate(parts) * self._temperature + self._constant, axis=1)
        return found

    def predict(self, texts: Iterable[str | None]) -> NDArray[Any]:
        """Return the label of each text, shape (n,)."""
        best = self.predict_proba(texts).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def to_json(self) -> dict[str, Any]:
        """Return what scoring needs, as JSON data: hashes and weights, and none of the texts."""
        if not hasattr(self, "_views"):
            raise NotFitted(self)
        return {
            "format": FORMAT,
            "classes": self.classes_.tolist(),
            "longest": self.longest,
            "bits": self.bits,
            "kept": _packed(self._grams.kept.astype("<i4")),
            "views": [{"weights": _packed(w), "lines": _packed(c), "constants": b.tolist()} for w, c, b in self._views],
            "scale": self._scale.tolist(),
            "temperature": self._temperature,
            "constant": self._constant.tolist(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the classifier that `to_json` wrote down; it scores as that one did, to single precision."""
        if data.get("format") != FORMAT:
            raise InvalidInput(f"The model was written in format {data.get('format')}; this is {FORMAT}.")
        self = cls(longest=data["longest"], bits=data["bits"])
        self.classes_ = np.asarray(data["classes"])
        self._grams = Grams.of(self.longest, self.bits, _unpacked(data["kept"], "<i4").astype(np.int64))
        self._views = []
        for view in data["views"]:
            weights, lines = _unpacked(view["weights"], "<f4"), _unpacked(view["lines"], "<f4")
            self._views.append((weights, lines.reshape(len(weights), -1), np.asarray(view["constants"])))
        self._scale, self._constant = np.asarray(data["scale"]), np.asarray(data["constant"])
        self._temperature = float(data["temperature"])
        return self

    def _learn(self, counts: Any, label: IntArray) -> list[View]:
        """Learn both views from counts, shape (n, n_columns)."""
        texts_with = np.bincount(counts.indices, minlength=counts.shape[1])
        kinds = int(label.max()) + 1
        present = counts.copy()
        present.data[:] = 1
        with_label = np.stack([np.asarray(present[label == k].sum(axis=0)).ravel() for k in range(kinds)], axis=1) + 1
        rest = with_label.sum(axis=1, keepdims=True) - with_label
        ratio = np.log(with_label / with_label.sum(axis=0)) - np.log(rest / rest.sum(axis=0))
        # An n-gram of one text only says who wrote it.
        known = texts_with >= self.least
        rarity = np.where(known, np.log((1 + len(label)) / (1 + texts_with)) + 1, 0)
        telling = np.where(known, np.sqrt(np.abs(ratio).max(axis=1)), 0)
        return [
            self._machine(counts, rarity, label),
            self._machine(counts, telling, label),
        ]

    def _machine(self, counts: Any, weights: FloatArray, label: IntArray) -> View:
        machine = LinearSVC(C=self.strength, random_state=self.seed, max_iter=2_000, tol=1e-3)
        machine.fit(weighted(counts, weights), label)
        lines, constants = machine.coef_.T, machine.intercept_
        if lines.shape[1] == 1:
            lines, constants = np.hstack([-lines, lines]), np.concatenate([-constants, constants])
        return weights, lines.astype(np.float32), constants


#: Weights of columns, shape (n_columns,); what each adds to each label, shape (n_columns, n_classes); constants.
View = tuple[FloatArray, NDArray[np.float32], FloatArray]


def _margins(views: Sequence[View], counts: Any) -> FloatArray:
    """Return what each view says for each label, shape (n, VIEWS, n_classes)."""
    damped = counts.copy()
    damped.data = 1 + np.log(counts.data)
    squared = damped.copy()
    squared.data = damped.data**2
    # Rows get unit length after the sum instead of before it: all views in two passes over the counts.
    length = np.sqrt(squared @ np.stack([w.astype(np.float32) ** 2 for w, _, _ in views], axis=1))
    sums = damped @ np.hstack([w.astype(np.float32)[:, None] * lines for w, lines, _ in views])
    margins = sums.reshape(len(length), len(views), -1) / np.maximum(length, 1e-6)[:, :, None]
    return np.asarray(margins + np.stack([constants for _, _, constants in views]), dtype=np.float64)


def _calibrated(summed: FloatArray, label: IntArray) -> tuple[float, FloatArray]:
    """Return the temperature and the constants with the least log loss, the constants held back a little."""
    kinds = summed.shape[1]
    rows = np.arange(len(label))

    def loss(given: FloatArray) -> tuple[float, FloatArray]:
        sums = summed * np.exp(given[0]) + given[1:]
        wrong = softmax(sums, axis=1)
        value = -log_softmax(sums, axis=1)[rows, label].mean() + 1e-3 * given[1:] @ given[1:]
        wrong[rows, label] -= 1
        slope = np.r_[(wrong * summed).sum() * np.exp(given[0]), wrong.sum(axis=0)] / len(label)
        slope[1:] += 2e-3 * given[1:]
        return float(value), slope

    found = minimize(loss, np.zeros(1 + kinds), jac=True, method="L-BFGS-B", bounds=[(-6, 6)] + [(-10, 10)] * kinds)
    return float(np.exp(found.x[0])), found.x[1:]


def _packed(values: NDArray[Any]) -> str:
    kind = "<i4" if values.dtype.kind == "i" else "<f4"
    return base64.b64encode(np.ascontiguousarray(values, dtype=kind).tobytes()).decode("ascii")


def _unpacked(text: str, kind: str) -> NDArray[Any]:
    return np.frombuffer(base64.b64decode(text), dtype=kind)
