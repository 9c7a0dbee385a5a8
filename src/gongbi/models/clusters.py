"""Group members by their tags, choose how many groups, and say why."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np

from gongbi.catalog.base import ModelDef, Words
from gongbi.errors import InvalidInput
from gongbi.estimators.clusters import Choice, choose_clusters
from gongbi.models.base import Judgement, Trained

SEED = 20170101
#: Fewer members than this cannot be told apart from chance.
FEWEST_MEMBERS = 30
#: How far the silhouette must be above that of shuffled columns for the clusters to say more than the tags one by one.
STRUCTURE = 0.02
SILHOUETTE = "silhouette"


def learn(model: ModelDef, frame: Any, as_of: datetime) -> Trained:
    """Choose and learn clusters.

    Parameters
    ----------
    frame
        One row per member, one column per tag.

    Raises
    ------
    InvalidInput
        Too few members, or members that hardly differ.
    """
    if len(frame) < FEWEST_MEMBERS:
        raise InvalidInput(
            f"{len(frame)} members are too few for clusters; {FEWEST_MEMBERS} are the least.",
            hint="Widen the model's `score`, or load more.",
        )
    choice = choose_clusters(frame, model.fewest, model.most, seed=SEED)
    sizes = np.bincount(choice.model.labels_, minlength=choice.chosen.clusters)
    words = reason(choice)
    metrics = {
        "members": len(frame),
        "clusters": [
            {"cluster": i + 1, "members": int(n), "share": float(n / len(frame))} for i, n in enumerate(sizes)
        ],
        "candidates": [
            {**one.to_json(), "chosen": one.clusters == choice.chosen.clusters} for one in choice.candidates
        ],
        "features": list(choice.model.space_.columns.names),
        "clarity": float(choice.model.clarity_.mean()),
        "headline": {
            "clusters": choice.chosen.clusters,
            SILHOUETTE: round(choice.chosen.silhouette, 3),
            "shuffled_silhouette": round(choice.chosen.chance, 3),
            "stability": round(choice.chosen.stability, 3),
        },
        "sentence": words.to_json(),
    }
    judgement = Judgement(True, Words("聚类没有要胜过的基准，训练后即启用。", "Clusters have no baseline to beat."))
    metrics["judgement"] = judgement.to_json()
    return Trained(
        model.model,
        "k-means on mixed traits",
        choice.model.to_json(),
        metrics,
        {"clusters": choice.chosen.clusters, "seed": SEED},
        {"as_of": as_of.isoformat()},
        judgement,
    )


def reason(choice: Choice) -> Words:
    """Why this number of clusters, with the figures that speak for it and those that warn."""
    chosen, tried = choice.chosen, choice.candidates
    k, first, last = chosen.clusters, tried[0].clusters, tried[-1].clusters
    zh = f"轮廓系数 {chosen.silhouette:.2f}，打乱各列后为 {chosen.chance:.2f}；重抽样一致性 {chosen.stability:.2f}。"
    en = (
        f"Its silhouette is {chosen.silhouette:.2f}, {chosen.chance:.2f} with the columns shuffled apart; resampled"
        f" clusters agree with it by {chosen.stability:.2f}."
    )
    if choice.reason == "only":
        zh, en = f"按定义分为 {k} 群。{zh}", f"{k} clusters, the only number tried. {en}"
    elif choice.reason == "stable":
        zh = f"试了 {first} 至 {last} 群，选 {k} 群：在稳定的数目中，它比打乱的数据清楚得最多。{zh}"
        en = f"Of {first} to {last} clusters {k} were chosen: of the stable numbers, the one clearest of chance. {en}"
    else:
        zh = f"试了 {first} 至 {last} 群，没有一个稳定；选最稳定的 {k} 群，使用时须谨慎。{zh}"
        en = f"Of {first} to {last} clusters no number is stable; {k} is the most stable one: use it with care. {en}"
    if chosen.silhouette - chosen.chance < STRUCTURE:
        zh += "与打乱的数据几乎没有差别：这些群只是把连续的分布切开。"
        en += " That is hardly more than chance: these clusters cut a continuum."
    return Words(zh, en)
