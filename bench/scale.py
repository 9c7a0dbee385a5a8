"""Everything at size: the build against hand-written SQL and tag by tag, one more day, counts, insight, rivals, Spark.

Each part is a process of its own and writes its figures when it is done; a part whose figures are there is not
measured again, so that a run which was stopped goes on where it was. `--again PART` measures one anew.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, median, quantiles
from typing import Any

from build import differences
from common import HERE, RESULTS, surroundings
from scale_tags import definitions, some, tags

import gongbi
from gongbi.core.compiler import Request, Stored
from gongbi.core.plan import Plan
from gongbi.errors import EngineFailure
from gongbi.services.bins import prepare_bins
from gongbi.services.context import Context
from gongbi.services.insight import insight
from gongbi.services.overlap import overlap, prepare_overlap
from gongbi.services.segments import count
from gongbi.tags.amend import drop_build, read_off
from gongbi.tags.base import TagColumn
from gongbi.tags.buckets import buckets, build_in_buckets
from gongbi.tags.run import build_tags, describe_tags

PARTS = (
    *("data", "ingest", "build", "width", "each", "publish", "advance"),
    *("count", "insight", "rivals", "sizes", "spark"),
)
#: The last day of the made-up data, and the end of it.
YESTERDAY, TODAY = datetime(2024, 12, 30, tzinfo=UTC), datetime(2024, 12, 31, tzinfo=UTC)
OURS, HAND = "bench_build", "bench_handwritten"
DRAFTS = ("bench_ranks", "bench_bucket")
FIVE = (
    "tag.order.n_90 >= {n} and tag.trait.city in ('上海', '北京', '深圳') and tag.rfm.monetary >= 4"
    " and tag.view.n_30 > 2 and tag.message.share_365 > 0.2"
)
#: Fifty groups of a few kinds.
SEGMENTS = [
    *(f"tag.rfm.recency >= {i % 5 + 1} and tag.order.n_365 > {i}" for i in range(20)),
    *(f"tag.view.n_{days} > {n} and tag.trait.level <> 'basic'" for days in (7, 30, 90) for n in range(5)),
    *(f"tag.order.category_{i}_90 > 50 or tag.view.category_{i}_30 > 3" for i in range(12)),
    *("tag.quiet.order", "tag.active.visit and not tag.active.order", "tag.service.tier = 'high'"),
]
KINDS_TRIED = 30
#: Lines of the workspace's settings that a run gives anew.
LIMITS = ("memory_limit", "threads")


def timed(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return round(time.perf_counter() - started, 3)


def told(side: str, seconds: float) -> None:
    """Say how a side did: a run at size takes long, and may be stopped."""
    sys.stderr.write(f"{side}: {seconds} s\n")


def peak_gb() -> float:
    """The most memory that this process held."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)


def build_all(ctx: Context, request: Request, into: str) -> int:
    """A whole build as the product makes it, in buckets of members where memory is short; return how many buckets."""
    engine, world = ctx.engine, ctx.catalog().world
    n = buckets(request.columns, ctx.rows(f"member_{request.subject}"), engine.capabilities.memory)
    if n == 1:
        build_tags(engine, world, request, into)
    else:
        build_in_buckets(engine, world, request, into, n, DRAFTS)
        for draft in DRAFTS:
            engine.drop(draft)
    return n


def handwritten(as_of: datetime) -> Plan:
    instant = f"timestamp '{as_of.replace(tzinfo=None)}'"
    return Plan().then("handwritten", (HERE / "scale.sql").read_text("utf-8").replace("$as_of", instant))


class Bench:
    """One size: a folder with a workspace, and where its figures go."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.folder: Path = given.folder / f"{given.customers}"

    def open(self) -> Any:
        """The workspace, under the limits that were given for this run."""
        told = self.folder / "gongbi.toml"
        kept = [line for line in told.read_text("utf-8").splitlines() if not line.startswith(LIMITS)]
        limits = [f'memory_limit = "{self.given.memory}"', f"threads = {self.given.threads}"]
        told.write_text("\n".join([*kept, *limits, ""]), "utf-8")
        return gongbi.open(self.folder, actor="bench")

    def data(self) -> dict[str, Any]:
        """Make the company up, with the bench's tags and segments in the place of the pack's."""
        size = ["--customers", str(self.given.customers), "--events", str(self.given.events), "--seed", "1"]
        command = [sys.executable, "-m", "gongbi", "bench", "data", str(self.folder), *size]
        seconds = timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
        (self.folder / "definitions/tags.yaml").write_text(definitions(), "utf-8")
        saved = "---\n".join(f'segment: s{i}\nexpr: "{text}"\n' for i, text in enumerate(SEGMENTS))
        (self.folder / "definitions/segments.yaml").write_text(saved, "utf-8")
        return {"seconds": seconds}

    def ingest(self) -> dict[str, Any]:
        with self.open() as ws:
            ws.apply()
            found: list[Any] = []
            seconds = timed(lambda: found.append(ws.ingest()))
            facts = sum(found[0]["facts"].values())
        return {"seconds": seconds, "facts": facts, "facts_per_second": round(facts / seconds), "peak_gb": peak_gb()}

    def build(self) -> dict[str, Any]:
        """The whole build and the statement by hand, in turn, the same table from both."""
        with self.open() as ws:
            ctx: Context = ws.context
            engine, expressions = ctx.engine, ctx.catalog().tags_of("customer")
            request = Request("customer", expressions, TODAY, {}, single=ctx.single("customer"))
            columns = [TagColumn(name, e.type) for name, e in expressions.items()]
            ours, hand, statistics, parts, failed = [], [], [], [], ""
            for _ in range(self.given.rounds):
                ours.append(timed(lambda: parts.append(build_all(ctx, request, OURS))))
                told("ours", ours[-1])
                statistics.append(timed(lambda: describe_tags(engine, OURS, columns, self.given.customers)))
                try:
                    hand.append(timed(lambda: engine.build(handwritten(TODAY), HAND)))
                except EngineFailure as error:
                    failed = str(error)
                    break
                told("by hand", hand[-1])
            if not failed and (wrong := differences(engine)):
                sys.exit(f"The statement written by hand does not give the build's table: {wrong}")
            for table in {HAND, OURS} & set(engine.tables()):
                engine.drop(table)
        return {
            "tags": len(columns),
            "buckets": parts[-1],
            "equal": None if failed else True,
            "seconds": min(ours),
            "handwritten_seconds": None if failed else min(hand),
            "handwritten_failed": failed,
            "ratio": None if failed else round(min(ours) / min(hand), 2),
            "statistics_seconds": min(statistics),
            "peak_gb": peak_gb(),
        }

    def width(self) -> dict[str, Any]:
        """The build of fewer tags."""
        found = {}
        with self.open() as ws:
            ctx: Context = ws.context
            for n in (50, 100, 300):
                names = some(n) if n < 300 else tags()
                columns = {name: e for name, e in ctx.catalog().tags_of("customer").items() if name in names}
                request = Request("customer", columns, TODAY, {}, single=ctx.single("customer"))
                found[str(len(columns))] = timed(
                    lambda r=request: build_all(ctx, r, OURS)  # type: ignore[misc]
                )
            ctx.engine.drop(OURS)
        return {"seconds": found}

    def each(self) -> dict[str, Any]:
        """Some tags of each kind, each in a build of its own; scaled to all by kind."""
        kinds: dict[str, list[str]] = defaultdict(list)
        for name, (kind, _) in tags().items():
            kinds[kind].append(name)
        per_kind = max(KINDS_TRIED // len(kinds), 1)
        taken: dict[str, list[float]] = {}
        with self.open() as ws:
            ctx: Context = ws.context
            expressions, world = ctx.catalog().tags_of("customer"), ctx.catalog().world
            request = Request("customer", expressions, TODAY, {}, single=ctx.single("customer"))
            build_all(ctx, request, OURS)
            stored = {name: Stored(OURS, name) for name in expressions}
            for kind, names in kinds.items():
                chosen = names[:: max(len(names) // per_kind, 1)][:per_kind]
                alone = [
                    Request("customer", {n: expressions[n]}, TODAY, {k: s for k, s in stored.items() if k != n})
                    for n in chosen
                ]
                taken[kind] = [timed(lambda r=r: build_tags(ctx.engine, world, r, HAND)) for r in alone]  # type: ignore[misc]
            ctx.engine.drop(OURS)
            ctx.engine.drop(HAND)
        scaled = sum(mean(seconds) * len(kinds[kind]) for kind, seconds in taken.items())
        return {"tried": sum(map(len, taken.values())), "scaled_seconds": round(scaled, 1), "by_kind": taken}

    def publish(self) -> dict[str, Any]:
        """All that `gongbi build` does: the build with the states of later ones, statistics, limits, the pointer."""
        with self.open() as ws:
            seconds = timed(lambda: ws.build(as_of=TODAY, full=True, force=True))
        return {"seconds": seconds, "peak_gb": peak_gb()}

    def advance(self) -> dict[str, Any]:
        """One more day, against the whole build of that day."""
        with self.open() as ws:
            ctx: Context = ws.context
            self.only_yesterday(ws)
            found: list[Any] = []
            command = timed(lambda: found.append(ws.build(as_of=TODAY, full=False)))
            advanced = ctx.store.builds.current("customer")
            full_command = timed(lambda: ws.build(as_of=TODAY, full=True, force=True))
            built = ctx.store.builds.current("customer")
            assert advanced is not None
            assert built is not None
            # Until it is published; what is then prepared for those who compare is in the command's.
            seconds, whole = round(advanced.seconds or 0, 3), round(built.seconds or 0, 3)
            if wrong := differences(ctx.engine, advanced.table, built.table):
                sys.exit(f"The advanced build is not the whole one: {wrong}")
            made = found[0]["builds"][0]["made"]
        return {
            "seconds": seconds,
            "full_seconds": whole,
            "ratio": round(seconds / whole, 3),
            "command_seconds": command,
            "full_command_seconds": full_command,
            "touched": made["touched"],
            "share": made["share"],
            "equal": True,
            "peak_gb": peak_gb(),
        }

    def only_yesterday(self, ws: Any) -> None:
        """Leave one build, of yesterday: a later one, of an earlier run, would be started from instead."""
        ctx: Context = ws.context
        builds = ctx.store.builds
        if [one.as_of for one in builds.list(subject="customer", status="published")] == [YESTERDAY]:
            return
        kept = ws.build(as_of=YESTERDAY, full=True, force=True)["builds"][0]["build"]
        builds.publish(kept, make_current=True, now=ctx.now())
        for old in builds.list(subject="customer", status="published"):
            if old.id != kept:
                drop_build(ctx.engine, old.table)
                builds.drop(old.id)

    def count(self) -> dict[str, Any]:
        with self.open() as ws:
            taken = [timed(lambda n=n: count(ws.context, FIVE.format(n=n))) * 1000 for n in range(40)]  # type: ignore[misc]
            found = count(ws.context, FIVE.format(n=1))["count"]
        cuts = quantiles(taken[5:], n=100)
        return {
            "expression": FIVE.format(n=1),
            "count": found,
            "p50_ms": round(cuts[49], 1),
            "p95_ms": round(cuts[94], 1),
        }

    def insight(self) -> dict[str, Any]:
        """What a build prepares, the first comparison of a process that just began, others; the overlap of segments."""
        with self.open() as ws:
            engine, build = ws.context.engine, ws.context.store.builds.current("customer")
            for table in [name for name in engine.tables() if name.startswith(read_off(build.table, ""))]:
                engine.drop(table)
            prepared = timed(lambda: prepare_bins(ws.context, "customer"))
            told("bins of everybody", prepared)
        with self.open() as ws:
            first = timed(lambda: insight(ws.context, FIVE.format(n=1)))
            told("the first comparison", first)
            tgi = [timed(lambda n=n: insight(ws.context, FIVE.format(n=n))) for n in range(1, 4)]  # type: ignore[misc]
            names = list(ws.context.catalog().segments)
            shared = [timed(lambda: overlap(ws.context, names)) for _ in range(3)]
            prepared_overlap = timed(lambda: prepare_overlap(ws.context, "customer"))
        with self.open() as ws:
            read = timed(lambda: overlap(ws.context))
        return {
            "bins_seconds": prepared,
            "tgi_first_seconds": first,
            "tgi_seconds": median(tgi),
            "overlap_computed_seconds": median(shared),
            "overlap_prepared_seconds": prepared_overlap,
            "overlap_seconds": read,
            "segments": len(SEGMENTS),
        }

    def rivals(self) -> dict[str, Any]:
        """The count, the TGI and the overlaps asked of ClickHouse (chdb) and pandas, on the same columns."""
        from scale_rivals import Rivals

        with self.open() as ws:
            return Rivals(ws.context, FIVE, SEGMENTS, self.folder / "rivals").ask()

    def sizes(self) -> dict[str, Any]:
        """The build of a tenth and three tenths of the customers, with as many facts for each."""
        found = {str(self.given.customers): self.known("build")["seconds"]}
        for tenths in (1, 3):
            customers, events = self.given.customers * tenths // 10, self.given.events * tenths // 10
            kept = self.given.results / f"of-{customers}"
            size = ["--customers", str(customers), "--events", str(events), "--memory", self.given.memory]
            where = ["--folder", str(self.given.folder), "--results", str(kept), "--rounds", str(self.given.rounds)]
            command = [sys.executable, str(HERE / "scale.py"), *size, *where, "--parts", "data,ingest,build"]
            subprocess.run(command, check=True)
            found[str(customers)] = json.loads((kept / "scale-build.json").read_text("utf-8"))["seconds"]
        return {"seconds": dict(sorted(found.items(), key=lambda item: int(item[0])))}

    def spark(self) -> dict[str, Any]:
        """The same build on Spark with a tenth of the customers, compared with DuckDB's cell by cell."""
        from scale_spark import compare

        self.given.customers, self.given.events = self.given.customers // 10, self.given.events // 10
        self.folder = self.given.folder / f"{self.given.customers}"
        with self.open() as ws:
            return compare(ws.context, self.folder / "spark", TODAY)

    def known(self, part: str) -> dict[str, Any]:
        return dict(json.loads((self.given.results / f"scale-{part}.json").read_text("utf-8")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=10_000_000)
    parser.add_argument("--events", type=int, default=200_000_000)
    parser.add_argument("--memory", default="16GB", help="the same for all sides")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=HERE.parent / "build" / "scale")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--again", action="append", default=[], help="a part to measure anew")
    parser.add_argument("--part", help="do this one part here and now")
    given = parser.parse_args()
    given.results.mkdir(parents=True, exist_ok=True)
    if given.part:
        figures = getattr(Bench(given), given.part)()
        about = {"customers": given.customers, "events": given.events, "memory": given.memory, "threads": given.threads}
        text = json.dumps({"bench": given.part, **surroundings(), **about, **figures}, indent=2, ensure_ascii=False)
        (given.results / f"scale-{given.part}.json").write_text(text + "\n", "utf-8")
        sys.stderr.write(f"{given.part}: {json.dumps(figures, ensure_ascii=False)}\n")
        return
    for part in given.parts.split(","):
        if part in given.again or not (given.results / f"scale-{part}.json").exists():
            subprocess.run([sys.executable, __file__, *sys.argv[1:], "--part", part], check=True)


if __name__ == "__main__":
    main()
