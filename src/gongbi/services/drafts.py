"""Tables that last as long as a piece of work."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from gongbi.services.context import Context
from gongbi.tags.amend import drop_build

#: Such tables' names begin so; one that is there when a workspace is opened is of a dead process.
DRAFT = "draft_"


@contextmanager
def draft(ctx: Context) -> Iterator[str]:
    """The name of a table that nobody else has; whatever was written into it is gone after the block."""
    table = f"{DRAFT}{secrets.token_hex(6)}"
    try:
        yield table
    finally:
        drop_aside(ctx, table)


def drop_aside(ctx: Context, *tables: str) -> None:
    """Drop tables from a thread of its own: after a stop, the engine refuses every further call of this one."""
    with ThreadPoolExecutor(1) as aside:
        for table in tables:
            aside.submit(drop_build, ctx.engine, table).result()
