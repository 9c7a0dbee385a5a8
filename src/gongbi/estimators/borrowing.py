"""How much the arms of a trial borrow from each other: a ladder of penalties, weighed on rows that did not teach."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from gongbi.estimators.arms import Arms, Fitted, fit_arms
from gongbi.estimators.checks import BoolArray, FloatArray, IntArray
from gongbi.estimators.design import Design
from gongbi.estimators.stats.uplift import doubly_robust_scores

#: Penalties of the difference between the arms, per standardised column: from that of two ridge regressions that know
#: nothing of each other to one at which effects are alike. Steps of ten: a finer ladder is told apart by chance only.
RUNGS = (0.25, 2.5, 25.0, 250.0, 2500.0)
ALIKE = 1e7
#: Where the arms are fitted; the rungs are told from there, when they are weighed as when they are used.
START = 25.0
#: How many times the penalty of what both arms share is that of its bends: most of a truth is straight.
BENT = 30.0
FOLDS = 5
#: Penalties do not depend on how many rows there are, so that of more rows a sample tells them as well.
MOST_ROWS = 60_000
#: Of the exponential weights, in units of the residual variance: from here on a sharp bound is proved [1]_.
#:
#: .. [1] Dalalyan and Tsybakov (2008), Aggregation by exponential weighting, sharp PAC-Bayesian bounds and sparsity,
#:    Machine Learning 72, theorem 1.
TEMPERATURE = 4.0


@dataclass(frozen=True, slots=True)
class Borrowed:
    """Penalties tried, of columns as they are and of their bends, and the weight of each; weights sum to 1."""

    rungs: tuple[tuple[float, float], ...]
    weights: FloatArray

    @property
    def best(self) -> tuple[float, float]:
        """The rung of the largest weight."""
        return self.rungs[int(np.argmax(self.weights))]

    def mixed(self, fitted: Fitted, bent: BoolArray, common: FloatArray) -> Arms:
        """The mean of the coefficients at all rungs, by weight."""
        used = [(weight, rung) for weight, rung in zip(self.weights, self.rungs, strict=True) if weight > 0]
        parts = [weight * fitted.at(common=common, difference=spread_over(rung, bent)) for weight, rung in used]
        return Arms(np.sum(parts, axis=0), fitted.arms.binary)


def spread_over(rung: tuple[float, float], bent: BoolArray) -> FloatArray:
    """A rung as one penalty per column of the design."""
    return np.where(bent, rung[1], rung[0])


def learn_borrowing(
    design: Design,
    values: FloatArray,
    treated: FloatArray,
    y: FloatArray,
    chance: FloatArray,
    *,
    common: FloatArray,
    binary: bool,
    seed: int,
) -> tuple[Borrowed, FloatArray]:
    """Weigh the rungs by how well each foretells doubly robust scores of rows that taught neither.

    Parameters
    ----------
    values, treated, y, chance
        Encoded rows, arm, outcome and chance of being treated, the first of shape (n, n_columns), the others (n,).
    common
        Penalty of what both arms share, per column of the design.

    Returns
    -------
    tuple
        The weights, and the coefficients from which a fit on more rows may start.
    """
    rows = np.random.default_rng(seed).permutation(len(y))[:MOST_ROWS]
    values, treated, y, chance = values[rows], treated[rows], y[rows], chance[rows]
    bent = design.bent
    rungs = tuple(_ladder(bends=bool(bent.any())))
    whole = fit_arms(design, values, treated, y, common=common, difference=START, binary=binary)
    start = whole.arms.coefficients
    folds = min(FOLDS, _rarest(treated, y, binary=binary))
    if folds < 2:
        # One response is not enough to learn from and to judge by: nothing speaks for a difference.
        return Borrowed(rungs, np.eye(len(rungs))[-1]), start
    where = dealt(treated, y if binary else np.zeros(len(y)), folds, seed)
    lost = np.zeros(len(rungs))
    for k in range(folds):
        learned, held = where != k, where == k
        part = fit_arms(
            design, values[learned], treated[learned], y[learned],
            common=common, difference=START, binary=binary, start=start,
        )  # fmt: skip
        expected = part.arms.predict(design, values[held])
        scores = doubly_robust_scores(y[held], treated[held], chance[held], expected)
        for i, rung in enumerate(rungs):
            at = Arms(part.at(common=common, difference=spread_over(rung, bent)), binary)
            without, with_treatment = at.predict(design, values[held]).T
            lost[i] += float(((scores - (with_treatment - without)) ** 2).sum())
    variance = max(float(lost.min()) / len(y), np.finfo(float).tiny)
    weights = _beforehand(rungs) * np.exp(-(lost - lost.min()) / (TEMPERATURE * variance))
    return Borrowed(rungs, weights / weights.sum()), start


def dealt(treated: FloatArray, y: FloatArray, folds: int, seed: int) -> IntArray:
    """Deal rows into folds, arm by arm and outcome by outcome."""
    chance = np.random.default_rng(seed).permutation(len(treated))
    where = np.empty(len(treated), dtype=np.int64)
    where[np.lexsort((chance, y, treated))] = np.arange(len(treated)) % folds
    return where


def _ladder(*, bends: bool) -> Iterator[tuple[float, float]]:
    """Pairs of penalties, of a column and of its bends: bends are never freer than the line that they bend."""
    if bends:
        yield from ((line, bend) for line, bend in product(RUNGS, (*RUNGS, ALIKE)) if bend >= line)
    else:
        yield from ((line, ALIKE) for line in RUNGS)
    yield ALIKE, ALIKE


def _beforehand(rungs: Sequence[tuple[float, float]]) -> FloatArray:
    """Weights before anything was seen: half for effects without bends, as the plainer needs the less proof."""
    plain = np.array([bend == ALIKE for _, bend in rungs])
    found: FloatArray = np.where(plain, 0.5 / plain.sum(), 0.5 / max(1, int((~plain).sum())))
    return found


def _rarest(treated: FloatArray, y: FloatArray, *, binary: bool) -> int:
    kinds: IntArray = (treated * 2 + (y if binary else 0)).astype(np.int64)
    return int(np.unique(kinds, return_counts=True)[1].min())
