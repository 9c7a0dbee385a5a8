"""Start the console: one process, one workspace, this machine only."""

from __future__ import annotations

import contextlib
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import RedirectResponse
from nicegui import app as nicegui_app
from nicegui import ui

from gongbi.console.address import listen
from gongbi.console.frame import LANGUAGE_COOKIE, Console
from gongbi.console.guard import Guard
from gongbi.console.pages import PAGES
from gongbi.console.texts import LANGUAGES
from gongbi.jobs import JobHost
from gongbi.workspace import Workspace

STATIC = Path(__file__).parent / "static"
YEAR = 365 * 24 * 3600


def create(ws: Workspace, jobs: JobHost) -> FastAPI:
    """Make the console's application; once in a process, because pages are registered with the process."""
    app = FastAPI(title="Gongbi", docs_url=None, redoc_url=None, openapi_url=None)
    console = Console(ws, jobs)

    @app.get("/language/{code}")
    def language(code: str, request: Request) -> RedirectResponse:
        """Keep the language with the browser and go back to the page."""
        back = urlsplit(request.query_params.get("next", "/"))
        query = f"?{back.query}" if back.query else ""
        answer = RedirectResponse("/" + back.path.lstrip("/\\") + query, status_code=303)
        if code in LANGUAGES:
            answer.set_cookie(LANGUAGE_COOKIE, code, max_age=YEAR, samesite="lax", httponly=True)
        return answer

    @app.get("/customer/{id}")
    def customer(id: str) -> RedirectResponse:  # noqa: A002
        """An address that somebody typed: the page of the customer of that id."""
        return RedirectResponse(f"/customer/customer/{quote(id, safe=':')}", status_code=303)

    nicegui_app.add_static_files("/static/gongbi", str(STATIC))
    for page in PAGES:
        console.show(page)

    @nicegui_app.exception_handler(404)
    async def missing(request: Request, error: HTTPException) -> Response:
        """Say it in a page's place; where a file is missing, nobody would read that."""
        if request.url.path.startswith(("/static/", "/_nicegui")):
            return await http_exception_handler(request, error)
        return console.missing(request)

    ui.run_with(
        app,
        title="Gongbi",
        favicon=STATIC / "seal.svg",
        tailwind=False,
        # A busy machine may be silent for some seconds; the page must not be thrown away meanwhile.
        reconnect_timeout=30.0,
        storage_secret=secrets.token_urlsafe(32),
        show_welcome_message=False,
    )
    # Added last, so that it stands before everything else.
    app.add_middleware(Guard)
    return app


def serve(
    ws: Workspace,
    host: str = "127.0.0.1",
    port: int = 8080,
    show: bool = False,
    on_ready: Callable[[str], object] | None = None,
    jobs: JobHost | None = None,
) -> None:
    """Serve the console until Ctrl-C.

    Parameters
    ----------
    port
        0 takes any free one.
    show
        Open the browser.
    on_ready
        Called with the address once it answers.
    jobs
        Carries out what buttons start, so that it survives the console; by default one that does only this, without
        schedules.

    Raises
    ------
    Refused
        A host other than this machine's loopback address.
    InvalidInput
        The port is taken.
    """
    listening = listen(host, port)
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with contextlib.ExitStack() as held:
        held.callback(listening.close)
        app = create(ws, jobs or held.enter_context(JobHost(ws, tick=None)))
        server = _Server(uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=3))
        server.ready = lambda: _announce(address, show=show, on_ready=on_ready)
        with contextlib.suppress(KeyboardInterrupt), _quiet_end():
            server.run(sockets=[listening])


@contextlib.contextmanager
def _quiet_end() -> Iterator[None]:
    """Uvicorn raises SIGTERM again when it has ended; here the workspace is still to be closed in order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Server(uvicorn.Server):
    ready: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets=sockets)
        if self.started:
            self.ready()


def _announce(address: str, *, show: bool, on_ready: Callable[[str], object] | None) -> None:
    if on_ready is not None:
        on_ready(address)
    if show:
        import webbrowser

        webbrowser.open(address)
