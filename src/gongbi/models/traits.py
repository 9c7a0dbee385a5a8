"""Infer a trait of those who did not declare it, and hold it to those who did and were not learned from."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gongbi.catalog.base import ModelDef, Words
from gongbi.errors import InvalidInput
from gongbi.estimators.stats import wilson_interval
from gongbi.estimators.traits import InferredTrait
from gongbi.models.base import Figures, Judgement, Trained
from gongbi.models.propensity import SEED, interval_json
from gongbi.models.rivals import mean_interval
from gongbi.models.sections import stat, stats, table

#: Share of those who declared that is kept back by lot.
HELD_OUT = 0.3


def learn(model: ModelDef, frame: Any, declared: NDArray[Any], as_of: datetime) -> Trained:
    """Judge on a part of those who declared, then learn from all of them.

    Raises
    ------
    InvalidInput
        Too few declared two values or more.
    Refused
        The trait is a sensitive one.
    """
    values = declared
    known = np.array([value is not None and value != "" for value in values], dtype=bool)
    lot = np.random.default_rng(SEED).random(len(values)) < HELD_OUT
    learned, kept_back = known & ~lot, known & lot
    if not kept_back.any():
        raise InvalidInput(
            f"{int(known.sum())} members declared {model.trait!r}: too few to learn it.",
            hint="Load more of what members declare.",
        )
    early = _trait(model).fit(frame[learned].reset_index(drop=True), values[learned])
    check = _checked(early, frame[kept_back].reset_index(drop=True), values[kept_back], values[learned])
    fitted = _trait(model).fit(frame, values)
    _, _, method = fitted.infer(frame, values)
    inferred, unknown = (int((method == one).sum()) for one in ("inferred", "unknown"))
    judgement = _judge(check, model.limit)
    metrics: Figures = {
        "headline": {
            "declared": int(known.sum()),
            "inferred": inferred,
            "accuracy": check["accuracy"],
            "confidence": check["confidence"],
        },
        "members": len(values),
        "declared": int(known.sum()),
        "inferred": inferred,
        "unknown": unknown,
        "features": list(frame.columns),
        "check": check,
        "sections": _sections(check, int(known.sum()), inferred, unknown),
        "sentence": _sentence(check, model.limit).to_json(),
        "judgement": judgement.to_json(),
    }
    parameters = {"limit": model.limit, "values": fitted.classes_.tolist(), "seed": SEED}
    window = {"as_of": as_of.isoformat()}
    artifact = {"trait": fitted.to_json(), "features": list(frame.columns)}
    return Trained(model.model, "LightGBM, one for each value", artifact, metrics, parameters, window, judgement)


def _trait(model: ModelDef) -> InferredTrait:
    return InferredTrait(model.trait or "", limit=model.limit, seed=SEED)


def _checked(fitted: InferredTrait, frame: Any, truth: Any, learned: Any) -> Figures:
    """What it says of members whose declared value it has not seen, against that value and the commonest one."""
    value, confidence, method = fitted.infer(frame)
    told = method == "inferred"
    names, counts = np.unique(learned.astype(str), return_counts=True)
    commonest = str(names[counts.argmax()])
    likeliest = np.array([fitted.classes_[i] for i in fitted.predict_proba(frame).argmax(axis=1)], dtype=object)
    by_value = []
    for name in fitted.classes_:
        said = told & (value == name)
        by_value.append(
            {
                "value": str(name),
                "declared": int((truth == name).sum()),
                "inferred": int(said.sum()),
                "right": int((truth[said] == name).sum()),
            }
        )
    right = int((value[told] == truth[told]).sum())
    return {
        "members": len(truth),
        "inferred": int(told.sum()),
        "right": right,
        "accuracy": interval_json(wilson_interval(right, int(told.sum()))) if told.any() else None,
        "confidence": float(confidence[told].mean()) if told.any() else None,
        "commonest": commonest,
        "accuracy_of_commonest": interval_json(wilson_interval(int((truth == commonest).sum()), len(truth))),
        "accuracy_of_all": interval_json(wilson_interval(int((likeliest == truth).sum()), len(truth))),
        # Of those it inferred: right, less right by guessing the commonest of them all.
        "beyond_commonest": mean_interval((value[told] == truth[told]) * 1.0 - (truth[told] == commonest) * 1.0)
        if told.any()
        else None,
        "by_value": by_value,
    }


def _judge(check: Figures, limit: float) -> Judgement:
    if check["accuracy"] is None:
        return Judgement(
            False,
            Words(
                f"没有人的把握达到 {limit:.0%}，推断不出任何人。",
                f"Nobody reaches a confidence of {limit:.0%}, so nothing is inferred of anybody.",
            ),
        )
    if check["accuracy"]["high"] < check["confidence"]:
        return Judgement(
            False,
            Words(
                f"它说有 {check['confidence']:.0%} 的把握，实际只对了 {check['accuracy']['estimate']:.0%}，"
                "区间不含前者。",
                f"It says that it is {check['confidence']:.0%} sure, and was right of"
                f" {check['accuracy']['estimate']:.0%}, with an interval below that.",
            ),
        )
    if check["beyond_commonest"]["low"] <= 0:
        return Judgement(
            False,
            Words(
                f"在它推断的人里，没有显示出比一律猜“{check['commonest']}”更准：它没有带来信息。",
                f"Of those it infers it is not shown to be right more often than guessing {check['commonest']!r} of"
                " each: it adds nothing.",
            ),
        )
    return Judgement(
        True,
        Words(
            "它的把握与实际相符，且比一律猜最常见的值更准。",
            "It is right as often as it says that it is, and more often than guessing the commonest value.",
        ),
    )


def _sentence(check: Figures, limit: float) -> Words:
    plain = check["accuracy_of_commonest"]["estimate"]
    if check["accuracy"] is None:
        likeliest = check["accuracy_of_all"]["estimate"]
        return Words(
            f"没有人的把握达到 {limit:.0%}。每人取最可能的值只对 {likeliest:.0%}，"
            f"人人都猜“{check['commonest']}”对 {plain:.0%}。",
            f"Nobody reaches a confidence of {limit:.0%}. Taking each one's likeliest value is right of"
            f" {likeliest:.0%}, guessing {check['commonest']!r} of everybody of {plain:.0%}.",
        )
    own = check["accuracy"]
    return Words(
        f"在未参与学习的 {check['members']:,} 名已申报者中推断了 {check['inferred']:,} 人，对了 {own['estimate']:.0%}"
        f"（{own['low']:.0%} ~ {own['high']:.0%}），自称有 {check['confidence']:.0%} 的把握；"
        f"人人都猜“{check['commonest']}”则对 {plain:.0%}。",
        f"Of {check['members']:,} who declared and were kept back it inferred {check['inferred']:,}, and was right of"
        f" {own['estimate']:.0%} ({own['low']:.0%} to {own['high']:.0%}), saying that it was"
        f" {check['confidence']:.0%} sure; guessing {check['commonest']!r} of everybody is right of {plain:.0%}.",
    )


def _sections(check: Figures, declared: int, inferred: int, unknown: int) -> list[Figures]:
    right = check["accuracy"]
    return [
        stats(
            stat(Words("已申报", "Declared"), declared, "count"),
            stat(Words("推断", "Inferred"), inferred, "count"),
            stat(Words("仍未知", "Still unknown"), unknown, "count"),
            stat(Words("推断正确", "Right"), right["estimate"] if right else None, "percent", right),
            stat(Words("自称的把握", "Says it is sure"), check["confidence"], "percent"),
        ),
        table(
            Words("各取值", "By value"),
            Words("只看未参与学习的已申报者。", "Of those who declared and were kept back."),
            [
                (Words("取值", "Value"), "text"),
                (Words("申报", "Declared"), "count"),
                (Words("推断", "Inferred"), "count"),
                (Words("正确", "Right"), "count"),
            ],
            [[one["value"], one["declared"], one["inferred"], one["right"]] for one in check["by_value"]],
        ),
    ]
