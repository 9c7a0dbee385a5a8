"""Learn what texts of a fact say: sentiment, topics, and labels where the fact has some; then say it of every text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from gongbi.catalog.base import ModelDef, Words
from gongbi.catalog.catalog import Catalog
from gongbi.core.dialect import Dialect
from gongbi.core.grouping import rows_as_of
from gongbi.core.plan import Plan
from gongbi.errors import InvalidInput
from gongbi.estimators.text.complaints import ComplaintModel
from gongbi.estimators.text.moods import moods
from gongbi.estimators.text.sentiment import Sentiment
from gongbi.estimators.text.topics import Number, TopicModel, choose_topics, words
from gongbi.models import text_labels
from gongbi.models.base import Figures, Trained, Version
from gongbi.models.propensity import SEED
from gongbi.models.rivals import told_beside
from gongbi.models.sections import stat, stats, table

FORMAT = 1
#: Fewer texts bear no topics.
FEWEST_TEXTS = 50
#: Of more texts the newest are learned from.
MOST_TEXTS = 50_000
GOOD, BAD = "good", "bad"


def texts_plan(model: ModelDef, catalog: Catalog, dialect: Dialect, as_of: datetime) -> Plan:
    """The texts that were known at an instant.

    Grain: one row per row of the fact that names a member and has a text, in the order of time. Columns: ``id``,
    ``ts``, ``_load``, ``_row``, ``text``, and ``label``, null where the model has none.
    """
    fact, quote = catalog.world.fact(model.fact or ""), dialect.ident
    who, said = quote(model.subject), quote(model.text or "")
    label = f"cast({quote(model.label) if model.label else 'null'} as {dialect.types['text']})"
    rows = rows_as_of(fact, catalog.world, dialect, as_of)
    return Plan().then(
        "texts",
        f"select {who} as id, ts, _load, _row, {said} as text, {label} as label from ({rows}) f"
        f" where {who} is not null and trim({said}) <> '' order by ts, _load, _row",
    )


def learn(model: ModelDef, rows: pa.Table, as_of: datetime, champion: Version | None = None) -> Trained:
    """Learn from the newest texts; labels are judged on those of the last `holdout_days`, beside the `champion`.

    Raises
    ------
    InvalidInput
        Too few texts, or fewer than two labels with enough of them.
    """
    if len(rows) < FEWEST_TEXTS:
        raise InvalidInput(
            f"There are {len(rows)} texts in {model.fact}.{model.text}; {FEWEST_TEXTS} are the least to learn from.",
            hint="Load more, or name another column with `text`.",
        )
    newest = learned_from(rows)
    texts = newest["text"].to_pylist()
    cut = words(texts)
    number = choose_topics(cut, model.fewest, model.most, seed=SEED)
    topics = TopicModel(number.chosen.number, seed=SEED).fit_words(cut)
    sentiment = Sentiment(seed=SEED).fit(texts)
    labels, judged = (None, None) if model.label is None else text_labels.learn(model, newest, as_of, champion)
    kept = {
        "format": FORMAT,
        "sentiment": sentiment.to_json(),
        "topics": topics.to_json(),
        "labels": labels.to_json() if labels is not None else None,
    }
    found = said(kept, newest)
    judgement = text_labels.judge(judged)
    share = float(np.mean([one == BAD for one in found["sentiment"].to_pylist()]))
    metrics: Figures = {
        "headline": {
            "texts": len(rows),
            "topics": topics.number,
            "share_bad": share,
            **({"macro_f1": judged["macro_f1"]} if judged else {}),
        },
        "members": len(set(rows["id"].to_pylist())),
        "texts": len(rows),
        "learned_from": len(newest),
        "taught_by_words": sentiment.taught_,
        "labels": judged,
        "topics": _topic_figures(topics, found),
        "sentence": told_beside(reason(number), judged or {}, text_labels.LOSS).to_json(),
        "judgement": judgement.to_json(),
    }
    metrics["sections"] = _sections(metrics, number, topics)
    window = {"as_of": as_of.isoformat(), "horizon_days": model.horizon_days, "holdout_days": model.holdout_days}
    params = {"topics": topics.number, "seed": SEED}
    return Trained(model.model, "NMF, self-trained sentiment", kept, metrics, params, window, judgement)


def learned_from(rows: pa.Table) -> pa.Table:
    """The newest of the texts, as many as are learned from."""
    return rows.slice(max(0, len(rows) - MOST_TEXTS))


def said(artifact: Mapping[str, Any], rows: pa.Table) -> pa.Table:
    """What a kept model says of texts, one row each, with the columns of the fact it writes; never the text itself."""
    if artifact.get("format") != FORMAT:
        raise InvalidInput(f"The model was written in format {artifact.get('format')}; this is {FORMAT}.")
    texts = rows["text"].to_pylist()
    good = Sentiment.from_json(artifact["sentiment"]).predict_good(texts)
    topics = TopicModel.from_json(artifact["topics"])
    weights = topics.weigh(texts)
    best = [int(row.argmax()) if row.any() else None for row in weights]
    columns: dict[str, Any] = {
        **{name: rows[name] for name in ("_load", "_row", "ts", "id")},
        "sentiment": pa.array([GOOD if chance >= 0.5 else BAD for chance in good], pa.string()),
        "good": pa.array(good, pa.float64()),
        "mood": pa.array(moods(texts).strongest(), pa.string()),
        "topic": pa.array([None if k is None else k + 1 for k in best], pa.int64()),
        "topic_words": pa.array([None if k is None else " ".join(topics.names_[k]) for k in best], pa.string()),
    }
    if artifact["labels"] is not None:
        ways = ComplaintModel.from_json(artifact["labels"]).predict(texts)
        columns["label"] = pa.array([text_labels.LEVEL.join(path) for path, _ in ways], pa.string())
        columns["sure"] = pa.array([chance for _, chance in ways], pa.float64())
    return pa.table(columns)


def of_members(model: ModelDef, found: pa.Table, as_of: datetime) -> pa.Table:
    """One row of scores for each member with a text in the last `horizon_days`; the newest of equals is told."""
    import pandas as pd

    since = as_of.replace(tzinfo=None) - timedelta(days=model.horizon_days)
    frame = found.to_pandas().sort_values(["ts", "_load", "_row"], kind="stable")
    frame = frame[(frame["ts"] >= pd.Timestamp(since)).to_numpy()]
    frame["bad"] = (frame["sentiment"] == BAD).astype(float)
    by = frame.groupby("id", sort=True)
    # `last` passes over absent values: the newest mood that was told, not that of the newest text.
    scores = by.agg(
        texts=("ts", "size"), negative=("bad", "mean"), sentiment=("sentiment", "last"), mood=("mood", "last")
    )
    counted = frame.dropna(subset=["topic"]).groupby(["id", "topic_words"])["ts"].agg(["size", "max"]).reset_index()
    most = counted.sort_values(["size", "max", "topic_words"]).groupby("id").tail(1).set_index("id")["topic_words"]
    scores["topic"] = most.reindex(scores.index)
    if model.label is not None:
        scores["label"] = by["label"].last()
    kinds = {"texts": pa.int64(), "negative": pa.float64()}
    arrays = {
        name: pa.array([None if v is None or v != v else v for v in scores[name]], kinds.get(name, pa.string()))
        for name in scores.columns
    }
    return pa.table({"id": pa.array(scores.index.to_list(), found.schema.field("id").type), **arrays})


def reason(number: Number) -> Words:
    """Why there are so many topics."""
    one, tried = number.chosen, number.tried
    if number.reason == "only":
        return Words(f"按定义分为 {one.number} 个话题。", f"{one.number} topics, the only number tried.")
    first, last = tried[0].number, tried[-1].number
    return Words(
        f"试了 {first} 至 {last} 个话题，选 {one.number} 个：在换一部分文本仍能重现的数目中，它的词最常同现"
        f"（连贯度 {one.coherence:.2f}，稳定度 {one.stability:.2f}）。",
        f"Of {first} to {last} topics {one.number} were chosen: of the numbers that come again in other texts, the one"
        f" whose words hold together best (coherence {one.coherence:.2f}, stability {one.stability:.2f}).",
    )


def _topic_figures(topics: TopicModel, found: pa.Table) -> list[Figures]:
    topic = np.array([np.nan if k is None else k for k in found["topic"].to_pylist()], dtype=float)
    bad = np.array([one == BAD for one in found["sentiment"].to_pylist()])
    rows = []
    for k, name in enumerate(topics.names_, start=1):
        mine = topic == k
        rows.append(
            {
                "topic": k,
                "words": list(name),
                "texts": int(mine.sum()),
                "bad": float(bad[mine].mean()) if mine.any() else None,
            }
        )
    return rows


def _sections(metrics: Figures, number: Number, topics: TopicModel) -> list[Figures]:
    judged = metrics["labels"]
    shown = [
        stat(Words("文本", "Texts"), metrics["texts"], "count"),
        stat(Words("负面占比", "Share that is bad"), metrics["headline"]["share_bad"], "percent"),
        stat(Words("话题能解释的用词", "Words that topics account for"), topics.told_, "percent"),
    ]
    if judged is not None:
        shown.append(
            stat(
                Words("标签宏平均 F1", "Macro F1 of labels"),
                judged["macro_f1"]["estimate"],
                "number",
                judged["macro_f1"],
            )
        )
        shown.append(stat(Words("普通机器的 F1", "F1 of a plain machine"), judged["baseline"]["macro_f1"]))
    total = max(metrics["learned_from"], 1)
    return [
        stats(*shown),
        table(
            Words("话题", "Topics"),
            Words(
                "每个话题的代表词、文本数与其中的负面占比。",
                "Each topic's words, its texts, and how many of them are bad.",
            ),
            [
                (Words("话题", "Topic"), "text"),
                (Words("文本", "Texts"), "count"),
                (Words("占比", "Share"), "percent"),
                (Words("负面", "Bad"), "percent"),
            ],
            [
                [" ".join(one["words"]), one["texts"], one["texts"] / total, one["bad"]]
                for one in sorted(metrics["topics"], key=lambda one: -one["texts"])
            ],
        ),
        table(
            Words("话题数的选择", "How many topics"),
            reason(number),
            [
                (Words("话题数", "Topics"), "count"),
                (Words("连贯度", "Coherence"), "number"),
                (Words("稳定度", "Stability"), "number"),
            ],
            [[one.number, one.coherence, one.stability] for one in number.tried],
        ),
    ]
