"""Logistic regression on mixed columns: the plain model beside which trees are judged, and with which they blend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin

from gongbi.errors import InvalidInput, NotFitted
from gongbi.estimators.checks import FloatArray
from gongbi.estimators.columns import Columns
from gongbi.estimators.labels import two_labels

#: Numbers further from the mean than this many standard deviations are drawn to it.
FURTHEST = 5.0


class LogisticScore(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    r"""Penalised logistic regression [1]_ after the usual preparation of columns.

    Numbers are standardised (and drawn in at five standard deviations), a missing one becomes the mean and a column of
    its own; each category becomes a column; a category not seen in training counts as none.

    Parameters
    ----------
    c : float, default=1.0
        Inverse strength of the L2 penalty.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        The two outcomes, 0 and 1 unless others were given: the columns of `predict_proba`.
    coefficients_ : ndarray of shape (n_prepared,)
        Of the prepared columns.
    intercept_ : float
        Log-odds of a row at the means.

    References
    ----------
    .. [1] Hastie, Tibshirani and Friedman (2009), The Elements of Statistical Learning, 2nd ed., section 4.4.
    """

    def __init__(self, c: float = 1.0) -> None:
        self.c = c

    def fit(self, X: Any, y: ArrayLike) -> Self:
        """Learn from rows, a frame or an array of shape (n, n_features), and their outcomes, of shape (n,).

        Raises
        ------
        InvalidInput
            There is one outcome only, or more than two, or a column is neither numbers nor categories.
        """
        labels, yes = two_labels("y", y)
        columns = Columns.learn(X)
        values = columns.encode(X)
        if len(values) != len(yes):
            raise InvalidInput(f"X has {len(values)} rows, y has {len(yes)}.")
        if yes.all() or not yes.any():
            raise InvalidInput(f"{int(yes.sum())} of {len(yes)} outcomes are positive; both kinds are needed.")
        self.fit_encoded(values, yes, columns)
        self.classes_ = labels
        return self

    def fit_encoded(self, values: FloatArray, yes: Any, columns: Columns) -> Self:
        """Learn from rows that `columns` have encoded."""
        from sklearn.linear_model import LogisticRegression

        self._columns = columns
        self.n_features_in_ = len(columns.names)
        self.feature_names_in_ = list(columns.names)
        self._numeric = np.array([known is None for known in columns.categories])
        numbers = values[:, self._numeric]
        present = ~np.isnan(numbers)
        count = np.maximum(present.sum(axis=0), 1)
        self._mean = np.where(present, numbers, 0).sum(axis=0) / count
        spread = np.sqrt(np.where(present, (numbers - self._mean) ** 2, 0).sum(axis=0) / count)
        self._spread = np.where(spread > 0, spread, 1.0)
        self._gaps = (~present).any(axis=0) & present.any(axis=0)
        learned = LogisticRegression(C=self.c, max_iter=400).fit(self._design(values), np.asarray(yes))
        self.classes_ = np.array([0, 1])
        self.coefficients_: FloatArray = learned.coef_[0]
        self.intercept_ = float(learned.intercept_[0])
        return self

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probabilities of `classes_`, shape (n, 2)."""
        if not hasattr(self, "coefficients_"):
            raise NotFitted(self)
        chance = 1 / (1 + np.exp(-self.raw(self._columns.encode(X))))
        return np.stack([1 - chance, chance], axis=1)

    def predict(self, X: Any) -> Any:
        """Return the likelier outcome of each row, shape (n,)."""
        return self.classes_[(self.predict_proba(X)[:, 1] > 0.5).astype(np.int64)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = tags.input_tags.categorical = tags.input_tags.string = True
        return tags

    def raw(self, values: FloatArray) -> FloatArray:
        """Log-odds of rows that the columns have encoded."""
        found: FloatArray = self._design(values) @ self.coefficients_ + self.intercept_
        return found

    def _design(self, values: FloatArray) -> FloatArray:
        numbers = values[:, self._numeric]
        missing = np.isnan(numbers)
        scaled = np.clip((np.where(missing, self._mean, numbers) - self._mean) / self._spread, -FURTHEST, FURTHEST)
        parts = [scaled, missing[:, self._gaps].astype(np.float64)]
        for i, known in enumerate(self._columns.categories):
            if known is not None:
                parts.append((values[:, i : i + 1] == np.arange(len(known))[None, :]).astype(np.float64))
        return np.hstack(parts)

    def added(self, values: FloatArray) -> FloatArray:
        """What each original column adds to the log-odds beyond its mean in training, shape (n, n_features)."""
        parts = self._design(values) * self.coefficients_
        found = np.zeros(values.shape)
        numeric = np.flatnonzero(self._numeric)
        found[:, numeric] += parts[:, : len(numeric)]
        gaps = numeric[self._gaps]
        found[:, gaps] += parts[:, len(numeric) : len(numeric) + len(gaps)]
        at = len(numeric) + len(gaps)
        for i, known in enumerate(self._columns.categories):
            if known is not None:
                found[:, i] = parts[:, at : at + len(known)].sum(axis=1)
                at += len(known)
        return found

    def to_json(self) -> dict[str, Any]:
        """Return what scoring needs beside the columns, as JSON data."""
        return {
            "mean": self._mean.tolist(),
            "spread": self._spread.tolist(),
            "gaps": self._gaps.tolist(),
            "coefficients": self.coefficients_.tolist(),
            "intercept": self.intercept_,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], columns: Columns) -> Self:
        """Return the model that `to_json` wrote down, for these columns."""
        self = cls()
        self._columns = columns
        self._numeric = np.array([known is None for known in columns.categories])
        self._mean, self._spread = np.array(data["mean"]), np.array(data["spread"])
        self._gaps = np.array(data["gaps"], dtype=bool)
        self.classes_ = np.array([0, 1])
        self.coefficients_ = np.array(data["coefficients"])
        self.intercept_ = float(data["intercept"])
        return self
