"""Segments: those that are saved, and the box that counts while an expression is typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nicegui import ui

from gongbi.console import groups, library, listing, parts
from gongbi.console.box import Box
from gongbi.console.frame import Page, PageDef
from gongbi.console.words import desk


async def build(page: Page) -> None:
    """Fill the page: the box, then the list."""
    actions = parts.title(page)
    tags = await page.call("tags")
    if not tags and not page.overview.get("members"):
        with parts.card():
            parts.empty(page, "segments.empty", icon="groups", command="gongbi demo")
        return
    box = Box(page, tags, await page.call("models"))
    await box.show()
    with actions:
        paste = ui.button(page.t("list.title"), icon="group_add").props("outline no-caps").classes("g-btn")
        paste.on_click(lambda: listing.hand_in(page, box.subject, list(box.identifiers), box.write))
    waiting = [one for one in await page.call("drafts") if one["kind"] == "segment"]
    library.drafts(page, waiting)
    with parts.card(page.t("segments.saved"), page.t("segments.saved_about")):
        parts.later(page, lambda: _saved(page, box))
    with parts.card(page.t("groups.overlap"), page.t("groups.overlap_about")):
        parts.later(page, lambda: _overlap(page, box.subject))


async def _saved(page: Page, box: Box) -> None:
    found = await page.call("segments")
    if not found:
        parts.empty(page, "segments.none", icon="bookmark_border")
        return
    parts.warnings(page, [said for segment in found for said in segment["warnings"]])
    parts.uncounted(page, found)
    _table(page, found, box)


async def _overlap(page: Page, subject: str) -> None:
    saved = await page.call("segments", counted=False)
    found = await page.call("overlap", subject=subject)
    if len(found["segments"]) < 2:
        parts.empty(page, "groups.none", icon="join_inner")
        return
    groups.overlap(page, found, {s["segment"]: page.words(s["name"], s["segment"]) for s in saved})


def _table(page: Page, segments: Sequence[Mapping[str, Any]], box: Box) -> None:
    columns = [
        {"name": "name", "label": page.t("segments.name"), "kind": "link"},
        {"name": "segment", "label": page.t("tags.code"), "kind": "code"},
        {"name": "subject", "label": page.t("tags.subject")},
        {"name": "size", "label": page.t("segments.size"), "align": "right"},
        {"name": "share", "label": page.t("segments.share"), "kind": "bar"},
        {"name": "about", "label": page.t("segments.about_one")},
        {"name": "owner", "label": page.t("tags.owner")},
    ]
    rows = []
    for s in segments:
        share = s["count"] / s["of"] if s["of"] else None
        rows.append(
            {
                "id": s["segment"],
                "name": page.words(s["name"], s["segment"]),
                "name_to": box.address(f"segment.{s['segment']}", s["subject"]),
                "segment": s["segment"],
                "subject": page.named(s["subject"]),
                "size": page.format.number(s["count"]),
                "size_sort": s["count"] or 0,
                "share": page.format.percent(share),
                "share_share": share or 0,
                "share_sort": share or 0,
                "about": " · ".join(part for part in (page.words(s["about"]), _at_most(page, s, box)) if part),
                "owner": desk(s["owner"], page.language),
            }
        )
    rows.sort(key=lambda r: -r["size_sort"])
    parts.table(page, columns, rows, label=page.t("segments.saved"), per_page=20)


def _at_most(page: Page, segment: Mapping[str, Any], box: Box) -> str:
    """How those are chosen whom a segment with a limit holds."""
    if segment["limit"] is None:
        return ""
    n = page.format.number(segment["limit"])
    if segment["draw"]:
        return page.t("segments.at_most_lot", n=n, seed=segment["draw"])
    tag = box.names.get(segment["order"].removeprefix("tag."), segment["order"])
    return page.t("segments.at_most_by", n=n, tag=tag)


PAGE = PageDef("/segments", "segments", build)
