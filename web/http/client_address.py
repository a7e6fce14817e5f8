"""The client's address and scheme of a request, for throttles, limits and the audit log.

Without a proxy they are those of the connection, and no header counts. Behind a declared proxy the connection is the
proxy's. Proxies append the address of their client to `X-Forwarded-For`, so that its last entry is the proxy's and
those before may be the client's invention; `X-Forwarded-Proto` is theirs in the same way. No other header is read: a
proxy that knows nothing of `X-Real-Ip`, `X-Scheme` or `Forwarded` hands on what the client sent.
https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/X-Forwarded-For
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from tornado.httputil import HTTPMessageDelegate, HTTPServerConnectionDelegate

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from tornado.httputil import (
        HTTPConnection,
        HTTPHeaders,
        HTTPServerRequest,
        RequestStartLine,
        ResponseStartLine,
    )

_SCHEMES = ("http", "https")
_IPV6_CLIENT_BITS = 64


def client_address(request: HTTPServerRequest) -> str:
    """Return the address of the client of a request, as `make_server` found it out; empty where there is none."""
    return request.remote_ip or ""


@lru_cache(maxsize=4096)
def client_network(address: str) -> str:
    """Return what stands for one client in throttles and limits: the address; of IPv6 its /64 network.

    One person hardly has several of these networks, but all addresses in one. An IPv4 address that is written as an
    IPv6 address is the same client. Pure.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:200]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), _IPV6_CLIENT_BITS), strict=False))


def forwarded_address(headers: HTTPHeaders, address: str) -> str:
    """Return the address that the proxy at `address` states; `address` itself where it states none. Pure."""
    last = headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    try:
        return str(ipaddress.ip_address(last))
    except ValueError:
        return address


def forwarded_scheme(headers: HTTPHeaders, scheme: str) -> str:
    """Return the scheme that the proxy states, "http" or "https"; `scheme` where it states none. Pure."""
    last = headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
    return last if last in _SCHEMES else scheme


class BehindProxy(HTTPServerConnectionDelegate):
    """An application whose requests all come through a proxy, which states the client's address and scheme.

    In place of Tornado's `xheaders`, which prefers `X-Real-Ip` and `X-Scheme`.
    """

    def __init__(self, app: HTTPServerConnectionDelegate) -> None:
        self._app = app

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """Return the application's reader for a request that begins."""
        return _ProxiedRequest(self._app.start_request(server_conn, request_conn), request_conn)

    def on_close(self, server_conn: object) -> None:
        """Pass on that a connection has closed."""
        self._app.on_close(server_conn)


class _ProxiedRequest(HTTPMessageDelegate):
    """Has the connection tell the client's address and scheme for as long as one request is read.

    The next request on the connection may be another client's.
    """

    def __init__(self, reader: HTTPMessageDelegate, connection: HTTPConnection) -> None:
        self._reader = reader
        # HTTPServerRequest reads address and scheme there.
        self._context = cast("Any", connection).context
        self._proxy_address: str = self._context.remote_ip
        self._proxy_scheme: str = self._context.protocol

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Begin."""
        self._context.remote_ip = forwarded_address(headers, self._proxy_address)
        self._context.protocol = forwarded_scheme(headers, self._proxy_scheme)
        return self._reader.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Pass on a chunk of the body."""
        return self._reader.data_received(chunk)

    def finish(self) -> None:
        """Pass on the end of the request."""
        self._reader.finish()
        self._restore()

    def on_connection_close(self) -> None:
        """Pass on that the client has disconnected."""
        self._reader.on_connection_close()
        self._restore()

    def _restore(self) -> None:
        self._context.remote_ip = self._proxy_address
        self._context.protocol = self._proxy_scheme
