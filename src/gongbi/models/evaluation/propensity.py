"""`evaluate propensity`: who will, judged beside logistic regression and plain boosting on the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gongbi.catalog.base import Words
from gongbi.errors import InvalidInput
from gongbi.models.evaluation.base import ERROR, MODEL, SHARE, Chart, Evaluation, Kind, Line, Option, Request
from gongbi.models.evaluation.features import features_of
from gongbi.models.evaluation.reading import binary_of, groups_asked, times_asked
from gongbi.models.evaluation.splits import Part, carried_out, splits_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gongbi.estimators.checks import FloatArray

#: Points of the gain curve: share of customers, from the best on.
SHARES = tuple(i / 20 for i in range(21))
#: A single column that ranks this well probably knows the outcome.
TELLS = 0.995
#: From so many rows on, three folds.
MANY = 8000
BASELINES = {
    "logistic": Words("标准化后的逻辑回归", "logistic regression on standardised columns"),
    "boosting": Words("scikit-learn 直方图梯度提升，默认设置", "scikit-learn histogram boosting as it comes"),
}
TITLES: Mapping[str, Any] = {
    "auc": (Words("AUC", "AUC"), "high", SHARE),
    "log_loss": (Words("对数损失", "Log loss"), "low", ERROR),
    "brier": (Words("Brier 分数", "Brier score"), "low", SHARE),
    "calibration_error": (Words("校准误差", "Calibration error"), "low", SHARE),
    "average_precision": (Words("平均精度", "Average precision"), "high", SHARE),
    "top_decile_share": (Words("前 10% 客户中的买家占比", "Share of buyers among the best 10 %"), "high", SHARE),
}


def run(frame: Any, request: Request) -> Evaluation:
    """Judge `PropensityModel` on rows of customers with a yes-or-no target."""
    from gongbi.estimators.stats import auc

    target = request.needed("target")
    yes, known, label = binary_of(frame, target, request.text("yes"))
    notes = [Words(f"目标：{target} = {label}。", f"Target: {target} = {label}.")]
    if not known.all():
        lost = int((~known).sum())
        notes.append(Words(f"{lost} 行没有目标，未用。", f"{lost} rows without a target are left out."))
        frame, yes = frame[known].reset_index(drop=True), yes[known]
    refuse_few(yes)
    leave_out = {name for name in (target, request.group) if name is not None}
    if request.split == "time" and request.time is not None:
        leave_out.add(request.time)
    features = features_of(
        frame, leave_out=leave_out, features=request.columns("features"), drop=request.columns("drop")
    )
    rows = features.frame
    notes += features.notes
    for name in rows.columns:
        if rows[name].dtype.kind == "f":
            column = np.nan_to_num(np.asarray(rows[name], dtype=np.float64), nan=0.0)
            if max(area := auc(yes, column), 1 - area) > TELLS:
                notes.append(
                    Words(
                        f"列 {name} 单独就几乎说出了目标，可能是事后才知道的；请考虑 --drop {name}。",
                        f"Column {name} alone all but tells the target: it may be known only afterwards; consider"
                        f" --drop {name}.",
                    )
                )
    splits = splits_for(
        request,
        len(yes),
        strata=yes,
        groups=groups_asked(frame, request),
        times=times_asked(frame, request),
    )
    curves: dict[str, list[FloatArray]] = {}
    pooled: list[tuple[NDArray[np.bool_], FloatArray]] = []

    def trial(parts: tuple[Part, ...], seed: int) -> Mapping[str, Mapping[str, float]]:
        judged = [scored(rows.iloc[part.learned], yes[part.learned], rows.iloc[part.judged], seed) for part in parts]
        outcome = np.concatenate([yes[part.judged] for part in parts])
        if outcome.all() or not outcome.any():
            return {name: dict.fromkeys((MODEL, *BASELINES), float("nan")) for name in TITLES}
        chances = {who: np.concatenate([one[who] for one in judged]) for who in (MODEL, *BASELINES)}
        pooled.append((outcome, chances[MODEL]))
        for who, chance in chances.items():
            curves.setdefault(who, []).append(gain_curve(outcome, chance))
        found = {who: figures(outcome, chance) for who, chance in chances.items()}
        return {name: {who: one[name] for who, one in found.items()} for name in TITLES}

    seeds, measures = carried_out(trial, request, splits, TITLES)
    held = {who: np.mean(found, axis=0) for who, found in curves.items()}
    return Evaluation(
        kind="propensity",
        model=Words("LightGBM 与逻辑回归，校准概率", "LightGBM with logistic regression, calibrated"),
        baselines=BASELINES,
        rows=len(yes),
        split=splits.words,
        seeds=seeds,
        measures=measures,
        charts=(gain_chart(held), calibration_chart(pooled)) if pooled else (),
        sentences=tuple(holds_words(held[MODEL], share) for share in (0.1, 0.2, 0.3)) if pooled else (),
        notes=tuple(notes),
        details={"rate": float(yes.mean()), "positives": int(yes.sum()), "yes": label, **features.to_json()},
    )


def refuse_few(yes: NDArray[np.bool_]) -> None:
    """Refuse a target from which nothing can be learned."""
    rarer = int(min(yes.sum(), (~yes).sum()))
    if rarer < 10:
        raise InvalidInput(
            f"{int(yes.sum())} of {len(yes)} rows are yes; 10 of either kind are the least to learn and to judge.",
            hint="Give a file with more rows, or another target.",
        )


def scored(learned: Any, yes: NDArray[np.bool_], judged: Any, seed: int) -> dict[str, FloatArray]:
    """Chances of the judged rows, by the model and by each baseline."""
    from gongbi.estimators.logistic import LogisticScore

    return {
        MODEL: model(len(yes), seed).fit(learned, yes).predict_proba(judged)[:, 1],
        "logistic": LogisticScore().fit(learned, yes).predict_proba(judged)[:, 1],
        "boosting": _boosting(learned, yes, judged, seed),
    }


def model(rows: int, seed: int) -> Any:
    """The model that is judged; many rows need fewer folds to choose the size of the trees."""
    from gongbi.estimators.propensity import PropensityModel

    return PropensityModel(blend=True, folds=5 if rows < MANY else 3, learning_rate=0.05, trees=400, seed=seed)


def _boosting(learned: Any, yes: NDArray[np.bool_], judged: Any, seed: int) -> FloatArray:
    from sklearn.ensemble import HistGradientBoostingClassifier

    from gongbi.estimators.columns import Columns

    columns = Columns.learn(learned)
    chosen = [known is not None for known in columns.categories]
    model = HistGradientBoostingClassifier(categorical_features=chosen, random_state=seed)
    found: FloatArray = model.fit(columns.encode(learned), yes).predict_proba(columns.encode(judged))[:, 1]
    return found


def figures(yes: NDArray[np.bool_], chance: FloatArray) -> dict[str, float]:
    """Every measure of one set of chances."""
    from sklearn.metrics import average_precision_score

    from gongbi.estimators.stats import auc, brier, calibration_table

    safe = np.clip(chance, 1e-9, 1 - 1e-9)
    return {
        "auc": auc(yes, chance),
        "log_loss": float(-np.mean(np.where(yes, np.log(safe), np.log1p(-safe)))),
        "brier": brier(yes, chance),
        "calibration_error": calibration_table(yes, chance, bins=min(10, len(yes))).expected_calibration_error,
        "average_precision": float(average_precision_score(yes, chance)),
        "top_decile_share": float(np.interp(0.1, SHARES, gain_curve(yes, chance))),
    }


def gain_curve(yes: NDArray[np.bool_], chance: FloatArray) -> FloatArray:
    """Share of the positive among the best-scored shares `SHARES` of rows; equal scores share."""
    _, tied = np.unique(-chance, return_inverse=True)
    shared = (np.bincount(tied, weights=yes) / np.bincount(tied))[tied]
    reached = np.concatenate([[0.0], np.cumsum(shared[np.argsort(-chance, kind="stable")])])
    found: FloatArray = np.interp(np.array(SHARES) * len(yes), np.arange(len(yes) + 1), reached) / reached[-1]
    return found


def holds_words(curve: FloatArray, share: float) -> Words:
    """Which share of customers holds which share of buyers."""
    held = float(np.interp(share, SHARES, curve))
    return Words(
        f"得分最高的 {share:.0%} 客户中有 {held:.0%} 的买家（随机挑选为 {share:.0%}）。",
        f"The best-scored {share:.0%} of customers hold {held:.0%} of the buyers (a random choice: {share:.0%}).",
    )


def gain_chart(held: Mapping[str, FloatArray]) -> Chart:
    """Share of buyers over share of customers."""
    labels = {MODEL: Words("模型", "Model"), "logistic": Words("逻辑回归", "Logistic")}
    labels["boosting"] = Words("提升树", "Boosting")
    lines = tuple(Line(labels.get(who, Words(who, who)), SHARES, curve.tolist()) for who, curve in held.items())
    title = Words("多少客户中有多少买家", "Which share of customers holds which share of buyers")
    return Chart(
        "gains",
        title,
        Words("客户占比", "Share of customers"),
        Words("买家占比", "Share of buyers"),
        lines,
        diagonal=True,
    )


def calibration_chart(pooled: list[tuple[NDArray[np.bool_], FloatArray]]) -> Chart:
    """Observed over predicted, all repeats together; the bounds take no account of rows judged more than once."""
    from gongbi.estimators.stats import calibration_table

    yes = np.concatenate([outcome for outcome, _ in pooled])
    table = calibration_table(yes, np.concatenate([chance for _, chance in pooled]), bins=min(10, len(yes)))
    line = Line(Words("模型", "Model"), table.predicted.tolist(), table.observed.tolist())
    return Chart(
        "calibration",
        Words("预测与实际", "Predicted and observed"),
        Words("预测概率", "Predicted chance"),
        Words("实际占比", "Observed share"),
        (line,),
        draw="points",
        diagonal=True,
    )


KIND = Kind(
    name="propensity",
    title=Words("倾向模型评估", "Evaluation of propensity"),
    about=Words("评估「谁会……」：目标列为是/否。", "Who will: a yes-or-no target."),
    options=(
        Option("target", Words("目标列。", "Column: what is to be foretold."), required=True),
        Option("yes", Words("表示「是」的值。", "Value that means yes."), takes="text"),
        Option("features", Words("只用这些列。", "Only these columns, separated by commas."), takes="columns"),
        Option("drop", Words("不用这些列。", "Not these columns."), takes="columns"),
    ),
    run=run,
)
