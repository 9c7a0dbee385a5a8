"""The build of all customer tags against one statement written by hand that computes the same columns."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from common import HERE, middle, workspace, write

import gongbi
from gongbi.core.compiler import Request
from gongbi.core.plan import Plan
from gongbi.engine import Engine
from gongbi.services.context import Context
from gongbi.tags.base import TagColumn
from gongbi.tags.run import build_tags, describe_tags

ROUNDS = 7
OURS, HAND = "bench_build", "bench_handwritten"


def handwritten(as_of: datetime) -> Plan:
    """The statement, as of an instant."""
    instant = f"timestamp '{as_of.astimezone(UTC).replace(tzinfo=None)}'"
    return Plan().then("handwritten", (HERE / "handwritten.sql").read_text("utf-8").replace("$as_of", instant))


def differences(engine: Engine, one: str = OURS, other: str = HAND) -> dict[str, int]:
    """Column → in how many rows the two tables differ; doubles may by 1e-9 relatively."""
    ours, theirs = dict(engine.columns(one)), dict(engine.columns(other))
    found = dict.fromkeys(ours.keys() ^ theirs.keys(), -1)
    checks = []
    names = [n for n in ours if n in theirs]
    for name in names:
        a, b = f'a."{name}"', f'b."{name}"'
        different = f"{a} is distinct from {b}"
        if str(ours[name]) == "double":
            near = f"abs({a} - {b}) <= 1e-9 * greatest(abs({a}), abs({b}))"
            different += f" and not coalesce({near}, false)"
        checks.append(f"count(*) filter (where {different})")
    listed = ", ".join(f"{check} as n{i}" for i, check in enumerate(checks))
    counts = engine.query(f"select {listed} from {one} a full join {other} b on a.id = b.id").to_pylist()[0]
    return found | {name: n for name, n in zip(names, counts.values(), strict=True) if n}


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and of processor time."""
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    work()
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(ctx: Context) -> dict[str, object]:
    """Check that both give the same table, then time them in turn."""
    engine, catalog, as_of = ctx.engine, ctx.catalog(), ctx.as_of(None)
    tags = catalog.tags_of("customer")
    columns = [TagColumn(name, e.type) for name, e in tags.items()]
    request = Request("customer", tags, as_of, {})
    plan = handwritten(as_of)
    try:
        members = build_tags(engine, catalog.world, request, OURS)
        engine.build(plan, HAND)
        if wrong := differences(engine):
            sys.exit(f"The statement written by hand does not give the build's table: {wrong}")
        ours, hand, statistics = [], [], []
        for _ in range(ROUNDS):
            hand.append(timed(lambda: engine.build(plan, HAND)))
            ours.append(timed(lambda: build_tags(engine, catalog.world, request, OURS)))
            statistics.append(timed(lambda: describe_tags(engine, OURS, columns, members)))
    finally:
        engine.drop(OURS)
        engine.drop(HAND)
    by_clock, by_processor = (([x[i] for x in ours], [x[i] for x in hand]) for i in (0, 1))
    return {
        "as_of": as_of.isoformat(),
        "members": members,
        "columns": len(tags),
        "equal": True,
        "rounds": ROUNDS,
        "build_seconds": middle(by_clock[0]),
        "handwritten_seconds": middle(by_clock[1]),
        "ratio": round(middle(by_clock[0]) / middle(by_clock[1]), 2),
        "ratio_of_processor_time": round(middle(by_processor[0]) / middle(by_processor[1]), 2),
        "ratio_by_round": [round(a / b, 2) for a, b in zip(*by_clock, strict=True)],
        "statistics_seconds": middle([x[0] for x in statistics]),
        "target_ratio": 1.5,
    }


if __name__ == "__main__":
    with gongbi.open(workspace()) as ws:
        assert ws.context is not None
        write("build", measure(ws.context))
