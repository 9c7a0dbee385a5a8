"""An evaluation as a page: figures, sentences and charts, nothing loaded from anywhere."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from gongbi.models.evaluation.called import called

Data = Mapping[str, Any]

#: Colours of lines: the model, then baselines.
COLOURS = ("#27617f", "#b8432f", "#7a8a3c", "#8a6fa8", "#c08a2e", "#5c6a74")
WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 690, 300, 66, 40, 12, 14
_WORDS = {
    "measure": ("指标", "Measure"),
    "who": ("谁", "Who"),
    "mean": ("均值", "Mean"),
    "interval": ("95% 区间", "95% interval"),
    "difference": ("模型减它", "Model less this"),
    "verdict": ("结论", "Verdict"),
    "model": ("模型", "Model"),
    "better": ("模型较优", "model better"),
    "worse": ("模型较差", "model worse"),
    "not shown to differ": ("无法断定有差别", "not shown to differ"),
    "notes": ("说明", "Notes"),
    "how": ("怎么得来的", "How this was made"),
    "seeds": ("种子", "Seeds"),
    "rows": ("行", "rows"),
    "findings": ("结果", "Findings"),
}
STYLE = (
    "<style>table{border-collapse:collapse;width:100%;font-size:9.5pt;margin:10px 0}"
    "td,th{border-bottom:1px solid #e3ded3;padding:3px 8px;text-align:right}"
    "td:first-child,th:first-child,td:nth-child(2),th:nth-child(2){text-align:left}"
    "td:nth-child(n+3),.measures td:nth-child(2){white-space:nowrap}h2{margin-top:18px}li{margin:2px 0}"
    "h1:not(:first-of-type){margin-top:44px;padding-top:24px;border-top:1px solid #e3ded3}"
    # A drawing that shrank to a phone would be too small to read: it is moved sideways, as tables are.
    "@media screen and (max-width:760px){table{display:block;overflow-x:auto}td:first-child{min-width:8em}"
    ".chart{overflow-x:auto}.chart svg{min-width:560px}}</style>"
)


def body(found: Data, language: str) -> list[str]:
    """The page's body in one language, from `Evaluation.to_json` with a ``title``."""
    at = 0 if language == "zh" else 1

    def word(name: str) -> str:
        return _WORDS[name][at]

    parts = [STYLE, f"<h1>{escape(found['title'][language])}</h1>"]
    parts.append(f'<p class="about">{escape(found["file"])} · {found["rows"]:,} {word("rows")}</p>')
    parts.append(f"<h2>{word('findings')}</h2><ul>")
    parts += [f"<li>{escape(words[language])}</li>" for words in found["sentences"]]
    parts.append("</ul>")
    parts.append(_table(found["measures"], language))
    for chart in found["charts"]:
        parts.append(f'<div class="chart"><h3>{escape(chart["title"][language])}</h3>{drawn(chart, language)}</div>')
    parts.append(f"<h2>{word('how')}</h2><ul><li>{word('model')}: {escape(found['model'][language])}</li>")
    parts += [
        f"<li>{escape(called(name).in_(language))}: {escape(words[language])}</li>"
        for name, words in found["baselines"].items()
    ]
    parts.append(f"<li>{escape(found['split'][language])}</li>")
    parts.append(f"<li>{word('seeds')}: {', '.join(map(str, found['seeds']))}</li></ul>")
    if found["notes"]:
        parts.append(f"<h2>{word('notes')}</h2><ul>")
        parts += [f"<li>{escape(words[language])}</li>" for words in found["notes"]]
        parts.append("</ul>")
    return parts


def _table(measures: Sequence[Data], language: str) -> str:
    at = 0 if language == "zh" else 1
    heads = "".join(f"<th>{_WORDS[name][at]}</th>" for name in _HEADS)
    rows = []
    for measure in measures:
        title = escape(measure["title"][language])
        rows.append(
            f"<tr><td>{title}</td><td><b>{_WORDS['model'][at]}</b></td>{_cells(measure)}<td></td><td></td></tr>"
        )
        gaps = {gap["baseline"]: gap for gap in measure["differences"]}
        for name, base in measure["baselines"].items():
            gap = gaps[name]
            verdict = _WORDS[gap["verdict"]][at] if measure["best"] != "neither" else ""
            rows.append(
                f"<tr><td></td><td>{escape(called(name).in_(language))}</td>{_cells(base)}"
                f"<td>{_figure(gap['mean'], '+')} {_range(gap, '+')}</td><td>{verdict}</td></tr>"
            )
    return f'<table class="measures"><tr>{heads}</tr>{"".join(rows)}</table>'


_HEADS = ("measure", "who", "mean", "interval", "difference", "verdict")


def _cells(found: Data) -> str:
    return f"<td>{_figure(found['mean'])}</td><td>{_range(found)}</td>"


def _figure(value: float | None, sign: str = "") -> str:
    if value is None:
        return "—"
    return f"{value:{sign}.4f}" if abs(value) < 1000 else f"{value:{sign},.0f}"


def _range(found: Data, sign: str = "") -> str:
    return "" if found["low"] is None else f"[{_figure(found['low'], sign)}, {_figure(found['high'], sign)}]"


def intervals(names: Sequence[str], values: Sequence[float], low: Sequence[float], high: Sequence[float]) -> str:
    """Values with their intervals, one under the other, and a line at 0; as SVG."""
    left, step = 210, 20
    span = _room([*low, *high, 0.0])
    bottom = TOP + step * len(names)

    def across(value: float) -> float:
        return left + (value - span[0]) / (span[1] - span[0]) * (WIDTH - left - RIGHT)

    parts = []
    for i in range(5):
        value = span[0] + i / 4 * (span[1] - span[0])
        at = across(value)
        parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{bottom}" stroke="#eeeae1"/>')
        parts.append(f'<text x="{at:.1f}" y="{bottom + 14}" font-size="10" text-anchor="middle">{value:.2f}</text>')
    zero = across(0.0)
    parts.append(f'<line x1="{zero:.1f}" x2="{zero:.1f}" y1="{TOP}" y2="{bottom}" stroke="#9aa5ad"/>')
    for i, (name, value, one, other) in enumerate(zip(names, values, low, high, strict=True)):
        y = TOP + step * (i + 0.5)
        shown = escape(name if len(name) <= 34 else name[:33] + "…")
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" font-size="10" text-anchor="end">{shown}</text>')
        ends = f'x1="{across(one):.1f}" x2="{across(other):.1f}" y1="{y:.1f}" y2="{y:.1f}"'
        parts.append(f'<line {ends} stroke="{COLOURS[0]}" stroke-width="2" opacity="0.5"/>')
        parts.append(f'<circle cx="{across(value):.1f}" cy="{y:.1f}" r="4" fill="{COLOURS[0]}"/>')
    size = f"0 0 {WIDTH} {bottom + 20}"
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{size}">{"".join(parts)}</svg>'


def drawn(chart: Data, language: str) -> str:
    """One chart as SVG."""
    return _bars(chart, language) if chart["draw"] == "bars" else _lines(chart, language)


def _lines(chart: Data, language: str) -> str:
    lines = [line for line in chart["lines"] if line["x"]]
    xs = [float(x) for line in lines for x in line["x"]]
    ys = [y for line in lines for part in ("y", "low", "high") for y in line.get(part, ()) if y is not None]
    if not xs or not ys:
        return ""
    x_range, y_range = _room(xs), _room([*ys, 0.0] if min(ys) >= 0 else ys)
    if chart["diagonal"]:
        y_range = x_range = _room([*xs, *ys, 0.0])
    parts = [*_axes(x_range, y_range, chart, language)]
    if chart["diagonal"]:
        low, high = x_range
        parts.append(
            f'<line x1="{_x(low, x_range):.1f}" y1="{_y(low, y_range):.1f}" x2="{_x(high, x_range):.1f}" '
            f'y2="{_y(high, y_range):.1f}" stroke="#9aa5ad" stroke-dasharray="4 4"/>'
        )
    for i, line in enumerate(lines):
        colour = COLOURS[i % len(COLOURS)]
        points = [
            (_x(float(x), x_range), _y(y, y_range)) for x, y in zip(line["x"], line["y"], strict=True) if y is not None
        ]
        if "low" in line and "high" in line:
            for x, low, high in zip(line["x"], line["low"], line["high"], strict=True):
                if low is not None and high is not None:
                    at = _x(float(x), x_range)
                    ends = f'y1="{_y(low, y_range):.1f}" y2="{_y(high, y_range):.1f}"'
                    parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" {ends} stroke="{colour}" opacity="0.45"/>')
        if chart["draw"] == "lines":
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if chart["draw"] == "points" or len(points) <= 20:
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
        parts.append(_key(i, line["label"][language], colour))
    return _svg(parts)


def _bars(chart: Data, language: str) -> str:
    lines = chart["lines"]
    labels = list(dict.fromkeys(str(x) for line in lines for x in line["x"]))
    ys = [y for line in lines for part in ("y", "low", "high") for y in line.get(part, ()) if y is not None]
    if not labels or not ys:
        return ""
    y_range = _room([*ys, 0.0])
    parts = list(_axes(None, y_range, chart, language))
    step = (WIDTH - LEFT - RIGHT) / len(labels)
    width = 0.8 * step / len(lines)
    zero = _y(0.0, y_range)
    for i, line in enumerate(lines):
        colour = COLOURS[i % len(COLOURS)]
        absent = [None] * len(line["x"])
        bounds = line.get("low", absent), line.get("high", absent)
        for x, y, low, high in zip(line["x"], line["y"], *bounds, strict=True):
            if y is None:
                continue
            left = LEFT + labels.index(str(x)) * step + 0.1 * step + i * width
            top = min(_y(y, y_range), zero)
            parts.append(
                f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{abs(_y(y, y_range) - zero):.1f}" '
                f'fill="{colour}"/>'
            )
            if low is not None and high is not None:
                middle, ends = left + width / 2, f'y1="{_y(low, y_range):.1f}" y2="{_y(high, y_range):.1f}"'
                parts.append(f'<line x1="{middle:.1f}" x2="{middle:.1f}" {ends} stroke="#d9a441" stroke-width="2"/>')
        if len(lines) > 1:
            parts.append(_key(i, line["label"][language], colour))
    size = 11 if len(labels) <= 12 else 8
    for j, label in enumerate(labels):
        at = LEFT + (j + 0.5) * step
        shown = escape(label if len(label) <= 14 else label[:13] + "…")
        parts.append(f'<text x="{at:.1f}" y="{HEIGHT - 24}" font-size="{size}" text-anchor="middle">{shown}</text>')
    return _svg(parts)


def _room(values: Sequence[float]) -> tuple[float, float]:
    """From and to where an axis goes: the marks that hold all values between them."""
    low, high = min(values), max(values)
    low, high = (low - 0.5, high + 0.5) if low == high else (low, high)
    step = _step(high - low)
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step


def _step(length: float) -> float:
    """How far marks are apart, a round figure, so that there are at least two and at most six."""
    least = length / 5
    unit: float = 10.0 ** math.floor(math.log10(least))
    return next(unit * part for part in (1, 2, 2.5, 5, 10) if unit * part >= least * (1 - 1e-9))


def _marks(span: tuple[float, float]) -> list[float]:
    step = _step(span[1] - span[0])
    return [n * step for n in range(math.ceil(span[0] / step - 1e-9), math.floor(span[1] / step + 1e-9) + 1)]


def _x(value: float, span: tuple[float, float]) -> float:
    return LEFT + (value - span[0]) / (span[1] - span[0]) * (WIDTH - LEFT - RIGHT)


def _y(value: float, span: tuple[float, float]) -> float:
    return HEIGHT - BOTTOM - (value - span[0]) / (span[1] - span[0]) * (HEIGHT - BOTTOM - TOP)


def _mark(value: float) -> str:
    """A figure beside an axis; large ones as people write them."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _axes(
    x_range: tuple[float, float] | None, y_range: tuple[float, float], chart: Data, language: str
) -> Sequence[str]:
    parts = []
    for value in _marks(y_range):
        at = _y(value, y_range)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="#eeeae1"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" font-size="10" text-anchor="end">{_mark(value)}</text>')
    if x_range is not None:
        for across in _marks(x_range):
            where = f'x="{_x(across, x_range):.1f}" y="{HEIGHT - 24}"'
            parts.append(f'<text {where} font-size="10" text-anchor="middle">{_mark(across)}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        f'<text x="{middle}" y="{HEIGHT - 6}" font-size="11" text-anchor="middle" fill="#5c6a74">'
        f"{escape(chart['x'][language])}</text>"
    )
    turned = f'transform="rotate(-90 12 {HEIGHT / 2})" x="12" y="{HEIGHT / 2}"'
    parts.append(
        f'<text {turned} font-size="11" text-anchor="middle" fill="#5c6a74">{escape(chart["y"][language])}</text>'
    )
    return parts


def _key(i: int, label: str, colour: str) -> str:
    y = TOP + 10 + 16 * i
    return (
        f'<rect x="{LEFT + 10}" y="{y - 8}" width="10" height="10" fill="{colour}"/>'
        f'<text x="{LEFT + 26}" y="{y + 1}" font-size="11">{escape(label)}</text>'
    )


def _svg(parts: Sequence[str]) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">{"".join(parts)}</svg>'
