"""Values that come close to a person are masked in lists and files, unless a named person gives a reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
from pyarrow import compute

from gongbi.catalog.libraries import MASKED
from gongbi.core import expr as ir
from gongbi.core.expr import Expr
from gongbi.errors import InvalidInput, Refused
from gongbi.services.context import Context

#: What stands for a value; who has none still has none.
MASK = "***"
#: Actors who are nobody in particular.
NOBODY = frozenset({"", "local", "scheduler"})


def hidden(ctx: Context, columns: Mapping[str, Expr]) -> list[str]:
    """Columns in which a tag stands whose privacy grade is ``direct`` or ``sensitive``."""
    privacy = ctx.catalog().privacy
    return [name for name, expr in columns.items() if any(privacy.get(tag) in MASKED for tag in ir.tags_used(expr))]


def check_reveal(ctx: Context, reveal: str | None) -> None:
    """Refuse to show masked values without a name or without a reason; None asks for nothing.

    Raises
    ------
    InvalidInput, Refused
        The reason is empty; nobody in particular asks.
    """
    if reveal is None:
        return
    if not reveal.strip():
        raise InvalidInput("To see masked values needs a reason.", hint="Say it after `--reveal`; it is put on record.")
    if ctx.actor.strip().casefold() in NOBODY:
        raise Refused("Masked values are shown to a named person only.", hint="Say who asks: `--as NAME`.")


def masked(
    ctx: Context, table: pa.Table, names: Iterable[str], reveal: str | None, *, what: str
) -> tuple[pa.Table, list[dict[str, Any]]]:
    """Mask columns of a list, or put on record who is shown them and why; gives the list and what to say of it."""
    names = [name for name in names if name in table.column_names]
    if not names:
        return table, []
    zh, en = "、".join(names), ", ".join(names)
    if reveal is not None:
        ctx.store.audit.append(
            actor=ctx.actor,
            action="reveal",
            object=what,
            now=ctx.now(),
            details={"why": reveal.strip(), "columns": names, "rows": table.num_rows},
        )
        said = {
            "code": "revealed",
            "columns": names,
            "zh": f"明文显示：{zh}。已记录：{ctx.actor}，原因“{reveal.strip()}”。",
            "en": f"Shown in the clear: {en}. On record: {ctx.actor}, because {reveal.strip()!r}.",
        }
        return table, [said]
    for name in names:
        at = table.column_names.index(name)
        values = table.column(at)
        stars = compute.if_else(compute.is_valid(values), pa.scalar(MASK), pa.scalar(None, pa.string()))
        table = table.set_column(at, name, stars)
    said = {
        "code": "masked",
        "columns": names,
        "zh": f"已脱敏：{zh}。确有需要时用 --reveal 说明原因，会记录在案。",
        "en": f"Masked: {en}. Who needs them says why with `--reveal`; it is put on record.",
    }
    return table, [said]
