"""Where customers stand in their life with us, learned from a log of purchases; what those who sleep are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from gongbi.catalog.base import ModelDef, Words
from gongbi.catalog.score_labels import LABELS
from gongbi.errors import DidNotConverge, InvalidInput
from gongbi.estimators.checks import FloatArray, IntArray
from gongbi.estimators.lifecycle import DORMANT, SLEEPS, STAGES, StageModel, hidden_value
from gongbi.estimators.purchase_log import PurchaseLog
from gongbi.estimators.stats import wilson_interval
from gongbi.models.base import Figures, Judgement, Trained, Version, worse
from gongbi.models.plan import last_day
from gongbi.models.propensity import SEED, interval_json
from gongbi.models.purchases import Histories, PurchaseModels
from gongbi.models.rivals import beside, fair, mean_interval, side_by_side, told_beside
from gongbi.models.sections import stat, stats, table
from gongbi.translation import in_language

FORMAT = 1
#: What versions are compared by.
LOSS = Words("上一周期去向的对数损失", "log loss of the stages of the last period")
TITLES: Mapping[str, Words] = {value: Words(*title) for value, title in LABELS["stages", "stage"].items()}


@dataclass(frozen=True)
class Log:
    """Purchases by customer and day, the ids by the customer's number, and the last day that is known."""

    log: PurchaseLog
    ids: Any
    cut: float

    @classmethod
    def of(cls, rows: pa.Table, as_of: datetime, zone: str) -> Log:
        """Take it from the rows of `days_plan`, which are in the order of the ids."""
        if not len(rows):
            raise InvalidInput(f"There is no purchase before {as_of:%Y-%m-%d}.")
        days = rows["day"].cast(pa.date32()).cast(pa.int32()).to_numpy()
        ids = rows["id"].to_numpy(zero_copy_only=False)
        log = PurchaseLog.of(ids, days.astype(np.float64), rows["spend"].cast(pa.float64()).to_numpy())
        cut = np.datetime64(last_day(as_of, zone)).astype("datetime64[D]").astype(np.int64)
        # As the log numbers customers as they come, and they come in order, the ids that differ are in its order.
        return cls(log, rows["id"].unique(), float(cut))


def learn(model: ModelDef, rows: pa.Table, as_of: datetime, zone: str, champion: Version | None = None) -> Trained:
    """Count transitions, learn what purchases are worth, and hold both to what came last.

    Raises
    ------
    InvalidInput
        The log spans fewer than four periods.
    """
    known = Log.of(rows, as_of, zone)
    fitted = StageModel(model.period_days).fit(known.log)
    _, stage = fitted.predict(known.log, known.cut)
    check = _transitions_checked(known, model, fair(champion, model.period_days, as_of, zone))
    waking, why = _waking_checked(known, model)
    artifact: dict[str, Any] = {
        "format": FORMAT,
        "period": model.period_days,
        "counts": fitted.counts_.tolist(),
        "worth": None if waking is None else waking["models"].to_json(),
    }
    asleep: Figures = {}
    if waking is not None:
        now = _asleep(known, model, waking["models"])
        asleep = {
            "members": len(now["customer"]),
            "hidden_value": float(now["hidden_value"].sum()),
            "worth_if_woken": float(now["worth_if_woken"].sum()),
            "woken_before": now["woken_before"],
            **{key: waking[key] for key in ("foretold", "woke", "woke_interval", "sleepers")},
        }
    sizes = np.bincount(stage, minlength=len(STAGES))
    judgement = _judge(check)
    metrics: Figures = {
        "headline": {
            "members": len(stage),
            "dormant": int(sizes[DORMANT]),
            "hidden_value": asleep.get("hidden_value"),
            "log_loss": check["log_loss"],
            "log_loss_of_shares": check["log_loss_of_shares"],
        },
        "members": len(stage),
        "stages": {name: int(n) for name, n in zip(STAGES, sizes, strict=True)},
        "transitions": fitted.transitions_.tolist(),
        "counts": fitted.counts_.tolist(),
        "check": check,
        "asleep": asleep or None,
        "sections": _sections(fitted, sizes, check, asleep, why),
        "sentence": told_beside(_sentence(check, asleep), check, LOSS).to_json(),
        "judgement": judgement.to_json(),
    }
    parameters = {"period_days": model.period_days, "horizon_days": model.horizon_days, "seed": SEED}
    window = {"as_of": as_of.isoformat(), "horizon_days": model.horizon_days}
    return Trained(model.model, "stages, Markov chain", artifact, metrics, parameters, window, judgement)


def scores(model: ModelDef, artifact: Mapping[str, Any], rows: pa.Table, as_of: datetime, zone: str) -> dict[str, Any]:
    """The stage of each customer, and of those who sleep what waking them is worth.

    Raises
    ------
    InvalidInput
        The model was written in another format.
    """
    if artifact.get("format") != FORMAT:
        raise InvalidInput(f"The model was written in format {artifact.get('format')}; this is {FORMAT}.")
    known = Log.of(rows, as_of, zone)
    who, stage = StageModel(float(artifact["period"])).predict(known.log, known.cut)
    found = {name: np.full(known.log.customers, np.nan) for name in ("chance", "worth_if_woken", "hidden_value")}
    if artifact["worth"] is not None:
        asleep = _asleep(known, model, PurchaseModels.from_json(artifact["worth"]))
        for name, values in found.items():
            values[asleep["customer"]] = asleep[name]
    return {
        "id": known.ids.take(pa.array(who)),
        "stage": pa.array([STAGES[one] for one in stage], pa.string()),
        **{name: pa.array(values[who], pa.float64(), from_pandas=True) for name, values in found.items()},
    }


def _asleep(known: Log, model: ModelDef, models: PurchaseModels, cut: float | None = None) -> dict[str, Any]:
    at = known.cut if cut is None else cut
    past = known.log.histories(at)
    value = np.zeros(known.log.customers)
    value[past.customer] = models.much.predict_value(past.frequency, past.mean_spend)
    return hidden_value(
        models.often, known.log, at, value, sleeps=SLEEPS * model.period_days, horizon=float(model.horizon_days)
    )


def _models_at(known: Log, cut: float) -> PurchaseModels:
    past = known.log.histories(cut)
    return PurchaseModels.fit(Histories(past.frequency, past.recency, past.age, past.mean_spend), "beta_geo")


def _waking_checked(known: Log, model: ModelDef) -> tuple[dict[str, Any] | None, Words | None]:
    """What sleepers are worth by now's models; how many of those one horizon earlier were foretold to wake, and woke.

    None with the reason where the data tell no chance of waking.
    """
    cut = known.cut - model.horizon_days
    try:
        models = _models_at(known, known.cut)
        _asleep(known, model, models)
        then = _asleep(known, model, _models_at(known, cut), cut)
    except (InvalidInput, DidNotConverge) as error:
        return None, Words(
            f"无法估计唤醒价值：{in_language(error.message, 'zh')}",
            f"What waking is worth cannot be told: {error.message}",
        )
    woke = known.log.between(cut, known.cut, then["customer"])[0] > 0
    return {
        "models": models,
        "sleepers": len(woke),
        "foretold": float(then["chance"].sum()),
        "woke": int(woke.sum()),
        "woke_interval": {
            name: None if share is None else share * len(woke)
            for name, share in interval_json(wilson_interval(int(woke.sum()), len(woke))).items()
            if name in ("low", "high")
        },
    }, None


def _transitions_checked(known: Log, model: ModelDef, champion: Version | None) -> Figures:
    """Learn up to one period before the end; how likely were the stages of the last period, by row and by shares?

    How often the likeliest stage was right stands beside how often staying where one was would have been. The
    `champion` is one that learned nothing from the last period.
    """
    period = model.period_days
    before = known.cut - period
    early = known.log.day <= before
    log = known.log
    past = StageModel(period).fit(PurchaseLog(log.customer[early], log.day[early], log.spend[early], log.customers))
    was, then = _last_period(known, period)
    shares = (past.counts_.sum(axis=0) + 1 / len(STAGES)) / (past.counts_.sum() + 1)
    own, plain = -np.log(past.transitions_[was, then]), -np.log(shares[then])
    rival = None if champion is None else _transitions_of(champion, model)
    return {
        "members": len(was),
        "log_loss": float(own.mean()),
        "log_loss_of_shares": float(plain.mean()),
        "difference": mean_interval(own - plain),
        "right": float((past.transitions_.argmax(axis=1)[was] == then).mean()),
        "right_of_staying": float((was == then).mean()),
        "expected": past.transitions_[was].sum(axis=0).tolist(),
        "actual": np.bincount(then, minlength=len(STAGES)).tolist(),
        **(
            {"champion": beside(champion, own, -np.log(rival[was, then]))}
            if champion is not None and rival is not None
            else {}
        ),
    }


def _last_period(known: Log, period: float) -> tuple[IntArray, IntArray]:
    """The stage one period before the end of who was known then, and the stage at the end."""
    rules = StageModel(period)
    who, was = rules.predict(known.log, known.cut - period)
    now_who, now = rules.predict(known.log, known.cut)
    is_now: IntArray = np.full(known.log.customers, -1)
    is_now[now_who] = now
    return was, is_now[who]


def _transitions_of(version: Version, model: ModelDef) -> FloatArray | None:
    """The chances that a kept version learned; None where its periods are of another length."""
    if float(version.artifact["period"]) != model.period_days:
        return None
    counts = np.asarray(version.artifact["counts"], dtype=np.float64)
    found: FloatArray = (counts + 1 / len(STAGES)) / (counts.sum(axis=1, keepdims=True) + 1)
    return found


def compare(
    model: ModelDef, rows: pa.Table, as_of: datetime, zone: str, versions: Sequence[Version]
) -> tuple[Figures, list[Figures]]:
    """Kept versions on the last period; ``loss`` is the mean log loss of the stages that came."""
    was, then = _last_period(Log.of(rows, as_of, zone), model.period_days)
    chances = [_transitions_of(one, model) for one in versions]
    losses = [None if one is None else -np.log(one[was, then]) for one in chances]
    fairly = [fair(one, model.period_days, as_of, zone) is not None for one in versions]
    told = {"days": model.period_days, "members": len(was), "loss": "log loss"}
    return told, side_by_side(versions, losses, fairly)


def _judge(check: Figures) -> Judgement:
    if (waits := worse(check, LOSS)) is not None:
        return waits
    if check["difference"]["low"] > 0:
        return Judgement(
            False,
            Words(
                "上一周期的去向，转移矩阵说得不如各阶段的平均份额准，区间不含 0。",
                "It foretold the stages of the last period worse than their mean shares, with an interval without 0.",
            ),
        )
    return Judgement(
        True, Words("不显著差于各阶段的平均份额。", "It is not shown to be worse than the mean shares of the stages.")
    )


def _sentence(check: Figures, asleep: Figures) -> Words:
    gap = check["difference"]
    better = ("更准", "more exact than") if gap["high"] < 0 else ("并不更准", "not shown to be more exact than")
    losses = check["log_loss"], check["log_loss_of_shares"]
    zh = f"上一周期：知道所在阶段比只看平均份额{better[0]}（对数损失 {losses[0]:.3f}，{losses[1]:.3f}）。"
    en = (
        f"In the last period knowing the stage was {better[1]} the mean shares (log loss {losses[0]:.3f} against"
        f" {losses[1]:.3f})."
    )
    right = 100 * check["right"], 100 * check["right_of_staying"]
    zh += f"最可能的下一阶段说对了 {right[0]:.0f}%，都说“不变”则对 {right[1]:.0f}%。"
    en += (
        f" The likeliest next stage was right of {right[0]:.0f}%, saying of everybody that nothing changes of"
        f" {right[1]:.0f}%."
    )
    if asleep:
        low, high = (asleep["woke_interval"][name] for name in ("low", "high"))
        span = f"{low:,.0f} ~ {high:,.0f}"
        if asleep["foretold"] > high:
            off = ("预计得太多，唤醒价值偏高", "too many were foretold, so read the hidden value as too high")
        elif asleep["foretold"] < low:
            off = ("预计得太少，唤醒价值偏低", "too few were foretold, so read the hidden value as too low")
        else:
            off = ("与预计相符", "as many as foretold, within chance")
        zh += (
            f"{asleep['members']:,} 人在沉睡，唤醒后的价值乘以醒来概率合计 {asleep['hidden_value']:,.0f}。"
            f"再早一期：{asleep['sleepers']:,} 人沉睡，预计醒来 {asleep['foretold']:,.0f} 人，"
            f"实际 {asleep['woke']:,} 人（{span}）：{off[0]}。"
        )
        en += (
            f" {asleep['members']:,} sleep; what they are worth if woken times the chance that they wake comes to"
            f" {asleep['hidden_value']:,.0f}. One horizon earlier {asleep['foretold']:,.0f} of"
            f" {asleep['sleepers']:,} sleepers were foretold to wake, and {asleep['woke']:,} ({span}) did: {off[1]}."
        )
    return Words(zh, en)


def _sections(fitted: StageModel, sizes: IntArray, check: Figures, asleep: Figures, why: Words | None) -> list[Figures]:
    total = int(sizes.sum())
    names = [TITLES[name] for name in STAGES]
    about = why or Words(
        "“应到”由到上一周期为止的转移概率得出，“实到”是本周期的人数。",
        "Expected follows from the transitions up to the period before; actual is who was there in this one.",
    )
    found = [
        table(
            Words("各阶段", "Stages"),
            about,
            [
                (Words("阶段", "Stage"), "text"),
                (Words("人数", "Members"), "count"),
                (Words("占比", "Share"), "percent"),
                (Words("应到", "Expected"), "count"),
                (Words("实到", "Actual"), "count"),
            ],
            [
                [name, int(n), int(n) / total, check["expected"][i], check["actual"][i]]
                for i, (name, n) in enumerate(zip(names, sizes, strict=True))
            ],
        ),
        table(
            Words("转移矩阵", "Transition matrix"),
            Words(
                "每行：现在在该阶段的人，一个周期后在各阶段的概率。",
                "Per row: of those in a stage now, the chance to be in each a period later.",
            ),
            [(Words("从 \\ 到", "From \\ to"), "text"), *((name, "percent") for name in names)],
            [[name, *row] for name, row in zip(names, fitted.transitions_.tolist(), strict=True)],
        ),
    ]
    if asleep:
        figures = stats(
            stat(Words("沉睡与流失", "Asleep or lost"), asleep["members"], "count"),
            stat(Words("唤醒价值合计", "Hidden value"), asleep["hidden_value"], "count"),
            stat(Words("从前醒来的比例", "Woke before"), asleep["woken_before"], "percent"),
            stat(Words("预计醒来（上一期）", "Foretold to wake, a horizon ago"), asleep["foretold"], "count"),
            stat(Words("实际醒来", "Woke"), asleep["woke"], "count", asleep["woke_interval"]),
        )
        found.insert(0, figures)
    return found
