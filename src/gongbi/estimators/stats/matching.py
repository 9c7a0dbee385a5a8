"""What a campaign changed for those who received it, judged by members alike who did not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gongbi.errors import InvalidInput
from gongbi.estimators.checks import FloatArray, IntArray, as_binary, as_vector, as_vectors
from gongbi.estimators.stats.intervals import Interval, difference_interval, percentile_interval


@dataclass(frozen=True, slots=True)
class Balance:
    """How far apart treated and controls are in one column, in standard deviations, treated minus controls.

    Both differences are over the same standard deviation, the root of the mean of the two groups' variances before
    matching [1]_. Beyond 0.1 either way is usually called unbalanced.

    References
    ----------
    .. [1] Austin (2009), Statistics in Medicine 28(25).
    """

    column: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class MatchedDifference:
    """The effect on the treated, and what it rests on.

    Attributes
    ----------
    effect : Interval
        Mean change of the matched treated beyond that of their matched controls, per member.
    unmatched : Interval
        The same difference of changes without any matching, with Welch's interval: for comparison.
    treated_matched, control_matched : int
        Members in strata that have both kinds.
    treated_dropped, control_dropped : int
        Members in strata of one kind only. The effect says nothing about dropped treated members.
    strata_matched : int
        Strata that have both kinds.
    balance : tuple of Balance
        One for ``before`` and one for each covariate.
    """

    effect: Interval
    unmatched: Interval
    treated_matched: int
    control_matched: int
    treated_dropped: int
    control_dropped: int
    strata_matched: int
    balance: tuple[Balance, ...]


def matched_difference(
    treated: ArrayLike,
    before: ArrayLike,
    after: ArrayLike,
    *,
    strata: Sequence[ArrayLike] = (),
    covariates: Mapping[str, ArrayLike] | None = None,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> MatchedDifference:
    r"""Estimate the effect of a campaign on those who received it, from members who did not.

    Members are compared only within a stratum, where all ``strata`` columns are equal. In each, the difference of
    the mean changes (after - before) of treated and controls is corrected for the covariates that still differ, by
    the slopes :math:`\beta` of the controls' changes on the covariates within strata; strata count by their number of
    treated members, :math:`n_s`, so that the result is the effect on the treated [1]_:

    .. math:: \sum_s n_s [\Delta\bar y_s - \beta^\top \Delta\bar x_s] / \sum_s n_s

    The interval is a percentile bootstrap over members, treated and controls drawn separately, in the strata that
    were matched at first; slopes are learned anew in every draw.

    It is the effect only if, within a stratum and given the covariates, receivers and others would have changed alike
    without the campaign. Nothing here can check that: a campaign aimed by something that is not in the columns stays
    confounded. Where receivers were chosen for high sales, put ``before`` among the strata (`quantile_bins`) or the
    covariates, or their falling back to normal looks like harm.

    Parameters
    ----------
    treated : array-like of bool, shape (n,)
        Who received the campaign.
    before, after : array-like of float, shape (n,)
        The outcome, as sales, in equally long windows before and after it.
    strata : sequence of array-like, each of shape (n,)
        Columns to match exactly, of any type that can be compared; bin numbers with `quantile_bins`.
    covariates : mapping of name to array-like of shape (n,), optional
        Numbers to adjust for within strata.
    level, resamples, seed
        Of the bootstrap interval.

    Raises
    ------
    InvalidInput
        When the arrays do not fit together, or no stratum has both kinds.

    References
    ----------
    .. [1] Imbens and Rubin (2015), Causal Inference for Statistics, Social, and Biomedical Sciences, chapters 17
       and 18; the correction after Abadie and Imbens (2011), Journal of Business and Economic Statistics 29(1).
    """
    is_treated = as_binary("treated", treated)
    start, end = as_vectors(before=before, after=after)
    named = {name: as_vector(name, values) for name, values in (covariates or {}).items()}
    columns = [np.asarray(column) for column in strata]
    for name, column in [("before", start), *named.items(), *((f"strata[{i}]", c) for i, c in enumerate(columns))]:
        if column.shape != is_treated.shape:
            raise InvalidInput(f"{name} has shape {column.shape}, treated has {is_treated.shape}.")
    n_treated = int(is_treated.sum())
    if min(n_treated, len(is_treated) - n_treated) < 2:
        raise InvalidInput(f"{n_treated} of {len(is_treated)} were treated; two of each kind are needed.")

    change = end - start
    stratum = _numbered(columns, len(change))
    kinds = [np.bincount(stratum[kind], minlength=stratum.max() + 1) for kind in (is_treated, ~is_treated)]
    matched = ((kinds[0] > 0) & (kinds[1] > 0))[stratum]
    if not matched.any():
        raise InvalidInput(
            f"None of the {len(kinds[0])} strata has both treated members and controls.",
            hint="Use fewer columns or wider bins.",
        )
    _, kept_stratum = np.unique(stratum[matched], return_inverse=True)
    kept = _Matched(
        is_treated[matched],
        change[matched],
        np.stack(list(named.values()), axis=1)[matched] if named else np.empty((int(matched.sum()), 0)),
        kept_stratum,
    )
    rng = np.random.default_rng(seed)
    draws = np.array([kept.effect(kept.draw(rng)) for _ in range(resamples)])
    effect = percentile_interval(kept.effect(np.ones(len(kept.change))), draws, level)

    weight = kept.control_weights()
    return MatchedDifference(
        effect=effect,
        unmatched=difference_interval(change[is_treated], change[~is_treated], level),
        treated_matched=int(kept.treated.sum()),
        control_matched=int((~kept.treated).sum()),
        treated_dropped=int((is_treated & ~matched).sum()),
        control_dropped=int((~is_treated & ~matched).sum()),
        strata_matched=int(kept_stratum.max()) + 1,
        balance=tuple(
            _balance(name, values, is_treated, matched, weight) for name, values in {"before": start, **named}.items()
        ),
    )


def quantile_bins(values: ArrayLike, bins: int) -> IntArray:
    """Return the bin of each value, 0, 1, … from the smallest: about equally many in each, equal values together.

    Fewer bins come back where many values are equal.
    """
    vector = as_vector("values", values)
    if bins < 1 or not len(vector):
        raise InvalidInput(f"{len(vector)} values cannot be put into {bins} bins.")
    edges = np.quantile(vector, np.arange(1, bins) / bins, method="inverted_cdf")
    _, labels = np.unique(np.searchsorted(edges, vector, side="left"), return_inverse=True)
    return labels.astype(np.int64)


@dataclass(frozen=True, slots=True)
class _Matched:
    """Members of strata that have both kinds; strata are numbered from 0 without gaps."""

    treated: NDArray[np.bool_]
    change: FloatArray
    covariates: FloatArray
    stratum: IntArray

    def draw(self, rng: np.random.Generator) -> FloatArray:
        """Return how often each member is drawn in one resample, treated and controls each among themselves."""
        times = np.zeros(len(self.change))
        for kind in (self.treated, ~self.treated):
            where = np.flatnonzero(kind)
            times[where] = np.bincount(rng.integers(0, len(where), len(where)), minlength=len(where))
        return times

    def effect(self, times: FloatArray) -> float:
        """Return the effect on the treated with each member counted so often; NaN when no stratum keeps both kinds."""
        many_treated, change_treated, x_treated = self._means(times * self.treated)
        many_controls, change_controls, x_controls = self._means(times * ~self.treated)
        weight = np.where(many_controls > 0, many_treated, 0.0)
        if not weight.any():
            return float("nan")
        difference = change_treated - change_controls
        if self.covariates.shape[1]:
            difference = difference - (x_treated - x_controls) @ self._slopes(times, change_controls, x_controls)
        return float(weight @ difference / weight.sum())

    def control_weights(self) -> FloatArray:
        """Return treated over controls of the stratum for each control, and 0 for the treated."""
        many_treated = np.bincount(self.stratum, weights=self.treated)
        many_controls = np.bincount(self.stratum, weights=~self.treated)
        weights: FloatArray = np.where(self.treated, 0.0, (many_treated / many_controls)[self.stratum])
        return weights

    def _means(self, times: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        count = np.bincount(self.stratum, weights=times).astype(np.float64)
        some = np.where(count > 0, count, 1.0)
        change = np.bincount(self.stratum, weights=times * self.change) / some
        sums = [np.bincount(self.stratum, weights=times * column) for column in self.covariates.T]
        x = np.stack(sums, axis=1) / some[:, None] if sums else np.empty((len(count), 0))
        return count, np.asarray(change, dtype=np.float64), x

    def _slopes(self, times: FloatArray, change: FloatArray, x: FloatArray) -> FloatArray:
        root = np.sqrt(times * ~self.treated)
        apart, moved = self.covariates - x[self.stratum], self.change - change[self.stratum]
        slopes = np.linalg.lstsq(root[:, None] * apart, root * moved, rcond=None)[0]
        return np.asarray(slopes, dtype=np.float64)


def _numbered(columns: Sequence[NDArray[np.generic]], rows: int) -> IntArray:
    """Return one number per row, equal where all columns are equal."""
    number = np.zeros(rows, dtype=np.int64)
    for i, column in enumerate(columns):
        try:
            _, code = np.unique(column, return_inverse=True)
        except TypeError as error:
            raise InvalidInput(f"strata[{i}] holds values that cannot be compared: {error}.") from error
        # Renumbered each time, so that the product never overflows.
        _, number = np.unique(number * (code.max() + 1) + code, return_inverse=True)
    return number.astype(np.int64)


def _balance(
    name: str, values: FloatArray, treated: NDArray[np.bool_], matched: NDArray[np.bool_], weights: FloatArray
) -> Balance:
    spread = float(np.sqrt((values[treated].var(ddof=1) + values[~treated].var(ddof=1)) / 2))
    before = float(values[treated].mean() - values[~treated].mean())
    after = float(values[treated & matched].mean() - np.average(values[matched], weights=weights))
    if spread == 0:
        return Balance(name, *(0.0 if gap == 0 else float(np.copysign(np.inf, gap)) for gap in (before, after)))
    return Balance(name, before / spread, after / spread)
