"""Labels of Chinese texts on one core, and circles, roles and referrals of a million ties."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("GONGBI_DATA", ROOT.parent / "shared" / "data"))
# Members of a planted circle, and the share of ties that leave it.
CIRCLE = 200
LEAVING = 0.2


def text(given: argparse.Namespace) -> dict[str, Any]:
    """Learn from four fifths of the hotel reviews, score the others over and over; both in seconds of one core."""
    import pandas as pd
    from sklearn.metrics import f1_score

    from gongbi.estimators.text.classifier import TextClassifier

    reviews = pd.read_parquet(DATA / "zh_reviews" / "chnsenticorp_htl_all.parquet").dropna()
    order = np.random.default_rng(0).permutation(len(reviews))
    texts, labels = reviews["review"].to_numpy()[order], reviews["label"].to_numpy()[order]
    cut = len(order) * 4 // 5
    begun, worked = time.perf_counter(), time.process_time()
    model = TextClassifier().fit(texts[:cut], labels[:cut])
    learning = {"fit_seconds": time.perf_counter() - begun, "fit_cpu_seconds": time.process_time() - worked}
    unseen = np.tile(texts[cut:], max(1, int(40_000 * given.share) // (len(order) - cut)))
    model.predict(unseen[:1000])
    begun, worked = time.perf_counter(), time.process_time()
    said = model.predict(unseen)
    wall, cpu = time.perf_counter() - begun, time.process_time() - worked
    return {
        **learning,
        "learned_from": cut,
        "scored": len(unseen),
        "mean_characters": float(np.mean([len(one) for one in texts[cut:]])),
        "texts_per_second": len(unseen) / wall,
        "texts_per_cpu_second": len(unseen) / cpu,
        "macro_f1_of_this_split": float(f1_score(labels[cut:], said[: len(order) - cut], average="macro")),
        "load": os.getloadavg()[0],
    }


def graph(given: argparse.Namespace) -> dict[str, Any]:
    """Find planted circles among a million ties, then everybody's role and what referrals may bring."""
    from sklearn.metrics import normalized_mutual_info_score

    from gongbi.estimators.graph.circles import Circles
    from gongbi.estimators.graph.network import network
    from gongbi.estimators.graph.roles import roles
    from gongbi.estimators.graph.ties import referral_value

    rng, rows = np.random.default_rng(0), int(1_000_000 * given.share)
    members = max(rows // 5, 2 * CIRCLE)
    source = rng.integers(0, members, rows)
    leaving = rng.random(rows) < LEAVING
    inside = source // CIRCLE * CIRCLE + rng.integers(0, CIRCLE, rows)
    target = np.where(leaving, rng.integers(0, members, rows), np.minimum(inside, members - 1))
    spent: dict[str, float] = {}
    begun = last = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal last
        spent[name], last = time.perf_counter() - last, time.perf_counter()

    worked = time.process_time()
    net = network(source, target)
    lap("network")
    found = Circles().fit(net)
    lap("circles")
    figures = roles(net, found.labels_)
    figures.titles(found.labels_)
    lap("roles")
    referral_value(net, rng.random(len(net.ids)))
    lap("referrals")
    return {
        "ties": int(net.ties.nnz // 2),
        "members": len(net.ids),
        "seconds": time.perf_counter() - begun,
        "cpu_seconds": time.process_time() - worked,
        "seconds_of": spent,
        "circles": len(found.sizes_),
        "nmi_with_planted": float(normalized_mutual_info_score(net.ids // CIRCLE, found.labels_)),
        "load": os.getloadavg()[0],
    }
