"""Home addresses of WordPress: as people enter them, and which of them denote the same site. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from core import messages
from core.errors import ZoomBridgeError

if TYPE_CHECKING:
    from collections.abc import Mapping

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
# What follows the home in WordPress's own addresses of its REST API, with and without permalinks.
_REST_ROOT = re.compile(r"/(?:index\.php/)?wp-json/?|/(?:index\.php)?\?rest_route=/?")


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


def rest_root_at(told: str, url: str) -> str:
    """Return the REST API's address of the home that is reached at `url`, where the plugin of that home has `told` it.

    Another folder may be another site, whose owner would answer for this home: only addresses that WordPress has itself
    are taken. Whatever else was told, WordPress answers at its front page with the route in the query.
    """
    home = url.rstrip("/")
    parts, base = urlsplit(at_origin(told, url)), unquote(urlsplit(home).path)
    path = unquote(parts.path)
    below = path.removeprefix(base) + (f"?{unquote(parts.query)}" if parts.query else "")
    is_own = path.startswith(base) and _REST_ROOT.fullmatch(below) is not None
    return parts.geturl() if is_own else f"{home}/?rest_route=/"


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
    """Return a host name as connections look it up: browsers show the names of some countries in their own letters.

    Python's own codec follows an older standard, by which `straße` is `strasse`: another host, and maybe another owner.
    """
    if host.isascii():
        return host.lower()
    try:
        return parse_url(f"https://{host}").host or host.lower()
    except LocationParseError:
        return host.lower()
