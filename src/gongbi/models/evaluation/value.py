"""`gongbi evaluate value`: what customers will buy and spend, from a list of purchases or a summary of it.

The models learn from what was known at a cut and are judged on the days after it, on customers they did not learn from
(``random``, ``folds``: other customers in each repeat) or on all customers at later and later cuts (``time``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gongbi.catalog.base import Words
from gongbi.errors import DidNotConverge, InvalidInput, UnknownName
from gongbi.estimators.checks import FloatArray, IntArray
from gongbi.estimators.histories import PurchaseModel
from gongbi.estimators.purchase_log import WEEK, PurchaseHistories, PurchaseLog, by_frequency
from gongbi.models.evaluation.base import (
    CORRELATION,
    ERROR,
    MODEL,
    SHARE,
    Chart,
    Evaluation,
    Kind,
    Line,
    Option,
    Request,
    repeated,
)
from gongbi.models.evaluation.reading import numbers_of, times_of
from gongbi.models.evaluation.splits import Part, splits_for
from gongbi.models.purchases import OFTEN, fit_spend

#: More customers than these teach the parameters nothing more.
MOST_LEARNED = 50_000
#: Steps of a tracking plot at most; a longer log has steps of several weeks.
MOST_STEPS = 104
AUTO = "auto"
BASELINES = {
    "last period": Words("照搬前一段同样长的时间", "repeat the period of the same length before"),
    "rate": Words("按各人以往的平均频率推算", "go on at each customer's own average rate"),
    "rate if recent": Words(
        "平常间隔三倍以内买过的按以往频率，其余为 0", "own rate where the silence is within three usual gaps, else 0"
    ),
}
TITLES: Mapping[str, Any] = {
    "purchases_rmse": (Words("购买次数的均方根误差", "Root mean squared error of purchases"), "low", ERROR),
    "purchases_mae": (Words("购买次数的平均绝对误差", "Mean absolute error of purchases"), "low", ERROR),
    "purchases_correlation": (Words("预测与实际次数的相关", "Correlation of purchases"), "high", CORRELATION),
    "purchases_total": (
        Words("预测总次数与实际之比的偏离", "Total of purchases: how far from the actual"),
        "low",
        ERROR,
    ),
    "spend_rmse": (Words("花费的均方根误差", "Root mean squared error of spend"), "low", ERROR),
    "spend_mae": (Words("花费的平均绝对误差", "Mean absolute error of spend"), "low", ERROR),
    "spend_correlation": (Words("预测与实际花费的相关", "Correlation of spend"), "high", CORRELATION),
    "spend_top_decile": (
        Words("预测最高 10% 客户占实际花费之比", "Share of spend held by the best 10 %"),
        "high",
        SHARE,
    ),
}


@dataclass(frozen=True)
class Judged:
    """Customers at a cut: what was known, what came in the horizon after it, and what came in the same time before.

    ``previous`` and ``previous_spend`` are None where only a summary is known; so are spends where there are none.
    """

    known: PurchaseHistories
    weeks: float
    actual: FloatArray
    actual_spend: FloatArray | None
    previous: FloatArray | None
    previous_spend: FloatArray | None

    def part(self, rows: IntArray) -> Judged:
        """Some of the customers."""
        known = PurchaseHistories(**{name: values[rows] for name, values in vars(self.known).items()})

        def some(values: FloatArray | None) -> FloatArray | None:
            return None if values is None else values[rows]

        return Judged(
            known,
            self.weeks,
            self.actual[rows],
            some(self.actual_spend),
            some(self.previous),
            some(self.previous_spend),
        )


def run(frame: Any, request: Request) -> Evaluation:
    """Judge the models of purchases and of spend on somebody's file."""
    wanted = request.text("model") or AUTO
    if wanted not in (AUTO, *OFTEN):
        raise UnknownName("model", wanted, (AUTO, *OFTEN))
    if request.text("frequency") is not None:
        whole, notes = _summary(frame, request)
        cuts, log = [whole], None
    else:
        cuts, notes, log = _log(frame, request)
        whole = cuts[-1]
    chosen: list[str] = []

    def trial(split: tuple[Judged, tuple[Part, ...]], seed: int) -> Mapping[str, Mapping[str, float]]:
        at, parts = split
        forecasts: list[dict[str, tuple[FloatArray, FloatArray | None]]] = []
        for part in parts:
            learned = at.part(_some(part.learned, seed))
            name, _, forecast = _forecast(wanted, learned, at.part(part.judged))
            chosen.append(name)
            forecasts.append(forecast)
        judged = at.part(np.concatenate([part.judged for part in parts]))
        who = forecasts[0]
        joined = {name: tuple(_joined([one[name][i] for one in forecasts]) for i in range(2)) for name in who}
        found = {name: _figures(pair[0], pair[1], judged) for name, pair in joined.items()}
        return {title: {name: one[title] for name, one in found.items()} for title in found[MODEL]}

    everybody = np.arange(len(whole.actual))
    if request.split == "time":
        parts: list[Any] = [(at, (Part(np.arange(len(at.actual)), np.arange(len(at.actual))),)) for at in cuts]
        words = Words(
            f"{len(cuts)} 个截止日，逐个后移：用其前全部历史学习，以其后 {whole.weeks * 7:g} 天检验。",
            f"{len(cuts)} cuts, each later than the one before: learn from all history up to it, be judged on the"
            f" {whole.weeks * 7:g} days after it.",
        )
        share = 0.25
    else:
        splits = splits_for(request, len(everybody), strata=np.minimum(whole.known.frequency, 3))
        parts = [(whole, one) for one in splits.repeats]
        ahead = f"{whole.weeks * 7:g}"
        words = Words(
            f"{splits.words.zh}按客户分：学习只用截止日前的历史，检验用其余客户此后 {ahead} 天。",
            f"{splits.words.en} By customer: what is learned from is history before the cut, what is judged on the"
            f" {ahead} days after it of the other customers.",
        )
        share = splits.judged_per_learned
    seeds = request.seeds[: len(parts)]
    measures = repeated(trial, parts, TITLES, seeds=seeds, judged_per_learned=share, progress=request.progress)
    name, model, forecast = _forecast(wanted, whole.part(_some(everybody, request.seed)), whole)
    used = sorted(set(chosen), key=chosen.count, reverse=True)
    label = ", ".join(OFTEN[one].__name__ for one in used)
    return Evaluation(
        kind="value",
        model=Words(f"{label}，Gamma-Gamma 花费模型", f"{label}; Gamma-Gamma for spend"),
        baselines={one: BASELINES[one] for one in forecast if one != MODEL},
        rows=len(everybody),
        split=words,
        seeds=seeds,
        measures=measures,
        charts=(_chart(whole, forecast), *(() if log is None else _tracking(log, model, whole.weeks * 7))),
        sentences=(_sentence(whole, forecast[MODEL][0]),),
        notes=tuple(notes),
        details={"horizon_days": whole.weeks * 7, "model": name, "models_chosen": {n: chosen.count(n) for n in used}},
    )


def learned_model(wanted: str, past: tuple[FloatArray, FloatArray, FloatArray]) -> tuple[str, PurchaseModel]:
    """Return the model asked for, or of all of them the one under which the histories are the most likely."""
    found: list[tuple[str, PurchaseModel]] = []
    for name in OFTEN if wanted == AUTO else (wanted,):
        try:
            found.append((name, OFTEN[name]().fit(*past)))
        except DidNotConverge:
            continue
    if not found:
        raise DidNotConverge(
            "No model of purchases has a maximum on these histories.",
            hint="They do not show who left: give a longer log, or customers of different ages.",
        )
    # All have four parameters, so that the likelihoods are compared as they are.
    return max(found, key=lambda one: one[1].log_likelihood_)


def _forecast(
    wanted: str, learned: Judged, judged: Judged
) -> tuple[str, PurchaseModel, dict[str, tuple[FloatArray, FloatArray | None]]]:
    """The model, and purchases and spend of each customer in the horizon, by it and by each baseline."""
    name, model = learned_model(wanted, learned.known.past())
    known, ahead = judged.known, judged.weeks
    money = judged.actual_spend is not None
    each: FloatArray | None = None
    own: FloatArray | None = None
    if money:
        back = learned.known.frequency > 0
        much = fit_spend(learned.known.frequency[back], learned.known.mean_spend[back])
        each = much.predict_value(known.frequency, known.mean_spend)
        own = known.spend / (known.frequency + 1)
    found = {MODEL: (count := model.predict_purchases(ahead, *known.past()), None if each is None else count * each)}
    if judged.previous is not None:
        found["last period"] = (judged.previous, judged.previous_spend)
    # A customer seen for less than a week is taken as seen for one.
    rate = known.frequency / np.maximum(known.age, 1.0) * ahead
    gap = known.recency / np.maximum(known.frequency, 1)
    recent = np.where((known.age - known.recency) <= 3 * np.maximum(gap, 1.0), rate, 0.0)
    for label, count in (("rate", rate), ("rate if recent", recent)):
        found[label] = (count, None if own is None else count * own)
    return name, model, found


def _figures(count: FloatArray, spend: FloatArray | None, judged: Judged) -> dict[str, float]:
    actual, paid = judged.actual, judged.actual_spend
    found = {
        "purchases_rmse": _rmse(count, actual),
        "purchases_mae": float(np.abs(count - actual).mean()),
        "purchases_correlation": correlation(count, actual),
        "purchases_total": abs(float(count.sum() / actual.sum()) - 1) if actual.any() else float("nan"),
    }
    if spend is not None and paid is not None:
        best = np.argsort(-spend, kind="stable")[: max(1, len(spend) // 10)]
        found |= {
            "spend_rmse": _rmse(spend, paid),
            "spend_mae": float(np.abs(spend - paid).mean()),
            "spend_correlation": correlation(spend, paid),
            "spend_top_decile": float(paid[best].sum() / paid.sum()) if paid.any() else float("nan"),
        }
    return found


def _log(frame: Any, request: Request) -> tuple[list[Judged], list[Words], PurchaseLog]:
    log, money, notes, newest = read_log(frame, request)
    span = float(log.day.max() - log.day.min())
    if span < 28:
        raise InvalidInput(f"The purchases span {span:.0f} days, too few to learn from and to judge.")
    horizon = request.number("horizon", float(np.floor(span / 3)))
    if not 1 <= horizon <= span * 0.75:
        raise InvalidInput(f"--horizon is 1 to {span * 0.75:.0f} days here, not {horizon:g}.")
    last = float(log.day.max()) - horizon
    earliest = float(log.day.min()) + max(span / 4, 14.0)
    days = np.unique(np.floor(np.linspace(min(earliest, last), last, request.repeats)))
    cuts = (
        [_at(log, cut, horizon, money) for cut in days] if request.split == "time" else [_at(log, last, horizon, money)]
    )
    day = newest - np.timedelta64(int(horizon), "D")
    notes.append(
        Words(
            f"截止日 {day}，其后 {horizon:g} 天用于检验；同一客户同一天的购买算一次。",
            f"The cut is the end of {day}; the {horizon:g} days after it are judged. A customer's day counts once.",
        )
    )
    return cuts, notes, log


def read_log(frame: Any, request: Request) -> tuple[PurchaseLog, bool, list[Words], Any]:
    """Return the purchases, whether they have amounts, what was left out, and the newest day."""
    missing = [f"--{name}" for name in ("customer", "time") if _column(request, name) is None]
    if missing:
        raise InvalidInput(
            f"A list of purchases needs {' and '.join(missing)}.",
            hint="Or give a summary: --frequency, --recency, --age, --actual and --horizon.",
        )
    customer, when, amount = (_column(request, name) for name in ("customer", "time", "amount"))
    notes = []
    kept = frame[customer].notna() & frame[when].notna()
    if request.text("amount") is not None:
        paid = numbers_of(frame, str(amount))
        kept &= paid > 0
    if not kept.all():
        lost = int((~kept).sum())
        notes.append(
            Words(
                f"{lost} 行没有客户或时间，或金额不大于 0（退货、赠品），未用。",
                f"{lost} rows without a customer or a time, or with an amount not above 0, are left out.",
            )
        )
        frame = frame[kept].reset_index(drop=True)
    if not len(frame):
        raise InvalidInput("There are no purchases.")
    times = times_of(frame, str(when))
    days = times.astype("datetime64[D]").astype(np.int64).astype(np.float64)
    money = numbers_of(frame, str(amount)) if amount is not None else None
    return (
        PurchaseLog.of(frame[customer].to_numpy(), days, money),
        money is not None,
        notes,
        times.max().astype("datetime64[D]"),
    )


def _column(request: Request, name: str) -> str | None:
    return request.time if name == "time" else request.text(name)


def _at(log: PurchaseLog, cut: float, horizon: float, money: bool) -> Judged:
    known = log.histories(cut)
    actual, spend = log.between(cut, cut + horizon, known.customer)
    previous, before = log.between(cut - horizon, cut, known.customer)
    return Judged(known, horizon / 7, actual, spend if money else None, previous, before if money else None)


def _summary(frame: Any, request: Request) -> tuple[Judged, list[Words]]:
    """A summary of histories, with what came after; all times in weeks, as `--unit` says."""
    missing = [f"--{name}" for name in ("recency", "age", "actual", "horizon") if request.text(name) is None]
    if missing:
        raise InvalidInput(f"A summary of histories also needs {', '.join(missing)}.")
    if request.split == "time":
        raise InvalidInput("A summary has one cut only; --split time needs the list of purchases.")
    columns = {name: numbers_of(frame, request.needed(name)) for name in ("frequency", "recency", "age", "actual")}
    money = [name for name in ("monetary", "actual-spend") if request.text(name) is not None]
    columns |= {name: numbers_of(frame, request.needed(name)) for name in money}
    kept = np.all([np.isfinite(values) for values in columns.values()], axis=0)
    notes = []
    if not kept.all():
        lost = int((~kept).sum())
        notes.append(Words(f"{lost} 行有缺失值，未用。", f"{lost} rows with absent values are left out."))
    columns = {name: values[kept] for name, values in columns.items()}
    x, mean = columns["frequency"], columns.get("monetary", np.zeros(int(kept.sum())))
    known = PurchaseHistories(np.arange(len(x)), x, columns["recency"], columns["age"], mean * (x > 0), mean * (x + 1))
    both = len(money) == 2
    horizon = request.number("horizon", 0)
    if not horizon > 0:
        raise InvalidInput("--horizon must be above 0, in the unit of --age.")
    return Judged(known, horizon, columns["actual"], columns["actual-spend"] if both else None, None, None), notes


def _some(rows: IntArray, seed: int) -> IntArray:
    if len(rows) <= MOST_LEARNED:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, MOST_LEARNED, replace=False))


def _joined(parts: list[FloatArray | None]) -> Any:
    return None if parts[0] is None else np.concatenate([part for part in parts if part is not None])


def _rmse(forecast: FloatArray, actual: FloatArray) -> float:
    return float(np.sqrt(np.mean((forecast - actual) ** 2)))


def correlation(a: FloatArray, b: FloatArray) -> float:
    """Pearson's, NaN where one of the two does not vary."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def _sentence(whole: Judged, count: FloatArray) -> Words:
    days, expected, actual = f"{whole.weeks * 7:g}", count.sum(), whole.actual.sum()
    return Words(
        f"全体客户此后 {days} 天：预测 {expected:,.0f} 次购买，实际 {actual:,.0f} 次。",
        f"All customers in the {days} days after the cut: {expected:,.0f} purchases expected, {actual:,.0f} made.",
    )


def _chart(whole: Judged, forecast: Mapping[str, tuple[FloatArray, FloatArray | None]]) -> Chart:
    table = by_frequency(whole.known.frequency, forecast[MODEL][0], whole.actual)
    labels = [f"{x:.0f}" for x in table["frequency"]]
    labels[-1] += "+" if table["frequency"][-1] >= 7 else ""
    error = 1.96 * table["standard_error"]
    lines = (
        Line(Words("预测", "Expected"), labels, table["expected"].tolist()),
        Line(
            Words("实际", "Actual"),
            labels,
            table["actual"].tolist(),
            (table["actual"] - error).tolist(),
            (table["actual"] + error).tolist(),
        ),
    )
    return Chart(
        "by_frequency",
        Words("按以往回头次数：此后平均购买次数", "Purchases after the cut by repeat purchases before it"),
        Words("以往回头购买次数", "Repeat purchases before the cut"),
        Words("此后平均购买次数", "Mean purchases after it"),
        lines,
        draw="bars",
    )


def _tracking(log: PurchaseLog, model: PurchaseModel, horizon: float) -> tuple[Chart, Chart]:
    """Repeat purchases over time, as they were and as the model expects them of who had bought by the cut.

    Tracking plots as in Fader, Hardie and Lee (2005), figures 2 and 3: by steps of time, and added up.
    """
    newest, oldest = float(log.day.max()), float(log.day.min())
    step = WEEK * max(1, int(np.ceil((newest - oldest) / WEEK / MOST_STEPS)))
    cut = newest - horizon
    found = log.tracking(model, cut, step=step)
    whole = found["day"] <= newest  # A step that is not over holds too few.
    weeks = ((found["day"][whole] - oldest) / WEEK).tolist()
    time = Words("自首次购买起的周数", "Weeks since the first purchase of all")
    steps = Words(f"每 {step / WEEK:g} 周的回头购买次数", f"Repeat purchases per {step / WEEK:g} weeks")
    if step == WEEK:
        steps = Words("每周回头购买次数", "Repeat purchases per week")
    charts = []
    for name, title, end in (
        ("tracking", steps, ""),
        ("tracking_cumulative", Words("累计回头购买次数", "Repeat purchases added up"), "_cumulative"),
    ):
        expected, actual = (found[one + end][whole].tolist() for one in ("expected", "actual"))
        lines = (
            Line(Words("预测", "Expected"), weeks, expected),
            Line(Words("实际", "Actual"), weeks, actual),
            Line(Words("截止日", "Cut"), [(cut - oldest) / WEEK] * 2, [0.0, max([*expected, *actual, 0.0])]),
        )
        charts.append(Chart(name, title, time, Words("次数", "Purchases"), lines))
    return charts[0], charts[1]


KIND = Kind(
    name="value",
    title=Words("客户价值模型评估", "Evaluation of customer value"),
    about=Words(
        "评估「会买多少、花多少」：购买明细（--customer --time [--amount]）或汇总（--frequency …）。",
        "How much: a list of purchases (--customer --time [--amount]) or a summary (--frequency …).",
    ),
    options=(
        Option("customer", Words("客户列。", "Column: who bought.")),
        Option("amount", Words("金额列。", "Column: what it cost.")),
        Option(
            "horizon",
            Words(
                "预测多少天；默认为数据跨度的三分之一。汇总时与 --age 同单位。",
                "Days to predict; a third of the span by default. With a summary, in the unit of --age.",
            ),
            takes="number",
        ),
        Option(
            "model",
            Words(
                "模型：auto、beta_geo、modified_beta_geo 或 pareto_nbd。",
                "Model: auto, beta_geo, modified_beta_geo or pareto_nbd.",
            ),
            takes="text",
            default=AUTO,
        ),
        Option("frequency", Words("汇总：回头购买次数列。", "Summary: column of repeat purchases.")),
        Option(
            "recency",
            Words("汇总：首次到末次购买的时长列。", "Summary: column of the time from first to last purchase."),
        ),
        Option(
            "age",
            Words(
                "汇总：首次购买到截止的时长列（T）。", "Summary: column of the time from first purchase to the cut (T)."
            ),
        ),
        Option(
            "monetary", Words("汇总：回头购买的平均金额列。", "Summary: column of the mean amount of repeat purchases.")
        ),
        Option("actual", Words("汇总：截止后的购买次数列。", "Summary: column of purchases after the cut.")),
        Option("actual-spend", Words("汇总：截止后的花费列。", "Summary: column of spend after the cut.")),
    ),
    run=run,
)
