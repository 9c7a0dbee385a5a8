"""The local door: how another process of the same user works in a workspace that this process owns.

HTTP on the loopback address, a random port and a random token that stands in the lock file. The answer is a stream of
lines: progress, then one result or one error. Tables travel as Arrow.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import threading
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pyarrow as pa

from gongbi import errors
from gongbi.errors import Bug, GongbiError, WorkspaceBusy
from gongbi.lock import Owner

Progress = Callable[[str, int, int | None], None]
Handle = Callable[..., Any]


def pack(value: Any) -> Any:
    """Turn an answer into JSON; what JSON lacks is marked by a key that begins with ``$``."""
    if isinstance(value, pa.Table):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, value.schema) as writer:
            writer.write_table(value)
        return {"$table": base64.b64encode(sink.getvalue()).decode()}
    if isinstance(value, Mapping):
        return {str(k): pack(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [pack(v) for v in value]
    if isinstance(value, datetime):
        return {"$instant": value.isoformat()}
    if isinstance(value, date):
        return {"$date": value.isoformat()}
    if isinstance(value, Decimal):
        return {"$decimal": str(value)}
    return value


def unpack(value: Any) -> Any:
    """The answer that `pack` packed."""
    if isinstance(value, list):
        return [unpack(v) for v in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((key, body),) = value.items()
        if key == "$table":
            return pa.ipc.open_stream(base64.b64decode(body)).read_all()
        if key == "$instant":
            return datetime.fromisoformat(body)
        if key == "$date":
            return date.fromisoformat(body)
        if key == "$decimal":
            return Decimal(body)
    return {k: unpack(v) for k, v in value.items()}


class Door:
    """Serves the owner's verbs to other processes; runs in a thread of its own."""

    def __init__(self, handle: Handle) -> None:
        self.token = secrets.token_urlsafe(24)
        door = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def do_POST(self) -> None:
                door.answer(self, handle)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing: requests carry the token."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="gongbi-door", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """Host and port."""
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    def answer(self, request: BaseHTTPRequestHandler, handle: Handle) -> None:
        """Carry out one call; a caller that hangs up stops it."""
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            request.send_error(403)
            return
        body = json.loads(request.rfile.read(int(request.headers.get("Content-Length", 0))))
        request.send_response(200)
        request.send_header("Content-Type", "application/x-ndjson")
        request.end_headers()
        gone = threading.Event()

        def say(line: Mapping[str, Any]) -> None:
            try:
                request.wfile.write(json.dumps(line).encode() + b"\n")
                request.wfile.flush()
            except OSError:
                gone.set()

        def progress(stage: str, done: int, total: int | None) -> None:
            say({"progress": [stage, done, total]})

        try:
            result = handle(body["verb"], unpack(body["params"]), body["actor"], progress, gone.is_set)
            say({"result": pack(result)})
        except GongbiError as error:
            say({"error": error.to_json() | {"class": type(error).__name__}})
        except Exception as error:  # a bug in the owner must reach the caller, who cannot see its log
            say({"error": {"code": "bug", "class": "Bug", "message": f"{type(error).__name__}: {error}"}})

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


class RemoteError(GongbiError):
    """An error that was raised at the owner's, with its code and words."""

    code = "error"

    def __init__(self, body: Mapping[str, Any]) -> None:
        super().__init__(str(body.get("message")), hint=body.get("hint"))
        self.body = dict(body)

    def to_json(self) -> dict[str, Any]:
        """As the owner said it."""
        return {k: v for k, v in self.body.items() if k != "class"}

    def __str__(self) -> str:
        where = f"{self.body['place']}: " if self.body.get("place") else ""
        return f"{where}{self.message}" + (f" {self.hint}" if self.hint else "")


def _raised(body: Mapping[str, Any]) -> GongbiError:
    """The owner's error, as an instance of its own class too, so that `except` clauses work the same."""
    class_ = getattr(errors, str(body.get("class")), None)
    if isinstance(class_, type) and issubclass(class_, GongbiError) and class_ is not GongbiError:
        made = type(class_.__name__, (RemoteError, class_), {"code": class_.code, "kind": class_.kind})
        error = made(body)
        assert isinstance(error, GongbiError)
        return error
    return RemoteError(body)


def call_owner(owner: Owner, verb: str, params: Mapping[str, Any], actor: str, progress: Progress) -> Any:
    """Carry out a verb at the owner's; progress is passed on as it comes.

    Raises
    ------
    WorkspaceBusy
        The owner does not answer.
    GongbiError
        Whatever the verb raises there.
    """
    host, _, port = owner.address.partition(":")
    connection = HTTPConnection(host, int(port), timeout=None)
    body = json.dumps({"verb": verb, "params": pack(params), "actor": actor})
    try:
        connection.request("POST", "/", body, {"Authorization": f"Bearer {owner.token}"})
        response = connection.getresponse()
        if response.status != 200:
            raise WorkspaceBusy(f"The workspace's owner (process {owner.pid}) refused the call.", hint="Try again.")
        for raw in response:
            line = json.loads(raw)
            if "progress" in line:
                progress(*line["progress"])
            elif "error" in line:
                raise _raised(line["error"])
            else:
                return unpack(line["result"])
    except (OSError, HTTPException) as error:
        raise WorkspaceBusy(
            f"The workspace's owner (process {owner.pid}) does not answer: {error}.", hint="Try again shortly."
        ) from error
    finally:
        connection.close()
    raise Bug("The owner closed the line without an answer.")
