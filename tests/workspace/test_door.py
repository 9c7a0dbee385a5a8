"""The local door lets in nobody but the same user's own processes, and survives nonsense."""

from __future__ import annotations

import json
import socket
import stat
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

import gongbi
from gongbi.errors import InvalidInput
from gongbi.ownership import door as local
from gongbi.ownership.lock import Owner
from gongbi.workspace import Workspace


@pytest.fixture
def announced(shop: Workspace) -> dict[str, Any]:
    """What the lock file says."""
    return json.loads((shop.root / "gongbi.lock").read_text())  # type: ignore[no-any-return]


def post(announced: dict[str, Any], body: bytes, **headers: str) -> int:
    connection = HTTPConnection(announced["address"], timeout=20)
    connection.putrequest("POST", "/")
    for name, value in {"Authorization": f"Bearer {announced['token']}", **headers}.items():
        connection.putheader(name.replace("_", "-"), value)
    if "Content_Length" not in headers:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders()
    connection.send(body)
    status = connection.getresponse().status
    connection.close()
    return status


CALL = json.dumps({"verb": "runs", "params": {}, "actor": "me"}).encode()


def test_the_lock_file_is_for_its_user_only(shop: Workspace) -> None:
    assert stat.S_IMODE((shop.root / "gongbi.lock").stat().st_mode) == 0o600


@pytest.mark.parametrize("given", ["", "Bearer ", "Bearer wrong", "Basic x", "Bearer é"])
def test_without_the_token_nothing_is_told(given: str, announced: dict[str, Any]) -> None:
    assert post(announced, CALL, Authorization=given) == 403
    assert post(announced, CALL) == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b'{"verb": "runs"}',
        b'{"verb": "runs", "params": [], "actor": ""}',
        b'{"verb": "x", "params": {"$table": "AAAA"}, "actor": ""}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_a_call_that_makes_no_sense_is_refused_and_the_door_stays_open(body: bytes, announced: dict[str, Any]) -> None:
    assert post(announced, body) == 400
    assert post(announced, CALL) == 200


@pytest.mark.parametrize(("length", "status"), [("x", 411), ("-1", 411), ("99999999999", 413)])
def test_a_wrong_length_is_refused_before_anything_is_read(length: str, status: int, announced: dict[str, Any]) -> None:
    assert post(announced, b"", Content_Length=length) == status


def test_a_caller_that_says_nothing_holds_up_nobody(announced: dict[str, Any]) -> None:
    host, port = announced["address"].split(":")
    with socket.create_connection((host, int(port))):
        assert post(announced, CALL) == 200


def test_it_listens_on_the_loopback_address_only(shop: Workspace, announced: dict[str, Any]) -> None:
    port = int(announced["address"].rpartition(":")[2])
    lines = [
        line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    assert {line[1] for line in lines if line[3] == "0A" and line[1].endswith(f":{port:04X}")} == {
        f"0100007F:{port:04X}"
    }


def test_a_call_that_is_too_large_is_refused_before_it_is_sent(
    monkeypatch: pytest.MonkeyPatch, announced: dict[str, Any]
) -> None:
    monkeypatch.setattr(local, "LARGEST_CALL", 100)
    owner = Owner(announced["pid"], announced["address"], announced["token"])
    with pytest.raises(InvalidInput, match="The call has"):
        local.call_owner(owner, "count", {"expression": "x" * 200}, "me", lambda *_: None)


def test_the_token_changes_with_every_owner(shop: Workspace, announced: dict[str, Any]) -> None:
    shop.close()
    assert (shop.root / "gongbi.lock").read_text() == ""
    with gongbi.open(shop.root):
        assert json.loads((shop.root / "gongbi.lock").read_text())["token"] != announced["token"]
