"""Find the scheme of a home that a person entered without one: https where it answers, else http."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from core.errors import SiteFaultError
from core.wordpress import transport
from core.wordpress.addresses import Access, is_evidently_inside, servers_of
from core.wordpress.homes import typed_address

TIMEOUT = (3.0, 5.0)
"""Connect and read, in seconds: a person waits."""


@dataclass(frozen=True, slots=True)
class TypedHome:
    """A home as it was entered, normalized. `only_http`: it was entered without a scheme, and answers over http only."""

    address: str
    only_http: bool = False


def find(text: str, *, timeout: tuple[float, float] = TIMEOUT) -> TypedHome:
    """Return the home that a person has entered; empty for none. Blocks. Raises: ZoomBridgeError where it is no address.

    A scheme that was entered stays. Where nothing answers over either, it is https: the plugin will say where it is. Nothing
    inside a network is called unless the address plainly says that it is there.
    """
    if not text.strip():
        return TypedHome("")
    address = typed_address(text)
    if "://" in text or _answers(address, timeout):
        return TypedHome(address)
    plain = urlsplit(address)._replace(scheme="http").geturl()
    return TypedHome(plain, only_http=True) if _answers(plain, timeout) else TypedHome(address)


def _answers(address: str, timeout: tuple[float, float]) -> bool:
    """Whether a web server answers there, whatever it says, unless it only leads to https."""
    access = Access(servers_of((address,))) if is_evidently_inside(address) else Access()
    try:
        with transport.session(access=access) as session:
            answer = transport.send(session, "HEAD", address, timeout=timeout)
    except SiteFaultError:
        return False
    target = urlsplit(answer.header("Location"))
    return not (address.startswith("http:") and target.scheme == "https")
