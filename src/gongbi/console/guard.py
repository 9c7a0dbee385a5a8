"""Who may talk to the console: a browser on this machine that was sent here by itself.

The console has no accounts, so its address is its only wall. A page on the internet can point its own name at
127.0.0.1 (DNS rebinding) or open a web socket across origins; the header `Host` gives away the first and `Origin` the
second.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gongbi.console.address import LOOPBACK
from gongbi.console.frame import language_of
from gongbi.translation import in_language

#: Everything comes from the installed packages: no other host is ever asked for a script, a font or a picture. The
#: components are compiled in the browser, which needs `unsafe-eval`.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'self';"
    " form-action 'self'"
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


class Guard:
    """Refuse requests that name another host, or come from another origin. Wraps HTTP and web sockets alike."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 421 to a stranger's host, 403 to a stranger's origin; pass the rest on."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refused = self.refusal(scope)
        if refused is not None:
            await _refuse(scope, receive, send, *refused)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
            await send(message)

        await self.app(scope, receive, with_headers)

    @staticmethod
    def refusal(scope: Scope) -> tuple[int, str] | None:
        """Return status and words where a request is to be refused."""
        server = scope.get("server")
        port = server[1] if server else None
        allowed = {f"{name}:{port}" for name in LOOPBACK} | (set(LOOPBACK) if port == 80 else set())
        hosts = [value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 or hosts[0] not in allowed:
            return 421, f"The console answers to http://127.0.0.1:{port} only."
        for name, value in scope["headers"]:
            if name == b"origin":
                origin = urlsplit(value.decode("latin-1").lower())
                if origin.scheme != "http" or origin.netloc not in allowed:
                    return 403, "This request comes from another site."
        return None


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, words: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": words})
        return
    words = in_language(words, language_of(Request(scope)))
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": words.encode()})
