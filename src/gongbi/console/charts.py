"""ECharts options: the same colours, axes and tooltips everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

BLUE, RED, GREEN, GOLD, GREY = "#27617f", "#b8432f", "#2f7d6b", "#c9962b", "#9aa5ad"
PALETTE = [BLUE, RED, GREEN, GOLD, "#6d5c94", "#8a5a3c", "#5b8fb0", "#d98b6a"]
INK, LINE = "#4a5863", "#e8e4dc"
FONT = "'Noto Sans SC','Noto Sans CJK SC','PingFang SC','Microsoft YaHei',system-ui,sans-serif"
#: Thousands apart, in the browser.
PLAIN = "v => v == null ? '—' : Number(v).toLocaleString('en-US', {maximumFractionDigits: 2})"
#: Heights below this are marked with a digit after the point of a per cent.
SMALL = 0.05
PERCENT = "v => v == null ? '—' : (100 * v).toFixed(1) + '%'"


def base(*, legend: bool = True, tooltip: str = "axis", value: str = PLAIN) -> dict[str, Any]:
    """What all charts share."""
    options: dict[str, Any] = {
        "color": PALETTE,
        "textStyle": {"fontFamily": FONT, "color": INK},
        "animationDuration": 300,
        "grid": {"left": 8, "right": 16, "top": 40 if legend else 16, "bottom": 8, "containLabel": True},
        "tooltip": {"trigger": tooltip, "confine": True, ":valueFormatter": value, "textStyle": {"fontSize": 12}},
    }
    if legend:
        options["legend"] = {"top": 0, "left": 0, "itemWidth": 14, "itemHeight": 8, "textStyle": {"color": INK}}
    return options


def axis(kind: str = "value", **more: Any) -> dict[str, Any]:
    """An axis with quiet lines."""
    found: dict[str, Any] = {
        "type": kind,
        "axisLine": {"show": kind == "category", "lineStyle": {"color": LINE}},
        "axisTick": {"show": False},
        "splitLine": {"show": kind == "value", "lineStyle": {"color": LINE}},
        "axisLabel": {"color": INK, "fontSize": 11, "hideOverlap": True},
        "nameTextStyle": {"color": INK, "fontSize": 11},
    }
    label = more.pop("axisLabel", {})
    found["axisLabel"] |= label
    return found | more


def weekly(weeks: Sequence[str], bars: tuple[str, Sequence[Any]], line: tuple[str, Sequence[Any]]) -> dict[str, Any]:
    """Bars and a line over weeks, on two axes."""
    return base() | {
        "xAxis": axis("category", data=list(weeks)),
        "yAxis": [axis(name=""), axis(splitLine={"show": False})],
        "series": [
            {
                "type": "bar",
                "name": bars[0],
                "data": list(bars[1]),
                "itemStyle": {"color": "#a9c3d1", "borderRadius": [2, 2, 0, 0]},
            },
            {
                "type": "line",
                "name": line[0],
                "data": list(line[1]),
                "yAxisIndex": 1,
                "symbol": "none",
                "smooth": True,
                "lineStyle": {"color": RED, "width": 2},
                "itemStyle": {"color": RED},
            },
        ],
    }


def columns(
    names: Sequence[str], values: Sequence[Any], series: str, *, colour: str = BLUE, rotate: int = 0
) -> dict[str, Any]:
    """Upright bars."""
    label = {"rotate": rotate, "interval": 0 if len(names) <= 12 else "auto"}
    return base(legend=False) | {
        "xAxis": axis("category", data=list(names), axisLabel=label),
        "yAxis": axis(),
        "series": [
            {
                "type": "bar",
                "name": series,
                "data": list(values),
                "barCategoryGap": "18%",
                "itemStyle": {"color": colour, "borderRadius": [2, 2, 0, 0]},
            }
        ],
    }


def rows(
    names: Sequence[str], values: Sequence[Any], series: str, *, colour: str = BLUE, value: str = PLAIN
) -> dict[str, Any]:
    """Lying bars, the first on top."""
    return base(legend=False, value=value) | {
        # The page's letters are wider than those by which the chart makes room for the names.
        "grid": {"left": 18, "right": 56, "top": 4, "bottom": 4, "containLabel": True},
        "xAxis": axis(show=False),
        "yAxis": axis("category", data=list(names), inverse=True, axisLine={"show": False}, axisLabel={"fontSize": 12}),
        "series": [
            {
                "type": "bar",
                "name": series,
                "data": list(values),
                "barMaxWidth": 16,
                "itemStyle": {"color": colour, "borderRadius": [0, 3, 3, 0]},
                "label": {"show": True, "position": "right", "color": INK, ":formatter": f"p => ({value})(p.value)"},
            }
        ],
    }


def intervals(
    names: Sequence[str], values: Sequence[float], low: Sequence[float], high: Sequence[float]
) -> dict[str, Any]:
    """Dots with their intervals, the first on top, and a line at 0."""
    told = "p => `${p.name}: ${p.data.value[0].toFixed(2)} (${p.data.low.toFixed(2)} – ${p.data.high.toFixed(2)})`"
    ends = zip(values, low, high, strict=True)
    options = {
        "textStyle": {"fontFamily": FONT, "color": INK},
        "animationDuration": 300,
        "grid": {"left": 18, "right": 24, "top": 4, "bottom": 8, "containLabel": True},
        "tooltip": {"trigger": "item", "confine": True, ":formatter": told, "textStyle": {"fontSize": 12}},
        "xAxis": axis(scale=True),
        "yAxis": axis(
            "category",
            data=list(names),
            inverse=True,
            axisLine={"show": False},
            axisLabel={"overflow": "truncate", "interval": 0},
        ),
        "series": [
            {
                "type": "lines",
                "coordinateSystem": "cartesian2d",
                "silent": True,
                "lineStyle": {"color": BLUE, "width": 3, "opacity": 0.45},
                "data": [{"coords": [[a, i], [b, i]]} for i, (a, b) in enumerate(zip(low, high, strict=True))],
            },
            # Lines do not widen an axis; without these points it would end at the outermost dots and cut intervals off.
            {"type": "scatter", "silent": True, "symbolSize": 0, "data": [[end, 0] for end in (*low, *high, 0.0)]},
            {
                "type": "scatter",
                "symbolSize": 9,
                "itemStyle": {"color": BLUE},
                "data": [
                    {"name": name, "value": [value, i], "low": a, "high": b}
                    for i, (name, (value, a, b)) in enumerate(zip(names, ends, strict=True))
                ],
                "markLine": {
                    "silent": True,
                    "symbol": "none",
                    "label": {"show": False},
                    "lineStyle": {"color": GREY, "type": "solid"},
                    "data": [{"xAxis": 0}],
                },
            },
        ],
    }
    # On a phone long names would leave no room for the dots. A chart that grows keeps what the query set, unless an
    # option without a query says what holds otherwise.
    narrow = {"query": {"maxWidth": 480}, "option": {"yAxis": {"axisLabel": {"width": 110, "fontSize": 10}}}}
    wide = {"option": {"yAxis": {"axisLabel": {"width": 230, "fontSize": 12}}}}
    return {"baseOption": options, "media": [narrow, wide]}


def network(nodes: Sequence[Mapping[str, Any]], links: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Dots and lines that pull each other into place; both grow with the root of what they stand for."""
    most = max((node["size"] for node in nodes), default=1)
    strongest = max((link["strength"] for link in links), default=1.0)
    return {
        "color": PALETTE,
        "textStyle": {"fontFamily": FONT, "color": INK},
        "tooltip": {"confine": True, ":formatter": "p => p.dataType === 'node' ? `${p.name}: ${p.data.value}` : ''"},
        "series": [
            {
                "type": "graph",
                "layout": "force",
                "roam": False,
                "force": {"repulsion": 160, "edgeLength": [40, 140], "layoutAnimation": False},
                "label": {"show": True, "color": "#fff", "fontSize": 11},
                "itemStyle": {"color": BLUE},
                "data": [
                    {
                        "name": node["name"],
                        "value": node["size"],
                        "symbolSize": round(14 + 34 * (node["size"] / most) ** 0.5, 1),
                    }
                    for node in nodes
                ],
                "links": [
                    {
                        "source": link["from"],
                        "target": link["to"],
                        "lineStyle": {
                            "width": round(0.5 + 5 * (link["strength"] / strongest) ** 0.5, 2),
                            "color": GREY,
                        },
                    }
                    for link in links
                ],
            }
        ],
    }


def histogram(bins: Sequence[Mapping[str, Any]], labels: Sequence[str], series: str) -> dict[str, Any]:
    """Bars without gaps over ranges."""
    options = columns(labels, [b["count"] for b in bins], series)
    options["series"][0]["barCategoryGap"] = "4%"
    options["xAxis"]["axisLabel"]["interval"] = "auto"
    return options


def diverging(rows_: Sequence[Mapping[str, Any]], *, centre: float = 100, most: float = 400) -> dict[str, Any]:
    """TGI: bars to both sides of the centre.

    A row has ``name``, ``tgi``, ``shown`` (cut to `most`) and ``tip``.
    """
    data = [
        {
            "value": round(row["shown"] - centre, 1),
            "tip": row["tip"],
            "itemStyle": {
                "color": RED if row["tgi"] >= centre else BLUE,
                "borderRadius": [0, 3, 3, 0] if row["tgi"] >= centre else [3, 0, 0, 3],
            },
            "label": {"position": "right", "formatter": f"{row['tgi']:.0f}"},
        }
        for row in rows_
    ]
    high = max([20.0, *(row["shown"] - centre for row in rows_)]) * 1.12
    return base(legend=False, tooltip="item") | {
        "grid": {"left": 20, "right": 30, "top": 4, "bottom": 24, "containLabel": True},
        "tooltip": {"trigger": "item", "confine": True, ":formatter": "p => p.data.tip", "textStyle": {"fontSize": 12}},
        "xAxis": axis(
            min=-115, max=round(min(high, most - centre + 40)), axisLabel={":formatter": f"v => v + {centre:g}"}
        ),
        "yAxis": axis(
            "category",
            data=[row["name"] for row in rows_],
            inverse=True,
            axisLine={"show": False},
            axisLabel={"fontSize": 12, "width": 190, "overflow": "truncate"},
        ),
        "series": [
            {
                "type": "bar",
                "data": data,
                "barMaxWidth": 14,
                "label": {"show": True, "color": INK, "fontSize": 11},
                "markLine": {
                    "silent": True,
                    "symbol": "none",
                    "label": {"show": False},
                    "lineStyle": {"color": GREY, "type": "solid"},
                    "data": [{"xAxis": 0}],
                },
            }
        ],
    }


def lines(series: Sequence[Mapping[str, Any]], *, x: str, y: str, percent: bool = True) -> dict[str, Any]:
    """Lines over numbers; each series has ``name``, ``data`` ([x, y]) and may be ``dashed`` or ``dots``."""
    shown = f"v => {'Math.round(100 * v) + `%`' if percent else 'v'}"
    # Whole per cents would write one mark several times where all heights are small.
    small = percent and max((abs(point[1]) for s in series for point in s["data"]), default=1.0) < SMALL
    made = [
        {
            "type": "line",
            "name": s["name"],
            "data": s["data"],
            "symbolSize": 6 if s.get("dots") else 0,
            "symbol": "circle" if s.get("dots") else "none",
            "lineStyle": {"type": "dashed" if s.get("dashed") else "solid", "width": 1.5 if s.get("dashed") else 2},
            **({"itemStyle": {"color": s["colour"]}} if s.get("colour") else {}),
        }
        for s in series
    ]
    options = base(value=PERCENT if percent else PLAIN)
    options["grid"] |= {"bottom": 26, "right": 24}
    return options | {
        "xAxis": axis(name=x, nameLocation="middle", nameGap=26, axisLabel={":formatter": shown}),
        "yAxis": axis(name=y, axisLabel={":formatter": PERCENT if small else shown}, nameGap=10) | {"name": ""},
        "series": made,
    }


def counts(
    names: Sequence[str], series: Sequence[tuple[str, Sequence[int], set[int]]], *, most: int = len(PALETTE)
) -> dict[str, Any]:
    """Counts over periods, a line each; a series is its name, its counts, and the places that are marked by a dot."""
    options = base()
    # Names may be long: they are turned over rather than taking the chart's place.
    options["legend"] |= {"type": "scroll", "right": 0}
    return options | {
        "xAxis": axis("category", data=list(names)),
        "yAxis": axis(minInterval=1),
        "series": [
            {
                "type": "line",
                "name": name,
                "lineStyle": {"width": 2},
                "showAllSymbol": True,
                "data": [
                    {"value": n, "symbol": "circle" if k in marked else "none", "symbolSize": 9}
                    for k, n in enumerate(values)
                ],
            }
            for name, values, marked in series[:most]
        ],
    }


def funnel(steps: Sequence[tuple[str, int]], *, value: str = PLAIN) -> dict[str, Any]:
    """Steps of a campaign, the widest on top."""
    most = max([1, *(n for _, n in steps)])
    shades = ["#1f5371", "#3a7594", "#6a9bb4", "#9dbdcd", "#c6d9e2"]
    data = [
        {"name": name, "value": n, "itemStyle": {"color": shades[min(i, len(shades) - 1)]}}
        for i, (name, n) in enumerate(steps)
    ]
    return base(legend=False, tooltip="item", value=value) | {
        "series": [
            {
                "type": "funnel",
                "data": data,
                "sort": "none",
                "min": 0,
                "max": most,
                "minSize": "6%",
                "gap": 3,
                "left": 8,
                "right": "42%",
                "top": 6,
                "bottom": 6,
                "funnelAlign": "center",
                "label": {
                    "position": "right",
                    "color": INK,
                    "fontSize": 12,
                    ":formatter": "p => p.name + '  ' + Number(p.value).toLocaleString('en-US')",
                },
                "labelLine": {"length": 12, "lineStyle": {"color": LINE}},
                "itemStyle": {"borderWidth": 0},
            }
        ],
    }


def waterfall(steps: Sequence[Mapping[str, Any]], names: tuple[str, str]) -> dict[str, Any]:
    """Lying bars of who is left, each with the part that was removed behind it, in the order of the conditions.

    A step has ``name``, ``left``, ``removed``, ``shown`` and ``tip``; `names` are those of the two series.
    """

    def series(key: str, name: str, colour: str) -> dict[str, Any]:
        # Who is left is written behind the whole bar, where there is room.
        shown = {"show": key == "removed", "position": "right", "color": INK, ":formatter": "p => p.data.shown"}
        return {
            "type": "bar",
            "name": name,
            "stack": "all",
            "barMaxWidth": 18,
            "itemStyle": {"color": colour},
            "label": shown,
            "data": [{"value": step[key], "tip": step["tip"], "shown": step["shown"]} for step in steps],
        }

    return base(tooltip="item") | {
        "grid": {"left": 8, "right": 64, "top": 32, "bottom": 4, "containLabel": True},
        "xAxis": axis(show=False),
        "yAxis": axis(
            "category",
            data=[step["name"] for step in steps],
            inverse=True,
            axisLine={"show": False},
            axisLabel={"fontSize": 11, "width": 200, "overflow": "truncate"},
        ),
        "tooltip": {"trigger": "item", "confine": True, ":formatter": "p => p.data.tip", "textStyle": {"fontSize": 12}},
        "series": [series("left", names[0], BLUE), series("removed", names[1], "#e3d9cc")],
    }


def heat(names: Sequence[str], cells: Sequence[tuple[int, int, float, str]]) -> dict[str, Any]:
    """A square of shares from 0 to 1; a cell is (column, row, share, words of its tooltip)."""
    label = {"fontSize": 11, "interval": 0, "width": 130, "overflow": "truncate"}
    across = axis("category", data=list(names), position="top", axisLabel=label | {"rotate": 40, "width": 90})
    return base(legend=False, tooltip="item") | {
        "grid": {"left": 8, "right": 16, "top": 8, "bottom": 8, "containLabel": True},
        "xAxis": across,
        "yAxis": axis("category", data=list(names), inverse=True, axisLabel=label),
        "visualMap": {
            "show": False,
            "min": 0,
            "max": 1,
            "inRange": {"color": ["#fbfaf7", "#c6d9e2", "#6a9bb4", "#1f5371"]},
        },
        "tooltip": {"trigger": "item", "confine": True, ":formatter": "p => p.data.tip", "textStyle": {"fontSize": 12}},
        "series": [
            {
                "type": "heatmap",
                "data": [{"value": [x, y, share], "tip": tip} for x, y, share, tip in cells],
                "label": {"show": len(names) <= 20, "fontSize": 10, ":formatter": "p => Math.round(100 * p.value[2])"},
                "itemStyle": {"borderColor": "#fff", "borderWidth": 1},
            }
        ],
    }


def beside(names: Sequence[str], series: Sequence[tuple[str, Sequence[Any]]]) -> dict[str, Any]:
    """Lying bars of shares, several series beside each other, the first name on top."""
    return base(value=PERCENT) | {
        "xAxis": axis(axisLabel={":formatter": "v => Math.round(100 * v) + '%'"}),
        "yAxis": axis("category", data=list(names), inverse=True, axisLine={"show": False}, axisLabel={"fontSize": 12}),
        "series": [
            {
                "type": "bar",
                "name": name,
                "data": list(values),
                "barMaxWidth": 14,
                "itemStyle": {"color": colour, "borderRadius": [0, 3, 3, 0]},
            }
            for (name, values), colour in zip(series, (RED, "#a9c3d1"), strict=False)
        ],
    }


def coming_and_going(
    names: Sequence[str],
    entered: Sequence[int | None],
    left: Sequence[int | None],
    size: Sequence[int | None],
    words: tuple[str, str, str],
) -> dict[str, Any]:
    """Bars up for who entered and down for who left, and a line of the size on an axis of its own."""
    bars = [
        {
            "type": "bar",
            "name": name,
            "data": list(data),
            "stack": "moves",
            "barMaxWidth": 22,
            "itemStyle": {"color": c},
        }
        for name, data, c in ((words[0], entered, GREEN), (words[1], left, RED))
    ]
    line = {
        "type": "line",
        "name": words[2],
        "data": list(size),
        "yAxisIndex": 1,
        "lineStyle": {"color": BLUE, "width": 2},
        "itemStyle": {"color": BLUE},
    }
    return base() | {
        "xAxis": axis("category", data=list(names)),
        "yAxis": [axis(), axis(splitLine={"show": False}, scale=True)],
        "series": [*bars, line],
    }


def sankey(links: Sequence[tuple[int, str, str, int]]) -> dict[str, Any]:
    """Streams from step to step; a link is (step, from, to, how many), and a name may come at every step."""
    nodes = dict.fromkeys(node for step, a, b, _ in links for node in ((step, a), (step + 1, b)))
    shades = {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(dict.fromkeys(name for _, name in nodes))}
    data = [
        {"name": f"{step}|{name}", "depth": step, "itemStyle": {"color": shades[name]}} for step, name in sorted(nodes)
    ]
    own = "n => n.slice(n.indexOf('|') + 1)"
    count = "v => Number(v).toLocaleString('en-US')"
    tip = (
        f"p => {{ const own = {own}, count = {count}; const text = p.dataType === 'edge' ? own(p.data.source) "
        "+ ' → ' + own(p.data.target) : own(p.name); const safe = document.createElement('span'); "
        "safe.textContent = text + ': ' + count(p.value); return safe.innerHTML }"
    )
    return base(legend=False, tooltip="item") | {
        "tooltip": {"trigger": "item", "confine": True, ":formatter": tip, "textStyle": {"fontSize": 12}},
        "series": [
            {
                "type": "sankey",
                "data": data,
                "links": [{"source": f"{s}|{a}", "target": f"{s + 1}|{b}", "value": n} for s, a, b, n in links],
                "left": 8,
                "right": 130,
                "top": 10,
                "bottom": 10,
                "nodeGap": 10,
                "label": {"color": INK, "fontSize": 12, ":formatter": f"p => ({own})(p.name)"},
                "lineStyle": {"color": "source", "opacity": 0.28, "curveness": 0.5},
                "emphasis": {"focus": "adjacency"},
            }
        ],
    }


def over_time(points: Sequence[tuple[Any, Any]], series: str, zone: str, names: Sequence[str] = ()) -> dict[str, Any]:
    """A value that holds until the next one; with `names` a value is a place among them. None is a gap.

    The instants are by the clock of the zone, as `Format.on_axis` writes them; its name stands below the axis.
    """
    # Else the browser would move them to the zone of the machine that it runs on.
    options = base(legend=False) | {"useUTC": True}
    options["grid"] |= {"bottom": 26, "right": 24, "top": 14}
    vertical = axis("category", data=list(names)) if names else axis(scale=True)
    line = {"type": "line", "name": series, "step": "end", "symbol": "none", "data": [list(point) for point in points]}
    if names:
        options["tooltip"] = {"show": False}
    across = axis("time", name=zone, nameLocation="middle", nameGap=26)
    return options | {"xAxis": across, "yAxis": vertical, "series": [line]}
