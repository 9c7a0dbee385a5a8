"""Propensity at size: learning from a million members with 100 tags, and scoring 200,000 others."""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import pandas as pd
from scale import peak_gb
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from gongbi.models import PropensityModel

MEMBERS, NUMBERS, CATEGORIES = 1_000_000, 90, 10


def members(n: int, seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Tags, a tenth of them absent here and there, the outcome and its true chance."""
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {}
    for i in range(NUMBERS):
        values = rng.normal(size=n) if i % 2 else rng.exponential(50, n)
        values[rng.random(n) < 0.1] = np.nan
        columns[f"n{i}"] = values
    columns |= {f"c{i}": pd.Categorical.from_codes(rng.integers(0, 8, n), list("abcdefgh")) for i in range(CATEGORIES)}
    frame = pd.DataFrame(columns)
    seen = frame[["n1", "n3", "n5"]].fillna(0).to_numpy()
    often = np.log1p(frame["n0"].fillna(0).to_numpy())
    logit = -4.5 + 0.5 * often + 0.4 * seen[:, 0] - 0.3 * seen[:, 1] * (seen[:, 2] > 0)
    chance = expit(logit + 0.6 * (frame["c0"] == "a").to_numpy())
    return frame, (rng.random(n) < chance).astype(np.int64), chance


def learn(given: argparse.Namespace) -> dict[str, Any]:
    """Fit, calibration among it; the ranking of fresh members beside that of the true chances."""
    n = int(MEMBERS * given.share)
    frame, y, _ = members(n, 1)
    fresh, outcome, chance = members(min(n, 200_000), 2)
    model = PropensityModel(threads=0)
    started = time.perf_counter()
    model.fit(frame, y)
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    score = model.predict_proba(fresh)[:, 1]
    return {
        "members": n,
        "columns": NUMBERS + CATEGORIES,
        "positives": int(y.sum()),
        "seconds": round(seconds, 1),
        "trees": model.trees_,
        "score_seconds": round(time.perf_counter() - started, 1),
        "scored": len(fresh),
        "auc": {"truth": round(roc_auc_score(outcome, chance), 4), "model": round(roc_auc_score(outcome, score), 4)},
        "peak_gb": peak_gb(),
    }
