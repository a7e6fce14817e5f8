"""IP addresses by where they lead: to the public Internet, to the inside of a network, or to where nobody may go. Pure.

Special-purpose addresses: https://www.iana.org/assignments/iana-ipv4-special-registry/ and
https://www.iana.org/assignments/iana-ipv6-special-registry/
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Network = IPv4Network | IPv6Network

_DEFAULT_PORTS = (80, 443)

# Addresses at which providers of virtual machines and containers hand out credentials and user data, and their kin.
_METADATA: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "169.254.169.0/24",  # AWS, Azure, Google, Oracle, OpenStack, DigitalOcean …
        "169.254.170.0/24",  # credentials of AWS's containers
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure's host
        "192.0.0.192/32",  # Oracle, formerly
        "fd00:ec2::/32",  # AWS
        "fd20:ce::254/128",  # Google
    )
)
# "This host", which systems take for loopback, and groups of hosts.
_NOBODYS: tuple[Network, ...] = tuple(
    ip_network(text) for text in ("0.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32", "::/128", "ff00::/8")
)
# Beyond those that `is_global` knows, which differ with the version of Python.
_FURTHER_INSIDE: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "240.0.0.0/4",
        "::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16",
        "fec0::/10",
    )
)  # fmt: skip
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))  # RFC 6052, RFC 8215
_IPV4_COMPATIBLE = IPv6Network("::/96")  # RFC 4291, deprecated
_ISATAP = (0x00005EFE, 0x02005EFE)  # RFC 5214: the third quarter of an address


class Reach(StrEnum):
    """Where an address leads."""

    PUBLIC = "public"
    INSIDE = "inside"  # loopback, private, link-local, shared (CGNAT) and reserved: only where it is allowed
    NEVER = "never"  # metadata services, "this host" and multicast: nothing allows them


def classify(address: str) -> Reach:
    """Return where an IP address leads; one that holds another, such as a mapped one, leads where that one does.

    Raises: ValueError if it is not an IP address.
    """
    parsed = ip_address(address.partition("%")[0])
    inner = embedded(parsed)
    found = {_reach(parsed)} if inner is None else {_reach(parsed), _reach(inner)}
    if Reach.NEVER in found:
        return Reach.NEVER
    if inner is not None and isinstance(parsed, IPv6Address) and _is_transparent(parsed):
        return _reach(inner)
    return Reach.INSIDE if Reach.INSIDE in found else Reach.PUBLIC


def embedded(address: IPv4Address | IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 address holds, by which it is reached; None where it holds none."""
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    last = int(address) & 0xFFFFFFFF
    in_last = any(address in network for network in (*_NAT64, _IPV4_COMPATIBLE))
    if (in_last and last > 1) or (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return IPv4Address(last)
    return None


class Endpoint(NamedTuple):
    """An address inside a network that a host has. `port` is 0 for 80 and 443, as a site may move between them."""

    host: str
    port: int
    address: str

    def __str__(self) -> str:
        """Return it as people read it."""
        name = f"{self.host}:{self.port}" if self.port else self.host
        return name if self.host == self.address else f"{name} = {self.address}"


def server(host: str, port: int) -> tuple[str, int]:
    """Return a host and port as they are compared: in lower case, and 0 for the ports 80 and 443."""
    return host.strip("[]").lower().rstrip("."), 0 if port in _DEFAULT_PORTS else port


def server_of(url: str) -> tuple[str, int]:
    """Return host and port of a web address, as they are compared. Raises: ValueError."""
    parts = urlsplit(url)
    return server(parts.hostname or "", parts.port or 0)


def is_evidently_inside(url: str) -> bool:
    """Whether a web address shows without a lookup of names that it leads inside a network."""
    try:
        host, _ = server_of(url)
        return host == "localhost" or host.endswith(".localhost") or classify(host) is Reach.INSIDE
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Access:
    """Which addresses inside a network a client may connect to. All public addresses are allowed, and metadata never.

    `servers` are hosts and ports whose addresses are allowed as they are, `endpoints` those with one address each.
    """

    servers: frozenset[tuple[str, int]] = frozenset()
    endpoints: frozenset[Endpoint] = frozenset()

    def __or__(self, other: Access) -> Access:
        """Return what either of them allows."""
        return Access(self.servers | other.servers, self.endpoints | other.endpoints)

    def allows(self, host: str, port: int, address: str, networks: Sequence[Network]) -> bool:
        """Whether an address of a host may be connected to. Addresses in `networks` are allowed for any host.

        Raises: ValueError if it is not an IP address.
        """
        reach = classify(address)
        if reach is not Reach.INSIDE:
            return reach is Reach.PUBLIC
        at = server(host, port)
        if at in self.servers or Endpoint(*at, address) in self.endpoints:
            return True
        parsed = ip_address(address.partition("%")[0])
        forms = [one for one in (parsed, embedded(parsed)) if one is not None]
        return any(one in network for network in networks for one in forms)


def servers_of(urls: Iterable[str]) -> frozenset[tuple[str, int]]:
    """Return hosts and ports of web addresses, as they are compared."""
    found = set()
    for url in urls:
        try:
            found.add(server_of(url))
        except ValueError:
            continue
    return frozenset(found)


def _reach(address: IPv4Address | IPv6Address) -> Reach:
    if any(address in network for network in (*_METADATA, *_NOBODYS)):
        return Reach.NEVER
    is_inside = not address.is_global or any(address in network for network in _FURTHER_INSIDE)
    return Reach.INSIDE if is_inside else Reach.PUBLIC


def _is_transparent(address: IPv6Address) -> bool:
    """Whether an address is only another form of the IPv4 address that it holds."""
    return address.ipv4_mapped is not None or address in _NAT64[0]
