"""A request to any address but Zoom's endpoints, and what is answered, as they go over the line."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class ProxiedRequest(NamedTuple):
    """A whole request. Who asked, and by which protocol, is what the acceptor's server found out."""

    method: str
    target: str
    version: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    remote_ip: str
    protocol: str


class ProxiedResponse(NamedTuple):
    """A whole answer."""

    status: int
    reason: str
    headers: Sequence[tuple[str, str]]
    body: bytes
