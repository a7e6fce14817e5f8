"""A flood of what is not authentic, from a process of its own: `python -m bench.flood KIND PORT`.

It says "flooding" once it has begun, and ends when it is terminated. Sockets and epoll alone, so that it takes little
of the machine, and so that the server is what is measured.
"""

from __future__ import annotations

import itertools
import selectors
import socket
import sys
import time
from typing import TYPE_CHECKING

from bench.place import ROUTE, SITE
from core.wordpress import signing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONNECTIONS = 60
SILENT = 3_000
_OPENED_AT_ONCE = 100  # of the silent connections, in each turn
_TURN_SECONDS = 0.05
_MIB = 1024 * 1024
_RECEIVED = 64 * 1024
_EVENT = b'{"event":"meeting.created","event_ts":%d,"payload":{"account_id":"x","object":{"id":%d}}}'


def main() -> None:
    """Flood until the end of this process."""
    kind, port = sys.argv[1], int(sys.argv[2])
    if kind == "silent":
        _keep_silent(port)
    else:
        _send(port, _KINDS[kind]())


def _junk() -> Iterator[bytes]:
    """Yield requests of 1 MiB that look like events of Zoom's."""
    filler = b'{"event":"meeting.created","event_ts":1,"payload":{"object":{"id":1,"topic":"'
    body = filler + b"x" * (_MIB - len(filler) - 4) + b'"}}}'
    while True:
        yield _request(ROUTE, body)


def _made_up_sites() -> Iterator[bytes]:
    """Yield events for sites that do not exist, each another one."""
    for number in itertools.count():
        yield _request(f"/sites/made-up-{number}/wp-json/vczapi/v1/meeting", _EVENT % (number, number))


def _forged_signatures() -> Iterator[bytes]:
    """Yield requests that an existing site's plugin seems to have signed: events, and those for pages, in turn."""
    for number in itertools.count():
        forged = {
            signing.SITE_HEADER: SITE,
            signing.TIMESTAMP_HEADER: str(int(time.time())),
            signing.SIGNATURE_HEADER: f"v1={number:064x}",
        }
        yield _request("/wp-json/vczapi/v1/meeting", _EVENT % (number, number), forged)
        yield _request("/stub/hello", b"", forged, method="GET")


_KINDS: dict[str, Callable[[], Iterator[bytes]]] = {
    "junk": _junk,
    "sites": _made_up_sites,
    "stub": _forged_signatures,
}


def _request(path: str, body: bytes, more: dict[str, str] | None = None, *, method: str = "POST") -> bytes:
    headers = {
        "Host": "127.0.0.1",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "x-zm-request-timestamp": str(int(time.time())),
        "x-zm-signature": "v0=" + "5a" * 32,
        **(more or {}),
    }
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _send(port: int, requests: Iterator[bytes]) -> None:
    """Send over many connections, on each as soon as the request before was answered."""
    selector = selectors.DefaultSelector()
    for _ in range(CONNECTIONS):
        _begin(selector, port, requests)
    print("flooding", flush=True)  # noqa: T201
    while True:
        for key, events in selector.select():
            connection, unsent = key.fileobj, key.data
            assert isinstance(connection, socket.socket)
            try:
                if events & selectors.EVENT_READ:
                    if not connection.recv(_RECEIVED):
                        raise ConnectionResetError
                    unsent = memoryview(next(requests))
                if unsent:
                    unsent = unsent[connection.send(unsent) :]
                wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if unsent else 0)
                selector.modify(connection, wanted, unsent)
            except BlockingIOError:
                continue
            except OSError:
                selector.unregister(connection)
                connection.close()
                _begin(selector, port, requests)


def _begin(selector: selectors.BaseSelector, port: int, requests: Iterator[bytes]) -> None:
    connection = _connected(port)
    selector.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE, memoryview(next(requests)))


def _keep_silent(port: int) -> None:
    """Have many connections on which nothing is ever sent; open another one for each that is closed."""
    selector = selectors.DefaultSelector()
    count = 0
    was_full = False
    while True:
        for _ in range(min(_OPENED_AT_ONCE, SILENT - count)):
            selector.register(_connected(port), selectors.EVENT_READ)
            count += 1
        if not was_full:
            was_full = True
            print("flooding", flush=True)  # noqa: T201
        for key, _ in selector.select(_TURN_SECONDS):
            assert isinstance(key.fileobj, socket.socket)
            selector.unregister(key.fileobj)
            key.fileobj.close()
            count -= 1
        time.sleep(_TURN_SECONDS)


def _connected(port: int) -> socket.socket:
    connection = socket.socket()
    connection.setblocking(False)
    connection.connect_ex(("127.0.0.1", port))
    return connection


if __name__ == "__main__":
    main()
