"""Learn what a treatment changes for each member from trials, and judge it on members it did not learn from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gongbi.catalog.base import ModelDef, Words
from gongbi.errors import InvalidInput
from gongbi.estimators.arms import Arms
from gongbi.estimators.checks import FloatArray
from gongbi.estimators.columns import Columns
from gongbi.estimators.design import Design, Number
from gongbi.estimators.responders import GROUPS, Limits, four_groups, groups_judged
from gongbi.estimators.stats import Interval, difference_interval
from gongbi.estimators.stats.arms import position
from gongbi.estimators.stats.uplift import (
    doubly_robust_scores,
    heterogeneity,
    policy_value,
    qini_curve,
    uplift_quality,
)
from gongbi.estimators.uplift import TLearner, UpliftModel
from gongbi.models import drift
from gongbi.models.base import Figures, Judgement, Trained, Version, worse
from gongbi.models.propensity import SEED, CohortRows, interval_json

FORMAT = 1
#: Share of a trial that is held out by lot where no later trial tests the model.
HELD_OUT = 0.3
#: The name of the lot: members' ids decide by it, so that two versions hold out the same.
LOT = "uplift held out"
BY_LOT = "by_lot"
#: Points of the Qini curve that the card keeps.
POINTS = 50
#: What is judged beside the model: a T-learner of the same rows, and the version in use.
BASELINE, CHAMPION = "t_logistic", "champion"
#: What versions are compared by.
QINI = Words("Qini 面积", "Qini area")
#: Gives the effect that a kept version foretells of each member of a cohort, shape (n,).
OnCohort = Callable[[CohortRows], FloatArray]


@dataclass(frozen=True)
class Kept:
    """A model of effects and where its four groups part.

    Attributes
    ----------
    held_out
        Whether it learned nothing of those whom `by_lot` holds out, so that they can judge it beside others.
    """

    model: UpliftModel
    limits: Limits
    held_out: bool = False

    def score(self, frame: Any) -> tuple[FloatArray, FloatArray, list[str]]:
        """Effect and outcome without treatment, each of shape (n,), and the group of each row."""
        without, treated = self.model.predict_outcomes(frame).T
        groups = four_groups(treated - without, without, self.limits)
        return treated - without, without, [GROUPS[i] for i in groups]

    def to_json(self) -> dict[str, Any]:
        """What scoring needs, as JSON data."""
        design = self.model.design_
        return {
            "format": FORMAT,
            "columns": design.columns.to_json(),
            "writers": [_writer_json(one) for one in design.writers],
            "mean": design.mean.tolist(),
            "scale": design.scale.tolist(),
            "kept": design.kept.tolist(),
            "coefficients": self.model.arms_.coefficients.tolist(),
            "limits": [self.limits.effect, self.limits.harm, self.limits.likely],
            "held_out": self.held_out,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the model that `to_json` wrote down; it scores as that one did."""
        if data.get("format") != FORMAT:
            raise InvalidInput(f"The model was written in format {data.get('format')}; this is {FORMAT}.")
        columns, model = Columns.from_json(data["columns"]), UpliftModel()
        model.design_ = Design(
            columns,
            tuple(_writer(one) for one in data["writers"]),
            np.array(data["mean"]),
            np.array(data["scale"]),
            np.array(data["kept"], dtype=np.int64),
        )
        model.arms_ = Arms(np.array(data["coefficients"]), True)
        model.feature_names_in_ = list(columns.names)
        return cls(model, Limits(*data["limits"]), data.get("held_out", False))


def _writer_json(one: Number | tuple[int, ...]) -> Any:
    if isinstance(one, Number):
        return [one.median, one.gaps, one.skewed, one.knots.tolist(), one.edges.tolist()]
    return {"codes": list(one)}


def _writer(data: Any) -> Number | tuple[int, ...]:
    if isinstance(data, Mapping):
        return tuple(data["codes"])
    median, gaps, skewed, knots, edges = data
    return Number(median, gaps, skewed, np.array(knots), np.array(edges))


def learn(
    model: ModelDef,
    rows: Sequence[CohortRows],
    as_of: datetime,
    left_out: Sequence[Mapping[str, str]],
    champion: tuple[Version, OnCohort] | None = None,
) -> Trained:
    """Fit on the training trials and judge on the test, beside a T-learner of the same rows.

    The `champion` comes with what scores a cohort by it, and is judged on a later trial where it did not learn from
    that or from what came after.

    Raises
    ------
    InvalidInput
        A trial has nobody treated, or nobody who was not.
    """
    import pandas as pd

    for cohort in rows:
        _check_arms(cohort)
    train, tests = [c for c in rows if c.role == "train"], [c for c in rows if c.role == "test"]
    frame = pd.concat([c.frame for c in train], ignore_index=True)
    arm, yes = (np.concatenate([getattr(c, name) for c in train]).astype(float) for name in ("treated", "yes"))
    if tests:
        learned = np.ones(len(yes), dtype=bool)
        name, judged = tests[-1].name, (tests[-1].frame, tests[-1].treated, tests[-1].yes)
    else:
        learned = ~by_lot(np.concatenate([c.ids for c in train]))
        name, judged = BY_LOT, (frame[~learned].reset_index(drop=True), arm[~learned], yes[~learned])
    fitted = UpliftModel().fit(frame[learned].reset_index(drop=True), arm[learned], yes[learned])
    effect, without = _effects(fitted, frame[learned])
    kept = Kept(fitted, Limits.usual(effect, without), held_out=not tests)
    test_frame, test_arm, test_yes = judged
    share = float(arm[learned].mean())
    plain = TLearner().fit(frame[learned].reset_index(drop=True), arm[learned], yes[learned])
    beside = {BASELINE: plain.predict(test_frame)}
    if champion is not None and tests and champion[0].saw_nothing_after(tests[-1].as_of):
        beside[CHAMPION] = champion[1](tests[-1])
    elif champion is not None and not tests and _knows_none(champion[0], train):
        beside[CHAMPION] = np.concatenate([champion[1](c) for c in train])[~learned]
    trial = (np.asarray(test_arm, float), np.asarray(test_yes, float))
    figures = figures_on(name, kept, test_frame, *trial, share, beside)
    if CHAMPION in beside and champion is not None:
        figures[CHAMPION]["version"] = champion[0].version
    judgement = judge(figures, model.randomised)
    metrics: Figures = {
        "headline": {
            "qini": figures["qini"],
            "effect": figures["effect"],
            "best_half": figures["uplift"][-1]["effect"],
            "members": figures["members"],
        },
        "randomised": model.randomised,
        "cohorts": [c.to_json() | {"treated": int(c.treated.sum())} for c in rows if c.treated is not None],
        "left_out": list(left_out),
        "tests": [],
        "uplift": figures,
        "sentence": sentence(figures, model.randomised).to_json(),
        "judgement": judgement.to_json(),
        "reference": drift.reference(train[-1].frame, kept.score(test_frame)[0]),
    }
    window = {"as_of": as_of.isoformat(), "cohorts": {c.name: c.as_of.isoformat() for c in rows}}
    params = {"shrinkage": list(fitted.shrinkage_), "l2": fitted.l2, "seed": SEED}
    return Trained(model.model, "coupled arms", kept.to_json(), metrics, params, window, judgement)


def _check_arms(cohort: CohortRows) -> None:
    treated = int(cohort.treated.sum()) if cohort.treated is not None else 0
    if not 0 < treated < len(cohort.yes):
        raise InvalidInput(
            f"Of cohort {cohort.name!r} {treated} of {len(cohort.yes)} members were treated: there is nobody to compare"
            " with.",
            hint="The population holds both, those treated and those held out; look at `treated` and `known_by`.",
        )


def _knows_none(version: Version, trials: Sequence[CohortRows]) -> bool:
    """Whether a version learned nothing of those held out: its lots were the same, or all of it is later."""
    return bool(version.artifact.get("held_out")) or version.saw_nothing_after(min(c.as_of for c in trials))


def by_lot(ids: NDArray[Any]) -> NDArray[np.bool_]:
    """Whom not to learn from; a member is on one side with all their rows, and in every training on the same one."""
    known, which = np.unique(ids, return_inverse=True)
    places = np.array([position(LOT, one) for one in known.tolist()])
    return np.asarray((places < HELD_OUT)[which], dtype=bool)


def _effects(fitted: UpliftModel, frame: Any) -> tuple[FloatArray, FloatArray]:
    without, treated = fitted.predict_outcomes(frame).T
    return treated - without, without


def figures_on(
    name: str,
    kept: Kept,
    frame: Any,
    treated: FloatArray,
    yes: FloatArray,
    share: float,
    beside: Mapping[str, FloatArray],
) -> Figures:
    """What a trial that the model has not seen says of it.

    Returns
    -------
    dict
        ``effect`` (difference of the arms), ``qini`` (area between curve and diagonal, per member, times 1000),
        ``uplift`` among the best-scored 10 to 50 %, ``slope`` of the effect on the score, ``half`` (treating the best
        half instead of a random half, per member), ``groups`` and the ``curve``; and of every score `beside` its
        ``qini`` and the ``difference`` of the model's to it, paired.
    """
    effect, without, group = kept.score(frame)
    qualities, pairs = uplift_quality(yes, treated, {"model": effect, **beside}, seed=SEED)
    quality = qualities["model"]
    expected = np.column_stack([without, without + effect])
    seen = doubly_robust_scores(yes, treated, np.full(len(yes), share), expected)
    best = np.zeros(len(yes))
    best[np.argsort(-effect, kind="stable")[: len(yes) // 2]] = 1
    numbers = np.array([GROUPS.index(one) for one in group])
    curve = qini_curve(yes, treated, effect)
    points = np.linspace(0, len(curve.share) - 1, min(POINTS, len(curve.share))).astype(int)
    differs = heterogeneity(effect, seen)
    others = {
        one: {"qini": interval_json(qualities[one].area), "difference": interval_json(pairs["model", one])}
        for one in beside
    }
    return {
        **others,
        "cohort": name,
        "members": len(yes),
        "treated": int(treated.sum()),
        "rate_treated": float(yes[treated == 1].mean()),
        "rate_control": float(yes[treated == 0].mean()),
        "effect": interval_json(difference_interval(yes[treated == 1], yes[treated == 0])),
        "qini": interval_json(quality.area),
        "auuc": interval_json(quality.auuc),
        "p_value": quality.p_value,
        "uplift": [{"share": at, "effect": interval_json(found)} for at, found in quality.uplift.items()],
        "slope_p_value": differs.slope_p_value,
        "half": interval_json(policy_value(seen, best, 0.5)),
        "groups": [
            {
                "group": one.name,
                "members": one.members,
                "predicted": one.predicted if one.members else None,
                "observed": interval_json(one.observed) if one.observed is not None else None,
            }
            for one in groups_judged(numbers, effect, seen)
        ],
        "curve": [[float(curve.share[i]), float(curve.gain[i])] for i in points],
    }


def judge(figures: Figures, randomised: bool) -> Judgement:
    """Not worse than a random order, a T-learner or the version in use; without lots it needs a person's word."""
    if not randomised:
        return Judgement(
            False,
            Words(
                "处理不是随机决定的：受处理者与其他人本来就不同，增益无法证明。由人决定是否启用。",
                "The treatment was not decided by lot: those treated were others to begin with, so no effect is proved."
                " A person has to take it into use.",
            ),
        )
    if figures["qini"]["high"] < 0:
        return Judgement(
            False,
            Words("排序比随机还差，区间不含 0。", "It ranks worse than a random order, with an interval without 0."),
        )
    if figures[BASELINE]["difference"]["high"] < 0:
        gap = figures[BASELINE]["difference"]["estimate"]
        return Judgement(
            False,
            Words(
                f"Qini 面积比每组一个逻辑回归低 {-gap:.2f}，区间不含 0。",
                f"Its Qini area is {-gap:.2f} below that of a logistic regression per arm, with an interval without 0.",
            ),
        )
    if (waits := worse(figures, QINI, more_is_better=True)) is not None:
        return waits
    return Judgement(
        True,
        Words(
            "不显著差于随机排序和每组一个逻辑回归。",
            "It is not shown to be worse than a random order or a logistic regression per arm.",
        ),
    )


def side_by_side(
    trial: CohortRows, effects: Sequence[FloatArray], among: NDArray[np.bool_] | None = None
) -> list[Figures]:
    """Figures of the effects that several versions foretell, on one trial; the difference is to the first.

    `among` says which members judge, where not all do.
    """
    if trial.treated is None:
        raise InvalidInput(f"Of cohort {trial.name!r} it is not known who was treated.")
    rows = np.ones(len(trial.yes), dtype=bool) if among is None else among
    treated, yes = trial.treated[rows].astype(float), trial.yes[rows].astype(float)
    scores = {str(i): effect[rows] for i, effect in enumerate(effects)}
    qualities, pairs = uplift_quality(yes, treated, scores, seed=SEED)
    found: list[Figures] = []
    for name, quality in qualities.items():
        gap = pairs.get(("0", name))
        turned = Interval(-gap.estimate, -gap.high, -gap.low, gap.level) if gap is not None else Interval(0, 0, 0, 0.95)
        uplift = [{"share": at, "effect": interval_json(seen)} for at, seen in quality.uplift.items()]
        found.append({"qini": interval_json(quality.area), "uplift": uplift, "difference": interval_json(turned)})
    return found


def sentence(figures: Figures, randomised: bool) -> Words:
    """What the trial allows to be said of the model."""
    effect, area, half = figures["effect"], figures["qini"], figures["half"]

    def points(one: Mapping[str, Any]) -> str:
        return f"{100 * one['estimate']:+.2f} ({100 * one['low']:+.2f} ~ {100 * one['high']:+.2f})"

    if area["low"] > 0:
        verdict = ("能区分谁更会被打动", "it tells apart whom the treatment changes more")
    else:
        verdict = ("没有显示出各人的效果有差别", "no difference of effects between members can be shown")
    gap = figures[BASELINE]["difference"]
    span = f"{gap['estimate']:+.2f} ({gap['low']:+.2f} ~ {gap['high']:+.2f})"
    zh = (
        f"{figures['members']:,} 人，其中 {figures['treated']:,} 人受处理：平均效果 {points(effect)} 个百分点。"
        f"Qini {area['estimate']:.2f}（{area['low']:.2f} ~ {area['high']:.2f}）：{verdict[1 - 1]}。"
        f"只处理得分高的一半，比随机一半每人多 {points(half)} 个百分点。"
        f"与每组一个逻辑回归相比，Qini 相差 {span}。"
    )
    en = (
        f"{figures['members']:,} members, {figures['treated']:,} of them treated: mean effect {points(effect)} points."
        f" Qini {area['estimate']:.2f} ({area['low']:.2f} ~ {area['high']:.2f}): {verdict[1]}."
        f" Treating the better-scored half instead of a random half yields {points(half)} points per member."
        f" Against a logistic regression per arm the difference of Qini is {span}."
    )
    if not randomised:
        zh += "处理不是随机决定的，以上不是证明。"
        en += " The treatment was not decided by lot: this is no proof."
    return Words(zh, en)
