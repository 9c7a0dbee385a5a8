"""Show masked values to a named person who gives a reason; the service puts both on record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from nicegui import ui

from gongbi.console import parts
from gongbi.console.frame import Page
from gongbi.errors import GongbiError


def offer(
    page: Page,
    warnings: Sequence[Mapping[str, Any]],
    ask: Callable[[str], Awaitable[Any]],
    draw: Callable[[Any], None],
) -> None:
    """A button to see what was masked; nothing where nothing was.

    Parameters
    ----------
    warnings
        Of the answer that is shown, which say whether something was masked.
    ask
        Asks for the same with a reason.
    draw
        Shows what it answers in the place of what is there.
    """
    if any(said.get("code") == "masked" for said in warnings):
        show = ui.button(page.t("privacy.reveal"), icon="visibility").props("outline dense no-caps").classes("g-btn")
        show.style("align-self:flex-start").on_click(lambda: _why(page, ask, draw))


def _why(page: Page, ask: Callable[[str], Awaitable[Any]], draw: Callable[[Any], None]) -> None:
    """Ask for the reason; what is refused is said in the dialog."""
    with ui.dialog(value=True) as dialog, ui.card().classes("g-dialog"):
        with ui.element("h2"):
            ui.label(page.t("privacy.reveal"))
        why = ui.input(page.t("privacy.why")).props("outlined dense autofocus").classes("g-wide")
        said = ui.element("div").props('aria-live="polite"')

        async def go() -> None:
            said.clear()
            try:
                found = await ask(why.value or "")
            except GongbiError as error:
                with said:
                    parts.problem(page, error)
                return
            dialog.close()
            draw(found)

        why.on("keydown.enter", go)
        with ui.element("div").classes("g-chips"):
            ui.button(page.t("privacy.reveal"), icon="visibility", on_click=go).props("unelevated no-caps").classes(
                "g-btn"
            )
            ui.button(page.t("frame.close"), on_click=dialog.close).props("flat no-caps").classes("g-btn")
