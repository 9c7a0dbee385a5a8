"""The console answers on this machine's loopback address, to itself, and to nobody else."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path
from typing import Any

import pytest

from gongbi.console.app import serve
from gongbi.errors import InvalidInput, Refused

PORT_LISTENING = "0A"


def _get(port: int, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest("GET", "/language/en", skip_host=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    return connection.getresponse()


def test_it_listens_on_the_loopback_address_only(served: Any) -> None:
    wanted = f"{served.port:04X}"
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            address, state = line.split()[1], line.split()[3]
            if state == PORT_LISTENING and address.endswith(f":{wanted}"):
                found.append(address)
    assert found == [f"0100007F:{wanted}"]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.com", ""])
def test_another_host_is_refused_because_accounts_do_not_exist(host: str) -> None:
    with pytest.raises(Refused, match="accounts do not exist yet"):
        serve(None, host=host)  # type: ignore[arg-type]


def test_a_port_that_is_taken_is_a_clear_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InvalidInput, match="cannot listen on port"):
            serve(None, port=taken.getsockname()[1])  # type: ignore[arg-type]


def test_it_answers_to_its_own_names(served: Any) -> None:
    for host in ("127.0.0.1", "localhost"):
        assert _get(served.port, Host=f"{host}:{served.port}").status == 303


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.example:{port}"]
)
def test_a_name_that_was_rebound_to_this_machine_is_refused(served: Any, host: str) -> None:
    answer = _get(served.port, Host=host.format(port=served.port))
    assert answer.status == 421


def test_a_request_without_a_host_is_refused(served: Any) -> None:
    assert _get(served.port).status in (400, 421)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:{port}", "http://127.0.0.1:1"])
def test_another_origin_opens_no_web_socket(served: Any, origin: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    headers = {
        "Origin": origin.format(port=served.port),
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    connection.request("GET", "/_nicegui_ws/socket.io/?EIO=4&transport=websocket", headers=headers)
    assert connection.getresponse().status == 403


def test_the_page_may_load_from_this_address_only(served: Any) -> None:
    policy = _get(served.port, Host=f"127.0.0.1:{served.port}").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy


def test_the_language_switch_goes_back_to_this_console_only(served: Any) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    for target in ("//evil.example/x", "https://evil.example/x", "/%5C%5Cevil.example/x", "%2F%2Fevil.example"):
        connection.request("GET", f"/language/en?next={target}")
        answer = connection.getresponse()
        answer.read()
        place = answer.headers["location"]
        assert place.startswith("/"), target
        assert not place.startswith(("//", "/\\")), target


@pytest.mark.parametrize(("language", "said"), [("zh", "没有这个页面"), ("en", "No such page")])
def test_an_address_without_a_page_is_said_in_the_frame_of_one(served: Any, language: str, said: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.request("GET", "/nowhere/at/all", headers={"Accept-Language": language})
    answer = connection.getresponse()
    page = answer.read().decode()
    assert answer.status == 404
    assert said in page
    assert "/segments" in page, "the navigation is there"


def test_a_file_that_is_not_there_is_no_page(served: Any) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.request("GET", "/static/gongbi/none.css")
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (404, b'{"detail":"Not Found"}')


def test_an_id_by_itself_leads_to_the_customer_s_page(served: Any) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.request("GET", "/customer/1609")
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("location")) == (303, "/customer/customer/1609")
