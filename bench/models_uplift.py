"""Uplift at size: learning from a trial of a million members with 25 columns, and scoring them."""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import pandas as pd
from scale import peak_gb
from scipy.special import expit

from gongbi.estimators.stats.uplift import qini_curve
from gongbi.models import DRLearner, TLearner, UpliftModel

MEMBERS, NUMBERS, CATEGORIES = 1_000_000, 20, 5


def trial(n: int, seed: int = 1) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    """Columns, arm, outcome and the true effect."""
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {f"n{i}": rng.normal(size=n) if i % 2 else rng.exponential(50, n) for i in range(NUMBERS)}
    columns |= {f"c{i}": pd.Categorical.from_codes(rng.integers(0, 6, n), list("abcdef")) for i in range(CATEGORIES)}
    frame = pd.DataFrame(columns)
    base = -2 + 0.3 * frame["n1"].to_numpy() + 0.2 * (frame["c0"] == "a").to_numpy()
    lift = 0.3 + 0.25 * frame["n3"].to_numpy() + 0.3 * (frame["c1"] == "b").to_numpy()
    treated = rng.integers(0, 2, n)
    y = (rng.random(n) < expit(base + treated * lift)).astype(np.float64)
    return frame, treated, y, expit(base + lift) - expit(base)


def learn(given: argparse.Namespace) -> dict[str, Any]:
    """Each learner on the same rows; the Qini area is on rows not learned from, beside that of the true effect."""
    n = int(MEMBERS * given.share)
    frame, treated, y, _ = trial(n)
    fresh, arm, outcome, effect = trial(min(n, 200_000), seed=2)
    found: dict[str, Any] = {"members": n, "columns": NUMBERS + CATEGORIES, "seconds": {}, "score_seconds": {}}
    found["qini_area"] = {"truth": round(1000 * qini_curve(outcome, arm, effect).area, 2)}
    for model in (UpliftModel(), TLearner(), DRLearner(folds=3)):
        name = type(model).__name__
        started = time.perf_counter()
        model.fit(frame, treated, y)
        found["seconds"][name] = round(time.perf_counter() - started, 1)
        started = time.perf_counter()
        score = model.predict(fresh)
        found["score_seconds"][name] = round(time.perf_counter() - started, 1)
        found["qini_area"][name] = round(1000 * qini_curve(outcome, arm, score).area, 2)
    return {**found, "scored": len(fresh), "peak_gb": peak_gb()}
