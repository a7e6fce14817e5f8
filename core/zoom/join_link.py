"""Zoom's join links. Pure."""

from __future__ import annotations

from urllib.parse import unquote_plus, urlsplit, urlunsplit


def without_passcode(url: str, passcode: str = "") -> str:
    """Return a join link that asks for the passcode. Zoom puts an encrypted passcode into `pwd`.

    Parameters that hold `passcode` itself are removed as well. An invalid address gives the empty string.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    kept = []
    for pair in parts.query.split("&"):
        name, _, value = pair.partition("=")
        if unquote_plus(name).casefold() != "pwd" and (not passcode or unquote_plus(value) != passcode):
            kept.append(pair)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "&".join(kept), ""))
