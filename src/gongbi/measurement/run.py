"""Carry out the plans of a measurement and put the figures together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gongbi.campaigns.plan import SUBJECT
from gongbi.catalog.base import CampaignDef
from gongbi.catalog.catalog import Catalog
from gongbi.core.clock import Window, local_time
from gongbi.core.plan import Plan
from gongbi.engine import Engine
from gongbi.errors import InvalidInput, NotYet
from gongbi.estimators.stats import difference_interval, wilson_interval
from gongbi.measurement import plan as plans
from gongbi.measurement.base import LEVEL, Comparison, Measurement, Overlap, Part, Sums, bounds
from gongbi.measurement.comparison import TOO_FEW, compare, design
from gongbi.measurement.funnel import Flags, funnel, overlap

#: Called with (done, total) steps.
OnStep = Callable[[int, int], None]


def measure(
    campaign: CampaignDef,
    catalog: Catalog,
    engine: Engine,
    as_of: datetime,
    zone: str,
    *,
    known_until: datetime,
    chosen: Collection[int | str] = (),
    on_step: OnStep | None = None,
) -> tuple[Measurement, Overlap | None]:
    """Measure a campaign that was sent.

    Parameters
    ----------
    campaign, catalog, engine
        What is measured, the definitions it names, where its data are.
    as_of, zone
        When the campaign began, and the zone of its days.
    known_until
        The end of what is known; the campaign's period must not go beyond it.
    chosen
        Ids that a decision chose, to compare with those who received it.
    on_step
        Told how far the work is.

    Raises
    ------
    NotYet
        The campaign's period is not over.
    InvalidInput
        Nobody received it, or the outcome is absent for some.
    """
    periods = plans.periods(campaign, as_of, zone)
    _, end = bounds(periods.during)
    if end > known_until:
        raise NotYet(
            f"The period of {campaign.campaign!r} ends at {local_time(end, zone)}; the data end before.",
            hint="Measure it when the period is over and its facts are loaded, or give fewer `days`.",
        )
    asked: list[tuple[Callable[..., Plan], Window]] = [
        (plans.state, periods.earlier),
        (plans.state, periods.before),
        (plans.result, periods.during),
    ]
    tables = []
    for done, (plan, period) in enumerate(asked):
        if on_step:
            on_step(done, len(asked))
        tables.append(engine.query(plan(campaign, catalog, period, engine.dialect)))
    if on_step:
        on_step(len(asked), len(asked))
    earlier, before, after = (_Rows(campaign.campaign, table) for table in tables)

    steps = plans.steps(campaign)
    took = [after.flags(plans.step_column(number)) for number in range(len(steps))]
    received = took[0]
    if not received.any():
        raise InvalidInput(
            f"Nobody received {campaign.campaign!r} in its period: `{campaign.received.strip()}` is true of no member.",
            hint="Check the campaign's key and `as_of`.",
        )
    receivers = {id_ for id_, flag in zip(after.ids, received, strict=True) if flag}
    shared = _Pair(before, after, receivers)
    placebo = _Pair(earlier, before, receivers)
    names = catalog.features(campaign.match_on, SUBJECT) if campaign.match_on else []
    how = design({name: shared.tag(name) for name in names}, shared.before)
    parts = []
    for name in catalog.features(campaign.by, SUBJECT) if campaign.by else []:
        values = shared.tag(name)
        at_end = after.aligned(before.ids, values)
        for value in sorted({*at_end}, key=lambda v: (v is None, str(type(v)), v)):
            among, rows = _equal(at_end, value), _equal(values, value)
            found = compare(shared.received[rows], shared.before[rows], shared.after[rows], how.of(rows))
            steps_taken = funnel(steps, [flags[among] for flags in took])
            plain = value if isinstance(value, bool | int | float | str) or value is None else str(value)
            parts.append(Part(name, catalog.tag(name).name, plain, int(among.sum()), steps_taken, found))
    measured = Measurement(
        campaign=campaign.campaign,
        periods=periods,
        unit=plans.outcome(campaign, catalog).type.currency,
        known=len(after.ids),
        funnel=funnel(steps, took),
        response=wilson_interval(int((received & took[-1]).sum()), int(received.sum()), LEVEL),
        received=shared.sums(shared.received),
        others=shared.sums(~shared.received),
        naive=difference_interval(shared.after[shared.received], shared.after[~shared.received], LEVEL),
        comparison=compare(shared.received, shared.before, shared.after, how),
        placebo=_placebo(placebo, names),
        by=tuple(parts),
    )
    if not chosen:
        return measured, None
    picked = np.array([id_ in chosen for id_ in after.ids])
    return measured, overlap(picked, received, took[-1])


class _Rows:
    """The rows of one query in the order of the ids, so that nothing depends on the order an engine gives."""

    def __init__(self, campaign: str, table: pa.Table) -> None:
        self.table = table.sort_by("id")
        self.ids: list[Any] = self.table["id"].to_pylist()
        column = self.table[plans.OUTCOME]
        if column.null_count:
            raise InvalidInput(
                f"The outcome of {campaign!r} is absent for {column.null_count:,} of {len(column):,} members.",
                hint="Leaving them out would bias the comparison: write coalesce(…, 0) where absent means nothing.",
            )
        self.outcome: NDArray[np.float64] = np.array(column.cast(pa.float64()).to_numpy(), dtype=np.float64)

    def flags(self, name: str) -> Flags:
        """A boolean column; unknown counts as no."""
        return np.array([value is True for value in self.table[name].to_pylist()], dtype=bool)

    def aligned(self, ids: Sequence[Any], values: Sequence[Any]) -> list[Any]:
        """Values that belong to `ids`, in the order of these rows; None for the others."""
        known = dict(zip(ids, values, strict=True))
        return [known.get(id_) for id_ in self.ids]


class _Pair:
    """The members known when a period began, with their outcome before it and in it."""

    def __init__(self, before: _Rows, after: _Rows, receivers: Collection[Any]) -> None:
        self._state = before
        self.before = before.outcome
        later = dict(zip(after.ids, after.outcome.tolist(), strict=True))
        self.after = np.array([later[id_] for id_ in before.ids], dtype=np.float64)
        self.received = np.array([id_ in receivers for id_ in before.ids], dtype=bool)

    def tag(self, name: str) -> list[Any]:
        """Values of a tag when the period began."""
        column = self._state.table[f"_tag_{name}"]
        if pa.types.is_decimal(column.type):
            column = column.cast(pa.float64())
        values: list[Any] = column.to_pylist()
        return values

    def sums(self, rows: Flags) -> Sums:
        """The outcome of some members, added up."""
        return Sums(int(rows.sum()), round(float(self.before[rows].sum()), 6), round(float(self.after[rows].sum()), 6))


def _equal(values: Sequence[Any], value: Any) -> Flags:
    return np.array([v == value if v is not None else value is None for v in values], dtype=bool)


def _placebo(pair: _Pair, names: Sequence[str]) -> Comparison:
    """The same comparison one period earlier; the tags are those of then."""
    if not pair.before.any():
        return Comparison(None, TOO_FEW)
    return compare(pair.received, pair.before, pair.after, design({n: pair.tag(n) for n in names}, pair.before))
