"""Run by the Python of the rivals' environment, which has no Gongbi: fit BG/NBD, print seconds and likelihood.

usage: models_rivals.py {lifetimes,lifetimes-cells,pymc-marketing} HISTORY.npz
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from typing import Any

import numpy as np


def lifetimes(data: Any, *, cells: bool) -> dict[str, Any]:
    from lifetimes import BetaGeoFitter

    x, t_x, end = data["frequency"], data["recency"], data["T"]
    weights = None
    started = time.perf_counter()
    if cells:
        # What a knowing user would do: count equal customers together first.
        (x, t_x, end), weights = _cells(x, t_x, end)
    model = BetaGeoFitter(penalizer_coef=0.0).fit(x, t_x, end, weights=weights)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "params": {name: float(value) for name, value in model.params_.items()}}


def pymc_marketing(data: Any) -> dict[str, Any]:
    import pandas as pd
    from pymc_marketing import clv
    from pymc_marketing.prior import Prior

    frame = pd.DataFrame({name: data[name] for name in ("frequency", "recency", "T")})
    frame["customer_id"] = np.arange(len(frame))
    # Flat priors: its maximum of the posterior is then that of the likelihood.
    flat = {name: Prior("HalfFlat") for name in ("r", "alpha", "a", "b")}
    started = time.perf_counter()
    model = clv.BetaGeoModel(data=frame, model_config=flat)
    model.build_model()
    model.fit(method="map", progressbar=False)
    seconds = time.perf_counter() - started
    found = model.fit_result
    params = {name: float(np.asarray(found[name]).ravel()[0]) for name in ("r", "alpha", "a", "b")}
    return {"seconds": seconds, "params": params}


def log_likelihood(params: dict[str, float], x: np.ndarray, t_x: np.ndarray, end: np.ndarray) -> float:
    """Equation (6) of Fader, Hardie and Lee (2005), written here anew: what rivals keep is scaled in their own ways."""
    from scipy.special import betaln, gammaln

    r, alpha, a, b = (params[name] for name in ("r", "alpha", "a", "b"))
    rate = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    alive = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + end)
    gone = betaln(a + 1, np.maximum(b + x - 1, 1e-300)) - betaln(a, b) - (r + x) * np.log(alpha + t_x)
    return float((rate + np.where(x > 0, np.logaddexp(alive, gone), alive)).sum())


def _cells(*columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.unique(np.stack(columns), axis=1, return_counts=True)


def main() -> None:
    which, path = sys.argv[1:]
    data = np.load(path)
    name = which.removesuffix("-cells")
    found = pymc_marketing(data) if name == "pymc-marketing" else lifetimes(data, cells=name != which)
    found["log_likelihood"] = log_likelihood(found["params"], data["frequency"], data["recency"], data["T"])
    found["version"] = version(name)
    found["seconds"] = round(found["seconds"], 3)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
