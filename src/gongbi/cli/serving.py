"""`gongbi serve`: the owner of a workspace, its console and its schedules in one process."""

from __future__ import annotations

import sys
from pathlib import Path

import gongbi
from gongbi.console.address import listen
from gongbi.errors import WorkspaceBusy


def serve(path: Path, *, host: str = "127.0.0.1", port: int = 8080) -> None:
    """Open a workspace as its owner and keep the console open until Ctrl-C."""
    with gongbi.open(path) as ws:
        if not ws.is_owner:
            raise WorkspaceBusy(
                f"The workspace at {str(ws.root)!r} is open in another process.",
                hint=f"Use its console at {ws.console}, or close it first."
                if ws.console
                else "Close it first: a console is opened by the process that has the workspace.",
            )
        # What cannot be is told before the pages, which take seconds to load.
        listen(host, port).close()
        print("Opening the console …", file=sys.stderr, flush=True)
        from gongbi.console.app import serve as serve_console
        from gongbi.jobs import JobHost

        def ready(address: str) -> None:
            ws.announce_console(address)
            print(f"Console: {address} (this machine only). Ctrl-C ends it.", file=sys.stderr, flush=True)

        with JobHost(ws) as jobs:
            serve_console(ws, host=host, port=port, jobs=jobs, on_ready=ready)
