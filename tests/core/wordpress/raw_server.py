"""A server on loopback that answers with any bytes, and counts its connections."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator


class Server:
    """Answers each connection with the same bytes, and keeps what was requested."""

    def __init__(self, answer: Callable[[], Iterator[bytes]], context: ssl.SSLContext | None = None) -> None:
        self._answer = answer
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.requests: list[bytes] = []
        self.connected = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(600)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.connected += 1
                with contextlib.suppress(OSError), connection:
                    self._talk(connection)

    def _talk(self, plain: socket.socket) -> None:
        plain.settimeout(600)
        connection = plain if self._context is None else self._context.wrap_socket(plain, server_side=True)
        self.requests.append(_request(connection))
        for piece in self._answer():
            connection.sendall(piece)
        if self._context is not None:
            connection.close()


def _request(connection: socket.socket) -> bytes:
    """Read a whole request: what is left unread when a connection is closed resets it."""
    read = b""
    while b"\r\n\r\n" not in read:
        piece = connection.recv(65_536)
        if not piece:
            return read
        read += piece
    length = re.search(rb"content-length: (\d+)", read, re.IGNORECASE)
    end = read.index(b"\r\n\r\n") + 4 + (int(length[1]) if length else 0)
    while len(read) < end and (piece := connection.recv(65_536)):
        read += piece
    return read
