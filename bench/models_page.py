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


def propensity(r: Mapping[str, Any]) -> list[Row]:
    what = f"propensity, {r['members']:,} members × {r['columns']} tags: learning, calibration among it"
    text = f"{r['seconds']} s, {r['trees']} trees; AUC {r['auc']['model']} of {r['auc']['truth']} that the truth has"
    return [(what, text, "< 120 s", r["seconds"] < 120)]


def uplift(r: Mapping[str, Any]) -> list[Row]:
    area, seconds = r["qini_area"], r["seconds"]
    what = f"uplift, {r['members']:,} members × {r['columns']} columns: learning"
    text = f"{seconds['UpliftModel']} s; Qini area {area['UpliftModel']} of {area['truth']} that the truth has"
    others = ", ".join(f"{name} {seconds[name]} s and {area[name]}" for name in ("TLearner", "DRLearner"))
    return [(what, text, "< 180 s", seconds["UpliftModel"] < 180), ("the same, other learners", others, "—", None)]


def text(r: Mapping[str, Any]) -> list[Row]:
    speed, f1 = r["texts_per_second"], r["macro_f1_of_this_split"]
    said = f"{speed:,.0f} a second, macro F1 {f1:.3f} on one split"
    return [
        (f"sentiment of {r['scored']:,} Chinese texts, one core", said, "≥ 8,000 at 0.90", speed >= 8000 and f1 >= 0.9)
    ]


def graph(r: Mapping[str, Any]) -> list[Row]:
    what = f"circles, roles and referrals, {r['ties']:,} ties of {r['members']:,} members"
    said = f"{r['seconds']:.1f} s; NMI {r['nmi_with_planted']:.2f} with the circles that were planted"
    return [(what, said, "< 60 s", r["seconds"] < 60)]


PARTS: Mapping[str, Callable[[Mapping[str, Any]], list[Row]]] = {
    "purchases": purchases,
    "purchases-score": purchases_score,
    "propensity": propensity,
    "uplift": uplift,
    "text": text,
    "graph": graph,
}


def rows(found: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """The rows of every part that was measured."""
    return [row for name, told in PARTS.items() if f"models-{name}" in found for row in told(found[f"models-{name}"])]
