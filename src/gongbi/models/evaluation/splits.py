"""Who learns and who is judged: repeated random, repeated in time, and folds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gongbi.catalog.base import Words
from gongbi.errors import InvalidInput
from gongbi.estimators.checks import IntArray
from gongbi.models.evaluation.base import Measure, Request, Titles, Trial, repeated

#: In time, the first test begins after this share of the rows.
FIRST_ORIGIN = 0.5


@dataclass(frozen=True, slots=True)
class Part:
    """Rows learned from and rows judged on, by position; none is in both."""

    learned: IntArray
    judged: IntArray


@dataclass(frozen=True, slots=True)
class Splits:
    """One entry per repeat, each a list of parts: one, or as many as there are folds."""

    repeats: tuple[tuple[Part, ...], ...]
    words: Words

    @property
    def judged_per_learned(self) -> float:
        """Rows judged on over rows learned from, as the correction of the variance asks for them."""
        part = self.repeats[0][0]
        return len(part.judged) / max(1, len(part.learned))


def carried_out(
    trial: Trial, request: Request, splits: Splits, titles: Titles
) -> tuple[tuple[int, ...], tuple[Measure, ...]]:
    """Carry out a trial on every split; return the seeds that were used, and the measures.

    A split in time may have fewer repeats than were asked for, so that not every seed is used.
    """
    seeds = request.seeds[: len(splits.repeats)]
    corrected = splits.judged_per_learned
    return seeds, repeated(
        trial, splits.repeats, titles, seeds=seeds, judged_per_learned=corrected, progress=request.progress
    )


def splits_for(
    request: Request, rows: int, *, strata: ArrayLike | None = None, groups: ArrayLike | None = None, times: Any = None
) -> Splits:
    """Make the splits that were asked for.

    Parameters
    ----------
    strata
        One class per row: each part has about the same share of every class.
    groups
        Rows with the same entry are never parted; strata then only count for the groups' first rows.
    times
        Instants, one per row; needed for ``--split time``.
    """
    if rows < 10:
        raise InvalidInput(f"{rows} rows are too few to judge anything.", hint="Give a file with more rows.")
    if request.split == "time":
        if times is None:
            raise InvalidInput("A split in time needs to know when each row was.", hint="Name its column with --time.")
        return _in_time(request, np.asarray(times), groups)
    kinds = np.zeros(rows, dtype=np.int64) if strata is None else _numbered(strata)
    together = np.arange(rows) if groups is None else _numbered(groups)
    if request.split == "folds":
        found = [_folds(kinds, together, request.folds, seed) for seed in request.seeds]
        words = Words(
            f"分层 {request.folds} 折交叉验证，重复 {request.repeats} 次，每次另一个种子。",
            f"Stratified {request.folds}-fold cross-validation, {request.repeats} times, each with another seed.",
        )
        return Splits(tuple(found), words)
    random = [(_held_out(kinds, together, request.test_share, seed),) for seed in request.seeds]
    words = Words(
        f"随机分层留出 {request.test_share:.0%} 作检验，重复 {request.repeats} 次，每次另一个种子。",
        f"A random stratified {request.test_share:.0%} held out, {request.repeats} times, each with another seed.",
    )
    return Splits(tuple(random), words)


def _held_out(kinds: IntArray, groups: IntArray, share: float, seed: int) -> Part:
    order = _dealt(kinds, groups, seed)
    # Every class gives the same share: of positions within the dealt order, the first of each stretch of 1/share.
    place = np.floor((np.arange(len(order)) + 1) * share) > np.floor(np.arange(len(order)) * share)
    if not place.any():
        place[0] = True
    chosen = np.zeros(int(groups.max()) + 1, dtype=bool)
    chosen[order[place]] = True
    judged = chosen[groups]
    return Part(np.flatnonzero(~judged), np.flatnonzero(judged))


def _folds(kinds: IntArray, groups: IntArray, folds: int, seed: int) -> tuple[Part, ...]:
    order = _dealt(kinds, groups, seed)
    if len(order) < folds:
        raise InvalidInput(f"{len(order)} groups of rows cannot be put into {folds} folds.")
    fold = np.empty(int(groups.max()) + 1, dtype=np.int64)
    fold[order] = np.arange(len(order)) % folds
    where = fold[groups]
    return tuple(Part(np.flatnonzero(where != k), np.flatnonzero(where == k)) for k in range(folds))


def _dealt(kinds: IntArray, groups: IntArray, seed: int) -> IntArray:
    """Groups in the order in which they are dealt out: class by class, by chance within each."""
    names, first = np.unique(groups, return_index=True)
    chance = np.random.default_rng(seed).permutation(len(names))
    return np.asarray(names[np.lexsort((chance, kinds[first]))], dtype=np.int64)


def _in_time(request: Request, times: Any, groups: ArrayLike | None) -> Splits:
    """Learn from all before an instant, be judged on the stretch after it; the instant moves on from repeat to repeat.

    The first half of the rows is always learned from; the stretches after it do not overlap, and rows of one instant
    are never parted.
    """
    order = np.sort(times)
    rows = len(order)
    marks = np.linspace(FIRST_ORIGIN, 1.0, request.repeats + 1)
    cuts = np.unique(order[np.minimum((marks[:-1] * rows).astype(np.int64), rows - 1)])
    together = None if groups is None else _numbered(groups)
    found = []
    for i, cut in enumerate(cuts):
        learned = times < cut
        judged = (times >= cut) & ((times < cuts[i + 1]) if i + 1 < len(cuts) else True)
        if together is not None:
            # Who is judged may have been seen before in life, but not by the model.
            learned &= ~np.isin(together, together[judged])
        if learned.sum() >= 5 and judged.sum() >= 5:
            found.append((Part(np.flatnonzero(learned), np.flatnonzero(judged)),))
    if not found:
        raise InvalidInput("The rows cannot be split in time: nearly all have one instant.")
    words = Words(
        f"按时间滚动检验：从数据的一半起，用此前的全部学习、在其后一段检验，共 {len(found)} 段。",
        f"Rolling in time: from the middle of the data on, learn from all before and be judged on the next stretch,"
        f" {len(found)} stretches.",
    )
    return Splits(tuple(found), words)


def _numbered(values: ArrayLike) -> IntArray:
    return np.asarray(np.unique(np.asarray(values), return_inverse=True)[1], dtype=np.int64)
