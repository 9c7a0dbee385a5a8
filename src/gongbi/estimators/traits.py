"""Traits that were not declared, estimated from behaviour: with a confidence, or not at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from gongbi.errors import InvalidInput, NotFitted, Refused
from gongbi.estimators.checks import FloatArray
from gongbi.estimators.propensity import PropensityModel

#: What must not be inferred of anybody, by the words in a trait's name.
SENSITIVE = re.compile(
    r"health|disease|illness|medical|diagnos|disab|pregnan|religio|faith|ethnic|\brace\b|racial|nationality|politic|"
    r"\bparty\b|union|sexual|orientation|gender_identity|biometric|genetic|criminal|"
    r"健康|疾病|病史|医疗|诊断|残疾|怀孕|宗教|信仰|民族|种族|政治|党派|工会|性取向|性向|生物特征|基因|犯罪",
    re.IGNORECASE,
)
#: Grades of personal data that are sensitive.
SENSITIVE_GRADES = ("sensitive",)
FEWEST = 20
#: Of what `to_json` writes.
FORMAT = 1


class InferredTrait(BaseEstimator):  # type: ignore[misc]
    """One trait of several values, learned from those who declared it [1]_.

    For each value a calibrated `PropensityModel` says how likely it is against all others [2]_; the chances are made to
    sum to 1. Who has declared a value keeps it, whatever the model thinks. Who has not gets the likeliest value where
    its chance reaches `limit`, and none otherwise.

    Parameters
    ----------
    name : str
        What is inferred. Health, religion, ethnicity, politics, sexual orientation and the like are refused.
    limit : float, default=0.8
        Least confidence, in (0, 1].
    grade : str, optional
        Grade of personal data of the trait; a sensitive one is refused.
    trees, seed
        Of the models.

    Attributes
    ----------
    classes_ : ndarray of shape (n_values,)
        The values, sorted.

    References
    ----------
    .. [1] Kosinski, Stillwell and Graepel (2013), Private traits and attributes are predictable from digital records of
       human behavior, PNAS 110(15): what can be inferred, and why the sensitive is refused.
    .. [2] Rifkin and Klautau (2004), In Defense of One-Vs-All Classification, Journal of Machine Learning Research 5.
    """

    def __init__(
        self, name: str, *, limit: float = 0.8, grade: str | None = None, trees: int = 200, seed: int = 0
    ) -> None:
        refuse_sensitive(name, grade)
        if not 0 < limit <= 1:
            raise InvalidInput(f"The least confidence lies between 0 and 1, not at {limit}.")
        self.name, self.limit, self.grade, self.trees, self.seed = name, limit, grade, trees, seed

    def fit(self, X: Any, declared: ArrayLike) -> Self:
        """Learn from a frame of shape (n, n_features) and what was declared, shape (n,), None where nothing was.

        Raises
        ------
        InvalidInput
            Fewer than two values were declared by twenty members each; a rarer value is never inferred.
        """
        values = np.asarray(declared, dtype=object)
        known = _known(values)
        names, counts = np.unique(values[known].astype(str), return_counts=True)
        often = names[counts >= FEWEST]
        if len(often) < 2:
            raise InvalidInput(
                f"{self.name!r}: values that {FEWEST} members or more declared are {len(often)}; two are the fewest.",
                hint="Load more of what members declare, or make fewer values of it.",
            )
        rows, texts = X[known], values[known].astype(str)
        self.classes_ = often
        self._models = [
            PropensityModel(blend=True, folds=3, learning_rate=0.05, trees=self.trees, seed=self.seed).fit(
                rows, texts == value
            )
            for value in (often if len(often) > 2 else often[1:])
        ]
        return self

    def to_json(self) -> dict[str, Any]:
        """Return what inferring needs, as JSON data, and nothing of the rows."""
        if not hasattr(self, "classes_"):
            raise NotFitted(self)
        return {
            "format": FORMAT,
            "name": self.name,
            "limit": self.limit,
            "classes": self.classes_.tolist(),
            "models": [model.to_json() for model in self._models],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the trait that `to_json` wrote down; it infers as that one did."""
        if data.get("format") != FORMAT:
            raise InvalidInput(f"The model was written in format {data.get('format')}; this is {FORMAT}.")
        self = cls(data["name"], limit=data["limit"])
        self.classes_ = np.array(data["classes"], dtype=object)
        self._models = [PropensityModel.from_json(one) for one in data["models"]]
        return self

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the chance of each value, shape (n, n_values)."""
        if not hasattr(self, "classes_"):
            raise NotFitted(self)
        alone = np.stack([model.predict_proba(X)[:, 1] for model in self._models], axis=1)
        if len(self.classes_) == 2:
            return np.hstack([1 - alone, alone])
        found: FloatArray = alone / np.maximum(alone.sum(axis=1, keepdims=True), 1e-12)
        return found

    def infer(self, X: Any, declared: ArrayLike | None = None) -> tuple[NDArray[Any], FloatArray, NDArray[Any]]:
        """Return each member's value, its confidence and its method, all of shape (n,).

        The method is ``declared`` (confidence 1), ``inferred``, or ``unknown``: then the value is None, and the
        confidence that of the likeliest value.
        """
        chance = self.predict_proba(X)
        values = np.array([self.classes_[i] for i in chance.argmax(axis=1)], dtype=object)
        confidence = chance.max(axis=1)
        method = np.where(confidence >= self.limit, "inferred", "unknown").astype(object)
        values[method == "unknown"] = None
        if declared is not None:
            own = np.asarray(declared, dtype=object)
            known = _known(own)
            values[known], confidence[known], method[known] = own[known], 1.0, "declared"
        return values, confidence, method


def refuse_sensitive(name: str, grade: str | None = None) -> None:
    """Refuse a trait that must not be inferred, by the words in its name or by its grade of personal data."""
    if SENSITIVE.search(name) or grade in SENSITIVE_GRADES:
        raise Refused(
            f"{name!r} is a sensitive trait, and is not inferred of anybody.",
            hint="Ask the customer, under a consent of its own.",
        )


def _known(values: NDArray[Any]) -> NDArray[np.bool_]:
    return np.array([value is not None and value == value and value != "" for value in values], dtype=bool)
