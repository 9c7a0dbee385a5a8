"""All benchmarks: the demo in a fresh folder, then builds and segments on what it loaded, then the page of the docs."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import models_page
import scale_page
from common import HERE, RESULTS

IMAGE = "images/bench-{}.svg"
PAGE = HERE.parent / "docs" / "benchmarks.md"
ALL = ("demo", "build", "segments")
#: Part → the title of its drawing, and what is counted.
DRAWINGS = {"sizes": ("Build of 300 tags against customers", "customers"), "width": ("Build against tags", "tags")}
BEFORE = """# Benchmarks

`make bench` measures, and writes this page from `bench/results/*.json`. *Load* is how many processes wanted to run when
a measurement ended. Where it is well above the number of cores, seconds are inflated, and only ratios of one run mean
something."""
TABLE = """
| what | measured | target | met |
| --- | --- | --- | --- |"""
AFTER = """
## How it is measured

**Build.** One statement written by hand (`bench/handwritten.sql`) computes the columns of all customer tags of the demo
over the same tables. Both results are compared cell by cell first: exactly, doubles within 1e-9. Then both are timed in
turn, in one process with the same settings, each as `create table as`; figures are medians. Our time includes
compiling. The statistics of the tags, which a build also makes, are timed on their own.

**Segments.** `services.segments.count` on the loaded demo: the same question again, and questions that were never asked
before (another number in each), which are parsed, checked and planned anew.

**Demo.** `gongbi demo FOLDER --no-serve` as a process of its own in a fresh folder, then again in the same one. The
packages are installed already. Memory is the most that the process held.

**At size.** `make bench-scale` makes up a company (`gongbi bench data`; 10 million customers with 200 million facts of
five kinds unless `BENCH_ARGS` says otherwise), ingests it, and measures part by part. A part whose figures are in
`bench/results` is not measured again; `make bench BENCH_ARGS="--only page"` writes the page. All sides have the same
memory limit. `bench/scale.sql` computes the same 300 tags by hand, and its table is compared with the build's cell by
cell; so is that of one more day with the whole build of that day, and that of Spark. Tag by tag is timed on some tags
of each kind and scaled by kind. ClickHouse comes with `pip install -r locks/rivals.txt`; it and pandas have
all columns that they read loaded, and for TGI the number of each member's bin of each tag, a byte each; their answers
are compared with ours first. A smaller run needs
`--customers`, `--events`, and a `--folder` and `--results` of its own. The runs of 10 million customers, and those of 1
and 3 million with the same limit, were taken while other work wanted both cores; they had the greater part of them, by
priority. The statement by hand of 10 million members had 54 GB of disk to spill to, and 33 GB in an earlier run:
neither was enough, so that the ratio at that size is open. Spark ran as a local cluster of two executors with one core
and 4 GB each, beside other work of which part had the same priority.

**Models.** `make bench-models` makes up customers by the story of each model, from a fixed seed, and times learning and
scoring, part by part (`bench/models.py`). Rivals come from `locks/rivals-models.txt` in an environment of their own,
named by `BENCH_ARGS="--rivals FOLDER/bin/python"`, as they need older packages; they get the same customers in the same
run. `--share 0.1` makes every part smaller, which needs a `--results` of its own.
"""


def main() -> None:
    """Run the chosen benchmarks, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=[*ALL, "page"], action="append", help="may be repeated")
    parser.add_argument("--workspace", type=Path, help="a loaded demo for build and segments")
    given = parser.parse_args()
    chosen = given.only or ALL
    with tempfile.TemporaryDirectory() as fresh:
        folder = Path(fresh) / "demo"
        if given.workspace is None and chosen != ["page"] and "demo" not in chosen:
            parser.error("build and segments need a loaded demo: name one with --workspace, or measure the demo too.")
        for name in (n for n in ALL if n in chosen):
            where = folder if name == "demo" else given.workspace or folder
            subprocess.run([sys.executable, HERE / f"{name}.py", where], check=True)
    results = {p.stem: json.loads(p.read_text("utf-8")) for p in RESULTS.glob("*.json")}
    sizes = {int(folder.name[3:]): folder for folder in RESULTS.rglob("of-*")}
    larger = [{p.stem: json.loads(p.read_text("utf-8")) for p in sizes[n].glob("*.json")} for n in sorted(sizes)]
    PAGE.write_text(page(results, larger), "utf-8")
    for part, seconds in _drawn([results, *larger]).items():
        drawing = scale_page.drawing(*DRAWINGS[part], scale_page.points_of(seconds))
        (PAGE.parent / IMAGE.format(part)).write_text(drawing, "utf-8")


def _drawn(every: Sequence[dict[str, dict[str, Any]]]) -> dict[str, dict[str, float]]:
    """Part → its seconds by size, of the parts that have a drawing."""
    return {part: found[f"scale-{part}"]["seconds"] for found in every for part in DRAWINGS if f"scale-{part}" in found}


def page(results: dict[str, dict[str, Any]], larger: list[dict[str, dict[str, Any]]]) -> str:
    """The page of the docs, from the results and those of further sizes."""
    keys = ("bench", "customers", "date", "commit", "python", "duckdb", "cores", "load")
    head = f"| {' | '.join(keys)} |\n|{' --- |' * len(keys)}"
    large = sorted(name for name in results if name.startswith(("scale-", "models-")))
    made = [results[name] for name in (*ALL, *large) if name in results]
    made += [one[name] for one in larger for name in sorted(one)]
    every = [results, *larger]
    parts = [
        BEFORE,
        TABLE,
        *(row for name in ALL if name in results for row in _rows(name, results[name])),
        *(line for found in every for line in _sized(found)),
        "\n## Models",
        TABLE,
        *(_row(*row) for row in models_page.rows(results)),
        "\n## Cost against size",
        *(f"\n![{DRAWINGS[part][0]}]({IMAGE.format(part)})" for part in _drawn(every)),
        "\n## When and on what\n",
        head,
        *("| " + " | ".join(_told(r.get(key, "—")) for key in keys) + " |" for r in made),
        AFTER,
    ]
    return "\n".join(parts)


def _told(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _sized(found: dict[str, dict[str, Any]]) -> list[str]:
    """The table of one size, under its heading; nothing where none was measured."""
    if not (rows := scale_page.rows(found)):
        return []
    size = found.get("scale-build") or next(r for name, r in found.items() if name.startswith("scale-"))
    heading = f"\n## {size['customers']:,} customers, {size['events']:,} facts, memory limit {size['memory']}"
    return [heading, TABLE, *(_row(*row) for row in rows)]


def _rows(name: str, r: dict[str, Any]) -> list[str]:
    if name == "build":
        text = f"{r['ratio']} × ({r['build_seconds']} s against {r['handwritten_seconds']} s)"
        processor = f"{r['ratio_of_processor_time']} ×"
        return [
            _row(f"build of {r['columns']} customer tags against SQL by hand", text, "≤ 1.5 ×", r["ratio"] <= 1.5),
            _row("the same in processor time", processor, "—", None),
            _row("statistics of these tags", f"{r['statistics_seconds']} s", "—", None),
        ]
    if name == "segments":
        return [
            _row(
                f"count `{e['expression']}`, {which}",
                f"p50 {f['p50_ms']} ms, p95 {f['p95_ms']} ms",
                "p95 ≤ 10 ms",
                f["p95_ms"] <= 10,
            )
            for e in r["expressions"].values()
            for which, f in (("asked again", e["again"]), ("new questions", e["new"]))
        ]
    first, second = r["first"], r["second"]
    return [
        _row("demo, first run", f"{first['seconds']} s", "< 180 s", first["seconds"] < 180),
        _row("demo, most memory", f"{first['peak_gb']} GB", "< 4 GB", first["peak_gb"] < 4),
        _row("demo, second run", f"{second['seconds']} s", "—", None),
    ]


def _row(what: str, measured: str, target: str, met: bool | None) -> str:
    return f"| {what} | {measured} | {target} | {'—' if met is None else 'yes' if met else 'no'} |"


if __name__ == "__main__":
    main()
