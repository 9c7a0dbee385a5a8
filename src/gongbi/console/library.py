"""The library's own work on its pages: drafts and reviews, versions with what changed, what rests on a tag."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import quote, urlencode

from nicegui import ui

from gongbi.catalog.compare import KEYS
from gongbi.console import parts
from gongbi.console.frame import Page
from gongbi.errors import GongbiError

STATE_COLOURS: Mapping[str, str] = {
    "draft": "blue",
    "review": "gold",
    "rejected": "red",
    "published": "green",
    "retired": "grey",
    "replaced": "grey",
}
_MARKS = {"same": "{}", "removed": "<del>{}</del>", "added": "<ins>{}</ins>"}


def state_chip(page: Page, state: str) -> None:
    """A state as a small coloured word."""
    parts.chip(page.t(f"state.{state}"), STATE_COLOURS[state])


def ask(page: Page, heading: str, act: Callable[[str], Awaitable[Any]], *, label: str = "") -> None:
    """Ask for a reason (or what `label` says), act, and show the page anew; what is refused is said in the dialog."""
    with ui.dialog(value=True) as dialog, ui.card().classes("g-dialog"):
        ui.label(heading).classes("g-label")
        why = ui.input(label or page.t("library.why")).props("outlined dense autofocus").classes("g-wide")
        if not label:
            ui.label(page.t("library.why_about")).classes("g-about")
        said = ui.element("div")

        async def go() -> None:
            said.clear()
            try:
                await act(why.value or "")
            except GongbiError as error:
                with said:
                    parts.problem(page, error)
                return
            dialog.close()
            ui.navigate.reload()

        why.on("keydown.enter", go)
        with ui.element("div").classes("g-actions"):
            ui.button(heading, on_click=go).props("unelevated no-caps").classes("g-btn")
            ui.button(page.t("library.cancel"), on_click=dialog.close).props("flat no-caps").classes("g-btn")


def button(page: Page, action: str, verb: str, **params: Any) -> None:
    """A button that asks for a reason and calls a verb."""

    async def act(why: str) -> Any:
        return await page.call(verb, why=why, **params)

    heading = page.t(f"library.{action}")
    shape = "unelevated" if action in ("submit", "approve") else "outline"
    ui.button(heading, on_click=lambda: ask(page, heading, act)).props(f"{shape} no-caps").classes("g-btn")


def drafts(page: Page, waiting: Sequence[Mapping[str, Any]]) -> None:
    """A card of what waits; nothing where nothing does."""
    if not waiting:
        return
    with parts.card(page.t("library.drafts"), page.t("library.drafts_about")):
        for one in waiting:
            with ui.element("div").classes("g-version"):
                with ui.element("div").classes("g-chips"):
                    state_chip(page, one["state"])
                    name = page.words(one["title"], one["name"])
                    target = f"/tags/{quote(one['name'])}" if one["kind"] == "tag" else ""
                    ui.link(name, target).classes("g-link") if target else ui.label(name)
                    ui.label(_stamp(page, one)).classes("g-about")
                changes(page, one["changes"])
                actions(page, one)


def actions(page: Page, one: Mapping[str, Any]) -> None:
    """What can be done with an open version."""
    name = one["name"] if one["kind"] == "tag" else f"{one['kind']}.{one['name']}"
    with ui.element("div").classes("g-chips").style("margin-top:6px"):
        if one["state"] == "draft":
            button(page, "submit", "submit_tag", names=[name])
        if one["state"] == "review":
            button(page, "approve", "approve_tag", names=[name])
        button(page, "reject", "reject_tag", names=[name])


def _stamp(page: Page, one: Mapping[str, Any]) -> str:
    who = f"{one['actor']} ({page.t('library.unverified')})"
    return " · ".join(part for part in (page.format.instant(one["at"]), who, one["why"]) if part)


def changes(page: Page, found: Sequence[Mapping[str, Any]]) -> None:
    """What changed, in words; of an expression with both versions in one line."""
    for change in found:
        ui.label(page.words(change["words"]).replace("`", "")).classes("g-change")
        if change["parts"]:
            marked = " ".join(_MARKS[part["mark"]].format(escape(part["text"])) for part in change["parts"])
            ui.html(f"<pre class='g-code g-diff' tabindex='0'>{marked}</pre>", sanitize=False)


async def versions(page: Page, name: str) -> None:
    """A card of all versions, the newest first, with what can be done."""
    found = await page.call("tag_versions", name=name)
    with parts.card(page.t("library.versions"), page.t("library.versions_about"), classes="s7"):
        for i, one in enumerate(found["versions"]):
            if i == 5:
                break
            with ui.element("div").classes("g-version"):
                with ui.element("div").classes("g-chips"):
                    ui.label(page.t("library.version", n=one["version"])).classes("g-strong")
                    state_chip(page, one["state"])
                    if one["version"] == found["current"]:
                        ui.label(page.t("library.in_force")).classes("g-about")
                    ui.label(_stamp(page, one)).classes("g-about")
                for event in one["events"]:
                    ui.label(f"{page.t('state.' + event['state'])}: {_stamp(page, event)}").classes("g-about")
                changes(page, one["changes"])
                if one["state"] in ("draft", "review"):
                    actions(page, {**one, "kind": found["kind"], "name": found["name"]})
                elif one["version"] != found["current"]:
                    button(page, "restore", "restore_tag", name=name, version=one["version"])
        if found["current"] is not None:
            button(page, "retire", "retire_tag", names=[name])


async def impact(page: Page, name: str) -> None:
    """A card with everything that rests on a tag."""
    found = await page.call("tag_impact", name=name)
    with parts.card(page.t("library.impact"), page.t("library.impact_about"), classes="s5"):
        if not found["users"]:
            parts.empty(page, "library.no_impact", icon="spa")
        _branches(page, found["users"], 0)
        if found["exports"]:
            ui.label(page.t("library.exports", n=found["exports"])).classes("g-about")


def address(kind: str, name: str) -> str:
    """The page of a definition; empty where its kind has none."""
    return {
        "tag": f"/tags/{quote(name)}",
        "segment": f"/segments?{urlencode({'e': 'segment.' + name})}",
        "model": f"/model/{quote(name)}",
        "campaign": "/campaigns",
    }.get(kind, "")


def _branches(page: Page, users: Sequence[Mapping[str, Any]], depth: int) -> None:
    for user in users:
        with ui.element("div").classes("g-chips").style(f"padding-left:{depth * 18}px;margin-bottom:4px"):
            key = f"kind.{user['kind']}"
            kind = page.t(key) if key in KINDS else user["kind"]
            target = address(user["kind"], user["name"])
            words = f"{kind} {user['name']}"
            (ui.link(words, target) if target else ui.label(words)).classes("g-chip blue" if target else "g-chip")
            comma = "、" if page.language == "zh" else ", "
            ui.label(comma.join(_key(page, how) for how in user["how"])).classes("g-about")
        _branches(page, user["users"], depth + 1)


def _key(page: Page, how: str) -> str:
    """The key of a definition in which another stands, in words where it has any."""
    name, *rest = how.split(" ", 1)
    words = KEYS.get(name)
    return " ".join([words[0 if page.language == "zh" else 1] if words else name, *rest])


#: Kinds that have a word on pages.
KINDS = frozenset({"kind.tag", "kind.segment", "kind.model", "kind.campaign"})
