"""Who leaves of those with a contract, and how long the others stay: learned from contracts, judged on the last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gongbi.catalog.base import ModelDef, Words
from gongbi.catalog.catalog import Catalog
from gongbi.core.dialect import Dialect
from gongbi.core.plan import Plan
from gongbi.core.rows import row_condition, row_value, rows_query
from gongbi.core.types import Type
from gongbi.errors import InvalidInput
from gongbi.estimators.checks import FloatArray
from gongbi.estimators.stats import (
    auc_difference_interval,
    auc_interval,
    bootstrap_interval,
    brier,
    calibration_table,
)
from gongbi.estimators.survival import ContractModel, kaplan_meier
from gongbi.models import contract_card
from gongbi.models.base import Figures, Trained
from gongbi.models.features import DAY_US, feature_frame
from gongbi.models.propensity import SEED, interval_json, microseconds
from gongbi.translation import in_language

RESAMPLES = 1000
#: More contracts than these tell coefficients no better; and more are not judged on.
MOST_LEARNED, MOST_JUDGED = 20_000, 100_000
#: Values of a column that count by themselves, the commonest; the others are like the mean.
MOST_VALUES = 30
#: Fewer who left within the horizon say nothing of a model.
FEWEST_LEFT = 10


def plans(model: ModelDef, catalog: Catalog, dialect: Dialect, as_of: datetime, learning: bool) -> dict[str, Plan]:
    """The contracts that had begun by the instant; to learn, also those by the cut, as they were known then.

    Grain: one row per contract. Columns: ``id``, ``ts``, ``until`` (null where open), ``leaves`` (whether its end is
    a leaving), and ``c0``, ``c1``, ... what the model knows of it.
    """
    instants = {"rows": as_of} | ({"before": cut(model, as_of)} if learning else {})
    return {name: _contracts(model, catalog, dialect, at) for name, at in instants.items()}


def _contracts(model: ModelDef, catalog: Catalog, dialect: Dialect, as_of: datetime) -> Plan:
    world, fact = catalog.world, model.fact or ""
    texts = {"ts": f"{fact}.ts", "until": f"{fact}.until"} | {f"c{i}": text for i, text in enumerate(model.columns)}
    columns = {name: row_value(fact, text, world, model.subject) for name, text in texts.items()}
    counts = row_condition(fact, model.left or "", world, model.subject)
    if counts is not None:
        columns["leaves"] = counts
    where = row_condition(fact, model.where or "", world, model.subject)
    leaves = "coalesce(leaves, false)" if counts is not None else "true"
    own = "".join(f", c{i}" for i in range(len(model.columns)))
    return (
        Plan()
        .then("_rows", rows_query(fact, columns, where, model.subject, as_of, world, dialect))
        .then("_made", f"select _m as id, ts, until, {leaves} as leaves{own} from _rows")
        # In an order of its own, so that a sample does not hang on threads.
        .then("contracts", f"select * from _made order by id, ts, until, leaves{own}")
    )


def cut(model: ModelDef, as_of: datetime) -> datetime:
    """The instant at which leaving is foretold to check the model: what came of it is known at `as_of`."""
    return as_of - timedelta(days=model.horizon_days + model.grace_days)


@dataclass(frozen=True)
class Contracts:
    """Contracts with their times in days since 1970; the end of an open one is infinite.

    `left` says of which the end is a leaving: by its own row, and as the member has no other contract that goes on.
    """

    ids: Any
    start: FloatArray
    end: FloatArray
    left: NDArray[np.bool_]
    frame: Any

    @classmethod
    def of(
        cls, rows: pa.Table, model: ModelDef, types: Mapping[str, Type], as_of: datetime, known: pa.Table
    ) -> Contracts:
        """Take them from the rows of a plan; `known` are all contracts of today, by which a member goes on or not."""
        named = rows.select([f"c{i}" for i in range(len(types))]).rename_columns(list(types))
        end = _days(rows, "until")
        left = rows["leaves"].to_numpy(zero_copy_only=False).astype(bool)
        on = _goes_on(rows["id"], end, known, model.grace_days)
        frame = feature_frame(named, types, microseconds(as_of))
        return cls(rows["id"], _days(rows, "ts"), end, left & ~on, frame)

    def seen_until(self, at: float) -> tuple[NDArray[np.int64], FloatArray, NDArray[np.bool_]]:
        """Those that had begun before a day: their rows, how long they lasted until then, whether they were left."""
        which = np.flatnonzero(self.start < at)
        return which, np.round(np.minimum(self.end, at) - self.start)[which], (self.left & (self.end < at))[which]

    def under_way(self, at: float) -> NDArray[np.int64]:
        """The rows of those that had begun before a day and had not ended."""
        return np.flatnonzero((self.start < at) & (self.end >= at))


def learn(model: ModelDef, tables: Mapping[str, pa.Table], types: Mapping[str, Type], as_of: datetime) -> Trained:
    """Learn from all contracts; judge what is learned by the cut on who left in the horizon after it.

    Raises
    ------
    InvalidInput
        There are no contracts, or too few of them were left or go on.
    """
    now, rows = _day(as_of), tables["rows"]
    if not len(rows):
        raise InvalidInput(
            f"No contract of {model.fact!r} had begun.",
            hint="Load its source with `gongbi ingest`, or look at `fact` and `where`.",
        )
    known = Contracts.of(rows, model, types, as_of, rows)
    fitted = _fit(known, now - model.grace_days)
    then = _day(cut(model, as_of))
    before = Contracts.of(tables["before"], model, types, cut(model, as_of), rows)
    check, why = _checked(before, model, then)
    risk = _risk(fitted, known, known.under_way(now), now, model.horizon_days)
    judgement = contract_card.judge(check, why)
    kept = {"contract": fitted.to_json(), "columns": list(types)}
    members = len(known.ids.take(known.under_way(now)).unique())
    metrics: Figures = {
        "headline": {
            "members": members,
            "expected": float(risk.sum()),
            "auc": check["auc"] if check else None,
            "predicted_over_actual": check["predicted"] / check["left"] if check else None,
        },
        "members": members,
        "contracts": len(rows),
        "left": int(known.left.sum()),
        "family": fitted.family_,
        "held_out": fitted.held_out_,
        "longest_days": fitted.longest_,
        "check": check,
        "sections": contract_card.sections(
            check, _staying(known, now - model.grace_days), members, float(risk.sum()), model.horizon_days
        ),
        "sentence": contract_card.sentence(check, why, model.horizon_days).to_json(),
        "judgement": judgement.to_json(),
    }
    window = {"as_of": as_of.isoformat(), "horizon_days": model.horizon_days}
    params = {"family": fitted.family_, "penalizer": fitted.penalizer, "seed": SEED}
    return Trained(model.model, f"survival, {fitted.family_}", kept, metrics, params, window, judgement)


def scores(
    model: ModelDef, artifact: Mapping[str, Any], rows: pa.Table, types: Mapping[str, Type], as_of: datetime
) -> dict[str, Any]:
    """Per member with a contract under way the chance to leave, and the days that are left of the longest seen.

    Of several contracts the one that is the most at risk counts.
    """
    if list(types) != artifact["columns"]:
        raise InvalidInput(
            f"The model {model.model!r} learned from {', '.join(artifact['columns'])}, and `columns` names others now.",
            hint=f"Train it again: `gongbi train {model.model}`.",
        )
    fitted, now = ContractModel.from_json(artifact["contract"]), _day(as_of)
    known = Contracts.of(rows, model, types, as_of, rows)
    which = known.under_way(now)
    risk = _risk(fitted, known, which, now, model.horizon_days)
    # One row per member: the greatest risk comes first, and of equal ones the contract that began first.
    order = np.lexsort((known.start[which], -risk))
    place = known.ids.combine_chunks().dictionary_encode().indices.to_numpy()[which][order]
    first = np.sort(np.unique(place, return_index=True)[1])
    chosen = which[order][first]
    left = fitted.predict_remaining(known.frame.iloc[chosen], now - known.start[chosen], fitted.longest_)
    return {
        "id": known.ids.take(pa.array(chosen)),
        "chance": pa.array(risk[order][first], pa.float64()),
        "remaining": pa.array(left, pa.float64()),
    }


def types_of(model: ModelDef, catalog: Catalog) -> dict[str, Type]:
    """What the model knows of a contract, as written in `columns`, with its type."""
    return {text: row_value(model.fact or "", text, catalog.world, model.subject).type for text in model.columns}


def _day(instant: datetime) -> float:
    return microseconds(instant) / DAY_US


def _days(rows: pa.Table, name: str) -> FloatArray:
    moments = rows[name].cast(pa.timestamp("us")).cast(pa.int64()).cast(pa.float64())
    return np.asarray(moments.fill_null(np.inf).to_numpy(), dtype=np.float64) / DAY_US


def _goes_on(ids: Any, end: FloatArray, known: pa.Table, grace: int) -> NDArray[np.bool_]:
    """Whether a member has a contract that ends later than one and begins at most `grace` days after it ends."""
    import pandas as pd

    member, names = pd.factorize(known["id"].to_numpy(zero_copy_only=False))
    last, begin = _days(known, "until"), _days(known, "ts")
    order = np.lexsort((-last, member))
    who, ends = member[order], last[order]
    first = pd.Series(begin[order]).groupby(who).cummin().to_numpy()
    # Of one member and end all rows have the same answer: the earliest begin of those that end later.
    place = np.arange(len(who))
    fresh = np.r_[True, (who[1:] != who[:-1]) | (ends[1:] != ends[:-1])] if len(who) else np.empty(0, dtype=bool)
    begins = np.maximum.accumulate(np.where(fresh, place, 0)) - 1
    later = np.where((begins >= 0) & (who[begins] == who), first[begins], np.inf)
    index = pd.MultiIndex.from_arrays([who[fresh], ends[fresh]])
    asked = pd.MultiIndex.from_arrays([pd.Index(names).get_indexer(ids.to_numpy(zero_copy_only=False)), end])
    found = pd.Series(later[fresh], index=index).reindex(asked).to_numpy()
    return np.asarray(np.isfinite(end) & (np.nan_to_num(found, nan=np.inf) <= end + grace), dtype=bool)


def _fit(known: Contracts, seen: float) -> ContractModel:
    which, lasted, left = known.seen_until(seen)
    if len(which) > MOST_LEARNED:
        some = np.sort(np.random.default_rng(SEED).choice(len(which), MOST_LEARNED, replace=False))
        which, lasted, left = which[some], lasted[some], left[some]
    frame = known.frame.iloc[which].copy()
    for name in frame.columns:
        if frame[name].dtype == object:
            common = frame[name].value_counts().index[:MOST_VALUES]
            frame[name] = frame[name].where(frame[name].isin(common), None)
    return ContractModel(seed=SEED).fit(frame, lasted, left)


def _risk(fitted: ContractModel, known: Contracts, which: NDArray[np.int64], at: float, horizon: int) -> FloatArray:
    return fitted.predict_leaving(known.frame.iloc[which], at - known.start[which], horizon)


def _checked(before: Contracts, model: ModelDef, then: float) -> tuple[Figures | None, Words | None]:
    """Of the contracts under way at the cut, who was foretold to leave and who did; None with the reason."""
    which = before.under_way(then)
    if len(which) > MOST_JUDGED:
        which = np.sort(np.random.default_rng(SEED).choice(which, MOST_JUDGED, replace=False))
    yes = before.left[which] & (before.end[which] < then + model.horizon_days)
    if min(yes.sum(), (~yes).sum()) < FEWEST_LEFT:
        return None, Words(
            f"上一期限内有 {int(yes.sum()):,} 人离开，{int((~yes).sum()):,} 人留下，太少，无法检验。",
            f"In the last horizon {int(yes.sum()):,} left and {int((~yes).sum()):,} stayed: too few to check it.",
        )
    try:
        fitted = _fit(before, then - model.grace_days)
    except InvalidInput as error:
        return None, Words(f"无法检验：{in_language(error.message, 'zh')}", f"It could not be checked: {error.message}")
    chance = _risk(fitted, before, which, then, model.horizon_days)
    alike = _by_time_alone(before, then - model.grace_days, then - before.start[which], model.horizon_days)
    gap = (chance - yes) ** 2 - (alike - yes) ** 2
    fifths = calibration_table(yes, chance, bins=5)
    names = ("size", "predicted", "observed", "low", "high")
    columns = [getattr(fifths, name).tolist() for name in names]
    return {
        "contracts": len(which),
        "left": int(yes.sum()),
        "predicted": float(chance.sum()),
        "auc": interval_json(auc_interval(yes, chance)),
        "auc_of_time": interval_json(auc_interval(yes, alike)),
        "auc_difference": interval_json(auc_difference_interval(yes, chance, alike)),
        "brier": brier(yes, chance),
        "brier_of_time": brier(yes, alike),
        "difference": interval_json(
            bootstrap_interval(lambda drawn: float(np.mean(drawn)), gap, seed=SEED, resamples=RESAMPLES)
        ),
        "calibration": [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)],
        "by_value": contract_card.by_value(before.frame.iloc[which], yes, chance),
    }, None


def _by_time_alone(known: Contracts, seen: float, elapsed: FloatArray, horizon: int) -> FloatArray:
    """The chance of leaving if only the time since the beginning counted, as it was for everybody."""
    _, lasted, left = known.seen_until(seen)
    times, stays = kaplan_meier(lasted, left)

    def beyond(time: FloatArray) -> FloatArray:
        found: FloatArray = np.concatenate([[1.0], stays])[np.searchsorted(times, time, side="right")]
        return found

    now = beyond(elapsed)
    return np.where(now > 0, 1 - beyond(elapsed + horizon) / np.where(now > 0, now, 1.0), float(left.mean()))


def _staying(known: Contracts, seen: float) -> contract_card.Staying:
    """How many contracts, and the share of them that stays beyond each time; the longest closes it."""
    which, lasted, left = known.seen_until(seen)
    times, stays = kaplan_meier(lasted, left)
    return contract_card.Staying(len(which), times, stays, float(lasted.max(initial=0.0)))
