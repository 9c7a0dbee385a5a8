"""What the page of benchmarks says of the bench at size, and its drawing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

WIDTH, HEIGHT, EDGE = 440, 280, 54
LINE, ASIDE = 'stroke="#2f6f4f" stroke-width="2"', 'stroke="#999" stroke-dasharray="4 4"'


def rows(found: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str, str, bool | None]]:
    """(what, measured, target, met) of every part that was measured."""
    made: list[tuple[str, str, str, bool | None]] = []
    if r := found.get("scale-ingest"):
        text = f"{r['facts']:,} in {r['seconds']} s, {r['facts_per_second']:,} a second"
        made.append(("facts taken in", text, "—", None))
    if r := found.get("scale-build"):
        made.extend(_of_build(r))
    if r := found.get("scale-publish"):
        made.append(
            (
                "all that `gongbi build` does, statistics and limits too",
                f"{r['seconds']} s, most memory {r['peak_gb']} GB",
                "—",
                None,
            )
        )
    if (r := found.get("scale-each")) and (whole := found.get("scale-build")):
        times = round(r["scaled_seconds"] / whole["seconds"], 1)
        text = f"{times} × ({r['scaled_seconds']} s, scaled from {r['tried']} tags by kind)"
        made.append(("tag by tag", text, "≥ 3 ×", times >= 3))
    if r := found.get("scale-advance"):
        made.extend(_of_advance(r))
    if r := found.get("scale-count"):
        made.append(
            ("count of 5 conditions", f"p50 {r['p50_ms']} ms, p95 {r['p95_ms']} ms", "≤ 150 ms", r["p95_ms"] <= 150)
        )
    made.extend(_of_rivals(found.get("scale-rivals", {})))
    if r := found.get("scale-insight"):
        made.append(("TGI over all tags", f"{r['tgi_seconds']} s", "≤ 3 s", r["tgi_seconds"] <= 3))
        made.extend(_of_first(r))
        made.extend(_of_overlap(r))
    for part, what in (("sizes", "customers"), ("width", "tags")):
        if r := found.get(f"scale-{part}"):
            points = points_of(r["seconds"])
            text = ", ".join(f"{x:,}: {y} s" for x, y in points)
            made.append((f"build against number of {what}", f"{text}; exponent {exponent(points):.2f}", "—", None))
    if r := found.get("scale-spark"):
        text = f"{r['seconds']} s, DuckDB {r['duckdb_seconds']} s, the same cells"
        made.append((f"the build on Spark, {r['members']:,} customers", text, "equal", r["equal"]))
    return made


def _of_build(r: Mapping[str, Any]) -> list[tuple[str, str, str, bool | None]]:
    """Rows of the build against the statement by hand, which may not have come to an end."""
    ratio, beside = r["ratio"], f"against {r['handwritten_seconds']} s"
    if ratio is None:
        text = f"{r['seconds']} s; the statement by hand came to no end: {r['handwritten_failed']}"
    else:
        text = f"{ratio} × ({r['seconds']} s {beside}), the same cells"
    made: list[tuple[str, str, str, bool | None]] = [
        (
            f"build of {r['tags']} tags against one SQL by hand",
            text,
            "≤ 1.25 ×",
            None if ratio is None else ratio <= 1.25,
        ),
        ("the same, members computed in", f"{r.get('buckets', 1)} parts", "—", None),
        ("statistics of these tags", f"{r['statistics_seconds']} s", "—", None),
    ]
    if r["peak_gb"] is not None:
        made.append(("most memory, of that the build", f"{r['peak_gb']} GB", f"limit {r['memory']}", None))
    return made


def _of_advance(r: Mapping[str, Any]) -> list[tuple[str, str, str, bool | None]]:
    """Rows of one more day; what is prepared after it is published stands apart."""
    against = f"{r['seconds']} s against {r['full_seconds']} s, both within {r['memory']}"
    text = f"{r['ratio']} of a whole build ({against}), {r['share']:.1%} of the customers touched, the same cells"
    made: list[tuple[str, str, str, bool | None]] = [("one more day", text, "≤ 0.25", r["ratio"] <= 0.25)]
    if one := r.get("command_seconds"):
        both = r["full_command_seconds"]
        text = f"{one / both:.3f} ({one} s against {both} s)"
        made.append(("the same with what is prepared for those who compare", text, "—", None))
    return made


def _of_overlap(r: Mapping[str, Any]) -> list[tuple[str, str, str, bool | None]]:
    """Rows of the overlap; builds did not work it out before."""
    what, seconds = f"overlap of {r['segments']} saved segments", r["overlap_seconds"]
    if (computed := r.get("overlap_computed_seconds")) is None:
        return [(what, f"{seconds} s", "≤ 1 s", seconds <= 1)]
    return [
        (f"{what}, worked out by the build", f"{r['overlap_prepared_seconds']} s", "—", None),
        (f"{what}, in a process that just began", f"{seconds} s", "≤ 1 s", seconds <= 1),
        ("the same conditions where nothing is kept", f"{computed} s", "—", None),
    ]


def _of_first(r: Mapping[str, Any]) -> list[tuple[str, str, str, bool | None]]:
    """Rows of the first comparison after a build; it worked out everybody's bins before builds did."""
    first, prepared = r.get("tgi_first_seconds"), r.get("bins_seconds")
    if first is None:
        return []
    if prepared is None:
        return [("the first TGI after a build, which worked out everybody's bins", f"{first} s", "≤ 3 s", first <= 3)]
    return [
        ("everybody's bins, worked out by the build", f"{prepared} s", "—", None),
        ("the first TGI after a build, in a process that just began", f"{first} s", "≤ 3 s", first <= 3),
    ]


def _of_rivals(r: Mapping[str, Any]) -> list[tuple[str, str, str, bool | None]]:
    said = {name: r[name] for name in ("chdb", "pandas") if name in r}
    texts = {n: v if isinstance(v, str) else f"p50 {v['p50_ms']} ms, p95 {v['p95_ms']} ms" for n, v in said.items()}
    made: list[tuple[str, str, str, bool | None]] = [
        (f"the same count in {name}, columns loaded", text, "—", None) for name, text in texts.items()
    ]
    for key, what in (
        ("tgi_seconds", "TGI over all tags, bins loaded"),
        ("overlap_seconds", "overlap, columns loaded"),
    ):
        asked = {n: v[key] for n, v in said.items() if isinstance(v, Mapping) and key in v}
        made += [(f"{what}: {name}", f"{seconds} s", "—", None) for name, seconds in asked.items()]
    return made


def points_of(seconds: Mapping[str, float]) -> list[tuple[int, float]]:
    return sorted((int(x), y) for x, y in seconds.items())


def exponent(points: list[tuple[int, float]]) -> float:
    """The slope of the logarithms, by least squares."""
    logs = [(math.log(x), math.log(y)) for x, y in points]
    mx, my = (sum(axis) / len(logs) for axis in zip(*logs, strict=True))
    return sum((x - mx) * (y - my) for x, y in logs) / sum((x - mx) ** 2 for x, _ in logs)


def drawing(title: str, of: str, points: list[tuple[int, float]]) -> str:
    """A small SVG of one cost on two logarithmic axes, beside what it were if it grew as the size does."""
    (first, cost), (last, _) = points[0], points[-1]
    even = [(first, cost), (last, cost * last / first)]
    xs, ys = ([math.log10(p[axis]) for p in (*points, *even)] for axis in (0, 1))

    def place(point: tuple[float, float]) -> tuple[float, float]:
        x, y = (
            EDGE + (math.log10(v) - min(all_)) / ((max(all_) - min(all_)) or 1) * (length - 2 * EDGE)
            for v, all_, length in zip(point, (xs, ys), (WIDTH, HEIGHT), strict=True)
        )
        return x, HEIGHT - y

    def line(through: list[tuple[float, float]], style: str) -> str:
        listed = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(place, through))
        return f'<polyline points="{listed}" fill="none" {style}/>'

    marks = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/><text x="{x:.1f}" y="{y - 8:.1f}">{seconds:.1f} s</text>'
        f'<text x="{x:.1f}" y="{HEIGHT - 22}">{n:,}</text>'
        for (x, y), (n, seconds) in zip(map(place, points), points, strict=True)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
        ' font-family="sans-serif" font-size="11" text-anchor="middle"><rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="{WIDTH / 2}" y="16" font-size="13">{title}: seconds, exponent {exponent(points):.2f}</text>'
        f"{line(even, ASIDE)}{line(points, LINE)}"
        f'<g fill="#2f6f4f">{marks}</g><text x="{WIDTH / 2}" y="{HEIGHT - 6}">{of}; dashed: exponent 1</text></svg>\n'
    )
