"""Whose life changed, by what they buy since: learned from signs in purchases, held to the days that came after."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import betaln

from gongbi.catalog.base import ModelDef, Words
from gongbi.catalog.catalog import Catalog
from gongbi.core.dialect import Dialect
from gongbi.core.plan import Plan
from gongbi.core.rows import row_condition, row_value, rows_query
from gongbi.errors import InvalidInput
from gongbi.estimators.checks import FloatArray
from gongbi.estimators.lifeevents import LifeEventModel, LifeEvents
from gongbi.estimators.stats import bootstrap_interval
from gongbi.models.base import Figures, Judgement, Trained
from gongbi.models.plan import check_hold_out, last_day
from gongbi.models.propensity import SEED, interval_json
from gongbi.models.sections import Format, stat, stats, table

RESAMPLES = 1000
#: Bounds of the chance by which the card groups members.
BANDS = (0.0, 0.05, 0.2, 0.5, 0.8, 0.95, 1.0)
#: How many days everybody's share may count for in a member's own.
SIZES = (0.3, 1, 3, 10, 30, 100, 300)
#: Fewer members who bought after the cut say nothing.
FEWEST_JUDGED = 20


def plans(
    model: ModelDef,
    catalog: Catalog,
    dialect: Dialect,
    as_of: datetime,
    learning: bool,  # noqa: ARG001
) -> dict[str, Plan]:
    """The days on which members bought, and whether a purchase of the day was a sign: ``id``, ``day``, ``sign``."""
    world, fact = catalog.world, model.fact or ""
    sign = row_condition(fact, model.signs or "", world, model.subject)
    assert sign is not None
    columns = {"day": row_value(fact, f"date({fact}.ts)", world, model.subject), "sign": sign}
    where = row_condition(fact, model.where or "", world, model.subject)
    days = "select _m as id, day, max(case when sign then 1 else 0 end) as sign from _rows group by _m, day"
    return {
        "days": Plan()
        .then("_rows", rows_query(fact, columns, where, model.subject, as_of, world, dialect))
        .then("days", f"{days} order by id, day")
    }


def learn(model: ModelDef, rows: pa.Table, as_of: datetime, zone: str) -> Trained:
    """Learn the shares from all days; hold what is learned of those before the last `holdout_days` to these.

    Raises
    ------
    InvalidInput
        Too few members had a sign, or there is nothing before the hold-out.
    """
    member, day, sign = _arrays(rows)
    if len(rows):
        check_hold_out(model, pc.min(rows["day"]).as_py(), last_day(as_of, zone))
    fitted = LifeEventModel(seed=SEED).fit(member, day, sign)
    told = fitted.predict(member, day, sign)
    cut = float(np.datetime64(last_day(as_of, zone)).astype(np.int64)) - model.holdout_days
    check = _checked(member, day, sign, cut)
    judgement = _judge(check, model.holdout_days)
    sure = told.chance >= model.limit
    dated = told.seen >= model.limit
    metrics: Figures = {
        "headline": {"members": len(told.customer), "had_it": int(sure.sum()), "dated": int(dated.sum())},
        "members": len(told.customer),
        "had_it": int(sure.sum()),
        "dated": int(dated.sum()),
        "expected": float(told.chance.sum()),
        "usual": _mean(fitted.usual_),
        "after": _mean(fitted.after_),
        "shares": fitted.shares_.tolist(),
        "check": check,
        "sections": _sections(fitted, told, model.limit, check),
        "sentence": _sentence(check, model.holdout_days).to_json(),
        "judgement": judgement.to_json(),
    }
    window = {"as_of": as_of.isoformat(), "holdout_days": model.holdout_days}
    params = {"usual": list(fitted.usual_), "after": list(fitted.after_), "seed": SEED}
    return Trained(model.model, "change points, beta", fitted.to_json(), metrics, params, window, judgement)


def scores(model: ModelDef, artifact: Mapping[str, Any], rows: pa.Table) -> dict[str, Any]:
    """Per member who bought the chance of the event, and since when, where that is sure enough."""
    fitted = LifeEventModel.from_json(artifact)
    if not len(rows):
        raise InvalidInput(
            "There are no rows, so nothing can be told.",
            hint="Load its source with `gongbi ingest`, or look at `fact` and `where`.",
        )
    member, day, sign = _arrays(rows)
    told = fitted.predict(member, day, sign)
    since = np.where(told.seen >= model.limit, told.day, np.nan)
    return {
        "id": rows["id"].unique().take(pa.array(told.customer)),
        "chance": pa.array(told.chance, pa.float64()),
        "since": pa.array(
            [None if np.isnan(one) else np.datetime64(int(one), "D").astype(object) for one in since], pa.date32()
        ),
        "share": pa.array(told.rate, pa.float64()),
    }


def _arrays(rows: pa.Table) -> tuple[Any, FloatArray, Any]:
    """Members numbered in their order, days since 1970, and whether each bore a sign."""
    member = rows["id"].combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False)
    days = rows["day"].cast(pa.date32()).cast(pa.int32()).to_numpy().astype(np.float64)
    return member, days, rows["sign"].to_numpy(zero_copy_only=False).astype(bool)


def _mean(beta: tuple[float, float]) -> float:
    return beta[0] / (beta[0] + beta[1])


def _checked(member: Any, day: FloatArray, sign: Any, cut: float) -> Figures | None:
    """Of the days after the cut, how many bore a sign, by the chance told at the cut; None where it cannot be told.

    Beside it stands each member's plain share of days with a sign, drawn to that of everybody: if nobody's life had
    changed, it would foretell the later days best.
    """
    early = day <= cut
    try:
        fitted = LifeEventModel(seed=SEED).fit(member[early], day[early], sign[early])
    except InvalidInput:
        return None
    told = fitted.predict(member[early], day[early], sign[early])
    place = np.full(int(member.max()) + 1, -1)
    place[told.customer] = np.arange(len(told.customer))
    late = ~early & (place[member] >= 0)
    n, k = (np.bincount(place[member[late]], weights, len(told.customer)) for weights in (None, sign[late]))
    came = n > 0
    if came.sum() < FEWEST_JUDGED or not k.sum():
        return None
    own, size = place[member[early]], len(told.customer)
    held: FloatArray = np.bincount(own, minlength=size).astype(np.float64)
    marks: FloatArray = np.bincount(own, sign[early], size).astype(np.float64)
    rates = _within(told.rate), _within(_shares(marks, held))
    losses = [-(k * np.log(rate) + (n - k) * np.log1p(-rate))[came] for rate in rates]
    gap = (losses[0] - losses[1]) / n[came].mean()
    bands = []
    for low, high in pairwise(BANDS):
        mine = came & (told.chance >= low) & ((told.chance < high) | (high == 1.0))
        if mine.any():
            bands.append(
                {
                    "low": low,
                    "high": high,
                    "members": int(mine.sum()),
                    "before": float(marks[mine].sum() / held[mine].sum()),
                    "foretold": float((told.rate * n)[mine].sum() / n[mine].sum()),
                    "after": float(k[mine].sum() / n[mine].sum()),
                }
            )
    return {
        "members": int(came.sum()),
        "days": int(n.sum()),
        "signs": int(k.sum()),
        "predicted": float((told.rate * n).sum()),
        "log_loss": float(losses[0].sum() / n.sum()),
        "log_loss_of_share": float(losses[1].sum() / n.sum()),
        "difference": interval_json(
            bootstrap_interval(lambda drawn: float(np.mean(drawn)), gap, seed=SEED, resamples=RESAMPLES)
        ),
        "bands": bands,
    }


def _shares(signs: FloatArray, days: FloatArray) -> FloatArray:
    """Each member's share of days with a sign, drawn to everybody's as far as all shares together ask for it."""
    mean = signs.sum() / days.sum()

    def likelihood(size: float) -> float:
        yes, no = size * mean, size * (1 - mean)
        return float((betaln(signs + yes, days - signs + no) - betaln(yes, no)).sum())

    size = max(SIZES, key=likelihood)
    found: FloatArray = (signs + size * mean) / (days + size)
    return found


def _within(rate: FloatArray) -> FloatArray:
    return np.clip(rate, 1e-6, 1 - 1e-6)


def _judge(check: Figures | None, days: int) -> Judgement:
    if check is None:
        return Judgement(
            False,
            Words(
                f"最后 {days} 天里没有足够的购买可供检验。",
                f"Too little was bought in the last {days} days to check it.",
            ),
        )
    if check["difference"]["low"] > 0:
        return Judgement(
            False,
            Words(
                "预测后来的购买，不如各人一直以来的占比，区间不含 0。",
                "It foretold the later days worse than everybody's plain share, with an interval without 0.",
            ),
        )
    return Judgement(
        True, Words("不显著差于各人一直以来的占比。", "It is not shown to be worse than everybody's plain share.")
    )


def _sentence(check: Figures | None, days: int) -> Words:
    if check is None:
        return Words("没有可检验的。", "There was nothing to check.")
    gap = check["difference"]
    better = ("更准", "better than") if gap["high"] < 0 else ("并不更准", "not shown to be better than")
    better = ("更差", "worse than") if gap["low"] > 0 else better
    n, foretold, came = (check[key] for key in ("days", "predicted", "signs"))
    own, plain = check["log_loss"], check["log_loss_of_share"]
    return Words(
        f"最后 {days} 天：{n:,} 个购买日里预计 {foretold:,.0f} 天有迹象，实际 {came:,} 天；比各人一直以来的占比"
        f"{better[0]}（每日对数损失 {own:.4f}，{plain:.4f}）。",
        f"In the last {days} days {foretold:,.0f} of {n:,} days with a purchase were foretold to bear a sign, and"
        f" {came:,} did: {better[1]} everybody's plain share (log loss per day {own:.4f} against {plain:.4f}).",
    )


def _sections(fitted: LifeEventModel, told: LifeEvents, limit: float, check: Figures | None) -> list[Figures]:
    percent: list[tuple[Words, Format]] = [
        (Words("此前占比", "Share before"), "percent"),
        (Words("预计占比", "Foretold"), "percent"),
        (Words("实际占比", "Share after"), "percent"),
    ]
    found = [
        stats(
            stat(Words("已发生（达到把握）", "Had it, sure enough"), int((told.chance >= limit).sum()), "count"),
            stat(Words("知道何时开始", "Known since when"), int((told.seen >= limit).sum()), "count"),
            stat(Words("预计共有", "Expected in all"), float(told.chance.sum()), "count"),
            stat(Words("平常的迹象占比", "Days with a sign, usually"), _mean(fitted.usual_), "percent"),
            stat(Words("发生后的迹象占比", "Days with a sign, after it"), _mean(fitted.after_), "percent"),
        )
    ]
    if check:
        found.append(
            table(
                Words("把握与后来", "Chance and what came"),
                Words(
                    "按检验期之前算出的概率分组：检验期内有迹象的购买日占比。",
                    "By the chance told before the days kept back: the share of days with a sign, then and in them.",
                ),
                [
                    (Words("概率自", "Chance from"), "percent"),
                    (Words("至", "To"), "percent"),
                    (Words("人数", "Members"), "count"),
                    *percent,
                ],
                [[b[key] for key in ("low", "high", "members", "before", "foretold", "after")] for b in check["bands"]],
            )
        )
    return found
