"""Type of a complaint in levels, such as service / waiting / telephone, by a taxonomy of the user's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from gongbi.errors import InvalidInput, NotFitted
from gongbi.estimators.text.classifier import TextClassifier

# Of what `to_json` writes.
FORMAT = 1
#: One type: its names from the first level on.
Path = tuple[str, ...]


class ComplaintModel:
    """Labels of several levels: one `TextClassifier` at every fork of the taxonomy.

    A text goes down as long as the way taken is sure enough; then the level it has come to is its type. A type that is
    named in the taxonomy and has no examples is never given, and is listed in `unseen_`.

    Parameters
    ----------
    taxonomy : sequence of tuples of str, optional
        All types there are; a label that is none of them is refused. Without it those of the examples.
    sure : float, default=0.5
        Least probability of the whole way down; the first level is given in any case.
    seed : int, default=0
        Of the classifiers.

    Attributes
    ----------
    unseen_ : list of tuples
        Types of the taxonomy without an example.
    """

    def __init__(self, taxonomy: Sequence[Path] | None = None, *, sure: float = 0.5, seed: int = 0) -> None:
        self.taxonomy = taxonomy
        self.sure = sure
        self.seed = seed

    def fit(self, texts: Sequence[str], labels: Sequence[Path]) -> Self:
        """Learn from texts and the type of each, which may stop at any level.

        Raises
        ------
        InvalidInput
            A label that the taxonomy does not have, or one without a level.
        """
        given = [tuple(label) for label in labels]
        if len(given) != len(texts):
            raise InvalidInput(f"There are {len(texts)} texts and {len(given)} labels.")
        known = (
            None if self.taxonomy is None else {tuple(path[:n]) for path in self.taxonomy for n in range(len(path) + 1)}
        )
        for label in given:
            if not label or (known is not None and label not in known):
                raise InvalidInput(
                    f"{'/'.join(label)!r} is no type of the taxonomy.", hint="Add it, or mend the label."
                )
        self._forks: dict[Path, TextClassifier | str] = {}
        for fork in sorted({label[:n] for label in given for n in range(len(label))}):
            here = [i for i, label in enumerate(given) if len(label) > len(fork) and label[: len(fork)] == fork]
            names = np.array([given[i][len(fork)] for i in here])
            kinds, sizes = np.unique(names, return_counts=True)
            # A single example cannot be learned from and judged by; its siblings go on without it.
            enough = set(kinds[sizes >= 2].tolist())
            if len(enough) < 2:
                self._forks[fork] = str(kinds[sizes.argmax()])
                continue
            rows = [k for k, name in enumerate(names) if name in enough]
            self._forks[fork] = TextClassifier(seed=self.seed).fit([texts[here[k]] for k in rows], names[rows])
        seen = {label[:n] for label in given for n in range(len(label) + 1)}
        self.unseen_ = [tuple(path) for path in self.taxonomy or () if tuple(path) not in seen]
        return self

    def predict(self, texts: Iterable[str]) -> list[tuple[Path, float]]:
        """Return the type of each text, as far down as it is sure, and the probability of the way there."""
        if not hasattr(self, "_forks"):
            raise NotFitted(self)
        listed = list(texts)
        found: list[tuple[Path, float]] = [((), 1.0)] * len(listed)
        waiting: dict[Path, list[int]] = {(): list(range(len(listed)))} if listed else {}
        while waiting:
            fork, rows = waiting.popitem()
            step = self._forks.get(fork)
            if step is None:
                continue
            if isinstance(step, str):
                ways = [(step, 1.0)] * len(rows)
            else:
                chance = step.predict_proba([listed[i] for i in rows])
                ways = [
                    (str(step.classes_[k]), float(row[k])) for row, k in zip(chance, chance.argmax(axis=1), strict=True)
                ]
            for i, (name, sure) in zip(rows, ways, strict=True):
                way = found[i][1] * sure
                if fork and way < self.sure:
                    continue
                found[i] = ((*fork, name), way)
                waiting.setdefault((*fork, name), []).append(i)
        return found

    def to_json(self) -> dict[str, Any]:
        """Return what scoring needs, as JSON data: a way down that has no fork is a name."""
        if not hasattr(self, "_forks"):
            raise NotFitted(self)
        forks = [
            {"at": list(at), "step": step if isinstance(step, str) else step.to_json()}
            for at, step in self._forks.items()
        ]
        return {"format": FORMAT, "sure": self.sure, "forks": forks, "unseen": [list(path) for path in self.unseen_]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the model that `to_json` wrote down."""
        if data.get("format") != FORMAT:
            raise InvalidInput(f"The model was written in format {data.get('format')}; this is {FORMAT}.")
        self = cls(sure=data["sure"])
        self._forks = {
            tuple(fork["at"]): step if isinstance(step := fork["step"], str) else TextClassifier.from_json(step)
            for fork in data["forks"]
        }
        self.unseen_ = [tuple(path) for path in data["unseen"]]
        return self
