"""Whose chance rises and whose falls: one kept model asked about the same members at two instants."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from gongbi.catalog.naming import Words
from gongbi.core.plan import Plan
from gongbi.core.table import Table
from gongbi.estimators.propensity import PropensityModel
from gongbi.estimators.trend import LEAST, shift_and_band
from gongbi.models import drift
from gongbi.models.base import Figures
from gongbi.models.reading import Work
from gongbi.models.scoring import Columns, OfTags, score_into
from gongbi.models.sections import stat, stats

#: Changes of log-odds are counted by steps of this width, so that their medians take no member's row out of the engine.
STEP = 0.001


class Chance(OfTags):
    """A propensity without its reasons."""

    def wake(self, artifact: Mapping[str, Any]) -> PropensityModel:
        """The trees."""
        return PropensityModel.from_json(artifact)

    def reads(self, kept: PropensityModel) -> Sequence[str]:
        """The features."""
        return kept.feature_names_in_

    def say(self, kept: PropensityModel, frame: Any) -> Columns:
        """The chance."""
        return {"score": pa.array(kept.predict_proba(frame)[:, 1], pa.float64())}


def score_twice(
    table: Table, work: Work, kind: OfTags, artifact: Mapping[str, Any], seen: drift.Seen | None
) -> tuple[int, Figures]:
    """Score members now and as of `trend_days` before into the empty table; return how many, and the trend in figures.

    The tags of then are computed as of then, by the definitions of now, so both chances are on one scale. Who was not
    asked about then (not there yet, or not in the population) has no trend. See `estimators.trend` for the rule.

    Returns
    -------
    tuple of int and dict
        The figures: ``days``, ``since`` (the earlier instant), members ``rising``, ``steady``, ``falling`` and ``new``,
        ``shift`` and ``band`` in log-odds.
    """
    engine, model = work.engine, work.model
    earlier = replace(work, as_of=work.as_of - timedelta(days=model.trend_days), built={})
    now, before = f"_{table.name}_now", f"_{table.name}_before"
    told = [column for column in table.columns if column.name not in ("trend", "change")]
    score = [column for column in told if column.name in ("id", "score", "as_of")]
    try:
        engine.create(Table(now, tuple(told), grain=table.grain), replace=True)
        rows = score_into(now, work, kind, artifact, seen)
        engine.create(Table(before, tuple(score), grain=table.grain), replace=True)
        score_into(before, earlier, Chance(), artifact)
        names = [column.name for column in told]
        moved = _moved(work, now, before, names)
        steps = engine.query(
            moved.then(
                "_steps", f"select cast(round(moved / {STEP}) as bigint) as step from _moved where moved is not null"
            ).then("_counted", "select step, count(*) as members from _steps group by step order by step")
        )
        shift, band = shift_and_band(
            np.asarray(steps["step"].to_pylist(), dtype=np.float64) * STEP, steps["members"].to_pylist()
        )
        engine.insert(table.name, moved.then("_told", _told(work, names, shift, band)))
    finally:
        engine.drop(now)
        engine.drop(before)
    counted = engine.query(f"select trend, count(*) as n from {engine.dialect.ident(table.name)} group by trend")
    members = dict(zip(counted["trend"].to_pylist(), counted["n"].to_pylist(), strict=True))
    return rows, {
        "days": model.trend_days,
        "since": earlier.as_of.isoformat(),
        **{name: members.get(name, 0) for name in ("rising", "steady", "falling")},
        "new": members.get(None, 0),
        "shift": shift,
        "band": band,
    }


def _moved(work: Work, now: str, before: str, columns: Sequence[str]) -> Plan:
    """The rows of now, the log-odds of then as ``was``, and by how much they ``moved``."""
    dialect = work.engine.dialect
    least, most = dialect.literal(LEAST), dialect.literal(1 - LEAST)

    def odds(of: str) -> str:
        chance = f"greatest(least({of}.score, {most}), {least})"
        # The least of nothing and a limit would be the limit.
        return f"case when {of}.score is not null then ln({chance} / (1 - {chance})) end"

    kept = ", ".join(f"n.{dialect.ident(name)}" for name in columns)
    both = f"{dialect.ident(now)} n left join {dialect.ident(before)} b on b.id = n.id"
    return Plan().then("_moved", f"select {kept}, {odds('b')} as was, {odds('n')} - {odds('b')} as moved from {both}")


def _told(work: Work, columns: Sequence[str], shift: float, band: float) -> str:
    dialect = work.engine.dialect
    by, wide = dialect.literal(shift), dialect.literal(band)
    kept = ", ".join(dialect.ident(name) for name in columns)
    return (
        f"select {kept}, case when moved is null then null when moved - {by} > {wide} then 'rising'"
        f" when moved - {by} < -{wide} then 'falling' else 'steady' end as trend,"
        f" score - 1 / (1 + exp(-(was + {by}))) as {dialect.ident('change')} from _moved"
    )


def trend_words(trend: Figures) -> Words:
    """What the figures of a trend say."""
    days, new = trend["days"], trend["new"]
    rising, falling, steady = (f"{trend[name]:,}" for name in ("rising", "falling", "steady"))
    beyond, usual = math.exp(trend["band"]), math.exp(trend["shift"])
    zh = f"与 {days} 天前相比：{rising} 人的可能性上升，{falling} 人下降，{steady} 人平稳"
    zh += f"；{new:,} 人当时不在预测范围内，没有趋势。" if new else "。"
    en = f"Beside {days} days before, the chance of {rising} members rises, of {falling} it falls,"
    en += f" of {steady} it is steady"
    en += f"; {new:,} were not asked about then and have no trend." if new else "."
    return Words(
        f"{zh}所有人的几率同期变为 ×{usual:.2f}；与它相比变动超过 ×{beyond:.2f} 才算升降，否则是得分自身的波动。",
        f"{en} Everybody's odds moved by ×{usual:.2f} meanwhile; beside that a change beyond ×{beyond:.2f} is told,"
        " a lesser one is what scores wobble by.",
    )


def trend_sections(trend: Figures) -> list[Figures]:
    """The figures of a trend, as a card shows them."""
    names = {"rising": Words("可能性上升", "Chance rises"), "falling": Words("可能性下降", "Chance falls")}
    return [stats(*(stat(words, trend[name], "count") for name, words in names.items()))]
