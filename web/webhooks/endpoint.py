"""Zoom's endpoints: their route, the headers that matter there, and the limit of a body."""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from typing import Any

from core.wordpress import signing

# With the id of the site for requests that come directly; without it, the plugin signs which site it speaks for.
ROUTE = r"(?:/sites/([A-Za-z0-9_-]{1,64}))?/wp-json/vczapi/v1/(?:meeting|webinar|recording)/?"

_LONGEST = 2**40  # bytes; a longer body is no body

_PATTERN = re.compile(ROUTE)
_ZOOM_HEADERS = ("content-type", "authorization", "user-agent", "clientid", "traceparent")
_PLUGIN_HEADERS = (
    signing.SITE_HEADER,
    signing.TIMESTAMP_HEADER,
    signing.CONTEXT_HEADER,
    signing.SIGNATURE_HEADER,
)


def is_endpoint(target: str) -> bool:
    """Whether a request to this target is for an endpoint of Zoom's."""
    return _match(target) is not None


def site_id_of(target: str) -> str | None:
    """Return the id of the site in an endpoint's path; None where the plugin has to sign it."""
    match = _match(target)
    return None if match is None else match[1]


def is_forwarded(name: str) -> bool:
    """Whether a header of this name (in lower case) is Zoom's or the plugin's; all others are dropped."""
    return is_stored(name) or name in _PLUGIN_HEADERS


def is_stored(name: str) -> bool:
    """Whether a header of this name (in lower case) is stored with the event."""
    return name.startswith("x-zm-") or name in _ZOOM_HEADERS


def dropped_bytes(context: str) -> int:
    """Return the length of a body that the plugin did not forward, from its context header; 0 without one.

    The header is base64 of a JSON object: see docs/stub.md.
    """
    length = _decoded(context).get("dropped_bytes")
    return length if isinstance(length, int) and 0 < length < _LONGEST else 0


def visitor_address(context: str) -> str:
    """Return the address that a forwarded request came to WordPress from, as its context header says; else empty."""
    address = _decoded(context).get("client")
    try:
        return str(ipaddress.ip_address(address)) if isinstance(address, str) else ""
    except ValueError:
        return ""


def _decoded(context: str) -> dict[str, Any]:
    if not context:
        return {}
    try:
        document = json.loads(base64.b64decode(context, validate=True))
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _match(target: str) -> re.Match[str] | None:
    return _PATTERN.fullmatch(target.partition("?")[0])
