"""The scheme of a home that was entered without one."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
import requests
import responses

from core.errors import ZoomBridgeError
from core.sites.typed_home import TypedHome, find
from tests.core.wordpress.raw_server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

HTTPS, HTTP = "https://choir.example.org/", "http://choir.example.org/"
SILENT = requests.exceptions.ConnectionError("refused")


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def asked(web: responses.RequestsMock) -> list[str | None]:
    return [call.request.url for call in web.calls]


@pytest.mark.parametrize("status", [200, 301, 401, 405, 500])
def test_is_https_where_that_answers(web: responses.RequestsMock, status: int) -> None:
    web.head(HTTPS, status=status)
    assert find(" choir.example.org/wp-admin/ ") == TypedHome(HTTPS)
    assert asked(web) == [HTTPS]


@pytest.mark.parametrize("fault", [SILENT, requests.exceptions.SSLError("self-signed")])
def test_is_http_where_only_that_answers(web: responses.RequestsMock, fault: Exception) -> None:
    web.head(HTTPS, body=fault)
    web.head(HTTP, status=200)
    assert find("choir.example.org") == TypedHome(HTTP, only_http=True)
    assert asked(web) == [HTTPS, HTTP]


def test_is_https_where_http_leads_there(web: responses.RequestsMock) -> None:
    web.head(HTTPS, body=SILENT)
    web.head(HTTP, status=301, headers={"Location": HTTPS})
    assert find("choir.example.org") == TypedHome(HTTPS)


def test_is_https_where_nothing_answers(web: responses.RequestsMock) -> None:
    assert find("choir.example.org") == TypedHome(HTTPS)
    assert asked(web) == [HTTPS, HTTP]


def test_that_was_entered_stays_and_nothing_is_called(web: responses.RequestsMock) -> None:
    assert find("http://choir.example.org") == TypedHome(HTTP)
    assert find("  ") == TypedHome("")
    with pytest.raises(ZoomBridgeError):
        find("no address")
    assert asked(web) == []


@pytest.mark.usefixtures("nothing_allowed")
def test_nothing_inside_is_called_unless_it_was_plainly_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda _, *more, **options: resolve("127.0.0.1", *more, **options)
    )
    with Server(lambda: iter([b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"])) as server:
        assert find(f"choir.example.org:{server.port}").address.startswith("https://")
        assert server.connected == 0
        assert find(f"127.0.0.1:{server.port}") == TypedHome(
            f"http://127.0.0.1:{server.port}/", only_http=True
        )
