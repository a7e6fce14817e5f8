"""HTTP connections to addresses that others name: the one check of where they lead, and bounds of what comes back.

A name is resolved once for each connection, each of its addresses is checked (`core.wordpress.addresses`),
and the connection is made to an address that was checked; TLS is verified by the name. A refused address
fails like a name that does not exist. If the environment names a proxy (`HTTPS_PROXY`), the proxy resolves
names, and has to check them.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from functools import partial
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import select_proxy
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from core.wordpress.addresses import Endpoint, Reach, classify, server, server_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from core.wordpress.addresses import Access, Network

WHOLE_SECONDS = 60.0
"""Seconds for a whole response, from its first line on: a slow drip never reaches the time-out of one read."""

LARGEST_HEAD = 64 * 1024
"""Largest head of a response in bytes."""

LARGEST_ANSWER = 5 * 1024 * 1024
"""Largest body of a response in bytes, as sent and decompressed."""

_SLACK = 64 * 1024  # for what surrounds a body: sizes of chunks, trailers, what is read ahead
_MOST_ADDRESSES = 16  # of a name that are considered
_MOST_TRIED = 4  # of these

_networks: tuple[Network, ...] = ()


def allow_networks(networks: Iterable[str]) -> None:
    """Allow networks inside for the whole process, in CIDR notation. Raises: ValueError."""
    global _networks  # noqa: PLW0603 - set once, as a process starts
    _networks = tuple(ip_network(text.strip()) for text in networks)


def allowed_networks() -> tuple[Network, ...]:
    """Return the networks inside that are allowed for the whole process."""
    return _networks


class RefusedAddressError(NameResolutionError):
    """A name leads to no address that may be connected to.

    `asks`: those inside a network, which an administrator could allow.
    """

    asks: tuple[Endpoint, ...] = ()


class SiteSession(requests.Session):
    """A session that checks each connection, without retries and redirects.

    A redirect is never resolved: requests would read its whole body for that, even where it is not followed.
    """

    def __init__(self, access: Access) -> None:
        super().__init__()
        self.used: set[Endpoint] = set()
        """The addresses inside that connections were made to."""
        self._environment: dict[tuple[str, str], Any] = {}  # by scheme and host
        for scheme in ("http://", "https://"):
            self.mount(scheme, CheckingAdapter(partial(_connect, access=access, used=self.used), access))

    def merge_environment_settings(self, url: Any, *given: Any) -> Any:
        """Return proxies and certificates, with those of the environment for the host of `url`, which are read once.

        requests looks through all of the environment for each request. What is `given` is the same for all of them.
        """
        host = urlsplit(url)[:2]
        if host not in self._environment:
            self._environment[host] = super().merge_environment_settings(url, *given)
        return self._environment[host]

    def get_redirect_target(self, _response: Any) -> None:
        """Return no target."""
        return


class CheckingAdapter(HTTPAdapter):
    """Transport of requests whose connections are made to checked addresses, and whose responses are bounded."""

    def __init__(self, connect: Callable[[HTTPConnection], socket.socket], access: Access) -> None:
        self._connect = connect
        self._access = access
        super().__init__(max_retries=0)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Create the pools of connections."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {
            "http": partial(
                _pool, HTTPConnectionPool, partial(_CheckedHTTPConnection, connect=self._connect)
            ),
            "https": partial(
                _pool, HTTPSConnectionPool, partial(_CheckedHTTPSConnection, connect=self._connect)
            ),
        }

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Return the pools of connections by way of a proxy, which the bridge's administrator has chosen."""
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = {
            "http": partial(_pool, HTTPConnectionPool, _BoundedHTTPConnection),
            "https": partial(_pool, HTTPSConnectionPool, _BoundedHTTPSConnection),
        }
        return manager

    def get_connection_with_tls_context(
        self, request: Any, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """Return the pool for a request; for a proxy, an IP address in it is checked here."""
        if select_proxy(request.url, proxies):
            self._check_literal(request.url)
        return super().get_connection_with_tls_context(request, verify, proxies, cert)

    def _check_literal(self, url: str) -> None:
        host, port = server_of(url)
        try:
            is_allowed = self._access.allows(host, port, host, _networks)
        except ValueError:
            return  # a name
        if not is_allowed:
            raise requests.exceptions.ConnectionError(_refused(host, port, [host]))


class _Reader(io.RawIOBase):
    """Reads from a socket up to a number of bytes, and up to a moment."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._raw: Any = sock.makefile("rb", buffering=0)
        self._patience = sock.gettimeout()
        self._until = time.monotonic() + WHOLE_SECONDS
        self.left = LARGEST_HEAD

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        remaining = self._until - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the response takes too long")
        self._sock.settimeout(remaining if self._patience is None else min(self._patience, remaining))
        count: int | None = self._raw.readinto(buffer)
        self.left -= count or 0
        if self.left < 0:
            raise http.client.HTTPException("the response is too large")
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Source:
    """What http.client reads a response from, in place of a socket."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._reader)


class _BoundedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        self._reader = _Reader(sock)
        super().__init__(_Source(self._reader), *arguments, **options)  # type: ignore[arg-type]

    def begin(self) -> None:
        super().begin()
        self._reader.left = LARGEST_ANSWER + _SLACK


class _BoundedHTTPConnection(HTTPConnection):
    response_class = _BoundedResponse


class _BoundedHTTPSConnection(HTTPSConnection):
    response_class = _BoundedResponse


class _Checked:
    """The part of a connection that has `connect` make it, to a checked address."""

    def __init__(self, *arguments: Any, connect: Callable[[Any], socket.socket], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._connect = connect

    def _new_conn(self) -> socket.socket:
        return self._connect(self)


class _CheckedHTTPConnection(_Checked, _BoundedHTTPConnection):
    pass


class _CheckedHTTPSConnection(_Checked, _BoundedHTTPSConnection):
    pass


def _pool(kind: Any, connection: Any, *arguments: Any, **options: Any) -> HTTPConnectionPool:
    pool: HTTPConnectionPool = kind(*arguments, **options)
    pool.ConnectionCls = connection
    return pool


def _connect(connection: HTTPConnection, *, access: Access, used: set[Endpoint]) -> socket.socket:
    """Resolve the name of a connection once, and connect to one of its addresses that is allowed."""
    host, port = connection.host, connection.port
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise _refused(host, port, ()) from error
    known = list(dict.fromkeys(str(address[0]) for *_, address in found))[:_MOST_ADDRESSES]
    allowed = [address for address in known if access.allows(host, port, address, _networks)]
    if not allowed:
        raise _refused(host, port, known)
    made = _connect_to(allowed, connection)
    used.update(_inside(host, port, allowed))
    return made


def _connect_to(addresses: list[str], connection: HTTPConnection) -> socket.socket:
    """Connect to the first address that accepts, within the time-out for all of them."""
    patience = connection.timeout if isinstance(connection.timeout, int | float) else None
    until = time.monotonic() + (WHOLE_SECONDS if patience is None else patience)
    failure: OSError = TimeoutError()
    for address in addresses[:_MOST_TRIED]:
        remaining = until - time.monotonic()
        if remaining <= 0:
            break
        try:
            return create_connection(
                (address, connection.port), remaining, connection.source_address, connection.socket_options
            )
        except OSError as error:
            failure = error
    if isinstance(failure, TimeoutError):
        raise ConnectTimeoutError(connection, "the connection timed out") from failure
    raise NewConnectionError(connection, "no connection could be made") from failure


def _inside(host: str, port: int, addresses: Iterable[str]) -> list[Endpoint]:
    return [Endpoint(*server(host, port), one) for one in addresses if classify(one) is Reach.INSIDE]


def _refused(host: str, port: int, addresses: Iterable[str]) -> RefusedAddressError:
    """Return the error for a name without an address that may be connected to, whatever the reason."""
    reason = socket.gaierror(socket.EAI_NONAME, "not allowed, or unknown")
    error = RefusedAddressError(host, None, reason)  # type: ignore[arg-type] # only named in a message
    error.asks = tuple(_inside(host, port, addresses))
    return error
