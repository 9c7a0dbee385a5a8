"""Which field of a maker is at fault where the expression that it writes cannot be read."""

from __future__ import annotations

from dataclasses import fields

from gongbi.catalog.makers import Maker
from gongbi.catalog.makers.base import of_fact
from gongbi.core.language import check_expression
from gongbi.core.world import World
from gongbi.errors import GongbiError


def fault_of(maker: Maker, world: World, subject: str) -> tuple[str, GongbiError | None]:
    """The field of a maker that is wrong by itself, and how; people wrote that, and not the expression made of it."""
    form = maker.maker
    for one in fields(form):  # type: ignore[arg-type]
        value, takes = getattr(form, one.name), one.metadata.get("takes")
        if value is None:
            continue
        try:
            if takes == "fact":
                world.fact(value)
            elif takes == "row":
                fact = getattr(form, "fact", None)
                check_expression(f"count({of_fact(value, fact) if fact else value})", world, subject)
            elif takes == "member":
                check_expression(value, world, subject)
        except GongbiError as error:
            return one.name, error
    return "", None
