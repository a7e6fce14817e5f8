"""What a visitor without an account gets at the address of a published page. Pure."""

from __future__ import annotations

from enum import StrEnum
from urllib.parse import urlsplit


class PageVisit(StrEnum):
    """What a visitor gets. Another plugin may hide a page that is published."""

    SHOWN = "shown"
    MISSING = "missing"  # "not found"
    ELSEWHERE = "elsewhere"  # sent to another page, such as the one to sign in
    UNCLEAR = "unclear"  # a login of the web server, maintenance, a failure: the page cannot be seen


_OK = 200
_MISSING = (404, 410)
_REDIRECTS = (301, 302, 303, 307, 308)
_DEFAULT_PORTS = (80, 443)
_PERMANENT = (301, 308)  # WordPress's own, to the present address of the page


def visit_of(status: int) -> PageVisit:
    """Return what a visitor gets, by the status of the response. A redirect leads elsewhere."""
    if status == _OK:
        return PageVisit.SHOWN
    if status in _MISSING:
        return PageVisit.MISSING
    return PageVisit.ELSEWHERE if status in _REDIRECTS else PageVisit.UNCLEAR


def origin_of(address: str) -> tuple[str | None, int | None]:
    """Return the host and port of an address; None for the ports 80 and 443, as a site may move between them.

    Other ports of a host are other servers. Raises: ValueError.
    """
    parts = urlsplit(address)
    return parts.hostname, None if parts.port in _DEFAULT_PORTS else parts.port


def stays_on_server(address: str, target: str) -> bool:
    """Tell whether a redirect leads to the same host and port, and not from https to http. Both are whole addresses."""
    try:
        before, after = urlsplit(address), urlsplit(target)
        same_origin = origin_of(address) == origin_of(target)
    except ValueError:
        return False
    return same_origin and after.scheme in ("http", "https") and after.scheme in ("https", before.scheme)


def is_same_page(status: int, address: str, target: str) -> bool:
    """Tell whether a redirect leads to the same page, so that it is to be followed.

    Permanent ones within the site do, but not those to its front page, and those that only add https or a slash.
    `target` is a whole address.
    """
    if status not in _REDIRECTS or not stays_on_server(address, target):
        return False
    before, after = urlsplit(address), urlsplit(target)
    if status in _PERMANENT and after.path.strip("/") not in ("", "wp-login.php"):
        return True
    return before.path.rstrip("/") == after.path.rstrip("/") and before.query == after.query
