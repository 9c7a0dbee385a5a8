"""Lists that leave the workspace: written to its `exports` folder, put on record, handed to the browser."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from nicegui import ui

from gongbi.console.frame import Page
from gongbi.errors import GongbiError
from gongbi.ownership.files import private_folder


async def export_and_download(page: Page, expression: str, subject: str, columns: Sequence[str], kind: str) -> None:
    """Export a group as csv or xlsx and download it."""
    given: dict[str, Any] = {"expression": expression, "subject": subject, "columns": list(columns)}
    given["headings"] = page.language
    await download(page, "export", f"{subject}-{_stamp()}.{kind}", **given)


async def download(page: Page, verb: str, file: str, /, **given: Any) -> None:
    """Let a verb write a file of that name, put it on record, and hand it to the browser."""
    path = private_folder(page.ws.root / "exports") / file
    done = await page.call(verb, to=str(path), **given)
    ui.notify(page.t("box.exported", n=page.format.number(done["rows"]), number=done["export"]), type="positive")
    ui.download.file(path)


async def print_and_download(page: Page, verb: str, name: str, /, **given: Any) -> None:
    """Let a verb print a PDF in the reader's language, and hand it to the browser; what is wrong is told in passing."""
    path = private_folder(page.ws.root / "exports") / f"{name}-{_stamp()}.pdf"
    try:
        await page.call(verb, to=str(path), language=page.language, **given)
    except GongbiError as error:
        ui.notify(page.said(error.message, error.hint), type="negative")
        return
    ui.download.file(path)


def _stamp() -> str:
    return datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
