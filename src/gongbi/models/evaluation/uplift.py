"""`evaluate uplift`: whom a treatment changes, judged on a trial beside T-, X- and DR-learner, a tree and chance.

Each repeat deals the rows into folds (or holds some out); whoever is judged was not learned from. The headline is the
Qini area: between the Qini curve of the score and the diagonal, per member times 1000. Intervals over repeats tell how
much the split matters; that the file is one sample of many is told by draws of rows with replacement, the same rows
for all repeats and both models.

That effects differ is said only where both the drawn interval of the Qini area lies above what a random order of the
same rows reaches by chance, and the score's slope (`estimators.stats.uplift.heterogeneity`) is above 0 with a median
p-value of repeats that, doubled, is below 0.05. The first asks more than the second: a slope may be sure while nobody
gains from the order, and it is the order that a campaign uses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gongbi.catalog.base import Words
from gongbi.estimators.checks import FloatArray
from gongbi.estimators.stats.intervals import Interval, percentile_interval
from gongbi.models.evaluation.base import ANY, LEVEL, MODEL, Chart, Evaluation, Kind, Line, Option, Request
from gongbi.models.evaluation.reading import groups_asked
from gongbi.models.evaluation.splits import Part, carried_out, splits_for
from gongbi.models.evaluation.trial import Trial, trial_of

BASELINES = {
    "t_logistic": Words("每组一个逻辑回归（T 学习器）", "a logistic regression per arm (T-learner)"),
    "x_learner": Words("X 学习器", "X-learner"),
    "dr_learner": Words("双重稳健学习器（DR）", "doubly robust learner (DR)"),
    "tree": Words("增量树", "uplift tree"),
    "random": Words("随机排序", "a random order"),
}
TITLES: Mapping[str, Any] = {
    "qini_area": (Words("Qini 面积 ×1000", "Qini area × 1000"), "high", ANY),
    "auuc": (Words("AUUC ×1000", "AUUC × 1000"), "high", ANY),
    "uplift_10": (Words("前 10% 的增量", "Uplift in the first 10 %"), "high", ANY),
    "uplift_20": (Words("前 20% 的增量", "Uplift in the first 20 %"), "high", ANY),
    "uplift_30": (Words("前 30% 的增量", "Uplift in the first 30 %"), "high", ANY),
    "uplift_50": (Words("前 50% 的增量", "Uplift in the first 50 %"), "high", ANY),
    "half_gain": (
        Words("触达前一半比随机一半每人多得", "Gained per member by treating the first half, not a random half"),
        "high",
        ANY,
    ),
}
#: Repeats, and draws of rows, from which the sample's own uncertainty is told.
DRAWN_REPEATS, DRAWS = 7, 100
#: At this many rows a draw costs so much that fewer must do.
LARGE = 200_000
SIGNIFICANT = 0.05


@dataclass(frozen=True, slots=True)
class Judged:
    """One repeat: rows judged on, scores by name, outcomes foretold, and doubly robust scores of the trial."""

    rows: Any
    scores: Mapping[str, FloatArray]
    expected: FloatArray
    effect_scores: FloatArray
    first_half: FloatArray


def run(frame: Any, request: Request) -> Evaluation:
    """Judge `UpliftModel` on a trial."""
    trial = trial_of(frame, request)
    strata = trial.treated * 2 + (trial.y if trial.binary else 0)
    groups = groups_asked(trial.rows, request)
    splits = splits_for(request, len(trial.y), strata=strata, groups=groups)
    chance = request.number("propensity", float(trial.treated.mean()))
    kept: list[Judged] = []

    def one(parts: tuple[Part, ...], seed: int) -> Mapping[str, Mapping[str, float]]:
        judged = judge(trial, parts, seed, chance)
        kept.append(judged)
        found = {who: figures(trial, judged, score) for who, score in judged.scores.items()}
        return {name: {who: values[name] for who, values in found.items()} for name in TITLES}

    seeds, measures = carried_out(one, request, splits, TITLES)
    request.progress("draws", 0, None)
    area, gain, beyond_chance = drawn_areas(trial, kept[:DRAWN_REPEATS], request.seed)
    shown, details = heterogeneity_of(kept, beyond_chance)
    half = _median_interval([_half_gain(judged) for judged in kept])
    details |= {
        "arms": {"treated": trial.arms[0], "control": trial.arms[1]},
        "average_effect": _plain(_average(trial)),
        "area_of_the_sample": _plain(area),
        "area_beyond_t_logistic_of_the_sample": _plain(gain),
        "area_beyond_chance_of_the_sample": _plain(beyond_chance),
        "half_gain_of_the_sample": _plain(half),
        "groups": groups_of(kept[0], request) if trial.binary else [],
        "propensity": chance,
        **trial.features.to_json(),
    }
    return Evaluation(
        kind="uplift",
        model=Words("两组相互借力的逻辑回归（UpliftModel）", "regressions of both arms that borrow from each other"),
        baselines=BASELINES,
        rows=len(trial.y),
        split=splits.words,
        seeds=seeds,
        measures=measures,
        charts=(qini_chart(trial, kept[0]),),
        sentences=sentences_of(trial, shown=shown, area=area, chance=beyond_chance, gain=gain, half=half),
        notes=trial.notes,
        details=details,
    )


def judge(trial: Trial, parts: Sequence[Part], seed: int, chance: float) -> Judged:
    """Learn from the rows of each part and score the others."""
    from gongbi.estimators.stats.uplift import doubly_robust_scores
    from gongbi.estimators.uplift import DRLearner, TLearner, UpliftModel, XLearner
    from gongbi.estimators.uplift_tree import UpliftTree

    frame = trial.features.frame
    others: Mapping[str, Any] = {
        "t_logistic": TLearner(),
        "x_learner": XLearner(propensity=chance),
        "dr_learner": DRLearner(propensity=chance),
        "tree": UpliftTree(),
    }
    found: dict[str, list[FloatArray]] = {name: [] for name in (MODEL, *others, "expected", "half")}
    for part in parts:
        learned, judged = frame.iloc[part.learned], frame.iloc[part.judged]
        seen = (trial.treated[part.learned], trial.y[part.learned])
        expected = UpliftModel(propensity=chance).fit(learned, *seen).predict_outcomes(judged)
        score = expected[:, 1] - expected[:, 0]
        found[MODEL].append(score)
        for name, other in others.items():
            found[name].append(other.fit(learned, *seen).predict(judged))
        found["expected"].append(expected)
        # The better half of those judged together; of equal scores, the same share of each.
        found["half"].append(_first_half(score))
    rows = np.concatenate([part.judged for part in parts])
    expected = np.concatenate(found["expected"])
    scores = {name: np.concatenate(found[name]) for name in (MODEL, *others)}
    scores["random"] = np.random.default_rng(seed).random(len(rows))
    chances = np.full(len(rows), chance)
    robust = doubly_robust_scores(trial.y[rows], trial.treated[rows], chances, expected)
    return Judged(rows, scores, expected, robust, np.concatenate(found["half"]))


def _first_half(score: FloatArray) -> FloatArray:
    """Chance of being among the first half; equal scores at its edge share what is left."""
    edge = float(np.partition(score, len(score) // 2)[len(score) // 2])
    above, at = score > edge, score == edge
    found: FloatArray = above + at * (len(score) / 2 - above.sum()) / at.sum()
    return np.clip(found, 0.0, 1.0)


def figures(trial: Trial, judged: Judged, score: FloatArray) -> dict[str, float]:
    """Every measure of one score."""
    from gongbi.estimators.stats.uplift import figures_of, policy_value

    reaches = (0.1, 0.2, 0.3, 0.5)
    area, auuc, *uplift = figures_of(trial.y[judged.rows], trial.treated[judged.rows], score, reaches)
    names = [f"uplift_{round(100 * reach)}" for reach in reaches]
    return {
        "qini_area": area,
        "auuc": auuc,
        **dict(zip(names, uplift, strict=True)),
        "half_gain": policy_value(judged.effect_scores, _first_half(score), 0.5).estimate,
    }


def drawn_areas(trial: Trial, kept: Sequence[Judged], seed: int) -> tuple[Interval, Interval, Interval]:
    """Qini area of the model, and how far it is beyond the T-learner's and beyond a random order's.

    Areas are meaned over repeats; rows are drawn, and for the last also the random order, anew in each draw.
    """
    from gongbi.estimators.stats.uplift import Ranked

    n = len(trial.y)
    names = (MODEL, "t_logistic")
    ranked = [
        (one.rows, [Ranked.of(trial.y[one.rows], trial.treated[one.rows], one.scores[name]) for name in names])
        for one in kept
    ]
    # Where every repeat judges all rows, a random order has one area, however many repeats there are.
    pools = [one.rows for one in kept if len(one.rows) < n] or [kept[0].rows]
    rng = np.random.default_rng(seed)
    draws = DRAWS if n < LARGE else DRAWS // 2
    found = np.empty((draws + 1, 3))
    for i in range(draws + 1):
        weight = np.ones(n) if i == 0 else np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64)
        order = rng.random(n)
        by_chance = [Ranked.of(trial.y[rows], trial.treated[rows], order[rows]).area(weight[rows]) for rows in pools]
        found[i, :2] = np.mean([[one.area(weight[rows]) for one in pair] for rows, pair in ranked], axis=0)
        found[i, 2] = np.mean(by_chance)
    area, learner, chance = 1000 * found.T
    return (
        percentile_interval(float(area[0]), area[1:], LEVEL),
        percentile_interval(float(area[0] - learner[0]), (area - learner)[1:], LEVEL),
        # The area of a random order is 0 in expectation, whatever the first one drawn has.
        percentile_interval(float(area[0]), (area - chance)[1:], LEVEL),
    )


def heterogeneity_of(kept: Sequence[Judged], beyond_chance: Interval) -> tuple[bool, dict[str, Any]]:
    """Whether effects can be shown to differ, by the rule of this module, and what it rests on."""
    from gongbi.estimators.stats.uplift import heterogeneity

    found = [heterogeneity(one.scores[MODEL], one.effect_scores) for one in kept]
    p_value = min(1.0, 2 * float(np.median([one.slope_p_value for one in found])))
    shown = beyond_chance.low > 0 and p_value < SIGNIFICANT
    slope = _median_interval([one.slope for one in found])
    return shown, {"heterogeneity": {"shown": shown, "slope": _plain(slope), "p_value": p_value}}


def groups_of(judged: Judged, request: Request) -> list[dict[str, Any]]:
    """The four groups in the first repeat, with their limits and what was observed."""
    from gongbi.estimators.responders import Limits, four_groups, groups_judged

    effect = judged.scores[MODEL]
    cost, worth = request.number("cost", 0.0), request.number("worth", 0.0)
    limits = Limits.usual(effect, judged.expected[:, 0], cost / worth if cost > 0 and worth > 0 else None)
    found = groups_judged(four_groups(effect, judged.expected[:, 0], limits), effect, judged.effect_scores)
    return [
        {
            "group": group.name,
            "members": group.members,
            "share": group.share,
            "predicted": group.predicted if group.members else None,
            "observed": None if group.observed is None else _plain(group.observed),
            "limits": {"effect": limits.effect, "harm": limits.harm, "likely": limits.likely},
        }
        for group in found
    ]


def sentences_of(
    trial: Trial, *, shown: bool, area: Interval, chance: Interval, gain: Interval, half: Interval
) -> tuple[Words, ...]:
    """What may be said."""
    average = _average(trial)
    said = [
        Words(
            f"平均增量 {_told(average)}。",
            f"Mean effect {_told(average)}.",
        )
    ]
    if shown:
        said.append(
            Words(
                f"不同客户的增量确有差别：Qini 面积 {_told(area)}，比随机排序多 {_told(chance)}。",
                f"Effects differ from member to member: Qini area {_told(area)}, beyond a random order by"
                f" {_told(chance)}.",
            )
        )
    else:
        said.append(
            Words(
                f"无法证明不同客户的增量有差别（Qini 面积 {_told(area)}，与随机排序之差 {_told(chance)}）："
                "不要按此得分挑选客户。",
                f"No heterogeneity can be shown (Qini area {_told(area)}, beyond a random order by {_told(chance)}):"
                " do not choose customers by this score.",
            )
        )
    beyond = ("未见差别于", "not shown apart from")
    if gain.low * gain.high > 0:
        beyond = ("高于", "beyond") if gain.low > 0 else ("低于", "below")
    said.append(
        Words(
            f"按重抽样，面积{beyond[0]} T 逻辑回归：差 {_told(gain)}。",
            f"By draws of rows, the area is {beyond[1]} the T-logistic's: difference {_told(gain)}.",
        )
    )
    word = ("优于", "beats") if half.low > 0 else ("无法断定优于", "is not shown to beat")
    said.append(
        Words(
            f"触达得分高的一半{word[0]}随机触达一半：每位客户多 {_told(half)}。",
            f"Treating the better half {word[1]} treating a random half: {_told(half)} more per member.",
        )
    )
    return tuple(said)


def qini_chart(trial: Trial, judged: Judged) -> Chart:
    """The Qini curves of the first repeat, over the share treated."""
    from gongbi.estimators.stats.uplift import qini_curve

    labels = {
        MODEL: Words("模型", "Model"),
        "t_logistic": Words("T 逻辑回归", "T-logistic"),
        "x_learner": Words("X 学习器", "X-learner"),
        "dr_learner": Words("DR 学习器", "DR-learner"),
        "tree": Words("增量树", "Uplift tree"),
        "random": Words("随机", "Random"),
    }
    at = np.linspace(0, 1, 51)
    lines = []
    for who, score in judged.scores.items():
        curve = qini_curve(trial.y[judged.rows], trial.treated[judged.rows], score)
        lines.append(Line(labels[who], at.tolist(), np.interp(at, curve.share, curve.gain).tolist()))
    return Chart(
        "qini",
        Words("Qini 曲线（第一次重复）", "Qini curve (first repeat)"),
        Words("触达占比", "Share treated"),
        Words("每位客户多得的结果", "Extra outcomes per member"),
        tuple(lines),
    )


def _half_gain(judged: Judged) -> Interval:
    from gongbi.estimators.stats.uplift import policy_value

    return policy_value(judged.effect_scores, judged.first_half, 0.5)


def _average(trial: Trial) -> Interval:
    from gongbi.estimators.stats import difference_interval

    return difference_interval(trial.y[trial.treated == 1], trial.y[trial.treated == 0])


def _median_interval(found: Sequence[Interval]) -> Interval:
    """Medians over repeats, as each repeat has the same rows and can add none."""
    parts = np.median([[one.estimate, one.low, one.high] for one in found], axis=0)
    return Interval(float(parts[0]), float(parts[1]), float(parts[2]), LEVEL)


def _plain(interval: Interval) -> dict[str, float | None]:
    values = {"estimate": interval.estimate, "low": interval.low, "high": interval.high}
    return {name: float(value) if np.isfinite(value) else None for name, value in values.items()}


def _told(interval: Interval) -> str:
    return f"{interval.estimate:.4g} [{interval.low:.4g}, {interval.high:.4g}]"


KIND = Kind(
    name="uplift",
    title=Words("增量模型评估", "Evaluation of uplift"),
    about=Words("评估「触达改变了谁」：随机试验的文件。", "Whom a treatment changes: a file of a randomised trial."),
    options=(
        Option("treatment", Words("处理列：谁受到触达。", "Column: what was done to each row."), required=True),
        Option("outcome", Words("结果列：是/否或数值。", "Column: yes or no, or a number."), required=True),
        Option("treated", Words("多组时取哪一组为受触达。", "Arm to judge, where there are several."), takes="text"),
        Option("control", Words("哪一组是对照。", "Arm that is the control."), takes="text"),
        Option("yes", Words("表示「是」的结果值。", "Outcome that means yes."), takes="text"),
        Option("propensity", Words("已知的受触达概率。", "Known chance of being treated."), takes="number"),
        Option("cost", Words("触达一人的成本。", "Cost of treating one."), takes="number"),
        Option("worth", Words("一次结果的价值。", "Worth of one outcome."), takes="number"),
        Option("features", Words("只用这些列。", "Only these columns, separated by commas."), takes="columns"),
        Option("drop", Words("不用这些列。", "Not these columns."), takes="columns"),
    ),
    run=run,
    splits=("folds", "random"),
)
