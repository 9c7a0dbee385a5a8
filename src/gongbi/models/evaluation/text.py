"""`evaluate text`: sentiment or any label of texts, judged beside a plain linear model on the same texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gongbi.catalog.base import Words
from gongbi.errors import InvalidInput
from gongbi.models.evaluation.base import MODEL, SHARE, Evaluation, Kind, Option, Request
from gongbi.models.evaluation.reading import groups_asked, times_asked
from gongbi.models.evaluation.splits import Part, carried_out, splits_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: A label of fewer texts can be neither learned nor judged.
FEWEST = 10
BASELINES = {
    "svm": Words("1–3 字 TF-IDF 上的线性支持向量机", "linear support vector machine on TF-IDF of 1 to 3 characters"),
    "commonest": Words("总是最常见的标签", "always the commonest label"),
}
TITLES: Mapping[str, Any] = {
    "macro_f1": (Words("宏平均 F1", "Macro F1"), "high", SHARE),
    "accuracy": (Words("准确率", "Accuracy"), "high", SHARE),
}


def run(frame: Any, request: Request) -> Evaluation:
    """Judge `TextClassifier` on labelled texts, two labels or more."""
    texts, labels, rows, notes = labelled(frame, request.needed("text"), request.needed("label"))
    names, kind = np.unique(labels, return_inverse=True)
    groups = groups_asked(rows, request)
    if groups is None:
        # Equal texts on both sides would be judged by heart.
        groups = np.unique(texts, return_inverse=True)[1]
    splits = splits_for(request, len(kind), strata=kind, groups=groups, times=times_asked(rows, request))

    def trial(parts: tuple[Part, ...], seed: int) -> Mapping[str, Mapping[str, float]]:
        said = [judged(texts[p.learned], kind[p.learned], texts[p.judged], seed) for p in parts]
        truth = np.concatenate([kind[p.judged] for p in parts])
        found = {who: figures(truth, np.concatenate([one[who] for one in said])) for who in (MODEL, *BASELINES)}
        return {name: {who: one[name] for who, one in found.items()} for name in TITLES}

    seeds, measures = carried_out(trial, request, splits, TITLES)
    return Evaluation(
        kind="text",
        model=Words("1–4 字上的两个线性模型之和，校准概率", "two linear models on 1 to 4 characters, calibrated"),
        baselines=BASELINES,
        rows=len(kind),
        split=splits.words,
        seeds=seeds,
        measures=measures,
        notes=notes,
        details={"labels": {str(name): int(n) for name, n in zip(names, np.bincount(kind), strict=True)}},
    )


def labelled(frame: Any, text: str, label: str) -> tuple[NDArray[Any], NDArray[Any], Any, tuple[Words, ...]]:
    """Texts and labels of the rows that have both, and labels that enough texts have."""
    values = [_shown(value) for value in frame[label]]
    if any(not isinstance(value, str) for value in frame[text] if value is not None and value == value):
        raise InvalidInput(f"Column {text!r} holds no texts.")
    known = np.array([isinstance(t, str) and v is not None for t, v in zip(frame[text], values, strict=True)])
    counted = Counter(value for value, ok in zip(values, known, strict=True) if ok)
    enough = {value for value, n in counted.items() if n >= FEWEST}
    if len(enough) < 2:
        raise InvalidInput(
            f"{len(enough)} labels in column {label!r} have {FEWEST} texts or more; two are the least.",
            hint="Name another column with --label, or give more texts.",
        )
    notes = []
    if lost := int((~known).sum()):
        notes.append(Words(f"{lost} 行没有文本或标签，未用。", f"{lost} rows without a text or a label are left out."))
    if rare := len(counted) - len(enough):
        words = f"{rare} labels with fewer than {FEWEST} texts are left out."
        notes.append(Words(f"{rare} 个标签不足 {FEWEST} 条文本，未用。", words))
    chosen = known & np.array([value in enough for value in values])
    rows = frame[chosen].reset_index(drop=True)
    kept = np.array([value for value, ok in zip(values, chosen, strict=True) if ok])
    return rows[text].to_numpy(dtype=object), kept, rows, tuple(notes)


def judged(texts: Any, kind: NDArray[np.int64], unseen: Any, seed: int) -> dict[str, NDArray[np.int64]]:
    """Labels of unseen texts, by the model and by each baseline."""
    from gongbi.estimators.text.classifier import TextClassifier

    return {
        MODEL: TextClassifier(seed=seed).fit(texts, kind).predict(unseen),
        "svm": plain_machine(texts, kind, unseen),
        "commonest": np.full(len(unseen), np.bincount(kind).argmax()),
    }


def plain_machine(texts: Any, kind: NDArray[np.int64], unseen: Any) -> NDArray[np.int64]:
    """What anybody would try first; n-grams are counted by the house's own fast table, with scikit-learn's weights."""
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.svm import LinearSVC

    from gongbi.estimators.text.ngrams import Grams
    from gongbi.estimators.text.normal import normals

    seen, later = normals(texts), normals(unseen)
    grams, weights = Grams.learn(seen, 3, 20, 2), TfidfTransformer(sublinear_tf=True)
    machine = LinearSVC(random_state=0).fit(weights.fit_transform(grams.counts(seen)), kind)
    found: NDArray[np.int64] = machine.predict(weights.transform(grams.counts(later)))
    return found


def figures(truth: NDArray[np.int64], said: NDArray[np.int64]) -> dict[str, float]:
    """Both measures of one set of labels."""
    from sklearn.metrics import f1_score

    return {"macro_f1": float(f1_score(truth, said, average="macro")), "accuracy": float((truth == said).mean())}


def _shown(value: Any) -> str | None:
    if value is None or value != value:
        return None
    return f"{value:g}" if isinstance(value, float) else str(value)


KIND = Kind(
    name="text",
    title=Words("文本分类评估", "Evaluation of labels of texts"),
    about=Words("评估文本的情感、投诉类型或其他标签。", "Sentiment, type of complaint or another label of texts."),
    options=(
        Option("text", Words("文本列。", "Column: the texts."), required=True),
        Option("label", Words("标签列，两类或多类。", "Column: the labels, two or more."), required=True),
    ),
    run=run,
)
