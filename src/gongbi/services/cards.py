"""The card of a model as a file to hand on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gongbi.errors import UnknownName
from gongbi.models.card import body
from gongbi.portraits.printing import document, write_page
from gongbi.services.context import Context
from gongbi.services.files import check_writable
from gongbi.services.models import model_card

LANGUAGES = ("zh", "en")


def print_model_card(
    ctx: Context, name: str, to: str, *, language: str = "zh", overwrite: bool = False
) -> dict[str, Any]:
    """Write the card of a model as a page to print (.html) or as .pdf; that goes on record.

    Returns
    -------
    dict
        ``path``, ``model``, ``version``, ``sha256`` of the file.

    Raises
    ------
    NotYet
        The model was not trained, or what prints a PDF is not installed.
    """
    if language not in LANGUAGES:
        raise UnknownName("language", language, LANGUAGES)
    path = Path(to).expanduser()
    check_writable(path, (".html", ".pdf"), overwrite=overwrite)
    card = model_card(ctx, name)
    digest = write_page(document(card["name"].get(language) or name, body(card, language, ctx.zone), language), path)
    details = {"version": card["version"], "path": str(path), "sha256": digest}
    ctx.store.audit.append(
        actor=ctx.actor, action="print_model_card", object=f"model {name}", now=ctx.now(), details=details
    )
    return {"path": str(path), "model": name, "version": card["version"], "sha256": digest}
