"""The console of a workspace as a process: `server.py FOLDER`. Prints its address; makes one expression slow.

A condition that names the segment `slow` first runs a query that takes minutes, through the engine like any other; how
it ended is written to FOLDER/slow.txt. A build does so too while there is a file FOLDER/halt.
The segments page has a mistake in it while there is a file FOLDER/crash, in the part that the file names.
"""

from __future__ import annotations

import sys
from functools import wraps
from pathlib import Path
from typing import Any

from gongbi import workspace
from gongbi.console.app import serve
from gongbi.console.pages import segments as page
from gongbi.errors import GongbiError
from gongbi.services import build, segments

LONG = "select sum(a.range * b.range) as n from range(3000000) a, range(1000000) b"


def mistaken(real: Any, file: Path, part: str) -> Any:
    """A part of a page that fails as code with a mistake does, while the file says so."""

    def asked_for() -> bool:
        return file.exists() and file.read_text() == part

    async def fill(*args: Any) -> None:
        if asked_for():
            raise KeyError("score.nobody")
        await real(*args)

    return fill


def main(root: Path) -> None:
    real = segments.count

    @wraps(real)
    def count(ctx: Any, expression: str, **more: Any) -> Any:
        if "segment.slow" in expression:
            try:
                ctx.engine.query(LONG)
            except GongbiError as error:
                (root / "slow.txt").write_text(error.code)
                raise
        return real(ctx, expression, **more)

    build_subject = build._build_subject

    def halting(ctx: Any, *args: Any, **more: Any) -> Any:
        if (root / "halt").exists():
            ctx.progress("halted", 0)
            ctx.engine.query(LONG)
        return build_subject(ctx, *args, **more)

    segments.count, build._build_subject = count, halting
    page._saved = mistaken(page._saved, root / "crash", "list")
    page.Box.show = mistaken(page.Box.show, root / "crash", "page")  # type: ignore[method-assign]
    with workspace.open(root) as ws:
        serve(ws, port=0, on_ready=lambda address: print(address, flush=True))
    (root / "closed.txt").write_text("closed")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
