"""Discover a site's REST API from the address that a person enters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests

from core import messages
from core.wordpress import transport
from core.wordpress.faults import SiteResponse, classify, not_wordpress

if TYPE_CHECKING:
    from core.errors import SiteFaultError

# https://developer.wordpress.org/rest-api/using-the-rest-api/discovery/
_RELATION = "https://api.w.org/"
_MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Discovery:
    """A WordPress that can be connected.

    `url` is the page that was found in the end, `rest_root` the address of its REST API (with a slash at
    the end), `name` what the site calls itself. `authorization_url` is the page in wp-admin where an
    administrator can grant an application password
    (https://make.wordpress.org/core/2020/11/05/application-passwords-integration-guide/).
    """

    url: str
    rest_root: str
    name: str
    authorization_url: str


def discover(
    address: str,
    *,
    timeout: tuple[float, float] = (transport.CONNECT_TIMEOUT, transport.READ_TIMEOUT),
) -> Discovery:
    """Find the REST API of the site at an address, and check that it can be connected.

    Adds `https://` where no scheme was typed. Follows redirects: nothing secret is sent here. Raises
    SiteFaultError, mostly with fault `not_wordpress`, saying what to do next. `timeout` (connect, read) is
    in seconds.
    """
    with transport.session() as over:
        url, page = _open(over, typed_address(address), timeout)
        root = _with_the_scheme_of(url, _linked_root(url, page) or _usual_root(url))
        answer = transport.send(
            over, "GET", root, params={"_fields": "name,namespaces,authentication"}, timeout=timeout
        )
    return _read_index(url, root, answer)


def typed_address(address: str) -> str:
    """Normalize an entered address to that of the front page. Raises: SiteFaultError."""
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
        raise not_wordpress(messages.ADDRESS_INVALID)
    if parts.username is not None:
        raise not_wordpress(messages.ADDRESS_WITH_PASSWORD)
    # People copy addresses of wp-admin from the browser.
    path = re.sub(r"/(wp-admin|wp-login\.php|wp-json)(/.*)?$", "/", parts.path)
    return urlunsplit((parts.scheme, parts.netloc, path or "/", "", ""))


def _open(over: requests.Session, url: str, timeout: tuple[float, float]) -> tuple[str, SiteResponse]:
    """Return the page at `url`, and its address after redirects."""
    for _ in range(_MOST_REDIRECTS + 1):
        answer = transport.send(over, "GET", url, timeout=timeout, headers={"Accept": "text/html, */*;q=0.1"})
        location = answer.header("Location")
        if answer.status not in _REDIRECTS or not location:
            return url, answer
        url = urljoin(url, location)
        if urlsplit(url).scheme not in ("http", "https"):
            break
    raise not_wordpress(
        messages.REDIRECT_LOOP,
        evidence=urlsplit(url).netloc,
    )


def _linked_root(url: str, page: SiteResponse) -> str:
    """Return the REST root that the page names, in its headers or its head; empty where it names none."""
    for link in requests.utils.parse_header_links(page.header("Link")):
        if link.get("rel") == _RELATION:
            return _slashed(urljoin(url, link.get("url", "")))
    finder = _LinkFinder()
    finder.feed(page.body.decode("utf-8", "replace"))
    return _slashed(urljoin(url, finder.found)) if finder.found else ""


def _usual_root(url: str) -> str:
    """Return the REST root that works with all permalink settings."""
    parts = urlsplit(url)
    path = parts.path if parts.path.endswith("/") else parts.path.rpartition("/")[0] + "/"
    return urlunsplit((parts.scheme, parts.netloc, path, "rest_route=/", ""))


def _with_the_scheme_of(url: str, root: str) -> str:
    """Return `root` with https where the page has it.

    A WordPress behind a proxy often believes that it is on http, and a redirect would lose the password.
    """
    page, rest = urlsplit(url), urlsplit(root)
    if page.scheme == "https" and rest.scheme == "http" and page.hostname == rest.hostname:
        return urlunsplit(rest._replace(scheme="https", netloc=page.netloc))
    return root


def _slashed(root: str) -> str:
    return root if root.endswith("/") else root + "/"


def _read_index(url: str, root: str, answer: SiteResponse) -> Discovery:
    index = _index(answer)
    namespaces = index.get("namespaces")
    if not isinstance(namespaces, list) or "wp/v2" not in namespaces:
        raise not_wordpress(messages.NOT_WORDPRESS, status=answer.status)
    granting = _authorization_url(index.get("authentication"))
    if not granting:
        raise _no_application_passwords(root)
    return Discovery(
        url=url,
        rest_root=root,
        name=str(index.get("name") or ""),
        authorization_url=_with_the_scheme_of(url, granting),
    )


def _index(answer: SiteResponse) -> dict[str, Any]:
    try:
        index = answer.json() if answer.status in range(200, 300) else None
    except ValueError:
        index = None
    if isinstance(index, dict):
        return index
    if answer.status in (401, 403):
        raise not_wordpress(
            messages.REST_API_CLOSED,
            status=answer.status,
            evidence=classify(answer, now=transport.now(), wrote=False).evidence,
        )
    if answer.status in range(200, 300) or answer.status == 404:  # noqa: PLR2004 (not found)
        raise not_wordpress(
            messages.WORDPRESS_NOT_FOUND,
            status=answer.status,
            evidence=classify(answer, now=transport.now(), wrote=False).evidence,
        )
    raise classify(answer, now=transport.now(), wrote=False)


def _authorization_url(authentication: Any) -> str:
    """Return `authentication.application-passwords.endpoints.authorization`; PHP sends [] for an empty map."""
    for key in ("application-passwords", "endpoints", "authorization"):
        authentication = authentication.get(key) if isinstance(authentication, dict) else None
    is_address = isinstance(authentication, str) and authentication.startswith(("https://", "http://"))
    return authentication if is_address else ""


def _no_application_passwords(root: str) -> SiteFaultError:
    parts = urlsplit(root)
    if parts.scheme == "http" and not is_local(parts.hostname):
        return not_wordpress(messages.PASSWORDS_NEED_HTTPS)
    if parts.scheme == "http":
        return not_wordpress(messages.PASSWORDS_NEED_LOCAL)
    return not_wordpress(messages.PASSWORDS_DISABLED)


def is_local(host: str | None) -> bool:
    """Whether a host name denotes the machine that resolves it."""
    return host in _LOCAL or (host or "").endswith(".localhost")


class _LinkFinder(HTMLParser):
    """Finds `<link rel="https://api.w.org/" href="…">`."""

    found = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "link" and not self.found and given.get("rel") == _RELATION:
            self.found = given.get("href") or ""
