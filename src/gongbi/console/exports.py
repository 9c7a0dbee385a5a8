"""Lists that leave the workspace: written to its `exports` folder, put on record, handed to the browser."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from nicegui import ui

from gongbi.console.frame import Page
from gongbi.ownership.files import private_folder


async def export_and_download(page: Page, expression: str, subject: str, columns: Sequence[str], kind: str) -> None:
    """Export a group as csv or xlsx and download it."""
    folder = private_folder(page.ws.root / "exports")
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    path = folder / f"{subject}-{stamp}.{kind}"
    done = await page.call("export", expression=expression, subject=subject, to=str(path), columns=list(columns))
    ui.notify(page.t("box.exported", n=page.format.number(done["rows"]), number=done["export"]), type="positive")
    ui.download.file(path)
