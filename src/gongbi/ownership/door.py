"""The local door: how another process of the same user works in a workspace that this process owns.

HTTP on the loopback address, a random port and a random token that stands in the lock file. The answer is a stream of
lines: progress, then one result or one error (`gongbi.ownership.wire` says how values travel).
"""

from __future__ import annotations

import hmac
import json
import secrets
import select
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from json import JSONDecodeError
from typing import Any

import pyarrow as pa

from gongbi.errors import Bug, Cancelled, InvalidInput, WorkspaceBusy
from gongbi.ownership.lock import Owner
from gongbi.ownership.wire import describe, pack, raised, unpack

#: Called with (stage, done, total); total is None where it is not known.
Progress = Callable[[str, int, int | None], None]
Handle = Callable[..., Any]


def silent(stage: str, done: int, total: int | None) -> None:
    """Report nothing."""


#: A call is a few words; what is larger is not one of ours.
LARGEST_CALL = 16 * 2**20

#: How long a caller may take to say what it wants, and to take in what it is told, in seconds.
PATIENCE = 60

#: How long the owner waits, when it closes, for the calls under way to stop.
FAREWELL = 10.0


class Door:
    """Serves the owner's verbs to other processes, each call in a thread of its own.

    `handle` is called with verb, params, actor, progress and a function that says whether the work is to stop.
    """

    def __init__(self, handle: Handle) -> None:
        self.token = secrets.token_urlsafe(24)
        self._handle = handle
        self._closing = threading.Event()
        self._calls: set[threading.Thread] = set()
        door = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"
            timeout = PATIENCE

            def do_POST(self) -> None:
                door.answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing: requests carry the token."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A caller that hung up is no news."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="gongbi-door", daemon=True
        )
        self._thread.start()

    @property
    def address(self) -> str:
        """Host and port."""
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Carry out one call; a caller that hangs up stops it."""
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            request.send_error(403)
            return
        call = _read(request)
        if call is None:
            return
        request.send_response(200)
        request.send_header("Content-Type", "application/x-ndjson")
        request.end_headers()
        me = threading.current_thread()
        self._calls.add(me)
        try:
            self._carry_out(call, request)
        finally:
            self._calls.discard(me)

    def _carry_out(self, call: Call, request: BaseHTTPRequestHandler) -> None:
        turn, deaf = threading.Lock(), threading.Event()

        def say(line: Mapping[str, Any]) -> None:
            text = json.dumps(line).encode() + b"\n"
            try:
                with turn:  # Progress may come from the engine's threads.
                    request.wfile.write(text)
                    request.wfile.flush()
            except OSError:
                deaf.set()

        def stop() -> bool:
            return deaf.is_set() or self._closing.is_set() or _hung_up(request.connection)

        def progress(stage: str, done: int, total: int | None) -> None:
            say({"progress": [stage, done, total]})

        if self._closing.is_set():
            say(_AGAIN)
            return
        try:
            say({"result": pack(self._handle(call.verb, call.params, call.actor, progress, stop))})
        except Cancelled as error:
            # Nobody asked for that but the owner, who goes: the caller goes on with it, as the next owner.
            say(_AGAIN if self._closing.is_set() else {"error": describe(error)})
        except Exception as error:  # noqa: BLE001  (a bug must reach the caller, who cannot see the owner's log)
            say({"error": describe(_CLOSED if self._closing.is_set() else error)})

    def close(self) -> None:
        """Stop serving; calls under way are asked to stop, and their callers go on with them themselves."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        deadline = time.monotonic() + FAREWELL
        for call in list(self._calls):
            if call is not threading.current_thread():
                call.join(max(0.0, deadline - time.monotonic()))


_CLOSED = WorkspaceBusy("The workspace's owner has closed it.", hint="Run the same command again.")

#: The owner closed before the work was done, and nothing half-done is left: the caller may make the call again.
_AGAIN = {"again": True}


@dataclass(frozen=True, slots=True)
class Call:
    """What a caller wants."""

    verb: str
    params: Mapping[str, Any]
    actor: str


def _read(request: BaseHTTPRequestHandler) -> Call | None:
    """Read a call; one that makes no sense is answered with 4xx and gives None."""
    try:
        length = int(request.headers.get("Content-Length", ""))
    except ValueError:
        length = -1
    if length < 0:
        request.send_error(411)
        return None
    if length > LARGEST_CALL:
        request.send_error(413)
        return None
    try:
        body = json.loads(request.rfile.read(length))
        call = Call(str(body["verb"]), unpack(body["params"]), str(body["actor"]))
    except (ValueError, KeyError, TypeError, ArithmeticError, RecursionError, pa.ArrowException):
        request.send_error(400)
        return None
    if not isinstance(call.params, dict):
        request.send_error(400)
        return None
    return call


def _hung_up(connection: socket.socket) -> bool:
    """True when the other side has closed its end."""
    poll = select.poll()
    try:
        poll.register(connection, select.POLLIN)
        return bool(poll.poll(0)) and not connection.recv(1, socket.MSG_PEEK)
    except (OSError, ValueError):
        return True


def call_owner(owner: Owner, verb: str, params: Mapping[str, Any], actor: str, progress: Progress) -> Any:
    """Carry out a verb at the owner's; progress is passed on as it comes. Leaving the call stops the work there.

    Raises
    ------
    OwnerGone
        Nobody is there to take the call, or it was stopped because the owner closed: it may be made again.
    WorkspaceBusy
        The owner went away during the call.
    GongbiError
        Whatever the verb raises there.
    """
    body = json.dumps({"verb": verb, "params": pack(params), "actor": actor}).encode()
    if len(body) > LARGEST_CALL:
        raise InvalidInput(f"The call has {len(body):,} bytes; {LARGEST_CALL:,} fit.", hint="Ask for less at a time.")
    host, _, port = owner.address.partition(":")
    # No time limit: a build takes as long as it takes, and the owner's end is noticed at once.
    connection = HTTPConnection(host, int(port), timeout=None)
    try:
        connection.connect()
    except OSError as error:
        raise OwnerGone(f"The workspace's owner (process {owner.pid}) does not answer: {error}.") from error
    try:
        connection.request("POST", "/", body, {"Authorization": f"Bearer {owner.token}"})
        with closing(connection.getresponse()) as response:
            if response.status == 403:
                raise OwnerGone(f"Process {owner.pid} does not own the workspace any more.")
            if response.status != 200:
                raise Bug(f"The workspace's owner refused the call: {response.status} {response.reason}.")
            for raw in response:
                line = json.loads(raw)
                if "progress" in line:
                    progress(*line["progress"])
                elif "again" in line:
                    raise OwnerGone(f"Process {owner.pid} does not own the workspace any more.")
                elif "error" in line:
                    raise raised(line["error"])
                else:
                    return unpack(line["result"])
    except (OSError, HTTPException, JSONDecodeError) as error:
        raise _left(owner) from error
    finally:
        connection.close()
    raise _left(owner)


def _left(owner: Owner) -> WorkspaceBusy:
    return WorkspaceBusy(
        f"The workspace's owner (process {owner.pid}) went away before it answered.", hint="Run the same command again."
    )


class OwnerGone(WorkspaceBusy):
    """Nobody took the call, or carried it out to its end; it may be made again, to the next owner."""
