"""What the page of the docs says of models: one function of rows per part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

#: What, measured, target, met.
Row = tuple[str, str, str, bool | None]


def purchases(r: Mapping[str, Any]) -> list[Row]:
    size = f"{r['customers']:,} customers"
    made: list[Row] = []
    for unit, target in (("week", 20), ("day", 5)):
        one = r["ours"][unit]
        text = f"{one['seconds']} s, {one['cells']:,} cells"
        made.append((f"BG/NBD fit, {size}, {unit}s", text, "—", None))
        if isinstance(rival := r["lifetimes"][unit], dict):
            text = f"{rival['times']} × ({rival['seconds']} s)"
            text += f", log-likelihood {rival['relative_difference']:.1e} apart"
            met = rival["times"] >= target and rival["relative_difference"] <= 1e-6
            made.append((f"the same in lifetimes, {unit}s", text, f"≥ {target} ×", met))
    if isinstance(rival := r["pymc_marketing"], dict):
        what = f"MAP in PyMC-Marketing, {rival['customers']:,} customers, weeks"
        text = f"{rival['times']} × ({rival['seconds']} s against {rival['ours_seconds']} s)"
        text += f", log-likelihood {rival['relative_difference']:.1e} apart"
        made.append((what, text, "≥ 50 ×", rival["times"] >= 50 and rival["relative_difference"] <= 1e-6))
    return made


def purchases_score(r: Mapping[str, Any]) -> list[Row]:
    what = f"BG/NBD scoring, {r['customers']:,} customers: alive and expected purchases"
    text = f"{r['seconds']} s in weeks, {r['days_seconds']} s in days; most memory {r['peak_gb']} GB"
    return [(what, text, "< 30 s", max(r["seconds"], r["days_seconds"]) < 30)]


PARTS: Mapping[str, Callable[[Mapping[str, Any]], list[Row]]] = {
    "purchases": purchases,
    "purchases-score": purchases_score,
}


def rows(found: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """The rows of every part that was measured."""
    return [row for name, told in PARTS.items() if f"models-{name}" in found for row in told(found[f"models-{name}"])]
