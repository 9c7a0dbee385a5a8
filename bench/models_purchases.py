"""BG/NBD at size: learning from a million customers beside lifetimes and PyMC-Marketing, scoring ten million."""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import HERE
from scale import peak_gb

from gongbi.models import BetaGeoModel

CUSTOMERS, SCORED, MOST_FOR_PYMC = 1_000_000, 10_000_000, 1_000_000
#: In weeks; near those of the CDNOW sample.
TRUTH = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
ROUNDS = 3
#: How far PyMC-Marketing is followed: the next ten-fold size must be expected to end within this many seconds.
PATIENCE = 900
History = tuple[np.ndarray, np.ndarray, np.ndarray]


def customers(n: int, *, days: bool, seed: int = 1) -> History:
    """Draw customers by the story of the model; the first purchase lies one to two years before the end."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(TRUTH["r"], 1 / TRUTH["alpha"], n)
    leaving, end = rng.beta(TRUTH["a"], TRUTH["b"], n), rng.uniform(52, 104, n)
    x, t_x = np.zeros(n), np.zeros(n)
    active, now = np.arange(n), np.zeros(n)
    while len(active):
        # A rate may be so near zero that it is zero in floating point: that customer waits for ever.
        with np.errstate(divide="ignore"):
            now = now + rng.standard_exponential(len(active)) / rate[active]
        bought = now <= end[active]
        active, now = active[bought], now[bought]
        x[active], t_x[active] = x[active] + 1, now
        stays = rng.random(len(active)) >= leaving[active]
        active, now = active[stays], now[stays]
    unit = 7 if days else 1
    return x, np.floor(t_x * unit), np.floor(end * unit)


def fit(given: argparse.Namespace) -> dict[str, Any]:
    """Learn from the same customers with each, in weeks and in days, in one run."""
    n = int(CUSTOMERS * given.share)
    found: dict[str, Any] = {"customers": n, "ours": {}, "lifetimes": {}, "pymc_marketing": "not installed: --rivals"}
    for unit in ("week", "day"):
        history = customers(n, days=unit == "day")
        ours = _ours(history)
        found["ours"][unit] = ours
        found["lifetimes"][unit] = "not installed: --rivals"
        if given.rivals:
            found["lifetimes"][unit] = _beside(_rival(given.rivals, "lifetimes", history), ours)
            if unit == "week":
                found["lifetimes_on_cells"] = _beside(_rival(given.rivals, "lifetimes-cells", history), ours)
    if given.rivals:
        found["pymc_marketing"] = _largest_for_pymc(given.rivals, int(MOST_FOR_PYMC * given.share))
    return found


def score(given: argparse.Namespace) -> dict[str, Any]:
    """Probability alive and expected purchases of many customers at once."""
    n = int(SCORED * given.share)
    model, taken = BetaGeoModel(), {}
    for unit, ahead in (("week", 13), ("day", 91)):
        history = customers(n, days=unit == "day", seed=2)
        model.params_ = {**TRUTH, "alpha": TRUTH["alpha"] * (7 if unit == "day" else 1)}
        started = time.perf_counter()
        alive, expected = model.predict_alive(*history), model.predict_purchases(ahead, *history)
        taken[unit] = round(time.perf_counter() - started, 2)
        assert np.isfinite(alive).all()
        assert np.isfinite(expected).all()
    return {"customers": n, "seconds": taken["week"], "days_seconds": taken["day"], "peak_gb": peak_gb()}


def _ours(history: History) -> dict[str, Any]:
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        model = BetaGeoModel().fit(*history)
        taken.append(time.perf_counter() - started)
    cells = len(np.unique(np.stack(history), axis=1).T)
    return {
        "seconds": round(min(taken), 3),
        "cells": cells,
        "log_likelihood": model.log_likelihood_,
        "params": model.params_,
    }


def _rival(python: Path, which: str, history: History) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "history.npz"
        np.savez(kept, frequency=history[0], recency=history[1], T=history[2])
        command = [str(python), str(HERE / "models_rivals.py"), which, str(kept)]
        told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, Any] = json.loads(told.strip().splitlines()[-1])
    return found


def _beside(rival: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    gap = abs(rival["log_likelihood"] / ours["log_likelihood"] - 1)
    return {**rival, "times": round(rival["seconds"] / ours["seconds"], 1), "relative_difference": gap}


def _largest_for_pymc(python: Path, most: int) -> dict[str, Any]:
    """Try ten times more customers as long as it can be expected to end; figures of the largest it could do."""
    found: dict[str, Any] = {}
    n = min(1000, most)
    while True:
        history = customers(n, days=False)
        ours = _ours(history)
        try:
            one = _beside(_rival(python, "pymc-marketing", history), ours)
        except subprocess.CalledProcessError as error:
            return {**found, "stopped_by": f"{n} customers: exit {error.returncode}"}
        found = {"customers": n, "ours_seconds": ours["seconds"], **one}
        if n >= most or one["seconds"] * 10 > PATIENCE:
            return found
        n = min(n * 10, most)
