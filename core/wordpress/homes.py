"""Home addresses of WordPress: as people enter them, and which of them denote the same site. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from core import messages
from core.errors import ZoomBridgeError

if TYPE_CHECKING:
    from collections.abc import Mapping

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def typed_address(address: str) -> str:
    """Normalize an entered address to that of the front page. Raises: ZoomBridgeError.

    Adds `https://` where no scheme was typed.
    """
    text = address.strip()
    if "://" not in text:
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or re.search(r"\s", text):
        raise ZoomBridgeError(messages.ADDRESS_INVALID)
    if parts.username is not None:
        raise ZoomBridgeError(messages.ADDRESS_WITH_PASSWORD)
    # People copy addresses of wp-admin from the browser.
    path = re.sub(r"/(wp-admin|wp-login\.php|wp-json)(/.*)?$", "/", parts.path)
    return urlunsplit((parts.scheme, parts.netloc, path or "/", "", ""))


def is_local(host: str | None) -> bool:
    """Whether a host name denotes the machine that resolves it."""
    return host in _LOCAL or (host or "").endswith(".localhost")


def is_same_home(one: str, other: str) -> bool:
    """Whether two addresses are the same home, but for scheme, `www.`, default port and slash at the end."""
    return home_identity(one) == home_identity(other)


def home_identity(address: str) -> str:
    """Return what two addresses of one home have in common: host, port and path.

    Scheme, `www.`, the scheme's default port, query, fragment and the slash at the end do not count. Paths
    are decoded, and compared case-sensitively, as web servers do.
    """
    text = address.strip()
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return text.casefold()
    host = _ascii(host).removesuffix(".").removeprefix("www.")
    shown = "" if port in (None, _DEFAULT_PORTS.get(parts.scheme.lower())) else f":{port}"
    return host + shown + unquote(parts.path).rstrip("/")


def at_origin(address: str, url: str) -> str:
    """Return an address with the scheme, the host and the port of `url`."""
    parts, other = urlsplit(address), urlsplit(url)
    return urlunsplit(parts._replace(scheme=other.scheme, netloc=other.netloc))


def zoom_endpoints(endpoints: Mapping[str, str], url: str, *, has_rest: bool) -> dict[str, str]:
    """Return the endpoints that the plugin reports, as Zoom reaches them at the address `url` of the site.

    With https where `url` has it: behind a proxy WordPress may not know of it. Without `has_rest` a server in front of
    WordPress refuses `/wp-json`: the route is in the query, which WordPress takes with every permalink structure.
    """
    if not has_rest:
        return {name: f"{url.rstrip('/')}/?rest_route=/vczapi/v1/{name}" for name in endpoints}
    if urlsplit(url).scheme != "https":
        return dict(endpoints)
    host = urlsplit(url).hostname
    return {
        name: at_origin(address, url)
        if urlsplit(address).scheme == "http" and urlsplit(address).hostname == host
        else address
        for name, address in endpoints.items()
    }


def _ascii(host: str) -> str:
    """Return a host name as DNS has it: browsers show the names of some countries in their own letters."""
    try:
        return host.encode("idna").decode().lower()
    except UnicodeError:
        return host.lower()
