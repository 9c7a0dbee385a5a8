"""How long it takes to count a group through the service."""

from __future__ import annotations

import time
from statistics import quantiles

from common import workspace, write

import gongbi
from gongbi.services.context import Context
from gongbi.services.segments import count

CALLS, WARM = 300, 20
EXPRESSIONS = {
    "two tags": "tag.rfm.frequency >= 4 and tag.rhythm.status = 'late'",
    "tags and traits": "customer.age in ('25-34', '35-44') and tag.brand.private_share > 0.3 and tag.value.class = 'A'",
    "raw facts": "tag.rfm.frequency >= 4 and count(purchase) filter (where within(30, 'day')) = 0",
}


def measure(ctx: Context) -> dict[str, object]:
    """Percentiles of each expression: asked again as it is, and as a new question with another number in it."""
    found: dict[str, object] = {}
    for name, text in EXPRESSIONS.items():
        again = spent(ctx, [text] * (WARM + CALLS))
        # A question never asked before is parsed, checked, planned and run anew.
        fresh = spent(ctx, [f"({text}) and tag.value.trips >= {n}" for n in range(WARM + CALLS)])
        found[name] = {"expression": text, "count": count(ctx, text)["count"], "again": again, "new": fresh}
    return {"calls": CALLS, "target_p95_ms": 10, "expressions": found}


def spent(ctx: Context, texts: list[str]) -> dict[str, float]:
    """The middle and the 95th percentile, in milliseconds."""
    taken = []
    for text in texts:
        started = time.perf_counter()
        count(ctx, text)
        taken.append((time.perf_counter() - started) * 1000)
    cuts = quantiles(taken[WARM:], n=100)
    return {"p50_ms": round(cuts[49], 2), "p95_ms": round(cuts[94], 2)}


if __name__ == "__main__":
    with gongbi.open(workspace()) as ws:
        assert ws.context is not None
        write("segments", measure(ws.context))
