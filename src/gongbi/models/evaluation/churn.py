"""`gongbi evaluate churn`: who leaves, with contracts and without.

- ``--duration --event``: contracts, how long each has lasted and whether it has ended; survival.
- ``--customer --time``: a list of purchases; who buys nothing in the days to come.
- ``--target``: a yes-or-no column alone; as `propensity`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gongbi.catalog.base import Words
from gongbi.errors import InvalidInput
from gongbi.estimators.checks import FloatArray, IntArray
from gongbi.models.evaluation import propensity
from gongbi.models.evaluation.base import MODEL, SHARE, Chart, Evaluation, Kind, Line, Option, Request
from gongbi.models.evaluation.features import features_of
from gongbi.models.evaluation.reading import binary_of, groups_asked, numbers_of
from gongbi.models.evaluation.splits import Part, carried_out, splits_for
from gongbi.models.evaluation.value import AUTO, correlation, learned_model, read_log

#: Customers learned from at most in one repeat.
MOST_LEARNED = 20_000
CONTRACT_BASELINES = {
    "cox": Words("Cox 比例风险（lifelines）", "Cox proportional hazards of lifelines"),
    "kaplan_meier": Words("人人相同的 Kaplan–Meier 曲线", "Kaplan-Meier, the same for everybody"),
}
CONTRACT_TITLES: Mapping[str, Any] = {
    "concordance": (Words("一致性指数", "Concordance"), "high", SHARE),
    "concordance_half": (Words("前一半期限内的一致性", "Concordance within half the horizon"), "high", SHARE),
    "brier": (Words("期限内是否离开的 Brier 分数", "Brier score of leaving within the horizon"), "low", SHARE),
    "calibration_error": (Words("校准误差（按风险分五组）", "Calibration error, by fifths of risk"), "low", SHARE),
}
SILENT_BASELINES = {
    "rfm logistic": Words(
        "近度、频度、时长的逻辑回归，在更早的截止日上学习",
        "logistic regression on recency, frequency and age, learned a horizon earlier",
    ),
    "silence": Words(
        "沉默天数的逻辑回归，在更早的截止日上学习",
        "logistic regression on the days of silence, learned a horizon earlier",
    ),
}


def run(frame: Any, request: Request) -> Evaluation:
    """Judge by what the columns given say: contracts, purchases, or a target alone."""
    if request.text("duration") is not None:
        return contracts(frame, request)
    if request.text("customer") is not None:
        return silence(frame, request)
    if request.text("target") is None:
        raise InvalidInput(
            "What is churn in this file?",
            hint="Contracts: --duration and --event. Purchases: --customer and --time. A column alone: --target.",
        )
    found = propensity.run(frame, request)
    return replace(found, kind="churn")


def contracts(frame: Any, request: Request) -> Evaluation:
    """Who leaves when, of customers who say when they go."""
    from gongbi.estimators.survival import ContractModel

    name = request.text("event") or request.text("target")
    if name is None:
        raise InvalidInput("Contracts also need --event: whether each has ended.")
    lasted = numbers_of(frame, request.needed("duration"))
    ended, known, label = binary_of(frame, name, request.text("yes"))
    notes = [Words(f"已离开：{name} = {label}。", f"Has left: {name} = {label}.")]
    kept = known & np.isfinite(lasted)
    if not kept.all():
        lost = int((~kept).sum())
        notes.append(
            Words(f"{lost} 行没有时长或结果，未用。", f"{lost} rows without a duration or an outcome are left out.")
        )
        frame, lasted, ended = frame[kept].reset_index(drop=True), lasted[kept], ended[kept]
    if not ended.any():
        raise InvalidInput("Nobody has left, so there is nothing to learn.")
    leave_out = {name, request.needed("duration")} | ({request.group} if request.group else set())
    features = features_of(
        frame, leave_out=leave_out, features=request.columns("features"), drop=request.columns("drop")
    )
    notes += [*features.notes, *_tells_duration(features.frame, lasted)]
    horizon = request.number("horizon", float(np.median(lasted)))
    if not 0 < horizon <= float(lasted.max()):
        raise InvalidInput(f"--horizon is above 0 and at most {lasted.max():g} here, not {horizon:g}.")
    groups = groups_asked(frame, request)
    splits = splits_for(request, len(ended), strata=ended, groups=groups)
    chosen: list[str] = []

    def trial(parts: tuple[Part, ...], seed: int) -> Mapping[str, Mapping[str, float]]:
        risks: list[dict[str, FloatArray]] = []
        for part in parts:
            learned = _some(part.learned, seed)
            model = ContractModel(seed=seed).fit(features.frame.iloc[learned], lasted[learned], ended[learned])
            chosen.append(model.family_)
            plain = ContractModel(families=("cox",))
            plain.fit(features.frame.iloc[learned], lasted[learned], ended[learned])
            risks.append(_risks(model, plain, features.frame.iloc[part.judged], lasted, ended, learned, horizon))
        judged = np.concatenate([part.judged for part in parts])
        joined = {who: np.concatenate([one[who] for one in risks]) for who in risks[0]}
        found = {who: _judged(risk, lasted[judged], ended[judged], horizon) for who, risk in joined.items()}
        return {title: {who: one[title] for who, one in found.items()} for title in CONTRACT_TITLES}

    seeds, measures = carried_out(trial, request, splits, CONTRACT_TITLES)
    used = {one: chosen.count(one) for one in sorted(set(chosen))}
    families = "、".join(used), ", ".join(used)
    notes.append(
        Words(
            f"期限：{horizon:g}（与 {request.needed('duration')} 同单位）。",
            f"The horizon is {horizon:g}, in the unit of {request.needed('duration')}.",
        )
    )
    return Evaluation(
        kind="churn",
        model=Words(
            f"生存模型（按留出似然选出：{families[0]}）",
            f"survival model, chosen by held-out likelihood: {families[1]}",
        ),
        baselines=CONTRACT_BASELINES,
        rows=len(ended),
        split=splits.words,
        seeds=seeds,
        measures=measures,
        charts=(_staying(lasted, ended),),
        notes=tuple(notes),
        details={"horizon": horizon, "families_chosen": used, **features.to_json()},
    )


def silence(frame: Any, request: Request) -> Evaluation:
    """Who will buy nothing in the days to come, of customers who leave without saying so."""
    log, _, notes, _ = read_log(frame, request)
    span = float(log.day.max() - log.day.min())
    if span < 42:
        raise InvalidInput(f"The purchases span {span:.0f} days, too few to learn from and to judge.")
    horizon = request.number("horizon", float(np.floor(span / 4)))
    if not 1 <= horizon <= span / 3:
        raise InvalidInput(f"--horizon is 1 to {span / 3:.0f} days here, not {horizon:g}.")
    cut = float(log.day.max()) - horizon
    known, before = log.histories(cut), log.histories(cut - horizon)
    quiet = log.between(cut, cut + horizon, known.customer)[0] == 0
    quiet_before = log.between(cut - horizon, cut, before.customer)[0] == 0
    propensity.refuse_few(quiet)
    where = np.full(log.customers, -1)
    where[before.customer] = np.arange(len(before.customer))
    now, earlier = _history_columns(known), _history_columns(before)
    splits = splits_for(request, len(quiet), strata=quiet)
    chosen: list[str] = []

    def trial(parts: tuple[Part, ...], seed: int) -> Mapping[str, Mapping[str, float]]:
        found: list[dict[str, FloatArray]] = []
        for part in parts:
            learned = _some(part.learned, seed)
            name, model = learned_model(request.text("model") or AUTO, known.past(learned))
            chosen.append(name)
            then = where[known.customer[learned]]
            then = then[then >= 0]
            chance = _log_odds(model.predict_chance(horizon / 7, *known.past(part.judged)))
            # What the model knew a horizon earlier, and what came of it: both lie before the cut.
            early = learned_model(name, before.past(then))[1]
            chance_then = _log_odds(early.predict_chance(horizon / 7, *before.past(then)))
            outcome = quiet_before[then]
            own = np.column_stack([now[part.judged], chance]), np.column_stack([earlier[then], chance_then])
            found.append(
                {
                    MODEL: _logistic(own[1], outcome, own[0]),
                    "rfm logistic": _logistic(earlier[then], outcome, now[part.judged]),
                    "silence": _logistic(earlier[then][:, :1], outcome, now[part.judged][:, :1]),
                }
            )
        outcome = quiet[np.concatenate([part.judged for part in parts])]
        joined = {who: np.concatenate([one[who] for one in found]) for who in found[0]}
        figures = {who: propensity.figures(outcome, chance) for who, chance in joined.items()}
        return {title: {who: one[title] for who, one in figures.items()} for title in propensity.TITLES}

    seeds, measures = carried_out(trial, request, splits, propensity.TITLES)
    used = ", ".join(sorted(set(chosen)))
    notes.append(
        Words(
            f"流失：截止后 {horizon:g} 天内没有购买；{quiet.mean():.0%} 的客户如此。",
            f"Churn: no purchase in the {horizon:g} days after the cut; so did {quiet.mean():.0%} of the customers.",
        )
    )
    return Evaluation(
        kind="churn",
        model=Words(
            f"购买模型（{used}）的购买机会加 RFM，在更早的截止日校准",
            f"chance to buy by {used}, with RFM, calibrated at an earlier cut",
        ),
        baselines=SILENT_BASELINES,
        rows=len(quiet),
        split=splits.words,
        seeds=seeds,
        measures=measures,
        notes=tuple(notes),
        details={"horizon_days": horizon, "churned": float(quiet.mean())},
    )


def _risks(
    model: Any, plain: Any, judged: Any, lasted: FloatArray, ended: NDArray[np.bool_], learned: IntArray, horizon: float
) -> dict[str, FloatArray]:
    """Chance of leaving within the horizon since the beginning, of those judged."""
    from gongbi.estimators.survival import kaplan_meier

    times, stays = kaplan_meier(lasted[learned], ended[learned])
    at = int(np.searchsorted(times, horizon, side="right")) - 1
    everybody = 1 - (stays[at] if at >= 0 else 1.0)
    return {
        MODEL: 1 - model.predict_survival(judged, [horizon])[:, 0],
        "cox": 1 - plain.predict_survival(judged, [horizon])[:, 0],
        "kaplan_meier": np.full(len(judged), everybody),
    }


def _judged(risk: FloatArray, lasted: FloatArray, ended: NDArray[np.bool_], horizon: float) -> dict[str, float]:
    """Figures of chances of leaving within the horizon; who was seen for less counts by its inverse chance."""
    from gongbi.estimators.survival import concordance, kaplan_meier

    gone = ended & (lasted <= horizon)
    certain = gone | (lasted >= horizon)
    times, seen = kaplan_meier(lasted, ~ended)
    place = np.searchsorted(times, np.minimum(lasted, horizon), side="left") - 1
    weight = np.where(certain, 1 / np.maximum(np.where(place >= 0, seen[place] if len(seen) else 1.0, 1.0), 0.05), 0.0)
    total = weight.sum()
    fifth = np.argsort(np.argsort(risk, kind="stable"), kind="stable") * 5 // len(risk)
    gap = 0.0
    for group in range(5):
        mine = weight * (fifth == group)
        if mine.sum():
            gap += mine.sum() / total * abs(float(mine @ (gone - risk)) / mine.sum())
    return {
        "concordance": concordance(lasted, ended, risk),
        "concordance_half": concordance(lasted, ended, risk, horizon / 2),
        "brier": float(weight @ (gone - risk) ** 2 / total) if total else float("nan"),
        "calibration_error": gap,
    }


def _tells_duration(columns: Any, lasted: FloatArray) -> list[Words]:
    """A word on columns that all but say how long a contract has lasted: they know the future of its first day."""
    notes = []
    for name in columns.columns:
        if columns[name].dtype.kind != "f":
            continue
        values = np.nan_to_num(np.asarray(columns[name], dtype=np.float64))
        ranks = [np.argsort(np.argsort(one)).astype(np.float64) for one in (values, lasted)]
        if np.ptp(values) > 0 and abs(correlation(ranks[0], ranks[1])) > 0.8:
            notes.append(
                Words(
                    f"列 {name} 随时长增长，可能是事后累计的；请考虑 --drop {name}。",
                    f"Column {name} grows with the duration: it may add up over it; consider --drop {name}.",
                )
            )
    return notes


def _history_columns(known: Any) -> FloatArray:
    silence = known.age - known.recency
    usual = known.recency / np.maximum(known.frequency, 1)
    columns = (silence, known.frequency, known.age, silence / np.maximum(usual, 1.0))
    return np.column_stack([np.log1p(column) for column in columns])


def _log_odds(chance: FloatArray) -> FloatArray:
    safe = np.clip(chance, 1e-6, 1 - 1e-6)
    odds: FloatArray = np.log(safe / (1 - safe))
    return odds


def _logistic(learned: FloatArray, outcome: NDArray[np.bool_], judged: FloatArray) -> FloatArray:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if outcome.all() or not outcome.any():
        return np.full(len(judged), float(outcome.mean()))
    fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(learned, outcome)
    return np.asarray(fitted.predict_proba(judged)[:, 1], dtype=np.float64)


def _some(rows: IntArray, seed: int) -> IntArray:
    if len(rows) <= MOST_LEARNED:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, MOST_LEARNED, replace=False))


def _staying(lasted: FloatArray, ended: NDArray[np.bool_]) -> Chart:
    from gongbi.estimators.survival import kaplan_meier

    times, stays = kaplan_meier(lasted, ended)
    shown = np.unique(np.linspace(0, len(times) - 1, min(len(times), 100)).astype(np.int64))
    line = Line(Words("全体", "Everybody"), [0.0, *times[shown].tolist()], [1.0, *stays[shown].tolist()])
    return Chart(
        "staying",
        Words("仍在的客户占比", "Share that stays"),
        Words("时长", "Time since the beginning"),
        Words("占比", "Share"),
        (line,),
    )


KIND = Kind(
    name="churn",
    title=Words("流失模型评估", "Evaluation of churn"),
    about=Words(
        "评估「谁会离开」：合同（--duration --event）、购买明细（--customer --time），或只有目标列（--target）。",
        "Who leaves: contracts (--duration --event), purchases (--customer --time), or a target alone (--target).",
    ),
    options=(
        Option("duration", Words("合同：已持续时长列。", "Contracts: column of how long each has lasted.")),
        Option("event", Words("合同：是否已离开列。", "Contracts: column of whether it has ended.")),
        Option("customer", Words("购买明细：客户列。", "Purchases: column of who bought.")),
        Option("target", Words("目标列（是/否）。", "Column: yes or no, has left.")),
        Option("yes", Words("表示「已离开」的值。", "Value that means has left."), takes="text"),
        Option(
            "horizon",
            Words(
                "期限；合同默认为时长的中位数，购买默认为跨度的四分之一（天）。",
                "Horizon; the median duration, or a quarter of the span in days.",
            ),
            takes="number",
        ),
        Option("features", Words("只用这些列。", "Only these columns, separated by commas."), takes="columns"),
        Option("drop", Words("不用这些列。", "Not these columns."), takes="columns"),
        Option(
            "model",
            Words(
                "购买模型：auto、beta_geo、modified_beta_geo 或 pareto_nbd。",
                "Model of purchases: auto, beta_geo, modified_beta_geo or pareto_nbd.",
            ),
            takes="text",
            default=AUTO,
        ),
    ),
    run=run,
    splits=("random", "folds"),
)
