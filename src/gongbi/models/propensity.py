"""Learn who will respond: choose on the training cohorts, judge once on the test cohorts, say what was found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gongbi.catalog.base import ModelDef, Words
from gongbi.catalog.scores import REASONS
from gongbi.core.types import DOUBLE, Type
from gongbi.errors import InvalidInput
from gongbi.estimators.checks import FloatArray
from gongbi.estimators.propensity import OnFold, PropensityModel
from gongbi.estimators.stats import (
    Interval,
    auc,
    auc_difference_interval,
    auc_interval,
    brier,
    calibration_table,
    lift_table,
    wilson_interval,
)
from gongbi.models.base import Figures, Judgement, worse
from gongbi.models.features import feature_frame
from gongbi.models.groups import Labels, labels, order_of, split_figures

SEED = 20170101
#: What is chosen between on the training cohorts. Few, because every further one would be chosen by chance.
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "usual": {},
    "cautious": {"leaves": 4, "min_leaf": 40, "column_share": 0.4, "l2": 10.0},
    "blended": {"blend": True},
}
#: A campaign that reaches this share of the population, best scores first.
REACHED = (0.1, 0.2, 0.5)
FEW_POSITIVES = 500
#: Column → 1 or -1.
Directions = Mapping[str | int, int]
#: Tag → what people call it.
Title = Callable[[str], Words]
#: Members by whom it is weighed what each tag moves.
WEIGHED = 5_000


def untitled(tag: str) -> Words:
    """A tag as it is spelled, where no definitions say what it is called."""
    return Words(tag, tag)


def title_of(figures: Mapping[str, Any]) -> Words:
    """What the tag of a baseline is called; versions of old kept how it is spelled."""
    return Words(**figures["title"]) if "title" in figures else untitled(figures["tag"])


@dataclass(frozen=True)
class CohortRows:
    """A cohort with its rows: who, features as a frame, the baseline's plain value, who said yes.

    `groups` has a label per member for each tag that figures are split by, `orders` their declared order; `members` and
    `positives` count the whole cohort where the rows are a sample of it; `known` are all tags that were read, as they
    came; `value` is what each came to be worth, where that is asked, and `elsewhere` what each spent with others, NaN
    where that is not known.
    """

    name: str
    role: str
    as_of: datetime
    matures: datetime
    ids: NDArray[Any]
    frame: Any
    baseline: FloatArray | None
    yes: NDArray[np.bool_]
    groups: Mapping[str, Labels] = field(default_factory=dict)
    members: int = 0
    positives: int = 0
    known: Any = None
    treated: NDArray[np.bool_] | None = None
    value: FloatArray | None = None
    orders: Mapping[str, Sequence[str]] = field(default_factory=dict)
    elsewhere: FloatArray | None = None

    def to_json(self) -> Figures:
        """Who was looked at, as JSON data."""
        return {
            "name": self.name,
            "role": self.role,
            "as_of": self.as_of.isoformat(),
            "matures": self.matures.isoformat(),
            "members": self.members or len(self.yes),
            "positives": self.positives or int(self.yes.sum()),
            "rate": float(self.yes.mean()) if len(self.yes) else None,
            **({"sampled": len(self.yes)} if self.members > len(self.yes) else {}),
        }


def cohort_rows(
    name: str,
    role: str,
    as_of: datetime,
    matures: datetime,
    *,
    features: Any,
    target: Any,
    types: Mapping[str, Type],
    baseline: str | None,
    groups: Mapping[str, Type] | None = None,
    members: int = 0,
    positives: int = 0,
    treated: Any = None,
    elsewhere: Any = None,
    amounts: bool = False,
) -> CohortRows:
    """Put together what the plans of a cohort gave; both tables have one row per member, in the same order.

    `groups` are tags among the features' columns by which figures are split. With `amounts` it is asked how much, so
    that all may have the outcome.
    """
    yes = np.asarray(target["yes"].to_numpy(zero_copy_only=False), dtype=bool)
    look = "Look at its population and its target: is the date right, are the facts loaded?"
    if amounts and not len(yes):
        raise InvalidInput(f"Cohort {name!r} has no members.", hint=look)
    if not amounts and not 2 <= yes.sum() <= len(yes) - 2:
        raise InvalidInput(
            f"Cohort {name!r} has {len(yes)} members, {int(yes.sum())} of them with the outcome; it needs two or more"
            " with it and two or more without.",
            hint=look,
        )
    plain = None
    if baseline is not None:
        only = feature_frame(features, {baseline: DOUBLE}, microseconds(as_of))
        plain = _plain(only[baseline].to_numpy(), 1)
    ids = target["id"].to_numpy(zero_copy_only=False)
    frame = feature_frame(features, types, microseconds(as_of))
    arm = np.asarray(treated["yes"].to_numpy(zero_copy_only=False), dtype=bool) if treated is not None else None
    split = {tag: labels(features[tag].to_pylist(), type_) for tag, type_ in (groups or {}).items()}
    orders = {tag: order_of(type_, split[tag]) for tag, type_ in (groups or {}).items()}
    value = None
    if "value" in target.column_names:
        value = np.asarray(target["value"].to_numpy(zero_copy_only=False), dtype=np.float64)
    others = None
    if elsewhere is not None:
        others = np.asarray(elsewhere["elsewhere"].to_numpy(zero_copy_only=False), dtype=np.float64)
    return CohortRows(
        name, role, as_of, matures, ids, frame, plain, yes, split, members, positives, features, arm, value, orders,
        others,
    )  # fmt: skip


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970, UTC."""
    return int((instant - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000)


def directions(model: ModelDef, types: Mapping[str, Type]) -> Directions:
    """Features with which the chance may only rise (1) or fall (-1).

    Raises
    ------
    InvalidInput
        One is not learned from, or is no number.
    """
    for name in (*model.rising, *model.falling):
        key = "rising" if name in model.rising else "falling"
        if name not in types:
            raise InvalidInput(
                f"The model {model.model!r} does not learn from {name!r}, which `{key}` names.",
                hint="Add it to `features`, or take it out.",
            )
        if not types[name].is_number:
            raise InvalidInput(f"The model {model.model!r}: {name!r} of `{key}` is {types[name]}, and no number.")
    return {**dict.fromkeys(model.rising, 1), **dict.fromkeys(model.falling, -1)}


def choose_settings(
    train: Sequence[CohortRows],
    texts: Sequence[str],
    on_fold: OnFold | None = None,
    monotone: Directions | None = None,
) -> tuple[str, Figures | None]:
    """Choose the settings on the last training cohort, having learned from those before it.

    With one training cohort there is nothing to choose on, and the usual settings are taken.
    """
    ordered = sorted(train, key=lambda cohort: cohort.as_of)
    *earlier, last = ordered
    if not earlier:
        return "usual", None
    tried: list[Figures] = []
    for name in SETTINGS:
        chance = fit(earlier, texts, name, on_fold, monotone).predict_proba(last.frame)[:, 1]
        loss = -np.mean(np.where(last.yes, np.log(chance), np.log1p(-chance)))
        tried.append({"settings": name, "log_loss": float(loss), "auc": interval_json(auc_interval(last.yes, chance))})
    chosen = min(tried, key=lambda one: float(one["log_loss"]))["settings"]
    figures = {"learned_from": [c.name for c in earlier], "chosen_on": last.name, "tried": tried, "chosen": chosen}
    return str(chosen), figures


def strongest_tag(train: Sequence[CohortRows]) -> tuple[str, int] | None:
    """The numeric feature that alone ranks the training cohorts best, and its direction: 1, or -1 where less is more.

    A model that is no better than one tag is not worth its keep, so the test compares with this one too.
    """
    yes = np.concatenate([cohort.yes for cohort in train])
    areas: dict[str, float] = {}
    for name in train[0].frame.columns:
        if train[0].frame[name].dtype != object:
            areas[name] = auc(yes, np.concatenate([_plain(cohort.frame[name].to_numpy(), 1) for cohort in train]))
    if not areas:
        return None
    best = max(areas, key=lambda name: abs(areas[name] - 0.5))
    return best, 1 if areas[best] >= 0.5 else -1


def _plain(values: FloatArray, direction: int) -> FloatArray:
    """A tag's plain value as a score; who has none comes last."""
    score = values * direction
    least = 0.0 if np.isnan(score).all() else float(np.nanmin(score))
    return np.where(np.isnan(score), least - 1, score)


def fit(
    cohorts: Sequence[CohortRows],
    texts: Sequence[str],
    settings: str,
    on_fold: OnFold | None = None,
    monotone: Directions | None = None,
) -> PropensityModel:
    """Learn from cohorts stacked, with fixed seeds and one thread: the same rows give the same trees.

    Who is in several cohorts has a row in each, and is held out with all of them.
    """
    import pandas as pd

    frame = pd.concat([cohort.frame for cohort in cohorts], ignore_index=True)
    yes = np.concatenate([cohort.yes for cohort in cohorts])
    ids = np.concatenate([cohort.ids for cohort in cohorts])
    model = PropensityModel(categorical=list(texts), monotone=monotone, seed=SEED, threads=1, **SETTINGS[settings])
    return model.fit(frame, yes, groups=ids, on_fold=on_fold)


def figures_on(
    cohort: CohortRows,
    chance: FloatArray,
    baseline: str | None,
    strongest: tuple[str, int] | None = None,
    protected: Sequence[str] = (),
    title: Title = untitled,
) -> Figures:
    """What a test cohort says about the probabilities, the score to beat, and the strongest single tag."""
    yes = cohort.yes
    table = calibration_table(yes, chance, bins=min(10, len(yes)))
    names = ("size", "predicted", "observed", "low", "high")
    columns = [getattr(table, name).tolist() for name in names]
    figures: Figures = {
        "cohort": cohort.name,
        "members": len(yes),
        "positives": int(yes.sum()),
        "predicted_positives": float(chance.sum()),
        "auc": interval_json(auc_interval(yes, chance)),
        "brier": brier(yes, chance),
        "brier_of_the_rate": float(yes.mean() * (1 - yes.mean())),
        "expected_calibration_error": table.expected_calibration_error,
        "calibration": [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)],
        "gains": gains(yes, chance),
        "lift": lifts(yes, chance),
        **split_figures(cohort.groups, cohort.orders, protected, yes, chance),
    }
    if cohort.baseline is not None:
        figures["baseline"] = {
            "tag": baseline,
            "title": title(baseline or "").to_json(),
            "auc": interval_json(auc_interval(yes, cohort.baseline)),
            "gains": gains(yes, cohort.baseline),
            "lift": lifts(yes, cohort.baseline),
        }
        figures["difference"] = interval_json(auc_difference_interval(yes, chance, cohort.baseline))
    if strongest is not None:
        tag, direction = strongest
        alone = _plain(cohort.frame[tag].to_numpy(), direction)
        figures["strongest_tag"] = {
            "tag": tag,
            "title": title(tag).to_json(),
            "direction": direction,
            "auc": interval_json(auc_interval(yes, alone)),
            "difference": interval_json(auc_difference_interval(yes, chance, alone)),
        }
    return figures


def gains(yes: NDArray[np.bool_], score: FloatArray) -> list[Figures]:
    """Which share of those with the outcome is among the best-scored 10, 20 and 50 % of members."""
    if len(yes) < 10:
        return []
    table = lift_table(yes, score, bins=10)
    found = []
    for share in REACHED:
        i = round(share * 10) - 1
        reached = float(table.responders[: i + 1].sum())
        interval = wilson_interval(min(reached, float(yes.sum())), float(yes.sum()))
        members = int(table.size[: i + 1].sum())
        found.append({"share": share, "members": members, "positives": reached, **_captured(interval)})
    return found


def lifts(yes: NDArray[np.bool_], score: FloatArray) -> list[Figures]:
    """By tenths of the score, best first: members, how many had the outcome, lift over the mean, and up to there."""
    if len(yes) < 10:
        return []
    table = lift_table(yes, score, bins=10)
    mean, total = float(yes.mean()), float(yes.sum())
    had, members, found = 0.0, 0, []
    for size, positives in zip(table.size.tolist(), table.responders.tolist(), strict=True):
        had, members = had + positives, members + int(size)
        found.append(
            {
                "members": int(size),
                "positives": positives,
                "rate": positives / size,
                "lift": positives / size / mean,
                "reached": members / len(yes),
                "share_of_positives": had / total,
            }
        )
    return found


def _captured(interval: Interval) -> Figures:
    return {"share_of_positives": interval.estimate, "low": interval.low, "high": interval.high}


def judge(tests: Sequence[Figures]) -> Judgement:
    """Promote unless the model is worse than the score to beat, the version in use, or chance, beyond the interval."""
    for test in tests:
        cohort = test["cohort"]
        if "difference" in test and test["difference"]["high"] < 0:
            gap, tag = test["difference"], title_of(test["baseline"])
            return Judgement(
                False,
                Words(
                    f"在 {cohort} 上 AUC 比「{tag.zh}」低 {-gap['estimate']:.3f}，区间不含 0。",
                    f"On {cohort} its AUC is {-gap['estimate']:.3f} below that of “{tag.en}”, with an interval without"
                    " 0.",
                ),
            )
        if (waits := worse(test, Words(f"{cohort} 上的 AUC ", f"AUC on {cohort}"), more_is_better=True)) is not None:
            return waits
        if test["auc"]["high"] < 0.5:
            return Judgement(
                False,
                Words(f"在 {cohort} 上比随机排序还差。", f"On {cohort} it is worse than a random order."),
            )
    if not any("difference" in test for test in tests):
        return Judgement(
            True,
            Words(
                "在测试客群上不显著差于随机排序。",
                "On the test cohorts it is not shown to be worse than a random order.",
            ),
        )
    return Judgement(
        True,
        Words("在测试客群上不显著差于基线。", "On the test cohorts it is not shown to be worse than the baseline."),
    )


def beside_champion(cohort: CohortRows, chance: FloatArray, champion: FloatArray, version: int) -> Figures:
    """How the version in use ranks the same members, and the difference of the areas, paired."""
    return {
        "version": version,
        "auc": interval_json(auc_interval(cohort.yes, champion)),
        "brier": brier(cohort.yes, champion),
        "difference": interval_json(auc_difference_interval(cohort.yes, chance, champion)),
    }


def side_by_side(cohort: CohortRows, chance: FloatArray, first: FloatArray) -> Figures:
    """Figures of one version among several on the same members; the difference is to the first."""
    yes = cohort.yes
    return {
        "auc": interval_json(auc_interval(yes, chance)),
        "brier": brier(yes, chance),
        "predicted_positives": float(chance.sum()),
        "gains": gains(yes, chance),
        "difference": interval_json(auc_difference_interval(yes, chance, first)),
    }


def sentence(test: Figures) -> Words:
    """What the figures of a test cohort allow to be said, and what not."""
    n, k, area = test["members"], test["positives"], test["auc"]
    bounds = f"{area['low']:.3f} ~ {area['high']:.3f}"
    zh = [f"{test['cohort']}：{n:,} 人中有 {k:,} 人有此结果。AUC {area['estimate']:.3f}（95% 区间 {bounds}）。"]
    en = [f"{test['cohort']}: {k:,} of {n:,} members had the outcome. AUC {area['estimate']:.3f} (95%: {bounds})."]
    # Which share of customers holds which share of buyers: what a campaign of that size reaches.
    if held := next((g for g in test.get("gains", []) if g["share"] == 0.2), None):
        share, least, most = (100 * held[key] for key in ("share_of_positives", "low", "high"))
        zh.append(f"有此结果的人里，{share:.0f}%（{least:.0f}% ~ {most:.0f}%）在得分最高的 20% 之中。")
        en.append(
            f"The best-scored 20% of members hold {share:.0f}% of those who had it ({least:.0f}% to {most:.0f}%)."
        )
    if k < FEW_POSITIVES:
        zh.append("有此结果的人少，所以区间宽。")
        en.append("Few had it, so the interval is wide.")
    beside = [(test["baseline"], test["difference"])] if "difference" in test else []
    strongest = test.get("strongest_tag")
    # Where the baseline is the strongest tag itself, it is said once.
    if strongest is not None and strongest["tag"] not in {base["tag"] for base, _ in beside}:
        beside.append((strongest, strongest["difference"]))
    for base, gap in beside:
        tag, own = title_of(base), base["auc"]["estimate"]
        span = f"{gap['low']:+.3f} ~ {gap['high']:+.3f}"
        if gap["low"] > 0:
            verdict = ("排序优于它", "it ranks better")
        elif gap["high"] < 0:
            verdict = ("排序不如它", "it ranks worse")
        else:
            verdict = ("无法断定孰优孰劣", "neither is shown to rank better")
        zh.append(f"与「{tag.zh}」（AUC {own:.3f}）相差 {gap['estimate']:+.3f}（{span}）：{verdict[0]}。")
        en.append(
            f"Against “{tag.en}” (AUC {own:.3f}) the difference is {gap['estimate']:+.3f} ({span}): {verdict[1]}."
        )
    zh.append("只在这一次活动或这一段时间上检验过；分数说明谁更可能有此结果，不说明联系会改变谁。")
    en.append(
        "It was tested on this one campaign or period; the score says who tends to have the outcome, not whom a"
        " contact would change."
    )
    return Words("".join(zh), " ".join(en))


def explain(model: PropensityModel, frame: Any) -> list[list[str | None]]:
    """The tags that move each score most, strongest first: three lists, one text per row.

    A text has the tag, its value and what it adds to the log-odds: ``rfm.recency = 5 (+0.41)``.
    """
    added = model.contributions(frame)
    names = model.feature_names_in_
    columns = [frame[name].to_numpy() for name in names]
    order = np.argsort(-np.abs(added), axis=1, kind="stable")[:, :REASONS]
    reasons: list[list[str | None]] = [[] for _ in range(REASONS)]
    for row, best in enumerate(order):
        for place in range(REASONS):
            text = None
            if place < len(best) and abs(added[row, best[place]]) >= 0.005:
                which = best[place]
                text = f"{names[which]} = {_shown(columns[which][row])} ({added[row, which]:+.2f})"
            reasons[place].append(text)
    return reasons


def _shown(value: Any) -> str:
    if value is None or value != value:
        return "?"
    return value if isinstance(value, str) else f"{value:.4g}"


def interval_json(interval: Interval) -> Figures:
    """An interval as JSON data."""
    return {"estimate": interval.estimate, "low": interval.low, "high": interval.high, "level": interval.level}


def importance(model: PropensityModel, cohort: CohortRows) -> list[Figures]:
    """The 15 tags that move the log-odds of a cohort's members most: the share of each in all that moves them."""
    some = cohort.frame.iloc[np.linspace(0, len(cohort.frame) - 1, min(len(cohort.frame), WEIGHED)).astype(np.int64)]
    moved = np.abs(model.contributions(some)).mean(axis=0)
    share = moved / max(float(moved.sum()), 1e-300)
    top = np.argsort(-share, kind="stable")[:15]
    return [{"tag": model.feature_names_in_[i], "share": float(share[i])} for i in top if share[i] > 0]


def metrics(
    cohorts: Sequence[CohortRows],
    validation: Figures | None,
    tests: Sequence[Figures],
    model: PropensityModel,
    judgement: Judgement,
) -> Figures:
    """All figures of a propensity model, as the registry keeps them."""
    first = tests[-1]
    headline = {"auc": first["auc"], "positives": first["positives"], "members": first["members"]}
    if "difference" in first:
        headline |= {"baseline_auc": first["baseline"]["auc"], "difference": first["difference"]}
    if "strongest_tag" in first:
        headline["strongest_tag"] = first["strongest_tag"]
    return {
        "headline": headline,
        "cohorts": [cohort.to_json() for cohort in cohorts],
        "validation": validation,
        "tests": list(tests),
        "importance": importance(model, [cohort for cohort in cohorts if cohort.role == "train"][-1]),
        "sentence": sentence(first).to_json(),
        "judgement": judgement.to_json(),
    }
