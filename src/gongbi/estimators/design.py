"""Mixed columns as a matrix for linear models: numbers with their bends, categories, gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from gongbi.errors import InvalidInput
from gongbi.estimators.checks import BoolArray, FloatArray, IntArray
from gongbi.estimators.columns import Columns

#: A category of fewer than this share of the rows is one of "all others"; absence is a column from this share on.
RARE = 0.005
#: Categories told apart at most, the most frequent ones.
LEVELS = 40
#: A number reads on a logarithmic scale too where its upper half reaches this many times as far as its lower.
SKEWED = 2.0
#: Steps at quantiles of a number with at least this many different values.
BENDS = 6
STEPS = 5
#: Points that ranks are read from.
KNOTS = 201
#: Standardised numbers are bounded, so that one giant moves nobody's score without end.
FARTHEST = 8.0
#: Rows turned into a matrix at once.
BATCH = 50_000


@dataclass(frozen=True, slots=True)
class Number:
    """How a column of numbers is written: the median for gaps, knots of its ranks, edges of its steps."""

    median: float
    gaps: bool
    skewed: bool
    knots: FloatArray
    edges: FloatArray

    @property
    def bent(self) -> list[bool]:
        """For each part that `write` returns, whether it bends the number: all but the number itself and its gap."""
        bends = self.skewed + bool(len(self.knots)) + len(self.edges)
        return [False, *[True] * bends, *[False] * self.gaps]

    def write(self, values: FloatArray) -> list[FloatArray]:
        """Return the parts of one column, each of shape (n,)."""
        absent = np.isnan(values)
        known = np.where(absent, self.median, values) if absent.any() else values
        parts = [known]
        if self.skewed:
            parts.append(np.sign(known) * np.log1p(np.abs(known)))
        if len(self.knots):
            parts.append(np.interp(known, self.knots, np.linspace(0, 1, len(self.knots))))
        parts += [(known >= edge).astype(np.float64) for edge in self.edges]
        return [*parts, absent.astype(np.float64)] if self.gaps else parts


@dataclass(frozen=True, slots=True)
class Design:
    """What turns rows into standardised columns of a linear model; constant ones are gone.

    Attributes
    ----------
    columns
        The columns as given.
    writers
        Per column a `Number`, or the codes of the categories that have a column of their own, -1 for absent.
    mean, scale, kept
        Of the written columns: what they are standardised by, and which vary at all.
    """

    columns: Columns
    writers: tuple[Number | tuple[int, ...], ...]
    mean: FloatArray
    scale: FloatArray
    kept: IntArray

    @classmethod
    def learn(cls, X: Any, *, bends: bool, categorical: Sequence[str | int] = ()) -> tuple[Self, FloatArray]:
        """Return the design of these rows, and the rows encoded.

        Parameters
        ----------
        X : frame or array of shape (n, n_features)
        bends : bool
            Beside each number its rank, a logarithm where it is skewed, and steps at quintiles; else the number alone.
        categorical
            Columns of numbers that are codes.
        """
        columns = Columns.learn(X, categorical)
        values = columns.encode(X)
        if len(values) < 2:
            raise InvalidInput(f"{len(values)} rows are too few to learn from.")
        writers = tuple(
            _number(values[:, i], bends) if known is None else _levels(values[:, i])
            for i, known in enumerate(columns.categories)
        )
        nothing = np.zeros(0)
        plain = cls(columns, writers, nothing, nothing, np.zeros(0, dtype=np.int64))
        # About the first row, so that a large mean costs no digits of a small spread.
        first = plain._written(values[:1])[0]
        total, squares = np.zeros(len(first)), np.zeros(len(first))
        for start in range(0, len(values), BATCH):
            away = plain._written(values[start : start + BATCH]) - first
            total, squares = total + away.sum(axis=0), squares + (away**2).sum(axis=0)
        away = total / len(values)
        scale = np.sqrt(np.maximum(squares / len(values) - away**2, 0))
        kept: IntArray = np.flatnonzero(scale > 1e-9 * (1 + np.abs(first))).astype(np.int64)
        if not len(kept):
            raise InvalidInput(
                "Every column is constant (the same value in all rows), so there is nothing to learn from.",
                hint="Give columns that differ from member to member.",
            )
        return cls(columns, writers, (first + away)[kept], scale[kept], kept), values

    @property
    def width(self) -> int:
        """Columns of the matrix."""
        return len(self.kept)

    @property
    def bent(self) -> BoolArray:
        """Which columns of the matrix bend a number, shape (width,)."""
        parts = [writer.bent if isinstance(writer, Number) else [False] * len(writer) for writer in self.writers]
        found: BoolArray = np.array([one for part in parts for one in part], dtype=bool)[self.kept]
        return found

    def matrix(self, values: FloatArray) -> FloatArray:
        """Return the standardised matrix of encoded rows, shape (n, width)."""
        found: FloatArray = np.clip((self._written(values)[:, self.kept] - self.mean) / self.scale, -FARTHEST, FARTHEST)
        return found

    def batches(self, values: FloatArray) -> Iterator[tuple[slice, FloatArray]]:
        """Yield the matrix a stretch of rows at a time."""
        for start in range(0, len(values), BATCH):
            rows = slice(start, min(start + BATCH, len(values)))
            yield rows, self.matrix(values[rows])

    def _written(self, values: FloatArray) -> FloatArray:
        parts: list[FloatArray] = []
        for i, writer in enumerate(self.writers):
            column = values[:, i]
            if isinstance(writer, Number):
                parts += writer.write(column)
            else:
                codes = np.nan_to_num(column, nan=-1.0)
                parts += [(codes == code).astype(np.float64) for code in writer]
        return np.stack(parts, axis=1) if parts else np.empty((len(values), 0))


def _number(values: FloatArray, bends: bool) -> Number:
    known = values[~np.isnan(values)]
    nothing = np.zeros(0)
    if not len(known):
        return Number(0.0, False, False, nothing, nothing)
    gaps = bool(len(values) - len(known) >= max(1.0, RARE * len(values)))
    median = float(np.median(known))
    if not bends:
        return Number(median, gaps, False, nothing, nothing)
    knots = np.quantile(known, np.linspace(0, 1, KNOTS))
    if len(np.unique(knots)) < 3:
        return Number(median, gaps, False, nothing, nothing)
    low, high = median - np.quantile(known, 0.02), np.quantile(known, 0.98) - median
    edges = np.unique(np.quantile(known, np.linspace(0, 1, STEPS + 1)[1:-1]))
    # Ranks in the middle of ties: between equal knots the mean of their ranks.
    distinct, inverse = np.unique(knots, return_inverse=True)
    ranks = np.bincount(inverse, np.linspace(0, 1, KNOTS)) / np.bincount(inverse)
    even = np.interp(np.linspace(0, 1, KNOTS), ranks, distinct)
    return Number(
        median,
        gaps,
        bool(high > SKEWED * max(low, 1e-12)),
        np.maximum.accumulate(even),
        edges[edges > known.min()] if len(distinct) >= BENDS else nothing,
    )


def _levels(codes: FloatArray) -> tuple[int, ...]:
    """Codes that get a column; the most frequent has none, as it is what the others are compared with."""
    listed, counts = np.unique(np.nan_to_num(codes, nan=-1.0).astype(np.int64), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    frequent = [int(listed[i]) for i in order if counts[i] >= max(2.0, RARE * len(codes))]
    return tuple(sorted(frequent[1 : LEVELS + 1]))
