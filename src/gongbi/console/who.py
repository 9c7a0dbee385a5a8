"""Who is working: a name that the browser keeps and every act is recorded with; nobody is verified yet."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import unquote

from fastapi import Request
from nicegui import ui

if TYPE_CHECKING:
    from gongbi.console.frame import Page

ACTOR_COOKIE = "gongbi_actor"
#: Longer names are cut: nobody has one, and cookies are small.
LONGEST = 60


def actor_of(request: Request) -> str:
    """The name that the browser keeps; empty where none was chosen."""
    return unquote(request.cookies.get(ACTOR_COOKIE, "")).strip()[:LONGEST]


def chooser(page: Page) -> None:
    """A button that shows the name, and a dialog to change it."""
    with ui.dialog() as dialog, ui.card().classes("g-dialog"):
        ui.label(page.t("who.label")).classes("g-label")
        name = ui.input(value=page.who).props(f'outlined dense autofocus maxlength={LONGEST} aria-label="actor"')
        name.classes("g-wide")
        ui.label(page.t("who.about")).classes("g-about")

        def save() -> None:
            if chosen := (name.value or "").strip():
                cookie = f"{ACTOR_COOKIE}=' + encodeURIComponent({json.dumps(chosen)}) + '"
                ui.run_javascript(
                    f"document.cookie = '{cookie};path=/;max-age=31536000;samesite=lax'; location.reload()"
                )

        name.on("keydown.enter", save)
        ui.button(page.t("who.save"), on_click=save).props("unelevated no-caps").classes("g-btn")
    button = ui.button(page.who, icon="person", on_click=dialog.open).props("flat dense no-caps")
    button.classes("g-person").props["aria-label"] = f"{page.t('who.label')}: {page.who}"
    with button:
        ui.tooltip(f"{page.t('who.label')}: {page.who} ({page.t('library.unverified')})")
