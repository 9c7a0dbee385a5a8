"""Groups beside each other: which condition removes whom, what sets one apart, and whom saved segments share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from nicegui import ui

from gongbi.console import charts, parts
from gongbi.console.frame import Page

#: Bars of a chart of what sets a group apart, and the longest of them.
BARS, MOST = 16, 400.0


def apart(page: Page, rows: Sequence[Mapping[str, Any]], label: str) -> bool:
    """Draw the most different bins, at most two of a tag; say whether there was one."""
    seen, chosen = dict[str, int](), list[Mapping[str, Any]]()
    for row in rows:
        if row["tgi"] is None or seen.get(row["tag"], 0) >= 2 or len(chosen) >= BARS:
            continue
        seen[row["tag"]] = seen.get(row["tag"], 0) + 1
        chosen.append(row)
    bars = []
    for row in chosen:
        title = page.trait(row["tag"], row["label"])
        percent, number = page.format.percent, page.format.number
        tip = [
            f"<b>{escape(title)}</b>",
            f"TGI {row['tgi']:.1f} ({page.t('box.interval')} {interval(row)})",
            page.t("box.in_group", share=percent(row["share"]), n=number(row["support"])),
            page.t("box.in_base", share=percent(row["base_share"]), n=number(row["base_count"])),
        ]
        bars.append({"name": title, "tgi": row["tgi"], "shown": min(row["tgi"], MOST), "tip": "<br>".join(tip)})
    if bars:
        parts.chart(charts.diverging(bars, most=MOST), label, height=44 + 27 * len(bars))
    return bool(bars)


def interval(row: Mapping[str, Any]) -> str:
    """The bounds of an index."""
    return f"{row['low']:.0f} – {row['high']:.0f}" if row["low"] is not None else "—"


def left_out(page: Page, tags: Sequence[Mapping[str, Any]]) -> None:
    """Which tags could not be compared, and why."""
    colon, comma = ("：", "、") if page.language == "zh" else (": ", ", ")
    why: dict[str, list[str]] = {}
    for tag in tags:
        why.setdefault(tag["reason"][page.language], []).append(page.names.get(tag["tag"], tag["tag"]))
    for reason, names in why.items():
        ui.label(comma.join(names) + colon + reason).classes("g-about")


def waterfall(
    page: Page, found: Mapping[str, Any], open_: Callable[[str], None], words: Callable[[str], str] = str
) -> None:
    """Who is left after each condition, in `words`; a click on a bar opens those whom it removed."""
    number, t = page.format.number, page.t
    everybody = number(found["of"])
    steps = [{"name": t("groups.everybody"), "left": found["of"], "removed": 0, "shown": everybody, "tip": everybody}]
    for step in found["steps"]:
        lines = [
            f"<b>{escape(words(step['condition']))}</b>",
            escape(step["condition"]),
            t("groups.left", n=number(step["left"])),
            t("groups.removed", n=number(step["removed"]), unknown=number(step["unknown"])),
            t("groups.only", n=number(step["only"])),
        ]
        steps.append(
            {
                "name": words(step["condition"]),
                "left": step["left"],
                "removed": step["removed"],
                "shown": number(step["left"]),
                "tip": "<br>".join(lines),
            }
        )
    names = (t("groups.series_left"), t("groups.series_removed"))
    chart = parts.chart(charts.waterfall(steps, names), t("groups.waterfall"), height=52 + 30 * len(steps))

    def clicked(place: int) -> None:
        if place:
            open_(found["steps"][place - 1]["removed_are"])

    chart.on_point_click(lambda e: clicked(e.data_index))


def overlap(page: Page, found: Mapping[str, Any], names: Mapping[str, str]) -> None:
    """Row by row: the share of a group that is in each other one."""
    number, percent = page.format.number, page.format.percent
    groups = [g for g in found["segments"] if g["count"]]
    place = {g["segment"]: i for i, g in enumerate(groups)}
    size = {g["segment"]: g["count"] for g in groups}
    cells: list[tuple[int, int, float, str]] = []
    for pair in found["pairs"]:
        for a, b in ((pair["a"], pair["b"]), (pair["b"], pair["a"])):
            if a in place and b in place:
                share = pair["both"] / size[a]
                tip = page.t(
                    "groups.shared",
                    share=percent(share),
                    a=escape(names.get(a, a)),
                    b=escape(names.get(b, b)),
                    n=number(pair["both"]),
                    lift=number(pair["lift"], 2),
                )
                cells.append((place[b], place[a], share, tip))
    labels = [names.get(g["segment"], g["segment"]) for g in groups]
    parts.chart(charts.heat(labels, cells), page.t("groups.overlap"), height=120 + 26 * len(groups))
    parts.warnings(page, found["warnings"])
