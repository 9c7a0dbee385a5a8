"""Learn what newcomers and prospects come to be worth, and judge it on a later cohort."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from gongbi.catalog.base import ModelDef, Words
from gongbi.estimators.checks import FloatArray
from gongbi.estimators.propensity import OnFold
from gongbi.estimators.prospects import ProspectValueModel
from gongbi.models import drift, propensity
from gongbi.models.base import Figures, Judgement, Trained, Version, worse
from gongbi.models.propensity import SEED, CohortRows
from gongbi.models.rivals import beside, mean_interval, side_by_side, told_beside
from gongbi.models.sections import stat, stats, table

#: Fewer members of the test, or fewer buyers among them, judge nothing.
FEWEST_JUDGED, FEWEST_BUYERS = 100, 20
#: Members per group of the table that holds what was foretold against what came.
GROUPS = 10
#: What versions are compared by.
LOSS = Words("价值的平方误差（按方差计）", "squared error of the value (in variances)")
#: Gives the value that a kept version foretells of each member of a cohort, shape (n,).
OnCohort = Callable[[CohortRows], FloatArray]


def learn(
    model: ModelDef,
    rows: Sequence[CohortRows],
    as_of: datetime,
    left_out: Sequence[Mapping[str, str]],
    protected: Sequence[str],
    on_fold: OnFold | None = None,
    champion: tuple[Version, OnCohort] | None = None,
    title: propensity.Title = propensity.untitled,
) -> Trained:
    """Fit on the training cohorts, judge once on the test.

    The `champion` comes with what values a cohort by it, and is judged where it learned nothing from that or later.
    """
    import pandas as pd

    train, tests = [c for c in rows if c.role == "train"], [c for c in rows if c.role == "test"]
    texts = [name for name in train[0].frame.columns if train[0].frame[name].dtype == object]
    fitted = ProspectValueModel(categorical=texts, seed=SEED).fit(
        pd.concat([c.frame for c in train], ignore_index=True),
        np.concatenate([_worth(c) for c in train]),
        groups=np.concatenate([c.ids for c in train]),
        on_fold=on_fold,
    )
    mean = float(np.concatenate([_worth(c) for c in train]).mean())
    strongest = propensity.strongest_tag(train)
    test, found = tests[-1], []
    for one in tests:
        chance = fitted.predict_chance(one.frame)
        figures = propensity.figures_on(one, chance, model.baseline, strongest, protected, title)
        figures["value"] = value_figures(one, fitted.predict(one.frame), mean)
        if champion is not None and champion[0].saw_nothing_after(one.as_of):
            own, theirs = (_loss(one, of) for of in (fitted.predict(one.frame), champion[1](one)))
            figures["value"]["champion"] = beside(champion[0], own, theirs)
        found.append(figures)
    value, judgement = found[-1]["value"], judge(found[-1])
    importance = [] if fitted.chance_ is None else propensity.importance(fitted.chance_, train[-1])
    metrics: Figures = {
        "headline": {
            "auc": found[-1]["auc"],
            "predicted_over_actual": value["predicted_over_actual"],
            "share_of_value": value["held"][1]["share_of_value"],
            "members": found[-1]["members"],
            "positives": found[-1]["positives"],
        },
        "cohorts": [cohort.to_json() for cohort in rows],
        "tests": found,
        "importance": importance,
        "sentence": told_beside(_sentence(found[-1]), value, LOSS).to_json(),
        "sections": _sections(value),
        "judgement": judgement.to_json(),
        "left_out": list(left_out),
        "reference": drift.reference(train[-1].frame, fitted.predict(test.frame)),
    }
    return Trained(
        model.model,
        "LightGBM, hurdle",
        fitted.to_json(),
        metrics,
        {"trees_of_amount": fitted.trees_, "share_of_trees": fitted.share_, "mean": fitted.mean_, "seed": SEED},
        {"as_of": as_of.isoformat(), "cohorts": {r.name: r.as_of.isoformat() for r in rows}},
        judgement,
    )


def _worth(cohort: CohortRows) -> FloatArray:
    assert cohort.value is not None
    # Returns of what was bought before the instant: worth nothing, not less.
    return np.maximum(cohort.value, 0.0)


def _loss(cohort: CohortRows, predicted: FloatArray) -> FloatArray:
    """Squared error of each member's value, in variances of the cohort."""
    actual = _worth(cohort)
    return np.asarray((predicted - actual) ** 2 / (float(np.var(actual)) or 1.0))


def compare(
    cohort: CohortRows, versions: Sequence[Version], foretold: Sequence[FloatArray | None]
) -> tuple[Figures, list[Figures]]:
    """Values that kept versions foretell of a cohort; ``loss`` is the mean squared error over the variance."""
    losses = [None if one is None else _loss(cohort, one) for one in foretold]
    fairly = [one.saw_nothing_after(cohort.as_of) for one in versions]
    return cohort.to_json() | {"loss": "squared error / variance"}, side_by_side(versions, losses, fairly)


def value_figures(cohort: CohortRows, predicted: FloatArray, mean: float) -> Figures:
    """What was foretold of a cohort against what came.

    Parameters
    ----------
    mean
        The mean value of the training cohorts: what everybody is worth who knows nothing of them.

    Returns
    -------
    dict
        ``actual``, ``predicted`` (totals), ``predicted_over_actual``; ``root_mean_squared_error`` and that of the mean,
        ``error_minus_mean`` (of squared errors, paired, over the variance), ``held`` (which share of members holds
        which share of buyers and of value), ``groups`` (by tenths of the value foretold).
    """
    actual = _worth(cohort)
    own, plain = (predicted - actual) ** 2, (mean - actual) ** 2
    per_member = mean_interval(actual)
    order = np.argsort(-predicted, kind="stable")
    held = []
    for share in propensity.REACHED:
        top = order[: max(1, round(share * len(order)))]
        held.append(
            {
                "share": share,
                "members": len(top),
                "share_of_positives": float(cohort.yes[top].sum() / max(1, cohort.yes.sum())),
                "share_of_value": float(actual[top].sum() / (actual.sum() or 1.0)),
            }
        )
    groups: list[Figures] = []
    for part in np.array_split(order, min(GROUPS, len(order))):
        seen = mean_interval(actual[part])
        groups.append({"members": len(part), "predicted": float(predicted[part].mean()), "actual": seen})
    return {
        "actual": float(actual.sum()),
        "predicted": float(predicted.sum()),
        "predicted_over_actual": float(predicted.sum() / actual.sum()) if actual.sum() else None,
        "root_mean_squared_error": float(np.sqrt(own.mean())),
        "root_mean_squared_error_of_the_mean": float(np.sqrt(plain.mean())),
        "error_minus_mean": mean_interval(_loss(cohort, predicted) - _loss(cohort, np.full(len(actual), mean))),
        "actual_total": {name: at * len(actual) for name, at in per_member.items() if name != "level"},
        "held": held,
        "groups": groups,
        "groups_within_interval": sum(g["actual"]["low"] <= g["predicted"] <= g["actual"]["high"] for g in groups),
    }


def judge(test: Figures) -> Judgement:
    """Not worse than the same value for everybody, than the version in use, nor than the score to beat."""
    if test["members"] < FEWEST_JUDGED or test["positives"] < FEWEST_BUYERS:
        return Judgement(
            False,
            Words(
                f"{test['cohort']} 只有 {test['members']:,} 人，其中 {test['positives']:,} 人购买："
                f"至少要 {FEWEST_JUDGED} 人和 {FEWEST_BUYERS} 名购买者才能检验。",
                f"{test['cohort']} has {test['members']:,} members, of whom {test['positives']:,} bought: it takes"
                f" {FEWEST_JUDGED}, and {FEWEST_BUYERS} buyers, to judge it by.",
            ),
        )
    if (waits := worse(test["value"], LOSS)) is not None:
        return waits
    gap = test["value"]["error_minus_mean"]
    if gap["low"] > 0:
        return Judgement(
            False,
            Words(
                f"在 {test['cohort']} 上，预测价值的平方误差比人人取平均值还大，区间不含 0。",
                f"On {test['cohort']} its squared error of the value exceeds that of the same mean for everybody, with"
                " an interval without 0.",
            ),
        )
    return propensity.judge([test])


def _sentence(test: Figures) -> Words:
    value, top = test["value"], test["value"]["held"][1]
    gap = value["error_minus_mean"]
    if gap["high"] < 0:
        verdict = ("比人人取平均值更准", "it is more exact than the same mean for everybody")
    elif gap["low"] > 0:
        verdict = ("不如人人取平均值", "it is less exact than the same mean for everybody")
    else:
        verdict = ("无法断定比人人取平均值更准", "it is not shown to be more exact than the same mean for everybody")
    total = value["actual_total"]
    span = f"{total['low']:,.0f} ~ {total['high']:,.0f}"
    if value["predicted"] > total["high"]:
        verdict = verdict[0] + "；合计预测过高", verdict[1] + "; in all it foretells too much"
    elif value["predicted"] < total["low"]:
        verdict = verdict[0] + "；合计预测过低", verdict[1] + "; in all it foretells too little"
    own = Words(
        f"价值：预测合计 {value['predicted']:,.0f}，实际 {value['actual']:,.0f}（{span}）；{verdict[0]}。"
        f"预测最高的 20% 的人持有 {100 * top['share_of_positives']:.0f}% 的购买者和"
        f" {100 * top['share_of_value']:.0f}% 的价值。",
        f"Value: {value['predicted']:,.0f} foretold in all, {value['actual']:,.0f} ({span}) came; {verdict[1]}. The 20%"
        f" of customers foretold most hold {100 * top['share_of_positives']:.0f}% of the buyers and"
        f" {100 * top['share_of_value']:.0f}% of the value.",
    )
    chance = propensity.sentence(test)
    return Words(own.zh + chance.zh, f"{own.en} {chance.en}")


def _sections(value: Figures) -> list[Figures]:
    ratio = value["predicted_over_actual"]
    return [
        stats(
            stat(Words("预测价值合计", "Value foretold"), value["predicted"], "count"),
            stat(Words("实际价值合计", "Value that came"), value["actual"], "count"),
            stat(Words("预测 / 实际", "Foretold over actual"), ratio, "percent"),
            stat(Words("均方根误差", "Root mean squared error"), value["root_mean_squared_error"]),
            stat(Words("人人取平均的误差", "That of the mean"), value["root_mean_squared_error_of_the_mean"]),
        ),
        table(
            Words("谁持有多少", "Who holds how much"),
            Words(
                "按预测价值从高到低取一部分人：其中有多少购买者、多少价值。",
                "Of the customers foretold most: which share of the buyers and of the value they hold.",
            ),
            [
                (Words("最高的", "Best"), "percent"),
                (Words("人数", "Members"), "count"),
                (Words("占购买者", "Of the buyers"), "percent"),
                (Words("占价值", "Of the value"), "percent"),
            ],
            [[one["share"], one["members"], one["share_of_positives"], one["share_of_value"]] for one in value["held"]],
        ),
        table(
            Words("预测与实际（每人）", "Foretold and actual per member"),
            Words(
                "按预测价值分十组；区间为 95%。", "By tenths of the value foretold, best first; intervals are of 95%."
            ),
            [
                (Words("人数", "Members"), "count"),
                (Words("预测", "Foretold"), "number"),
                (Words("实际", "Actual"), "number"),
                (Words("下限", "Low"), "number"),
                (Words("上限", "High"), "number"),
            ],
            [
                [g["members"], g["predicted"], g["actual"]["estimate"], g["actual"]["low"], g["actual"]["high"]]
                for g in value["groups"]
            ],
        ),
    ]


def scores(fitted: ProspectValueModel, frame: Any) -> dict[str, FloatArray]:
    """``value``, ``chance`` and ``amount`` of each row."""
    chance, amount = fitted.predict_chance(frame), fitted.predict_amount(frame)
    return {"value": chance * amount, "chance": chance, "amount": amount}
