"""Labels of texts: learned from all that have one, judged on the last beside a plain machine and the version in use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gongbi.catalog.base import ModelDef, Words
from gongbi.errors import InvalidInput
from gongbi.estimators.checks import FloatArray, IntArray
from gongbi.estimators.stats import bootstrap_interval
from gongbi.estimators.text.complaints import ComplaintModel
from gongbi.models.base import Figures, Judgement, Version, worse
from gongbi.models.propensity import SEED, interval_json
from gongbi.models.rivals import RESAMPLES, beside, side_by_side

#: A label of fewer texts is not learned, nor judged.
FEWEST_OF_LABEL = 10
#: Fewer texts held out judge nothing.
FEWEST_JUDGED = 50
#: Between the levels of a label: 物流/破损.
LEVEL = "/"
#: What versions are compared by: each label counts alike, however rare.
LOSS = Words("最后的文本上各标签的平均错误率", "mean error rate of the labels of the last texts")


@dataclass(frozen=True)
class Last:
    """Labelled texts of the last days, and the earlier ones; labels are of those that both have enough of.

    Attributes
    ----------
    seen, named
        The earlier texts and their labels, shape (n_seen,).
    texts, truth
        The last ones, none of which equals an earlier one, shape (n_last,).
    """

    seen: NDArray[np.object_]
    named: NDArray[np.object_]
    texts: NDArray[np.object_]
    truth: NDArray[np.object_]


def learn(
    model: ModelDef, rows: pa.Table, as_of: datetime, champion: Version | None = None
) -> tuple[ComplaintModel, Figures | None]:
    """Learn labels of all texts that have one; judge what is learned of those before the last days.

    The `champion` labels the same texts, where it learned from none of them.

    Raises
    ------
    InvalidInput
        Fewer than two labels have enough texts.
    """
    texts, label, late = _labelled(model, rows, as_of)
    last, judged = _parted(texts, label, late), None
    if last is not None:
        early = _fit(last.seen, last.named)
        rival = champion if champion is not None and champion.saw_nothing_after(_cut(model, as_of)) else None
        judged = _judged(last, _said(early, last.texts), rival)
    return _fit(texts, label), judged


def compare(
    model: ModelDef, rows: pa.Table, as_of: datetime, versions: Sequence[Version]
) -> tuple[Figures, list[Figures]]:
    """Kept versions on the labelled texts of the last days; ``loss`` is the mean error rate of the labels.

    Raises
    ------
    InvalidInput
        Too few of them.
    """
    _, _, late = known = _labelled(model, rows, as_of)
    last = _parted(*known)
    if last is None:
        raise InvalidInput(
            f"Only {int(late.sum())} labelled texts in the last {model.holdout_days} days: too few to compare versions"
            " by.",
            hint="Give the model a longer `holdout_days`.",
        )
    said = [_said_by(one, last) for one in versions]
    losses = [None if one is None else _loss(last.truth, one) for one in said]
    fairly = [one.saw_nothing_after(_cut(model, as_of)) for one in versions]
    told = {"days": model.holdout_days, "texts": len(last.truth), "loss": "mean error rate of the labels"}
    return told, side_by_side(versions, losses, fairly)


def judge(judged: Figures | None) -> Judgement:
    """Not worse than the version in use, nor than a plain machine; without labels nothing can be said."""
    if judged is None:
        return Judgement(
            True,
            Words(
                "没有可供检验的标签：情感与话题未与人工判断对照。",
                "No labels to judge by: sentiment and topics were not held against people's judgement.",
            ),
        )
    if (waits := worse(judged, LOSS)) is not None:
        return waits
    gap = judged["difference"]
    if gap["high"] < 0:
        return Judgement(
            False,
            Words(
                f"在最后的文本上宏平均 F1 比普通线性支持向量机低 {-gap['estimate']:.3f}，区间不含 0。",
                f"On the last texts its macro F1 is {-gap['estimate']:.3f} below a plain linear machine's, with an"
                " interval without 0.",
            ),
        )
    return Judgement(
        True,
        Words(
            "在最后的文本上不显著差于普通线性支持向量机。",
            "On the last texts it is not shown to be worse than a plain machine.",
        ),
    )


def _cut(model: ModelDef, as_of: datetime) -> datetime:
    return as_of - timedelta(days=model.holdout_days)


def _labelled(
    model: ModelDef, rows: pa.Table, as_of: datetime
) -> tuple[NDArray[np.object_], NDArray[np.object_], NDArray[np.bool_]]:
    """The texts with a label that has enough of them, their labels, and which are of the last days."""
    every = rows["label"].to_pylist()
    enough = {label for label, n in Counter(filter(None, every)).items() if n >= FEWEST_OF_LABEL}
    if len(enough) < 2:
        raise InvalidInput(
            f"{len(enough)} labels in {model.fact}.{model.label} have {FEWEST_OF_LABEL} texts or more;"
            " two are the least.",
            hint="Leave out `label`, or label more texts.",
        )
    known = np.array([label in enough for label in every])
    since = np.datetime64(_cut(model, as_of).replace(tzinfo=None), "us")
    late = rows["ts"].to_numpy(zero_copy_only=False).astype("datetime64[us]") >= since
    texts = np.asarray(rows["text"].to_pylist(), dtype=object)
    return texts[known], np.asarray(every, dtype=object)[known], late[known]


def _parted(texts: NDArray[np.object_], label: NDArray[np.object_], late: NDArray[np.bool_]) -> Last | None:
    """Both sides of the cut; None where either has too little to say anything."""
    # Equal texts on both sides would be judged by heart.
    fresh = late & ~np.isin(texts.astype(str), texts[~late].astype(str))
    both = [name for name, n in Counter(label[~late]).items() if n >= FEWEST_OF_LABEL]
    seen, later = ~late & np.isin(label, both), fresh & np.isin(label, both)
    if len(both) < 2 or later.sum() < FEWEST_JUDGED or len(set(label[later])) < 2:
        return None
    return Last(texts[seen], label[seen], texts[later], label[later])


def _fit(texts: NDArray[np.object_], label: NDArray[np.object_]) -> ComplaintModel:
    return ComplaintModel(seed=SEED).fit(texts.tolist(), [tuple(str(one).split(LEVEL)) for one in label])


def _said(fitted: ComplaintModel, texts: NDArray[np.object_]) -> NDArray[np.object_]:
    return np.asarray([LEVEL.join(path) for path, _ in fitted.predict(texts.tolist())], dtype=object)


def _said_by(version: Version, last: Last) -> NDArray[np.object_] | None:
    """What a kept version says of the last texts; None where it learned no labels, or others."""
    if version.artifact["labels"] is None:
        return None
    said = _said(ComplaintModel.from_json(version.artifact["labels"]), last.texts)
    return said if np.isin(said, last.truth).any() else None


def _loss(truth: NDArray[np.object_], said: NDArray[np.object_]) -> FloatArray:
    """Whether each label is wrong, weighed so that the mean is that of the labels' error rates.

    A text that stops at an upper level is wrong: the figure is of whole labels.
    """
    _, which, sizes = np.unique(truth.astype(str), return_inverse=True, return_counts=True)
    return np.asarray((said != truth) * (len(truth) / (len(sizes) * sizes))[which], dtype=np.float64)


def _judged(last: Last, own: NDArray[np.object_], champion: Version | None) -> Figures:
    """Macro F1 on the last texts beside a plain machine, and the errors beside those of the version in use."""
    from gongbi.models.evaluation.text import plain_machine

    names, kind = np.unique(last.named.astype(str), return_inverse=True)
    truth, said = _numbers(last.truth, names), _numbers(own, names)
    plain = plain_machine(last.seen, kind, last.texts)
    commonest = np.full(len(truth), np.bincount(kind).argmax())

    def macro(right: IntArray, one: IntArray) -> float:
        return macro_f1(right, one, len(names))

    def gap(right: IntArray, one: IntArray, other: IntArray) -> float:
        return macro(right, one) - macro(right, other)

    found: Figures = {
        "learned_from": len(last.seen),
        "judged_on": len(truth),
        "labels": list(names),
        "macro_f1": interval_json(bootstrap_interval(macro, truth, said, seed=SEED, resamples=RESAMPLES)),
        "accuracy": float((truth == said).mean()),
        "baseline": {"what": "svm", "macro_f1": macro(truth, plain), "commonest": macro(truth, commonest)},
        "difference": interval_json(bootstrap_interval(gap, truth, said, plain, seed=SEED, resamples=RESAMPLES)),
    }
    if champion is not None and (theirs := _said_by(champion, last)) is not None:
        found["champion"] = beside(champion, _loss(last.truth, own), _loss(last.truth, theirs))
    return found


def _numbers(labels: NDArray[np.object_], names: NDArray[Any]) -> IntArray:
    """The place of each label among the names; one past the last where it is none of them."""
    place = {name: k for k, name in enumerate(names.tolist())}
    return np.array([place.get(str(one), len(names)) for one in labels], dtype=np.int64)


def macro_f1(truth: IntArray, said: IntArray, labels: int) -> float:
    """Mean F1 of the labels below `labels`, 0 of one that neither is nor was said; cheap enough to draw often."""
    right = np.bincount(truth[truth == said], minlength=labels + 1)[:labels]
    both = (np.bincount(truth, minlength=labels + 1) + np.bincount(said, minlength=labels + 1))[:labels]
    return float((2 * right / np.maximum(both, 1)).mean())
